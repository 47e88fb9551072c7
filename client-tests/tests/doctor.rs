//! `doctor -- CMD` with boto3 and the AWS CLI: a call that arrives, and calls that do not, for the usual reasons: a
//! misspelt variable, a profile, a CA that is not trusted. emulator/docs/doctor.md shows the same.

use std::error::Error;
use std::fs;
use std::process::{Command, ExitCode, Output};

use client_tests::client::Client;
use client_tests::stage::emulator_program;
use libtest_mimic::{Arguments, Failed, Trial};
use tempfile::TempDir;
use xtask::environments::Environments;

/// A user's program that ends with 0 whatever becomes of its call, as programs do that swallow errors
const BOTO3: &str = r#"
import boto3
try:
    boto3.client("lookoutvision").list_projects()
    print("answered")
except Exception as error:
    print(type(error).__name__)
"#;

type Test = fn() -> Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let missing = Client::Boto3
        .missing_tool()
        .filter(|_| !xtask::nothing_may_be_skipped());
    if let Some(tool) = missing {
        eprintln!("SKIPPED boto3: `{tool}` is not on the PATH");
    }
    let tests: [(&str, Test); 5] = [
        ("boto3_arrives", boto3_arrives),
        ("boto3_with_a_misspelt_variable_calls_aws", misspelt_variable),
        (
            "boto3_with_a_profile_that_ignores_endpoints_calls_aws",
            profile_that_ignores,
        ),
        ("boto3_that_does_not_trust_the_ca_ends_in_the_handshake", no_trust),
        (
            "the_aws_cli_with_another_endpoint_calls_aws",
            aws_cli_with_another_endpoint,
        ),
    ];
    let trials = tests.map(|(name, test)| {
        let run = move || test().map_err(|error| Failed::from(error.to_string()));
        Trial::test(name, run).with_ignored_flag(missing.is_some())
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

/// A folder with the program and a home of its own, and the shell that runs it under `doctor`
struct Workplace {
    folder: TempDir,
    python: String,
}

impl Workplace {
    fn new() -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("app.py"), BOTO3)?;
        fs::create_dir(folder.path().join(".aws"))?;
        let python = Environments::of_this_checkout().python()?;
        Ok(Self {
            folder,
            python: python.display().to_string(),
        })
    }

    /// `doctor -- sh -c SCRIPT`, in which `$PYTHON` has boto3 and the AWS CLI
    fn doctor(&self, script: &str) -> Result<Output, Box<dyn Error>> {
        let output = Command::new(emulator_program()?)
            .args(["doctor", "--all", "--", "sh", "-c", script])
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("PYTHON", &self.python)
            .env("AWS_MAX_ATTEMPTS", "1")
            .output()?;
        Ok(output)
    }
}

fn expect(output: &Output, code: i32, stdout: &str, report: &[&str]) -> Result<(), Box<dyn Error>> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (found, told) = (text(&output.stdout), text(&output.stderr));
    if output.status.code() != Some(code) || found != stdout {
        return Err(format!(
            "{}, expected {code} and `{stdout}`:\n{found}\n{told}",
            output.status
        )
        .into());
    }
    match report.iter().find(|expected| !told.contains(**expected)) {
        Some(missing) => Err(format!("`{missing}` is not in:\n{told}").into()),
        None => Ok(()),
    }
}

const TRIED_AWS: &str = "the command tried to reach lookoutvision.us-east-1.amazonaws.com:443, AWS itself";

fn boto3_arrives() -> Result<(), Box<dyn Error>> {
    let output = Workplace::new()?.doctor("$PYTHON app.py")?;
    let report = [
        "1 request of the command arrived",
        "every connection brought a request",
        "no problem, ",
    ];
    expect(&output, 0, "answered\n", &report)
}

fn misspelt_variable() -> Result<(), Box<dyn Error>> {
    let script = "export AWS_ENDPOINT_URL_LOOKOUT_VISION=$AWS_ENDPOINT_URL_LOOKOUTVISION
        unset AWS_ENDPOINT_URL_LOOKOUTVISION
        $PYTHON app.py";
    let output = Workplace::new()?.doctor(script)?;
    expect(&output, 1, "ProxyConnectionError\n", &[TRIED_AWS])
}

fn profile_that_ignores() -> Result<(), Box<dyn Error>> {
    let workplace = Workplace::new()?;
    let config = workplace.folder.path().join(".aws/config");
    fs::write(&config, "[default]\nignore_configured_endpoint_urls = true\n")?;
    let output = workplace.doctor("$PYTHON app.py")?;
    let cause = "the likely cause: `ignore_configured_endpoint_urls` at ";
    expect(&output, 1, "ProxyConnectionError\n", &[TRIED_AWS, cause])
}

fn no_trust() -> Result<(), Box<dyn Error>> {
    let script = "unset AWS_CA_BUNDLE REQUESTS_CA_BUNDLE SSL_CERT_FILE CURL_CA_BUNDLE; $PYTHON app.py";
    let output = Workplace::new()?.doctor(script)?;
    let report = ["to `localhost` brought no request: the client sent the TLS alert UnknownCA"];
    expect(&output, 1, "SSLError\n", &report)
}

fn aws_cli_with_another_endpoint() -> Result<(), Box<dyn Error>> {
    let script = "$PYTHON -m awscli lookoutvision list-projects \
                  --endpoint-url https://lookoutvision.us-east-1.amazonaws.com 2> /dev/null; exit 0";
    let output = Workplace::new()?.doctor(script)?;
    expect(&output, 1, "", &[TRIED_AWS])
}
