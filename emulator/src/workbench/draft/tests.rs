//! Drafts of random journals: they allow what was allowed, deny what was denied, and contain nothing that can be left
//! out.

use std::{collections::BTreeSet, sync::Arc};

use fastrand::Rng;
use lookoutvision::operation::Operation;
use serde_json::{Value, json};

use super::*;
use crate::{
    config::Config,
    control::client_environment::region_of_clients,
    workbench::{RecordedCall, SavedEntry},
};

const ENDPOINT: &str = "vpce-0a1b2c3d4e5f67890";

/// Endpoints with their networks
const ENDPOINTS: [(&str, &str); 3] = [
    (ENDPOINT, "vpc-0a1b2c3d4e5f67890"),
    ("vpce-0a1b2c3d4e5f67891", "vpc-0a1b2c3d4e5f67890"),
    ("vpce-0a1b2c3d4e5f67892", "vpc-0a1b2c3d4e5f67891"),
];

const PRINCIPALS: [(&str, &str); 7] = [
    (
        "arn:aws:iam::123456789012:user/alice",
        "arn:aws:iam::123456789012:user/alice",
    ),
    (
        "arn:aws:iam::123456789012:user/ops/bob",
        "arn:aws:iam::123456789012:user/ops/bob",
    ),
    // The entry of the user of the same name covers it.
    (
        "arn:aws:sts::123456789012:federated-user/alice",
        "arn:aws:sts::123456789012:federated-user/alice",
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

/// All operations in the account, in one Region, called by callers of whom only the ARN is known
fn scene() -> Arc<Scene> {
    let endpoints = ENDPOINTS.map(|(endpoint, vpc)| {
        format!("{{vpc_endpoint_id: {endpoint}, vpc_id: {vpc}, private_dns_enabled: false}}")
    });
    let yaml = format!(
        "account_id: '123456789012'\nvpcs: [{{vpc_id: vpc-0a1b2c3d4e5f67890}}, {{vpc_id: vpc-0a1b2c3d4e5f67891}}]\n\
         vpc_endpoints: [{}]\nprojects: []\n",
        endpoints.join(", ")
    );
    let config = Config::embedded(Some(&yaml), None).unwrap_or_else(|problems| panic!("{problems}"));
    let now = jiff::Timestamp::UNIX_EPOCH;
    Arc::new(Scene::declared(config.settings, now, region_of_clients).with_any_caller())
}

/// A resource that calls of an operation could be about
fn resource_of(operation: Operation, random: &mut Rng) -> String {
    let project = *random
        .choice(&["alpha", "beta-2", "Gamma_x"])
        .expect("there are projects");
    let version = *random.choice(&["1", "2", "3"]).expect("there are versions");
    let resource = match operation.authorized_on() {
        lookoutvision::operation::AuthorizedOn::Everything => return "*".to_owned(),
        lookoutvision::operation::AuthorizedOn::ProjectInPath
        | lookoutvision::operation::AuthorizedOn::ProjectInBody => format!("project/{project}"),
        _ => format!("model/{project}/{version}"),
    };
    format!("arn:aws:lookoutvision:us-west-2:123456789012:{resource}")
}

fn entry(
    random: &mut Rng,
    (arn, role): (&str, &str),
    (endpoint, vpc): (&str, &str),
    layer: &str,
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
        "entry_point": {"kind": "vpc-endpoint", "vpc_endpoint_id": endpoint, "vpc_id": vpc},
        "source_ip": "127.0.0.1",
        "operation": operation.to_string(),
        "action": action,
        "resource": resource,
        "decision": decision,
        "decided_by": null,
        "pairs": [{"action": action, "resource": resource, "decision": decision}],
        "layers": [[{"layer": layer, "decision": decision}]],
        "context": {"aws:RequestedRegion": ["us-west-2"], "aws:PrincipalArn": [role], "aws:SourceVpce": [endpoint], "aws:SourceVpc": [vpc]},
    })
    .to_string()
}

