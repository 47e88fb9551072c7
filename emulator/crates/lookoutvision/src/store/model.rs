//! A model: where it comes from, and its phase.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{ChangeNumber, project::Started};
use crate::{
    api::values::OutputConfig, dataset_images::LabeledImages, declared::DeclaredModel, model::ModelStatus,
};

/// A model
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Its version: a number, or a name for a declared model
    pub version: Arc<str>,
    /// When it was created
    pub created: Timestamp,
    /// The description from CreateModel
    pub description: Option<String>,
    /// `OutputConfig` of CreateModel; `None` for a declared model, which was never trained
    pub output_config: Option<OutputConfig>,
    /// The key that CreateModel named
    pub kms_key_id: Option<String>,
    /// Resource tags, as `aws:ResourceTag/…` sees them; shared, because every call that is authorised on the model
    /// reads them
    pub tags: Arc<BTreeMap<String, String>>,
    /// The kind of its answers
    pub kind: ModelKind,
    /// Its phase
    pub phase: Phase,
    /// When it was evaluated; set once the training has succeeded
    pub evaluated: Option<Timestamp>,
    /// What the last StartModel asked for
    pub units: Option<InferenceUnits>,
    /// What it answers for the images of its datasets; stored separately in the state file, because of its size
    #[serde(skip)]
    pub learned: Arc<LabeledImages>,
}

/// The kind of a model's answers
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModelKind {
    /// Whatever its rules say
    Declared,
    /// Neither `Anomalies` nor `AnomalyMask`
    Classification,
    /// Always both
    Segmentation,
}

/// `MinInferenceUnits` and `MaxInferenceUnits`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InferenceUnits {
    /// `MinInferenceUnits`
    pub min: i64,
    /// `MaxInferenceUnits`
    pub max: Option<i64>,
}

/// A phase of a model, and how it ends
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// `TRAINING`, then `TRAINED` or `TRAINING_FAILED`
    Training(Started, Training),
    /// `TRAINED`
    Trained,
    /// `TRAINING_FAILED`
    TrainingFailed(String),
    /// `STARTING_HOSTING`, then `HOSTED` or, with a message, `HOSTING_FAILED`
    Starting(Started, Option<String>),
    /// `HOSTED`
    Hosted,
    /// `HOSTING_FAILED`
    HostingFailed(String),
    /// `STOPPING_HOSTING`, then `TRAINED`
    Stopping(Started),
    /// `DELETING`, then gone
    Deleting(Started),
    /// `SYSTEM_UPDATING`, for declared models only
    SystemUpdating,
}

/// How a training ends
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Training {
    /// The evaluation is still being written, for the change that began it
    Unfinished(ChangeNumber),
    /// With a trained model
    Succeeds,
    /// With an error, for this reason
    Fails(String),
}

/// A version with more digits is a name and not a number
const VERSION_DIGITS_MAX: usize = 10;
/// The highest number that a version can have
pub(crate) const VERSION_NUMBER_MAX: u64 = 9_999_999_999;

impl Model {
    /// A model as the configuration declares it
    pub fn declared(declared: &DeclaredModel, started: Timestamp) -> Self {
        // A declared status is permanent: none of these phases ends by itself.
        let for_ever = Started {
            at: started,
            until: Some(Timestamp::MAX),
        };
        let (phase, evaluated) = match declared.status {
            ModelStatus::Training => (Phase::Training(for_ever, Training::Succeeds), false),
            ModelStatus::Trained => (Phase::Trained, true),
            ModelStatus::TrainingFailed => (Phase::TrainingFailed("The training failed.".to_owned()), false),
            ModelStatus::StartingHosting => (Phase::Starting(for_ever, None), true),
            ModelStatus::Hosted => (Phase::Hosted, true),
            ModelStatus::HostingFailed => (
                Phase::HostingFailed("The model could not be started.".to_owned()),
                true,
            ),
            ModelStatus::StoppingHosting => (Phase::Stopping(for_ever), true),
            ModelStatus::SystemUpdating => (Phase::SystemUpdating, true),
            ModelStatus::Deleting => (Phase::Deleting(for_ever), true),
        };
        Self {
            version: declared.version.as_str().into(),
            created: started,
            description: None,
            output_config: None,
            kms_key_id: None,
            tags: Arc::new(declared.tags.clone()),
            kind: ModelKind::Declared,
            phase,
            evaluated: evaluated.then(|| after(started)),
            units: matches!(declared.status, ModelStatus::Hosted)
                .then_some(InferenceUnits { min: 1, max: None }),
            learned: Arc::default(),
        }
    }

