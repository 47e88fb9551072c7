//! A model packaging job.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::project::Started;
use crate::api::values::ModelPackagingConfiguration;

/// A job that packages a model as an AWS IoT Greengrass component
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PackagingJob {
    /// Its name
    pub name: String,
    /// The model that it packages
    pub model_version: String,
    /// The description from StartModelPackagingJob
    pub description: Option<String>,
    /// The configuration of the component
    pub configuration: ModelPackagingConfiguration,
    /// The version of the component: the requested one, or that of the model
    pub component_version: String,
    /// The phase `CREATED`
    pub waiting: Started,
    /// The phase `RUNNING`
    pub running: Started,
}

/// API model, `ModelPackagingJobStatus`, without `FAILED`: no job fails here
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackagingStatus {
    /// `CREATED`
    Created,
    /// `RUNNING`
    Running,
    /// `SUCCEEDED`
    Succeeded,
}

impl PackagingJob {
    /// Its status and status message
    // Guess: the messages.
    pub fn status(&self, now: Timestamp) -> (PackagingStatus, &'static str) {
        if !self.waiting.is_over(now) {
            (
                PackagingStatus::Created,
                "The model packaging job has been created.",
            )
        } else if !self.running.is_over(now) {
            (PackagingStatus::Running, "The model is being packaged.")
        } else {
            (
                PackagingStatus::Succeeded,
                "The model packaging job completed successfully.",
            )
        }
    }

    /// When its status last changed
    pub fn last_updated(&self, now: Timestamp) -> Timestamp {
        match self.status(now).0 {
            PackagingStatus::Created => self.waiting.at,
            PackagingStatus::Running => self.running.at,
            PackagingStatus::Succeeded => self.running.end(),
        }
    }
}

impl PackagingStatus {
    /// Its name in the API model
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
        }
    }
}
