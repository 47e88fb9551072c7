//! The way of one request: door, authenticate, resolve, authorize, perform, respond.
//!
//! Plain functions, one type change a step. [`answer`] is the wrapper around them: it opens the journal entry before
//! anything is decided, and whatever way a request ends, the entry is closed once, before the answer leaves.

use std::sync::Arc;

use http::StatusCode;
use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
};
use sigv4_verify::SignatureError;
use tracing::{debug, info, warn};

use crate::{
    authenticate,
    authorize::{self, Permit},
    body::{self, BodyError, ReceivedBody},
    door::{Door, HostDoor},
    host_name::{EmulatedHost, HostName},
    journal::OpenEntry,
    lookoutvision::{
        invocation::Invocation,
        operations::Refused,
        routes::{Route, UnknownOperation},
    },
    perform,
    refusal::Refusal,
    request::{Connection, ReceivedRequest},
    respond,
    state::{Shared, Snapshot},
};

/// Answers one request of the AWS API
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    connection: &Arc<Connection>,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (head, mut incoming) = request.into_parts();
    let received = ReceivedRequest::new(head, connection.clone(), shared.clock.now());
    let snapshot = shared.snapshot();
    let mut entry = shared.journal.open(&received);

    let outcome = decide(shared, &snapshot, &received, &mut incoming, &mut entry).await;
    let response = match outcome {
        Ok((status, body)) => respond::success(status, body, received.request_id, shared.clock.now()),
        Err(refusal) => {
            if is_worth_draining(&received, &refusal) {
                let drained = body::drain(&mut incoming, &snapshot.config.limits).await;
                if entry.body.bytes.is_none() {
                    (entry.body.bytes, entry.body.sha256) = drained.unzip();
                }
            }
            note_what_the_head_says(&mut entry, &received, &snapshot);
            let wire = refusal.to_wire(snapshot.config.strictness.mismatch_detail);
            tell(&received, &entry, &refusal, &wire.message);
            entry.error_code = wire.error_type;
            entry.message = Some(wire.message.as_str().into());
            if let Refusal::Signature(error) = refusal
                && let SignatureError::SignatureDoesNotMatch(mismatch) = *error
            {
                entry.mismatch = Some(Box::new(mismatch.redacted()));
            }
            respond::refusal(wire, received.request_id, shared.clock.now())
        }
    };
    entry.status = Some(response.status());
    entry.response_bytes = hyper::body::Body::size_hint(response.body())
        .exact()
        .map_or(0, |bytes| bytes as usize);
    response
}

/// The five steps
async fn decide(
    shared: &Arc<Shared>,
    snapshot: &Arc<Snapshot>,
    received: &ReceivedRequest,
    incoming: &mut Incoming,
    entry: &mut OpenEntry<'_>,
) -> Result<(StatusCode, Bytes), Refusal> {
    // 1. Which door, as far as the host tells.
    let local = received.connection.local.ip();
    let host_door = host_door(received, snapshot)?;
    let host_region = match &host_door {
        HostDoor::Known(door, region) => {
            entry.door = Some(door.clone());
            Some(region.clone())
        }
        HostDoor::ByScope => None,
    };

    // 2. Who is calling. The head is checked before the body is read, the signature when the body is in.
    let claim =
        authenticate::claim(received, snapshot, host_region.as_ref(), entry).map_err(signature_refusal)?;
    let region = claim.region().clone();
    let door = match host_door {
        HostDoor::Known(door, _) => door,
        HostDoor::ByScope => {
            let door = snapshot.endpoints.by_private_dns(&region, local);
            entry.door = Some(door.clone());
            door
        }
    };
    let body = body::receive(incoming, &snapshot.config.limits, &shared.body_budget)
        .await
        .map_err(Refusal::Body)?;
    note_body(entry, snapshot, &body);
    let (caller, warning) = claim.verify(&body.sha256).map_err(signature_refusal)?;
    entry.principal = Some(caller.principal.clone());
    if let Some(warning) = warning {
        warn!(request_id = %received.request_id, "let through although AWS would most likely refuse it: {warning}");
        entry.warnings.push(warning.to_string());
    }

    let output = loop {
        // 3. What is asked for.
        let method = received.method.as_str();
        let invocation = {
            let state = shared.service.peek();
            let view = state.view(
                &snapshot.config,
                &snapshot.declared,
                &region,
                received.received_at,
            );
            Invocation::resolve(method, &received.target, &body.bytes, &view)
                .map_err(|UnknownOperation| Refusal::UnknownOperation)?
        };
        entry.operation = Some(invocation.operation());

        // 4. Whether it is allowed.
        let permit = permit(
            snapshot,
            received,
            caller.clone(),
            door.clone(),
            invocation,
            entry,
        )?;

        // 5. Do it.
        match perform::perform(&permit, received, &body, shared).await {
            Ok(output) => break output,
            Err(Refused::Service(error)) => return Err(Refusal::Service(error)),
            // Another CreateModel came in between and took the version that the permit is for. It was the one to get
            // on, so somebody always does, and this one is asked about anew.
            Err(Refused::Stale) => {}
        }
    };
    entry.rule = output.rule;
    // The body's room is for others while this answer is held back.
    drop(body);
    if let Some(delay) = output.delay {
        tokio::time::sleep(delay).await;
    }
    Ok((output.status, output.result.map_err(Refusal::Service)?))
}

