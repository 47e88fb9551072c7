//! Drafts of random journals: they allow what was allowed, deny what was denied, and have nothing that can be left out.

use std::{collections::BTreeSet, sync::Arc};

use fastrand::Rng;
use serde_json::{Value, json};

use super::*;
use crate::{
    config::Config,
    control::client_environment::region_of_clients,
    workbench::{RecordedCall, SavedEntry},
};

const ENDPOINT: &str = "vpce-0a1b2c3d4e5f67890";

const PRINCIPALS: [(&str, &str); 6] = [
    (
        "arn:aws:iam::123456789012:user/alice",
        "arn:aws:iam::123456789012:user/alice",
    ),
    (
        "arn:aws:iam::123456789012:user/ops/bob",
        "arn:aws:iam::123456789012:user/ops/bob",
    ),
    ("arn:aws:iam::123456789012:root", "arn:aws:iam::123456789012:root"),
    (
        "arn:aws:sts::123456789012:assumed-role/inspector/line-7",
        "arn:aws:iam::123456789012:role/factory/inspector",
    ),
    (
        "arn:aws:sts::123456789012:assumed-role/inspector/line-8",
        "arn:aws:iam::123456789012:role/factory/inspector",
    ),
    (
        "arn:aws:sts::123456789012:assumed-role/auditor/nightly",
        "arn:aws:iam::123456789012:role/auditor",
    ),
];

/// Everything that is called in the account, in one Region, by callers of whom only the ARN is known
fn scene() -> Arc<Scene> {
    let yaml = format!(
        "account_id: '123456789012'\nvpcs: [{{vpc_id: vpc-0a1b2c3d4e5f67890}}]\n\
         vpc_endpoints: [{{vpc_endpoint_id: {ENDPOINT}, vpc_id: vpc-0a1b2c3d4e5f67890}}]\nprojects: []\n"
    );
    let config = Config::embedded(Some(&yaml), None).unwrap_or_else(|problems| panic!("{problems}"));
    let now = jiff::Timestamp::UNIX_EPOCH;
    Arc::new(Scene::declared(config.settings, now, region_of_clients).with_any_caller())
}

/// An operation with something that it could be about
fn operation_and_resource(random: &mut Rng) -> (Operation, String) {
    let operation = random.choice(Operation::ALL).expect("there are operations");
    let project = *random
        .choice(&["alpha", "beta-2", "Gamma_x"])
        .expect("there are projects");
    let version = *random.choice(&["1", "2", "3"]).expect("there are versions");
    let resource = match operation.authorized_on() {
        lookoutvision::operation::AuthorizedOn::Everything => return (operation, "*".to_owned()),
        lookoutvision::operation::AuthorizedOn::ProjectInPath
        | lookoutvision::operation::AuthorizedOn::ProjectInBody => format!("project/{project}"),
        _ => format!("model/{project}/{version}"),
    };
    (
        operation,
        format!("arn:aws:lookoutvision:us-west-2:123456789012:{resource}"),
    )
}

fn entry(
    random: &mut Rng,
    (arn, role): (&str, &str),
    operation: Operation,
    resource: &str,
    is_allowed: bool,
) -> String {
    let decision = if is_allowed { "allowed" } else { "implicitDeny" };
    let action = format!("lookoutvision:{operation}");
    json!({
        "request_id": uuid::Uuid::from_u128(random.u128(..)),
        "time": "2026-01-02T03:04:05Z",
        "service": "lookoutvision",
        "principal": arn,
        "role_arn": (arn != role).then_some(role),
        "entry_point": {"kind": "vpc-endpoint", "vpc_endpoint_id": ENDPOINT, "vpc_id": "vpc-0a1b2c3d4e5f67890"},
        "source_ip": "127.0.0.1",
        "operation": operation.to_string(),
        "action": action,
        "resource": resource,
        "decision": decision,
        "decided_by": null,
        "pairs": [{"action": action, "resource": resource, "decision": decision}],
        "layers": [[{"layer": "vpc-endpoint", "decision": decision}]],
        "context": {"aws:RequestedRegion": ["us-west-2"], "aws:PrincipalArn": [role], "aws:SourceVpce": [ENDPOINT]},
    })
    .to_string()
}

/// Calls of which each has been allowed or denied, and no call both
fn journal(random: &mut Rng, scene: &Scene) -> Vec<RecordedCall> {
    let mut calls = Vec::new();
    let mut decided: Vec<((String, Operation, String), bool)> = Vec::new();
    for _ in 0..random.usize(1..16) {
        let (operation, resource) = operation_and_resource(random);
        let principal = *random.choice(&PRINCIPALS).expect("there are principals");
        let call = (principal.1.to_owned(), operation, resource.clone());
        let before = decided.iter().find(|(other, _)| *other == call);
        let is_allowed = before.map_or_else(|| random.bool(), |(_, is_allowed)| *is_allowed);
        decided.push((call, is_allowed));
        let line = entry(random, principal, operation, &resource, is_allowed);
        let read = SavedEntry::read(&line)
            .expect("it is an entry")
            .expect("a policy decided it");
        let call = read.into_call(scene).expect("the scene has the endpoint");
        calls.push(RecordedCall::Saved(Box::new(call)));
    }
    calls
}

fn options(resources: DraftResources, principals: DraftPrincipals) -> DraftOptions {
    DraftOptions {
        attached_to: AttachedTo::VpcEndpoint(ENDPOINT.parse().expect("it is an id")),
        principal: None,
        resources,
        principals,
        condition: DraftCondition::None,
    }
}

