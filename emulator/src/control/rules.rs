//! The rules that answer DetectAnomalies of a model

use std::{collections::BTreeSet, sync::Arc};

use aws_identifiers::IdentifierError;
use axum::extract::State;
use http::StatusCode;
use lookoutvision::canned::RuleRef;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    ControlError,
    answer::{Answer, json_answer, json_text, no_content},
    path::PathText,
    query::QueryText,
    upload::Upload,
};
use crate::runtime::{
    Shared, Space,
    rules::{ModelName, NotChanged, RuleMistake, Shown},
};

/// Which model the rules are of
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ModelPath {
    /// Name of the project
    project: String,
    /// Version of the model, which may not be there yet
    version: String,
}

/// Where the rules hold
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct RegionQuery {
    /// The Region; every Region unless it is given
    region: Option<String>,
}

/// A rule, with the keys of `detect_anomalies` beside these
#[derive(Serialize, ToSchema)]
struct ListedRule {
    /// What the journal calls it
    #[schema(example = "r-1")]
    id: String,
    /// `control`, or `configuration`
    source: &'static str,
    /// `when` and `then`, as they were written
    #[serde(flatten)]
    written: Map<String, Value>,
}

/// Rules as they are now
#[derive(Serialize, ToSchema)]
struct RulesPut {
    /// Their ids, in the order of evaluation
    ids: Vec<String>,
    /// Warnings
    warnings: Vec<RuleMistake>,
}

/// A rule that was put in front
#[derive(Serialize, ToSchema)]
struct RuleAdded {
    #[schema(example = "r-1")]
    id: String,
    /// Warnings
    warnings: Vec<RuleMistake>,
}

/// The rules of a model in the order of evaluation, those of its project left out
#[utoipa::path(
    get, path = "/projects/{project}/models/{version}/detect-anomalies", tag = "rules",
    params(ModelPath, RegionQuery),
    responses((status = 200, body = Vec<ListedRule>), (status = 404, description = "`NotFound`: no such project"))
)]
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    PathText(path): PathText<ModelPath>,
    QueryText(query): QueryText,
) -> Answer {
    let model = path.model(query.as_deref())?;
    let rules = shared.space.rules_of(&model).map_err(refusal)?;
    json_answer(&rules.iter().map(ListedRule::of).collect::<Vec<_>>())
}

/// Replaces the rules of a model, from the next request on; all or none
///
/// The list is that of `detect_anomalies` in the configuration, with the same keys; `id` and `source` of `GET` are not read.
#[utoipa::path(
    put, path = "/projects/{project}/models/{version}/detect-anomalies", tag = "rules",
    params(ModelPath, RegionQuery),
    request_body(content = Vec<Object>, content_type = "application/json", description = "the rules"),
    responses(
        (status = 200, body = RulesPut),
        (status = 400, description = "`InvalidRules`, with `path`, and `mistakes` with all of them"),
        (status = 404, description = "`NotFound`: no such project"),
        (status = 409, description = "`LimitExceeded`"),
    )
)]
pub(super) async fn put(
    State(shared): State<Arc<Shared>>,
    PathText(path): PathText<ModelPath>,
    QueryText(query): QueryText,
    upload: Upload,
) -> Answer {
    let model = path.model(query.as_deref())?;
    let mut rules = json(&shared, &upload).await?;
    if let Value::Array(rules) = &mut rules {
        rules.iter_mut().for_each(without_what_is_shown);
    }
    let place = model.clone();
    let put = change(&shared, move |space| space.put_rules(&model, &rules)).await?;
    let shown = shared.space.rules_of(&place).map_err(refusal)?;
    json_answer(&RulesPut {
        ids: shown.iter().map(|rule| rule.rule_ref.to_string()).collect(),
        warnings: put.warnings,
    })
}

/// Puts one rule in front of all others of a model, from the next request on
#[utoipa::path(
    post, path = "/projects/{project}/models/{version}/detect-anomalies", tag = "rules",
    params(ModelPath, RegionQuery),
    request_body(content = Object, content_type = "application/json", description = "the rule"),
    responses(
        (status = 201, body = RuleAdded),
        (status = 400, description = "`InvalidRules`, with `path`, and `mistakes` with all of them"),
        (status = 404, description = "`NotFound`: no such project"),
        (status = 409, description = "`LimitExceeded`"),
    )
)]
pub(super) async fn add(
    State(shared): State<Arc<Shared>>,
    PathText(path): PathText<ModelPath>,
    QueryText(query): QueryText,
    upload: Upload,
) -> Answer {
    let model = path.model(query.as_deref())?;
    let rule = json(&shared, &upload).await?;
    let added = shared
        .space
        .run_blocking(move |space| space.add_rule(&model, rule))
        .await;
    // What was sent is one rule and not a list, so the paths of mistakes begin at the rule.
    let added = added.map_err(|error| {
        refusal(match error {
            NotChanged::Mistakes(mistakes) => {
                NotChanged::Mistakes(mistakes.into_iter().map(within_element).collect())
            }
            error => error,
        })
    })?;
    let id = added.id.map(|id| id.to_string()).unwrap_or_default();
    let warnings = added.warnings.into_iter().map(within_element).collect();
    let response = json_text(StatusCode::CREATED, &RuleAdded { id, warnings });
    Ok(response.map(axum::body::Body::new))
}

