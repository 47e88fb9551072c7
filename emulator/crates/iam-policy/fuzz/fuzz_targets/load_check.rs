//! What must hold for every text that is loaded. The fuzz target feeds it what libFuzzer invents; the
//! ordinary tests feed it the committed corpus.

use iam_policy::lint::{Fact, FactScope, ResourceType, Service, ServiceAction, Subject, lint};
use iam_policy::{PolicyDocument, PolicyType};

/// Loads a text as every type of document. Nothing may panic; every refusal says where; a document that AWS
/// accepts today must also load as a stored one.
pub(crate) fn check(text: &str) {
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
        for facts in [&[][..], &facts()] {
            let findings = lint(text, policy_type, &SERVICE, facts);
            assert!(stored.is_ok() || !findings.is_empty());
        }
    }
}

fn facts() -> [Fact<'static>; 3] {
    let fact = |subject, values: &[&str]| Fact {
        subject,
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        values_elsewhere: vec!["eu-west-1".to_owned()],
        reason: "it is so".to_owned(),
        scope: FactScope::Here,
    };
    [
        fact(Subject::Key("aws:username"), &["alice"]),
        fact(Subject::Key("aws:PrincipalOrgID"), &[]),
        fact(Subject::ArnRegion, &["us-west-2"]),
    ]
}

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
            prefix: "lookoutvision",
            name: "DetectAnomalies",
            resource_types: &["model"],
            condition_keys: &["aws:ResourceTag/"],
            resource_keys: &[],
            takes_any_resource: false,
        },
        ServiceAction {
            prefix: "lookoutvision",
            name: "ListModels",
            resource_types: &[],
            condition_keys: &[],
            resource_keys: &[],
            takes_any_resource: false,
        },
    ],
    other_actions: &[],
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
    always_set_keys: &[],
    unset_keys: &["aws:TokenIssueTime"],
};