/// Whether a document still allows every call that was allowed
fn allows_all(document: &Value, calls: &[RecordedCall]) -> bool {
    let document =
        PolicyDocument::parse(&document.to_string(), PolicyType::VpcEndpoint).expect("AWS would take it");
    let changes = changes(&document);
    let mut allowed = calls.iter().filter(|call| call.decision().is_allowed());
    allowed
        .all(|call| call.decide(&changes, |verdict| verdict.evaluation().decision.is_allowed()) == Some(true))
}

/// Each document that has one statement, or one element of one, less
fn with_less(document: &Value) -> Vec<(String, Value)> {
    let statements = document["Statement"].as_array().expect("a list");
    let mut less = Vec::new();
    for (index, statement) in statements.iter().enumerate() {
        if statements.len() > 1 {
            let mut without = document.clone();
            without["Statement"].as_array_mut().expect("a list").remove(index);
            less.push((format!("/Statement/{index}"), without));
        }
        for pointer in ["/Action", "/Resource", "/Principal/AWS"] {
            let elements = statement
                .pointer(pointer)
                .and_then(Value::as_array)
                .map_or(0, Vec::len);
            for element in 0..elements {
                let path = format!("/Statement/{index}{pointer}");
                let mut without = document.clone();
                let list = without
                    .pointer_mut(&path)
                    .and_then(Value::as_array_mut)
                    .expect("a list");
                list.remove(element);
                less.push((format!("{path}/{element}"), without));
            }
        }
    }
    less
}

#[test]
fn drafts_of_1000_random_journals_are_exact_clean_and_as_small_as_can_be() {
    let scene = scene();
    let mut drafted = 0;
    for seed in 0..1_000 {
        let mut random = Rng::with_seed(seed);
        let calls = journal(&mut random, &scene);
        let resources = *random
            .choice(DraftResources::value_variants())
            .expect("there are some");
        let principals = *random
            .choice(DraftPrincipals::value_variants())
            .expect("there are some");
        let options = match seed % 2 {
            0 => options(DraftResources::Exact, DraftPrincipals::Exact),
            _ => options(resources, principals),
        };
        let report = match draft(&options, &calls, &scene, 0, 0) {
            Ok(report) => report,
            Err(NoDraft::NothingAllowed(_)) => {
                assert!(
                    !calls.iter().any(|call| call.decision().is_allowed()),
                    "seed {seed}"
                );
                continue;
            }
            Err(error) => panic!("seed {seed}: {error}"),
        };
        drafted += 1;
        let text = &report.policy_text;
        assert!(text.chars().count() <= ENDPOINT_POLICY_CHARACTERS_MAX);
        assert_eq!(report.allows, report.recorded_allowed, "seed {seed}: {text}");
        if seed % 2 == 0 {
            assert_eq!(report.denies, report.recorded_denied, "seed {seed}: {text}");
        }
        assert!(
            report.findings.is_empty(),
            "seed {seed}: {:?}\n{text}",
            report.findings
        );
        let document: Value = serde_json::from_str(text).expect("it is JSON");
        assert!(allows_all(&document, &calls));
        for (path, less) in with_less(&document) {
            assert!(
                !allows_all(&less, &calls),
                "seed {seed}: {path} can be left out of\n{text}"
            );
        }
        let statements = document["Statement"].as_array().expect("a list");
        let sids: BTreeSet<&str> = statements
            .iter()
            .filter_map(|statement| statement["Sid"].as_str())
            .collect();
        assert_eq!(sids.len(), statements.len(), "{text}");
    }
    assert!(drafted >= 800, "{drafted}");
}

#[test]
fn a_draft_that_would_be_too_long_names_things_less_exactly_and_says_which() {
    let scene = scene();
    let mut random = Rng::with_seed(0);
    let calls = |projects: usize| -> Vec<RecordedCall> {
        let numbers = 0..projects * 40;
        let call = |number: usize| {
            let resource = format!(
                "arn:aws:lookoutvision:us-west-2:123456789012:model/a-project-with-a-long-name-{}/{}",
                number / 40,
                number % 40
            );
            let line = entry(
                &mut random,
                PRINCIPALS[0],
                Operation::DetectAnomalies,
                &resource,
                true,
            );
            let read = SavedEntry::read(&line)
                .expect("it is an entry")
                .expect("a policy decided it");
            RecordedCall::Saved(Box::new(
                read.into_call(&scene).expect("the scene has the endpoint"),
            ))
        };
        numbers.map(call).collect()
    };
    let mut calls = calls;
    let exact = options(DraftResources::Exact, DraftPrincipals::Exact);
    for (projects, expected) in [
        (1, &[][..]),
        (10, &["resources: every model of a project"]),
        (300, &["resources: `*`"]),
    ] {
        let report = draft(&exact, &calls(projects), &scene, 0, 0).expect("there is something");
        assert_eq!(report.generalisations, expected, "{projects}");
        assert_eq!(report.allows, (projects * 40) as u64);
        assert!(report.policy_text.chars().count() <= ENDPOINT_POLICY_CHARACTERS_MAX);
    }
}

#[test]
fn characters_that_mean_something_in_a_pattern_stand_for_themselves() {
    let resource =
        |text: &str, exactness| cover::resource(&text.parse().expect("it is a resource"), exactness);
    let odd = "arn:aws:lookoutvision:us-west-2:123456789012:model/a*b?c${d}/1";
    assert_eq!(
        resource(odd, DraftResources::Exact),
        "arn:aws:lookoutvision:us-west-2:123456789012:model/a${*}b${?}c${$}{d}/1"
    );
    assert_eq!(resource(odd, DraftResources::Any), "*");
    assert_eq!(
        resource(
            "arn:aws:ec2:us-west-2:123456789012:vpc-endpoint/*",
            DraftResources::Project
        ),
        "arn:aws:ec2:us-west-2:123456789012:vpc-endpoint/*"
    );
}
