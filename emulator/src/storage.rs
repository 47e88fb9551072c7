//! The state file: what operations have acknowledged, kept across a `kill -9`.
//!
//! An embedded database does the keeping. Every change is one transaction, on the disk before its call is answered; a
//! process that dies in the middle of one leaves the state as it was before. A record is a project, a dataset, or a
//! client token; what the configuration declares and nothing has touched is not in the file.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    identifiers::{AccountId, Region},
    lookoutvision::{
        manifest::Entries,
        store::{
            Declared, Overlay, State,
            dataset::{Creation, Dataset, Phase as DatasetPhase},
            idempotency::{FirstCall, TokenKey, Tokens},
            model::{Phase as ModelPhase, Training},
            project::{DatasetType, Project},
        },
    },
};

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

/// One change, to be made lasting
#[derive(Debug)]
pub(crate) struct Record<'c> {
    pub(crate) account_id: &'c AccountId,
    pub(crate) region: &'c Region,
    /// What becomes of projects
    pub(crate) projects: &'c Overlay,
    /// Where a deleted project has to be remembered
    pub(crate) declared: &'c Declared,
    /// The projects as they were, to tell which datasets are others now
    pub(crate) before: &'c BTreeMap<Arc<str>, Arc<Project>>,
    pub(crate) token: Option<&'c (TokenKey, FirstCall)>,
    /// Tokens that are not remembered any more
    pub(crate) forgotten: &'c [TokenKey],
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

    /// Where the file lies
    pub(crate) fn path(&self) -> &Path {
        &self.path
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

    /// Everything that is in the file
    ///
    /// # Errors
    /// When a record cannot be read.
    pub(crate) fn load(&self, tokens_max: usize) -> Result<(State, Tokens), StorageError> {
        let read = |table| self.read(table).map_err(|error| failed(&self.path, error));
        let mut datasets = BTreeMap::new();
        for (key, value) in read(DATASETS)? {
            let (dataset, lines, lines_before): (Dataset, String, String) = self.parse(&key, &value)?;
            let dataset = Dataset {
                entries: Arc::new(Entries::stored(&lines)),
                entries_before: Arc::new(Entries::stored(&lines_before)),
                ..dataset
            };
            datasets.insert(key, finished_dataset(dataset));
        }
        let mut state = State::default();
        for (key, value) in read(PROJECTS)? {
            let project: Option<Project> = self.parse(&key, &value)?;
            let (account_id, region, name) = self.parse_key(&key)?;
            let project = project.map(|mut project| {
                for dataset_type in DatasetType::ALL {
                    let dataset = datasets.remove(&format!("{key}/{}", dataset_type.as_str()));
                    project.set_dataset(dataset_type, dataset);
                }
                Arc::new(finished_trainings(project))
            });
            state.insert(&account_id, &region, name.into(), project);
        }
        let mut calls = Vec::new();
        for (key, value) in read(TOKENS)? {
            let call: FirstCall = self.parse(&key, &value)?;
            calls.push((TokenKey(key.into()), call));
        }
        calls.sort_by_key(|(_, call)| call.at);
        let mut tokens = Tokens::default();
        for (key, call) in calls {
            tokens.remember(key, call, tokens_max);
        }
        Ok((state, tokens))
    }

    /// Makes a change lasting: when this returns, it is on the disk
    ///
    /// # Errors
    /// When it cannot be written; nothing of it is there then.
    pub(crate) fn commit(&self, record: &Record<'_>) -> Result<(), StorageError> {
        self.write(record).map_err(|error| failed(&self.path, error))
    }

    fn write(&self, record: &Record<'_>) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        {
            let mut projects = transaction.open_table(PROJECTS)?;
            let mut datasets = transaction.open_table(DATASETS)?;
            for (name, project) in record.projects {
                let key = format!("{}/{}/{name}", record.account_id, record.region);
                if project.is_none() && !record.declared.has(record.region, name) {
                    projects.remove(&*key)?;
                } else {
                    projects.insert(&*key, &*json(&project))?;
                }
                let before = record.before.get(name);
                for dataset_type in DatasetType::ALL {
                    let of = |project: &Project| match dataset_type {
                        DatasetType::Train => project.train.clone(),
                        DatasetType::Test => project.test.clone(),
                    };
                    let was = before.and_then(|project| of(project));
                    let is = project.as_ref().and_then(|project| of(project));
                    let key = format!("{key}/{}", dataset_type.as_str());
                    match (was, is) {
                        // A dataset has many lines; one that is as it was is not written again.
                        (Some(was), Some(is)) if Arc::ptr_eq(&was, &is) => {}
                        (_, Some(is)) => {
                            let lines = (&*is, is.entries.to_lines(), is.entries_before.to_lines());
                            datasets.insert(&*key, &*json(&lines))?;
                        }
                        (_, None) => drop(datasets.remove(&*key)?),
                    }
                }
            }
            let mut tokens = transaction.open_table(TOKENS)?;
            if let Some((key, call)) = record.token {
                tokens.insert(&*key.0, &*json(call))?;
            }
            for key in record.forgotten {
                tokens.remove(&*key.0)?;
            }
        }
        transaction.commit()?;
        Ok(())
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

    fn parse_key<'k>(&self, key: &'k str) -> Result<(AccountId, Region, &'k str), StorageError> {
        let mut parts = key.splitn(3, '/');
        let mut part = || parts.next().unwrap_or_default();
        let (account_id, region, name) = (part(), part(), part());
        match (account_id.parse(), region.parse()) {
            (Ok(account_id), Ok(region)) => Ok((account_id, region, name)),
            _ => Err(self.unreadable(key, "its key names no account and Region".to_owned())),
        }
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

/// What nobody is at work on any more has failed.
fn finished_dataset(mut dataset: Dataset) -> Dataset {
    if let DatasetPhase::Creating(_, creation) = &mut dataset.phase
        && *creation == Creation::Unfinished
    {
        *creation = Creation::Fails(STOPPED.to_owned());
    }
    dataset
}

fn finished_trainings(mut project: Project) -> Project {
    for model in project.models.values_mut() {
        if matches!(model.phase, ModelPhase::Training(_, Training::Unfinished)) {
            let model = Arc::make_mut(model);
            if let ModelPhase::Training(_, outcome) = &mut model.phase {
                *outcome = Training::Fails(STOPPED.to_owned());
            }
        }
    }
    project
}

type Table = TableDefinition<'static, &'static str, &'static [u8]>;

const ABOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("about");
/// By account, Region and name; `null` where a declared project was deleted
const PROJECTS: Table = TableDefinition::new("projects");
/// By account, Region, name and type: the dataset, its lines, and its lines before the present update
const DATASETS: Table = TableDefinition::new("datasets");
const TOKENS: Table = TableDefinition::new("client_tokens");

const FORMAT: u64 = 1;

const STOPPED: &str = "The emulator was stopped while it was at work on this.";
