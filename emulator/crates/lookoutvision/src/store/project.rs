//! A project: its datasets, its models, its packaging jobs, and the number of its next model.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{dataset::Dataset, model::Model, packaging::PackagingJob};
use crate::declared::DeclaredProject;

/// A project
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// Its name
    pub name: Arc<str>,
    /// When it was created
    pub created: Timestamp,
    /// The training set; stored separately in the state file, because of its size
    #[serde(skip)]
    pub train: Option<Arc<Dataset>>,
    /// The test set; stored separately as well
    #[serde(skip)]
    pub test: Option<Arc<Dataset>>,
    /// Its models, by version
    pub models: BTreeMap<Arc<str>, Arc<Model>>,
    /// The version of the next model; only ever increases, so that no version is used twice
    pub next_version: u64,
    /// Its packaging jobs, by name
    pub packaging_jobs: BTreeMap<Arc<str>, Arc<PackagingJob>>,
}

/// Which of a project's datasets
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatasetType {
    /// `train`
    Train,
    /// `test`
    Test,
}

/// A phase that ends by itself
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Started {
    /// When it began
    pub at: Timestamp,
    /// When it ends; `None` means with the answer of the call that began it, whatever happens to the clock
    pub until: Option<Timestamp>,
}

impl Started {
    /// A phase that begins now
    pub fn new(now: Timestamp, duration: Duration) -> Self {
        let until = SignedDuration::try_from(duration).ok();
        let until = until.filter(|duration| !duration.is_zero());
        Self {
            at: now,
            until: until.map(|duration| now.checked_add(duration).unwrap_or(Timestamp::MAX)),
        }
    }

    /// The phase that follows this one
    pub fn then(self, duration: Duration) -> Self {
        let next = Self::new(self.end(), duration);
        // A phase that follows one that is not over is not over either.
        Self {
            until: next.until.or(self.until),
            ..next
        }
    }

    /// Whether it is over
    pub fn is_over(self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now >= until)
    }

    /// When it is over
    pub fn end(self) -> Timestamp {
        self.until.unwrap_or(self.at)
    }
}

impl DatasetType {
    /// Both types
    pub const ALL: [Self; 2] = [Self::Train, Self::Test];

    /// Its name in the API
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }

    /// The type that a request names; its constraints must be checked before
    pub fn of(name: &str) -> Self {
        match name {
            "train" => Self::Train,
            _ => Self::Test,
        }
    }
}

impl Project {
    /// A project without anything in it
    pub fn new(name: &str, now: Timestamp) -> Self {
        Self {
            name: name.into(),
            created: now,
            train: None,
            test: None,
            models: BTreeMap::new(),
            next_version: 1,
            packaging_jobs: BTreeMap::new(),
        }
    }

    /// A project as the configuration declares it
    pub fn declared(declared: &DeclaredProject, started: Timestamp) -> Self {
        let mut project = Self::new(declared.name.as_str(), started);
        for model in &declared.models {
            let model = Model::declared(model, started);
            if let Some(number) = model.number() {
                project.next_version = project.next_version.max(number + 1);
            }
            project.models.insert(model.version.clone(), Arc::new(model));
        }
        project
    }

    /// One of the datasets, unless it has been deleted
    pub fn dataset(&self, dataset_type: DatasetType, now: Timestamp) -> Option<&Arc<Dataset>> {
        let dataset = match dataset_type {
            DatasetType::Train => &self.train,
            DatasetType::Test => &self.test,
        };
        dataset.as_ref().filter(|dataset| !dataset.is_gone(now))
    }

    /// The datasets that exist, the training set first
    pub fn datasets(&self, now: Timestamp) -> impl Iterator<Item = (DatasetType, &Arc<Dataset>)> {
        DatasetType::ALL
            .into_iter()
            .filter_map(move |dataset_type| Some((dataset_type, self.dataset(dataset_type, now)?)))
    }

    /// Sets or removes a dataset
    pub fn set_dataset(&mut self, dataset_type: DatasetType, dataset: Option<Dataset>) {
        let dataset = dataset.map(Arc::new);
        match dataset_type {
            DatasetType::Train => self.train = dataset,
            DatasetType::Test => self.test = dataset,
        }
    }

    /// Bytes of its datasets, and of what its models have learned about their images
    pub fn datasets_bytes(&self) -> usize {
        let datasets = [&self.train, &self.test].into_iter().flatten();
        let of_datasets: usize = datasets.map(|dataset| dataset.bytes()).sum();
        let of_models: usize = self.models.values().map(|model| model.learned.bytes()).sum();
        of_datasets + of_models
    }

    /// The models that exist
    pub fn models_at(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Model>> {
        self.models.values().filter(move |model| !model.is_gone(now))
    }

    /// The project without models and datasets whose deletion is over
    pub(super) fn pruned(mut self, now: Timestamp) -> Self {
        self.models.retain(|_, model| !model.is_gone(now));
        for dataset in [&mut self.train, &mut self.test] {
            if dataset.as_ref().is_some_and(|dataset| dataset.is_gone(now)) {
                *dataset = None;
            }
        }
        self
    }
}
