//! The variables that lead clients here, and those that lead them elsewhere.

use client_text::spelling;

use super::surroundings::{Surroundings, Variables};
use crate::control::diagnosis::Finding;

/// Variables whose names look like misspellings of those that `env` prints
pub(super) fn misspelt(surroundings: &Surroundings) -> Vec<Finding> {
    let variables = &surroundings.variables;
    let mut findings: Vec<Finding> = variables
        .0
        .keys()
        .filter_map(|name| Some((name, meant(name)?)))
        .map(|(name, meant)| {
            let message = format!("`{name}` is read by no client; `{meant}` is");
            match variables.get(meant) {
                Some(_) => Finding::warning("variables", format!("{message}, and is set as well"))
                    .cure(format!("unset {name}")),
                None => {
                    Finding::problem("variables", message).cure(format!("set `{meant}` instead of `{name}`"))
                }
            }
        })
        .collect();
    if findings.is_empty() {
        findings.push(Finding::ok("variables", "no variable is misspelt"));
    }
    findings
}

/// The name that was probably meant; `None` when the variable is as it should be
fn meant(name: &str) -> Option<&'static str> {
    // Those with our own prefix are looked at before any subcommand runs.
    if NAMES.contains(&name) || OTHERS.contains(&name) || name.starts_with("LOOKOUTVISION_EMULATOR_") {
        return None;
    }
    let letters = letters(name);
    if let Some(service) = name.strip_prefix(ENDPOINT_PREFIX) {
        // Every service has such a variable; only a spelling of this one is ours to judge.
        let is_ours = spelling::edits(&letters[ENDPOINT_LETTERS..], "LOOKOUTVISION") <= SERVICE_EDITS_MAX;
        return (is_ours && !OTHER_SERVICES.contains(&service)).then_some(NAMES[0]);
    }
    NAMES.iter().copied().find(|known| {
        let known = self::letters(known);
        spelling::edits(&letters, &known) <= known.len() / LETTERS_PER_EDIT
    })
}

