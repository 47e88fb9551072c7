//! The state file: what was answered is in it, and stays there across a `kill -9`.
//!
//! An embedded database does the keeping. Every change is one transaction, on the disk before its call is answered; a
//! process that dies in the middle of one leaves the state as it was before.
//!
//! The file holds secrets, those of role sessions, so it is its owner's only.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError, backends::FileBackend};
use tracing::warn;

use super::{RecordChange, Records, Storage, StorageError, Table};
use crate::owner_only;

/// The state file
pub(crate) struct StateFile {
    opened: Mutex<Opened>,
    path: PathBuf,
    /// Opens it again after it could not be written
    open: fn(&Path) -> Result<Database, StorageError>,
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
        restrict_to_owner(path);
        let database = open_database(path)?;
        Self::on(database, path, open_database)
    }

    fn on(
        database: Database,
        path: &Path,
        open: fn(&Path) -> Result<Database, StorageError>,
    ) -> Result<Self, StorageError> {
        let file = Self {
            opened: Mutex::new(Opened::Open(database)),
            path: path.to_path_buf(),
            open,
        };
        let found = file.initialise()?;
        if found == FORMAT {
            Ok(file)
        } else {
            Err(StorageError::Format {
                path: path.to_path_buf(),
                found,
                expected: FORMAT,
            })
        }
    }

    /// Does something with the database, opened again if need be
    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, StorageError> {
        let mut opened = self.opened();
        if let Opened::Failed = *opened {
            *opened = Opened::Open((self.open)(&self.path)?);
        }
        let Opened::Open(database) = &*opened else {
            let path = self.path.clone();
            return Err(StorageError::Closed { path });
        };
        work(database).map_err(|error| {
            *opened = Opened::Failed;
            StorageError::database(&self.path, error)
        })
    }

    // A poisoned lock only means that a transaction panicked; nothing of it was written.
    fn opened(&self) -> MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the tables that are missing, unless the file is of another version; answers the version that was found
    fn initialise(&self) -> Result<String, StorageError> {
        self.with(|database| {
            let transaction = database.begin_write()?;
            let found = match transaction.open_table(ABOUT) {
                Ok(mut about) => {
                    let found = about
                        .get("format")?
                        .map(|value| String::from_utf8_lossy(value.value()).into_owned());
                    if found.is_none() {
                        about.insert("format", FORMAT.as_bytes())?;
                    }
                    found.unwrap_or_else(|| FORMAT.to_owned())
                }
                Err(TableError::TableTypeMismatch { .. }) => FORMATS_OF_NUMBERS.to_owned(),
                Err(error) => return Err(error.into()),
            };
            if found != FORMAT {
                transaction.abort()?;
                return Ok(found);
            }
            for table in Table::ALL {
                transaction.open_table(definition(table))?;
            }
            transaction.commit()?;
            Ok(found)
        })
    }
}

impl Storage for StateFile {
    fn load(&self) -> Result<Records, StorageError> {
        let tables = self.with(|database| {
            let transaction = database.begin_read()?;
            let read = |table| {
                let mut records = Vec::new();
                for record in transaction.open_table(definition(table))?.iter()? {
                    let (key, value) = record?;
                    records.push((key.value().to_owned(), value.value().to_vec()));
                }
                Ok((table, records))
            };
            Table::ALL.into_iter().map(read).collect()
        })?;
        Ok(Records {
            path: self.path.clone(),
            tables,
        })
    }

    fn commit(&self, change: &dyn Fn() -> Vec<RecordChange>) -> Result<(), StorageError> {
        let changes = change();
        self.with(|database| {
            let transaction = database.begin_write()?;
            for RecordChange { table, key, record } in &changes {
                let mut table = transaction.open_table(definition(*table))?;
                match record {
                    Some(record) => drop(table.insert(&**key, &**record)?),
                    None => drop(table.remove(&**key)?),
                }
            }
            transaction.commit()?;
            Ok(())
        })
    }

    fn reset(&self) -> Result<(), StorageError> {
        self.with(|database| {
            let transaction = database.begin_write()?;
            for table in Table::ALL {
                transaction.open_table(definition(table))?.retain(|_, _| false)?;
            }
            transaction.commit()?;
            Ok(())
        })
    }

    fn close(&self) {
        *self.opened() = Opened::Closed;
    }

    fn waits_for_disk(&self) -> bool {
        true
    }
}

