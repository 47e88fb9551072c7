//! What is left to do for a call once its request is read: a typed request, bound to the function that performs it.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    api::{
        Described,
        read::{Parts, read},
    },
    error::ServiceError,
    infallible::{json, json_text, sha256},
    operations::Refused,
    store::{Change, View},
};

/// What a call does; its request is already read
#[derive(Clone)]
pub(crate) enum Work {
    /// It reads the state
    Read(Arc<Reads>),
    /// It changes the state
    Change {
        /// Makes the change
        perform: Arc<Changes>,
        /// The client token, if the request has one
        token: Option<Token>,
    },
    /// It detects anomalies in an image
    Detect(Image),
}

/// The image of a DetectAnomalies call, not yet checked
#[derive(Clone)]
pub(crate) struct Image {
    /// The Content-Type header, if there is one
    pub(crate) content_type: Option<Box<str>>,
    /// The bytes
    pub(crate) body: Bytes,
    /// SHA-256 of the bytes, if it is already computed
    pub(crate) body_sha256: Option<[u8; 32]>,
}

/// The resolved names of a call
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'c> {
    /// The version that the caller was authorised on; empty if the call is not about a model
    pub(crate) version: &'c str,
    /// A name that nothing else has
    pub(crate) fresh_name: &'c str,
}

/// A client token, with a fingerprint of its request
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// The token
    pub(crate) text: String,
    /// SHA-256 of the rest of the request
    pub(crate) fingerprint: [u8; 32],
    /// The project that the call is about, for the refusal
    pub(crate) project_name: String,
}

/// Reads the state and returns the body of the answer
pub(crate) type Reads = dyn Fn(&View<'_>, Named<'_>) -> Result<Vec<u8>, ServiceError> + Send + Sync;
/// Changes the state and returns the body of the answer
pub(crate) type Changes = dyn Fn(&mut Change<'_>, Named<'_>) -> Result<String, Refused> + Send + Sync;

/// Reads the request of an operation that reads the state
pub(crate) fn reads<T, R>(
    parts: Parts<'_>,
    lenient: &[&str],
    perform: impl Fn(&View<'_>, &T, Named<'_>) -> Result<R, ServiceError> + Send + Sync + 'static,
) -> Result<Work, ServiceError>
where
    T: Described + DeserializeOwned + Send + Sync + 'static,
    R: Serialize,
{
    let input: T = read(parts, lenient)?;
    Ok(Work::Read(Arc::new(move |view, named| {
        let output = perform(view, &input, named)?;
        Ok(json(&output))
    })))
}

/// Reads the request of an operation that changes the state
pub(crate) fn changes<T, R>(
    parts: Parts<'_>,
    lenient: &[&str],
    perform: impl Fn(&mut Change<'_>, &T, Named<'_>) -> Result<R, Refused> + Send + Sync + 'static,
) -> Result<Work, ServiceError>
where
    T: Described + DeserializeOwned + Serialize + Send + Sync + 'static,
    R: Serialize,
{
    let input: T = read(parts, lenient)?;
    let token = Token::of(&input);
    let perform = Arc::new(move |change: &mut Change<'_>, named: Named<'_>| {
        let output = perform(change, &input, named)?;
        Ok(json_text(&output))
    });
    Ok(Work::Change { perform, token })
}

/// Keeps the image of a DetectAnomalies call, whose members are checked in an order of their own
// The signature is that of the other two, so that all rows of the table look alike.
#[expect(
    clippy::extra_unused_type_parameters,
    reason = "every row of the table names its request"
)]
pub(crate) fn detects<T, R>(parts: Parts<'_>, _lenient: &[&str], _perform: R) -> Result<Work, ServiceError> {
    Ok(Work::Detect(Image {
        content_type: (parts.header)("Content-Type").map(Into::into),
        body: parts.body.clone(),
        body_sha256: parts.body_sha256,
    }))
}

impl Token {
    fn of<T: Serialize>(input: &T) -> Option<Self> {
        let mut members = serde_json::to_value(input).ok()?;
        let members = members.as_object_mut()?;
        let token = members.remove("ClientToken")?;
        let fingerprint = sha256(&json(members));
        let project_name = members.get("ProjectName").and_then(|name| name.as_str());
        Some(Self {
            text: token.as_str()?.to_owned(),
            fingerprint,
            project_name: project_name.unwrap_or_default().to_owned(),
        })
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read(_) => "Read",
            Self::Change { .. } => "Change",
            Self::Detect(_) => "Detect",
        })
    }
}
