//! The programs of emulator/examples/sdks, one for each SDK, run as sdks.md says: under `exec`, with no variable set by
//! hand.

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use client_tests::{
    stage::{emulator_program, program},
    trial,
};
use libtest_mimic::Arguments;
use xtask::environments::Environments;

fn main() -> ExitCode {
    let example = |name: &str, tool: &'static str, command: fn() -> Result<Example, Box<dyn Error>>| {
        let name = format!("the_example_of_{name}_inspects_parts");
        trial::that_needs(tool, name, move || {
            command().and_then(|example| inspect(&example))
        })
    };
    let trials = vec![
        example("boto3", "python3", boto3),
        example("the_aws_cli", "python3", aws_cli),
        example("javascript", "npm", javascript),
        example("rust", "cargo", rust),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A program that is given images
struct Example {
    command: Vec<OsString>,
    /// Folders of the programs that it starts
    programs: Vec<PathBuf>,
}

fn boto3() -> Result<Example, Box<dyn Error>> {
    let python = Environments::of_this_checkout().python()?;
    let script = folder().join("boto3/inspect_parts.py");
    Ok(Example {
        command: vec![python.into(), script.into()],
        programs: Vec::new(),
    })
}

fn aws_cli() -> Result<Example, Box<dyn Error>> {
    let python = Environments::of_this_checkout().python()?;
    Ok(Example {
        command: vec![folder().join("aws-cli/inspect-parts.sh").into()],
        programs: vec![python.parent().ok_or("the interpreter lies nowhere")?.to_owned()],
    })
}

fn javascript() -> Result<Example, Box<dyn Error>> {
    let home = Environments::of_this_checkout().node_driver()?;
    let home = home.parent().ok_or("the script lies nowhere")?;
    // Beside the packages, where Node looks for them. Those that the example asks for are among them.
    let versions = |path: PathBuf| -> Result<BTreeMap<String, String>, Box<dyn Error>> {
        let package: serde_json::Value = serde_json::from_str(&fs::read_to_string(path)?)?;
        Ok(serde_json::from_value(package["dependencies"].clone())?)
    };
    let (asked_for, there) = (
        folder().join("javascript/package.json"),
        home.join("package.json"),
    );
    let there = versions(there)?;
    let is_there = |(name, version): (&String, &String)| there.get(name) == Some(version);
    if !versions(asked_for)?.iter().all(is_there) {
        return Err("the example asks for another SDK than the tests have".into());
    }
    let script = home.join("inspect-parts.mjs");
    fs::copy(folder().join("javascript/inspect-parts.mjs"), &script)?;
    Ok(Example {
        command: vec!["node".into(), script.into()],
        programs: Vec::new(),
    })
}

fn rust() -> Result<Example, Box<dyn Error>> {
    Ok(Example {
        command: vec![program("inspect-parts")?.into()],
        programs: Vec::new(),
    })
}

fn folder() -> PathBuf {
    xtask::workspace_root().join("emulator/examples/sdks")
}

/// A good part, a flawed one, and a policy that does not let the program ask
fn inspect(example: &Example) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("flawed.yaml"), PNG_IS_FLAWED)?;
    fs::write(folder.path().join("other-model.json"), OTHER_MODEL)?;
    for name in ["normal-1.jpg", "normal-2.png"] {
        let image = xtask::workspace_root()
            .join("emulator/tests/fixtures/images")
            .join(name);
        fs::copy(image, folder.path().join(name))?;
    }
    let run = |option: &str, file: &str| -> Result<_, Box<dyn Error>> {
        let own = std::env::var_os("PATH").unwrap_or_default();
        let programs = example.programs.iter().cloned();
        let output = Command::new(emulator_program()?)
            .args(["exec", "--log-requests", "none", option, file, "--"])
            .args(&example.command)
            .args(["normal-1.jpg", "normal-2.png"])
            .current_dir(folder.path())
            .env_clear()
            .env(
                "PATH",
                std::env::join_paths(programs.chain(std::env::split_paths(&own)))?,
            )
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .output()?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok((output.status, text(output.stdout), text(output.stderr)))
    };
    let (status, stdout, stderr) = run("--config", "flawed.yaml")?;
    if !status.success() || stdout != "normal-1.jpg: good\nnormal-2.png: flawed\n" {
        return Err(format!("{status}:\n{stdout}{stderr}").into());
    }
    let (status, stdout, stderr) = run("--endpoint-policy", "other-model.json")?;
    let is_told =
        stderr.contains("AccessDeniedException") && stderr.contains("no VPC endpoint policy allows");
    if status.success() || !stdout.is_empty() || !is_told {
        return Err(format!("{status} although it was denied:\n{stdout}{stderr}").into());
    }
    Ok(())
}

const PNG_IS_FLAWED: &str = r#"
projects:
  - name: myProject
    models:
      - version: "1"
        detect_anomalies:
          - {when: {content_type: image/png}, then: {is_anomalous: true, confidence: 0.97}}
"#;

const OTHER_MODEL: &str = r#"{"Version": "2012-10-17", "Statement": [{"Principal": "*", "Effect": "Allow",
"Action": "lookoutvision:DetectAnomalies",
"Resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/myModel"}]}"#;
