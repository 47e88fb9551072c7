//! The control API: plain HTTP on its own listener, JSON, for the test that drives the emulator.
//!
//! It answers no other site's pages: what a visitor's browser was made to send is refused ([`screen`]).

use std::sync::Arc;

use http::{HeaderValue, Method, StatusCode, header, request::Parts};
use http_body_util::{Either, Full, channel::Channel};
use hyper::{Response, body::Bytes};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    body::{Account, BodyError, Client, ReceivedBody, RequestBody},
    request::HeadError,
    state::Shared,
    storage::StorageError,
    text::escape_json,
};

mod certificates;
mod clock;
mod endpoint_policy;
mod env;
pub(crate) mod environment;
mod health;
pub(crate) mod modes;
mod requests;

use self::requests::PagesBroken;
mod screen;

pub(crate) type Answer = Result<Response<AnswerBody>, ControlError>;

/// A text that is there, or one that is made while its reader takes it
pub(crate) type AnswerBody = Either<Full<Bytes>, Channel<Bytes, PagesBroken>>;

/// A request that the control API refuses
#[derive(Debug)]
pub(crate) struct ControlError {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// Further members of the error object, such as `path`, `line` and `column` of a policy's mistake
    details: serde_json::Map<String, Value>,
}

/// Answers one request
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    client: &Client,
    head: &Parts,
    body: &mut RequestBody,
) -> Response<AnswerBody> {
    let answer = route(shared, client, head, body).await;
    // What nobody asked for, or what was refused
    body.drain(&shared.snapshot().settings.limits).await;
    answer.unwrap_or_else(|error| error.into_response().map(Either::Left))
}

/// Answers one request while the control API has as many connections as it may
pub(crate) async fn answer_health_check(
    shared: &Arc<Shared>,
    client: &Client,
    head: &Parts,
    body: &mut RequestBody,
) -> Response<AnswerBody> {
    if matches!(head.uri.path(), "/health" | "/ready") {
        return answer(shared, client, head, body).await;
    }
    let connections_max = shared.snapshot().settings.limits.connections_max;
    let error = ControlError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "TooManyConnections",
        format!(
            "the control API has connections_max ({connections_max}) connections and answers `/health` and `/ready` only"
        ),
    );
    error.into_response().map(Either::Left)
}

/// Answers what came instead of a request's head
pub(crate) fn answer_unreadable(error: &HeadError) -> Response<Full<Bytes>> {
    let (status, code) = match error {
        HeadError::TooLarge { .. } => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "HeadTooLarge"),
        HeadError::TargetTooLong => (StatusCode::URI_TOO_LONG, "TargetTooLong"),
        HeadError::Malformed(_) => (StatusCode::BAD_REQUEST, "MalformedHead"),
    };
    ControlError::new(status, code, error.to_string()).into_response()
}

async fn route(shared: &Arc<Shared>, client: &Client, head: &Parts, body: &mut RequestBody) -> Answer {
    screen::screen(head, &shared.snapshot().settings)?;
    let path = head.uri.path();
    let query = head.uri.query().unwrap_or("");
    let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    let method = &head.method;
    // A HEAD is a GET whose body hyper leaves out.
    let reads = method == Method::GET || method == Method::HEAD;
    match segments[..] {
        ["health"] if reads => health::health(shared),
        ["ready"] if reads => health::ready(shared).await,
        ["ca.pem"] if reads => certificates::ca_pem(shared),
        ["ca-bundle.pem"] if reads => certificates::ca_bundle_pem(shared),
        ["truststore.p12"] if reads => certificates::truststore_p12(shared),
        ["env"] if reads => env::show(shared, query),
        ["vpc-endpoints"] if reads => endpoint_policy::list(shared),
        ["requests"] if reads => requests::list(shared, &head.uri, &head.headers).await,
        ["requests"] if method == Method::DELETE => requests::clear(shared, query),
        ["requests", id] if reads => requests::show(shared, id).await,
        ["vpc-endpoints", id, "policy"] if reads => endpoint_policy::show(shared, id),
        ["vpc-endpoints", id, "policy"] if method == Method::PUT => {
            endpoint_policy::attach(shared, id, &read(shared, client, body).await?.bytes).await
        }
        ["vpc-endpoints", id, "policy"] if method == Method::DELETE => {
            endpoint_policy::restore(shared, id).await
        }
        ["reset"] if method == Method::POST => {
            shared
                .aside(Shared::reset)
                .await
                .map_err(|error| not_written(&error))?;
            no_content()
        }
        ["clock"] if reads => clock::show(shared),
        ["clock"] if method == Method::PUT => clock::set(shared, &read(shared, client, body).await?.bytes),
        [
            "env" | "vpc-endpoints" | "health" | "ready" | "ca.pem" | "ca-bundle.pem" | "truststore.p12"
            | "requests" | "reset" | "clock",
        ]
        | ["requests", _]
        | ["vpc-endpoints", _, "policy"] => Err(ControlError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            format!("{method} is not a method of `{path}`"),
        )),
        _ => Err(ControlError::new(
            StatusCode::NOT_FOUND,
            "NotFound",
            format!("there is no `{path}` on the control API"),
        )),
    }
}

impl ControlError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: serde_json::Map::new(),
        }
    }

    pub(crate) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    fn into_response(self) -> Response<Full<Bytes>> {
        let mut error = self.details;
        error.insert("code".to_owned(), self.code.into());
        error.insert("message".to_owned(), self.message.into());
        json_text(self.status, json!({ "error": error }).to_string())
    }
}

/// What was asked for was not done, because it could not be persisted
pub(crate) fn not_written(error: &StorageError) -> ControlError {
    ControlError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "StateNotWritten",
        error.to_string(),
    )
}

/// Answers with a value as JSON
pub(crate) fn json_answer(value: &impl Serialize) -> Answer {
    let text = serde_json::to_string(value).expect("what we answer with has string keys and finite numbers");
    Ok(json_text(StatusCode::OK, text).map(Either::Left))
}

pub(crate) fn no_content() -> Answer {
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// Answers with bytes of another kind
pub(crate) fn bytes_answer(content_type: &'static str, bytes: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Either::Left(Full::new(bytes.into())));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    Ok(response)
}

fn json_text(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut text = escape_json(text);
    // So that `curl` leaves the prompt on a line of its own.
    text.push('\n');
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

async fn read(
    shared: &Shared,
    client: &Client,
    body: &mut RequestBody,
) -> Result<ReceivedBody, ControlError> {
    let mut limits = shared.snapshot().settings.limits;
    limits.body_bytes_max = limits.control_body_bytes_max;
    let account = Account {
        budget: &shared.control_bodies,
        client,
        access_key_id: None,
    };
    let received = body.receive(&limits, account).await;
    received.map_err(|error| {
        let (status, code) = match error {
            BodyError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "BodyTooLarge"),
            BodyError::NoRoom { .. } => (StatusCode::SERVICE_UNAVAILABLE, "NoRoom"),
            BodyError::TimedOut { .. } | BodyError::StoodStill { .. } => {
                (StatusCode::REQUEST_TIMEOUT, "BodyTimeout")
            }
            BodyError::Broken(_) => (StatusCode::BAD_REQUEST, "BrokenBody"),
        };
        ControlError::new(status, code, error.to_string())
    })
}
