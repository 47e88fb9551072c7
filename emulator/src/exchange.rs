//! The way of one request: entry point, authenticate, resolve, authorize, perform, respond.
//!
//! Plain functions, one type change a step. The first two are the same for every service that is played here; what
//! follows is Lookout for Vision's, EC2's or STS's own. [`answer`] is the wrapper around them: it opens the journal
//! entry before anything is decided, and however a request ends, the entry is closed once, before the answer leaves.

mod authenticate;
mod faults;
mod head;
mod not_played;
mod respond;

use std::sync::Arc;

use aws_identifiers::Region;
use http::{StatusCode, request::Parts};
use http_body_util::Full;
use hyper::{Response, body::Bytes};
use lookoutvision::{
    operations::Refused,
    request::{Received, Request},
};
use sigv4_verify::SignatureError;
use tracing::{debug, warn};

pub(crate) use self::faults::meet_in_handshake;
use self::{faults::CallSubject, not_played::ServiceNotPlayed};
use crate::{
    authorization::{self, Authorizable, Coverage, Permit},
    identity::Caller,
    journal::{OpenEntry, SignatureRecord, masks::has_mask},
    network::{
        entry_point::{EntryPoint, HostEntryPoint, Scope},
        host_name::{EmulatedHost, EmulatedService},
    },
    request::{
        Connection, HeadError, ReceivedRequest,
        body::{Account, BodyError, ReceivedBody, RequestBody},
    },
    runtime::{Shared, Snapshot, Space, faults::MetFault},
    services::{
        ec2,
        injected::Injected,
        lookoutvision::{call::Call, perform},
        query::parameters::{Parameters, TooManyParameters},
        query_actions,
        refusal::{BodyForm, FrontEndError, Refusal},
        sts,
    },
    settings::faults::Effect,
};

/// What becomes of a request of the AWS API
#[derive(Debug)]
pub(crate) enum Answered {
    /// It is answered
    Whole(Response<Full<Bytes>>),
    /// It is answered, and a fault of the connection befalls the answer
    Faulty(Response<Full<Bytes>>, MetFault),
    /// It gets no answer, but a fault of the connection
    CutOff(MetFault),
}

/// Answers one request of the AWS API
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    connection: &Arc<Connection>,
    head: Parts,
    incoming: &mut RequestBody,
) -> Answered {
    let snapshot = shared.space.snapshot();
    let limits = &snapshot.settings.limits;
    let checked = HeadError::check(&head, limits);
    let clock = &snapshot.generation.clock;
    let received = ReceivedRequest::new(head, connection.clone(), clock.reading());
    let mut entry = shared.space.journal.open(&received);
    let exchange = Exchange::begin(shared, &snapshot, &received, &mut entry);
    let mut call = CallSubject::default();
    let outcome = match checked {
        Ok(()) => exchange.decide(incoming, &mut call, &mut entry).await,
        Err(error) => Err(FrontEndError::Head(error).into()),
    };
    let mut response = match outcome {
        Ok((status, body)) => {
            let form = BodyForm::of(exchange.service);
            respond::success(status, body, form, received.request_id, clock.now())
        }
        Err(Refusal::Injected(Injected { met, .. })) if matches!(met.effect(), Effect::Connection(_)) => {
            head::note_operation(&mut entry, &exchange);
            return Answered::CutOff(met);
        }
        Err(refusal) => {
            if let Some((bytes, sha256)) = incoming.drain(limits).await {
                entry.body.bytes = Some(bytes);
                entry.body.sha256 = Some(sha256);
            }
            exchange.refuse(refusal, &mut entry)
        }
    };
    note_answer(&mut entry, &response, limits.journal_body_bytes_max);
    faults::name_fault(&entry, &mut response);
    match call.fault_of_answer() {
        None => Answered::Whole(response),
        Some(met) => {
            if matches!(met.effect(), Effect::Connection(fault) if !fault.leaves_the_whole_answer()) {
                entry.status = None;
            }
            Answered::Faulty(response, met)
        }
    }
}

