//! The cases that AWS's pages state, with the verdict each page gives.

use iam_policy::{Policies, PolicyDocument, PolicyType, Request, RequestContext, evaluate};
use serde_json::Value;

#[test]
fn every_documented_case_is_decided_as_the_documentation_says() {
    let cases: Vec<Value> = include_str!("../fixtures/documented-cases.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(cases.len(), 275);
    let wrong: Vec<String> = cases.iter().filter_map(|case| decide(case).err()).collect();
    assert!(
        wrong.is_empty(),
        "{} of 275 differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// AWS's pages say how these documents are evaluated, but AWS's checks refuse them when they are attached
/// today; they load as stored documents only.
const REFUSED_TODAY: &[&str] = &[
    // A multivalued key without set operator.
    "multi-no-set-1",
    // A variable under a numeric operator.
    "var-in-numeric-unsupported",
    // A wildcard in part of a principal.
    "prin-user-partial-wildcard",
    "prin-session-wildcard",
    // A resource ARN of five parts.
    "res-seg-no-span",
];

#[test]
fn the_documents_that_todays_checks_refuse_are_known_by_name() {
    let refused: Vec<String> = include_str!("../fixtures/documented-cases.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|case| {
            let document = &case["policies"]["vpcEndpoint"];
            !document.is_null()
                && PolicyDocument::parse(&document.to_string(), PolicyType::VpcEndpoint).is_err()
        })
        .map(|case| case["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(refused, REFUSED_TODAY);
}

fn decide(case: &Value) -> Result<(), String> {
    let policies = &case["policies"];
    let list = |value: &Value, policy_type| -> Vec<PolicyDocument> {
        value
            .as_array()
            .into_iter()
            .flatten()
            .map(|document| parse(document, policy_type))
            .collect()
    };
    let levels = |value: &Value, policy_type| -> Vec<Vec<PolicyDocument>> {
        let entries = value.as_array().cloned().unwrap_or_default();
        if entries.is_empty() {
            Vec::new()
        } else if entries.iter().all(Value::is_array) {
            entries.iter().map(|level| list(level, policy_type)).collect()
        } else {
            vec![list(value, policy_type)]
        }
    };
    let vpc_endpoint = policies
        .get("vpcEndpoint")
        .filter(|v| !v.is_null())
        .map(|v| parse(v, PolicyType::VpcEndpoint));
    let identity = policies
        .get("identity")
        .filter(|v| !v.is_null())
        .map(|v| list(v, PolicyType::Identity));
    let boundary = list(&policies["boundary"], PolicyType::PermissionsBoundary);
    let session = list(&policies["session"], PolicyType::Session);
    let scp = levels(&policies["scp"], PolicyType::ServiceControl);
    let rcp = levels(&policies["rcp"], PolicyType::ResourceControl);

    let request = &case["request"];
    let text = |key: &str| request[key].as_str().unwrap();
    let (principal, action, resource) = (
        text("principal").parse().unwrap(),
        text("action").parse().unwrap(),
        text("resource").parse().unwrap(),
    );
    let mut context = RequestContext::new();
    for (key, values) in request["context"].as_object().unwrap() {
        context.insert_all(
            key,
            values
                .as_array()
                .unwrap()
                .iter()
                .map(|value| value.as_str().unwrap()),
        );
    }
    let policies = Policies {
        vpc_endpoint: vpc_endpoint.as_ref(),
        identity: identity.as_deref(),
        permissions_boundary: &boundary,
        session: &session,
        service_control: &scp,
        resource_control: &rcp,
        role_trust: None,
    };
    let request = Request {
        principal: &principal,
        action: &action,
        resource: &resource,
        resource_account: request["resourceAccount"].as_str(),
        context: &context,
    };
    let found = evaluate(&policies, &request).decision.as_str();
    let expected = case["expect"].as_str().unwrap();
    if found == expected {
        Ok(())
    } else {
        Err(format!(
            "{}: expected {expected}, found {found} ({})",
            case["id"], case["source"]
        ))
    }
}

#[track_caller]
fn parse(document: &Value, policy_type: PolicyType) -> PolicyDocument {
    let text = serde_json::to_string_pretty(document).unwrap();
    PolicyDocument::parse_stored(&text, policy_type).unwrap_or_else(|error| panic!("{error:?}\n{text}"))
}
