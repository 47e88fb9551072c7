//! Faults as SDKs see them: every error of every operation as boto3's typed exception, retried as with AWS; some of
//! them with the AWS CLI and the SDK for JavaScript (the SDK for Rust is in
//! emulator/examples/sdks/rust/tests/faults.rs); and the effect of broken connections and bad certificates on each.

use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use client_tests::{stage::emulator_program, trial};
use libtest_mimic::Arguments;
use xtask::environments::Environments;

fn main() -> ExitCode {
    let trials = vec![
        trial::that_needs("python3", "boto3_sees_its_exceptions", boto3),
        trial::that_needs("python3", "the_aws_cli_sees_its_error_codes", aws_cli),
        trial::that_needs("npm", "the_sdk_for_javascript_sees_its_exceptions", javascript),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn boto3() -> Result<(), Box<dyn Error>> {
    let python = Environments::of_this_checkout().python()?;
    let program = source("python/faults.py");
    let printed = run(&[python.into(), program.into()])?;
    // The API model lists 7 errors for 6 operations, 6 for 14, and 5 for 2.
    check(&printed, "136 errors of 22 operations\ndone\n")
}

fn aws_cli() -> Result<(), Box<dyn Error>> {
    let program = source("faults/aws-cli.sh");
    let emulator = std::fs::canonicalize(emulator_program()?)?;
    let printed = run(&["sh".into(), program.into(), emulator.into()])?;
    check(&printed, "done\n")
}

fn javascript() -> Result<(), Box<dyn Error>> {
    let home = Environments::of_this_checkout().node_driver()?;
    // Beside the packages, where Node looks for them.
    let program = home.with_file_name("faults.mjs");
    std::fs::copy(source("node/faults.mjs"), &program)?;
    let printed = run(&["node".into(), program.into()])?;
    check(&printed, "done\n")
}

fn source(path: &str) -> PathBuf {
    xtask::workspace_root().join("client-tests").join(path)
}

/// The output of a program under `exec`, which must succeed
fn run(command: &[OsString]) -> Result<String, Box<dyn Error>> {
    let scratch = tempfile::tempdir()?;
    let python = Environments::of_this_checkout().python()?;
    let programs = python.parent().ok_or("the interpreter lies nowhere")?.to_owned();
    let own = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&own)))?;
    let output = Command::new(emulator_program()?)
        .args(["exec", "--"])
        .args(command)
        .current_dir(scratch.path())
        .env_clear()
        .env("PATH", path)
        .env("HOME", scratch.path())
        .stdin(Stdio::null())
        .output()?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(printed);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}:\n{printed}{said}", output.status).into())
}

fn check(printed: &str, expected: &str) -> Result<(), Box<dyn Error>> {
    if printed == expected {
        return Ok(());
    }
    Err(format!("it printed\n{printed}and not\n{expected}").into())
}
