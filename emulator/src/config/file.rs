//! The configuration file as it is written: plain structures, from which the JSON Schema is made.
//!
//! [`super::form`] reads the file by that schema, so deserializing these from its output never fails. It leaves out
//! what is wrong, once that is reported; so even a key that the schema requires is an `Option` here, and a wrong
//! element of a list is `None`. Nothing outside `config` sees these structures; [`super::validate`] makes a
//! [`super::Config`] of them. The doc comments are the descriptions of the schema.

use std::{borrow::Cow, collections::BTreeMap};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize,
    de::{self, Deserializer},
};
use serde_json::Value;

use super::{
    LogFormat, LogLevel,
    limits::LimitsFile,
    texts::{
        AccessKeyId, AccountId, CidrBlock, FilePath, Instant, ListenAddress, Name, OrganizationId, PolicyArn,
        PrincipalArn, ProjectName, Region, RoleArn, S3AccessKeyId, S3Url, Secret, VpcEndpointId, VpcId,
    },
    timing::TimingFile,
};
use crate::{network::PublicEndpoint, settings::LogRequests};

pub(super) mod faults;
pub(super) mod rules;

/// A list, its elements `None` where they are wrong
pub(super) type List<T> = Vec<Option<T>>;

/// A mapping of any keys, its values `None` where they are wrong
pub(super) type Entries<T> = BTreeMap<String, Option<T>>;

/// Configuration of lookoutvision-emulator. Every key may be left out; paths are relative to this file.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "lookoutvision-emulator configuration")]
pub(super) struct ConfigFile {
    /// The account that owns the projects, the VPCs and the endpoints.
    #[schemars(extend("default" = "123456789012"))]
    pub(super) account_id: Option<AccountId>,
    /// Address and port of the TLS listener; port 0 picks a free one. Overridden by `--listen` and
    /// LOOKOUTVISION_EMULATOR_LISTEN. Takes effect at start only.
    #[schemars(extend("default" = "127.0.0.1:8443"))]
    pub(super) listen: Option<ListenAddress>,
    /// Address and port of the control API, plain HTTP; port 0 picks a free one. Overridden by `--control` and
    /// LOOKOUTVISION_EMULATOR_CONTROL. Takes effect at start only.
    #[schemars(extend("default" = "127.0.0.1:8080"))]
    pub(super) control: Option<ListenAddress>,
    /// Folder of the certificate authority, made on first start. Without this key it is `certs` in the working
    /// directory. Overridden by `--certs` and LOOKOUTVISION_EMULATOR_CERTS. Takes effect at start only.
    pub(super) certs: Option<FilePath>,
    /// Folder that also gets `ca.pem`, `ca-bundle.pem` and `truststore.p12`, for programs that must not see the
    /// server's key, which stays in `certs`. Overridden by `--public-certs` and
    /// LOOKOUTVISION_EMULATOR_PUBLIC_CERTS. Absent: none. Takes effect at start only.
    pub(super) public_certs: Option<FilePath>,
    /// Form of the log on standard error. Overridden by `--log-format` and LOOKOUTVISION_EMULATOR_LOG_FORMAT. Takes
    /// effect at start only.
    #[schemars(extend("default" = "text"))]
    pub(super) log_format: Option<LogFormat>,
    /// Requests that the log has a line about. Overridden by `--log-requests` and
    /// LOOKOUTVISION_EMULATOR_LOG_REQUESTS. Absent: all for `serve`, refused for `exec`. Takes effect at start only.
    pub(super) log_requests: Option<LogRequests>,
    /// Lowest severity that is logged. Overridden by `--log-level` and LOOKOUTVISION_EMULATOR_LOG_LEVEL; RUST_LOG
    /// overrides all of them for the modules that it names. Takes effect at start only.
    #[schemars(extend("default" = "info"))]
    pub(super) log_level: Option<LogLevel>,
    /// Whether HTTP/2 is offered (ALPN) besides HTTP/1.1. Takes effect at start only.
    #[schemars(extend("default" = false))]
    pub(super) http2: Option<bool>,
    /// Policy of the default endpoint; only without `vpc_endpoints`. Overridden by `--endpoint-policy` and
    /// LOOKOUTVISION_EMULATOR_ENDPOINT_POLICY.
    pub(super) endpoint_policy: Option<PolicySource>,
    /// Further DNS names and addresses that the emulator answers for, the control API too; `localhost`, the loopback
    /// addresses and its own host name always belong to them. One that is added later makes a new certificate
    /// authority at the next start, which clients have to trust anew.
    pub(super) names: Option<List<Name>>,
    /// Everyone who can sign. Absent: the user `test` of the account, with access key id `test` and secret access
    /// key `test`.
    pub(super) principals: Option<List<Principal>>,
    /// Roles that callers can assume with `sts:AssumeRole`. Absent: none.
    pub(super) roles: Option<List<Role>>,
    /// Managed policies, which AssumeRole can narrow a session with (`PolicyArns`). Absent: none.
    pub(super) managed_policies: Option<List<ManagedPolicy>>,
    /// The AWS Organizations organization that the account belongs to. Absent: none.
    pub(super) organization: Option<Organization>,
    /// The networks. Absent: `vpc-00000000000000000`, in every Region, around every address.
    pub(super) vpcs: Option<List<Vpc>>,
    /// The interface endpoints. Absent: `vpce-00000000000000000` in `vpc-00000000000000000`, with private DNS and
    /// the default policy, which allows everything.
    pub(super) vpc_endpoints: Option<List<VpcEndpoint>>,
    /// What happens to a request that no endpoint leads to: refused with 421, or let through without an endpoint
    /// policy, with `aws:SourceIp` and without `aws:SourceVpce`. EC2 and STS are called either way.
    #[schemars(extend("default" = "refuse"))]
    pub(super) public_endpoint: Option<PublicEndpoint>,
    /// The projects and their models. Absent: `myProject` with the HOSTED models `1` and `myModel`, in every
    /// Region.
    pub(super) projects: Option<List<Project>>,
    /// Where the emulator may be more or less strict than AWS.
    pub(super) strictness: Option<Strictness>,
    /// How long trainings, deletions and other work of the service takes.
    pub(super) timing: Option<TimingFile>,
    /// Where manifests named in CreateDataset are read from and evaluations of trained models are written to.
    /// Absent: a dataset with a manifest ends in CREATE_FAILED, and nothing is written.
    pub(super) s3: Option<S3>,
    /// File that keeps every change that a call made: projects, datasets, models, packaging jobs, VPC endpoints and
    /// their policies, role sessions. It is made on first start, with mode 0600 because of the sessions' secrets.
    /// Absent: all of it is kept in memory. Takes effect at start only.
    pub(super) state: Option<FilePath>,
    /// What random numbers are drawn from: with the same seed the same matches of a rule get the same confidence and
    /// the same delay, on every machine.
    #[schemars(extend("default" = 0))]
    pub(super) seed: Option<u64>,
    /// Whether policy coverage is counted. `PUT /coverage` changes it while the emulator runs, `GET /coverage` shows
    /// what was counted.
    #[schemars(extend("default" = false))]
    pub(super) coverage: Option<bool>,
    /// What goes wrong on purpose: errors, delays, broken connections and handshakes, each with the calls that meet it. A
    /// call meets one at most: the first that strikes. Absent: nothing.
    pub(super) faults: Option<List<faults::Written<faults::Fault>>>,
    /// Every bound, by name.
    pub(super) limits: Option<LimitsFile>,
}

