//! Rules that a test declares: what DetectAnomalies answers, and which calls get it.

use std::{
    collections::BTreeMap,
    ops::{Bound, RangeBounds, RangeInclusive},
    time::Duration,
};

use ring::digest;
use serde::Serialize;

/// An answer, and the calls that get it: all of them, unless `when_…` narrows them
#[derive(Debug, Clone, Serialize)]
pub struct Rule {
    #[serde(skip_serializing_if = "When::is_always")]
    when: When,
    then: Answer,
}

#[derive(Debug, Default, Clone, PartialEq, Serialize)]
struct When {
    #[serde(skip_serializing_if = "Option::is_none")]
    image_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_bytes: Option<Between>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<Between>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<Between>,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_endpoint_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<Calls>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_key_id: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    scenario: BTreeMap<String, String>,
}

/// A range that includes both ends
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Between {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<u64>,
}

/// Calls by their numbers
#[derive(Debug, Default, Clone, PartialEq, Serialize)]
pub(super) struct Calls {
    #[serde(flatten)]
    between: Option<Between>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) every: Option<u64>,
}

/// What DetectAnomalies answers: a result, an error, or a recorded answer
#[derive(Debug, Default, Clone, Serialize)]
pub struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_anomalous: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<OneOrRange<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    anomalies: Option<Vec<Anomaly>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_milliseconds: Option<OneOrRange<u64>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    set_scenario: BTreeMap<String, String>,
}

/// A number, or both ends of a range that it is drawn from
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
enum OneOrRange<N> {
    One(N),
    Range { from: N, to: N },
}

#[derive(Debug, Clone, Serialize)]
struct Anomaly {
    name: String,
    color: String,
    regions: Vec<Rectangle>,
}

/// A part of an image, in fractions of its width and height
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rectangle {
    /// Left edge
    pub x: f64,
    /// Upper edge
    pub y: f64,
    /// Width
    pub width: f64,
    /// Height
    pub height: f64,
}

impl Rule {
    /// This answer, to every call
    pub fn new(answer: Answer) -> Self {
        Self {
            when: When::default(),
            then: answer,
        }
    }

    /// Only these calls of the model, counted from 1 since the start or the last reset
    #[must_use]
    pub fn when_call(mut self, calls: impl RangeBounds<u64>) -> Self {
        self.when.call = Calls::of(&calls);
        self
    }

    /// Only every `every`-th of these calls: with 3 the third, the sixth and so on, or after
    /// [`when_call`](Self::when_call) the first of its range and every third from there
    #[must_use]
    pub fn when_every_call(mut self, every: u64) -> Self {
        self.when.call.get_or_insert_default().every = Some(every);
        self
    }

    /// Only calls with exactly this image
    #[must_use]
    pub fn when_image(mut self, image: &[u8]) -> Self {
        let hash = digest::digest(&digest::SHA256, image);
        self.when.image_sha256 = Some(hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect());
        self
    }

    /// Only calls with this Content-Type, `image/jpeg` or `image/png`
    #[must_use]
    pub fn when_content_type(mut self, content_type: impl Into<String>) -> Self {
        self.when.content_type = Some(content_type.into());
        self
    }

    /// Only images whose size in bytes is in this range
    #[must_use]
    pub fn when_image_bytes(mut self, bytes: impl RangeBounds<u64>) -> Self {
        self.when.image_bytes = Between::of(&bytes);
        self
    }

    /// Only images whose width and height in pixels are in these ranges
    #[must_use]
    pub fn when_dimensions(mut self, width: impl RangeBounds<u64>, height: impl RangeBounds<u64>) -> Self {
        self.when.width = Between::of(&width);
        self.when.height = Between::of(&height);
        self
    }

    /// Only calls while a scenario is in this state; one that nobody has set is `Started`
    #[must_use]
    pub fn when_scenario(mut self, name: impl Into<String>, state: impl Into<String>) -> Self {
        self.when.scenario.insert(name.into(), state.into());
        self
    }

    /// Only calls that are signed with this access key
    #[must_use]
    pub fn when_access_key_id(mut self, access_key_id: impl Into<String>) -> Self {
        self.when.access_key_id = Some(access_key_id.into());
        self
    }

    /// Only calls of the principal with this ARN, in which `*` stands for any characters
    #[must_use]
    pub fn when_principal(mut self, arn: impl Into<String>) -> Self {
        self.when.principal = Some(arn.into());
        self
    }

