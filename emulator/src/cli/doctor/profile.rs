//! The shared configuration files of AWS's SDKs: what a profile says of the endpoint, the Region and the CA.
//!
//! ```text
//! [profile vision]
//! region = eu-west-1
//! services = local
//!
//! [services local]
//! lookoutvision =
//!   endpoint_url = https://localhost:4566
//! ```
//!
//! AWS SDKs and Tools Reference Guide, *Format of the shared config and credentials files*.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::surroundings::{Surroundings, Variables, without_credentials};
use crate::control::diagnosis::Finding;

/// What the files say for the profile in force
#[derive(Debug, Default)]
pub(super) struct SharedConfig {
    /// The profile in force, and the variable that names it if one does
    profile: String,
    named_by: Option<&'static str>,
    /// Whether a file has the profile
    is_there: bool,
    settings: BTreeMap<String, Setting>,
    /// The endpoint of this service alone
    service_endpoint: Option<Setting>,
    /// Files that cannot be read, with what names them and why
    unreadable: Vec<String>,
}

/// A line of a file
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) value: String,
    key: String,
    file: PathBuf,
    /// From 1
    line: usize,
}

impl Setting {
    /// Where it stands, for a person
    pub(super) fn place(&self) -> String {
        format!("`{}` at {}:{}", self.key, self.file.display(), self.line)
    }
}

/// Sections by their names, with what stands below them
type Sections = BTreeMap<String, Vec<(usize, String)>>;

impl SharedConfig {
    pub(super) fn read(variables: &Variables) -> Self {
        let mut unreadable = Vec::new();
        let mut text_of = |variable: &str, name: &str| {
            let path = file(variables, variable, name);
            let text = match path.as_deref().map(fs::read) {
                Some(Ok(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
                // At the default path there need be no file.
                Some(Err(error))
                    if error.kind() == io::ErrorKind::NotFound && variables.get(variable).is_none() =>
                {
                    String::new()
                }
                Some(Err(error)) => {
                    let path = path.as_deref().unwrap_or(Path::new(""));
                    unreadable.push(format!("`{}` cannot be read: {error}", path.display()));
                    String::new()
                }
                None => String::new(),
            };
            (path.unwrap_or_default(), text)
        };
        let config = text_of("AWS_CONFIG_FILE", "config");
        let credentials = text_of("AWS_SHARED_CREDENTIALS_FILE", "credentials");
        let mut read = Self::of_files(variables, &config, &credentials);
        read.unreadable = unreadable;
        read
    }

    /// As [`read`](Self::read), from the texts of both files
    #[cfg(test)]
    pub(super) fn of_texts(variables: &Variables, config: &str, credentials: &str) -> Self {
        let file = |name: &str, text: &str| (PathBuf::from(name), text.to_owned());
        Self::of_files(
            variables,
            &file("config", config),
            &file("credentials", credentials),
        )
    }

    fn of_files(variables: &Variables, config: &(PathBuf, String), credentials: &(PathBuf, String)) -> Self {
        let named_by = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]
            .into_iter()
            .find(|name| variables.get(name).is_some());
        let profile = named_by.and_then(|name| variables.get(name)).unwrap_or("default");
        let mut read = Self {
            profile: profile.to_owned(),
            named_by,
            ..Self::default()
        };
        let in_config = sections(&config.1);
        let own = match profile {
            "default" => in_config.get("default").or(in_config.get("profile default")),
            _ => in_config.get(&format!("profile {profile}")),
        };
        let in_credentials = sections(&credentials.1);
        // Where both files have a key, the credentials file decides.
        for (lines, file) in [(own, &config.0), (in_credentials.get(profile), &credentials.0)] {
            for (line, text) in lines.into_iter().flatten() {
                read.is_there = true;
                if let Some((key, value)) = key_and_value(text).filter(|_| !is_nested(text)) {
                    let setting = Setting {
                        value,
                        key: key.clone(),
                        file: file.clone(),
                        line: *line,
                    };
                    read.settings.insert(key, setting);
                }
            }
            read.is_there |= lines.is_some();
        }
        let services = read.value("services").map(|name| format!("services {name}"));
        let services = services.and_then(|name| in_config.get(&name));
        read.service_endpoint = services.and_then(|lines| endpoint_of_service(lines, &config.0));
        read
    }

    /// The value that the profile has for a key
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.setting(key).map(|setting| setting.value.as_str())
    }

    pub(super) fn setting(&self, key: &str) -> Option<&Setting> {
        self.settings.get(key)
    }

    /// The endpoint that the profile names for this service, or for all
    pub(super) fn endpoint(&self) -> Option<&Setting> {
        self.service_endpoint.as_ref().or(self.setting("endpoint_url"))
    }