/// Someone who can sign requests.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Principal {
    /// A user, an assumed-role session, a federated user or the account root. A session's role has the path that
    /// `roles` gives it; where the role is not declared there, its path is not known.
    #[schemars(extend("examples" = [
        "arn:aws:iam::123456789012:user/alice",
        "arn:aws:sts::123456789012:assumed-role/inspector/line-7",
        "arn:aws:sts::123456789012:federated-user/bob",
        "arn:aws:iam::123456789012:root",
    ]))]
    #[schemars(required)]
    pub(super) arn: Option<PrincipalArn>,
    /// Principal tags, as `aws:PrincipalTag/…` sees them.
    pub(super) tags: Option<Entries<String>>,
    /// The keys it signs with.
    pub(super) access_keys: Option<List<AccessKey>>,
    /// Identity policies. Absent: the identity side allows everything, unlike AWS; an empty list allows nothing.
    pub(super) identity_policies: Option<List<PolicySource>>,
    /// The permissions boundary. Absent: none.
    pub(super) permissions_boundary: Option<PolicySource>,
    /// Session policies of an assumed-role session or a federated user. Absent or empty: none.
    pub(super) session_policies: Option<List<PolicySource>>,
}

/// A role that callers can assume.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    /// Its ARN, with its path if it has one.
    #[schemars(extend("examples" = [
        "arn:aws:iam::123456789012:role/inspector",
        "arn:aws:iam::123456789012:role/factory/line-7/inspector",
    ]))]
    #[schemars(required)]
    pub(super) arn: Option<RoleArn>,
    /// Who may assume it.
    #[schemars(required)]
    pub(super) trust_policy: Option<PolicySource>,
    /// Its tags, which are principal tags of its sessions.
    pub(super) tags: Option<Entries<String>>,
    /// Identity policies. Absent: the identity side allows everything, unlike AWS; an empty list allows nothing.
    pub(super) identity_policies: Option<List<PolicySource>>,
    /// The permissions boundary. Absent: none.
    pub(super) permissions_boundary: Option<PolicySource>,
    /// The longest that a session may last.
    #[schemars(range(min = 3_600, max = 43_200), extend("default" = 3_600))]
    pub(super) max_session_duration_seconds: Option<u64>,
}

