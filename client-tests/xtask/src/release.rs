//! `cargo xtask release`: the binary and the image that are released, optimised by a profile of their own work.
//!
//! Three things are built: the binary with counters in it, through which real load then runs; the binary once more,
//! with the profile from those counters; and the client of the benchmark `serving`, which makes the load. From the
//! profile the compiler knows which branches are taken and what is worth inlining. The linker places the functions that
//! ran next to each other, so that the system reads and keeps less of the file. `cargo build` does none of this.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::compose::packaging;
use crate::step::{Skipped, TaskError, cargo, output, run, rustc_says};

/// Makes `target/dist/lookoutvision-emulator`
pub(crate) fn binary() -> Result<Skipped, TaskError> {
    build()?;
    Ok(Skipped::new())
}

/// The same, and the image that holds it
pub(crate) fn image(name: &str) -> Result<Skipped, TaskError> {
    let released = build()?;
    packaging::emulator_image(&released, name)?;
    Ok(Skipped::new())
}

fn build() -> Result<PathBuf, TaskError> {
    let compiler = Compiler::ask()?;
    let profdata = compiler.profdata()?;
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
        Command::new(&profdata)
            .args(["merge", "--output"])
            .arg(&merged)
            .arg(&profiles),
    )?;
    let mut flags = format!("-Cprofile-use={}", merged.display());
    if compiler.links_with_lld() {
        let counts = output(
            Command::new(&profdata)
                .args(["show", "--all-functions", "--counts"])
                .arg(&merged),
        );
        let counts = counts.ok_or_else(|| TaskError(format!("{} cannot be read", merged.display())))?;
        let order = profiles.join("order");
        fs::write(&order, functions_that_ran(&counts).join("\n"))?;
        // Functions that were inlined have no symbol any more.
        flags += &format!(
            " -Clink-arg=-Wl,--symbol-ordering-file={},--no-warn-symbol-ordering",
            order.display()
        );
    }
    // The same folder as before, because the profile's names of functions depend on it.
    let built = compiler.build(&flags)?;

    let folder = target.join("dist");
    fs::create_dir_all(&folder)?;
    let released = folder.join("lookoutvision-emulator");
    fs::copy(&built, &released)?;
    println!("{}: {} bytes", released.display(), fs::metadata(&released)?.len());
    Ok(released)
}

/// rustc, as far as a profile depends on it
struct Compiler {
    host: String,
    sysroot: PathBuf,
    /// The major version of its LLVM; other versions cannot read its profiles
    llvm: String,
}

impl Compiler {
    fn ask() -> Result<Self, TaskError> {
        let sysroot = output(Command::new("rustc").args(["--print", "sysroot"])).unwrap_or_default();
        Ok(Self {
            host: rustc_says("host: ")?,
            sysroot: sysroot.trim().into(),
            llvm: rustc_says("LLVM version: ")?
                .split('.')
                .next()
                .unwrap_or_default()
                .to_owned(),
        })
    }

    /// The program that reads the counters of a build by this compiler
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

    /// Whether the linker is LLD, as it is by default for this host (Rust 1.90.0, release notes); no other takes the order
    /// of functions in this form
    fn links_with_lld(&self) -> bool {
        self.host == "x86_64-unknown-linux-gnu"
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

/// The functions of which some block ran, those first whose busiest block ran most often
///
/// `llvm-profdata show --all-functions --counts` prints the name of each function, after its file and `;` where the name is
/// known in that file only, and below it lines such as `Block counts: [3, 0]`.
fn functions_that_ran(counts: &str) -> Vec<&str> {
    let mut functions = Vec::new();
    let mut name = "";
    for line in counts.lines() {
        let text = line.trim_start();
        match text.strip_prefix("Block counts: [") {
            Some(counts) => {
                let counts = counts.trim_end_matches(']').split(", ");
                let counts = counts.filter_map(|count| count.parse::<u64>().ok());
                functions.push((counts.max().unwrap_or(0), name));
            }
            None if line.len() - text.len() == NAME_INDENT => {
                name = text.trim_end_matches(':');
                name = name.rsplit_once(';').map_or(name, |(_, name)| name);
            }
            None => {}
        }
    }
    functions.retain(|(count, _)| *count > 0);
    functions.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    functions.into_iter().map(|(_, name)| name).collect()
}

/// Blanks before a function's name
const NAME_INDENT: usize = 2;

fn binary_in(folder: &Path, host: &str) -> PathBuf {
    folder.join(host).join("release/lookoutvision-emulator")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_come_in_the_order_of_their_calls_and_those_that_never_ran_are_left_out() {
        let counts = "Counters:\n  _ZN4once17h01E:\n    Hash: 0x1\n    Counters: 2\n    Block counts: [0, 1]\n  \
                      src/lib.rs;_ZN5often17h02E:\n    Hash: 0x2\n    Counters: 1\n    Block counts: [70]\n  \
                      _ZN5never17h03E:\n    Hash: 0x3\n    Counters: 1\n    Block counts: [0]\nFunctions shown: 3\n";
        assert_eq!(functions_that_ran(counts), ["_ZN5often17h02E", "_ZN4once17h01E"]);
    }
}
