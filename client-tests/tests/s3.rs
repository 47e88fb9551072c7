//! moto plays S3: datasets come from its buckets and evaluations go there, with signatures that it checks.

use std::error::Error;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;
use std::{env, fs};

use client_tests::client::Client;
use client_tests::stage::{LocalEmulator, emulator_program};
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use xtask::environments::Environments;

fn main() -> ExitCode {
    let missing = Client::Boto3
        .missing_tool()
        .filter(|_| !xtask::nothing_may_be_skipped());
    if let Some(tool) = missing {
        eprintln!("SKIPPED moto: `{tool}` is not on the PATH");
    }
    let trials = [
        ("datasets_come_from_moto_and_evaluations_go_there", Walk::Granted),
        ("moto_refuses_what_is_signed_with_another_secret", Walk::Refused),
        ("a_model_answers_the_images_of_its_dataset_in_moto", Walk::Answers),
    ]
    .map(|(name, walk)| Trial::test(name, move || block_on(play(walk))).with_ignored_flag(missing.is_some()));
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

#[derive(Clone, Copy)]
enum Walk {
    Granted,
    Refused,
    /// With a project whose models answer from their datasets
    Answers,
}

fn block_on(test: impl Future<Output = Result<(), Box<dyn Error>>>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime
        .block_on(test)
        .map_err(|error| Failed::from(error.to_string()))
}

async fn play(walk: Walk) -> Result<(), Box<dyn Error>> {
    let environments = Environments::of_this_checkout();
    let python = environments.python()?;
    let moto = Moto::start(&environments.moto_server()?).await?;
    let prepared = script(&python, ["prepare", &moto.url], None).await?;
    let (key, secret) = prepared
        .trim_end()
        .split_once(' ')
        .ok_or_else(|| format!("no key: {prepared}"))?;

    let (walk, configured) = match walk {
        Walk::Granted => ("walk", secret),
        Walk::Refused => ("refused", "another"),
        Walk::Answers => ("answers", secret),
    };
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("emulator.yaml");
    let projects = match walk {
        "answers" => "projects: [{name: line, exists: false, answers_from_datasets: true}]\n",
        _ => "",
    };
    fs::write(
        &config,
        format!(
            "{projects}s3: {{endpoint_url: '{}', access_key_id: {key}, secret_access_key: '{configured}'}}\n",
            moto.url
        ),
    )?;
    let emulator = LocalEmulator::start(&emulator_program()?, &config).await?;
    let walked = script(&python, [walk, &moto.url, key, secret], Some(&emulator)).await?;
    // A program that ended before its last check has not passed.
    if walked.trim_end().ends_with("done") {
        Ok(())
    } else {
        Err(format!("it is not done:\n{walked}").into())
    }
}

/// What the script prints, if it succeeds
async fn script<'a>(
    python: &Path,
    arguments: impl IntoIterator<Item = &'a str>,
    emulator: Option<&LocalEmulator>,
) -> Result<String, Box<dyn Error>> {
    let mut command = clean(python);
    command
        .arg(xtask::workspace_root().join("client-tests/python/s3.py"))
        .args(arguments);
    if let Some(emulator) = emulator {
        command
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", "us-west-2")
            .env("AWS_CA_BUNDLE", emulator.authority())
            .env("AWS_ENDPOINT_URL_LOOKOUTVISION", emulator.endpoint_url());
    }
    let output = tokio::time::timeout(TIMEOUT, command.output()).await??;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}\n{stdout}{stderr}", output.status).into())
}

/// A program without the user's own AWS setup, and without anything that leads anywhere else
fn clean(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    for inherited in ["PATH", "LANG", "TMPDIR"] {
        command.envs(env::var_os(inherited).map(|value| (inherited, value)));
    }
    command
        .env("HOME", "/nonexistent")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// moto's server on a free port of the loopback interface; it ends when this is dropped
struct Moto {
    url: String,
    _process: Child,
}

impl Moto {
    async fn start(program: &Path) -> Result<Self, Box<dyn Error>> {
        let mut process = clean(program)
            .args(["-H", "127.0.0.1", "-p", "0"])
            // The user of `s3.py prepare` is created in three calls; all later calls need a signature.
            .env("INITIAL_NO_AUTH_ACTION_COUNT", "3")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(process.stderr.take().ok_or("it is piped")?).lines();
        let mut printed = String::new();
        let ready = async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, url)) = line.split_once("Running on ") {
                    return Ok(url.trim().to_owned());
                }
                printed += &line;
                printed.push('\n');
            }
            Err(Box::<dyn Error>::from(format!("moto did not start:\n{printed}")))
        };
        let url = tokio::time::timeout(TIMEOUT, ready).await??;
        // It prints a line for each request, and would block on a pipe that nobody reads.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self {
            url,
            _process: process,
        })
    }
}

/// Long enough for a machine that is busy with other tests
const TIMEOUT: Duration = Duration::from_secs(120);
