//! The program itself, started with a configuration in a folder and killed without warning.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::support::{Answer, Call, connect_trusting, control_at};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_lookoutvision-emulator");

/// The program, with its configuration (`emulator.yaml`, if there is one), its certificate authority and its log in a
/// folder
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    control_url: String,
    pub(crate) ca_pem: String,
    log: PathBuf,
}

impl Process {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_by(folder, Command::new(PROGRAM))
    }

    /// Starts it by another program, whose last arguments are its own
    pub(crate) fn start_by(folder: &Path, command: Command) -> Self {
        Self::start_with_certs(folder, command, "certs")
    }

    /// Starts it by another program, with a configuration that keeps the certificate authority in `certs`
    pub(crate) fn start_with_certs(folder: &Path, mut command: Command, certs: &str) -> Self {
        let log = folder.join("log");
        let stderr = File::options().create(true).append(true).open(&log);
        let mut child = command
            .args(["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(stderr.expect("the folder is ours"))
            .spawn()
            .expect("the program was built with its tests");
        let stdout = child.stdout.take().expect("it is piped");
        let (address, control_url) = read_ready_block(stdout);
        Self {
            child,
            address,
            control_url,
            log,
            ca_pem: std::fs::read_to_string(folder.join(certs).join("ca.pem")).expect("the CA was made"),
        }
    }

    /// A TLS connection on which nothing was sent yet
    pub(crate) async fn connect(&self) -> std::io::Result<TlsStream<TcpStream>> {
        connect_trusting(&self.ca_pem, self.address, "localhost", &[]).await
    }

    pub(crate) async fn send(&self, call: &Call) -> std::io::Result<Answer> {
        call.send_to(&self.ca_pem, self.address).await
    }

    pub(crate) fn control_url(&self) -> &str {
        &self.control_url
    }

    /// One exchange with its control API
    pub(crate) async fn control(&self, method: &str, target: &str, body: &str) -> Answer {
        control_at(&self.control_url, method, target, body).await
    }

    /// What it has logged since the folder was made
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log is text")
    }

    /// Asks it to end, waits until it has, and hands over its log
    pub(crate) fn stop(mut self) -> String {
        let sent = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "`kill` is everywhere");
        self.child.wait().expect("it is ours");
        self.log()
    }

    /// As `kill -9` does
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }
}

impl Drop for Process {
    /// A test that fails shows what the program had to say
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
        // It is gone already unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a program listens for the AWS API, and its control API, as it prints them at its start; waits until it is ready
pub(crate) fn read_ready_block(stdout: ChildStdout) -> (SocketAddr, String) {
    let (mut address, mut control_url) = (None, None);
    for line in BufReader::new(stdout).lines() {
        let line = line.expect("the ready block is text");
        if let Some((_, rest)) = line.split_once("(listening on ") {
            address = rest.trim_end_matches(')').parse().ok();
        }
        if let Some((_, url)) = line.split_once("control API  ") {
            control_url = Some(url.to_owned());
        }
        if line == "lookoutvision-emulator is ready" {
            break;
        }
    }
    (
        address.expect("the ready block names the address"),
        control_url.expect("the ready block names the control API"),
    )
}
