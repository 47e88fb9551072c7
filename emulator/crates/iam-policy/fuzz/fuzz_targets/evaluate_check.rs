//! What must hold for every request that is decided. The fuzz target feeds it what libFuzzer invents; the
//! ordinary tests feed it the committed corpus.

use iam_policy::{
    Decision, Policies, PolicyDocument, PolicyType, Request, RequestContext, evaluate, explain,
};

/// Decides a request read from text: the policy, then a line `---`, then principal, action, resource and
/// `key=value` pairs, one per line. A key that occurs again gets another value.
pub(crate) fn check(text: &str) {
    let Some((policy, request)) = text.split_once("\n---\n") else {
        return;
    };
    let Ok(document) = PolicyDocument::parse_stored(policy, PolicyType::VpcEndpoint) else {
        return;
    };
    let mut lines = request.lines();
    let (Some(principal), Some(action), Some(resource)) = (lines.next(), lines.next(), lines.next()) else {
        return;
    };
    let (Ok(principal), Ok(action), Ok(resource)) = (principal.parse(), action.parse(), resource.parse())
    else {
        return;
    };
    let mut context = RequestContext::new();
    for (key, value) in lines.filter_map(|line| line.split_once('=')) {
        let mut values = context.values(key).to_vec();
        values.push(value.into());
        context.insert_all(key, values);
    }
    let policies = Policies {
        vpc_endpoint: Some(&document),
        ..Policies::default()
    };
    let request = Request {
        principal: &principal,
        action: &action,
        resource: &resource,
        resource_account: None,
        context: &context,
    };

    let evaluation = evaluate(&policies, &request);
    let explanation = explain(&policies, &request);
    assert_eq!(explanation.evaluation, evaluation);
    assert!(!explanation.summary().is_empty());
    let message = evaluation.denial_message(&principal, &action, &resource);
    assert_eq!(message.is_none(), evaluation.decision == Decision::Allowed);
}
