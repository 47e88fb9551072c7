//! One step of a task: a program whose output is shown and that must succeed.

use std::ffi::OsString;
use std::fmt;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What a task skipped, each with its reason
pub(crate) type Skipped = Vec<String>;

/// Why a task ended early
#[derive(Debug)]
pub(crate) struct TaskError(pub(crate) String);

/// Runs `command` under a headline, and prints the time that it took
pub(crate) fn run(headline: &str, command: &mut Command) -> Result<(), TaskError> {
    run_with_input(headline, command, Stdio::null())
}

/// Runs `command` with an input
pub(crate) fn run_with_input(headline: &str, command: &mut Command, input: Stdio) -> Result<(), TaskError> {
    println!("── {headline}");
    let start = Instant::now();
    let status = command
        .stdin(input)
        .status()
        .map_err(|error| TaskError(format!("{headline}: `{}`: {error}", words(command))))?;
    if !status.success() {
        return Err(TaskError(format!("{headline}: `{}`: {status}", words(command))));
    }
    println!("   {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// What `command` prints, or nothing when it fails
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// Cargo, as it was used to start this program
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(xtask::workspace_root());
    // What Cargo tells this program of itself (The Cargo Book, *Environment variables*) would look like a change to build
    // scripts that read the same variables: everything above ring would be built again after each `cargo build` or `cargo
    // test` that was not started from here.
    for (name, _) in std::env::vars_os() {
        let is_about_this_package = name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"));
        if is_about_this_package {
            command.env_remove(name);
        }
    }
    command
}

/// What `rustc -vV` says after this name, such as `host: `
pub(crate) fn rustc_says(name: &str) -> Result<String, TaskError> {
    let version = output(Command::new("rustc").arg("-vV")).unwrap_or_default();
    let mut lines = version.lines();
    lines
        .find_map(|line| line.strip_prefix(name))
        .map(str::to_owned)
        .ok_or_else(|| TaskError(format!("`rustc -vV` has no line `{name}`")))
}

/// A reason to skip something: an error where nothing may be skipped
pub(crate) fn skip(reason: String) -> Result<Skipped, TaskError> {
    if xtask::nothing_may_be_skipped() {
        Err(TaskError(reason))
    } else {
        Ok(vec![reason])
    }
}

fn words(command: &Command) -> String {
    let words: Vec<OsString> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(Into::into)
        .collect();
    words
        .iter()
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<std::io::Error> for TaskError {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}
