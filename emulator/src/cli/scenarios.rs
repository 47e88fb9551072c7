//! `scenarios`: named states of a running emulator that rules ask about and change.
//!
//! ```text
//! $ lookoutvision-emulator scenarios set line warm
//! $ lookoutvision-emulator scenarios list
//! line: warm
//! ```

use std::collections::BTreeMap;

use bytes::Bytes;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::{
    EXIT_OK,
    control_command::{CommonOptions, Failure, percent_encoded, send, status},
    format::Format,
    output::print,
};

#[derive(Debug, Subcommand)]
pub(super) enum ScenariosCommand {
    /// Print the state of each scenario that was set, or that a rule names
    List(ListOptions),
    /// Put a scenario into a state, from the next call on
    Set(SetOptions),
    /// Put scenarios back to `Started`
    Reset(ResetOptions),
}

/// Options of `scenarios list`
#[derive(Debug, Args)]
pub(super) struct ListOptions {
    #[command(flatten)]
    common: CommonOptions,
}

/// Options of `scenarios set`
#[derive(Debug, Args)]
pub(super) struct SetOptions {
    #[command(flatten)]
    common: CommonOptions,
    /// Name of the scenario
    #[arg(value_name = "NAME")]
    name: String,
    /// Its next state
    #[arg(value_name = "STATE")]
    state: String,
}

/// Options of `scenarios reset`
#[derive(Debug, Args)]
pub(super) struct ResetOptions {
    #[command(flatten)]
    common: CommonOptions,
    /// Names of the scenarios
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
}

pub(super) fn run(command: &ScenariosCommand) -> u8 {
    status(match command {
        ScenariosCommand::List(ListOptions { common }) => list(common),
        ScenariosCommand::Set(options) => set(options),
        ScenariosCommand::Reset(options) => reset(options),
    })
}

fn list(common: &CommonOptions) -> Result<u8, Failure> {
    let answer = send(common, Method::GET, "/scenarios", Bytes::new())?;
    let states: BTreeMap<String, String> = serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::Unknown(format!("`/scenarios` answered no states: {error}")))?;
    let line = |(name, state): (&String, &String)| {
        let line = format!("{name}: {state}");
        client_text::escape(&line).into_owned() + "\n"
    };
    let printed = match common.format.format {
        Format::Json => print(&answer.body),
        Format::Text if states.is_empty() => print(b"no scenarios: no rule names any\n"),
        Format::Text => print(states.iter().map(line).collect::<String>().as_bytes()),
    };
    printed?;
    Ok(EXIT_OK)
}

fn set(SetOptions { common, name, state }: &SetOptions) -> Result<u8, Failure> {
    let body = json!({"state": state}).to_string();
    let answer = send(common, Method::PUT, &target(name), body.into())?;
    let set: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    for warning in set["warnings"].as_array().into_iter().flatten() {
        let warning = warning.as_str().unwrap_or_default();
        report!("warning: {}", client_text::escape(warning));
    }
    Ok(EXIT_OK)
}

fn reset(ResetOptions { common, names }: &ResetOptions) -> Result<u8, Failure> {
    for name in names {
        send(common, Method::DELETE, &target(name), Bytes::new())?;
    }
    Ok(EXIT_OK)
}

fn target(name: &str) -> String {
    format!("/scenarios/{}", percent_encoded(name))
}
