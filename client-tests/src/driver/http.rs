//! An HTTP client without an SDK, as a program would have it in a language without one.
//!
//! The signer is written from the published description alone ("Create a signed AWS API request", IAM User Guide), and
//! shares nothing with the emulator's verifier, so that a mistake would have to be made twice to remain unnoticed. The
//! client tries once, whatever the answer: what an SDK hides by retrying is visible here.

use std::env;
use std::fmt::Write as _;
use std::sync::Once;

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use ring::{digest, hmac};
use serde::Deserialize;

use crate::outcome::{Anomaly, Detection, Job, Outcome, Refusal};

/// Makes ring the crypto provider of every TLS connection in this process
pub fn install_crypto_provider() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        rustls::crypto::ring::default_provider()
            .install_default()
            .expect("nothing else in this program installs a provider");
    });
}

/// Calls DetectAnomalies once
///
/// # Errors
/// When the image cannot be read, or a variable for credentials or Region is not set.
pub async fn detect(job: &Job) -> Result<Outcome, Box<dyn std::error::Error>> {
    install_crypto_provider();
    let region = env::var("AWS_REGION")?;
    let endpoint = env::var("AWS_ENDPOINT_URL_LOOKOUTVISION")
        .unwrap_or_else(|_| format!("https://lookoutvision.{region}.amazonaws.com"));
    let host = endpoint.trim_start_matches("https://");
    let path = format!(
        "/2020-11-20/projects/{}/models/{}/detect",
        percent_encode(&job.project),
        percent_encode(&job.model_version)
    );
    let body = std::fs::read(&job.image)?;

    let date = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut headers = vec![
        ("content-type", job.content_type.clone()),
        ("host", host.to_owned()),
        ("x-amz-date", date.clone()),
    ];
    if let Ok(token) = env::var("AWS_SESSION_TOKEN") {
        headers.push(("x-amz-security-token", token));
    }
    let authorization = Signer {
        access_key_id: &env::var("AWS_ACCESS_KEY_ID")?,
        secret_access_key: &env::var("AWS_SECRET_ACCESS_KEY")?,
        region: &region,
        date: &date,
    }
    .authorization(&path, &headers, &body);

    let client = match reqwest::Client::builder().build() {
        Ok(client) => client,
        // If even the system has no certificate to trust, this error comes before any connection.
        Err(error) => {
            return Ok(Outcome::Unreachable {
                detail: format!("{error:?}"),
            });
        }
    };
    let mut request = client.post(format!("{endpoint}{path}")).body(body);
    for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
        request = request.header(*name, value);
    }
    match request.header("authorization", authorization).send().await {
        Ok(response) => outcome(response).await,
        Err(error) => Ok(Outcome::Unreachable {
            detail: format!("{error:?}"),
        }),
    }
}

async fn outcome(response: reqwest::Response) -> Result<Outcome, Box<dyn std::error::Error>> {
    let status = response.status();
    let headers = response.headers().clone();
    let body = response.bytes().await?;
    let request_id = text(&headers, "x-amzn-requestid");
    if status.is_success() {
        let answer: wire::Answer = serde_json::from_slice(&body)?;
        return Ok(Outcome::Result(answer.into_detection(request_id)));
    }
    let error: wire::Error = serde_json::from_slice(&body)?;
    Ok(Outcome::Refusal(Refusal {
        exception: text(&headers, "x-amzn-errortype").unwrap_or_default(),
        typed: None,
        status: Some(status.as_u16()),
        message: error.message,
        retry_after_seconds: text(&headers, "retry-after")
            .map(|seconds| seconds.parse())
            .transpose()?,
        request_id,
    }))
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

struct Signer<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    region: &'a str,
    date: &'a str,
}

