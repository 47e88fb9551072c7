//! What a command prints while it works for longer than a second, if a person watches: on standard error, on a
//! terminal.
//!
//! ```text
//! ⠙ running the tests (3s)
//! ```

use std::{
    io::{self, IsTerminal as _},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

/// Does some work; after a second a line says `what` is being done and for how long, until the work is done
pub(super) fn working<T>(what: &'static str, work: impl FnOnce() -> T) -> T {
    if !io::stderr().is_terminal() {
        return work();
    }
    let (done, is_done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            if is_done.recv_timeout(SHOWN_AFTER) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
            let bar = ProgressBar::new_spinner()
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
                .with_elapsed(SHOWN_AFTER)
                .with_message(what);
            bar.enable_steady_tick(TICK);
            // Nothing is ever sent: the other end is dropped when the work is done, by a panic as well.
            let _ = is_done.recv();
            bar.finish_and_clear();
        });
        let result = work();
        drop(done);
        result
    })
}

/// Nobody who waits for less than this needs an explanation
const SHOWN_AFTER: Duration = Duration::from_secs(1);

/// Between two frames of the spinner
const TICK: Duration = Duration::from_millis(100);
