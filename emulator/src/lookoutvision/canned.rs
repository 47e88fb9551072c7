//! Canned answers: which rule answers a call of DetectAnomalies, and with what.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::identifiers::VpcEndpointId;

/// One rule of a `detect_anomalies` list
#[derive(Debug, Clone)]
pub struct CannedRule {
    /// Everything that must hold
    pub when: When,
    /// What is answered
    pub then: Then,
    /// How long the answer is held back
    pub delay: Option<Duration>,
}

/// What a rule asks of a call; an absent part asks nothing
#[derive(Debug, Clone, Default)]
pub struct When {
    /// SHA-256 of the image
    pub image_sha256: Option<[u8; 32]>,
    /// The Content-Type, `image/jpeg` or `image/png`
    pub content_type: Option<ImageFormat>,
    /// Bytes of the image, both ends included
    pub image_bytes: Option<Between>,
    /// Width of the image in pixels, both ends included
    pub width: Option<Between>,
    /// Height of the image in pixels, both ends included
    pub height: Option<Between>,
    /// The caller's ARN, exactly
    pub principal: Option<Box<str>>,
    /// The endpoint that the call came through
    pub vpc_endpoint_id: Option<VpcEndpointId>,
    /// Which call of this model it is, counted from 1 since the start or the last reset
    pub call: Option<Between>,
}

/// A range with both ends included
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Between {
    /// The smallest value
    pub from: u64,
    /// The largest value
    pub to: u64,
}

/// The two formats that the service takes
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFormat {
    /// `image/jpeg`
    Jpeg,
    /// `image/png`
    Png,
}

/// What a rule answers
#[derive(Debug, Clone)]
pub enum Then {
    /// A classification model's answer: no `Anomalies`, no `AnomalyMask`
    Classification(Verdict),
    /// A segmentation model's answer, its mask painted for the uploaded image
    Segmentation(Verdict, Vec<Anomaly>),
    /// A recorded answer, exactly as on the wire
    Recorded(RecordedAnswer),
    /// An error of the service
    Error(CannedError),
}

/// The image as a whole
#[derive(Debug, Clone, Copy)]
pub struct Verdict {
    /// `IsAnomalous`
    pub is_anomalous: bool,
    /// `Confidence`, 0 to 1
    pub confidence: f32,
}

/// One kind of anomaly of a segmentation answer
#[derive(Debug, Clone)]
pub struct Anomaly {
    /// `Name`
    pub name: Box<str>,
    /// `Color`
    pub color: [u8; 3],
    /// Where it is, in fractions of the image
    pub regions: Vec<Rectangle>,
}

/// A rectangle in fractions of width and height
#[derive(Debug, Clone, Copy)]
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

/// A recorded answer
#[derive(Debug, Clone)]
pub struct RecordedAnswer {
    /// Where it was read from
    pub file: PathBuf,
    /// The body, byte for byte
    pub body: Arc<[u8]>,
}

/// An error that a rule answers with
#[derive(Debug, Clone)]
pub struct CannedError {
    /// One of the errors that the API model lists for DetectAnomalies
    pub code: DetectAnomaliesError,
    /// `Message`
    pub message: Box<str>,
    /// The `Retry-After` header, in seconds
    pub retry_after_seconds: Option<u32>,
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
