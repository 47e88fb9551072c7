//! Faults on the way of a request: where each stage looks for one, and what it makes of the one that strikes.
//!
//! ```text
//! head ── BeforeAuthentication ── authenticate ── authorize ── InsteadOfOperation ── perform ── BeforeAnswer ── answer
//! ```
//!
//! A call meets one fault at most: the first that strikes, by stage and then in the order of the list. A call whose
//! signature is refused, or that the policies refuse, comes to the first stage only.

use std::{net::IpAddr, sync::Arc};

use aws_identifiers::Region;
use http::{HeaderName, HeaderValue};
use hyper::Response;
use lookoutvision::request::Request;

use super::{Exchange, authenticate, head};
use crate::{
    identity::Principal,
    journal::OpenEntry,
    network::entry_point::EntryPoint,
    request::{Connection, ReceivedRequest, body::RequestBody},
    runtime::{Shared, faults::MetFault},
    services::{injected::Injected, refusal::Refusal},
    settings::faults::{CallFacts, ConnectionFault, Effect, Stage},
};

/// What faults can ask about a call, besides what the journal's entry holds, as far as it is known by now
#[derive(Debug, Default)]
pub(super) struct CallSubject {
    region: Option<Region>,
    project: Option<Box<str>>,
    model_version: Option<Box<str>>,
    /// The policies allow it
    is_permitted: bool,
    /// The fault that it has met
    met: Option<MetFault>,
}

impl CallSubject {
    /// The fault that befalls the connection while the answer is on it
    pub(super) fn fault_of_answer(self) -> Option<MetFault> {
        self.met
            .filter(|met| matches!(met.effect(), Effect::Connection(_)))
    }
}