/// Answers a request whose head could not be read; `head` holds the bytes of it that are left
pub(crate) fn answer_unreadable(
    shared: &Arc<Shared>,
    connection: &Arc<Connection>,
    head: &[u8],
    error: HeadError,
) -> Response<Full<Bytes>> {
    let snapshot = shared.space.snapshot();
    let now = snapshot.generation.clock.reading();
    let received = ReceivedRequest::unreadable(head, connection.clone(), now);
    let mut entry = shared.space.journal.open(&received);
    let exchange = Exchange::begin(shared, &snapshot, &received, &mut entry);
    let response = exchange.refuse(FrontEndError::Head(error).into(), &mut entry);
    let kept_max = snapshot.settings.limits.journal_body_bytes_max;
    note_answer(&mut entry, &response, kept_max);
    response
}

/// Says in the journal how a request was answered. A body is kept whole or not at all: one of up to `kept_max` bytes
/// (`journal_body_bytes_max`), and a larger one only if it has a mask.
fn note_answer(entry: &mut OpenEntry<'_>, response: &Response<Full<Bytes>>, kept_max: usize) {
    entry.status = Some(response.status());
    entry.response_bytes = hyper::body::Body::size_hint(response.body())
        .exact()
        .map_or(0, |bytes| bytes as usize);
    // Only answers of Lookout for Vision are kept: those of STS have secrets in them.
    if entry.service != Some(EmulatedService::LookoutVision) {
        return;
    }
    if entry.response_bytes <= kept_max {
        entry.details_mut().response_body = respond::bytes_of(response);
    } else if entry.rule.is_some()
        && let Some(answer) = respond::bytes_of(response)
        && has_mask(&answer)
    {
        entry.keep_mask(answer);
    }
}

/// A request, and what is known of it before anything is decided
struct Exchange<'f> {
    shared: &'f Arc<Shared>,
    snapshot: &'f Arc<Snapshot>,
    received: &'f ReceivedRequest,
    service: EmulatedService,
    /// The signing name in the scope, where the host names no service
    claimed_service: Option<String>,
}

/// A request whose signature is good
struct Authenticated {
    caller: Caller,
    entry_point: EntryPoint,
    region: Region,
    body: ReceivedBody,
}

impl<'e> Exchange<'e> {
    /// Says in the journal which service is asked
    fn begin(
        shared: &'e Arc<Shared>,
        snapshot: &'e Arc<Snapshot>,
        received: &'e ReceivedRequest,
        entry: &mut OpenEntry<'_>,
    ) -> Self {
        let claimed_service = match received.host.emulated {
            EmulatedHost::Other => authenticate::claimed_service_name(received),
            _ => None,
        };
        let service = head::service(received, claimed_service.as_deref());
        entry.service = Some(service);
        entry.unread_actions = query_actions(service);
        Self {
            shared,
            snapshot,
            received,
            service,
            claimed_service,
        }
    }

    /// A refusal's answer, and what the journal says of it
    fn refuse(&self, refusal: Refusal, entry: &mut OpenEntry<'_>) -> Response<Full<Bytes>> {
        let received = self.received;
        self.shared.limits_reached.note(refusal.limits());
        head::note_operation(entry, self);
        if !matches!(refusal, Refusal::Before(FrontEndError::NoEntryPoint(_))) {
            head::note_entry_point(entry, self);
        }
        let wire = refusal.to_wire(
            self.service,
            received.request_id,
            self.snapshot.settings.strictness.mismatch_detail,
        );
        if let Refusal::Own(error) = &refusal {
            for remark in error.remarks() {
                warn!(request_id = %received.request_id, "{remark}");
                entry.details_mut().warnings.push(remark);
            }
        }
        advise(received, &refusal, &wire.message);
        let details = entry.details_mut();
        details.error_code = wire.error_type;
        details.message = Some(wire.message.as_str().into());
        details.client_message = wire.client_message.as_deref().map(Into::into);
        if let Refusal::Before(FrontEndError::Signature(error)) = refusal
            && let SignatureError::SignatureDoesNotMatch(mismatch) = *error
        {
            details.signature = Some(SignatureRecord::of(&mismatch));
        }
        respond::refusal(wire, received.request_id, self.snapshot.generation.clock.now())
    }

