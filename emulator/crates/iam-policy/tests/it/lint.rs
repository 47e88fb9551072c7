//! Lint, for a service with three kinds of actions: on models, on projects, and on `*`.

use iam_policy::PolicyType;
use iam_policy::lint::{ResourceType, Service, ServiceAction, lint};

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
            name: "CreateModel",
            resource_types: &["model"],
            condition_keys: &["aws:ResourceTag/", "aws:RequestTag/", "aws:TagKeys"],
            resource_keys: &[],
            takes_any_resource: false,
        },
        ServiceAction {
            prefix: "lookoutvision",
            name: "CreateProject",
            resource_types: &["project"],
            condition_keys: &[],
            resource_keys: &[],
            takes_any_resource: false,
        },
        ServiceAction {
            prefix: "lookoutvision",
            name: "CreateDataset",
            resource_types: &[],
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
    resource_types: &[
        ResourceType {
            name: "model",
            arn: "arn:${Partition}:lookoutvision:${Region}:${Account}:model/${ProjectName}/${ModelVersion}",
        },
        ResourceType {
            name: "project",
            arn: "arn:${Partition}:lookoutvision:${Region}:${Account}:project/${ProjectName}",
        },
    ],
    condition_keys: Some(&[
        "aws:SourceVpce",
        "aws:SourceVpc",
        "aws:VpcSourceIp",
        "aws:SourceIp",
        "aws:PrincipalArn",
        "aws:PrincipalTag/",
        "aws:ResourceTag/",
        "aws:RequestTag/",
        "aws:TagKeys",
    ]),
    always_set_keys: &[],
    unset_keys: &["aws:TokenIssueTime"],
};

/// The findings for an endpoint policy of these statements: code, path, and message.
fn findings(statements: &str) -> Vec<String> {
    let text = format!("{{\"Version\": \"2012-10-17\", \"Statement\": [\n{statements}\n]}}");
    lint(&text, PolicyType::VpcEndpoint, &SERVICE, &[])
        .iter()
        .map(|finding| format!("{} {} {}", finding.code, finding.path, finding.message))
        .collect()
}

const NOTHING_CAN_ALLOW: &str = "nothing-allowed  no `Allow` statement of the policy can apply, so every request over the endpoint is refused";
const NOTHING_ALLOWS: &str =
    "nothing-allowed  the policy has no `Allow` statement, so every request over the endpoint is refused";

#[track_caller]
fn check(statements: &str, expected: &[&str]) {
    assert_eq!(findings(statements), expected, "{statements}");
}

#[test]
fn a_sound_policy_has_no_findings() {
    check(
        r#"{"Effect": "Allow", "Principal": "*", "Action": "lookoutvision:Detect*",
            "Resource": "arn:aws:lookoutvision:*:123456789012:model/myProject/*",
            "Condition": {"StringEquals": {"aws:ResourceTag/stage": "production"}}},
           {"Effect": "Allow", "Principal": "*", "Action": ["lookoutvision:List*", "lookoutvision:CreateDataset"],
            "Resource": "*"},
           {"Effect": "Deny", "Principal": "*", "Action": "lookoutvision:CreateModel", "Resource": "*"}"#,
        &[],
    );
}

#[test]
fn an_unknown_action_names_its_nearest_neighbour() {
    check(
        r#"{"Effect": "Allow", "Principal": "*", "Resource": "*",
            "Action": ["lookoutvision:DetectAnomaly", "lookoutvison:CreateModel", "s3:*", "lookoutvision:Frobnicate*"]}"#,
        &[
            NOTHING_CAN_ALLOW,
            "unknown-action /Statement/0/Action/0 `lookoutvision:DetectAnomaly` is no action; did you mean `lookoutvision:DetectAnomalies`?",
            "unknown-action /Statement/0/Action/1 `lookoutvison:CreateModel` is no action; did you mean `lookoutvision:CreateModel`?",
            "other-service /Statement/0/Action/2 `s3:*` is an action of another service; this endpoint reaches `lookoutvision` only",
            "unknown-action /Statement/0/Action/3 `lookoutvision:Frobnicate*` is no action",
        ],
    );
}

#[test]
fn actions_and_resources_must_go_together() {
    let model = "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1";
    check(
        &format!(
            r#"{{"Effect": "Allow", "Principal": "*", "Resource": "{model}",
                "Action": ["lookoutvision:CreateDataset", "lookoutvision:CreateProject", "lookoutvision:Create*"]}}"#
        ),
        &[
            "action-not-covered /Statement/0/Action/0 `lookoutvision:CreateDataset` is authorised on `*`, which no ARN covers; it needs `\"Resource\": \"*\"`",
            "action-not-covered /Statement/0/Action/1 `lookoutvision:CreateProject` is authorised on a project, and no resource of the statement can be one",
        ],
    );
    check(
        &format!(
            r#"{{"Effect": "Allow", "Principal": "*", "Action": "lookoutvision:DetectAnomalies",
                "Resource": ["{model}", "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject"]}}"#
        ),
        &[
            "resource-never-matches /Statement/0/Resource/1 no action of the statement is authorised on \
            `arn:aws:lookoutvision:us-west-2:123456789012:model/myProject`",
        ],
    );
}

