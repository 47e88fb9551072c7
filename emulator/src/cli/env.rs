//! `env`: the variables that make clients call a running emulator.

use std::io::Write;

use clap::Args;

use super::{
    EXIT_FAILED, EXIT_OK, EXIT_USAGE,
    control_client::{ControlError, ControlUrlOption},
};
use crate::control::client_environment::{Client, Format};

/// Options of `env`
#[derive(Debug, Args)]
pub(super) struct EnvOptions {
    #[command(flatten)]
    control: ControlUrlOption,
    /// Language that the variables are written in
    #[arg(
        long,
        value_name = "FORMAT",
        default_value_t = Format::Sh,
        value_enum,
        env = "LOOKOUTVISION_EMULATOR_FORMAT"
    )]
    format: Format,
    /// Client that the variables are for
    #[arg(
        long,
        value_name = "CLIENT",
        default_value_t = Client::All,
        value_enum,
        env = "LOOKOUTVISION_EMULATOR_CLIENT"
    )]
    client: Client,
}

pub(super) fn run(options: &EnvOptions) -> u8 {
    let target = format!("/env?client={}&format={}", options.client, options.format);
    match options.control.client().and_then(|control| control.get(&target)) {
        Ok(text) => {
            // A closed standard output means that nobody reads it.
            let _ = std::io::stdout().write_all(&text);
            EXIT_OK
        }
        Err(error) => {
            eprintln!("{error}");
            match error {
                ControlError::NotAUrl(_) => EXIT_USAGE,
                ControlError::Unreachable { .. } | ControlError::Refused(_) => EXIT_FAILED,
            }
        }
    }
}
