//! Asking a running emulator over its control API, for the subcommands that need one.

use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use super::{EXIT_FAILED, EXIT_USAGE};

/// Where the control API of a running emulator is
#[derive(Debug, Args)]
pub(super) struct ControlUrlOption {
    /// URL of the control API [default: that of LOOKOUTVISION_EMULATOR_CONTROL, or http://127.0.0.1:8080]
    #[arg(
        long = "control",
        value_name = "URL",
        env = "LOOKOUTVISION_EMULATOR_CONTROL_URL"
    )]
    control_url: Option<String>,
}

/// The control API of a running emulator
#[derive(Debug)]
pub(super) struct ControlClient {
    authority: String,
}

/// An answer of the control API
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The control API did not answer
#[derive(Debug, thiserror::Error)]
pub(super) enum ControlError {
    /// It has another form than `http://HOST:PORT`
    #[error("`{0}` is not the URL of a control API, such as `http://127.0.0.1:8080`")]
    NotAUrl(String),
    /// Nobody listens there, or not in time
    #[error(
        "no emulator answers at http://{authority}: {reason}; start one, or name its control API with `--control URL`"
    )]
    Unreachable {
        /// The authority that was called
        authority: String,
        /// What went wrong
        reason: String,
    },
    /// It answered with an error of its own
    #[error("{0}")]
    Refused(String),
}

/// What has to be polled beside a request
type Connection = http1::Connection<TokioIo<TcpStream>, Full<Bytes>>;

impl ControlError {
    /// The status that a subcommand ends with
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::NotAUrl(_) => EXIT_USAGE,
            Self::Unreachable { .. } | Self::Refused(_) => EXIT_FAILED,
        }
    }
}

impl ControlUrlOption {
    pub(super) fn client(&self) -> Result<ControlClient, ControlError> {
        let variable = std::env::var("LOOKOUTVISION_EMULATOR_CONTROL").ok();
        let url = self.control_url.clone().or(variable);
        let url = url.as_deref().unwrap_or(DEFAULT_CONTROL);
        let not_a_url = || ControlError::NotAUrl(url.to_owned());
        let rest = url.strip_prefix("http://").unwrap_or(url);
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let uri: Uri = format!("http://{authority}/").parse().map_err(|_| not_a_url())?;
        if authority.contains('/') || uri.port().is_none() {
            return Err(not_a_url());
        }
        // A listener on every address is asked on loopback.
        let authority = authority
            .replace("0.0.0.0:", "127.0.0.1:")
            .replace("[::]:", "[::1]:");
        Ok(ControlClient { authority })
    }
}

impl ControlClient {
    /// The control API at a URL, as `Emulator::control_url` tells it
    pub(super) fn at(url: &str) -> Self {
        Self {
            authority: url.strip_prefix("http://").unwrap_or(url).to_owned(),
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// Sends one request; an answer of any status is a success
    pub(super) fn send(&self, method: Method, target: &str, body: Bytes) -> Result<Answer, ControlError> {
        self.send_within(Duration::ZERO, method, target, body)
    }

    /// Sends one request whose answer may be held back for this long
    pub(super) fn send_within(
        &self,
        held_back: Duration,
        method: Method,
        target: &str,
        body: Bytes,
    ) -> Result<Answer, ControlError> {
        let at_most = held_back + TIMEOUT;
        self.block_on(async {
            timeout(at_most, self.exchange(method, target, body))
                .await
                .unwrap_or_else(|_| {
                    Err(self.unreachable(&format!("no answer within {} s", at_most.as_secs())))
                })
        })
    }

    /// The body of a successful answer
    ///
    /// # Errors
    /// When the route answers with another status: the message of its error.
    pub(super) fn get(&self, target: &str) -> Result<Bytes, ControlError> {
        Ok(self.get_answer(target)?.body)
    }

    /// A successful answer with its headers
    ///
    /// # Errors
    /// When the route answers with another status: the message of its error.
    pub(super) fn get_answer(&self, target: &str) -> Result<Answer, ControlError> {
        let answer = self.send(Method::GET, target, Bytes::new())?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let error: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let message = error["error"]["message"].as_str().map(str::to_owned);
        Err(ControlError::Refused(message.unwrap_or_else(|| {
            format!("http://{}{target} answered {}", self.authority, answer.status)
        })))
    }

    /// Waits for the next event of `GET /events` after `last` and returns its id; without `last`, returns the id to
    /// begin with. `None` when `given_up` was ready before there was an event.
    pub(super) fn next_event(
        &self,
        last: Option<&str>,
        given_up: impl Future<Output = ()>,
    ) -> Result<Option<String>, ControlError> {
        self.block_on(async {
            tokio::select! {
                event = self.wait_for_event(last) => event.map(Some),
                () = given_up => Ok(None),
            }
        })
    }

    fn block_on<T>(&self, work: impl Future<Output = Result<T, ControlError>>) -> Result<T, ControlError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| self.unreachable(&error))?;
        runtime.block_on(work)
    }

