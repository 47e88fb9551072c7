//! Calls that were allowed but that no policy can name: the service refused them afterwards for what they named.

use std::collections::{BTreeMap, BTreeSet};

use iam_policy::{FindingCode, Severity};
use lookoutvision::operation::{AuthorizedOn, Operation};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    DraftOptions,
    cover::{Fact, cover},
    written::write,
};
use crate::{
    services::vocabulary::{self, Surroundings},
    workbench::RecordedCall,
};

/// A call that was allowed and that a draft does not name
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[schema(as = LeftOutOfDraft)]
pub(crate) struct LeftOut {
    /// The ARN that called
    principal: String,
    action: String,
    resource: String,
    /// Why no policy can name it
    reason: String,
}

impl LeftOut {
    pub(super) fn reason(&self) -> &str {
        &self.reason
    }
}

/// Separates the allowed calls that a policy can name from those that none can
pub(super) fn nameable<'c>(
    options: &DraftOptions,
    allowed: Vec<&'c RecordedCall>,
    surroundings: Surroundings<'_>,
) -> (Vec<&'c RecordedCall>, BTreeSet<LeftOut>) {
    let mut left_out = BTreeSet::new();
    // Most calls of a journal are like others.
    let mut known: BTreeMap<Vec<Fact>, Option<String>> = BTreeMap::new();
    let nameable = allowed.into_iter().filter(|call| {
        let reason = match has_unreadable_arn(call) {
            true => Some("the ARN that it named cannot be read".to_owned()),
            false => known
                .entry(options.facts(call))
                .or_insert_with_key(|facts| flaw(facts, options, surroundings))
                .clone(),
        };
        let Some(reason) = reason else {
            return true;
        };
        left_out.insert(LeftOut {
            principal: call.principal().arn().to_owned(),
            action: call.action(),
            resource: call.resource(),
            reason,
        });
        false
    });
    let nameable = nameable.collect();
    (nameable, left_out)
}

/// Whether a call was authorised on everything because the ARN in its path is malformed
fn has_unreadable_arn(call: &RecordedCall) -> bool {
    call.pairs().into_iter().any(|pair| {
        let action = pair.action().to_string();
        let operation = action.strip_prefix("lookoutvision:");
        let operation = operation.and_then(|name| {
            let mut operations = Operation::ALL.into_iter();
            operations.find(|operation| operation.name() == name)
        });
        operation.is_some_and(|operation| operation.authorized_on() == AuthorizedOn::ArnInPath)
            && pair.resource().arn().is_none()
    })
}

/// What lint says about the names in a policy for these facts alone; `None`: AWS can have them
fn flaw(facts: &[Fact], options: &DraftOptions, surroundings: Surroundings<'_>) -> Option<String> {
    let policy_type = options.policy_type();
    let statements = cover(facts.iter().cloned().collect());
    let [_, compact] = write(&statements, policy_type);
    let mut findings = vocabulary::lint(&compact, policy_type, surroundings).into_iter();
    let flaw = findings.find(|finding| {
        finding.severity == Severity::Error || finding.code == FindingCode::ResourceNeverMatches
    });
    flaw.map(|finding| finding.message)
}