    pub(super) fn ignores_endpoints(&self) -> bool {
        let ignores = self.value("ignore_configured_endpoint_urls");
        ignores.is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

fn file(variables: &Variables, variable: &str, name: &str) -> Option<PathBuf> {
    match variables.get(variable) {
        Some(path) => Some(variables.path(path)),
        None => Some(variables.home()?.join(".aws").join(name)),
    }
}

/// Each section's lines, comments and empty ones left out
fn sections(text: &str) -> Sections {
    let mut sections = Sections::new();
    let mut current = None;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        match trimmed.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((name, _)) => {
                let words: Vec<&str> = name.split_whitespace().collect();
                let name = words.join(" ").replace(['"', '\''], "");
                sections.entry(name.clone()).or_default();
                current = Some(name);
            }
            None => {
                if let Some(lines) = current.as_ref().and_then(|name| sections.get_mut(name)) {
                    lines.push((index + 1, line.to_owned()));
                }
            }
        }
    }
    sections
}

/// `lookoutvision =` and, further in, `endpoint_url = …`
fn endpoint_of_service(lines: &[(usize, String)], file: &Path) -> Option<Setting> {
    let mut service = String::new();
    for (line, text) in lines {
        let Some((key, value)) = key_and_value(text) else {
            continue;
        };
        if !is_nested(text) {
            service = key;
        } else if service == "lookoutvision" && key == "endpoint_url" {
            return Some(Setting {
                value,
                key,
                file: file.to_owned(),
                line: *line,
            });
        }
    }
    None
}

fn is_nested(line: &str) -> bool {
    line.starts_with([' ', '\t'])
}

