//! Names in policies that do not exist, by examples.

use super::*;
use crate::config::Config;

const CONFIG: &str = "
principals:
  - arn: arn:aws:iam::123456789012:user/alice
    access_keys: [{access_key_id: alice, secret_access_key: alice}]
  - arn: arn:aws:iam::222222222222:user/guest
    access_keys: [{access_key_id: guest, secret_access_key: guest}]
vpcs: [{vpc_id: vpc-0000000a, region: us-west-2}]
vpc_endpoints: [{vpc_endpoint_id: vpce-0000000a, vpc_id: vpc-0000000a}]
projects:
  - {name: line-7, region: us-west-2, models: [{version: '1'}, {version: best}]}
  - {name: line-8, exists: false}
";

/// Where a statement names something that does not exist, and what that is
fn unknown(yaml: &str, policy_type: PolicyType, clauses: &str) -> Vec<(String, String)> {
    let config = Config::embedded(Some(yaml), None).unwrap_or_else(|problems| panic!("{problems}"));
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", {clauses}}}]}}"#);
    let document =
        PolicyDocument::parse(&text, policy_type).unwrap_or_else(|error| panic!("{error}: {text}"));
    let found = KnownNames::of(&config.settings).unknown_in(&document).into_iter();
    found.map(|found| (found.pointer, found.message)).collect()
}

