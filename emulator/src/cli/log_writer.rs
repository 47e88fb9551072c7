//! Standard error as the log uses it: lines go to a thread that writes them, so that a slow reader does not hold up the
//! serving threads.
//!
//! Whoever logs a line waits until it is written, so that a client that has its answer finds in the log what was said
//! about it; but no longer than [`WAIT_MAX`], and not at all while the thread is blocked. Lines about requests wait for
//! nothing.
//!
//! A pipe that nobody reads is full after 64 KiB, and a terminal blocks while somebody selects text in it. Lines for
//! which the queue has no room meanwhile are counted, and the log says how many there were.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use tracing::{Metadata, warn};
use tracing_subscriber::fmt::MakeWriter;

use crate::journal::REQUEST_LOG_TARGET;

/// Takes lines, and drops those for which the queue has no room
#[derive(Clone)]
pub(super) struct LogWriter {
    queue: SyncSender<Item>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Lines for which the queue had no room
    lost: AtomicU64,
    /// Somebody has waited in vain, and nothing was written since then
    stands_still: AtomicBool,
}

/// What the writing thread receives
struct Item {
    /// One event, with its line feed; empty when the sender only waits
    line: Vec<u8>,
    /// Notified when this line and all lines before it are written
    waiting: Option<SyncSender<()>>,
}

/// One event, which goes to the queue when it is dropped
pub(super) struct Line<'w> {
    bytes: Vec<u8>,
    is_about_request: bool,
    writer: &'w LogWriter,
}

impl LogWriter {
    /// Starts a writer with a thread of its own, which ends when the last copy of the writer is dropped
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(mut out: impl Write + Send + 'static) -> io::Result<Self> {
        let (queue, lines) = sync_channel(LOG_QUEUE_LINES_MAX);
        let state = Arc::new(State::default());
        let shared = state.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write(&lines, &shared, &mut out))?;
        Ok(Self { queue, state })
    }

    /// Waits until every line logged before is written, `at_most` this long
    pub(super) fn finish(&self, at_most: Duration) {
        let end = Instant::now() + at_most;
        let (sender, written) = sync_channel(1);
        let mut item = Item {
            line: Vec::new(),
            waiting: Some(sender),
        };
        while let Err(TrySendError::Full(back)) = self.queue.try_send(item) {
            if Instant::now() >= end {
                return;
            }
            item = back;
            thread::sleep(PAUSE);
        }
        match written.recv_timeout(end.saturating_duration_since(Instant::now())) {
            // Nobody reads the log, or its thread has ended.
            Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }
}

fn write(queue: &Receiver<Item>, state: &State, out: &mut impl Write) {
    let mut told = 0;
    let mut has_room = true;
    while let Ok(first) = queue.recv() {
        if has_room && first.waiting.is_none() {
            // To send to a thread that waits is to wake it, and on a busy machine the woken thread interrupts the sender.
            // Lines about requests come by the hundred, so they are gathered and written together.
            thread::sleep(GATHERED);
        }
        let mut bytes = first.line;
        let mut waiting = Vec::from_iter(first.waiting);
        while bytes.len() < BATCH_BYTES
            && let Ok(item) = queue.try_recv()
        {
            bytes.extend_from_slice(&item.line);
            waiting.extend(item.waiting);
        }
        has_room = bytes.len() < BATCH_BYTES;
        // A closed standard error means that nobody reads the log.
        let _ = out.write_all(&bytes).and_then(|()| out.flush());
        state.stands_still.store(false, Ordering::Relaxed);
        for sender in waiting {
            // The waiting side may have given up.
            let _ = sender.try_send(());
        }
        let lost = state.lost.load(Ordering::Relaxed);
        if lost > told {
            // This thread logs it itself, and must not wait for itself.
            warn!(
                target: REQUEST_LOG_TARGET,
                "{} lines of the log are missing here: {LOG_QUEUE_LINES_MAX} of them waited already for whoever reads standard \
                 error",
                lost - told
            );
            told = lost;
        }
    }
}

impl<'w> MakeWriter<'w> for LogWriter {
    type Writer = Line<'w>;

    fn make_writer(&'w self) -> Line<'w> {
        Line {
            bytes: Vec::new(),
            is_about_request: false,
            writer: self,
        }
    }

    fn make_writer_for(&'w self, metadata: &Metadata<'_>) -> Line<'w> {
        Line {
            bytes: Vec::new(),
            is_about_request: metadata.target() == REQUEST_LOG_TARGET,
            writer: self,
        }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let LogWriter { queue, state } = self.writer;
        let waits = !self.is_about_request && !state.stands_still.load(Ordering::Relaxed);
        let (waiting, written) = waits.then(|| sync_channel(1)).unzip();
        let line = std::mem::take(&mut self.bytes);
        if queue.try_send(Item { line, waiting }).is_err() {
            state.lost.fetch_add(1, Ordering::Relaxed);
        } else if let Some(written) = written
            && written.recv_timeout(WAIT_MAX) == Err(RecvTimeoutError::Timeout)
        {
            state.stands_still.store(true, Ordering::Relaxed);
        }
    }
}

/// Lines that wait to be written
pub(super) const LOG_QUEUE_LINES_MAX: usize = 4_096;
/// Bytes that are written in one go
const BATCH_BYTES: usize = 64 * 1024;
/// How long the code that logs a line waits, once, for it to be written
const WAIT_MAX: Duration = Duration::from_millis(500);
/// How long lines about requests are gathered before they are written
const GATHERED: Duration = Duration::from_millis(2);
/// Between two attempts to put a line into the queue
const PAUSE: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use super::*;

    /// Keeps what was written, and takes nothing before it is released
    struct Slow {
        let_go: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Released when the sender is dropped.
            let _ = self.let_go.recv();
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_reader_and_what_finds_no_place_is_counted() {
        let (release, let_go) = mpsc::channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let out = Slow {
            let_go,
            written: written.clone(),
        };
        let writer = LogWriter::start(out).unwrap();
        let count = 3 * LOG_QUEUE_LINES_MAX;
        for _ in 0..count {
            writer.make_writer().write_all(b"line\n").unwrap();
        }
        let lost = writer.state.lost.load(Ordering::Relaxed) as usize;
        assert!(lost >= LOG_QUEUE_LINES_MAX, "{lost}");
        writer.finish(Duration::from_millis(1));
        drop(release);
        writer.finish(Duration::from_secs(60));
        let lines = written
            .lock()
            .unwrap()
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        assert_eq!(lines + lost, count);
    }
}
