//! What people read: summaries, near misses, reasons and AWS's own messages.

use iam_policy::{
    Clause, Decision, Evaluation, Explanation, Layer, Policies, PolicyDocument, PolicyType, Request,
    RequestContext, evaluate, explain,
};

const ALICE: &str = "arn:aws:iam::123456789012:user/alice";
const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/Inspector/line7";
const MODEL: &str = "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1";

/// Asks whether `principal` may detect anomalies with `resource`.
fn with_request<T>(
    principal: &str,
    resource: &str,
    context: &RequestContext<'_>,
    ask: impl FnOnce(&Request<'_>) -> T,
) -> T {
    let action = if resource == "*" {
        "lookoutvision:ListModels"
    } else {
        "lookoutvision:DetectAnomalies"
    };
    ask(&Request {
        principal: &principal.parse().unwrap(),
        action: &action.parse().unwrap(),
        resource: &resource.parse().unwrap(),
        resource_account: None,
        context,
    })
}

fn endpoint_policy(statements: &str) -> PolicyDocument {
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
    PolicyDocument::parse_stored(&text, PolicyType::VpcEndpoint).unwrap()
}

fn explained(statements: &str, context: &RequestContext<'_>) -> Explanation {
    let document = endpoint_policy(statements);
    let policies = Policies {
        vpc_endpoint: Some(&document),
        ..Policies::default()
    };
    with_request(ALICE, MODEL, context, |request| explain(&policies, request))
}

/// The reason why the only statement, an Allow with this condition, does not apply.
#[track_caller]
fn check_reason(condition: &str, context: &[(&'static str, &[&'static str])], expected: &str) {
    let statement = format!(
        r#"{{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition": {condition}}}"#
    );
    let mut request_context = RequestContext::new();
    for (key, values) in context {
        request_context.insert_all(*key, values.iter().copied());
    }
    let explanation = explained(&statement, &request_context);
    let mismatch = explanation.statements[0]
        .mismatch
        .as_ref()
        .expect("the condition is false");
    assert_eq!(mismatch.clause, Clause::Condition);
    assert_eq!(mismatch.reason, expected);
}

#[test]
fn a_condition_says_why_it_is_false() {
    check_reason(
        r#"{"StringEquals": {"aws:PrincipalTag/team": "vision"}}"#,
        &[],
        "aws:PrincipalTag/team is absent",
    );
    check_reason(
        r#"{"StringEquals": {"aws:SourceVpce": ["vpce-0a1b2c3d", "vpce-11111111"]}}"#,
        &[("aws:SourceVpce", &["vpce-22222222"])],
        "aws:SourceVpce is vpce-22222222; StringEquals needs vpce-0a1b2c3d or vpce-11111111",
    );
    check_reason(
        r#"{"StringNotLike": {"aws:username": "al*"}}"#,
        &[("aws:username", &["alice"])],
        "aws:username is alice; StringNotLike excludes al*",
    );
    check_reason(
        r#"{"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}"#,
        &[("aws:ResourceTag/team", &["a"])],
        "aws:ResourceTag/team is a, and aws:PrincipalTag/team has no value to compare it with",
    );
    check_reason(
        r#"{"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}"#,
        &[
            ("aws:ResourceTag/team", &["a"]),
            ("aws:PrincipalTag/team", &["b"]),
        ],
        "aws:ResourceTag/team is a; StringEquals needs b",
    );
    check_reason(
        r#"{"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b", "c", "d", "e"]}}"#,
        &[("aws:TagKeys", &["a", "z"])],
        "aws:TagKeys has z; ForAllValues:StringEquals needs a, b, c or 2 more",
    );
    check_reason(
        r#"{"Null": {"aws:TokenIssueTime": "true"}}"#,
        &[("aws:TokenIssueTime", &["2026-01-01T00:00:00Z"])],
        "aws:TokenIssueTime is present: 2026-01-01T00:00:00Z",
    );
    check_reason(
        r#"{"Null": {"aws:TokenIssueTime": "false"}}"#,
        &[],
        "aws:TokenIssueTime is absent",
    );
    check_reason(
        r#"{"StringEquals": {"aws:TagKeys": "a"}}"#,
        &[("aws:TagKeys", &["a"])],
        "aws:TagKeys may have several values, and StringEquals without a set operator matches none of them",
    );
}