fn host_door(received: &ReceivedRequest, snapshot: &Snapshot) -> Result<HostDoor, Refusal> {
    let host = received.host().unwrap_or_default();
    // A host that is no host name is a matter of the signature, which covers it; it leads to no endpoint of its own.
    let emulated = host
        .parse::<HostName>()
        .map_or(EmulatedHost::Other, |name| name.emulated());
    snapshot
        .endpoints
        .by_host(&emulated, received.connection.local.ip())
        .map_err(Refusal::NoDoor)
}

fn permit(
    snapshot: &Arc<Snapshot>,
    received: &ReceivedRequest,
    caller: authenticate::Caller,
    door: Door,
    invocation: Invocation,
    entry: &mut OpenEntry<'_>,
) -> Result<Permit, Refusal> {
    let (authorization, verdict) = authorize::authorize(snapshot, received, caller, door, invocation);
    entry.authorization = Some(authorization);
    verdict.map_err(|message| Refusal::AccessDenied { message })
}

fn note_body(entry: &mut OpenEntry<'_>, snapshot: &Snapshot, body: &ReceivedBody) {
    entry.body.bytes = Some(body.bytes.len());
    entry.body.sha256 = Some(body.sha256);
    let kept = snapshot
        .config
        .limits
        .journal_body_bytes_max
        .min(body.bytes.len());
    if kept > 0 {
        entry.body.kept = Some(body.bytes[..kept].into());
    }
}

/// What a refused request was about, so that the journal finds it by its operation and its endpoint: read from the
/// head alone, and believed by nobody but the reader.
fn note_what_the_head_says(entry: &mut OpenEntry<'_>, received: &ReceivedRequest, snapshot: &Snapshot) {
    if entry.operation.is_none() {
        let path = received.target.split('?').next().unwrap_or_default();
        entry.operation = Route::resolve(received.method.as_str(), path)
            .ok()
            .map(|route| route.operation());
    }
    if entry.door.is_none()
        && let Some(region) = authenticate::claimed_region(received)
        && let Ok(HostDoor::ByScope) = host_door(received, snapshot)
    {
        let local = received.connection.local.ip();
        entry.door = Some(snapshot.endpoints.by_private_dns(&region, local));
    }
}

/// One line that a person understands; what a client did wrong is no fault of the emulator's, so none is an error.
fn tell(received: &ReceivedRequest, entry: &OpenEntry<'_>, refusal: &Refusal, message: &str) {
    let request_id = received.request_id;
    match (refusal, &entry.authorization) {
        (Refusal::AccessDenied { .. }, Some(authorization)) => {
            info!(%request_id, "denied: {}", authorization.explain().summary());
        }
        (Refusal::Signature(error), _) => info!(%request_id, "not authenticated: {error}"),
        _ => debug!(%request_id, "refused: {message}"),
    }
}

/// A client that announced its body and waits for leave to send it has sent nothing, and one that was too slow once is
/// not given the same time again.
fn is_worth_draining(received: &ReceivedRequest, refusal: &Refusal) -> bool {
    let waits = received
        .header(&http::header::EXPECT)
        .is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue"));
    !waits && !matches!(refusal, Refusal::Body(BodyError::TimedOut { .. }))
}

fn signature_refusal(error: SignatureError) -> Refusal {
    Refusal::Signature(Box::new(error))
}
