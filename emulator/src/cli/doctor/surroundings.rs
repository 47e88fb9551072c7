//! What the checks look at, gathered once: the environment, the shared configuration files of AWS's SDKs, what the control
//! API says, what a handshake with the endpoint says, and which clients are on the `PATH`.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::{Path, PathBuf},
};

use aws_identifiers::Region;
use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde_json::Value;

use super::{
    clients::Tools,
    endpoint::Endpoint,
    java::{self, JavaTrustStore},
    profile::SharedConfig,
    trust::{self, TrustFile},
};
use crate::{
    cli::control_client::{ControlClient, ControlError},
    control::{client_environment::Change, diagnosis::Finding},
    tls::Fingerprint,
};

/// Everything between a client that is started here and the emulator
pub(super) struct Surroundings {
    /// The environment that the client has
    pub(super) variables: Variables,
    /// The shared configuration files, as the client reads them
    pub(super) shared_config: SharedConfig,
    pub(super) control: Result<ControlAnswers, String>,
    /// Where the client's calls go
    pub(super) endpoint: Endpoint,
    /// The files that the client trusts, by the variables that name them
    pub(super) trust_files: Vec<TrustFile>,
    pub(super) java: Option<JavaTrustStore>,
    pub(super) tools: Tools,
    /// The machine's clock when the control API answered
    pub(super) now: Timestamp,
}

/// An environment; the case of names counts
#[derive(Debug, Default, Clone)]
pub(super) struct Variables(pub(super) BTreeMap<String, String>);

/// What a running emulator says of itself
#[derive(Debug, Default)]
pub(super) struct ControlAnswers {
    pub(super) url: String,
    pub(super) version: String,
    /// The certificate of the CA, DER
    pub(super) ca: Vec<u8>,
    /// The variables of `env`; empty where the CA is in memory only
    pub(super) environment: BTreeMap<String, String>,
    pub(super) endpoints: Vec<EndpointSummary>,
    /// The policy attached to the first of them
    pub(super) first_policy: String,
    pub(super) clock: Value,
    /// Seconds that a signature's date may be off
    pub(super) clock_skew_seconds: i64,
    /// Newest first
    pub(super) requests: Vec<Value>,
    /// What the emulator itself finds about such a client
    pub(super) findings: Vec<Finding>,
}

#[derive(Debug, Clone)]
pub(super) struct EndpointSummary {
    pub(super) id: String,
    /// `None`: every Region
    pub(super) region: Option<String>,
}

impl Variables {
    pub(super) fn of_this_process() -> Self {
        let variables = std::env::vars_os().map(|(name, value)| {
            let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
            (text(name), text(value))
        });
        Self(variables.collect())
    }

    /// These variables after changes
    pub(super) fn changed(mut self, changes: &[Change]) -> Self {
        for change in changes {
            match change {
                Change::Set(name, value) => {
                    self.0.insert((*name).to_owned(), value.clone());
                }
                Change::Append(name, separator, value) => {
                    let whole = self.0.entry((*name).to_owned()).or_default();
                    *whole = Change::appended(whole, *separator, value);
                }
                Change::Remove(name) => {
                    self.0.remove(*name);
                }
            }
        }
        self
    }

    /// What a variable holds; the SDKs treat an empty one as unset
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name)?;
        (!value.is_empty()).then_some(value)
    }

    /// Whether a switch is on
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(super) fn home(&self) -> Option<&Path> {
        self.get("HOME").map(Path::new)
    }

    /// A path as the SDKs read it from their settings
    pub(super) fn path(&self, written: &str) -> PathBuf {
        match (written.strip_prefix("~/"), self.home()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(written),
        }
    }
}

impl Surroundings {
    /// The surroundings of a client with the environment of this process
    pub(super) fn of_this_process(control: &ControlClient) -> Self {
        Self::gather(Variables::of_this_process(), control)
    }

    /// The surroundings of a client with this environment
    pub(super) fn gather(variables: Variables, emulator: &ControlClient) -> Self {
        let shared_config = SharedConfig::read(&variables);
        // The control API is asked first, because the probes below are connections, too.
        let control = ControlAnswers::ask(emulator).map_err(|error| error.to_string());
        let now = Timestamp::now();
        let ca = control.as_ref().ok().map(|answers| &answers.ca[..]);
        let endpoint = Endpoint::probe(&variables, &shared_config, ca);
        let client = client_query(&variables, &shared_config, &endpoint);
        let control = control.and_then(|answers| {
            let asked = answers.with_findings(emulator, &client);
            asked.map_err(|error| error.to_string())
        });
        let trust_files = trust::files(&variables, &shared_config, &endpoint);
        let java = java::trust_store(&variables);
        Self {
            tools: Tools::ask(&variables),
            variables,
            shared_config,
            control,
            endpoint,
            trust_files,
            java,
            now,
        }
    }
}

