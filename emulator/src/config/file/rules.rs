//! A model and its `detect_anomalies` rules, as they are written.

use std::{borrow::Cow, num::NonZeroU64};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize,
    de::{self, Deserializer},
};
use serde_json::{Value, json};

use super::{
    super::texts::{
        AccessKeyId, AnomalyName, Color, ModelStatus, ModelVersion, ScenarioText, Sha256, VpcEndpointId,
    },
    Entries, List,
};

/// A declared model.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    /// Its version. AWS numbers versions; a declared model may have any name.
    #[schemars(required)]
    pub(crate) version: Option<ModelVersion>,
    /// Where it stands in its life; only a HOSTED model answers DetectAnomalies.
    #[schemars(extend("default" = "HOSTED"))]
    pub(crate) status: Option<ModelStatus>,
    /// Resource tags, as `aws:ResourceTag/…` sees them.
    pub(crate) tags: Option<Entries<String>>,
    /// The first rule that matches answers; none: a normal result.
    pub(crate) detect_anomalies: Option<List<Rule>>,
}

/// A rule: when all of `when` holds, `then` is answered.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Conditions on a call; absent: none.
    pub(crate) when: Option<When>,
    /// What is answered.
    #[schemars(required)]
    pub(crate) then: Option<Then>,
}

/// What a rule asks of a call; all of it must hold.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct When {
    /// SHA-256 of the image, in hexadecimal.
    pub(crate) image_sha256: Option<Sha256>,
    /// The Content-Type of the request.
    pub(crate) content_type: Option<ContentType>,
    /// Size of the image in bytes.
    pub(crate) image_bytes: Option<Between>,
    /// Width of the image in pixels.
    pub(crate) width: Option<BetweenFromOne>,
    /// Height of the image in pixels.
    pub(crate) height: Option<BetweenFromOne>,
    /// Exact width and height of the image, instead of `width` and `height`.
    pub(crate) dimensions: Option<Dimensions>,
    /// The caller's ARN; `*` stands for any characters.
    pub(crate) principal: Option<String>,
    /// The access key id that the call was signed with.
    pub(crate) access_key_id: Option<AccessKeyId>,
    /// The endpoint that the call came through.
    pub(crate) vpc_endpoint_id: Option<VpcEndpointId>,
    /// Which calls of this model, counted from 1 since the start or the last reset.
    pub(crate) call: Option<Calls>,
    /// The present state of each of these scenarios; one that nobody has set is `Started`.
    pub(crate) scenario: Option<Entries<ScenarioText>>,
}

/// The image formats that the service takes
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(crate) enum ContentType {
    #[serde(rename = "image/jpeg")]
    Jpeg,
    #[serde(rename = "image/png")]
    Png,
}

/// A range, both ends included; at least one end is given.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "errorMessage" = "give `from`, `to`, or both"))]
pub(crate) struct Between {
    /// The smallest value. Absent: no lower end.
    pub(crate) from: Option<u64>,
    /// The largest value. Absent: no upper end.
    pub(crate) to: Option<u64>,
}

/// A range of numbers from 1 on, both ends included; at least one end is given.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "errorMessage" = "give `from`, `to`, or both"))]
pub(crate) struct BetweenFromOne {
    /// The smallest value. Absent: 1.
    #[schemars(range(min = 1))]
    pub(crate) from: Option<u64>,
    /// The largest value. Absent: no upper end.
    #[schemars(range(min = 1))]
    pub(crate) to: Option<u64>,
}

/// Calls by their numbers, both ends included.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "errorMessage" = "give `from`, `to` or `every`"))]
pub(crate) struct Calls {
    /// The first. Absent: 1, or with `every` that number.
    #[schemars(range(min = 1))]
    pub(crate) from: Option<u64>,
    /// The last. Absent: no end.
    #[schemars(range(min = 1))]
    pub(crate) to: Option<u64>,
    /// Only every n-th call, beginning with the first: `{every: 3}` are the calls 3, 6, 9 and so on, and
    /// `{from: 1, every: 3}` the calls 1, 4, 7.
    #[schemars(range(min = 1))]
    pub(crate) every: Option<NonZeroU64>,
}

/// Width and height in pixels.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dimensions {
    /// Width.
    #[schemars(required, range(min = 1))]
    pub(crate) width: Option<u64>,
    /// Height.
    #[schemars(required, range(min = 1))]
    pub(crate) height: Option<u64>,
}