/// A managed policy.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ManagedPolicy {
    /// Its ARN.
    #[schemars(extend("examples" = ["arn:aws:iam::123456789012:policy/one-model"]))]
    #[schemars(required)]
    pub(super) arn: Option<PolicyArn>,
    /// What it says.
    #[schemars(required)]
    pub(super) policy_document: Option<PolicySource>,
}

/// One access key. For testing only: never a key that AWS knows.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessKey {
    /// The public half.
    #[schemars(required)]
    pub(super) access_key_id: Option<AccessKeyId>,
    /// The secret half; it is checked.
    #[schemars(required)]
    pub(super) secret_access_key: Option<Secret>,
    /// The token that must come with every request. Temporary credentials only, and those of an assumed-role
    /// session or a federated user always are.
    pub(super) session_token: Option<Secret>,
    /// When the credentials end. Temporary credentials only; absent: never.
    pub(super) expires_at: Option<Instant>,
}

/// An organization.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Organization {
    /// The id, as `aws:PrincipalOrgID` and `aws:ResourceOrgID` have it.
    #[schemars(required)]
    pub(super) id: Option<OrganizationId>,
    /// Service control policies: a list of policies (one level), or a list of such lists, the root's first. Absent
    /// or empty: none.
    pub(super) service_control_policies: Option<PolicyLevels>,
    /// Resource control policies: a list of policies (one level), or a list of such lists, the root's first. Absent
    /// or empty: none.
    pub(super) resource_control_policies: Option<PolicyLevels>,
}

/// A network.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Vpc {
    /// Its id, as `aws:SourceVpc` has it.
    #[schemars(required)]
    pub(super) vpc_id: Option<VpcId>,
    /// The Region that it lies in. Absent: every Region. One that is not AWS's gets its certificates by standing here
    /// or at a project; added later, it makes a new certificate authority at the next start.
    pub(super) region: Option<Region>,
    /// The addresses of the emulator that lie in this network. Absent: all of them.
    #[schemars(extend("examples" = ["172.28.0.0/16", "fd00:28::/64"]))]
    pub(super) cidr_block: Option<CidrBlock>,
}

/// An interface endpoint.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VpcEndpoint {
    /// Its id, as `aws:SourceVpce` has it.
    #[schemars(required)]
    pub(super) vpc_endpoint_id: Option<VpcEndpointId>,
    /// The network that it stands in, one of `vpcs`.
    #[schemars(required)]
    pub(super) vpc_id: Option<VpcId>,
    /// Whether lookoutvision.REGION.amazonaws.com leads to it from inside the network.
    #[schemars(extend("default" = true))]
    pub(super) private_dns_enabled: Option<bool>,
    /// The attached policy. Absent: the default policy, which allows everything.
    pub(super) policy_document: Option<PolicySource>,
}

/// A project.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Project {
    /// Its name.
    #[schemars(required)]
    pub(super) name: Option<ProjectName>,
    /// The Region that it lies in. Absent: every Region.
    pub(super) region: Option<Region>,
    /// Its models. Absent: none.
    pub(super) models: Option<List<rules::Model>>,
    /// Rules for the models that have none of their own, those that are trained while the emulator runs among them.
    pub(super) detect_anomalies: Option<List<rules::Rule>>,
    /// Whether it is there from the start. A project that is not is made by CreateProject, and what is said here
    /// counts from then on.
    #[schemars(extend("default" = true))]
    pub(super) exists: Option<bool>,
    /// Whether models that are trained here answer the images of their datasets as the manifest labels them, and
    /// segmentation models with the masks that it names. The images are read when the dataset is made; rules, those of
    /// the project among them, are asked first.
    #[schemars(extend("default" = false))]
    pub(super) answers_from_datasets: Option<bool>,
    /// With this status message CreateDataset ends in CREATE_FAILED.
    pub(super) dataset_create_fails: Option<String>,
    /// With this status message CreateModel ends in TRAINING_FAILED.
    pub(super) training_fails: Option<String>,
    /// With this status message StartModel ends in HOSTING_FAILED.
    pub(super) hosting_fails: Option<String>,
}

