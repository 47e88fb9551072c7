//! The emulator's control API, as a test author uses it.

use std::fmt;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::driver::http::install_crypto_provider;

/// A client of the control API
pub struct Control {
    url: String,
    http: reqwest::Client,
}

/// Why a request to the control API failed
#[derive(Debug)]
pub struct ControlError {
    request: String,
    reason: String,
}

impl Control {
    /// The control API at `url`, such as `http://127.0.0.1:8080`
    ///
    /// # Panics
    /// When the HTTP client cannot be set up, which depends on nothing outside of this process.
    pub fn new(url: &str) -> Self {
        // The control API speaks plain HTTP, but reqwest wants a crypto provider all the same.
        install_crypto_provider();
        let http = reqwest::Client::builder()
            .no_proxy()
            // Plain HTTP needs no certificates, and an image may have none to load.
            .tls_certs_only([])
            .timeout(Duration::from_secs(30))
            .build()
            .expect("an HTTP client without any setting from outside can be made");
        Self {
            url: url.trim_end_matches('/').to_owned(),
            http,
        }
    }

    /// Waits until the emulator says that it is ready
    ///
    /// # Errors
    /// When it does not within half a minute.
    pub async fn wait_until_ready(&self) -> Result<(), ControlError> {
        let mut last = self.send(Method::GET, "/ready", None).await;
        for _ in 0..150 {
            if last.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            last = self.send(Method::GET, "/ready", None).await;
        }
        last.map(|_| ())
    }

    /// Resets state, journal, counters and policies to the configuration
    ///
    /// # Errors
    /// When the control API cannot be reached or refuses.
    pub async fn reset(&self) -> Result<(), ControlError> {
        self.send(Method::POST, "/reset", None).await.map(|_| ())
    }

    /// Sets the emulator's clock ahead of the machine's by this many seconds; signatures must follow it
    ///
    /// # Errors
    /// When the control API cannot be reached or refuses.
    pub async fn set_clock_offset(&self, seconds: i64) -> Result<(), ControlError> {
        let setting = json!({ "offset_seconds": seconds, "signatures": "emulated_only" });
        self.send(Method::PUT, "/clock", Some(setting)).await.map(|_| ())
    }

    /// Advances the emulator's clock by this many seconds
    ///
    /// # Errors
    /// When the control API cannot be reached or refuses.
    pub async fn advance_clock(&self, seconds: u32) -> Result<(), ControlError> {
        let step = json!({ "seconds": seconds });
        self.send(Method::POST, "/clock/advance", Some(step))
            .await
            .map(|_| ())
    }

    /// Its URL
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Attaches an endpoint policy
    ///
    /// # Errors
    /// When the control API cannot be reached or refuses.
    pub async fn attach_policy(&self, vpc_endpoint_id: &str, document: Value) -> Result<(), ControlError> {
        let path = format!("/vpc-endpoints/{vpc_endpoint_id}/policy");
        self.send(Method::PUT, &path, Some(document)).await.map(|_| ())
    }

    /// The journal as JSON, newest last
    ///
    /// # Errors
    /// When the control API cannot be reached or refuses.
    pub async fn requests(&self) -> Result<Vec<Value>, ControlError> {
        let text = self.send(Method::GET, "/requests", None).await?;
        serde_json::from_str(&text).map_err(|error| ControlError {
            request: "GET /requests".to_owned(),
            reason: format!("the journal is not a list: {error}"),
        })
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<String, ControlError> {
        let request = format!("{method} {path}");
        let mut builder = self.http.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            builder = builder.json(&body);
        }
        let answer = async {
            let response = builder.send().await?;
            let status = response.status();
            Ok::<_, reqwest::Error>((status, response.text().await?))
        };
        match answer.await {
            Ok((status, text)) if status.is_success() => Ok(text),
            Ok((status, text)) => Err(ControlError {
                request,
                reason: format!("{status} {text}"),
            }),
            Err(error) => Err(ControlError {
                request,
                reason: format!("{error:?}"),
            }),
        }
    }
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "control API, `{}`: {}", self.request, self.reason)
    }
}

impl std::error::Error for ControlError {}