#[test]
fn the_near_miss_is_the_statement_with_the_fewest_faults() {
    let explanation = explained(
        r#"{"Effect": "Allow", "Principal": "*", "Action": "lookoutvision:List*", "Resource": "*"},
           {"Sid": "OtherRegion", "Effect": "Allow", "Principal": "*", "Action": "lookoutvision:*",
            "Resource": "arn:aws:lookoutvision:us-east-1:123456789012:model/*"},
           {"Sid": "OtherModel", "Effect": "Allow", "Principal": "*", "Action": "lookoutvision:*",
            "Resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/myModel"}"#,
        &RequestContext::new(),
    );
    assert_eq!(
        explanation.summary(),
        "implicit deny: no VPC endpoint policy allows lookoutvision:DetectAnomalies; \
         nearest is statement 2 of VPC endpoint policy 0 (`OtherModel`): \
         the resource part `model/myProject/1` does not match `model/myProject/myModel`"
    );
    let reasons: Vec<&str> = explanation
        .statements
        .iter()
        .map(|s| s.mismatch.as_ref().unwrap().reason.as_str())
        .collect();
    assert_eq!(
        reasons,
        [
            "lookoutvision:DetectAnomalies is not lookoutvision:List*",
            "the region part `us-west-2` does not match `us-east-1`",
            "the resource part `model/myProject/1` does not match `model/myProject/myModel`",
        ]
    );
}

#[test]
fn the_near_miss_of_a_perimeter_names_every_key_that_is_absent() {
    // Data perimeter policy examples of aws-samples, the default endpoint policy; its statements in another order.
    let service = r#"{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*",
        "Condition": {"Bool": {"aws:PrincipalIsAWSService": "true"}}}"#;
    let organization = r#"{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition":
        {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5", "aws:ResourceOrgID": "o-a1b2c3d4e5"}}}"#;
    let mut context = RequestContext::new();
    context.insert("aws:PrincipalIsAWSService", "false");
    for (statements, index) in [
        (format!("{organization}, {service}"), 0),
        (format!("{service}, {organization}"), 1),
    ] {
        let near_miss = explained(&statements, &context).near_miss.unwrap();
        assert_eq!(near_miss.statement.statement, index);
        assert_eq!(
            near_miss.reason,
            "aws:PrincipalOrgID and aws:ResourceOrgID are absent"
        );
    }
    // A key that is present but does not match is reported as before.
    context.insert("aws:PrincipalOrgID", "o-zzzzzzzzzz");
    let near_miss = explained(organization, &context).near_miss.unwrap();
    assert_eq!(
        near_miss.reason,
        "aws:PrincipalOrgID is o-zzzzzzzzzz; StringEquals needs o-a1b2c3d4e5"
    );
}

