//! Five policies of a data perimeter, put through everything that the workbench does.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

use crate::{
    process::PROGRAM,
    support::{Call, control, control_accepting, emulator_with, journal_of},
};

const ENDPOINT: &str = "vpce-0a1b2c3d4e5f67890";

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/perimeters")
}

/// The policies in a folder of the test's own
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for file in fs::read_dir(fixtures()).expect("the fixtures are there") {
        let file = file.expect("the fixtures can be read");
        fs::copy(file.path(), folder.path().join(file.file_name())).expect("the folder is ours");
    }
    folder
}

#[track_caller]
fn run(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = Command::new(PROGRAM)
        .args(arguments)
        .current_dir(folder)
        // As in a shell that an emulator's variables were pasted into: what is offline asks nobody.
        .env("LOOKOUTVISION_EMULATOR_CONTROL_URL", "http://127.0.0.1:1")
        .output();
    let output: Output = output.expect("the program was built with its tests");
    assert_eq!(output.status.code(), Some(code), "{arguments:?} {output:?}");
    String::from_utf8(output.stdout).expect("it prints text")
}

/// What becomes of access when one clause of a perimeter is taken away: never nothing, and never unknown.
#[test]
fn each_clause_that_is_taken_away_changes_who_has_access() {
    let folder = folder();
    let folder = folder.path();
    let mut changed = 0;
    for policy_type in ["endpoint", "identity", "boundary", "scp", "rcp"] {
        let file = format!("{policy_type}.json");
        let compare = |new: &str, code| {
            let arguments = ["policy", "diff", "--type", policy_type, "--deny-new-access"];
            run(folder, &[&arguments[..], &[&file, new]].concat(), code)
        };
        assert_eq!(compare(&file, 0), "no new access, no lost access\n");
        let text = fs::read_to_string(folder.join(&file)).unwrap();
        let policy: Value = serde_json::from_str(&text).unwrap();
        for (statement, of_statement) in policy["Statement"].as_array().unwrap().iter().enumerate() {
            let Some(operators) = of_statement["Condition"].as_object() else {
                continue;
            };
            for (operator, keys) in operators {
                for key in keys.as_object().unwrap().keys() {
                    let mut without = policy.clone();
                    let condition = &mut without["Statement"][statement]["Condition"];
                    condition[operator].as_object_mut().unwrap().remove(key);
                    fs::write(folder.join("without.json"), without.to_string()).unwrap();
                    // Without it an Allow allows more, and a Deny denies more.
                    let (code, expected) = match of_statement["Effect"].as_str() {
                        Some("Allow") => (1, " new access, no lost access"),
                        _ => (0, "no new access, "),
                    };
                    let told = compare("without.json", code);
                    let summary = told.lines().last().unwrap_or_default();
                    assert!(
                        summary.contains(expected),
                        "{file} {statement} {operator} {key}: {summary}"
                    );
                    assert_ne!(
                        summary, "no new access, no lost access",
                        "{file} {statement} {operator} {key}"
                    );
                    changed += 1;
                }
            }
        }
    }
    assert!(changed > 10, "{changed} clauses");
}

#[test]
fn they_are_linted_tested_and_covered() {
    let folder = folder();
    let folder = folder.path();
    for (policy_type, file) in [
        ("endpoint", "endpoint.json"),
        ("identity", "identity.json"),
        ("boundary", "boundary.json"),
        ("scp", "scp.json"),
        ("rcp", "rcp.json"),
    ] {
        run(folder, &["policy", "lint", "--type", policy_type, file], 0);
        let no_new_access = ["policy", "diff", "--deny-new-access", "--type", policy_type];
        run(folder, &[&no_new_access[..], &[file, file]].concat(), 0);
    }
    run(folder, &["check"], 0);
    let tested = run(
        folder,
        &[
            "policy",
            "test",
            "tests.yaml",
            "--coverage",
            "json:coverage.json",
            "--coverage-min",
            "75",
        ],
        0,
    );
    assert!(tested.ends_with(" passed, 0 failed\n"), "{tested}");
    let coverage: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("coverage.json")).unwrap()).unwrap();
    assert_eq!(
        coverage["documents"].as_array().map(Vec::len),
        Some(5),
        "{coverage:#}"
    );
    assert_eq!(coverage["never_matched"], serde_json::json!([]), "{coverage:#}");
}

