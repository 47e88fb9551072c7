//! Finds out why a signature differs, by trying what known clients do wrong until one mistake explains it.

use crate::authorization::lossy;
use crate::canonical_request::{HostReading, PathReading, QueryReading, Reading};
use crate::mismatch::{Mismatch, MismatchCause};
use crate::payload_hash::{PayloadHash, UNSIGNED_PAYLOAD};
use crate::signed_headers::AUTHORITY;
use crate::verify::Attempt;

impl Attempt<'_> {
    /// The mismatch, with its cause if one of the known mistakes explains it. This costs a few more hashes, but
    /// only for refused requests.
    pub(crate) fn explain(&self, line: &[u8]) -> Mismatch {
        let ours = self.canonical_request(line, Reading::default());
        let is_right = self.matches_as(line, Reading::default());
        let found = match is_right {
            // The signature is right, so no other reading explains the refusal.
            true => None,
            false => self
                .suspects(line)
                .into_iter()
                .find(|(_, line, reading)| self.matches_as(line, *reading)),
        };
        let (cause, signed_instead) = match found {
            Some((cause, line, reading)) => (Some(cause), Some(self.canonical_request(line, reading))),
            None => {
                let another_secret = || MismatchCause::AnotherSecret(self.request.access_key_id().to_owned());
                let apparent = self.apparent_cause(line);
                (apparent.or_else(|| (!is_right).then(another_secret)), None)
            }
        };
        Mismatch {
            string_to_sign: self.string_to_sign(&ours).into_owned(),
            canonical_request: text(&ours),
            provided_signature: self.request.signature.to_string(),
            cause,
            signed_instead: signed_instead.as_deref().map(text),
        }
    }

    /// What the client may have signed instead, the likeliest first.
    fn suspects<'l>(&'l self, line: &'l [u8]) -> Vec<(MismatchCause, &'l [u8], Reading)> {
        let aws = Reading::default();
        let path_as_sent = Reading {
            path: PathReading::AsSent,
            ..aws
        };
        let query_as_sent = Reading {
            query: QueryReading::AsSent,
            ..aws
        };
        let declared = self.request.declared_payload_line();
        let payload = match self.request.payload_hash {
            PayloadHash::Implied => (MismatchCause::UndeclaredUnsignedPayload, UNSIGNED_PAYLOAD, aws),
            PayloadHash::Declared(_) => (MismatchCause::BodyDiffersFromDeclaredHash, declared, aws),
            PayloadHash::Unsigned => (MismatchCause::UnsignedPayloadRefused, UNSIGNED_PAYLOAD, aws),
            PayloadHash::Streaming(found) => (MismatchCause::StreamingPayload(text(found)), declared, aws),
            PayloadHash::Unrecognised(found) => {
                (MismatchCause::UnrecognisedPayloadHash(text(found)), declared, aws)
            }
        };
        vec![
            payload,
            (MismatchCause::PathNotEncodedTwice, line, path_as_sent),
            (MismatchCause::QueryNotCanonical, line, query_as_sent),
            (
                MismatchCause::PathAndQueryAsSent,
                line,
                Reading {
                    path: PathReading::AsSent,
                    ..query_as_sent
                },
            ),
            (
                MismatchCause::HostWithoutPort,
                line,
                Reading {
                    host: HostReading::WithoutPort,
                    ..aws
                },
            ),
            (MismatchCause::SignedAsEmptyBody, EMPTY_BODY_LINE, aws),
        ]
    }

    /// A cause that is visible without trying other readings.
    fn apparent_cause(&self, line: &[u8]) -> Option<MismatchCause> {
        match self.request.payload_hash {
            _ if self.provided.is_none() => Some(MismatchCause::NotASignature),
            PayloadHash::Streaming(found) => Some(MismatchCause::StreamingPayload(text(found))),
            PayloadHash::Unrecognised(found) => Some(MismatchCause::UnrecognisedPayloadHash(text(found))),
            PayloadHash::Declared(_) if line != self.request.declared_payload_line() => {
                Some(MismatchCause::BodyDiffersFromDeclaredHash)
            }
            PayloadHash::Unsigned if line != UNSIGNED_PAYLOAD => Some(MismatchCause::UnsignedPayloadRefused),
            PayloadHash::Implied | PayloadHash::Declared(_) | PayloadHash::Unsigned => {
                let is_absent = |name: &&str| self.request.head.header(name).is_none() && *name != AUTHORITY;
                let absent = self.request.signed_headers.names().find(is_absent)?;
                Some(MismatchCause::SignedHeaderAbsent(absent.to_owned()))
            }
        }
    }
}

fn text(bytes: &[u8]) -> String {
    lossy(bytes).into_owned()
}

/// The payload line of a request without a body.
const EMPTY_BODY_LINE: &[u8] = b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
