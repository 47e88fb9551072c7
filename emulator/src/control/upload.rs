//! The body of a request to the control API, which a handler reads if it wants one.
//!
//! The body stays with the connection: how much of it was read decides whether another request can follow on the same
//! connection, and what nobody asked for is drained. So a handler gets a handle, and axum an empty body.

use std::{convert::Infallible, sync::Arc};

use axum::extract::FromRequestParts;
use client_text::json::{Object, pointer, with_meant_member};
use http::{StatusCode, request::Parts};
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use super::ControlError;
use crate::{
    request::body::{Account, BodyError, Client, ReceivedBody, RequestBody},
    runtime::Shared,
    settings::Limits,
};

/// A body that may still be on its way
#[derive(Clone)]
pub(super) struct Upload {
    body: Arc<Mutex<RequestBody>>,
    client: Arc<Client>,
}

impl Upload {
    pub(super) fn new(body: RequestBody, client: Arc<Client>) -> Self {
        Self {
            body: Arc::new(Mutex::new(body)),
            client,
        }
    }

    /// The whole body, of `control_body_bytes_max` at most
    ///
    /// # Errors
    /// When it is larger, too slow or broken, or there is no room for it.
    pub(super) async fn receive(&self, shared: &Shared) -> Result<ReceivedBody, ControlError> {
        let bytes_max = shared.space.snapshot().settings.limits.control_body_bytes_max;
        self.receive_of_limit(shared, "control_body_bytes_max", bytes_max)
            .await
    }

    /// The whole body, of at most `bytes_max` bytes, which is the limit that `limit` names
    ///
    /// # Errors
    /// Those of [`receive`](Self::receive).
    pub(super) async fn receive_of_limit(
        &self,
        shared: &Shared,
        limit: &'static str,
        bytes_max: usize,
    ) -> Result<ReceivedBody, ControlError> {
        let mut limits = shared.space.snapshot().settings.limits;
        limits.body_bytes_max = bytes_max;
        let account = Account {
            budget: &shared.control_bodies,
            client: &self.client,
            access_key_id: None,
        };
        let received = self.body.lock().await.receive(&limits, account).await;
        received.map_err(|error| {
            let error = match error {
                BodyError::TooLarge { bytes_max, .. } => BodyError::TooLarge { limit, bytes_max },
                error => error,
            };
            shared.limits_reached.note(error.limits());
            let (status, code) = match error {
                BodyError::TooLarge { .. } | BodyError::TooManyValues { .. } => {
                    (StatusCode::PAYLOAD_TOO_LARGE, "BodyTooLarge")
                }
                BodyError::NoRoom { .. } => (StatusCode::SERVICE_UNAVAILABLE, "NoRoom"),
                BodyError::TimedOut { .. } | BodyError::StoodStill { .. } => {
                    (StatusCode::REQUEST_TIMEOUT, "BodyTimeout")
                }
                BodyError::Broken(_) => (StatusCode::BAD_REQUEST, "BrokenBody"),
            };
            ControlError::new(status, code, error.to_string())
        })
    }

    /// The whole body, read as a JSON object
    ///
    /// # Errors
    /// Those of [`receive`](Self::receive); and one with `code`, and with the place in `path`, `line` and `column`,
    /// when the body is not what is `expected`.
    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        shared: &Shared,
        code: &'static str,
        expected: &str,
    ) -> Result<T, ControlError> {
        let received = self.receive(shared).await?;
        let mut reader = serde_json::Deserializer::from_slice(&received.bytes);
        let read = serde_path_to_error::deserialize::<_, Object<T>>(&mut reader);
        let mistake = |error: &serde_json::Error, path: String| {
            let what = with_meant_member(error.to_string());
            ControlError::bad_request(code, format!("expected {expected}: {what}"))
                .with("path", path)
                .with("line", error.line())
                .with("column", error.column())
        };
        let Object(value) = read.map_err(|error| mistake(error.inner(), pointer(error.path())))?;
        reader.end().map_err(|error| mistake(&error, String::new()))?;
        Ok(value)
    }

    /// Drains what nobody has asked for, or what was refused; returns whether all of it was read in the end
    pub(super) async fn finish(&self, limits: &Limits) -> bool {
        let mut body = self.body.lock().await;
        body.drain(limits).await;
        body.is_complete()
    }
}

impl<S: Sync> FromRequestParts<S> for Upload {
    type Rejection = Infallible;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let upload = head.extensions.get::<Self>();
        Ok(upload.expect("every request comes with its upload").clone())
    }
}
