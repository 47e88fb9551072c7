//! Refusals with their places: every mistake of a document, in one go, by row, column and JSON path.

use iam_policy::{FindingCode, PolicyDocument, PolicyType};

const TYPES: [PolicyType; 7] = [
    PolicyType::VpcEndpoint,
    PolicyType::Identity,
    PolicyType::PermissionsBoundary,
    PolicyType::Session,
    PolicyType::ServiceControl,
    PolicyType::ResourceControl,
    PolicyType::RoleTrust,
];

/// The refusals of a document: code, path, line and column.
#[track_caller]
fn refusals(text: &str, policy_type: PolicyType) -> Vec<(&'static str, String, usize, usize)> {
    let error = PolicyDocument::parse(text, policy_type).expect_err("the document is refused");
    error
        .findings()
        .iter()
        .map(|finding| {
            (
                finding.code.as_str(),
                finding.path.clone(),
                finding.line,
                finding.column,
            )
        })
        .collect()
}

#[track_caller]
fn check(text: &str, expected: &[(&str, &str, usize, usize)]) {
    let found = refusals(text, PolicyType::VpcEndpoint);
    let found: Vec<_> = found
        .iter()
        .map(|(code, path, line, column)| (*code, path.as_str(), *line, *column))
        .collect();
    assert_eq!(found, expected);
}

/// A statement of an endpoint policy with a condition; the code that refuses it, or that it loads with.
#[track_caller]
fn check_condition(condition: &str, expected: &[&str]) {
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": "*", "Action": "*",
            "Resource": "*", "Condition": {condition}}}}}"#
    );
    let findings = match PolicyDocument::parse(&text, PolicyType::VpcEndpoint) {
        Ok(document) => document.findings().to_vec(),
        Err(error) => error.findings().to_vec(),
    };
    let codes: Vec<&str> = findings.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, expected, "{condition}");
}

#[test]
fn every_mistake_is_reported_in_the_order_of_the_text() {
    check(
        r#"{
  "Version": "2012-10-18",
  "Statement": [
    {"Effect": "allow", "Principal": "me", "Action": "Detect", "Resource": "model/a"},
    {"Effect": "Deny", "Principal": "*", "Acton": "*", "Resource": ["*", 7]}
  ]
}"#,
        &[("invalid-version", "/Version", 2, 14)],
    );
    check(
        r#"{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "allow", "Principal": "me", "Action": "Detect", "Resource": "model/a"},
    {"Effect": "Deny", "Principal": "*", "Acton": "*", "Resource": ["*", 7]}
  ]
}"#,
        &[
            ("invalid-effect", "/Statement/0/Effect", 4, 16),
            ("invalid-principal", "/Statement/0/Principal", 4, 38),
            ("invalid-action", "/Statement/0/Action", 4, 54),
            ("invalid-resource", "/Statement/0/Resource", 4, 76),
            ("missing-action", "/Statement/1", 5, 5),
            ("unknown-element", "/Statement/1/Acton", 5, 42),
            ("wrong-type", "/Statement/1/Resource/1", 5, 74),
        ],
    );
}

#[test]
fn keys_that_occur_twice_are_refused_at_every_depth() {
    check(
        r#"{"Version": "2012-10-17", "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Effect": "Deny",
"Principal": {"AWS": "*", "AWS": "*"}, "Action": "*", "Resource": "*",
"Condition": {"Bool": {"aws:SecureTransport": "true", "AWS:securetransport": "true"}, "Bool": {}}}}"#,
        &[
            ("duplicate-key", "/Version", 1, 27),
            ("duplicate-key", "/Statement/Effect", 1, 85),
            ("duplicate-key", "/Statement/Principal/AWS", 2, 27),
            (
                "duplicate-condition-key",
                "/Statement/Condition/Bool/AWS:securetransport",
                3,
                55,
            ),
            ("duplicate-key", "/Statement/Condition/Bool", 3, 87),
        ],
    );
}

