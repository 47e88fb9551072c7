//! The configuration: everything a user can set, valid or not there at all.
//!
//! The file is read into a serde mirror that refuses unknown keys (`file`), the mirror is checked as a whole, and
//! only a [`Config`] in which every name is well-formed, every file it names was read and every policy parsed comes
//! out. A request keeps the `Config` it began with, so a reload never shows it half of two worlds.

mod file;
mod files;
mod limits;
mod listened;
mod problems;
mod reachability;
mod read;
mod schema;
mod source;
pub(crate) mod text_file;
mod timing;
mod validate;
pub mod watch;
mod yaml;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use iam_policy::PolicyDocument;
use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{
    files::Files,
    problems::{Place, Report},
    source::{ConfigFile, Defaults, Source},
};
pub use self::{
    files::NamedFile,
    limits::Limits,
    problems::{Problem, Problems},
    schema::SCHEMA,
    source::Overrides,
    timing::Timing,
    validate::Setting,
};
pub(crate) use self::{validate::is_tag_text, yaml::is_yaml_mapping};
use crate::{
    identifiers::{AccessKeyId, AccountId, ProjectName, Region, VpcEndpointId, VpcId},
    lookoutvision::{canned::CannedRule, model::DeclaredModel},
    tls::{Alpn, InvalidName, ServedNames},
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
    /// Roles that AssumeRole hands out sessions of
    pub roles: Vec<Arc<Role>>,
    /// Managed policies, for sessions
    pub managed_policies: Vec<ManagedPolicy>,
    /// The organization that the account belongs to, if any
    pub organization: Option<Organization>,
    /// The networks
    pub vpcs: Vec<Vpc>,
    /// The entry points from those networks to the service
    pub vpc_endpoints: Vec<VpcEndpoint>,
    /// What becomes of requests that no endpoint leads to
    pub public_endpoint: PublicEndpoint,
    /// What is there to detect anomalies with
    pub projects: Vec<Project>,
    /// Where the emulator may be more or less strict than AWS
    pub strictness: Strictness,
    /// How long the things that the service does by itself take
    pub timing: Timing,
    /// Where manifests are read from and evaluations are written to
    pub s3: S3,
    /// Every bound, by name
    pub limits: Limits,
    /// What is odd but usable
    pub warnings: Vec<Problem>,
    /// The configuration file; `None`: there is none
    pub file: Option<PathBuf>,
    /// The sections that it has: its keys at the top
    pub sections: BTreeSet<String>,
    /// The configuration file and every file it names, to be watched for changes
    pub files: Vec<NamedFile>,
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
    /// Folder that also gets the public files of the authority; `None`: no other folder has them
    pub public_certs: Option<PathBuf>,
    /// File of the state; `None` keeps it in memory
    pub state: Option<PathBuf>,
    /// Form of the log on standard error
    pub log_format: LogFormat,
    /// The protocols offered by ALPN (`http2: true` in the file offers h2 as well)
    pub alpn: Alpn,
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
    /// The identity as written: a user, an assumed-role session, a federated user or the account root
    pub identity: iam_policy::Principal,
    /// What `aws:PrincipalArn` is: for a session the role's ARN
    pub policy_arn: Box<str>,
    /// What `aws:userid` is
    pub user_id: Box<str>,
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
    /// What `aws:TokenIssueTime` is, for a session that AssumeRole made
    pub issued_at: Option<Timestamp>,
    /// What `aws:SourceIdentity` is
    pub source_identity: Option<Box<str>>,
    /// Which of its tags go on to the sessions that it makes
    pub transitive_tag_keys: Vec<String>,
}

/// A role that AssumeRole hands out sessions of
#[derive(Debug)]
pub struct Role {
    /// Its ARN, with its path
    pub identity: iam_policy::Identity,
    /// `AROA…`
    pub unique_id: Box<str>,
    /// Who may assume it
    pub trust_policy: PolicyDocument,
    /// Tags of the role, which are principal tags of its sessions
    pub tags: BTreeMap<String, String>,
    /// The identity side of its sessions; `None` allows everything, because nothing was said about it
    pub identity_policies: Option<Vec<PolicyDocument>>,
    /// At most one permissions boundary
    pub permissions_boundary: Vec<PolicyDocument>,
    /// The longest that a session may last
    pub max_session_duration: Duration,
}

/// A managed policy that AssumeRole can narrow a session with
#[derive(Debug)]
pub struct ManagedPolicy {
    /// Its ARN
    pub arn: Box<str>,
    /// What it says
    pub document: PolicyDocument,
}

/// One access key of a principal
#[derive(Debug)]
pub struct AccessKey {
    /// The public half
    pub access_key_id: AccessKeyId,
    /// The secret half, and the session token of temporary credentials
    pub key: sigv4_verify::AccessKey,
    /// Whether the key is part of temporary credentials
    pub credentials: Credentials,
}

/// The kind of credentials that a key is part of
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// A user's or the account root's own
    LongTerm,
    /// A session's, worth nothing without its token
    Temporary,
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
#[derive(Debug, Clone, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrivateDns {
    /// It does
    Enabled,
    /// Only the endpoint's own names lead there
    Disabled,
}

