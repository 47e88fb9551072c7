//! Whether a subcommand prints for people or for programs.

use clap::{Args, ValueEnum};

/// The option of it
#[derive(Debug, Args)]
pub(super) struct FormatOption {
    /// Form of what is printed
    #[arg(
        long,
        value_name = "FORMAT",
        env = "LOOKOUTVISION_EMULATOR_FORMAT",
        default_value = "text"
    )]
    pub(super) format: Format,
}

/// For people or for programs
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// JSON, as the control API has it
    Json,
}
