//! Canned answers: which rule answers a call of DetectAnomalies, and with what.
//!
//! A model has a list of rules, and so has its project. Rules that a test has put come first, then the model's list,
//! then the project's. The first rule whose conditions all hold answers; if there is none, the answer is the label that
//! the model has learned for the image, or else a normal result. Rules are checked when the configuration is loaded or
//! when they are put, so that no request finds a mistake in one.

mod drawn;
mod recorded;
mod segmentation;

use std::{
    borrow::Cow, cell::OnceCell, collections::BTreeMap, fmt, num::NonZeroU64, str::FromStr, sync::Arc,
};

use aws_identifiers::VpcEndpointId;

pub use self::segmentation::BACKGROUND_NAME;
pub use self::{
    drawn::{ConfidenceRange, Delay, Draw},
    recorded::{RECORDED_ANSWER_BYTES_MAX, RecordedAnswer, RecordedAnswerError},
    segmentation::{Anomaly, AnomalyName, Color, REGIONS_MAX, Rectangle, Segmentation, SegmentationError},
};
pub use crate::image::ImageFormat;
use crate::{
    image::Image,
    infallible::sha256,
    scenarios::{self, States},
};

/// One rule of a `detect_anomalies` list
#[derive(Debug, Clone)]
pub struct CannedRule {
    /// The conditions, all of which must hold
    pub when: When,
    /// The answer
    pub then: Then,
    /// A range from which the confidence is drawn, in place of the confidence in `then`
    pub confidence: Option<ConfidenceRange>,
    /// How long the answer is delayed
    pub delay: Option<Delay>,
    /// The next states of scenarios, by name
    pub set_scenario: BTreeMap<Box<str>, Box<str>>,
    /// The rule as it was written, to be shown to people
    pub written: Arc<serde_json::Value>,
}

/// Rules of a model that were put while the emulator runs
#[derive(Debug, Clone, Default)]
pub struct PutRules {
    /// Checked before all others
    pub rules: Vec<PutRule>,
    /// Whether they replace the model's rules in the configuration
    pub replaces_declared: bool,
}

/// A rule that was put while the emulator runs
#[derive(Debug, Clone)]
pub struct PutRule {
    /// Its number; `1` is shown as `r-1`
    pub id: u64,
    /// The rule
    pub rule: Arc<CannedRule>,
}

/// Every rule that may answer a call, in the order in which they are checked
#[derive(Debug, Clone, Copy, Default)]
pub struct RuleLists<'s> {
    /// Those that were put while the emulator runs
    pub put: Option<&'s PutRules>,
    /// The model's own in the configuration
    pub model: &'s [CannedRule],
    /// Those of its project
    pub project: &'s [CannedRule],
}

/// The conditions of a rule on a call; an absent condition always holds
#[derive(Debug, Clone, Default)]
pub struct When {
    /// SHA-256 of the image
    pub image_sha256: Option<[u8; 32]>,
    /// The Content-Type, `image/jpeg` or `image/png`
    pub content_type: Option<ImageFormat>,
    /// Size of the image in bytes, both ends included
    pub image_bytes: Option<Between>,
    /// Width of the image in pixels, both ends included
    pub width: Option<Between>,
    /// Height of the image in pixels, both ends included
    pub height: Option<Between>,
    /// The caller's ARN; `*` stands for any characters
    pub principal: Option<Box<str>>,
    /// The access key id that the call was signed with
    pub access_key_id: Option<Box<str>>,
    /// The endpoint that the call came through
    pub vpc_endpoint_id: Option<VpcEndpointId>,
    /// The current states of scenarios, by name
    pub scenario: BTreeMap<Box<str>, Box<str>>,
    /// Which call of this model it is, counted from 1 since the start or the last reset
    pub call: Option<CallNumbers>,
}

/// A range with both ends included
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Between {
    /// The smallest value
    pub from: u64,
    /// The largest value
    pub to: u64,
}