/// What becomes of a request that no endpoint leads to
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PublicEndpoint {
    /// It comes through the public endpoint, where no endpoint policy is asked
    Allow,
    /// It is refused, so that no typing mistake leads around a policy
    #[default]
    Refuse,
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
    /// Whether it is there before CreateProject makes it
    pub exists: bool,
    /// The status message of a CreateDataset that ends in CREATE_FAILED
    pub dataset_create_fails: Option<Box<str>>,
    /// The status message of a CreateModel that ends in TRAINING_FAILED
    pub training_fails: Option<Box<str>>,
    /// The status message of a StartModel that ends in HOSTING_FAILED
    pub hosting_fails: Option<Box<str>>,
}

/// Where objects are
#[derive(Debug, Default)]
pub struct S3 {
    /// Folders that stand for buckets
    pub buckets: BTreeMap<String, PathBuf>,
    /// The server of every other bucket
    pub server: Option<S3Server>,
}

/// An S3-compatible server
#[derive(Debug)]
pub struct S3Server {
    /// Where it listens
    pub endpoint: S3Endpoint,
    /// What requests are signed for; `None`: the Region of the call
    pub region: Option<Region>,
    /// What requests are signed with; `None`: they are not
    pub credentials: Option<S3Credentials>,
    /// Trust anchors besides the system's
    pub ca: Vec<rustls::pki_types::CertificateDer<'static>>,
}

/// The address of an S3-compatible server
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Endpoint {
    /// Whether it speaks TLS
    pub is_tls: bool,
    /// Its name or address
    pub host: String,
    /// Its port
    pub port: u16,
    /// Name and port as they are written, for the Host field
    pub authority: String,
}

/// What the emulator signs its own requests to S3 with
pub struct S3Credentials {
    /// The public half
    pub access_key_id: String,
    /// The secret half
    pub secret_access_key: String,
    /// The token of temporary credentials
    pub session_token: Option<String>,
}

/// Whether a training needs as many images as the service documents
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MinimumImages {
    /// With fewer it ends in TRAINING_FAILED
    Enforce,
    /// Any number will do
    Ignore,
}

/// Named relaxations
#[derive(Debug, Clone, Copy)]
pub struct Strictness {
    /// What happens to a request that signs `UNSIGNED-PAYLOAD` without saying so
    pub undeclared_unsigned_payload: sigv4_verify::UndeclaredUnsignedPayload,
    /// What happens to a request that declares `UNSIGNED-PAYLOAD`
    pub declared_unsigned_payload: sigv4_verify::DeclaredUnsignedPayload,
    /// What happens to a request with an `x-amz-` header that its signature does not cover
    pub unsigned_amz_headers: sigv4_verify::UnsignedAmzHeaders,
    /// Whether a signature that differs is answered with our canonical request and string to sign
    pub mismatch_detail: sigv4_verify::MismatchDetail,
    /// How far a request's date may be from the clock
    pub clock_skew: Duration,
    /// Whether a training needs as many images as the service documents
    pub minimum_images: MinimumImages,
}

impl Config {
    /// Reads the configuration of a process: options, then the file, then the defaults
    ///
    /// # Errors
    /// Everything that is wrong with it, all at once.
    pub fn load(overrides: &Overrides) -> Result<Self, Problems> {
        Self::load_and_probe(overrides, |_| Vec::new())
    }

    /// Reads the configuration of a process, and asks `probe` whether it could work with these settings, so that a busy
    /// port is reported together with every mistake in the file
    ///
    /// # Errors
    /// Everything that is wrong with it, and everything that `probe` answers, all at once.
    pub fn load_and_probe(
        overrides: &Overrides,
        probe: impl FnOnce(&Process) -> Vec<(Setting, String)>,
    ) -> Result<Self, Problems> {
        read(&Source::of_process(overrides), probe).outcome
    }

    /// A configuration for an emulator inside of a test: what `yaml` says, free ports of loopback and a certificate
    /// authority in memory where it says nothing, and a policy for the first endpoint. Paths are relative to the working
    /// directory, and nothing is taken from `emulator.yaml`.
    ///
    /// # Errors
    /// Everything that is wrong with it, all at once.
    pub fn embedded(yaml: Option<&str>, endpoint_policy: Option<&Value>) -> Result<Self, Problems> {
        let file = yaml.map_or(ConfigFile::None, |yaml| ConfigFile::Text(yaml.to_owned()));
        let source = Source {
            file,
            overrides: Overrides::default(),
            defaults: Defaults::Embedded,
        };
        let mut config = read(&source, |_| Vec::new()).outcome?;
        if let Some(document) = endpoint_policy {
            let document = validate::endpoint_policy(document)?;
            let first = config.vpc_endpoints.first_mut();
            let first = first.ok_or_else(|| Problem::of_process("the configuration has no VPC endpoint"))?;
            first.policy_document = Arc::new(document);
            let warnings = validate::warnings_about(&config.vpc_endpoints[0], &config);
            config.warnings.extend(warnings);
        }
        Ok(config)
    }

