//! What must hold for every input. The fuzz targets feed it what libFuzzer invents; the ordinary tests
//! feed it the committed corpus.

use iam_policy::lint::{ResourceType, Service, ServiceAction, lint};
use iam_policy::{
    Decision, Policies, PolicyDocument, PolicyType, Request, RequestContext, evaluate, explain,
};

const TYPES: [PolicyType; 7] = [
    PolicyType::VpcEndpoint,
    PolicyType::Identity,
    PolicyType::PermissionsBoundary,
    PolicyType::Session,
    PolicyType::ServiceControl,
    PolicyType::ResourceControl,
    PolicyType::RoleTrust,
];

const SERVICE: Service<'_> = Service {
    prefix: "lookoutvision",
    actions: &[
        ServiceAction {
            name: "DetectAnomalies",
            resource_types: &["model"],
            condition_keys: &["aws:ResourceTag/"],
        },
        ServiceAction {
            name: "ListModels",
            resource_types: &[],
            condition_keys: &[],
        },
    ],
    resource_types: &[ResourceType {
        name: "model",
        arn: "arn:${Partition}:lookoutvision:${Region}:${Account}:model/${ProjectName}/${ModelVersion}",
    }],
    condition_keys: Some(&[
        "aws:username",
        "aws:PrincipalTag/",
        "aws:TagKeys",
        "aws:ResourceTag/",
    ]),
};

/// Loads a text as every type of document. Nothing may panic; what is refused says where; what AWS takes
/// today is also understood when stored.
pub fn check_load(text: &str) {
    for policy_type in TYPES {
        let stored = PolicyDocument::parse_stored(text, policy_type);
        match PolicyDocument::parse(text, policy_type) {
            Ok(document) => {
                assert_eq!(document.text(), text);
                assert!(stored.is_ok());
            }
            Err(error) => {
                for finding in error.findings() {
                    assert!(finding.line > 0 && finding.column > 0);
                    assert!(finding.path.is_empty() || finding.path.starts_with('/'));
                }
            }
        }
        let findings = lint(text, policy_type, &SERVICE);
        assert!(stored.is_ok() || !findings.is_empty());
    }
}

/// Decides a request read from text: the policy, then a line `---`, then principal, action, resource and
/// `key=value` pairs, a line each. A key that occurs again gets another value.
pub fn check_evaluate(text: &str) {
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
