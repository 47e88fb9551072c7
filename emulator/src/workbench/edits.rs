//! Changes that would let a denied call through: each of one policy, the smallest first, with what else they would do.
//!
//! ```text
//! the resource `…:model/myProject/2` too, at /Statement/0/Resource of VPC endpoint policy 0
//! @@ -4,3 +4,3 @@
//! -    "Resource": "…:model/myProject/1"
//! +    "Resource": ["…:model/myProject/1", "…:model/myProject/2"]
//! ```
//!
//! Whether a change lets the call through is not derived: the call is decided again under it, and so is every other
//! call of the journal that the document had a say in.

use std::{collections::BTreeSet, rc::Rc};

use client_text::hex;
use iam_policy::{Decision, Explanation, Layer, LayerDecision, PolicyDocument, PolicyType};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use self::candidates::{Candidate, EditKind, Wanted, candidates};
use super::{
    RecordedCall, last_part,
    what_if::{WhatIfReport, lint_draft, what_if},
};
use crate::{authorization::PolicyChanges, runtime::Snapshot, settings::sha256};

mod candidates;
mod json_text;
mod text;

pub(crate) use self::text::edit_lines;

/// What would let a call through
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Edits {
    request_id: Uuid,
    /// The decision with its reason
    summary: String,
    /// The policy of the endpoint that is attached now, where it is another than the one that the call was put to; the edits
    /// are then edits of the present policy
    replaced: Option<ReplacedPolicy>,
    /// Those that break nothing first, then those that let the least through
    edits: Vec<Edit>,
    /// Why there are none, or what to know
    notes: Vec<String>,
    /// A test for `policy test` that expects what was decided; `null` of other services' calls
    #[schema(value_type = Option<Object>)]
    test: Option<Value>,
}

/// What the policy says that has been attached to a call's endpoint since
#[derive(Debug, Serialize, ToSchema)]
struct ReplacedPolicy {
    vpc_endpoint_id: String,
    /// The present document, by which `GET /policies/SHA256` gives it
    document_sha256: String,
    /// What would be decided now
    #[schema(value_type = String)]
    decision: Decision,
    /// That decision with its reason
    summary: String,
}

/// A change of one document
#[derive(Debug, Serialize, ToSchema)]
struct Edit {
    kind: EditKind,
    /// In one line
    description: String,
    #[schema(value_type = String)]
    policy_type: PolicyType,
    /// The document's place among those of its type
    policy: usize,
    /// The document as it is, by which `GET /policies/SHA256` gives it
    document_sha256: String,
    /// In the form of `diff -u`
    diff: String,
    /// The document as it would be, unchanged except for the edit
    policy_text: String,
    #[serde(flatten)]
    what_if: WhatIfReport,
}

impl Edits {
    /// The changes that would let a call through, out of those of a journal
    pub(crate) fn of(
        call: &RecordedCall,
        journal: &[RecordedCall],
        evicted: u64,
        snapshot: &Snapshot,
    ) -> Self {
        let attached_since = attached_since(call, snapshot);
        let wanted = Wanted {
            action: call.action(),
            resource: call.resource(),
            principal: call.principal().policy_arn.to_string(),
            in_force: PolicyChanges {
                vpc_endpoint: attached_since.clone(),
                ..PolicyChanges::default()
            },
        };
        let recorded = call.decide(&PolicyChanges::default(), |verdict| verdict.explain().summary());
        let found = call.decide(&wanted.in_force, |verdict| {
            (
                verdict.explain(),
                verdict.layers(),
                candidates(call, verdict, &wanted),
            )
        });
        let mut notes = Vec::new();
        let (Some(recorded), Some((present, layers, candidates))) = (recorded, found) else {
            notes.push(
                "the condition keys of this request were not kept whole (`limits.journal_entry_bytes_max`), so it cannot be \
                 decided again"
                    .to_owned(),
            );
            return Self {
                request_id: call.request_id(),
                summary: call.decision().to_string(),
                replaced: None,
                edits: Vec::new(),
                notes,
                test: None,
            };
        };
        let mut edits = Vec::new();
        let mut texts = BTreeSet::new();
        for candidate in candidates {
            if edits.len() < EDITS_MAX && texts.insert(candidate.after.clone()) {
                edits.extend(Edit::of(candidate, call, &wanted, journal, evicted, snapshot));
            }
        }
        edits.sort_by_key(Edit::rank);
        notes.extend(call.fault().map(|(fault, status)| match status {
            Some(status) => format!("the answer, status {status}, is that of the fault `{fault}`"),
            None => format!("the fault `{fault}` kept the answer from the client"),
        }));
        notes.extend(note(call, &present, &layers, edits.is_empty()));
        let replaced = attached_since.zip(call.vpc_endpoint_id());
        Self {
            request_id: call.request_id(),
            summary: recorded,
            replaced: replaced.map(|(document, id)| ReplacedPolicy {
                vpc_endpoint_id: id.to_string(),
                document_sha256: hex(&sha256(document.text())),
                decision: present.evaluation.decision,
                summary: present.summary(),
            }),
            edits,
            notes,
            test: call.policy_test(),
        }
    }
}

