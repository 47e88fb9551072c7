//! Which parts of the policies calls reach: over the control API, after `policy test`, after `exec`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use lookoutvision_emulator::Emulator;
use serde_json::{Value, json};

use crate::{
    process::{PROGRAM, Process},
    support::{Answer, Call, control, emulator_with},
};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/policy-tests")
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LOOKOUTVISION_EMULATOR_") {
            command.env_remove(name);
        }
    }
    command.output().expect("the program was built with its tests")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("what it prints is text")
}

#[test]
fn policy_test_writes_its_coverage_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["policy", "test", "--filter", "line may", "perimeter.yaml"];
    let mut arguments: Vec<String> = arguments.map(str::to_owned).into();
    let formats = [
        ("json", "coverage.json"),
        ("html", "coverage.html"),
        ("lcov", "coverage.lcov"),
        ("cobertura", "coverage.cobertura.xml"),
        ("junit", "coverage.junit.xml"),
        ("sarif", "coverage.sarif"),
    ];
    for (format, file) in formats {
        arguments.push("--coverage".to_owned());
        arguments.push(format!("{format}:{}", folder.path().join(file).display()));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = run(&fixtures(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let stderr = text(&output.stderr);
    assert!(
        stderr
            .contains(", because lcov speaks of lines of files: policies that have none of their own (1)\n"),
        "{stderr}"
    );
    assert!(stderr.contains("% covered: 2 of 3 statements, "), "{stderr}");
    for (_, file) in formats {
        let found = fs::read_to_string(folder.path().join(file)).unwrap();
        let golden = fixtures().join(file);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &found).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert!(
            found == expected,
            "{file} is another; UPDATE_GOLDEN=1 writes it:\n{found}"
        );
    }
}

#[test]
fn what_is_counted_is_what_the_calls_came_to() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("coverage.json");
    let option = format!("json:{}", file.display());
    let output = run(
        &fixtures(),
        &["policy", "test", "perimeter.yaml", "--coverage", &option],
    );
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let endpoint = &report["documents"][0];
    assert_eq!(
        (
            &endpoint["policy_type"],
            &endpoint["attached_to"],
            &endpoint["file"]
        ),
        (
            &json!("vpc-endpoint"),
            &json!("vpce-0a1b2c3d4e5f67890"),
            &json!("endpoint.json")
        )
    );
    // Of ten calls over the endpoint: two by the line to its model, four deletions, and those that are allowed by nothing.
    let [line, no_delete] = endpoint["statements"].as_array().unwrap().as_slice() else {
        panic!()
    };
    assert_eq!(
        (&line["evaluated"], &line["matched"], &line["decided"]),
        (&json!(10), &json!(2), &json!(2))
    );
    assert_eq!(
        (&no_delete["matched"], &no_delete["decided"]),
        (&json!(4), &json!(4))
    );
    // The tag was there for two of three who asked for the right model.
    assert_eq!(
        (&line["conditions"][0]["true"], &line["conditions"][0]["false"]),
        (&json!(2), &json!(1))
    );
}

