//! `exec`: an emulator for the time of one command, which finds it through its environment.
//!
//! ```text
//! $ lookoutvision-emulator exec --endpoint-policy seed.json -- pytest
//! ```
//!
//! The emulator listens on free ports and keeps its certificate authority in a folder that goes away with it, and its state in
//! memory. Standard output belongs to the command alone.

use std::{
    ffi::OsString,
    fs,
    io::{self, IsTerminal, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::Arc,
};

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
};
use tracing::warn;

use super::{
    EXIT_FAILED, EXIT_USAGE, ServeOptions,
    coverage_files::{CoverageOptions, Met},
    expected_calls,
    logging::Log,
    output, serve,
    state_files::StateFileOptions,
};
use crate::{
    Emulator,
    config::{Config, NamedFile, Process},
    control::client_environment::{Change, Client},
    emulator::ImportedState,
    journal::verification::{NotVerified, Verification},
    settings::LogRequests,
};

/// Options of `exec`
#[derive(Debug, Args)]
pub(super) struct ExecOptions {
    #[command(flatten)]
    serve: ServeOptions,
    /// File that the journal is written to when the command has ended, one JSON object a line
    #[arg(long, value_name = "FILE", env = "LOOKOUTVISION_EMULATOR_JOURNAL")]
    journal: Option<PathBuf>,
    /// Calls that the command is expected to make, as `POST /requests/verify` takes them; if it did not, the status is 1
    #[arg(long, value_name = "FILE", env = "LOOKOUTVISION_EMULATOR_VERIFY")]
    verify: Option<PathBuf>,
    #[command(flatten)]
    coverage: CoverageOptions,
    #[command(flatten)]
    state_files: StateFileOptions,
    /// Command to run, with its arguments; `--` before it is for commands that begin with a hyphen
    #[arg(trailing_var_arg = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// What is reported and written when the command has ended
struct Reports<'o> {
    journal: Option<&'o Path>,
    expected: Option<Verification>,
    coverage: &'o CoverageOptions,
    state_files: &'o StateFileOptions,
}

/// What an emulator for one command is started with
pub(super) struct OwnEmulator {
    pub(super) config: Arc<Config>,
    /// The folder of the certificate authority, which is deleted when this is dropped
    _folder: Option<TempDir>,
    /// Dropping it writes the lines that still wait
    _log: Log,
}

pub(super) fn run(options: ExecOptions) -> u8 {
    let expected = match options.verify.as_deref().map(expected_calls::read).transpose() {
        Ok(expected) => expected,
        Err(mistake) => {
            report!("{mistake}");
            return EXIT_USAGE;
        }
    };
    let own = match configure(options.serve) {
        Ok(own) => own,
        Err(code) => return code,
    };
    let config_files = own.config.files.iter().map(NamedFile::path);
    if let Err(message) = options
        .coverage
        .check(config_files.chain(options.verify.as_deref()))
    {
        report!("{message}");
        return EXIT_USAGE;
    }
    let imported = match options
        .state_files
        .read(own.config.settings.limits.state_bytes_max)
    {
        Ok(imported) => imported,
        Err(code) => return code,
    };
    let runtime = match serve::runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let reports = Reports {
        journal: options.journal.as_deref(),
        expected,
        coverage: &options.coverage,
        state_files: &options.state_files,
    };
    let code = runtime.block_on(exec(own.config.clone(), imported, &options.command, reports));
    drop(own);
    code
}

/// Reads the configuration and starts the log. Unless the options say otherwise, the emulator gets free ports and a
/// certificate authority of its own.
///
/// # Errors
/// With the exit code, after reporting what is wrong.
pub(super) fn configure(options: ServeOptions) -> Result<OwnEmulator, u8> {
    // The ports and certificates of the configuration file are ignored: a second emulator must not use those of the
    // first.
    let mut overrides = options.overrides();
    overrides.log_requests_default = Some(LogRequests::Refused);
    let free = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    overrides.listen = Some(overrides.listen.unwrap_or(free));
    overrides.control = Some(overrides.control.unwrap_or(free));
    let folder = match &overrides.certs {
        Some(_) => None,
        None => {
            let folder = tempfile::Builder::new()
                .prefix("lookoutvision-emulator-")
                .tempdir();
            let folder = folder.map_err(|error| {
                report!("no folder for the certificate authority: {error}");
                EXIT_FAILED
            });
            Some(folder?)
        }
    };
    if let Some(folder) = &folder {
        overrides.certs = Some(folder.path().join("certs"));
    }
    // These settings of the file belong to `serve`: its state is not the command's to change, and its clients trust its
    // CA.
    let own = |process: &Process| Process {
        state: None,
        public_certs: overrides.public_certs.clone(),
        certs_are_temporary: folder.is_some(),
        ..process.clone()
    };
    let (config, log) = serve::load(&overrides, own)?;
    Ok(OwnEmulator {
        config,
        _folder: folder,
        _log: log,
    })
}