fn of_resource(resource: &str) -> Vec<String> {
    let clauses = format!(r#""Principal": "*", "Action": "*", "Resource": "{resource}""#);
    let found = unknown(CONFIG, PolicyType::VpcEndpoint, &clauses);
    found
        .into_iter()
        .map(|(pointer, message)| {
            assert_eq!(pointer, "/Statement/0/Resource");
            message
        })
        .collect()
}

fn named(arn: &str, what: &str) -> Vec<String> {
    vec![format!("`{arn}` names {what}")]
}

#[test]
fn what_is_declared_is_not_remarked_upon() {
    for resource in [
        "*",
        "arn:aws:lookoutvision:*:*:*",
        "arn:aws:lookoutvision:us-west-2:123456789012:project/line-7",
        "arn:aws:lookoutvision:us-west-2:123456789012:model/line-7/1",
        "arn:aws:lookoutvision:us-west-2:123456789012:model/line-7/best",
        "arn:aws:lookoutvision:*:123456789012:model/line-?/9*",
        "arn:aws:lookoutvision:us-west-2:*:model/${aws:PrincipalTag/line}/1",
        // Only calls can create its models.
        "arn:aws:lookoutvision:us-west-2:123456789012:model/line-8/3",
        // Not played here, so nothing is known of it.
        "arn:aws:kms:us-east-1:999999999999:key/1",
        "arn:aws:s3:::bucket/*",
    ] {
        assert_eq!(of_resource(resource), [""; 0], "{resource}");
    }
}

#[test]
fn a_role_with_the_wrong_path_is_named_with_the_right_one() {
    let yaml = "
roles:
  - arn: arn:aws:iam::123456789012:role/line/inspector
    trust_policy: {Version: '2012-10-17', Statement: [
      {Effect: Allow, Principal: {AWS: '123456789012'}, Action: 'sts:AssumeRole'}]}
";
    for (named, is_told) in [
        ("arn:aws:iam::123456789012:role/inspector", true),
        ("arn:aws:iam::123456789012:role/lines/inspector", true),
        ("arn:aws:iam::123456789012:role/line/inspector", false),
        ("arn:aws:iam::123456789012:role/inspectors", false),
        ("arn:aws:iam::123456789012:user/inspector", false),
    ] {
        let clauses = format!(r#""Principal": {{"AWS": ["{named}"]}}, "Action": "*", "Resource": "*""#);
        let found = unknown(yaml, PolicyType::VpcEndpoint, &clauses);
        let message = format!(
            "`{named}` names no declared role, whose ARN has its path: \
             `arn:aws:iam::123456789012:role/line/inspector` is declared"
        );
        let expected = ("/Statement/0/Principal/AWS/0".to_owned(), message);
        assert_eq!(found, Vec::from_iter(is_told.then_some(expected)), "{named}");
    }
}

#[test]
fn another_account_is_named() {
    // For resources of the service, lint reports it.
    let own = "arn:aws:lookoutvision:us-west-2:999999999999:model/line-7/1";
    assert_eq!(of_resource(own), [""; 0]);
    let clauses = format!(r#""Principal": "*", "Action": "*", "NotResource": "{own}""#);
    let what = "account `999999999999`, and everything here belongs to `123456789012`";
    let (pointer, message) = unknown(CONFIG, PolicyType::VpcEndpoint, &clauses).remove(0);
    assert_eq!(
        (&*pointer, vec![message]),
        ("/Statement/0/NotResource", named(own, what))
    );
    // Also one that only a principal belongs to, in the ARNs of EC2; but not in those of IAM.
    let arn = "arn:aws:ec2:us-west-2:222222222222:vpc-endpoint/*";
    let what = "account `222222222222`, and everything here belongs to `123456789012`";
    assert_eq!(of_resource(arn), named(arn, what));
    assert_eq!(of_resource("arn:aws:iam::222222222222:role/inspector"), [""; 0]);

    let clauses = r#""Action": "*", "Resource": "*", "Principal": {"AWS": ["123456789012", "222222222222",
        "arn:aws:iam::999999999999:role/inspector", "888888888888"]}"#;
    let found = unknown(CONFIG, PolicyType::VpcEndpoint, clauses);
    let message = |account: &str| {
        format!(
            "names account `{account}`; everything here belongs to `123456789012`, and no principal and no role of \
             `{account}` is declared"
        )
    };
    assert_eq!(
        found,
        [
            ("/Statement/0/Principal/AWS/2".to_owned(), message("999999999999")),
            ("/Statement/0/Principal/AWS/3".to_owned(), message("888888888888")),
        ]
    );
}

#[test]
fn a_region_with_a_vpc_and_without_an_endpoint_is_named() {
    let arn = "arn:aws:lookoutvision:eu-west-1:123456789012:model/line-8/1";
    // For a Region without a VPC, lint reports it.
    assert_eq!(of_resource(arn), [""; 0]);
    let with_vpc = CONFIG.replace("vpcs: [", "vpcs: [{vpc_id: vpc-0000000b, region: eu-west-1}, ");
    let clauses = format!(r#""Principal": "*", "Action": "*", "Resource": "{arn}""#);
    let (_, message) = unknown(&with_vpc, PolicyType::VpcEndpoint, &clauses).remove(0);
    assert_eq!(
        vec![message],
        named(arn, "eu-west-1, where no VPC endpoint is declared")
    );
    // Where the public endpoint is allowed, an identity policy decides about that Region all the same.
    let of_identity = format!(r#""Action": "*", "Resource": "{arn}""#);
    assert_eq!(unknown(&with_vpc, PolicyType::Identity, &of_identity).len(), 1);
    let allowed = format!("{with_vpc}public_endpoint: allow\n");
    assert_eq!(unknown(&allowed, PolicyType::Identity, &of_identity), []);
    assert_eq!(unknown(&allowed, PolicyType::VpcEndpoint, &clauses).len(), 1);
    // The default endpoint is in every Region.
    let everywhere = "projects: [{name: line-8, exists: false}]";
    assert_eq!(unknown(everywhere, PolicyType::VpcEndpoint, &clauses), []);
}

#[test]
fn an_undeclared_project_or_model_is_named() {
    let arn = "arn:aws:lookoutvision:us-west-2:123456789012:project/line-9";
    assert_eq!(
        of_resource(arn),
        named(arn, "project `line-9`, which is not declared in us-west-2")
    );
    let arn = "arn:aws:lookoutvision:*:123456789012:model/line-9/*";
    assert_eq!(
        of_resource(arn),
        named(arn, "project `line-9`, which is not declared")
    );
    let arn = "arn:aws:lookoutvision:us-west-2:123456789012:model/line-7/2";
    let what = "model `2`, which project `line-7` does not declare in us-west-2";
    assert_eq!(of_resource(arn), named(arn, what));
    // It is declared, but in another Region.
    let arn = "arn:aws:lookoutvision:eu-west-1:123456789012:project/line-7";
    let clauses = format!(r#""Action": "*", "Resource": "{arn}""#);
    let allowed = format!("{CONFIG}public_endpoint: allow\n");
    let (_, message) = unknown(&allowed, PolicyType::Identity, &clauses).remove(0);
    assert_eq!(
        vec![message],
        named(arn, "project `line-7`, which is not declared in eu-west-1")
    );
}

#[test]
fn a_condition_that_nobody_of_a_declared_account_meets_is_remarked_upon() {
    let of_condition = |condition: &str| {
        let clauses =
            format!(r#""Principal": "*", "Action": "*", "Resource": "*", "Condition": {{{condition}}}"#);
        unknown(CONFIG, PolicyType::VpcEndpoint, &clauses)
    };
    assert_eq!(
        of_condition(r#""StringEqualsIfExists": {"AWS:PrincipalAccount": ["999999999999", "888888888888"]}"#),
        [(
            "/Statement/0/Condition/StringEqualsIfExists/AWS:PrincipalAccount".to_owned(),
            "no principal and no role of `999999999999`, `888888888888` is declared".to_owned()
        )]
    );
    for met in [
        r#""StringEquals": {"aws:PrincipalAccount": ["999999999999", "222222222222"]}"#,
        r#""StringNotEquals": {"aws:PrincipalAccount": "999999999999"}"#,
        r#""StringLike": {"aws:PrincipalAccount": "9*"}"#,
        r#""StringEquals": {"aws:ResourceTag/account": "999999999999"}"#,
    ] {
        assert_eq!(of_condition(met), [], "{met}");
    }
}
