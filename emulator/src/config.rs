//! The configuration: everything a user can set, valid or not there at all.
//!
//! The file is read into a serde mirror that refuses unknown keys (`file`), the mirror is checked as a whole, and
//! only a [`Config`] in which every name is well-formed, every file it names was read and every policy parsed comes
//! out. A request keeps the `Config` it began with, so a reload never shows it half of two worlds.

mod file;
mod files;
mod limits;
mod pending;
mod problems;
mod read;
mod schema;
mod source;
mod validate;
mod yaml;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use iam_policy::PolicyDocument;
use ipnet::IpNet;
use jiff::Timestamp;
use sigv4_verify::SecretAccessKey;

use self::{files::Files, problems::Report};
pub use self::{
    limits::Limits,
    problems::{Problem, Problems},
    schema::SCHEMA,
    source::{ConfigSource, Overrides},
    validate::Setting,
};
use crate::{
    identifiers::{AccessKeyId, AccountId, ProjectName, Region, VpcEndpointId, VpcId},
    lookoutvision::{canned::CannedRule, model::DeclaredModel},
};

/// A configuration that is valid as a whole
#[derive(Debug)]
pub struct Config {
    /// The account that owns the projects, the VPCs and the endpoints
    pub account_id: AccountId,
    /// Where to listen, where to keep the CA, how to log
    pub process: Process,
    /// Further names and addresses that the emulator answers for
    pub names: Vec<EmulatedName>,
    /// Everyone who can sign
    pub principals: Vec<Arc<Principal>>,
    /// The organization that the account belongs to, if any
    pub organization: Option<Organization>,
    /// The networks
    pub vpcs: Vec<Vpc>,
    /// The doors from those networks to the service
    pub vpc_endpoints: Vec<VpcEndpoint>,
    /// What is there to detect anomalies with
    pub projects: Vec<Project>,
    /// Where the emulator may be more or less strict than AWS
    pub strictness: Strictness,
    /// Every bound, by name
    pub limits: Limits,
    /// What was odd but usable, each with its place
    pub warnings: Vec<Problem>,
    /// The configuration file and every file it names, to be watched for changes
    pub files: Vec<PathBuf>,
}

/// What concerns the process and takes effect at its start only
#[derive(Debug, Clone)]
pub struct Process {
    /// Address of the TLS listener
    pub listen: SocketAddr,
    /// Address of the control API's listener
    pub control: SocketAddr,
    /// Folder of the certificate authority; `None` keeps it in memory
    pub certs: Option<PathBuf>,
    /// Form of the log on standard error
    pub log_format: LogFormat,
}

/// Form of the log lines
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person
    Text,
    /// One JSON object a line
    Json,
}

/// A further name that the emulator answers for
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum EmulatedName {
    /// A DNS name, lower case
    Dns(String),
    /// An address, for clients that connect by address
    Address(std::net::IpAddr),
}

/// Someone who can sign requests
#[derive(Debug)]
pub struct Principal {
    /// The ARN as written: a user, an assumed-role session, a federated user or the account root
    pub arn: iam_policy::Principal,
    /// Principal tags
    pub tags: BTreeMap<String, String>,
    /// The keys it signs with
    pub access_keys: Vec<AccessKey>,
    /// The identity side; `None` allows everything, because nothing was said about it
    pub identity_policies: Option<Vec<PolicyDocument>>,
    /// At most one permissions boundary
    pub permissions_boundary: Vec<PolicyDocument>,
    /// Session policies, for temporary credentials
    pub session_policies: Vec<PolicyDocument>,
}

/// One access key of a principal
#[derive(Debug)]
pub struct AccessKey {
    /// The public half
    pub access_key_id: AccessKeyId,
    /// The secret half
    pub secret_access_key: SecretAccessKey,
    /// What makes the credentials temporary
    pub temporary: Option<TemporaryCredentials>,
}

/// The rest of a set of temporary credentials
#[derive(Debug)]
pub struct TemporaryCredentials {
    /// The token that must come with every request
    pub session_token: SecretAccessKey,
    /// When the credentials end; `None`: never
    pub expires_at: Option<Timestamp>,
}

/// An AWS Organizations organization
#[derive(Debug)]
pub struct Organization {
    /// `o-…`
    pub id: String,
    /// Levels, root first; each level is a list of documents
    pub service_control_policies: Vec<Vec<PolicyDocument>>,
    /// Levels, root first; each level is a list of documents
    pub resource_control_policies: Vec<Vec<PolicyDocument>>,
}

