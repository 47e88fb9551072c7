//! What the calls of the journal would have come to under policies that are attached nowhere.
//!
//! ```text
//! draft for vpce-0a1b…: 3545 calls, 4 would be denied, 1 would be allowed
//! now denied, 3 times: lookoutvision:DetectAnomalies on …:model/myProject/1 by …:user/alice
//!   nearest is statement 0 of VPC endpoint policy 0 (`Line`): the resource part `model/myProject/1` does not match …
//! ```
//!
//! Each call is decided again by the same code, with everything that was true of it; only the policies of the draft
//! differ. Calls that flip count as one flip when principal, action, resource and cause are the same.

use std::{
    cell::RefCell,
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use aws_identifiers::VpcEndpointId;
use iam_policy::{DecidedBy, Decision, Finding, Layer, NearMiss, PolicyDocument, PolicyType};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::RecordedCall;
use crate::{
    authorization::{PolicyChanges, Verdict},
    identity::Principal,
    journal::{OfDocument, Sha256s},
    network::entry_point::PlacedEndpoint,
    runtime::Snapshot,
    services::vocabulary::{self, Surroundings},
};

mod text;

pub(crate) use self::text::lines;

/// Policies that are attached nowhere
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// An endpoint, and the policy that it would have
    pub(crate) vpc_endpoint: Option<(VpcEndpointId, PolicyDocument)>,
    /// By the ARN of a principal or a role, the identity policies that it would have; `None`: the identity side allows
    /// everything
    pub(crate) identity: BTreeMap<String, Option<Vec<PolicyDocument>>>,
}

/// A finding of lint about one document of a draft
#[derive(Debug, Serialize)]
pub(crate) struct DraftFinding {
    /// JSON Pointer of the document in the question
    pub(crate) policy: String,
    #[serde(flatten)]
    pub(crate) finding: Finding,
}

/// What would have become of the calls
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WhatIf)]
pub(crate) struct WhatIfReport {
    /// Calls that the draft has a say in, and that could be decided again
    requests: u64,
    /// Entries that the journal no longer has
    evicted: u64,
    /// Calls of which the journal keeps too little to decide them again (`limits.journal_entry_bytes_max`)
    undecidable: u64,
    /// Calls that would be allowed as they were, or denied as they were
    unchanged: u64,
    /// Calls that were allowed and would be denied
    now_denied: u64,
    /// Calls that were denied and would be allowed
    now_allowed: u64,
    /// What `policy lint` says about the draft, each with the `policy` of the question that it is about
    #[schema(value_type = Vec<Object>)]
    findings: Vec<DraftFinding>,
    /// Those that would be denied first, the most frequent first
    flips: Vec<Flip>,
}

/// Calls that would be decided differently, all by the same principal about the same and for the same cause
#[derive(Debug, Serialize, ToSchema)]
struct Flip {
    /// The last of the calls
    request_id: Uuid,
    /// When that was
    time: Timestamp,
    principal: String,
    action: String,
    resource: String,
    /// Number of calls
    count: u64,
    before: Before,
    after: After,
}

/// What was decided
#[derive(Debug, Serialize, ToSchema)]
struct Before {
    #[schema(value_type = String)]
    decision: Decision,
    #[schema(value_type = Option<Object>)]
    decided_by: Option<OfDocument<DecidedBy>>,
}

/// What would be decided
#[derive(Debug, Serialize, ToSchema)]
struct After {
    #[schema(value_type = String)]
    decision: Decision,
    #[schema(value_type = Option<Object>)]
    decided_by: Option<OfDocument<DecidedBy>>,
    /// AWS's sentence for the refusal
    message: Option<String>,
    #[schema(value_type = Option<Object>)]
    near_miss: Option<OfDocument<NearMiss>>,
}

/// What the calls of one flip have in common
#[derive(Debug, PartialEq, Eq, Hash)]
struct Cause {
    principal: String,
    action: String,
    resource: String,
    before: (Decision, Option<DecidedBy>),
    after: (Decision, Option<DecidedBy>, Option<Layer>),
}

/// The calls of one flip
struct Counted<'c> {
    newest: &'c RecordedCall,
    /// The policies that differ for it
    changes: Rc<PolicyChanges>,
    count: u64,
}

impl Draft {
    /// The identity policies of the draft for a principal
    fn identity_of(&self, principal: &Principal) -> Option<(&String, &Option<Vec<PolicyDocument>>)> {
        let own = self.identity.get_key_value(principal.arn());
        own.or_else(|| self.identity.get_key_value(&*principal.policy_arn))
    }

    fn is_over_endpoint(&self, call: &RecordedCall) -> bool {
        let own = self.vpc_endpoint.as_ref().map(|(id, _)| id);
        own.is_some() && own == call.vpc_endpoint_id()
    }

    /// The policies that differ for a call
    fn changes(
        &self,
        is_over_endpoint: bool,
        identity: Option<&Option<Vec<PolicyDocument>>>,
    ) -> PolicyChanges {
        let endpoint = self.vpc_endpoint.as_ref().filter(|_| is_over_endpoint);
        PolicyChanges {
            vpc_endpoint: endpoint.map(|(_, document)| document.clone()),
            identity: identity.cloned(),
            ..PolicyChanges::default()
        }
    }

