//! `cargo xtask test`: everything that is checked, the cheapest first.

use std::{collections::BTreeSet, path::PathBuf, time::Instant};

use xtask::environments::{EnvironmentError, Environments, is_on_path};

use crate::compose;
use crate::step::{Skipped, TaskError, cargo, output, run, skip};

pub(crate) fn everything() -> Result<Skipped, TaskError> {
    run("formatting", cargo().args(["fmt", "--all", "--check"]))?;
    one_crypto_backend()?;
    nothing_twice()?;
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

/// Makes the Python and Node environments, and gets a browser
pub(crate) fn environments() -> Result<Skipped, TaskError> {
    println!("── Python and Node environments");
    let environments = Environments::of_this_checkout();
    let mut skipped = Skipped::new();
    type Make = fn(&Environments) -> Result<PathBuf, EnvironmentError>;
    let clients: [(&str, Make); 6] = [
        ("boto3 and the AWS CLI", Environments::python),
        ("moto, which plays S3", Environments::moto_server),
        ("the AWS SDK for JavaScript", Environments::node_driver),
        ("a browser for the dashboard", Environments::chromium),
        ("what reads reports", Environments::report_readers),
        ("genhtml, which reads LCOV", Environments::genhtml),
    ];
    for (client, make) in clients {
        // The first time it downloads packages, and prints nothing during that.
        println!("   {client} …");
        let start = Instant::now();
        match make(&environments) {
            Ok(_) => println!("   {:.1} s", start.elapsed().as_secs_f64()),
            Err(EnvironmentError::ToolMissing(tool)) => {
                skipped.extend(skip(format!("{client}: `{tool}` is not on the PATH"))?);
            }
            Err(error) => return Err(TaskError(error.to_string())),
        }
    }
    Ok(skipped)
}

/// Checks that there is one crypto backend: two would be twice the code to trust, and rustls would refuse to choose
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

/// Checks that no crate is in the emulator's binary in two versions, which is twice the code for one thing. Often
/// another version of the crate that brings in the second one uses the first.
fn nothing_twice() -> Result<(), TaskError> {
    println!("── nothing twice in the emulator");
    let twice = output(cargo().args([
        "tree",
        "--package",
        "lookoutvision-emulator",
        "--edges",
        "normal,no-proc-macro",
        "--duplicates",
        "--depth",
        "0",
        "--locked",
        "--prefix",
        "none",
    ]))
    .ok_or_else(|| TaskError("`cargo tree` failed; is Cargo.lock up to date?".to_owned()))?;
    // Lines of `name vVERSION`; one version is listed twice if it has other features in build scripts.
    let versions: BTreeSet<_> = twice
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, rest)| (name, rest.split(' ').next()))
        .collect();
    let names: Vec<_> = versions.iter().map(|(name, _)| *name).collect();
    let found = names
        .windows(2)
        .find(|pair| pair[0] == pair[1] && !TWICE.contains(&pair[0]))
        .map(|pair| pair[0]);
    match found {
        None => Ok(()),
        Some(name) => Err(TaskError(format!(
            "`{name}` is in the emulator twice; `cargo tree -p lookoutvision-emulator -e normal -d` tells why"
        ))),
    }
}

/// Crates in two versions that we cannot avoid: `getrandom` (0.2 of ring, 0.4 of tempfile), a system call in a few
/// lines
const TWICE: &[&str] = &["getrandom"];