#[test]
fn a_syntax_error_says_row_and_column() {
    let error = PolicyDocument::parse("{\n  \"Statement\": [}", PolicyType::Identity).unwrap_err();
    assert_eq!(error.code(), FindingCode::SyntaxError);
    assert_eq!(
        error.message(),
        "syntax error at position (2,17): `}` is not expected here"
    );
}

#[test]
fn principals_belong_to_documents_that_speak_about_others() {
    let with = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#;
    let without = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    for policy_type in TYPES
        .into_iter()
        .filter(|policy_type| *policy_type != PolicyType::RoleTrust)
    {
        let (accepted, refused, code) = if policy_type.has_principal() {
            (with, without, "missing-principal")
        } else {
            (without, with, "unsupported-element")
        };
        assert!(
            PolicyDocument::parse(accepted, policy_type).is_ok(),
            "{policy_type}"
        );
        assert_eq!(refusals(refused, policy_type)[0].0, code, "{policy_type}");
    }
}

#[test]
fn a_trust_policy_has_no_resource() {
    let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},
        "Action":"sts:AssumeRole"}}"#;
    assert!(PolicyDocument::parse(trust, PolicyType::RoleTrust).is_ok());
    let with_resource = trust.replace("\"Action\"", "\"Resource\":\"*\",\"Action\"");
    assert_eq!(
        refusals(&with_resource, PolicyType::RoleTrust)[0].0,
        "unsupported-element"
    );
}