    /// The five steps, and the faults between them
    async fn decide(
        &self,
        incoming: &mut RequestBody,
        call: &mut CallSubject,
        entry: &mut OpenEntry<'_>,
    ) -> Result<(StatusCode, Bytes), Refusal> {
        self.meet_before_authentication(call, incoming, entry).await?;
        let authenticated = self.authenticate(incoming, entry).await?;
        let outcome = match self.service {
            EmulatedService::LookoutVision => self.lookoutvision(authenticated, call, entry).await,
            EmulatedService::Ec2 => self.ec2(authenticated, call, entry).await,
            EmulatedService::Sts => self.sts(authenticated, call, entry).await,
        };
        self.meet_before_answer(call, entry).await?;
        outcome
    }

    /// Steps 1 and 2
    async fn authenticate(
        &self,
        incoming: &mut RequestBody,
        entry: &mut OpenEntry<'_>,
    ) -> Result<Authenticated, Refusal> {
        let Self {
            shared,
            snapshot,
            received,
            service,
            ..
        } = *self;
        if let Some(error) = ServiceNotPlayed::of(received, self.claimed_service.as_deref()) {
            return Err(error.into());
        }
        // 1. Which entry point, as far as the host tells.
        let endpoints = &snapshot.endpoints;
        let host_entry_point = endpoints
            .by_host(received.arrival())
            .and_then(|found| {
                endpoints
                    .check_names(received.arrival(), &received.other_names, None)
                    .map(|()| found)
            })
            .map_err(FrontEndError::NoEntryPoint)?;
        let host_region = match &host_entry_point {
            HostEntryPoint::Known(entry_point, region) => {
                entry.entry_point = Some(entry_point.clone());
                Some(region.clone())
            }
            HostEntryPoint::ByScope => None,
        };

        // 2. Who is calling. The head is checked before the body is read, the signature when the body is in.
        let strictness = snapshot.settings.strictness;
        let host_region = host_region.as_ref();
        let clock = &snapshot.generation.clock;
        let read = authenticate::read(received, &strictness, service, host_region, clock);
        let signed = read.map_err(signature_refusal)?;
        let found = snapshot.access_key(signed.access_key_id());
        entry.access_key_id = Some(match found {
            Some((_, key)) => key.access_key_id.to_shared(),
            None => signed.access_key_id().into(),
        });
        let claim = authenticate::claim(signed, found, host_region, strictness, received.received_at)
            .map_err(signature_refusal)?;
        let region = claim.region().clone();
        let scope = Scope {
            service,
            region: &region,
        };
        // 1 again, with what the scope tells.
        if let Err(error) = endpoints.check_names(received.arrival(), &received.other_names, Some(scope)) {
            entry.entry_point = None;
            return Err(FrontEndError::NoEntryPoint(error).into());
        }
        let entry_point = match host_entry_point {
            HostEntryPoint::Known(entry_point, _) => entry_point,
            HostEntryPoint::ByScope => {
                let entry_point = endpoints
                    .by_scope(scope, received.arrival())
                    .map_err(FrontEndError::NoEntryPoint)?;
                entry.entry_point = Some(entry_point.clone());
                entry_point
            }
        };
        let account = Account {
            budget: &shared.bodies,
            client: &received.connection.client,
            access_key_id: entry.access_key_id.as_deref(),
        };
        let body = incoming
            .receive(&snapshot.settings.limits, account)
            .await
            .map_err(FrontEndError::Body)?;
        note_body(entry, snapshot, &body);
        let verified = claim.verify(&body.sha256);
        if verified.is_err() && service != EmulatedService::LookoutVision {
            // Only so that the journal names the action: where the parameters cannot be read, it names none.
            let _ = self.parameters(&body.bytes, entry);
        }
        let (caller, warning) = verified.map_err(signature_refusal)?;
        entry.principal = Some(caller.principal.clone());
        if let Some(warning) = warning {
            warn!(request_id = %received.request_id, "let through although AWS would most likely refuse it: {warning}");
            entry.details_mut().warnings.push(warning.to_string());
        }
        Ok(Authenticated {
            caller,
            entry_point,
            region,
            body,
        })
    }