#[test]
fn the_json_of_an_explanation_is_stable() {
    let explanation = explained(
        r#"{"Sid": "Team", "Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "lookoutvision:*",
            "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/team": "vision"}}},
           {"Effect": "Deny", "Principal": "*", "NotAction": "lookoutvision:*", "Resource": "*"}"#,
        &RequestContext::new(),
    );
    let expected = serde_json::json!({
        "decision": "implicitDeny",
        "decided_by": null,
        "layer": "vpc-endpoint",
        "statements": [
            {
                "policy_type": "vpc-endpoint", "policy": 0, "statement": 0, "sid": "Team", "effect": "Allow",
                "matched": false, "principal": true, "action": true, "resource": true,
                "conditions": [{
                    "operator": "StringEquals", "key": "aws:PrincipalTag/team", "matched": false,
                    "reason": "aws:PrincipalTag/team is absent",
                }],
                "mismatch": {
                    "clause": "condition", "reason": "aws:PrincipalTag/team is absent",
                    "value": null, "pattern": "vision",
                    "patterns": [{
                        "path": "/Statement/0/Condition/StringEquals/aws:PrincipalTag~1team", "line": 2, "column": 86,
                        "pattern": "vision",
                    }],
                },
            },
            {
                "policy_type": "vpc-endpoint", "policy": 0, "statement": 1, "sid": null, "effect": "Deny",
                "matched": false, "principal": true, "action": false, "resource": true, "conditions": [],
                "mismatch": {
                    "clause": "action",
                    "reason": "NotAction lookoutvision:* excepts lookoutvision:DetectAnomalies",
                    "value": "lookoutvision:DetectAnomalies", "pattern": "lookoutvision:*",
                    "patterns": [{
                        "path": "/Statement/1/NotAction", "line": 3, "column": 62, "pattern": "lookoutvision:*",
                    }],
                },
            },
        ],
        "near_miss": {
            "policy_type": "vpc-endpoint", "policy": 0, "statement": 0, "sid": "Team",
            "reason": "aws:PrincipalTag/team is absent",
        },
        "notes": [],
    });
    assert_eq!(serde_json::to_value(&explanation).unwrap(), expected);
}

#[test]
fn an_allowed_request_names_the_endpoint_statement() {
    let explanation = explained(
        r#"{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"},
           {"Sid": "All", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}"#,
        &RequestContext::new(),
    );
    assert_eq!(
        explanation.summary(),
        "allowed by statement 1 of VPC endpoint policy 0 (`All`)"
    );
    assert_eq!(explanation.near_miss, None);
}

#[test]
fn notes_tell_what_a_reader_may_not_know() {
    let mut context = RequestContext::new();
    context.insert("aws:SourceVpce", "vpce-0a1b2c3d");
    let explanation = explained(
        r#"{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*",
            "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}"#,
        &context,
    );
    assert_eq!(
        explanation.notes,
        ["aws:SourceIp is absent over a VPC endpoint; aws:VpcSourceIp is there"]
    );

    let document = endpoint_policy(
        r#"{"Effect": "Allow", "Principal": "*", "Action": "*",
            "Resource": "arn:aws:lookoutvision:*:*:model/*"}"#,
    );
    let policies = Policies {
        vpc_endpoint: Some(&document),
        ..Policies::default()
    };
    let explanation = with_request(ALICE, "*", &RequestContext::new(), |request| {
        explain(&policies, request)
    });
    assert_eq!(
        explanation.notes,
        ["lookoutvision:ListModels has no resource type; only `\"Resource\": \"*\"` covers it"]
    );
}

// The messages of the IAM User Guide, Troubleshoot access denied error messages.

fn document(policy_type: PolicyType, effect: &str, action: &str) -> PolicyDocument {
    let principal = if policy_type.has_principal() {
        r#""Principal": "*","#
    } else {
        ""
    };
    let resource = if policy_type == PolicyType::RoleTrust {
        ""
    } else {
        r#","Resource": "*""#
    };
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": [
            {{"Effect": "Allow", {principal} "Action": "{action}" {resource}}},
            {{"Effect": "{effect}", {principal} "Action": "lookoutvision:DetectAnomalies" {resource}}}]}}"#
    );
    // As stored: today's checks refuse a resource control policy that allows less than everything.
    PolicyDocument::parse_stored(&text, policy_type).unwrap()
}

#[track_caller]
fn check_message(policies: &Policies<'_>, principal: &str, decision: Decision, layer: Layer, why: &str) {
    let context = RequestContext::new();
    let (evaluation, message) = with_request(principal, MODEL, &context, |request| {
        let evaluation = evaluate(policies, request);
        let message = evaluation.denial_message(principal, request.action, request.resource);
        (evaluation, message)
    });
    assert_eq!((evaluation.decision, evaluation.layer), (decision, Some(layer)));
    let expected = format!(
        "User: {principal} is not authorized to perform: lookoutvision:DetectAnomalies on resource: {MODEL} {why}"
    );
    assert_eq!(message.as_deref(), Some(expected.as_str()));
}

