//! What goes into a client's process and what comes out of it: one JSON object each way.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The call that a client is to make. Credentials, Region, endpoint and trust are not part of it: they come from the
/// environment variables that each SDK reads.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Job {
    /// `ProjectName`
    pub project: String,
    /// `ModelVersion`
    pub model_version: String,
    /// The file to send as `Body`
    pub image: PathBuf,
    /// `ContentType`
    pub content_type: String,
    /// How the body is handed to the SDK
    pub upload: Upload,
}

/// How the body is handed to the SDK
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Upload {
    /// As bytes in memory, so that every SDK can hash them
    #[default]
    Bytes,
    /// As a file in the SDK's own way: some hash it, some stream it with an unsigned payload
    File,
}

/// What the client saw
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A result
    Result(Detection),
    /// An exception that came from the service
    Refusal(Refusal),
    /// No answer at all
    Unreachable {
        /// The error in the SDK's words
        detail: String,
    },
}

/// `DetectAnomalyResult`, as the SDK shows it
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Detection {
    /// `Source.Type`
    pub source_type: String,
    /// `IsAnomalous`
    pub is_anomalous: bool,
    /// `Confidence`
    pub confidence: f64,
    /// `Anomalies`
    pub anomalies: Vec<Anomaly>,
    /// `AnomalyMask`, in base64
    pub anomaly_mask: Option<String>,
    /// The request id, where the client shows it for a success
    pub request_id: Option<String>,
}

/// One of `Anomalies`
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Anomaly {
    /// `Name`
    pub name: String,
    /// `PixelAnomaly.Color`
    pub color: String,
    /// `PixelAnomaly.TotalPercentageArea`
    pub total_percentage_area: f64,
}

/// An exception, as the SDK shows it
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Refusal {
    /// Its name
    pub exception: String,
    /// Whether the SDK raised it as the type that the API model declares; absent where there are no types
    pub typed: Option<bool>,
    /// The HTTP status, where the client shows it
    pub status: Option<u16>,
    /// The text
    pub message: String,
    /// `RetryAfterSeconds`, where the client shows it
    pub retry_after_seconds: Option<u64>,
    /// The request id, where the client shows it
    pub request_id: Option<String>,
}