    /// Steps 3 to 5 of Lookout for Vision
    async fn lookoutvision(
        &self,
        authenticated: Authenticated,
        subject: &mut CallSubject,
        entry: &mut OpenEntry<'_>,
    ) -> Result<(StatusCode, Bytes), Refusal> {
        let Self {
            shared,
            snapshot,
            received,
            ..
        } = *self;
        let Authenticated {
            caller,
            entry_point,
            region,
            body,
        } = authenticated;
        // 3. What is asked for. It is read once.
        let header = |name: &str| received.header(name);
        let call = Received {
            method: received.method.as_str(),
            target: &received.target,
            header: &header,
            body: &body.bytes,
            body_sha256: Some(body.sha256),
        };
        let state = snapshot.generation.peek();
        let view = state.view(&snapshot.declared, &region, received.received_at);
        let mut request = Box::new(Request::read(call, &view)?);
        drop(state);
        entry.operation = Some(request.operation().name().into());
        self.note_subject(&request, subject);
        let output = loop {
            let again = request.can_be_overtaken().then(|| request.clone());

            // 4. Whether it is allowed.
            let call = Call {
                request,
                snapshot: snapshot.clone(),
            };
            let permit = permit(
                &shared.space.coverage,
                snapshot,
                received,
                caller.clone(),
                entry_point.clone(),
                call,
                entry,
            )?;
            self.meet_instead_of_operation(subject, entry).await?;

            // 5. Do it.
            let access_key_id = entry.access_key_id.as_deref().unwrap_or_default();
            match perform::perform(permit, received.request_id, access_key_id, &shared.space).await {
                Ok(output) => break output,
                Err(Refused::Service(error)) => return Err(error.into()),
                // Another CreateModel came in between and took the version that the permit is for. That one succeeded,
                // so some call always does, and this one is authorised anew.
                Err(Refused::Stale) => {
                    let again = again.expect("nothing else than what can be overtaken is stale");
                    let state = snapshot.generation.peek();
                    let view = state.view(&snapshot.declared, &region, received.received_at);
                    request = Box::new(again.resolved_anew(&view));
                }
            }
        };
        entry.rule = output.rule;
        if let Some(note) = output.note {
            warn!(request_id = %received.request_id, "{note}");
            entry.details_mut().warnings.push(note.to_owned());
        }
        // The body's room is for others while this answer is held back.
        drop(body);
        if let Some(delay) = output.delay {
            tokio::time::sleep(delay).await;
        }
        Ok((output.status, output.result?))
    }

    /// Steps 3 to 5 of EC2
    async fn ec2(
        &self,
        authenticated: Authenticated,
        call: &mut CallSubject,
        entry: &mut OpenEntry<'_>,
    ) -> Result<(StatusCode, Bytes), Refusal> {
        let parameters = self.parameters(&authenticated.body.bytes, entry)?;
        self.note_region(&authenticated.region, call);
        let invocation = ec2::Invocation::resolve(parameters, authenticated.region, self.snapshot)?;
        let permit = permit(
            &self.shared.space.coverage,
            self.snapshot,
            self.received,
            authenticated.caller,
            authenticated.entry_point,
            invocation,
            entry,
        )?;
        self.meet_instead_of_operation(call, entry).await?;
        let (request_id, now) = (self.received.request_id, self.received.received_at);
        let performed = move |space: &Space| ec2::perform(permit, request_id, now, space);
        let answer = self.shared.space.run_blocking(performed).await?;
        Ok((StatusCode::OK, answer.into()))
    }

