//! Where acknowledged changes are kept: in memory, which keeps them for as long as the process lives, or in a state file.
//!
//! What is kept are records: a JSON text under a key, in one of eight tables. A record is a project, a dataset, what a
//! model has learned of images, or a client token ([`service`] writes and reads these), a VPC endpoint that was made or
//! changed, a role session, the rules that were put for a model, or the state of a scenario. What the configuration
//! declares is kept only when something has changed it.
//!
//! A change is committed before anybody sees it, and is visible before its call is answered. So an answered change
//! survives whatever the storage survives.

use std::{collections::BTreeMap, io, path::PathBuf};

use counters::Histogram;
use serde::{Serialize, de::DeserializeOwned};

mod memory;
mod state_file;

pub(crate) use self::{memory::Memory, state_file::StateFile};

/// Where acknowledged changes are kept
pub(crate) trait Storage: Send + Sync {
    /// Every record that was committed and that the storage has kept since
    ///
    /// # Errors
    /// When they cannot be read.
    fn load(&self) -> Result<Records, StorageError>;

    /// Keeps a change, whole or not at all
    ///
    /// Only a storage that keeps records calls `change`; the others save themselves the encoding.
    ///
    /// # Errors
    /// When it cannot be kept. Then no part of it is kept, or no further change is kept until that is certain.
    fn commit(&self, change: &dyn Fn() -> Vec<RecordChange>) -> Result<(), StorageError>;

    /// Keeps these records and no others, or goes on as it was
    ///
    /// Only a storage that keeps records calls `records`; the others save themselves the encoding.
    ///
    /// # Errors
    /// When they cannot be kept. Then everything is as it was, or no further change is kept until that is certain.
    fn replace(&self, records: &dyn Fn() -> Vec<RecordChange>) -> Result<(), StorageError>;

    /// Closes the storage: nothing is committed from now on, and another emulator can open it
    fn close(&self);

    /// Whether its calls wait for a disk, and so do not belong on a thread that serves
    fn waits_for_disk(&self) -> bool;

    /// Why no change can be kept at present; answers at once
    fn failure(&self) -> Option<String>;

    /// How long changes took to be kept, where that takes as long as a disk does
    fn commit_durations(&self) -> Option<&Histogram> {
        None
    }
}

/// A table of records
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    /// By account, Region and name; `null` where a declared project was deleted
    Projects,
    /// By account, Region, project and type: the dataset, its lines, and its lines before the present update
    Datasets,
    /// By account, Region, project and version: what a model answers for the images of its datasets
    LearnedImages,
    /// By account, Region, operation and token
    ClientTokens,
    /// By id: endpoints that were made, and overrides of declared ones
    VpcEndpoints,
    /// By access key id
    RoleSessions,
    /// By Region (`*`: every Region), project and version: the rules that were put for a model
    Rules,
    /// By name: the state of a scenario
    Scenarios,
}

impl Table {
    pub(crate) const ALL: [Self; 8] = [
        Self::Projects,
        Self::Datasets,
        Self::LearnedImages,
        Self::ClientTokens,
        Self::VpcEndpoints,
        Self::RoleSessions,
        Self::Rules,
        Self::Scenarios,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Projects => "projects",
            Self::Datasets => "datasets",
            Self::LearnedImages => "learned_images",
            Self::ClientTokens => "client_tokens",
            Self::VpcEndpoints => "vpc_endpoints",
            Self::RoleSessions => "role_sessions",
            Self::Rules => "rules",
            Self::Scenarios => "scenarios",
        }
    }
}

/// A change of one record; not `Debug`, because there are secrets in records
#[derive(Clone)]
pub(crate) struct RecordChange {
    pub(crate) table: Table,
    pub(crate) key: String,
    /// `None`: it is removed
    pub(crate) record: Option<Vec<u8>>,
}

impl RecordChange {
    pub(crate) fn put(table: Table, key: impl Into<String>, value: &impl Serialize) -> Self {
        let record = serde_json::to_vec(value).expect("structs of texts and numbers are JSON");
        Self {
            table,
            key: key.into(),
            record: Some(record),
        }
    }

    pub(crate) fn remove(table: Table, key: impl Into<String>) -> Self {
        Self {
            table,
            key: key.into(),
            record: None,
        }
    }
}

/// What a storage has kept; not `Debug`, because there are secrets in it
#[derive(Default)]
pub(crate) struct Records {
    /// The state file, for the message about a record that cannot be read
    path: PathBuf,
    tables: BTreeMap<Table, Vec<(String, Vec<u8>)>>,
}