/// Calls by their numbers, which are counted from 1
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallNumbers {
    /// The first and the last call
    pub between: Between,
    /// Every how many calls, beginning with the first; 1 means all of them
    pub every: NonZeroU64,
}

/// What a rule answers
#[derive(Debug, Clone)]
pub enum Then {
    /// A classification model's answer: no `Anomalies`, no `AnomalyMask`
    Classification(Verdict),
    /// A segmentation model's answer, its mask painted for the uploaded image
    Segmentation(Segmentation),
    /// A recorded answer, exactly as on the wire
    Recorded(RecordedAnswer),
    /// An error of the service
    Error(CannedError),
}

/// The result for the image as a whole
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// `IsAnomalous`
    pub is_anomalous: bool,
    /// `Confidence`
    pub confidence: Confidence,
}

/// A confidence: a 32-bit float from 0 to 1, as the service computes it
///
/// Normal and anomalous answers may both have any confidence in this range: saved answers of the service hold normal
/// results as low as 0.3112.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Confidence(f32);

/// An error that a rule answers with
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CannedError {
    code: DetectAnomaliesError,
    message: Box<str>,
    retry_after_seconds: Option<u32>,
}

/// The errors that the API model lists for DetectAnomalies
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetectAnomaliesError {
    /// 403
    AccessDeniedException,
    /// 500
    InternalServerException,
    /// 400
    ValidationException,
    /// 409
    ConflictException,
    /// 404
    ResourceNotFoundException,
    /// 429
    ThrottlingException,
}

/// What the conditions of rules can look at in a call
#[derive(Debug)]
pub struct Call<'r> {
    /// Format and size of the image
    pub image: Image,
    /// The image
    pub body: &'r [u8],
    /// SHA-256 of the image, once it is known or was needed
    pub body_sha256: OnceCell<[u8; 32]>,
    /// The caller's ARN
    pub principal: &'r str,
    /// The access key id that the call was signed with
    pub access_key_id: &'r str,
    /// The endpoint that the call came through, if it came through one
    pub vpc_endpoint_id: Option<&'r VpcEndpointId>,
    /// Which call of this model it is, counted from 1
    pub number: u64,
}

/// Which rule answered; its `Display` is what the journal shows
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleRef {
    /// The rule of this number that was put while the emulator runs
    Put(u64),
    /// The model's own rule at this index
    Model(usize),
    /// The project's rule at this index
    Project(usize),
    /// No rule matched; the image is one of a dataset, and the answer is its label
    Dataset,
    /// No rule matched; the answer is a normal result
    Default,
}

impl<'s> RuleLists<'s> {
    /// The first rule that matches the call, with the scenarios in these states
    pub fn first_match(self, call: &Call<'_>, states: &States) -> (RuleRef, Option<&'s CannedRule>) {
        let found = self.all().find(|(_, rule)| rule.when.matches(call, states));
        match found {
            Some((rule_ref, rule)) => (rule_ref, Some(rule)),
            None => (RuleRef::Default, None),
        }
    }

    /// Whether any rule depends on a scenario or sets one
    pub fn use_scenarios(self) -> bool {
        self.all()
            .any(|(_, rule)| !rule.when.scenario.is_empty() || !rule.set_scenario.is_empty())
    }

    /// Whether any rule sets a scenario
    pub fn set_scenarios(self) -> bool {
        self.all().any(|(_, rule)| !rule.set_scenario.is_empty())
    }

    fn all(self) -> impl Iterator<Item = (RuleRef, &'s CannedRule)> {
        let put = self.put.map_or(&[][..], |put| &put.rules);
        let put = put.iter().map(|put| (RuleRef::Put(put.id), &*put.rule));
        let has_declared = !self.put.is_some_and(|put| put.replaces_declared);
        let model = if has_declared { self.model } else { &[] };
        let model = model.iter().enumerate();
        let project = self.project.iter().enumerate();
        put.chain(model.map(|(index, rule)| (RuleRef::Model(index), rule)))
            .chain(project.map(|(index, rule)| (RuleRef::Project(index), rule)))
    }
}

