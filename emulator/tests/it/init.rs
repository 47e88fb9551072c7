//! `init`: a folder to start from.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output},
};

use crate::{
    process::{PROGRAM, Process},
    support::{Call, PNG},
};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the program was built with its tests")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("what it prints is text")
}

/// Every file below a folder, with its bytes
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("the folder is ours") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("it lies below");
                let name = name.to_str().expect("the name is text").to_owned();
                found.insert(name, fs::read(&path).expect("it can be read"));
            }
        }
    }
    found
}

#[tokio::test]
async fn a_new_folder_is_valid_without_a_warning_and_allows_one_model() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["init"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let written = files(folder.path());
    let names: Vec<&str> = written.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            ".gitignore",
            "emulator.schema.json",
            "emulator.yaml",
            "policies/endpoint.json",
            "tests/policies.yaml",
            "tests/policy-tests.schema.json",
        ]
    );
    for name in names {
        assert!(text(&output.stdout).contains(name), "{output:?}");
    }
    let first_line = text(&written["emulator.yaml"]).lines().next();
    assert_eq!(
        first_line,
        Some("# yaml-language-server: $schema=./emulator.schema.json")
    );
    let schema = run(folder.path(), &["schema"]);
    assert_eq!(written["emulator.schema.json"], schema.stdout);

    let check = run(folder.path(), &["check"]);
    assert_eq!(check.status.code(), Some(0), "{check:?}");
    assert_eq!(
        text(&check.stdout),
        "valid: 2 files; principals: 1, VPC endpoints: 1, projects: 1, models: 2\n"
    );
    assert!(check.stderr.is_empty(), "{check:?}");
    let lint = run(folder.path(), &["policy", "lint", "policies/endpoint.json"]);
    assert_eq!(
        (lint.status.code(), text(&lint.stdout)),
        (Some(0), ""),
        "{lint:?}"
    );

    let tests = run(folder.path(), &["policy", "test", "tests/policies.yaml"]);
    assert_eq!(tests.status.code(), Some(0), "{tests:?}");
    assert!(text(&tests.stdout).ends_with("passed, 0 failed\n"), "{tests:?}");
    let schema = run(folder.path(), &["schema", "--of", "policy-tests"]);
    assert_eq!(written["tests/policy-tests.schema.json"], schema.stdout);

    let process = Process::start(folder.path());
    let detect = |model: &str| Call::detect(model).region("us-east-1");
    let allowed = process.send(&detect("1")).await.expect("an answer");
    assert_eq!(allowed.status, 200, "{allowed:?}");
    assert_eq!(allowed.json()["DetectAnomalyResult"]["IsAnomalous"], false);
    let anomalous = process.send(&detect("1").body("image/png", PNG)).await;
    let anomalous = anomalous.expect("an answer");
    assert_eq!(anomalous.json()["DetectAnomalyResult"]["IsAnomalous"], true);
    let denied = process.send(&detect("2")).await.expect("an answer");
    let message = denied.check(403, "AccessDeniedException");
    assert!(message.contains("no VPC endpoint policy allows"), "{message}");
    let log = process.stop();
    assert!(!log.contains("WARN"), "{log}");
}

#[test]
fn a_folder_is_made_and_the_way_into_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["init", "a/new folder"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(folder.path().join("a/new folder/emulator.yaml").is_file());
    assert!(
        text(&output.stdout).contains("\ncd 'a/new folder'\nlookoutvision-emulator check\n"),
        "{output:?}"
    );
}

#[test]
fn nothing_is_overwritten_and_everything_that_is_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    fs::write(folder.path().join("policies/endpoint.json"), "mine").unwrap();
    // A link that leads nowhere is there, too: writing through it would make a file elsewhere.
    std::os::unix::fs::symlink("nowhere.yaml", folder.path().join("emulator.yaml")).unwrap();
    let output = run(folder.path(), &["init"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert_eq!(
        text(&output.stderr),
        "nothing was written: `./emulator.yaml`, `./policies/endpoint.json` are there already; name another folder \
         (`lookoutvision-emulator init DIR`), or move them away\n"
    );
    assert!(output.stdout.is_empty(), "{output:?}");
    assert!(!folder.path().join("nowhere.yaml").exists());
    assert!(!folder.path().join("emulator.schema.json").exists());
    let kept = fs::read_to_string(folder.path().join("policies/endpoint.json")).unwrap();
    assert_eq!(kept, "mine");
}

#[test]
fn a_repository_keeps_its_list_of_ignored_files_and_git_ignores_what_a_new_one_names() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".gitignore"), "/target\n").unwrap();
    let output = run(folder.path(), &["init"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let kept = fs::read_to_string(folder.path().join(".gitignore")).unwrap();
    assert_eq!(kept, "/target\n");
    assert!(
        text(&output.stdout).contains("./.gitignore is yours and stays as it is; what the emulator makes here are /certs/ and /emulator.state*\n"),
        "{output:?}"
    );

    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["init"]).status.code(), Some(0));
    drop(Process::start(folder.path()));
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(folder.path())
            .output();
        text(&output.unwrap().stdout).to_owned()
    };
    git(&["init", "--quiet"]);
    let untracked = git(&["status", "--porcelain", "--untracked-files=all"]);
    assert!(folder.path().join("certs/ca.pem").is_file());
    assert!(
        untracked.contains("emulator.yaml") && !untracked.contains("certs"),
        "{untracked}"
    );
}

#[test]
fn the_other_name_of_a_configuration_is_one_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("emulator.yml"), "names: []\n").unwrap();
    let output = run(folder.path(), &["init"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert!(
        text(&output.stderr).contains("`./emulator.yml` is there already"),
        "{output:?}"
    );
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn a_file_in_the_place_of_a_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("policies"), "").unwrap();
    let output = run(folder.path(), &["init"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert!(
        text(&output.stderr).contains("`./policies` is not a folder"),
        "{output:?}"
    );
    let output = run(folder.path(), &["init", "policies"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert!(
        text(&output.stderr).contains("`policies` is not a folder"),
        "{output:?}"
    );
    assert_eq!(files(folder.path()).len(), 1);
}