#[test]
fn too_little_coverage_ends_with_1_and_so_does_a_failing_test() {
    let check = |arguments: &[&str], code: i32, said: &str| {
        let output = run(&fixtures(), &[&["policy", "test"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(text(&output.stderr).contains(said), "{output:?}");
    };
    check(&["--coverage-min", "50", "perimeter.yaml"], 0, " % covered: ");
    check(
        &["--coverage-min", "100", "--filter", "line may", "perimeter.yaml"],
        1,
        "that is less than 100 %",
    );
    // What a filter leaves out is not counted.
    check(
        &["--coverage-min", "1", "--filter", "lists", "perimeter.yaml"],
        0,
        " % covered: 1 of 3 statements",
    );
    check(&["--coverage-min", "0", "failing.yaml"], 1, " % covered: ");
    check(
        &["--coverage", "pdf:x", "perimeter.yaml"],
        64,
        "unknown format `pdf`",
    );
    check(
        &["--coverage", "html", "perimeter.yaml"],
        64,
        "expected a format and a file",
    );
    check(
        &["--coverage", "html:nowhere/x.html", "perimeter.yaml"],
        1,
        "could not be written to `nowhere/x.html`",
    );
    check(&["--coverage-min", "101", "perimeter.yaml"], 64, "101");
}

#[test]
fn a_report_takes_the_place_of_no_file_that_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}"#;
    let tests = "policies: {vpc_endpoint: policy.json}\ntests: [{name: a, operation: ListProjects, principal: \
                 'arn:aws:iam::123456789012:user/alice', expect: allowed}]\n";
    fs::write(path("policy.json"), policy).unwrap();
    fs::write(path("tests.yaml"), tests).unwrap();
    std::os::unix::fs::symlink(path("policy.json"), path("link.html")).unwrap();
    for (coverage, said) in [
        (&["html:tests.yaml"][..], "would overwrite a file that is read"),
        (&["html:./policy.json"], "would overwrite a file that is read"),
        (&["html:link.html"], "would overwrite a file that is read"),
        (
            &["html:coverage", "json:./coverage"],
            "two reports of the coverage go to `./coverage`; name a file for each",
        ),
        (&["html:-", "json:-"], "two reports of the coverage go to `-`"),
    ] {
        let options = coverage.iter().flat_map(|file| ["--coverage", file]);
        let arguments: Vec<&str> = ["policy", "test", "tests.yaml"]
            .into_iter()
            .chain(options)
            .collect();
        let output = run(folder.path(), &arguments);
        assert_eq!(
            (output.status.code(), text(&output.stdout)),
            (Some(64), ""),
            "{output:?}"
        );
        assert!(text(&output.stderr).contains(said), "{output:?}");
    }
    assert_eq!(fs::read_to_string(path("policy.json")).unwrap(), policy);
    assert_eq!(fs::read_to_string(path("tests.yaml")).unwrap(), tests);
    assert!(!path("coverage").exists() && !path("-").exists());
}

#[test]
fn coverage_on_standard_output_is_alone_there() {
    let output = run(
        &fixtures(),
        &["policy", "test", "perimeter.yaml", "--coverage", "json:-"],
    );
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("nothing else is printed");
    assert_eq!(report["documents"][0]["file"], "endpoint.json");
    assert!(text(&output.stderr).contains(" passed, 0 failed\n"), "{output:?}");
    assert!(!fixtures().join("-").exists());
}

#[test]
fn where_nothing_can_be_covered_no_percentage_is_reached() {
    let folder = tempfile::tempdir().unwrap();
    let tests = "policies: {}\ntests: [{name: a, operation: ListProjects, principal: \
                 'arn:aws:iam::123456789012:user/alice', expect: allowed}]\n";
    fs::write(folder.path().join("tests.yaml"), tests).unwrap();
    for (least, code) in [("0", 0), ("1", 1), ("100", 1)] {
        let output = run(
            folder.path(),
            &["policy", "test", "tests.yaml", "--coverage-min", least],
        );
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let said = format!("there is no statement that could be covered, so {least} % is not reached\n");
        assert_eq!(text(&output.stderr).ends_with(&said), code == 1, "{output:?}");
    }
}

/// Allows the detection of one model to a team, and denies a deletion
const POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {"Sid": "Line", "Effect": "Allow", "Principal": "*",
     "Action": ["lookoutvision:DetectAnomalies", "lookoutvision:ListModels"],
     "Resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1"},
    {"Sid": "Old", "Effect": "Deny", "Principal": "*", "Action": "lookoutvision:DeleteProject", "Resource": "*"}
  ]
}"#;

async fn coverage(emulator: &Emulator, query: &str) -> Answer {
    control(emulator, "GET", &format!("/coverage{query}"), "").await
}

/// The numbers of a statement of the first document
async fn counted(emulator: &Emulator) -> Value {
    let report = coverage(emulator, "").await.json();
    let statement = &report["documents"][0]["statements"][0];
    json!([statement["evaluated"], statement["matched"], statement["decided"]])
}

