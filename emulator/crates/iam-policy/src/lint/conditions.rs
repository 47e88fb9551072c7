//! Conditions that come out the same way for every request, and variables that nothing fills in.

use super::{Locator, Service, ServiceAction, is_among};
use crate::condition::Condition;
use crate::document::PolicyType;
use crate::finding::FindingCode;
use crate::pattern::Pattern;
use crate::statement::{ResourceClause, Statement};
use crate::variable::Variable;

pub(super) fn check(
    statement: &Statement,
    meant: &[&ServiceAction<'_>],
    policy_type: PolicyType,
    service: &Service<'_>,
    locator: &mut Locator<'_>,
) {
    let keys = Keys {
        meant,
        policy_type,
        service,
    };
    if let Some(clause) = &statement.resource {
        check_resource(clause, &keys, locator);
    }
    for condition in &statement.conditions {
        check_key(condition, &keys, locator);
        let (operator, key) = (condition.operator.to_string(), condition.key.as_str());
        for (index, variables) in condition.test.variables().enumerate() {
            let steps = ["Condition", &operator, key, &index.to_string()];
            check_variables(variables, &keys, &steps, locator);
        }
    }
}

/// What is known of the keys of the requests that a statement is about.
struct Keys<'k> {
    /// The service's actions that the statement reaches.
    meant: &'k [&'k ServiceAction<'k>],
    policy_type: PolicyType,
    service: &'k Service<'k>,
}

/// Why no request has a key.
enum Absence {
    /// It cannot have it, for this reason.
    Never(String),
    /// On AWS it can, and nothing sets the key here.
    Here,
}

impl Keys<'_> {
    /// `None` when a request may have the key.
    fn absence(&self, key: &str) -> Option<Absence> {
        // IAM User Guide, AWS global condition context keys: absent when the request came over an endpoint.
        if self.policy_type == PolicyType::VpcEndpoint && key.eq_ignore_ascii_case("aws:SourceIp") {
            let why = "a request over a VPC endpoint has no `aws:SourceIp`; use `aws:VpcSourceIp`";
            return Some(Absence::Never(why.to_owned()));
        }
        // A statement without an action of the service is about another one, whose keys are not known.
        if self.meant.is_empty() {
            return None;
        }
        let service = self.service;
        if is_among(key, service.unset_keys) {
            return Some(Absence::Here);
        }
        if !service.sets(key) {
            let why = format!("no request to `{}` has the key", service.prefix);
            return Some(Absence::Never(why));
        }
        let has_key = |action: &ServiceAction<'_>| is_among(key, action.condition_keys);
        let special = service.actions.iter().any(has_key);
        if special && !self.meant.iter().any(|action| has_key(action)) {
            return Some(Absence::Never(
                "no action of the statement has the key".to_owned(),
            ));
        }
        None
    }
}

fn check_key(condition: &Condition, keys: &Keys<'_>, locator: &mut Locator<'_>) {
    let (operator, key) = (condition.operator.to_string(), condition.key.as_str());
    let steps = ["Condition", &operator, key];
    let (outcome, code) = if condition.holds_when_absent() {
        ("always true", FindingCode::ConditionAlwaysTrue)
    } else {
        ("never true", FindingCode::ConditionNeverTrue)
    };
    match keys.absence(key) {
        Some(Absence::Never(why)) => {
            let message = format!("`{operator}` on `{key}` is {outcome}: {why}");
            locator.report(code, &steps, message);
        }
        Some(Absence::Here) => {
            let message =
                format!("`{operator}` on `{key}` is {outcome} here: AWS sets the key, and nothing here does");
            locator.report(FindingCode::KeyNotSimulated, &steps, message);
        }
        None if keys.policy_type == PolicyType::VpcEndpoint && is_own_endpoint_key(key) => {
            // The policy is asked only for requests that came over its endpoint, so the key always names
            // that endpoint or its VPC.
            let message = format!(
                "`{key}` is the same for every request that meets this policy; the condition filters nothing"
            );
            locator.report(FindingCode::ConditionConstant, &steps, message);
        }
        None => {}
    }
}

fn check_resource(clause: &ResourceClause, keys: &Keys<'_>, locator: &mut Locator<'_>) {
    let (name, entries) = match clause {
        ResourceClause::Resource(entries) => ("Resource", entries),
        ResourceClause::NotResource(entries) => ("NotResource", entries),
    };
    for (index, entry) in entries.iter().enumerate() {
        let variables = entry.parts().into_iter().flatten().flat_map(Pattern::variables);
        check_variables(variables, keys, &[name, &index.to_string()], locator);
    }
}

fn check_variables<'v>(
    variables: impl IntoIterator<Item = &'v Variable>,
    keys: &Keys<'_>,
    steps: &[&str],
    locator: &mut Locator<'_>,
) {
    // A default stands in for an absent key.
    let without_default = variables.into_iter().filter(|variable| !variable.has_default());
    for variable in without_default {
        let key = variable.key();
        match keys.absence(key) {
            Some(Absence::Never(why)) => {
                let message = format!("`${{{key}}}` makes the pattern match nothing: {why}");
                locator.report(FindingCode::VariableNeverSet, steps, message);
            }
            Some(Absence::Here) => {
                let message = format!(
                    "`${{{key}}}` makes the pattern match nothing here: AWS sets the key, and nothing here does"
                );
                locator.report(FindingCode::KeyNotSimulated, steps, message);
            }
            None => {}
        }
    }
}

fn is_own_endpoint_key(key: &str) -> bool {
    ["aws:SourceVpce", "aws:SourceVpc"]
        .iter()
        .any(|own| key.eq_ignore_ascii_case(own))
}
