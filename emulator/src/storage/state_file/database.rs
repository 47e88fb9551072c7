//! The database in a state file; its errors and panics become errors that name the file.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs::File,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use redb::{
    ReadTransaction, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition, TableError,
    WriteTransaction, backends::FileBackend,
};
use tracing::warn;

use super::{
    super::{RecordChange, StorageError, Table},
    checksum::{checked, with_checksum},
    panics::caught,
};

/// Opens the database in a file, or makes one in an empty file
pub(super) type Opener = dyn Fn(File) -> Result<redb::Database, redb::Error> + Send + Sync;

/// The database in a state file
pub(super) struct Database {
    /// `None`: it is being dropped
    database: Option<redb::Database>,
    path: PathBuf,
}

/// What is in a state file
pub(super) struct Content {
    /// The change that was committed last
    pub(super) last_change: ChangeId,
    pub(super) records: BTreeMap<(Table, String), Vec<u8>>,
}

/// Identifies a change among all changes, those of other emulators too
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChangeId(u64);

impl ChangeId {
    pub(super) fn fresh() -> Self {
        Self(fastrand::u64(..))
    }
}

impl Content {
    /// No records yet
    pub(super) fn empty() -> Self {
        Self {
            last_change: ChangeId::fresh(),
            records: BTreeMap::new(),
        }
    }
}

/// Opens the database in a file
///
/// Every page of it is looked at first: a database that trusts a damaged file may answer with anything.
pub(super) fn open_file(file: File) -> Result<redb::Database, redb::Error> {
    open_backend(FileBackend::new(file)?)
}

pub(super) fn open_backend(backend: impl StorageBackend) -> Result<redb::Database, redb::Error> {
    let mut builder = redb::Database::builder();
    builder
        .set_check_integrity_on_open(true)
        .set_cache_size(CACHE_BYTES);
    Ok(builder.create_with_backend(backend)?)
}

impl Database {
    /// Opens the database in a file that has one
    ///
    /// # Errors
    /// When it is damaged, in use, of another version, or another program's.
    pub(super) fn open(path: &Path, file: File, opener: &Opener) -> Result<Self, StorageError> {
        let database = Self::of(path, file, opener)?;
        let found = database.run(|database, _| format(database))?;
        if found == FORMAT {
            return Ok(database);
        }
        Err(StorageError::Format {
            path: path.to_path_buf(),
            found,
            expected: FORMAT,
        })
    }

    /// Makes a database in an empty file
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn make(
        path: &Path,
        file: File,
        opener: &Opener,
        content: &Content,
    ) -> Result<Self, StorageError> {
        let database = Self::of(path, file, opener)?;
        database.run(|database, _| {
            let transaction = database.begin_write()?;
            transaction
                .open_table(ABOUT)?
                .insert("format", FORMAT.as_bytes())?;
            for table in Table::ALL {
                transaction.open_table(definition(table))?;
            }
            for ((table, key), record) in &content.records {
                let mut records = transaction.open_table(definition(*table))?;
                records.insert(&**key, &*with_checksum(*table, key, record))?;
            }
            commit(database, transaction, content.last_change)
        })?;
        Ok(database)
    }

    fn of(path: &Path, file: File, opener: &Opener) -> Result<Self, StorageError> {
        let database = guarded(path, |_| opener(file))?;
        Ok(Self {
            database: Some(database),
            path: path.to_path_buf(),
        })
    }