#[tokio::test]
async fn requests_are_counted_from_the_moment_that_somebody_asks_for_it() {
    let emulator = emulator_with("names: []").await;
    emulator
        .set_endpoint_policy(&serde_json::from_str(POLICY).unwrap())
        .unwrap();
    Call::detect("1").send(&emulator).await;
    assert_eq!(
        counted(&emulator).await,
        json!([0, 0, 0]),
        "off unless it is turned on"
    );

    let set = control(&emulator, "PUT", "/coverage", r#"{"enabled": true}"#).await;
    assert_eq!(set.status, 204);
    assert_eq!(Call::detect("1").send(&emulator).await.status, 200);
    assert_eq!(Call::detect("myModel").send(&emulator).await.status, 403);
    assert_eq!(counted(&emulator).await, json!([2, 1, 1]));
    let report = coverage(&emulator, "").await.json();
    assert_eq!(
        report["never_matched"],
        json!([{"policy_type": "vpc-endpoint", "attached_to": "vpce-00000000000000000", "statement": 1, "sid": "Old", "line": 1}])
    );

    // A document that is replaced stays, and goes on when it is back.
    control(
        &emulator,
        "DELETE",
        "/vpc-endpoints/vpce-00000000000000000/policy",
        "",
    )
    .await;
    Call::detect("1").send(&emulator).await;
    emulator
        .set_endpoint_policy(&serde_json::from_str(POLICY).unwrap())
        .unwrap();
    Call::detect("1").send(&emulator).await;
    assert_eq!(counted(&emulator).await, json!([3, 2, 2]));
    // A reset between two tests takes nothing away from what a suite has covered.
    emulator.reset();
    assert_eq!(counted(&emulator).await, json!([3, 2, 2]));

    control(&emulator, "PUT", "/coverage", r#"{"enabled": false}"#).await;
    Call::detect("1").send(&emulator).await;
    assert_eq!(counted(&emulator).await, json!([3, 2, 2]));
    assert_eq!(control(&emulator, "DELETE", "/coverage", "").await.status, 204);
    let report = coverage(&emulator, "").await.json();
    assert_eq!(report["documents"], json!([]), "the default policy is nobody's");
}

#[tokio::test]
async fn every_format_is_served_and_a_minimum_is_met_or_not() {
    let emulator = emulator_with("coverage: true").await;
    emulator
        .set_endpoint_policy(&serde_json::from_str(POLICY).unwrap())
        .unwrap();
    Call::detect("1").send(&emulator).await;
    for (format, content_type, part) in [
        ("json", "application/json", "\"documents\""),
        (
            "html",
            "text/html; charset=utf-8",
            "<h1>Policy coverage: 66&nbsp;%</h1>",
        ),
        ("lcov", "text/plain; charset=utf-8", ""),
        ("cobertura", "application/xml", "<coverage line-rate="),
        ("junit", "application/xml", "statement-never-matched"),
        ("sarif", "application/sarif+json", "\"2.1.0\""),
    ] {
        let answer = coverage(&emulator, &format!("?format={format}")).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some(content_type))
        );
        assert!(answer.text().contains(part), "{format}: {}", answer.text());
    }
    // One of two statements; of seven elements five: all but the other action and the other statement's action.
    let enough = coverage(&emulator, "?minimum=66").await;
    assert_eq!(enough.json()["minimum"], json!({"percent": 66, "is_met": true}));
    assert_eq!(enough.header("x-coverage-minimum-met"), Some("true"));
    let too_little = coverage(&emulator, "?minimum=99&format=html").await;
    assert_eq!(too_little.header("x-coverage-minimum-met"), Some("false"));
    for query in ["?format=pdf", "?minimum=101", "?minimum=", "?formt=json"] {
        let refused = coverage(&emulator, query).await;
        assert_eq!(
            (refused.status, &refused.json()["error"]["code"]),
            (400, &json!("InvalidParameter")),
            "{query}"
        );
    }
    let refused = control(&emulator, "PUT", "/coverage", r#"{"enable": true}"#).await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (400, &json!("InvalidCoverage"))
    );

    let url = emulator.control_url();
    let with = |more: &[&str]| -> Vec<String> {
        let control = ["--control", &url];
        control
            .iter()
            .chain(more)
            .map(|argument| (*argument).to_owned())
            .collect()
    };
    let printed = check_command(with(&["--format", "json", "--minimum", "66"]), 0, "").await;
    let off = control(&emulator, "PUT", "/coverage", r#"{"enabled": false}"#).await;
    assert_eq!(off.status, 204);
    let told =
        "requests are not counted, so this is what was counted before, if anything: set `coverage: true`";
    check_command(with(&["--minimum", "66"]), 0, told).await;
    assert!(printed.contains("\"never_matched\""), "{printed}");
    check_command(
        with(&["--minimum", "90", "--format", "html"]),
        1,
        "% covered, less than 90 %",
    )
    .await;
    let missed = "1 of 2 statements covered (50 %), less than 100 %";
    check_command(with(&["--fail-under", "statement=100,condition=80"]), 1, missed).await;
    check_command(with(&["--fail-under", "line=1"]), 64, "`line` is not one of").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_reads_how_often_each_statement_matched() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("endpoint.json"), POLICY).unwrap();
    let configuration = "coverage: true\nendpoint_policy: endpoint.json\n";
    fs::write(folder.path().join("emulator.yaml"), configuration).unwrap();
    let process = Process::start(folder.path());
    process.send(&Call::detect("1")).await.unwrap();
    let with = |options: &[&str]| {
        let own = ["--control", process.control_url()].map(str::to_owned);
        options
            .iter()
            .map(|option| (*option).to_owned())
            .chain(own)
            .collect::<Vec<_>>()
    };
    let printed = check_command(with(&[]), 0, "").await;
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(
        lines[..2],
        ["endpoint.json", "  requests  statement"],
        "{printed}"
    );
    assert!(lines[2].starts_with("         1  0"), "{printed}");
    assert!(
        lines[3].starts_with("         0  1") && lines[3].contains(", at line "),
        "{printed}"
    );
    assert!(printed.contains(" % covered: 1 of 2 statements, "), "{printed}");
    let json = check_command(with(&["--format", "json"]), 0, "").await;
    assert!(serde_json::from_str::<Value>(&json).is_ok(), "{json}");
}

