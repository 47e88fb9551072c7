//! What would become of the calls of the journal under policies that are attached nowhere

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::State;
use client_text::spelling;
use iam_policy::{PolicyDocument, PolicyType};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use utoipa::ToSchema;

use super::{
    ControlError,
    answer::{Answer, json_answer},
    endpoint_policy,
    simulate::refused_policy,
    upload::Upload,
};
use crate::{
    journal::{
        Query,
        call_pattern::{Member, given},
    },
    runtime::{Shared, Snapshot, Space},
    services::operation_names,
    workbench::{
        RecordedCall,
        what_if::{Draft, DraftFinding, WhatIfReport, lint_draft},
    },
};

/// Policies, and the calls that they are tried on
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// The endpoint that `policy_document` would be attached to
    #[schema(example = "vpce-0a1b2c3d4e5f67890")]
    vpc_endpoint_id: Option<String>,
    /// The endpoint's policy; `null` is the default policy
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Object>)]
    policy_document: Member<Box<RawValue>>,
    /// Identity policies by the ARN of a principal or a role; `null` declares none, which allows everything
    #[serde(default)]
    #[schema(value_type = Object)]
    identity_policies: BTreeMap<String, Option<Vec<Box<RawValue>>>>,
    /// The calls, by the parameters of `GET /requests`; absent: all of them
    #[serde(default)]
    #[schema(value_type = Object)]
    filter: BTreeMap<String, Value>,
}

/// Decides the calls of the journal again, under policies that are attached nowhere, and says which would be decided
/// differently; nothing is attached
///
/// Each call is decided with everything that was true of it, so only the draft makes a difference. Calls by the same
/// principal about the same and for the same cause are one flip with a count.
#[utoipa::path(
    post, path = "/what-if", tag = "policies", request_body = Question,
    responses(
        (status = 200, body = WhatIfReport),
        (status = 400, description = "`InvalidWhatIf`, with `path`; `InvalidPolicyDocument`, with `policy`, and `path`, `line` and `column` in it"),
        (status = 404, description = "`InvalidVpcEndpointId.NotFound`"),
    )
)]
pub(super) async fn ask(State(shared): State<Arc<Shared>>, upload: Upload) -> Answer {
    let expected = "`{\"vpc_endpoint_id\": \"vpce-…\", \"policy_document\": {…}}`";
    let question: Question = upload.json(&shared, INVALID, expected).await?;
    let query = query(&question.filter)?;
    let snapshot = shared.space.snapshot();
    let (draft, findings) = draft(&question, &snapshot)?;
    check_principals(&draft, &shared.space, &snapshot)?;
    let report = {
        let shared = shared.clone();
        move || {
            let (_, evicted) = shared.space.journal.counts();
            let calls = recorded_calls(&shared.space, &query);
            draft.try_on(&calls, WhatIfReport::of_nothing(evicted, 0, findings))
        }
    };
    json_answer(&shared.space.explainer.run(report).await)
}

/// The calls of the journal that a query asks for and that policies were asked about
pub(super) fn recorded_calls(space: &Space, query: &Query) -> Vec<RecordedCall> {
    let places = space.journal.select(query).places.into_iter();
    let entries = places.filter_map(|place| space.journal.at(place));
    entries.filter_map(|entry| RecordedCall::of(&entry)).collect()
}

/// Reads the parameters of `GET /requests` from the members of an object
fn query(filter: &BTreeMap<String, Value>) -> Result<Query, ControlError> {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for (name, value) in filter {
        match value {
            Value::String(value) => text.append_pair(name, value),
            Value::Number(value) => text.append_pair(name, &value.to_string()),
            _ => {
                let message = format!("`{}` is a text or a number", client_text::Shown(name));
                return Err(invalid(&["filter", name], message));
            }
        };
    }
    Query::parse(&text.finish(), &operation_names())
        .map_err(|error| ControlError::bad_request(INVALID, error.to_string()).with("path", "/filter"))
}

