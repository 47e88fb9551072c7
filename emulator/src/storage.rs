//! The state file: what was answered is in it, and stays there across a `kill -9`.
//!
//! An embedded database does the keeping. Every change is one transaction, on the disk before its call is answered; a
//! process that dies in the middle of one leaves the state as it was before. A record is a text of JSON under a key: a
//! project, a dataset or a client token (`projects`). What the configuration declares and nothing has touched is not in
//! the file.

use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Serialize, de::DeserializeOwned};

mod projects;

pub(crate) use self::projects::Record;
use self::projects::{DATASETS, PROJECTS, TOKENS};

/// The state file, open
pub(crate) struct Storage {
    database: Database,
    path: PathBuf,
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
    #[error("`{}` is a state file of another version ({found}; this is version {FORMAT})", path.display())]
    Format { path: PathBuf, found: u64 },
}

impl Storage {
    /// Opens a state file, or makes it
    ///
    /// # Errors
    /// When it cannot be opened, is open in another process, or was written by another version.
    pub(crate) fn open(path: &Path) -> Result<Self, StorageError> {
        let wrong = |error: redb::Error| failed(path, error);
        let database = Database::create(path).map_err(|error| wrong(error.into()))?;
        let storage = Self {
            database,
            path: path.to_path_buf(),
        };
        let found = storage.initialise().map_err(wrong)?;
        if found == FORMAT {
            Ok(storage)
        } else {
            Err(StorageError::Format {
                path: path.to_path_buf(),
                found,
            })
        }
    }

    fn initialise(&self) -> Result<u64, redb::Error> {
        let transaction = self.database.begin_write()?;
        let found = {
            let mut about = transaction.open_table(ABOUT)?;
            let found = about.get("format")?.map(|value| value.value());
            if found.is_none() {
                about.insert("format", FORMAT)?;
            }
            transaction.open_table(PROJECTS)?;
            transaction.open_table(DATASETS)?;
            transaction.open_table(TOKENS)?;
            found.unwrap_or(FORMAT)
        };
        transaction.commit()?;
        Ok(found)
    }

    /// Takes everything out
    ///
    /// # Errors
    /// When it cannot be written; everything is still there then.
    pub(crate) fn clear(&self) -> Result<(), StorageError> {
        let clear = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            for table in [PROJECTS, DATASETS, TOKENS] {
                transaction.open_table(table)?.retain(|_, _| false)?;
            }
            transaction.commit()?;
            Ok(())
        };
        clear().map_err(|error| failed(&self.path, error))
    }

    fn read(&self, table: Table) -> Result<Vec<(String, Vec<u8>)>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let table = transaction.open_table(table)?;
        let mut records = Vec::new();
        for record in table.iter()? {
            let (key, value) = record?;
            records.push((key.value().to_owned(), value.value().to_vec()));
        }
        Ok(records)
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

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("structs of texts and numbers are JSON")
}

type Table = TableDefinition<'static, &'static str, &'static [u8]>;

const ABOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("about");

const FORMAT: u64 = 1;
