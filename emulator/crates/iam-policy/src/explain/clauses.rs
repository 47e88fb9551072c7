//! Why a clause does not match, clause by clause.

use super::{Clause, Mismatch};
use crate::action::{Action, ActionPattern};
use crate::condition::operator::{Polarity, SetOperator};
use crate::condition::{Condition, Test};
use crate::context::RequestContext;
use crate::principal::{Identity, Principal, PrincipalPattern};
use crate::resource::{Resource, ResourceMismatch};
use crate::statement::{ActionClause, Effect, PrincipalClause, ResourceClause};
use crate::variable::EXPANSION_BYTES_MAX;

pub(super) fn principal(clause: &PrincipalClause, principal: &Principal) -> Result<(), Mismatch> {
    if clause.matches(principal) {
        return Ok(());
    }
    let value = shortened(&principal.to_string());
    let (reason, pattern) = match clause {
        PrincipalClause::Principal(entries) => {
            let listed = any_of(entries.len(), entries.iter().map(PrincipalPattern::as_str));
            // A session's ARN does not show its role's path, which is where the difference may be.
            let reason = match principal.identity().and_then(Identity::role_arn) {
                Some(role) if role != principal.arn().unwrap_or(role) => {
                    format!("{value}, a session of {role}, is not {listed}")
                }
                _ => format!("{value} is not {listed}"),
            };
            (reason, entries.first().map(PrincipalPattern::as_str))
        }
        PrincipalClause::NotPrincipal(entries) => match entries.iter().find(|entry| entry.matches(principal))
        {
            Some(entry) => (
                format!("NotPrincipal {} excepts {value}", entry.as_str()),
                Some(entry.as_str()),
            ),
            None => (
                "NotPrincipal is empty, so the statement has no effect".to_owned(),
                None,
            ),
        },
    };
    Err(mismatch(Clause::Principal, reason, Some(value), pattern))
}

pub(super) fn action(clause: &ActionClause, action: &Action) -> Result<(), Mismatch> {
    if clause.matches(action) {
        return Ok(());
    }
    let (reason, pattern) = match clause {
        ActionClause::Action(entries) => (
            format!(
                "{action} is not {}",
                any_of(entries.len(), entries.iter().map(ActionPattern::as_str))
            ),
            entries.first().map(ActionPattern::as_str),
        ),
        ActionClause::NotAction(entries) => match entries.iter().find(|entry| entry.matches(action)) {
            Some(entry) => (
                format!("NotAction {} excepts {action}", entry.as_str()),
                Some(entry.as_str()),
            ),
            None => (
                "NotAction is empty, so the statement has no effect".to_owned(),
                None,
            ),
        },
    };
    Err(mismatch(
        Clause::Action,
        reason,
        Some(action.to_string()),
        pattern,
    ))
}

/// The number is how many parts of the closest pattern matched.
pub(super) fn resource(
    clause: &ResourceClause,
    effect: Effect,
    resource: &Resource,
    context: &RequestContext<'_>,
) -> Result<(), (Mismatch, usize)> {
    if clause.lets_apply(effect, resource, context) {
        return Ok(());
    }
    let value = shortened(&resource.to_string());
    if clause.overflows(resource, context) {
        let reason = format!("the resource was not compared: {OVERFLOW}");
        return Err((mismatch(Clause::Resource, reason, Some(value), None), 0));
    }
    let (reason, pattern, depth) = match clause {
        ResourceClause::Resource(entries) => {
            let closest = entries
                .iter()
                .filter_map(|entry| {
                    entry
                        .mismatch(resource, context)
                        .map(|mismatch| (entry, mismatch))
                })
                .reduce(|best, next| if next.1 > best.1 { next } else { best });
            match closest {
                Some((entry, where_)) => {
                    let mut reason = shortened(&entry.explain(where_, resource, context));
                    if entries.len() > 1 {
                        reason.push_str(&format!(", nor any of {} other patterns", entries.len() - 1));
                    }
                    let depth = match where_ {
                        ResourceMismatch::Part(index) => index,
                        ResourceMismatch::Short | ResourceMismatch::NoResource => 0,
                    };
                    (reason, Some(entry.as_str()), depth)
                }
                None => (
                    "Resource is empty, so the statement has no effect".to_owned(),
                    None,
                    0,
                ),
            }
        }
        ResourceClause::NotResource(entries) => {
            match entries.iter().find(|entry| entry.matches(resource, context)) {
                Some(entry) => (
                    format!("NotResource {} excepts {value}", entry.as_str()),
                    Some(entry.as_str()),
                    0,
                ),
                None => (
                    "NotResource is empty, so the statement has no effect".to_owned(),
                    None,
                    0,
                ),
            }
        }
    };
    Err((mismatch(Clause::Resource, reason, Some(value), pattern), depth))
}

