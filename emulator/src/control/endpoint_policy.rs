//! The endpoints, and the policy attached to each

use std::sync::Arc;

use aws_identifiers::{Region, VpcEndpointId};
use axum::extract::State;
use http::{HeaderName, StatusCode};
use iam_policy::{Finding, PolicyDocument, PolicyType};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    ControlError,
    answer::{Answer, bytes_answer, json_answer, no_content},
    path::PathText,
    query::QueryText,
    upload::Upload,
};
use crate::{
    network::PrivateDns,
    runtime::{NotAttached, Shared},
    services::vocabulary::{self, Surroundings},
};

/// An endpoint, without its policy
#[derive(Serialize, ToSchema)]
#[schema(as = VpcEndpoint)]
struct EndpointView<'a> {
    vpc_endpoint_id: &'a str,
    vpc_id: &'a str,
    /// `null`: every Region
    region: Option<&'a str>,
    cidr_block: Option<String>,
    private_dns_enabled: bool,
}

/// Every endpoint that requests can come through: those of the configuration, then those made over EC2
#[utoipa::path(
    get, path = "/vpc-endpoints", tag = "policies",
    responses((status = 200, body = Vec<EndpointView<'static>>))
)]
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Answer {
    let snapshot = shared.space.snapshot();
    let endpoints: Vec<EndpointView<'_>> = snapshot
        .endpoints
        .iter()
        .map(|placed| EndpointView {
            vpc_endpoint_id: placed.id().as_str(),
            vpc_id: placed.vpc.vpc_id.as_str(),
            region: placed.region.as_ref().map(Region::as_str),
            cidr_block: placed.vpc.cidr_block.map(|block| block.to_string()),
            private_dns_enabled: placed.endpoint.private_dns == PrivateDns::Enabled,
        })
        .collect();
    json_answer(&endpoints)
}

/// The policy that is attached to an endpoint, as it was written
#[utoipa::path(
    get, path = "/vpc-endpoints/{vpc_endpoint_id}/policy", tag = "policies",
    params(("vpc_endpoint_id" = String, Path, description = "vpce-…")),
    responses(
        (status = 200, body = Object, content_type = "application/json"),
        (status = 404, description = "`InvalidVpcEndpointId.NotFound`"),
    )
)]
pub(super) async fn show(State(shared): State<Arc<Shared>>, PathText(id): PathText) -> Answer {
    let id = parse(&id)?;
    let snapshot = shared.space.snapshot();
    let placed = snapshot.endpoints.get(&id).ok_or_else(|| unknown(id.as_str()))?;
    bytes_answer(
        "application/json",
        placed.endpoint.policy_document.text().to_owned(),
    )
}

/// What lint says about a policy that was attached
#[derive(Serialize, ToSchema)]
struct AttachedPolicy {
    /// As `POST /lint` has them
    #[schema(value_type = Vec<Object>)]
    findings: Vec<Finding>,
}

