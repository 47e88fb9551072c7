//! The service as policies see it: its actions, its resource types, and the condition keys of its requests. Policies of
//! its callers may also be about EC2 and STS, which `ec2_and_sts` describes.
//!
//! Everything is as the Service Authorization Reference, *Amazon Lookout for Vision*, has it. The emulator adds one
//! thing of its own: the keys that AWS sets and the emulator never does ([`AWS_ONLY_KEYS`]). A policy that names such a
//! key is remarked upon when it is loaded, by [`lint`], and when it has a say in a decision, by [`notes`].

use std::sync::LazyLock;

use client_text::spelling;
use iam_policy::{
    Action, Finding, PolicyDocument, PolicyType,
    lint::{ResourceType, Service, ServiceAction},
};
use lookoutvision::operation::{AuthorizedOn, Operation};
use tracing::warn;

use crate::{
    identity::Principal, network::entry_point::PlacedEndpoint, services::policy_names::KnownNames,
    settings::Settings,
};

mod ec2_and_sts;
mod surroundings;

#[cfg(test)]
pub(crate) use self::ec2_and_sts::STS_ACTIONS;
pub(crate) use self::ec2_and_sts::WITH_EC2_AND_STS;
pub(crate) use self::surroundings::{Attachment, Surroundings};

/// All findings about a policy, in the order of its text
pub(crate) fn lint(text: &str, policy_type: PolicyType, surroundings: Surroundings<'_>) -> Vec<Finding> {
    let service = match policy_type {
        // An endpoint leads to this service and to no other.
        PolicyType::VpcEndpoint => &*SERVICE,
        _ => &*WITH_EC2_AND_STS,
    };
    iam_policy::lint::lint(text, policy_type, service, &surroundings.facts())
}

/// Logs the findings about a policy that was just attached to an endpoint
pub(crate) fn warn_about(document: &PolicyDocument, placed: &PlacedEndpoint, settings: &Settings) {
    let vpc_endpoint_id = placed.id();
    for remark in remarks(document, placed, settings) {
        warn!(%vpc_endpoint_id, "endpoint policy: {remark}");
    }
}

/// The findings about the policy of an endpoint while the emulator runs
pub(crate) fn remarks(
    document: &PolicyDocument,
    placed: &PlacedEndpoint,
    settings: &Settings,
) -> Vec<String> {
    // The default policy has no `Version`, as AWS's has none, and no user wrote it.
    if document.text() == PolicyDocument::full_access().text() {
        return Vec::new();
    }
    let surroundings = Surroundings::Attached {
        settings,
        endpoint: placed.into(),
    };
    let findings = lint(document.text(), document.policy_type(), surroundings);
    let unknown = KnownNames::at_run_time(settings).unknown_in(document);
    let principals = settings.identities.principals.iter();
    let findings = findings.iter().map(ToString::to_string);
    let unknown = unknown
        .iter()
        .map(|unknown| format!("{}: {}", unknown.pointer, unknown.message));
    let roles = principals.flat_map(|principal| roles_compared_by_name(document, principal));
    findings.chain(unknown).chain(roles).collect()
}

/// A note where a policy names a role that may or may not be the role of a declared session
pub(crate) fn roles_compared_by_name(document: &PolicyDocument, principal: &Principal) -> Vec<String> {
    let session = principal.identity.identity();
    let Some(session) = session.filter(|session| session.role_arn().is_none()) else {
        return Vec::new();
    };
    let roles = document
        .named_roles()
        .filter(|role| session.can_be_session_of(role));
    roles
        .map(|role| {
            format!(
                "the path of the role of `{session}` is not known, so {} that names `{role}` is taken to mean it; \
                 declare the role under `roles`, with its path",
                document.policy_type().with_article()
            )
        })
        .collect()
}