/// Exactly one kind of answer: `response`; or `error` (with `message`, `retry_after_seconds`); or `is_anomalous`
/// and `confidence` (with `anomalies` for a segmentation model). Each may be delayed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Then {
    /// Path of a recorded answer, which is sent exactly as it is.
    pub(crate) response: Option<String>,
    /// An error of DetectAnomalies.
    pub(crate) error: Option<ErrorCode>,
    /// `Message` of the error.
    pub(crate) message: Option<String>,
    /// Retry-After of a ThrottlingException or an InternalServerException.
    #[schemars(range(max = 4_294_967_295_u32))]
    pub(crate) retry_after_seconds: Option<u32>,
    /// `IsAnomalous`.
    pub(crate) is_anomalous: Option<bool>,
    /// `Confidence`: a number from 0 to 1, or a range that it is drawn from, by `seed` and the number of the match.
    pub(crate) confidence: Option<Confidence>,
    /// The anomalies of a segmentation model; an empty list is its answer for a normal image. Absent: a
    /// classification model, which has neither `Anomalies` nor `AnomalyMask`.
    pub(crate) anomalies: Option<List<Anomaly>>,
    /// How long the answer is held back, or a range that it is drawn from, by `seed` and the number of the match.
    pub(crate) delay_milliseconds: Option<Delay>,
    /// The next state of each of these scenarios, from the next call on.
    pub(crate) set_scenario: Option<Entries<ScenarioText>>,
}

/// A confidence, or a range that it is drawn from
pub(crate) enum Confidence {
    Exactly(f64),
    Range { from: Option<f64>, to: Option<f64> },
}

/// Milliseconds, or a range that they are drawn from
pub(crate) enum Delay {
    Exactly(u64),
    Range { from: Option<u64>, to: Option<u64> },
}

/// Both ends of a range, as far as they are sound
#[derive(Deserialize)]
struct Ends<T> {
    from: Option<T>,
    to: Option<T>,
}

impl<'de> Deserialize<'de> for Confidence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let range = match Value::deserialize(deserializer)? {
            Value::Number(number) => return Ok(Self::Exactly(number.as_f64().unwrap_or_default())),
            range => Ends::deserialize(range).map_err(de::Error::custom)?,
        };
        Ok(Self::Range {
            from: range.from,
            to: range.to,
        })
    }
}

impl<'de> Deserialize<'de> for Delay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let range = match Value::deserialize(deserializer)? {
            Value::Number(number) => return Ok(Self::Exactly(number.as_u64().unwrap_or_default())),
            range => Ends::deserialize(range).map_err(de::Error::custom)?,
        };
        Ok(Self::Range {
            from: range.from,
            to: range.to,
        })
    }
}

impl JsonSchema for Confidence {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Confidence".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        number_or_range(
            &json!({"type": "number", "minimum": 0, "maximum": 1}),
            "expected a number, or a range as in `{from: 0.9, to: 0.99}`",
        )
    }
}

impl JsonSchema for Delay {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Delay".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        number_or_range(
            &json!({"type": "integer", "minimum": 0, "maximum": 600_000}),
            "expected a number of milliseconds, or a range as in `{from: 20, to: 80}`",
        )
    }
}

fn number_or_range(number: &Value, expected: &str) -> Schema {
    let end = |description: &str| {
        let mut end = number.clone();
        end["description"] = description.into();
        end
    };
    json_schema!({
        "anyOf": [
            number,
            {
                "type": "object",
                "properties": {"from": end("The smallest value."), "to": end("The largest value.")},
                "required": ["from", "to"],
                "additionalProperties": false
            }
        ],
        "errorMessage": expected
    })
}

/// The errors that the API model lists for DetectAnomalies
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[schemars(inline)]
#[expect(clippy::enum_variant_names, reason = "the API model's own names")]
pub(crate) enum ErrorCode {
    AccessDeniedException,
    InternalServerException,
    ValidationException,
    ConflictException,
    ResourceNotFoundException,
    ThrottlingException,
}

/// One kind of anomaly; its area is counted from the pixels of its regions.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Anomaly {
    /// `Name`; `background` is the service's own.
    #[schemars(required)]
    pub(crate) name: Option<AnomalyName>,
    /// `Color`; white is the background's.
    #[schemars(required)]
    pub(crate) color: Option<Color>,
    /// Where it is.
    #[schemars(length(min = 1))]
    #[schemars(extend("errorMessage" = "an anomaly is somewhere: give a region, or leave it out"))]
    #[schemars(required)]
    pub(crate) regions: Option<List<Rectangle>>,
}

/// A rectangle, in fractions of the image's width and height.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rectangle {
    /// Left edge.
    #[schemars(range(min = 0, max = 1))]
    #[schemars(required)]
    pub(crate) x: Option<f64>,
    /// Upper edge.
    #[schemars(range(min = 0, max = 1))]
    #[schemars(required)]
    pub(crate) y: Option<f64>,
    /// Width.
    #[schemars(range(min = 0, max = 1))]
    #[schemars(required)]
    pub(crate) width: Option<f64>,
    /// Height.
    #[schemars(range(min = 0, max = 1))]
    #[schemars(required)]
    pub(crate) height: Option<f64>,
}
