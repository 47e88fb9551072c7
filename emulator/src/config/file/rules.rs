//! The mirror of a model and of its `detect_anomalies` rules.

use std::collections::BTreeMap;

use aws_identifiers::{ModelVersion, VpcEndpointId};
use lookoutvision::model::ModelStatus;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::read::{List, Located, mapping, read_as};

mapping! {
    /// A declared model.
    pub(crate) struct Model {
        /// Its version. AWS numbers versions; a declared model may have any name.
        #[schemars(with = "super::super::schema::forms::ModelVersion")]
        pub(crate) version: Located<ModelVersion>,
        /// Where it stands in its life; only a HOSTED model answers DetectAnomalies.
        #[schemars(extend("default" = "HOSTED"))]
        #[schemars(with = "Option<super::super::schema::forms::ModelStatus>")]
        pub(crate) status: Option<Located<ModelStatus>>,
        /// Resource tags, as `aws:ResourceTag/…` sees them.
        pub(crate) tags: Option<Located<BTreeMap<String, Located<String>>>>,
        /// The first rule that matches answers; none: a normal result.
        pub(crate) detect_anomalies: Option<List<Rule>>,
    }
}

mapping! {
    /// A rule: when all of `when` holds, `then` is answered.
    pub(crate) struct Rule {
        /// What must hold; absent: nothing.
        pub(crate) when: Option<Located<When>>,
        /// What is answered.
        pub(crate) then: Located<Then>,
    }
}

mapping! {
    /// What a rule asks of a call; all of it must hold.
    pub(crate) struct When {
        /// SHA-256 of the image, in hexadecimal.
        #[schemars(regex(pattern = "^[0-9A-Fa-f]{64}$"))]
        pub(crate) image_sha256: Option<Located<String>>,
        /// The Content-Type of the request.
        pub(crate) content_type: Option<Located<ContentType>>,
        /// Size of the image in bytes.
        pub(crate) image_bytes: Option<Located<Between>>,
        /// Width of the image in pixels.
        pub(crate) width: Option<Located<Between>>,
        /// Height of the image in pixels.
        pub(crate) height: Option<Located<Between>>,
        /// Exact width and height of the image, instead of `width` and `height`.
        pub(crate) dimensions: Option<Located<Dimensions>>,
        /// The caller's ARN, exactly.
        pub(crate) principal: Option<Located<String>>,
        /// The endpoint that the call came through.
        #[schemars(with = "Option<super::super::schema::forms::VpcEndpointId>")]
        pub(crate) vpc_endpoint_id: Option<Located<VpcEndpointId>>,
        /// Which calls of this model, counted from 1 since the start or the last reset.
        pub(crate) call: Option<Located<Between>>,
    }
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

mapping! {
    /// A range, both ends included; at least one end is given.
    pub(crate) struct Between {
        /// The smallest value. Absent: no lower end.
        pub(crate) from: Option<Located<u64>>,
        /// The largest value. Absent: no upper end.
        pub(crate) to: Option<Located<u64>>,
    }
}

mapping! {
    /// Width and height in pixels.
    pub(crate) struct Dimensions {
        /// Width.
        pub(crate) width: Located<u64>,
        /// Height.
        pub(crate) height: Located<u64>,
    }
}

mapping! {
    /// Exactly one kind of answer: `response`; or `error` (with `message`, `retry_after_seconds`); or `is_anomalous`
    /// and `confidence` (with `anomalies` for a segmentation model). Each may be delayed.
    pub(crate) struct Then {
        /// Path of a recorded answer, which is sent exactly as it is.
        pub(crate) response: Option<Located<String>>,
        /// An error of DetectAnomalies.
        pub(crate) error: Option<Located<ErrorCode>>,
        /// `Message` of the error.
        pub(crate) message: Option<Located<String>>,
        /// Retry-After of a ThrottlingException or an InternalServerException.
        pub(crate) retry_after_seconds: Option<Located<u32>>,
        /// `IsAnomalous`.
        pub(crate) is_anomalous: Option<Located<bool>>,
        /// `Confidence`.
        #[schemars(range(min = 0, max = 1))]
        pub(crate) confidence: Option<Located<f64>>,
        /// The anomalies of a segmentation model; an empty list is its answer for a normal image. Absent: a
        /// classification model, which has neither `Anomalies` nor `AnomalyMask`.
        pub(crate) anomalies: Option<List<Anomaly>>,
        /// How long the answer is held back.
        #[schemars(range(max = 600_000))]
        pub(crate) delay_milliseconds: Option<Located<u64>>,
    }
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

mapping! {
    /// One kind of anomaly; its area is counted from the pixels of its regions.
    pub(crate) struct Anomaly {
        /// `Name`; `background` is the service's own.
        #[schemars(regex(pattern = "^[a-zA-Z0-9]{1,256}$"))]
        pub(crate) name: Located<String>,
        /// `Color`; white is the background's.
        #[schemars(regex(pattern = "^#[0-9A-Fa-f]{6}$"))]
        pub(crate) color: Located<String>,
        /// Where it is.
        #[schemars(length(min = 1))]
        pub(crate) regions: List<Rectangle>,
    }
}

mapping! {
    /// A rectangle, in fractions of the image's width and height.
    pub(crate) struct Rectangle {
        /// Left edge.
        #[schemars(range(min = 0, max = 1))]
        pub(crate) x: Located<f64>,
        /// Upper edge.
        #[schemars(range(min = 0, max = 1))]
        pub(crate) y: Located<f64>,
        /// Width.
        #[schemars(range(min = 0, max = 1))]
        pub(crate) width: Located<f64>,
        /// Height.
        #[schemars(range(min = 0, max = 1))]
        pub(crate) height: Located<f64>,
    }
}

read_as! {
    word: ContentType, ErrorCode, ModelStatus;
    parsed: ModelVersion;
}