/// A name without the two things that people most often get wrong: case and underscores
fn letters(name: &str) -> String {
    name.chars()
        .filter(|c| *c != '_' && *c != '-')
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

/// Variables that change where every service is called
pub(super) fn endpoint_variables(surroundings: &Surroundings) -> Vec<Finding> {
    let variables = &surroundings.variables;
    let mut findings = Vec::new();
    if let Some(url) = variables.get(GLOBAL) {
        let specific = variables.get(NAMES[0]);
        let leads_here = surroundings.endpoint.is_at(url) || specific == Some(url);
        if leads_here {
            findings.push(
                Finding::warning(
                    "variables",
                    format!("`{GLOBAL}` sends the calls of every other service, S3 and IAM among them, to the emulator, too"),
                )
                .cure(format!("unset {GLOBAL}, and set `{}` instead", NAMES[0])),
            );
        }
    }
    if variables.is_true(IGNORE) {
        findings.push(
            Finding::problem(
                "variables",
                format!("`{IGNORE}` is true, so clients ignore every variable that names an endpoint and call AWS itself"),
            )
            .cure(format!("unset {IGNORE}")),
        );
    }
    findings
}

/// Whether a client has keys, and whether the secret is the one of the key
pub(super) fn credentials(surroundings: &Surroundings) -> Vec<Finding> {
    let Ok(answers) = &surroundings.control else {
        return Vec::new();
    };
    let variables = &surroundings.variables;
    let known = |name: &str| answers.environment.get(name).map(String::as_str);
    let Some(id) = variables.get("AWS_ACCESS_KEY_ID") else {
        return vec![
            Finding::warning(
                "credentials",
                "`AWS_ACCESS_KEY_ID` is not set: a client signs with whatever keys it finds elsewhere",
            )
            .cure(CURE_BY_ENV),
        ];
    };
    let is_ours = known("AWS_ACCESS_KEY_ID") == Some(id);
    if is_ours && variables.get("AWS_SECRET_ACCESS_KEY") != known("AWS_SECRET_ACCESS_KEY") {
        return vec![
            Finding::problem(
                "credentials",
                format!("`AWS_SECRET_ACCESS_KEY` is not the secret of the access key `{id}`: every signature is refused"),
            )
            .cure(CURE_BY_ENV),
        ];
    }
    if is_ours && variables.get("AWS_SESSION_TOKEN") != known("AWS_SESSION_TOKEN") {
        return vec![
            Finding::problem(
                "credentials",
                format!("`AWS_SESSION_TOKEN` is not that of the access key `{id}`: every request is refused"),
            )
            .cure(CURE_BY_ENV),
        ];
    }
    // For any other key, the emulator itself says whether it knows it; whether the secret belongs to it cannot be seen
    // here.
    match is_ours {
        true => vec![Finding::ok(
            "credentials",
            format!("the access key `{id}` is the one that `env` prints, with its secret"),
        )],
        false => Vec::new(),
    }
}

/// Whether the endpoint variables are switched off
pub(super) fn is_ignored(variables: &Variables) -> bool {
    variables.is_true(IGNORE)
}

/// The cure that fixes everything at once
pub(super) const CURE_BY_ENV: &str =
    "eval \"$(lookoutvision-emulator env)\" sets everything that a client needs";

pub(super) const GLOBAL: &str = "AWS_ENDPOINT_URL";
const IGNORE: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";
const ENDPOINT_PREFIX: &str = "AWS_ENDPOINT_URL_";
/// Letters of the prefix, without underscores
const ENDPOINT_LETTERS: usize = "AWSENDPOINTURL".len();
/// `LOOKOUT_FOR_VISION` is three letters away
const SERVICE_EDITS_MAX: usize = 4;
/// Of so many letters of a name, one may be wrong
const LETTERS_PER_EDIT: usize = 8;

/// What `env` sets; the first is the endpoint of the service
pub(super) const NAMES: [&str; 16] = [
    "AWS_ENDPOINT_URL_LOOKOUTVISION",
    "AWS_ENDPOINT_URL_EC2",
    "AWS_ENDPOINT_URL_STS",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "JAVA_TOOL_OPTIONS",
    "AWS_EC2_METADATA_DISABLED",
    "LOOKOUTVISION_EMULATOR_CONTROL_URL",
    "NO_PROXY",
];

/// Variables that resemble one of them and have a meaning of their own
const OTHERS: &[&str] = &[
    "no_proxy",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "SSL_CERT_DIR",
    "JDK_JAVA_OPTIONS",
];

/// Services whose names resemble that of this one
const OTHER_SERVICES: &[&str] = &["LOOKOUTVISION", "LOOKOUTMETRICS", "LOOKOUTEQUIPMENT"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::doctor::surroundings::tests::surroundings, control::diagnosis::Status};

    #[test]
    fn a_misspelt_variable_is_told_with_the_one_that_was_meant() {
        for (name, expected) in [
            (
                "AWS_ENDPOINT_URL_LOOKOUT_VISION",
                Some("AWS_ENDPOINT_URL_LOOKOUTVISION"),
            ),
            (
                "AWS_ENDPOINT_URL_LOOKOUTFORVISION",
                Some("AWS_ENDPOINT_URL_LOOKOUTVISION"),
            ),
            (
                "AWS_ENDPOINT_URL_LOOKOUT_FOR_VISION",
                Some("AWS_ENDPOINT_URL_LOOKOUTVISION"),
            ),
            (
                "AWS_ENDPOINT_URL_LOOKOUT-VISION",
                Some("AWS_ENDPOINT_URL_LOOKOUTVISION"),
            ),
            (
                "aws_endpoint_url_lookoutvision",
                Some("AWS_ENDPOINT_URL_LOOKOUTVISION"),
            ),
            (
                "AWS_ENDPIONT_URL_LOOKOUTVISION",
                Some("AWS_ENDPOINT_URL_LOOKOUTVISION"),
            ),
            (
                "AWS_ENDPOINTURL_LOOKOUTVISION",
                Some("AWS_ENDPOINT_URL_LOOKOUTVISION"),
            ),
            ("AWS_REGON", Some("AWS_REGION")),
            ("AWS_CABUNDLE", Some("AWS_CA_BUNDLE")),
            ("AWS_ACCESS_KEYID", Some("AWS_ACCESS_KEY_ID")),
            ("NODE_EXTRA_CA_CERT", Some("NODE_EXTRA_CA_CERTS")),
            ("AWS_ENDPOINT_URL_LOOKOUTVISION", None),
            ("AWS_ENDPOINT_URL_LOOKOUTEQUIPMENT", None),
            ("AWS_ENDPOINT_URL_LOOKOUTMETRICS", None),
            ("AWS_ENDPOINT_URL_S3", None),
            ("AWS_ENDPOINT_URL_DYNAMODB", None),
            ("AWS_ENDPOINT_URL", None),
            ("AWS_PROFILE", None),
            ("AWS_CONFIG_FILE", None),
            ("SSL_CERT_DIR", None),
            ("no_proxy", None),
            ("LOOKOUTVISION_EMULATOR_CONTROL", None),
            ("HTTPS_PROXY", None),
            ("PATH", None),
            ("", None),
        ] {
            assert_eq!(meant(name), expected, "{name}");
        }
        let found = misspelt(&surroundings(&[(
            "AWS_ENDPOINT_URL_LOOKOUT_VISION",
            "https://localhost:8443",
        )]));
        assert_eq!(found[0].status, Status::Problem, "{found:?}");
        let both = [
            ("AWS_ENDPOINT_URL_LOOKOUT_VISION", "x"),
            ("AWS_ENDPOINT_URL_LOOKOUTVISION", "https://localhost:8443"),
        ];
        assert_eq!(misspelt(&surroundings(&both))[0].status, Status::Warning);
        assert_eq!(misspelt(&surroundings(&[]))[0].status, Status::Ok);
    }

    #[test]
    fn a_variable_for_every_service_is_told_when_it_leads_here() {
        let here = surroundings(&[("AWS_ENDPOINT_URL", "https://localhost:8443/")]);
        assert_eq!(endpoint_variables(&here)[0].status, Status::Warning);
        let elsewhere = surroundings(&[("AWS_ENDPOINT_URL", "http://localhost:4566")]);
        assert!(endpoint_variables(&elsewhere).is_empty());
    }

    #[test]
    fn a_switch_that_ignores_endpoints_is_a_problem_when_it_is_on() {
        let found = endpoint_variables(&surroundings(&[(IGNORE, "True")]));
        assert_eq!(found[0].status, Status::Problem);
        assert!(endpoint_variables(&surroundings(&[(IGNORE, "false")])).is_empty());
    }

    #[test]
    fn a_secret_or_a_token_of_another_day_is_told_and_not_shown() {
        let around = |variables: &[(&str, &str)]| {
            let mut around = surroundings(variables);
            let answers = around.control.as_mut().expect("it answers");
            let secret = ("AWS_SECRET_ACCESS_KEY".to_owned(), "test".to_owned());
            answers.environment.extend([secret]);
            credentials(&around)
        };
        let stale = around(&[
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ]);
        assert_eq!(stale[0].status, Status::Problem);
        assert!(!format!("{stale:?}").contains("hunter2"));
        let keys = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
        assert_eq!(around(&keys)[0].status, Status::Ok);
        let with_token = [keys[0], keys[1], ("AWS_SESSION_TOKEN", "old")];
        assert_eq!(around(&with_token)[0].status, Status::Problem);
        assert_eq!(around(&[])[0].status, Status::Warning);
        // The emulator says itself whether it knows this one.
        assert!(around(&[("AWS_ACCESS_KEY_ID", "other")]).is_empty());
    }
}
