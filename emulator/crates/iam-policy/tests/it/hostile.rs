//! Inputs made to be expensive. Each would take minutes or overflow the stack if its cost were more than
//! the policy's size times the context's.

use std::time::{Duration, Instant};

use iam_policy::lint::{Service, lint};
use iam_policy::{
    Decision, EXPANSION_BYTES_MAX, FindingCode, Policies, PolicyDocument, PolicyType, Request,
    RequestContext, evaluate, explain,
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
    let mut short = context.clone();
    short.insert("aws:PrincipalTag/x", "a".repeat(4_000) + "b");
    check(
        &format!(r#"{{"StringLike": {{"test:v": "{pattern}"}}}}"#),
        &short,
        Decision::ImplicitDeny,
    );
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
fn variables_bring_in_as_much_as_is_taken_and_no_more() {
    let policy = |effect: &str, clauses: &str| {
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": [
                {{"Effect": "Allow", "Principal": "*", "Action": "lookoutvision:ListModels", "Resource": "*"}},
                {{"Effect": "{effect}", "Principal": "*", "Action": "lookoutvision:DetectAnomalies", {clauses}}}]}}"#
        );
        PolicyDocument::parse_stored(&text, PolicyType::VpcEndpoint).unwrap()
    };
    let v = "${aws:UserAgent}".repeat(4);
    let condition = |operator: &str, value: &str| {
        format!(r#""Resource": "*", "Condition": {{"{operator}": {{"aws:UserAgent": ["x", "{value}"]}}}}"#)
    };
    let resource =
        |element: &str| format!(r#""{element}": "arn:aws:lookoutvision:us-west-2:123456789012:model/{v}""#);
    let elsewhere = format!(r#""Resource": "arn:aws:lookoutvision:us-east-1:123456789012:model/{v}""#);
    let absent = format!(r#""Resource": "*", "Condition": {{"StringLike": {{"test:absent": "{v}"}}}}"#);

    // Whether the statement applies when the four variables insert all that is allowed; whether the limit decides with
    // one byte more.
    for (clauses, applies, is_decided_by_limit) in [
        (condition("StringEquals", &v), false, true),
        (condition("StringLike", &format!("*{v}*")), false, true),
        (condition("StringNotLike", &format!("*{v}*")), true, true),
        (condition("StringEqualsIgnoreCase", &v), false, true),
        (condition("StringNotEqualsIgnoreCase", &v), true, true),
        (condition("ArnLike", &format!("arn:aws:iam::{v}:*")), false, true),
        (
            condition("ArnNotLike", &format!("arn:aws:iam::{v}:*")),
            true,
            true,
        ),
        (condition("ForAllValues:StringLike", &v), false, true),
        (condition("ForAnyValue:StringNotLike", &v), true, true),
        (resource("Resource"), false, true),
        (resource("NotResource"), true, true),
        // The Region differs, and the key is absent, whatever the variables are.
        (elsewhere, false, false),
        (absent, false, false),
    ] {
        for (bytes, effect) in [
            (2_048, "Allow"),
            (2_048, "Deny"),
            (2_049, "Allow"),
            (2_049, "Deny"),
        ] {
            let mut context = RequestContext::new();
            context.insert("aws:UserAgent", "a".repeat(bytes));
            let is_over = bytes == 2_049 && is_decided_by_limit;
            let applies = if is_over { effect == "Deny" } else { applies };
            let expected = match (applies, effect) {
                (false, _) => Decision::ImplicitDeny,
                (true, "Allow") => Decision::Allowed,
                (true, _) => Decision::ExplicitDeny,
            };

            let document = policy(effect, &clauses);
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
                context: &context,
            };
            let explanation = explain(&policies, &request);
            let what = format!("{effect} {clauses} with {bytes} bytes");
            assert_eq!(explanation.evaluation.decision, expected, "{what}");
            assert_eq!(explanation.statements[1].matched, applies, "{what}");
            let is_noted = explanation
                .notes
                .iter()
                .any(|note| note.contains("bring in more than 8192 bytes"));
            assert_eq!(is_noted, is_over, "{what}: {:?}", explanation.notes);
        }
    }
    assert_eq!(EXPANSION_BYTES_MAX, 4 * 2_048);
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
        other_actions: &[],
        resource_types: &[],
        condition_keys: None,
        always_set_keys: &[],
        unset_keys: &[],
    };
    // The last resource of the Deny covers every resource of the Allow, and none before it covers any.
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
