//! The state file: what was answered is in it, and stays there across a `kill -9`.
//!
//! An embedded database does the keeping. Every change is one transaction, on the disk before its call is answered; a
//! process that dies in the middle of one leaves the state as it was before.
//!
//! When a change fails, nobody knows how much of it is on the disk: a disk may report a failure for something that it
//! has written, and after a failed `fsync` the pages that the system shows may differ from those on the disk. The
//! change was refused, so it must not be there after a restart. Before the next change, the file is therefore made anew
//! from what was acknowledged, and until that works, no change is made.
//!
//! The file holds secrets, those of role sessions, so only its owner can read it.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions, Permissions},
    io::{self, ErrorKind},
    mem,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use counters::Histogram;
use tracing::warn;

use super::{RecordChange, Records, Storage, StorageError, Table};

mod checksum;
mod database;
mod making;
mod panics;

use self::{
    database::{ChangeId, Content, Database, Opener, open_file},
    making::Before,
};

/// The state file
pub(crate) struct StateFile {
    opened: Mutex<Opened>,
    /// Why no change is made at present; kept apart, so that reading it does not wait for a change
    failure: Mutex<Option<String>>,
    /// How long changes took, those that failed among them
    commit_durations: Histogram,
    path: PathBuf,
    opener: Box<Opener>,
}

/// Whether the file is open and its content known
enum Opened {
    Open {
        database: Database,
        last_change: ChangeId,
    },
    /// A change failed, and it is not known what of it is in the file
    InDoubt(Doubt),
    /// It was given up, and may be another emulator's by now
    Closed,
}

/// What has to be known to make the file anew as it was before a change that failed
struct Doubt {
    last_change: ChangeId,
    failed: ChangeId,
    /// The records that the failed change replaced, in the order of the change
    undo: Vec<RecordChange>,
    /// Why it failed
    cause: String,
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
            None => match making::make(&path, &opener, Before::Nothing, &Content::empty(), |_| {})? {
                Some(database) => database,
                None => open_existing(&path, &opener)?.ok_or_else(|| gone(&path))?,
            },
        };
        // Left by a start, or by making the file anew, that was killed.
        making::forget(&path);
        Ok(Self {
            opened: Mutex::new(Opened::Open {
                last_change: database.last_change()?,
                database,
            }),
            failure: Mutex::default(),
            commit_durations: Histogram::default(),
            path,
            opener,
        })
    }

    /// Makes a change
    ///
    /// # Errors
    /// When it fails; then it is not in the file, or no further change is made until it is not.
    fn change(
        &self,
        write: impl FnOnce(&Database, ChangeId, &mut Vec<RecordChange>) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let mut opened = self.opened();
        self.settle(&mut opened)?;
        let Opened::Open {
            database,
            last_change,
        } = &mut *opened
        else {
            return Err(self.closed());
        };
        let (id, mut undo) = (ChangeId::fresh(), Vec::new());
        let Err(error) = write(database, id, &mut undo) else {
            *last_change = id;
            return Ok(());
        };
        *opened = Opened::InDoubt(Doubt {
            last_change: *last_change,
            failed: id,
            undo,
            cause: error.to_string(),
        });
        // Now rather than at the next change, so that a restart does not find what was refused.
        match self.settle(&mut opened) {
            Ok(()) => Err(error),
            Err(in_doubt) => Err(in_doubt),
        }
    }

    /// Makes the file anew if its content is not known
    fn settle(&self, opened: &mut Opened) -> Result<(), StorageError> {
        let Opened::InDoubt(doubt) = opened else {
            return Ok(());
        };
        let settled = self
            .as_it_was_before(doubt)
            .map_err(|error| StorageError::InDoubt {
                path: self.path.clone(),
                cause: doubt.cause.clone(),
                error: error.to_string(),
            });
        *self.failed() = settled.as_ref().err().map(StorageError::to_string);
        let database = settled?;
        warn!(
            "`{}` was made anew, because a change could not be written: {}",
            self.path.display(),
            doubt.cause
        );
        let last_change = doubt.last_change;
        *opened = Opened::Open {
            database,
            last_change,
        };
        Ok(())
    }

    fn as_it_was_before(&self, doubt: &Doubt) -> Result<Database, StorageError> {
        let gone = || gone(&self.path);
        // It stays open, and so ours, until the new one is in its place.
        let old = open_existing(&self.path, &self.opener)?.ok_or_else(gone)?;
        let mut content = old.read()?;
        if content.last_change == doubt.failed {
            for RecordChange { table, key, record } in doubt.undo.iter().rev().cloned() {
                match record {
                    Some(record) => content.records.insert((table, key), record),
                    None => content.records.remove(&(table, key)),
                };
            }
            content.last_change = doubt.last_change;
        }
        if content.last_change != doubt.last_change {
            return Err(StorageError::Overtaken {
                path: self.path.clone(),
            });
        }
        making::make(&self.path, &self.opener, Before::OurFile, &content, |_| {})?.ok_or_else(gone)
    }

    fn closed(&self) -> StorageError {
        StorageError::Closed {
            path: self.path.clone(),
        }
    }

    // A poisoned lock means a panic outside of the database: the database's own panics are caught.
    fn opened(&self) -> MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self) -> MutexGuard<'_, Option<String>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for StateFile {
    fn load(&self) -> Result<Records, StorageError> {
        let Opened::Open { database, .. } = &*self.opened() else {
            return Err(self.closed());
        };
        let mut tables: BTreeMap<Table, Vec<_>> = BTreeMap::new();
        for ((table, key), record) in database.read()?.records {
            tables.entry(table).or_default().push((key, record));
        }
        Ok(Records {
            path: self.path.clone(),
            tables,
        })
    }

    fn commit(&self, change: &dyn Fn() -> Vec<RecordChange>) -> Result<(), StorageError> {
        let changes = change();
        let began = Instant::now();
        let kept = self.change(|database, id, undo| database.write(id, &changes, undo));
        self.commit_durations.record(began.elapsed());
        kept
    }

    fn replace(&self, records: &dyn Fn() -> Vec<RecordChange>) -> Result<(), StorageError> {
        let records = records();
        self.change(|database, id, undo| database.replace(id, &records, undo))
    }

    fn close(&self) {
        let opened = mem::replace(&mut *self.opened(), Opened::Closed);
        drop(opened);
    }

    fn waits_for_disk(&self) -> bool {
        true
    }

    fn failure(&self) -> Option<String> {
        self.failed().clone()
    }

    fn commit_durations(&self) -> Option<&Histogram> {
        Some(&self.commit_durations)
    }
}

/// Opens a state file; `None`: there is none
fn open_existing(path: &Path, opener: &Opener) -> Result<Option<Database>, StorageError> {
    let unusable = |error| StorageError::Io {
        path: path.to_path_buf(),
        error,
    };
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(StorageError::NotAFile {
            path: path.to_path_buf(),
        });
    }
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
    let database = Database::open(path, file, opener)?;
    // Only once the file is known to be ours: the mode of another file is not ours to change.
    restrict_to_owner(path);
    Ok(Some(database))
}

fn gone(path: &Path) -> StorageError {
    StorageError::Io {
        path: path.to_path_buf(),
        error: io::Error::from(ErrorKind::NotFound),
    }
}

/// The path of the file, even where a link leads to one that does not exist yet: it is made where the link leads
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

/// Restricts a file that was there before to its owner
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
