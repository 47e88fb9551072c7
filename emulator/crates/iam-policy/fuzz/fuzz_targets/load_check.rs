//! What must hold for every text that is loaded. The fuzz target feeds it what libFuzzer invents; the
//! ordinary tests feed it the committed corpus.

use iam_policy::lint::{ResourceType, Service, ServiceAction, lint};
use iam_policy::{PolicyDocument, PolicyType};

/// Loads a text as every type of document. Nothing may panic; what is refused says where; what AWS takes
/// today is also understood when stored.
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
        let findings = lint(text, policy_type, &SERVICE, &[]);
        assert!(stored.is_ok() || !findings.is_empty());
    }
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
    always_set_keys: &[],
    unset_keys: &["aws:TokenIssueTime"],
};