#[test]
fn their_matrix_shows_what_a_change_opens() {
    let folder = folder();
    let folder = folder.path();
    let matrix = run(folder, &["policy", "matrix", "--format", "markdown"], 0);
    fs::write(folder.join("matrix.md"), matrix).unwrap();
    run(folder, &["policy", "matrix", "--check", "matrix.md"], 0);
    let endpoint = fs::read_to_string(folder.join("endpoint.json")).unwrap();
    fs::write(
        folder.join("endpoint.json"),
        endpoint.replace("\"lookoutvision:DeleteModel\", ", ""),
    )
    .unwrap();
    let changed = run(folder, &["policy", "matrix", "--check", "matrix.md"], 1);
    assert!(
        changed.contains("user/line over vpce-0a1b2c3d4e5f67890 in us-west-2: DeleteModel on model/myProject/1: allowed, was explicitDeny (vpc-endpoint)\n"),
        "{changed}"
    );
}

#[tokio::test]
async fn what_was_called_through_them_is_drafted_tried_and_compared() {
    let folder = folder();
    let folder = folder.path();
    let mut configuration = fs::read_to_string(folder.join("emulator.yaml")).unwrap();
    for file in ["endpoint", "identity", "boundary", "scp", "rcp"] {
        let path = folder.join(format!("{file}.json"));
        configuration = configuration.replace(&format!("{file}.json"), path.to_str().unwrap());
    }
    let emulator = emulator_with(&configuration).await;
    let line = |call: Call| call.credentials("line", "line");
    for model in ["1", "1", "2"] {
        line(Call::detect(model)).send(&emulator).await.check_ok();
    }
    line(Call::get("/2020-11-20/projects"))
        .send(&emulator)
        .await
        .check_ok();
    let delete = Call {
        method: "DELETE",
        ..Call::get("/2020-11-20/projects/myProject/models/1")
    };
    line(delete)
        .send(&emulator)
        .await
        .check(403, "AccessDeniedException");
    Call::detect("1")
        .credentials("stranger", "stranger")
        .send(&emulator)
        .await
        .check(403, "AccessDeniedException");
    let saved = control_accepting(&emulator, "/requests", "application/x-ndjson").await;
    fs::write(folder.join("requests.ndjson"), &saved.body).unwrap();

    // A draft of the calls; nothing flips under it, and it is no new access.
    let draft = run(folder, &["policy", "draft", "--requests", "requests.ndjson"], 0);
    fs::write(folder.join("draft.json"), draft).unwrap();
    run(folder, &["policy", "lint", "--deny-warnings", "draft.json"], 0);
    let what_if = [
        "policy",
        "what-if",
        "--requests",
        "requests.ndjson",
        "--vpc-endpoint-id",
        ENDPOINT,
    ];
    run(
        folder,
        &[&what_if[..], &["--fail-on", "any", "draft.json"]].concat(),
        0,
    );
    // Without the Deny the line could delete, which is what the explanation of the refusal says as well.
    let endpoint = fs::read_to_string(folder.join("endpoint.json")).unwrap();
    fs::write(
        folder.join("wider.json"),
        endpoint.replace("\"lookoutvision:DeleteModel\", ", ""),
    )
    .unwrap();
    let flips = run(
        folder,
        &[&what_if[..], &["--fail-on", "allowed", "wider.json"]].concat(),
        1,
    );
    let new_access = [
        "policy",
        "diff",
        "--deny-new-access",
        "endpoint.json",
        "wider.json",
    ];
    let new_access = run(folder, &new_access, 1);
    assert!(
        new_access.starts_with("new access: lookoutvision:DeleteModel on "),
        "{new_access}"
    );
    assert!(
        flips.contains("now allowed, 1 call: lookoutvision:DeleteModel"),
        "{flips}"
    );
    let entries = journal_of(&emulator).await;
    let refused = entries
        .iter()
        .find(|entry| entry["operation"] == "DeleteModel")
        .expect("it was called");
    let id = refused["request_id"].as_str().unwrap();
    let edits = control(&emulator, "GET", &format!("/requests/{id}/edits"), "")
        .await
        .json();
    assert_eq!(
        edits["edits"][0]["description"], "/Statement/1/Action/0: without `lookoutvision:DeleteModel`",
        "{edits:#}"
    );
}
