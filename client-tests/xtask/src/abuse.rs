//! `cargo xtask abuse`: builds the emulator and the attacks on it, and runs them.

use std::process::Command;

use crate::step::{Skipped, TaskError, cargo, run};

/// Attacks an emulator; `--release` is an option of this task, all others are passed to the attacks
///
/// Without `--release`, the programs of `cargo xtask test` are used again: slower, with every assertion on. The figures
/// of `README.md` and `emulator/docs/abuse.md` were measured in this way.
pub(crate) fn attack(options: &[&str]) -> Result<Skipped, TaskError> {
    let is_release = options.contains(&"--release");
    let builds: &[&[&str]] = if is_release {
        // Built separately: the emulator gets the features that it is released with.
        &[
            &["--release", "--package", "lookoutvision-emulator"],
            &["--release", "--package", "abuse"],
        ]
    } else {
        // All programs, as `cargo xtask test` builds them: for fewer, Cargo would choose other features, and build
        // their dependencies a second time.
        &[&["--workspace", "--bins"]]
    };
    for options in builds {
        run(
            "the emulator and the attacks",
            cargo().args(["build", "--locked"]).args(*options),
        )?;
    }
    let built = xtask::target_directory().join(if is_release { "release" } else { "debug" });
    let own_options = options.iter().filter(|option| **option != "--release");
    run(
        "attacks",
        Command::new(built.join("abuse"))
            .arg("--emulator")
            .arg(built.join("lookoutvision-emulator"))
            .args(own_options),
    )?;
    Ok(Skipped::new())
}
