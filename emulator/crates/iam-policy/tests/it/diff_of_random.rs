//! Compares "no new access" with random requests, for random pairs of documents.

use std::collections::BTreeSet;

use iam_policy::{
    Change, Decision, Policies, PolicyDocument, PolicyType, Principal, Request, RequestContext, Resource,
    diff, evaluate,
};

use crate::diff::{CLASSES_MAX, SERVICE, document};
use crate::random::Random;

/// What a document of an endpoint or an identity decides about a request, whoever owns the resource
fn decided(document: &PolicyDocument, request: &Request<'_>) -> Decision {
    let list = std::slice::from_ref(document);
    let policies = match document.policy_type() {
        PolicyType::VpcEndpoint => Policies {
            vpc_endpoint: Some(document),
            ..Policies::default()
        },
        _ => Policies {
            identity: Some(list),
            ..Policies::default()
        },
    };
    evaluate(&policies, request).decision
}

/// `no new access` is compared with 100,000 requests, and so is every kind of change for every action.
#[test]
fn what_is_said_not_to_differ_does_not_for_any_of_100_000_requests() {
    const PAIRS: u64 = 250;
    const REQUESTS: usize = 400;
    let (mut proven, mut undecided) = (0, 0);
    for seed in 0..PAIRS {
        let mut random = Random(seed);
        let policy_type = random.of(&[
            PolicyType::VpcEndpoint,
            PolicyType::VpcEndpoint,
            PolicyType::Identity,
        ]);
        let (old, new) = random.pair(policy_type);
        let (old, new) = (document(&old, policy_type), document(&new, policy_type));
        let found = diff(&old, &new, &SERVICE, CLASSES_MAX);
        proven += usize::from(found.has_new_access() == Some(false));
        undecided += usize::from(!found.undecided.is_empty());
        for difference in &found.differences {
            let request = difference.example.request();
            assert_eq!(
                decided(&old, &request),
                difference.before.decision,
                "seed {seed}: {difference:?}"
            );
            assert_eq!(
                decided(&new, &request),
                difference.after.decision,
                "seed {seed}: {difference:?}"
            );
            assert_ne!(
                difference.before.decision, difference.after.decision,
                "seed {seed}"
            );
        }
        let changes: BTreeSet<(String, Change)> = found
            .differences
            .iter()
            .map(|difference| (difference.example.action.to_string(), difference.change))
            .collect();
        for _ in 0..REQUESTS {
            let asked = random.request(policy_type);
            let principal: Principal = asked.principal();
            let (action, resource): (_, Resource) =
                (asked.action.parse().unwrap(), asked.resource.parse().unwrap());
            let context: RequestContext<'_> = asked.context();
            let request = Request {
                principal: &principal,
                action: &action,
                resource: &resource,
                resource_account: principal.account(),
                context: &context,
            };
            let (before, after) = (decided(&old, &request), decided(&new, &request));
            if before == after || !found.undecided.is_empty() {
                continue;
            }
            let is_new =
                after.is_allowed() || policy_type == PolicyType::Identity && before == Decision::ExplicitDeny;
            let is_lost =
                before.is_allowed() || policy_type == PolicyType::Identity && after == Decision::ExplicitDeny;
            let change = match (is_new, is_lost) {
                (true, _) => Change::NewAccess,
                (_, true) => Change::LostAccess,
                _ => Change::OtherDenial,
            };
            // An action may represent others that the documents treat alike, so only the change is compared.
            assert!(
                changes.iter().any(|(_, known)| *known == change),
                "seed {seed}: {change} for {asked:?} is not among {changes:?}\n{}\n{}",
                old.text(),
                new.text()
            );
        }
    }
    // The test would mean little if nothing were ever proven, and less if everything stayed undecided.
    assert!(proven > 30, "{proven} of {PAIRS}");
    assert!(undecided < 10, "{undecided} of {PAIRS}");
}
