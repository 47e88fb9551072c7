//! What a request says about the hash of its body.

use crate::hex;

/// What the `x-amz-content-sha256` header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadHash<'a> {
    /// There is none: the hash of the body is implied. Sent by boto3, the AWS CLI and the Rust SDK.
    Implied,
    /// The SHA-256 that the body must have. Sent by the JavaScript SDK.
    Declared([u8; 32]),
    /// `UNSIGNED-PAYLOAD`: the signature does not cover the body. Sent by the JavaScript SDK for a stream.
    Unsigned,
    /// `STREAMING-…`: the body is signed chunk by chunk, which only S3 understands.
    Streaming(&'a [u8]),
    /// Something else, which nobody can check.
    Unrecognised(&'a [u8]),
}

impl<'a> PayloadHash<'a> {
    pub(crate) fn parse(header: Option<&'a [u8]>) -> Self {
        match header {
            None => Self::Implied,
            Some(text) if text == UNSIGNED_PAYLOAD => Self::Unsigned,
            Some(text) if text.starts_with(b"STREAMING-") => Self::Streaming(text),
            Some(text) => match hex::decode_hash(text) {
                Some(hash) => Self::Declared(hash),
                None => Self::Unrecognised(text),
            },
        }
    }
}

/// Which unsigned bodies to accept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnsignedPayloads {
    /// `UNSIGNED-PAYLOAD` that the request declares in `x-amz-content-sha256`.
    pub declared: DeclaredUnsignedPayload,
    /// `UNSIGNED-PAYLOAD` that the client signed without declaring it in the request.
    pub undeclared: UndeclaredUnsignedPayload,
}

/// What to do with a request that declares `UNSIGNED-PAYLOAD`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeclaredUnsignedPayload {
    /// Accept it.
    // Guess: reports differ by service (apache/opendal-reqsign#346, mhart/aws4fetch#50); the JavaScript SDK
    // relies on it.
    #[default]
    Accept,
    /// Answer that the signature does not match.
    Refuse,
}

/// What to do with a request whose client signed `UNSIGNED-PAYLOAD` without declaring it.
///
/// The Rust SDK does this for `ByteStream::from_path` and for streams (awslabs/aws-sdk-rust#749). A server
/// cannot know beforehand; it can only try `UNSIGNED-PAYLOAD` when the hash of the body does not match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UndeclaredUnsignedPayload {
    /// Answer that the signature does not match, as AWS most likely does.
    #[default]
    Refuse,
    /// Accept it, with [`Warning::UndeclaredUnsignedPayload`](crate::Warning::UndeclaredUnsignedPayload).
    AcceptWithWarning,
}

pub(crate) const UNSIGNED_PAYLOAD: &[u8] = b"UNSIGNED-PAYLOAD";