    /// Decides the calls again under the draft, and completes the report
    pub(crate) fn try_on(&self, calls: &[RecordedCall], report: WhatIfReport) -> WhatIfReport {
        // The same few policies replace others in all calls.
        let known = RefCell::new(HashMap::new());
        what_if(calls, report, |call| {
            let identity = self.identity_of(call.principal());
            let key = (self.is_over_endpoint(call), identity.map(|(arn, _)| arn));
            if key == (false, None) {
                return None;
            }
            let mut known = known.borrow_mut();
            let changes = known
                .entry(key)
                .or_insert_with(|| Rc::new(self.changes(key.0, identity.map(|(_, documents)| documents))));
            Some(changes.clone())
        })
    }
}

/// Decides calls again with other policies in place of those that were asked; `changes` returns `None` for a call that
/// they have no say in
pub(super) fn what_if(
    calls: &[RecordedCall],
    mut report: WhatIfReport,
    changes: impl Fn(&RecordedCall) -> Option<Rc<PolicyChanges>>,
) -> WhatIfReport {
    let mut flips: HashMap<Cause, Counted<'_>> = HashMap::new();
    for call in calls {
        let Some(changes) = changes(call) else { continue };
        let was_allowed = call.decision().is_allowed();
        let cause = call.decide(&changes, |verdict| {
            let is_allowed = verdict.evaluation().decision.is_allowed();
            (is_allowed != was_allowed).then(|| Cause::of(call, verdict))
        });
        let Some(cause) = cause else {
            report.undecidable += 1;
            continue;
        };
        report.requests += 1;
        let Some(cause) = cause else {
            report.unchanged += 1;
            continue;
        };
        match was_allowed {
            true => report.now_denied += 1,
            false => report.now_allowed += 1,
        }
        let counted = flips.entry(cause).or_insert_with(|| Counted {
            newest: call,
            changes: changes.clone(),
            count: 0,
        });
        counted.count += 1;
        if call.time() >= counted.newest.time() {
            (counted.newest, counted.changes) = (call, changes);
        }
    }
    let mut flips: Vec<Flip> = flips.into_iter().filter_map(Flip::of).collect();
    let rank = |flip: &Flip| (flip.after.decision.is_allowed(), Reverse(flip.count));
    let place = |flip: &Flip| (flip.time, flip.request_id);
    flips.sort_by(|one, other| {
        rank(one)
            .cmp(&rank(other))
            .then_with(|| place(one).cmp(&place(other)))
    });
    report.flips = flips;
    report
}

impl Flip {
    /// The flip of calls that would be decided differently, explained by the last of them
    fn of(
        (
            cause,
            Counted {
                newest,
                changes,
                count,
            },
        ): (Cause, Counted<'_>),
    ) -> Option<Self> {
        let after = newest.decide(&changes, After::of)?;
        Some(Self {
            request_id: newest.request_id(),
            time: newest.time(),
            principal: cause.principal,
            action: cause.action,
            resource: cause.resource,
            count,
            before: Before {
                decision: newest.decision(),
                decided_by: newest.decided_by_of_document(),
            },
            after,
        })
    }
}

impl WhatIfReport {
    /// The report on no calls, with the number of entries that were evicted and of those that were not kept whole
    pub(crate) fn of_nothing(evicted: u64, undecidable: u64, findings: Vec<DraftFinding>) -> Self {
        Self {
            requests: 0,
            evicted,
            undecidable,
            unchanged: 0,
            now_denied: 0,
            now_allowed: 0,
            findings,
            flips: Vec::new(),
        }
    }

    /// How many calls would be denied, and how many allowed
    pub(super) fn flipped(&self) -> (u64, u64) {
        (self.now_denied, self.now_allowed)
    }
}

/// The findings of lint about a document that would be attached, by its JSON Pointer in the question; `endpoint` is the
/// one that it is for
pub(crate) fn lint_draft(
    document: &PolicyDocument,
    pointer: &str,
    endpoint: Option<&PlacedEndpoint>,
    snapshot: &Snapshot,
) -> Vec<DraftFinding> {
    // Nobody wrote the default policy.
    if document.text() == PolicyDocument::full_access().text() {
        return Vec::new();
    }
    let settings = &snapshot.settings;
    let surroundings = match (document.policy_type(), endpoint) {
        (PolicyType::VpcEndpoint, Some(placed)) => Surroundings::Attached {
            settings,
            endpoint: placed.into(),
        },
        _ => Surroundings::Configured { settings },
    };
    let findings = vocabulary::lint(document.text(), document.policy_type(), surroundings).into_iter();
    let findings = findings.map(|finding| DraftFinding {
        policy: pointer.to_owned(),
        finding,
    });
    findings.collect()
}

impl Cause {
    fn of(call: &RecordedCall, verdict: &Verdict<'_>) -> Self {
        let evaluation = verdict.evaluation();
        // Of several pairs, the denied one is named, whether it was denied before or after.
        let (action, resource) = match evaluation.decision.is_allowed() {
            true => (call.action(), call.resource()),
            false => (verdict.action(), verdict.resource()),
        };
        Self {
            principal: call.principal().arn().to_owned(),
            action,
            resource,
            before: (call.decision(), call.decided_by().cloned()),
            after: (
                evaluation.decision,
                evaluation.decided_by.clone(),
                evaluation.layer,
            ),
        }
    }
}

impl After {
    fn of(verdict: &Verdict<'_>) -> Self {
        let explanation = verdict.explain();
        let sha256s = Sha256s::of(verdict.documents());
        Self {
            decision: explanation.evaluation.decision,
            decided_by: explanation
                .evaluation
                .decided_by
                .map(|by| sha256s.name_statement(by)),
            message: verdict.message(),
            near_miss: explanation
                .near_miss
                .map(|near_miss| sha256s.name_near_miss(near_miss)),
        }
    }
}