    /// Steps 3 to 5 of STS
    async fn sts(
        &self,
        authenticated: Authenticated,
        call: &mut CallSubject,
        entry: &mut OpenEntry<'_>,
    ) -> Result<(StatusCode, Bytes), Refusal> {
        let parameters = self.parameters(&authenticated.body.bytes, entry)?;
        self.note_region(&authenticated.region, call);
        let resolved = sts::Call::resolve(
            parameters,
            &authenticated.caller,
            self.snapshot,
            authenticated.region,
        );
        let answer = match resolved? {
            // AWS STS API reference, `GetCallerIdentity`: no permissions are required, and no policy can deny it.
            sts::Call::GetCallerIdentity => {
                self.meet_instead_of_operation(call, entry).await?;
                sts::get_caller_identity(&authenticated.caller, self.received)
            }
            sts::Call::AssumeRole(invocation) => {
                let permit = permit(
                    &self.shared.space.coverage,
                    self.snapshot,
                    self.received,
                    authenticated.caller,
                    authenticated.entry_point,
                    *invocation,
                    entry,
                )?;
                self.meet_instead_of_operation(call, entry).await?;
                let (request_id, now) = (self.received.request_id, self.received.received_at);
                let performed = move |space: &Space| sts::assume_role(permit, request_id, now, space);
                self.shared.space.run_blocking(performed).await?
            }
        };
        Ok((StatusCode::OK, answer.into()))
    }

    /// The parameters of a call; the action that they name goes into the journal even if there is no such action
    fn parameters(&self, body: &[u8], entry: &mut OpenEntry<'_>) -> Result<Option<Parameters>, Refusal> {
        let values_max = self.snapshot.settings.limits.body_values_max;
        let (method, target) = (&self.received.method, &self.received.target);
        let parameters = Parameters::parse(method, target, body, values_max)
            .map_err(|TooManyParameters| FrontEndError::Body(BodyError::TooManyValues { values_max }))?;
        entry.unread_actions = &[];
        let Some(parameters) = parameters else {
            return Ok(None);
        };
        entry.operation = parameters.get("Action").map(|action| {
            action
                .chars()
                .take(ACTION_CHARACTERS_KEPT)
                .collect::<String>()
                .into()
        });
        Ok(Some(parameters))
    }
}

/// Longer than any action's name
const ACTION_CHARACTERS_KEPT: usize = 128;

fn permit<I: Authorizable>(
    coverage: &Coverage,
    snapshot: &Arc<Snapshot>,
    received: &ReceivedRequest,
    caller: Caller,
    entry_point: EntryPoint,
    invocation: I,
    entry: &mut OpenEntry<'_>,
) -> Result<Permit<I>, Refusal> {
    let (authorization, verdict) = authorization::authorize(
        &snapshot.settings,
        received,
        caller,
        entry_point,
        invocation,
        coverage.is_on().then_some(coverage),
    );
    entry.authorization = Some(authorization);
    Ok(verdict.map_err(FrontEndError::AccessDenied)?)
}

fn note_body(entry: &mut OpenEntry<'_>, snapshot: &Snapshot, body: &ReceivedBody) {
    entry.body.bytes = Some(body.bytes.len());
    entry.body.sha256 = Some(body.sha256);
    let kept = snapshot
        .settings
        .limits
        .journal_body_bytes_max
        .min(body.bytes.len());
    if kept > 0 {
        entry.body.kept = Some(body.bytes[..kept].into());
    }
}

/// Logs a refusal: as a warning where whoever set up the test has to change something, which the log line about the
/// request does not say
fn advise(received: &ReceivedRequest, refusal: &Refusal, message: &str) {
    let request_id = received.request_id;
    match refusal {
        // No policy was asked at all.
        Refusal::Before(FrontEndError::NoEntryPoint(_)) => warn!(%request_id, "misdirected: {message}"),
        _ => debug!(%request_id, "refused: {message}"),
    }
}

fn signature_refusal(error: SignatureError) -> FrontEndError {
    FrontEndError::Signature(Box::new(error))
}
