//! `serve`: configuration → emulator → signal → exit code.

use std::{io::Write, num::NonZero, sync::Arc};

use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
};
use tracing::{info, warn};

use super::{EXIT_FAILED, EXIT_OK, EXIT_USAGE, ServeOptions, ready_block::ReadyBlock};
use crate::{
    Emulator, StartError,
    config::{Config, Overrides, Process, Setting, watch},
    logging, tls,
};

pub(super) fn run(options: ServeOptions) -> u8 {
    let overrides = options.overrides();
    let config = match Config::load_and_probe(&overrides, probe) {
        Ok(config) => Arc::new(config),
        Err(problems) => {
            eprintln!("{problems}");
            return EXIT_USAGE;
        }
    };
    logging::start(config.process.log_format);
    for warning in &config.warnings {
        warn!("{warning}");
    }
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime could not be started: {error}");
            return EXIT_FAILED;
        }
    };
    runtime.block_on(serve(config, overrides))
}

/// One thread for each processor: the work is hashing and encryption, and never waits for a disk. Where there is one
/// processor, the main thread does it all; a second one would only hand work to and fro.
pub(super) fn runtime() -> std::io::Result<Runtime> {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut builder = match processors {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.enable_all().build()
}

/// What stands in the way of these settings, found before anything is bound for good
pub(super) fn probe(process: &Process) -> Vec<(Setting, String)> {
    let mut found = Vec::new();
    for (setting, address) in [
        (Setting::Listen, process.listen),
        (Setting::Control, process.control),
    ] {
        if let Err(error) = std::net::TcpListener::bind(address) {
            found.push((setting, format!("cannot listen on {address}: {error}")));
        }
    }
    if let Some(folder) = &process.certs
        && let Err(error) = tls::probe(folder)
    {
        found.push((Setting::Certs, error.to_string()));
    }
    found
}

async fn serve(config: Arc<Config>, overrides: Overrides) -> u8 {
    let signals = signal(SignalKind::terminate())
        .and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)));
    let (mut terminate, mut interrupt) = match signals {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("signals cannot be waited for: {error}");
            return EXIT_FAILED;
        }
    };
    let emulator = match Emulator::start(config.clone()).await {
        Ok(emulator) => emulator,
        Err(StartError::Problems(problems)) => {
            eprintln!("{problems}");
            return EXIT_USAGE;
        }
        Err(StartError::Certificates(error)) => {
            eprintln!("{error}");
            return EXIT_FAILED;
        }
    };
    let watcher = watch::start(&config, &overrides, emulator.reloader());
    if let Err(error) = &watcher {
        warn!(%error, "the configuration is not watched: changes take effect at the next start");
    }
    // A closed standard output is no reason to stop serving.
    let _ = writeln!(std::io::stdout(), "{}", ReadyBlock { emulator: &emulator });

    tokio::select! {
        _ = terminate.recv() => info!("SIGTERM: finishing the requests in flight"),
        _ = interrupt.recv() => info!("interrupted: finishing the requests in flight"),
    }
    emulator.stop().await;
    EXIT_OK
}
