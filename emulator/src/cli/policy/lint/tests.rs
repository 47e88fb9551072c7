use serde_json::{Value, json};

use super::*;

const DOCUMENT: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "allow", "Principal": "*", "Action": "*", "Resource": "*"}
  ]
}
"#;

const UNWISE: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "lookoutvision:DetectAnomaly", "Resource": "*"},
    {"Effect": "Allow", "Principal": "*", "Action": "lookoutvision:ListModels", "Resource": "*",
     "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}
  ]
}
"#;

/// The report about one document on standard input
fn report(document: &str) -> Report {
    Report::of(&["-".into()], PolicyType::VpcEndpoint, &mut document.as_bytes())
}

fn written(report: &Report, format: LintFormat) -> String {
    let mut out = Vec::new();
    report.write(format, &mut out).expect("a vector takes everything");
    String::from_utf8(out).expect("reports are text")
}

fn sarif_of(report: &Report) -> Value {
    serde_json::from_str(&written(report, LintFormat::Sarif)).expect("a SARIF log is JSON")
}

#[test]
fn a_finding_is_a_line_that_editors_can_jump_to() {
    assert_eq!(
        written(&report(DOCUMENT), LintFormat::Text),
        "<stdin>:4:16: error: `allow` is not an effect; expected `Allow` or `Deny`, in this case [invalid-effect] \
         at /Statement/0/Effect\n"
    );
    assert_eq!(
        written(&report(UNWISE), LintFormat::Text),
        "<stdin>:1:1: warning: no `Allow` statement of the policy can apply, so every request over the endpoint is refused \
         [nothing-allowed]\n\
         <stdin>:4:53: warning: `lookoutvision:DetectAnomaly` is no action; did you mean \
         `lookoutvision:DetectAnomalies`? [unknown-action] at /Statement/0/Action\n\
         <stdin>:6:50: warning: `IpAddress` on `aws:SourceIp` is never true: a request over a VPC endpoint has no \
         `aws:SourceIp`; use `aws:VpcSourceIp` [condition-never-true] at /Statement/1/Condition/IpAddress/aws:SourceIp\n"
    );
}

#[test]
fn a_finding_is_one_line_without_control_characters_whatever_the_document_says() {
    let document = DOCUMENT.replace("allow", r"\nx:1:1: error: \u001b[31mforged");
    assert_eq!(
        written(&report(&document), LintFormat::Text),
        "<stdin>:4:16: error: `\\nx:1:1: error: \\u{1b}[31mforged` is not an effect; expected `Allow` or `Deny`, in this case \
         [invalid-effect] at /Statement/0/Effect\n"
    );
}

#[test]
fn nothing_to_say_is_nothing_written_and_an_empty_array() {
    let report = report(
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}"#,
    );
    assert_eq!(written(&report, LintFormat::Text), "");
    assert_eq!(written(&report, LintFormat::Json), "[]\n");
    assert_eq!(report.exit_code(true), 0);
}

#[test]
fn a_finding_in_json_has_the_parts_of_the_line() {
    assert_eq!(
        written(&report(DOCUMENT), LintFormat::Json),
        r#"[
  {
    "file": "<stdin>",
    "code": "invalid-effect",
    "severity": "error",
    "message": "`allow` is not an effect; expected `Allow` or `Deny`, in this case",
    "path": "/Statement/0/Effect",
    "line": 4,
    "column": 16
  }
]
"#
    );
}

#[test]
fn a_sarif_log_has_every_rule_and_points_at_the_place() {
    let log = sarif_of(&report(DOCUMENT));
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"]
        .as_array()
        .expect("rules are a list");
    assert_eq!(rules.len(), iam_policy::FindingCode::ALL.len());
    assert!(rules.iter().all(|rule| {
        rule["shortDescription"]["text"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    }));
    let result = &run["results"][0];
    let index = result["ruleIndex"].as_u64().expect("it is a number") as usize;
    assert_eq!(rules[index]["id"], "invalid-effect");
    assert_eq!(rules[index]["defaultConfiguration"]["level"], "error");
    assert_eq!(
        *result,
        json!({
            "ruleId": "invalid-effect",
            "ruleIndex": index,
            "level": "error",
            "message": {"text": "`allow` is not an effect; expected `Allow` or `Deny`, in this case"},
            "locations": [{
                "physicalLocation": {
                    "artifactLocation": {"uri": "%3Cstdin%3E"},
                    "region": {"startLine": 4, "startColumn": 16},
                },
                "logicalLocations": [{"fullyQualifiedName": "/Statement/0/Effect"}],
            }],
        })
    );
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
}

#[test]
fn what_aws_would_refuse_and_a_denied_warning_end_with_64() {
    assert_eq!(report(DOCUMENT).exit_code(false), 64);
    assert_eq!(report(UNWISE).exit_code(false), 0);
    assert_eq!(report(UNWISE).exit_code(true), 64);
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_others_are_linted() {
    let files = ["/nowhere/endpoint.json".into(), "-".into()];
    let report = Report::of(&files, PolicyType::VpcEndpoint, &mut DOCUMENT.as_bytes());
    assert_eq!(
        report.unreadable,
        ["`/nowhere/endpoint.json` cannot be read: there is no such file"]
    );
    assert_eq!(report.findings().count(), 1);
    let log = sarif_of(&report);
    assert_eq!(
        log["runs"][0]["invocations"][0],
        json!({"executionSuccessful": false, "toolExecutionNotifications": [
            {"level": "error", "message": {"text": report.unreadable[0]}}
        ]})
    );
    let nothing = Report::of(&files[..1], PolicyType::VpcEndpoint, &mut io::empty());
    assert_eq!(nothing.exit_code(false), 64);
}

#[test]
fn bytes_that_are_no_document_are_refused_with_their_reason() {
    let of = |bytes: &mut dyn Read| {
        let mut bytes = bytes;
        let report = Report::of(&["-".into()], PolicyType::Identity, &mut bytes);
        (report.unreadable.join("\n"), report.exit_code(false))
    };
    let (message, code) = of(&mut &b"{\"Version\": \"\xff\"}"[..]);
    assert_eq!(message, "`<stdin>` is not UTF-8 text");
    assert_eq!(code, 64);
    let (message, code) = of(&mut &b"\xff\xfe{\0}\0"[..]);
    assert_eq!(
        message,
        "`<stdin>` is UTF-16 text, as its byte order mark says; save it as UTF-8"
    );
    assert_eq!(code, 64);
    // An endless file is left after a mebibyte.
    let (message, code) = of(&mut io::repeat(b' '));
    assert_eq!(
        message,
        "`<stdin>` cannot be read: it has more than 1048576 bytes, which no policy has"
    );
    assert_eq!(code, 64);
}

#[test]
fn each_type_has_its_own_grammar() {
    let document = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "lookoutvision:*", "Resource": "*"}}"#;
    let code = |policy_type| Report::of(&["-".into()], policy_type, &mut document.as_bytes()).exit_code(true);
    for (policy_type, expected) in [
        (PolicyType::VpcEndpoint, 64),
        (PolicyType::Identity, 0),
        (PolicyType::PermissionsBoundary, 0),
        (PolicyType::Session, 0),
        (PolicyType::ServiceControl, 0),
        (PolicyType::ResourceControl, 64),
        (PolicyType::RoleTrust, 64),
    ] {
        assert_eq!(code(policy_type), expected, "{policy_type}");
    }
}