/// A call that was made: the caller, the endpoint, the operation and the resource
type Made = (String, &'static str, Operation, String);

/// Calls over several endpoints, each allowed or denied by this layer; the same call is not both allowed and denied
fn journal(random: &mut Rng, scene: &Scene, layer: &str) -> Vec<RecordedCall> {
    let mut calls = Vec::new();
    let mut decided: Vec<(Made, bool)> = Vec::new();
    for _ in 0..random.usize(1..24) {
        // Often the previous operation again, so that calls have something in common.
        let operation = match decided.last() {
            Some(((_, _, operation, _), _)) if random.bool() => *operation,
            _ => random.choice(Operation::ALL).expect("there are operations"),
        };
        let resource = resource_of(operation, random);
        let principal = *random.choice(&PRINCIPALS).expect("there are principals");
        let endpoint = *random.choice(&ENDPOINTS).expect("there are endpoints");
        let call = (principal.1.to_owned(), endpoint.0, operation, resource.clone());
        let before = decided.iter().find(|(other, _)| *other == call);
        let is_allowed = before.map_or_else(|| random.bool(), |(_, is_allowed)| *is_allowed);
        decided.push((call, is_allowed));
        let line = entry(
            random, principal, endpoint, layer, operation, &resource, is_allowed,
        );
        calls.push(recorded(&line, scene));
    }
    calls
}

fn recorded(line: &str, scene: &Scene) -> RecordedCall {
    let read = SavedEntry::read(line)
        .expect("it is an entry")
        .expect("a policy decided it");
    RecordedCall::Saved(Box::new(
        read.into_call(scene).expect("the scene has the endpoint"),
    ))
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

/// Random options
fn random_options(random: &mut Rng) -> DraftOptions {
    let resources = *random
        .choice(DraftResources::value_variants())
        .expect("there are some");
    let principals = *random
        .choice(DraftPrincipals::value_variants())
        .expect("there are some");
    let of_endpoint = options(resources, principals);
    if random.bool() {
        return of_endpoint;
    }
    let mut users_and_roles = PRINCIPALS.to_vec();
    users_and_roles.retain(|(arn, _)| !arn.ends_with(":root") && !arn.contains(":federated-user/"));
    let principal = random.choice(&users_and_roles).expect("there are some");
    DraftOptions {
        attached_to: AttachedTo::Principal,
        principal: Some(principal.1.to_owned()),
        condition: *random
            .choice(DraftCondition::value_variants())
            .expect("there are some"),
        ..of_endpoint
    }
}

/// Whether the allowed calls have everything in common with a call, as exactly as the options name things
fn is_covered(options: &DraftOptions, calls: &[RecordedCall], call: &RecordedCall) -> bool {
    let about = calls.iter().filter(|other| options.is_about(other));
    let allowed = about.filter(|other| other.decision().is_allowed());
    let allowed: BTreeSet<Fact> = allowed.flat_map(|other| options.facts(other)).collect();
    options.facts(call).iter().all(|fact| allowed.contains(fact))
}

/// Whether a document still allows every allowed call that the options are about
fn allows_all(document: &Value, options: &DraftOptions, calls: &[RecordedCall]) -> bool {
    let document = PolicyDocument::parse(&document.to_string(), options.policy_type());
    let changes = changes(&document.expect("AWS would take it"));
    let about = calls.iter().filter(|call| options.is_about(call));
    let mut allowed = about.filter(|call| call.decision().is_allowed());
    allowed
        .all(|call| call.decide(&changes, |verdict| verdict.evaluation().decision.is_allowed()) == Some(true))
}

/// Each document with one statement, or one element of a statement, less
fn with_less(document: &Value) -> Vec<(String, Value)> {
    let statements = document["Statement"].as_array().expect("a list");
    let mut less = Vec::new();
    for (index, statement) in statements.iter().enumerate() {
        if statements.len() > 1 {
            let mut without = document.clone();
            without["Statement"].as_array_mut().expect("a list").remove(index);
            less.push((format!("/Statement/{index}"), without));
        }
        for pointer in [
            "/Action",
            "/Resource",
            "/Principal/AWS",
            "/Condition/StringEquals/aws:SourceVpce",
            "/Condition/StringEquals/aws:SourceVpc",
        ] {
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
    let (mut drafted, mut opened) = (0, 0);
    for seed in 0..1_000 {
        let mut random = Rng::with_seed(seed);
        let options = match seed % 2 {
            0 => options(DraftResources::Exact, DraftPrincipals::Exact),
            _ => random_options(&mut random),
        };
        let layer = match options.attached_to {
            AttachedTo::VpcEndpoint(_) => "vpc-endpoint",
            AttachedTo::Principal => "identity",
        };
        let calls = journal(&mut random, &scene, layer);
        let report = match draft(&options, &calls, &scene, 0, 0) {
            Ok(report) => report,
            Err(NoDraft::NothingAllowed { .. } | NoDraft::NothingLeft { .. }) => {
                let mut about = calls.iter().filter(|call| options.is_about(call));
                assert!(!about.any(|call| call.decision().is_allowed()), "seed {seed}");
                continue;
            }
            Err(error) => panic!("seed {seed}: {error}"),
        };
        drafted += 1;
        let text = &report.policy_text;
        assert!(text.chars().count() <= ENDPOINT_POLICY_CHARACTERS_MAX);
        assert_eq!(report.allows, report.recorded_allowed, "seed {seed}: {text}");
        // What was denied stays denied, except where the options cannot distinguish it from an allowed call.
        let denied = calls
            .iter()
            .filter(|call| options.is_about(call) && !call.decision().is_allowed());
        let expected: BTreeSet<OpenedCall> = denied
            .filter(|call| is_covered(&options, &calls, call))
            .map(|call| OpenedCall {
                principal: call.principal().arn().to_owned(),
                action: call.action(),
                resource: call.resource(),
            })
            .collect();
        let opens: BTreeSet<OpenedCall> = report.opens.iter().cloned().collect();
        assert_eq!(opens, expected, "seed {seed}: {options:?} {text}");
        assert_eq!(
            report.denies == report.recorded_denied,
            opens.is_empty(),
            "seed {seed}: {text}"
        );
        if seed % 2 == 0 {
            assert_eq!(report.denies, report.recorded_denied, "seed {seed}: {text}");
        }
        opened += opens.len();
        assert!(
            report.findings.is_empty(),
            "seed {seed}: {:?}\n{text}",
            report.findings
        );
        let document: Value = serde_json::from_str(text).expect("it is JSON");
        assert!(allows_all(&document, &options, &calls));
        for (path, less) in with_less(&document) {
            assert!(
                !allows_all(&less, &options, &calls),
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
    assert!(drafted >= 700 && opened >= 50, "{drafted} {opened}");
}

#[test]
fn what_a_filter_leaves_out_is_not_blamed_on_the_journal() {
    let scene = scene();
    let mut random = Rng::with_seed(0);
    let mut call = |is_allowed| {
        let line = entry(
            &mut random,
            PRINCIPALS[0],
            ENDPOINTS[0],
            "vpc-endpoint",
            Operation::ListProjects,
            "*",
            is_allowed,
        );
        recorded(&line, &scene)
    };
    let (allowed, denied) = (call(true), call(false));
    let told = |principal: Option<&str>, calls: &[RecordedCall], undecidable| {
        let options = DraftOptions {
            principal: principal.map(str::to_owned),
            ..options(DraftResources::Exact, DraftPrincipals::Exact)
        };
        draft(&options, calls, &scene, 0, undecidable)
            .expect_err("there is nothing to draft from")
            .to_string()
    };
    let drafted = draft(
        &options(DraftResources::Exact, DraftPrincipals::Exact),
        std::slice::from_ref(&allowed),
        &scene,
        0,
        1,
    );
    let summary = drafted.expect("a call was allowed").summary;
    let not_whole = "; nothing can be said of 1 call that the journal did not keep whole (`limits.journal_entry_bytes_max`)";
    assert!(summary.ends_with(not_whole), "{summary}");
    let nobody = "arn:aws:iam::123456789012:user/nobody";
    assert_eq!(
        told(Some(nobody), &[allowed], 0),
        format!(
            "there is nothing to draft from: of 1 allowed call that the journal has, none is by `{nobody}` over {ENDPOINT}"
        )
    );
    assert_eq!(
        told(None, &[denied], 2),
        format!(
            "there is nothing to draft from: the journal has no call that was allowed over {ENDPOINT}; make the calls that are \
             to be allowed first, under a policy that allows them; nothing can be said of 2 calls that the journal did not \
             keep whole (`limits.journal_entry_bytes_max`)"
        )
    );
}

#[test]
fn a_user_is_told_from_the_federated_user_in_its_name() {
    let scene = scene();
    let mut random = Rng::with_seed(0);
    let [user, federated] = [
        "arn:aws:iam::123456789012:user/alice",
        "arn:aws:sts::123456789012:federated-user/alice",
    ];
    let mut drafted = |calls: &[(&str, bool)]| -> Value {
        let calls: Vec<RecordedCall> = calls
            .iter()
            .map(|(arn, is_allowed)| {
                let line = entry(
                    &mut random,
                    (arn, arn),
                    ENDPOINTS[0],
                    "vpc-endpoint",
                    Operation::ListProjects,
                    "*",
                    *is_allowed,
                );
                recorded(&line, &scene)
            })
            .collect();
        let exact = options(DraftResources::Exact, DraftPrincipals::Exact);
        let report = draft(&exact, &calls, &scene, 0, 0).expect("a call was allowed");
        assert_eq!(
            (report.allows, report.denies),
            (report.recorded_allowed, report.recorded_denied),
            "{}",
            report.policy_text
        );
        let document: Value = serde_json::from_str(&report.policy_text).expect("it is JSON");
        assert_eq!(
            document["Statement"].as_array().map(Vec::len),
            Some(1),
            "{document:#}"
        );
        let statement = &document["Statement"][0];
        json!([statement["Principal"]["AWS"], statement["Condition"]])
    };
    assert_eq!(drafted(&[(user, true)]), json!([user, null]));
    assert_eq!(drafted(&[(user, true), (federated, true)]), json!([user, null]));
    assert_eq!(
        drafted(&[(user, false), (federated, true)]),
        json!([federated, null])
    );
    let alone = json!([user, {"ArnEquals": {"aws:PrincipalArn": user}}]);
    assert_eq!(drafted(&[(user, true), (federated, false)]), alone);
}

#[test]
fn what_no_policy_can_name_is_left_out_and_told() {
    let scene = scene();
    let mut random = Rng::with_seed(0);
    let mut call = |operation, resource: &str| {
        let line = entry(
            &mut random,
            PRINCIPALS[0],
            ENDPOINTS[0],
            "vpc-endpoint",
            operation,
            resource,
            true,
        );
        recorded(&line, &scene)
    };
    let arn = |resource: &str| format!("arn:aws:lookoutvision:us-west-2:123456789012:{resource}");
    let calls = [
        call(Operation::DetectAnomalies, &arn("model/alpha/1")),
        call(Operation::ListTagsForResource, "*"),
        call(Operation::DetectAnomalies, &arn("model/alpha/1/2")),
    ];
    let exact = options(DraftResources::Exact, DraftPrincipals::Exact);
    let report = draft(&exact, &calls, &scene, 0, 0).expect("a call can be named");
    let document: Value = serde_json::from_str(&report.policy_text).expect("it is JSON");
    assert_eq!(
        document["Statement"].as_array().map(Vec::len),
        Some(1),
        "{document:#}"
    );
    assert_eq!(document["Statement"][0]["Resource"], arn("model/alpha/1"));
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!((report.allows, report.recorded_allowed), (1, 3));
    assert!(
        report
            .summary
            .ends_with("; leaves out 2 allowed calls that no policy can name"),
        "{}",
        report.summary
    );
    let left_out = serde_json::to_value(&report.left_out).expect("it is JSON");
    assert_eq!(left_out[0]["resource"], arn("model/alpha/1/2"));
    assert_eq!(
        left_out[1],
        json!({"principal": PRINCIPALS[0].0, "action": "lookoutvision:ListTagsForResource", "resource": "*",
            "reason": "the ARN that it named cannot be read"})
    );
    let nothing = draft(&exact, &calls[1..2], &scene, 0, 0).expect_err("nothing can be named");
    assert_eq!(
        nothing.to_string(),
        "there is nothing to draft from: no policy can name any of 1 allowed call that the journal has: the ARN that it named \
         cannot be read"
    );
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
                ENDPOINTS[0],
                "vpc-endpoint",
                Operation::DetectAnomalies,
                &resource,
                true,
            );
            recorded(&line, &scene)
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
