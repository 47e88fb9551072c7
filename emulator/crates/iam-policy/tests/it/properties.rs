//! Properties that hold for every policy and every request, tested on thousands of both.
//!
//! The generators draw from few names, so that statements match often enough for the properties to mean
//! something; [`both_outcomes_are_common`] sees to that.

use iam_policy::{
    Action, Decision, Effect, Policies, PolicyDocument, PolicyType, Principal, Request, RequestContext,
    Resource, evaluate, explain,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

/// A request that owns its parts.
#[derive(Debug, Clone)]
pub(crate) struct OwnedRequest {
    pub(crate) principal: Principal,
    action: Action,
    resource: Resource,
    pub(crate) context: RequestContext<'static>,
}

impl OwnedRequest {
    /// A user who lists models.
    pub(crate) fn simple() -> Self {
        Self {
            principal: "arn:aws:iam::123456789012:user/alice".parse().unwrap(),
            action: "vision:ListModels".parse().unwrap(),
            resource: Resource::Any,
            context: RequestContext::new(),
        }
    }

    pub(crate) fn as_request(&self) -> Request<'_> {
        Request {
            principal: &self.principal,
            action: &self.action,
            resource: &self.resource,
            resource_account: None,
            context: &self.context,
        }
    }

    fn decide(&self, statements: &[Value]) -> Decision {
        let document = endpoint_policy(statements);
        evaluate(
            &Policies {
                vpc_endpoint: Some(&document),
                ..Policies::default()
            },
            &self.as_request(),
        )
        .decision
    }
}

pub(crate) fn endpoint_policy(statements: &[Value]) -> PolicyDocument {
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    PolicyDocument::parse_stored(&text, PolicyType::VpcEndpoint).unwrap()
}

const VALUES: &[&str] = &[
    "alice",
    "Alice",
    "al*",
    "a?ice",
    "bob",
    "",
    "${aws:username}",
    "${aws:PrincipalTag/team, 'bob'}",
    "${*}",
    "true",
    "false",
    "10",
    "9.50",
    "10.0.0.0/8",
    "10.1.2.3",
    "::1",
    "2026-06-01T00:00:00Z",
    "1780272000",
    "YWxpY2U=",
    "arn:aws:iam::123456789012:user/alice",
    "arn:aws:iam::*:user/*",
    "arn:aws:iam:user/alice",
    "*",
];

const KEYS: &[&str] = &[
    "aws:username",
    "AWS:UserName",
    "aws:PrincipalTag/team",
    "aws:TagKeys",
    "test:value",
    "aws:PrincipalArn",
];

const BASES: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThanEquals",
    "DateGreaterThan",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnNotLike",
    "Null",
];

fn operator() -> impl Strategy<Value = String> {
    (
        select(&["", "", "ForAllValues:", "ForAnyValue:"][..]),
        select(BASES),
        select(&["", "IfExists"][..]),
    )
        .prop_map(|(set, base, suffix)| {
            if base == "Null" {
                format!("{set}{base}")
            } else {
                format!("{set}{base}{suffix}")
            }
        })
}

pub(crate) fn condition() -> impl Strategy<Value = Value> {
    let values = vec(select(VALUES), 0..3);
    prop_oneof![2 => Just(0), 1 => 1..3_usize]
        .prop_flat_map(move |count| vec((operator(), select(KEYS), values.clone()), count))
        .prop_map(|entries| {
            let mut condition = Map::new();
            for (operator, key, values) in entries {
                condition.insert(operator, json!({key: values}));
            }
            Value::Object(condition)
        })
}

fn strings(from: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop_oneof![1 => Just(0), 9 => 1..3_usize]
        .prop_flat_map(move |count| vec(select(from), count))
        .prop_map(|strings| match strings.as_slice() {
            [only] => json!(only),
            several => json!(several),
        })
}

