//! The configuration file as it is written: the mirror that [`super::read`] fills and that the JSON Schema is made
//! from.
//!
//! Nothing here is checked beyond its form, and nothing outside `config` sees it; [`super::validate`] makes a
//! [`super::Config`] of it. Every field is a [`Located`], so that a later check can name its line. The doc
//! comments are the descriptions of the schema.

use std::collections::BTreeMap;

use aws_identifiers::{AccountId, ProjectName, Region, VpcEndpointId, VpcId};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    LogLevel,
    limits::LimitsFile,
    read::{FromNode, List, Located, Mistake, Reader, mapping, read_as},
    timing::TimingFile,
    yaml::Content,
};
use crate::settings::LogRequests;

pub(super) mod rules;

mapping! {
    /// Configuration of lookoutvision-emulator. Every key may be left out; paths are relative to this file.
    #[schemars(title = "lookoutvision-emulator configuration")]
    pub(super) struct ConfigFile {
        /// The account that owns the projects, the VPCs and the endpoints.
        #[schemars(extend("default" = "123456789012"))]
        #[schemars(with = "Option<super::schema::forms::AccountId>")]
        pub(super) account_id: Option<Located<AccountId>>,
        /// Address and port of the TLS listener; port 0 picks a free one. `--listen` and LOOKOUTVISION_EMULATOR_LISTEN
        /// go before it. Takes effect at start only.
        #[schemars(extend("default" = "127.0.0.1:8443"))]
        pub(super) listen: Option<Located<String>>,
        /// Address and port of the control API, plain HTTP; port 0 picks a free one. `--control` and
        /// LOOKOUTVISION_EMULATOR_CONTROL go before it. Takes effect at start only.
        #[schemars(extend("default" = "127.0.0.1:8080"))]
        pub(super) control: Option<Located<String>>,
        /// Folder of the certificate authority, made on first start. Without this key it is `certs` in the working
        /// directory. `--certs` and LOOKOUTVISION_EMULATOR_CERTS go before it. Takes effect at start only.
        pub(super) certs: Option<Located<String>>,
        /// Folder that also gets `ca.pem`, `ca-bundle.pem` and `truststore.p12`, for programs that must not see the
        /// server's key, which stays in `certs`. Overridden by `--public-certs` and
        /// LOOKOUTVISION_EMULATOR_PUBLIC_CERTS. Absent: none. Takes effect at start only.
        pub(super) public_certs: Option<Located<String>>,
        /// Form of the log on standard error. `--log-format` and LOOKOUTVISION_EMULATOR_LOG_FORMAT go before it. Takes
        /// effect at start only.
        #[schemars(extend("default" = "text"))]
        pub(super) log_format: Option<Located<LogFormat>>,
        /// Requests that the log has a line about. Overridden by `--log-requests` and
        /// LOOKOUTVISION_EMULATOR_LOG_REQUESTS. Absent: all for `serve`, refused for `exec`. Takes effect at start only.
        pub(super) log_requests: Option<Located<LogRequests>>,
        /// The least severe lines of the log. Overridden by `--log-level` and LOOKOUTVISION_EMULATOR_LOG_LEVEL; RUST_LOG
        /// goes before all of them for the modules that it names. Takes effect at start only.
        #[schemars(extend("default" = "info"))]
        pub(super) log_level: Option<Located<LogLevel>>,
        /// Whether HTTP/2 is offered (ALPN) besides HTTP/1.1. Takes effect at start only.
        #[schemars(extend("default" = false))]
        pub(super) http2: Option<Located<bool>>,
        /// Policy of the default endpoint; only without `vpc_endpoints`. `--endpoint-policy` and
        /// LOOKOUTVISION_EMULATOR_ENDPOINT_POLICY go before it.
        pub(super) endpoint_policy: Option<Located<PolicySource>>,
        /// Further DNS names and addresses that the emulator answers for, the control API too; `localhost`, the loopback
        /// addresses and its own host name always belong to them. One that is added later makes a new certificate
        /// authority at the next start, which clients have to trust anew.
        pub(super) names: Option<List<String>>,
        /// Everyone who can sign. Absent: the user `test` of the account, with access key id `test` and secret access
        /// key `test`.
        pub(super) principals: Option<List<Principal>>,
        /// Roles that `sts:AssumeRole` hands out sessions of. Absent: none.
        pub(super) roles: Option<List<Role>>,
        /// Managed policies, which AssumeRole can narrow a session with (`PolicyArns`). Absent: none.
        pub(super) managed_policies: Option<List<ManagedPolicy>>,
        /// The AWS Organizations organization that the account belongs to. Absent: none.
        pub(super) organization: Option<Located<Organization>>,
        /// The networks. Absent: `vpc-00000000000000000`, in every Region, around every address.
        pub(super) vpcs: Option<List<Vpc>>,
        /// The interface endpoints. Absent: `vpce-00000000000000000` in `vpc-00000000000000000`, with private DNS and
        /// the default policy, which allows everything.
        pub(super) vpc_endpoints: Option<List<VpcEndpoint>>,
        /// What becomes of a request that no endpoint leads to: refused with 421, or let through without an endpoint
        /// policy, with `aws:SourceIp` and without `aws:SourceVpce`. EC2 and STS are called either way.
        #[schemars(extend("default" = "refuse"))]
        pub(super) public_endpoint: Option<Located<PublicEndpoint>>,
        /// The projects and their models. Absent: `myProject` with the HOSTED models `1` and `myModel`, in every
        /// Region.
        pub(super) projects: Option<List<Project>>,
        /// Where the emulator may be more or less strict than AWS.
        pub(super) strictness: Option<Located<Strictness>>,
        /// How long the things that the service does by itself take.
        pub(super) timing: Option<Located<TimingFile>>,
        /// Where manifests named in CreateDataset are read from and evaluations of trained models are written to.
        /// Absent: a dataset with a manifest ends in CREATE_FAILED, and nothing is written.
        pub(super) s3: Option<Located<S3>>,
        /// File that keeps every change that a call made: projects, datasets, models, packaging jobs, VPC endpoints and
        /// their policies, role sessions. It is made on first start, with mode 0600 because of the sessions' secrets.
        /// Absent: all of it is kept in memory. Takes effect at start only.
        pub(super) state: Option<Located<String>>,
        /// Every bound, by name.
        pub(super) limits: Option<Located<LimitsFile>>,
    }
}

