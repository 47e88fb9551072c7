//! Faults, as they are written.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize,
    de::{self, DeserializeOwned, Deserializer},
};
use serde_json::Value;

use super::{
    super::texts::{AccessKeyId, FaultName, ModelVersion, ProjectName, Region, SourceIp, VpcEndpointId},
    rules::Calls,
};

/// Something that goes wrong on purpose, and the calls that meet it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// What the journal, the answers and the control API call it.
    #[schemars(required)]
    pub(crate) name: Option<FaultName>,
    /// Conditions on a call; absent: none.
    pub(crate) when: Option<FaultWhen>,
    /// Share of the matching calls that meet it, from 0 to 1. It is drawn from the seed and the number of the call
    /// among those that match, so the same calls in the same order meet it again.
    #[schemars(range(min = 0, max = 1), extend("default" = 1))]
    pub(crate) probability: Option<f64>,
    /// What probability and delay are drawn from.
    #[schemars(extend("default" = 0))]
    pub(crate) seed: Option<u64>,
    /// How many calls meet it before it is spent. Absent: no end.
    #[schemars(range(min = 1))]
    pub(crate) times: Option<u64>,
    /// How long it is there, on the machine's clock, so that a forgotten fault ends. Absent: no end.
    #[schemars(range(min = 1, max = 604_800))]
    pub(crate) ttl_seconds: Option<u64>,
    /// When it is looked for. Absent: before_answer; for `tls`, in the handshake.
    pub(crate) stage: Option<FaultStage>,
    /// What happens to the call.
    #[schemars(required)]
    pub(crate) fault: Option<FaultEffect>,
}

/// What a fault asks of a call; all of it must hold. For `tls`, only `server_name` and `source_ip`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultWhen {
    /// The service that is called.
    pub(crate) service: Option<FaultService>,
    /// The operation of Lookout for Vision, or the action of EC2 or STS; `*` and `?` stand for any characters, for one.
    pub(crate) operation: Option<String>,
    /// The ARN of the caller, with `*` and `?`.
    pub(crate) principal: Option<String>,
    /// The access key id that the call is signed with.
    pub(crate) access_key_id: Option<AccessKeyId>,
    /// The endpoint that the call came through.
    pub(crate) vpc_endpoint_id: Option<VpcEndpointId>,
    /// The project that the call is about.
    pub(crate) project: Option<ProjectName>,
    /// The version of the model that the call is about.
    pub(crate) model_version: Option<ModelVersion>,
    /// The Region of the call.
    pub(crate) region: Option<Region>,
    /// The address of the client, or a network that it is in.
    pub(crate) source_ip: Option<SourceIp>,
    /// The TLS server name, with `*` and `?`; for `tls` only.
    pub(crate) server_name: Option<String>,
    /// Which of the calls that match, counted from 1.
    pub(crate) call: Option<Calls>,
}

/// Exactly one kind of fault: `error` (with `message`, `retry_after_seconds`); or `status` (with `body`,
/// `retry_after_seconds`); or `connection` (with `after_bytes`, `bytes_per_second`, `seconds`); or `tls` (with `seconds`).
/// `delay_milliseconds` is one by itself, or comes before one of the others.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultEffect {
    /// An error of the operation, or one that its service can answer every call with; status and form are AWS's.
    #[schemars(extend("examples" = [
        "ThrottlingException", "InternalServerException", "ExpiredTokenException", "RequestLimitExceeded", "Throttling"
    ]))]
    pub(crate) error: Option<String>,
    /// The message of the error. Absent: the usual one.
    pub(crate) message: Option<String>,
    /// The Retry-After header, of a ThrottlingException or an InternalServerException of Lookout for Vision, or with `status`.
    #[schemars(range(max = 4_294_967_295_u32))]
    pub(crate) retry_after_seconds: Option<u32>,
    /// How long the call is held up: a number, or a range that is drawn from.
    pub(crate) delay_milliseconds: Option<DelayMilliseconds>,
    /// The HTTP status of an answer that no service gives.
    #[schemars(range(min = 200, max = 599))]
    pub(crate) status: Option<u64>,
    /// Its body. Absent: empty.
    pub(crate) body: Option<String>,
    /// What happens to the connection: reset (with an RST), closed, no byte more (stall), an answer that ends before its
    /// length (truncate), or one that comes slowly.
    pub(crate) connection: Option<ConnectionKind>,
    /// Bytes of the answer's body that get through before; at stage before_authentication, of the request's. Absent: nothing
    /// of the answer, not even its head; for truncate, half of it.
    pub(crate) after_bytes: Option<u64>,
    /// How fast a slow answer comes.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub(crate) bytes_per_second: Option<u64>,
    /// How long a stall lasts before the connection is closed. Absent: until the client gives up.
    #[schemars(range(min = 1, max = 86_400))]
    pub(crate) seconds: Option<u64>,
    /// What goes wrong in the handshake.
    pub(crate) tls: Option<TlsKind>,
}

/// The services that are played
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum FaultService {
    LookoutVision,
    Ec2,
    Sts,
}

/// When a fault is looked for
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum FaultStage {
    BeforeAuthentication,
    InsteadOfOperation,
    BeforeAnswer,
}

/// What happens to a connection
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum ConnectionKind {
    Reset,
    Close,
    Stall,
    Truncate,
    Slow,
}

/// What goes wrong in a handshake
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum TlsKind {
    ExpiredCertificate,
    NotYetValid,
    WrongName,
    UnknownAuthority,
    ResetInHandshake,
    StallInHandshake,
}

/// A delay: so many milliseconds, or a range
pub(crate) enum DelayMilliseconds {
    Exactly(u64),
    Between(DelayRange),
}

/// A range of milliseconds, both ends included.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DelayRange {
    /// The shortest.
    #[schemars(required, range(max = 600_000))]
    pub(crate) from: Option<u64>,
    /// The longest.
    #[schemars(required, range(max = 600_000))]
    pub(crate) to: Option<u64>,
}

impl<'de> Deserialize<'de> for DelayMilliseconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Number(number) => Ok(Self::Exactly(number.as_u64().unwrap_or_default())),
            range => DelayRange::deserialize(range)
                .map(Self::Between)
                .map_err(de::Error::custom),
        }
    }
}

impl JsonSchema for DelayMilliseconds {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "DelayMilliseconds".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let range = generator.subschema_for::<DelayRange>();
        json_schema!({
            "anyOf": [{"type": "integer", "minimum": 0, "maximum": 600_000}, range],
            "errorMessage": "expected a number of milliseconds, or a range `{from: …, to: …}`"
        })
    }
}

/// Something that was read, and how it was written
pub(crate) struct Written<T> {
    pub(crate) value: Value,
    pub(crate) read: T,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Written<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let read = T::deserialize(&value).map_err(de::Error::custom)?;
        Ok(Self { value, read })
    }
}

impl<T: JsonSchema> JsonSchema for Written<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