#[test]
fn conditions_are_checked_as_access_analyzer_checks_them() {
    check_condition(r#"{"StringEquals": {"aws:PrincipalTag/team": "a"}}"#, &[]);
    check_condition(
        r#"{"StringEquals": {"username": "a"}}"#,
        &["invalid-condition-key"],
    );
    check_condition(
        r#"{"StringEquals": {"aws:PrincipalTag": "a"}}"#,
        &["missing-tag-key"],
    );
    check_condition(
        r#"{"StringEquals": {"aws:Username2": "a"}}"#,
        &["unknown-global-key"],
    );
    check_condition(
        r#"{"StringEquals": {"aws:username": "a*"}}"#,
        &["wildcard-without-like"],
    );
    check_condition(r#"{"StringEquals": {"aws:username": "a${*}"}}"#, &[]);
    check_condition(r#"{"StringEquals": {"aws:username": null}}"#, &["wrong-type"]);
    check_condition(r#"{"StringEquals": {"aws:username": [["a"]]}}"#, &["wrong-type"]);
    check_condition(r#"{"StringEquals": {"aws:username": []}}"#, &["empty-element"]);
    check_condition(
        r#"{"NumericEquals": {"s3:max-keys": "ten"}}"#,
        &["unreadable-value"],
    );
    check_condition(r#"{"NumericEquals": {"s3:max-keys": 10.5}}"#, &[]);
    check_condition(
        r#"{"DateEquals": {"aws:CurrentTime": "2026"}}"#,
        &["ambiguous-date"],
    );
    check_condition(
        r#"{"DateEquals": {"aws:CurrentTime": "soon"}}"#,
        &["unreadable-value"],
    );
    check_condition(r#"{"DateEquals": {"aws:CurrentTime": 1780272000}}"#, &[]);
    check_condition(
        r#"{"Bool": {"aws:SecureTransport": "yes"}}"#,
        &["unreadable-value"],
    );
    check_condition(
        r#"{"Bool": {"aws:SecureTransport": "${aws:ViaAWSService}"}}"#,
        &[],
    );
    check_condition(r#"{"BinaryEquals": {"test:b": "***"}}"#, &["unreadable-value"]);
    check_condition(
        r#"{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::123456789012"}}"#,
        &["arn-pattern-never-matches"],
    );
    check_condition(r#"{"ArnEquals": {"aws:SourceArn": "*"}}"#, &[]);
    check_condition(
        r#"{"ArnLike": {"aws:PrincipalArn": "${aws:PrincipalTag/arn}"}}"#,
        &[],
    );
    check_condition(
        r#"{"StringLike": {"aws:username": "${}"}}"#,
        &["invalid-variable"],
    );
    check_condition(
        r#"{"StringEquals": {"aws:SourceVpc": "vpce-0a1b2c3d"}}"#,
        &["invalid-vpc-id"],
    );
    check_condition(
        r#"{"StringEquals": {"aws:SourceVpc": "vpc-1"}}"#,
        &["unusual-vpc-id"],
    );
    check_condition(
        r#"{"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}"#,
        &["private-source-ip"],
    );
    check_condition(r#"{"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}}"#, &[]);
    check_condition(
        r#"{"NumericEquals": {"aws:PrincipalAccount": "123456789012"}}"#,
        &["endpoint-system-id-wildcard"],
    );
    check_condition(
        r#"{"BoolIfExists": {"aws:SecureTransport": "true"}, "Bools": {}}"#,
        &["unknown-operator"],
    );
}

#[test]
fn a_mistyped_name_is_answered_with_the_one_that_was_meant() {
    let message = |text: &str| {
        PolicyDocument::parse(text, PolicyType::Identity)
            .unwrap_err()
            .message()
            .to_owned()
    };
    let with = |condition: &str| {
        message(&format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{condition}}}}}"#
        ))
    };
    assert_eq!(
        with(r#"{"stringequals": {"aws:username": "a"}}"#),
        "there is no condition operator `stringequals`; did you mean `StringEquals`?"
    );
    assert_eq!(
        with(r#"{"StringEquals": {"aws:user": "a"}}"#),
        "there is no global condition key `aws:user`; did you mean `aws:userid`?"
    );
    let error = PolicyDocument::parse(r#"{"Statment": []}"#, PolicyType::Identity).unwrap_err();
    let messages: Vec<&str> = error
        .findings()
        .iter()
        .map(|finding| finding.message.as_str())
        .collect();
    assert_eq!(
        messages,
        [
            "the policy has no `Statement`",
            "there is no element `Statment` here; did you mean `Statement`?"
        ]
    );
}

#[test]
fn documents_have_a_size() {
    let padded = |padding: usize| format!("{}{}", PolicyDocument::full_access().text(), " ".repeat(padding));
    let room = iam_policy::ENDPOINT_POLICY_CHARACTERS_MAX - PolicyDocument::full_access().text().len();
    assert!(PolicyDocument::parse(&padded(room), PolicyType::VpcEndpoint).is_ok());
    assert_eq!(
        refusals(&padded(room + 1), PolicyType::VpcEndpoint)[0].0,
        "document-too-large"
    );
    let huge = " ".repeat(iam_policy::DOCUMENT_BYTES_MAX + 1);
    assert_eq!(refusals(&huge, PolicyType::Identity)[0].0, "document-too-large");
}

#[test]
fn findings_have_a_limit_and_warnings_never_hide_a_refusal() {
    let warnings = vec![r#""s*:x""#; 2_000].join(",");
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":[{warnings},"bad"],"Resource":"*"}}}}"#
    );
    let error = PolicyDocument::parse(&text, PolicyType::Identity).unwrap_err();
    assert_eq!(
        (error.code(), error.findings().len()),
        (FindingCode::InvalidAction, 1)
    );

    let mistakes = vec![r#"{"x":1}"#; 8_000].join(",");
    let error =
        PolicyDocument::parse(&format!(r#"{{"Statement":[{mistakes}]}}"#), PolicyType::Identity).unwrap_err();
    assert_eq!(error.findings().len(), iam_policy::FINDINGS_MAX);
}

#[test]
fn stored_documents_load_where_their_evaluation_is_documented() {
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*",
        "Principal":{"AWS":"arn:aws:iam::123456789012:user/*"}}}"#;
    assert!(PolicyDocument::parse(text, PolicyType::VpcEndpoint).is_err());
    let stored = PolicyDocument::parse_stored(text, PolicyType::VpcEndpoint).unwrap();
    assert_eq!(stored.findings()[0].code, FindingCode::PrincipalWildcard);
}

#[test]
fn variables_before_their_version_are_text_and_an_error_for_the_checks() {
    for text in [
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username}"}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":"${x"}}}}"#,
    ] {
        let document = PolicyDocument::parse(text, PolicyType::Identity).unwrap();
        let codes: Vec<&str> = document
            .findings()
            .iter()
            .map(|finding| finding.code.as_str())
            .collect();
        assert_eq!(codes, ["missing-version", "variable-unsupported-version"]);
        assert_eq!(document.findings()[1].severity, iam_policy::Severity::Error);
    }
}

#[test]
fn variables_stand_after_the_fifth_colon_of_a_resource_and_not_in_actions_or_principals() {
    let with = |action: &str, resource: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"{action}","Resource":"{resource}"}}}}"#
        )
    };
    let refused = |text: &str| refusals(text, PolicyType::Identity)[0].0;
    assert!(
        PolicyDocument::parse(&with("*", "arn:aws:s3:::${aws:username}/*"), PolicyType::Identity).is_ok()
    );
    assert_eq!(
        refused(&with("*", "arn:aws:s3:${aws:RequestedRegion}::b")),
        "variable-unsupported-place"
    );
    assert_eq!(refused(&with("s3:${aws:username}", "*")), "invalid-action");
    let principal = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*",
        "Principal":{"AWS":"arn:aws:iam::123456789012:user/${aws:username}"}}}"#;
    assert!(PolicyDocument::parse(principal, PolicyType::VpcEndpoint).is_err());
}

