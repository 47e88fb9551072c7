//! `GET` and `PUT /state`

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    ControlError,
    answer::{Answer, bytes_answer, json_answer},
    query::QueryText,
    upload::Upload,
};
use crate::runtime::{
    Shared,
    state_document::{LeftOut, NotPut, Secrets, StateDocument, not_importable},
};

/// What became of a state that was put
#[derive(Serialize, ToSchema)]
struct StatePut {
    /// What could not be taken, although everything else is in force
    left_out: Vec<LeftOut>,
}

/// Everything that calls have made and changed, as one document that `PUT /state` takes
///
/// Role sessions are in it without their secrets.
#[utoipa::path(
    get, path = "/state", tag = "state",
    params(("secrets" = Option<bool>, Query, description = "`true`: with the secrets of role sessions")),
    responses(
        (status = 200, body = Object, content_type = "application/json"),
        (status = 400, description = "`InvalidParameter`"),
        (status = 409, description = "`LimitExceeded`: it is larger than `limits.state_bytes_max`, so that it could not be put again"),
    )
)]
pub(super) async fn show(State(shared): State<Arc<Shared>>, QueryText(query): QueryText) -> Answer {
    let secrets = secrets(query.as_deref().unwrap_or_default())?;
    let text = shared
        .space
        .run_off_serving_threads(move |space| space.state_document(secrets).to_text())
        .await;
    let bytes_max = shared.space.snapshot().settings.limits.state_bytes_max;
    if text.len() > bytes_max {
        shared.limits_reached.state_bytes_max.note();
        let message = not_importable(text.len(), bytes_max);
        return Err(ControlError::new(StatusCode::CONFLICT, "LimitExceeded", message));
    }
    bytes_answer("application/json", text)
}

/// Puts a whole state in force, from the next request on, or nothing of it
#[utoipa::path(
    put, path = "/state", tag = "state",
    request_body(content = Object, content_type = "application/json", description = "a document of `GET /state`"),
    responses(
        (status = 200, body = StatePut),
        (status = 400, description = "`InvalidState`, with `path`: it is not understood, or the configuration has no room for it"),
    )
)]
pub(super) async fn put(State(shared): State<Arc<Shared>>, upload: Upload) -> Answer {
    let bytes_max = shared.space.snapshot().settings.limits.state_bytes_max;
    let received = upload
        .receive_of_limit(&shared, "state_bytes_max", bytes_max)
        .await?;
    let put = shared.space.run_off_serving_threads(move |space| {
        let document = StateDocument::parse(&received.bytes)?;
        space.put_state(document)
    });
    match put.await {
        Ok(left_out) => json_answer(&StatePut { left_out }),
        Err(NotPut::Misfit(misfit)) => {
            Err(ControlError::bad_request("InvalidState", misfit.message).with("path", misfit.path))
        }
        Err(NotPut::NotWritten(error)) => Err(ControlError::not_written(&error)),
    }
}

fn secrets(query: &str) -> Result<Secrets, ControlError> {
    let mut secrets = Secrets::LeftOut;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        secrets = match (&*name, &*value) {
            ("secrets", "true") => Secrets::Included,
            ("secrets", "false") => Secrets::LeftOut,
            ("secrets", _) => {
                let message = format!("secrets: `{value}` is neither `true` nor `false`");
                return Err(ControlError::bad_request("InvalidParameter", message));
            }
            _ => {
                let message = format!("`{name}` is not a parameter of `/state`; there is `secrets`");
                return Err(ControlError::bad_request("InvalidParameter", message));
            }
        };
    }
    Ok(secrets)
}