impl Exchange<'_> {
    /// Looks for a fault when nothing but the head is known
    pub(super) async fn meet_before_authentication(
        &self,
        call: &mut CallSubject,
        incoming: &mut RequestBody,
        entry: &mut OpenEntry<'_>,
    ) -> Result<(), Refusal> {
        if self.snapshot.faults.is_empty() {
            return Ok(());
        }
        // In a box, or else calls that meet no fault would carry the room for it too.
        Box::pin(self.look_at_head(call, incoming, entry)).await
    }

    async fn look_at_head(
        &self,
        call: &mut CallSubject,
        incoming: &mut RequestBody,
        entry: &mut OpenEntry<'_>,
    ) -> Result<(), Refusal> {
        let received = self.received;
        let route = head::route(self);
        let entry_point = head::entry_point(self);
        let access_key_id = authenticate::claimed_access_key_id(received);
        let region = authenticate::claimed_region(received);
        let facts = CallFacts {
            operation: route.as_ref().map(|route| route.operation().name()),
            principal: None,
            access_key_id: access_key_id.as_deref(),
            vpc_endpoint_id: entry_point.as_ref().and_then(EntryPoint::vpc_endpoint_id),
            project: route.as_ref().and_then(|route| route.label("projectName")),
            model_version: route.as_ref().and_then(|route| route.label("modelVersion")),
            region: region.as_ref(),
            ..self.facts()
        };
        let Some(met) = self.snapshot.faults.strike(Stage::BeforeAuthentication, &facts) else {
            return Ok(());
        };
        if let Effect::Connection(ConnectionFault {
            after_bytes: Some(bytes),
            ..
        }) = met.effect()
        {
            incoming.discard(*bytes, &self.snapshot.settings.limits).await;
        }
        let own = |text: Option<&str>| text.map(Into::into);
        (call.project, call.model_version) = (own(facts.project), own(facts.model_version));
        entry.access_key_id = access_key_id.map(Into::into);
        entry.entry_point = entry_point;
        self.undergo(met, call, entry).await
    }

    /// Notes what faults can ask about a call of Lookout for Vision
    pub(super) fn note_subject(&self, request: &Request, call: &mut CallSubject) {
        if self.snapshot.faults.is_empty() {
            return;
        }
        call.region = Some(request.region().clone());
        call.project = request.project_name().map(Into::into);
        call.model_version = request.model_version().map(Into::into);
    }

    /// The same for a call of another service: its Region
    pub(super) fn note_region(&self, region: &Region, call: &mut CallSubject) {
        if !self.snapshot.faults.is_empty() {
            call.region = Some(region.clone());
        }
    }

    /// Looks for a fault after the policies have allowed the call
    pub(super) async fn meet_instead_of_operation(
        &self,
        call: &mut CallSubject,
        entry: &mut OpenEntry<'_>,
    ) -> Result<(), Refusal> {
        // A CreateModel that was overtaken is authorised anew, and is still the same call.
        if std::mem::replace(&mut call.is_permitted, true) {
            return Ok(());
        }
        self.meet(Stage::InsteadOfOperation, call, entry).await
    }

    /// Looks for a fault after the service has performed or refused the operation
    pub(super) async fn meet_before_answer(
        &self,
        call: &mut CallSubject,
        entry: &mut OpenEntry<'_>,
    ) -> Result<(), Refusal> {
        if !call.is_permitted {
            return Ok(());
        }
        self.meet(Stage::BeforeAnswer, call, entry).await
    }

    async fn meet(
        &self,
        stage: Stage,
        call: &mut CallSubject,
        entry: &mut OpenEntry<'_>,
    ) -> Result<(), Refusal> {
        if self.snapshot.faults.is_empty() || entry.details().fault.is_some() {
            return Ok(());
        }
        let facts = CallFacts {
            operation: entry.operation.as_deref(),
            principal: entry.principal.as_deref().map(Principal::arn),
            access_key_id: entry.access_key_id.as_deref(),
            vpc_endpoint_id: entry.entry_point.as_ref().and_then(EntryPoint::vpc_endpoint_id),
            project: call.project.as_deref(),
            model_version: call.model_version.as_deref(),
            region: call.region.as_ref(),
            ..self.facts()
        };
        match self.snapshot.faults.strike(stage, &facts) {
            Some(met) => Box::pin(self.undergo(met, call, entry)).await,
            None => Ok(()),
        }
    }

    /// Holds the call up, and refuses it where the fault says so; what happens to its connection is left to the server
    async fn undergo(
        &self,
        met: MetFault,
        call: &mut CallSubject,
        entry: &mut OpenEntry<'_>,
    ) -> Result<(), Refusal> {
        entry.details_mut().fault = Some(met.name().clone());
        met.hold_up().await;
        let goes_on = match met.effect() {
            Effect::Nothing => true,
            Effect::Connection(fault) => call.is_permitted && fault.leaves_an_answer(),
            Effect::Error(_) | Effect::Answer { .. } | Effect::Tls(_) => false,
        };
        if goes_on {
            call.met = Some(met);
            return Ok(());
        }
        Err(Injected {
            met,
            project: call.project.take(),
            model_version: call.model_version.take(),
        }
        .into())
    }

    /// What is known of every call
    fn facts(&self) -> CallFacts<'static> {
        CallFacts {
            service: self.service,
            operation: None,
            principal: None,
            access_key_id: None,
            vpc_endpoint_id: None,
            project: None,
            model_version: None,
            region: None,
            source_ip: self.source_ip(),
        }
    }

    fn source_ip(&self) -> IpAddr {
        self.received.connection.peer.ip()
    }
}

/// Looks for a fault in a handshake; one that strikes gets a journal entry without an answer
pub(crate) fn meet_in_handshake(
    shared: &Shared,
    connection: impl FnOnce() -> Connection,
) -> Option<MetFault> {
    let snapshot = shared.space.snapshot();
    if snapshot.faults.is_empty() {
        return None;
    }
    let connection = Arc::new(connection());
    let server_name = connection.tls.sni.as_deref();
    let met = snapshot
        .faults
        .strike_handshake(server_name, connection.peer.ip())?;
    let received = ReceivedRequest::unreadable(&[], connection, shared.space.clock().reading());
    let mut entry = shared.space.journal.open(&received);
    entry.service = head::service_of_server_name(received.connection.tls.sni.as_deref());
    entry.details_mut().fault = Some(met.name().clone());
    if let Effect::Tls(fault) = met.effect() {
        let message = format!("the fault `{}` met the handshake: {fault}", met.name());
        entry.details_mut().message = Some(message.into());
    }
    Some(met)
}

/// Says in the answer which fault the call has met
pub(super) fn name_fault<B>(entry: &OpenEntry<'_>, response: &mut Response<B>) {
    if let Some(fault) = &entry.details().fault
        && let Ok(name) = HeaderValue::from_str(fault)
    {
        response.headers_mut().insert(X_FAULT, name);
    }
}

/// The header field that names the fault that the call has met
const X_FAULT: HeaderName = HeaderName::from_static("x-lookoutvision-emulator-fault");
