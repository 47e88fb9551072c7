//! What a configuration says about the service: the account, its projects and their models, how long things take, and
//! the limits.

use std::{collections::BTreeMap, time::Duration};

use aws_identifiers::{AccountId, ModelVersion, ProjectName, Region};

use crate::{canned::CannedRule, model::ModelStatus};

/// What a configuration says about the service
#[derive(Debug)]
pub struct Declarations {
    /// The account that everything belongs to
    pub account_id: AccountId,
    /// The declared projects
    pub projects: Vec<DeclaredProject>,
    /// How long the service's own transitions take
    pub timing: Timing,
    /// Whether a training needs as many images as the service documents
    pub minimum_images: MinimumImages,
    /// The limits
    pub limits: Limits,
    /// The seed of everything random
    pub seed: u64,
}

/// A declared project
#[derive(Debug)]
pub struct DeclaredProject {
    /// Its name
    pub name: ProjectName,
    /// The Region it is in; `None` for every Region
    pub region: Option<Region>,
    /// Its models
    pub models: Vec<DeclaredModel>,
    /// Rules for models that have none of their own
    pub detect_anomalies: Vec<CannedRule>,
    /// Whether it exists before CreateProject creates it
    pub exists: bool,
    /// Whether its trained models answer images of their datasets with label and mask, if no rule answers
    pub answers_from_datasets: bool,
    /// The status message of a CreateDataset that ends in CREATE_FAILED
    pub dataset_create_fails: Option<Box<str>>,
    /// The status message of a CreateModel that ends in TRAINING_FAILED
    pub training_fails: Option<Box<str>>,
    /// The status message of a StartModel that ends in HOSTING_FAILED
    pub hosting_fails: Option<Box<str>>,
}

/// A model that the configuration declares
#[derive(Debug)]
pub struct DeclaredModel {
    /// Its version, or its declared name
    pub version: ModelVersion,
    /// Its status; only a HOSTED model answers
    pub status: ModelStatus,
    /// Resource tags, as `aws:ResourceTag/…` sees them
    pub tags: BTreeMap<String, String>,
    /// Its rules, of which the first match answers; if none matches, the project's rules, then a normal result
    pub detect_anomalies: Vec<CannedRule>,
}

/// Whether a training needs as many images as the service documents
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MinimumImages {
    /// With fewer images it ends in TRAINING_FAILED
    Enforce,
    /// Any number of images is enough
    Ignore,
}

/// How long each thing takes, on the emulator's clock
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    /// From CREATE_IN_PROGRESS to CREATE_COMPLETE or CREATE_FAILED
    pub dataset_create: Duration,
    /// From UPDATE_IN_PROGRESS to UPDATE_COMPLETE, or to UPDATE_FAILED_ROLLBACK_IN_PROGRESS
    pub dataset_update: Duration,
    /// From UPDATE_FAILED_ROLLBACK_IN_PROGRESS to UPDATE_FAILED_ROLLBACK_COMPLETE
    pub dataset_rollback: Duration,
    /// From DELETE_IN_PROGRESS until the dataset is gone
    pub dataset_delete: Duration,
    /// From TRAINING to TRAINED or TRAINING_FAILED
    pub training: Duration,
    /// From STARTING_HOSTING to HOSTED or HOSTING_FAILED
    pub hosting_start: Duration,
    /// From STOPPING_HOSTING to TRAINED
    pub hosting_stop: Duration,
    /// From DELETING until the model is gone
    pub model_delete: Duration,
    /// From CREATED to RUNNING of a model packaging job
    pub packaging_start: Duration,
    /// From RUNNING to SUCCEEDED of a model packaging job
    pub packaging_run: Duration,
}

/// The limits of the service; the names are those of the configuration's `limits`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Projects that operations have created or changed, in all Regions
    pub projects_max: usize,
    /// Models of one project
    pub models_max: usize,
    /// Model packaging jobs of one project
    pub packaging_jobs_max: usize,
    /// Tags of one model
    pub tags_max: usize,
    /// Models of one Region in TRAINING at one time
    pub concurrent_trainings_max: usize,
    /// Images of one dataset
    pub dataset_entries_max: usize,
    /// Bytes of the manifest lines of all datasets together, and of the data that was read from their images
    pub datasets_bytes_max: usize,
    /// Client tokens that are remembered, each for at most 8 hours
    pub client_tokens_max: usize,
    /// Values in the JSON document of one request
    pub body_values_max: usize,
    /// Scenarios that have been set
    pub scenarios_max: usize,
}

/// The declared model of this version
pub fn find_model<'c>(project: &'c DeclaredProject, version: &str) -> Option<&'c DeclaredModel> {
    project
        .models
        .iter()
        .find(|model| model.version.as_str() == version)
}