impl ControlAnswers {
    fn ask(control: &ControlClient) -> Result<Self, ControlError> {
        let json = |target: &str| {
            let body = control.get(target)?;
            Ok::<Value, ControlError>(serde_json::from_slice(&body).unwrap_or_default())
        };
        let health = json("/health")?;
        // The Region and the keys; another check looks for the CA's files on this side.
        let environment = control.send(
            Method::GET,
            "/env?format=json&certs_directory=/certs",
            Bytes::new(),
        )?;
        let environment: Value = match environment.status.is_success() {
            true => serde_json::from_slice(&environment.body).unwrap_or_default(),
            false => Value::Null,
        };
        let environment = environment.as_object().into_iter().flatten();
        let endpoints = json("/vpc-endpoints")?;
        let endpoints: Vec<EndpointSummary> = endpoints
            .as_array()
            .into_iter()
            .flatten()
            .map(|endpoint| EndpointSummary {
                id: endpoint["vpc_endpoint_id"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                region: endpoint["region"].as_str().map(str::to_owned),
            })
            .collect();
        let first_policy = match endpoints.first() {
            Some(first) => control.get(&format!("/vpc-endpoints/{}/policy", first.id))?,
            None => Bytes::new(),
        };
        let requests = json(&format!("/requests?order=newest&limit={REQUESTS_MAX}"))?;
        Ok(Self {
            url: control.url(),
            version: health["version"].as_str().unwrap_or_default().to_owned(),
            ca: CertificateDer::from_pem_slice(&control.get("/ca.pem")?)
                .map(|certificate| certificate.to_vec())
                .unwrap_or_default(),
            environment: environment
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
            endpoints,
            first_policy: String::from_utf8_lossy(&first_policy).into_owned(),
            clock: json("/clock")?,
            clock_skew_seconds: health["modes"]["clock_skew_seconds"]
                .as_i64()
                .unwrap_or(CLOCK_SKEW_SECONDS),
            requests: requests.as_array().cloned().unwrap_or_default(),
            findings: Vec::new(),
        })
    }

    /// Adds what the emulator itself finds about such a client
    fn with_findings(mut self, control: &ControlClient, client: &str) -> Result<Self, ControlError> {
        let findings = control.get(&format!("/doctor?{client}"))?;
        self.findings = serde_json::from_slice(&findings).unwrap_or_default();
        Ok(self)
    }

    /// The fingerprint of the CA in use
    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.ca)
    }
}

/// What the emulator is asked about a client: its access key, where its calls arrive, and its Regions
fn client_query(variables: &Variables, shared_config: &SharedConfig, endpoint: &Endpoint) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if let Some(id) = variables.get("AWS_ACCESS_KEY_ID") {
        query.append_pair("access_key_id", id);
    }
    // Where somebody else answers, nothing is to be said about entry points.
    if let (true, Some((host, _)), Ok(addresses)) =
        (endpoint.leads_here(), &endpoint.place, &endpoint.addresses)
        && let Some(address) = addresses.first()
    {
        query.append_pair("host", host);
        query.append_pair("address", &address.to_string());
        let regions = ["AWS_REGION", "AWS_DEFAULT_REGION"].map(|name| variables.get(name));
        let of_profile = shared_config.value("region");
        let regions: BTreeSet<&str> = regions
            .into_iter()
            .filter_map(|region| region.or(of_profile))
            .collect();
        let is_region = |region: &&str| region.parse::<Region>().is_ok();
        for region in regions.into_iter().filter(is_region) {
            query.append_pair("region", region);
        }
    }
    query.finish()
}

/// A URL without user and password, to be shown
pub(super) fn without_credentials(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), url),
    };
    // An `@` in the path does not end user and password.
    let (authority, path) = match rest.find(['/', '?', '#']) {
        Some(end) => rest.split_at(end),
        None => (rest, ""),
    };
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}{host}{path}")
}

/// Whether an address is one of this machine or of a private network, where an emulator may be
pub(super) fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_unspecified()
        }
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_near(mapped.into()),
            None => {
                address.is_loopback()
                    || address.is_unspecified()
                    || address.is_unique_local()
                    || address.is_unicast_link_local()
            }
        },
    }
}

/// How many of the newest requests are looked at for refusals
const REQUESTS_MAX: usize = 1_000;
/// What AWS allows a signature's date to be off
const CLOCK_SKEW_SECONDS: i64 = 300;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Surroundings of a client with nothing set, and of an emulator in us-east-1 that is as it should be
    pub(in crate::cli::doctor) fn surroundings(variables: &[(&str, &str)]) -> Surroundings {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let variables = Variables(variables.collect());
        Surroundings {
            endpoint: crate::cli::doctor::endpoint::tests::good(),
            shared_config: SharedConfig::default(),
            control: Ok(ControlAnswers {
                url: "http://127.0.0.1:8080".to_owned(),
                version: "0.1.0".to_owned(),
                ca: b"a certificate".to_vec(),
                environment: [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test")]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
                endpoints: vec![EndpointSummary {
                    id: "vpce-1".to_owned(),
                    region: Some("us-east-1".to_owned()),
                }],
                clock_skew_seconds: 300,
                ..ControlAnswers::default()
            }),
            trust_files: Vec::new(),
            java: None,
            tools: Tools::default(),
            now: "2026-01-02T03:04:05Z".parse().expect("an instant"),
            variables,
        }
    }

    #[test]
    fn nobody_is_shown_the_password_in_a_url() {
        for (url, expected) in [
            (
                "http://user:hunter2@proxy.example:3128",
                "http://proxy.example:3128",
            ),
            ("user:hunter2@proxy.example", "proxy.example"),
            (
                "https://user:hunt@er2@localhost:8443/a@b",
                "https://localhost:8443/a@b",
            ),
            ("https://localhost:8443", "https://localhost:8443"),
        ] {
            assert_eq!(without_credentials(url), expected);
        }
    }

    #[test]
    fn addresses_of_aws_are_told_from_those_of_an_emulator() {
        for (address, expected) in [
            ("127.0.0.1", true),
            ("172.28.0.5", true),
            ("::1", true),
            ("fd00::1", true),
            ("::ffff:10.0.0.1", true),
            ("52.94.133.131", false),
            ("2600:1f14::1", false),
        ] {
            assert_eq!(is_near(address.parse().unwrap()), expected, "{address}");
        }
    }
}
