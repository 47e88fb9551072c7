//! One action for each way in which the `Action` clauses of the statements can match, with what it is authorised on.

use std::collections::HashSet;

use super::forms::steps;
use super::language::{Class, Matcher, Step, TooMany, as_it_is, literal, witnesses};
use super::resources::Targets;
use super::sets::Bits;
use crate::action::Action;
use crate::context::starts_with_folded;
use crate::lint::{Service, ServiceAction};
use crate::pattern::{Pattern, Syntax, Variables, Wildcards};
use crate::statement::Statement;

/// An action that represents all actions that the statements treat alike.
#[derive(Debug)]
pub(super) struct ActionClass<'s> {
    pub(super) action: Action,
    /// The statements whose `Action` or `NotAction` matches it.
    pub(super) statements: Bits,
    pub(super) targets: Targets<'s>,
    /// The tag keys that its requests can have; `None` for any.
    tag_keys: Option<Vec<&'s str>>,
}

impl ActionClass<'_> {
    /// Whether requests for the action can have a key, as far as the action decides it.
    pub(super) fn can_have(&self, key: &str) -> bool {
        let Some(tag_keys) = &self.tag_keys else {
            return true;
        };
        let is_of = |name: &str| starts_with_folded(key, name);
        !TAG_KEYS.iter().any(|name| is_of(name)) || tag_keys.iter().any(|name| is_of(name))
    }
}

/// One action of each class; the service's own are in the order of its table.
///
/// With `is_all`, requests can be for the service's actions only.
///
/// # Errors
/// If there are more classes than the limit allows.
pub(super) fn classes<'s>(
    statements: &[&Statement],
    service: &Service<'s>,
    is_all: bool,
) -> Result<Vec<ActionClass<'s>>, TooMany> {
    let mut classes = Vec::new();
    let mut seen = HashSet::new();
    let mut add = |action: Action, targets: Targets<'s>, tag_keys: Option<Vec<&'s str>>| {
        let matching = Bits::of(statements.len(), |index| {
            statements
                .get(index)
                .is_some_and(|statement| statement.action.matches(&action))
        });
        if seen.insert((matching.clone(), format!("{targets:?} {tag_keys:?}"))) {
            classes.push(ActionClass {
                action,
                statements: matching,
                targets,
                tag_keys,
            });
        }
    };
    for known in service.actions {
        let Ok(action) = format!("{}:{}", known.prefix, known.name).parse::<Action>() else {
            continue;
        };
        let is_known_in_part = service
            .other_actions
            .iter()
            .any(|other| other.as_str().eq_ignore_ascii_case(action.as_str()));
        match is_known_in_part {
            true => add(action, Targets::Unknown, None),
            false => add(action, targets(known, service), Some(keys(known))),
        }
    }
    for action in service.other_actions {
        add(action.clone(), Targets::Unknown, None);
    }
    if !is_all {
        for action in of_other_services(statements, service)? {
            add(action, Targets::Unknown, None);
        }
    }
    Ok(classes)
}

/// The keys that requests for this action can have and requests for some other actions cannot.
fn keys<'s>(action: &ServiceAction<'s>) -> Vec<&'s str> {
    let of_resources = action.resource_keys.iter().flat_map(|(_, keys)| keys.iter());
    action
        .condition_keys
        .iter()
        .chain(of_resources)
        .copied()
        .collect()
}

fn targets<'s>(action: &ServiceAction<'_>, service: &Service<'s>) -> Targets<'s> {
    if action.resource_types.is_empty() {
        return Targets::Everything;
    }
    let types = service.resource_types.iter();
    let forms = types.filter(|known| action.resource_types.contains(&known.name));
    let forms = forms.map(|known| known.arn).collect();
    if action.takes_any_resource {
        return Targets::Written(forms);
    }
    Targets::Forms(forms)
}

/// Actions of services about which nothing is known.
fn of_other_services(statements: &[&Statement], service: &Service<'_>) -> Result<Vec<Action>, TooMany> {
    let syntax = Syntax {
        wildcards: Wildcards::Glob,
        variables: Variables::Literal,
    };
    let mut patterns: Vec<Matcher> = Vec::new();
    let mut examples = Vec::new();
    for statement in statements {
        for entry in statement.action.entries() {
            let folded = entry.as_str().to_ascii_lowercase();
            let Ok(pattern) = Pattern::compile(&folded, syntax) else {
                continue;
            };
            // A `*` alone matches everything; the wildcards of other entries do not match across the colon.
            let class = if folded.contains(':') {
                Class::NotColon
            } else {
                Class::Any
            };
            let matcher = Matcher::of(steps(&pattern.tokens(), class));
            if !patterns.contains(&matcher) {
                patterns.push(matcher);
            }
            examples.push(folded);
        }
    }
    let name = || [Step::One(Class::Region), Step::Many(Class::Region)];
    let language = Matcher::of([&name()[..], &literal(":"), &name()[..]].concat());
    let known = |prefix: &str| service.actions.iter().any(|action| action.prefix == prefix);
    // The known prefixes are patterns too, so that actions with unknown prefixes get examples of their own.
    let mut prefixes: Vec<&str> = service.actions.iter().map(|action| action.prefix).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    for prefix in prefixes {
        let mut way = literal(&format!("{prefix}:"));
        way.push(Step::Many(Class::Any));
        patterns.push(Matcher::of(way));
    }
    let found = witnesses(&language, &patterns, &examples, as_it_is)?;
    let written = |folded: &str| {
        // Spelled as in a statement, if one names it.
        let entries = statements.iter().flat_map(|statement| statement.action.entries());
        let text = entries
            .map(super::super::action::ActionPattern::as_str)
            .find(|entry| entry.eq_ignore_ascii_case(folded));
        text.unwrap_or(folded).parse::<Action>()
    };
    let actions = found
        .into_iter()
        .filter_map(|witness| written(&witness.text).ok());
    Ok(actions
        .filter(|action| !known(&action.service().to_ascii_lowercase()))
        .collect())
}

/// Keys that only some actions have (Service Authorization Reference).
const TAG_KEYS: [&str; 3] = ["aws:ResourceTag/", "aws:RequestTag/", "aws:TagKeys"];
