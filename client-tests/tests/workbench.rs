//! The pull request checks of emulator/docs/workbench.md, command by command, in a folder that `init` makes.

use std::{error::Error, fs, process::Command};

use client_tests::stage::emulator_program;
use serde_json::Value;

/// The blocks of the page that this test is named for
fn blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) if info.ends_with("elsewhere=client-tests/tests/workbench.rs") => {
                open = Some(String::new());
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.push_str(line);
                block.push('\n');
            }
            _ => {}
        }
    }
    blocks
}

/// Every command of a workflow or of a job, in order
fn commands(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match (key.as_str(), value) {
                    ("run", Value::String(command)) => found.push(command.clone()),
                    ("script", Value::Array(script)) => {
                        found.extend(script.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    _ => commands(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| commands(value, found)),
        _ => {}
    }
}

#[test]
fn every_command_of_the_pull_request_checks_passes_in_a_new_folder() -> Result<(), Box<dyn Error>> {
    let page = fs::read_to_string(xtask::workspace_root().join("emulator/docs/workbench.md"))?;
    let program = fs::canonicalize(emulator_program()?)?;
    let programs = program.parent().ok_or("the program lies nowhere")?;
    let path = format!(
        "{}:{}",
        programs.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let blocks = blocks(&page);
    assert_eq!(blocks.len(), 2, "a GitHub workflow and a GitLab job");
    for block in blocks {
        let folder = tempfile::tempdir()?;
        // The files that the page says are committed.
        let mut found = vec![
            "lookoutvision-emulator init vision".to_owned(),
            "lookoutvision-emulator policy matrix --config vision/emulator.yaml > vision/matrix.txt"
                .to_owned(),
            // The branch that the pull request is for, in a repository that is its own remote.
            "git init --quiet --initial-branch main && git remote add origin .".to_owned(),
            "git add . && git -c user.name=test -c user.email=test@example.com commit --quiet -m base"
                .to_owned(),
        ];
        let mut of_page = Vec::new();
        commands(&serde_saphyr::from_str(&block)?, &mut of_page);
        // The program was built with the tests, from the folder that is cloned and installed here.
        let [clone, install, checks @ ..] = of_page.as_slice() else {
            return Err(format!("no clone and no install: {block}").into());
        };
        assert!(
            clone.starts_with("git clone ") && clone.ends_with("/OWNER/lookoutvision-emulator ../sources"),
            "{clone}"
        );
        let installed = install.strip_prefix("cargo install --locked --path ../sources/");
        let manifest = xtask::workspace_root()
            .join(installed.unwrap_or(install))
            .join("Cargo.toml");
        assert!(manifest.is_file(), "{install}");
        found.extend_from_slice(checks);
        assert!(found.len() > 5, "{block}");
        for command in found {
            let output = Command::new("bash")
                .args(["-euc", &command])
                .current_dir(&folder)
                .env("PATH", &path)
                .envs([
                    ("GITHUB_BASE_REF", "main"),
                    ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"),
                ])
                .output()?;
            assert!(output.status.success(), "{command}: {output:?}");
        }
    }
    Ok(())
}
