//! Values that a condition key or an ARN can never have, each reported with what it would have instead.

use iam_policy::lint::{Fact, FactScope, ResourceType, Service, ServiceAction, Subject, lint};
use iam_policy::{Decision, Policies, PolicyDocument, PolicyType, Request, RequestContext, evaluate};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

const SERVICE: Service<'_> = Service {
    prefix: "lookoutvision",
    actions: &[
        ServiceAction {
            prefix: "lookoutvision",
            name: "DetectAnomalies",
            resource_types: &["model"],
            condition_keys: &[],
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
    condition_keys: None,
    always_set_keys: &[
        "aws:PrincipalArn",
        "aws:PrincipalAccount",
        "aws:PrincipalType",
        "aws:userid",
        "aws:RequestedRegion",
        "aws:SecureTransport",
        "aws:ViaAWSService",
        "aws:CurrentTime",
        "aws:EpochTime",
    ],
    unset_keys: &[],
};

fn fact(subject: Subject<'static>, values: &[&str], reason: &str, scope: FactScope) -> Fact<'static> {
    Fact {
        subject,
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        values_elsewhere: Vec::new(),
        reason: reason.to_owned(),
        scope,
    }
}

/// The findings of a statement in an identity policy, without their places
fn findings_of(statement: &Value, policy_type: PolicyType, facts: &[Fact<'_>]) -> Vec<(String, String)> {
    let text = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    let findings = lint(&text, policy_type, &SERVICE, facts);
    findings
        .into_iter()
        .map(|finding| (finding.code.to_string(), finding.message))
        .collect()
}

fn statement(effect: &str, operator: &str, key: &str, values: &Value) -> Value {
    json!({"Effect": effect, "Action": "lookoutvision:*", "Resource": "*", "Condition": {operator: {key: values}}})
}

/// Checks the only finding about a condition of an Allow in an identity policy
#[track_caller]
fn check(operator: &str, key: &str, value: &str, code: &str, message: &str) {
    let found = findings_of(
        &statement("Allow", operator, key, &json!(value)),
        PolicyType::Identity,
        &[],
    );
    let expected = vec![(code.to_owned(), message.to_owned())];
    assert_eq!(found, expected, "{operator} {key} {value}");
}

/// Checks that a condition is never true, for this reason
#[track_caller]
fn check_never(operator: &str, key: &str, value: &str, why: &str) {
    let message = format!("`{operator}` on `{key}` is never true: {why}");
    check(operator, key, value, "condition-never-true", &message);
}

#[track_caller]
fn check_silent(operator: &str, key: &str, value: &str) {
    let found = findings_of(
        &statement("Allow", operator, key, &json!(value)),
        PolicyType::Identity,
        &[],
    );
    assert_eq!(found, [], "{operator} {key} {value}");
}

#[test]
fn a_session_has_the_arn_of_its_role() {
    const WHY: &str = "`arn:aws:sts::123456789012:assumed-role/inspector/*` names a session, and the key of a session is \
        the ARN of its role: `arn:aws:iam::123456789012:role/inspector`, with the role's path before its name if it has \
        one";
    let session = "arn:aws:sts::123456789012:assumed-role/inspector/*";
    for operator in ["ArnLike", "ArnEquals", "StringLike"] {
        check_never(operator, "aws:PrincipalArn", session, WHY);
    }
    check(
        "ArnNotLike",
        "aws:PrincipalArn",
        session,
        "condition-always-true",
        &format!("`ArnNotLike` on `aws:PrincipalArn` is always true: {WHY}"),
    );
    // The wildcard of a String operator matches across colons, and no federated user has a colon in its name.
    for (pattern, role) in [
        ("arn:aws:sts::*:assumed-role/*", "arn:aws:iam::*:role/*"),
        (
            "arn:aws:sts::*:assumed-role/inspector/line-?",
            "arn:aws:iam::*:role/inspector",
        ),
    ] {
        let why = format!(
            "`{pattern}` names a session, and the key of a session is the ARN of its role: `{role}`, with the role's path \
             before its name if it has one"
        );
        for operator in ["ArnLike", "StringLike"] {
            check_never(operator, "aws:PrincipalArn", pattern, &why);
        }
    }
    for arn in [
        "arn:aws:iam::123456789012:role/inspector",
        "arn:aws:iam::123456789012:role/factory/*",
        "arn:aws-cn:iam::*:user/alice",
        "arn:*:sts::123456789012:federated-user/bob",
        "arn:aws:iam::123456789012:root",
        "arn:aws:iam::${aws:PrincipalAccount}:role/x",
        "*",
    ] {
        check_silent("ArnLike", "aws:PrincipalArn", arn);
    }
    check_silent("StringLike", "aws:PrincipalArn", "*:role/inspector");
    check_silent(
        "StringLike",
        "aws:PrincipalArn",
        "arn:aws:sts::*:federated-user/*",
    );
}

#[test]
fn the_parts_of_an_arn_have_their_forms() {
    check_never(
        "ArnEquals",
        "aws:PrincipalArn",
        "arn:aws:iam::12345:role/x",
        "in the account part of `arn:aws:iam::12345:role/x`, `12345` is not an account id of twelve digits, such as \
         `123456789012`",
    );
    check_never(
        "ArnEquals",
        "aws:PrincipalArn",
        "arn:aws:iam::1234-5678-9012:role/x",
        "in the account part of `arn:aws:iam::1234-5678-9012:role/x`, `1234-5678-9012` is not an account id; it is \
         written `123456789012`",
    );
    check_never(
        "StringEquals",
        "aws:PrincipalArn",
        "arn:awz:iam::123456789012:role/x",
        "in the partition part of `arn:awz:iam::123456789012:role/x`, `awz` is none of `aws`, `aws-cn`, `aws-us-gov`, \
         `aws-iso`, `aws-iso-b`, `aws-iso-e`, `aws-iso-f` and `aws-eusc`",
    );
    for value in [
        "arn:aws:iam:us-east-1:123456789012:role/x",
        "arn:aws:iam::123456789012:group/x",
        "arn:aws:lambda::123456789012:function/x",
    ] {
        check_never(
            "ArnLike",
            "aws:PrincipalArn",
            value,
            &format!(
                "`{value}` is not the ARN of a user, a role, a federated user or an account's root, such as \
                 `arn:aws:iam::123456789012:user/alice` or `arn:aws:iam::123456789012:role/inspector`"
            ),
        );
    }
}

#[test]
fn each_key_has_values_of_its_own() {
    let types = "`Account`, `User`, `FederatedUser`, `AssumedRole` and `Anonymous`";
    for (operator, key, value, why) in [
        (
            "StringEquals",
            "aws:PrincipalType",
            "Role",
            format!("`Role` is none of {types}; a session of a role has `AssumedRole`"),
        ),
        (
            "StringLike",
            "aws:PrincipalType",
            "AWS*",
            format!("`AWS*` is none of {types}"),
        ),
        (
            "StringEquals",
            "aws:RequestedRegion",
            "us-east-1a",
            "`us-east-1a` is an Availability Zone; its Region is `us-east-1`".to_owned(),
        ),
        (
            "StringEquals",
            "aws:RequestedRegion",
            "US_EAST_1",
            "`US_EAST_1` is not the name of a Region; it is written `us-east-1`".to_owned(),
        ),
        (
            "StringEquals",
            "aws:RequestedRegion",
            "Oregon",
            "`Oregon` is not the name of a Region, such as `us-west-2`".to_owned(),
        ),
        (
            "StringEquals",
            "aws:PrincipalOrgID",
            "a1b2c3d4e5",
            "`a1b2c3d4e5` is not the id of an organization, which would be `o-a1b2c3d4e5`".to_owned(),
        ),
        (
            "StringEqualsIgnoreCase",
            "aws:ResourceOrgID",
            "r-ab12",
            "`r-ab12` is not the id of an organization: `o-` and 10 to 32 of [a-z0-9], such as `o-a1b2c3d4e5`".to_owned(),
        ),
        (
            "StringEquals",
            "aws:ResourceAccount",
            "12345678901",
            "`12345678901` is not an account id of twelve digits, such as `123456789012`".to_owned(),
        ),
        (
            "StringEquals",
            "aws:PrincipalAccount",
            "1234-5678-9012",
            "`1234-5678-9012` is not an account id; it is written `123456789012`".to_owned(),
        ),
        (
            "StringEquals",
            "aws:VpcSourceIp",
            "10.0.0.0/16",
            "`10.0.0.0/16` is not an address, such as `10.0.1.17`; a block of addresses needs `IpAddress`".to_owned(),
        ),
        (
            "StringEquals",
            "aws:SecureTransport",
            "True",
            "`True` is neither `true` nor `false`".to_owned(),
        ),
        (
            "StringLike",
            "aws:CurrentTime",
            "31.01.2026*",
            "`31.01.2026*` is not a date, such as `2026-01-31T00:00:00Z`".to_owned(),
        ),
        (
            "StringEquals",
            "aws:userid",
            "alice",
            "`alice` is not a unique id, such as `AIDACKCEVSQ6C2EXAMPLE` of a user or `AROACKCEVSQ6C2EXAMPLE:line7` of a \
             session; names are in `aws:username` and `aws:PrincipalArn`"
                .to_owned(),
        ),
        (
            "StringLike",
            "aws:userid",
            "AROACKCEVSQ6C2EXAMPLE",
            "`AROACKCEVSQ6C2EXAMPLE` is a role's, and the key of its sessions goes on with their name: \
             `AROACKCEVSQ6C2EXAMPLE:*`, which takes `StringLike`"
                .to_owned(),
        ),
        (
            "StringEquals",
            "aws:username",
            "arn:aws:iam::123456789012:user/factory/alice",
            "`arn:aws:iam::123456789012:user/factory/alice` is not the name of a user, which has neither path nor ARN; it \
             would be `alice`"
                .to_owned(),
        ),
    ] {
        check_never(operator, key, value, &why);
    }
    for (operator, key, value) in [
        ("StringEquals", "aws:PrincipalType", "AssumedRole"),
        ("StringEqualsIgnoreCase", "aws:PrincipalType", "assumedrole"),
        ("StringLike", "aws:PrincipalType", "*User"),
        ("StringLike", "aws:RequestedRegion", "us-*"),
        ("StringEquals", "aws:RequestedRegion", "us-gov-west-1"),
        ("StringLike", "aws:RequestedRegion", "eu-central-?"),
        ("StringEquals", "aws:PrincipalOrgID", "o-a1b2c3d4e5"),
        ("StringEquals", "aws:PrincipalAccount", "anonymous"),
        ("NumericEquals", "aws:PrincipalAccount", "123456789012"),
        ("StringEquals", "aws:VpcSourceIp", "10.0.1.17"),
        ("StringLike", "aws:VpcSourceIp", "10.0.*"),
        ("StringLike", "aws:CurrentTime", "2026-*"),
        ("NumericLessThan", "aws:EpochTime", "1780272000"),
        ("DateLessThan", "aws:EpochTime", "2026-01-31T00:00:00Z"),
        ("StringLike", "aws:userid", "AROACKCEVSQ6C2EXAMPLE:*"),
        ("StringLike", "aws:userid", "AROACKCEVSQ6C2EXAMPLE*"),
        ("StringEquals", "aws:userid", "AIDACKCEVSQ6C2EXAMPLE"),
        ("StringEquals", "aws:userid", "123456789012:bob"),
        ("StringEquals", "aws:username", "al.ice+2@example.com"),
        ("StringEquals", "aws:username", "${aws:PrincipalTag/name}"),
        (
            "StringEquals",
            "aws:PrincipalTag/role",
            "arn:aws:sts::1:assumed-role/x",
        ),
    ] {
        check_silent(operator, key, value);
    }
}

#[test]
fn an_operator_must_be_able_to_read_the_keys_values() {
    for (operator, key, value, why) in [
        (
            "NumericLessThan",
            "aws:CurrentTime",
            "20260131",
            "the key holds a date, such as `2026-01-31T00:00:00Z`, which the operator cannot read; use a Date operator",
        ),
        (
            "ArnLike",
            "aws:PrincipalAccount",
            "arn:aws:iam::123456789012:root",
            "the key holds an account id, which the operator cannot read; use a String operator",
        ),
        (
            "ArnEquals",
            "aws:username",
            "*",
            "the key holds a name, which the operator cannot read; use a String operator",
        ),
        (
            "Bool",
            "aws:PrincipalType",
            "true",
            "the key holds a text, which the operator cannot read; use a String operator",
        ),
        (
            "IpAddress",
            "aws:PrincipalArn",
            "10.0.0.0/8",
            "the key holds an ARN, which the operator cannot read; use an Arn operator",
        ),
        (
            "NumericEquals",
            "aws:SecureTransport",
            "1",
            "the key holds `true` or `false`, which the operator cannot read; use `Bool`",
        ),
        (
            "DateEquals",
            "aws:VpcSourceIp",
            "2026-01-31",
            "the key holds an address, which the operator cannot read; use `IpAddress`",
        ),
    ] {
        check_never(operator, key, value, why);
    }
}

#[test]
fn what_the_loader_says_of_a_value_is_said_once_unless_it_makes_the_condition_true() {
    let codes = |operator: &str, key: &str, value: &str| -> Vec<String> {
        let found = findings_of(
            &statement("Allow", operator, key, &json!(value)),
            PolicyType::Identity,
            &[],
        );
        found.into_iter().map(|(code, _)| code).collect()
    };
    check(
        "DateLessThan",
        "aws:CurrentTime",
        "soon",
        "unreadable-value",
        "`soon` is not a date, such as `2026-01-31T00:00:00Z`; it matches nothing",
    );
    assert_eq!(
        codes("DateNotEquals", "aws:CurrentTime", "soon"),
        ["unreadable-value", "condition-always-true"]
    );
    assert_eq!(
        codes("StringEquals", "aws:SourceVpc", "10.0.0.0/16"),
        ["invalid-vpc-id"]
    );
    assert_eq!(
        codes("StringNotEquals", "aws:SourceVpce", "vpc-0a1b2c3d"),
        ["invalid-vpc-endpoint-id", "condition-always-true"]
    );
    assert_eq!(
        codes("StringLike", "aws:SourceVpce", "vpc-*"),
        ["condition-never-true"]
    );
}

#[test]
fn one_value_of_several_is_told_at_its_place() {
    let text = json!({"Version": "2012-10-17", "Statement": [
        statement("Allow", "StringEquals", "aws:PrincipalType", &json!(["User", "Role"])),
        statement("Allow", "StringEqualsIfExists", "aws:PrincipalOrgID", &json!("example")),
    ]})
    .to_string();
    let findings = lint(&text, PolicyType::Identity, &SERVICE, &[]);
    let found: Vec<_> = findings
        .iter()
        .map(|finding| {
            (
                finding.code.as_str(),
                finding.path.as_str(),
                finding.message.as_str(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (
                "value-never-matches",
                "/Statement/0/Condition/StringEquals/aws:PrincipalType/1",
                "`aws:PrincipalType` never has such a value: `Role` is none of `Account`, `User`, `FederatedUser`, \
                 `AssumedRole` and `Anonymous`; a session of a role has `AssumedRole`"
            ),
            (
                "value-never-matches",
                "/Statement/1/Condition/StringEqualsIfExists/aws:PrincipalOrgID",
                "`aws:PrincipalOrgID` never has such a value: `example` is not the id of an organization: `o-` and 10 to \
                 32 of [a-z0-9], such as `o-a1b2c3d4e5`"
            ),
        ]
    );
}

#[test]
fn a_resource_has_a_region_an_account_and_their_partition() {
    let found = |resource: &str, facts: &[Fact<'_>]| {
        let statement = json!({"Effect": "Allow", "Action": "lookoutvision:DetectAnomalies",
            "Resource": [resource, "arn:aws:lookoutvision:*:*:model/*"]});
        findings_of(&statement, PolicyType::Identity, facts)
    };
    for (resource, why) in [
        (
            "arn:aws:lookoutvision:us-west-2:12345:model/a/1",
            "in its account part `12345` is not an account id of twelve digits, such as `123456789012`",
        ),
        (
            "arn:aws:lookoutvision:us-west-2::model/a/1",
            "its account part is empty, where an account id of twelve digits would be",
        ),
        (
            "arn:aws:lookoutvision:us-west-2b:123456789012:model/a/1",
            "in its Region part `us-west-2b` is an Availability Zone; its Region is `us-west-2`",
        ),
        (
            "arn:aws:lookoutvision:uswest2:123456789012:model/a/1",
            "in its Region part `uswest2` is not the name of a Region, such as `us-west-2`",
        ),
        (
            "arn:aws-cn:lookoutvision:us-west-2:123456789012:model/a/1",
            "the Region `us-west-2` lies in the partition `aws`, not in `aws-cn`",
        ),
        (
            "arn:aws:lookoutvision:cn-north-1:123456789012:model/a/1",
            "the Region `cn-north-1` lies in the partition `aws-cn`, not in `aws`",
        ),
    ] {
        let expected = (
            "resource-never-matches".to_owned(),
            format!("`{resource}` never matches: {why}"),
        );
        assert_eq!(found(resource, &[]), [expected]);
    }
    for resource in [
        "arn:aws:lookoutvision:us-*:123456789012:model/a/1",
        "arn:*:lookoutvision:us-west-2:*:model/a/1",
        "arn:aws-us-gov:lookoutvision:us-gov-west-1:1234567890??:model/a/1",
    ] {
        assert_eq!(found(resource, &[]), [], "{resource}");
    }
    let facts = [
        fact(
            Subject::ArnRegion,
            &["us-west-2"],
            "there are VPCs in `us-west-2`",
            FactScope::Aws,
        ),
        fact(
            Subject::ArnAccount,
            &["123456789012"],
            "resources belong to `123456789012`",
            FactScope::Aws,
        ),
    ];
    for (resource, why) in [
        (
            "arn:aws:lookoutvision:eu-west-1:123456789012:model/a/1",
            "its Region is `eu-west-1`, and there are VPCs in `us-west-2`",
        ),
        (
            "arn:aws:lookoutvision:us-west-2:999999999999:model/a/1",
            "its account is `999999999999`, and resources belong to `123456789012`",
        ),
    ] {
        let expected = (
            "resource-never-matches".to_owned(),
            format!("`{resource}` never matches: {why}"),
        );
        assert_eq!(found(resource, &facts), [expected]);
    }
    let excepted = json!({"Effect": "Deny", "Action": "lookoutvision:*",
        "NotResource": "arn:aws:lookoutvision:us-west-2:12345:model/a/1"});
    assert_eq!(
        findings_of(&excepted, PolicyType::Identity, &[]),
        [(
            "resource-never-matches".to_owned(),
            "`arn:aws:lookoutvision:us-west-2:12345:model/a/1` excepts nothing: in its account part `12345` is not an \
             account id of twelve digits, such as `123456789012`"
                .to_owned()
        )]
    );
}

#[test]
fn the_arns_of_other_services_and_principals_have_their_forms_too() {
    let of = |resource: &str| -> Vec<String> {
        let statement = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": resource});
        let found = findings_of(&statement, PolicyType::Identity, &[]);
        found
            .into_iter()
            .map(|(code, message)| format!("{code} {message}"))
            .collect()
    };
    assert_eq!(
        of("arn:aws:iam::1234-5678-9012:role/inspector"),
        [
            "resource-never-matches `arn:aws:iam::1234-5678-9012:role/inspector` never matches: in its account part \
          `1234-5678-9012` is not an account id; it is written `123456789012`"
        ]
    );
    assert_eq!(
        of("arn:aws:ec2:us-west-2a:123456789012:vpc-endpoint/*"),
        [
            "resource-never-matches `arn:aws:ec2:us-west-2a:123456789012:vpc-endpoint/*` never matches: in its Region part \
          `us-west-2a` is an Availability Zone; its Region is `us-west-2`"
        ]
    );
    for resource in [
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
        "arn:aws:s3:::bucket/*",
        "arn:aws:iam::*:role/x",
        "arn:aws:ec2:us-west-2::image/*",
    ] {
        assert_eq!(of(resource), [] as [&str; 0], "{resource}");
    }
    let principal = json!({"Effect": "Allow", "Principal": {"AWS": "arn:awz:iam::123456789012:user/alice"},
        "Action": "lookoutvision:*", "Resource": "*"});
    assert_eq!(
        findings_of(&principal, PolicyType::VpcEndpoint, &[]),
        [(
            "invalid-partition".to_owned(),
            "partition `awz` is not valid for principal `arn:awz:iam::123456789012:user/alice`".to_owned()
        )]
    );
}

#[test]
fn what_other_documents_are_asked_about_may_be_named_beside_ones_own() {
    let elsewhere = |subject: Subject<'static>| Fact {
        values_elsewhere: vec!["eu-west-1".to_owned()],
        ..fact(subject, &["us-west-2"], "this is `us-west-2`", FactScope::Aws)
    };
    let facts = [
        elsewhere(Subject::ArnRegion),
        elsewhere(Subject::Key("aws:RequestedRegion")),
    ];
    let arn = |region: &str| format!("arn:aws:lookoutvision:{region}:123456789012:model/a/1");
    let of_resources = |regions: &[&str]| -> Vec<String> {
        let resources: Vec<String> = regions.iter().map(|region| arn(region)).collect();
        let statement =
            json!({"Effect": "Allow", "Action": "lookoutvision:DetectAnomalies", "Resource": resources});
        let found = findings_of(&statement, PolicyType::Identity, &facts);
        found.into_iter().map(|(_, message)| message).collect()
    };
    let never = |region: &str| {
        format!(
            "`{}` never matches: its Region is `{region}`, and this is `us-west-2`",
            arn(region)
        )
    };
    assert_eq!(of_resources(&["us-west-2", "eu-west-1"]), [] as [&str; 0]);
    assert_eq!(of_resources(&["us-west-2", "eu-west-3"]), [never("eu-west-3")]);
    assert_eq!(of_resources(&["eu-west-1"]), [never("eu-west-1")]);
    let of_values = |values: &[&str]| -> Vec<String> {
        let statement = statement("Allow", "StringEquals", "aws:RequestedRegion", &json!(values));
        let found = findings_of(&statement, PolicyType::Identity, &facts);
        found.into_iter().map(|(_, message)| message).collect()
    };
    assert_eq!(of_values(&["us-west-2", "eu-west-1"]), [] as [&str; 0]);
    assert_eq!(
        of_values(&["us-west-2", "eu-west-3"]),
        [
            "`aws:RequestedRegion` never has such a value: the key is not `eu-west-3`, because this is `us-west-2`"
        ]
    );
    assert_eq!(
        of_values(&["eu-west-1"]),
        [
            "`StringEquals` on `aws:RequestedRegion` is never true: the key is not `eu-west-1`, because this is `us-west-2`"
        ]
    );
}

#[test]
fn a_known_value_decides_a_condition_and_a_guard_is_left_alone() {
    let facts = [fact(
        Subject::Key("aws:SecureTransport"),
        &["true"],
        "every request comes over TLS",
        FactScope::Aws,
    )];
    let found = |effect: &str, operator: &str, value: &str| {
        findings_of(
            &statement(effect, operator, "aws:SecureTransport", &json!(value)),
            PolicyType::Identity,
            &facts,
        )
    };
    let never = |operator: &str| {
        [(
            "condition-never-true".to_owned(),
            format!(
                "`{operator}` on `aws:SecureTransport` is never true: the key is not `false`, because every request comes \
                 over TLS"
            ),
        )]
    };
    assert_eq!(found("Allow", "Bool", "false"), never("Bool"));
    assert_eq!(found("Deny", "BoolIfExists", "false"), never("BoolIfExists"));
    assert_eq!(
        found("Deny", "Bool", "true"),
        [(
            "condition-always-true".to_owned(),
            "`Bool` on `aws:SecureTransport` is always true: every request comes over TLS".to_owned()
        )]
    );
    // An Allow may require what always holds, and a Deny may refuse what never happens, by its negation.
    assert_eq!(found("Allow", "Bool", "true"), []);
    assert_eq!(found("Deny", "StringNotEquals", "true"), []);
    assert_eq!(
        found("Allow", "StringNotEquals", "true"),
        [(
            "condition-never-true".to_owned(),
            "`StringNotEquals` on `aws:SecureTransport` is never true: every request comes over TLS"
                .to_owned()
        )]
    );
    let null = |effect: &str, value: &str| {
        findings_of(
            &statement(effect, "Null", "aws:PrincipalArn", &json!(value)),
            PolicyType::Identity,
            &[],
        )
    };
    let says = |outcome: &str, code: &str| {
        let message = format!("`Null` on `aws:PrincipalArn` is {outcome}: every request has the key");
        [(code.to_owned(), message)]
    };
    assert_eq!(null("Allow", "true"), says("never true", "condition-never-true"));
    assert_eq!(
        null("Deny", "false"),
        says("always true", "condition-always-true")
    );
    assert_eq!(null("Allow", "false"), []);
    assert_eq!(null("Deny", "true"), []);
}

#[test]
fn an_endpoints_own_key_is_measured_against_the_endpoint_where_it_is_known() {
    let facts = [fact(
        Subject::Key("aws:SourceVpce"),
        &["vpce-0a1b2c3d"],
        "this policy is attached to `vpce-0a1b2c3d`",
        FactScope::Aws,
    )];
    let found = |effect: &str, operator: &str, value: &str, facts: &[Fact<'_>]| {
        let mut statement = statement(effect, operator, "aws:SourceVpce", &json!(value));
        statement["Principal"] = json!("*");
        let findings = findings_of(&statement, PolicyType::VpcEndpoint, facts);
        let about_the_key = findings.into_iter().filter(|(code, _)| code != "nothing-allowed");
        about_the_key
            .map(|(code, message)| format!("{code} {message}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        found("Allow", "StringEquals", "vpce-99999999", &facts),
        [
            "condition-never-true `StringEquals` on `aws:SourceVpce` is never true: the key is not `vpce-99999999`, because \
          this policy is attached to `vpce-0a1b2c3d`"
        ]
    );
    assert_eq!(
        found("Deny", "StringNotEquals", "vpce-99999999", &facts),
        [
            "condition-always-true `StringNotEquals` on `aws:SourceVpce` is always true: the key is not `vpce-99999999`, \
          because this policy is attached to `vpce-0a1b2c3d`"
        ]
    );
    for (effect, operator) in [("Allow", "StringEquals"), ("Deny", "StringNotEquals")] {
        assert_eq!(
            found(effect, operator, "vpce-0a1b2c3d", &facts),
            [format!(
                "condition-constant this policy is attached to `vpce-0a1b2c3d`, so `{operator}` on `aws:SourceVpce` filters \
                 nothing"
            )]
        );
    }
    assert_eq!(
        found("Allow", "StringEquals", "vpce-99999999", &[]),
        [
            "condition-constant `aws:SourceVpce` is the same for every request that meets this policy, the endpoint that it \
          is attached to: the condition filters nothing if it names that one, and decides every request alike if it \
          names another"
        ]
    );
}

#[test]
fn a_document_that_allows_nothing_says_so_where_nothing_else_could_allow() {
    let of = |policy_type: PolicyType, statement: &Value, facts: &[Fact<'_>]| -> Vec<String> {
        let found = findings_of(statement, policy_type, facts);
        let nothing = found.into_iter().filter(|(code, _)| code == "nothing-allowed");
        nothing.map(|(_, message)| message).collect()
    };
    let deny = |policy_type: PolicyType| {
        let mut statement = json!({"Effect": "Deny", "Action": "lookoutvision:DeleteModel", "Resource": "*"});
        if policy_type.has_principal() {
            statement["Principal"] = json!("*");
        }
        if policy_type == PolicyType::RoleTrust {
            let members = statement.as_object_mut().unwrap();
            members.remove("Resource");
        }
        statement
    };
    for (policy_type, consequence) in [
        (
            PolicyType::VpcEndpoint,
            Some("every request over the endpoint is refused"),
        ),
        (
            PolicyType::PermissionsBoundary,
            Some("every request of its principal is refused"),
        ),
        (PolicyType::RoleTrust, Some("nobody can assume the role")),
        (PolicyType::Identity, None),
        (PolicyType::Session, None),
        (PolicyType::ServiceControl, None),
        (PolicyType::ResourceControl, None),
    ] {
        let expected: Vec<String> = consequence
            .map(|consequence| format!("the policy has no `Allow` statement, so {consequence}"))
            .into_iter()
            .collect();
        assert_eq!(
            of(policy_type, &deny(policy_type), &[]),
            expected,
            "{policy_type}"
        );
    }
    let org = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}});
    let no_organization = [fact(
        Subject::Key("aws:PrincipalOrgID"),
        &[],
        "there is no organization",
        FactScope::Here,
    )];
    assert_eq!(of(PolicyType::VpcEndpoint, &org, &[]), [] as [&str; 0]);
    assert_eq!(
        of(PolicyType::VpcEndpoint, &org, &no_organization),
        ["no `Allow` statement of the policy can apply here, so every request over the endpoint is refused"]
    );
}

/// Keys with values that they have in real requests.
const REAL_VALUES: &[(&str, &[&str])] = &[
    (
        "aws:PrincipalArn",
        &[
            "arn:aws:iam::123456789012:user/factory/alice",
            "arn:aws:iam::123456789012:role/inspector",
            "arn:aws-cn:sts::123456789012:federated-user/bob",
            "arn:aws:iam::123456789012:root",
        ],
    ),
    ("aws:PrincipalAccount", &["123456789012", "999999999999"]),
    (
        "aws:PrincipalType",
        &["Account", "User", "FederatedUser", "AssumedRole"],
    ),
    (
        "aws:userid",
        &[
            "AIDACKCEVSQ6C2EXAMPLE",
            "AROACKCEVSQ6C2EXAMPLE:line7",
            "123456789012",
            "123456789012:bob",
        ],
    ),
    ("aws:username", &["alice", "10.0.0.1", "2026", "true"]),
    (
        "aws:RequestedRegion",
        &["us-west-2", "us-gov-west-1", "ap-southeast-2"],
    ),
    ("aws:SecureTransport", &["true", "false"]),
    ("aws:CurrentTime", &["2026-01-31T00:00:00Z"]),
    ("aws:EpochTime", &["1780272000"]),
    ("aws:VpcSourceIp", &["10.0.1.17", "fe80::1"]),
    ("aws:PrincipalOrgID", &["o-a1b2c3d4e5"]),
    ("aws:SourceVpce", &["vpce-0a1b2c3d", "vpce-0a1b2c3d4e5f67890"]),
];

const OPERATORS: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericLessThan",
    "NumericNotEquals",
    "DateLessThan",
    "DateNotEquals",
    "Bool",
    "IpAddress",
    "NotIpAddress",
    "ArnLike",
    "ArnNotEquals",
    "Null",
];

/// What people write, right and wrong.
const WRITTEN: &[&str] = &[
    "true",
    "false",
    "True",
    "*",
    "a*",
    "*a",
    "?",
    "",
    "alice",
    "10.0.0.1",
    "10.0.0.0/8",
    "::/0",
    "2026",
    "1780272000",
    "2026-01-31",
    "2027-01-31T00:00:00Z",
    "123456789012",
    "1234",
    "User",
    "Role",
    "*Role",
    "us-west-2",
    "us-*",
    "us-west-2a",
    "o-a1b2c3d4e5",
    "a1b2c3d4e5",
    "vpce-0a1b2c3d",
    "vpc-*",
    "AROACKCEVSQ6C2EXAMPLE",
    "AROACKCEVSQ6C2EXAMPLE:*",
    "arn:aws:iam::123456789012:role/inspector",
    "arn:aws:iam::*:user/*",
    "arn:*:sts::123456789012:*",
    "arn:aws:sts::123456789012:assumed-role/inspector/*",
    "arn:aws:iam:role/x",
    "${aws:PrincipalAccount}",
    "arn:aws:iam::${aws:PrincipalAccount}:root",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_048, ..ProptestConfig::default() })]

    /// Lint may fail to see that a condition is constant, but a condition that it calls constant must be constant.
    #[test]
    fn a_condition_that_lint_calls_constant_is_constant_in_every_real_request(
        (key, values) in select(REAL_VALUES),
        set in select(&["", "", "", "ForAllValues:", "ForAnyValue:"][..]),
        base in select(OPERATORS),
        if_exists in select(&["", "IfExists"][..]),
        written in subsequence(WRITTEN, 1..=3),
    ) {
        let if_exists = if base == "Null" { "" } else { if_exists };
        let written = if base == "Bool" { &written[..1] } else { &written[..] };
        let operator = format!("{set}{base}{if_exists}");
        let text = json!({"Version": "2012-10-17", "Statement":
            statement("Allow", &operator, key, &json!(written))})
        .to_string();
        let Ok(document) = PolicyDocument::parse_stored(&text, PolicyType::Identity) else {
            return Ok(());
        };
        let findings = lint(&text, PolicyType::Identity, &SERVICE, &[]);
        let says = |code: &str| findings.iter().any(|finding| finding.code.as_str() == code);
        let documents = [document];
        let is_always_set = SERVICE.always_set_keys.contains(&key);
        let requests = values.iter().map(Some).chain((!is_always_set).then_some(None));
        for value in requests {
            let mut context = RequestContext::new();
            context.insert("aws:PrincipalAccount", "123456789012");
            if let Some(value) = value {
                context.insert(key, *value);
            }
            let policies = Policies { identity: Some(&documents), ..Policies::default() };
            let request = Request {
                principal: &"arn:aws:iam::123456789012:user/alice".parse().unwrap(),
                action: &"lookoutvision:ListModels".parse().unwrap(),
                resource: &"*".parse().unwrap(),
                resource_account: Some("123456789012"),
                context: &context,
            };
            let holds = evaluate(&policies, &request).decision == Decision::Allowed;
            prop_assert!(!(holds && says("condition-never-true")), "{text} with {value:?}: {findings:?}");
            prop_assert!(holds || !says("condition-always-true"), "{text} with {value:?}: {findings:?}");
        }
    }
}
