//! `policy test`: what it prints, how it ends, and that it agrees with the server.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::{
    process::PROGRAM,
    random_policies::{Random, assumed},
    support::{emulator_with, journal_of},
};

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/policy-tests")
}

pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(["policy", "test"])
        .args(arguments)
        .current_dir(folder);
    for option in ["CONFIG", "FORMAT", "FILTER", "WATCH", "CONFIG_NODES_MAX"] {
        command.env_remove(format!("LOOKOUTVISION_EMULATOR_{option}"));
    }
    command
}

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments)
        .output()
        .expect("the program was built with its tests")
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("what it prints is text")
}

/// Compares with a file of the repository, which `UPDATE_GOLDEN=1` writes
#[track_caller]
fn check_golden(name: &str, found: &str) {
    let file = fixtures().join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, found).expect("the fixtures can be written");
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == expected,
        "{name} is another; UPDATE_GOLDEN=1 writes it:\n{found}"
    );
}

#[test]
fn tests_that_pass_are_told_and_end_with_0() {
    let output = run(&fixtures(), &["perimeter.yaml", "alone.yaml"]);
    check_golden("passing.txt", text(&output.stdout));
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    assert!(text(&output.stdout).ends_with(" passed, 0 failed\n"));
}

#[test]
fn a_failure_says_what_is_nearest_in_every_format_and_ends_with_1() {
    for (format, golden) in [
        ("text", "failing.txt"),
        ("json", "failing.json"),
        ("junit", "failing.junit.xml"),
        ("tap", "failing.tap"),
    ] {
        let output = run(&fixtures(), &["--format", format, "failing.yaml"]);
        check_golden(golden, text(&output.stdout));
        assert_eq!(
            (output.status.code(), text(&output.stderr)),
            (Some(1), ""),
            "{format}"
        );
    }
    let report: Value = serde_json::from_str(&fs::read_to_string(fixtures().join("failing.json")).unwrap())
        .expect("the report is JSON");
    assert_eq!((&report["passed"], &report["failed"]), (&json!(1), &json!(5)));
}

#[test]
fn every_mistake_is_told_with_its_place_and_nothing_is_run() {
    for (file, golden) in [("mistakes.yaml", "mistakes.txt"), ("unknown.yaml", "unknown.txt")] {
        let output = run(&fixtures(), &[file, "perimeter.yaml"]);
        check_golden(golden, text(&output.stderr));
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(64), ""));
    }
}

#[test]
fn what_cannot_be_read_or_run_is_told_and_ends_with_64() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, file: &str, arguments: &[&str], expected: &str| {
        fs::write(folder.path().join(name), file).unwrap();
        let output = run(folder.path(), &[arguments, &[name]].concat());
        assert_eq!(
            (output.status.code(), text(&output.stderr), text(&output.stdout)),
            (Some(64), expected, "")
        );
    };
    let test = "tests: [{name: a, operation: ListProjects, expect: denied}]\n";
    check(
        "nothing.yaml",
        test,
        &[],
        "nothing.yaml:1:1: nothing says whose policies are tested: name a configuration in `config` (or by `--config`), or \
         policies in `policies`\n",
    );
    check(
        "gone.yaml",
        &format!("config: gone/emulator.yaml\n{test}"),
        &[],
        "gone.yaml:1:1: /config: `gone/emulator.yaml` cannot be read: there is no such file\n",
    );
    check(
        "invalid.yaml",
        "tests: [\n",
        &[],
        "invalid.yaml:1:8: unclosed bracket '['\n",
    );
    fs::write(folder.path().join("emulator.yaml"), "account_id: 12\n").unwrap();
    check(
        "config.yaml",
        &format!("config: emulator.yaml\n{test}"),
        &[],
        "emulator.yaml:1:1: /account_id: `12` is not an account id (twelve digits)\n",
    );
    fs::write(folder.path().join("emulator.yaml"), "names: []\n").unwrap();
    check(
        "filtered.yaml",
        &format!("config: emulator.yaml\n{test}"),
        &["--filter", "b"],
        "no test has `b` in its name\n",
    );
    check(
        "none.yaml",
        "config: emulator.yaml\ntests: []\n",
        &[],
        "none.yaml:2:1: /tests: there is no test\n",
    );
    let output = run(folder.path(), &["nowhere.yaml"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(
        text(&output.stderr).starts_with("`nowhere.yaml` cannot be read: "),
        "{output:?}"
    );
}

#[test]
fn a_malformed_value_hides_no_other_mistake() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("emulator.yaml"), "names: []\n").unwrap();
    let tests = "config: emulator.yaml\n\
                 tests:\n\
                 - {name: a, operation: ListProjects, vpc_endpoint_id: vpce-1, principal: carol, expect: denied}\n\
                 - {name: b, operation: ListProjects, principal: carol, expect: denied}\n\
                 - {name: c, operation: ListModels, resource: project/p, expect: denied}\n";
    fs::write(folder.path().join("tests.yaml"), tests).unwrap();
    let output = run(folder.path(), &["tests.yaml"]);
    assert_eq!(output.status.code(), Some(64));
    // Of a test that is not understood itself nothing else is asked.
    assert_eq!(
        text(&output.stderr),
        "tests.yaml:3:38: /tests/0/vpc_endpoint_id: `vpce-1` is not a VPC endpoint id (`vpce-` and 8 or 17 lower-case \
         hexadecimal digits)\n\
         tests.yaml:4:38: /tests/1/principal: no principal has the access key `carol`\n\
         tests.yaml:5:36: /tests/2/resource: ListModels is authorised on `*`, whatever it is about: leave `resource` out\n"
    );
}