/// A network
#[derive(Debug, Clone)]
pub struct Vpc {
    /// `vpc-…`
    pub vpc_id: VpcId,
    /// The Region it lies in; `None`: every Region
    pub region: Option<Region>,
    /// The addresses of the emulator that lie in this network; `None`: all of them
    pub cidr_block: Option<IpNet>,
}

/// An interface endpoint
#[derive(Debug, Clone)]
pub struct VpcEndpoint {
    /// `vpce-…`
    pub vpc_endpoint_id: VpcEndpointId,
    /// The network it stands in
    pub vpc_id: VpcId,
    /// Whether the service's own name leads to it from inside the network
    pub private_dns: PrivateDns,
    /// The attached policy
    pub policy_document: Arc<PolicyDocument>,
}

/// Whether the service's own DNS name resolves to the endpoint inside its VPC
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivateDns {
    /// It does
    Enabled,
    /// Only the endpoint's own names lead there
    Disabled,
}

/// A declared project
#[derive(Debug)]
pub struct Project {
    /// Its name
    pub name: ProjectName,
    /// The Region it lies in; `None`: every Region
    pub region: Option<Region>,
    /// Its models
    pub models: Vec<DeclaredModel>,
    /// Rules for models that have none of their own
    pub detect_anomalies: Vec<CannedRule>,
}

/// Named relaxations
#[derive(Debug, Clone, Copy)]
pub struct Strictness {
    /// What happens to a request that signs `UNSIGNED-PAYLOAD` without saying so
    pub undeclared_unsigned_payload: sigv4_verify::UndeclaredUnsignedPayload,
    /// How far a request's date may be from the clock
    pub clock_skew: Duration,
}

impl Config {
    /// Reads a configuration
    ///
    /// # Errors
    /// Everything that is wrong with it, all at once.
    pub fn load(source: &ConfigSource) -> Result<Self, Problems> {
        Self::load_and_probe(source, |_| Vec::new())
    }

    /// Reads a configuration, and asks `probe` whether the process could work with its settings, so that a busy port is
    /// reported together with every mistake in the file
    ///
    /// # Errors
    /// Everything that is wrong with it, and everything that `probe` answers, all at once.
    pub fn load_and_probe(
        source: &ConfigSource,
        probe: impl FnOnce(&Process) -> Vec<(Setting, String)>,
    ) -> Result<Self, Problems> {
        load(source, probe).outcome
    }
}

/// A reading of the configuration, and what must be watched to know when to read it again
struct Loaded {
    outcome: Result<Config, Problems>,
    files: Vec<PathBuf>,
}

fn load(source: &ConfigSource, probe: impl FnOnce(&Process) -> Vec<(Setting, String)>) -> Loaded {
    let file = source.config_file();
    let files = Files::beside(file.as_deref());
    let outcome = match &file {
        Some(file) => load_file(file, source, &files, probe),
        None => {
            let empty = yaml::Node::empty();
            check(&empty, Report::without_file(), source, &files, probe)
        }
    };
    let files = files.into_named();
    let outcome = outcome.map(|config| Config {
        files: files.clone(),
        ..config
    });
    Loaded { outcome, files }
}

fn load_file(
    file: &Path,
    source: &ConfigSource,
    files: &Files,
    probe: impl FnOnce(&Process) -> Vec<(Setting, String)>,
) -> Result<Config, Problems> {
    let text = files.read_text(file).map_err(Problem::new)?;
    let tree =
        yaml::parse(&text).map_err(|error| Problem::in_file(file, error.message).at(error.position))?;
    check(
        &tree,
        Report::about(file.to_path_buf(), &tree),
        source,
        files,
        probe,
    )
}

fn check(
    tree: &yaml::Node,
    report: Report<'_>,
    source: &ConfigSource,
    files: &Files,
    probe: impl FnOnce(&Process) -> Vec<(Setting, String)>,
) -> Result<Config, Problems> {
    let written = read::read(tree, &report);
    let config = validate::validate(written, source, files, &report, probe);
    let (problems, warnings) = report.finish();
    match config {
        Ok(config) if problems.is_empty() => Ok(Config { warnings, ..config }),
        Ok(_) | Err(_) => Err(problems),
    }
}
#[cfg(test)]
mod tests {
    #[test]
    fn probe() {
        for f in ["/tmp/cfg/bad.yaml"] {
            match super::Config::load(&super::ConfigSource::file(f)) {
                Ok(c) => println!("{c:?}"),
                Err(p) => println!("{p}"),
            }
        }
        let c = super::Config::load(&super::ConfigSource::defaults()).unwrap();
        println!("{c:#?}");
    }
}