impl CannedRule {
    /// A rule that answers every call this way
    pub fn new(then: Then) -> Self {
        Self {
            when: When::default(),
            then,
            confidence: None,
            delay: None,
            set_scenario: BTreeMap::new(),
            written: Arc::default(),
        }
    }
}

impl When {
    /// Whether every condition of the rule holds
    pub fn matches(&self, call: &Call<'_>, states: &States) -> bool {
        // The hash comes last, because it may have to be computed.
        self.content_type.is_none_or(|format| format == call.image.format)
            && self
                .image_bytes
                .is_none_or(|range| range.contains(call.body.len() as u64))
            && self
                .width
                .is_none_or(|range| range.contains(call.image.width.into()))
            && self
                .height
                .is_none_or(|range| range.contains(call.image.height.into()))
            && self
                .principal
                .as_deref()
                .is_none_or(|pattern| client_text::fits(pattern, call.principal))
            && self
                .access_key_id
                .as_deref()
                .is_none_or(|id| id == call.access_key_id)
            && self
                .vpc_endpoint_id
                .as_ref()
                .is_none_or(|id| Some(id) == call.vpc_endpoint_id)
            && self.call.is_none_or(|calls| calls.contain(call.number))
            && self
                .scenario
                .iter()
                .all(|(name, state)| scenarios::state_of(states, name) == &**state)
            && self
                .image_sha256
                .is_none_or(|sha256| sha256 == call.body_sha256())
    }
}

impl Call<'_> {
    /// SHA-256 of the image; computed when first needed, unless the signature already needed it
    pub(crate) fn body_sha256(&self) -> [u8; 32] {
        *self.body_sha256.get_or_init(|| sha256(self.body))
    }
}

impl Between {
    /// Whether the value lies in the range
    pub fn contains(self, value: u64) -> bool {
        (self.from..=self.to).contains(&value)
    }
}

impl CallNumbers {
    /// Whether the call of this number is one of them
    pub fn contain(self, number: u64) -> bool {
        let since_first = number.saturating_sub(self.between.from);
        self.between.contains(number) && since_first % self.every == 0
    }
}

/// All calls from the first to the last
impl From<Between> for CallNumbers {
    fn from(between: Between) -> Self {
        Self {
            between,
            every: NonZeroU64::MIN,
        }
    }
}

impl Verdict {
    /// The answer when no rule matches: the service's result for a normal image
    /// (Lookout for Vision developer guide, *Detecting anomalies in an image*)
    pub const NORMAL: Self = Self {
        is_anomalous: false,
        confidence: Confidence(0.999_996_4),
    };

    /// The same for a segmentation model (Lookout for Vision developer guide, *Getting started*)
    pub const NORMAL_SEGMENTATION: Self = Self {
        is_anomalous: false,
        confidence: Confidence(0.991_640_1),
    };
}

impl Confidence {
    /// The number
    pub fn get(self) -> f32 {
        self.0
    }
}

impl TryFrom<f64> for Confidence {
    type Error = ConfidenceError;

    fn try_from(value: f64) -> Result<Self, ConfidenceError> {
        if (0.0..=1.0).contains(&value) {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the service computes with 32 bits"
            )]
            Ok(Self(value as f32))
        } else {
            Err(ConfidenceError(value))
        }
    }
}

/// A number that is not a confidence
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("`{0}` is not a confidence (a number from 0 to 1)")]
pub struct ConfidenceError(f64);

impl CannedError {
    /// An error with its `Message` and, if it can have one, its `Retry-After` header
    ///
    /// # Errors
    /// When there is a `Retry-After` but the API model has none for this error.
    pub fn new(
        code: DetectAnomaliesError,
        message: impl Into<Box<str>>,
        retry_after_seconds: Option<u32>,
    ) -> Result<Self, RetryAfterError> {
        if retry_after_seconds.is_some() && !code.has_retry_after() {
            return Err(RetryAfterError(code.name()));
        }
        Ok(Self {
            code,
            message: message.into(),
            retry_after_seconds,
        })
    }