#[test]
fn the_default_policy_is_aws_own_and_keeps_its_text() {
    let default = PolicyDocument::full_access();
    assert_eq!(default.policy_type(), PolicyType::VpcEndpoint);
    assert_eq!(default.version(), iam_policy::Version::V2008);
    assert!(default.text().contains("\"Statement\""));
    let value: serde_json::Value = serde_json::from_str(default.text()).unwrap();
    assert_eq!(
        value,
        serde_json::json!({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]})
    );
}

#[test]
fn documents_are_shared_between_threads_without_copying() {
    fn check<T: Send + Sync + Clone>() {}
    check::<PolicyDocument>();
    let document = PolicyDocument::full_access();
    assert!(std::ptr::eq(document.text(), document.clone().text()));
}

#[test]
fn a_role_that_aws_makes_under_a_path_is_another_role_without_it() {
    let codes = |text: &str| -> Vec<String> {
        let document = PolicyDocument::parse(text, PolicyType::VpcEndpoint).expect("it loads");
        document.findings().iter().map(ToString::to_string).collect()
    };
    let sso = "AWSReservedSSO_Inspector_0123456789abcdef";
    let statement = |principal: &str, condition: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": {principal}, "Action": "*", "Resource": "*", "Condition": {{{condition}}}}}}}"#
        )
    };
    let found = codes(&statement(
        &format!(r#"{{"AWS": ["arn:aws:iam::123456789012:role/{sso}", "123456789012"]}}"#),
        "",
    ));
    assert_eq!(
        found,
        [
            "1:82: warning: `arn:aws:iam::123456789012:role/AWSReservedSSO_Inspector_0123456789abcdef` lacks the path of \
             such a role, which is a part of its ARN: it begins with `role/aws-reserved/sso.amazonaws.com/` \
             [role-path-missing] at /Statement/Principal/AWS/0"
        ]
    );
    let found = codes(&statement(
        "\"*\"",
        r#""ArnLike": {"aws:PrincipalArn": ["arn:aws:iam::*:role/AWSServiceRoleForConfig", "arn:aws:iam::*:role/aws-service-role/*"]}"#,
    ));
    assert!(
        matches!(&found[..], [only] if only.contains("[role-path-missing]")
            && only.ends_with("/Statement/Condition/ArnLike/aws:PrincipalArn/0")),
        "{found:?}"
    );
    let named =
        format!(r#"{{"AWS": "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/{sso}"}}"#);
    assert_eq!(codes(&statement(&named, "")), Vec::<String>::new());
}
