//! Inputs made to be expensive. Each would take minutes or overflow the stack if its cost were more than
//! the policy's size times the context's.

use std::time::{Duration, Instant};

use iam_policy::lint::{Service, lint};
use iam_policy::{
    Decision, FindingCode, Policies, PolicyDocument, PolicyType, Request, RequestContext, evaluate, explain,
};

/// Decides a request against an endpoint policy whose only condition is hostile.
#[track_caller]
fn check(condition: &str, context: &RequestContext<'_>, expected: Decision) {
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": "*", "Action": "*",
            "Resource": "*", "Condition": {condition}}}}}"#
    );
    let document = PolicyDocument::parse_stored(&text, PolicyType::VpcEndpoint).unwrap();
    let policies = Policies {
        vpc_endpoint: Some(&document),
        ..Policies::default()
    };
    let request = Request {
        principal: &"arn:aws:iam::123456789012:user/alice".parse().unwrap(),
        action: &"lookoutvision:DetectAnomalies".parse().unwrap(),
        resource: &"arn:aws:lookoutvision:us-west-2:123456789012:model/a/1"
            .parse()
            .unwrap(),
        resource_account: None,
        context,
    };
    let start = Instant::now();
    assert_eq!(evaluate(&policies, &request).decision, expected);
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    explain(&policies, &request);
}

#[test]
fn stars_do_not_backtrack() {
    let mut context = RequestContext::new();
    context.insert("test:v", "a".repeat(60_000));
    let pattern = "*a?a".repeat(4_000) + "*b*";
    check(
        &format!(r#"{{"StringLike": {{"test:v": "{pattern}"}}}}"#),
        &context,
        Decision::ImplicitDeny,
    );
    let pattern = "*a".repeat(8_000) + "*";
    check(
        &format!(r#"{{"StringLike": {{"test:v": "{pattern}"}}}}"#),
        &context,
        Decision::Allowed,
    );
}

#[test]
fn a_long_value_put_in_many_times_is_not_tried_at_every_place() {
    let mut context = RequestContext::new();
    context.insert("test:v", "a".repeat(60_000));
    context.insert("aws:PrincipalTag/x", "a".repeat(20_000) + "b");
    let pattern = "*${aws:PrincipalTag/x}?${aws:PrincipalTag/x}*";
    check(
        &format!(r#"{{"StringLike": {{"test:v": "{pattern}"}}}}"#),
        &context,
        Decision::ImplicitDeny,
    );
    let pattern = "${aws:PrincipalTag/x}".repeat(900);
    check(
        &format!(r#"{{"StringLike": {{"test:v": "*{pattern}*"}}}}"#),
        &context,
        Decision::ImplicitDeny,
    );
    check(
        &format!(r#"{{"StringEqualsIgnoreCase": {{"test:v": "{pattern}"}}}}"#),
        &context,
        Decision::ImplicitDeny,
    );
}

#[test]
fn variables_of_a_multivalued_condition_are_filled_in_once() {
    let mut context = RequestContext::new();
    for index in 0..5_000 {
        context.insert(format!("test:{index}"), "x");
    }
    context.insert_all("test:list", (0..5_000).map(|index| index.to_string()));
    let values = vec![r#""${test:4999}""#; 800].join(",");
    check(
        &format!(r#"{{"ForAnyValue:StringEquals": {{"test:list": [{values}]}}}}"#),
        &context,
        Decision::ImplicitDeny,
    );
}

#[test]
fn deep_documents_are_refused_without_recursion() {
    let deep = "[".repeat(20_000);
    assert!(PolicyDocument::parse(&deep, PolicyType::VpcEndpoint).is_err());
    let deep = r#"{"a":"#.repeat(4_000);
    assert!(PolicyDocument::parse(&deep, PolicyType::VpcEndpoint).is_err());
}

#[test]
fn lint_compares_everything_with_everything_up_to_a_limit() {
    let service = Service {
        prefix: "lookoutvision",
        actions: &[],
        resource_types: &[],
        condition_keys: None,
        always_set_keys: &[],
        unset_keys: &[],
    };
    // The last resource of the Deny covers every one of the Allow, and none before it covers any.
    let is_swallowed = |resources: usize| {
        let list = |prefix: &str, suffix: &str| {
            let entries = (0..resources).map(|index| format!("\"arn:{prefix}{index:x}{suffix}\""));
            entries.collect::<Vec<_>>().join(",")
        };
        let (denied, allowed) = (list("*:*::::", "*"), list("a:b:::", ""));
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": [
                {{"Effect": "Deny", "Action": "*", "Resource": [{denied}, "arn:*:*:*:*:*"]}},
                {{"Effect": "Allow", "Action": "*", "Resource": [{allowed}]}}]}}"#
        );
        let findings = lint(&text, PolicyType::Identity, &service, &[]);
        findings
            .iter()
            .any(|finding| finding.code == FindingCode::SwallowedByDeny)
    };
    assert!(is_swallowed(200));
    assert!(!is_swallowed(1_200));
}

/// Debug builds on a busy machine take a tenth of this.
const PATIENCE: Duration = Duration::from_secs(20);
