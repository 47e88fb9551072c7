//! What the test command and the client tests share: where this checkout is, and the environments of the SDKs. It has
//! no dependencies, so that `cargo xtask` is built within seconds.

use std::path::{Path, PathBuf};

pub mod environments;

/// The directory of the workspace's `Cargo.toml`
pub fn workspace_root() -> PathBuf {
    // At run time Cargo says which checkout it works in. The compiler's value comes second, because two checkouts that
    // share a target directory share the binary too.
    let start = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&start)
        .ancestors()
        .find(|directory| directory.join("client-tests/xtask/Cargo.toml").is_file())
        .map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Where Cargo puts what it builds
pub fn target_directory() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace_root().join("target"), PathBuf::from)
}

/// Whether this is a run where nothing may be skipped
pub fn nothing_may_be_skipped() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}
