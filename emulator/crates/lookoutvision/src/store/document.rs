//! The state as a document that people read, keep and write: [`Documents::of`] makes it from a state, and
//! [`Documents::into_state`] turns it back into one.
//!
//! A state is what differs from the configuration, and so is its document: a project that no operation has changed is
//! not in it. Every member has a name, and an unknown member is refused with its JSON Pointer.

use std::{collections::BTreeMap, sync::Arc};

use aws_identifiers::{AccountId, ModelVersion, ProjectName, Region};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    State,
    model::InferenceUnits,
    project::{DatasetType, Started},
};
use crate::{
    api::strict::Unfit,
    dataset_images::{DatasetImage, LabeledImage},
};

mod phases;
mod read;
mod write;

pub use self::phases::{DatasetPhase, ModelPhase, Outcome};

/// Projects, datasets and models of one account, in the order of their Regions and names
#[derive(Debug, Default, PartialEq)]
pub struct Documents {
    /// `/projects`
    pub projects: Vec<ProjectDocument>,
    /// `/datasets`
    pub datasets: Vec<DatasetDocument>,
    /// `/models`
    pub models: Vec<ModelDocument>,
}

/// A project that an operation has created, changed or deleted
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectDocument {
    /// The Region it is in
    pub region: Region,
    /// Its name
    pub name: ProjectName,
    /// Whether it is a declared project that was deleted; then it has no other members
    #[serde(default, skip_serializing_if = "is_false")]
    pub deleted: bool,
    /// When it was created
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// The version of its next model; if absent, the one after the highest
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_version: Option<u64>,
    /// Its model packaging jobs
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packaging_jobs: Vec<PackagingJobDocument>,
}

/// A model packaging job
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackagingJobDocument {
    /// Its name
    pub name: String,
    /// The model that it packages
    pub model_version: ModelVersion,
    /// The description from StartModelPackagingJob
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `Configuration` of StartModelPackagingJob
    pub configuration: Value,
    /// The version of the component
    pub component_version: String,
    /// The phase `CREATED`
    pub waiting: Started,
    /// The phase `RUNNING`
    pub running: Started,
}

/// A dataset
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetDocument {
    /// The Region of its project
    pub region: Region,
    /// The name of its project
    pub project: ProjectName,
    /// `train` or `test`
    #[serde(rename = "type")]
    pub dataset_type: DatasetType,
    /// When it was created
    pub created: Timestamp,
    /// Its phase
    pub phase: DatasetPhase,
    /// Its lines when the phase is over
    #[serde(default)]
    pub entries: Vec<String>,
    /// Its lines until then
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries_before: Vec<String>,
    /// Its images that were read, by `source-ref`, if models answer by them
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<Arc<str>, DatasetImage>,
}

/// A model
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelDocument {
    /// The Region of its project
    pub region: Region,
    /// The name of its project
    pub project: ProjectName,
    /// Its version
    pub version: ModelVersion,
    /// When it was created
    pub created: Timestamp,
    /// The description from CreateModel
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `OutputConfig` of CreateModel; absent for a declared model
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_config: Option<Value>,
    /// The key that CreateModel named
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// Resource tags
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The kind of its answers
    pub kind: KindDocument,
    /// Its phase
    pub phase: ModelPhase,
    /// When it was evaluated
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluated: Option<Timestamp>,
    /// What the last StartModel asked for
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference_units: Option<InferenceUnits>,
    /// What it answers for the images of its datasets
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learned: Vec<LabeledImage>,
}

/// The kind of a model's answers
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KindDocument {
    /// Whatever its rules say
    Declared,
    /// Neither `Anomalies` nor `AnomalyMask`
    Classification,
    /// Always both
    Segmentation,
}

/// The first moment that the emulator's clock can be set to: the year 1 is the first that a date in an answer can have
/// (RFC 3339, section 5.6: a year has four digits)
pub const FIRST_DATE: Timestamp = Timestamp::constant(-62_135_596_800, 0);

/// Why a document is not a state, or is a state that exceeds a limit
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Misfit {
    /// JSON Pointer of the mistake
    pub path: String,
    /// What is wrong, and what to do about it
    pub message: String,
}

impl Misfit {
    /// A mistake at a place
    pub fn at(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }

    /// Refuses a date that the emulator's clock can never have shown
    ///
    /// # Errors
    /// When it is before [`FIRST_DATE`].
    pub fn check_date(path: impl Into<String>, date: Timestamp) -> Result<(), Self> {
        if date >= FIRST_DATE {
            return Ok(());
        }
        Err(Self::at(path, format!("{date} is before {FIRST_DATE}")))
    }

    fn within(path: &str, unfit: Unfit) -> Self {
        Self::at(format!("{path}{}", unfit.path), unfit.message)
    }
}

impl Documents {
    /// The documents of one account in a state
    pub fn of(state: &State, account_id: &AccountId) -> Self {
        write::documents(state, account_id)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests;