#[test]
fn a_deny_swallows_what_it_covers() {
    check(
        r#"{"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "lookoutvision:DetectAnomalies",
            "Resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/a/*"},
           {"Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "lookoutvision:detect*",
            "Resource": "arn:aws:lookoutvision:*:*:model/*"},
           {"Effect": "Deny", "Principal": "*", "Action": "lookoutvision:DetectAnomalies",
            "Resource": "arn:aws:lookoutvision:*:*:model/*",
            "Condition": {"StringEquals": {"aws:ResourceTag/a": "b"}}}"#,
        &[
            NOTHING_CAN_ALLOW,
            "swallowed-by-deny /Statement/0 statement 1 (`No`) denies everything that this statement is about",
            "swallowed-by-deny /Statement/2 statement 1 (`No`) denies everything that this statement is about",
        ],
    );
}

#[test]
fn a_deny_that_covers_less_swallows_nothing() {
    let deny = |rest: &str| {
        format!(
            r#"{{"Effect": "Allow", "Principal": "*", "Action": "lookoutvision:DetectAnomalies",
                "Resource": "arn:aws:lookoutvision:*:*:model/*"}},
               {{"Effect": "Deny", {rest}}}"#
        )
    };
    for rest in [
        r#""Principal": {"AWS": "123456789012"}, "Action": "*", "Resource": "*""#,
        r#""Principal": "*", "Action": "lookoutvision:DetectAnomalie?", "Resource": "arn:aws:lookoutvision:*:*:model/?/1""#,
        r#""Principal": "*", "Action": "*", "Resource": "arn:aws:lookoutvision:us-west-2:*:model/*""#,
        r#""Principal": "*", "NotAction": "lookoutvision:CreateModel", "Resource": "*""#,
        r#""Principal": "*", "Action": "*", "Resource": "*", "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/worker"}}"#,
    ] {
        let statements = deny(rest);
        assert!(
            !findings(&statements)
                .iter()
                .any(|finding| finding.contains("swallowed")),
            "{statements}"
        );
    }
}

#[test]
fn conditions_that_come_out_one_way_are_named() {
    let with = |condition: &str| {
        format!(
            r#"{{"Effect": "Allow", "Principal": "*", "Action": "lookoutvision:*", "Resource": "*", "Condition": {condition}}}"#
        )
    };
    check(
        &with(
            r#"{"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}, "NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}"#,
        ),
        &[
            NOTHING_CAN_ALLOW,
            "condition-never-true /Statement/0/Condition/IpAddress/aws:SourceIp `IpAddress` on `aws:SourceIp` is never true: a request over a VPC endpoint has no `aws:SourceIp`; use `aws:VpcSourceIp`",
            "condition-always-true /Statement/0/Condition/NotIpAddress/aws:SourceIp `NotIpAddress` on `aws:SourceIp` is always true: a request over a VPC endpoint has no `aws:SourceIp`; use `aws:VpcSourceIp`",
        ],
    );
    check(
        &with(r#"{"StringEquals": {"aws:SourceVpce": "vpce-0a1b2c3d"}}"#),
        &[
            "condition-constant /Statement/0/Condition/StringEquals/aws:SourceVpce `aws:SourceVpce` is the same for every request that meets this policy, the endpoint that it is attached to: the condition filters nothing if it names that one, and decides every request alike if it names another",
        ],
    );
    check(
        &with(r#"{"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}"#),
        &[
            "condition-always-true /Statement/0/Condition/StringEqualsIfExists/aws:PrincipalOrgID `StringEqualsIfExists` on `aws:PrincipalOrgID` is always true: no request to `lookoutvision` has the key",
        ],
    );
    check(
        r#"{"Effect": "Allow", "Principal": "*", "Action": "lookoutvision:CreateProject", "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/a": "b"}}}"#,
        &[
            NOTHING_CAN_ALLOW,
            "condition-never-true /Statement/0/Condition/StringEquals/aws:ResourceTag~1a `StringEquals` on `aws:ResourceTag/a` is never true: no action of the statement has the key",
        ],
    );
}

#[test]
fn if_exists_changes_nothing_for_any_value_and_the_outcome_told_is_the_one_that_comes() {
    check(
        r#"{"Effect": "Allow", "Principal": "*", "Action": "lookoutvision:CreateProject", "Resource": "*",
            "Condition": {"ForAnyValue:StringNotEqualsIfExists": {"aws:TagKeys": "a"}}}"#,
        &[
            NOTHING_CAN_ALLOW,
            "if-exists-ignored /Statement/0/Condition/ForAnyValue:StringNotEqualsIfExists `ForAnyValue:StringNotEqualsIfExists` is false when the key is absent: `ForAnyValue` needs a value, whatever `IfExists` says",
            "condition-never-true /Statement/0/Condition/ForAnyValue:StringNotEqualsIfExists/aws:TagKeys `ForAnyValue:StringNotEqualsIfExists` on `aws:TagKeys` is never true: no action of the statement has the key",
        ],
    );
    check(
        r#"{"Effect": "Allow", "Principal": "*", "Action": "lookoutvision:CreateProject", "Resource": "*",
            "Condition": {"ForAllValues:StringEqualsIfExists": {"aws:TagKeys": "a"}}}"#,
        &[
            "condition-always-true /Statement/0/Condition/ForAllValues:StringEqualsIfExists/aws:TagKeys `ForAllValues:StringEqualsIfExists` on `aws:TagKeys` is always true: no action of the statement has the key",
        ],
    );
}

