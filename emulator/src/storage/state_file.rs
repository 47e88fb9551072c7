//! The state file: what was answered is in it, and stays there across a `kill -9`.
//!
//! An embedded database does the keeping. Every change is one transaction, on the disk before its call is answered; a
//! process that dies in the middle of one leaves the state as it was before.
//!
//! The file holds secrets, those of role sessions, so it is its owner's only.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError, backends::FileBackend};
use tracing::warn;

use super::{RecordChange, Records, Storage, StorageError, Table};

mod making;

/// The state file
pub(crate) struct StateFile {
    opened: Mutex<Opened>,
    path: PathBuf,
    opener: Box<Opener>,
}

/// Makes a database of a file, in which there is one already or nothing
type Opener = dyn Fn(File) -> Result<Database, redb::Error> + Send + Sync;

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
        Self::open_with(path, Box::new(open_database))
    }

    fn open_with(path: &Path, opener: Box<Opener>) -> Result<Self, StorageError> {
        let path = link_target(path);
        let database = match open_existing(&path, &opener)? {
            Some(database) => database,
            None => match making::make(&path, &opener, fill, |_| {})? {
                Some(database) => database,
                None => open_existing(&path, &opener)?
                    .ok_or_else(|| unusable(&path, io::Error::from(ErrorKind::NotFound)))?,
            },
        };
        Ok(Self {
            opened: Mutex::new(Opened::Open(database)),
            path,
            opener,
        })
    }

    /// Does something with the database, opened again if need be
    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, StorageError> {
        let mut opened = self.opened();
        if let Opened::Failed = *opened {
            let gone = || unusable(&self.path, io::Error::from(ErrorKind::NotFound));
            *opened = Opened::Open(open_existing(&self.path, &self.opener)?.ok_or_else(gone)?);
        }
        let Opened::Open(database) = &*opened else {
            let path = self.path.clone();
            return Err(StorageError::Closed { path });
        };
        work(database).map_err(|error| {
            *opened = Opened::Failed;
            unusable(&self.path, error)
        })
    }

    // A poisoned lock only means that a transaction panicked; nothing of it was written.
    fn opened(&self) -> MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Opens a state file; answers nothing when there is none
fn open_existing(path: &Path, opener: &Opener) -> Result<Option<Database>, StorageError> {
    restrict_to_owner(path);
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(path, error)),
    };
    let length = file.metadata().map_err(|error| unusable(path, error))?.len();
    if length == 0 {
        return Err(StorageError::Empty {
            path: path.to_path_buf(),
        });
    }
    let database = opener(file).map_err(|error| unusable(path, error))?;
    let found = format(&database).map_err(|error| unusable(path, error))?;
    if found != FORMAT {
        return Err(StorageError::Format {
            path: path.to_path_buf(),
            found,
            expected: FORMAT,
        });
    }
    Ok(Some(database))
}

fn open_database(file: File) -> Result<Database, redb::Error> {
    Ok(Database::builder().create_with_backend(FileBackend::new(file)?)?)
}

/// The version that a file says it is of
fn format(database: &Database) -> Result<String, redb::Error> {
    let transaction = database.begin_read()?;
    match transaction.open_table(ABOUT) {
        Ok(about) => Ok(match about.get("format")? {
            Some(format) => String::from_utf8_lossy(format.value()).into_owned(),
            None => NO_FORMAT.to_owned(),
        }),
        Err(TableError::TableTypeMismatch { .. }) => Ok(FORMATS_OF_NUMBERS.to_owned()),
        Err(TableError::TableDoesNotExist(_)) => Ok(NO_FORMAT.to_owned()),
        Err(error) => Err(error.into()),
    }
}

