//! `state export` and `state import`: the state of a running emulator in a file.
//!
//! ```text
//! $ lookoutvision-emulator state export trained.json
//! $ lookoutvision-emulator state import trained.json
//! ```

use std::{
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::Value;

use super::{
    EXIT_OK,
    control_client::{ControlClient, ControlUrlOption},
    control_command::Failure,
    output::print,
    state_files::read_state,
};
use crate::owner_only;

#[derive(Debug, Subcommand)]
pub(super) enum StateCommand {
    /// Write the state of a running emulator to a file: everything that calls have made and changed
    Export(ExportOptions),
    /// Put a state that was exported in the place of a running emulator's, whole or not at all
    Import(ImportOptions),
}

/// Options of `state export`
#[derive(Debug, Args)]
pub(super) struct ExportOptions {
    #[command(flatten)]
    control: ControlUrlOption,
    /// With the secrets of role sessions, which are otherwise left out
    #[arg(long, env = "LOOKOUTVISION_EMULATOR_SECRETS")]
    secrets: bool,
    /// File that only its owner can read; `-` for standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Options of `state import`
#[derive(Debug, Args)]
pub(super) struct ImportOptions {
    #[command(flatten)]
    control: ControlUrlOption,
    /// The state; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn run(command: &StateCommand) -> u8 {
    let done = match command {
        StateCommand::Export(options) => export(options),
        StateCommand::Import(options) => import(options),
    };
    match done {
        Ok(()) => EXIT_OK,
        Err(failure) => {
            report!("{failure}");
            failure.exit_code()
        }
    }
}

fn export(options: &ExportOptions) -> Result<(), Failure> {
    let target = match options.secrets {
        true => "/state?secrets=true",
        false => "/state",
    };
    let state = options.control.client()?.get(target)?;
    if options.file == Path::new("-") {
        print(&state)?;
        return Ok(());
    }
    owner_only::write_whole(&options.file, &state).map_err(|error| {
        let reason = match error.kind() {
            io::ErrorKind::NotFound => "its folder is not there".to_owned(),
            _ => error.to_string(),
        };
        Failure::Mistake(format!(
            "`{}` cannot be written: {reason}",
            options.file.display()
        ))
    })
}

/// `limits.state_bytes_max` of the emulator, which takes no larger state
fn state_bytes_max(control: &ControlClient) -> Result<usize, Failure> {
    let limits = control.get("/limits")?;
    let limits: Vec<Value> = serde_json::from_slice(&limits).unwrap_or_default();
    let limit = limits.iter().find(|limit| limit["name"] == "state_bytes_max");
    limit
        .and_then(|limit| usize::try_from(limit["value"].as_u64()?).ok())
        .ok_or_else(|| Failure::Unknown("the emulator does not say what its state_bytes_max is".to_owned()))
}

fn import(options: &ImportOptions) -> Result<(), Failure> {
    let control = options.control.client()?;
    let bytes_max = state_bytes_max(&control)?;
    let state = read_state(&options.file, bytes_max)
        .map_err(|error| Failure::Mistake(format!("{}: {error}", options.file.display())))?;
    let answer = control.send(Method::PUT, "/state", Bytes::from(state))?;
    if !answer.status.is_success() {
        return Err(Failure::of(&answer).in_file(&options.file));
    }
    let answer: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    for left_out in answer["left_out"].as_array().into_iter().flatten() {
        let text = |name: &str| left_out[name].as_str().unwrap_or_default();
        report!(
            "{}: {}: left out: {}",
            options.file.display(),
            text("path"),
            text("reason")
        );
    }
    Ok(())
}
