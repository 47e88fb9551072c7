//! Conditions that come out the same way for every request.

use super::actions::meant;
use super::{Locator, Service};
use crate::condition::operator::{Polarity, SetOperator};
use crate::condition::{Condition, Test};
use crate::document::PolicyType;
use crate::finding::FindingCode;
use crate::statement::Statement;

pub(super) fn check(
    statement: &Statement,
    policy_type: PolicyType,
    service: &Service<'_>,
    locator: &mut Locator<'_>,
) {
    for condition in &statement.conditions {
        let (operator, key) = (condition.operator.to_string(), condition.key.as_str());
        let steps = ["Condition", &operator, key];
        if let Some(why) = never_present(statement, condition, policy_type, service) {
            let (code, outcome) = if holds_when_absent(condition) {
                (FindingCode::ConditionAlwaysTrue, "always true")
            } else {
                (FindingCode::ConditionNeverTrue, "never true")
            };
            locator.report(
                code,
                &steps,
                format!("`{operator}` on `{key}` is {outcome}: {why}"),
            );
        } else if policy_type == PolicyType::VpcEndpoint && is_own_endpoint_key(key) {
            // The policy is asked only for requests that came over its endpoint, so the key always names
            // that endpoint or its VPC.
            let message = format!(
                "`{key}` is the same for every request that meets this policy; the condition filters nothing"
            );
            locator.report(FindingCode::ConditionConstant, &steps, message);
        }
    }
}

/// Why no request has the key; `None` when one may have it.
fn never_present(
    statement: &Statement,
    condition: &Condition,
    policy_type: PolicyType,
    service: &Service<'_>,
) -> Option<String> {
    let key = condition.key.as_str();
    // IAM User Guide, AWS global condition context keys: absent when the request came over an endpoint.
    if policy_type == PolicyType::VpcEndpoint && key.eq_ignore_ascii_case("aws:SourceIp") {
        return Some("a request over a VPC endpoint has no `aws:SourceIp`; use `aws:VpcSourceIp`".to_owned());
    }
    if service.condition_keys.is_some_and(|keys| !is_among(key, keys)) {
        return Some("no request has the key".to_owned());
    }
    let special = service
        .actions
        .iter()
        .any(|action| is_among(key, action.condition_keys));
    let mut actions = meant(&statement.action, service).peekable();
    if special && actions.peek().is_some() && !actions.any(|action| is_among(key, action.condition_keys)) {
        return Some("no action of the statement has the key".to_owned());
    }
    None
}

fn is_among(key: &str, names: &[&str]) -> bool {
    names.iter().any(|name| {
        if name.ends_with('/') {
            key.len() > name.len()
                && key
                    .get(..name.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(name))
        } else {
            key.eq_ignore_ascii_case(name)
        }
    })
}

fn is_own_endpoint_key(key: &str) -> bool {
    ["aws:SourceVpce", "aws:SourceVpc"]
        .iter()
        .any(|own| key.eq_ignore_ascii_case(own))
}

/// What the condition is when its key is absent.
fn holds_when_absent(condition: &Condition) -> bool {
    match (&condition.test, condition.operator.set) {
        (Test::Null(absences), None) => absences.contains(&Some(true)),
        (_, Some(SetOperator::ForAllValues)) => true,
        (Test::Null(_), Some(SetOperator::ForAnyValue)) => false,
        (_, Some(SetOperator::ForAnyValue)) => condition.operator.if_exists,
        (_, None) => condition.operator.if_exists || condition.operator.polarity == Polarity::Negated,
    }
}
