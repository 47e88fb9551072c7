//! The program as a process: run to its end, or serving in a folder of its own.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::{Failure, policies};

/// Names another binary of the emulator than the one that `cargo bench` built
const EMULATOR_VARIABLE: &str = "LOOKOUTVISION_BENCH_EMULATOR";

/// A child process that is killed when this is dropped
pub(crate) struct Process(pub(crate) Child);

/// A running emulator
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) control_url: String,
    process: Process,
    folder: TempDir,
}

/// The program in a folder, without any setting of the user in its environment
pub(crate) fn program(folder: &Path) -> Command {
    let emulator = std::env::var_os(EMULATOR_VARIABLE).map_or_else(
        || env!("CARGO_BIN_EXE_lookoutvision-emulator").into(),
        PathBuf::from,
    );
    let mut command = Command::new(emulator);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LOOKOUTVISION_EMULATOR_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// Runs the program to its end, which must be a success, and returns what it prints
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let output = program(folder).args(arguments).output()?;
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout)?),
        false => Err(format!("{arguments:?}: {output:?}").into()),
    }
}

impl Server {
    /// Starts the emulator, with more lines in its configuration
    pub(crate) fn start(more: &str) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        policies::write_configuration(folder.path(), more)?;
        let mut command = program(folder.path());
        let log = folder.path().join("log");
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&log)?);
        let mut process = Process(command.spawn()?);
        // The child keeps the pipe, so that the server can go on printing.
        let stdout = process.0.stdout.as_mut().ok_or("it is piped")?;
        let (mut address, mut control_url) = (None, None);
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if let Some((_, rest)) = line.split_once("listening on ") {
                address = rest.trim_end_matches(')').parse().ok();
            }
            if let Some((_, url)) = line.split_once("control API") {
                control_url = Some(url.trim().to_owned());
            }
            if line.ends_with("is ready") {
                break;
            }
        }
        match (address, control_url) {
            (Some(address), Some(control_url)) => Ok(Self {
                address,
                control_url,
                process,
                folder,
            }),
            _ => {
                let log = fs::read_to_string(&log)?;
                Err(format!("the emulator does not serve; it said:\n{log}").into())
            }
        }
    }

    /// The CA that its clients trust
    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("certs/ca.pem")
    }

    /// The processor time that all of its threads have used so far: the first number of `schedstat`, in nanoseconds
    /// (the kernel's *Scheduler Statistics*)
    pub(crate) fn processor_time(&self) -> Result<Duration, Failure> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.process.0.id()))? {
            let statistics = fs::read_to_string(task?.path().join("schedstat"))?;
            let used = statistics.split(' ').next().unwrap_or_default();
            nanoseconds += used.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A process that has ended already need not be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
