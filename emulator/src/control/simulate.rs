//! Questions to policies that are in force nowhere, and what lint says about one

use std::{str::FromStr, sync::Arc};

use axum::extract::State;
use iam_policy::{Finding, PolicyError, PolicyType};

use super::{
    ControlError,
    answer::{Answer, json_answer},
    query::QueryText,
    upload::Upload,
};
use crate::{
    runtime::{Shared, Snapshot},
    services::vocabulary::{self, Surroundings},
    workbench::simulation::{self, Explain, Mistake, Refusal, WrittenQuestion},
};

/// What policies would say about a request, all of them written in the body: one line of `policy simulate`
///
/// The body is `{"id":…,"policies":{"vpcEndpoint":{…},"identity":[…],…},"request":{"principal":…,"action":…,"resource":…,
/// "context":{…}}}`.
#[utoipa::path(
    post, path = "/simulate", tag = "policies",
    params(("explain" = Option<bool>, Query, description = "say what every statement made of the request")),
    request_body(content = Object, content_type = "application/json", description = "policies and a request"),
    responses(
        (status = 200, body = Object, content_type = "application/json"),
        (status = 400, description = "`InvalidInput`, with `path`, `line` and `column`; `InvalidPolicyDocument`, with `policy` too"),
    )
)]
pub(super) async fn simulate(
    State(shared): State<Arc<Shared>>,
    QueryText(query): QueryText,
    upload: Upload,
) -> Answer {
    let received = upload.receive(&shared).await?;
    let mut explain = Explain::No;
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match (&*name, &*value) {
            ("explain", "true") => explain = Explain::Yes,
            ("explain", "false") => explain = Explain::No,
            ("explain", _) => {
                return Err(invalid(format!(
                    "explain: `{value}` is neither `true` nor `false`"
                )));
            }
            _ => {
                return Err(invalid(format!(
                    "`{name}` is not a parameter of `/simulate`; there is `explain`"
                )));
            }
        }
    }
    let text = std::str::from_utf8(&received.bytes)
        .map_err(|error| ControlError::bad_request("InvalidInput", format!("not UTF-8: {error}")))?;
    let question = WrittenQuestion::read(text).map_err(
        |Mistake {
             message,
             path,
             column,
             line,
         }| {
            let error = ControlError::bad_request("InvalidInput", message).with("path", path);
            match column {
                Some(column) => error.with("line", line).with("column", column),
                None => error,
            }
        },
    )?;
    let policies = question
        .policies()
        .map_err(|Refusal { policy, error }| refused_policy(&policy, &error))?;
    json_answer(&simulation::Answer::of(&question, &policies, explain))
}

/// The refusal of a policy that AWS would refuse; `policy` is its JSON Pointer in what was sent
pub(super) fn refused_policy(policy: &str, error: &PolicyError) -> ControlError {
    ControlError::bad_request("InvalidPolicyDocument", error.message())
        .with("policy", policy)
        .with("path", error.path())
        .with("line", error.line())
        .with("column", error.column())
}

/// What AWS's checks and a careful reader would say about a policy, which is the body: `policy lint`
#[utoipa::path(
    post, path = "/lint", tag = "policies",
    params(
        ("type" = Option<String>, Query, description = "endpoint, identity, boundary, session, scp, rcp or trust; endpoint unless it is given"),
        ("vpc_endpoint_id" = Option<String>, Query, description = "the endpoint that it is to be attached to, which tells more"),
    ),
    request_body(content = Object, content_type = "application/json", description = "the policy document"),
    responses((status = 200, body = Vec<Object>, description = "findings, in the order of the text"))
)]
pub(super) async fn lint(
    State(shared): State<Arc<Shared>>,
    QueryText(query): QueryText,
    upload: Upload,
) -> Answer {
    let received = upload.receive(&shared).await?;
    let (mut policy_type, mut vpc_endpoint_id) = (PolicyType::VpcEndpoint, None);
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match &*name {
            "type" => policy_type = DocumentType::from_str(&value).map_err(invalid)?.0,
            "vpc_endpoint_id" => vpc_endpoint_id = Some(value.into_owned()),
            _ => {
                return Err(invalid(format!(
                    "`{name}` is not a parameter of `/lint`; there are `type` and `vpc_endpoint_id`"
                )));
            }
        }
    }
    let text = std::str::from_utf8(&received.bytes)
        .map_err(|error| ControlError::bad_request("InvalidPolicyDocument", format!("not UTF-8: {error}")))?;
    let snapshot = shared.space.snapshot();
    let findings = findings(text, policy_type, vpc_endpoint_id.as_deref(), &snapshot)?;
    json_answer(&findings)
}

fn findings(
    text: &str,
    policy_type: PolicyType,
    vpc_endpoint_id: Option<&str>,
    snapshot: &Snapshot,
) -> Result<Vec<Finding>, ControlError> {
    let Some(id) = vpc_endpoint_id else {
        return Ok(vocabulary::lint(text, policy_type, Surroundings::Unknown));
    };
    let placed = id.parse().ok().and_then(|id| snapshot.endpoints.get(&id));
    let placed = placed.ok_or_else(|| super::endpoint_policy::unknown(id))?;
    let surroundings = Surroundings::Attached {
        settings: &snapshot.settings,
        endpoint: (&**placed).into(),
    };
    Ok(vocabulary::lint(text, policy_type, surroundings))
}

/// What a document is attached to, in the words of `policy lint --type`
struct DocumentType(PolicyType);

impl FromStr for DocumentType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = TYPES.iter().find(|(word, _)| *word == text);
        found.map(|(_, policy_type)| Self(*policy_type)).ok_or_else(|| {
            let words = TYPES.map(|(word, _)| word);
            format!(
                "type: `{text}` is not one of {}",
                client_text::spelling::quoted(&words)
            )
        })
    }
}

fn invalid(message: String) -> ControlError {
    ControlError::new(http::StatusCode::BAD_REQUEST, "InvalidParameter", message)
}

const TYPES: [(&str, PolicyType); 7] = [
    ("endpoint", PolicyType::VpcEndpoint),
    ("identity", PolicyType::Identity),
    ("boundary", PolicyType::PermissionsBoundary),
    ("session", PolicyType::Session),
    ("scp", PolicyType::ServiceControl),
    ("rcp", PolicyType::ResourceControl),
    ("trust", PolicyType::RoleTrust),
];
