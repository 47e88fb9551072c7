//! Standard output, where every command prints what it was asked for, and standard error.
//!
//! A report that is lost or cut short, on a full disk behind `> report.json`, fails the command, so that nobody takes it for a
//! whole one. A pipe whose reader is gone is no loss: `| head -1` has seen what it wanted.

use std::io::{self, StdoutLock, Write};

use super::EXIT_FAILED;

/// What was printed did not arrive
#[derive(Debug, thiserror::Error)]
#[error("standard output cannot be written: {0}")]
pub(super) struct OutputLost(#[source] io::Error);

/// Whether anybody is there to read more
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Reads,
    /// The other end of the pipe is closed
    Gone,
}

/// Prints bytes
///
/// # Errors
/// They did not arrive, and somebody waits for them.
pub(super) fn print(bytes: &[u8]) -> Result<Reader, OutputLost> {
    print_by(|out| out.write_all(bytes))
}

/// Prints what `write` writes
///
/// # Errors
/// It did not arrive, and somebody waits for it.
pub(super) fn print_by(
    write: impl FnOnce(&mut StdoutLock<'static>) -> io::Result<()>,
) -> Result<Reader, OutputLost> {
    let mut out = io::stdout().lock();
    // What is still in the buffer when the process ends is written then, and nobody hears that it failed.
    after(write(&mut out).and_then(|()| out.flush()))
}

/// What has become of the reader, by how writing to standard output went
///
/// # Errors
/// What was written did not arrive, and somebody waits for it.
pub(super) fn after(written: io::Result<()>) -> Result<Reader, OutputLost> {
    match written {
        Ok(()) => Ok(Reader::Reads),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(OutputLost(error)),
    }
}

/// Writes a text to standard error
///
/// There is nobody left to hear that it could not be written: what the command does goes on, and its status tells the rest.
pub(super) fn report_text(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// The status of a command that would end with `code`, had it printed everything
pub(super) fn status(printed: Result<Reader, OutputLost>, code: u8) -> u8 {
    match printed {
        Ok(_) => code,
        Err(lost) => {
            report!("{lost}");
            EXIT_FAILED
        }
    }
}