impl Records {
    /// These records, as if a storage had kept them
    #[cfg(any(fuzzing, test))]
    pub(crate) fn of(records: impl IntoIterator<Item = (Table, String, Vec<u8>)>) -> Self {
        let mut tables: BTreeMap<Table, Vec<_>> = BTreeMap::new();
        for (table, key, record) in records {
            tables.entry(table).or_default().push((key, record));
        }
        Self {
            path: "state".into(),
            tables,
        }
    }

    /// Removes and returns the records of a table, each with its key, in the order of the keys
    ///
    /// # Errors
    /// When one cannot be read.
    pub(crate) fn take<T: DeserializeOwned>(
        &mut self,
        table: Table,
    ) -> Result<Vec<(String, T)>, StorageError> {
        let records = self.tables.remove(&table).unwrap_or_default();
        let parsed = records.into_iter().map(|(key, record)| {
            match serde_json::from_slice(&record) {
                Ok(record) => Ok((key, record)),
                // The message about a wrong value quotes it, and in this table it may be a secret.
                Err(_) if table == Table::RoleSessions => {
                    Err(self.unreadable(table, &key, "it is no role session"))
                }
                Err(error) => Err(self.unreadable(table, &key, error.to_string())),
            }
        });
        parsed.collect()
    }

    pub(crate) fn unreadable(&self, table: Table, key: &str, message: impl Into<String>) -> StorageError {
        StorageError::Record {
            path: self.path.clone(),
            table,
            key: key.to_owned(),
            message: message.into(),
        }
    }
}

/// The state file cannot be used
///
/// Each message names the file and, where something can be done, says what.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    #[error("`{}`: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("`{}` cannot be made: {error}", path.display())]
    NotMade { path: PathBuf, error: io::Error },
    #[error("`{}` is a folder, a device or a pipe, and the state is kept in a file: name another one", path.display())]
    NotAFile { path: PathBuf },
    #[error("`{}` is empty, which a state file never is: remove it, or name another file", path.display())]
    Empty { path: PathBuf },
    #[error(
        "`{}` is no state file, or its first bytes are damaged: name another file, or {START_AFRESH}",
        path.display()
    )]
    NoStateFile { path: PathBuf },
    #[error("`{}` is in use: stop the other emulator that has it open, or name another file", path.display())]
    InUse { path: PathBuf },
    #[error(
        "`{}` is a state file of another version ({found}; this is version {expected}): start the emulator that wrote it, or {START_AFRESH}",
        path.display()
    )]
    Format {
        path: PathBuf,
        found: String,
        expected: &'static str,
    },
    /// Something other than the emulator has written to it, or the disk does not return what was written
    #[error("`{}` is damaged, {cause}: put a copy from before in its place, or {START_AFRESH}", path.display())]
    Damaged { path: PathBuf, cause: String },
    /// The record is undamaged, but it is none that this emulator would have written
    #[error(
        "`{}`: the record `{key}` of `{}` cannot be read: {message}: start the emulator that wrote it, or {START_AFRESH}",
        path.display(),
        table.name()
    )]
    Record {
        path: PathBuf,
        table: Table,
        key: String,
        message: String,
    },
    /// A change failed and left the file in an unknown state, and the file could not be made anew
    #[error(
        "{cause}; and `{}` could not be made anew without that change ({error}). Nothing is changed until it can be",
        path.display()
    )]
    InDoubt {
        path: PathBuf,
        cause: String,
        error: String,
    },
    #[error("`{}` was changed by another emulator meanwhile: restart this one, with a file of its own", path.display())]
    Overtaken { path: PathBuf },
    #[error("`{}`: the emulator was stopped", path.display())]
    Closed { path: PathBuf },
}

const START_AFRESH: &str = "move it away to begin with what the configuration declares";

#[cfg(test)]
pub(crate) use self::state_file::testing;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_cannot_be_read_is_named_and_a_secret_is_not_repeated() {
        let record = vec![("id".to_owned(), b"\"wJalr\"".to_vec())];
        let mut records = Records {
            path: "state".into(),
            tables: [Table::VpcEndpoints, Table::RoleSessions]
                .map(|table| (table, record.clone()))
                .into(),
        };
        let problem = records.take::<u8>(Table::VpcEndpoints).unwrap_err().to_string();
        assert!(
            problem.starts_with(
                "`state`: the record `id` of `vpc_endpoints` cannot be read: invalid type: string"
            ),
            "{problem}"
        );
        let problem = records.take::<u8>(Table::RoleSessions).unwrap_err().to_string();
        assert!(
            problem.contains(" cannot be read: it is no role session: "),
            "{problem}"
        );
    }
}
