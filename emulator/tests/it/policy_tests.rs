//! `policy test`: what it prints, how it ends, and that it says what the server says.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use lookoutvision_emulator::Emulator;
use serde_json::{Map, Value, json};

use crate::{
    process::PROGRAM,
    support::{Call, JPEG, emulator_with, journal_of},
};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/policy-tests")
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
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

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments)
        .output()
        .expect("the program was built with its tests")
}

fn text(bytes: &[u8]) -> &str {
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
        ("junit", "failing.xml"),
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
    let mut line = String::new();
    mistakes.read_line(&mut line).unwrap();
    assert!(line.contains("unknown key; did you mean `name`?"), "{line}");
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

/// Random numbers, from a seed that a failure names
struct Random(u64);

impl Random {
    /// One of them (SplitMix64)
    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let index = usize::try_from(mixed % choices.len() as u64).expect("there are not that many");
        choices[index].clone()
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.of(&(0..100).collect::<Vec<usize>>()) < percent
    }

    fn some(&mut self, choices: &[&str]) -> Value {
        let first = self.of(choices);
        if self.chance(60) {
            return json!(first);
        }
        json!([first, self.of(choices)])
    }

    /// A policy; those of an endpoint say whom they are about
    fn policy(&mut self, has_principal: bool) -> Value {
        let mut statements: Vec<Value> = (0..self.of(&[1, 2, 2, 3, 4]))
            .map(|_| self.statement(has_principal))
            .collect();
        if self.chance(60) {
            let mut all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
            if has_principal {
                all["Principal"] = json!("*");
            }
            statements.push(all);
        }
        json!({"Version": "2012-10-17", "Statement": statements})
    }

    fn statement(&mut self, has_principal: bool) -> Value {
        let mut statement = Map::new();
        statement.insert("Effect".to_owned(), json!(self.of(&["Allow", "Allow", "Deny"])));
        if self.chance(50) {
            statement.insert(
                "Sid".to_owned(),
                json!(format!("S{}", self.of(&(0..1000).collect::<Vec<_>>()))),
            );
        }
        if has_principal {
            let principal = self.of(&[
                json!("*"),
                json!({"AWS": "123456789012"}),
                json!({"AWS": ["arn:aws:iam::123456789012:user/alice"]}),
                json!({"AWS": "arn:aws:iam::123456789012:role/factory/inspector"}),
                json!({"AWS": ["arn:aws:iam::123456789012:user/bob", "arn:aws:iam::210987654321:root"]}),
            ]);
            statement.insert("Principal".to_owned(), principal);
        }
        let actions = self.some(&[
            "*",
            "lookoutvision:*",
            "lookoutvision:DetectAnomalies",
            "lookoutvision:D*",
            "lookoutvision:List*",
            "LOOKOUTVISION:describe?odel",
            "lookoutvision:*Model",
        ]);
        let action = self.of(&["Action", "Action", "Action", "NotAction"]);
        statement.insert(action.to_owned(), actions);
        let resources = self.some(&[
            "*",
            "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1",
            "arn:aws:lookoutvision:*:*:model/myProject/*",
            "arn:aws:lookoutvision:us-west-2:123456789012:project/*",
            "arn:aws:lookoutvision:us-west-2:123456789012:*/${aws:username}/*",
            "arn:aws:lookoutvision:eu-west-1:123456789012:model/*",
        ]);
        let resource = self.of(&["Resource", "Resource", "Resource", "NotResource"]);
        statement.insert(resource.to_owned(), resources);
        if self.chance(50) {
            statement.insert("Condition".to_owned(), self.condition());
        }
        Value::Object(statement)
    }

    fn condition(&mut self) -> Value {
        let conditions = [
            (
                "StringEquals",
                json!({"aws:PrincipalTag/team": ["vision", "audit"]}),
            ),
            ("StringNotEquals", json!({"aws:SourceVpce": "vpce-0000000a"})),
            (
                "StringEqualsIfExists",
                json!({"aws:ResourceTag/stage": "PRODUCTION"}),
            ),
            (
                "StringEqualsIgnoreCase",
                json!({"aws:ResourceTag/stage": "PRODUCTION"}),
            ),
            ("Null", json!({"aws:SourceIp": "true"})),
            ("Null", json!({"aws:ResourceAccount": "false"})),
            (
                "IpAddress",
                json!({"aws:VpcSourceIp": ["127.0.0.0/8", "10.0.0.0/8"]}),
            ),
            ("NotIpAddress", json!({"aws:SourceIp": "203.0.113.0/24"})),
            (
                "ArnLike",
                json!({"aws:PrincipalArn": "arn:aws:iam::123456789012:role/*"}),
            ),
            ("StringLike", json!({"aws:UserAgent": "tests/*"})),
            ("StringEquals", json!({"aws:RequestedRegion": ["us-west-2"]})),
            ("Bool", json!({"aws:SecureTransport": "true"})),
            ("BoolIfExists", json!({"aws:MultiFactorAuthPresent": "true"})),
            (
                "DateGreaterThan",
                json!({"aws:CurrentTime": "2030-01-01T00:00:00Z"}),
            ),
            (
                "DateLessThan",
                json!({"aws:TokenIssueTime": "2020-01-01T00:00:00Z"}),
            ),
            (
                "StringEquals",
                json!({"aws:username": "${aws:PrincipalTag/name}"}),
            ),
            ("StringLike", json!({"aws:userid": "AIDA*"})),
            ("ForAnyValue:StringEquals", json!({"aws:TagKeys": ["team"]})),
        ];
        let mut condition = Map::new();
        for _ in 0..self.of(&[1, 1, 2, 3]) {
            let (operator, keys) = self.of(&conditions);
            condition.insert(operator.to_owned(), keys);
        }
        Value::Object(condition)
    }

    /// A configuration with random policies in every layer
    fn configuration(&mut self) -> Value {
        let identity = |random: &mut Self| match random.of(&[0, 1, 2, 2]) {
            0 => Value::Null,
            1 => json!([random.policy(false)]),
            _ => json!([random.policy(false), random.policy(false)]),
        };
        let mut alice = json!({
            "arn": "arn:aws:iam::123456789012:user/alice",
            "tags": {"team": "vision", "name": "alice"},
            "access_keys": [{"access_key_id": "alice", "secret_access_key": "alice"}],
        });
        let policies = identity(self);
        if !policies.is_null() {
            alice["identity_policies"] = policies;
        }
        if self.chance(30) {
            alice["permissions_boundary"] = self.policy(false);
        }
        let session = json!({
            "arn": "arn:aws:sts::123456789012:assumed-role/auditor/nightly",
            "tags": {"team": "audit"},
            "access_keys": [{"access_key_id": "AUDITOR", "secret_access_key": "s", "session_token": "t"}],
            "session_policies": [self.policy(false)],
        });
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}]});
        let mut role = json!({
            "arn": "arn:aws:iam::123456789012:role/factory/inspector",
            "tags": {"team": "vision"},
            "trust_policy": trust,
        });
        let policies = identity(self);
        if !policies.is_null() {
            role["identity_policies"] = policies;
        }
        let mut configuration = json!({
            "principals": [
                {"arn": "arn:aws:iam::123456789012:user/bob",
                 "access_keys": [{"access_key_id": "bob", "secret_access_key": "bob"}]},
                alice,
                session,
            ],
            "roles": [role],
            "vpcs": [{"vpc_id": "vpc-0000000a", "region": "us-west-2"}],
            "vpc_endpoints": [
                {"vpc_endpoint_id": "vpce-0000000a", "vpc_id": "vpc-0000000a", "policy_document": self.policy(true)},
                {"vpc_endpoint_id": "vpce-0000000b", "vpc_id": "vpc-0000000a", "policy_document": self.policy(true),
                 "private_dns_enabled": false},
            ],
            "public_endpoint": "allow",
            "projects": [
                {"name": "myProject", "models": [{"version": "1", "tags": {"stage": "production"}}, {"version": "myModel"}]},
                {"name": "alice", "models": [{"version": "2"}]},
            ],
        });
        if self.chance(50) {
            configuration["organization"] = json!({
                "id": "o-exampleorgid",
                "service_control_policies": [[self.policy(false)], [self.policy(false), self.policy(false)]],
            });
        }
        configuration
    }

    /// Some call of some operation
    fn call(&mut self) -> Call {
        let project = self.of(&["myProject", "alice", "other"]);
        let model = self.of(&["1", "2", "myModel", "latest"]);
        let at = format!("/2020-11-20/projects/{project}");
        let arn =
            format!("arn%3Aaws%3Alookoutvision%3Aus-west-2%3A123456789012%3Amodel%2F{project}%2F{model}");
        let json = |target: &str, body: &str| Call::post(target, "application/json", body.as_bytes());
        let call = match self.of(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) {
            0 => Call::get("/2020-11-20/projects"),
            1 => Call::get(&at),
            2 => Call::get(&format!("{at}/models")),
            3 => Call::get(&format!("{at}/models/{model}")),
            4 => Call::get(&format!("/2020-11-20/tags/{}", arn.replace("latest", "1"))),
            5 => Call::get(&format!("{at}/datasets/train")),
            6 => json(
                &format!("{at}/models/{model}/start"),
                r#"{"MinInferenceUnits": 1}"#,
            ),
            7 => json(&format!("{at}/models/{model}/stop"), "{}"),
            8 => json(
                "/2020-11-20/projects",
                &json!({"ProjectName": project}).to_string(),
            ),
            _ => Call::post(&format!("{at}/models/{model}/detect"), "image/jpeg", JPEG),
        };
        let call = match self.of(&[0, 1, 2, 3]) {
            0 => call.credentials("bob", "bob"),
            1 => call.credentials("AUDITOR", "s").session_token("t"),
            _ => call.credentials("alice", "alice"),
        };
        let call = match self.of(&[0, 0, 1, 2]) {
            0 => call,
            1 => call.host("vpce-0000000b-x.lookoutvision.us-west-2.vpce.amazonaws.com"),
            // No endpoint stands there, so it is the public one.
            _ => call
                .host("lookoutvision.eu-west-1.amazonaws.com")
                .region("eu-west-1"),
        };
        let agent = self.of(&["tests/1", "curl/8"]);
        Call {
            extra_headers: vec![("user-agent".to_owned(), agent.to_owned())],
            ..call
        }
    }
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

async fn assumed(emulator: &Emulator) -> (String, String, String) {
    let answer = Call::query(
        "sts",
        "AssumeRole",
        &[
            ("RoleArn", "arn:aws:iam::123456789012:role/factory/inspector"),
            ("RoleSessionName", "line-7"),
        ],
    )
    .credentials("bob", "bob")
    .send(emulator)
    .await;
    let part = |name: &str| answer.xml(name).unwrap_or_else(|| panic!("{}", answer.text()));
    (part("AccessKeyId"), part("SecretAccessKey"), part("SessionToken"))
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
