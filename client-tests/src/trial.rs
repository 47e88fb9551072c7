//! Tests that need a tool: if it is missing, they are reported as ignored, or fail where nothing may be skipped.

use std::error::Error;

use libtest_mimic::{Failed, Trial};
use xtask::environments::is_on_path;

/// A test of this name that needs a tool on the `PATH`
pub fn that_needs(
    tool: &'static str,
    name: impl Into<String>,
    test: impl FnOnce() -> Result<(), Box<dyn Error>> + Send + 'static,
) -> Trial {
    let name = name.into();
    let is_missing = !is_on_path(tool) && !xtask::nothing_may_be_skipped();
    if is_missing {
        eprintln!("SKIPPED {name}: `{tool}` is not on the PATH");
    }
    let test = move || test().map_err(|error| Failed::from(error.to_string()));
    Trial::test(name, test).with_ignored_flag(is_missing)
}
