//! `policy matrix` and `GET /matrix`: what everyone may do, compared with what happens to calls.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};

use crate::{
    process::PROGRAM,
    random_policies::Random,
    support::{Call, control, emulator, emulator_with, journal_of},
};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(PROGRAM)
        .args(["policy", "matrix"])
        .args(arguments)
        .current_dir(folder)
        .output();
    output.expect("the program was built with its tests")
}

fn stdout(output: &Output) -> &str {
    assert!(output.stderr.is_empty(), "{output:?}");
    std::str::from_utf8(&output.stdout).expect("it is text")
}

const CONFIGURATION: &str = r#"
account_id: "123456789012"
principals:
  - arn: arn:aws:iam::123456789012:user/alice
    access_keys: [{access_key_id: alice, secret_access_key: alice}]
  - arn: arn:aws:iam::123456789012:user/bob
    access_keys: [{access_key_id: bob, secret_access_key: bob}]
    identity_policies:
      - {Version: "2012-10-17", Statement: [{Effect: Deny, Action: "lookoutvision:Delete*", Resource: "*"}, {Effect: Allow, Action: "*", Resource: "*"}]}
roles:
  - arn: arn:aws:iam::123456789012:role/inspector
    trust_policy: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {AWS: "123456789012"}, Action: "sts:AssumeRole"}]}
vpcs: [{vpc_id: vpc-0000000a, region: us-west-2}]
vpc_endpoints:
  - vpc_endpoint_id: vpce-0000000a
    vpc_id: vpc-0000000a
    policy_document: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: "*", Action: "lookoutvision:D*", Resource: "*"}]}
projects: [{name: myProject, models: [{version: "1"}, {version: "2"}]}]
public_endpoint: allow
"#;

/// The decision of a call, as a cell has it
fn cell<'m>(
    matrix: &'m Value,
    principal: &str,
    entry_point: &str,
    operation: &str,
    resource: &str,
) -> &'m Value {
    let cells = matrix["cells"].as_array().expect("it has cells");
    let found = cells.iter().find(|cell| {
        cell["principal"]
            .as_str()
            .is_some_and(|arn| arn.ends_with(principal))
            && cell["entry_point"] == entry_point
            && cell["operation"] == operation
            && cell["resource"] == resource
    });
    found.unwrap_or_else(|| panic!("{principal} {entry_point} {operation} {resource}: {matrix:#}"))
}

#[tokio::test]
async fn the_command_and_the_route_say_the_same_of_everyone_and_everything() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("emulator.yaml"), CONFIGURATION).unwrap();
    let offline = run(folder.path(), &["--format", "json"]);
    let offline: Value = serde_json::from_str(stdout(&offline)).unwrap();
    let emulator = emulator_with(CONFIGURATION).await;
    let running = control(&emulator, "GET", "/matrix", "").await.json();
    assert_eq!(offline, running);
    // Three callers, two ways in, 22 operations of which those on models have two cells.
    for (principal, entry_point, operation, resource, decision, layer) in [
        (
            "user/alice",
            "vpce-0000000a",
            "DetectAnomalies",
            "model/myProject/1",
            "allowed",
            Value::Null,
        ),
        (
            "user/alice",
            "vpce-0000000a",
            "ListProjects",
            "*",
            "implicitDeny",
            json!("vpc-endpoint"),
        ),
        (
            "user/bob",
            "vpce-0000000a",
            "DeleteModel",
            "model/myProject/2",
            "explicitDeny",
            json!("identity"),
        ),
        (
            "user/bob",
            "vpce-0000000a",
            "CreateModel",
            "model/myProject/3",
            "implicitDeny",
            json!("vpc-endpoint"),
        ),
        (
            "user/alice",
            "public",
            "ListProjects",
            "*",
            "allowed",
            Value::Null,
        ),
        (
            "role/inspector",
            "vpce-0000000a",
            "DescribeProject",
            "project/myProject",
            "allowed",
            Value::Null,
        ),
    ] {
        let cell = cell(&offline, principal, entry_point, operation, resource);
        assert_eq!(
            (&cell["decision"], &cell["layer"]),
            (&json!(decision), &layer),
            "{cell}"
        );
    }
    let one = control(&emulator, "GET", "/matrix?vpc_endpoint_id=vpce-0000000a", "")
        .await
        .json();
    let cells = |matrix: &Value| matrix["cells"].as_array().unwrap().len();
    assert_eq!(cells(&one) * 2, cells(&running));
    for (query, status) in [
        ("?vpc_endpoint_id=vpce-1", 404),
        ("?format=yaml", 400),
        ("?endpoint=x", 400),
        ("?vpc_endpoint_id=public&format=csv", 200),
    ] {
        let answer = control(&emulator, "GET", &format!("/matrix{query}"), "").await;
        assert_eq!(answer.status, status, "{query} {}", answer.text());
    }
}

