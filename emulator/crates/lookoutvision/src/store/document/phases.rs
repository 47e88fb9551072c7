//! Phases in a document: by name, with their times and outcomes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Misfit;
use crate::store::{
    dataset::{self, Creation},
    model::{self, Training},
    project::Started,
};

/// A phase of a dataset
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DatasetPhase {
    /// `CREATE_IN_PROGRESS`, then `CREATE_COMPLETE` or `CREATE_FAILED`
    Creating {
        /// When it began
        at: Timestamp,
        /// When it ends; if absent, with the answer
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// How it ends
        outcome: Outcome,
    },
    /// `UPDATE_IN_PROGRESS`, then `UPDATE_COMPLETE`
    Updating {
        /// When it began
        at: Timestamp,
        /// When it ends; if absent, with the answer
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// `UPDATE_IN_PROGRESS`, then the rollback
    RollingBack {
        /// The update that fails
        update: Started,
        /// The rollback to its entries before the update
        rollback: Started,
        /// Why the update fails
        message: String,
    },
    /// `DELETE_IN_PROGRESS`, then gone
    Deleting {
        /// When it began
        at: Timestamp,
        /// When it ends; if absent, with the answer
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
}

/// A phase of a model
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ModelPhase {
    /// `TRAINING`, then `TRAINED` or `TRAINING_FAILED`
    Training {
        /// When it began
        at: Timestamp,
        /// When it ends; if absent, with the answer
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// How it ends
        outcome: Outcome,
    },
    /// `TRAINED`
    Trained,
    /// `TRAINING_FAILED`
    TrainingFailed {
        /// Why
        message: String,
    },
    /// `STARTING_HOSTING`, then `HOSTED` or `HOSTING_FAILED`
    Starting {
        /// When it began
        at: Timestamp,
        /// When it ends; if absent, with the answer
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// How it ends
        outcome: Outcome,
    },
    /// `HOSTED`
    Hosted,
    /// `HOSTING_FAILED`
    HostingFailed {
        /// Why
        message: String,
    },
    /// `STOPPING_HOSTING`, then `TRAINED`
    Stopping {
        /// When it began
        at: Timestamp,
        /// When it ends; if absent, with the answer
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// `DELETING`, then gone
    Deleting {
        /// When it began
        at: Timestamp,
        /// When it ends; if absent, with the answer
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// `SYSTEM_UPDATING`
    SystemUpdating,
}

/// The outcome of a phase
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It succeeds
    Succeeds,
    /// It fails, for this reason
    Fails(String),
    /// Something is still being read from or written to S3 for it; when the document is read again, no task is working
    /// on it, so it fails
    Unfinished,
}

/// Why an unfinished phase in a document fails
pub(super) const CUT_OFF: &str = "The state was taken while the emulator was at work on this.";

impl DatasetPhase {
    /// Refuses dates that the emulator's clock can never have shown
    ///
    /// # Errors
    /// With the first such date; `path` is that of the phase.
    pub(super) fn check_dates(&self, path: &str) -> Result<(), Misfit> {
        match self {
            Self::Creating { at, until, .. } => check_dates(&format!("{path}/creating"), *at, *until),
            Self::Updating { at, until } => check_dates(&format!("{path}/updating"), *at, *until),
            Self::RollingBack { update, rollback, .. } => {
                check_started(&format!("{path}/rolling_back/update"), *update)?;
                check_started(&format!("{path}/rolling_back/rollback"), *rollback)
            }
            Self::Deleting { at, until } => check_dates(&format!("{path}/deleting"), *at, *until),
        }
    }
}

impl ModelPhase {
    /// Refuses dates that the emulator's clock can never have shown
    ///
    /// # Errors
    /// With the first such date; `path` is that of the phase.
    pub(super) fn check_dates(&self, path: &str) -> Result<(), Misfit> {
        let (name, at, until) = match self {
            Self::Training { at, until, .. } => ("training", at, until),
            Self::Starting { at, until, .. } => ("starting", at, until),
            Self::Stopping { at, until } => ("stopping", at, until),
            Self::Deleting { at, until } => ("deleting", at, until),
            Self::Trained
            | Self::TrainingFailed { .. }
            | Self::Hosted
            | Self::HostingFailed { .. }
            | Self::SystemUpdating => return Ok(()),
        };
        check_dates(&format!("{path}/{name}"), *at, *until)
    }
}

/// Like `check_dates`, for a phase by itself
pub(super) fn check_started(path: &str, Started { at, until }: Started) -> Result<(), Misfit> {
    check_dates(path, at, until)
}

fn check_dates(path: &str, at: Timestamp, until: Option<Timestamp>) -> Result<(), Misfit> {
    Misfit::check_date(format!("{path}/at"), at)?;
    until.map_or(Ok(()), |until| Misfit::check_date(format!("{path}/until"), until))
}

impl From<&dataset::Phase> for DatasetPhase {
    fn from(phase: &dataset::Phase) -> Self {
        match phase {
            dataset::Phase::Creating(Started { at, until }, creation) => Self::Creating {
                at: *at,
                until: *until,
                outcome: match creation {
                    Creation::Unfinished(_) => Outcome::Unfinished,
                    Creation::Succeeds => Outcome::Succeeds,
                    Creation::Fails(message) => Outcome::Fails(message.clone()),
                },
            },
            dataset::Phase::Updating(Started { at, until }) => Self::Updating {
                at: *at,
                until: *until,
            },
            dataset::Phase::RollingBack {
                update,
                rollback,
                message,
            } => Self::RollingBack {
                update: *update,
                rollback: *rollback,
                message: message.clone(),
            },
            dataset::Phase::Deleting(Started { at, until }) => Self::Deleting {
                at: *at,
                until: *until,
            },
        }
    }
}

impl From<DatasetPhase> for dataset::Phase {
    fn from(phase: DatasetPhase) -> Self {
        match phase {
            DatasetPhase::Creating { at, until, outcome } => Self::Creating(
                Started { at, until },
                match outcome.reason() {
                    None => Creation::Succeeds,
                    Some(reason) => Creation::Fails(reason),
                },
            ),
            DatasetPhase::Updating { at, until } => Self::Updating(Started { at, until }),
            DatasetPhase::RollingBack {
                update,
                rollback,
                message,
            } => Self::RollingBack {
                update,
                rollback,
                message,
            },
            DatasetPhase::Deleting { at, until } => Self::Deleting(Started { at, until }),
        }
    }
}

impl From<&model::Phase> for ModelPhase {
    fn from(phase: &model::Phase) -> Self {
        match phase {
            model::Phase::Training(Started { at, until }, training) => Self::Training {
                at: *at,
                until: *until,
                outcome: match training {
                    Training::Unfinished(_) => Outcome::Unfinished,
                    Training::Succeeds => Outcome::Succeeds,
                    Training::Fails(message) => Outcome::Fails(message.clone()),
                },
            },
            model::Phase::Trained => Self::Trained,
            model::Phase::TrainingFailed(message) => Self::TrainingFailed {
                message: message.clone(),
            },
            model::Phase::Starting(Started { at, until }, failure) => Self::Starting {
                at: *at,
                until: *until,
                outcome: match failure {
                    None => Outcome::Succeeds,
                    Some(message) => Outcome::Fails(message.clone()),
                },
            },
            model::Phase::Hosted => Self::Hosted,
            model::Phase::HostingFailed(message) => Self::HostingFailed {
                message: message.clone(),
            },
            model::Phase::Stopping(Started { at, until }) => Self::Stopping {
                at: *at,
                until: *until,
            },
            model::Phase::Deleting(Started { at, until }) => Self::Deleting {
                at: *at,
                until: *until,
            },
            model::Phase::SystemUpdating => Self::SystemUpdating,
        }
    }
}

impl From<ModelPhase> for model::Phase {
    fn from(phase: ModelPhase) -> Self {
        match phase {
            ModelPhase::Training { at, until, outcome } => Self::Training(
                Started { at, until },
                match outcome.reason() {
                    None => Training::Succeeds,
                    Some(reason) => Training::Fails(reason),
                },
            ),
            ModelPhase::Trained => Self::Trained,
            ModelPhase::TrainingFailed { message } => Self::TrainingFailed(message),
            ModelPhase::Starting { at, until, outcome } => {
                Self::Starting(Started { at, until }, outcome.reason())
            }
            ModelPhase::Hosted => Self::Hosted,
            ModelPhase::HostingFailed { message } => Self::HostingFailed(message),
            ModelPhase::Stopping { at, until } => Self::Stopping(Started { at, until }),
            ModelPhase::Deleting { at, until } => Self::Deleting(Started { at, until }),
            ModelPhase::SystemUpdating => Self::SystemUpdating,
        }
    }
}

impl Outcome {
    /// Why it fails; `None` if it succeeds
    fn reason(self) -> Option<String> {
        match self {
            Self::Succeeds => None,
            Self::Fails(reason) => Some(reason),
            Self::Unfinished => Some(CUT_OFF.to_owned()),
        }
    }
}