/// Named relaxations.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Strictness {
    /// What happens to a request that signs UNSIGNED-PAYLOAD without an x-amz-content-sha256 header that says so,
    /// as the Rust SDK does for `ByteStream::from_path`: let through with a warning, or refused.
    #[schemars(extend("default" = "warn"))]
    pub(super) undeclared_unsigned_payload: Option<UndeclaredUnsignedPayload>,
    /// What happens to a request that signs UNSIGNED-PAYLOAD and says so in x-amz-content-sha256, as the JavaScript
    /// SDK does for streams.
    #[schemars(extend("default" = "accept"))]
    pub(super) declared_unsigned_payload: Option<AcceptOrRefuse>,
    /// What happens to a request with an x-amz- header that its signature does not cover.
    #[schemars(extend("default" = "refuse"))]
    pub(super) unsigned_amz_headers: Option<AcceptOrRefuse>,
    /// Whether the answer to a signature that does not match shows the canonical request and the string to sign.
    #[schemars(extend("default" = "include"))]
    pub(super) mismatch_detail: Option<MismatchDetail>,
    /// How far the date of a request may be from the clock, either way.
    #[schemars(range(min = 1, max = 86_400), extend("default" = 300))]
    pub(super) clock_skew_seconds: Option<u64>,
    /// Whether a training with fewer labelled images than the service documents (20 normal and 10 anomalous ones,
    /// or 10 normal ones and a test dataset of 10 and 10) ends in TRAINING_FAILED.
    #[schemars(extend("default" = "ignore"))]
    pub(super) minimum_images: Option<MinimumImages>,
}

/// Whether a training needs as many images as the service documents
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum MinimumImages {
    Enforce,
    Ignore,
}

/// What happens to such a request
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

/// The S3 of datasets and evaluations: folders, a server, or both.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct S3 {
    /// A folder for each bucket.
    pub(super) buckets: Option<Entries<String>>,
    /// An S3-compatible server, for every other bucket. Buckets are addressed in the path.
    #[schemars(extend("examples" = ["http://127.0.0.1:5000"]))]
    pub(super) endpoint_url: Option<S3Url>,
    /// The Region that requests to the server are signed for. Absent: that of the call.
    pub(super) region: Option<Region>,
    /// The key that requests to the server are signed with. Absent: they are not signed.
    pub(super) access_key_id: Option<S3AccessKeyId>,
    /// The secret of that key.
    pub(super) secret_access_key: Option<Secret>,
    /// The token of temporary credentials.
    pub(super) session_token: Option<Secret>,
    /// File of PEM certificates that the server's certificate may come from, besides those that the system trusts.
    pub(super) ca: Option<String>,
}

/// A policy: the path of a JSON file, or the document itself
pub(super) enum PolicySource {
    File(String),
    Document(Value),
}

/// The policies of an organization: one level, or levels, root first
pub(super) struct PolicyLevels(pub(super) List<PolicyOrLevel>);

/// An element of [`PolicyLevels`]
pub(super) enum PolicyOrLevel {
    Policy(PolicySource),
    Level(List<PolicySource>),
}

impl<'de> Deserialize<'de> for PolicySource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::String(path) => Self::File(path),
            document => Self::Document(document),
        })
    }
}

impl<'de> Deserialize<'de> for PolicyLevels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Deserialize::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for PolicyOrLevel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            level @ Value::Array(_) => List::deserialize(level).map(Self::Level),
            policy => PolicySource::deserialize(policy).map(Self::Policy),
        }
        .map_err(de::Error::custom)
    }
}

impl JsonSchema for PolicySource {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PolicySource".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                {"type": "string", "description": "Path of a policy file, JSON."},
                {"type": "object", "description": "The policy document itself."}
            ],
            "errorMessage": "expected the path of a policy file, or a mapping that is the policy document"
        })
    }
}

impl JsonSchema for PolicyLevels {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PolicyLevels".into()
    }

    // That a list does not mix the two is said by the last `anyOf`, for editors; `validate` checks it.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let policy = generator.subschema_for::<PolicySource>();
        json_schema!({
            "type": "array",
            "errorMessage": "expected a list of policies (one level), or a list of such lists (root first)",
            "items": {
                "anyOf": [{"type": "string"}, {"type": "object"}, {"type": "array", "items": policy}],
                "errorMessage": "expected the path of a policy file, a policy document, or a list of those"
            },
            "anyOf": [{"items": {"type": ["string", "object"]}}, {"items": {"type": "array"}}]
        })
    }
}