/// Form of the log lines
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum LogFormat {
    Text,
    Json,
}

mapping! {
    /// Someone who can sign requests.
    pub(super) struct Principal {
        /// A user, an assumed-role session, a federated user or the account root. A session's role has the path that
        /// `roles` gives it; where the role is not declared there, its path is not known.
        #[schemars(extend("examples" = [
            "arn:aws:iam::123456789012:user/alice",
            "arn:aws:sts::123456789012:assumed-role/inspector/line-7",
            "arn:aws:sts::123456789012:federated-user/bob",
            "arn:aws:iam::123456789012:root",
        ]))]
        pub(super) arn: Located<String>,
        /// Principal tags, as `aws:PrincipalTag/…` sees them.
        pub(super) tags: Option<Located<BTreeMap<String, Located<String>>>>,
        /// The keys it signs with.
        pub(super) access_keys: Option<List<AccessKey>>,
        /// Identity policies. Absent: the identity side allows everything, unlike AWS; an empty list allows nothing.
        pub(super) identity_policies: Option<List<PolicySource>>,
        /// The permissions boundary. Absent: none.
        pub(super) permissions_boundary: Option<Located<PolicySource>>,
        /// Session policies of an assumed-role session or a federated user. Absent or empty: none.
        pub(super) session_policies: Option<List<PolicySource>>,
    }
}