/// Whether an action exists, as far as the actions of its service are known: those of this service, EC2 and STS are
///
/// # Errors
/// With the action that was probably meant, if one is close enough.
pub(crate) fn check_action(action: &Action) -> Result<(), String> {
    let known = &*WITH_EC2_AND_STS;
    let own = known.actions.iter().map(|action| (action.prefix, action.name));
    let others = known
        .other_actions
        .iter()
        .map(|action| (action.service(), action.name()));
    // IAM User Guide, *Action*: neither prefix nor name is case-sensitive.
    let of_service = own.chain(others);
    let of_service = of_service.filter(|(prefix, _)| prefix.eq_ignore_ascii_case(action.service()));
    let names: Vec<&str> = of_service.map(|(_, name)| name).collect();
    let meant = if names.is_empty() {
        match spelling::meant(action.service(), &[PREFIX]) {
            Some(prefix) => Some(format!("{prefix}:{}", action.name())),
            // The actions of other services are not known.
            None => return Ok(()),
        }
    } else if names.iter().any(|name| name.eq_ignore_ascii_case(action.name())) {
        return Ok(());
    } else {
        spelling::meant(action.name(), &names).map(|name| format!("{}:{name}", action.service()))
    };
    Err(match meant {
        Some(meant) => format!("`{action}` is no action; did you mean `{meant}`?"),
        None => format!("`{action}` is no action"),
    })
}

/// The service; the 22 operations of the API, and what only policies know of
pub(crate) static SERVICE: LazyLock<Service<'static>> = LazyLock::new(|| Service {
    prefix: PREFIX,
    actions: &ACTIONS,
    other_actions: &[],
    resource_types: RESOURCE_TYPES,
    condition_keys: Some(SET_KEYS),
    always_set_keys: ALWAYS_SET_KEYS,
    unset_keys: AWS_ONLY_KEYS,
});

/// The prefix of its actions
const PREFIX: &str = "lookoutvision";

const RESOURCE_TYPES: &[ResourceType<'static>] = &[
    ResourceType {
        name: "model",
        arn: "arn:${Partition}:lookoutvision:${Region}:${Account}:model/${ProjectName}/${ModelVersion}",
    },
    ResourceType {
        name: "project",
        arn: "arn:${Partition}:lookoutvision:${Region}:${Account}:project/${ProjectName}",
    },
];

static ACTIONS: LazyLock<Vec<ServiceAction<'static>>> = LazyLock::new(|| {
    let of_operation = |operation: Operation| {
        let resource_types: &[_] = match operation.authorized_on() {
            AuthorizedOn::Everything => &[],
            AuthorizedOn::ProjectInPath | AuthorizedOn::ProjectInBody => &["project"],
            AuthorizedOn::ModelInPath
            | AuthorizedOn::NextModel
            | AuthorizedOn::ModelInBody
            | AuthorizedOn::ArnInPath => &["model"],
        };
        ServiceAction {
            prefix: PREFIX,
            name: operation.name(),
            resource_types,
            resource_keys: &[],
            takes_any_resource: operation.authorized_on() == AuthorizedOn::ArnInPath,
            condition_keys: match operation {
                Operation::CreateModel | Operation::TagResource => {
                    &["aws:ResourceTag/", "aws:RequestTag/", "aws:TagKeys"]
                }
                Operation::UntagResource => &["aws:ResourceTag/", "aws:TagKeys"],
                // Models have tags, projects have none.
                _ if resource_types.contains(&"model") => &["aws:ResourceTag/"],
                _ => &[],
            },
        }
    };
    let permission_only = PERMISSION_ONLY_ACTIONS.map(|name| ServiceAction {
        prefix: PREFIX,
        name,
        resource_types: &[],
        condition_keys: &[],
        resource_keys: &[],
        takes_any_resource: false,
    });
    Operation::ALL
        .into_iter()
        .map(of_operation)
        .chain(permission_only)
        .collect()
});

/// Actions for the console's trial detections, which are no operation of the API
const PERMISSION_ONLY_ACTIONS: [&str; 3] = [
    "DescribeTrialDetection",
    "ListTrialDetections",
    "StartTrialDetection",
];

