//! What a client's environment must hold so that its SDK calls this emulator, signs as somebody whom the emulator
//! knows, and trusts its certificates: the one list behind the ready block, `GET /env`, `env` and `exec`.
//!
//! ```text
//! GET /env?client=node&format=sh
//!
//! export AWS_ENDPOINT_URL_LOOKOUTVISION=https://localhost:8443
//! export AWS_REGION=us-west-2
//! export NODE_EXTRA_CA_CERTS=/home/you/certs/ca.pem
//! unset AWS_PROFILE
//! ```

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use aws_identifiers::Region;
use clap::ValueEnum;
use iam_policy::PolicyDocument;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    runtime::{Shared, Snapshot, addresses::is_loopback},
    tls::CertsPaths,
};

mod written;

pub(crate) use self::written::quoted;
use self::written::{json_member, line};

/// What a client's environment must hold
#[derive(Debug)]
pub(crate) struct ClientEnvironment {
    endpoint_url: String,
    control_url: String,
    region: String,
    credentials: Option<ClientCredentials>,
    trust: Option<CertsPaths>,
}

/// How clients see the emulator, where that differs from how this machine sees it
#[derive(Debug, Default)]
pub(crate) struct View {
    /// Where they call the AWS API
    pub(crate) endpoint_url: Option<String>,
    /// Where they call the control API
    pub(crate) control_url: Option<String>,
    /// Where they see the CA's files, as an absolute path; `None`: where the emulator sees them, in its folder for
    /// everyone, or else in its own
    pub(crate) certs: Option<PathBuf>,
}

#[derive(Debug)]
struct ClientCredentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