    /// The number of its version; declared names have none
    pub fn number(&self) -> Option<u64> {
        let digits = self.version.as_bytes();
        let is_number =
            digits.len() <= VERSION_DIGITS_MAX && digits.first().is_some_and(|first| *first != b'0');
        // Ten digits fit into 64 bits.
        let number = self.version.parse().ok();
        number.filter(|_| is_number && digits.iter().all(u8::is_ascii_digit))
    }

    /// Whether its deletion is over
    pub fn is_gone(&self, now: Timestamp) -> bool {
        matches!(self.phase, Phase::Deleting(started) if started.is_over(now))
    }

    /// Whether it is being trained and the training is not over
    pub fn is_in_training(&self, now: Timestamp) -> bool {
        matches!(self.phase, Phase::Training(started, _) if !started.is_over(now))
    }

    /// Its status and status message
    // The first two and that of HOSTED are the service's (Developer Guide, *Getting started with the SDK*, and an output
    // saved in youngmki/amazon-lookout-for-vision). Guess: the others.
    pub fn status(&self, now: Timestamp) -> (ModelStatus, &str) {
        const TRAINED: (ModelStatus, &str) = (ModelStatus::Trained, "Training completed successfully.");
        const HOSTED: (ModelStatus, &str) = (ModelStatus::Hosted, "The model is running.");
        match &self.phase {
            Phase::Training(started, outcome) => match outcome {
                Training::Succeeds if started.is_over(now) => TRAINED,
                Training::Fails(message) if started.is_over(now) => (ModelStatus::TrainingFailed, message),
                _ => (ModelStatus::Training, "The model is being trained."),
            },
            Phase::Trained => TRAINED,
            Phase::TrainingFailed(message) => (ModelStatus::TrainingFailed, message),
            Phase::Starting(started, outcome) => match outcome {
                _ if !started.is_over(now) => (ModelStatus::StartingHosting, "The model is being started."),
                None => HOSTED,
                Some(message) => (ModelStatus::HostingFailed, message),
            },
            Phase::Hosted => HOSTED,
            Phase::HostingFailed(message) => (ModelStatus::HostingFailed, message),
            Phase::Stopping(started) if started.is_over(now) => TRAINED,
            Phase::Stopping(_) => (ModelStatus::StoppingHosting, "The model is being stopped."),
            Phase::Deleting(_) => (ModelStatus::Deleting, "The model is being deleted."),
            Phase::SystemUpdating => (ModelStatus::SystemUpdating, "The model is being updated."),
        }
    }

    /// When its phase ends, if the clock ends it
    pub fn ends_at(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.phase {
            Phase::Training(started, _)
            | Phase::Starting(started, _)
            | Phase::Stopping(started)
            | Phase::Deleting(started) => started.until.filter(|_| !started.is_over(now)),
            Phase::Trained
            | Phase::TrainingFailed(_)
            | Phase::Hosted
            | Phase::HostingFailed(_)
            | Phase::SystemUpdating => None,
        }
    }

    /// When it was evaluated, once its status shows that the training has succeeded
    pub fn evaluated(&self, now: Timestamp) -> Option<Timestamp> {
        let evaluated = match &self.phase {
            Phase::Training(started, _) => Some(started.end().max(after(self.created))),
            _ => self.evaluated,
        };
        let status = self.status(now).0;
        evaluated.filter(|_| !matches!(status, ModelStatus::Training | ModelStatus::TrainingFailed))
    }
}

// Sample programs subtract the creation from the evaluation and expect a training to take some time.
fn after(created: Timestamp) -> Timestamp {
    created
        .checked_add(SignedDuration::from_millis(1))
        .unwrap_or(Timestamp::MAX)
}