    /// One of the errors that the API model lists for DetectAnomalies
    pub fn code(&self) -> DetectAnomaliesError {
        self.code
    }

    /// `Message`
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The `Retry-After` header, in seconds
    pub fn retry_after_seconds(&self) -> Option<u32> {
        self.retry_after_seconds
    }
}

/// A `Retry-After` for an error that has none
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` has no Retry-After; InternalServerException and ThrottlingException do")]
pub struct RetryAfterError(&'static str);

impl DetectAnomaliesError {
    /// All of these errors
    pub const ALL: [Self; 6] = [
        Self::AccessDeniedException,
        Self::InternalServerException,
        Self::ValidationException,
        Self::ConflictException,
        Self::ResourceNotFoundException,
        Self::ThrottlingException,
    ];

    /// Its name in the API model
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessDeniedException => "AccessDeniedException",
            Self::InternalServerException => "InternalServerException",
            Self::ValidationException => "ValidationException",
            Self::ConflictException => "ConflictException",
            Self::ResourceNotFoundException => "ResourceNotFoundException",
            Self::ThrottlingException => "ThrottlingException",
        }
    }

    /// Whether its answer can carry `Retry-After`
    pub fn has_retry_after(self) -> bool {
        matches!(self, Self::InternalServerException | Self::ThrottlingException)
    }
}

impl FromStr for DetectAnomaliesError {
    type Err = UnknownError;

    fn from_str(name: &str) -> Result<Self, UnknownError> {
        Self::ALL
            .into_iter()
            .find(|error| error.name() == name)
            .ok_or_else(|| UnknownError(name.to_owned()))
    }
}

/// A name that is not an error of DetectAnomalies
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an error of DetectAnomalies (AccessDeniedException, InternalServerException, ValidationException, \
     ConflictException, ResourceNotFoundException or ThrottlingException)"
)]
pub struct UnknownError(String);

impl fmt::Display for RuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put(id) => write!(f, "r-{id}"),
            Self::Model(index) => write!(f, "model.detect_anomalies[{index}]"),
            Self::Project(index) => write!(f, "project.detect_anomalies[{index}]"),
            Self::Dataset => f.write_str(DATASET),
            Self::Default => f.write_str(DEFAULT),
        }
    }
}

/// Its name; no copy is made of the names that most answers have
impl From<RuleRef> for Cow<'static, str> {
    fn from(rule: RuleRef) -> Self {
        match rule {
            RuleRef::Dataset => Self::Borrowed(DATASET),
            RuleRef::Default => Self::Borrowed(DEFAULT),
            RuleRef::Put(_) | RuleRef::Model(_) | RuleRef::Project(_) => Self::Owned(rule.to_string()),
        }
    }
}

impl FromStr for RuleRef {
    type Err = UnknownRule;

    fn from_str(text: &str) -> Result<Self, UnknownRule> {
        let index = |list: &str| text.strip_prefix(list)?.strip_suffix(']')?.parse().ok();
        let put = || text.strip_prefix("r-")?.parse().ok().map(Self::Put);
        let rule_ref = put()
            .or_else(|| index("model.detect_anomalies[").map(Self::Model))
            .or_else(|| index("project.detect_anomalies[").map(Self::Project));
        // Any other spelling, such as `r-01`, is not a rule.
        rule_ref
            .filter(|rule_ref| rule_ref.to_string() == text)
            .ok_or_else(|| UnknownRule(text.to_owned()))
    }
}

/// The name of an answer from a dataset's label
const DATASET: &str = "dataset";
/// The name of the answer that no rule gave
const DEFAULT: &str = "default";

/// A text that names no rule
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a rule, such as `r-1` or `model.detect_anomalies[0]`")]
pub struct UnknownRule(String);

#[cfg(test)]
mod tests;
