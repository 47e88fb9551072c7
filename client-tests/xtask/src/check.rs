//! `cargo xtask test`: everything that is checked, the cheap first.

use xtask::environments::{EnvironmentError, Environments, is_on_path};

use crate::compose;
use crate::step::{Skipped, TaskError, cargo, output, run, skip};

pub(crate) fn everything() -> Result<Skipped, TaskError> {
    run("formatting", cargo().args(["fmt", "--all", "--check"]))?;
    one_crypto_backend()?;
    let mut skipped = environments()?;
    run(
        "clippy",
        cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "--deny",
            "warnings",
        ]),
    )?;
    run(
        "documentation",
        cargo()
            .args(["doc", "--workspace", "--no-deps", "--locked"])
            .env("RUSTDOCFLAGS", "--deny warnings"),
    )?;

    // The client tests start this binary; naming it here keeps them from building a second one with other features.
    run(
        "the emulator",
        cargo().args(["build", "--workspace", "--bins", "--locked"]),
    )?;
    let emulator = xtask::target_directory().join("debug/lookoutvision-emulator");
    let nextest = is_on_path("cargo-nextest");
    let runner: &[&str] = if nextest {
        &["nextest", "run"]
    } else {
        &["test", "--all-targets"]
    };
    run(
        "tests",
        cargo()
            .args(runner)
            .args(["--workspace", "--locked"])
            .env("LOOKOUTVISION_TESTS_EMULATOR", emulator),
    )?;
    run(
        "examples in the documentation",
        cargo().args(["test", "--workspace", "--doc", "--locked"]),
    )?;

    skipped.extend(compose::smoke_test()?);
    Ok(skipped)
}

/// Makes the Python and Node environments.
pub(crate) fn environments() -> Result<Skipped, TaskError> {
    println!("── Python and Node environments");
    let environments = Environments::of_this_checkout();
    let mut skipped = Skipped::new();
    for (client, made) in [
        ("boto3 and the AWS CLI", environments.python()),
        ("moto, which plays S3", environments.moto_server()),
        ("the AWS SDK for JavaScript", environments.node_driver()),
    ] {
        match made {
            Ok(_) => {}
            Err(EnvironmentError::ToolMissing(tool)) => {
                skipped.extend(skip(format!("{client}: `{tool}` is not on the PATH"))?);
            }
            Err(error) => return Err(TaskError(error.to_string())),
        }
    }
    Ok(skipped)
}

/// Two crypto backends would be twice the code to trust, and rustls would refuse to choose between them.
fn one_crypto_backend() -> Result<(), TaskError> {
    println!("── one crypto backend");
    let tree = output(cargo().args([
        "tree",
        "--workspace",
        "--locked",
        "--target",
        "all",
        "--prefix",
        "none",
    ]))
    .ok_or_else(|| TaskError("`cargo tree` failed; is Cargo.lock up to date?".to_owned()))?;
    let found: Vec<_> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| ["aws-lc-rs", "aws-lc-sys", "openssl", "openssl-sys", "native-tls"].contains(name))
        .collect();
    match found.first() {
        None => Ok(()),
        Some(name) => Err(TaskError(format!(
            "`{name}` is in the tree; `cargo tree -i {name}` tells why"
        ))),
    }
}