async fn exec(
    config: Arc<Config>,
    imported: Option<ImportedState>,
    command: &[OsString],
    reports: Reports<'_>,
) -> u8 {
    let Reports {
        journal,
        expected,
        coverage,
        state_files,
    } = reports;
    let emulator = match serve::start(config, None, imported).await {
        Ok(emulator) => emulator,
        Err(code) => return code,
    };
    if coverage.is_asked_for() {
        emulator.count_coverage();
    }
    let changes = changes_for_command(&emulator);
    let status = match run_command(&changes, command).await {
        Ok(status) => status,
        Err(error) => {
            emulator.stop().await;
            return not_run(command, &error);
        }
    };
    // The status of a command that failed is kept, because it says more than the checks below.
    let mut is_good = true;
    if let Some(path) = journal
        && let Err((path, error)) = write_journal(&emulator, path)
    {
        report!(
            "the journal could not be written to `{}`: {error}",
            path.display()
        );
        is_good = false;
    }
    if let Some(expected) = expected {
        let verified = tokio::select! {
            verified = emulator.report_on(expected) => verified,
            () = interrupted() => Err(NotVerified::Stopped),
        };
        match verified {
            Ok(report) => {
                is_good &= report.is_satisfied();
                output::report_text(&report.into_text());
            }
            Err(error) => {
                report!("{error}");
                is_good = false;
            }
        }
    }
    if coverage.is_asked_for() {
        match coverage.report(emulator.coverage_report()) {
            Ok(met) => is_good &= met == Met::Yes,
            Err(message) => {
                report!("{message}");
                is_good = false;
            }
        }
    }
    let state_bytes_max = emulator.snapshot().settings.limits.state_bytes_max;
    let state = emulator.state_writer();
    emulator.stop().await;
    is_good &= state_files.write(state_bytes_max, state);
    match code(status) {
        0 if !is_good => EXIT_FAILED,
        code => code,
    }
}

/// Waits for a signal when there is no command any more to pass it on to
async fn interrupted() {
    match Signals::listen() {
        Ok(mut signals) => drop(signals.next().await),
        Err(_) => std::future::pending().await,
    }
}

/// The changes to a command's environment by which it finds the emulator
pub(super) fn changes_for_command(emulator: &Emulator) -> Vec<Change> {
    let mut changes = emulator.client_environment().changes(Client::All);
    // curl, and programs built on Python's urllib and requests, read the name in lower case first (curl's manual,
    // *Environment*; CPython, `urllib.request.getproxies_environment`). Where that one is set, they ignore the other.
    if std::env::var_os("no_proxy").is_some_and(|list| !list.is_empty()) {
        let exceptions = changes.iter().find_map(|change| match change {
            Change::Append("NO_PROXY", separator, names) => Some((*separator, names.clone())),
            _ => None,
        });
        changes.extend(exceptions.map(|(separator, names)| Change::Append("no_proxy", separator, names)));
    }
    changes
}

/// Reports that a command could not be run, and returns the exit code for it
pub(super) fn not_run(command: &[OsString], error: &io::Error) -> u8 {
    let name = command.first().map(|name| name.display().to_string());
    report!("`{}` could not be run: {error}", name.unwrap_or_default());
    // As shells do: not found, or found and not to be executed.
    match error.kind() {
        io::ErrorKind::NotFound => 127,
        _ => 126,
    }
}

/// Runs a command in this process's environment with these changes, and passes signals on to it
pub(super) async fn run_command(changes: &[Change], command: &[OsString]) -> io::Result<ExitStatus> {
    let (name, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    // Signals that arrive before the command runs must be passed on, too.
    let mut signals = Signals::listen()?;
    let mut process = Command::new(name);
    process.args(arguments).kill_on_drop(true);
    for change in changes {
        match change {
            Change::Set(name, value) => process.env(name, value),
            Change::Append(name, separator, value) => {
                let list = std::env::var_os(name).unwrap_or_default();
                let whole = match list.to_str() {
                    Some(list) => Change::appended(list, *separator, value).into(),
                    // A list that is not UTF-8 is not searched for the value: a second one does no harm.
                    None => [list, separator.to_string().into(), value.into()]
                        .into_iter()
                        .collect::<OsString>(),
                };
                process.env(name, whole)
            }
            Change::Remove(name) => process.env_remove(name),
        };
    }
    let mut child = process.spawn()?;
    loop {
        tokio::select! {
            status = child.wait() => return status,
            signal = signals.next() => pass_on(signal, &child),
        }
    }
}

/// The signals that end or reload programs
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::INT,
            _ = self.terminate.recv() => Signal::TERM,
            _ = self.hangup.recv() => Signal::HUP,
        }
    }
}

/// Passes a signal on, but not SIGINT from a terminal: the terminal sends Ctrl-C to the command as well, and a second
/// one would mean something else to it.
fn pass_on(signal: Signal, child: &Child) {
    if signal == Signal::INT && io::stdin().is_terminal() {
        return;
    }
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(pid) = pid
        && let Err(error) = kill_process(pid, signal)
    {
        warn!("{signal:?} could not be passed on to the command: {error}");
    }
}

/// The exit code that a shell would show: 128 and the signal's number for a command that one ended
pub(super) fn code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    u8::try_from(code & 0xff).unwrap_or(EXIT_FAILED)
}

fn write_journal<'p>(emulator: &Emulator, path: &'p Path) -> Result<(), (&'p Path, io::Error)> {
    let write = || {
        let mut file = io::BufWriter::new(fs::File::create(path)?);
        for line in emulator.journal_lines() {
            writeln!(file, "{line}")?;
        }
        file.flush()
    };
    write().map_err(|error| (path, error))
}
