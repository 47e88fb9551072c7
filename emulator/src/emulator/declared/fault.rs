//! Faults that a test declares: what goes wrong, and for which calls.

use std::{ops::RangeBounds, time::Duration};

use serde::Serialize;

use super::rule::Calls;

/// Something that goes wrong on purpose, and the calls that meet it: all of them, unless it is narrowed
///
/// Its settings are those of `faults:` in the configuration, with the same names. A call meets one fault at most: the
/// first that strikes. Without a stage it strikes after the operation was performed.
///
/// ```
/// use lookoutvision_emulator::Fault;
///
/// let busy = Fault::error("busy", "ThrottlingException").operation("Detect*").probability(0.3, 42);
/// let cut = Fault::reset("cut").project("myProject").call(3..=3);
/// ```
#[derive(Debug, Clone, Serialize)]
#[must_use = "a fault strikes nobody before it is given to an emulator"]
pub struct Fault {
    name: String,
    #[serde(skip_serializing_if = "When::is_always")]
    when: When,
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<FaultStage>,
    fault: Effect,
}

/// When a fault is looked for
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultStage {
    /// When the head of the request has arrived
    BeforeAuthentication,
    /// When the call is authorised; the operation is not performed
    InsteadOfOperation,
    /// When the operation was performed, or refused by the service
    BeforeAnswer,
}

/// What goes wrong in a handshake
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsFault {
    /// The server's certificate has expired
    ExpiredCertificate,
    /// The server's certificate is not valid yet
    NotYetValid,
    /// The server's certificate is for another name
    WrongName,
    /// The server's certificate is signed by an unknown authority
    UnknownAuthority,
    /// The connection is reset after the ClientHello
    ResetInHandshake,
    /// Nothing comes after the ClientHello
    StallInHandshake,
}

#[derive(Debug, Default, Clone, PartialEq, Serialize)]
struct When {
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_endpoint_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<Calls>,
}

#[derive(Debug, Default, Clone, Serialize)]
struct Effect {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_milliseconds: Option<Delay>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_per_second: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<TlsFault>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Delay {
    from: u64,
    to: u64,
}

impl Fault {
    fn of(name: impl Into<String>, fault: Effect) -> Self {
        Self {
            name: name.into(),
            when: When::default(),
            probability: None,
            seed: None,
            times: None,
            ttl_seconds: None,
            stage: None,
            fault,
        }
    }

    fn of_connection(name: impl Into<String>, connection: &'static str) -> Self {
        Self::of(
            name,
            Effect {
                connection: Some(connection),
                ..Effect::default()
            },
        )
    }

    /// Calls are refused with an error of their operation, or one that their service can answer every call with
    pub fn error(name: impl Into<String>, code: impl Into<String>) -> Self {
        Self::of(
            name,
            Effect {
                error: Some(code.into()),
                ..Effect::default()
            },
        )
    }

    /// Calls are held up, each for a time in this range, in whole milliseconds
    pub fn delay(name: impl Into<String>, from: Duration, to: Duration) -> Self {
        Self::of(name, Effect::default()).delayed_by(from, to)
    }

    /// Calls are answered with this status and this body, which need not make sense
    pub fn status(name: impl Into<String>, status: u16, body: impl Into<String>) -> Self {
        Self::of(
            name,
            Effect {
                status: Some(status),
                body: Some(body.into()),
                ..Effect::default()
            },
        )
    }

    /// The connection is reset
    pub fn reset(name: impl Into<String>) -> Self {
        Self::of_connection(name, "reset")
    }

    /// The connection is closed
    pub fn close(name: impl Into<String>) -> Self {
        Self::of_connection(name, "close")
    }

    /// Nothing more is sent until the client gives up
    pub fn stall(name: impl Into<String>) -> Self {
        Self::of_connection(name, "stall")
    }

    /// The body of the answer ends before its length
    pub fn truncate(name: impl Into<String>) -> Self {
        Self::of_connection(name, "truncate")
    }

    /// The body of the answer comes at this many bytes a second
    pub fn slow(name: impl Into<String>, bytes_per_second: u64) -> Self {
        let mut fault = Self::of_connection(name, "slow");
        fault.fault.bytes_per_second = Some(bytes_per_second);
        fault
    }

