//! The dashboard in a real browser: Debian's Chromium, driven by playwright-core. The AWS SDK for JavaScript is the
//! client whose calls it shows, and axe-core checks its accessibility.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use client_tests::stage::emulator_program;
use libtest_mimic::{Arguments, Failed, Trial};
use xtask::environments::{EnvironmentError, Environments, is_on_path};

fn main() -> ExitCode {
    let environments = Environments::of_this_checkout();
    let missing = ["node", "npm"].into_iter().find(|tool| !is_on_path(tool));
    let browser = match missing {
        Some(tool) => Err(EnvironmentError::ToolMissing(tool)),
        None => environments.chromium(),
    };
    let is_ignored = match &browser {
        Err(EnvironmentError::ToolMissing(tool)) if !xtask::nothing_may_be_skipped() => {
            eprintln!("SKIPPED the dashboard: `{tool}` is not on the PATH");
            true
        }
        _ => false,
    };
    let trial = Trial::test("the_dashboard_in_a_browser", move || {
        let browser = browser.map_err(|error| Failed::from(error.to_string()))?;
        browse(browser).map_err(|error| Failed::from(error.to_string()))
    });
    libtest_mimic::run(&Arguments::from_args(), vec![trial.with_ignored_flag(is_ignored)]).exit_code()
}

fn browse(browser: PathBuf) -> Result<(), Box<dyn Error>> {
    let root = xtask::workspace_root();
    let home = Environments::of_this_checkout().node_driver()?;
    // Below the packages, where Node looks for them, and in a folder of their own, because another test's emulator
    // would take the configuration for its own. Their short names are in the pictures.
    let home = home.parent().ok_or("the script lies nowhere")?.join("dashboard");
    fs::create_dir_all(&home)?;
    let sources = root.join("client-tests");
    let scripts = TESTS.iter().chain(&["dashboard-support.mjs"]);
    let scripts = scripts.map(|name| (sources.join("node"), name));
    let settings = ["emulator.yaml", "endpoint.json"];
    let settings = settings.iter().map(|name| (sources.join("dashboard"), name));
    for (folder, name) in scripts.chain(settings) {
        fs::copy(folder.join(name), home.join(name))?;
    }
    let is_update = std::env::var_os("UPDATE_IMAGES").is_some();
    let images = match is_update {
        true => root.join("emulator/docs/images"),
        false => xtask::target_directory().join("client-tests/images"),
    };
    let scratch = tempfile::tempdir()?;
    let emulator = emulator_program()?;
    let output = Command::new(&emulator)
        .args(["exec", "--log-requests", "none", "--config", "emulator.yaml"])
        .args([
            "--",
            "node",
            "--test",
            "--test-reporter=spec",
            // One after the other, because they share an emulator.
            "--test-concurrency=1",
        ])
        .args(TESTS)
        .current_dir(home)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", scratch.path())
        .env("CHROMIUM", browser)
        .env("EMULATOR", emulator)
        .env("IMAGE", root.join("emulator/tests/fixtures/images/normal-1.jpg"))
        .env(
            "ENDPOINT_POLICY",
            root.join("client-tests/dashboard/endpoint.json"),
        )
        .env("DASHBOARD_IMAGES", &images)
        .env(
            "COVERAGE_PAGE",
            root.join("emulator/tests/fixtures/policy-tests/coverage.html"),
        )
        .stdin(Stdio::null())
        .output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for line in text(&output.stdout)
        .lines()
        .filter(|line| line.starts_with("measured: "))
    {
        println!("{line}");
    }
    if output.status.success() {
        return if is_update { squeeze(&images) } else { Ok(()) };
    }
    Err(format!(
        "{}:\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    )
    .into())
}

/// The scripts, in the order in which they run
const TESTS: [&str; 6] = [
    "dashboard.test.mjs",
    "dashboard-copies.test.mjs",
    "dashboard-meanwhile.test.mjs",
    "dashboard-access.test.mjs",
    "dashboard-speed.test.mjs",
    "coverage-page.test.mjs",
];

/// Makes the pictures small, because they are committed
fn squeeze(images: &Path) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(images)? {
        let status = Command::new("pngquant")
            .args(["--force", "--strip", "--speed", "1", "--ext", ".png"])
            .arg(entry?.path())
            .status()
            .map_err(|error| format!("pngquant makes the pictures small: {error}"))?;
        if !status.success() {
            return Err(format!("pngquant: {status}").into());
        }
    }
    Ok(())
}