/// The policies of a question, read, with what lint says about them
fn draft(question: &Question, snapshot: &Snapshot) -> Result<(Draft, Vec<DraftFinding>), ControlError> {
    let mut findings = Vec::new();
    let mut draft = Draft::default();
    match (&question.vpc_endpoint_id, &question.policy_document) {
        (Some(id), Some(document)) => {
            let placed = id.parse().ok().and_then(|id| snapshot.endpoints.get(&id));
            let placed = placed.ok_or_else(|| endpoint_policy::unknown(id))?;
            let document = match document {
                Some(text) => read(text, PolicyType::VpcEndpoint, "/policy_document")?,
                None => PolicyDocument::full_access(),
            };
            findings.extend(lint_draft(
                &document,
                "/policy_document",
                Some(&**placed),
                snapshot,
            ));
            draft.vpc_endpoint = Some((placed.id().clone(), document));
        }
        (Some(_), None) => {
            let message = "`policy_document` is missing: the policy that the endpoint would have, or `null` for the default \
                           policy";
            return Err(invalid(&["policy_document"], message));
        }
        (None, Some(_)) => {
            let message =
                "`vpc_endpoint_id` is missing: the endpoint that `policy_document` would be attached to";
            return Err(invalid(&["vpc_endpoint_id"], message));
        }
        (None, None) if question.identity_policies.is_empty() => {
            let message =
                "nothing would change: give `vpc_endpoint_id` and `policy_document`, or `identity_policies`";
            return Err(invalid(&[], message));
        }
        (None, None) => {}
    }
    for (arn, documents) in &question.identity_policies {
        let mut read_one = |(index, text): (usize, &RawValue)| {
            let pointer = pointer(&["identity_policies", arn, &index.to_string()]);
            let document = read(text, PolicyType::Identity, &pointer)?;
            findings.extend(lint_draft(&document, &pointer, None, snapshot));
            Ok(document)
        };
        let documents = documents.as_ref().map(|documents| {
            let documents = documents.iter().map(|text| &**text).enumerate();
            documents
                .map(&mut read_one)
                .collect::<Result<Vec<_>, ControlError>>()
        });
        draft.identity.insert(arn.clone(), documents.transpose()?);
    }
    Ok((draft, findings))
}

/// Refuses policies of somebody whom nobody knows: they would make no difference, and look like policies that make none
fn check_principals(draft: &Draft, space: &Space, snapshot: &Snapshot) -> Result<(), ControlError> {
    let identities = &snapshot.settings.identities;
    let declared = identities.principals.iter().map(|principal| principal.arn());
    let roles = identities.roles.iter().map(|role| role.identity.arn().as_str());
    let known: Vec<&str> = declared.chain(roles).collect();
    for arn in draft.identity.keys().filter(|arn| !known.contains(&arn.as_str())) {
        let entries = space.journal.entries();
        let mut callers = entries.iter().filter_map(|entry| entry.principal.as_ref());
        if callers.any(|caller| caller.arn() == arn || *caller.policy_arn == **arn) {
            continue;
        }
        let shown = client_text::Shown(arn);
        let message = match spelling::meant(arn, &known) {
            Some(meant) => format!("nobody is `{shown}`; did you mean `{meant}`?"),
            None => format!("nobody is `{shown}`: no principal, no role, and no caller of the journal"),
        };
        return Err(invalid(&["identity_policies", arn], message));
    }
    Ok(())
}

fn read(text: &RawValue, policy_type: PolicyType, pointer: &str) -> Result<PolicyDocument, ControlError> {
    PolicyDocument::parse(text.get(), policy_type).map_err(|error| refused_policy(pointer, &error))
}

fn invalid(path: &[&str], message: impl Into<String>) -> ControlError {
    ControlError::bad_request(INVALID, message).with("path", pointer(path))
}

/// A JSON Pointer (RFC 6901)
fn pointer(path: &[&str]) -> String {
    let segments = path
        .iter()
        .map(|segment| segment.replace('~', "~0").replace('/', "~1"));
    segments.fold(String::new(), |pointer, segment| pointer + "/" + &segment)
}

const INVALID: &str = "InvalidWhatIf";
