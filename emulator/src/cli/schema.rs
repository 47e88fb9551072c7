//! `schema`: the JSON Schema of the configuration file, or of a test file.

use std::io::Write;

use clap::{Args, ValueEnum};

use super::{EXIT_FAILED, EXIT_OK, policy};
use crate::config::SCHEMA;

#[derive(Debug, Args)]
pub(super) struct SchemaOptions {
    /// The kind of file
    #[arg(
        long,
        value_name = "KIND",
        env = "LOOKOUTVISION_EMULATOR_OF",
        default_value = "configuration"
    )]
    of: FileKind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FileKind {
    /// The configuration file
    Configuration,
    /// What `policy test` reads
    PolicyTests,
}

pub(super) fn run(options: &SchemaOptions) -> u8 {
    let schema = match options.of {
        FileKind::Configuration => SCHEMA,
        FileKind::PolicyTests => policy::test::SCHEMA,
    };
    let written = std::io::stdout().write_all(schema.as_bytes());
    if written.is_ok() { EXIT_OK } else { EXIT_FAILED }
}
