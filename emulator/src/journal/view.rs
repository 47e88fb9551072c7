//! How an entry reads over HTTP.
//!
//! This is an API: a member never changes its name or its kind. The explanation is computed here, when somebody reads
//! the entry, from what the entry holds of the decision; a server that explained every request would spend longer on
//! explaining than on deciding.

use std::{borrow::Cow, collections::BTreeMap, mem::take, sync::Arc};

use aws_identifiers::{VpcEndpointId, VpcId};
use base64::{Engine, prelude::BASE64_STANDARD};
use client_text::{escape_json, hex as hex_text};
use hyper::body::Bytes;
use iam_policy::{
    DecidedBy, Decision, Explanation, LayerDecision, NearMiss, PolicyDocument, PolicyType,
    StatementExplanation,
};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use sigv4_verify::redact_secrets;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{BodyRecord, Entry, SignatureRecord};
use crate::{
    authorization::{Authorization, Pair},
    identity::Principal,
    network::{entry_point::EntryPoint, host_name::EmulatedService},
    request::trace_parent::TraceParent,
    settings::sha256,
};

/// One entry as the control API shows it
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JournalEntry)]
pub(crate) struct EntryView<'a> {
    request_id: Uuid,
    time: Timestamp,
    duration_micros: u64,
    entry_point: Option<EntryPointView<'a>>,
    source_ip: String,
    method: &'a str,
    target: &'a str,
    host: Option<&'a str>,
    traceparent: Option<&'a str>,
    tls: TlsView<'a>,
    principal: Option<&'a str>,
    /// Of a session the ARN of its role, if its path is known, which the session's own ARN leaves out
    role_arn: Option<&'a str>,
    access_key_id: Option<&'a str>,
    /// `null`: a fault met a handshake whose server name is that of no service
    service: Option<&'static str>,
    operation: Option<&'a str>,
    action: Option<String>,
    resource: Option<String>,
    pairs: Vec<PairView>,
    /// For each of these pairs, in the same order: what each layer of policies says by itself
    #[schema(value_type = Vec<Vec<Object>>)]
    layers: Vec<Vec<LayerDecision>>,
    status: Option<u16>,
    /// The fault that the request met
    fault: Option<&'a str>,
    error_code: Option<&'a str>,
    message: Option<&'a str>,
    /// What the answer's own message is where `message` is the journal's account of it, as of a refused signature; empty:
    /// the answer has none
    #[serde(skip_serializing_if = "Option::is_none")]
    client_message: Option<&'a str>,
    decision: Option<&'static str>,
    #[schema(value_type = Option<Object>)]
    decided_by: Option<OfDocument<DecidedBy>>,
    summary: Option<String>,
    #[schema(value_type = Option<Object>)]
    near_miss: Option<OfDocument<NearMiss>>,
    #[schema(value_type = Vec<Object>)]
    statements: Vec<OfDocument<StatementExplanation>>,
    notes: Vec<String>,
    #[schema(value_type = Object)]
    context: Map<String, Value>,
    signature: Option<&'a SignatureRecord>,
    warnings: &'a [String],
    body: &'a BodyRecord,
    response: ResponseView<'a>,
}

/// Something that names a document by its type and its place, and the SHA-256 of the document's text, by which
/// `GET /policies/SHA256` finds the document
#[derive(Debug, Serialize)]
pub(crate) struct OfDocument<T> {
    #[serde(flatten)]
    what: T,
    document_sha256: Option<Arc<str>>,
}

impl<T> OfDocument<T> {
    pub(crate) fn new(what: T, document_sha256: Option<Arc<str>>) -> Self {
        Self {
            what,
            document_sha256,
        }
    }
}

/// The SHA-256 of every document that was consulted
pub(crate) struct Sha256s(BTreeMap<(PolicyType, usize), Arc<str>>);

impl Sha256s {
    pub(crate) fn of(documents: Vec<(usize, PolicyDocument)>) -> Self {
        let documents = documents.into_iter();
        Self(BTreeMap::from_iter(documents.map(|(place, document)| {
            let sha256 = hex_text(&sha256(document.text()));
            ((document.policy_type(), place), sha256.into())
        })))
    }

    /// A statement with the document that it stands in
    pub(crate) fn name_statement(&self, by: DecidedBy) -> OfDocument<DecidedBy> {
        let (policy_type, policy) = (by.policy_type, by.policy);
        self.name(by, policy_type, policy)
    }

    /// A statement that came close with the document that it stands in
    pub(crate) fn name_near_miss(&self, near_miss: NearMiss) -> OfDocument<NearMiss> {
        let (policy_type, policy) = (near_miss.statement.policy_type, near_miss.statement.policy);
        self.name(near_miss, policy_type, policy)
    }

    fn name<T>(&self, what: T, policy_type: PolicyType, policy: usize) -> OfDocument<T> {
        OfDocument {
            what,
            document_sha256: self.0.get(&(policy_type, policy)).cloned(),
        }
    }
}

/// One action on one resource that had to be allowed; `action` and `resource` of the entry are those of the pair that
/// decided
#[derive(Debug, Serialize, ToSchema)]
struct PairView {
    action: String,
    resource: String,
    decision: &'static str,
}

