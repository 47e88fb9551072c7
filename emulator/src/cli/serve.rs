//! `serve`: configuration → emulator → signal → exit code.
//!
//! The first SIGTERM or Ctrl-C lets the requests in flight finish; the second one ends the process at once. If requests
//! were cut off, the exit code is 1. On SIGHUP the configuration is read again.

use std::{io, num::NonZero, sync::Arc};

use clap::Args;
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};
use tracing::{info, warn};

use super::{
    EXIT_FAILED, EXIT_OK, EXIT_USAGE, ServeOptions, logging::Log, output, ready_block::ReadyBlock,
    state_files::StateFileOptions,
};
use crate::{
    Emulator, StartError,
    config::{
        Config, Overrides, Process, Setting,
        watch::{self, Watch},
    },
    emulator::ImportedState,
    runtime::addresses::PublishedPorts,
    server::cannot_listen,
    settings::LogRequests,
    tls::{self, CertsError},
};

/// Options of `serve`
#[derive(Debug, Args)]
pub(super) struct ServeCommand {
    #[command(flatten)]
    options: ServeOptions,
    #[command(flatten)]
    state_files: StateFileOptions,
    /// Port of the host that leads to the AWS API, in a container: what is printed tells how to call it from there
    #[arg(
        long,
        value_name = "PORT",
        env = "LOOKOUTVISION_EMULATOR_PUBLISHED_PORT",
        requires = "published_control_port"
    )]
    published_port: Option<u16>,
    /// Port of the host that leads to the control API, in a container
    #[arg(
        long,
        value_name = "PORT",
        env = "LOOKOUTVISION_EMULATOR_PUBLISHED_CONTROL_PORT",
        requires = "published_port"
    )]
    published_control_port: Option<u16>,
}

