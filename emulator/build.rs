//! Links a static binary so that it is small.
//!
//! Only a static one, which is what goes into images: it is moved to its address by the C library that it carries, and
//! that one is known here. What is linked dynamically has to do with the C library of wherever it runs.

use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_static = variable("CARGO_CFG_TARGET_FEATURE")
        .split(',')
        .any(|feature| feature == "crt-static");
    if !is_static || variable("CARGO_CFG_TARGET_OS") != "linux" || variable("CARGO_CFG_TARGET_ENV") != "gnu" {
        return;
    }
    if glibc_takes_packed_relocations() {
        // A bit for each relocation instead of 24 bytes: half a megabyte. A linker that cannot do it says so and goes on.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    if links_with_lld() {
        // Functions that came out alike are there once. Nothing here asks for the address of one.
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}

/// Whether the C library that is linked in knows `DT_RELR` (glibc, release notes of 2.36): an older one would end with a
/// segmentation fault at the start
fn glibc_takes_packed_relocations() -> bool {
    // That of another machine cannot be asked.
    if variable("HOST") != variable("TARGET") {
        return false;
    }
    let version = output(Command::new("getconf").arg("GNU_LIBC_VERSION"));
    let Some((major, minor)) = version
        .strip_prefix("glibc ")
        .and_then(|version| version.split_once('.'))
    else {
        return false;
    };
    let minor = minor
        .split('.')
        .next()
        .and_then(|minor| minor.parse::<u32>().ok());
    major == "2" && minor.is_some_and(|minor| minor >= 36)
}

/// Whether rustc brings its own linker for this target and uses it, as it does on x86-64 since 1.90
fn links_with_lld() -> bool {
    let target = variable("TARGET");
    let library_folder =
        output(Command::new(variable("RUSTC")).args(["--print", "target-libdir", "--target", &target]));
    target == "x86_64-unknown-linux-gnu"
        && env::var_os("RUSTC_LINKER").is_none()
        && Path::new(&library_folder)
            .with_file_name("bin/gcc-ld/ld.lld")
            .exists()
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// What a program prints; nothing where there is no such program
fn output(command: &mut Command) -> String {
    command.output().map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
