//! `cargo xtask lock`: renews the lock files of the Python and Node clients, of moto and of the report readers, from
//! their lists of requirements.
//!
//! All have a hash for every package and no download address, so that everyone uses the registry or mirror that they
//! have set up.

use std::fs;
use std::process::Command;

use crate::step::{Skipped, TaskError, run};

pub(crate) fn refresh() -> Result<Skipped, TaskError> {
    let clients = xtask::workspace_root().join("client-tests");
    let tools = xtask::target_directory().join("client-tests/lock-tools");
    run(
        "a place for pip-tools",
        Command::new("python3").args(["-m", "venv"]).arg(&tools),
    )?;
    run(
        "pip-tools",
        Command::new(tools.join("bin/pip")).args(["install", "--quiet", "pip-tools"]),
    )?;
    for (asked, locked) in [
        ("requirements.in", "requirements.lock"),
        ("moto.in", "moto.lock"),
        ("readers.in", "readers.lock"),
    ] {
        run(
            locked,
            Command::new(tools.join("bin/pip-compile"))
                .args([
                    "--quiet",
                    "--upgrade",
                    "--generate-hashes",
                    "--no-emit-index-url",
                    "--no-emit-find-links",
                ])
                .args(["--no-header", "--strip-extras", "--output-file", locked, asked])
                .current_dir(clients.join("python")),
        )?;
    }
    fs::remove_file(clients.join("node/package-lock.json")).ok();
    run(
        "package-lock.json",
        Command::new("npm")
            .args([
                "install",
                "--package-lock-only",
                "--omit-lockfile-registry-resolved",
                "--no-audit",
                "--no-fund",
            ])
            .current_dir(clients.join("node")),
    )?;
    Ok(Skipped::new())
}
