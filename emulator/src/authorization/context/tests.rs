//! Compares the keys that each kind of request has with the table that the lint uses.

use std::{collections::BTreeSet, sync::Arc};

use lookoutvision::{
    request::{Received, Request},
    store::State,
};

use super::*;
use crate::{
    authorization::Authorizable,
    clock::Reading,
    config::Config,
    identity::Principal,
    network::{entry_point::Scope, host_name::EmulatedService},
    request::{Connection, TlsSession, body::BodyBudget},
    runtime::Snapshot,
    services::{
        lookoutvision::call::Call,
        vocabulary::{ALWAYS_SET_KEYS, SET_KEYS},
    },
};

const CONFIG: &str = "
principals:
  - arn: arn:aws:iam::123456789012:user/alice
    tags: {team: vision}
    access_keys: [{access_key_id: test, secret_access_key: test}]
  - arn: arn:aws:sts::123456789012:assumed-role/Inspector/line7
    access_keys: [{access_key_id: ASIAEXAMPLE, secret_access_key: test, session_token: test}]
organization: {id: o-exampleorgid}
projects:
  - {name: myProject, models: [{version: '1', tags: {stage: production}}]}
";

fn snapshot() -> Arc<Snapshot> {
    let config = Config::embedded(Some(CONFIG), None).unwrap_or_else(|problems| panic!("{problems}"));
    Arc::new(Snapshot::untouched(config.settings, Timestamp::UNIX_EPOCH))
}

/// A request by one of the principals, with its caller, entry point and invocation
fn asked(
    snapshot: &Arc<Snapshot>,
    access_key_id: &str,
    is_public: bool,
    method: &str,
    target: &str,
    body: &str,
) -> (ReceivedRequest, Caller, EntryPoint, Call) {
    let (principal, key) = snapshot
        .access_key(access_key_id)
        .expect("the principal is configured");
    let mut principal = principal.clone();
    if key.credentials == Credentials::Temporary {
        // As AssumeRole would have made it.
        principal = Arc::new(Principal {
            issued_at: Some(Timestamp::UNIX_EPOCH),
            source_identity: Some("alice".into()),
            ..principal_again(&principal)
        });
    }
    let caller = Caller {
        principal,
        credentials: key.credentials,
    };
    let request = http::Request::builder()
        .method(method)
        .uri(target)
        .header("user-agent", "aws-cli/1.42.50")
        .header("referer", "https://example.com/")
        .body(())
        .expect("the request is well-formed");
    let tls = TlsSession {
        version: "TLSv1.3",
        sni: None,
        alpn: None,
    };
    let connection = Connection::new(
        ([127, 0, 0, 1], 8443).into(),
        ([127, 0, 0, 1], 50_000).into(),
        tls,
        BodyBudget::of_aws_api(&snapshot.settings.limits).client([127, 0, 0, 1].into()),
    );
    let connection = Arc::new(connection);
    let received = ReceivedRequest::new(
        request.into_parts().0,
        connection,
        Reading {
            lap: 0,
            time: Timestamp::UNIX_EPOCH,
        },
    );
    let region = "us-west-2".parse().expect("it is a Region");
    let state = State::default();
    let view = state.view(&snapshot.declared, &region, Timestamp::UNIX_EPOCH);
    let call = Received {
        method,
        target,
        header: &|_| None,
        body: &body.as_bytes().to_vec().into(),
        body_sha256: None,
    };
    let invocation = Call {
        request: Box::new(Request::read(call, &view).expect("it is called")),
        snapshot: snapshot.clone(),
    };
    let entry_point = if is_public {
        EntryPoint::Public
    } else {
        let scope = Scope {
            service: EmulatedService::LookoutVision,
            region: &region,
        };
        let led = snapshot.endpoints.by_scope(scope, received.arrival());
        led.expect("the default endpoint stands in every Region")
    };
    assert_eq!(entry_point.vpc_endpoint().is_none(), is_public);
    (received, caller, entry_point, invocation)
}

/// The condition keys of such a request; those of tags end with the slash
fn keys(
    snapshot: &Arc<Snapshot>,
    access_key_id: &str,
    is_public: bool,
    method: &str,
    target: &str,
    body: &str,
) -> Vec<String> {
    let (received, caller, entry_point, invocation) =
        asked(snapshot, access_key_id, is_public, method, target, body);
    let request = invocation.authorization_request();
    let facts = Facts::of(&received);
    let context = facts.context(
        &snapshot.settings,
        &caller,
        &entry_point,
        request.region(),
        request.pair(0),
    );
    let without_tag = |key: &str| match key.split_once('/') {
        Some((stem, _)) => format!("{stem}/"),
        None => key.to_owned(),
    };
    context.iter().map(|(key, _)| without_tag(key)).collect()
}

/// The same principal without its access keys and policies
fn principal_again(principal: &Principal) -> Principal {
    Principal {
        identity: principal.identity.clone(),
        policy_arn: principal.policy_arn.clone(),
        user_id: principal.user_id.clone(),
        tags: principal.tags.clone(),
        access_keys: Vec::new(),
        identity_policies: None,
        permissions_boundary: Vec::new(),
        session_policies: Vec::new(),
        issued_at: None,
        source_identity: None,
        transitive_tag_keys: Vec::new(),
    }
}

#[test]
fn the_keys_that_are_set_are_those_that_the_lint_takes_for_set() {
    let snapshot = snapshot();
    let detect = "/2020-11-20/projects/myProject/models/1/detect";
    let create_model = "/2020-11-20/projects/myProject/models";
    let tags = r#"{"Tags": [{"Key": "team", "Value": "vision"}]}"#;
    let requests = [
        keys(&snapshot, "test", false, "POST", detect, ""),
        keys(&snapshot, "test", true, "POST", create_model, tags),
        keys(&snapshot, "ASIAEXAMPLE", false, "GET", create_model, ""),
    ];
    for keys in &requests {
        assert!(
            ALWAYS_SET_KEYS
                .iter()
                .all(|key| keys.iter().any(|set| set == key))
        );
    }
    let set: BTreeSet<String> = requests.into_iter().flatten().collect();
    let known: BTreeSet<String> = SET_KEYS.iter().map(|key| (*key).to_owned()).collect();
    assert_eq!(set, known);
}

#[test]
fn a_model_that_is_being_made_has_no_tags_and_a_list_no_owner() {
    let snapshot = snapshot();
    let models = "/2020-11-20/projects/myProject/models";
    let has = |method: &str, key: &str| {
        keys(&snapshot, "test", false, method, models, "{}").contains(&key.to_owned())
    };
    assert!(!has("POST", "aws:ResourceTag/") && has("POST", "aws:ResourceAccount"));
    assert!(!has("GET", "aws:ResourceAccount"));
    let detect = "/2020-11-20/projects/myProject/models/1/detect";
    assert!(keys(&snapshot, "test", false, "POST", detect, "").contains(&"aws:ResourceTag/".to_owned()));
}

#[test]
fn what_the_journal_keeps_of_a_decision_keeps_no_snapshot() {
    let snapshot = snapshot();
    let (received, caller, entry_point, invocation) =
        asked(&snapshot, "test", false, "GET", "/2020-11-20/projects", "");
    let (kept, permit) = crate::authorization::authorize(
        &snapshot.settings,
        &received,
        caller,
        entry_point,
        invocation,
        None,
    );
    drop(permit);
    assert_eq!(Arc::strong_count(&snapshot), 1);
    // All the same it can be explained.
    drop(snapshot);
    assert!(kept.explain().summary().starts_with("allowed by statement 0"));
}
