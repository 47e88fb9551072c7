//! `cargo xtask first-hour`: how long it takes from `git clone` to the first call that a policy denies, by what
//! README.md says and nothing else, on a machine that has the tools and has built nothing yet.
//!
//! Cargo's registry and pip's wheels count as downloaded; only the work is measured.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::step::{Skipped, TaskError, output, run};

pub(crate) fn measure() -> Result<Skipped, TaskError> {
    let folder = Folder::new()?;
    let checkout = folder.0.join("lookoutvision-emulator");
    let start = Instant::now();
    let mut steps = Vec::new();
    let mut step = |name: &'static str, begun: Instant| steps.push((name, begun.elapsed()));

    let begun = Instant::now();
    let mut clone = Command::new("git");
    clone
        .args(["clone", "--quiet"])
        .arg(xtask::workspace_root())
        .arg(&checkout);
    run("git clone", &mut clone)?;
    step("git clone", begun);

    let readme = fs::read_to_string(checkout.join("README.md"))?;
    let begun = Instant::now();
    let python = folder.0.join("python");
    run(
        "a Python environment",
        Command::new("python3").args(["-m", "venv"]).arg(&python),
    )?;
    let install = between(&readme, "`pip install ", "`").ok_or_else(|| not_there("`pip install …`"))?;
    run(
        "boto3 and the AWS CLI",
        &mut in_bash(&format!("pip install --quiet {install}"), &checkout, &python),
    )?;
    step("pip install", begun);

    let begun = Instant::now();
    let seed = block(&readme, "json file=seed.json").ok_or_else(|| not_there("seed.json"))?;
    fs::write(checkout.join("seed.json"), seed)?;
    let server = Server::start(&checkout)?;
    step("cargo run --release -- --endpoint-policy seed.json", begun);

    let begun = Instant::now();
    let call = block(&readme, "sh run=255").ok_or_else(|| not_there("the call that is denied"))?;
    let script = format!("{}{{ {call}\n}} 2>&1", server.variables);
    let denied = in_bash(&script, &checkout, &python).output()?;
    let told = String::from_utf8_lossy(&denied.stdout).into_owned();
    if denied.status.code() != Some(255) || !told.contains("no VPC endpoint policy allows") {
        return Err(TaskError(format!(
            "{} instead of a denied call:\n{told}",
            denied.status
        )));
    }
    step("the call that is denied", begun);
    drop(server);

    for (name, took) in &steps {
        println!("{:8.1} s  {name}", took.as_secs_f64());
    }
    println!(
        "{:8.1} s  from `git clone` to the first denied call",
        start.elapsed().as_secs_f64()
    );
    let size = output(Command::new("du").args(["-sm"]).arg(checkout.join("target")));
    let size = size.and_then(|text| text.split_ascii_whitespace().next().map(str::to_owned));
    println!("{:>8} MB in target", size.unwrap_or_else(|| "?".to_owned()));
    Ok(Skipped::new())
}

/// The emulator as a newcomer starts it, on free ports; it ends when this is dropped
struct Server {
    process: Child,
    /// The lines that it prints for pasting
    variables: String,
}

impl Server {
    fn start(checkout: &Path) -> Result<Self, TaskError> {
        println!("── cargo run --release -- --endpoint-policy seed.json");
        let mut process = Command::new("cargo")
            .args(["run", "--release", "--", "--endpoint-policy", "seed.json"])
            .current_dir(checkout)
            // The variables of the `cargo` that runs this would make it build somewhere else, or something else.
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("CARGO_MANIFEST_DIR")
            .env("LOOKOUTVISION_EMULATOR_LISTEN", "127.0.0.1:0")
            .env("LOOKOUTVISION_EMULATOR_CONTROL", "127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take().ok_or_else(|| not_there("its output"))?;
        let mut server = Self {
            process,
            variables: String::new(),
        };
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if line == "lookoutvision-emulator is ready" {
                return Ok(server);
            }
            if line.starts_with("export ") || line.starts_with("unset ") {
                server.variables += &line;
                server.variables.push('\n');
            }
        }
        Err(TaskError("the emulator has ended before it was ready".to_owned()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // `cargo run` becomes the program that it runs. A process that has ended already need not be killed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A folder that is deleted when this is dropped
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, TaskError> {
        let path = std::env::temp_dir().join(format!("first-hour-{}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("`{}` is left: {error}", self.0.display());
        }
    }
}

fn in_bash(script: &str, checkout: &Path, python: &Path) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("bash");
    command
        .args(["-c", script])
        .current_dir(checkout)
        .env("PATH", format!("{}:{path}", python.join("bin").display()));
    command
}

/// The text of the fenced block with these words
fn block<'t>(page: &'t str, words: &str) -> Option<&'t str> {
    between(page, &format!("\n```{words}\n"), "\n```")
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

fn not_there(what: &str) -> TaskError {
    TaskError(format!("{what} is not there"))
}