#[test]
fn every_layer_has_its_sentence() {
    use PolicyType::{
        Identity, PermissionsBoundary, ResourceControl, RoleTrust, ServiceControl, Session, VpcEndpoint,
    };

    let deny = |policy_type| document(policy_type, "Deny", "*");
    let silent = |policy_type| {
        let text = document(policy_type, "Deny", "s3:*")
            .text()
            .replace("lookoutvision:DetectAnomalies", "s3:PutObject");
        PolicyDocument::parse(&text, policy_type).unwrap()
    };
    let none = Policies::default();

    let documents = [deny(VpcEndpoint), silent(VpcEndpoint)];
    check_message(
        &Policies {
            vpc_endpoint: Some(&documents[0]),
            ..none
        },
        ALICE,
        Decision::ExplicitDeny,
        Layer::VpcEndpoint,
        "with an explicit deny in a VPC endpoint policy",
    );
    check_message(
        &Policies {
            vpc_endpoint: Some(&documents[1]),
            ..none
        },
        SESSION,
        Decision::ImplicitDeny,
        Layer::VpcEndpoint,
        "because no VPC endpoint policy allows the lookoutvision:DetectAnomalies action",
    );
    check_message(
        &Policies {
            identity: Some(&[deny(Identity)]),
            ..none
        },
        ALICE,
        Decision::ExplicitDeny,
        Layer::Identity,
        "with an explicit deny in an identity-based policy",
    );
    check_message(
        &Policies {
            identity: Some(&[]),
            ..none
        },
        ALICE,
        Decision::ImplicitDeny,
        Layer::Identity,
        "because no identity-based policy allows the lookoutvision:DetectAnomalies action",
    );
    check_message(
        &Policies {
            permissions_boundary: &[deny(PermissionsBoundary)],
            ..none
        },
        ALICE,
        Decision::ExplicitDeny,
        Layer::PermissionsBoundary,
        "with an explicit deny in a permissions boundary",
    );
    check_message(
        &Policies {
            permissions_boundary: &[silent(PermissionsBoundary)],
            ..none
        },
        ALICE,
        Decision::ImplicitDeny,
        Layer::PermissionsBoundary,
        "because no permissions boundary allows the lookoutvision:DetectAnomalies action",
    );
    check_message(
        &Policies {
            session: &[deny(Session)],
            ..none
        },
        SESSION,
        Decision::ExplicitDeny,
        Layer::Session,
        "with an explicit deny in a session policy",
    );
    check_message(
        &Policies {
            session: &[silent(Session)],
            ..none
        },
        SESSION,
        Decision::ImplicitDeny,
        Layer::Session,
        "because no session policy allows the lookoutvision:DetectAnomalies action",
    );
    check_message(
        &Policies {
            service_control: &[vec![deny(ServiceControl)]],
            ..none
        },
        ALICE,
        Decision::ExplicitDeny,
        Layer::ServiceControl,
        "with an explicit deny in a service control policy",
    );
    check_message(
        &Policies {
            service_control: &[vec![silent(ServiceControl)]],
            ..none
        },
        ALICE,
        Decision::ImplicitDeny,
        Layer::ServiceControl,
        "because no service control policy allows the lookoutvision:DetectAnomalies action",
    );
    check_message(
        &Policies {
            resource_control: &[vec![deny(ResourceControl)]],
            ..none
        },
        ALICE,
        Decision::ExplicitDeny,
        Layer::ResourceControl,
        "with an explicit deny in a resource control policy",
    );
    check_message(
        &none,
        "arn:aws:iam::210987654321:user/eve",
        Decision::ImplicitDeny,
        Layer::ResourceBased,
        "because no resource-based policy allows the lookoutvision:DetectAnomalies action",
    );
    let documents = [deny(RoleTrust), silent(RoleTrust)];
    check_message(
        &Policies {
            role_trust: Some(&documents[0]),
            ..none
        },
        ALICE,
        Decision::ExplicitDeny,
        Layer::RoleTrust,
        "with an explicit deny in the role trust policy",
    );
    check_message(
        &Policies {
            role_trust: Some(&documents[1]),
            ..none
        },
        ALICE,
        Decision::ImplicitDeny,
        Layer::RoleTrust,
        "because no role trust policy allows the lookoutvision:DetectAnomalies action",
    );
}

