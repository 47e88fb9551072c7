//! `GET`, `PUT`, `POST` and `DELETE /faults`, `DELETE /faults/{name}`

use std::sync::Arc;

use axum::{Extension, body::Body, extract::State};
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    ControlError,
    answer::{Answer, json_answer, json_text, no_content},
    path::PathText,
    upload::Upload,
};
use crate::{
    runtime::{
        Shared,
        faults::{FaultView, FaultsUnchanged},
    },
    settings::faults::Fault,
};

/// How faults are read: as the configuration reads its own
#[derive(Debug, Clone, Copy)]
pub(crate) struct FaultReader {
    /// One fault, or a list of them
    pub(crate) some: ReadFaults,
    /// A list of faults
    pub(crate) list: ReadFaults,
}

type ReadFaults = fn(&str) -> Result<Vec<Fault>, Vec<Mistake>>;

/// Something that is wrong with what was sent, and where
#[derive(Debug, Serialize)]
pub(crate) struct Mistake {
    pub(crate) message: String,
    /// JSON Pointer
    pub(crate) path: String,
    pub(crate) line: Option<u32>,
    pub(crate) column: Option<u32>,
}

/// The faults that were added
#[derive(Serialize, ToSchema)]
struct AddedFaults {
    #[schema(value_type = Vec<String>, example = json!(["busy"]))]
    names: Vec<Arc<str>>,
}

/// The faults in force, in the order in which calls are looked up in them, and what each has done
#[utoipa::path(get, path = "/faults", tag = "faults", responses((status = 200, body = Vec<FaultView>)))]
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Answer {
    json_answer(&shared.space.snapshot().faults.views())
}

/// Puts these faults in the place of all others, from the next request on; `POST /reset` brings back the configuration's
///
/// The body is a list as `faults:` of the configuration file has it, in JSON or YAML.
#[utoipa::path(
    put, path = "/faults", tag = "faults",
    request_body(content = Vec<Object>, content_type = "application/json", description = "faults, in order"),
    responses(
        (status = 200, body = Vec<FaultView>),
        (status = 400, description = "`InvalidFault`, with `path`, `line`, `column` and every mistake in `mistakes`"),
        (status = 409, description = "`FaultsUnchanged`: more than `faults_max`"),
    )
)]
pub(super) async fn replace(
    State(shared): State<Arc<Shared>>,
    Extension(reader): Extension<FaultReader>,
    upload: Upload,
) -> Answer {
    let faults = read(&shared, &upload, reader.list).await?;
    shared.change_faults(|now, limits| now.replaced(faults, limits.faults_max))?;
    json_answer(&shared.space.snapshot().faults.views())
}

/// Adds a fault, or a list of them, before all others, from the next request on; all or none
///
/// The body is written as in `faults:` of the configuration file, in JSON or YAML.
#[utoipa::path(
    post, path = "/faults", tag = "faults",
    request_body(content = Object, content_type = "application/json", description = "a fault, or a list of them"),
    responses(
        (status = 201, body = AddedFaults),
        (status = 400, description = "`InvalidFault`, with `path`, `line`, `column` and every mistake in `mistakes`"),
        (status = 409, description = "`FaultExists`; `FaultsUnchanged`: more than `faults_max`"),
    )
)]
pub(super) async fn add(
    State(shared): State<Arc<Shared>>,
    Extension(reader): Extension<FaultReader>,
    upload: Upload,
) -> Answer {
    let faults = read(&shared, &upload, reader.some).await?;
    let names = faults.iter().map(|fault| fault.name.clone()).collect();
    shared.change_faults(|now, limits| now.with(faults, limits.faults_max))?;
    Ok(json_text(StatusCode::CREATED, &AddedFaults { names }).map(Body::new))
}

/// Takes a fault away, from the next request on; calls that it holds up go on at once
#[utoipa::path(
    delete, path = "/faults/{name}", tag = "faults",
    params(("name" = String, Path, description = "the fault's name")),
    responses((status = 204, description = "gone"), (status = 404, description = "`NoSuchFault`"))
)]
pub(super) async fn remove(State(shared): State<Arc<Shared>>, PathText(name): PathText) -> Answer {
    shared.change_faults(|now, _| now.without(&name))?;
    no_content()
}

/// Takes all faults away, the configuration's too until `POST /reset`
#[utoipa::path(delete, path = "/faults", tag = "faults", responses((status = 204, description = "gone")))]
pub(super) async fn clear(State(shared): State<Arc<Shared>>) -> Answer {
    shared.change_faults(|now, _| Ok(now.without_any()))?;
    no_content()
}

async fn read(shared: &Shared, upload: &Upload, read: ReadFaults) -> Result<Vec<Fault>, ControlError> {
    let received = upload.receive(shared).await?;
    let text = std::str::from_utf8(&received.bytes)
        .map_err(|error| ControlError::bad_request(INVALID_FAULT, format!("not UTF-8: {error}")))?;
    read(text).map_err(|mistakes| {
        let Some(first) = mistakes.first() else {
            return ControlError::bad_request(INVALID_FAULT, "the fault is refused");
        };
        let error = ControlError::bad_request(INVALID_FAULT, &*first.message)
            .with("path", &*first.path)
            .with("line", first.line)
            .with("column", first.column);
        let mistakes = serde_json::to_value(&mistakes);
        error.with("mistakes", mistakes.unwrap_or(Value::Null))
    })
}

impl From<FaultsUnchanged> for ControlError {
    fn from(error: FaultsUnchanged) -> Self {
        let (status, code) = match error {
            FaultsUnchanged::Exists(_) => (StatusCode::CONFLICT, "FaultExists"),
            FaultsUnchanged::Unknown { .. } => (StatusCode::NOT_FOUND, "NoSuchFault"),
            FaultsUnchanged::TooMany { .. } | FaultsUnchanged::NoCertificate(_) => {
                (StatusCode::CONFLICT, "FaultsUnchanged")
            }
        };
        Self::new(status, code, error.to_string())
    }
}

const INVALID_FAULT: &str = "InvalidFault";
