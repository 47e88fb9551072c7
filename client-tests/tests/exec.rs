//! `exec` runs test suites that find the emulator with no variable set by hand: pytest with boto3, and `npm test` with
//! the SDK for JavaScript.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};

use client_tests::{stage::emulator_program, trial};
use libtest_mimic::Arguments;
use xtask::environments::Environments;

fn main() -> ExitCode {
    let trials = vec![
        trial::that_needs("python3", "pytest_finds_its_emulator", pytest),
        trial::that_needs("npm", "npm_test_finds_its_emulator", npm),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn pytest() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    copy("python/test_exec.py", &folder.path().join("test_exec.py"))?;
    let python = Environments::of_this_checkout().python()?;
    let programs = python.parent().ok_or("the interpreter lies nowhere")?.to_owned();
    check(
        folder.path(),
        Some(programs),
        &["pytest", "-q", "-p", "no:cacheprovider"],
        "2 passed",
    )
}

fn npm() -> Result<(), Box<dyn Error>> {
    let home = Environments::of_this_checkout().node_driver()?;
    let home = home.parent().ok_or("the script lies nowhere")?;
    // Beside the packages, where Node looks for them.
    copy("node/package.json", &home.join("package.json"))?;
    copy("node/exec.test.mjs", &home.join("exec.test.mjs"))?;
    check(home, None, &["npm", "test", "--silent"], "pass 2")
}

fn copy(from: &str, to: &Path) -> Result<(), Box<dyn Error>> {
    fs::copy(xtask::workspace_root().join("client-tests").join(from), to)?;
    Ok(())
}

/// Runs a test suite under `exec`; it must pass and say so, and the journal must have its two calls
fn check(
    folder: &Path,
    programs: Option<PathBuf>,
    suite: &[&str],
    passed: &str,
) -> Result<(), Box<dyn Error>> {
    let images = xtask::workspace_root().join("emulator/tests/fixtures/images");
    let scratch = tempfile::tempdir()?;
    let journal = scratch.path().join("requests.ndjson");
    let policy = scratch.path().join("seed.json");
    fs::write(&policy, SEED)?;
    let own = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(programs.into_iter().chain(std::env::split_paths(&own)))?;
    let output = Command::new(emulator_program()?)
        .args(["exec", "--endpoint-policy"])
        .arg(&policy)
        .arg("--journal")
        .arg(&journal)
        .arg("--")
        .args(suite)
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", scratch.path())
        .env("IMAGE", images.join("normal-1.jpg"))
        .stdin(Stdio::null())
        .output()?;
    let printed = printed(&output);
    let journal = fs::read_to_string(&journal).unwrap_or_default();
    let statuses: Vec<serde_json::Value> = journal
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).map(|entry| entry["status"].clone()))
        .collect::<Result<_, _>>()?;
    if output.status.success() && printed.contains(passed) && statuses == [200, 403] {
        Ok(())
    } else {
        Err(format!("{} with statuses {statuses:?}:\n{printed}", output.status).into())
    }
}

fn printed(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// A policy that allows one model in us-west-2, and no other
const SEED: &str = r#"{"Version": "2012-10-17", "Statement": [{"Principal": "*", "Effect": "Allow",
"Action": ["lookoutvision:DetectAnomalies"],
"Resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/myModel"}]}"#;
