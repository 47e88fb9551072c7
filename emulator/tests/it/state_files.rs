//! Files that a state is read from and written to: which are read, how much of them, and what happens to the files that
//! they name.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use lookoutvision_emulator::Emulator;
use serde_json::{Value, json};

use crate::{
    process::PROGRAM,
    support::{control, emulator_with},
};

const RULES: &str = "/projects/myProject/models/1/detect-anomalies";
const RECORDED: &str =
    r#"{"DetectAnomalyResult": {"Source": {"Type": "direct"}, "IsAnomalous": true, "Confidence": 0.75}}"#;

/// Runs a command in a folder; one that waits for more input than there is does not end
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new("timeout");
    let output = command
        .args(["60", PROGRAM])
        .args(arguments)
        .current_dir(folder)
        .output();
    let Output {
        status,
        stdout,
        stderr,
    } = output.expect("there is a `timeout`, and the program was built with its tests");
    let text = [stdout, stderr].concat();
    (status.code(), String::from_utf8_lossy(&text).into_owned())
}

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    fs::write(folder.join(name), content).unwrap_or_else(|error| panic!("the folder is ours: {error}"));
}

async fn import(emulator: &Emulator, folder: &Path, file: &'static str) -> (Option<i32>, String) {
    let (folder, url) = (folder.to_owned(), emulator.control_url());
    let command = move || run(&folder, &["state", "import", file, "--control", &url]);
    let ended = tokio::task::spawn_blocking(command).await;
    ended.unwrap_or_else(|error| panic!("it does not panic: {error}"))
}

#[tokio::test]
async fn no_more_of_a_state_is_read_than_its_limit_and_nothing_of_what_has_no_end() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let emulator = emulator_with("limits: {state_bytes_max: 32768}\n").await;
    let pipe = Command::new("mkfifo").arg(folder.path().join("pipe")).status();
    assert!(pipe.expect("there is mkfifo").success());
    let state = r#"{"format": 1}"#;
    write(folder.path(), "whole.json", format!("{state:<32768}"));
    write(folder.path(), "large.json", format!("{state:<32769}"));
    write(folder.path(), "limits.yaml", "limits: {state_bytes_max: 32768}\n");
    for (file, message) in [
        ("/dev/zero", "/dev/zero: it is not a regular file"),
        ("pipe", "pipe: it is not a regular file"),
        (
            "large.json",
            "large.json: it has more than 32768 bytes (limits.state_bytes_max)",
        ),
    ] {
        let (code, printed) = import(&emulator, folder.path(), file).await;
        assert_eq!(
            (code, printed.starts_with(message)),
            (Some(64), true),
            "{printed}"
        );
        let exec = ["exec", "--config", "limits.yaml", "--import", file, "--", "true"];
        let (code, printed) = run(folder.path(), &exec);
        assert_eq!((code, printed.contains(message)), (Some(64), true), "{printed}");
    }
    assert_eq!(
        import(&emulator, folder.path(), "whole.json").await,
        (Some(0), String::new())
    );
}

#[tokio::test]
async fn a_state_may_begin_with_a_byte_order_mark_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let emulator = emulator_with("").await;
    write(folder.path(), "marked.json", "\u{feff}{\"format\": 1}");
    let imported = import(&emulator, folder.path(), "marked.json").await;
    assert_eq!(imported, (Some(0), String::new()));
    write(folder.path(), "utf-16.json", b"\xff\xfe{\0}\0");
    let (code, printed) = import(&emulator, folder.path(), "utf-16.json").await;
    assert_eq!(code, Some(64), "{printed}");
    assert!(printed.starts_with("utf-16.json: it is UTF-16 text"), "{printed}");
}

