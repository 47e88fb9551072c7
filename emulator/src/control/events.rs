//! `GET /events`: what happens, as it happens, as server-sent events (HTML Living Standard, *Server-sent events*).
//!
//! ```text
//! id: 7f3a21c9-412-3
//! event: request
//! data: {"request_id":"655d…","operation":"DetectAnomalies","status":403,…}
//! ```

use std::{borrow::Cow, convert::Infallible, fmt::Write, sync::Arc, time::Duration};

use axum::{body::Body, extract::State};
use client_text::escape_json;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::channel::Channel;
use hyper::{Response, body::Bytes};
use jiff::Timestamp;
use serde::Serialize;
use sigv4_verify::redact_secrets;
use tokio::time::{sleep, timeout};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ControlError, answer::Answer};
use crate::{
    authorization::Authorization,
    identity::Principal,
    journal::{
        Entry,
        events::{Change, Cursor, Event},
    },
    network::{entry_point::EntryPoint, host_name::EmulatedService},
    runtime::Shared,
};

/// A request in short; `GET /requests/ID` has the whole entry
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RequestEvent<'a> {
    request_id: Uuid,
    time: Timestamp,
    duration_micros: u64,
    source_ip: String,
    target: Cow<'a, str>,
    vpc_endpoint_id: Option<&'a str>,
    principal: Option<&'a str>,
    access_key_id: Option<String>,
    service: Option<&'static str>,
    operation: Option<&'a str>,
    resource: Option<String>,
    status: Option<u16>,
    error_code: Option<&'a str>,
    decision: Option<&'static str>,
    rule: Option<&'a str>,
    fault: Option<&'a str>,
}

impl<'a> RequestEvent<'a> {
    fn of(entry: &'a Entry) -> Self {
        let authorization = entry.authorization.as_deref();
        let endpoint = entry.entry_point.as_ref().and_then(EntryPoint::vpc_endpoint_id);
        Self {
            request_id: entry.request_id,
            time: entry.time,
            duration_micros: u64::try_from(entry.duration.as_micros()).unwrap_or(u64::MAX),
            source_ip: entry.connection.peer.ip().to_canonical().to_string(),
            // A presigned URL is worth as much as the key that it was signed with.
            target: redact_secrets(&entry.target),
            vpc_endpoint_id: endpoint.map(aws_identifiers::VpcEndpointId::as_str),
            principal: entry.principal.as_deref().map(Principal::arn),
            access_key_id: entry
                .access_key_id
                .as_deref()
                .map(|id| redact_secrets(id).into_owned()),
            service: entry.service.map(EmulatedService::signing_name),
            operation: entry.operation.as_deref(),
            resource: authorization.map(Authorization::resource),
            status: entry.status.map(|status| status.as_u16()),
            error_code: entry.details().error_code,
            decision: authorization.map(|authorization| authorization.decision().as_str()),
            rule: entry.rule.as_deref(),
            fault: entry.details().fault.as_deref(),
        }
    }
}

/// Requests and changes as they happen, as server-sent events
///
/// `request` is a request in short, `change` a change that later requests see. With `Last-Event-ID` the stream goes on
/// after that event, even on another connection; without it the stream begins with what happens next. The comment
/// `: dropped N` says that so many events are gone, because the reader is slower than the journal's limits allow.
#[utoipa::path(
    get, path = "/events", tag = "journal",
    params(("Last-Event-ID" = Option<String>, Header, description = "the id of the last event that was read")),
    responses((status = 200, content((RequestEvent<'static> = "text/event-stream"), (Change = "text/event-stream"))))
)]
pub(super) async fn stream(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    let cursor = match headers.get("last-event-id").map(HeaderValue::to_str) {
        None => shared.space.journal.end_of_events(),
        Some(id) => id.ok().and_then(|id| id.parse().ok()).ok_or_else(|| {
            ControlError::bad_request(
                "InvalidEventId",
                "`Last-Event-ID` is not the id of an event of `/events`",
            )
        })?,
    };
    let (sender, body) = Channel::<Bytes, Infallible>::new(1);
    tokio::spawn(tell(shared, cursor, sender));
    let mut response = Response::new(Body::new(body));
    let fields = response.headers_mut();
    fields.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    Ok(response)
}

/// Tells one listener of everything that comes after its cursor, until it goes or the emulator stops
async fn tell(
    shared: Arc<Shared>,
    mut cursor: Cursor,
    mut sender: http_body_util::channel::Sender<Bytes, Infallible>,
) {
    let listener = shared.space.journal.listen();
    // Sent first, so that a listener knows from where to go on even before anything has happened.
    let mut text = Bytes::from(format!("retry: 1000\nid: {cursor}\n\n"));
    loop {
        if !text.is_empty() {
            tokio::select! {
                () = shared.stopping.cancelled() => return,
                sent = sender.send_data(text) => {
                    if sent.is_err() {
                        return;
                    }
                }
            }
            // What happens meanwhile is told in one go: hundreds of listeners that are woken by each call would take
            // the time of the threads that serve.
            tokio::select! {
                () = shared.stopping.cancelled() => return,
                () = sleep(listener.pause()) => {}
            }
        }
        // Enabled before the look, so that nothing is missed between the look and the wait.
        let mut arrival = std::pin::pin!(shared.space.journal.arrival());
        arrival.as_mut().enable();
        (text, cursor) = shared.space.journal.told_after(cursor, write_events);
        if text.is_empty() {
            tokio::select! {
                () = shared.stopping.cancelled() => return,
                waited = timeout(STILL_HERE_EVERY, arrival) => {
                    if waited.is_err() {
                        // Only writing to a listener shows that it is gone.
                        text = Bytes::from_static(b": still here\n\n");
                    }
                }
            }
        }
    }
}

fn write_events(events: &[(Event, Cursor)]) -> Bytes {
    let mut text = String::new();
    for (event, cursor) in events {
        write_event(&mut text, event, *cursor);
    }
    text.into()
}

fn write_event(text: &mut String, event: &Event, cursor: Cursor) {
    let (name, data) = match event {
        Event::Dropped(count) => {
            // Writing to a String cannot fail.
            let _ = write!(text, "id: {cursor}\n: dropped {count}\n\n");
            return;
        }
        Event::Request(entry) => ("request", to_json(&RequestEvent::of(entry))),
        Event::Change(change) => ("change", to_json(change)),
    };
    let _ = write!(text, "id: {cursor}\nevent: {name}\ndata: {data}\n\n");
}

/// On one line, with nothing in it that ends the line
fn to_json(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).expect("events have string keys and finite numbers");
    escape_json(text)
}

/// How often a listener to whom nothing happens hears from us
const STILL_HERE_EVERY: Duration = Duration::from_secs(15);