fn statement(effect: impl Strategy<Value = &'static str>) -> impl Strategy<Value = Value> {
    let principal = prop_oneof![
        3 => Just(json!("*")),
        1 => strings(&["123456789012", "arn:aws:iam::123456789012:user/alice",
            "arn:aws:iam::123456789012:role/worker", "arn:aws:iam::123456789012:user/*"])
            .prop_map(|entries| json!({"AWS": entries})),
    ];
    let action = strings(&[
        "*",
        "vision:*",
        "vision:Detect*",
        "VISION:list?odels",
        "v*:*",
        "other:Get",
    ]);
    let resource = strings(&[
        "*",
        "arn:aws:vision:*:123456789012:model/*",
        "arn:aws:vision:us-west-2:123456789012:model/a/1",
        "arn:aws:vision:us-west-2:*:model/${aws:username}/?",
        "arn:aws:vision:us-west-2:model",
    ]);
    let (not, weight) = (any::<[bool; 3]>(), 0..4_u8);
    (effect, principal, action, resource, condition(), not, weight).prop_map(
        |(effect, principal, action, resource, condition, [a, b, c], weight)| {
            let plain = weight > 0;
            let name = |name: &str, not: bool| {
                if not && !plain {
                    format!("Not{name}")
                } else {
                    name.to_owned()
                }
            };
            json!({
                "Effect": effect,
                (name("Principal", a)): principal,
                (name("Action", b)): action,
                (name("Resource", c)): resource,
                "Condition": condition,
            })
        },
    )
}

pub(crate) fn any_statement() -> impl Strategy<Value = Value> {
    statement(select(&["Allow", "Allow", "Deny"][..]))
}

