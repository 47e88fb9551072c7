//! The configuration: everything a user can set, valid or not there at all.
//!
//! The file is read into a serde mirror that refuses unknown keys ([`file`]), the mirror is checked as a whole, and
//! only a [`Config`] in which every name is well-formed, every file it names was read and every policy parsed comes
//! out. A request keeps the `Config` it began with, so a reload never shows it half of two worlds.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use iam_policy::PolicyDocument;
use ipnet::IpNet;
use jiff::Timestamp;

use crate::{
    identifiers::{AccessKeyId, AccountId, ProjectName, Region, VpcEndpointId, VpcId},
    lookoutvision::{canned::CannedRule, model::DeclaredModel, model::find_model, model::find_project},
    tls::Alpn,
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
    /// What was odd but usable, as texts that name file and place
    pub warnings: Vec<String>,
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
    /// What happens to a request that declares `UNSIGNED-PAYLOAD`
    pub declared_unsigned_payload: sigv4_verify::DeclaredUnsignedPayload,
    /// What happens to a request with an `x-amz-` header that its signature does not cover
    pub unsigned_amz_headers: sigv4_verify::UnsignedAmzHeaders,
    /// Whether a signature that differs is answered with our canonical request and string to sign
    pub mismatch_detail: sigv4_verify::MismatchDetail,
    /// How far a request's date may be from the clock
    pub clock_skew: Duration,
}

/// Every bound has a name and a default
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open TLS connections
    pub connections_max: usize,
    /// Bytes of a request's head
    pub header_bytes_max: usize,
    /// Header fields of a request
    pub headers_max: usize,
    /// Bytes of one request's body
    pub body_bytes_max: usize,
    /// Bytes of bodies held in memory at one time, over all connections
    pub in_flight_body_bytes_max: usize,
    /// Bytes of a refused request's body that are still read, so that the client sees the answer
    pub drain_bytes_max: usize,
    /// From the accepted connection to the end of the TLS handshake
    pub handshake_timeout: Duration,
    /// From the first byte of a request to the end of its head, and how long an idle connection is kept
    pub idle_timeout: Duration,
    /// From the end of a request's head to the end of its body
    pub body_timeout: Duration,
    /// How long requests in flight may go on after the signal to stop
    pub shutdown_timeout: Duration,
    /// Entries of the journal
    pub journal_entries_max: usize,
    /// Bytes of the journal, estimated
    pub journal_bytes_max: usize,
    /// Bytes of a body that the journal keeps
    pub journal_body_bytes_max: usize,
    /// Leaf certificates kept
    pub leaf_certificates_max: usize,
    /// TLS sessions that clients can resume
    pub tls_sessions_max: usize,
    /// Models whose calls are counted
    pub counted_models_max: usize,
}

impl Config {
    /// The Region that examples are written for: the first VPC's, or the service's first Region
    pub fn home_region(&self) -> &str {
        self.vpcs.iter().find_map(|vpc| vpc.region.as_ref()).map_or("us-east-1", Region::as_str)
    }

    /// The declared model that an ARN names
    pub fn model_of_arn(&self, arn: &iam_policy::Arn) -> Option<&DeclaredModel> {
        let (project_name, version) = arn.resource().strip_prefix("model/")?.split_once('/')?;
        if arn.account() != self.account_id.as_str() {
            return None;
        }
        let region = arn.region().parse().ok()?;
        find_model(find_project(&self.projects, &region, project_name)?, version)
    }
}

impl Principal {
    /// The ARN as written, which is what refusals and the journal call the caller
    pub fn arn(&self) -> &str {
        self.identity.arn().map_or("anonymous", iam_policy::Arn::as_str)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1_024,
            header_bytes_max: 64 * 1024,
            headers_max: 100,
            body_bytes_max: 16 * 1024 * 1024,
            in_flight_body_bytes_max: 64 * 1024 * 1024,
            drain_bytes_max: 16 * 1024 * 1024,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(60),
            shutdown_timeout: Duration::from_secs(5),
            journal_entries_max: 10_000,
            journal_bytes_max: 4 * 1024 * 1024,
            journal_body_bytes_max: 0,
            leaf_certificates_max: 256,
            tls_sessions_max: 256,
            counted_models_max: 4_096,
        }
    }
}