#[test]
fn an_explicit_deny_is_named_before_an_implicit_one_and_layers_in_their_order() {
    let endpoint = document(PolicyType::VpcEndpoint, "Deny", "*");
    let silent_endpoint = PolicyDocument::parse(
        r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}}"#,
        PolicyType::VpcEndpoint,
    )
    .unwrap();
    let identity = [document(PolicyType::Identity, "Deny", "*")];
    let layer = |policies: Policies<'_>| {
        with_request(ALICE, MODEL, &RequestContext::new(), |request| {
            evaluate(&policies, request).layer
        })
    };
    let none = Policies::default();
    let both_explicit = Policies {
        vpc_endpoint: Some(&endpoint),
        identity: Some(&identity),
        ..none
    };
    assert_eq!(layer(both_explicit), Some(Layer::VpcEndpoint));
    let explicit_behind_implicit = Policies {
        vpc_endpoint: Some(&silent_endpoint),
        identity: Some(&identity),
        ..none
    };
    assert_eq!(layer(explicit_behind_implicit), Some(Layer::Identity));
    let both_implicit = Policies {
        vpc_endpoint: Some(&silent_endpoint),
        identity: Some(&[]),
        ..none
    };
    assert_eq!(layer(both_implicit), Some(Layer::VpcEndpoint));
}

#[test]
fn an_action_without_resource_leaves_the_resource_out_of_the_sentence() {
    let policies = Policies {
        identity: Some(&[]),
        ..Policies::default()
    };
    let message = with_request(ALICE, "*", &RequestContext::new(), |request| {
        evaluate(&policies, request).denial_message(ALICE, request.action, request.resource)
    });
    assert_eq!(
        message.unwrap(),
        "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: lookoutvision:ListModels \
         because no identity-based policy allows the lookoutvision:ListModels action"
    );
}

// Callers with rules of their own.

fn decide(policies: &Policies<'_>, principal: &str) -> Evaluation {
    with_request(principal, MODEL, &RequestContext::new(), |request| {
        evaluate(policies, request)
    })
}

#[test]
fn the_root_user_needs_no_identity_policy_but_is_bound_by_service_control_policies() {
    let root = "arn:aws:iam::123456789012:root";
    let none = Policies {
        identity: Some(&[]),
        ..Policies::default()
    };
    assert_eq!(decide(&none, root).decision, Decision::Allowed);
    let scp = [vec![document(PolicyType::ServiceControl, "Deny", "*")]];
    let bound = Policies {
        service_control: &scp,
        ..none
    };
    assert_eq!(decide(&bound, root).decision, Decision::ExplicitDeny);
    assert_eq!(
        decide(&none, "arn:aws:iam::210987654321:root").layer,
        Some(Layer::ResourceBased)
    );
}

#[test]
fn a_federated_user_without_session_policies_has_no_permissions() {
    let federated = "arn:aws:sts::123456789012:federated-user/bob";
    let identity = [document(PolicyType::Identity, "Allow", "*")];
    let session = [document(PolicyType::Session, "Allow", "*")];
    let without = Policies {
        identity: Some(&identity),
        ..Policies::default()
    };
    assert_eq!(decide(&without, federated).layer, Some(Layer::Session));
    let with = Policies {
        session: &session,
        ..without
    };
    assert_eq!(decide(&with, federated).decision, Decision::Allowed);
    assert_eq!(
        decide(&Policies::default(), federated).decision,
        Decision::Allowed
    );
}

