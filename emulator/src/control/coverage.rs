//! Which parts of the policies requests have reached

use std::sync::Arc;

use axum::extract::State;
use http::HeaderValue;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    ControlError,
    answer::{Answer, bytes_answer, no_content},
    query::QueryText,
    upload::Upload,
};
use crate::{
    runtime::Shared,
    workbench::coverage::{CoverageFormat, CoverageReport, show_all},
};

/// Whether requests are counted
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CoverageSetting {
    enabled: bool,
}

/// What was counted: statements, patterns and conditions of every document that is or was in force
///
/// The header `x-coverage-enabled` says whether requests are counted, `x-coverage-percent` has the percent of all units; with `minimum`, `x-coverage-minimum-met` says whether
/// that is enough, and so does `minimum` in JSON.
#[utoipa::path(
    get, path = "/coverage", tag = "policies",
    params(
        ("format" = Option<String>, Query, description = "json, html, lcov, cobertura, junit or sarif; json unless it is given"),
        ("minimum" = Option<u8>, Query, description = "percent of all units that are asked for"),
    ),
    responses((status = 200, content((Object = "application/json"), (String = "text/html"), (String = "text/plain"), (String = "application/xml"))))
)]
pub(super) async fn show(State(shared): State<Arc<Shared>>, QueryText(query): QueryText) -> Answer {
    let query = query.unwrap_or_default();
    let mut format = CoverageFormat::Json;
    let mut minimum = None;
    let invalid = |message: String| ControlError::bad_request("InvalidParameter", message);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "format" => {
                let read = value.parse();
                format = read.map_err(|error| invalid(format!("format: {error}")))?;
            }
            "minimum" => {
                let percent = value.parse::<u8>().ok().filter(|percent| *percent <= 100);
                let percent = percent
                    .ok_or_else(|| invalid(format!("minimum: `{value}` is not a number from 0 to 100")))?;
                minimum = Some(percent);
            }
            _ => {
                return Err(invalid(format!(
                    "`{name}` is not a parameter of `/coverage`; there are `format` and `minimum`"
                )));
            }
        }
    }
    let snapshot = shared.space.snapshot();
    show_all(&shared.space.coverage, &snapshot.settings, &snapshot.endpoints);
    let mut report = CoverageReport::of(&shared.space.coverage, &snapshot.settings.policy_files);
    let is_met = minimum.map(|percent| report.reaches(percent));
    if let Some(percent) = minimum {
        report = report.held_to(percent);
    }
    let mut answer = bytes_answer(format.content_type(), report.written(format))?;
    let headers = answer.headers_mut();
    let yes_or_no = |is: bool| HeaderValue::from_static(if is { "true" } else { "false" });
    headers.insert("x-coverage-enabled", yes_or_no(shared.space.coverage.is_on()));
    headers.insert("x-coverage-percent", HeaderValue::from(report.percent()));
    if let Some(is_met) = is_met {
        headers.insert("x-coverage-minimum-met", yes_or_no(is_met));
    }
    Ok(answer)
}

/// Turns counting on or off, from the next request on; the counts so far stay
#[utoipa::path(
    put, path = "/coverage", tag = "policies", request_body = CoverageSetting,
    responses((status = 204, description = "set"), (status = 400, description = "`InvalidCoverage`"))
)]
pub(super) async fn set(State(shared): State<Arc<Shared>>, upload: Upload) -> Answer {
    let CoverageSetting { enabled } = upload
        .json(&shared, "InvalidCoverage", "`{\"enabled\": true}`")
        .await?;
    shared.space.coverage.turn(enabled);
    no_content()
}

/// Forgets what was counted; whether requests are counted stays as it is
#[utoipa::path(delete, path = "/coverage", tag = "policies", responses((status = 204, description = "forgotten")))]
pub(super) async fn clear(State(shared): State<Arc<Shared>>) -> Answer {
    shared.space.coverage.clear();
    no_content()
}
