//! The endpoint policy that this project began with, put through everything that the workbench does.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use crate::{
    process::PROGRAM,
    support::{Call, control_accepting, emulator_with},
};

const ENDPOINT: &str = "vpce-0a1b2c3d4e5f67890";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/seed");
    for file in fs::read_dir(fixtures).expect("the fixtures are there") {
        let file = file.expect("the fixtures can be read");
        fs::copy(file.path(), folder.path().join(file.file_name())).expect("the folder is ours");
    }
    folder
}

#[track_caller]
fn run(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = Command::new(PROGRAM).args(arguments).current_dir(folder).output();
    let output: Output = output.expect("the program was built with its tests");
    assert_eq!(output.status.code(), Some(code), "{arguments:?} {output:?}");
    String::from_utf8(output.stdout).expect("it prints text")
}

#[test]
fn it_is_linted_tested_covered_and_shown_as_a_matrix() {
    let folder = folder();
    let folder = folder.path();
    run(folder, &["policy", "lint", "--deny-warnings", "endpoint.json"], 0);
    let tested = run(
        folder,
        &[
            "policy",
            "test",
            "tests.yaml",
            "--coverage",
            "json:coverage.json",
            "--coverage-min",
            "100",
        ],
        0,
    );
    assert!(tested.ends_with(" passed, 0 failed\n"), "{tested}");
    let coverage = fs::read_to_string(folder.join("coverage.json")).unwrap();
    let coverage: Value = serde_json::from_str(&coverage).unwrap();
    assert_eq!(coverage["documents"][0]["file"], "endpoint.json");
    let matrix = run(folder, &["policy", "matrix", "--format", "csv"], 0);
    let allowed: Vec<&str> = matrix.lines().filter(|line| line.ends_with(",allowed")).collect();
    let alone = format!(
        "arn:aws:iam::123456789012:user/test,{ENDPOINT},us-west-2,DetectAnomalies,model/myProject/myModel,allowed"
    );
    assert_eq!(allowed, [alone], "{matrix}");
}

#[tokio::test]
async fn what_was_called_under_it_is_drafted_tried_and_explained() {
    let folder = folder();
    let policy: PathBuf = folder.path().join("endpoint.json");
    let configuration = fs::read_to_string(folder.path().join("emulator.yaml")).unwrap();
    let configuration = configuration.replace("endpoint.json", policy.to_str().unwrap());
    let emulator = emulator_with(&configuration).await;
    Call::detect("myModel").send(&emulator).await.check_ok();
    Call::detect("1")
        .send(&emulator)
        .await
        .check(403, "AccessDeniedException");
    let saved = control_accepting(&emulator, "/requests", "application/x-ndjson").await;
    fs::write(folder.path().join("requests.ndjson"), &saved.body).unwrap();

    // The draft of what was called is the policy itself, but for the one who called.
    let draft = run(
        folder.path(),
        &["policy", "draft", "--requests", "requests.ndjson"],
        0,
    );
    let read = |text: &str| serde_json::from_str::<Value>(text).expect("it is JSON");
    let (drafted, seed) = (read(&draft), read(&fs::read_to_string(&policy).unwrap()));
    let statement = |document: &Value| document["Statement"][0].clone();
    assert_eq!(statement(&drafted)["Resource"], statement(&seed)["Resource"]);
    assert_eq!(statement(&drafted)["Action"], statement(&seed)["Action"][0]);
    fs::write(folder.path().join("draft.json"), &draft).unwrap();
    let what_if = |file: &str, fail_on: &str, code: i32| {
        run(
            folder.path(),
            &[
                "policy",
                "what-if",
                "--requests",
                "requests.ndjson",
                "--vpc-endpoint-id",
                ENDPOINT,
                "--fail-on",
                fail_on,
                file,
            ],
            code,
        )
    };
    what_if("draft.json", "any", 0);
    let diff = |new: &str, code: i32| {
        let arguments = ["policy", "diff", "--deny-new-access", "endpoint.json", new];
        run(folder.path(), &arguments, code)
    };
    diff("draft.json", 0);
    let wider = fs::read_to_string(&policy)
        .unwrap()
        .replace("myProject/myModel", "myProject/*");
    fs::write(folder.path().join("wider.json"), wider).unwrap();
    let flips = what_if("wider.json", "allowed", 1);
    assert!(
        flips.contains("now allowed, 1 call: lookoutvision:DetectAnomalies"),
        "{flips}"
    );
    let wider = diff("wider.json", 1);
    assert!(
        wider.starts_with("new access: lookoutvision:DetectAnomalies on "),
        "{wider}"
    );

    let entry = saved.text().lines().last().expect("the journal has entries");
    let id = read(entry)["request_id"].as_str().unwrap().to_owned();
    let url = emulator.control_url();
    let at = folder.path().to_owned();
    let explained =
        tokio::task::spawn_blocking(move || run(&at, &["requests", "explain", &id, "--control", &url], 0));
    let explained = explained.await.unwrap();
    assert!(
        explained.contains("/Statement/0/Resource: the resource") && explained.contains("would be allowed"),
        "{explained}"
    );
}
