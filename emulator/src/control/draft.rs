//! Policies drafted from the calls of the journal

use std::sync::Arc;

use axum::extract::State;
use clap::ValueEnum;
use client_text::{Shown, spelling};
use http::StatusCode;

use super::{
    ControlError,
    answer::{Answer, json_answer},
    client_environment::region_of_clients,
    endpoint_policy,
    path::PathText,
    query::QueryText,
    what_if::recorded_calls,
};
use crate::{
    journal::Query,
    runtime::Shared,
    services::operation_names,
    workbench::{
        Scene,
        draft::{
            AttachedTo, DraftCondition, DraftOptions, DraftPrincipals, DraftReport, DraftResources, NoDraft,
            allowed_by_anyone, draft,
        },
    },
};

/// How a policy is drafted
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what `read` reads")]
struct Parameters {
    /// Only of calls by this principal, or by sessions of this role
    principal: Option<String>,
    /// How exactly resources are named: `exact` (the default), `project` for every model of a project, or `any`
    resources: Option<String>,
    /// How exactly principals are named: `exact` (the default), `account` or `any`
    principals: Option<String>,
    /// Only of calls since this instant, or after this request id
    since: Option<String>,
}

/// A policy for an endpoint that allows the calls over it that were allowed, and as little else as the options permit;
/// nothing is attached
#[utoipa::path(
    get, path = "/vpc-endpoints/{vpc_endpoint_id}/policy/draft", tag = "policies",
    params(("vpc_endpoint_id" = String, Path, description = "vpce-…"), Parameters),
    responses(
        (status = 200, body = DraftReport),
        (status = 404, description = "`InvalidVpcEndpointId.NotFound`"),
        (status = 409, description = "`NothingToDraft`: no call was allowed, or the parameters leave none"),
    )
)]
pub(super) async fn of_endpoint(
    State(shared): State<Arc<Shared>>,
    PathText(id): PathText,
    QueryText(query): QueryText,
) -> Answer {
    let snapshot = shared.space.snapshot();
    let found = id.parse().ok().and_then(|id| snapshot.endpoints.get(&id));
    let placed = found.ok_or_else(|| endpoint_policy::unknown(&id))?;
    let attached_to = AttachedTo::VpcEndpoint(placed.id().clone());
    answer(&shared, attached_to, &query.unwrap_or_default()).await
}

/// An identity policy that allows the calls of a principal that were allowed, whatever way they came in, and as little else
/// as the options permit; nothing is attached
#[utoipa::path(
    get, path = "/identity-policy/draft", tag = "policies",
    params(
        Parameters,
        ("condition" = Option<String>, Query, description = "keep it to where the calls came from: source-vpce, source-vpc, or none (the default)"),
    ),
    responses(
        (status = 200, body = DraftReport),
        (status = 409, description = "`NothingToDraft`: no call was allowed, or the parameters leave none"),
    )
)]
pub(super) async fn of_principal(State(shared): State<Arc<Shared>>, QueryText(query): QueryText) -> Answer {
    let query = query.unwrap_or_default();
    let is_named = form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "principal");
    if !is_named {
        let message = "whose policy? Give the ARN of a principal or a role in `principal`";
        return Err(ControlError::bad_request("InvalidParameter", message));
    }
    answer(&shared, AttachedTo::Principal, &query).await
}

async fn answer(shared: &Arc<Shared>, attached_to: AttachedTo, query: &str) -> Answer {
    let Asked {
        options,
        query,
        since,
    } = read(attached_to, query)?;
    let work = {
        let shared = shared.clone();
        move || {
            let (_, evicted) = shared.space.journal.counts();
            let calls = recorded_calls(&shared.space, &query);
            let drafted = draft(
                &options,
                &calls,
                &Scene::running(&shared.space, region_of_clients),
                evicted,
                0,
            );
            match (drafted, since) {
                // Is it the journal that has none, or the filter that leaves none?
                (Err(error @ NoDraft::NothingAllowed { .. }), Some(since)) => {
                    let calls = recorded_calls(&shared.space, &Query::default());
                    Err(match allowed_by_anyone(&options, &calls) {
                        0 => error,
                        allowed => NoDraft::NothingLeft {
                            allowed,
                            filter: format!("since `{}`", Shown(since)),
                        },
                    })
                }
                (drafted, _) => drafted,
            }
        }
    };
    match shared.space.explainer.run(work).await {
        Ok(report) => json_answer(&report),
        Err(error @ NoDraft::ConditionWithoutEffect) => {
            Err(ControlError::bad_request("InvalidParameter", error.to_string()))
        }
        Err(
            error @ (NoDraft::NothingAllowed { .. }
            | NoDraft::NothingLeft { .. }
            | NoDraft::NothingNameable { .. }
            | NoDraft::TooLong(_)),
        ) => Err(ControlError::new(
            StatusCode::CONFLICT,
            "NothingToDraft",
            error.to_string(),
        )),
    }
}

/// What is asked for
struct Asked {
    options: DraftOptions,
    /// The entries of the journal
    query: Query,
    /// As it was written
    since: Option<String>,
}

fn read(attached_to: AttachedTo, query: &str) -> Result<Asked, ControlError> {
    let mut options = DraftOptions {
        attached_to,
        principal: None,
        resources: DraftResources::Exact,
        principals: DraftPrincipals::Exact,
        condition: DraftCondition::None,
    };
    let mut since = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "principal" => options.principal = Some(value.into_owned()),
            "resources" => options.resources = word(&name, &value)?,
            "principals" => options.principals = word(&name, &value)?,
            "condition" => options.condition = word(&name, &value)?,
            "since" => since = Some(value.into_owned()),
            _ => {
                let known = ["principal", "resources", "principals", "condition", "since"];
                let message = match spelling::meant(&name, &known) {
                    Some(meant) => format!(
                        "there is no parameter `{}`; did you mean `{meant}`?",
                        Shown(&name)
                    ),
                    None => format!(
                        "there is no parameter `{}`; there are {}",
                        Shown(&name),
                        spelling::quoted(&known)
                    ),
                };
                return Err(ControlError::bad_request("InvalidParameter", message));
            }
        }
    }
    let filter = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(since.iter().map(|since| ("since", since)))
        .finish();
    let query = Query::parse(&filter, &operation_names())
        .map_err(|error| ControlError::bad_request("InvalidParameter", error.to_string()))?;
    Ok(Asked {
        options,
        query,
        since,
    })
}

/// Reads a value that is one of a few words
pub(super) fn word<T: ValueEnum>(name: &str, value: &str) -> Result<T, ControlError> {
    T::from_str(value, false).map_err(|_| {
        let words = T::value_variants()
            .iter()
            .filter_map(ValueEnum::to_possible_value);
        let words: Vec<String> = words.map(|word| word.get_name().to_owned()).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let message = format!(
            "{name}: `{}` is not one of {}",
            Shown(value),
            spelling::quoted(&words)
        );
        ControlError::bad_request("InvalidParameter", message)
    })
}
