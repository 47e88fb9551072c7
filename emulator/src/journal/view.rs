//! How an entry reads over HTTP, and which entries a query asks for.
//!
//! This is an API: a member never changes its name or its kind. The explanation is computed here, when somebody reads
//! the entry, from what the entry holds of the decision; a server that explained every request would spend longer on
//! explaining than on deciding.

use std::{mem::take, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use iam_policy::{DecidedBy, Explanation, NearMiss, StatementExplanation};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{BodyRecord, Entry};
use crate::{
    authorize::Authorization,
    config::Principal,
    entry_point::EntryPoint,
    identifiers::{VpcEndpointId, VpcId},
};

/// One entry as the control API shows it
#[derive(Debug, Serialize)]
pub(crate) struct EntryView<'a> {
    request_id: Uuid,
    time: Timestamp,
    duration_micros: u64,
    entry_point: Option<EntryPointView<'a>>,
    source_ip: String,
    method: &'a str,
    target: &'a str,
    host: Option<&'a str>,
    tls: TlsView<'a>,
    principal: Option<&'a str>,
    access_key_id: Option<&'a str>,
    service: &'static str,
    operation: Option<&'a str>,
    action: Option<String>,
    resource: Option<String>,
    status: Option<u16>,
    error_code: Option<&'a str>,
    message: Option<&'a str>,
    decision: Option<&'static str>,
    decided_by: Option<DecidedBy>,
    summary: Option<String>,
    near_miss: Option<NearMiss>,
    statements: Vec<StatementExplanation>,
    notes: Vec<String>,
    context: Map<String, Value>,
    signature: Option<SignatureView<'a>>,
    warnings: &'a [String],
    body: &'a BodyRecord,
    response: ResponseView<'a>,
}

#[derive(Debug, Serialize)]
struct EntryPointView<'a> {
    kind: &'static str,
    vpc_endpoint_id: Option<&'a str>,
    vpc_id: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct TlsView<'a> {
    version: &'a str,
    sni: Option<&'a str>,
    alpn: Option<&'a str>,
}

/// What we made of a request whose signature differs
#[derive(Debug, Serialize)]
struct SignatureView<'a> {
    canonical_request: &'a str,
    string_to_sign: String,
    cause: Option<String>,
    first_difference: Option<DifferenceView<'a>>,
}

/// The first line that the client signed otherwise, where it can be known
#[derive(Debug, Serialize)]
struct DifferenceView<'a> {
    line: usize,
    ours: &'a str,
    theirs: &'a str,
}

#[derive(Debug, Serialize)]
struct ResponseView<'a> {
    bytes: usize,
    rule: Option<&'a str>,
}

impl<'a> EntryView<'a> {
    /// The view of an entry, explanation included
    pub(crate) fn of(entry: &'a Entry) -> Self {
        let authorization = entry.authorization.as_deref();
        let mut explanation = authorization.map(Authorization::explain);
        let summary = explanation.as_ref().map(Explanation::summary);
        Self {
            request_id: entry.request_id,
            time: entry.time,
            duration_micros: u64::try_from(entry.duration.as_micros()).unwrap_or(u64::MAX),
            entry_point: entry.entry_point.as_ref().map(EntryPointView::of),
            source_ip: entry.connection.peer.ip().to_canonical().to_string(),
            method: entry.method.as_str(),
            target: &entry.target,
            host: Some(&*entry.host.text).filter(|text| !text.is_empty()),
            tls: TlsView {
                version: entry.connection.tls.version,
                sni: entry.connection.tls.sni.as_deref(),
                alpn: entry.connection.tls.alpn.as_deref(),
            },
            principal: entry.principal.as_deref().map(Principal::arn),
            access_key_id: entry.access_key_id.as_deref(),
            service: entry.service.signing_name(),
            operation: entry.operation.as_deref(),
            action: authorization.map(Authorization::action),
            resource: authorization.map(Authorization::resource),
            status: entry.status.map(|status| status.as_u16()),
            error_code: entry.error_code,
            message: entry.message.as_deref(),
            decision: authorization.map(|authorization| authorization.decision().as_str()),
            decided_by: explanation
                .as_mut()
                .and_then(|explanation| explanation.evaluation.decided_by.take()),
            near_miss: explanation
                .as_mut()
                .and_then(|explanation| explanation.near_miss.take()),
            notes: explanation
                .as_mut()
                .map_or_else(Vec::new, |explanation| take(&mut explanation.notes)),
            statements: explanation.map_or_else(Vec::new, |explanation| explanation.statements),
            summary,
            context: authorization.map_or_else(Map::new, Authorization::context_json),
            signature: entry.mismatch.as_ref().map(|mismatch| SignatureView {
                canonical_request: mismatch.canonical_request(),
                string_to_sign: mismatch.string_to_sign().to_string(),
                cause: mismatch.cause().map(ToString::to_string),
                first_difference: mismatch.first_difference().map(|difference| DifferenceView {
                    line: difference.line,
                    ours: difference.ours,
                    theirs: difference.theirs,
                }),
            }),
            warnings: &entry.warnings,
            body: &entry.body,
            response: ResponseView {
                bytes: entry.response_bytes,
                rule: entry.rule.as_deref(),
            },
        }
    }