#[test]
fn a_resource_control_policy_has_rules_of_its_own() {
    let document = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": {"AWS": "123456789012"}, "NotAction": "s3:*", "Resource": "*"}}"#;
    let lint = |policy_type| Report::of(&["-".into()], policy_type, &mut document.as_bytes());
    let report = lint(PolicyType::ResourceControl);
    let codes: Vec<&str> = report
        .findings()
        .map(|(_, finding)| finding.code.as_str())
        .collect();
    assert_eq!(
        codes,
        ["rcp-syntax-error-principal", "rcp-syntax-error-notaction"]
    );
    assert_eq!(report.exit_code(false), 64);
    assert_eq!(lint(PolicyType::VpcEndpoint).exit_code(false), 0);
}

#[test]
fn a_value_that_a_key_never_has_is_told_with_the_one_it_would_have() {
    let session = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"lookoutvision:DetectAnomalies","Resource":"*","Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:sts::123456789012:assumed-role/inspector/*"}}}]}"#;
    let report = report(session);
    assert_eq!(
        written(&report, LintFormat::Text),
        "<stdin>:1:1: warning: no `Allow` statement of the policy can apply, so every request over the endpoint is refused \
         [nothing-allowed]\n\
         <stdin>:1:171: warning: `ArnLike` on `aws:PrincipalArn` is never true: \
         `arn:aws:sts::123456789012:assumed-role/inspector/*` names a session, and the key of a session is the ARN of its \
         role: `arn:aws:iam::123456789012:role/inspector`, with the role's path before its name if it has one \
         [condition-never-true] at /Statement/0/Condition/ArnLike/aws:PrincipalArn\n"
    );
    assert_eq!(report.exit_code(true), 64);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_document_and_moves_no_place() {
    let marked = report(&format!("\u{feff}{DOCUMENT}"));
    assert_eq!(
        written(&marked, LintFormat::Json),
        written(&report(DOCUMENT), LintFormat::Json)
    );
    // A second one is.
    let twice = report(&format!("\u{feff}\u{feff}{DOCUMENT}"));
    assert_eq!(twice.exit_code(false), 64);
}

#[test]
fn a_document_in_yaml_is_told_where_yaml_can_stand() {
    for yaml in [
        "# the line's policy\nVersion: '2012-10-17'\nStatement:\n  - Effect: Allow\n",
        "---\nVersion: '2012-10-17'\n",
        "- Effect: Allow\n  Action: '*'\n",
    ] {
        assert_eq!(
            written(&report(yaml), LintFormat::Text),
            "<stdin>:1:1: error: this is YAML: policy files are JSON; YAML is read inline in the configuration \
             [syntax-error]\n"
        );
    }
    // What begins as JSON is judged as JSON.
    let trailing_comma = written(&report("{\"Statement\": [],}"), LintFormat::Text);
    assert!(!trailing_comma.contains("YAML"), "{trailing_comma}");
    for no_yaml in ["nothing of the kind", "- a\n- b\n", "-1"] {
        let written = written(&report(no_yaml), LintFormat::Text);
        assert!(!written.contains("YAML"), "{written}");
    }
}

#[test]
fn a_document_in_the_place_of_its_file_is_told_so() {
    let report = Report::of(&[DOCUMENT.into()], PolicyType::VpcEndpoint, &mut io::empty());
    assert_eq!(
        report.unreadable,
        ["this is a document, not a path; put it into a file and name that, or pipe it to `policy lint -`"]
    );
}