    async fn connect(&self) -> Result<(SendRequest<Full<Bytes>>, Connection), ControlError> {
        let stream = TcpStream::connect(&self.authority)
            .await
            .map_err(|error| self.unreachable(&error))?;
        http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.unreachable(&error))
    }

    async fn wait_for_event(&self, last: Option<&str>) -> Result<String, ControlError> {
        let unreachable = |error: &dyn std::fmt::Display| self.unreachable(error);
        let (mut sender, connection) = self.connect().await?;
        let mut request = Request::builder()
            .uri("/events")
            .header(header::HOST, &self.authority);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let request = request
            .body(Full::<Bytes>::default())
            .map_err(|error| unreachable(&error))?;
        let event = async {
            let response = sender.send_request(request).await;
            let response = response.map_err(|error| unreachable(&error))?;
            if !response.status().is_success() {
                return Err(unreachable(&format!("/events answered {}", response.status())));
            }
            let mut body = response.into_body();
            let mut text = String::new();
            loop {
                let frame = body
                    .frame()
                    .await
                    .ok_or_else(|| unreachable(&"the emulator has stopped"))?;
                let frame = frame.map_err(|error| unreachable(&error))?;
                if let Ok(data) = frame.into_data() {
                    text.push_str(&String::from_utf8_lossy(&data));
                }
                if let Some(id) = last_event_id(&text, last.is_none()) {
                    return Ok(id);
                }
            }
        };
        tokio::select! {
            event = event => event,
            // The end of the connection says nothing that the end of the stream does not.
            Err(error) = connection => Err(unreachable(&error)),
        }
    }

    async fn exchange(&self, method: Method, target: &str, body: Bytes) -> Result<Answer, ControlError> {
        let unreachable = |error: &dyn std::fmt::Display| self.unreachable(error);
        let (mut sender, connection) = self.connect().await?;
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, &self.authority)
            .body(Full::new(body))
            .map_err(|error| unreachable(&error))?;
        let answer = async {
            let response = sender
                .send_request(request)
                .await
                .map_err(|error| unreachable(&error))?;
            let status = response.status();
            let headers = response.headers().clone();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
                .collect()
                .await
                .map_err(|error| unreachable(&error))?;
            Ok(Answer {
                status,
                headers,
                body: body.to_bytes(),
            })
        };
        tokio::select! {
            answer = answer => answer,
            // The end of the connection says nothing that the answer does not.
            Err(error) = connection => Err(unreachable(&error)),
        }
    }

    fn unreachable(&self, reason: &dyn std::fmt::Display) -> ControlError {
        ControlError::Unreachable {
            authority: self.authority.clone(),
            reason: reason.to_string(),
        }
    }
}

/// The id of the last whole event in a stream. With `at_the_start`, a block that is no event and only gives the
/// position in the stream counts as well.
fn last_event_id(stream: &str, at_the_start: bool) -> Option<String> {
    let (whole, _) = stream.rsplit_once("\n\n")?;
    let blocks = whole.split("\n\n");
    let ids = blocks.filter_map(|block| {
        let is_event = block.lines().any(|line| line.starts_with("event: "));
        let id = block.lines().find_map(|line| line.strip_prefix("id: "))?;
        (is_event || at_the_start).then(|| id.to_owned())
    });
    ids.last()
}

const DEFAULT_CONTROL: &str = "http://127.0.0.1:8080";
const TIMEOUT: Duration = Duration::from_secs(10);
/// More than any journal holds
const ANSWER_BYTES_MAX: usize = 256 << 20;
