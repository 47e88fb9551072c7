//! Where commands write: their results to standard output and to files of reports, the rest to standard error.
//!
//! A report that is lost or cut short, as on a full disk behind `> report.json`, fails the command, so that nobody
//! takes it for a complete one. A pipe whose reader is gone is no loss: `| head -1` has read all that it wanted.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{self, StdoutLock, Write},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::EXIT_FAILED;

/// The output could not be written
#[derive(Debug, thiserror::Error)]
#[error("standard output cannot be written: {0}")]
pub(super) struct OutputLost(#[source] io::Error);

/// Whether there is still a reader
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Reads,
    /// The other end of the pipe is closed
    Gone,
}

/// Prints bytes
///
/// # Errors
/// When they could not be written, except to a pipe whose reader is gone.
pub(super) fn print(bytes: &[u8]) -> Result<Reader, OutputLost> {
    print_by(|out| out.write_all(bytes))
}

/// Prints what `write` writes
///
/// # Errors
/// When it could not be written, except to a pipe whose reader is gone.
pub(super) fn print_by(
    write: impl FnOnce(&mut StdoutLock<'static>) -> io::Result<()>,
) -> Result<Reader, OutputLost> {
    let mut out = io::stdout().lock();
    // What stays in the buffer is written when the process ends, and nobody would learn that it failed.
    after(write(&mut out).and_then(|()| out.flush()))
}

/// Whether there is still a reader, judged by the result of writing to standard output
///
/// # Errors
/// When the output could not be written, except to a pipe whose reader is gone.
pub(super) fn after(written: io::Result<()>) -> Result<Reader, OutputLost> {
    match written {
        Ok(()) => Ok(Reader::Reads),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(OutputLost(error)),
    }
}

/// Writes a text to standard error
///
/// A failure to write is ignored, as it could not be reported anywhere: the command goes on, and its status has to do.
pub(super) fn report_text(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// The status of a command that ends with `code` if all of its output was written
pub(super) fn status(printed: Result<Reader, OutputLost>, code: u8) -> u8 {
    match printed {
        Ok(_) => code,
        Err(lost) => {
            report!("{lost}");
            EXIT_FAILED
        }
    }
}

/// Writes a report to a file, whole or not at all: into a temporary file beside it, which then takes its place
///
/// An existing file keeps its mode; a new one has the mode that the umask leaves. A link to a file is followed.
/// Anything that is no regular file, such as a device, is written to directly.
///
/// # Errors
/// When it cannot be written; an existing file is then unchanged.
pub(super) fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let existing = fs::metadata(&target).ok();
    if existing.as_ref().is_some_and(|metadata| !metadata.is_file()) {
        return fs::write(&target, content);
    }
    if existing.is_some() {
        // Renaming could replace a file that may not be written.
        OpenOptions::new().write(true).open(&target)?;
    }
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(NEW_FILE_MODE))
        .tempfile_in(folder_of(&target))?;
    file.write_all(content)?;
    if let Some(metadata) = existing {
        file.as_file().set_permissions(metadata.permissions())?;
    }
    file.persist(&target)?;
    Ok(())
}

/// What identifies a file, whether it exists yet or not: its path without links
pub(super) fn file_identity(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| match (fs::canonicalize(folder_of(path)), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    })
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Before the umask takes from it
const NEW_FILE_MODE: u32 = 0o666;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_written_whole_and_keeps_the_mode_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.html");
        write_file(&file, b"first").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link.html");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_file(&link, b"second").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"second");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        // No temporary file is left in the folder.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        assert!(write_file(&folder.path().join("nowhere/report.html"), b"").is_err());
    }

    #[test]
    fn two_names_of_one_file_are_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.html");
        let roundabout = folder.path().join(".").join("report.html");
        assert_eq!(file_identity(&file), file_identity(&roundabout));
        fs::write(&file, "").unwrap();
        let link = folder.path().join("link.html");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(file_identity(&link), file_identity(&roundabout));
        assert_ne!(
            file_identity(&file),
            file_identity(&folder.path().join("other.html"))
        );
    }
}
