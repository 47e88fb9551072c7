//! `schema`: the JSON Schema of the configuration file, or of a test file.

use clap::{Args, ValueEnum};

use super::{EXIT_OK, output, policy};
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
    output::status(output::print(schema.as_bytes()), EXIT_OK)
}
