//! EC2 and STS as policies see them, beside the service itself.
//!
//! Of the actions that are played everything is known: resources, condition keys, and which keys belong to which
//! resources ([`ec2::authorization::RESOURCES`], `sts`). Of the others it is only known that they exist, so that the
//! name of an action that does not exist is reported (Service Authorization Reference, *Amazon EC2*, *AWS PrivateLink*,
//! *AWS Security Token Service*, September 2026).

use std::sync::LazyLock;

use iam_policy::{
    Action,
    lint::{ResourceType, Service, ServiceAction},
};

use super::{ACTIONS, ALWAYS_SET_KEYS, AWS_ONLY_KEYS, PREFIX, RESOURCE_TYPES, SET_KEYS};
use crate::services::ec2::{
    Ec2Action,
    authorization::{RESOURCES, ResourceType as Ec2ResourceType},
};

/// The service with EC2 and STS around it
pub(crate) static WITH_EC2_AND_STS: LazyLock<Service<'static>> = LazyLock::new(|| Service {
    prefix: PREFIX,
    actions: &ALL_ACTIONS,
    other_actions: &OTHER_ACTIONS,
    resource_types: &ALL_RESOURCE_TYPES,
    condition_keys: Some(&ALL_SET_KEYS),
    always_set_keys: ALWAYS_SET_KEYS,
    unset_keys: &ALL_UNSET_KEYS,
});

static ALL_ACTIONS: LazyLock<Vec<ServiceAction<'static>>> = LazyLock::new(|| {
    let of_ec2 = EC2_ROWS.iter().map(|row| ServiceAction {
        prefix: "ec2",
        name: row.action.name(),
        resource_types: &row.resource_types,
        condition_keys: &["ec2:Region"],
        resource_keys: &row.resource_keys,
        takes_any_resource: false,
    });
    let across_regions = ServiceAction {
        prefix: "vpce",
        name: "AllowMultiRegion",
        resource_types: &["vpc-endpoint", "vpc-endpoint-service"],
        condition_keys: &[],
        resource_keys: &[],
        takes_any_resource: false,
    };
    let of_sts = STS_ACTIONS.iter().map(|(name, keys)| ServiceAction {
        prefix: "sts",
        name,
        resource_types: &["role"],
        condition_keys: keys,
        resource_keys: &[],
        takes_any_resource: false,
    });
    let own = ACTIONS.iter().copied();
    own.chain(of_ec2).chain([across_regions]).chain(of_sts).collect()
});