#[test]
fn a_key_that_only_aws_sets_is_told_apart_from_one_that_nobody_sets() {
    check(
        r#"{"Effect": "Deny", "Principal": "*", "Action": "lookoutvision:*", "Resource": "*",
            "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2026-01-01T00:00:00Z"}}},
           {"Effect": "Deny", "Principal": "*", "Action": "lookoutvision:*", "Resource": "*",
            "Condition": {"DateLessThanIfExists": {"aws:TokenIssueTime": "2026-01-01T00:00:00Z"}}}"#,
        &[
            NOTHING_ALLOWS,
            "key-not-simulated /Statement/0/Condition/DateLessThan/aws:TokenIssueTime `DateLessThan` on `aws:TokenIssueTime` is never true here: AWS sets the key, and nothing here does",
            "key-not-simulated /Statement/1/Condition/DateLessThanIfExists/aws:TokenIssueTime `DateLessThanIfExists` on `aws:TokenIssueTime` is always true here: AWS sets the key, and nothing here does",
        ],
    );
}

#[test]
fn a_variable_that_nothing_fills_in_is_named_unless_it_has_a_default() {
    check(
        r#"{"Effect": "Allow", "Principal": "*", "Action": "lookoutvision:DetectAnomalies",
            "Resource": ["arn:aws:lookoutvision:*:*:model/${aws:SourceIp}/*",
                         "arn:aws:lookoutvision:*:*:model/${s3:prefix, 'x'}/*",
                         "arn:aws:lookoutvision:*:*:model/${aws:PrincipalTag/team}/*"],
            "Condition": {"StringLike": {"aws:PrincipalTag/team": ["a", "${aws:TokenIssueTime}"]}}}"#,
        &[
            "variable-never-set /Statement/0/Resource/0 `${aws:SourceIp}` makes the pattern match nothing: a request over a VPC endpoint has no `aws:SourceIp`; use `aws:VpcSourceIp`",
            "key-not-simulated /Statement/0/Condition/StringLike/aws:PrincipalTag~1team/1 `${aws:TokenIssueTime}` makes the pattern match nothing here: AWS sets the key, and nothing here does",
        ],
    );
}

#[test]
fn the_keys_of_another_service_are_not_judged() {
    let findings = lint(
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*",
            "Condition": {"StringLike": {"s3:prefix": "home/*"}}}}"#,
        PolicyType::Identity,
        &SERVICE,
        &[],
    );
    assert_eq!(findings, []);
}

#[test]
fn what_the_loader_finds_is_among_the_findings_also_when_nothing_loads() {
    let findings = lint(
        r#"{"Statement": [{"Effect": "allow"}]}"#,
        PolicyType::VpcEndpoint,
        &SERVICE,
        &[],
    );
    let codes: Vec<&str> = findings.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(
        codes,
        [
            "missing-version",
            "missing-principal",
            "missing-action",
            "missing-resource",
            "invalid-effect"
        ]
    );
}

#[test]
fn a_statement_without_its_list_has_a_path_without_index() {
    let findings = lint(
        "{\"Version\": \"2012-10-17\", \"Statement\":\n {\"Effect\": \"Allow\", \"Principal\": \"*\",\n  \"Action\": \"lookoutvision:X\", \"Resource\": \"*\"}}",
        PolicyType::VpcEndpoint,
        &SERVICE,
        &[],
    );
    let places: Vec<_> = findings
        .iter()
        .map(|f| (f.path.as_str(), f.line, f.column))
        .collect();
    assert_eq!(places, [("", 1, 1), ("/Statement/Action", 3, 13)]);
}
