//! What handlers answer with.

use axum::{body::Body, response::IntoResponse};
use client_text::escape_json;
use http::{HeaderValue, StatusCode, header};
use http_body_util::Full;
use hyper::{Response, body::Bytes};
use serde::Serialize;

use super::ControlError;

/// What a handler makes of a request
pub(super) type Answer = Result<Response<Body>, ControlError>;

/// A value as JSON
pub(super) fn json_answer(value: &impl Serialize) -> Answer {
    Ok(json_text(StatusCode::OK, value).map(Body::new))
}

pub(super) fn no_content() -> Answer {
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Bytes of another content type
pub(super) fn bytes_answer(content_type: &'static str, bytes: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Body::from(bytes.into()));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    Ok(response)
}

pub(super) fn json_text(status: StatusCode, value: &impl Serialize) -> Response<Full<Bytes>> {
    let text = serde_json::to_string(value).expect("what we answer with has string keys and finite numbers");
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