mapping! {
    /// A role that sessions can be had of.
    pub(super) struct Role {
        /// Its ARN, with its path if it has one.
        #[schemars(extend("examples" = [
            "arn:aws:iam::123456789012:role/inspector",
            "arn:aws:iam::123456789012:role/factory/line-7/inspector",
        ]))]
        pub(super) arn: Located<String>,
        /// Who may assume it.
        pub(super) trust_policy: Located<PolicySource>,
        /// Its tags, which are principal tags of its sessions.
        pub(super) tags: Option<Located<BTreeMap<String, Located<String>>>>,
        /// Identity policies. Absent: the identity side allows everything, unlike AWS; an empty list allows nothing.
        pub(super) identity_policies: Option<List<PolicySource>>,
        /// The permissions boundary. Absent: none.
        pub(super) permissions_boundary: Option<Located<PolicySource>>,
        /// The longest that a session may last.
        #[schemars(range(min = 3_600, max = 43_200), extend("default" = 3_600))]
        pub(super) max_session_duration_seconds: Option<Located<u64>>,
    }
}

mapping! {
    /// A managed policy.
    pub(super) struct ManagedPolicy {
        /// Its ARN.
        #[schemars(extend("examples" = ["arn:aws:iam::123456789012:policy/one-model"]))]
        pub(super) arn: Located<String>,
        /// What it says.
        pub(super) policy_document: Located<PolicySource>,
    }
}

mapping! {
    /// One access key. For testing only: never a key that AWS knows.
    pub(super) struct AccessKey {
        /// The public half.
        #[schemars(regex(pattern = "^[A-Za-z0-9_]{1,128}$"))]
        pub(super) access_key_id: Located<String>,
        /// The secret half; it is checked.
        #[schemars(length(min = 1))]
        pub(super) secret_access_key: Located<Secret>,
        /// The token that must come with every request. Temporary credentials only, and those of an assumed-role
        /// session or a federated user always are.
        #[schemars(length(min = 1))]
        pub(super) session_token: Option<Located<Secret>>,
        /// When the credentials end. Temporary credentials only; absent: never.
        #[schemars(extend("format" = "date-time"))]
        pub(super) expires_at: Option<Located<String>>,
    }
}

/// A secret text, which has no `Debug` and is repeated in no message
#[derive(JsonSchema)]
#[schemars(inline)]
pub(super) struct Secret(pub(super) String);

mapping! {
    /// An organization.
    pub(super) struct Organization {
        /// The id, as `aws:PrincipalOrgID` and `aws:ResourceOrgID` have it.
        #[schemars(regex(pattern = "^o-[a-z0-9]{10,32}$"))]
        pub(super) id: Located<String>,
        /// Service control policies: a list of policies (one level), or a list of such lists, the root's first. Absent
        /// or empty: none.
        pub(super) service_control_policies: Option<Located<PolicyLevels>>,
        /// Resource control policies: a list of policies (one level), or a list of such lists, the root's first. Absent
        /// or empty: none.
        pub(super) resource_control_policies: Option<Located<PolicyLevels>>,
    }
}

mapping! {
    /// A network.
    pub(super) struct Vpc {
        /// Its id, as `aws:SourceVpc` has it.
        #[schemars(with = "super::schema::forms::VpcId")]
        pub(super) vpc_id: Located<VpcId>,
        /// The Region that it lies in. Absent: every Region. One that is not AWS's gets its certificates by standing here
        /// or at a project; added later, it makes a new certificate authority at the next start.
        #[schemars(with = "Option<super::schema::forms::Region>")]
        pub(super) region: Option<Located<Region>>,
        /// The addresses of the emulator that lie in this network. Absent: all of them.
        #[schemars(extend("examples" = ["172.28.0.0/16", "fd00:28::/64"]))]
        pub(super) cidr_block: Option<Located<String>>,
    }
}

mapping! {
    /// An interface endpoint.
    pub(super) struct VpcEndpoint {
        /// Its id, as `aws:SourceVpce` has it.
        #[schemars(with = "super::schema::forms::VpcEndpointId")]
        pub(super) vpc_endpoint_id: Located<VpcEndpointId>,
        /// The network that it stands in, one of `vpcs`.
        #[schemars(with = "super::schema::forms::VpcId")]
        pub(super) vpc_id: Located<VpcId>,
        /// Whether lookoutvision.REGION.amazonaws.com leads to it from inside the network.
        #[schemars(extend("default" = true))]
        pub(super) private_dns_enabled: Option<Located<bool>>,
        /// The attached policy. Absent: the default policy, which allows everything.
        pub(super) policy_document: Option<Located<PolicySource>>,
    }
}

