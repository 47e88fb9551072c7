//! The state file: what was answered is in it, and stays there across a `kill -9`.
//!
//! An embedded database does the keeping. Every change is one transaction, on the disk before its call is answered; a
//! process that dies in the middle of one leaves the state as it was before. A record is a text of JSON under a key: a
//! project, a dataset or a client token (`projects`), a VPC endpoint that was made or changed, or a role session. What the
//! configuration declares and nothing has touched is not in the file.
//!
//! The file holds secrets, those of role sessions, so it is its owner's only.

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use redb::{
    Database, ReadableDatabase, ReadableTable, TableDefinition, TableError, TableHandle,
    backends::FileBackend,
};
use serde::{Serialize, de::DeserializeOwned};
use tracing::warn;

mod projects;

pub(crate) use self::projects::Record;
use self::projects::{DATASETS, PROJECTS, TOKENS};
use crate::owner_only;

/// The state file
pub(crate) struct Storage {
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

/// The state file cannot be used
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    #[error("`{}`: {source}", path.display())]
    Database { path: PathBuf, source: Box<redb::Error> },
    #[error("`{}`: the record `{key}` cannot be read: {message}", path.display())]
    Record {
        path: PathBuf,
        key: String,
        message: String,
    },
    #[error("`{}`: the emulator was stopped", path.display())]
    Closed { path: PathBuf },
    #[error("`{}` is a state file of another version ({found}; this is version {FORMAT})", path.display())]
    Format { path: PathBuf, found: String },
}

impl Storage {
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
        let storage = Self {
            opened: Mutex::new(Opened::Open(database)),
            path: path.to_path_buf(),
            open,
        };
        let found = storage.initialise()?;
        if found == FORMAT {
            Ok(storage)
        } else {
            Err(StorageError::Format {
                path: path.to_path_buf(),
                found,
            })
        }
    }

    /// Lets go of the file: nothing is read or written from now on, and another emulator can have it
    pub(crate) fn close(&self) {
        *self.opened() = Opened::Closed;
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
            failed(&self.path, error)
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
            for table in TABLES {
                transaction.open_table(table)?;
            }
            transaction.commit()?;
            Ok(found)
        })
    }

    /// Puts records into a table, and takes those out that are `None`: when this returns, it is on the disk
    ///
    /// # Errors
    /// When it cannot be written; nothing of it is there then.
    pub(crate) fn keep(
        &self,
        table: Table,
        records: &[(String, Option<Vec<u8>>)],
    ) -> Result<(), StorageError> {
        self.with(|database| {
            let transaction = database.begin_write()?;
            {
                let mut table = transaction.open_table(table)?;
                for (key, record) in records {
                    match record {
                        Some(record) => drop(table.insert(&**key, &**record)?),
                        None => drop(table.remove(&**key)?),
                    }
                }
            }
            transaction.commit()?;
            Ok(())
        })
    }

    /// All records of a table, in the order of their keys
    ///
    /// # Errors
    /// When one cannot be read.
    pub(crate) fn records<T: DeserializeOwned>(&self, table: Table) -> Result<Vec<T>, StorageError> {
        let records = self.read(table)?;
        let parse = |(key, record): &(String, Vec<u8>)| {
            self.parse(key, record).map_err(|error| match error {
                // What is said of a wrong value repeats it, and in this table that may be a secret.
                StorageError::Record { .. } if table.name() == ROLE_SESSIONS.name() => {
                    self.unreadable(key, "it is no role session".to_owned())
                }
                error => error,
            })
        };
        records.iter().map(parse).collect()
    }

    /// Takes everything out
    ///
    /// # Errors
    /// When it cannot be written; everything is still there then.
    pub(crate) fn clear(&self) -> Result<(), StorageError> {
        self.with(|database| {
            let transaction = database.begin_write()?;
            for table in TABLES {
                transaction.open_table(table)?.retain(|_, _| false)?;
            }
            transaction.commit()?;
            Ok(())
        })
    }

    fn read(&self, table: Table) -> Result<Vec<(String, Vec<u8>)>, StorageError> {
        self.with(|database| {
            let transaction = database.begin_read()?;
            let table = transaction.open_table(table)?;
            let mut records = Vec::new();
            for record in table.iter()? {
                let (key, value) = record?;
                records.push((key.value().to_owned(), value.value().to_vec()));
            }
            Ok(records)
        })
    }

    fn parse<T: DeserializeOwned>(&self, key: &str, value: &[u8]) -> Result<T, StorageError> {
        serde_json::from_slice(value).map_err(|error| self.unreadable(key, error.to_string()))
    }

    fn unreadable(&self, key: &str, message: String) -> StorageError {
        StorageError::Record {
            path: self.path.clone(),
            key: key.to_owned(),
            message,
        }
    }
}

