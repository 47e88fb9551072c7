//! `policy diff`: the differences between two policies, compared with what `policy simulate` says about the examples.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::{process::PROGRAM, random_policies::Random};

fn policy_command(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let child = Command::new(PROGRAM)
        .arg("policy")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.expect("the program was built with its tests");
    let mut stdin = child.stdin.take().expect("it is piped");
    // A command that reads nothing may be gone before it is written to.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// Compares two policies in a folder of their own; the arguments stand behind their names
fn diff(old: &str, new: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("there is room for two policies");
    fs::write(folder.path().join("old.json"), old).expect("there is room for two policies");
    fs::write(folder.path().join("new.json"), new).expect("there is room for two policies");
    policy_command(
        folder.path(),
        &[&["diff", "old.json", "new.json"], arguments].concat(),
        "",
    )
}

fn stdout(output: &Output) -> &str {
    assert!(output.stderr.is_empty(), "{output:?}");
    std::str::from_utf8(&output.stdout).expect("it is text")
}

const OLD: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {"Sid": "Line", "Effect": "Allow", "Principal": "*", "Action": "lookoutvision:DetectAnomalies",
     "Resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1"},
    {"Sid": "List", "Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "lookoutvision:List*", "Resource": "*"}
  ]
}
"#;

const NEW: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {"Sid": "Line", "Effect": "Allow", "Principal": "*", "Action": "lookoutvision:DetectAnomalies",
     "Resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/*",
     "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-0a1b2c3d4e5f67890"}}},
    {"Effect": "Deny", "Principal": "*", "Action": "lookoutvision:ListDatasetEntries", "Resource": "*"},
    {"Sid": "List", "Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "lookoutvision:List*", "Resource": "*"}
  ]
}
"#;

const TEXT: &str = "\
new access: lookoutvision:DetectAnomalies on arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/x by arn:aws:iam::123456789012:user/example
  before: implicitDeny
  after:  allowed by statement 0 (`Line`) at new.json:4:5
  with:   aws:SourceVpce=vpce-0a1b2c3d4e5f67890
lost access: lookoutvision:DetectAnomalies on arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1 by arn:aws:iam::123456789012:user/example
  before: allowed by statement 0 (`Line`) at old.json:4:5
  after:  implicitDeny
  with:   aws:SourceVpce=vpce-0a0a0a0a
lost access: lookoutvision:ListDatasetEntries on * by arn:aws:iam::123456789012:user/example
  before: allowed by statement 1 (`List`) at old.json:6:5
  after:  explicitDeny by statement 1 at new.json:7:5
  with:   aws:SourceVpce=vpce-0a1b2c3d4e5f67890
other denial: lookoutvision:ListDatasetEntries on * by arn:aws:iam::111122223333:user/example
  before: implicitDeny
  after:  explicitDeny by statement 1 at new.json:7:5
  with:   aws:SourceVpce=vpce-0a1b2c3d4e5f67890
1 new access, 2 lost access, 1 denied otherwise
";

#[test]
fn each_difference_is_told_with_an_example_and_the_statements_that_decide() {
    let output = diff(OLD, NEW, &[]);
    assert_eq!(stdout(&output), TEXT);
    assert_eq!(output.status.code(), Some(0));
    let output = diff(OLD, NEW, &["--deny-new-access"]);
    assert_eq!((stdout(&output), output.status.code()), (TEXT, Some(1)));
}