#[tokio::test]
async fn a_state_that_could_not_be_put_again_is_not_given() {
    let emulator = emulator_with("limits: {state_bytes_max: 32768, scenarios_max: 3000}\n").await;
    // It is written with line breaks, which need more room than these have.
    let scenarios: Value = (1_000..3_300).map(|n| (format!("s{n}"), json!("a"))).collect();
    let state = json!({"format": 1, "scenarios": scenarios}).to_string();
    assert!(state.len() <= 32_768, "{}", state.len());
    assert_eq!(control(&emulator, "PUT", "/state", &state).await.status, 200);
    let refused = control(&emulator, "GET", "/state", "").await;
    let error = &refused.json()["error"];
    assert_eq!(
        (refused.status, &error["code"]),
        (409, &json!("LimitExceeded")),
        "{error}"
    );
    let message = error["message"].as_str().expect("a text");
    assert!(message.contains("limits.state_bytes_max at 32768"), "{message}");
}

#[test]
fn the_state_at_the_end_goes_where_a_link_leads_and_the_link_stays() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let link = folder.path().join("link.json");
    std::os::unix::fs::symlink("end.json", &link).expect("the folder is ours");
    // Once to a file that is not there yet, and once to one that is.
    for _ in 0..2 {
        let (code, printed) = run(
            folder.path(),
            &["exec", "--export-on-exit", "link.json", "--", "true"],
        );
        assert_eq!(code, Some(0), "{printed}");
        let metadata = fs::symlink_metadata(&link).expect("it is there");
        assert!(metadata.is_symlink());
        let state = fs::read(folder.path().join("end.json")).expect("it was written");
        let state: Value = serde_json::from_slice(&state).expect("it is JSON");
        assert_eq!(state["format"], 1);
    }
}

#[tokio::test]
async fn a_state_goes_back_where_it_came_from_although_the_file_of_an_answer_is_gone() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let emulator = emulator_with("projects: [{name: myProject, models: [{version: \"1\"}]}]\n").await;
    let file = folder.path().join("answer.json");
    write(folder.path(), "answer.json", RECORDED);
    let rule = json!({"then": {"response": file}});
    let put = control(&emulator, "PUT", RULES, &json!([rule]).to_string()).await;
    assert_eq!(put.status, 200, "{}", put.text());
    fs::remove_file(&file).expect("it is ours");
    let state = control(&emulator, "GET", "/state", "").await.text().to_owned();
    let again = control(&emulator, "PUT", "/state", &state).await;
    assert_eq!(again.status, 200, "{}", again.text());
    assert_eq!(control(&emulator, "GET", "/state", "").await.text(), state);
    // Where the rule is not, nobody knows what the file said.
    emulator.reset();
    let refused = control(&emulator, "PUT", "/state", &state).await;
    let error = &refused.json()["error"];
    assert_eq!(error["path"], "/rules/0/rules/0/rule/then/response", "{error}");
    assert!(
        error["message"].as_str().expect("a text").contains("answer.json"),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_that_is_no_answer_is_told_where_the_rule_names_it() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let emulator = emulator_with("projects: [{name: myProject, models: [{version: \"1\"}]}]\n").await;
    write(folder.path(), "broken.json", "{");
    let file = folder.path().join("broken.json");
    let rule = json!({"then": {"response": file}});
    let fine = json!({"then": {"is_anomalous": true, "confidence": 0.5}});
    for (method, body, path) in [
        ("PUT", json!([fine, rule, rule]), "/1/then/response"),
        ("POST", rule.clone(), "/then/response"),
    ] {
        let refused = control(&emulator, method, RULES, &body.to_string()).await;
        let error = &refused.json()["error"];
        assert_eq!((refused.status, &error["path"]), (400, &json!(path)), "{error}");
        let message = error["message"].as_str().expect("a text");
        assert!(message.contains("broken.json:1:"), "{message}");
    }
    let refused = control(&emulator, "PUT", RULES, &json!([fine, rule, rule]).to_string()).await;
    let mistakes = &refused.json()["error"]["mistakes"];
    let paths: Vec<&Value> = mistakes
        .as_array()
        .into_iter()
        .flatten()
        .map(|mistake| &mistake["path"])
        .collect();
    assert_eq!(paths, ["/1/then/response"], "a file is told once");
}
