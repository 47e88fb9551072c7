//! Actions that do not exist, and actions and resources that do not go together.

use super::overlap::overlaps;
use super::{Locator, Service, ServiceAction};
use crate::action::ActionPattern;
use crate::document::PolicyType;
use crate::finding::FindingCode;
use crate::resource::ResourcePattern;
use crate::statement::{ActionClause, ResourceClause, Statement};

pub(super) fn check(
    statement: &Statement,
    meant: &[&ServiceAction<'_>],
    policy_type: PolicyType,
    service: &Service<'_>,
    locator: &mut Locator<'_>,
) {
    let (name, entries) = match &statement.action {
        ActionClause::Action(entries) => ("Action", entries),
        ActionClause::NotAction(entries) => ("NotAction", entries),
    };
    for (index, entry) in entries.iter().enumerate() {
        check_name(entry, policy_type, service, &[name, &index.to_string()], locator);
    }
    let Some(ResourceClause::Resource(resources)) = &statement.resource else {
        return;
    };
    if resources.is_empty() || resources.iter().any(ResourcePattern::is_every) {
        return;
    }
    // The names of the resource types that each resource can be one of.
    let possible: Vec<Vec<&str>> = resources
        .iter()
        .map(|resource| possible_types(resource, service))
        .collect();
    let is_possible = |resource_type: &&str| possible.iter().any(|types| types.contains(resource_type));
    if let ActionClause::Action(entries) = &statement.action {
        for (index, entry) in entries.iter().enumerate() {
            check_covered(
                entry,
                is_possible,
                service,
                &["Action", &index.to_string()],
                locator,
            );
        }
    }
    for (index, (resource, types)) in resources.iter().zip(&possible).enumerate() {
        let authorises =
            |action: &&ServiceAction<'_>| action.resource_types.iter().any(|name| types.contains(name));
        // A statement without an action of the service is about another one.
        if meant.is_empty() || meant.iter().any(authorises) {
            continue;
        }
        let message = format!(
            "no action of the statement is authorised on `{}`",
            resource.as_str()
        );
        locator.report(
            FindingCode::ResourceNeverMatches,
            &["Resource", &index.to_string()],
            message,
        );
    }
}

/// The names of the resource types whose ARNs a pattern can match.
fn possible_types<'a>(resource: &ResourcePattern, service: &Service<'a>) -> Vec<&'a str> {
    service
        .resource_types
        .iter()
        .filter(|resource_type| overlaps(resource, resource_type.arn))
        .map(|resource_type| resource_type.name)
        .collect()
}

/// The service's actions that a clause reaches.
pub(super) fn meant<'a>(clause: &ActionClause, service: &Service<'a>) -> Vec<&'a ServiceAction<'a>> {
    let reaches = |action: &&ServiceAction<'_>| {
        format!("{}:{}", service.prefix, action.name)
            .parse()
            .is_ok_and(|action| clause.matches(&action))
    };
    service.actions.iter().filter(reaches).collect()
}

fn reached<'a>(entry: &'a ActionPattern, service: &Service<'a>) -> Vec<&'a ServiceAction<'a>> {
    let matches = |action: &&ServiceAction<'_>| {
        format!("{}:{}", service.prefix, action.name)
            .parse()
            .is_ok_and(|action| entry.matches(&action))
    };
    service.actions.iter().filter(matches).collect()
}

fn check_name(
    entry: &ActionPattern,
    policy_type: PolicyType,
    service: &Service<'_>,
    steps: &[&str],
    locator: &mut Locator<'_>,
) {
    if !reached(entry, service).is_empty() {
        return;
    }
    let text = entry.as_str();
    let Some((prefix, name)) = text.split_once(':') else {
        return;
    };
    let Service {
        prefix: own, actions, ..
    } = service;
    if prefix.eq_ignore_ascii_case(own) {
        let nearest = crate::nearest::nearest(name, actions.iter().map(|action| action.name));
        let meant = match nearest {
            Some(name) => format!("; did you mean `{own}:{name}`?"),
            None => String::new(),
        };
        locator.report(
            FindingCode::UnknownAction,
            steps,
            format!("`{text}` is no action{meant}"),
        );
    } else if let Some(own) = crate::nearest::nearest(prefix, [*own]) {
        let message = format!("`{text}` is no action; did you mean `{own}:{name}`?");
        locator.report(FindingCode::UnknownAction, steps, message);
    } else if policy_type == PolicyType::VpcEndpoint {
        let message = format!("`{text}` is an action of another service; this endpoint reaches `{own}` only");
        locator.report(FindingCode::OtherService, steps, message);
    }
}

/// Whether an action entry has a resource among those of its statement.
fn check_covered(
    entry: &ActionPattern,
    is_possible: impl Fn(&&str) -> bool,
    service: &Service<'_>,
    steps: &[&str],
    locator: &mut Locator<'_>,
) {
    let actions = reached(entry, service);
    let covered = |action: &&ServiceAction<'_>| action.resource_types.iter().any(&is_possible);
    if actions.is_empty() || actions.iter().any(covered) {
        return;
    }
    // In order, and each once.
    let mut types: Vec<&str> = Vec::new();
    for resource_type in actions.iter().flat_map(|action| action.resource_types) {
        if let Err(index) = types.binary_search(resource_type) {
            types.insert(index, resource_type);
        }
    }
    let text = entry.as_str();
    let message = if types.is_empty() {
        format!("`{text}` is authorised on `*`, which no ARN covers; it needs `\"Resource\": \"*\"`")
    } else {
        format!(
            "`{text}` is authorised on a {}, and no resource of the statement can be one",
            types.join(" or ")
        )
    };
    locator.report(FindingCode::ActionNotCovered, steps, message);
}
