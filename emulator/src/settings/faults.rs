//! Faults that a test asks for: which calls meet one, and what it does to them.
//!
//! `config` makes them from the file or from a request to the control API; a fault is valid before any call meets it.
//! What the faults have done so far is kept with the snapshot (`runtime::faults`).

mod draw;

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use aws_identifiers::{AccessKeyId, ModelVersion, ProjectName, Region, VpcEndpointId};
use http::StatusCode;
use iam_policy::matches_glob;
use ipnet::IpNet;
use lookoutvision::canned::CallNumbers;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

pub(crate) use self::draw::Draws;
use crate::network::host_name::EmulatedService;

/// A fault, and the calls that meet it
#[derive(Debug)]
pub(crate) struct Fault {
    /// What journal, answers and the control API call it
    pub(crate) name: Arc<str>,
    /// What must hold of a call; for a fault of the handshake, of a connection
    pub(crate) when: When,
    /// Which of the calls that match, counted from 1
    pub(crate) call: Option<CallNumbers>,
    /// The share of those that meet it: from 0 to 1
    pub(crate) probability: f64,
    /// What probability and delay are drawn from
    pub(crate) draws: Draws,
    /// How many calls meet it before it is spent; `None`: no end
    pub(crate) times: Option<u64>,
    /// How long it is there, on the machine's clock; `None`: no end
    pub(crate) ttl: Option<Duration>,
    /// When it is looked for
    pub(crate) stage: Stage,
    /// How long the call is held up first
    pub(crate) delay: Option<Delay>,
    /// What happens to the call
    pub(crate) effect: Effect,
    /// As it was written
    pub(crate) written: Value,
}

/// Two faults are the same when they were written the same
impl PartialEq for Fault {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

/// What a fault asks of a call; an absent part asks nothing
#[derive(Debug, Default)]
pub(crate) struct When {
    pub(crate) service: Option<EmulatedService>,
    pub(crate) operation: Option<Pattern>,
    pub(crate) principal: Option<Pattern>,
    pub(crate) access_key_id: Option<AccessKeyId>,
    pub(crate) vpc_endpoint_id: Option<VpcEndpointId>,
    pub(crate) project: Option<ProjectName>,
    pub(crate) model_version: Option<ModelVersion>,
    pub(crate) region: Option<Region>,
    pub(crate) source_ip: Option<IpNet>,
    /// The TLS server name; faults of the handshake only
    pub(crate) server_name: Option<Pattern>,
}

/// A text with `*` and `?`
#[derive(Debug)]
pub(crate) struct Pattern(Box<str>);

/// What is known of a call when a fault is looked for
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallFacts<'c> {
    pub(crate) service: EmulatedService,
    pub(crate) operation: Option<&'c str>,
    pub(crate) principal: Option<&'c str>,
    pub(crate) access_key_id: Option<&'c str>,
    pub(crate) vpc_endpoint_id: Option<&'c VpcEndpointId>,
    pub(crate) project: Option<&'c str>,
    pub(crate) model_version: Option<&'c str>,
    pub(crate) region: Option<&'c Region>,
    pub(crate) source_ip: IpAddr,
}

/// When a fault is looked for
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// In the handshake
    Handshake,
    /// When the head of a request has arrived
    BeforeAuthentication,
    /// When the call is authorised
    InsteadOfOperation,
    /// When the operation was performed, or refused by the service
    BeforeAnswer,
}

/// How long a call is held up, both ends included
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delay {
    pub(crate) from: Duration,
    pub(crate) to: Duration,
}

/// What happens to a call
#[derive(Debug)]
pub(crate) enum Effect {
    /// Nothing but the delay
    Nothing,
    /// It is refused with an error of its service
    Error(InjectedError),
    /// It is answered with this, which need not make sense
    Answer {
        status: StatusCode,
        body: Box<str>,
        retry_after_seconds: Option<u32>,
    },
    /// Something happens to its connection
    Connection(ConnectionFault),
    /// The handshake goes wrong
    Tls(TlsFault),
}