    /// Only calls through this VPC endpoint
    #[must_use]
    pub fn when_vpc_endpoint_id(mut self, vpc_endpoint_id: impl Into<String>) -> Self {
        self.when.vpc_endpoint_id = Some(vpc_endpoint_id.into());
        self
    }
}

impl From<Answer> for Rule {
    fn from(answer: Answer) -> Self {
        Self::new(answer)
    }
}

impl Answer {
    /// The image shows nothing unusual; `confidence` is from 0 to 1
    pub fn normal(confidence: f64) -> Self {
        Self {
            is_anomalous: Some(false),
            confidence: Some(OneOrRange::One(confidence)),
            ..Self::default()
        }
    }

    /// The image shows something unusual; `confidence` is from 0 to 1
    pub fn anomalous(confidence: f64) -> Self {
        Self {
            is_anomalous: Some(true),
            ..Self::normal(confidence)
        }
    }

    /// An error of DetectAnomalies, such as `ThrottlingException`
    pub fn error(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            error: Some(code.into()),
            message: Some(message.into()),
            ..Self::default()
        }
    }

    /// The recorded answer in this file, exactly as it is; a relative path starts from the working directory, as those
    /// of [`config_yaml`](crate::Builder::config_yaml) do
    pub fn recorded(file: impl Into<String>) -> Self {
        Self {
            response: Some(file.into()),
            ..Self::default()
        }
    }

    /// `Retry-After` of a ThrottlingException or an InternalServerException
    #[must_use]
    pub fn retry_after_seconds(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// One kind of anomaly that a segmentation model found, and where: the mask is painted for the uploaded image's size
    ///
    /// `color` is `#` and six hexadecimal digits.
    #[must_use]
    pub fn anomaly(
        mut self,
        name: impl Into<String>,
        color: impl Into<String>,
        regions: impl IntoIterator<Item = Rectangle>,
    ) -> Self {
        self.anomalies.get_or_insert_default().push(Anomaly {
            name: name.into(),
            color: color.into(),
            regions: regions.into_iter().collect(),
        });
        self
    }

    /// Holds the answer back for this long, in whole milliseconds
    #[must_use]
    pub fn delayed_by(mut self, delay: Duration) -> Self {
        self.delay_milliseconds = Some(OneOrRange::One(milliseconds(delay)));
        self
    }

    /// Holds each answer back for a time that is drawn from this range, in whole milliseconds, by the configuration's `seed`
    #[must_use]
    pub fn delayed_between(mut self, delay: RangeInclusive<Duration>) -> Self {
        self.delay_milliseconds = Some(OneOrRange::Range {
            from: milliseconds(*delay.start()),
            to: milliseconds(*delay.end()),
        });
        self
    }

    /// Draws the confidence of each answer from this range, by the configuration's `seed`
    #[must_use]
    pub fn confidence_between(mut self, confidence: RangeInclusive<f64>) -> Self {
        self.confidence = Some(OneOrRange::Range {
            from: *confidence.start(),
            to: *confidence.end(),
        });
        self
    }

    /// Puts a scenario into this state when the answer is given, for the calls after it
    #[must_use]
    pub fn set_scenario(mut self, name: impl Into<String>, state: impl Into<String>) -> Self {
        self.set_scenario.insert(name.into(), state.into());
        self
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl When {
    fn is_always(&self) -> bool {
        *self == Self::default()
    }
}

impl Between {
    /// `None`: the range includes everything
    pub(super) fn of(range: &impl RangeBounds<u64>) -> Option<Self> {
        let from = match range.start_bound() {
            Bound::Included(from) => Some(*from),
            Bound::Excluded(before) => Some(before.saturating_add(1)),
            Bound::Unbounded => None,
        };
        let to = match range.end_bound() {
            Bound::Included(to) => Some(*to),
            Bound::Excluded(after) => Some(after.saturating_sub(1)),
            Bound::Unbounded => None,
        };
        (from.is_some() || to.is_some()).then_some(Self { from, to })
    }
}

impl Calls {
    /// `None`: the range includes all calls
    pub(super) fn of(range: &impl RangeBounds<u64>) -> Option<Self> {
        Between::of(range).map(|between| Self {
            between: Some(between),
            every: None,
        })
    }
}
