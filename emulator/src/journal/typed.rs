//! One entry of the journal, for tests in Rust.

use std::{fmt, net::IpAddr};

use aws_identifiers::VpcEndpointId;
use iam_policy::{Decision, Explanation};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

use super::{EntryView, SharedEntry};
use crate::{
    authorization::Authorization, identity::Principal, network::host_name::EmulatedService,
    request::trace_parent::TraceParent,
};

/// One request: what was asked, what was decided, and why
///
/// It prints as the control API shows it.
#[derive(Clone)]
pub struct JournalEntry(SharedEntry);

impl JournalEntry {
    pub(crate) fn new(entry: SharedEntry) -> Self {
        Self(entry)
    }

    /// The `x-amzn-RequestId` of the answer
    pub fn request_id(&self) -> Uuid {
        self.0.request_id
    }

    /// When the head was complete, on the emulator's clock
    pub fn time(&self) -> Timestamp {
        self.0.time
    }

    /// The client's address
    pub fn source_ip(&self) -> IpAddr {
        self.0.connection.peer.ip().to_canonical()
    }

    /// The HTTP method
    pub fn method(&self) -> &str {
        self.0.method.as_str()
    }

    /// Path and query, without secrets
    pub fn target(&self) -> &str {
        &self.0.target
    }

    /// The `traceparent` header, where it has the form of W3C Trace Context
    pub fn traceparent(&self) -> Option<&str> {
        self.0.details().traceparent.as_ref().map(TraceParent::as_str)
    }

    /// The endpoint that the request came through, if it came through one
    pub fn vpc_endpoint_id(&self) -> Option<&str> {
        let entry_point = self.0.entry_point.as_ref()?;
        entry_point.vpc_endpoint_id().map(VpcEndpointId::as_str)
    }

    /// The ARN of the caller; `None`: the request was refused before its signature was found good
    pub fn principal(&self) -> Option<&str> {
        self.0.principal.as_deref().map(Principal::arn)
    }

    /// The access key id that the request names
    pub fn access_key_id(&self) -> Option<&str> {
        self.0.access_key_id.as_deref()
    }

    /// The service that was asked, by its signing name; `None`: a fault met a handshake whose server name is that of no
    /// service
    pub fn service(&self) -> Option<&'static str> {
        self.0.service.map(EmulatedService::signing_name)
    }

    /// The operation or action, as far as it is known
    pub fn operation(&self) -> Option<&str> {
        self.0.operation.as_deref()
    }

    /// The action that the decision is about, `lookoutvision:…`
    pub fn action(&self) -> Option<String> {
        self.0.authorization.as_deref().map(Authorization::action)
    }

    /// The resource of that action: `*` or an ARN
    pub fn resource(&self) -> Option<String> {
        self.0.authorization.as_deref().map(Authorization::resource)
    }

    /// The decision; `None`: the request was refused before it was authorised
    pub fn decision(&self) -> Option<Decision> {
        self.0.authorization.as_deref().map(Authorization::decision)
    }

    /// The decision with its reason in one sentence
    pub fn summary(&self) -> Option<String> {
        self.explanation().map(|explanation| explanation.summary())
    }

    /// For each statement what matched and what did not
    pub fn explanation(&self) -> Option<Explanation> {
        self.0.authorization.as_deref().map(Authorization::explain)
    }

    /// The HTTP status of the answer; `None`: the client hung up before there was one, or a fault kept it from the client
    pub fn status(&self) -> Option<u16> {
        self.0.status.map(|status| status.as_u16())
    }

    /// The code of a refusal
    pub fn error_code(&self) -> Option<&'static str> {
        self.0.details().error_code
    }

    /// The sentence of a refusal
    pub fn message(&self) -> Option<&str> {
        self.0.details().message.as_deref()
    }

    /// The canned rule that answered
    pub fn rule(&self) -> Option<&str> {
        self.0.rule.as_deref()
    }

    /// The fault that the request met
    pub fn fault(&self) -> Option<&str> {
        self.0.details().fault.as_deref()
    }

    /// Warnings about the request or its answer
    pub fn warnings(&self) -> &[String] {
        &self.0.details().warnings
    }

    /// Everything, as the control API shows it
    pub fn to_json(&self) -> Value {
        EntryView::of(&self.0).to_json()
    }
}

impl Serialize for JournalEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl fmt::Debug for JournalEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.to_json())
    }
}