/// The policy that is attached to a call's endpoint now, if it differs from the one that decided the call
fn attached_since(call: &RecordedCall, snapshot: &Snapshot) -> Option<PolicyDocument> {
    let attached = &snapshot
        .endpoints
        .get(call.vpc_endpoint_id()?)?
        .endpoint
        .policy_document;
    let is_another = call.decide(&PolicyChanges::default(), |verdict| {
        verdict.with_policies(|policies| policies.vpc_endpoint.is_some_and(|asked| *asked != **attached))
    });
    (is_another == Some(true)).then(|| (**attached).clone())
}

/// Why nothing would let a call through
fn note(
    call: &RecordedCall,
    present: &Explanation,
    layers: &[LayerDecision],
    is_without_edits: bool,
) -> Option<String> {
    if call.decision().is_allowed() {
        return Some("the call was allowed".to_owned());
    }
    if !is_without_edits || present.evaluation.decision.is_allowed() {
        return None;
    }
    Some(match present.evaluation.layer {
        Some(Layer::ResourceBased) => {
            "the caller is of another account, and no policy of the resource could allow it".to_owned()
        }
        _ => format!(
            "no change of a single policy that was tried would let the call through: {}",
            denying(layers)
        ),
    })
}

/// The layers that deny a call, in a clause
fn denying(layers: &[LayerDecision]) -> String {
    let denying = layers.iter().filter(|by| !by.decision.is_allowed());
    let names: Vec<&str> = denying.map(|by| by.layer.name()).collect();
    match names.as_slice() {
        [] => "no layer of policies denies it by itself".to_owned(),
        [only] => format!("the {only} denies it"),
        [others @ .., last] => format!("each of these denies it: {} and {last}", others.join(", ")),
    }
}

impl Edit {
    /// The change, with its effects; `None`: it would not let the call through
    fn of(
        candidate: Candidate,
        call: &RecordedCall,
        wanted: &Wanted,
        journal: &[RecordedCall],
        evicted: u64,
        snapshot: &Snapshot,
    ) -> Option<Self> {
        let Candidate {
            kind,
            description,
            before,
            policy,
            after,
        } = candidate;
        let document = PolicyDocument::parse(&after, before.policy_type()).ok()?;
        let changes = call.with_document(&wanted.in_force, &before, &document)?;
        let is_allowed = call.decide(&changes, |verdict| verdict.evaluation().decision.is_allowed());
        if is_allowed != Some(true) {
            return None;
        }
        let endpoint = call.vpc_endpoint_id().and_then(|id| snapshot.endpoints.get(id));
        let findings = lint_draft(
            &document,
            "/policy_document",
            endpoint.map(|placed| &**placed),
            snapshot,
        );
        let report = WhatIfReport::of_nothing(evicted, 0, findings);
        let is_of_endpoint =
            before.policy_type() == PolicyType::VpcEndpoint && wanted.in_force.vpc_endpoint.is_some();
        let nothing = PolicyChanges::default();
        let what_if = what_if(journal, report, |other| {
            if !is_of_endpoint {
                return other.with_document(&nothing, &before, &document).map(Rc::new);
            }
            // Whatever was attached when these calls were made, the edited document would replace it.
            let is_over_endpoint = other.vpc_endpoint_id() == call.vpc_endpoint_id();
            is_over_endpoint.then(|| {
                Rc::new(PolicyChanges {
                    vpc_endpoint: Some(document.clone()),
                    ..PolicyChanges::default()
                })
            })
        });
        Some(Self {
            kind,
            description,
            policy_type: before.policy_type(),
            policy,
            document_sha256: hex(&sha256(before.text())),
            diff: json_text::diff(before.text(), &after),
            policy_text: after,
            what_if,
        })
    }

    /// A change that breaks nothing comes first, then the one that lets the least through, then the one that changes
    /// least
    fn rank(&self) -> (u64, u64, EditKind, usize) {
        let (now_denied, now_allowed) = self.what_if.flipped();
        (now_denied, now_allowed, self.kind, self.diff.len())
    }
}

impl RecordedCall {
    /// A test for `policy test` that expects what was decided; `None` for a call of another service
    fn policy_test(&self) -> Option<Value> {
        let action = self.action();
        let operation = action.strip_prefix("lookoutvision:")?;
        let Self::Entry(recorded) = self else { return None };
        let (principal, resource) = (self.principal(), self.resource());
        let may = if self.decision().is_allowed() {
            "may"
        } else {
            "may not"
        };
        let name = last_part(principal.arn());
        let about = last_part(&resource);
        let mut test = Map::new();
        let mut insert = |key: &str, value: Value| test.insert(key.to_owned(), value);
        insert("name", format!("{name} {may} {operation} on {about}").into());
        insert("operation", operation.into());
        if resource != "*" {
            insert("resource", about.into());
        }
        insert("principal", principal.arn().into());
        insert(
            "vpc_endpoint_id",
            self.vpc_endpoint_id()
                .map_or(Value::Null, |id| id.as_str().into()),
        );
        insert("region", recorded.region().as_str().into());
        insert("source_ip", recorded.source_ip().to_string().into());
        let context = recorded.context_of_request();
        if !context.is_empty() {
            insert("context", Value::Object(context));
        }
        insert("expect", json!(self.decision()));
        Some(Value::Object(test))
    }
}

/// The most changes that are tried
const EDITS_MAX: usize = 16;
