//! Where a corpus is played: an emulator of our own on free ports, or one that a compose file has started.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::client::Client;
use crate::control::Control;
use crate::corpus::{Inputs, Through};
use crate::tunnel::Tunnel;

/// A running emulator and the ways to it
pub enum Stage {
    /// Started by this program
    Local(Box<LocalEmulator>),
    /// Running already, under the real host names
    Network {
        /// Its control API
        control: Control,
        /// Its certificate authority
        authority: PathBuf,
    },
}

/// How one client reaches the emulator, as values of environment variables
pub struct Route {
    /// `AWS_ENDPOINT_URL_LOOKOUTVISION`; without it the SDK connects to the Region's real host name
    pub endpoint_url: Option<String>,
    /// `HTTPS_PROXY`
    pub https_proxy: Option<String>,
    /// The file with the certificate authority
    pub authority: PathBuf,
}

/// An emulator that runs as long as this value lives
pub struct LocalEmulator {
    control: Control,
    authority: PathBuf,
    listen: SocketAddr,
    tunnel: Tunnel,
    output: Arc<Mutex<String>>,
    process: Child,
    _directory: TempDir,
}

/// The emulator did not start
#[derive(Debug)]
pub struct StartError(String);

impl Stage {
    /// The control API
    pub fn control(&self) -> &Control {
        match self {
            Self::Local(emulator) => &emulator.control,
            Self::Network { control, .. } => control,
        }
    }

    /// The route by which `client` reaches what the scenario asks for, or why there is none here
    ///
    /// # Errors
    /// When the client cannot be sent there on this stage; the text says why.
    pub fn route(&self, client: Client, inputs: &Inputs) -> Result<Route, &'static str> {
        match self {
            Self::Local(emulator) => emulator.route(client, inputs),
            Self::Network { authority, .. } => Ok(Route {
                endpoint_url: match &inputs.through {
                    Through::TheUsualWay => None,
                    Through::Address => return Err("in a network the emulator goes by its names"),
                    Through::Host(host) => url_unless_usual(host, &inputs.region),
                },
                https_proxy: None,
                authority: authority.clone(),
            }),
        }
    }

    /// What the emulator printed, where this program started it
    pub fn output(&self) -> Option<String> {
        match self {
            Self::Local(emulator) => Some(
                emulator
                    .output
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone(),
            ),
            Self::Network { .. } => None,
        }
    }
}

impl LocalEmulator {
    /// Starts `program` with the configuration file `config`, free ports and a certificate authority of its own
    ///
    /// # Errors
    /// When the program cannot be started, ends, or does not report within a minute that it is ready.
    pub async fn start(program: &Path, config: &Path) -> Result<Self, StartError> {
        let directory = tempfile::tempdir().map_err(|error| StartError(error.to_string()))?;
        let certs = directory.path().join("certs");
        let mut process = Command::new(program)
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--control",
                "127.0.0.1:0",
                "--config",
            ])
            .arg(config)
            .arg("--certs")
            .arg(&certs)
            .current_dir(directory.path())
            // No variable of the machine may change what the emulator does.
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| StartError(format!("`{}`: {error}", program.display())))?;

        let output = Arc::new(Mutex::new(String::new()));
        let (lines, mut ready) = mpsc::unbounded_channel();
        if let Some(stdout) = process.stdout.take() {
            collect(stdout, Arc::clone(&output), Some(lines));
        }
        if let Some(stderr) = process.stderr.take() {
            collect(stderr, Arc::clone(&output), None);
        }
        let addresses = tokio::time::timeout(START_TIMEOUT, async {
            let mut addresses = (None, None);
            while let Some(line) = ready.recv().await {
                addresses.0 = addresses.0.or_else(|| address_after("https://", &line));
                addresses.1 = addresses.1.or_else(|| address_after("http://", &line));
                if line.trim() == "lookoutvision-emulator is ready" {
                    return addresses;
                }
            }
            (None, None)
        });
        let Ok((Some(listen), Some(control))) = addresses.await else {
            let printed = output.lock().unwrap_or_else(PoisonError::into_inner).clone();
            return Err(StartError(format!(
                "`{}` did not become ready; it printed:\n{printed}",
                program.display()
            )));
        };
        let tunnel = Tunnel::start(listen)
            .await
            .map_err(|error| StartError(error.to_string()))?;
        Ok(Self {
            control: Control::new(&format!("http://{control}")),
            authority: certs.join("ca.pem"),
            listen,
            tunnel,
            output,
            process,
            _directory: directory,
        })
    }

    /// Kills it, as `kill -9` does, and waits until it is gone
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(mut self) -> std::io::Result<()> {
        self.process.kill().await
    }

    /// The file with its certificate authority
    pub fn authority(&self) -> &Path {
        &self.authority
    }

    /// Its endpoint URL, for a client that uses no proxy
    pub fn endpoint_url(&self) -> String {
        format!("https://localhost:{}", self.listen.port())
    }

    /// The value of `HTTPS_PROXY` by which it is reached under the real host names
    pub fn proxy_url(&self) -> String {
        self.tunnel.url()
    }

    fn route(&self, client: Client, inputs: &Inputs) -> Result<Route, &'static str> {
        let direct = |host: &str| Route {
            endpoint_url: Some(format!("https://{host}:{}", self.listen.port())),
            https_proxy: None,
            authority: self.authority.clone(),
        };
        match &inputs.through {
            Through::TheUsualWay => Ok(direct("localhost")),
            Through::Address => Ok(direct("127.0.0.1")),
            Through::Host(_) if !client.uses_https_proxy() => {
                Err("it cannot be led to a real host name without changing name resolution")
            }
            Through::Host(host) => Ok(Route {
                endpoint_url: url_unless_usual(host, &inputs.region),
                https_proxy: Some(self.tunnel.url()),
                authority: self.authority.clone(),
            }),
        }
    }
}