    /// The networks that lie in a Region, those of every Region among them
    pub(crate) fn vpcs_in<'c>(&'c self, region: &'c Region) -> impl Iterator<Item = &'c Vpc> {
        let vpcs = self.vpcs.iter();
        vpcs.filter(move |vpc| vpc.region.as_ref().is_none_or(|own| own == region))
    }

    /// Every Region that it names for a VPC or a project
    pub fn regions(&self) -> Vec<Region> {
        let of_vpcs = self.vpcs.iter().filter_map(|vpc| vpc.region.clone());
        let of_projects = self.projects.iter().filter_map(|project| project.region.clone());
        of_vpcs.chain(of_projects).collect()
    }

    /// Everything that certificates are needed for
    ///
    /// # Errors
    /// One of `names` cannot stand in a certificate.
    pub fn served_names(&self) -> Result<ServedNames, InvalidName> {
        let mut names = self.names.clone();
        // Who listens on one address is called by it.
        let listen = self.process.listen.ip();
        if !listen.is_unspecified() {
            names.push(EmulatedName::Address(listen));
        }
        ServedNames::of_this_machine(&names, &self.regions())
    }

    /// The role of an ARN
    pub fn role(&self, arn: &str) -> Option<&Arc<Role>> {
        self.roles.iter().find(|role| role.identity.arn().as_str() == arn)
    }

    /// Whether anybody can sign with the well-known key `test`, and it is the first that is offered
    pub fn has_default_principal(&self) -> bool {
        let first = self
            .principals
            .iter()
            .flat_map(|principal| &principal.access_keys)
            .next();
        first.is_some_and(|key| {
            key.access_key_id.as_str() == "test"
                && key.credentials == Credentials::LongTerm
                && key.key.secret().expose() == "test"
        })
    }
}

impl Principal {
    /// The ARN as written, which is what refusals and the journal call the caller
    pub fn arn(&self) -> &str {
        self.identity.arn().map_or("anonymous", iam_policy::Arn::as_str)
    }
}

/// A reading of the configuration, and what must be watched to know when to read it again
struct Reading {
    outcome: Result<Config, Problems>,
    files: Vec<NamedFile>,
}

fn read(source: &Source, probe: impl FnOnce(&Process) -> Vec<(Setting, String)>) -> Reading {
    let files = Files::beside(source.file.path());
    let outcome = match &source.file {
        ConfigFile::None => {
            let nothing = yaml::Node::empty();
            check(&nothing, Report::without_file(), source, &files, probe)
        }
        ConfigFile::TwoInOneFolder => Err(Problem::of_process(
            "both `emulator.yaml` and `emulator.yml` are here: remove one of them, or name the one that is meant with \
             `--config`",
        )
        .into()),
        ConfigFile::Path(path) => match files.read_text(path) {
            Ok(text) => read_text(path, &text, source, &files, probe),
            Err(error) => Err(Problem::of_process(error.in_a_file()).into()),
        },
        ConfigFile::Text(text) => read_text(Path::new("configuration"), text, source, &files, probe),
    };
    let files = files.into_named();
    let outcome = with_mistakes(&source.overrides.mistakes, outcome);
    let outcome = outcome.map(|config| Config {
        file: source.file.path().map(Path::to_path_buf),
        files: files.clone(),
        ..config
    });
    Reading { outcome, files }
}

/// The mistakes come first, and with one of them there is no configuration
fn with_mistakes(mistakes: &[String], outcome: Result<Config, Problems>) -> Result<Config, Problems> {
    if mistakes.is_empty() {
        return outcome;
    }
    let mistakes = mistakes.iter().map(Problem::of_process);
    let further = outcome.err().into_iter().flatten();
    Err(mistakes.chain(further).collect())
}

fn read_text(
    name: &Path,
    text: &str,
    source: &Source,
    files: &Files,
    probe: impl FnOnce(&Process) -> Vec<(Setting, String)>,
) -> Result<Config, Problems> {
    let tree = yaml::parse(text).map_err(|error| Problem::in_file(name, error.message).at(error.position))?;
    check(
        &tree,
        Report::about(name.to_path_buf(), &tree),
        source,
        files,
        probe,
    )
}

fn check(
    tree: &yaml::Node,
    report: Report<'_>,
    source: &Source,
    files: &Files,
    probe: impl FnOnce(&Process) -> Vec<(Setting, String)>,
) -> Result<Config, Problems> {
    let written = read::read(tree, &report);
    let config = validate::validate(written, source, files, &report, probe);
    let sections = tree.keys();
    if sections.is_empty() && source.file.path().is_some() {
        report.warning(
            &Place::root(),
            "the file has no sections, so that every default is in force",
        );
    }
    let (problems, warnings) = report.finish();
    match config {
        Ok(config) if problems.is_empty() => Ok(Config {
            sections,
            warnings,
            ..config
        }),
        Ok(_) | Err(_) => Err(problems),
    }
}

#[cfg(test)]
pub(crate) mod tests;
