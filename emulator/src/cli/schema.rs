//! `schema`: the JSON Schema of the configuration file.

use std::io::Write;

use super::{EXIT_FAILED, EXIT_OK};
use crate::config::SCHEMA;

pub(super) fn run() -> u8 {
    let written = std::io::stdout().write_all(SCHEMA.as_bytes());
    if written.is_ok() { EXIT_OK } else { EXIT_FAILED }
}