    /// The whole content
    ///
    /// # Errors
    /// When it cannot be read, or a record is not what was put there.
    pub(super) fn read(&self) -> Result<Content, StorageError> {
        let (last_change, records) = self.run(|database, place| {
            let transaction = database.begin_read()?;
            let mut all = Vec::new();
            for table in Table::ALL {
                place.is(format!("the table `{}`", table.name()));
                let records = match transaction.open_table(definition(table)) {
                    Ok(records) => records,
                    // The file is from before there was such a table, and gets it with the first change.
                    Err(TableError::TableDoesNotExist(_)) => continue,
                    Err(error) => return Err(error.into()),
                };
                for record in records.iter()? {
                    let (key, bytes) = record?;
                    let key = key.value().to_owned();
                    place.is(format!("what follows the record `{key}` of `{}`", table.name()));
                    all.push(((table, key), bytes.value().to_vec()));
                }
            }
            Ok((last_change(&transaction)?, all))
        })?;
        let check = |((table, key), bytes): ((Table, String), Vec<u8>)| {
            let record = checked(table, &key, &bytes).ok_or_else(|| StorageError::Damaged {
                path: self.path.clone(),
                cause: format!(
                    "the record `{key}` of `{}` does not have the checksum that it was written with",
                    table.name()
                ),
            })?;
            Ok(((table, key), record.to_vec()))
        };
        Ok(Content {
            last_change,
            records: records.into_iter().map(check).collect::<Result<_, _>>()?,
        })
    }

    /// The change that was committed last
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn last_change(&self) -> Result<ChangeId, StorageError> {
        self.run(|database, _| last_change(&database.begin_read()?))
    }

    /// Makes changes, all or none: when this returns, they are on the disk
    ///
    /// The records that they replace go to `undo`, in the order of the changes.
    ///
    /// # Errors
    /// When they cannot be written. It is then not known whether they are on the disk, and the database accepts nothing
    /// more.
    pub(super) fn write(
        &self,
        id: ChangeId,
        changes: &[RecordChange],
        undo: &mut Vec<RecordChange>,
    ) -> Result<(), StorageError> {
        self.run(|database, place| {
            let transaction = database.begin_write()?;
            make(&transaction, changes, place, undo)?;
            commit(database, transaction, id)
        })
    }

    /// Removes every record and puts these in, all or none
    ///
    /// # Errors
    /// As [`Self::write`] does.
    pub(super) fn replace(
        &self,
        id: ChangeId,
        changes: &[RecordChange],
        undo: &mut Vec<RecordChange>,
    ) -> Result<(), StorageError> {
        self.run(|database, place| {
            let transaction = database.begin_write()?;
            for table in Table::ALL {
                transaction.open_table(definition(table))?.retain(|key, bytes| {
                    undo.push(RecordChange {
                        table,
                        key: key.to_owned(),
                        record: checked(table, key, bytes).map(<[u8]>::to_vec),
                    });
                    false
                })?;
            }
            make(&transaction, changes, place, undo)?;
            commit(database, transaction, id)
        })
    }

    fn run<T>(
        &self,
        work: impl FnOnce(&redb::Database, &Place) -> Result<T, redb::Error>,
    ) -> Result<T, StorageError> {
        let database = self
            .database
            .as_ref()
            .expect("nobody has it any more when it is dropped");
        guarded(&self.path, |place| work(database, place))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(database) = self.database.take() else {
            return;
        };
        // What was committed stays; if the file was not closed well, the next start checks it anyway.
        if let Err(error) = guarded(&self.path, |_| Ok(database.close()?)) {
            warn!("the state file was not closed well: {error}");
        }
    }
}

/// Makes changes in a transaction; the records that they replace go to `undo`, in the order of the changes
fn make(
    transaction: &WriteTransaction,
    changes: &[RecordChange],
    place: &Place,
    undo: &mut Vec<RecordChange>,
) -> Result<(), redb::Error> {
    for RecordChange { table, key, record } in changes {
        place.is(format!("the record `{key}` of `{}`", table.name()));
        let mut records = transaction.open_table(definition(*table))?;
        let before = match record {
            Some(record) => records.insert(&**key, &*with_checksum(*table, key, record))?,
            None => records.remove(&**key)?,
        };
        undo.push(RecordChange {
            table: *table,
            key: key.clone(),
            record: before.and_then(|bytes| Some(checked(*table, key, bytes.value())?.to_vec())),
        });
    }
    Ok(())
}

