//! The servers as processes: where they run, and what they use.

use std::{
    fmt, fs,
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{Failure, limit};

/// Names another binary of the emulator than the one that `cargo bench` built
const EMULATOR_VARIABLE: &str = "LOOKOUTVISION_BENCH_EMULATOR";
/// What both servers print before their address
pub(crate) const LISTENING_ON: &str = "listening on ";
/// The file in their certs folder to which both servers write their CA
pub(crate) const CA_FILE: &str = "ca.pem";

/// Which server
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Limit,
    Emulator,
}

/// A server in a process of its own, with a folder of its own; dropping it ends both
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    /// When its process was started
    pub(crate) started: Instant,
    process: Process,
    folder: TempDir,
}

/// A child process that is killed when this is dropped
struct Process(Child);

impl Server {
    /// Starts a server on the server's processor and returns as soon as it listens
    pub(crate) fn start(kind: Kind, processors: &Processors) -> Result<Self, Failure> {
        Self::start_in(tempfile::tempdir()?, kind, processors)
    }

    /// Starts an emulator with a configuration file
    pub(crate) fn start_with(config: &str, processors: &Processors) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("emulator.yaml"), config)?;
        Self::start_in(folder, Kind::Emulator, processors)
    }

    fn start_in(folder: TempDir, kind: Kind, processors: &Processors) -> Result<Self, Failure> {
        let mut command = match kind {
            Kind::Limit => {
                let mut command = Command::new(limit::program()?);
                command.arg(limit::ARGUMENT).arg(folder.path());
                command
            }
            Kind::Emulator => {
                let mut command = Command::new(emulator_program());
                command.args(["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--certs"]);
                command.arg(folder.path());
                command
            }
        };
        // No variable or file of the user may change what is measured.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LOOKOUTVISION_EMULATOR_") || name == "RUST_LOG" {
                command.env_remove(name);
            }
        }
        let log = folder.path().join("log");
        command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&log)?);
        // A child inherits the processor of the thread that starts it, so no `taskset` runs within the measured time.
        let (started, spawned) = thread::scope(|scope| {
            let starter = scope.spawn(|| {
                processors.pin_server();
                (Instant::now(), command.spawn())
            });
            starter.join().expect("starting a process does not panic")
        });
        let mut process = Process(spawned?);
        // The child keeps the pipe, so that the server can go on printing.
        let stdout = process.0.stdout.as_mut().expect("it is piped");
        let Some(address) = read_address(BufReader::new(stdout))? else {
            let log = fs::read_to_string(&log).unwrap_or_default();
            return Err(format!("{kind:?} does not listen; it said:\n{log}").into());
        };
        Ok(Self {
            kind,
            address,
            started,
            process,
            folder,
        })
    }

    /// Stops the server with a signal, so that it writes everything that it writes at its end
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.process.0),
            rustix::process::Signal::TERM,
        )?;
        let status = self.process.0.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("{:?} ended with {status}", self.kind).into())
        }
    }

    /// The CA that its clients trust
    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join(CA_FILE)
    }

    /// `VmRSS` or `VmHWM`, in bytes (proc(5))
    pub(crate) fn memory(&self, field: &str) -> Result<u64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.0.id()))?;
        let kibibytes = status
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
            .and_then(|value| value.trim().trim_end_matches(" kB").parse::<u64>().ok())
            .ok_or_else(|| format!("/proc tells no {field}"))?;
        Ok(kibibytes * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A process that has ended already need not be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The emulator that is measured
pub(crate) fn emulator_program() -> PathBuf {
    std::env::var_os(EMULATOR_VARIABLE).map_or_else(
        || env!("CARGO_BIN_EXE_lookoutvision-emulator").into(),
        PathBuf::from,
    )
}

/// The address that the server prints; `None` when it ends without one
fn read_address(stdout: impl BufRead) -> io::Result<Option<SocketAddr>> {
    for line in stdout.lines() {
        if let Some((_, address)) = line?.split_once(LISTENING_ON) {
            return Ok(address.trim_end_matches(')').parse().ok());
        }
    }
    Ok(None)
}

/// One processor for the server and another for the client, where the system lets us choose
#[derive(Debug, Clone, Copy)]
pub(crate) enum Processors {
    Pinned { server: usize, client: usize },
    NotPinned,
}

impl Processors {
    /// Chooses, and pins the calling thread as the client's
    pub(crate) fn choose_and_pin() -> Self {
        let allowed = allowed_processors().unwrap_or_default();
        match (allowed.first(), allowed.last()) {
            (Some(&server), Some(&client)) if server != client && pin_this_thread(client) => {
                Self::Pinned { server, client }
            }
            _ => Self::NotPinned,
        }
    }

    fn pin_server(self) {
        if let Self::Pinned { server, .. } = self {
            pin_this_thread(server);
        }
    }
}

impl fmt::Display for Processors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned { server, client } => {
                write!(f, "server on processor {server}, client on processor {client}")
            }
            Self::NotPinned => f.write_str("server and client on any processor"),
        }
    }
}