pub(crate) fn request() -> impl Strategy<Value = OwnedRequest> {
    let principal = select(
        &[
            "arn:aws:iam::123456789012:user/alice",
            "arn:aws:sts::123456789012:assumed-role/worker/s1",
            "arn:aws:iam::123456789012:root",
            "anonymous",
        ][..],
    );
    let action = select(&["vision:DetectAnomalies", "vision:ListModels", "other:Get"][..]);
    let resource = select(
        &[
            "*",
            "arn:aws:vision:us-west-2:123456789012:model/a/1",
            "arn:aws:vision:us-east-1:123456789012:model/alice/2",
        ][..],
    );
    let context = subsequence(
        &[
            "aws:username",
            "aws:PrincipalTag/team",
            "aws:TagKeys",
            "test:value",
            "aws:PrincipalArn",
        ][..],
        0..=5,
    )
    .prop_flat_map(|keys| {
        let values = vec(vec(select(VALUES), 0..3), keys.len());
        values.prop_map(move |values| {
            let mut context = RequestContext::new();
            for (key, values) in keys.iter().zip(values) {
                context.insert_all(*key, values);
            }
            context
        })
    });
    (principal, action, resource, context).prop_map(|(principal, action, resource, context)| OwnedRequest {
        principal: principal.parse().unwrap(),
        action: action.parse().unwrap(),
        resource: resource.parse().unwrap(),
        context,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn adding_a_deny_never_widens_access(
        statements in vec(any_statement(), 1..4),
        deny in statement(Just("Deny")),
        place in 0..4_usize,
        request in request(),
    ) {
        let before = request.decide(&statements);
        let mut more = statements.clone();
        more.insert(place.min(statements.len()), deny);
        let after = request.decide(&more);
        prop_assert!(after == before || after == Decision::ExplicitDeny, "{before} became {after}");
    }

    #[test]
    fn adding_an_allow_never_narrows_access(
        statements in vec(any_statement(), 1..4),
        allow in statement(Just("Allow")),
        place in 0..4_usize,
        request in request(),
    ) {
        let before = request.decide(&statements);
        let mut more = statements.clone();
        more.insert(place.min(statements.len()), allow);
        let after = request.decide(&more);
        prop_assert!(after == before || (before, after) == (Decision::ImplicitDeny, Decision::Allowed));
    }

    #[test]
    fn the_order_of_statements_does_not_matter(
        (statements, shuffled) in vec(any_statement(), 1..5)
            .prop_flat_map(|statements| (Just(statements.clone()), Just(statements).prop_shuffle())),
        request in request(),
    ) {
        prop_assert_eq!(request.decide(&statements), request.decide(&shuffled));
    }

    #[test]
    fn a_policy_and_its_pretty_printed_self_decide_alike(
        statements in vec(any_statement(), 1..4),
        request in request(),
    ) {
        let compact = endpoint_policy(&statements);
        let value: Value = serde_json::from_str(compact.text()).unwrap();
        let pretty =
            PolicyDocument::parse_stored(&serde_json::to_string_pretty(&value).unwrap(), PolicyType::VpcEndpoint).unwrap();
        let decide = |document| {
            evaluate(&Policies { vpc_endpoint: Some(document), ..Policies::default() }, &request.as_request())
        };
        prop_assert_eq!(decide(&compact), decide(&pretty));
    }

    #[test]
    fn the_explanation_has_the_verdict_of_the_evaluation(
        endpoint in vec(any_statement(), 1..4),
        other in vec(any_statement(), 1..3),
        request in request(),
    ) {
        let endpoint = endpoint_policy(&endpoint);
        let identity: Vec<Value> = other
            .into_iter()
            .map(|mut statement| {
                let members = statement.as_object_mut().unwrap();
                members.remove("Principal");
                members.remove("NotPrincipal");
                statement
            })
            .collect();
        let text = json!({"Version": "2012-10-17", "Statement": identity}).to_string();
        let identity = [PolicyDocument::parse_stored(&text, PolicyType::Identity).unwrap()];
        let policies =
            Policies { vpc_endpoint: Some(&endpoint), identity: Some(&identity), ..Policies::default() };
        let evaluation = evaluate(&policies, &request.as_request());
        let explanation = explain(&policies, &request.as_request());
        prop_assert_eq!(&explanation.evaluation, &evaluation);

        // The explained statements lead to the same decision without the evaluator.
        let applies = |effect, policy_type| {
            explanation.statements.iter().any(|s| s.effect == effect && s.matched && s.policy_type == policy_type)
        };
        let denied = applies(Effect::Deny, PolicyType::VpcEndpoint) || applies(Effect::Deny, PolicyType::Identity);
        prop_assert_eq!(denied, evaluation.decision == Decision::ExplicitDeny);
        let root = request.principal.to_string().ends_with(":root");
        let allowed = applies(Effect::Allow, PolicyType::VpcEndpoint)
            && (root || applies(Effect::Allow, PolicyType::Identity))
            && request.principal != Principal::Anonymous;
        prop_assert_eq!(!denied && allowed, evaluation.decision == Decision::Allowed);

        for statement in &explanation.statements {
            let clauses = statement.principal.unwrap_or(true)
                && statement.action
                && statement.resource.unwrap_or(true)
                && statement.conditions.iter().all(|condition| condition.matched);
            prop_assert_eq!(clauses, statement.matched);
            prop_assert_eq!(statement.matched, statement.mismatch.is_none());
        }
        prop_assert!(!explanation.summary().is_empty());
    }

    #[test]
    fn a_pattern_of_literals_matches_itself_alone(name in "[a-zA-Z0-9/_.:é-]{1,12}", other in "[a-zA-Z0-9/_.:é-]{1,12}") {
        let arn = |name: &str| format!("arn:aws:vision:us-west-2:123456789012:{name}");
        let statements = [json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": arn(&name)})];
        let decide = |name: &str| {
            let request = OwnedRequest {
                principal: "arn:aws:iam::123456789012:user/alice".parse().unwrap(),
                action: "vision:DetectAnomalies".parse().unwrap(),
                resource: arn(name).parse().unwrap(),
                context: RequestContext::new(),
            };
            request.decide(&statements)
        };
        prop_assert_eq!(decide(&name), Decision::Allowed);
        prop_assert_eq!(decide(&other) == Decision::Allowed, name == other);
    }

    #[test]
    fn whatever_text_a_condition_holds_it_loads_or_is_refused_and_never_panics(
        operator in operator(),
        key in "[a-z:/ -~é]{0,16}",
        values in vec("[ -~é]{0,24}", 0..3),
        request in request(),
    ) {
        let text = json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*",
            "Condition": {operator: {key: values}}}})
        .to_string();
        if let Ok(document) = PolicyDocument::parse_stored(&text, PolicyType::VpcEndpoint) {
            let policies = Policies { vpc_endpoint: Some(&document), ..Policies::default() };
            let explanation = explain(&policies, &request.as_request());
            prop_assert_eq!(explanation.evaluation.decision == Decision::Allowed, explanation.statements[0].matched);
        }
    }
}

#[test]
fn both_outcomes_are_common() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut counts = [0; 3];
    for _ in 0..1_000 {
        let drawn = (vec(any_statement(), 1..4), request())
            .new_tree(&mut runner)
            .unwrap()
            .current();
        counts[drawn.1.decide(&drawn.0) as usize] += 1;
    }
    assert!(
        counts.iter().all(|&count| count > 50),
        "allowed, implicit and explicit: {counts:?}"
    );
}