/// Writes what is in a state file before anything was committed to it
fn fill(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction
        .open_table(ABOUT)?
        .insert("format", FORMAT.as_bytes())?;
    for table in Table::ALL {
        transaction.open_table(definition(table))?;
    }
    transaction.commit()?;
    Ok(())
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

/// An error of the file or of the database in it, as it is told
fn cause(error: impl Into<redb::Error>) -> String {
    match error.into() {
        redb::Error::Io(error) => error.to_string(),
        redb::Error::DatabaseAlreadyOpen => "another emulator has it open".to_owned(),
        error => error.to_string(),
    }
}

fn unusable(path: &Path, error: impl Into<redb::Error>) -> StorageError {
    StorageError::Database {
        path: path.to_path_buf(),
        cause: cause(error),
    }
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

/// A database of somebody else
const NO_FORMAT: &str = "none";

#[cfg(test)]
pub(crate) mod testing {
    use std::{
        io::{Error, ErrorKind},
        ops::Bound,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
    };

    use redb::{BackendError, StorageBackend};

    use super::*;

    /// A disk that can be full
    #[derive(Debug)]
    struct Disk {
        file: FileBackend,
        is_full: Arc<AtomicBool>,
    }

    impl Disk {
        fn has_room(&self) -> io::Result<()> {
            if self.is_full.load(Ordering::Relaxed) {
                return Err(Error::from(ErrorKind::StorageFull));
            }
            Ok(())
        }
    }

    impl StorageBackend for Disk {
        fn len(&self) -> io::Result<u64> {
            self.file.len()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.file.read(offset, out)
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            self.has_room()?;
            self.file.set_len(len)
        }

        fn sync_data(&self) -> io::Result<()> {
            self.file.sync_data()
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.has_room()?;
            self.file.write(offset, data)
        }

        fn close(&self) -> io::Result<()> {
            self.file.close()
        }

        fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
            self.file.try_lock_range(start, end)
        }

        fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
            self.file.unlock_range(start, end)
        }
    }

    /// A state file in a folder, and what makes its disk full
    pub(crate) fn on_a_disk_that_fills(folder: &Path) -> (StateFile, Arc<AtomicBool>) {
        let is_full = Arc::new(AtomicBool::new(false));
        let disk = is_full.clone();
        let opener = move |file| {
            let (file, is_full) = (FileBackend::new(file)?, disk.clone());
            Ok(Database::builder().create_with_backend(Disk { file, is_full })?)
        };
        let file = StateFile::open_with(&folder.join("state"), Box::new(opener));
        (file.unwrap(), is_full)
    }

    /// Opens a state file and commits to it, and opens it once more to see what is in it
    #[track_caller]
    pub(super) fn keeps_what_is_committed(path: &Path) {
        let file = StateFile::open(path).unwrap();
        file.commit(&|| vec![RecordChange::put(Table::VpcEndpoints, "id", &1)])
            .unwrap();
        drop(file);
        let mut records = StateFile::open(path).unwrap().load().unwrap();
        let found: Vec<(String, u8)> = records.take(Table::VpcEndpoints).unwrap();
        assert_eq!(found, [("id".to_owned(), 1)]);
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
        testing::keeps_what_is_committed(&folder.path().join("state"));
    }

    #[test]
    fn an_empty_file_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        fs::write(&path, "").unwrap();
        let problem = StateFile::open(&path).err().unwrap().to_string();
        assert!(
            problem
                .ends_with("state` is empty, which a state file never is: remove it, or name another file"),
            "{problem}"
        );
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    }

    #[test]
    fn a_link_leads_to_the_state_file_also_before_there_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("state");
        fs::create_dir(folder.path().join("volume")).unwrap();
        std::os::unix::fs::symlink("volume/state", &link).unwrap();
        testing::keeps_what_is_committed(&link);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(folder.path().join("volume/state").is_file());
    }

    #[test]
    fn a_database_of_somebody_else_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let about: TableDefinition<'_, &str, u64> = TableDefinition::new("theirs");
        of_format(&path, about, 2);
        is_refused_and_left_alone(&path, "(none; this is version 3)");
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
