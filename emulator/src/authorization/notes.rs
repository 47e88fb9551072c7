//! Notes beside an explanation, about condition keys that no request here has.

use iam_policy::{DecidedBy, Effect, Explanation, StatementExplanation, lint::Service};

use crate::identity::Organization;

/// What a reader of a decision must know about the keys that took part in it although they are never set, here or under
/// this configuration
///
/// A key takes part in the statement that decided, in the one that came closest, and in a Deny that only unset keys
/// keep from applying: there the emulator may allow what AWS would refuse.
pub(super) fn notes(
    explanation: &Explanation,
    vocabulary: &Service<'_>,
    organization: Option<&Organization>,
) -> Vec<String> {
    let why_unset = |key: &str| why_unset(key, vocabulary, organization);
    let is = |statement: &StatementExplanation, by: &DecidedBy| {
        (statement.policy_type, statement.policy, statement.statement)
            == (by.policy_type, by.policy, by.statement)
    };
    let decided_by = explanation.evaluation.decided_by.as_ref();
    let near_miss = explanation
        .near_miss
        .as_ref()
        .map(|near_miss| &near_miss.statement);
    let mut notes = Vec::new();
    for statement in &explanation.statements {
        let is_held_back = is_held_back_by_unset_keys(statement, why_unset);
        let takes_part = [decided_by, near_miss]
            .into_iter()
            .flatten()
            .any(|by| is(statement, by));
        if !is_held_back && !takes_part {
            continue;
        }
        for condition in &statement.conditions {
            let Some(why) = why_unset(&condition.key) else {
                continue;
            };
            let truth = if condition.matched { "true" } else { "false" };
            let mut note = format!("{why}, so {} on it is always {truth} here", condition.operator);
            if is_held_back && !condition.matched {
                note.push_str(&format!(
                    "; without that, statement {} of {} {} would deny",
                    statement.statement, statement.policy_type, statement.policy
                ));
            }
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
    notes
}

/// Why no request has a key; `None`: some have
fn why_unset(key: &str, vocabulary: &Service<'_>, organization: Option<&Organization>) -> Option<String> {
    let is_organizations = ORGANIZATION_KEYS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(key));
    if is_organizations && organization.is_none() {
        return Some(format!(
            "the configuration has no `organization.id`, which would set {key}"
        ));
    }
    let is_never_set = !vocabulary.sets(key);
    is_never_set.then(|| format!("the emulator never sets {key}"))
}

/// Whether a Deny does not apply, and only because keys are absent that no request has
fn is_held_back_by_unset_keys(
    statement: &StatementExplanation,
    why_unset: impl Fn(&str) -> Option<String>,
) -> bool {
    statement.effect == Effect::Deny
        && !statement.matched
        && statement.action
        && statement.principal != Some(false)
        && statement.resource != Some(false)
        && statement
            .conditions
            .iter()
            .all(|condition| condition.matched || why_unset(&condition.key).is_some())
}

/// The condition keys that requests have only when the configuration has an organization
pub(crate) const ORGANIZATION_KEYS: [&str; 2] = ["aws:PrincipalOrgID", "aws:ResourceOrgID"];