    /// Handshakes go wrong; they are narrowed by [`server_name`](Self::server_name) and [`source_ip`](Self::source_ip) alone
    pub fn tls(name: impl Into<String>, tls: TlsFault) -> Self {
        Self::of(
            name,
            Effect {
                tls: Some(tls),
                ..Effect::default()
            },
        )
    }

    /// The message of an error
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.fault.message = Some(message.into());
        self
    }

    /// `Retry-After` of a ThrottlingException, an InternalServerException or a status
    pub fn retry_after_seconds(mut self, seconds: u32) -> Self {
        self.fault.retry_after_seconds = Some(seconds);
        self
    }

    /// Calls are held up before anything else happens to them, each for a time in this range, in whole milliseconds
    pub fn delayed_by(mut self, from: Duration, to: Duration) -> Self {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.fault.delay_milliseconds = Some(Delay {
            from: milliseconds(from),
            to: milliseconds(to),
        });
        self
    }

    /// This many bytes of the answer's body get through first; at [`FaultStage::BeforeAuthentication`], of the
    /// request's body
    pub fn after_bytes(mut self, bytes: u64) -> Self {
        self.fault.after_bytes = Some(bytes);
        self
    }

    /// A stall lasts this many seconds before the connection is closed
    pub fn seconds(mut self, seconds: u64) -> Self {
        self.fault.seconds = Some(seconds);
        self
    }

    /// Only calls of this service: `lookoutvision`, `ec2` or `sts`
    pub fn service(mut self, service: impl Into<String>) -> Self {
        self.when.service = Some(service.into());
        self
    }

    /// Only calls of operations whose name fits this pattern, with `*` and `?`
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.when.operation = Some(operation.into());
        self
    }

    /// Only calls of principals whose ARN fits this pattern, with `*` and `?`
    pub fn principal(mut self, arn: impl Into<String>) -> Self {
        self.when.principal = Some(arn.into());
        self
    }

    /// Only calls that are signed with this access key
    pub fn access_key_id(mut self, access_key_id: impl Into<String>) -> Self {
        self.when.access_key_id = Some(access_key_id.into());
        self
    }

    /// Only calls through this VPC endpoint
    pub fn vpc_endpoint_id(mut self, vpc_endpoint_id: impl Into<String>) -> Self {
        self.when.vpc_endpoint_id = Some(vpc_endpoint_id.into());
        self
    }

    /// Only calls about this project
    pub fn project(mut self, name: impl Into<String>) -> Self {
        self.when.project = Some(name.into());
        self
    }

    /// Only calls about models of this version
    pub fn model_version(mut self, version: impl Into<String>) -> Self {
        self.when.model_version = Some(version.into());
        self
    }

    /// Only calls in this Region
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.when.region = Some(region.into());
        self
    }

    /// Only clients with this address, or in this network
    pub fn source_ip(mut self, source_ip: impl Into<String>) -> Self {
        self.when.source_ip = Some(source_ip.into());
        self
    }

    /// Only handshakes for server names that fit this pattern, with `*` and `?`
    pub fn server_name(mut self, server_name: impl Into<String>) -> Self {
        self.when.server_name = Some(server_name.into());
        self
    }

    /// Only these of the calls that match, counted from 1
    pub fn call(mut self, calls: impl RangeBounds<u64>) -> Self {
        self.when.call = Calls::of(&calls);
        self
    }

    /// Only every `every`-th of these calls: with 3 the third, the sixth and so on, or after [`call`](Self::call) the
    /// first of its range and every third from there
    pub fn every_call(mut self, every: u64) -> Self {
        self.when.call.get_or_insert_default().every = Some(every);
        self
    }

    /// Only this share of the calls that match, from 0 to 1, drawn from the seed: the same calls in the same order meet
    /// it again
    pub fn probability(mut self, probability: f64, seed: u64) -> Self {
        self.probability = Some(probability);
        self.seed = Some(seed);
        self
    }

    /// The seed that a delay is drawn from
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// It is spent when this many calls have met it
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// It ends by itself after this many seconds of the machine's clock
    pub fn ttl_seconds(mut self, seconds: u64) -> Self {
        self.ttl_seconds = Some(seconds);
        self
    }

    /// When it is looked for
    pub fn stage(mut self, stage: FaultStage) -> Self {
        self.stage = Some(stage);
        self
    }
}

impl When {
    fn is_always(&self) -> bool {
        *self == Self::default()
    }
}
