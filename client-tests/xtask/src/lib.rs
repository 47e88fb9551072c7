//! What the test command and the client tests share: where this checkout is, and the environments of the
//! foreign SDKs. It has no dependencies, so that `cargo xtask` is there in seconds.

use std::path::{Path, PathBuf};

pub mod environments;

/// The directory of the workspace's `Cargo.toml`.
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("xtask lies two directories below the workspace root")
        .to_owned()
}

/// Where Cargo puts what it builds.
pub fn target_directory() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace_root().join("target"), PathBuf::from)
}

/// Whether this is a run where nothing may be skipped.
pub fn nothing_may_be_skipped() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}