fn open_database(path: &Path) -> Result<Database, StorageError> {
    let file = open_or_make(path).map_err(|error| StorageError::database(path, error))?;
    let database = FileBackend::new(file).and_then(|file| Database::builder().create_with_backend(file));
    database.map_err(|error| StorageError::database(path, error))
}

fn open_or_make(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    owner_only::open(&mut options, path)
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

type Definition = TableDefinition<'static, &'static str, &'static [u8]>;

fn definition(table: Table) -> Definition {
    TableDefinition::new(table.name())
}

/// What the file says of itself. It has the types of the others although it holds a number: the database has code of its
/// own for each pair of types.
const ABOUT: Definition = TableDefinition::new("about");

/// The version of the tables and of what is in them. A file of another is refused: a program that does not know all of
/// it would serve without some of the policies that were attached.
const FORMAT: &str = "3";

/// They have the number as a number, in a table of another type.
const FORMATS_OF_NUMBERS: &str = "1 or 2";

#[cfg(test)]
pub(crate) mod testing {
    use std::{
        io::{Error, ErrorKind},
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
    };

    use redb::{StorageBackend, backends::InMemoryBackend};

    use super::*;

    /// A disk that can be full
    #[derive(Debug, Default)]
    struct Disk {
        memory: InMemoryBackend,
        is_full: Arc<AtomicBool>,
    }

    impl StorageBackend for Disk {
        fn len(&self) -> io::Result<u64> {
            self.memory.len()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.memory.read(offset, out)
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            self.memory.set_len(len)
        }

        fn sync_data(&self) -> io::Result<()> {
            self.memory.sync_data()
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            if self.is_full.load(Ordering::Relaxed) {
                return Err(Error::from(ErrorKind::StorageFull));
            }
            self.memory.write(offset, data)
        }
    }

    /// A state file, and what makes its disk full
    pub(crate) fn on_a_disk_that_fills() -> (StateFile, Arc<AtomicBool>) {
        let disk = Disk::default();
        let is_full = disk.is_full.clone();
        let database = Database::builder().create_with_backend(disk).unwrap();
        // It is full for good: what was in it went with the database.
        let full = |path: &Path| Err(StorageError::database(path, Error::from(ErrorKind::StorageFull)));
        (
            StateFile::on(database, Path::new("state"), full).unwrap(),
            is_full,
        )
    }
}

#[cfg(test)]
mod tests {
    use redb::TableHandle;

    use super::*;

    /// A state file with nothing in it but its format
    fn of_format<V: redb::Value + 'static>(
        path: &Path,
        about: TableDefinition<'_, &'static str, V>,
        format: V::SelfType<'_>,
    ) {
        let database = Database::create(path).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction
            .open_table(about)
            .unwrap()
            .insert("format", format)
            .unwrap();
        transaction.commit().unwrap();
    }

    #[track_caller]
    fn is_refused_and_left_alone(path: &Path, expected: &str) {
        let problem = StateFile::open(path).err().unwrap().to_string();
        assert!(
            problem.ends_with(&format!("is a state file of another version {expected}")),
            "{problem}"
        );
        let database = Database::create(path).unwrap();
        let transaction = database.begin_read().unwrap();
        assert_eq!(transaction.list_tables().unwrap().count(), 1);
    }

    #[test]
    fn the_present_format_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let file = StateFile::open(&path).unwrap();
        file.commit(&|| vec![RecordChange::put(Table::VpcEndpoints, "id", &1)])
            .unwrap();
        drop(file);
        let mut records = StateFile::open(&path).unwrap().load().unwrap();
        let found: Vec<(String, u8)> = records.take(Table::VpcEndpoints).unwrap();
        assert_eq!(found, [("id".to_owned(), 1)]);
    }

    #[test]
    fn a_later_format_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        of_format(&path, ABOUT, b"9");
        is_refused_and_left_alone(&path, "(9; this is version 3)");
    }

    #[test]
    fn a_format_that_was_a_number_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let about: TableDefinition<'_, &str, u64> = TableDefinition::new(ABOUT.name());
        of_format(&path, about, 2);
        is_refused_and_left_alone(&path, "(1 or 2; this is version 3)");
    }

    #[test]
    fn the_file_is_its_owners_only_also_if_it_was_there_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        drop(StateFile::open(&path).unwrap());
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        drop(StateFile::open(&path).unwrap());
        assert_eq!(mode(), 0o600);
    }
}