/// The keys that `authorization::context` sets, in its order; one that ends in a slash stands for all tags
pub(crate) const SET_KEYS: &[&str] = &[
    "aws:SourceVpce",
    "aws:SourceVpc",
    "aws:VpcSourceIp",
    "aws:SourceIp",
    "aws:SecureTransport",
    "aws:PrincipalArn",
    "aws:PrincipalAccount",
    "aws:PrincipalType",
    "aws:userid",
    "aws:PrincipalIsAWSService",
    "aws:username",
    "aws:PrincipalTag/",
    "aws:PrincipalOrgID",
    "aws:TokenIssueTime",
    "aws:SourceIdentity",
    "aws:MultiFactorAuthPresent",
    "aws:RequestedRegion",
    "aws:CurrentTime",
    "aws:EpochTime",
    "aws:ViaAWSService",
    "aws:UserAgent",
    "aws:referer",
    "aws:RequestTag/",
    "aws:TagKeys",
    "aws:ResourceAccount",
    "aws:ResourceOrgID",
    "aws:ResourceTag/",
];

/// The keys among them that every request has, whoever calls from wherever
pub(crate) const ALWAYS_SET_KEYS: &[&str] = &[
    "aws:SecureTransport",
    "aws:PrincipalArn",
    "aws:PrincipalAccount",
    "aws:PrincipalType",
    "aws:userid",
    "aws:PrincipalIsAWSService",
    "aws:RequestedRegion",
    "aws:CurrentTime",
    "aws:EpochTime",
    "aws:ViaAWSService",
];