/// What happens to one variable
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// It has this value
    Set(&'static str, String),
    /// This is appended to its value, after the separator, unless it is there already
    Append(&'static str, char, String),
    /// It is removed, because it would lead the client elsewhere
    Remove(&'static str),
}

/// Whose variables are asked for
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Client {
    /// Every client
    All,
    /// boto3, and what is built on botocore
    Boto3,
    /// AWS CLI
    Cli,
    /// AWS SDK for JavaScript on Node.js
    Node,
    /// AWS SDK for Java
    Java,
    /// AWS SDK for Rust
    Rust,
    /// AWS SDK for Go
    Go,
    /// AWS SDK for .NET
    Dotnet,
    /// curl
    Curl,
}

/// The language that the changes are written in
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Format {
    /// sh, bash, zsh
    Sh,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
    /// A file of `NAME="value"` lines, with a comment for each variable that must not be set
    Dotenv,
    /// One object; a variable that must not be there is null
    Json,
    /// Lines for the file that `GITHUB_ENV` names, which cannot unset a variable
    Github,
}

/// A word that names no client or no format
#[derive(Debug, thiserror::Error)]
#[error("`{found}` is not one of {allowed}")]
pub(crate) struct UnknownWord {
    found: String,
    allowed: String,
}

impl Change {
    /// What a variable holds after a value is added to it: a list that has the value already stays as it is, so that an
    /// environment that was changed once is not changed again
    pub(crate) fn appended(list: &str, separator: char, value: &str) -> String {
        let enclosed = |text: &str| format!("{separator}{text}{separator}");
        if list.is_empty() {
            value.to_owned()
        } else if enclosed(list).contains(&enclosed(value)) {
            list.to_owned()
        } else {
            format!("{list}{separator}{value}")
        }
    }
}

impl ClientEnvironment {
    /// The environment for clients that see a running emulator like this
    pub(crate) fn of(shared: &Shared, view: View) -> Self {
        let snapshot = shared.space.snapshot();
        let key = snapshot
            .settings
            .identities
            .principals
            .iter()
            .flat_map(|principal| &principal.access_keys)
            .next();
        Self {
            endpoint_url: view
                .endpoint_url
                .unwrap_or_else(|| shared.addresses.endpoint_url()),
            control_url: view.control_url.unwrap_or_else(|| shared.addresses.control_url()),
            region: client_region(&snapshot),
            credentials: key.map(|key| ClientCredentials {
                access_key_id: key.access_key_id.as_str().to_owned(),
                secret_access_key: key.key.secret().expose().to_owned(),
                session_token: key.key.session_token().map(|token| token.expose().to_owned()),
            }),
            trust: match (&view.certs, &shared.public_certs) {
                (Some(seen), _) => Some(CertsPaths::in_directory(seen)),
                (None, Some(public)) => Some(CertsPaths::in_directory(public).absolute()),
                (None, None) => shared.authority.paths().cloned().map(CertsPaths::absolute),
            },
        }
    }

    /// The Region that clients most likely mean
    #[cfg(feature = "aws-sdk")]
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Whether there are files for clients to trust
    pub(crate) fn has_trust(&self) -> bool {
        self.trust.is_some()
    }

    /// Whether anybody can sign
    pub(crate) fn has_credentials(&self) -> bool {
        self.credentials.is_some()
    }

    /// Everything that changes for a client, in the order in which a person would write it
    pub(crate) fn changes(&self, client: Client) -> Vec<Change> {
        use Change::{Append, Remove, Set};
        let mut changes = vec![
            Set("AWS_ENDPOINT_URL_LOOKOUTVISION", self.endpoint_url.clone()),
            Set("AWS_ENDPOINT_URL_EC2", self.endpoint_url.clone()),
            Set("AWS_ENDPOINT_URL_STS", self.endpoint_url.clone()),
            Set("AWS_REGION", self.region.clone()),
            Set("AWS_DEFAULT_REGION", self.region.clone()),
        ];
        match &self.credentials {
            Some(credentials) => {
                changes.push(Set("AWS_ACCESS_KEY_ID", credentials.access_key_id.clone()));
                changes.push(Set(
                    "AWS_SECRET_ACCESS_KEY",
                    credentials.secret_access_key.clone(),
                ));
                changes.push(match &credentials.session_token {
                    Some(token) => Set("AWS_SESSION_TOKEN", token.clone()),
                    // A token left over from another session would have every request refused.
                    None => Remove("AWS_SESSION_TOKEN"),
                });
            }
            None => changes.push(Remove("AWS_SESSION_TOKEN")),
        }
        if let Some(paths) = &self.trust {
            changes.extend(trust(paths, client));
        }
        changes.push(Set("AWS_EC2_METADATA_DISABLED", "true".to_owned()));
        changes.push(Set(CONTROL_URL_VARIABLE, self.control_url.clone()));
        changes.push(Append("NO_PROXY", ',', self.proxy_exceptions()));
        // AWS SDKs and Tools Reference Guide, *Service-specific endpoints* and *Shared config and credentials files*:
        // each of these takes precedence over what is set above, or switches it off.
        changes.extend(
            [
                "AWS_PROFILE",
                "AWS_ENDPOINT_URL",
                "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
            ]
            .map(Remove),
        );
        changes
    }

    /// The hosts that no proxy may be asked for: loopback, and what the emulator is called by
    fn proxy_exceptions(&self) -> String {
        let mut hosts = vec!["localhost", "127.0.0.1", "::1"];
        for url in [&self.endpoint_url, &self.control_url] {
            let host = url
                .split_once("://")
                .map_or("", |(_, authority)| without_port(authority));
            if !is_loopback(host) && !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        hosts.join(",")
    }

    /// The changes in the words of a shell or of another program
    pub(crate) fn render(&self, client: Client, format: Format) -> String {
        let changes = self.changes(client);
        match format {
            Format::Json => {
                let object: Map<String, Value> = changes.iter().map(json_member).collect();
                format!("{:#}\n", Value::Object(object))
            }
            _ => changes.iter().map(|change| line(change, format)).collect(),
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The host of a URL's authority; an IPv6 address has no brackets in lists of exceptions
fn without_port(authority: &str) -> &str {
    match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// What makes a client trust the CA: a variable replaces what a program trusts, so it names the bundle with the system's
/// roots; Node.js adds to its own roots
fn trust(paths: &CertsPaths, client: Client) -> Vec<Change> {
    let (bundle, ca) = (shown(&paths.ca_bundle), shown(&paths.ca));
    let java = format!(
        "-Djavax.net.ssl.trustStore={} -Djavax.net.ssl.trustStorePassword=changeit",
        shown(&paths.truststore)
    );
    [
        (
            Change::Set("AWS_CA_BUNDLE", bundle.clone()),
            &[Client::Boto3, Client::Cli, Client::Go][..],
        ),
        (
            Change::Set("SSL_CERT_FILE", bundle.clone()),
            &[Client::Rust, Client::Go, Client::Dotnet],
        ),
        (Change::Set("NODE_EXTRA_CA_CERTS", ca), &[Client::Node]),
        (
            Change::Set("REQUESTS_CA_BUNDLE", bundle.clone()),
            &[Client::Boto3],
        ),
        (Change::Set("CURL_CA_BUNDLE", bundle), &[Client::Curl]),
        (Change::Append("JAVA_TOOL_OPTIONS", ' ', java), &[Client::Java]),
    ]
    .into_iter()
    .filter(|(_, clients)| client == Client::All || clients.contains(&client))
    .map(|(change, _)| change)
    .collect()
}

/// The Region that a client is most likely to mean: the one that the first endpoint's policy names, if the endpoint stands
/// there, or else the first endpoint's, or the service's first
pub(crate) fn client_region(snapshot: &Snapshot) -> String {
    let first = snapshot.endpoints.iter().next();
    let named = first.and_then(|placed| {
        let only = region_of_resources(&placed.endpoint.policy_document)?;
        let stands_there = only.parse().is_ok_and(|region| placed.stands_in(&region));
        stands_there.then_some(only)
    });
    let of_endpoint = || first?.region.as_ref().map(ToString::to_string);
    named
        .or_else(of_endpoint)
        .unwrap_or_else(|| DEFAULT_REGION.to_owned())
}

/// The same, parsed
pub(crate) fn region_of_clients(snapshot: &Snapshot) -> Region {
    client_region(snapshot)
        .parse()
        .unwrap_or_else(|_| default_region())
}

/// The Region that is meant where nothing names one
pub(crate) fn default_region() -> Region {
    DEFAULT_REGION.parse().expect("the default Region is one")
}

/// The one Region that the resources of a policy name, if they name one
pub(crate) fn region_of_resources(policy: &PolicyDocument) -> Option<String> {
    let document: Value = serde_json::from_str(policy.text()).ok()?;
    let mut regions = BTreeSet::new();
    regions_of_resources(&document, &mut regions);
    regions.pop_first().filter(|_| regions.is_empty())
}

/// The Regions that the resources of a document name in full
fn regions_of_resources(document: &Value, regions: &mut BTreeSet<String>) {
    match document {
        Value::Object(members) => {
            for (name, value) in members {
                if name == "Resource" {
                    let one = std::slice::from_ref(value);
                    let arns = value.as_array().map_or(one, Vec::as_slice);
                    let named = arns.iter().filter_map(|arn| arn.as_str()?.split(':').nth(3));
                    regions.extend(
                        named
                            .filter(|region| !region.is_empty() && !region.contains(['*', '?', '$']))
                            .map(str::to_owned),
                    );
                } else {
                    regions_of_resources(value, regions);
                }
            }
        }
        Value::Array(members) => members
            .iter()
            .for_each(|member| regions_of_resources(member, regions)),
        _ => {}
    }
}

fn word<T: ValueEnum>(text: &str) -> Result<T, UnknownWord> {
    T::from_str(text, false).map_err(|_| UnknownWord {
        found: text.to_owned(),
        allowed: T::value_variants()
            .iter()
            .filter_map(ValueEnum::to_possible_value)
            .map(|value| format!("`{}`", value.get_name()))
            .collect::<Vec<_>>()
            .join(", "),
    })
}

impl FromStr for Client {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        word(text)
    }
}

impl FromStr for Format {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        word(text)
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(self, f)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(self, f)
    }
}

fn display(value: &impl ValueEnum, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match value.to_possible_value() {
        Some(value) => f.write_str(value.get_name()),
        None => Ok(()),
    }
}

/// Where programs that drive the emulator find its control API
pub(crate) const CONTROL_URL_VARIABLE: &str = "LOOKOUTVISION_EMULATOR_CONTROL_URL";

/// The service's first Region
pub(crate) const DEFAULT_REGION: &str = "us-east-1";