/// Attaches a policy to an endpoint, from the next request on; nothing changes when AWS would refuse the document
///
/// A policy may be valid and still not say what was meant: the header `x-lint-findings` says how many things lint finds in it,
/// and with `lint=true` they are the answer.
#[utoipa::path(
    put, path = "/vpc-endpoints/{vpc_endpoint_id}/policy", tag = "policies",
    params(
        ("vpc_endpoint_id" = String, Path, description = "vpce-…"),
        ("lint" = Option<bool>, Query, description = "answer with what lint finds in the policy"),
    ),
    request_body(content = Object, content_type = "application/json", description = "the policy document"),
    responses(
        (status = 200, body = AttachedPolicy, description = "attached, with `lint=true`"),
        (status = 204, description = "attached", headers(("x-lint-findings" = usize, description = "how many things lint finds in the policy; absent where it finds none"))),
        (status = 400, description = "`InvalidPolicyDocument`, with `path`, `line` and `column`; `InvalidParameter`"),
        (status = 404, description = "`InvalidVpcEndpointId.NotFound`"),
    )
)]
pub(super) async fn attach(
    State(shared): State<Arc<Shared>>,
    PathText(id): PathText,
    QueryText(query): QueryText,
    upload: Upload,
) -> Answer {
    let received = upload.receive(&shared).await?;
    let is_lint_asked_for = is_lint_asked_for(query.as_deref().unwrap_or_default())?;
    let id = parse(&id)?;
    let text = std::str::from_utf8(&received.bytes)
        .map_err(|error| ControlError::bad_request("InvalidPolicyDocument", format!("not UTF-8: {error}")))?;
    let document = PolicyDocument::parse(text, PolicyType::VpcEndpoint).map_err(|error| {
        ControlError::bad_request("InvalidPolicyDocument", error.to_string())
            .with("path", error.path())
            .with("line", error.line())
            .with("column", error.column())
    })?;
    let mut answer = set(&shared, &id, document.clone()).await?;
    let snapshot = shared.space.snapshot();
    let mut findings = Vec::new();
    // Somebody may have deleted the endpoint meanwhile.
    if let Some(placed) = snapshot.endpoints.get(&id) {
        vocabulary::warn_about(&document, placed, &snapshot.settings);
        let surroundings = Surroundings::Attached {
            settings: &snapshot.settings,
            endpoint: (&**placed).into(),
        };
        findings = vocabulary::lint(text, PolicyType::VpcEndpoint, surroundings);
    }
    if is_lint_asked_for {
        return json_answer(&AttachedPolicy { findings });
    }
    if !findings.is_empty() {
        answer
            .headers_mut()
            .insert(X_LINT_FINDINGS, findings.len().into());
    }
    Ok(answer)
}

/// Reads `lint` of a query
///
/// # Errors
/// When it is neither `true` nor `false`, or there is another parameter.
fn is_lint_asked_for(query: &str) -> Result<bool, ControlError> {
    let mut is_asked_for = false;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        is_asked_for = match (&*name, &*value) {
            ("lint", "true") => true,
            ("lint", "false") => false,
            ("lint", _) => {
                return Err(invalid(format!(
                    "`lint`: `{value}` is neither `true` nor `false`"
                )));
            }
            _ => {
                return Err(invalid(format!(
                    "`{name}` is not a parameter here; there is `lint`"
                )));
            }
        };
    }
    Ok(is_asked_for)
}

fn invalid(message: String) -> ControlError {
    ControlError::bad_request("InvalidParameter", message)
}

/// Back to full access, as `ModifyVpcEndpoint` with `ResetPolicy` does
// EC2 API reference, `ModifyVpcEndpoint`.
#[utoipa::path(
    delete, path = "/vpc-endpoints/{vpc_endpoint_id}/policy", tag = "policies",
    params(("vpc_endpoint_id" = String, Path, description = "vpce-…")),
    responses(
        (status = 204, description = "the default policy is attached"),
        (status = 404, description = "`InvalidVpcEndpointId.NotFound`"),
    )
)]
pub(super) async fn restore(State(shared): State<Arc<Shared>>, PathText(id): PathText) -> Answer {
    set(&shared, &parse(&id)?, PolicyDocument::full_access()).await
}

async fn set(shared: &Arc<Shared>, id: &VpcEndpointId, document: PolicyDocument) -> Answer {
    let attached = id.clone();
    let attached = shared
        .space
        .run_blocking(move |space| space.attach_policy(&attached, Arc::new(document)));
    match attached.await {
        Ok(()) => no_content(),
        Err(NotAttached::Unknown(_)) => Err(unknown(id.as_str())),
        Err(NotAttached::NotWritten(error)) => Err(ControlError::not_written(&error)),
    }
}

fn parse(id: &str) -> Result<VpcEndpointId, ControlError> {
    id.parse().map_err(|_| unknown(id))
}

// EC2 API reference, *Error codes*: the code and the sentence of DescribeVpcEndpoints.
pub(super) fn unknown(id: &str) -> ControlError {
    ControlError::new(
        StatusCode::NOT_FOUND,
        "InvalidVpcEndpointId.NotFound",
        format!("The VpcEndpoint ID '{id}' does not exist"),
    )
}

/// How many things lint finds in a policy that was attached
const X_LINT_FINDINGS: HeaderName = HeaderName::from_static("x-lint-findings");
