//! The states of scenarios, which rules ask about and move on

use std::sync::Arc;

use axum::extract::State;
use lookoutvision::scenarios::{self, CHARACTERS_MAX};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    ControlError,
    answer::{Answer, json_answer, no_content},
    path::PathText,
    rules::refusal,
    upload::Upload,
};
use crate::runtime::Shared;

/// The state that a scenario is to be in
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ScenarioChange {
    #[schema(example = "Started")]
    state: String,
}

/// A scenario was set, and may not do what was meant
#[derive(Serialize, ToSchema)]
struct ScenarioSet {
    /// Warnings: no rule names a scenario of this name
    warnings: Vec<String>,
}

/// The state of each scenario that was set, or that a rule names; one that nobody has set is `Started`
#[utoipa::path(
    get, path = "/scenarios", tag = "rules",
    responses((status = 200, body = std::collections::BTreeMap<String, String>))
)]
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Answer {
    json_answer(&shared.space.scenario_states())
}

/// Puts a scenario into a state, from the next request on
#[utoipa::path(
    put, path = "/scenarios/{name}", tag = "rules", request_body = ScenarioChange,
    params(("name" = String, Path, description = "name of the scenario")),
    responses(
        (status = 200, body = ScenarioSet, description = "done, and no rule names a scenario of this name"),
        (status = 204, description = "done"),
        (status = 400, description = "`InvalidScenario`"),
        (status = 409, description = "`LimitExceeded`"),
    )
)]
pub(super) async fn set(
    State(shared): State<Arc<Shared>>,
    PathText(name): PathText,
    upload: Upload,
) -> Answer {
    let ScenarioChange { state } = upload.json(&shared, INVALID_SCENARIO, EXPECTED).await?;
    for (what, text, path) in [("name", &name, None), ("state", &state, Some("/state"))] {
        if !scenarios::is_text(text) {
            let message = format!("a scenario's {what} has 1 to {CHARACTERS_MAX} characters");
            let error = ControlError::bad_request(INVALID_SCENARIO, message);
            return Err(match path {
                Some(path) => error.with("path", path),
                None => error,
            });
        }
    }
    let set = shared.space.run_blocking(move |space| {
        space.set_scenario(&name, &state)?;
        Ok(space.unused_scenario(&name))
    });
    match set.await.map_err(refusal)? {
        Some(warning) => json_answer(&ScenarioSet {
            warnings: vec![warning],
        }),
        None => no_content(),
    }
}

/// Puts a scenario back to `Started`
#[utoipa::path(
    delete, path = "/scenarios/{name}", tag = "rules",
    params(("name" = String, Path, description = "name of the scenario")),
    responses((status = 204, description = "done"), (status = 404, description = "`NotFound`: no such scenario"))
)]
pub(super) async fn reset(State(shared): State<Arc<Shared>>, PathText(name): PathText) -> Answer {
    let reset = shared
        .space
        .run_blocking(move |space| space.reset_scenario(&name));
    reset.await.map_err(refusal)?;
    no_content()
}

const INVALID_SCENARIO: &str = "InvalidScenario";
const EXPECTED: &str = r#"{"state":"Started"}"#;
