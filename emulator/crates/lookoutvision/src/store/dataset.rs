//! A dataset: its entries, in the order in which their images were added, and its phase.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ChangeNumber, project::Started};
use crate::{api::responses::DatasetImageStats, dataset_images::DatasetImages, manifest::Entries};

/// A dataset
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// When it was created
    pub created: Timestamp,
    /// Its phase
    pub phase: Phase,
    /// Its entries when the phase is over; stored separately in the state file, as lines
    #[serde(skip)]
    pub entries: Arc<Entries>,
    /// Its entries until then
    #[serde(skip)]
    pub entries_before: Arc<Entries>,
    /// Its images that were read, if models answer by them
    #[serde(default, skip_serializing_if = "has_no_images")]
    pub images: Arc<DatasetImages>,
}

/// A phase of a dataset, and how it ends
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// `CREATE_IN_PROGRESS`, then `CREATE_COMPLETE` or `CREATE_FAILED`
    Creating(Started, Creation),
    /// `UPDATE_IN_PROGRESS`, then `UPDATE_COMPLETE`
    Updating(Started),
    /// `UPDATE_IN_PROGRESS`, then `UPDATE_FAILED_ROLLBACK_IN_PROGRESS`, then `UPDATE_FAILED_ROLLBACK_COMPLETE`
    RollingBack {
        /// The update that fails
        update: Started,
        /// The rollback to its entries before the update
        rollback: Started,
        /// Why the update fails
        message: String,
    },
    /// `DELETE_IN_PROGRESS`, then gone
    Deleting(Started),
}

/// How a creation ends
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Creation {
    /// The manifest is still being read, for the change that began it
    Unfinished(ChangeNumber),
    /// With the entries of the manifest
    Succeeds,
    /// With an error, for this reason
    Fails(String),
}

/// API model, `DatasetStatus`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatasetStatus {
    /// `CREATE_IN_PROGRESS`
    CreateInProgress,
    /// `CREATE_COMPLETE`
    CreateComplete,
    /// `CREATE_FAILED`
    CreateFailed,
    /// `UPDATE_IN_PROGRESS`
    UpdateInProgress,
    /// `UPDATE_COMPLETE`
    UpdateComplete,
    /// `UPDATE_FAILED_ROLLBACK_IN_PROGRESS`
    UpdateFailedRollbackInProgress,
    /// `UPDATE_FAILED_ROLLBACK_COMPLETE`
    UpdateFailedRollbackComplete,
    /// `DELETE_IN_PROGRESS`
    DeleteInProgress,
}

impl DatasetStatus {
    /// Its name in the API model
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateInProgress => "CREATE_IN_PROGRESS",
            Self::CreateComplete => "CREATE_COMPLETE",
            Self::CreateFailed => "CREATE_FAILED",
            Self::UpdateInProgress => "UPDATE_IN_PROGRESS",
            Self::UpdateComplete => "UPDATE_COMPLETE",
            Self::UpdateFailedRollbackInProgress => "UPDATE_FAILED_ROLLBACK_IN_PROGRESS",
            Self::UpdateFailedRollbackComplete => "UPDATE_FAILED_ROLLBACK_COMPLETE",
            Self::DeleteInProgress => "DELETE_IN_PROGRESS",
        }
    }

    /// Whether something is in progress, so that the dataset cannot be used or changed
    pub fn is_in_progress(self) -> bool {
        matches!(
            self,
            Self::CreateInProgress
                | Self::UpdateInProgress
                | Self::UpdateFailedRollbackInProgress
                | Self::DeleteInProgress
        )
    }
}

impl Dataset {
    /// An empty dataset, ready at once
    pub fn empty(now: Timestamp) -> Self {
        Self::creating(Started { at: now, until: None }, Creation::Succeeds)
    }

    /// A dataset whose creation has started
    pub fn creating(started: Started, creation: Creation) -> Self {
        Self {
            created: started.at,
            phase: Phase::Creating(started, creation),
            entries: Arc::default(),
            entries_before: Arc::default(),
            images: Arc::default(),
        }
    }

    /// Whether its deletion is over
    pub fn is_gone(&self, now: Timestamp) -> bool {
        matches!(self.phase, Phase::Deleting(started) if started.is_over(now))
    }

    /// Its status and status message
    // `The dataset was created successfully.` is the service's (Developer Guide, *Getting started with the SDK*).
    // Guess: the others.
    pub fn status(&self, now: Timestamp) -> (DatasetStatus, &str) {
        match &self.phase {
            Phase::Creating(started, creation) => match creation {
                Creation::Succeeds if started.is_over(now) => (
                    DatasetStatus::CreateComplete,
                    "The dataset was created successfully.",
                ),
                Creation::Fails(message) if started.is_over(now) => (DatasetStatus::CreateFailed, message),
                _ => (DatasetStatus::CreateInProgress, "The dataset is being created."),
            },
            Phase::Updating(started) if started.is_over(now) => (
                DatasetStatus::UpdateComplete,
                "The dataset was updated successfully.",
            ),
            Phase::RollingBack {
                rollback, message, ..
            } if rollback.is_over(now) => (DatasetStatus::UpdateFailedRollbackComplete, message),
            Phase::RollingBack { update, message, .. } if update.is_over(now) => {
                (DatasetStatus::UpdateFailedRollbackInProgress, message)
            }
            Phase::Updating(_) | Phase::RollingBack { .. } => {
                (DatasetStatus::UpdateInProgress, "The dataset is being updated.")
            }
            Phase::Deleting(_) => (DatasetStatus::DeleteInProgress, "The dataset is being deleted."),
        }
    }

    /// When its phase ends, if the clock ends it
    pub fn ends_at(&self, now: Timestamp) -> Option<Timestamp> {
        let started = match &self.phase {
            Phase::Creating(started, _) | Phase::Updating(started) | Phase::Deleting(started) => started,
            Phase::RollingBack { update, rollback, .. } => {
                if update.is_over(now) {
                    rollback
                } else {
                    update
                }
            }
        };
        started.until.filter(|_| !started.is_over(now))
    }

    /// Its entries now
    pub fn entries(&self, now: Timestamp) -> &Arc<Entries> {
        if self.changes_are_seen(now) {
            &self.entries
        } else {
            &self.entries_before
        }
    }

    /// When it was last changed
    pub fn last_updated(&self, now: Timestamp) -> Timestamp {
        match &self.phase {
            Phase::Creating(started, Creation::Unfinished(_)) => started.at,
            Phase::Creating(started, _) | Phase::Updating(started) | Phase::Deleting(started) => {
                if started.is_over(now) {
                    started.end()
                } else {
                    started.at
                }
            }
            Phase::RollingBack { update, rollback, .. } => {
                if rollback.is_over(now) {
                    rollback.end()
                } else {
                    update.at
                }
            }
        }
    }

    /// How many entries there are of each kind
    pub fn image_stats(&self, now: Timestamp) -> DatasetImageStats {
        self.entries(now).stats()
    }

    /// Bytes of its entries, before and after a change in progress, and of its images
    pub fn bytes(&self) -> usize {
        let before = if Arc::ptr_eq(&self.entries, &self.entries_before) {
            0
        } else {
            self.entries_before.bytes()
        };
        self.entries.bytes() + before + self.images.bytes()
    }

    fn changes_are_seen(&self, now: Timestamp) -> bool {
        match &self.phase {
            Phase::Creating(started, _) | Phase::Updating(started) => started.is_over(now),
            Phase::RollingBack { .. } | Phase::Deleting(_) => true,
        }
    }
}

fn has_no_images(images: &Arc<DatasetImages>) -> bool {
    images.is_empty()
}
