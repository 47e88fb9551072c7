//! Log lines on standard error, for a person or for a machine.

use std::io::IsTerminal;

use tracing::{Level, warn};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::LogFormat;

/// Starts logging; `RUST_LOG` may ask for more or less than `info`, as in `RUST_LOG=debug`
///
/// A second call changes nothing, so a program that embeds the emulator keeps its own subscriber.
pub(crate) fn start(format: LogFormat) {
    let asked = std::env::var("RUST_LOG")
        .ok()
        .map(|directives| directives.parse::<Targets>());
    let (filter, mistake) = match asked {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (default_filter(), Some(error)),
        None => (default_filter(), None),
    };
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal());
    // A failure means that a subscriber is there already.
    let _ = match format {
        LogFormat::Text => registry.with(layer).try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
    if let Some(error) = mistake {
        warn!("RUST_LOG is ignored: {error}");
    }
}

fn default_filter() -> Targets {
    Targets::new().with_default(Level::INFO)
}
