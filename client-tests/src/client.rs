//! The clients under test, and how each is told where to connect and whom to trust.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use xtask::environments::{EnvironmentError, Environments, is_on_path};

use crate::corpus::{Inputs, Trust};
use crate::outcome::Outcome;
use crate::stage::Route;

mod aws_cli;

/// A client under observation.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Client {
    /// reqwest with a signer of its own
    Http,
    /// AWS SDK for Rust
    Rust,
    /// AWS SDK for Python
    Boto3,
    /// AWS CLI, version 1
    Cli,
    /// AWS SDK for JavaScript, version 3
    Javascript,
}

/// A client with all that it needs to run
pub struct ReadyClient {
    /// Which client it is
    pub client: Client,
    program: PathBuf,
    arguments: Vec<PathBuf>,
}

/// A client's process failed in a way that is not an answer of the service
#[derive(Debug)]
pub struct ClientError(String);

impl Client {
    /// Every client
    pub const ALL: [Self; 5] = [Self::Http, Self::Rust, Self::Boto3, Self::Cli, Self::Javascript];

    /// The environment variable through which the client learns of a private certificate authority
    pub fn trust_variable(self) -> &'static str {
        match self {
            Self::Http | Self::Rust => "SSL_CERT_FILE",
            Self::Boto3 | Self::Cli => "AWS_CA_BUNDLE",
            Self::Javascript => "NODE_EXTRA_CA_CERTS",
        }
    }

    /// Whether the client goes through the proxy that `HTTPS_PROXY` names
    pub fn uses_https_proxy(self) -> bool {
        match self {
            Self::Http | Self::Rust | Self::Boto3 | Self::Cli => true,
            Self::Javascript => false,
        }
    }

    /// The program that the client needs and that is not on the `PATH`
    pub fn missing_tool(self) -> Option<&'static str> {
        let needed: &[&str] = match self {
            Self::Http | Self::Rust => &[],
            Self::Boto3 | Self::Cli => &["python3"],
            Self::Javascript => &["node", "npm"],
        };
        needed.iter().copied().find(|tool| !is_on_path(tool))
    }

    /// Finds or makes what the client needs; `this_program` is the path of `client-tests`
    ///
    /// # Errors
    /// When Python or Node is missing, or the SDK cannot be installed.
    pub fn prepare(
        self,
        environments: &Environments,
        this_program: PathBuf,
    ) -> Result<ReadyClient, EnvironmentError> {
        let (program, arguments) = match self {
            Self::Http => (this_program, vec!["drive".into(), "http".into()]),
            Self::Rust => (this_program, vec!["drive".into(), "rust-sdk".into()]),
            Self::Boto3 => (environments.python()?, vec![environments.python_driver()]),
            Self::Cli => (environments.python()?, vec!["-m".into(), "awscli".into()]),
            Self::Javascript => ("node".into(), vec![environments.node_driver()?]),
        };
        Ok(ReadyClient {
            client: self,
            program,
            arguments,
        })
    }
}

impl ReadyClient {
    /// Makes one call in a fresh process
    ///
    /// # Errors
    /// When the process cannot be started, takes too long, or ends without an outcome.
    pub async fn call(&self, inputs: &Inputs, route: &Route) -> Result<Outcome, ClientError> {
        let job = serde_json::to_string(&inputs.job).expect("a job is plain data");
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if self.client == Client::Cli {
            command.args(aws_cli::arguments(&inputs.job));
        }
        self.set_environment(&mut command, inputs, route);

        let failed = |what: String| ClientError(format!("`{}`: {what}", self.program.display()));
        let run = async {
            let mut child = command.kill_on_drop(true).spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                // The CLI does not read its standard input, so a closed pipe is no failure.
                stdin.write_all(job.as_bytes()).await.ok();
            }
            child.wait_with_output().await
        };
        let output = tokio::time::timeout(CALL_TIMEOUT, run)
            .await
            .map_err(|_| failed(format!("no outcome within {} s", CALL_TIMEOUT.as_secs())))?
            .map_err(|error| failed(error.to_string()))?;

        let stderr = String::from_utf8_lossy(&output.stderr);
        if self.client == Client::Cli {
            return aws_cli::outcome(&output).map_err(failed);
        }
        if !output.status.success() {
            return Err(failed(format!("{}: {stderr}", output.status)));
        }
        serde_json::from_slice(&output.stdout)
            .map_err(|error| failed(format!("no outcome: {error}: {stderr}")))
    }

    /// Runs another program that uses this client, in the environment of a call
    ///
    /// # Errors
    /// When the process cannot be started, takes too long, or fails; the text is what it printed.
    pub async fn run_program(
        &self,
        program: &Path,
        arguments: &[OsString],
        inputs: &Inputs,
        route: &Route,
        variables: &[(&str, &str)],
    ) -> Result<(), ClientError> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        self.set_environment(&mut command, inputs, route);
        command.envs(variables.iter().copied());
        let failed = |what: String| ClientError(format!("`{}`: {what}", program.display()));
        let output = tokio::time::timeout(PROGRAM_TIMEOUT, command.output())
            .await
            .map_err(|_| failed(format!("not done within {} s", PROGRAM_TIMEOUT.as_secs())))?
            .map_err(|error| failed(error.to_string()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() && text(&output.stdout).trim_end().ends_with("done") {
            return Ok(());
        }
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        Err(failed(format!("{}:\n{stdout}{stderr}", output.status)))
    }

    /// Sets these variables and no others: nothing of the user's own AWS setup, and of the trust variables only the one
    /// that this client is documented to read.
    fn set_environment(&self, command: &mut Command, inputs: &Inputs, route: &Route) {
        command.env_clear();
        for inherited in ["PATH", "LANG", "TMPDIR"] {
            command.envs(std::env::var_os(inherited).map(|value| (inherited, value)));
        }
        command
            .env("HOME", "/nonexistent")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("AWS_ACCESS_KEY_ID", &inputs.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &inputs.secret_access_key)
            .envs(
                inputs
                    .session_token
                    .as_ref()
                    .map(|token| ("AWS_SESSION_TOKEN", token)),
            )
            // boto3 and the CLI read the older name, all other clients the newer one.
            .env("AWS_REGION", &inputs.region)
            .env("AWS_DEFAULT_REGION", &inputs.region)
            .env("AWS_EC2_METADATA_DISABLED", "true");
        if inputs.trust == Trust::Authority {
            command.env(self.client.trust_variable(), &route.authority);
        } else {
            // Some clients retry a failed handshake again and again; one attempt shows the same.
            command.env("AWS_MAX_ATTEMPTS", "1");
        }
        command.envs(
            route
                .endpoint_url
                .as_ref()
                .map(|url| ("AWS_ENDPOINT_URL_LOOKOUTVISION", url)),
        );
        command.envs(route.https_proxy.as_ref().map(|url| ("HTTPS_PROXY", url)));
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP client",
            Self::Rust => "AWS SDK for Rust",
            Self::Boto3 => "boto3",
            Self::Cli => "AWS CLI",
            Self::Javascript => "AWS SDK for JavaScript",
        })
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ClientError {}

/// Long enough for a life cycle of sixty calls of the AWS CLI, each in a process of its own, on a busy machine
const PROGRAM_TIMEOUT: Duration = Duration::from_secs(300);

/// Long enough for five attempts of the AWS CLI with its pauses on a busy machine
const CALL_TIMEOUT: Duration = Duration::from_secs(90);
