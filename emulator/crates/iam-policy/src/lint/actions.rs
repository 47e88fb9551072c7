//! Actions that do not exist, and actions and resources that do not go together.

use super::overlap::overlaps;
use super::{Applies, Fact, FactScope, Keys, Locator, Service, ServiceAction, Subject, values};
use crate::action::ActionPattern;
use crate::context::RequestContext;
use crate::document::PolicyType;
use crate::finding::FindingCode;
use crate::pattern::Pattern;
use crate::resource::ResourcePattern;
use crate::statement::{ActionClause, ResourceClause, Statement};

/// Checks the actions and resources; returns whether the statement can apply to any request. A statement about
/// another service can apply to requests to that service, unless it is in an endpoint's policy.
pub(super) fn check(statement: &Statement, keys: &Keys<'_>, locator: &mut Locator<'_>) -> Applies {
    let (name, entries) = match &statement.action {
        ActionClause::Action(entries) => ("Action", entries),
        ActionClause::NotAction(entries) => ("NotAction", entries),
    };
    for (index, entry) in entries.iter().enumerate() {
        check_name(entry, keys, &[name, &index.to_string()], locator);
    }
    let by_resource = match &statement.resource {
        None => Applies::Perhaps,
        Some(ResourceClause::NotResource(resources)) => {
            for (index, resource) in resources.iter().enumerate() {
                if let Some(flaw) = resource_flaw(resource, keys).filter(|flaw| !flaw.is_elsewhere) {
                    let (text, here) = (resource.as_str(), flaw.scope.here());
                    let message = format!("`{text}` excepts nothing{here}: {}", flaw.why);
                    locator.report(flaw.code(), &["NotResource", &index.to_string()], message);
                }
            }
            Applies::Perhaps
        }
        Some(ResourceClause::Resource(resources)) => {
            check_resources(&statement.action, resources, keys, locator)
        }
    };
    if keys.meant.is_empty() && keys.others.is_empty() && keys.policy_type == PolicyType::VpcEndpoint {
        Applies::Never
    } else {
        by_resource
    }
}

/// Checks the resources; returns whether any action is authorised on one of them.
fn check_resources(
    action: &ActionClause,
    resources: &[ResourcePattern],
    keys: &Keys<'_>,
    locator: &mut Locator<'_>,
) -> Applies {
    if resources.is_empty() || resources.iter().any(ResourcePattern::is_every) {
        return Applies::Perhaps;
    }
    let service = keys.service;
    // The names of the resource types that each resource can be one of.
    let possible: Vec<Vec<&str>> = resources
        .iter()
        .map(|resource| possible_types(resource, service))
        .collect();
    let is_possible = |resource_type: &&str| possible.iter().any(|types| types.contains(resource_type));
    if let ActionClause::Action(entries) = action {
        for (index, entry) in entries.iter().enumerate() {
            let steps = ["Action", &index.to_string()];
            check_covered(entry, is_possible, service, &steps, locator);
        }
    }
    // A statement without a known action is about other services.
    let mut applies = if keys.meant.is_empty() {
        Applies::Perhaps
    } else {
        Applies::Never
    };
    let mut of_elsewhere = Vec::new();
    for (index, (resource, types)) in resources.iter().zip(&possible).enumerate() {
        let steps = ["Resource", &index.to_string()];
        let text = resource.as_str();
        if let Some(flaw) = resource_flaw(resource, keys) {
            applies = applies.max(Applies::never(flaw.scope));
            let message = format!("`{text}` never matches{}: {}", flaw.scope.here(), flaw.why);
            if flaw.is_elsewhere {
                of_elsewhere.push((index, flaw.code(), message));
            } else {
                locator.report(flaw.code(), &steps, message);
            }
            continue;
        }
        let authorises =
            |action: &&ServiceAction<'_>| action.resource_types.iter().any(|name| types.contains(name));
        // The resources of the other actions are not known, except that they belong to the same services.
        let may_be_others = || keys.others.iter().any(|prefix| is_of_service(resource, prefix));
        if keys.meant.is_empty() || keys.meant.iter().any(authorises) || may_be_others() {
            applies = Applies::Perhaps;
            continue;
        }
        let message = format!("no action of the statement is authorised on `{text}`");
        locator.report(FindingCode::ResourceNeverMatches, &steps, message);
    }
    if applies != Applies::Perhaps {
        // A resource for other requests is a mistake only if no resource here matches.
        for (index, code, message) in of_elsewhere {
            locator.report(code, &["Resource", &index.to_string()], message);
        }
    }
    applies
}

/// Why an ARN of the service can match nothing.
struct ResourceFlaw {
    why: String,
    scope: FactScope,
    /// Whether such ARNs occur in requests that other documents are evaluated for.
    is_elsewhere: bool,
}

impl ResourceFlaw {
    fn code(&self) -> FindingCode {
        match self.scope {
            FactScope::Aws => FindingCode::ResourceNeverMatches,
            FactScope::Here => FindingCode::KeyNotSimulated,
        }
    }
}

