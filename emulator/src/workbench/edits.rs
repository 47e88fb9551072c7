//! What would let a denied call through: changes of one policy each, the smallest first, with what else they would do.
//!
//! ```text
//! the resource `…:model/myProject/2` too, at /Statement/0/Resource of VPC endpoint policy 0
//! @@ -4,3 +4,3 @@
//! -    "Resource": "…:model/myProject/1"
//! +    "Resource": ["…:model/myProject/1", "…:model/myProject/2"]
//! ```
//!
//! Whether a change lets the call through is not reasoned about: the call is decided again under it, and so is every other
//! call of the journal that the document had a say in.

use std::{collections::BTreeSet, rc::Rc};

use client_text::hex;
use iam_policy::{Explanation, Layer, PolicyDocument, PolicyType};
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
    /// Those that break nothing first, then those that let the least through
    edits: Vec<Edit>,
    /// Why there are none, or what to know
    notes: Vec<String>,
    /// A test for `policy test` that expects the refusal; `null` of other services' calls
    #[schema(value_type = Option<Object>)]
    test: Option<Value>,
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
    /// The document as it would be, written as it is but for the change
    policy_text: String,
    #[serde(flatten)]
    what_if: WhatIfReport,
}

impl Edits {
    /// What would let a call through, of those that a journal has
    pub(crate) fn of(
        call: &RecordedCall,
        journal: &[RecordedCall],
        evicted: u64,
        snapshot: &Snapshot,
    ) -> Self {
        let as_it_was = PolicyChanges::default();
        let wanted = Wanted {
            action: call.action(),
            resource: call.resource(),
            principal: call.principal().policy_arn.to_string(),
        };
        let found = call.decide(&as_it_was, |verdict| {
            (verdict.explain(), candidates(call, verdict, &wanted))
        });
        let mut notes = Vec::new();
        let Some((explanation, candidates)) = found else {
            notes.push(
                "the condition keys of this request were not kept whole (`limits.journal_entry_bytes_max`), so it cannot be \
                 decided again"
                    .to_owned(),
            );
            return Self {
                request_id: call.request_id(),
                summary: call.decision().to_string(),
                edits: Vec::new(),
                notes,
                test: None,
            };
        };
        let mut edits = Vec::new();
        let mut texts = BTreeSet::new();
        for candidate in candidates {
            if edits.len() < EDITS_MAX && texts.insert(candidate.after.clone()) {
                edits.extend(Edit::of(candidate, call, journal, evicted, snapshot));
            }
        }
        edits.sort_by_key(Edit::rank);
        notes.extend(note(call, &explanation, edits.is_empty()));
        Self {
            request_id: call.request_id(),
            summary: explanation.summary(),
            edits,
            notes,
            test: call.policy_test(),
        }
    }
}

/// Why nothing would let a call through
fn note(call: &RecordedCall, explanation: &Explanation, is_without_edits: bool) -> Option<String> {
    if call.decision().is_allowed() {
        return Some("the call was allowed".to_owned());
    }
    if !is_without_edits {
        return None;
    }
    Some(match explanation.evaluation.layer {
        Some(Layer::ResourceBased) => {
            "the caller is of another account, and no policy of the resource could allow it".to_owned()
        }
        _ => "no change of a single policy would let the call through: another layer denies it as well"
            .to_owned(),
    })
}

impl Edit {
    /// The change with what it would do; `None`: it would not let the call through
    fn of(
        candidate: Candidate,
        call: &RecordedCall,
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
        let changes = call.with_document(&before, &document)?;
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
        let what_if = what_if(journal, report, |call| {
            call.with_document(&before, &document).map(Rc::new)
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

    /// What breaks nothing comes first, then what lets the least through, then what changes least
    fn rank(&self) -> (u64, u64, EditKind, usize) {
        let (now_denied, now_allowed) = self.what_if.flipped();
        (now_denied, now_allowed, self.kind, self.diff.len())
    }
}

impl RecordedCall {
    /// A test for `policy test` that expects what was decided; `None` of a call of another service
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

/// Changes that are tried
const EDITS_MAX: usize = 16;