#[test]
fn each_form_is_compared_with_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("emulator.yaml");
    fs::write(&config, CONFIGURATION).unwrap();
    for format in ["text", "json", "markdown", "csv"] {
        let written = run(folder.path(), &["--format", format]);
        fs::write(folder.path().join(format), stdout(&written)).unwrap();
        let same = run(folder.path(), &["--check", format]);
        assert_eq!(same.status.code(), Some(0), "{same:?}");
        assert_eq!(stdout(&same), "186 cells, none changed\n", "{format}");
    }
    let text = fs::read_to_string(folder.path().join("text")).unwrap();
    assert!(
        text.starts_with(
            "arn:aws:iam::123456789012:user/alice over vpce-0000000a in us-west-2\n  \
             CreateDataset              *                  implicitDeny (vpc-endpoint)\n"
        ),
        "{text}"
    );
    // Of two rows for one cell nobody can say which is meant.
    for format in ["text", "csv", "markdown"] {
        let kept = fs::read_to_string(folder.path().join(format)).unwrap();
        // The last row, which is beneath its own heading in the text too.
        let twice = kept.lines().last().expect("it has rows");
        fs::write(folder.path().join("twice"), format!("{kept}{twice}\n")).unwrap();
        let output = run(folder.path(), &["--check", "twice"]);
        assert_eq!(output.status.code(), Some(64), "{output:?}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        let said = format!(
            "twice: line {} has a cell that is there already: ",
            kept.lines().count() + 1
        );
        assert!(stderr.starts_with(&said), "{format}: {stderr}");
    }
    let mut kept: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("json")).unwrap()).unwrap();
    let cells = kept["cells"].as_array_mut().unwrap();
    let first = cells[0].clone();
    cells.push(first);
    fs::write(folder.path().join("twice"), kept.to_string()).unwrap();
    let output = run(folder.path(), &["--check", "twice"]);
    assert_eq!(
        (output.status.code(), &*String::from_utf8_lossy(&output.stderr)),
        (
            Some(64),
            "twice: /cells/186 has a cell that is there already: arn:aws:iam::123456789012:user/alice over vpce-0000000a in \
             us-west-2: CreateDataset on *\n"
        )
    );
    fs::write(
        &config,
        CONFIGURATION
            .replace("lookoutvision:D*", "lookoutvision:Des*")
            .replace("version: \"2\"", "version: \"4\""),
    )
    .unwrap();
    for format in ["text", "json", "markdown", "csv"] {
        let changed = run(folder.path(), &["--check", format]);
        assert_eq!(changed.status.code(), Some(1), "{changed:?}");
        let lines = stdout(&changed);
        for line in [
            "arn:aws:iam::123456789012:user/alice over vpce-0000000a in us-west-2: DetectAnomalies on model/myProject/1: \
             implicitDeny (vpc-endpoint), was allowed\n",
            "arn:aws:iam::123456789012:user/bob over public in us-west-2: DetectAnomalies on model/myProject/4: allowed, was \
             not there\n",
            "arn:aws:iam::123456789012:user/bob over public in us-west-2: DetectAnomalies on model/myProject/2: not there, was \
             allowed\n",
        ] {
            assert!(lines.contains(line), "{format}: {lines}");
        }
    }
    fs::write(folder.path().join("other"), "principal\n").unwrap();
    let output = run(folder.path(), &["--check", "other"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "other: line 1 is none of a matrix\n"
    );
}