/// A deny that a tag lifts, and one that applies where the tag is absent: an example shows only what is there.
#[test]
fn a_key_whose_absence_decides_is_named() {
    let statement = |condition: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": "*",
                "Action": "lookoutvision:ListProjects", "Resource": "*", "Condition": {condition}}}}}"#
        )
    };
    let old = statement(r#"{"StringEquals": {"aws:PrincipalTag/team": "vision"}}"#);
    let new = statement(r#"{"StringEqualsIfExists": {"aws:PrincipalTag/team": "vision"}}"#);
    let output = diff(&old, &new, &[]);
    assert!(
        stdout(&output).contains("\n  without aws:PrincipalTag/team\n"),
        "{output:?}"
    );
    let output = diff(&old, &new, &["--format", "json"]);
    let report: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(
        report["differences"][0]["without"],
        json!(["aws:PrincipalTag/team"])
    );
}

#[test]
fn the_json_has_lines_for_simulate() {
    let output = diff(OLD, NEW, &["--format", "json"]);
    let report: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(report["new_access"], true);
    assert_eq!(report["undecided"], json!([]));
    let difference = &report["differences"][0];
    let request = json!({
        "principal": "arn:aws:iam::123456789012:user/example",
        "action": "lookoutvision:DetectAnomalies",
        "resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/x",
        "context": {
            "aws:PrincipalAccount": ["123456789012"],
            "aws:PrincipalArn": ["arn:aws:iam::123456789012:user/example"],
            "aws:PrincipalType": ["User"],
            "aws:RequestedRegion": ["us-west-2"],
            "aws:ResourceAccount": ["123456789012"],
            "aws:SourceVpce": ["vpce-0a1b2c3d4e5f67890"],
            "aws:username": ["example"],
        },
    });
    let old: Value = serde_json::from_str(OLD).unwrap();
    let new: Value = serde_json::from_str(NEW).unwrap();
    assert_eq!(
        *difference,
        json!({
            "change": "newAccess",
            "before": {"decision": "implicitDeny", "decided_by": null},
            "after": {
                "decision": "allowed",
                "decided_by": {"policy_type": "vpc-endpoint", "policy": 0, "statement": 0, "sid": "Line"},
            },
            "request": request,
            "without": [],
            "simulate": [
                {"id": "before", "policies": {"vpcEndpoint": old}, "request": request},
                {"id": "after", "policies": {"vpcEndpoint": new}, "request": request},
            ],
        })
    );
}

#[test]
fn the_same_in_another_order_is_no_difference() {
    let mut reordered: Value = serde_json::from_str(OLD).unwrap();
    reordered["Statement"].as_array_mut().unwrap().reverse();
    let output = diff(OLD, &reordered.to_string(), &["--deny-new-access"]);
    assert_eq!(
        (stdout(&output), output.status.code()),
        ("no new access, no lost access\n", Some(0))
    );
}

#[test]
fn what_is_undecided_ends_with_64_and_names_the_clause() {
    let with = |condition: &str| {
        format!(
            "{{\"Version\": \"2012-10-17\", \"Statement\": [{{\"Effect\": \"Allow\", \"Principal\": \"*\",\n  \
             \"Action\": \"lookoutvision:ListProjects\", \"Resource\": \"*\",\n  \"Condition\": {condition}}}]}}"
        )
    };
    let old = with(
        r#"{"StringEquals": {"aws:SourceVpc": "vpc-0000000a", "aws:PrincipalTag/vpc": "vpc-0000000a"}}"#,
    );
    let new = with(
        r#"{"StringEquals": {"aws:SourceVpc": "${aws:PrincipalTag/vpc}", "aws:PrincipalTag/vpc": "vpc-0000000a"}}"#,
    );
    let expected = "undecided: new.json:3:34: `StringEquals` is not solved: its value has a variable at /Statement/0/Condition/StringEquals/aws:SourceVpc\n\
                    new access is undecided, lost access is undecided\n";
    for arguments in [&[][..], &["--deny-new-access"]] {
        let output = diff(&old, &new, arguments);
        assert_eq!((stdout(&output), output.status.code()), (expected, Some(64)));
    }
    let output = diff(&old, &new, &["--format", "json"]);
    let report: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(report["new_access"], Value::Null);
    assert_eq!(report["undecided"][0]["file"], "new.json");
    assert_eq!(report["undecided"][0]["line"], 3);
}

#[test]
fn where_new_access_is_ruled_out_deny_new_access_does_not_mind_what_else_is_undecided() {
    let both = r#""StringEquals": {"aws:SourceVpc": "vpc-0000000a", "aws:PrincipalTag/vpc": "vpc-0000000a"}"#;
    let with = |condition: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": "*", "Action": "lookoutvision:ListProjects", "Resource": "*", "Condition": {{{condition}}}}}]}}"#
        )
    };
    let old = with(both);
    // One condition more takes nothing away, which is not solved, and opens nothing, which is plain.
    let new = with(&format!(
        r#"{both}, "StringLike": {{"aws:SourceVpc": "${{aws:PrincipalTag/vpc}}"}}"#
    ));
    for (arguments, code) in [(&[][..], 64), (&["--deny-new-access"], 0)] {
        let output = diff(&old, &new, arguments);
        assert!(
            stdout(&output).ends_with("\nno new access, lost access is undecided\n"),
            "{output:?}"
        );
        assert_eq!(output.status.code(), Some(code));
    }
}