impl PairView {
    fn of((pair, decision): (&Pair, Decision)) -> Self {
        Self {
            action: pair.action().to_string(),
            resource: pair.resource().to_string(),
            decision: decision.as_str(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct EntryPointView<'a> {
    kind: &'static str,
    vpc_endpoint_id: Option<&'a str>,
    vpc_id: Option<&'a str>,
}

#[derive(Debug, Serialize, ToSchema)]
struct TlsView<'a> {
    version: &'a str,
    sni: Option<&'a str>,
    alpn: Option<&'a str>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ResponseView<'a> {
    bytes: usize,
    rule: Option<RuleView<'a>>,
    /// The body, where it is kept, in base64
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "base64")]
    #[schema(value_type = Option<String>)]
    kept: Option<Bytes>,
}

/// The rule that answered
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum RuleView<'a> {
    /// One of the configuration, by its place, or `default`
    Declared(&'a str),
    /// One that was put while the emulator runs
    Put {
        #[schema(example = "r-1")]
        id: &'a str,
        #[schema(example = "control")]
        source: &'static str,
    },
}

impl<'a> RuleView<'a> {
    fn of(rule: &'a str) -> Self {
        match rule.starts_with("r-") {
            true => Self::Put {
                id: rule,
                source: "control",
            },
            false => Self::Declared(rule),
        }
    }
}

impl<'a> EntryView<'a> {
    /// The view of an entry, explanation included
    pub(crate) fn of(entry: &'a Entry) -> Self {
        let authorization = entry.authorization.as_deref();
        let mut explanation = authorization.map(Authorization::explain);
        let details = entry.details();
        let of_fault = || {
            details
                .fault
                .as_ref()
                .and(details.message.as_deref())
                .map(str::to_owned)
        };
        let summary = explanation.as_ref().map(Explanation::summary).or_else(of_fault);
        let sha256s = Sha256s::of(authorization.map_or_else(Vec::new, Authorization::documents));
        Self {
            request_id: entry.request_id,
            time: entry.time,
            duration_micros: u64::try_from(entry.duration.as_micros()).unwrap_or(u64::MAX),
            entry_point: entry.entry_point.as_ref().map(EntryPointView::of),
            source_ip: entry.connection.peer.ip().to_canonical().to_string(),
            method: entry.method.as_str(),
            target: &entry.target,
            host: Some(&*entry.host.text).filter(|text| !text.is_empty()),
            traceparent: details.traceparent.as_ref().map(TraceParent::as_str),
            tls: TlsView {
                version: entry.connection.tls.version,
                sni: entry.connection.tls.sni.as_deref(),
                alpn: entry.connection.tls.alpn.as_deref(),
            },
            principal: entry.principal.as_deref().map(Principal::arn),
            role_arn: entry.principal.as_deref().and_then(Principal::role_arn),
            access_key_id: entry.access_key_id.as_deref(),
            service: entry.service.map(EmulatedService::signing_name),
            operation: entry.operation.as_deref(),
            action: authorization.map(Authorization::action),
            resource: authorization.map(Authorization::resource),
            pairs: authorization.map_or_else(Vec::new, |authorization| {
                authorization.pairs().map(PairView::of).collect()
            }),
            layers: authorization.map_or_else(Vec::new, |authorization| {
                let pairs = authorization.pairs();
                pairs.map(|(pair, _)| authorization.layers(pair)).collect()
            }),
            status: entry.status.map(|status| status.as_u16()),
            fault: details.fault.as_deref(),
            error_code: details.error_code,
            message: details.message.as_deref(),
            client_message: details.client_message.as_deref(),
            decision: authorization.map(|authorization| authorization.decision().as_str()),
            decided_by: explanation
                .as_mut()
                .and_then(|explanation| explanation.evaluation.decided_by.take())
                .map(|by| sha256s.name_statement(by)),
            near_miss: explanation
                .as_mut()
                .and_then(|explanation| explanation.near_miss.take())
                .map(|near_miss| sha256s.name_near_miss(near_miss)),
            notes: explanation
                .as_mut()
                .map_or_else(Vec::new, |explanation| take(&mut explanation.notes)),
            statements: explanation.map_or_else(Vec::new, |explanation| {
                let statements = explanation.statements.into_iter();
                let named = statements.map(|statement| {
                    let (policy_type, policy) = (statement.policy_type, statement.policy);
                    sha256s.name(statement, policy_type, policy)
                });
                named.collect()
            }),
            summary,
            context: authorization.map_or_else(Map::new, Authorization::context_json),
            signature: details.signature.as_ref(),
            warnings: &details.warnings,
            body: &entry.body,
            response: ResponseView {
                bytes: entry.response_bytes,
                rule: entry.rule.as_deref().map(RuleView::of),
                kept: details
                    .response_body
                    .clone()
                    .or_else(|| details.response_mask.upgrade().map(|answer| (*answer).clone())),
            },
        }
    }

    /// The view as a JSON value without secrets
    ///
    /// A presigned URL can stand in the headers that policies look at, and so in every text about them. That is why
    /// secrets are removed from all texts here, and not from each where it comes from.
    pub(crate) fn to_json(&self) -> Value {
        let mut value = to_value(self);
        redact(&mut value);
        value
    }

    /// The same on one line, with nothing in it that moves a cursor
    pub(crate) fn to_json_text(&self) -> String {
        escape_json(self.to_json().to_string())
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

pub(super) fn hex<S: Serializer>(sha256: &Option<[u8; 32]>, serializer: S) -> Result<S::Ok, S::Error> {
    match sha256 {
        Some(sha256) => serializer.serialize_str(&client_text::hex(sha256)),
        None => serializer.serialize_none(),
    }
}

pub(super) fn base64<S: Serializer>(
    kept: &Option<impl AsRef<[u8]>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match kept {
        Some(kept) => serializer.serialize_str(&BASE64_STANDARD.encode(kept)),
        None => serializer.serialize_none(),
    }
}

fn redact(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(redacted) = redact_secrets(text) {
                *text = redacted;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(redact),
        Value::Object(members) => members.values_mut().for_each(redact),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn to_value(view: &impl Serialize) -> Value {
    serde_json::to_value(view).expect("views have string keys and finite numbers")
}
