//! Asks a model about images of parts. Nothing here knows whether AWS answers or the emulator.

use aws_sdk_lookoutvision::{Client, Error, primitives::ByteStream, types::DetectAnomalyResult};

/// The model that is asked
pub const PROJECT_NAME: &str = "myProject";
/// Its version
pub const MODEL_VERSION: &str = "1";

/// Whether the image of a part shows a flaw
///
/// # Errors
/// Whatever the service answers instead, once the SDK has tried again.
pub async fn has_flaw(client: &Client, image: Vec<u8>, content_type: &str) -> Result<bool, Error> {
    let answer = client
        .detect_anomalies()
        .project_name(PROJECT_NAME)
        .model_version(MODEL_VERSION)
        .content_type(content_type)
        .body(ByteStream::from(image))
        .send()
        .await?;
    let verdict = answer
        .detect_anomaly_result()
        .and_then(DetectAnomalyResult::is_anomalous);
    // No part passes without a verdict.
    Ok(verdict.unwrap_or(true))
}
