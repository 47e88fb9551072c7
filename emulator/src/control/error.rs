//! What the control API refuses with: one form for every route.
//!
//! ```json
//! {"error":{"code":"InvalidPolicyDocument","message":"…","path":"/Statement/0/Effect","line":1,"column":24}}
//! ```

use axum::{body::Body, response::IntoResponse};
use http::StatusCode;
use http_body_util::Full;
use hyper::{Response, body::Bytes};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::answer::json_text;
use crate::storage::StorageError;

/// A request that the control API refuses
#[derive(Debug)]
pub(crate) struct ControlError {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// Further members of the error object, such as `path`, `line` and `column` of a policy's mistake
    details: Map<String, Value>,
}

/// A refusal
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorAnswer {
    error: ErrorObject,
}

/// What was wrong, and what to do
#[derive(Debug, Serialize, ToSchema)]
struct ErrorObject {
    /// What kind of mistake it is, for programs
    #[schema(example = "InvalidPolicyDocument")]
    code: &'static str,
    /// What was wrong and what to do, for people
    message: String,
    /// Where it stands in what was sent (JSON Pointer, `line`, `column`), and further members of the code
    #[serde(flatten)]
    details: Map<String, Value>,
}

impl ControlError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: Map::new(),
        }
    }

    pub(crate) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// What was asked for was not done, because it could not be persisted
    pub(crate) fn not_written(error: &StorageError) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "StateNotWritten",
            error.to_string(),
        )
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// The answer with its whole body
    pub(crate) fn into_whole_response(self) -> Response<Full<Bytes>> {
        json_text(
            self.status,
            &ErrorAnswer {
                error: ErrorObject {
                    code: self.code,
                    message: self.message,
                    details: self.details,
                },
            },
        )
    }
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response<Body> {
        self.into_whole_response().map(Body::new)
    }
}
