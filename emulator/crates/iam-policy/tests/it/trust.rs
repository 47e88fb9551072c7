//! Who may assume a role: the trust policy, and which of the caller's own policies it replaces.

use iam_policy::{
    Decision, Layer, Policies, PolicyDocument, PolicyType, Request, RequestContext, evaluate, explain,
};

const ALICE: &str = "arn:aws:iam::123456789012:user/alice";
const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/inspector/line-7";
const FEDERATED: &str = "arn:aws:sts::123456789012:federated-user/alice";
const FOREIGNER: &str = "arn:aws:iam::210987654321:user/eve";
const ROLE: &str = "arn:aws:iam::123456789012:role/auditor";

fn document(policy_type: PolicyType, statement: &str) -> PolicyDocument {
    PolicyDocument::parse(&format!(r#"{{"Statement": [{statement}]}}"#), policy_type).unwrap()
}

/// Trust in `entries`, a text or a list of texts
fn trust(entries: &str) -> PolicyDocument {
    let statement = format!(r#"{{"Effect": "Allow", "Principal": {{"AWS": {entries}}}, "Action": "sts:*"}}"#);
    document(PolicyType::RoleTrust, &statement)
}

fn own(policy_type: PolicyType, effect: &str, action: &str) -> PolicyDocument {
    let statement = format!(r#"{{"Effect": "{effect}", "Action": "{action}", "Resource": "*"}}"#);
    document(policy_type, &statement)
}

#[track_caller]
fn decide(policies: &Policies<'_>, caller: &str, action: &str) -> (Decision, Option<Layer>) {
    let (principal, action, resource) = (
        caller.parse().unwrap(),
        action.parse().unwrap(),
        ROLE.parse().unwrap(),
    );
    let request = Request {
        principal: &principal,
        action: &action,
        resource: &resource,
        resource_account: None,
        context: &RequestContext::new(),
    };
    let evaluation = evaluate(policies, &request);
    assert_eq!(explain(policies, &request).evaluation, evaluation);
    (evaluation.decision, evaluation.layer)
}

/// Checks which layers deny a caller whose own policies allow nothing: `in_the_way` names them in order, as each
/// is made to allow in turn
#[track_caller]
fn check(entries: &str, caller: &str, in_the_way: &[Layer]) {
    let trust = trust(entries);
    let other = |policy_type| own(policy_type, "Allow", "s3:*");
    let allowing = |policy_type| own(policy_type, "Allow", "sts:*");
    let mut identity = [other(PolicyType::Identity)];
    let mut boundary = [other(PolicyType::PermissionsBoundary)];
    let mut session = [other(PolicyType::Session)];
    let mut found = Vec::new();
    loop {
        let policies = Policies {
            identity: Some(&identity),
            permissions_boundary: &boundary,
            session: &session,
            role_trust: Some(&trust),
            ..Policies::default()
        };
        let (decision, layer) = decide(&policies, caller, "sts:AssumeRole");
        let Some(layer) = layer else {
            assert_eq!(decision, Decision::Allowed);
            break;
        };
        assert_eq!(decision, Decision::ImplicitDeny);
        found.push(layer);
        match layer {
            Layer::Identity => identity = [allowing(PolicyType::Identity)],
            Layer::PermissionsBoundary => boundary = [allowing(PolicyType::PermissionsBoundary)],
            Layer::Session => session = [allowing(PolicyType::Session)],
            _ => break,
        }
    }
    assert_eq!(found, in_the_way, "trust in {entries}, called by {caller}");
}

const EVERYTHING: &[Layer] = &[Layer::Identity, Layer::PermissionsBoundary, Layer::Session];

#[test]
fn trust_in_the_caller_itself_needs_nothing_of_its_own_side() {
    // AWS STS API reference, AssumeRole, Permissions: add the user as a principal directly in the trust policy.
    check(&format!("\"{ALICE}\""), ALICE, &[]);
    // IAM User Guide, How AWS enforcement code logic evaluates requests: permissions granted directly to a session are
    // not limited by an implicit deny in an identity-based policy, a permissions boundary, or session policy.
    check(&format!("\"{SESSION}\""), SESSION, &[]);
    check(&format!("\"{FEDERATED}\""), FEDERATED, &[]);
    // The same guide, Principal, IAM role principals: a wildcard is not limited by them either.
    check("\"*\"", ALICE, &[]);
    check("\"*\"", SESSION, &[]);
    // The best of several entries counts.
    check(&format!("[\"123456789012\", \"{ALICE}\"]"), ALICE, &[]);
}

#[test]
fn trust_in_the_callers_role_leaves_boundary_and_session_policies_in_force() {
    let limits = &[Layer::PermissionsBoundary, Layer::Session];
    check("\"arn:aws:iam::123456789012:role/inspector\"", SESSION, limits);
    check(&format!("\"{ALICE}\""), FEDERATED, limits);
}

#[test]
fn trust_in_the_account_leaves_the_decision_to_the_callers_own_side() {
    // IAM User Guide, Principal, AWS account principals: the account may delegate what it was given.
    for account in ["\"arn:aws:iam::123456789012:root\"", "\"123456789012\""] {
        check(account, ALICE, EVERYTHING);
        check(account, SESSION, EVERYTHING);
    }
    let all_but_bob = document(
        PolicyType::RoleTrust,
        r#"{"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::123456789012:user/bob"}, "Action": "sts:*"}"#,
    );
    let policies = Policies {
        identity: Some(&[]),
        role_trust: Some(&all_but_bob),
        ..Policies::default()
    };
    let (decision, layer) = decide(&policies, ALICE, "sts:AssumeRole");
    assert_eq!((decision, layer), (Decision::ImplicitDeny, Some(Layer::Identity)));
}

#[test]
fn a_caller_of_another_account_needs_both_sides_however_it_is_trusted() {
    // IAM User Guide, Cross-account policy evaluation logic.
    for entries in [
        format!("\"{FOREIGNER}\""),
        "\"210987654321\"".to_owned(),
        "\"*\"".to_owned(),
    ] {
        check(&entries, FOREIGNER, EVERYTHING);
    }
}

#[test]
fn the_callers_own_side_does_not_replace_trust() {
    let trust = trust("\"arn:aws:iam::123456789012:user/bob\"");
    let identity = [own(PolicyType::Identity, "Allow", "*")];
    let policies = Policies {
        identity: Some(&identity),
        role_trust: Some(&trust),
        ..Policies::default()
    };
    let (decision, layer) = decide(&policies, ALICE, "sts:AssumeRole");
    assert_eq!(
        (decision, layer),
        (Decision::ImplicitDeny, Some(Layer::RoleTrust))
    );
}

#[test]
fn an_explicit_deny_wins_wherever_it_stands() {
    let trust = trust(&format!("\"{SESSION}\""));
    let (identity, boundary, session) = (
        [own(PolicyType::Identity, "Deny", "sts:*")],
        [own(PolicyType::PermissionsBoundary, "Deny", "sts:*")],
        [own(PolicyType::Session, "Deny", "sts:*")],
    );
    let none = Policies {
        identity: Some(&[]),
        role_trust: Some(&trust),
        ..Policies::default()
    };
    for (policies, expected) in [
        (
            Policies {
                identity: Some(&identity),
                ..none
            },
            Layer::Identity,
        ),
        (
            Policies {
                permissions_boundary: &boundary,
                ..none
            },
            Layer::PermissionsBoundary,
        ),
        (
            Policies {
                session: &session,
                ..none
            },
            Layer::Session,
        ),
    ] {
        let (decision, layer) = decide(&policies, SESSION, "sts:AssumeRole");
        assert_eq!((decision, layer), (Decision::ExplicitDeny, Some(expected)));
    }
}

#[test]
fn service_control_policies_bound_also_who_is_trusted_directly() {
    let trust = trust(&format!("\"{ALICE}\""));
    let level = [vec![own(PolicyType::ServiceControl, "Allow", "s3:*")]];
    let policies = Policies {
        service_control: &level,
        role_trust: Some(&trust),
        ..Policies::default()
    };
    let (decision, layer) = decide(&policies, ALICE, "sts:AssumeRole");
    assert_eq!(
        (decision, layer),
        (Decision::ImplicitDeny, Some(Layer::ServiceControl))
    );
}

#[test]
fn a_chained_session_needs_both_sides_to_set_a_source_identity_and_to_tag_the_next() {
    let trust = trust(&format!("[\"{SESSION}\", \"{ALICE}\"]"));
    let policies = Policies {
        identity: Some(&[]),
        role_trust: Some(&trust),
        ..Policies::default()
    };
    for (caller, action, expected) in [
        (ALICE, "sts:SetSourceIdentity", None),
        (ALICE, "sts:TagSession", None),
        (SESSION, "sts:AssumeRole", None),
        (SESSION, "sts:TagSession", Some(Layer::Identity)),
        (SESSION, "sts:SetSourceIdentity", Some(Layer::Identity)),
    ] {
        assert_eq!(decide(&policies, caller, action).1, expected, "{caller} {action}");
    }
}