/// Runs `policy coverage` beside the emulator, and hands over what it prints
async fn check_command(arguments: Vec<String>, code: i32, said: &str) -> String {
    let output = tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run(folder.path(), &[&["policy", "coverage"], &arguments[..]].concat())
    });
    let output = output.await.expect("the program was run");
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert!(text(&output.stderr).contains(said), "{output:?}");
    text(&output.stdout).to_owned()
}

#[tokio::test]
async fn a_policy_file_is_named_in_reports_that_speak_of_lines() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("endpoint.json"), POLICY).unwrap();
    fs::write(
        folder.path().join("emulator.yaml"),
        "coverage: true\nendpoint_policy: endpoint.json\nlimits: {coverage_documents_max: 8}\n",
    )
    .unwrap();
    let process = Process::start(folder.path());
    process.send(&Call::detect("1")).await.unwrap();
    let lcov = process.control("GET", "/coverage?format=lcov", "").await;
    let expected =
        "TN:\nSF:endpoint.json\nBRF:0\nBRH:0\nDA:4,1\nDA:5,0\nDA:6,1\nDA:7,0\nLF:4\nLH:2\nend_of_record\n";
    assert_eq!(lcov.text(), expected);
}

#[test]
fn exec_reports_what_its_command_covered() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("endpoint.json"), POLICY).unwrap();
    let check = |least: &str, command: &str, code: i32| {
        let output = run(
            folder.path(),
            &[
                "exec",
                "--endpoint-policy",
                "endpoint.json",
                "--coverage",
                "json:coverage.json",
                "--coverage-min",
                least,
                "--",
                "sh",
                "-c",
                command,
            ],
        );
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert_eq!(text(&output.stdout), "", "standard output is the command's alone");
        text(&output.stderr).to_owned()
    };
    assert!(check("0", "true", 0).contains("0 % covered: 0 of 2 statements"));
    let report: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("coverage.json")).unwrap()).unwrap();
    assert_eq!(report["documents"][0]["file"], "endpoint.json");
    assert!(check("1", "true", 1).contains("that is less than 1 %"));
    // The command's own status goes before that.
    check("1", "exit 7", 7);
}