/// What becomes of a request that no endpoint leads to
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum PublicEndpoint {
    Allow,
    Refuse,
}

mapping! {
    /// A project.
    pub(super) struct Project {
        /// Its name.
        #[schemars(with = "super::schema::forms::ProjectName")]
        pub(super) name: Located<ProjectName>,
        /// The Region that it lies in. Absent: every Region.
        #[schemars(with = "Option<super::schema::forms::Region>")]
        pub(super) region: Option<Located<Region>>,
        /// Its models. Absent: none.
        pub(super) models: Option<List<rules::Model>>,
        /// Rules for the models that have none of their own, those that are trained while the emulator runs among them.
        pub(super) detect_anomalies: Option<List<rules::Rule>>,
        /// Whether it is there from the start. A project that is not is made by CreateProject, and what is said here
        /// counts from then on.
        #[schemars(extend("default" = true))]
        pub(super) exists: Option<Located<bool>>,
        /// With this status message CreateDataset ends in CREATE_FAILED.
        pub(super) dataset_create_fails: Option<Located<String>>,
        /// With this status message CreateModel ends in TRAINING_FAILED.
        pub(super) training_fails: Option<Located<String>>,
        /// With this status message StartModel ends in HOSTING_FAILED.
        pub(super) hosting_fails: Option<Located<String>>,
    }
}

mapping! {
    /// Named relaxations.
    #[derive(Default)]
    pub(super) struct Strictness {
        /// What becomes of a request that signs UNSIGNED-PAYLOAD without an x-amz-content-sha256 header that says so,
        /// as the Rust SDK does for `ByteStream::from_path`: let through with a warning, or refused.
        #[schemars(extend("default" = "warn"))]
        pub(super) undeclared_unsigned_payload: Option<Located<UndeclaredUnsignedPayload>>,
        /// What becomes of a request that signs UNSIGNED-PAYLOAD and says so in x-amz-content-sha256, as the JavaScript
        /// SDK does for streams.
        #[schemars(extend("default" = "accept"))]
        pub(super) declared_unsigned_payload: Option<Located<AcceptOrRefuse>>,
        /// What becomes of a request with an x-amz- header that its signature does not cover.
        #[schemars(extend("default" = "refuse"))]
        pub(super) unsigned_amz_headers: Option<Located<AcceptOrRefuse>>,
        /// Whether the answer to a signature that does not match shows the canonical request and the string to sign.
        #[schemars(extend("default" = "include"))]
        pub(super) mismatch_detail: Option<Located<MismatchDetail>>,
        /// How far the date of a request may be from the clock, either way.
        #[schemars(range(min = 1, max = 86_400), extend("default" = 300))]
        pub(super) clock_skew_seconds: Option<Located<u64>>,
        /// Whether a training with fewer labelled images than the service documents (20 normal and 10 anomalous ones,
        /// or 10 normal ones and a test dataset of 10 and 10) ends in TRAINING_FAILED.
        #[schemars(extend("default" = "ignore"))]
        pub(super) minimum_images: Option<Located<MinimumImages>>,
    }
}

/// Whether a training needs as many images as the service documents
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum MinimumImages {
    Enforce,
    Ignore,
}

/// What becomes of such a request
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum UndeclaredUnsignedPayload {
    Warn,
    Refuse,
}

/// Whether something is let through
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum AcceptOrRefuse {
    Accept,
    Refuse,
}

/// Whether the message about a mismatch shows what was compared
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum MismatchDetail {
    Include,
    Omit,
}

