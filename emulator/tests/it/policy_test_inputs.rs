//! `policy test`: its inputs, inputs that are too large, and characters that its reports cannot have.

use std::{fs, io::Write as _, process::Stdio};

use serde_json::{Value, json};

use crate::policy_tests::{command, fixtures, run, text};

#[test]
fn more_cases_than_the_limit_are_counted_before_they_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let names = |kind: &str| -> Vec<String> {
        let numbers = 0..1_000;
        numbers
            .map(|number| format!("arn:aws:iam::123456789012:{kind}/{number}"))
            .collect()
    };
    let addresses: Vec<String> = (0..250).map(|number| format!("10.0.0.{number}")).collect();
    // 22 operations, 1,000 principals and 250 addresses.
    let test = json!({"name": "everyone", "operation": "lookoutvision:*", "principal": names("user"),
        "source_ip": addresses, "expect": "allowed"});
    let file = json!({"policies": {}, "tests": [
        {"name": "one", "operation": "ListProjects", "principal": names("role")[0], "expect": "allowed"},
        test,
    ]});
    fs::write(folder.path().join("tests.yaml"), format!("{file}\n")).unwrap();
    let output = run(folder.path(), &["tests.yaml"]);
    let stderr = text(&output.stderr);
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(64), ""),
        "{stderr}"
    );
    assert!(stderr.starts_with("tests.yaml:1:"), "{stderr}");
    assert!(
        stderr.ends_with(
            " /tests/1: with the test `everyone` the file has more than 100000 cases, its lists multiplied \
             (policy_test_cases_max)\n"
        ),
        "{stderr}"
    );
}

#[test]
fn a_test_file_comes_from_standard_input() {
    let run_with = |arguments: &[&str], input: &str| {
        let mut child = command(&fixtures(), arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program was built with its tests");
        let mut stdin = child.stdin.take().expect("it is piped");
        // A command that reads nothing is gone by now.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().expect("it ends")
    };
    let file = fs::read_to_string(fixtures().join("perimeter.yaml")).unwrap();
    let output = run_with(&["-"], &file);
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(0), ""),
        "{output:?}"
    );
    let of_file = run(&fixtures(), &["perimeter.yaml"]);
    assert_eq!(
        text(&output.stdout),
        text(&of_file.stdout).replacen("perimeter.yaml", "-", 1)
    );
    let mistake = run_with(&["-"], "tests: [\n");
    assert_eq!(text(&mistake.stderr), "-:1:8: unclosed bracket '['\n");
    for (arguments, said) in [
        (["-", "-"], "standard input (`-`) is read once; name it once\n"),
        (
            ["-", "--watch"],
            "standard input cannot be watched; name a file, or leave out `--watch`\n",
        ),
    ] {
        let output = run_with(&arguments, &file);
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(64), said));
    }
}

#[test]
fn a_report_in_xml_has_only_characters_that_xml_has() {
    let folder = tempfile::tempdir().unwrap();
    let file = "policies: {}\ntests:\n  - {name: \"a\\uFFFEb\\uFFFFc\\u001Bd\", operation: ListProjects, \
                principal: 'arn:aws:iam::123456789012:user/alice', expect: allowed}\n";
    fs::write(folder.path().join("tests.yaml"), file).unwrap();
    let output = run(folder.path(), &["--format", "junit", "tests.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report = text(&output.stdout);
    assert!(
        report.contains(r#"<testcase name="a\u{fffe}b\u{ffff}c\u{1b}d""#),
        "{report}"
    );
}

#[test]
fn a_file_name_keeps_to_its_place_in_every_report() {
    let folder = tempfile::tempdir().unwrap();
    let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}"#;
    fs::write(folder.path().join("a b%#\nDA:1,1.json"), policy).unwrap();
    let tests = "policies: {vpc_endpoint: \"a b%#\\nDA:1,1.json\"}\ntests: [{name: a, operation: ListProjects, principal: \
                 'arn:aws:iam::123456789012:user/alice', expect: denied}]\n";
    fs::write(folder.path().join("tests.yaml"), tests).unwrap();
    let report = |format: &str| {
        let output = run(
            folder.path(),
            &["tests.yaml", "--coverage", &format!("{format}:-")],
        );
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        text(&output.stdout).to_owned()
    };
    let lcov = report("lcov");
    assert_eq!(lcov.lines().nth(1), Some(r"SF:a b%#\nDA:1,1.json"), "{lcov}");
    // SARIF has a note only where something was not covered.
    let unmatched = policy.replace(
        r#""Action": "*""#,
        r#""Action": ["*", "lookoutvision:DetectAnomalies"]"#,
    );
    fs::write(folder.path().join("a b%#\nDA:1,1.json"), unmatched).unwrap();
    let sarif: Value = serde_json::from_str(&report("sarif")).expect("the log is JSON");
    assert_eq!(
        sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "a%20b%25%23%0ADA%3A1%2C1.json",
        "{sarif:#}"
    );
}
