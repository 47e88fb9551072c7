//! Real Terraform with AWS's own provider makes, changes and destroys the endpoint of the documentation, as its page
//! says.
//!
//! It needs `terraform` on the PATH, and the AWS provider without network access: in a file-system mirror named by the
//! file of `TF_CLI_CONFIG_FILE`. Without them the test is skipped, and says so.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use client_tests::stage::{LocalEmulator, emulator_program};
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::process::Command;
use xtask::environments::is_on_path;

fn main() -> ExitCode {
    let missing = missing();
    if let Some(missing) = &missing {
        eprintln!("SKIPPED Terraform: {missing}");
    }
    let test = Trial::test(
        "terraform_makes_changes_and_destroys_the_endpoint_of_the_documentation",
        || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime
                .block_on(play())
                .map_err(|error| Failed::from(error.to_string()))
        },
    );
    libtest_mimic::run(
        &Arguments::from_args(),
        vec![test.with_ignored_flag(missing.is_some())],
    )
    .exit_code()
}

/// What is missing for a run
fn missing() -> Option<String> {
    if !is_on_path("terraform") {
        return Some("`terraform` is not on the PATH".to_owned());
    }
    match std::env::var_os("TF_CLI_CONFIG_FILE").map(PathBuf::from) {
        None => Some("TF_CLI_CONFIG_FILE names no file with a mirror of the AWS provider".to_owned()),
        Some(file) if !file.is_file() => Some(format!(
            "TF_CLI_CONFIG_FILE names `{}`, which is not there",
            file.display()
        )),
        Some(_) => None,
    }
}

async fn play() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let readme = std::fs::read_to_string(xtask::workspace_root().join("README.md"))?;
    let page = std::fs::read_to_string(xtask::workspace_root().join("emulator/docs/aws-tools.md"))?;
    let config = folder.path().join("emulator.yaml");
    std::fs::write(&config, block(&page, "With this `emulator.yaml`", "yaml")?)?;
    std::fs::write(
        folder.path().join("seed.json"),
        block(&readme, "`seed.json`:", "json")?,
    )?;
    let emulator = LocalEmulator::start(&emulator_program()?, &config).await?;
    let sample = block(&page, "Terraform needs to be told", "hcl")?;
    let listens = sample.replace("https://localhost:8443", &emulator.endpoint_url());
    std::fs::write(folder.path().join("main.tf"), listens)?;
    let data = xtask::workspace_root().join("client-tests/terraform/data.tf");
    std::fs::copy(data, folder.path().join("data.tf"))?;

    let terraform = Terraform {
        folder: folder.path(),
        bundle: emulator.authority().with_file_name("ca-bundle.pem"),
    };
    terraform.run(&["init", "-input=false"], 0).await?;
    terraform
        .run(&["apply", "-auto-approve", "-input=false"], 0)
        .await?;
    let found = terraform.run(&["output", "-json", "found"], 0).await?;
    let found: serde_json::Value = serde_json::from_str(&found)?;
    let expected = serde_json::json!({
        "zones": ["us-west-2a", "us-west-2b", "us-west-2c"], "regions": true, "groups": 1, "main": true, "dns": true,
        "interface": 1, "prefixes": 1,
        "blocks": ["198.51.100.0/24"], "entries": ["198.51.100.0/24"],
    });
    if found != expected {
        return Err(format!("the data sources found {found} instead of {expected}").into());
    }
    // 0: no difference; 2: a difference.
    let plan = ["plan", "-detailed-exitcode", "-input=false"];
    terraform.run(&plan, 0).await?;
    let changed = ["-var", "team=line-b"];
    terraform.run(&[&plan[..], &changed].concat(), 2).await?;
    let apply = ["apply", "-auto-approve", "-input=false"];
    terraform.run(&[&apply[..], &changed].concat(), 0).await?;
    terraform.run(&[&plan[..], &changed].concat(), 0).await?;
    terraform
        .run(&["destroy", "-auto-approve", "-input=false"], 0)
        .await?;
    Ok(())
}

/// The first fenced block of a language after a text
fn block(page: &str, after: &str, language: &str) -> Result<String, String> {
    let missing = || format!("the page has no block of {language} behind `{after}`");
    let (_, rest) = page.split_once(after).ok_or_else(missing)?;
    let (_, rest) = rest.split_once(&format!("```{language}")).ok_or_else(missing)?;
    let (_, rest) = rest.split_once('\n').ok_or_else(missing)?;
    let (block, _) = rest.split_once("```").ok_or_else(missing)?;
    Ok(block.to_owned())
}

struct Terraform<'t> {
    folder: &'t Path,
    bundle: PathBuf,
}

impl Terraform<'_> {
    /// Runs a subcommand that is to end with this status, and returns what it printed
    async fn run(&self, arguments: &[&str], status: i32) -> Result<String, Box<dyn Error>> {
        let mut command = Command::new("terraform");
        command
            .args(arguments)
            .current_dir(self.folder)
            // Nothing of the user's own AWS setup.
            .env_clear();
        for inherited in ["PATH", "TMPDIR", "TF_CLI_CONFIG_FILE"] {
            command.envs(std::env::var_os(inherited).map(|value| (inherited, value)));
        }
        command
            .env("HOME", self.folder)
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_IN_AUTOMATION", "1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CA_BUNDLE", &self.bundle)
            .env("SSL_CERT_FILE", &self.bundle);
        let run = command.kill_on_drop(true).output();
        let output = tokio::time::timeout(TIMEOUT, run).await??;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.code() == Some(status) {
            return Ok(printed);
        }
        Err(format!(
            "`terraform {}` ended with {} instead of {status}:\n{printed}\n{}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )
        .into())
    }
}

/// The provider takes seconds to start, on a busy machine many
const TIMEOUT: Duration = Duration::from_secs(300);