fn failed(path: &Path, error: redb::Error) -> StorageError {
    StorageError::Database {
        path: path.to_path_buf(),
        source: Box::new(error),
    }
}

/// A record
pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("structs of texts and numbers are JSON")
}

fn open_database(path: &Path) -> Result<Database, StorageError> {
    let wrong = |error: redb::Error| failed(path, error);
    let file = open_or_make(path).map_err(|error| wrong(error.into()))?;
    let database = FileBackend::new(file).and_then(|file| Database::builder().create_with_backend(file));
    database.map_err(|error| wrong(error.into()))
}

fn open_or_make(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    owner_only::open(&mut options, path)
}

/// Takes a file that was there before away from everyone but its owner
fn restrict_to_owner(path: &Path) {
    #[cfg(unix)]
    {
        use std::{fs, os::unix::fs::PermissionsExt};
        let Ok(mode) = fs::metadata(path).map(|metadata| metadata.permissions().mode() & 0o777) else {
            return;
        };
        if mode & 0o077 != 0 {
            let outcome = match fs::set_permissions(path, fs::Permissions::from_mode(0o600)) {
                Ok(()) => "and is now for its owner only",
                Err(_) => "and that cannot be changed here",
            };
            warn!(
                "`{}` could be read by others (mode {mode:03o}) {outcome}",
                path.display()
            );
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}

pub(crate) type Table = TableDefinition<'static, &'static str, &'static [u8]>;

/// What the file says of itself. It has the types of the others although it holds a number: the database has code of its
/// own for each pair of types.
const ABOUT: Table = TableDefinition::new("about");
/// By id: endpoints that were made, and what is otherwise about endpoints than they began
pub(crate) const VPC_ENDPOINTS: Table = TableDefinition::new("vpc_endpoints");
/// By access key id
pub(crate) const ROLE_SESSIONS: Table = TableDefinition::new("role_sessions");

/// All but [`ABOUT`]
const TABLES: [Table; 5] = [PROJECTS, DATASETS, TOKENS, VPC_ENDPOINTS, ROLE_SESSIONS];

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
    pub(crate) fn on_a_disk_that_fills() -> (Storage, Arc<AtomicBool>) {
        let disk = Disk::default();
        let is_full = disk.is_full.clone();
        let database = Database::builder().create_with_backend(disk).unwrap();
        // It is full for good: what was in it went with the database.
        let full = |path: &Path| Err(failed(path, Error::from(ErrorKind::StorageFull).into()));
        (Storage::on(database, Path::new("state"), full).unwrap(), is_full)
    }
}

#[cfg(test)]
mod tests {
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
        let problem = Storage::open(path).err().unwrap().to_string();
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
        let record = ("id".to_owned(), Some(b"1".to_vec()));
        let storage = Storage::open(&path).unwrap();
        storage
            .keep(VPC_ENDPOINTS, std::slice::from_ref(&record))
            .unwrap();
        drop(storage);
        let storage = Storage::open(&path).unwrap();
        assert_eq!(storage.records::<u8>(VPC_ENDPOINTS).unwrap(), [1]);
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
        let about: TableDefinition<'_, &str, u64> = TableDefinition::new("about");
        of_format(&path, about, 2);
        is_refused_and_left_alone(&path, "(1 or 2; this is version 3)");
    }

    #[test]
    fn a_record_that_cannot_be_read_is_named_and_a_secret_is_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&folder.path().join("state")).unwrap();
        for table in [VPC_ENDPOINTS, ROLE_SESSIONS] {
            let record = Some(b"\"wJalr\"".to_vec());
            storage.keep(table, &[("id".to_owned(), record)]).unwrap();
        }
        let problem = storage.records::<u8>(VPC_ENDPOINTS).unwrap_err().to_string();
        assert!(
            problem.contains("the record `id` cannot be read: invalid type: string"),
            "{problem}"
        );
        let problem = storage.records::<u8>(ROLE_SESSIONS).unwrap_err().to_string();
        assert!(problem.ends_with("it is no role session"), "{problem}");
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_its_owners_only_also_if_it_was_there_before() {
        use std::{fs, os::unix::fs::PermissionsExt};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        drop(Storage::open(&path).unwrap());
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        drop(Storage::open(&path).unwrap());
        assert_eq!(mode(), 0o600);
    }
}
