//! What the service has in one Region: projects with their models and datasets

use std::{collections::BTreeSet, sync::Arc};

use aws_identifiers::Region;
use axum::extract::State;
use jiff::Timestamp;
use lookoutvision::store::{View, dataset::Dataset, model::Model, project::Project};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    ControlError,
    answer::{Answer, json_answer},
    client_environment::client_region,
    query::QueryText,
};
use crate::runtime::{Shared, Snapshot};

/// Everything in one Region, as it is now on the emulator's clock
#[derive(Serialize, ToSchema)]
struct ProjectsView<'v> {
    region: &'v str,
    /// Regions that have an endpoint, a declared project, or a project that a call has made or changed
    regions: BTreeSet<String>,
    /// In the order of creation
    projects: Vec<ProjectView<'v>>,
    /// Projects that the configuration describes and that CreateProject makes
    not_created: Vec<&'v str>,
}

#[derive(Serialize, ToSchema)]
struct ProjectView<'v> {
    name: &'v str,
    created: Timestamp,
    /// Whether the configuration names it
    is_declared: bool,
    models: Vec<ModelView<'v>>,
    datasets: Vec<DatasetView<'v>>,
}

#[derive(Serialize, ToSchema)]
struct ModelView<'v> {
    version: &'v str,
    #[schema(example = "HOSTED")]
    status: &'static str,
    message: &'v str,
    /// When what it is doing ends, on the emulator's clock; `null`: it does not end by itself
    ends_at: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
struct DatasetView<'v> {
    /// `train` or `test`
    #[serde(rename = "type")]
    dataset_type: &'static str,
    #[schema(example = "CREATE_COMPLETE")]
    status: &'static str,
    message: &'v str,
    /// When what it is doing ends, on the emulator's clock; `null`: it does not end by itself
    ends_at: Option<Timestamp>,
    images: i64,
    labelled: i64,
}

/// Projects, models and datasets of one Region, with their statuses and when those end
#[utoipa::path(
    get, path = "/projects", tag = "state",
    params(("region" = Option<String>, Query, description = "Region; that of `GET /env` unless it is given")),
    responses((status = 200, body = ProjectsView<'static>))
)]
pub(super) async fn list(State(shared): State<Arc<Shared>>, QueryText(query): QueryText) -> Answer {
    let snapshot = shared.space.snapshot();
    let region = read(&query.unwrap_or_default(), &snapshot)?;
    let state = snapshot.generation.state();
    let view = state.view(&snapshot.declared, &region, snapshot.generation.clock.now());
    let touched = state.overlays().map(|(_, region, _)| region.to_string());
    let declarations = &snapshot.declared.declarations().projects;
    let declared = declarations.iter().filter_map(|project| project.region.as_ref());
    let of_endpoints = snapshot
        .endpoints
        .iter()
        .filter_map(|placed| placed.region.as_ref());
    let regions = declared.chain(of_endpoints).map(ToString::to_string);
    let named = declarations.iter().map(|project| project.name.as_str());
    let is_here = |name: &&str| view.declaration(name).is_some() && view.project(name).is_none();
    json_answer(&ProjectsView {
        region: region.as_str(),
        regions: regions.chain(touched).chain([region.to_string()]).collect(),
        projects: view
            .projects()
            .into_iter()
            .map(|project| ProjectView::of(project, &view))
            .collect(),
        not_created: BTreeSet::from_iter(named.filter(is_here)).into_iter().collect(),
    })
}

fn read(query: &str, snapshot: &Snapshot) -> Result<Region, ControlError> {
    let invalid = |message: String| ControlError::bad_request("InvalidParameter", message);
    let mut region = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "region" => region = Some(value.into_owned()),
            _ => {
                let shown = client_text::Shown(&name);
                return Err(invalid(format!(
                    "`{shown}` is not a parameter of `/projects`; there is `region`"
                )));
            }
        }
    }
    let region = region.unwrap_or_else(|| client_region(snapshot));
    let parsed = region.parse();
    parsed.map_err(|_| {
        invalid(format!(
            "region: `{}` is not the name of a Region",
            client_text::Shown(&region)
        ))
    })
}

impl<'v> ProjectView<'v> {
    fn of(project: &'v Project, view: &View<'_>) -> Self {
        let datasets = project.datasets(view.now);
        Self {
            name: &project.name,
            created: project.created,
            is_declared: view.declaration(&project.name).is_some(),
            models: project
                .models_at(view.now)
                .map(|model| ModelView::of(model, view.now))
                .collect(),
            datasets: datasets
                .map(|(dataset_type, dataset)| DatasetView::of(dataset_type.as_str(), dataset, view.now))
                .collect(),
        }
    }
}

impl<'v> ModelView<'v> {
    fn of(model: &'v Model, now: Timestamp) -> Self {
        let (status, message) = model.status(now);
        Self {
            version: &model.version,
            status: status.as_str(),
            message,
            ends_at: model.ends_at(now),
        }
    }
}

impl<'v> DatasetView<'v> {
    fn of(dataset_type: &'static str, dataset: &'v Dataset, now: Timestamp) -> Self {
        let (status, message) = dataset.status(now);
        let stats = dataset.image_stats(now);
        Self {
            dataset_type,
            status: status.as_str(),
            message,
            ends_at: dataset.ends_at(now),
            images: stats.total,
            labelled: stats.labeled,
        }
    }
}