#[test]
fn a_limit_of_the_configuration_bounds_the_search() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("old.json", OLD),
        ("new.json", NEW),
        ("emulator.yaml", "limits: {diff_classes_max: 3}\n"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let output = policy_command(
        folder.path(),
        &["diff", "old.json", "new.json", "--deny-new-access"],
        "",
    );
    assert_eq!(
        (stdout(&output), output.status.code()),
        (
            "undecided: there are more than 3 classes of requests (limits.diff_classes_max)\n\
             new access is undecided, lost access is undecided\n",
            Some(64)
        )
    );
}

#[test]
fn what_was_found_is_told_although_the_rest_is_undecided() {
    // Which of twenty letters a name has twice: a million classes.
    let resources: Vec<String> = ('a'..='t')
        .map(|letter| format!("arn:aws:lookoutvision:*:*:model/*{letter}{letter}*"))
        .collect();
    let statements = |named: Value| {
        let of = |resource: &String| json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": resource});
        let mut statements: Vec<Value> = resources.iter().map(of).collect();
        statements.push(json!({"Effect": "Allow", "Principal": "*", "Action": named, "Resource": "*"}));
        json!({"Version": "2012-10-17", "Statement": statements}).to_string()
    };
    let old = statements(json!("lookoutvision:DetectAnomalies"));
    let new = statements(json!([
        "lookoutvision:DetectAnomalies",
        "lookoutvision:ListProjects"
    ]));
    let end = "undecided: the resources of the documents overlap in more ways than are tried\n\
               1 new access, lost access is undecided\n";
    for (arguments, code) in [(&[][..], 64), (&["--deny-new-access"], 1)] {
        let output = diff(&old, &new, arguments);
        assert!(stdout(&output).ends_with(end), "{output:?}");
        assert_eq!(output.status.code(), Some(code));
    }
    // The other way round, whether there is new access is open.
    let output = diff(&new, &old, &["--deny-new-access"]);
    assert!(
        stdout(&output).ends_with("new access is undecided, 1 lost access\n"),
        "{output:?}"
    );
    assert_eq!(output.status.code(), Some(64));
}

#[test]
fn policies_that_are_none_are_told_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("old.json"), OLD).unwrap();
    fs::write(
        folder.path().join("new.json"),
        "{\"Statement\": [\n  {\"Effect\": \"allow\", \"Principal\": \"*\", \"Action\": \"*\", \"Resource\": \"*\"}]}",
    )
    .unwrap();
    fs::write(folder.path().join("text.txt"), "not a policy").unwrap();
    for (arguments, expected) in [
        (
            &["diff", "old.json", "new.json"][..],
            "new.json:2:14: error: `allow` is not an effect; expected `Allow` or `Deny`, in this case [invalid-effect] at /Statement/0/Effect\n",
        ),
        (
            &["diff", "old.json", "none.json"],
            "none.json: there is no such file\n",
        ),
        (
            &["diff", "-", "old.json"],
            "standard input is empty, and a policy was to come from there\n",
        ),
        (
            &["diff", "-", "-"],
            "standard input can be one of the two policies, not both\n",
        ),
    ] {
        let output = policy_command(folder.path(), arguments, "");
        assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(64), 0));
    }
    let output = policy_command(folder.path(), &["diff", "text.txt", "old.json"], "");
    assert!(
        String::from_utf8_lossy(&output.stderr).starts_with("text.txt:1:1: error: "),
        "{output:?}"
    );
    let output = policy_command(folder.path(), &["diff", "-", "old.json"], OLD);
    assert_eq!(stdout(&output), "no new access, no lost access\n");
}

