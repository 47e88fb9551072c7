//! Files that are complete or absent, and that only one process at a time changes.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use tracing::warn;

use crate::{
    owner_only,
    tls::{CertsError, notice::KeyMode},
};

/// The kind of a file
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Mode 0600 from the moment it exists; [`sync`] writes it to the disk
    Secret,
    /// For everyone (0644 less the umask); not synced, because it is written again if a power cut loses it
    Derived,
}

/// Whether the directory takes files
#[derive(Debug)]
pub(super) enum Access {
    /// We hold the lock until this is dropped; the system frees it however the process ends
    Locked(File),
    /// The directory is read-only to us
    ReadOnly(io::Error),
}

/// Takes the lock file, waiting for another process that is making its authority
pub(super) fn lock(directory: &Path) -> Result<Access, CertsError> {
    let path = directory.join(LOCK);
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    let file = match owner_only::open(&mut options, &path) {
        Ok(file) => file,
        Err(source)
            if matches!(
                source.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            return Ok(Access::ReadOnly(source));
        }
        Err(source) => return Err(CertsError::Write { path, source }),
    };
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Access::Locked(file)),
            Err(TryLockError::WouldBlock) if start.elapsed() < LOCK_TIMEOUT => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => {
                return Err(CertsError::Locked {
                    path,
                    waited: LOCK_TIMEOUT,
                });
            }
            Err(TryLockError::Error(source)) => return Err(CertsError::Lock { path, source }),
        }
    }
}

/// Reads a file; `None` when there is none
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, CertsError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CertsError::Unreadable {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Writes a file whole: into a temporary file beside it, which is then renamed
///
/// Only the holder of the lock may call this, so a file with the temporary name was left by a dead process.
pub(super) fn write(path: &Path, content: &[u8], kind: Kind) -> Result<(), CertsError> {
    let error = |source| CertsError::Write {
        path: path.to_owned(),
        source,
    };
    let temporary = &temporary_of(path);
    match fs::remove_file(temporary) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(error(source)),
        _ => {}
    }
    // `create_new` does not follow a link that someone else put there.
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let mut write_and_rename = || {
        let mut file = match kind {
            Kind::Secret => owner_only::open(&mut options, temporary)?,
            Kind::Derived => {
                options.mode(0o644);
                options.open(temporary)?
            }
        };
        file.write_all(content)?;
        fs::rename(temporary, path)
    };
    write_and_rename().map_err(|source| {
        let _ = fs::remove_file(temporary);
        error(source)
    })
}

/// Removes a temporary file that a dead process left, if possible
pub(super) fn remove_temporary(path: &Path) {
    // Nobody reads it, so a failure is no reason to stop.
    let _ = fs::remove_file(temporary_of(path));
}

fn temporary_of(path: &Path) -> PathBuf {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    temporary.into()
}

/// Makes sure that files, and renames in directories, survive a power cut
pub(super) fn sync(paths: &[&Path]) -> Result<(), CertsError> {
    for path in paths {
        let sync = || File::open(path)?.sync_all();
        sync().map_err(|source| CertsError::Write {
            path: path.to_path_buf(),
            source,
        })?;
    }
    Ok(())
}

/// As [`sync`], for a file and its directory, while the caller goes on: a disk takes longer for it than the rest of a
/// start
pub(super) fn sync_in_background(file: PathBuf, directory: PathBuf) {
    thread::spawn(move || match sync(&[&file, &directory]) {
        // Whoever made it has removed it again.
        Err(CertsError::Write { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
        Err(error) => warn!("a power cut may take the new certificate authority away: {error}"),
        Ok(()) => {}
    });
}

/// Restricts a secret file to its owner; `None` when it was restricted already
pub(super) fn restrict_to_owner(path: &Path) -> Option<(u32, KeyMode)> {
    let mode = || {
        fs::metadata(path)
            .ok()
            .map(|metadata| metadata.permissions().mode() & 0o777)
    };
    let before = mode()?;
    if before & 0o077 == 0 {
        return None;
    }
    let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o600));
    let outcome = if mode()? & 0o077 == 0 {
        KeyMode::Tightened
    } else {
        KeyMode::StillOpen
    };
    Some((before, outcome))
}

const LOCK: &str = ".lock";
/// Making an authority takes milliseconds; a process that holds the lock for longer hangs
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
const LOCK_PAUSE: Duration = Duration::from_millis(5);