/// The first and last of every range in a list such as `0-3,8` (proc(5), `Cpus_allowed_list`)
fn allowed_processors() -> Option<Vec<usize>> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    list.trim()
        .split([',', '-'])
        .map(|number| number.parse().ok())
        .collect()
}

/// Pins this thread with the `taskset` of util-linux; without that nothing is pinned
fn pin_this_thread(processor: usize) -> bool {
    let Ok(thread) = fs::read_link("/proc/thread-self") else {
        return false;
    };
    let Some(thread_id) = thread.file_name() else {
        return false;
    };
    Command::new("taskset")
        .args(["-c", "-p", &processor.to_string()])
        .arg(thread_id)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Processor time used until now, or between two moments
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) server: Duration,
    client: Duration,
    machine: MachineTicks,
    at: Instant,
}

/// The ticks of all processors: those that were used, and all that there were
#[derive(Debug, Clone, Copy)]
struct MachineTicks {
    busy: u64,
    all: u64,
    processors: u32,
}

/// What was used between two moments
pub(crate) struct Used {
    pub(crate) server: Duration,
    client: Duration,
    /// The share of all processors, from 0 to 1
    machine_share: f64,
    processors: u32,
    wall: Duration,
}

impl Usage {
    pub(crate) fn now(server: &Server) -> Result<Self, Failure> {
        Ok(Self {
            server: processor_time(server.process.0.id())?,
            client: processor_time(std::process::id())?,
            machine: MachineTicks::now()?,
            at: Instant::now(),
        })
    }

    pub(crate) fn since(&self, before: &Self) -> Used {
        let busy = self.machine.busy.saturating_sub(before.machine.busy);
        let all = self.machine.all.saturating_sub(before.machine.all);
        Used {
            server: self.server.saturating_sub(before.server),
            client: self.client.saturating_sub(before.client),
            machine_share: busy as f64 / all.max(1) as f64,
            processors: self.machine.processors,
            wall: self.at - before.at,
        }
    }
}

impl Used {
    /// The share of the machine that neither server nor client used, from 0 to 1
    pub(crate) fn others_share(&self) -> f64 {
        let available = self.wall.as_secs_f64() * f64::from(self.processors);
        let ours = (self.server + self.client).as_secs_f64() / available;
        (self.machine_share - ours).max(0.0)
    }
}

/// The processor time of all present threads of a process, to the nanosecond (the kernel's *Scheduler Statistics*: the
/// first field of `schedstat`); neither server ends threads while it is measured
fn processor_time(process_id: u32) -> Result<Duration, Failure> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{process_id}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        let used = text.split(' ').next().unwrap_or_default();
        nanoseconds += used.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

impl MachineTicks {
    /// The lines `cpu` and `cpu0`, `cpu1`, … (proc(5), `/proc/stat`): user, nice, system, idle, iowait, irq, softirq, steal
    fn now() -> Result<Self, Failure> {
        let stat = fs::read_to_string("/proc/stat")?;
        let lines = stat.lines().filter(|line| line.starts_with("cpu"));
        let processors = u32::try_from(lines.count().saturating_sub(1))?;
        let ticks = stat
            .lines()
            .next()
            .unwrap_or_default()
            .split_ascii_whitespace()
            .skip(1)
            .take(8)
            .map(str::parse)
            .collect::<Result<Vec<u64>, _>>()?;
        let all = ticks.iter().sum::<u64>();
        let idle = ticks.iter().skip(3).take(2).sum::<u64>();
        Ok(Self {
            busy: all - idle,
            all,
            processors: processors.max(1),
        })
    }
}
