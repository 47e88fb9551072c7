//! What everyone may do

use std::sync::Arc;

use axum::extract::State;

use super::{
    ControlError,
    answer::{Answer, bytes_answer},
    client_environment::region_of_clients,
    draft::word,
    endpoint_policy,
    query::QueryText,
};
use crate::{
    network::entry_point::EntryPoint,
    runtime::Shared,
    workbench::{
        Scene,
        matrix::{Matrix, MatrixFormat, PUBLIC},
    },
};

/// What the policies say about every operation on everything that is there, by everyone of the configuration, over every
/// entry point; `policy matrix` of what is in force now
#[utoipa::path(
    get, path = "/matrix", tag = "policies",
    params(
        ("vpc_endpoint_id" = Option<String>, Query, description = "one endpoint alone, or `public`"),
        ("format" = Option<String>, Query, description = "text, json, markdown or csv; json unless it is given"),
    ),
    responses(
        (status = 200, content((Matrix = "application/json"), (String = "text/plain"), (String = "text/markdown"), (String = "text/csv"))),
        (status = 404, description = "`InvalidVpcEndpointId.NotFound`"),
    )
)]
pub(super) async fn show(State(shared): State<Arc<Shared>>, QueryText(query): QueryText) -> Answer {
    let invalid = |message: String| ControlError::bad_request("InvalidParameter", message);
    let (mut vpc_endpoint_id, mut format) = (None, MatrixFormat::Json);
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match &*name {
            "vpc_endpoint_id" => vpc_endpoint_id = Some(value.into_owned()),
            "format" => format = word(&name, &value)?,
            _ => {
                return Err(invalid(format!(
                    "`{}` is not a parameter of `/matrix`; there are `vpc_endpoint_id` and `format`",
                    client_text::Shown(name)
                )));
            }
        }
    }
    let snapshot = shared.space.snapshot();
    if let Some(id) = vpc_endpoint_id.as_deref().filter(|id| *id != PUBLIC) {
        let found = id.parse().ok().and_then(|id| snapshot.endpoints.get(&id));
        found.ok_or_else(|| endpoint_policy::unknown(id))?;
    }
    let work = {
        let shared = shared.clone();
        move || {
            let scene = Scene::running(&shared.space, region_of_clients);
            let matrix = Matrix::of(&scene, |entry_point: &EntryPoint| {
                let name = entry_point.vpc_endpoint_id().map_or(PUBLIC, |id| id.as_str());
                vpc_endpoint_id.as_deref().is_none_or(|id| id == name)
            });
            matrix.map(|matrix| matrix.written(format))
        }
    };
    let written = shared.space.explainer.run(work).await;
    let written = written.map_err(|error| ControlError::bad_request("MatrixTooLarge", error.to_string()))?;
    let content_type = match format {
        MatrixFormat::Text => "text/plain; charset=utf-8",
        MatrixFormat::Json => "application/json",
        MatrixFormat::Markdown => "text/markdown; charset=utf-8",
        MatrixFormat::Csv => "text/csv; charset=utf-8",
    };
    bytes_answer(content_type, written)
}
