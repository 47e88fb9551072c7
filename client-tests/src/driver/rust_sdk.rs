//! The AWS SDK for Rust, set up as its guide says, except that TLS uses ring, like the rest of this workspace.

use aws_config::BehaviorVersion;
use aws_sdk_lookoutvision::Client;
use aws_sdk_lookoutvision::config::{RuntimeComponents, SharedHttpClient};
use aws_sdk_lookoutvision::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_lookoutvision::operation::RequestId;
use aws_sdk_lookoutvision::operation::detect_anomalies::{DetectAnomaliesError, DetectAnomaliesOutput};
use aws_sdk_lookoutvision::primitives::ByteStream;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::outcome::{Anomaly, Detection, Job, Outcome, Refusal, Upload};

/// Calls DetectAnomalies with the SDK's own retries
///
/// # Errors
/// When the image cannot be read, or the SDK leaves out a member that the service always sends.
pub async fn detect(job: &Job) -> Result<Outcome, Box<dyn std::error::Error>> {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client())
        .load()
        .await;
    let body = match job.upload {
        Upload::Bytes => ByteStream::from(std::fs::read(&job.image)?),
        Upload::File => ByteStream::from_path(&job.image).await?,
    };
    let answer = Client::new(&config)
        .detect_anomalies()
        .project_name(&job.project)
        .model_version(&job.model_version)
        .content_type(&job.content_type)
        .body(body)
        .send()
        .await;
    match answer {
        Ok(output) => detection(&output)
            .map(Outcome::Result)
            .ok_or_else(|| "an incomplete result".into()),
        Err(SdkError::ServiceError(context)) => {
            let status = context.raw().status().as_u16();
            Ok(Outcome::Refusal(refusal(context.err(), status)))
        }
        Err(error) => Ok(Outcome::Unreachable {
            detail: DisplayErrorContext(error).to_string(),
        }),
    }
}

/// The SDK's default client with another crypto provider, and with the same sources of trust and proxy variables
pub(super) fn http_client() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = Connector::builder();
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector
            .proxy_config(ProxyConfig::from_env())
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build()
    })
}

fn refusal(error: &DetectAnomaliesError, status: u16) -> Refusal {
    use DetectAnomaliesError as E;
    // The typed exception's own text, so that a missing `Message` is noticed.
    let (typed_message, retry_after_seconds) = match error {
        E::AccessDeniedException(exception) => (exception.message(), None),
        E::ConflictException(exception) => (exception.message(), None),
        E::InternalServerException(exception) => (exception.message(), exception.retry_after_seconds()),
        E::ResourceNotFoundException(exception) => (exception.message(), None),
        E::ThrottlingException(exception) => (exception.message(), exception.retry_after_seconds()),
        E::ValidationException(exception) => (exception.message(), None),
        _ => (None, None),
    };
    Refusal {
        exception: error.code().unwrap_or_default().to_owned(),
        typed: Some(typed_message.is_some()),
        status: Some(status),
        message: typed_message
            .or_else(|| error.message())
            .unwrap_or_default()
            .to_owned(),
        retry_after_seconds: retry_after_seconds.and_then(|seconds| u64::try_from(seconds).ok()),
        request_id: error.request_id().map(str::to_owned),
    }
}

fn detection(output: &DetectAnomaliesOutput) -> Option<Detection> {
    let result = output.detect_anomaly_result()?;
    let anomalies = result.anomalies().iter().map(|anomaly| {
        let pixels = anomaly.pixel_anomaly()?;
        Some(Anomaly {
            name: anomaly.name()?.to_owned(),
            color: pixels.color()?.to_owned(),
            total_percentage_area: pixels.total_percentage_area()?.into(),
        })
    });
    Some(Detection {
        source_type: result.source()?.r#type()?.to_owned(),
        is_anomalous: result.is_anomalous()?,
        confidence: result.confidence()?.into(),
        anomalies: anomalies.collect::<Option<_>>()?,
        anomaly_mask: result.anomaly_mask().map(|mask| STANDARD.encode(mask)),
        request_id: output.request_id().map(str::to_owned),
    })
}