mapping! {
    /// The S3 of datasets and evaluations: folders, a server, or both.
    pub(super) struct S3 {
        /// A folder for each bucket.
        pub(super) buckets: Option<Located<BTreeMap<String, Located<String>>>>,
        /// An S3-compatible server, for every other bucket. Buckets are addressed in the path.
        #[schemars(extend("examples" = ["http://127.0.0.1:5000"]))]
        pub(super) endpoint_url: Option<Located<String>>,
        /// The Region that requests to the server are signed for. Absent: that of the call.
        #[schemars(with = "Option<super::schema::forms::Region>")]
        pub(super) region: Option<Located<Region>>,
        /// The key that requests to the server are signed with. Absent: they are not signed.
        #[schemars(length(min = 1))]
        pub(super) access_key_id: Option<Located<String>>,
        /// The secret of that key.
        #[schemars(length(min = 1))]
        pub(super) secret_access_key: Option<Located<Secret>>,
        /// The token of temporary credentials.
        #[schemars(length(min = 1))]
        pub(super) session_token: Option<Located<Secret>>,
        /// File of PEM certificates that the server's certificate may come from, besides those that the system trusts.
        pub(super) ca: Option<Located<String>>,
    }
}

/// A policy: the path of a JSON file, or the document itself
pub(super) enum PolicySource {
    File(String),
    Document(serde_json::Value),
}

impl FromNode for PolicySource {
    fn from_node(reader: &Reader<'_>) -> Result<Self, Mistake> {
        match &reader.node.content {
            Content::Text(path) => Ok(Self::File(path.clone())),
            Content::Mapping(_) => Ok(Self::Document(reader.json())),
            _ => Err(reader.expected("the path of a policy file, or a mapping that is the policy document")),
        }
    }
}

/// The policies of an organization: one level, or levels, root first
pub(super) enum PolicyLevels {
    OneLevel(Vec<Located<PolicySource>>),
    Levels(Vec<List<PolicySource>>),
}

/// An element of [`PolicyLevels`] before it is known which of the two forms the list has
pub(super) enum PolicyOrLevel {
    Policy(PolicySource),
    Level(Vec<Located<PolicySource>>),
}

impl FromNode for PolicyLevels {
    fn from_node(reader: &Reader<'_>) -> Result<Self, Mistake> {
        if !matches!(reader.node.content, Content::List(_)) {
            return Err(
                reader.expected("a list of policies (one level), or a list of such lists (root first)")
            );
        }
        let (mut policies, mut levels) = (Vec::new(), Vec::new());
        for Located { place, value } in Vec::<Located<PolicyOrLevel>>::from_node(reader)? {
            match value {
                Ok(PolicyOrLevel::Policy(policy)) => policies.push(Located {
                    place,
                    value: Ok(policy),
                }),
                Ok(PolicyOrLevel::Level(level)) => levels.push(Located {
                    place,
                    value: Ok(level),
                }),
                Err(reported) => policies.push(Located {
                    place,
                    value: Err(reported),
                }),
            }
        }
        match (policies.is_empty(), levels.is_empty()) {
            (_, true) => Ok(Self::OneLevel(policies)),
            (true, false) => Ok(Self::Levels(levels)),
            (false, false) => Err(Mistake::new(
                "a list holds policies or lists of policies, not both",
            )),
        }
    }
}

impl FromNode for PolicyOrLevel {
    fn from_node(reader: &Reader<'_>) -> Result<Self, Mistake> {
        match &reader.node.content {
            Content::Text(_) | Content::Mapping(_) => PolicySource::from_node(reader).map(Self::Policy),
            Content::List(_) => FromNode::from_node(reader).map(Self::Level),
            _ => Err(reader.expected("the path of a policy file, a policy document, or a list of those")),
        }
    }
}

impl FromNode for Secret {
    fn from_node(reader: &Reader<'_>) -> Result<Self, Mistake> {
        String::from_node(reader).map(Self)
    }
}

read_as! {
    word: AcceptOrRefuse, LogFormat, LogLevel, LogRequests, MinimumImages, MismatchDetail, PublicEndpoint, UndeclaredUnsignedPayload;
    parsed: AccountId, ProjectName, Region, VpcEndpointId, VpcId;
}
