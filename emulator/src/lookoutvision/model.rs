//! Models and where they stand in their lives.

use std::collections::BTreeMap;

use crate::{identifiers::ModelVersion, lookoutvision::canned::CannedRule};

/// A model that the configuration declares
#[derive(Debug)]
pub struct DeclaredModel {
    /// Its version, or its declared name
    pub version: ModelVersion,
    /// Whether it answers
    pub status: ModelStatus,
    /// Resource tags, as `aws:ResourceTag/…` sees them
    pub tags: BTreeMap<String, String>,
    /// First match answers; none: a normal result
    pub detect_anomalies: Vec<CannedRule>,
}

/// The statuses of the API model, `ModelStatus`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelStatus {
    /// `TRAINING`
    Training,
    /// `TRAINED`
    Trained,
    /// `TRAINING_FAILED`
    TrainingFailed,
    /// `STARTING_HOSTING`
    StartingHosting,
    /// `HOSTED`: the only one that answers
    Hosted,
    /// `HOSTING_FAILED`
    HostingFailed,
    /// `STOPPING_HOSTING`
    StoppingHosting,
    /// `SYSTEM_UPDATING`
    SystemUpdating,
    /// `DELETING`
    Deleting,
}
