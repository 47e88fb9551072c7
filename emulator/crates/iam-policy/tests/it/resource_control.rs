//! Rules for resource control policies only, with IAM Access Analyzer's messages.

use iam_policy::{PolicyDocument, PolicyType, Severity};

/// Checks the refusals of a resource control policy with these statements when it is attached: code, path and
/// message. As a stored document it loads, because its evaluation is defined.
#[track_caller]
fn check(statements: &str, expected: &[(&str, &str, &str)]) {
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": {statements}}}"#);
    assert!(PolicyDocument::parse_stored(&text, PolicyType::ResourceControl).is_ok());
    let found = match PolicyDocument::parse(&text, PolicyType::ResourceControl) {
        Ok(_) => Vec::new(),
        Err(error) => error.findings().to_vec(),
    };
    let found: Vec<_> = found
        .iter()
        .map(|finding| {
            assert_eq!(finding.severity, Severity::Error);
            (
                finding.code.as_str(),
                finding.path.as_str(),
                finding.message.as_str(),
            )
        })
        .collect();
    assert_eq!(found, expected, "{statements}");
}

const FULL_ACCESS: &str = r#"{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}"#;

#[test]
fn aws_own_examples_have_no_findings() {
    check(FULL_ACCESS, &[]);
    check(&format!("[{FULL_ACCESS}]"), &[]);
    check(
        r#"{"Sid": "DenyBPAConfigurations", "Effect": "Deny", "Principal": "*",
            "Action": "s3:PutBucketPublicAccessBlock", "Resource": "*"}"#,
        &[],
    );
    check(
        r#"[{"Effect": "Deny", "Principal": "*", "Action": ["s3:*", "sts:Get*", "sqs:*Message"],
             "NotResource": "arn:aws:s3:::public/*",
             "Condition": {"BoolIfExists": {"aws:SecureTransport": "false"}}}]"#,
        &[],
    );
    check(
        r#"{"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:*", "Resource": "*"}"#,
        &[],
    );
}

#[test]
fn only_everyone_can_be_the_principal() {
    const WHY: &str = "the `Principal` element contents are not valid: RCPs only support specifying all principals (`*`) \
        in the `Principal` element, and the `NotPrincipal` element is not supported for RCPs";
    for (element, principal) in [
        ("Principal", r#"{"AWS": "123456789012"}"#),
        ("Principal", r#"{"Service": "s3.amazonaws.com"}"#),
        (
            "Principal",
            r#"{"AWS": ["*", "arn:aws:iam::123456789012:role/x"]}"#,
        ),
        ("NotPrincipal", r#"{"AWS": "123456789012"}"#),
        ("NotPrincipal", r#""*""#),
    ] {
        check(
            &format!(r#"{{"Effect": "Deny", "{element}": {principal}, "Action": "s3:*", "Resource": "*"}}"#),
            &[(
                "rcp-syntax-error-principal",
                &format!("/Statement/{element}"),
                WHY,
            )],
        );
    }
}

#[test]
fn nothing_but_the_full_access_policy_allows() {
    const WHY: &str = "RCPs only support specifying all principals (`*`) in the `Principal` element, all resources (`*`) \
        in the `Resource` element, and no `Condition` element with an effect of `Allow`";
    const OWN: &str = "the effect of `Allow` is only supported for the `RCPFullAWSAccess` policy, one statement that \
        allows `*`, which is always attached; write `Deny`";
    for (rest, why) in [
        (r#""Action": "*", "Resource": "arn:aws:s3:::bucket""#, WHY),
        (r#""Action": "*", "NotResource": "arn:aws:s3:::bucket""#, WHY),
        (
            r#""Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}"#,
            WHY,
        ),
        (r#""Action": "s3:*", "Resource": "*""#, OWN),
        (r#""Action": ["*", "s3:*"], "Resource": "*""#, OWN),
    ] {
        check(
            &format!(r#"{{"Effect": "Allow", "Principal": "*", {rest}}}"#),
            &[("rcp-syntax-error-allow", "/Statement/Effect", why)],
        );
    }
    check(
        &format!(
            r#"[{FULL_ACCESS}, {{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}}]"#
        ),
        &[("rcp-syntax-error-allow", "/Statement/0/Effect", OWN)],
    );
}

#[test]
fn not_action_is_not_supported_and_an_action_names_its_service() {
    check(
        r#"[{"Effect": "Deny", "Principal": "*", "NotAction": "s3:*", "Resource": "*"}]"#,
        &[(
            "rcp-syntax-error-notaction",
            "/Statement/0/NotAction",
            "RCPs do not support the `NotAction` element; update to use the `Action` element",
        )],
    );
    let why = |action: &str| {
        format!(
            "RCPs only support specifying select service prefixes in the `Action` element; `{action}` names no service"
        )
    };
    check(
        r#"{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}"#,
        &[("rcp-syntax-error-action", "/Statement/Action", &why("*"))],
    );
    check(
        r#"[{"Effect": "Deny", "Principal": "*", "Action": ["s3:*", "*:*", "s*:Get"], "Resource": "*"}]"#,
        &[
            ("rcp-syntax-error-action", "/Statement/0/Action/1", &why("*:*")),
            ("rcp-syntax-error-action", "/Statement/0/Action/2", &why("s*:Get")),
        ],
    );
}

#[test]
fn the_rules_are_those_of_resource_control_policies_alone() {
    let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": {"AWS": "123456789012"},
        "NotAction": "s3:*", "Resource": "*"}}"#;
    assert!(PolicyDocument::parse(text, PolicyType::VpcEndpoint).is_ok());
}
