//! What a command says while it is at work for longer than a second, where somebody looks: on standard error, on a terminal.
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

/// Does some work; from a second on a line says `what` is done and for how long, and is taken away at the end
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

/// Whoever waits for less than this needs no explanation
const SHOWN_AFTER: Duration = Duration::from_secs(1);

/// Between two pictures of the line
const TICK: Duration = Duration::from_millis(100);