impl Signer<'_> {
    /// The `Authorization` header of a `POST` without a query; `headers` are sorted by name
    fn authorization(&self, path: &str, headers: &[(&str, String)], body: &[u8]) -> String {
        let mut canonical_headers = String::new();
        for (name, value) in headers {
            writeln!(canonical_headers, "{name}:{}", value.trim())
                .expect("a String takes all that is written to it");
        }
        let signed_headers = headers
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(";");
        // For every service but S3 the path, which is encoded once on the wire, is encoded once more in the canonical
        // request.
        let canonical_path = path.split('/').map(percent_encode).collect::<Vec<_>>().join("/");
        let canonical_request = format!(
            "POST\n{canonical_path}\n\n{canonical_headers}\n{signed_headers}\n{}",
            sha256_hex(body)
        );

        let day = &self.date[..8];
        let scope = format!("{day}/{}/lookoutvision/aws4_request", self.region);
        let string_to_sign = format!(
            "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
            self.date,
            sha256_hex(canonical_request.as_bytes())
        );

        let mut key = format!("AWS4{}", self.secret_access_key).into_bytes();
        for part in [day, self.region, "lookoutvision", "aws4_request"] {
            key = hmac_sha256(&key, part);
        }
        let signature = hex(&hmac_sha256(&key, &string_to_sign));
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed_headers}, Signature={signature}",
            self.access_key_id
        )
    }
}

fn hmac_sha256(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
        .as_ref()
        .to_vec()
}

/// The SHA-256 of `bytes` in lower-case hexadecimal
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Percent-encodes all but the unreserved characters of RFC 3986
fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// The service's JSON, which the AWS CLI prints as well
pub mod wire {
    use super::{Anomaly, Deserialize, Detection};

    /// The output of DetectAnomalies
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    pub struct Answer {
        detect_anomaly_result: Result,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Result {
        source: Source,
        is_anomalous: bool,
        confidence: f64,
        #[serde(default)]
        anomalies: Vec<NamedAnomaly>,
        anomaly_mask: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Source {
        r#type: String,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct NamedAnomaly {
        name: String,
        pixel_anomaly: PixelAnomaly,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct PixelAnomaly {
        total_percentage_area: f64,
        color: String,
    }

    /// The body of a refusal
    #[derive(Debug, Deserialize)]
    pub struct Error {
        // The service's own errors spell it `Message`, the front end's authentication errors `message`.
        #[serde(alias = "Message")]
        pub(super) message: String,
    }

    impl Answer {
        /// The answer in the form that every client reports
        pub fn into_detection(self, request_id: Option<String>) -> Detection {
            let result = self.detect_anomaly_result;
            Detection {
                source_type: result.source.r#type,
                is_anomalous: result.is_anomalous,
                confidence: result.confidence,
                anomalies: result
                    .anomalies
                    .into_iter()
                    .map(|anomaly| Anomaly {
                        name: anomaly.name,
                        color: anomaly.pixel_anomaly.color,
                        total_percentage_area: anomaly.pixel_anomaly.total_percentage_area,
                    })
                    .collect(),
                anomaly_mask: result.anomaly_mask,
                request_id,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Signer, percent_encode};

    /// The `get-vanilla` family of AWS's signing test suite signs for another service and method. This uses the key and
    /// the date of the suite with our service and path, and the signature that botocore 1.40.50 makes.
    #[test]
    fn the_signature_is_the_one_that_botocore_makes() {
        let headers = [
            ("content-type", "image/png"),
            ("host", "localhost:8443"),
            ("x-amz-date", "20150830T123600Z"),
        ]
        .map(|(name, value)| (name, value.to_owned()));
        let authorization = Signer {
            access_key_id: "AKIDEXAMPLE",
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            region: "us-west-2",
            date: "20150830T123600Z",
        }
        .authorization("/2020-11-20/projects/p%20q/models/1/detect", &headers, b"image");
        assert_eq!(
            authorization,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-west-2/lookoutvision/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, Signature=2c86240a5b11746d7dd1bfaefdb0844d7cc541070bb7f7e5488aeb3f96693806"
        );
    }

    #[test]
    fn reserved_characters_are_encoded() {
        assert_eq!(percent_encode("a b/ü~%"), "a%20b%2F%C3%BC~%25");
    }
}