#[tokio::test]
async fn a_public_endpoint_that_refuses_is_shown_as_the_server_answers() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("allow.yaml"), CONFIGURATION).unwrap();
    let refuses = CONFIGURATION.replace("public_endpoint: allow\n", "");
    fs::write(folder.path().join("refuse.yaml"), &refuses).unwrap();
    for (format, expected) in [
        (
            "text",
            "  ListProjects               *                  refused (421)\n",
        ),
        ("csv", ",public,us-west-2,ListProjects,*,refused (421)\n"),
        (
            "markdown",
            "| public | us-west-2 | ListProjects | * | refused (421) |\n",
        ),
        ("json", "\"decision\": \"refused\""),
    ] {
        let output = run(folder.path(), &["--config", "refuse.yaml", "--format", format]);
        assert!(stdout(&output).contains(expected), "{}", stdout(&output));
        // Each form is read back as it was, and tells the cells that a change of the setting changes.
        fs::write(folder.path().join("kept"), stdout(&output)).unwrap();
        let same = run(folder.path(), &["--config", "refuse.yaml", "--check", "kept"]);
        assert_eq!(same.status.code(), Some(0), "{}", stdout(&same));
        let changed = run(folder.path(), &["--config", "allow.yaml", "--check", "kept"]);
        assert_eq!(changed.status.code(), Some(1));
        let line = "user/alice over public in us-west-2: ListProjects on *: allowed, was refused (421)\n";
        assert!(stdout(&changed).contains(line), "{}", stdout(&changed));
    }
    // A Region without an endpoint: the call comes in by the public endpoint, or not at all.
    let emulator = emulator_with(&refuses.replace("region: us-west-2", "region: eu-west-1")).await;
    Call::get("/2020-11-20/projects")
        .credentials("alice", "alice")
        .send(&emulator)
        .await
        .check(421, "MisdirectedRequestException");
}

#[tokio::test]
async fn a_cell_says_what_becomes_of_the_call() {
    let mut compared = 0;
    for seed in 20..24 {
        let mut random = Random(seed);
        let emulator = emulator_with(&random.configuration().to_string()).await;
        for _ in 0..40 {
            random.call().send(&emulator).await;
        }
        let matrix = control(&emulator, "GET", "/matrix", "").await.json();
        for entry in journal_of(&emulator).await {
            let agent = entry["context"]["aws:UserAgent"][0].as_str().unwrap_or_default();
            let resource = entry["resource"].as_str().unwrap_or_default();
            // A cell has no `User-Agent`, which policies here may ask for.
            if entry["decision"].is_null()
                || agent != "curl/8"
                || entry["entry_point"]["vpc_endpoint_id"].is_null()
            {
                continue;
            }
            let resource = resource.splitn(6, ':').nth(5).unwrap_or(resource);
            let cells = matrix["cells"].as_array().unwrap();
            let cell = cells.iter().find(|cell| {
                cell["principal"] == entry["principal"]
                    && cell["entry_point"] == entry["entry_point"]["vpc_endpoint_id"]
                    && cell["operation"] == entry["operation"]
                    && cell["resource"] == resource
            });
            if let Some(cell) = cell {
                assert_eq!(
                    cell["decision"], entry["decision"],
                    "seed {seed}: {cell} {entry:#}"
                );
                compared += 1;
            }
        }
        emulator.stop().await;
    }
    assert!(compared >= 20, "{compared}");
}

#[tokio::test]
async fn a_configuration_without_projects_has_a_matrix_of_what_needs_none() {
    let emulator = emulator().await;
    let matrix = control(&emulator, "GET", "/matrix?format=text", "").await;
    assert!(matrix.text().contains("ListProjects"), "{}", matrix.text());
    let empty = emulator_with("projects: []\n").await;
    let matrix = control(&empty, "GET", "/matrix", "").await.json();
    let cells = matrix["cells"].as_array().unwrap();
    assert!(
        !cells.is_empty() && cells.iter().all(|cell| cell["resource"] == "*"),
        "{matrix}"
    );
}