/// Every difference of random policies, of every type, is what `policy simulate` says of the lines beside it.
#[test]
fn every_difference_is_reproduced_by_simulate() {
    const PAIRS: u64 = 42;
    const TYPES: [&str; 7] = [
        "endpoint", "identity", "boundary", "session", "scp", "rcp", "trust",
    ];
    let mut reproduced = 0;
    let mut unlike = String::new();
    for seed in 0..PAIRS {
        let mut random = Random(seed);
        let policy_type = TYPES[usize::try_from(seed).unwrap() % TYPES.len()];
        let [old, new] = [(); 2].map(|()| match policy_type {
            // What an organization says of its resources, it says in denials of everyone.
            "rcp" => random.denials(),
            "trust" => random.trust(),
            _ => random.policy(policy_type == "endpoint"),
        });
        let output = diff(
            &old.to_string(),
            &new.to_string(),
            &["--type", policy_type, "--format", "json"],
        );
        let report: Value = serde_json::from_str(stdout(&output)).unwrap();
        let differences = report["differences"].as_array().unwrap();
        let lines: Vec<String> = differences
            .iter()
            .flat_map(|difference| difference["simulate"].as_array().unwrap())
            .map(ToString::to_string)
            .collect();
        let answers = policy_command(Path::new("."), &["simulate"], &(lines.join("\n") + "\n"));
        let answers: Vec<Value> = stdout(&answers)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(answers.len(), lines.len());
        for (difference, answers) in differences.iter().zip(answers.chunks(2)) {
            for (name, answer) in ["before", "after"].iter().zip(answers) {
                let is = |of: &Value| (of["decision"].clone(), of["decided_by"].clone());
                if is(&difference[*name]) != is(answer) {
                    unlike += &format!("seed {seed}: {name}: {answer}\n{difference:#}\n");
                }
            }
            reproduced += 1;
        }
    }
    assert!(unlike.is_empty(), "{unlike}");
    assert!(reproduced > 100, "{reproduced} differences");
}

/// The path of ListTagsForResource can hold any text, and the policies are asked about it before the service is.
#[test]
fn calls_that_write_their_resource_out_are_compared_on_whatever_can_be_written() {
    let policy = |resource: Value, condition: Value| {
        json!({"Statement": {
            "Effect": "Allow", "Principal": "*", "Action": "lookoutvision:ListTagsForResource",
            "Resource": resource, "Condition": condition,
        }})
        .to_string()
    };
    let models = json!("arn:*:lookoutvision:*:*:model/*/*");
    for (old, new, resource) in [
        (
            policy(models.clone(), json!({})),
            policy(json!("*"), json!({})),
            "*",
        ),
        (
            policy(
                json!(["arn:*:lookoutvision:*:*:*"]),
                json!({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}),
            ),
            policy(
                json!(["arn:*:lookoutvision:us-east-1:*:*"]),
                json!({"StringEquals": {"aws:RequestedRegion": ["us-east-1", "us-west-2"]}}),
            ),
            "arn:aws:lookoutvision:us-east-1:123456789012:model/example/1",
        ),
    ] {
        let output = diff(&old, &new, &["--format", "json"]);
        let report: Value = serde_json::from_str(stdout(&output)).unwrap();
        let differences = report["differences"].as_array().unwrap();
        let found = differences.iter().any(|difference| {
            difference["change"] == "newAccess" && difference["request"]["resource"] == resource
        });
        assert!(found, "{report:#}");
    }
}
