//! `faults`: what goes wrong on purpose in a running emulator; `faults add`, `faults remove` and `faults clear` change it.
//!
//! ```text
//! $ lookoutvision-emulator faults add busy.yaml
//! $ lookoutvision-emulator faults
//! busy: active, 7 calls matched, 1 met it, 4 times left, 41 s left (control)
//! ```

use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::Value;

use super::{
    EXIT_OK,
    control_client::Answer,
    control_command::{CommonOptions, Failure, percent_encoded, read, send, status},
    format::Format,
    output::print,
};
use crate::workbench::count;

/// Options of `faults`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct FaultsOptions {
    #[command(subcommand)]
    command: Option<FaultsCommand>,
    #[command(flatten)]
    common: CommonOptions,
}

#[derive(Debug, Subcommand)]
enum FaultsCommand {
    /// Add faults, before all others
    Add(AddOptions),
    /// Take faults away; calls that they hold up go on at once
    Remove(RemoveOptions),
    /// Take all faults away, the configuration's too until the next reset
    Clear(ClearOptions),
}

/// Options of `faults add`
#[derive(Debug, Args)]
struct AddOptions {
    #[command(flatten)]
    common: CommonOptions,
    /// A fault, or a list of them, in YAML or JSON, as `faults:` of the configuration has them; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Options of `faults remove`
#[derive(Debug, Args)]
struct RemoveOptions {
    #[command(flatten)]
    common: CommonOptions,
    /// Names of the faults
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
}

/// Options of `faults clear`
#[derive(Debug, Args)]
struct ClearOptions {
    #[command(flatten)]
    common: CommonOptions,
}

pub(super) fn run(options: &FaultsOptions) -> u8 {
    let done = match &options.command {
        None => list(&options.common),
        Some(FaultsCommand::Add(options)) => add(options),
        Some(FaultsCommand::Remove(options)) => remove(options),
        Some(FaultsCommand::Clear(options)) => {
            send(&options.common, Method::DELETE, "/faults", Bytes::new()).map(|_| EXIT_OK)
        }
    };
    status(done)
}

fn list(options: &CommonOptions) -> Result<u8, Failure> {
    let answer = send(options, Method::GET, "/faults", Bytes::new())?;
    let faults: Vec<Value> = serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::Unknown(format!("`/faults` answered no list: {error}")))?;
    match options.format.format {
        Format::Json => print(&answer.body)?,
        Format::Text if faults.is_empty() => print(b"no faults: calls get the services' own answers\n")?,
        Format::Text => print(faults.iter().map(line).collect::<String>().as_bytes())?,
    };
    Ok(EXIT_OK)
}

/// One fault in one line
fn line(fault: &Value) -> String {
    let text = |member: &str| fault[member].as_str().unwrap_or("-");
    let times_left = fault["times_left"].as_u64();
    let seconds_left = fault["seconds_left"].as_u64();
    format!(
        "{}: {}, {} matched, {} met it{}{} ({})\n",
        client_text::escape(text("name")),
        text("state"),
        count(fault["matched"].as_u64().unwrap_or_default(), "call"),
        fault["struck"],
        times_left.map_or(String::new(), |left| format!(", {} left", count(left, "time"))),
        seconds_left.map_or(String::new(), |left| format!(", {left} s left")),
        text("source")
    )
}

fn add(options: &AddOptions) -> Result<u8, Failure> {
    let faults = read(&options.file)?;
    let control = options.common.control.client()?;
    let answer = control.send(Method::POST, "/faults", faults.into())?;
    if answer.status.is_success() {
        return Ok(EXIT_OK);
    }
    Err(mistakes_in(&options.file, &answer).unwrap_or_else(|| Failure::of(&answer)))
}

/// Everything that is wrong with a file, in the form in which `check` tells it
fn mistakes_in(file: &Path, answer: &Answer) -> Option<Failure> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let mistakes = body["error"]["mistakes"].as_array()?.iter();
    let lines = mistakes.map(|mistake| {
        let place = ["line", "column"]
            .iter()
            .filter_map(|member| mistake[member].as_u64());
        let place: String = place.map(|number| format!("{number}:")).collect();
        let path = mistake["path"].as_str().filter(|path| !path.is_empty());
        let path = path.map_or(String::new(), |path| format!("{path}: "));
        let message = mistake["message"].as_str().unwrap_or_default();
        let line = format!("{path}{message}");
        format!("{}:{place} {}", file.display(), client_text::escape(&line))
    });
    Some(Failure::Mistake(lines.collect::<Vec<_>>().join("\n")))
}

fn remove(options: &RemoveOptions) -> Result<u8, Failure> {
    for name in &options.names {
        let name = percent_encoded(name);
        send(
            &options.common,
            Method::DELETE,
            &format!("/faults/{name}"),
            Bytes::new(),
        )?;
    }
    Ok(EXIT_OK)
}
