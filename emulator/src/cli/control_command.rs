//! What the subcommands that ask a running emulator share: the files that they read, and why they fail.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use clap::Args;
use http::{Method, StatusCode};
use serde_json::Value;

use super::{
    EXIT_FAILED, EXIT_USAGE,
    control_client::{Answer, ControlError, ControlUrlOption},
    format::FormatOption,
    output::OutputLost,
};
use crate::config::in_our_words;

/// Whom to ask, and how to print what it says
#[derive(Debug, Args)]
pub(super) struct CommonOptions {
    #[command(flatten)]
    pub(super) control: ControlUrlOption,
    #[command(flatten)]
    pub(super) format: FormatOption,
}

/// Why a command could not do what it was asked to
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The file cannot be read
    #[error("{}: {}", path.display(), in_our_words(error))]
    File {
        path: PathBuf,
        #[source]
        error: io::Error,
    },
    #[error(transparent)]
    Output(#[from] OutputLost),
    /// What was asked for is invalid
    #[error("{0}")]
    Mistake(String),
    /// The emulator cannot answer
    #[error("{0}")]
    Unknown(String),
}

impl Failure {
    /// The status that the subcommand ends with
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Control(error) => error.exit_code(),
            Self::File { .. } | Self::Mistake(_) => EXIT_USAGE,
            Self::Output(_) | Self::Unknown(_) => EXIT_FAILED,
        }
    }

    /// The error that the control API answered with
    pub(super) fn of(answer: &Answer) -> Self {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let error = &body["error"];
        let message = error["message"]
            .as_str()
            .map_or_else(|| answer.status.to_string(), str::to_owned);
        let place = error["path"].as_str().filter(|path| !path.is_empty());
        let text = match place {
            Some(path) => format!("{path}: {message}"),
            None => message,
        };
        match answer.status {
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => Self::Mistake(text),
            _ => Self::Unknown(text),
        }
    }

    /// The same failure, with the file that was sent
    pub(super) fn in_file(self, path: &Path) -> Self {
        match self {
            Self::Mistake(text) => Self::Mistake(format!("{}: {text}", path.display())),
            other => other,
        }
    }
}

/// The status that a subcommand ends with; a failure is reported on standard error
pub(super) fn status(done: Result<u8, Failure>) -> u8 {
    done.unwrap_or_else(|failure| {
        report!("{failure}");
        failure.exit_code()
    })
}

/// Sends one request and expects success
///
/// # Errors
/// When the control API answers with another status: the message of its error.
pub(super) fn send(
    options: &CommonOptions,
    method: Method,
    target: &str,
    body: Bytes,
) -> Result<Answer, Failure> {
    let answer = options.control.client()?.send(method, target, body)?;
    if !answer.status.is_success() {
        return Err(Failure::of(&answer));
    }
    Ok(answer)
}

/// A text as one segment of a path
pub(super) fn percent_encoded(text: &str) -> String {
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    // A plus stands for a space only in a query.
    encoded.replace('+', "%20")
}

/// Reads a file; `-` is standard input
///
/// # Errors
/// When it cannot be read.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = match path {
        path if path == Path::new("-") => io::stdin().read_to_end(&mut bytes).map(|_| bytes),
        path => std::fs::read(path),
    };
    read.map_err(|error| Failure::File {
        path: path.to_owned(),
        error,
    })
}