    /// The view as a JSON value
    pub(crate) fn to_json(&self) -> Value {
        to_value(self)
    }
}

impl<'a> EntryPointView<'a> {
    fn of(entry_point: &'a EntryPoint) -> Self {
        Self {
            kind: match entry_point {
                EntryPoint::VpcEndpoint(_) => "vpc-endpoint",
                EntryPoint::Public => "public",
            },
            vpc_endpoint_id: entry_point.vpc_endpoint_id().map(VpcEndpointId::as_str),
            vpc_id: entry_point.vpc_id().map(VpcId::as_str),
        }
    }
}

/// Which entries are asked for; every part that is given must hold
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    operation: Option<String>,
    decision: Option<String>,
    principal: Option<String>,
    vpc_endpoint_id: Option<String>,
    status: Option<u16>,
    since: Option<Since>,
}

/// Where a client left off
#[derive(Debug, PartialEq, Eq)]
enum Since {
    /// Entries received at this instant or later
    Time(Timestamp),
    /// Entries after the one of this request; all that are left when it is no longer there
    Request(Uuid),
}

/// A query that asks for something there is not
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FilterError {
    /// No such filter
    #[error(
        "there is no filter `{0}`; there are operation, decision, principal, vpc_endpoint_id, status and since"
    )]
    Unknown(String),
    /// Not a value of that filter
    #[error("`{value}` is not {expected}")]
    Value {
        /// What was given
        value: String,
        /// What it should be
        expected: &'static str,
    },
}