fn key_and_value(line: &str) -> Option<(String, String)> {
    let (key, value) = line.split_once('=')?;
    // A comment may follow a value, with white space before it.
    let value = [" #", " ;", "\t#", "\t;"]
        .iter()
        .filter_map(|mark| value.find(mark))
        .min()
        .map_or(value, |end| value.get(..end).unwrap_or(value));
    Some((key.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

/// What a profile does to calls that are meant for the emulator
pub(super) fn profile(surroundings: &Surroundings) -> Vec<Finding> {
    let (config, variables) = (&surroundings.shared_config, &surroundings.variables);
    let mut findings: Vec<Finding> = config
        .unreadable
        .iter()
        .map(|why| {
            Finding::warning("profile", why.clone())
                .cure("let the client read it, or unset the variable that names it")
        })
        .collect();
    let name = &config.profile;
    if let Some(variable) = config.named_by {
        if config.is_there {
            // aws-sdk-js-v3, credential-provider-node, `defaultProvider`: "Both AWS_PROFILE and the pair
            // AWS_ACCESS_KEY_ID/AWS_SECRET_ACCESS_KEY static credentials are set. This SDK will proceed with the
            // AWS_PROFILE value."
            findings.push(
                Finding::warning(
                    "profile",
                    format!(
                        "`{variable}` names the profile `{name}`: the JavaScript SDK signs with its keys, whatever \
                         `AWS_ACCESS_KEY_ID` says"
                    ),
                )
                .cure(format!("unset {variable}")),
            );
        } else {
            findings.push(
                Finding::problem(
                    "profile",
                    format!("`{variable}` names the profile `{name}`, which no file has: boto3 and the AWS CLI refuse to start"),
                )
                .cure(format!("unset {variable}")),
            );
        }
    }
    if let Some(setting) = config
        .setting("ignore_configured_endpoint_urls")
        .filter(|_| config.ignores_endpoints())
    {
        findings.push(
            Finding::problem(
                "profile",
                format!(
                    "{} is true, so clients ignore every endpoint that is configured and call AWS itself",
                    setting.place()
                ),
            )
            .cure("set it to false, or use another profile"),
        );
    }
    if let Some(setting) = config.endpoint()
        && variables.get("AWS_ENDPOINT_URL_LOOKOUTVISION").is_none()
        && variables.get("AWS_ENDPOINT_URL").is_none()
        && !surroundings.endpoint.leads_here()
    {
        findings.push(
            Finding::problem(
                "profile",
                format!(
                    "{} sends calls to {}",
                    setting.place(),
                    without_credentials(&setting.value)
                ),
            )
            .cure("set `AWS_ENDPOINT_URL_LOOKOUTVISION`, which takes precedence"),
        );
    }
    findings.extend(region_of_profile(config, variables));
    if let Some(setting) = config.setting("ca_bundle")
        && variables.get("AWS_CA_BUNDLE").is_none()
        && !surroundings
            .trust_files
            .iter()
            .any(|file| file.named_by == setting.place() && file.is_good())
    {
        findings.push(
            Finding::problem(
                "profile",
                format!(
                    "{} is what boto3 and the AWS CLI trust, and not `SSL_CERT_FILE` or the system's roots",
                    setting.place()
                ),
            )
            .cure("set `AWS_CA_BUNDLE`, which takes precedence"),
        );
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            "profile",
            format!("the profile `{name}` changes neither endpoint, Region nor trust"),
        ));
    }
    findings
}

/// A Region that a client takes from the profile because it does not read the variable that is set
fn region_of_profile(config: &SharedConfig, variables: &Variables) -> Option<Finding> {
    let setting = config.setting("region")?;
    let (read, unread) = (variables.get("AWS_DEFAULT_REGION"), variables.get("AWS_REGION"));
    let (client, variable) = match (read, unread) {
        (None, Some(region)) if region != setting.value => ("boto3 and the AWS CLI v1", "AWS_DEFAULT_REGION"),
        (Some(region), None) if region != setting.value => {
            ("every client but boto3 and the AWS CLI v1", "AWS_REGION")
        }
        (None, None) => ("every client", "AWS_REGION` and `AWS_DEFAULT_REGION"),
        _ => return None,
    };
    Some(
        Finding::warning(
            "profile",
            format!(
                "{} sends {client} to the Region {}",
                setting.place(),
                setting.value
            ),
        )
        .cure(format!("set `{variable}`, which takes precedence")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::doctor::surroundings::tests::surroundings, control::diagnosis::Status};

    #[track_caller]
    fn check(variables: &[(&str, &str)], config: &str, expected: &[(Status, &str)]) {
        let mut around = surroundings(variables);
        around.shared_config = SharedConfig::of_texts(&around.variables, config, "");
        let found = profile(&around);
        let told: Vec<_> = found.iter().map(|finding| finding.status).collect();
        let statuses: Vec<_> = expected.iter().map(|(status, _)| *status).collect();
        assert_eq!(told, statuses, "{found:?}");
        for (finding, (_, text)) in found.iter().zip(expected) {
            assert!(finding.message.contains(text), "{finding:?}");
        }
    }

    const SET: (&str, &str) = ("AWS_ENDPOINT_URL_LOOKOUTVISION", "https://localhost:8443");
    const REGIONS: [(&str, &str); 2] = [("AWS_REGION", "us-east-1"), ("AWS_DEFAULT_REGION", "us-east-1")];

    #[test]
    fn what_the_variables_go_before_is_no_finding() {
        let config = "[default]\nregion = eu-west-1\nendpoint_url = https://elsewhere\n";
        check(
            &[SET, REGIONS[0], REGIONS[1]],
            config,
            &[(Status::Ok, "changes neither")],
        );
        check(&[], "", &[(Status::Ok, "`default`")]);
    }

    #[test]
    fn a_region_that_one_kind_of_client_takes_from_the_profile_is_told() {
        let config = "# mine\n[default]\nregion = eu-west-1 # far away\n";
        check(
            &[REGIONS[0]],
            config,
            &[(
                Status::Warning,
                "`region` at config:3 sends boto3 and the AWS CLI v1 to the Region eu-west-1",
            )],
        );
        check(
            &[REGIONS[1]],
            config,
            &[(Status::Warning, "every client but boto3")],
        );
        check(&[], config, &[(Status::Warning, "sends every client to")]);
    }

    #[test]
    fn a_profile_that_is_named_and_missing_or_there_is_told() {
        check(
            &[("AWS_PROFILE", "vision")],
            "[profile other]\n",
            &[(Status::Problem, "which no file has")],
        );
        check(
            &[("AWS_PROFILE", "vision")],
            "[profile vision]\n",
            &[(Status::Warning, "JavaScript SDK")],
        );
    }

    #[test]
    fn a_profile_that_switches_endpoints_off_or_names_another_ca_is_told() {
        let config = "[default]\nignore_configured_endpoint_urls = true\n";
        check(
            &[SET],
            config,
            &[(
                Status::Problem,
                "`ignore_configured_endpoint_urls` at config:2 is true",
            )],
        );
        let config = "[default]\nca_bundle = /corporate.pem\n";
        check(&[SET], config, &[(Status::Problem, "`ca_bundle` at config:2")]);
        check(
            &[SET, ("AWS_CA_BUNDLE", "/certs/ca-bundle.pem")],
            config,
            &[(Status::Ok, "")],
        );
    }

    #[test]
    fn an_endpoint_of_the_profile_that_leads_elsewhere_is_told() {
        let mut around = surroundings(&[REGIONS[0], REGIONS[1]]);
        let config = "[default]\nservices = a b\n[services a b]\ns3 =\n  endpoint_url = https://s3\nlookoutvision =\n  endpoint_url = https://localhost:4566\n";
        around.shared_config = SharedConfig::of_texts(&around.variables, config, "");
        around.endpoint.handshake = None;
        let found = profile(&around);
        assert_eq!(found[0].status, Status::Problem);
        assert!(
            found[0]
                .message
                .contains("`endpoint_url` at config:7 sends calls to https://localhost:4566"),
            "{found:?}"
        );
    }
}