/// What is known of one of EC2's actions
struct Ec2Row {
    action: Ec2Action,
    resource_types: Vec<&'static str>,
    resource_keys: Vec<(&'static str, &'static [&'static str])>,
}

static EC2_ROWS: LazyLock<Vec<Ec2Row>> = LazyLock::new(|| {
    let row = |action: Ec2Action| {
        let resources = RESOURCES.iter().filter(|(other, ..)| *other == action);
        let resource_keys: Vec<_> = resources
            .map(|(_, resource_type, keys)| (resource_type.name(), *keys))
            .collect();
        Ec2Row {
            action,
            resource_types: resource_keys.iter().map(|(name, _)| *name).collect(),
            resource_keys,
        }
    };
    Ec2Action::ALL.into_iter().map(row).collect()
});

/// The permissions that AssumeRole needs, with their keys
pub(crate) const STS_ACTIONS: &[(&str, &[&str])] = &[
    (
        "AssumeRole",
        &[
            "aws:ResourceTag/",
            "iam:ResourceTag/",
            "aws:RequestTag/",
            "aws:TagKeys",
            "sts:ExternalId",
            "sts:RoleSessionName",
            "sts:SourceIdentity",
            "sts:TransitiveTagKeys",
        ],
    ),
    (
        "TagSession",
        &[
            "aws:ResourceTag/",
            "aws:RequestTag/",
            "aws:TagKeys",
            "sts:TransitiveTagKeys",
        ],
    ),
    ("SetSourceIdentity", &["aws:ResourceTag/", "sts:SourceIdentity"]),
    ("SetContext", &["aws:ResourceTag/", "sts:RequestContextProviders"]),
];

/// The other actions of STS
const OTHER_STS_ACTIONS: [&str; 12] = [
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "AssumeRoot",
    "DecodeAuthorizationMessage",
    "GetAccessKeyInfo",
    "GetCallerIdentity",
    "GetDelegatedAccessToken",
    "GetFederationToken",
    "GetServiceBearerToken",
    "GetSessionToken",
    "GetWebIdentityToken",
    "TagGetWebIdentityToken",
];

/// Every action of EC2, one per line
const EC2_ACTIONS: &str = include_str!("ec2_actions.txt");

/// Actions whose resources and keys are not all known; resources of every type of EC2 can be tagged, not only those
/// that are here
static OTHER_ACTIONS: LazyLock<Vec<Action>> = LazyLock::new(|| {
    let is_known = |name: &str| {
        let played = Ec2Action::ALL.into_iter().find(|action| action.name() == name);
        played.is_some_and(|action| !matches!(action, Ec2Action::CreateTags | Ec2Action::DeleteTags))
    };
    let of_ec2 = EC2_ACTIONS.lines().filter(|name| !is_known(name));
    let of_ec2 = of_ec2.map(|name| format!("ec2:{name}"));
    let of_sts = OTHER_STS_ACTIONS.iter().map(|name| format!("sts:{name}"));
    let names = of_ec2.chain(of_sts);
    names
        .map(|name| {
            name.parse()
                .expect("AWS's actions have names that actions may have")
        })
        .collect()
});

static ALL_RESOURCE_TYPES: LazyLock<Vec<ResourceType<'static>>> = LazyLock::new(|| {
    let of_ec2 = Ec2ResourceType::ALL
        .into_iter()
        .map(|resource_type| ResourceType {
            name: resource_type.name(),
            arn: resource_type.arn_form(),
        });
    let more = [
        ResourceType {
            name: "vpc-endpoint-service",
            arn: "arn:${Partition}:ec2:${Region}:${Account}:vpc-endpoint-service/${VpcEndpointServiceId}",
        },
        ResourceType {
            name: "role",
            arn: "arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}",
        },
        // The same type with a path, each part of which is between slashes.
        ResourceType {
            name: "role",
            arn: "arn:${Partition}:iam::${Account}:role/${Path}/${RoleName}",
        },
        ResourceType {
            name: "role",
            arn: "arn:${Partition}:iam::${Account}:role/${Path}/${Path}/${RoleName}",
        },
        ResourceType {
            name: "role",
            arn: "arn:${Partition}:iam::${Account}:role/${Path}/${Path}/${Path}/${RoleName}",
        },
    ];
    RESOURCE_TYPES.iter().copied().chain(of_ec2).chain(more).collect()
});

static ALL_SET_KEYS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let of_ec2 = RESOURCES.iter().flat_map(|(_, _, keys)| keys.iter().copied());
    let of_sts = STS_ACTIONS.iter().flat_map(|(_, keys)| keys.iter().copied());
    let keys = SET_KEYS
        .iter()
        .copied()
        .chain(of_ec2)
        .chain(of_sts)
        .chain(["ec2:Region"]);
    keys.collect()
});

static ALL_UNSET_KEYS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| AWS_ONLY_KEYS.iter().chain(UNSET_KEYS).copied().collect());

/// The keys that requests to EC2 and STS can have on AWS and never have here: they are in the reference, but nothing in
/// a request that is played gives their values
const UNSET_KEYS: &[&str] = &[
    "ec2:VpcePrivateDnsPreference",
    "ec2:VpcePrivateDnsSpecifiedDomains",
    "accounts.google.com:aud",
    "accounts.google.com:sub",
    "cognito-identity.amazonaws.com:amr",
    "cognito-identity.amazonaws.com:aud",
    "cognito-identity.amazonaws.com:sub",
    "graph.facebook.com:app_id",
    "graph.facebook.com:id",
    "saml:aud",
    "saml:namequalifier",
    "saml:sub",
    "saml:sub_type",
    "sts:RequestContext/",
    "www.amazon.com:app_id",
    "www.amazon.com:user_id",
];

#[cfg(test)]
mod tests {
    use iam_policy::PolicyType;

    use super::*;
    use crate::services::vocabulary::{Surroundings, lint};

