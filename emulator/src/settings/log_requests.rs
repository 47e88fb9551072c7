//! Which requests the log has a line about.

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::Deserialize;

/// Which requests the log has a line about
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum LogRequests {
    /// None
    None,
    /// Those that were refused or broken off
    Refused,
    /// Every one
    All,
}