#[test]
fn resource_account_overrides_the_arn() {
    let context = RequestContext::new();
    let evaluation = with_request(ALICE, MODEL, &context, |request| {
        evaluate(
            &Policies::default(),
            &Request {
                resource_account: Some("210987654321"),
                ..*request
            },
        )
    });
    assert_eq!(evaluation.layer, Some(Layer::ResourceBased));
}

#[test]
fn a_trust_policy_lets_another_account_in() {
    let trust = document(PolicyType::RoleTrust, "Allow", "*");
    let policies = Policies {
        role_trust: Some(&trust),
        ..Policies::default()
    };
    let evaluation = decide(&policies, "arn:aws:iam::210987654321:user/eve");
    assert_eq!(evaluation.decision, Decision::Allowed);
}

/// The patterns that kept the only statement from applying, with their paths.
#[track_caller]
fn check_patterns(statement: &str, context: &[(&'static str, &'static str)], expected: &[(&str, &str)]) {
    let mut request_context = RequestContext::new();
    for (key, value) in context {
        request_context.insert(*key, *value);
    }
    let explanation = explained(statement, &request_context);
    let mismatch = explanation.statements[0]
        .mismatch
        .as_ref()
        .expect("it does not match");
    let found: Vec<_> = mismatch
        .patterns
        .iter()
        .map(|failed| (failed.place.path.as_str(), failed.pattern.as_str()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn every_pattern_that_was_tried_and_failed_is_told_with_its_place() {
    let rest = r#""Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*""#;
    check_patterns(
        r#"{"Effect": "Allow", "Principal": {"AWS": ["210987654321", "arn:aws:iam::123456789012:user/bob"], "Service": "x.amazonaws.com"},
            "Action": "*", "Resource": "*"}"#,
        &[],
        &[
            ("/Statement/0/Principal/AWS/0", "210987654321"),
            (
                "/Statement/0/Principal/AWS/1",
                "arn:aws:iam::123456789012:user/bob",
            ),
            ("/Statement/0/Principal/Service", "x.amazonaws.com"),
        ],
    );
    check_patterns(
        r#"{"Effect": "Deny", "NotPrincipal": {"AWS": ["210987654321", "123456789012"]}, "Action": "*", "Resource": "*"}"#,
        &[],
        &[("/Statement/0/NotPrincipal/AWS/1", "123456789012")],
    );
    check_patterns(
        r#"{"Effect": "Allow", "Principal": "*", "Action": ["s3:*", "lookoutvision:List*"], "Resource": "*"}"#,
        &[],
        &[
            ("/Statement/0/Action/0", "s3:*"),
            ("/Statement/0/Action/1", "lookoutvision:List*"),
        ],
    );
    check_patterns(
        r#"{"Effect": "Allow", "Principal": "*", "Action": "*", "NotResource": ["arn:aws:s3:::a", "arn:aws:lookoutvision:*:*:model/*"]}"#,
        &[],
        &[("/Statement/0/NotResource/1", "arn:aws:lookoutvision:*:*:model/*")],
    );
    // The first condition that is false; for a negated one, the values that it excludes.
    check_patterns(
        &format!(
            r#"{{{rest}, "Condition": {{"Bool": {{"aws:SecureTransport": "true"}}, "StringNotEquals": {{"aws:username": ["bob", "alice"]}}}}}}"#
        ),
        &[("aws:SecureTransport", "true"), ("aws:username", "alice")],
        &[("/Statement/0/Condition/StringNotEquals/aws:username/1", "alice")],
    );
    check_patterns(
        &format!(r#"{{{rest}, "Condition": {{"StringEquals": {{"aws:username": ["bob", "carol"]}}}}}}"#),
        &[],
        &[
            ("/Statement/0/Condition/StringEquals/aws:username/0", "bob"),
            ("/Statement/0/Condition/StringEquals/aws:username/1", "carol"),
        ],
    );
}