pub(super) fn run(command: ServeCommand) -> u8 {
    let ports = command.published_port.zip(command.published_control_port);
    let published = ports.map(|(listen, control)| PublishedPorts { listen, control });
    let overrides = Overrides {
        log_requests_default: Some(LogRequests::All),
        ..command.options.overrides()
    };
    let (config, log) = match load(&overrides, Process::clone) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let imported = match command.state_files.read(config.settings.limits.state_bytes_max) {
        Ok(imported) => imported,
        Err(code) => return code,
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let state_files = &command.state_files;
    let code = runtime.block_on(serve(config, overrides, published, imported, state_files));
    // Work that still runs off the serving threads has nobody left to answer, and a stop must not wait for a disk that
    // hangs. Everything that was acknowledged is on the disk.
    runtime.shutdown_background();
    drop(log);
    code
}

/// Reads the configuration, starts the log and logs the warnings about the configuration. `own` turns the process
/// settings of the configuration into those of this process.
///
/// # Errors
/// With the exit code, after reporting what is wrong.
pub(super) fn load(
    overrides: &Overrides,
    own: impl Fn(&Process) -> Process,
) -> Result<(Arc<Config>, Log), u8> {
    let config = Config::load_and_probe(overrides, |process| probe(&own(process)));
    let config = config.map_err(|problems| {
        report!("{problems}");
        EXIT_USAGE
    })?;
    let config = Config {
        process: own(&config.process),
        ..config
    };
    let log = super::logging::start(config.process.log_format, config.process.log_level);
    for warning in &config.warnings {
        warn!("{warning}");
    }
    Ok((Arc::new(config), log))
}

/// One thread for each processor: the work is hashing and encryption, and never waits for a disk. With a single
/// processor the main thread does it all; a second thread would only pass work back and forth.
///
/// # Errors
/// With the exit code, after reporting what is wrong.
pub(super) fn runtime() -> Result<Runtime, u8> {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut builder = match processors {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.enable_all().build().map_err(|error| {
        report!("the runtime could not be started: {error}");
        EXIT_FAILED
    })
}

/// Starts an emulator
///
/// # Errors
/// With the exit code, after reporting what is wrong.
pub(super) async fn start(
    config: Arc<Config>,
    published: Option<PublishedPorts>,
    imported: Option<ImportedState>,
) -> Result<Emulator, u8> {
    let started = Emulator::start_with(config, published, imported).await;
    started.map_err(|StartError(problems)| {
        report!("{problems}");
        EXIT_USAGE
    })
}

/// What prevents serving with these settings, found before anything is bound for good
fn probe(process: &Process) -> Vec<(Setting, String)> {
    let mut found = Vec::new();
    for (setting, address) in [
        (Setting::Listen, process.listen),
        (Setting::Control, process.control),
    ] {
        if let Err(error) = std::net::TcpListener::bind(address) {
            found.push((setting, cannot_listen::message(address, &error)));
        }
    }
    if cannot_listen::is_taken_by(process.control, process.listen) {
        let message = format!(
            "{} is where the AWS API listens ({}): give one of `listen` and `control` another port (port 0 picks a free one)",
            process.control, process.listen
        );
        found.push((Setting::Control, message));
    }
    if let Some(folder) = &process.certs
        && let Err(error) = tls::probe(folder)
    {
        found.push((Setting::Certs, with_uid(&error)));
    }
    if let Some(folder) = &process.public_certs
        && let Err(error) = tls::probe_public(folder)
    {
        found.push((Setting::PublicCerts, with_uid(&error)));
    }
    found
}

/// What is wrong with a folder, and who must be able to write to it
fn with_uid(error: &CertsError) -> String {
    if !error.is_permission_denied() {
        return error.to_string();
    }
    let (uid, gid) = (
        rustix::process::getuid().as_raw(),
        rustix::process::getgid().as_raw(),
    );
    format!(
        "{error}; this process is uid {uid}, gid {gid}: let it write there (`chown {uid}:{gid}`, or in a container the owner of the \
         volume), or name another folder"
    )
}

async fn serve(
    config: Arc<Config>,
    overrides: Overrides,
    published: Option<PublishedPorts>,
    imported: Option<ImportedState>,
    state_files: &StateFileOptions,
) -> u8 {
    let signals = StopSignals::listen().and_then(|stop| Ok((stop, signal(SignalKind::hangup())?)));
    let (mut stop_signals, mut hangup) = match signals {
        Ok(signals) => signals,
        Err(error) => {
            report!("signals cannot be waited for: {error}");
            return EXIT_FAILED;
        }
    };
    let emulator = match start(config.clone(), published, imported).await {
        Ok(emulator) => emulator,
        Err(code) => return code,
    };
    let watcher = watch::start(&config, &overrides, emulator.reloader());
    if let Err(error) = &watcher {
        warn!(%error, "the configuration is not watched: changes take effect at the next start");
    }
    // Written in one call: standard output would write each line separately.
    let ready_block = format!("{}\n", ReadyBlock { emulator: &emulator });
    if let Err(error) = output::print(ready_block.as_bytes()) {
        // This is no reason to stop serving.
        warn!("{error}");
    }

    let signal = loop {
        tokio::select! {
            signal = stop_signals.next() => break signal,
            _ = hangup.recv() => reload(&watcher),
        }
    };
    info!(
        "{signal}: finishing the requests in flight, for {} s at most (shutdown_timeout_seconds); a second signal ends at \
         once",
        emulator.snapshot().settings.limits.shutdown_timeout.as_secs()
    );
    let at_once = async {
        let signal = stop_signals.next().await;
        warn!("{signal}: ending at once");
    };
    let state_bytes_max = emulator.snapshot().settings.limits.state_bytes_max;
    let state = emulator.state_writer();
    let requests_cut_off = emulator.stop_until(at_once).await;
    let is_written = state_files.write(state_bytes_max, state);
    match requests_cut_off {
        0 if is_written => EXIT_OK,
        0 => EXIT_FAILED,
        requests_cut_off => {
            let requests = if requests_cut_off == 1 {
                "request was"
            } else {
                "requests were"
            };
            warn!("{requests_cut_off} {requests} cut off");
            EXIT_FAILED
        }
    }
}

/// Reads the configuration again, after SIGHUP
fn reload(watch: &io::Result<Watch>) {
    match watch {
        // The watch reports the result.
        Ok(watch) if watch.read_again() => info!("SIGHUP: reading the configuration again"),
        Ok(_) => warn!(
            "SIGHUP: the emulator was started without a configuration file: there is nothing to read again"
        ),
        Err(error) => warn!(%error, "SIGHUP: the configuration is not watched, and cannot be read again"),
    }
}

/// The signals that ask the process to stop
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// From here on these signals no longer end the process by themselves
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next signal, and returns its name
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "interrupted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_written_names_who_must_be_able_to() {
        let error = |kind: io::ErrorKind| CertsError::CreateDirectory {
            path: "certs".into(),
            source: kind.into(),
        };
        let told = with_uid(&error(io::ErrorKind::PermissionDenied));
        let uid = rustix::process::getuid().as_raw();
        assert!(
            told.contains(&format!("this process is uid {uid}, gid ")),
            "{told}"
        );
        let told = with_uid(&error(io::ErrorKind::StorageFull));
        assert!(!told.contains("uid"), "{told}");
    }
}
