//! `cargo xtask release`: the binary that is released, optimised by a profile of its own work.
//!
//! It is built three times: once with counters in it, which real load then runs through; once more by that profile; and
//! the load is the one of the benchmark `serving`, whose client is built as well. The compiler knows from the profile
//! which branches are taken and what is worth inlining. `cargo build` does none of this.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::{Skipped, TaskError, cargo, output, run};

/// Makes `target/dist/lookoutvision-emulator`
pub(crate) fn binary() -> Result<Skipped, TaskError> {
    let compiler = Compiler::ask()?;
    let merge = compiler.profdata()?;
    let target = xtask::target_directory();
    let profiles = target.join("release-profile");
    if profiles.exists() {
        fs::remove_dir_all(&profiles)?;
    }
    fs::create_dir_all(&profiles)?;

    let counting = compiler.build(&format!("-Cprofile-generate={}", profiles.display()))?;
    run(
        "load for the profile",
        cargo()
            .args(["bench", "--locked", "--package", "lookoutvision-emulator"])
            .args(["--bench", "serving", "--", "--load-only"])
            .env("LOOKOUTVISION_BENCH_EMULATOR", &counting),
    )?;
    let merged = profiles.join("merged.profdata");
    run(
        "merging the profile",
        Command::new(merge)
            .args(["merge", "--output"])
            .arg(&merged)
            .arg(&profiles),
    )?;
    // The same folder as before: what the profile calls a function depends on it.
    let built = compiler.build(&format!("-Cprofile-use={}", merged.display()))?;

    let folder = target.join("dist");
    fs::create_dir_all(&folder)?;
    let released = folder.join("lookoutvision-emulator");
    fs::copy(&built, &released)?;
    println!("{}: {} bytes", released.display(), fs::metadata(&released)?.len());
    Ok(Skipped::new())
}

/// rustc, as far as a profile depends on it
struct Compiler {
    host: String,
    sysroot: PathBuf,
    /// Major version of its LLVM, whose profiles no other one reads
    llvm: String,
}

impl Compiler {
    fn ask() -> Result<Self, TaskError> {
        let version = output(Command::new("rustc").arg("-vV")).unwrap_or_default();
        let line = |name: &str| {
            version
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::to_owned)
                .ok_or_else(|| TaskError(format!("`rustc -vV` has no line `{name}`")))
        };
        let sysroot = output(Command::new("rustc").args(["--print", "sysroot"])).unwrap_or_default();
        Ok(Self {
            host: line("host: ")?,
            sysroot: sysroot.trim().into(),
            llvm: line("LLVM version: ")?
                .split('.')
                .next()
                .unwrap_or_default()
                .to_owned(),
        })
    }

    /// The program that reads what a build of this compiler has counted
    fn profdata(&self) -> Result<PathBuf, TaskError> {
        let of_the_toolchain = self
            .sysroot
            .join("lib/rustlib")
            .join(&self.host)
            .join("bin/llvm-profdata");
        let of_the_system = format!("llvm-profdata-{}", self.llvm);
        [of_the_toolchain, of_the_system.into()]
            .into_iter()
            .find(|program| output(Command::new(program).arg("--version")).is_some())
            .ok_or_else(|| {
                TaskError(format!(
                    "there is no `llvm-profdata` of LLVM {version}, which this rustc is built on: `rustup component add \
                     llvm-tools`, or Debian's package `llvm-{version}`",
                    version = self.llvm
                ))
            })
    }

    /// A static binary, as the Dockerfile makes one, with a further flag
    fn build(&self, flag: &str) -> Result<PathBuf, TaskError> {
        let folder = xtask::target_directory().join("release-build");
        run(
            &format!(
                "a static binary with `{}`",
                flag.split('=').next().unwrap_or(flag)
            ),
            cargo()
                .args([
                    "build",
                    "--locked",
                    "--release",
                    "--package",
                    "lookoutvision-emulator",
                ])
                .args(["--target", &self.host, "--target-dir"])
                .arg(&folder)
                .env("RUSTFLAGS", format!("-C target-feature=+crt-static {flag}")),
        )?;
        Ok(binary_in(&folder, &self.host))
    }
}

fn binary_in(folder: &Path, host: &str) -> PathBuf {
    folder.join(host).join("release/lookoutvision-emulator")
}
