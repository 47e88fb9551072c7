//! A signature that differs from the one we computed, and why.

use std::borrow::Cow;
use std::fmt;

use crate::redaction::{REDACTED, is_secret_header, redact_secrets};
use crate::shown::Shown;
use crate::string_to_sign::StringToSign;

/// Everything about a signature that differs from ours, for debugging.
///
/// Both canonical requests may hold the session token and other credentials. [`redacted`](Self::redacted) takes
/// them out; `Debug` prints the redacted text.
#[derive(Clone)]
pub struct Mismatch {
    pub(crate) canonical_request: String,
    pub(crate) string_to_sign: StringToSign<'static>,
    pub(crate) provided_signature: String,
    pub(crate) cause: Option<MismatchCause>,
    pub(crate) signed_instead: Option<String>,
}

impl Mismatch {
    /// The canonical request as it should have been.
    #[must_use]
    pub fn canonical_request(&self) -> &str {
        &self.canonical_request
    }

    /// The string to sign as it should have been.
    #[must_use]
    pub fn string_to_sign(&self) -> &StringToSign<'static> {
        &self.string_to_sign
    }

    /// The signature that came with the request.
    #[must_use]
    pub fn provided_signature(&self) -> &str {
        &self.provided_signature
    }

    /// Why the signatures differ, or the likeliest reason. `None`: the signature is right and was refused anyway.
    #[must_use]
    pub fn cause(&self) -> Option<&MismatchCause> {
        self.cause.as_ref()
    }

    /// A copy with its secrets redacted, for logs and journals.
    #[must_use]
    pub fn redacted(&self) -> Self {
        Self {
            canonical_request: redact(&self.canonical_request),
            signed_instead: self.signed_instead.as_deref().map(redact),
            ..self.clone()
        }
    }

    /// The first line in which the client's canonical request differs from ours; `None` if we could not find out
    /// what the client signed.
    #[must_use]
    pub fn first_difference(&self) -> Option<LineDifference<'_>> {
        let theirs = self.signed_instead.as_deref()?;
        let (line, (ours, theirs)) = self
            .canonical_request
            .lines()
            .zip(theirs.lines())
            .enumerate()
            .find(|(_, (ours, theirs))| ours != theirs)?;
        Some(LineDifference {
            line: line + 1,
            ours,
            theirs,
        })
    }
}

impl fmt::Debug for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mismatch")
            .field("canonical_request", &redact(&self.canonical_request))
            .field("string_to_sign", &self.string_to_sign)
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}

/// A line that differs between two canonical requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineDifference<'m> {
    /// The line's number, counted from one.
    pub line: usize,
    /// What it should have been.
    pub ours: &'m str,
    /// What the client signed.
    pub theirs: &'m str,
}

/// Why a signature differs. Prints as a sentence for the person who has to fix it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MismatchCause {
    /// The client signed `UNSIGNED-PAYLOAD` without declaring it.
    UndeclaredUnsignedPayload,
    /// The request declares `UNSIGNED-PAYLOAD`, which the endpoint is set to refuse.
    UnsignedPayloadRefused,
    /// `x-amz-content-sha256` is signed, but is not the hash of the body that arrived.
    BodyDiffersFromDeclaredHash,
    /// The client signed the hash of no bytes although there is a body.
    SignedAsEmptyBody,
    /// The body is signed chunk by chunk, which only S3 understands.
    StreamingPayload(String),
    /// `x-amz-content-sha256` is neither a hash nor a word we know.
    UnrecognisedPayloadHash(String),
    /// The client signed the path as it sent it, without encoding it once more.
    PathNotEncodedTwice,
    /// The client signed the query as it sent it, without sorting and strictly encoding it.
    QueryNotCanonical,
    /// The client signed both path and query as it sent them.
    PathAndQueryAsSent,
    /// The client signed the host without its port.
    HostWithoutPort,
    /// A header is listed in `SignedHeaders`, but the request has none of that name.
    SignedHeaderAbsent(String),
    /// The signature is not 64 lower-case hex digits.
    NotASignature,
    /// Nothing else explains it, so the client most likely has another secret for this access key id.
    AnotherSecret(String),
}

impl fmt::Display for MismatchCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UndeclaredUnsignedPayload => f.write_str(
                "the client signed `UNSIGNED-PAYLOAD` without sending `x-amz-content-sha256`; \
                 the AWS SDK for Rust does so for files and streams",
            ),
            Self::UnsignedPayloadRefused => f.write_str("unsigned payloads are refused here"),
            Self::BodyDiffersFromDeclaredHash => {
                f.write_str("the body that arrived is not the body `x-amz-content-sha256` was computed from")
            }
            Self::SignedAsEmptyBody => {
                f.write_str("the client signed the hash of an empty body, but the request has a body")
            }
            Self::StreamingPayload(found) => {
                write!(
                    f,
                    "`x-amz-content-sha256` is `{}`, which only S3 understands",
                    Shown(found)
                )
            }
            Self::UnrecognisedPayloadHash(found) => {
                write!(
                    f,
                    "`x-amz-content-sha256` is `{}`, which is no SHA-256 in hex",
                    Shown(found)
                )
            }
            Self::PathNotEncodedTwice => f.write_str(
                "the client signed the path as it sent it; every service but S3 wants it \
                 percent-encoded once more",
            ),
            Self::QueryNotCanonical => f.write_str(
                "the client signed the query as it sent it; it has to be sorted by name, and strictly \
                 encoded",
            ),
            Self::PathAndQueryAsSent => f.write_str(
                "the client signed path and query as it sent them; \
                 the path has to be percent-encoded once more, and the query sorted by name",
            ),
            Self::HostWithoutPort => f.write_str("the client signed the host without its port"),
            Self::SignedHeaderAbsent(name) => {
                write!(
                    f,
                    "`{}` is listed in the signed headers, but the request has no such header",
                    Shown(name)
                )
            }
            Self::NotASignature => f.write_str("the signature is not 64 lower-case hex digits"),
            Self::AnotherSecret(access_key_id) => {
                write!(
                    f,
                    "probably the secret of key `{}` is another one",
                    Shown(access_key_id)
                )
            }
        }
    }
}

/// Redacts the secrets in a canonical request: in its header lines and in its query.
fn redact(canonical_request: &str) -> String {
    let lines = canonical_request
        .split('\n')
        .map(|line| match line.split_once(':') {
            Some((name, _)) if is_secret_header(name) => Cow::Owned(format!("{name}:{REDACTED}")),
            _ => redact_secrets(line),
        });
    lines.collect::<Vec<_>>().join("\n")
}