/// Commits a transaction, and then an empty one
///
/// A database has two commit slots, for the present commit and the one before; if the present one turns out to be
/// damaged, it silently goes back to the other. After the second commit both lead to the same records.
fn commit(
    database: &redb::Database,
    transaction: WriteTransaction,
    ChangeId(id): ChangeId,
) -> Result<(), redb::Error> {
    transaction
        .open_table(ABOUT)?
        .insert(LAST_CHANGE, &id.to_le_bytes()[..])?;
    transaction.commit()?;
    database.begin_write()?.commit()?;
    Ok(())
}

/// The version that a file says it is of
fn format(database: &redb::Database) -> Result<String, redb::Error> {
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

fn last_change(transaction: &ReadTransaction) -> Result<ChangeId, redb::Error> {
    let about = transaction.open_table(ABOUT)?;
    let id = about.get(LAST_CHANGE)?;
    let id = id.and_then(|id| id.value().try_into().ok());
    let missing = || redb::Error::Corrupted("the file does not say which change was its last".to_owned());
    Ok(ChangeId(u64::from_le_bytes(id.ok_or_else(missing)?)))
}

/// What in a file the database is working on
#[derive(Default)]
struct Place(RefCell<Option<String>>);

impl Place {
    fn is(&self, place: String) {
        self.0.replace(Some(place));
    }
}

/// Runs work on a database; its errors and panics become errors that name the file
fn guarded<T>(path: &Path, work: impl FnOnce(&Place) -> Result<T, redb::Error>) -> Result<T, StorageError> {
    let place = Place::default();
    let outcome = caught(|| work(&place));
    let path = path.to_path_buf();
    let damaged = |path, cause: String| {
        let cause = match place.0.take() {
            Some(place) => format!("at {place}: {cause}"),
            None => cause,
        };
        StorageError::Damaged { path, cause }
    };
    match outcome {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(redb::Error::DatabaseAlreadyOpen)) => Err(StorageError::InUse { path }),
        // The database's error for a file that does not begin as its files do.
        Ok(Err(redb::Error::Io(error))) if error.kind() == ErrorKind::InvalidData => {
            Err(StorageError::NoStateFile { path })
        }
        // The error that a damaged number leads to.
        Ok(Err(redb::Error::Io(error)))
            if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidInput) =>
        {
            Err(damaged(path, "it does not reach as far as it says".to_owned()))
        }
        Ok(Err(redb::Error::Io(error))) => Err(StorageError::Io { path, error }),
        Ok(Err(error @ (redb::Error::PreviousIo | redb::Error::DatabaseClosed))) => Err(StorageError::Io {
            path,
            error: std::io::Error::other(error),
        }),
        Ok(Err(redb::Error::Corrupted(message))) => Err(damaged(
            path,
            format!("its pages are not as they were written ({message})"),
        )),
        Ok(Err(error)) => Err(damaged(path, error.to_string())),
        Err(panic) => Err(damaged(path, format!("the database gave up: {panic}"))),
    }
}

type Definition = TableDefinition<'static, &'static str, &'static [u8]>;

fn definition(table: Table) -> Definition {
    TableDefinition::new(table.name())
}

/// What the file says about itself. The table has the types of the others although it holds a number, because the
/// database needs code of its own for each pair of types.
pub(super) const ABOUT: Definition = TableDefinition::new("about");
const LAST_CHANGE: &str = "last_change";

/// The version of the tables and of their content. A file of another version is refused: a program that does not know
/// all of it would serve without some of the policies that were attached.
pub(super) const FORMAT: &str = "4";

/// Those versions have the number as a number, in a table of another type
const FORMATS_OF_NUMBERS: &str = "1 or 2";

/// The version of another program's database
const NO_FORMAT: &str = "none";

/// All that is read of a file is read once, at the start; what is written to is a few pages
const CACHE_BYTES: usize = 4 * 1024 * 1024;