/// An error of a service; the service knows its status and its form
#[derive(Debug)]
pub(crate) struct InjectedError {
    pub(crate) code: &'static str,
    /// `None`: the usual one
    pub(crate) message: Option<Box<str>>,
    pub(crate) retry_after_seconds: Option<u32>,
    /// The operations of each service that have it
    pub(crate) operations: Vec<(EmulatedService, Vec<&'static str>)>,
}

/// What happens to a connection
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnectionFault {
    pub(crate) kind: ConnectionFaultKind,
    /// Bytes of a body that get through first: of the request's before authentication, of the answer's otherwise;
    /// `None`: not even the head of the answer
    pub(crate) after_bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionFaultKind {
    /// It is reset: an RST, without the end of TLS
    Reset,
    /// It is closed in an orderly way
    Close,
    /// Nothing more is sent for this long (`None`: until the client gives up), then it is closed
    Stall(Option<Duration>),
    /// The body of the answer ends before its length, and the connection is closed
    Truncate,
    /// The body of the answer comes at this many bytes a second
    Slow { bytes_per_second: u64 },
}

/// What goes wrong in a handshake
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsFault {
    /// The server's certificate has expired
    ExpiredCertificate,
    /// The server's certificate is not valid yet
    NotYetValid,
    /// The server's certificate is for another name
    WrongName,
    /// The server's certificate is signed by an unknown authority
    UnknownAuthority,
    /// The connection is reset after the ClientHello
    Reset,
    /// Nothing comes after the ClientHello for this long (`None`: until the client gives up)
    Stall(Option<Duration>),
}

/// Where a fault comes from
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FaultSource {
    /// `faults:` of the configuration
    Configuration,
    /// The control API, or a test's own code
    Control,
}

impl Pattern {
    pub(crate) fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    pub(crate) fn fits(&self, text: &str) -> bool {
        matches_glob(&self.0, '\\', text)
    }
}

impl Fault {
    /// Whether the fault is for a call, whatever the number of the call
    pub(crate) fn is_for(&self, call: &CallFacts<'_>) -> bool {
        self.when.holds(call) && self.effect.can_be_of(call)
    }

    /// Whether a matching call meets it, by the call's number among the matching ones, from 1
    ///
    /// The same number always gives the same result, on every machine and whoever else calls at the same time.
    pub(crate) fn strikes(&self, number: u64) -> bool {
        self.call.is_none_or(|calls| calls.contain(number))
            && self.draws.of_probability(number) < self.probability
    }

    /// How long the call of this number is held up
    pub(crate) fn delay_of(&self, number: u64) -> Option<Duration> {
        let Delay { from, to } = self.delay?;
        let range = to.saturating_sub(from);
        Some(from + range.mul_f64(self.draws.of_delay(number)))
    }
}

impl When {
    fn holds(&self, call: &CallFacts<'_>) -> bool {
        fn fits(wanted: Option<&Pattern>, found: Option<&str>) -> bool {
            wanted.is_none_or(|pattern| found.is_some_and(|found| pattern.fits(found)))
        }
        self.service.is_none_or(|service| service == call.service)
            && fits(self.operation.as_ref(), call.operation)
            && fits(self.principal.as_ref(), call.principal)
            && self
                .access_key_id
                .as_ref()
                .is_none_or(|id| Some(id.as_str()) == call.access_key_id)
            && self
                .vpc_endpoint_id
                .as_ref()
                .is_none_or(|id| Some(id) == call.vpc_endpoint_id)
            && self
                .project
                .as_ref()
                .is_none_or(|name| Some(name.as_str()) == call.project)
            && self
                .model_version
                .as_ref()
                .is_none_or(|version| Some(version.as_str()) == call.model_version)
            && self
                .region
                .as_ref()
                .is_none_or(|region| Some(region) == call.region)
            && self.is_from(call.source_ip)
    }

    /// Whether these conditions hold for a handshake
    pub(crate) fn holds_of_handshake(&self, server_name: Option<&str>, source_ip: IpAddr) -> bool {
        let is_named = self
            .server_name
            .as_ref()
            .is_none_or(|pattern| server_name.is_some_and(|name| pattern.fits(name)));
        is_named && self.is_from(source_ip)
    }

    fn is_from(&self, source_ip: IpAddr) -> bool {
        self.source_ip
            .is_none_or(|network| network.contains(&source_ip.to_canonical()))
    }
}

impl Effect {
    /// Whether this can happen to the call: an error only where the operation has it
    fn can_be_of(&self, call: &CallFacts<'_>) -> bool {
        let Self::Error(error) = self else {
            return true;
        };
        let mut services = error.operations.iter();
        services.any(|(service, operations)| {
            // As long as the operation is not known, the errors of all operations of the service are possible.
            *service == call.service
                && call
                    .operation
                    .is_none_or(|operation| operations.contains(&operation))
        })
    }
}

impl ConnectionFault {
    /// Whether the answer, or a part of it, gets as far as the connection
    pub(crate) fn leaves_an_answer(self) -> bool {
        match self.kind {
            ConnectionFaultKind::Reset | ConnectionFaultKind::Close | ConnectionFaultKind::Stall(_) => {
                self.after_bytes.is_some()
            }
            ConnectionFaultKind::Truncate | ConnectionFaultKind::Slow { .. } => true,
        }
    }

    /// Whether the client gets all of the answer
    pub(crate) fn leaves_the_whole_answer(self) -> bool {
        matches!(self.kind, ConnectionFaultKind::Slow { .. })
    }
}

/// The effect that the client sees
impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ExpiredCertificate => "the certificate has expired",
            Self::NotYetValid => "the certificate is not valid yet",
            Self::WrongName => "the certificate is one for another name",
            Self::UnknownAuthority => "the certificate is signed by an unknown authority",
            Self::Reset => "the connection is reset after the ClientHello",
            Self::Stall(_) => "nothing comes after the ClientHello",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests;
