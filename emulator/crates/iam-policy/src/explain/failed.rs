//! Which patterns kept a clause from matching, and where they are in the document.

use super::{Clause, FailedPattern};
use crate::condition::operator::Polarity;
use crate::coverage::value_matches;
use crate::evaluate::Request;
use crate::outline::{Entry, StatementOutline};
use crate::statement::{ActionClause, PrincipalClause, ResourceClause, Statement};

/// In a plain clause every pattern, because none of them matched; in a negated clause those that did
pub(super) fn patterns(
    clause: Clause,
    false_condition: Option<usize>,
    statement: &Statement,
    outline: &StatementOutline,
    request: &Request<'_>,
) -> Vec<FailedPattern> {
    match clause {
        Clause::Principal => match &statement.principal {
            Some(PrincipalClause::NotPrincipal(entries)) => kept(&outline.principal, |index| {
                entries
                    .get(index)
                    .is_some_and(|entry| entry.matches(request.principal))
            }),
            Some(PrincipalClause::Principal(_)) | None => kept(&outline.principal, |_| true),
        },
        Clause::Action => match &statement.action {
            ActionClause::NotAction(entries) => kept(&outline.action, |index| {
                entries
                    .get(index)
                    .is_some_and(|entry| entry.matches(request.action))
            }),
            ActionClause::Action(_) => kept(&outline.action, |_| true),
        },
        Clause::Resource => match &statement.resource {
            Some(ResourceClause::NotResource(entries)) => kept(&outline.resource, |index| {
                let entry = entries.get(index);
                entry.is_some_and(|entry| entry.matches(request.resource, request.context))
            }),
            Some(ResourceClause::Resource(_)) | None => kept(&outline.resource, |_| true),
        },
        Clause::Condition => {
            let found = false_condition
                .and_then(|index| statement.conditions.get(index).zip(outline.conditions.get(index)));
            let Some((condition, outline)) = found else {
                return Vec::new();
            };
            let is_negated = condition.operator.polarity == Polarity::Negated;
            kept(&outline.values, |index| {
                !is_negated || value_matches(condition, index, request.context)
            })
        }
    }
}

fn kept(entries: &[Entry], keep: impl Fn(usize) -> bool) -> Vec<FailedPattern> {
    let entries = entries.iter().enumerate();
    entries
        .filter(|(index, _)| keep(*index))
        .map(|(_, entry)| FailedPattern {
            place: entry.place.clone(),
            pattern: entry.value.clone(),
        })
        .collect()
}