#[test]
fn a_folder_stands_for_the_test_files_in_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("emulator.yaml"), "names: []\n").unwrap();
    for name in ["tests", "tests/below", "none"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let test = |name: &str| {
        format!(
            "config: ../emulator.yaml\ntests: [{{name: {name}, operation: ListProjects, expect: allowed}}]\n"
        )
    };
    for (file, text) in [
        ("tests/b.yml", test("second")),
        ("tests/a.yaml", test("first")),
        ("tests/endpoint.json", "{}".to_owned()),
        ("tests/below/c.yaml", "not a test file".to_owned()),
    ] {
        fs::write(folder.path().join(file), text).unwrap();
    }
    let output = run(folder.path(), &["tests"]);
    assert_eq!(
        (output.status.code(), text(&output.stdout), text(&output.stderr)),
        (
            Some(0),
            "tests/a.yaml\n  ok    first\ntests/b.yml\n  ok    second\n2 passed, 0 failed\n",
            ""
        )
    );
    let output = run(folder.path(), &["none"]);
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (
            Some(64),
            "the folder `none` has no test file (`*.yaml`); name files, or a folder that has some\n"
        )
    );
}

#[test]
fn a_filter_is_looked_for_in_any_case_and_an_option_goes_before_the_file() {
    let output = run(&fixtures(), &["--filter", "DELETEMODEL", "perimeter.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        text(&output.stdout).ends_with("2 passed, 0 failed\n"),
        "{output:?}"
    );

    // Without alice there is nobody whom the tests could name.
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.yaml");
    fs::write(&other, "names: []\n").unwrap();
    let other = other.to_str().unwrap();
    let output = run(&fixtures(), &["--config", other, "perimeter.yaml"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert!(text(&output.stderr).contains("no principal `arn:aws:iam::123456789012:user/alice` is declared"));
    // Policies of the file's own are not those of any configuration.
    let output = run(&fixtures(), &["--config", other, "alone.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn a_save_runs_the_tests_again() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["emulator.yaml", "endpoint.json", "perimeter.yaml"] {
        fs::copy(fixtures().join(name), folder.path().join(name)).unwrap();
    }
    let mut child = command(folder.path(), &["--watch", "perimeter.yaml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built with its tests");
    let mut lines = BufReader::new(child.stdout.take().expect("it is a pipe")).lines();
    let mut summary = || loop {
        let line = lines.next().expect("it goes on").expect("it is text");
        if line.ends_with(" failed") {
            return line;
        }
    };
    assert!(summary().ends_with(" passed, 0 failed"));
    // Each file that has a say is watched.
    let policy = fs::read_to_string(folder.path().join("endpoint.json")).unwrap();
    fs::write(
        folder.path().join("endpoint.json"),
        policy.replace("Delete*", "Stop*"),
    )
    .unwrap();
    assert!(!summary().ends_with(" passed, 0 failed"));
    // A mistake is told, and what comes after it is run.
    let mut tests = fs::OpenOptions::new();
    let mut tests = tests
        .append(true)
        .open(folder.path().join("perimeter.yaml"))
        .unwrap();
    writeln!(tests, "  - nme: x").unwrap();
    let mut mistakes = BufReader::new(child.stderr.take().expect("it is a pipe"));
    let mut said = String::new();
    while !said.contains("unknown key; did you mean `name`?") {
        assert_ne!(mistakes.read_line(&mut said).unwrap(), 0, "{said}");
    }
    // The two files, the configuration and its policy.
    assert!(said.contains("Z: watching 3 files\n"), "{said}");
    fs::copy(
        fixtures().join("perimeter.yaml"),
        folder.path().join("perimeter.yaml"),
    )
    .unwrap();
    fs::copy(
        fixtures().join("endpoint.json"),
        folder.path().join("endpoint.json"),
    )
    .unwrap();
    while !summary().ends_with(" passed, 0 failed") {}
    child.kill().expect("it runs");
    child.wait().expect("it has ended");
    let mut rest = String::new();
    let _ = mistakes.read_to_string(&mut rest);
}

/// The test that expects what the server said
fn test_of(number: usize, entry: &Value) -> Value {
    let mut expect = json!({"decision": entry["decision"]});
    if let Some(decided_by) = entry["decided_by"].as_object() {
        let known = decided_by
            .iter()
            .filter(|(key, value)| !value.is_null() && *key != "document_sha256");
        expect["decided_by"] = known.map(|(key, value)| (key.clone(), value.clone())).collect();
    }
    if entry["decision"] != "allowed" {
        // What a pattern would take for something else stands in no sentence of a policy.
        expect["message"] = entry["message"].clone();
    }
    let resource = entry["resource"]
        .as_str()
        .expect("what was authorised has a resource");
    let region = if entry["host"]
        .as_str()
        .expect("the request has a host")
        .contains("eu-west-1")
    {
        "eu-west-1"
    } else {
        "us-west-2"
    };
    let mut test = json!({
        "name": format!("request {number}"),
        "operation": entry["operation"],
        "principal": entry["principal"],
        "vpc_endpoint_id": entry["entry_point"]["vpc_endpoint_id"],
        "region": region,
        "source_ip": entry["source_ip"],
        "context": {"aws:UserAgent": entry["context"]["aws:UserAgent"]},
        "expect": expect,
    });
    if resource != "*" {
        test["resource"] = json!(resource);
    }
    test
}

#[tokio::test]
async fn a_test_says_what_the_server_says_of_random_requests_under_random_policies() {
    let mut decisions = std::collections::BTreeMap::new();
    for seed in 0..8 {
        let mut random = Random(seed);
        let configuration = random.configuration();
        let emulator = emulator_with(&configuration.to_string()).await;
        // Without a service control policy that allows it nobody gets a session.
        let has_organization = configuration["organization"].is_object();
        let session = if has_organization {
            None
        } else {
            Some(assumed(&emulator).await)
        };
        for _ in 0..60 {
            let mut call = random.call();
            if let Some((id, secret, token)) = session.as_ref().filter(|_| random.chance(25)) {
                call = call.credentials(id, secret).session_token(token);
            }
            call.send(&emulator).await;
        }
        let entries = journal_of(&emulator).await;
        let asked = entries
            .iter()
            .filter(|entry| entry["service"] == "lookoutvision" && !entry["decision"].is_null());
        let tests: Vec<Value> = asked
            .enumerate()
            .map(|(number, entry)| test_of(number, entry))
            .collect();
        assert!(tests.len() >= 50, "{}", tests.len());
        for test in &tests {
            *decisions
                .entry(test["expect"]["decision"].to_string())
                .or_insert(0) += 1;
        }
        let folder = tempfile::tempdir().unwrap();
        // JSON is YAML.
        fs::write(folder.path().join("emulator.yaml"), configuration.to_string()).unwrap();
        let file = json!({"config": "emulator.yaml", "tests": tests});
        fs::write(folder.path().join("tests.yaml"), file.to_string()).unwrap();
        let output = run(folder.path(), &["tests.yaml"]);
        assert_eq!(
            output.status.code(),
            Some(0),
            "seed {seed}:\n{}{}\n{configuration:#}",
            text(&output.stdout),
            text(&output.stderr)
        );
        emulator.stop().await;
    }
    // Each kind of decision was among them, or this says little.
    assert_eq!(decisions.len(), 3, "{decisions:?}");
    assert!(decisions.values().all(|count| *count >= 30), "{decisions:?}");
}

#[test]
fn a_call_that_the_server_refuses_before_any_policy_is_denied_and_by_no_policy() {
    let folder = tempfile::tempdir().unwrap();
    let tests = |public_endpoint: &str, expect: &str| {
        let configuration = format!("names: []\n{public_endpoint}");
        fs::write(folder.path().join("emulator.yaml"), configuration).unwrap();
        let test = format!("name: a, operation: ListProjects, vpc_endpoint_id: null, expect: {expect}");
        fs::write(
            folder.path().join("tests.yaml"),
            format!("config: emulator.yaml\ntests: [{{{test}}}]\n"),
        )
        .unwrap();
        let output = run(folder.path(), &["tests.yaml"]);
        (output.status.code(), text(&output.stdout).to_owned())
    };
    assert_eq!(
        tests("", "denied"),
        (Some(0), "tests.yaml\n  ok    a\n1 passed, 0 failed\n".to_owned())
    );
    for word in ["allowed", "implicitDeny", "explicitDeny"] {
        let (code, report) = tests("", word);
        let expected = format!(
            "tests.yaml:2:9: expected {word}, got refused: the server answers calls over the public endpoint 421 before it \
             asks any policy (`public_endpoint: refuse`)\n"
        );
        assert!(code == Some(1) && report.contains(&expected), "{report}");
    }
    let (code, report) = tests("", "{decision: denied, message: '* allows the * action'}");
    assert!(
        code == Some(1) && report.contains("got ``: the server answers"),
        "{report}"
    );
    assert_eq!(tests("public_endpoint: allow\n", "allowed").0, Some(0));
    assert_eq!(tests("public_endpoint: allow\n", "denied").0, Some(1));
}

#[test]
fn a_resource_that_is_not_declared_is_decided_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = "projects: [{name: ghosts, models: [{version: '1'}]}]\n";
    fs::write(folder.path().join("emulator.yaml"), configuration).unwrap();
    let tests = "config: emulator.yaml\n\
                 tests:\n\
                 - {name: a, operation: DetectAnomalies, resource: model/ghost/1, expect: allowed}\n\
                 - {name: b, operation: DetectAnomalies, resource: model/ghosts/2, expect: allowed}\n\
                 - {name: c, operation: DescribeProject, resource: project/other, expect: denied}\n\
                 - {name: none, operation: DetectAnomalies, resource: model/ghosts/1, expect: allowed}\n\
                 - {name: to be made, operation: CreateModel, resource: model/ghosts/2, expect: allowed}\n\
                 - {name: also to be made, operation: CreateProject, resource: project/new, expect: allowed}\n";
    fs::write(folder.path().join("tests.yaml"), tests).unwrap();
    let warnings = [
        "tests.yaml:3:3: warning: no project `ghost` is declared in us-east-1; did you mean `ghosts`?",
        "tests.yaml:4:3: warning: the project `ghosts` declares no model `2` in us-east-1",
        "tests.yaml:5:3: warning: no project `other` is declared in us-east-1",
    ];
    for format in ["text", "junit", "tap"] {
        let output = run(folder.path(), &["--format", format, "tests.yaml"]);
        let report = text(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{report}");
        assert_eq!(report.matches("warning: ").count(), warnings.len(), "{report}");
        for warning in warnings {
            assert!(report.contains(warning), "{report}");
        }
    }
    let output = run(
        folder.path(),
        &["--format", "json", "--filter", "a", "tests.yaml"],
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        report["cases"][0]["warnings"],
        json!(["no project `ghost` is declared in us-east-1; did you mean `ghosts`?"])
    );
}