/// Goes back to the rules of the configuration
#[utoipa::path(
    delete, path = "/projects/{project}/models/{version}/detect-anomalies", tag = "rules",
    params(ModelPath, RegionQuery),
    responses((status = 204, description = "done"), (status = 404, description = "`NotFound`: no such project"))
)]
pub(super) async fn restore(
    State(shared): State<Arc<Shared>>,
    PathText(path): PathText<ModelPath>,
    QueryText(query): QueryText,
) -> Answer {
    let model = path.model(query.as_deref())?;
    change(&shared, move |space| space.restore_rules(&model)).await?;
    no_content()
}

/// Takes away one rule that was put
#[utoipa::path(
    delete, path = "/projects/{project}/models/{version}/detect-anomalies/{rule_id}", tag = "rules",
    params(ModelPath, ("rule_id" = String, Path, description = "r-1"), RegionQuery),
    responses((status = 204, description = "done"), (status = 404, description = "`NotFound`: no such rule"))
)]
pub(super) async fn remove(
    State(shared): State<Arc<Shared>>,
    PathText((project, version, id)): PathText<(String, String, String)>,
    QueryText(query): QueryText,
) -> Answer {
    let model = ModelPath { project, version }.model(query.as_deref())?;
    let id = id
        .parse()
        .map_err(|message| refusal(NotChanged::Unknown(message)))?;
    change(&shared, move |space| space.remove_rule(&model, id)).await?;
    no_content()
}

impl ListedRule {
    fn of(shown: &Shown) -> Self {
        Self {
            id: shown.rule_ref.to_string(),
            source: match shown.rule_ref {
                RuleRef::Put(_) => "control",
                _ => "configuration",
            },
            written: shown.written.as_object().cloned().unwrap_or_default(),
        }
    }
}

impl ModelPath {
    /// The model, with what the query says of the Region
    fn model(&self, query: Option<&str>) -> Result<ModelName, ControlError> {
        let RegionQuery { region } = RegionQuery::parse(query.unwrap_or_default())?;
        Ok(ModelName {
            project: self.project.parse().map_err(|error| invalid(&error))?,
            version: self.version.parse().map_err(|error| invalid(&error))?,
            region: region
                .map(|region| region.parse())
                .transpose()
                .map_err(|error| invalid(&error))?,
        })
    }
}

impl RegionQuery {
    fn parse(query: &str) -> Result<Self, ControlError> {
        let mut region = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name != "region" {
                let message = format!("`{name}` is not a parameter of rules; there is `region`");
                return Err(ControlError::bad_request("InvalidParameter", message));
            }
            region = Some(value.into_owned());
        }
        Ok(Self { region })
    }
}

fn invalid(error: &IdentifierError) -> ControlError {
    ControlError::bad_request("InvalidParameter", error.to_string())
}

async fn json(shared: &Shared, upload: &Upload) -> Result<Value, ControlError> {
    let received = upload.receive(shared).await?;
    serde_json::from_slice(&received.bytes).map_err(|error| {
        ControlError::bad_request(INVALID_RULES, format!("expected JSON: {error}"))
            .with("path", "")
            .with("line", error.line())
            .with("column", error.column())
    })
}

fn without_what_is_shown(rule: &mut Value) {
    if let Value::Object(members) = rule {
        let shown = BTreeSet::from(["id", "source"]);
        members.retain(|name, _| !shown.contains(name.as_str()));
    }
}

async fn change<T: Send + 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Space) -> Result<T, NotChanged> + Send + 'static,
) -> Result<T, ControlError> {
    shared.space.run_blocking(work).await.map_err(refusal)
}

pub(super) fn refusal(error: NotChanged) -> ControlError {
    let message = error.to_string();
    match error {
        NotChanged::Mistakes(mistakes) => {
            let path = mistakes.first().map(|mistake| mistake.path.clone());
            let mistakes = serde_json::to_value(&mistakes).expect("texts are JSON");
            ControlError::bad_request(INVALID_RULES, message)
                .with("path", path.unwrap_or_default())
                .with("mistakes", mistakes)
        }
        NotChanged::Unknown(_) => ControlError::new(StatusCode::NOT_FOUND, "NotFound", message),
        NotChanged::TooMany(_) => ControlError::new(StatusCode::CONFLICT, "LimitExceeded", message),
        NotChanged::NotWritten(error) => ControlError::not_written(&error),
    }
}

/// A mistake in the only element of a list, as one in the element
fn within_element(mistake: RuleMistake) -> RuleMistake {
    RuleMistake {
        path: mistake
            .path
            .strip_prefix("/0")
            .unwrap_or(&mistake.path)
            .to_owned(),
        ..mistake
    }
}

const INVALID_RULES: &str = "InvalidRules";
