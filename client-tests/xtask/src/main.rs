//! `cargo xtask`: the project's one test command, as README.md has it, and its parts.
//!
//! ```text
//! cargo xtask test            everything that continuous integration checks
//! cargo xtask                 the parts of it, and how long each takes
//! ```
//!
//! If `CI` is `true`, nothing may be skipped; elsewhere a missing tool is named, skipped and counted at the end. The
//! test runners' own output, above all its last lines, is passed on unchanged.

use std::process::ExitCode;

mod abuse;
mod check;
mod compose;
mod docs;
mod first_hour;
mod lock;
mod release;
mod step;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let result = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["test"] => check::everything(),
        ["abuse", ref options @ ..] => abuse::attack(options),
        ["envs"] => check::environments(),
        ["compose-smoke"] => compose::smoke_test(),
        ["lock"] => lock::refresh(),
        ["docs"] => docs::site(),
        ["first-hour"] => first_hour::measure(),
        ["release"] => release::binary(),
        ["release", "--image", name] => release::image(name),
        [] | ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("there is no task `{}`\n\n{HELP}", words.join(" "));
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

/// The times are those of two cores, with the dependencies built; a first run takes about twice as long
const HELP: &str = "\
cargo xtask TASK

  test            everything that continuous integration checks          10 min
  abuse           attacks a running emulator, and prints what was held    5 min
                  (--minutes N, --only ATTACK, --seed NUMBER, --release)
  envs            make the Python and Node environments of the clients    1 min
  compose-smoke   images and compose files, with real clients in them     5 min
  lock            refresh the lock files of the Python and Node clients   1 min
  docs            target/docs: the documents as a site                    1 min
  first-hour      from `git clone` to the first denied call, measured    10 min
  release         target/dist/lookoutvision-emulator: static, optimised
                  by a profile of its own work                           25 min
                  (--image NAME: also the image that holds it)

Every step prints how long it took. Where CI is `true` nothing may be skipped; elsewhere a missing tool is named,
skipped and counted at the end.";