pub(super) fn condition(
    condition: &Condition,
    effect: Effect,
    context: &RequestContext<'_>,
) -> Result<(), Mismatch> {
    if condition.lets_apply(effect, context) {
        return Ok(());
    }
    let values = context.values_of(&condition.key);
    let value = values.first().map(|_| shortened(&values.join(", ")));
    let reason = if condition.overflows(context) {
        format!("{} was not compared: {OVERFLOW}", condition.key)
    } else {
        condition_reason(condition, context, value.as_deref())
    };
    let pattern = condition.texts.first().map(|text| &**text);
    Err(mismatch(Clause::Condition, reason, value, pattern))
}

fn condition_reason(condition: &Condition, context: &RequestContext<'_>, value: Option<&str>) -> String {
    let Condition {
        operator, key, texts, ..
    } = condition;
    if matches!(condition.test, Test::Null(_)) {
        return match (operator.set, value) {
            (Some(_), _) => format!("{operator} is false whatever {key} is"),
            (None, Some(value)) => format!("{key} is present: {value}"),
            (None, None) => format!("{key} is absent"),
        };
    }
    let Some(value) = value else {
        return format!("{key} is absent");
    };
    if texts.is_empty() {
        return format!("{key} is {value}, and {operator} has no values to compare it with");
    }
    let values = context.values_of(&condition.key);
    if operator.set.is_none() && (condition.multivalued || values.len() > 1) {
        return format!(
            "{key} may have several values, and {operator} without a set operator matches none of them"
        );
    }
    if let Some(missing) = condition.test.missing_variable(context) {
        return format!("{key} is {value}, and {missing} has no value to compare it with");
    }

    let negated = operator.polarity == Polarity::Negated;
    let fails = |value: &&str| negated == condition.test.hits(value, context);
    let culprit = match operator.set {
        Some(SetOperator::ForAllValues) => values.iter().map(|value| &**value).find(fails),
        Some(SetOperator::ForAnyValue) | None => None,
    };
    let subject = match culprit {
        Some(culprit) => format!("{key} has {}", shortened(culprit)),
        None => format!("{key} is {value}"),
    };
    let patterns = condition
        .test
        .expanded(context, LISTED_MAX)
        .unwrap_or_else(|| texts.iter().take(LISTED_MAX).map(ToString::to_string).collect());
    let patterns = any_of(texts.len(), patterns.iter().map(String::as_str));
    if negated {
        format!("{subject}; {operator} excludes {patterns}")
    } else {
        format!("{subject}; {operator} needs {patterns}")
    }
}

fn mismatch(clause: Clause, reason: String, value: Option<String>, pattern: Option<&str>) -> Mismatch {
    Mismatch {
        clause,
        reason,
        value,
        pattern: pattern.map(shortened),
        patterns: Vec::new(),
    }
}

/// `a`, `a or b`, `a, b or 7 more`; `total` is how many texts there are.
fn any_of<'s>(total: usize, texts: impl Iterator<Item = &'s str>) -> String {
    let mut shown: Vec<String> = texts.take(LISTED_MAX).map(shortened).collect();
    if total > shown.len() {
        shown.push(format!("{} more", total - shown.len()));
    }
    match shown.split_last() {
        None => "anything: the list is empty".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

/// The text, or its beginning if it is very long, because thousands of explanations are kept in memory.
#[expect(
    clippy::string_slice,
    reason = "`char_indices` answers with boundaries of characters"
)]
fn shortened(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Why a value was not compared.
pub(super) const OVERFLOW: &str = "the variables of the policy bring in more than 8192 bytes";
const _: () = assert!(EXPANSION_BYTES_MAX == 8_192, "OVERFLOW names the limit");

/// How many patterns a reason lists.
const LISTED_MAX: usize = 3;

/// How many characters of a value or pattern a reason shows.
const TEXT_CHARACTERS_MAX: usize = 256;
