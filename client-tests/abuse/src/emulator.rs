//! The emulator as a process: started, watched, killed.

use std::{
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::{Context, Report, client::Target};

/// Where an emulator lives: its configuration, its certificate authority, its log, its state file
pub(crate) struct Home {
    folder: TempDir,
    program: PathBuf,
    /// Blocks of 512 bytes that each of its files may have; `None`: as many as the disk has
    pub(crate) file_blocks_max: Option<u32>,
}

/// A running emulator
pub(crate) struct Emulator {
    pub(crate) target: Target,
    child: Child,
    log: PathBuf,
    open_files_before: usize,
}

/// The outcome of a start
pub(crate) enum Start {
    /// It is ready
    Ready(Box<Emulator>),
    /// It ended by itself, and printed this on standard error
    Ended(ExitStatus, String),
    /// It neither became ready nor ended within [`START_TIMEOUT`]
    Hangs,
}

impl Home {
    pub(crate) fn new(context: &Context, config: &str) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| format!("no folder: {error}"))?;
        let home = Self {
            folder,
            program: context.program.clone(),
            file_blocks_max: None,
        };
        std::fs::write(home.path("emulator.yaml"), config)
            .map_err(|error| format!("no configuration: {error}"))?;
        Ok(home)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts it and waits until it is ready
    pub(crate) async fn start(&self) -> Result<Emulator, String> {
        match self.try_start().await? {
            Start::Ready(emulator) => Ok(*emulator),
            Start::Ended(status, said) => Err(format!("the emulator did not start: {status}: {said}")),
            Start::Hangs => Err(format!(
                "the emulator was not ready after {} s",
                START_TIMEOUT.as_secs()
            )),
        }
    }

    /// Starts it, and returns how that ended
    pub(crate) async fn try_start(&self) -> Result<Start, String> {
        let mut child = self.spawn()?;
        let log = self.path("log");
        let stdout = child.stdout.take().ok_or("standard output is not piped")?;
        let (mut address, mut control) = (None, None);
        let ready = timeout(START_TIMEOUT, async {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some((_, rest)) = line.split_once("(listening on ") {
                    address = rest.trim_end_matches(')').parse::<SocketAddr>().ok();
                }
                if let Some((_, url)) = line.split_once("control API  http://") {
                    control = url.parse::<SocketAddr>().ok();
                }
                if line == "lookoutvision-emulator is ready" {
                    return true;
                }
            }
            false
        });
        match (ready.await, address, control) {
            (Ok(true), Some(address), Some(control)) => {
                let target = Target::trusting(&self.path("certs/ca.pem"), address, control)?;
                let open_files_before = open_files(child.id())?;
                Ok(Start::Ready(Box::new(Emulator {
                    target,
                    child,
                    log,
                    open_files_before,
                })))
            }
            (Ok(true), ..) => Err("the ready block names no addresses".to_owned()),
            (Ok(false), ..) => match timeout(START_TIMEOUT, child.wait()).await {
                Ok(Ok(status)) => Ok(Start::Ended(status, read_log(&log))),
                Ok(Err(error)) => Err(format!("the emulator cannot be waited for: {error}")),
                Err(_) => Ok(Start::Hangs),
            },
            (Err(_), ..) => Ok(Start::Hangs),
        }
    }

    /// Starts it without waiting
    pub(crate) fn spawn(&self) -> Result<Child, String> {
        let log = File::create(self.path("log")).map_err(|error| format!("no log: {error}"))?;
        let mut command = match self.file_blocks_max {
            None => Command::new(&self.program),
            Some(blocks) => {
                let mut shell = Command::new("sh");
                // The signal that comes with the error is ignored, because a full disk sends none.
                let script = format!(r#"trap "" XFSZ; ulimit -f {blocks}; exec "$0" "$@""#);
                shell.arg("-c").arg(script).arg(&self.program);
                shell
            }
        };
        command
            .args(["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
            .current_dir(self.folder.path())
            // No variable of the machine may change what the emulator does. A log line for each refused connection
            // would be most of the work; panics are written whatever the level.
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("`{}`: {error}", self.program.display()))
    }

    /// The log of the last start
    pub(crate) fn log(&self) -> String {
        read_log(&self.path("log"))
    }
}

impl Emulator {
    /// Kills it, as `kill -9` does
    pub(crate) async fn kill(mut self) -> Result<(), String> {
        self.child.kill().await.map_err(|error| error.to_string())
    }

    /// Bytes in memory
    pub(crate) fn memory(&self) -> Result<u64, String> {
        let id = self.child.id().ok_or("the emulator is gone")?;
        let status =
            std::fs::read_to_string(format!("/proc/{id}/status")).map_err(|error| error.to_string())?;
        resident(&status).ok_or_else(|| "no VmRSS".to_owned())
    }

    /// Checks what must hold after every attack: it is alive, nothing panicked, good calls are answered, opened
    /// connections are closed, and it ends when it is asked to
    pub(crate) async fn finish(mut self, report: &mut Report) {
        match self.child.try_wait() {
            Ok(None) => {}
            Ok(Some(status)) => report.fail(format!("the emulator has crashed: {status}")),
            Err(error) => report.fail(format!("the emulator cannot be watched: {error}")),
        }
        report.good_call(self.target.good_call().await);
        // Connections that were abandoned are closed by the emulator's limits, which the attacks set to a few seconds.
        let deadline = Instant::now() + SETTLE_TIMEOUT;
        loop {
            match open_files(self.child.id()) {
                Ok(open) if open <= self.open_files_before + OPEN_FILES_SLACK => break,
                Ok(open) if Instant::now() > deadline => {
                    report.fail(format!(
                        "{open} files are open after the attack, {} were before",
                        self.open_files_before
                    ));
                    break;
                }
                Ok(_) => sleep(Duration::from_millis(100)).await,
                Err(error) => {
                    report.fail(error);
                    break;
                }
            }
        }
        if let Err(sentence) = self.stop().await {
            report.fail(sentence);
        }
        judge_log(&read_log(&self.log), report);
    }

    async fn stop(&mut self) -> Result<(), String> {
        let id = self.child.id().ok_or("the emulator is gone")?;
        let id = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(id.ok_or("no process id")?, rustix::process::Signal::TERM)
            .map_err(|error| error.to_string())?;
        match timeout(START_TIMEOUT, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(format!(
                "asked to end with nothing in flight, it ended with {status}"
            )),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("it does not end when it is asked to".to_owned()),
        }
    }
}

/// Checks that a log has no panic, and no defect that the emulator found itself
pub(crate) fn judge_log(log: &str, report: &mut Report) {
    for line in log.lines() {
        if line.contains("panicked at") || line.contains("defect of the emulator") {
            report.fail(format!("the log says: {line}"));
        }
    }
}

fn read_log(path: &Path) -> String {
    std::fs::read(path).map_or_else(
        |error| format!("the log cannot be read: {error}"),
        |bytes| String::from_utf8_lossy(&bytes).into_owned(),
    )
}

fn open_files(process: Option<u32>) -> Result<usize, String> {
    let id = process.ok_or("the emulator is gone")?;
    let files =
        std::fs::read_dir(format!("/proc/{id}/fd")).map_err(|error| format!("/proc/{id}/fd: {error}"))?;
    Ok(files.count())
}

/// `VmRSS` of a `/proc/PID/status`, in bytes
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Far longer than a start takes on a busy machine
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Longer than every limit on idle connections that the attacks set
const SETTLE_TIMEOUT: Duration = Duration::from_secs(30);
/// The connection of the last good call, and one that a pool of S3 or the watch of the configuration may hold
const OPEN_FILES_SLACK: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_the_log_is_a_failure() {
        for (log, failures) in [
            ("2026-01-01T00:00:00Z  WARN a request is refused\n", 0),
            (
                "thread 'tokio-runtime-worker' panicked at src/body.rs:7:5:\nno room\n",
                1,
            ),
            (
                "ERROR a connection's task panicked: this is a defect of the emulator, please report it\n",
                1,
            ),
        ] {
            let mut report = Report::default();
            judge_log(log, &mut report);
            assert_eq!(report.failures, failures, "{log}");
        }
    }

    #[test]
    fn memory_is_read_from_proc() {
        assert_eq!(
            resident("Name:\tx\nVmHWM:\t  900 kB\nVmRSS:\t     800 kB\n"),
            Some(819_200)
        );
        assert_eq!(resident("Name:\tx\n"), None);
    }

    #[tokio::test]
    async fn a_program_that_ends_instead_of_being_ready_is_reported() {
        let context = Context {
            program: "/bin/false".into(),
            seed: 0,
            attack: "kill",
            until: Instant::now(),
        };
        let home = Home::new(&context, "").unwrap();
        let error = home.start().await.err().unwrap();
        assert!(
            error.starts_with("the emulator did not start: exit status: 1"),
            "{error}"
        );
    }
}
