//! The state file: what was answered is in it, and stays there across a `kill -9`.
//!
//! An embedded database does the keeping. Every change is one transaction, on the disk before its call is answered; a
//! process that dies in the middle of one leaves the state as it was before.
//!
//! The file holds secrets, those of role sessions, so it is its owner's only.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{self, ErrorKind},
    mem,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tracing::warn;

use super::{RecordChange, Records, Storage, StorageError, Table};

mod checksum;
mod database;
mod making;
mod panics;

use self::database::{Database, Opener, open_file};

/// The state file
pub(crate) struct StateFile {
    opened: Mutex<Opened>,
    path: PathBuf,
    opener: Box<Opener>,
}

/// Whether the file is at hand
enum Opened {
    Open(Database),
    /// It could not be written, and the database takes nothing more from then on. The next use opens it again: a disk
    /// that was full may have room by then.
    Failed,
    /// It was given up, and may be another emulator's by now.
    Closed,
}

impl StateFile {
    /// Opens a state file, or makes it
    ///
    /// # Errors
    /// When it cannot be opened, is open in another process, or was written by another version.
    pub(crate) fn open(path: &Path) -> Result<Self, StorageError> {
        Self::open_with(path, Box::new(open_file))
    }

    fn open_with(path: &Path, opener: Box<Opener>) -> Result<Self, StorageError> {
        let path = link_target(path);
        let database = match open_existing(&path, &opener)? {
            Some(database) => database,
            None => match making::make(&path, &opener, |_| {})? {
                Some(database) => database,
                None => open_existing(&path, &opener)?.ok_or_else(|| gone(&path))?,
            },
        };
        Ok(Self {
            opened: Mutex::new(Opened::Open(database)),
            path,
            opener,
        })
    }

    /// Does something with the database, opened again if need be
    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, StorageError>) -> Result<T, StorageError> {
        let mut opened = self.opened();
        if let Opened::Failed = *opened {
            let database = open_existing(&self.path, &self.opener)?;
            *opened = Opened::Open(database.ok_or_else(|| gone(&self.path))?);
        }
        let Opened::Open(database) = &*opened else {
            let path = self.path.clone();
            return Err(StorageError::Closed { path });
        };
        work(database).inspect_err(|_| *opened = Opened::Failed)
    }

    // A poisoned lock means that somebody panicked who does not come from here: the database's own panics are caught.
    fn opened(&self) -> MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for StateFile {
    fn load(&self) -> Result<Records, StorageError> {
        Ok(Records {
            path: self.path.clone(),
            tables: self.with(Database::read)?.into_iter().collect(),
        })
    }

    fn commit(&self, change: &dyn Fn() -> Vec<RecordChange>) -> Result<(), StorageError> {
        let changes = change();
        self.with(|database| database.write(&changes))
    }

    fn reset(&self) -> Result<(), StorageError> {
        self.with(Database::clear)
    }

    fn close(&self) {
        let opened = mem::replace(&mut *self.opened(), Opened::Closed);
        drop(opened);
    }

    fn waits_for_disk(&self) -> bool {
        true
    }
}

/// Opens a state file; answers nothing when there is none
fn open_existing(path: &Path, opener: &Opener) -> Result<Option<Database>, StorageError> {
    let unusable = |error| StorageError::Io {
        path: path.to_path_buf(),
        error,
    };
    restrict_to_owner(path);
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(error)),
    };
    if file.metadata().map_err(unusable)?.len() == 0 {
        return Err(StorageError::Empty {
            path: path.to_path_buf(),
        });
    }
    Ok(Some(Database::open(path, file, opener)?))
}

fn gone(path: &Path) -> StorageError {
    StorageError::Io {
        path: path.to_path_buf(),
        error: io::Error::from(ErrorKind::NotFound),
    }
}

/// The file that is meant, also where a link leads to one that is not there yet: it is made where the link leads
fn link_target(path: &Path) -> PathBuf {
    let mut path = path.to_path_buf();
    // As many links as Linux follows.
    for _ in 0..40 {
        let Ok(target) = fs::read_link(&path) else {
            break;
        };
        path = path
            .parent()
            .map_or(target.clone(), |folder| folder.join(&target));
    }
    path
}

/// Takes a file that was there before away from everyone but its owner
fn restrict_to_owner(path: &Path) {
    let Ok(mode) = fs::metadata(path).map(|metadata| metadata.permissions().mode() & 0o777) else {
        return;
    };
    if mode & 0o077 != 0 {
        let outcome = match fs::set_permissions(path, Permissions::from_mode(0o600)) {
            Ok(()) => "and is now for its owner only",
            Err(_) => "and that cannot be changed here",
        };
        warn!(
            "`{}` could be read by others (mode {mode:03o}) {outcome}",
            path.display()
        );
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
