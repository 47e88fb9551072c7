//! `cargo xtask`: the project's one test command, and its parts.
//!
//! ```text
//! cargo xtask test            everything that continuous integration checks
//! cargo xtask envs            only make the Python and Node environments
//! cargo xtask compose-smoke   only the images and the compose files, with real clients
//! cargo xtask lock            refresh the lock files of the Python and Node clients
//! ```
//!
//! Where `CI` is `true` nothing may be skipped; elsewhere a missing tool is named, skipped and counted at the end. The
//! test runners' own output, their closing lines above all, goes through unaltered.

use std::process::ExitCode;

mod check;
mod compose;
mod lock;
mod step;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let result = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["test"] => check::everything(),
        ["envs"] => check::environments(),
        ["compose-smoke"] => compose::smoke_test(),
        ["lock"] => lock::refresh(),
        _ => {
            eprintln!("usage: cargo xtask test | envs | compose-smoke | lock");
            return ExitCode::from(64);
        }
    };
    match result {
        Ok(skipped) => {
            for reason in &skipped {
                println!("SKIPPED: {reason}");
            }
            println!(
                "cargo xtask {}: all well, {} skipped",
                words.join(" "),
                skipped.len()
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cargo xtask {}: {error}", words.join(" "));
            ExitCode::FAILURE
        }
    }
}