/// What is wrong with a resource's partition, Region or account.
fn resource_flaw(resource: &ResourcePattern, keys: &Keys<'_>) -> Option<ResourceFlaw> {
    let parts = resource.parts()?;
    let [_, _, service, region, account, _] = parts;
    let is_own = service.as_str() == keys.service.prefix;
    let flaw = if is_own {
        values::arn_flaw(parts)
    } else {
        values::foreign_arn_flaw(parts)
    };
    if let Some(why) = flaw {
        return Some(ResourceFlaw {
            why,
            scope: FactScope::Aws,
            is_elsewhere: false,
        });
    }
    if !is_own {
        return None;
    }
    let context = RequestContext::new();
    keys.facts().find_map(|fact: &Fact<'_>| {
        let (name, part): (_, &Pattern) = match fact.subject {
            Subject::ArnRegion => ("Region", region),
            Subject::ArnAccount => ("account", account),
            Subject::Key(_) => return None,
        };
        let is_among = |values: &[String]| values.iter().any(|value| part.matches(value, &context));
        (!is_among(&fact.values)).then(|| ResourceFlaw {
            why: format!("its {name} is `{}`, and {}", part.as_str(), fact.reason),
            scope: fact.scope,
            is_elsewhere: is_among(&fact.values_elsewhere),
        })
    })
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

/// The known actions that a clause covers.
pub(super) fn meant<'a>(clause: &ActionClause, service: &Service<'a>) -> Vec<&'a ServiceAction<'a>> {
    let reaches = |action: &&ServiceAction<'_>| {
        full_name(action)
            .parse()
            .is_ok_and(|action| clause.matches(&action))
    };
    service.actions.iter().filter(reaches).collect()
}

/// The prefixes of the other actions that a clause covers, each once.
pub(super) fn others<'a>(clause: &ActionClause, service: &Service<'a>) -> Vec<&'a str> {
    let mut prefixes: Vec<&str> = Vec::new();
    for action in service.other_actions {
        if !prefixes.contains(&action.service()) && clause.matches(action) {
            prefixes.push(action.service());
        }
    }
    prefixes
}

/// The names of the resource types that the resources of a statement can be of; `None` if it does not limit them.
pub(super) fn types<'a>(statement: &Statement, service: &Service<'a>) -> Option<Vec<&'a str>> {
    match &statement.resource {
        Some(ResourceClause::Resource(resources)) if !resources.iter().any(ResourcePattern::is_every) => {
            let types = resources
                .iter()
                .flat_map(|resource| possible_types(resource, service));
            Some(types.collect())
        }
        Some(ResourceClause::Resource(_) | ResourceClause::NotResource(_)) | None => None,
    }
}

fn full_name(action: &ServiceAction<'_>) -> String {
    format!("{}:{}", action.prefix, action.name)
}

fn is_of_service(resource: &ResourcePattern, prefix: &str) -> bool {
    resource
        .parts()
        .is_some_and(|parts| parts[2].matches(prefix, &RequestContext::new()))
}

fn reached<'a>(entry: &'a ActionPattern, service: &Service<'a>) -> Vec<&'a ServiceAction<'a>> {
    let matches = |action: &&ServiceAction<'_>| {
        full_name(action)
            .parse()
            .is_ok_and(|action| entry.matches(&action))
    };
    service.actions.iter().filter(matches).collect()
}

fn reaches_others(entry: &ActionPattern, service: &Service<'_>) -> bool {
    service.other_actions.iter().any(|action| entry.matches(action))
}

fn check_name(entry: &ActionPattern, keys: &Keys<'_>, steps: &[&str], locator: &mut Locator<'_>) {
    let service = keys.service;
    if !reached(entry, service).is_empty() || reaches_others(entry, service) {
        return;
    }
    let text = entry.as_str();
    let Some((prefix, name)) = text.split_once(':') else {
        return;
    };
    let own = service.prefix;
    let others = service.other_actions.iter();
    let of_others = others.map(|action| (action.service(), action.name()));
    let known = service
        .actions
        .iter()
        .map(|action| (action.prefix, action.name))
        .chain(of_others);
    let names: Vec<(&str, &str)> = known
        .filter(|(known, _)| known.eq_ignore_ascii_case(prefix))
        .collect();
    if let Some((prefix, _)) = names.first() {
        let nearest = crate::nearest::nearest(name, names.iter().map(|(_, name)| *name));
        let meant = match nearest {
            Some(name) => format!("; did you mean `{prefix}:{name}`?"),
            None => String::new(),
        };
        locator.report(
            FindingCode::UnknownAction,
            steps,
            format!("`{text}` is no action{meant}"),
        );
    } else if let Some(own) = crate::nearest::nearest(prefix, [own]) {
        let message = format!("`{text}` is no action; did you mean `{own}:{name}`?");
        locator.report(FindingCode::UnknownAction, steps, message);
    } else if keys.policy_type == PolicyType::VpcEndpoint {
        let message = format!("`{text}` is an action of another service; this endpoint reaches `{own}` only");
        locator.report(FindingCode::OtherService, steps, message);
    }
}

/// Checks that an action entry covers an action that is authorised on a resource of the statement.
fn check_covered(
    entry: &ActionPattern,
    is_possible: impl Fn(&&str) -> bool,
    service: &Service<'_>,
    steps: &[&str],
    locator: &mut Locator<'_>,
) {
    let actions = reached(entry, service);
    let covered = |action: &&ServiceAction<'_>| action.resource_types.iter().any(&is_possible);
    if actions.is_empty() || actions.iter().any(covered) || reaches_others(entry, service) {
        return;
    }
    // Sorted, each once.
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