impl Filter {
    /// Reads the query of a URL
    ///
    /// # Errors
    /// When a filter is not known or its value is not of its kind.
    pub(crate) fn parse(query: &str) -> Result<Self, FilterError> {
        let mut filter = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            match &*name {
                "operation" => filter.operation = Some(value),
                "decision" if DECISIONS.contains(&value.as_str()) => filter.decision = Some(value),
                "decision" => {
                    return Err(FilterError::Value {
                        value,
                        expected: "a decision (allowed, implicitDeny or explicitDeny)",
                    });
                }
                "principal" => filter.principal = Some(value),
                "vpc_endpoint_id" => filter.vpc_endpoint_id = Some(value),
                "status" => match value.parse() {
                    Ok(status) => filter.status = Some(status),
                    Err(_) => {
                        return Err(FilterError::Value {
                            value,
                            expected: "an HTTP status",
                        });
                    }
                },
                "since" => match (value.parse(), value.parse()) {
                    (Ok(time), _) => filter.since = Some(Since::Time(time)),
                    (_, Ok(request_id)) => filter.since = Some(Since::Request(request_id)),
                    _ => {
                        return Err(FilterError::Value {
                            value,
                            expected: "an instant (like 2026-01-02T03:04:05Z) or a request id",
                        });
                    }
                },
                _ => return Err(FilterError::Unknown(name.into_owned())),
            }
        }
        Ok(filter)
    }

    pub(super) fn apply(&self, mut entries: Vec<Arc<Entry>>) -> Vec<Arc<Entry>> {
        if let Some(Since::Request(request_id)) = self.since
            && let Some(position) = entries.iter().position(|entry| entry.request_id == request_id)
        {
            entries.drain(..=position);
        }
        entries.retain(|entry| self.lets_through(entry));
        entries
    }

    fn lets_through(&self, entry: &Entry) -> bool {
        let asks = |wanted: &Option<String>, found: Option<&str>| match wanted {
            None => true,
            Some(wanted) => found == Some(wanted),
        };
        asks(&self.operation, entry.operation.as_deref())
            && asks(
                &self.decision,
                entry
                    .authorization
                    .as_ref()
                    .map(|authorization| authorization.decision().as_str()),
            )
            && asks(&self.principal, entry.principal.as_deref().map(Principal::arn))
            && asks(
                &self.vpc_endpoint_id,
                entry
                    .entry_point
                    .as_ref()
                    .and_then(EntryPoint::vpc_endpoint_id)
                    .map(VpcEndpointId::as_str),
            )
            && self
                .status
                .is_none_or(|status| entry.status.is_some_and(|found| found.as_u16() == status))
            && match self.since {
                Some(Since::Time(since)) => entry.time >= since,
                _ => true,
            }
    }
}

pub(super) fn hex<S: Serializer>(sha256: &Option<[u8; 32]>, serializer: S) -> Result<S::Ok, S::Error> {
    use std::fmt::Write;
    let Some(sha256) = sha256 else {
        return serializer.serialize_none();
    };
    let mut text = String::with_capacity(64);
    for byte in sha256 {
        write!(text, "{byte:02x}").expect("a String takes everything");
    }
    serializer.serialize_str(&text)
}

pub(super) fn base64<S: Serializer>(kept: &Option<Box<[u8]>>, serializer: S) -> Result<S::Ok, S::Error> {
    match kept {
        Some(kept) => serializer.serialize_str(&BASE64_STANDARD.encode(kept)),
        None => serializer.serialize_none(),
    }
}

fn to_value(view: &impl Serialize) -> Value {
    serde_json::to_value(view).expect("views have string keys and finite numbers")
}

const DECISIONS: [&str; 3] = ["allowed", "implicitDeny", "explicitDeny"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_of_several_parts_is_read() {
        let filter = Filter::parse("operation=DetectAnomalies&status=403&decision=explicitDeny").unwrap();
        assert_eq!(filter.operation.as_deref(), Some("DetectAnomalies"));
        assert_eq!(filter.status, Some(403));
        assert_eq!(Filter::parse(""), Ok(Filter::default()));
    }

    #[test]
    fn since_is_an_instant_or_a_request_id() {
        let since = |text: &str| Filter::parse(&format!("since={text}")).map(|filter| filter.since);
        assert!(matches!(since("2026-01-02T03:04:05Z"), Ok(Some(Since::Time(_)))));
        assert!(matches!(
            since("7a62c49f-347e-4fc4-9331-6e8e1a2f2a11"),
            Ok(Some(Since::Request(_)))
        ));
        assert!(since("yesterday").is_err());
    }

    #[test]
    fn what_cannot_be_asked_is_refused_by_name() {
        let error = |query: &str| Filter::parse(query).expect_err(query).to_string();
        assert_eq!(
            error("op=x"),
            "there is no filter `op`; there are operation, decision, principal, vpc_endpoint_id, status and since"
        );
        assert_eq!(error("status=ok"), "`ok` is not an HTTP status");
        assert_eq!(
            error("decision=denied"),
            "`denied` is not a decision (allowed, implicitDeny or explicitDeny)"
        );
    }
}
