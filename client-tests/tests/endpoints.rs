//! AWS's own tools make an endpoint, attach a policy and assume a role: under the real host names, against an emulator
//! that has no endpoint when it starts. With a state file all of it is there after a `kill -9`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use client_tests::client::Client;
use client_tests::stage::{LocalEmulator, emulator_program};
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::process::Command;
use xtask::environments::Environments;

fn main() -> ExitCode {
    let missing = Client::Boto3
        .missing_tool()
        .filter(|_| !xtask::nothing_may_be_skipped());
    if let Some(tool) = missing {
        eprintln!("SKIPPED boto3 and the AWS CLI: `{tool}` is not on the PATH");
    }
    let walks = [
        ("boto3_makes_uses_changes_and_deletes_an_endpoint", "boto3"),
        ("the_aws_cli_makes_uses_changes_and_deletes_an_endpoint", "cli"),
        (
            "boto3_makes_and_deletes_an_endpoint_under_a_least_privilege_policy",
            "least-privilege",
        ),
        (
            "the_calls_of_terraforms_aws_vpc_endpoint_are_answered",
            "terraform",
        ),
    ];
    let mut trials: Vec<_> = walks
        .map(|(name, walk)| Trial::test(name, move || block_on(play(walk))))
        .into();
    trials.push(Trial::test(
        "boto3_finds_its_endpoint_and_its_session_again_after_a_kill",
        || block_on(play_around_a_kill()),
    ));
    let trials = trials
        .into_iter()
        .map(|trial| trial.with_ignored_flag(missing.is_some()));
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn block_on(test: impl Future<Output = Result<(), Box<dyn Error>>>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime
        .block_on(test)
        .map_err(|error| Failed::from(error.to_string()))
}

async fn play(walk: &str) -> Result<(), Box<dyn Error>> {
    let config = tests_root().join("emulator/without-endpoints.yaml");
    let emulator = LocalEmulator::start(&emulator_program()?, &config).await?;
    run(&emulator, walk, None).await
}

async fn play_around_a_kill() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("emulator.yaml");
    let without = std::fs::read_to_string(tests_root().join("emulator/without-endpoints.yaml"))?;
    std::fs::write(&config, format!("{without}state: emulator.state\n"))?;
    let kept = folder.path().join("kept.json");
    for walk in ["before-a-restart", "after-a-restart"] {
        let emulator = LocalEmulator::start(&emulator_program()?, &config).await?;
        run(&emulator, walk, Some(&kept)).await?;
        emulator.kill().await?;
    }
    Ok(())
}

fn tests_root() -> PathBuf {
    xtask::workspace_root().join("client-tests")
}

/// Runs one walk; `kept` is what it leaves to the next one
async fn run(emulator: &LocalEmulator, walk: &str, kept: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let root = tests_root();
    let python = Environments::of_this_checkout().python()?;
    let mut command = Command::new(python);
    command
        .arg(root.join("python/endpoints.py"))
        .arg(walk)
        .arg(root.join("scenarios/images/normal-1.jpg"))
        .arg(root.join("emulator/policies/only-my-model.json"))
        .args(kept)
        // Nothing of the user's own AWS setup, and nothing that leads anywhere else.
        .env_clear();
    for inherited in ["PATH", "LANG", "TMPDIR"] {
        command.envs(std::env::var_os(inherited).map(|value| (inherited, value)));
    }
    command
        .env("HOME", "/nonexistent")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env(
            "AWS_SECRET_ACCESS_KEY",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        )
        .env("AWS_DEFAULT_REGION", "us-west-2")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CA_BUNDLE", emulator.authority())
        .env("HTTPS_PROXY", emulator.proxy_url());
    let run = command.kill_on_drop(true).output();
    let output = tokio::time::timeout(WALK_TIMEOUT, run).await??;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
    .into())
}

const WALK_TIMEOUT: Duration = Duration::from_secs(240);
