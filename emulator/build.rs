//! Links a static binary so that it is small.
//!
//! Only a static one, which is what goes into images: it is moved to its address by the C library that it carries, while
//! one that is linked dynamically would need glibc 2.36 or later wherever it runs.

use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let cfg = |name: &str| env::var(format!("CARGO_CFG_{name}")).unwrap_or_default();
    let is_static = cfg("TARGET_FEATURE")
        .split(',')
        .any(|feature| feature == "crt-static");
    if !is_static || cfg("TARGET_OS") != "linux" || cfg("TARGET_ENV") != "gnu" {
        return;
    }
    // Relocations take a bit each instead of 24 bytes: half a megabyte. A linker that cannot do it says so and goes on.
    println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    if links_with_lld() {
        // Functions that came out alike are there once. Nothing here asks for the address of one.
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}

/// Whether rustc brings its own linker for this target and uses it, as it does on x86-64 since 1.90
fn links_with_lld() -> bool {
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let target = variable("TARGET");
    let library_folder = Command::new(variable("RUSTC"))
        .args(["--print", "target-libdir", "--target", &target])
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    target == "x86_64-unknown-linux-gnu"
        && env::var_os("RUSTC_LINKER").is_none()
        && library_folder.is_ok_and(|folder| Path::new(&folder).with_file_name("bin/gcc-ld/ld.lld").exists())
}