/// The emulator's binary: the one that `LOOKOUTVISION_TESTS_EMULATOR` names, or else the one that Cargo builds now, so
/// that a stale one is never tested.
///
/// # Errors
/// When Cargo cannot be started, or the emulator does not compile.
pub fn emulator_program() -> Result<PathBuf, StartError> {
    if let Some(program) = std::env::var_os("LOOKOUTVISION_TESTS_EMULATOR") {
        return Ok(program.into());
    }
    built("lookoutvision-emulator")
}

/// The program of a package of this workspace with the same name; it is built, unless `cargo xtask test` has built it
///
/// # Errors
/// When Cargo cannot be started, or the program does not compile.
pub fn program(package: &str) -> Result<PathBuf, StartError> {
    let beside_emulator = std::env::var_os("LOOKOUTVISION_TESTS_EMULATOR")
        .map(|emulator| PathBuf::from(emulator).with_file_name(package))
        .filter(|program| program.exists());
    beside_emulator.map_or_else(|| built(package), Ok)
}

fn built(package: &str) -> Result<PathBuf, StartError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = std::process::Command::new(cargo)
        .args(["build", "--quiet", "--package", package, "--bin", package])
        .current_dir(xtask::workspace_root())
        .status();
    match status {
        Ok(status) if status.success() => Ok(xtask::target_directory().join("debug").join(package)),
        Ok(status) => Err(StartError(format!("`{package}` could not be built: {status}"))),
        Err(error) => Err(StartError(format!("cargo could not be started: {error}"))),
    }
}

/// The URL of a host, unless it is the Region's own host name, to which the SDK connects anyway
fn url_unless_usual(host: &str, region: &str) -> Option<String> {
    (host != format!("lookoutvision.{region}.amazonaws.com")).then(|| format!("https://{host}"))
}

fn collect(
    stream: impl AsyncRead + Unpin + Send + 'static,
    output: Arc<Mutex<String>>,
    lines: Option<mpsc::UnboundedSender<String>>,
) {
    tokio::spawn(async move {
        let mut reader = BufReader::new(stream).lines();
        while let Ok(Some(line)) = reader.next_line().await {
            let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
            output.push_str(&line);
            output.push('\n');
            drop(output);
            // Nobody receives the lines any more once the emulator is ready.
            lines.as_ref().map(|lines| lines.send(line));
        }
    });
}

/// The port of the first URL with `scheme` in `line`, on the loopback interface
fn address_after(scheme: &str, line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(scheme)?;
    let (_, port) = rest.split_ascii_whitespace().next()?.rsplit_once(':')?;
    Some((Ipv4Addr::LOCALHOST, port.parse().ok()?).into())
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

const START_TIMEOUT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::{address_after, url_unless_usual};

    #[test]
    fn addresses_are_found_in_the_ready_block() {
        let line = "  AWS API      https://localhost:40123  (listening on 127.0.0.1:40123)";
        assert_eq!(address_after("https://", line), "127.0.0.1:40123".parse().ok());
        assert_eq!(address_after("http://", line), None);
    }

    #[test]
    fn the_regions_own_name_needs_no_endpoint_url() {
        assert_eq!(
            url_unless_usual("lookoutvision.us-west-2.amazonaws.com", "us-west-2"),
            None
        );
        assert_eq!(
            url_unless_usual("lookoutvision.us-west-2.amazonaws.com", "eu-west-1").as_deref(),
            Some("https://lookoutvision.us-west-2.amazonaws.com")
        );
    }
}