/// The keys that requests to this service can have on AWS and never have here (IAM User Guide, *AWS global condition
/// context keys*): nothing in a request or in the configuration gives their values.
const AWS_ONLY_KEYS: &[&str] = &[
    "aws:AssumedRoot",
    "aws:CalledVia",
    "aws:CalledViaAWSMCP",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:ChatbotSourceArn",
    "aws:Ec2InstanceSourcePrivateIPv4",
    "aws:Ec2InstanceSourceVpc",
    "aws:FederatedProvider",
    "aws:MultiFactorAuthAge",
    "aws:PrincipalOrgPaths",
    "aws:ResourceOrgPaths",
    "aws:SignInSessionArn",
    "aws:ViaAWSMCPService",
    // The same page, cross-service condition keys: what a service puts into the credentials that it issues.
    "ec2:RoleDelivery",
    "ec2:SourceInstanceARN",
    "glue:CredentialIssuingService",
    "lambda:SourceFunctionArn",
    "ssm:SourceInstanceArn",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(statement: &str) -> Vec<String> {
        let text = format!("{{\"Version\": \"2012-10-17\", \"Statement\": [\n{statement}\n]}}");
        let findings = lint(&text, PolicyType::VpcEndpoint, Surroundings::Unknown);
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_table_has_the_25_actions_with_their_resource_types() {
        let on = |name: &str| -> Vec<&str> {
            let found = SERVICE
                .actions
                .iter()
                .filter(|action| action.resource_types == [name]);
            found.map(|action| action.name).collect()
        };
        assert_eq!(SERVICE.actions.len(), 25);
        // Service Authorization Reference, Amazon Lookout for Vision.
        assert_eq!(
            on("project"),
            ["CreateProject", "DeleteProject", "DescribeProject"]
        );
        assert_eq!(
            on("model"),
            [
                "CreateModel",
                "DeleteModel",
                "DescribeModel",
                "DetectAnomalies",
                "ListTagsForResource",
                "StartModel",
                "StartModelPackagingJob",
                "StopModel",
                "TagResource",
                "UntagResource",
            ]
        );
        let with = |key: &str| -> Vec<&str> {
            let found = SERVICE
                .actions
                .iter()
                .filter(|action| action.condition_keys.contains(&key));
            found.map(|action| action.name).collect()
        };
        assert_eq!(with("aws:ResourceTag/"), on("model"));
        assert_eq!(with("aws:RequestTag/"), ["CreateModel", "TagResource"]);
        assert_eq!(
            with("aws:TagKeys"),
            ["CreateModel", "TagResource", "UntagResource"]
        );
    }

    #[test]
    fn no_key_is_both_set_and_left_to_aws() {
        assert!(AWS_ONLY_KEYS.iter().all(|key| !SET_KEYS.contains(key)));
        assert!(AWS_ONLY_KEYS.iter().all(|key| !SERVICE.sets(key)));
        assert!(SERVICE.sets("AWS:principaltag/team") && !SERVICE.sets("s3:prefix"));
    }

    #[test]
    fn the_actions_of_the_console_exist_and_a_dataset_needs_the_star() {
        assert_eq!(
            lines(
                r#"{"Effect": "Allow", "Principal": "*", "Action": ["lookoutvision:StartTrialDetection", "lookoutvision:CreateDataset"],
"Resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/*"}"#
            ),
            [
                "1:1: warning: no `Allow` statement of the policy can apply, so every request over the endpoint is refused [nothing-allowed]",
                "2:50: warning: `lookoutvision:StartTrialDetection` is authorised on `*`, which no ARN covers; it needs `\"Resource\": \"*\"` [action-not-covered] at /Statement/0/Action/0",
                "2:87: warning: `lookoutvision:CreateDataset` is authorised on `*`, which no ARN covers; it needs `\"Resource\": \"*\"` [action-not-covered] at /Statement/0/Action/1",
                "3:13: warning: no action of the statement is authorised on `arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/*` [resource-never-matches] at /Statement/0/Resource",
            ]
        );
    }

    #[test]
    fn the_keys_that_aws_sets_and_no_other_are_told_apart() {
        assert_eq!(
            lines(
                r#"{"Effect": "Allow", "Principal": "*", "Action": "lookoutvision:*", "Resource": "*", "Condition": {
"Null": {"aws:FederatedProvider": "false"},
"StringEqualsIfExists": {"aws:VpceOrgID": "o-a1b2c3d4e5"}}}"#
            ),
            [
                "1:1: warning: no `Allow` statement of the policy can apply here, so every request over the endpoint is refused [nothing-allowed]",
                "3:35: warning: `Null` on `aws:FederatedProvider` is never true here: AWS sets the key, and nothing here does [key-not-simulated] at /Statement/0/Condition/Null/aws:FederatedProvider",
                "4:43: warning: `StringEqualsIfExists` on `aws:VpceOrgID` is always true: no request to `lookoutvision` has the key [condition-always-true] at /Statement/0/Condition/StringEqualsIfExists/aws:VpceOrgID",
            ]
        );
    }

    #[test]
    fn the_keys_that_have_one_value_only_are_told_with_it() {
        let allow = |key: &str, value: &str| {
            let findings = lines(&format!(
                r#"{{"Effect": "Allow", "Principal": "*", "Action": "lookoutvision:*", "Resource": "*", "Condition": {{
"Bool": {{"{key}": "{value}"}}}}}}"#
            ));
            findings
                .into_iter()
                .filter(|line| line.contains(key))
                .collect::<Vec<_>>()
                .join("")
        };
        for (key, value, expected) in [
            (
                "aws:SecureTransport",
                "false",
                "3:33: warning: `Bool` on `aws:SecureTransport` is never true: the key is not `false`, because every request comes over TLS [condition-never-true] at /Statement/0/Condition/Bool/aws:SecureTransport",
            ),
            (
                "aws:ViaAWSService",
                "true",
                "3:31: warning: `Bool` on `aws:ViaAWSService` is never true: the key is not `true`, because every caller calls by itself, and none through another service [condition-never-true] at /Statement/0/Condition/Bool/aws:ViaAWSService",
            ),
            (
                "aws:PrincipalIsAWSService",
                "true",
                "3:39: warning: `Bool` on `aws:PrincipalIsAWSService` is never true here: the key is not `true`, because no AWS service calls the emulator [key-not-simulated] at /Statement/0/Condition/Bool/aws:PrincipalIsAWSService",
            ),
            ("aws:SecureTransport", "true", ""),
            ("aws:ViaAWSService", "false", ""),
        ] {
            assert_eq!(allow(key, value), expected, "{key} {value}");
        }
    }
}