    #[track_caller]
    fn check(policy_type: PolicyType, statement: &str, expected: &[&str]) {
        let text = format!("{{\"Version\": \"2012-10-17\", \"Statement\": [\n{statement}\n]}}");
        let findings = lint(&text, policy_type, Surroundings::Unknown);
        let found: Vec<_> = findings
            .iter()
            .map(|finding| format!("{} {} {}", finding.code, finding.path, finding.message))
            .collect();
        assert_eq!(found, expected, "{statement}");
    }

    fn identity(statement: &str, expected: &[&str]) {
        check(PolicyType::Identity, statement, expected);
    }

    #[test]
    fn every_action_that_is_played_is_one_of_awss() {
        let names: Vec<_> = EC2_ACTIONS.lines().collect();
        assert!(names.is_sorted());
        for action in Ec2Action::ALL {
            assert!(names.contains(&action.name()), "{}", action.name());
        }
    }

    #[test]
    fn awss_examples_for_privatelink_lint_clean() {
        for statement in [
            r#"{"Effect": "Allow", "Action": "ec2:*VpcEndpoint*", "Resource": "*"}"#,
            r#"{"Effect": "Allow", "Action": "ec2:CreateVpcEndpoint", "Resource": ["arn:aws:ec2:us-east-1:111122223333:vpc/*",
                "arn:aws:ec2:us-east-1:111122223333:security-group/*", "arn:aws:ec2:us-east-1:111122223333:subnet/*",
                "arn:aws:ec2:us-east-1:111122223333:route-table/*"]},
               {"Effect": "Allow", "Action": "ec2:CreateVpcEndpoint",
                "Resource": ["arn:aws:ec2:us-east-1:111122223333:vpc-endpoint/*"],
                "Condition": {"StringEquals": {"ec2:VpceServiceOwner": ["amazon"]}}}"#,
        ] {
            identity(statement, &[]);
        }
    }

    #[test]
    fn a_name_that_ec2_or_sts_does_not_have_is_told_and_one_that_is_not_played_is_not() {
        identity(
            r#"{"Effect": "Allow", "Action": ["ec2:CreateVpcEndpoints", "ec2:RunInstances", "ec2:Describe*", "sts:AssumeRoles", "s3:GetObject"], "Resource": "*"}"#,
            &[
                "unknown-action /Statement/0/Action/0 `ec2:CreateVpcEndpoints` is no action; did you mean `ec2:CreateVpcEndpoint`?",
                "unknown-action /Statement/0/Action/3 `sts:AssumeRoles` is no action; did you mean `sts:AssumeRole`?",
            ],
        );
    }

    #[test]
    fn actions_and_resources_that_do_not_go_together_are_told() {
        identity(
            r#"{"Effect": "Allow", "Action": ["ec2:DescribeVpcs", "ec2:ModifyVpcEndpoint"], "Resource": "arn:aws:ec2:*:*:vpc/*"}"#,
            &[
                "action-not-covered /Statement/0/Action/0 `ec2:DescribeVpcs` is authorised on `*`, which no ARN covers; it needs `\"Resource\": \"*\"`",
                "action-not-covered /Statement/0/Action/1 `ec2:ModifyVpcEndpoint` is authorised on a route-table or security-group or subnet or vpc-endpoint, and no resource of the statement can be one",
                "resource-never-matches /Statement/0/Resource no action of the statement is authorised on `arn:aws:ec2:*:*:vpc/*`",
            ],
        );
        // Not every resource of these actions is known.
        for statement in [
            r#"{"Effect": "Allow", "Action": "ec2:*", "Resource": "arn:aws:ec2:*:*:instance/*"}"#,
            r#"{"Effect": "Allow", "Action": "ec2:CreateTags", "Resource": "arn:aws:ec2:*:*:instance/*"}"#,
            r#"{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:lookoutvision:*:*:model/myProject/*"}"#,
            r#"{"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": "arn:aws:iam::*:role/factory/line-7/inspector"}"#,
        ] {
            identity(statement, &[]);
        }
        identity(
            r#"{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:lookoutvision:*:*:modle/myProject/*"}"#,
            &[
                "resource-never-matches /Statement/0/Resource no action of the statement is authorised on `arn:aws:lookoutvision:*:*:modle/myProject/*`",
            ],
        );
    }

    #[test]
    fn a_key_that_no_pair_of_the_statement_has_is_told() {
        let on = |resource: &str, key: &str| {
            format!(
                r#"{{"Effect": "Allow", "Action": "ec2:CreateVpcEndpoint", "Resource": "arn:aws:ec2:*:*:{resource}", "Condition": {{"StringEquals": {{"{key}": "x"}}}}}}"#
            )
        };
        identity(&on("vpc-endpoint/*", "ec2:VpceServiceName"), &[]);
        identity(&on("*", "ec2:VpceServiceName"), &[]);
        identity(
            &on("vpc/*", "ec2:VpceServiceName"),
            &[
                "condition-never-true /Statement/0/Condition/StringEquals/ec2:VpceServiceName `StringEquals` on `ec2:VpceServiceName` is never true: no action of the statement has the key on a resource of the statement",
            ],
        );
        identity(
            &on("vpc-endpoint/*", "ec2:CreateAction"),
            &[
                "condition-never-true /Statement/0/Condition/StringEquals/ec2:CreateAction `StringEquals` on `ec2:CreateAction` is never true: no action of the statement has the key",
            ],
        );
        identity(
            &on("vpc-endpoint/*", "ec2:InstanceType"),
            &[
                "condition-never-true /Statement/0/Condition/StringEquals/ec2:InstanceType `StringEquals` on `ec2:InstanceType` is never true: no request to `ec2` has the key",
            ],
        );
        identity(
            &on("vpc-endpoint/*", "ec2:VpcePrivateDnsPreference"),
            &[
                "key-not-simulated /Statement/0/Condition/StringEquals/ec2:VpcePrivateDnsPreference `StringEquals` on `ec2:VpcePrivateDnsPreference` is never true here: AWS sets the key, and nothing here does",
            ],
        );
        // With further actions the keys are not known, except for those of all requests.
        let all = |key: &str| {
            format!(
                r#"{{"Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": {{"StringEquals": {{"{key}": "x"}}}}}}"#
            )
        };
        identity(&all("ec2:InstanceType"), &[]);
        identity(
            &all("aws:FederatedProvider"),
            &[
                "key-not-simulated /Statement/0/Condition/StringEquals/aws:FederatedProvider `StringEquals` on `aws:FederatedProvider` is never true here: AWS sets the key, and nothing here does",
            ],
        );
        // Keys of another service's actions in a statement without such actions.
        identity(
            r#"{"Effect": "Allow", "Action": "lookoutvision:*", "Resource": "*", "Condition": {"StringEquals": {"ec2:VpcID": "vpc-1a2b3c4d"}}}"#,
            &[
                "condition-never-true /Statement/0/Condition/StringEquals/ec2:VpcID `StringEquals` on `ec2:VpcID` is never true: no action of the statement has the key",
            ],
        );
    }

    #[test]
    fn trust_policies_are_about_sts() {
        let trust = |action: &str, condition: &str| {
            format!(
                r#"{{"Effect": "Allow", "Principal": {{"AWS": "123456789012"}}, "Action": "{action}", "Condition": {{"StringEquals": {{{condition}}}}}}}"#
            )
        };
        let check = |statement: &str, expected: &[&str]| check(PolicyType::RoleTrust, statement, expected);
        check(&trust("sts:AssumeRole", r#""sts:ExternalId": "x""#), &[]);
        check(
            &trust("sts:TagSession", r#""sts:ExternalId": "x""#),
            &[
                "nothing-allowed  no `Allow` statement of the policy can apply, so nobody can assume the role",
                "condition-never-true /Statement/0/Condition/StringEquals/sts:ExternalId `StringEquals` on `sts:ExternalId` is never true: no action of the statement has the key",
            ],
        );
        // The classic mistake: the condition stands for the other permission of the call as well.
        let both = r#"{"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": {"StringEquals": {"sts:ExternalId": "x"}}}"#;
        check(
            both,
            &[
                "condition-never-true /Statement/0/Action/1 `sts:TagSession` does not have the key `sts:ExternalId`, so `StringEquals` on it keeps the statement from applying",
            ],
        );
        check(&both.replace("StringEquals", "StringEqualsIfExists"), &[]);
        check(
            &trust(
                "sts:AssumeRoleWithWebIdentity",
                r#""token.actions.githubusercontent.com:aud": "sts.amazonaws.com""#,
            ),
            &[],
        );
    }
}
