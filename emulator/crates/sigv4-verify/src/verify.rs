//! Rule 16: the signature is ours.

use ring::digest;
use subtle::ConstantTimeEq;

use crate::access_key::ActiveKey;
use crate::authorization::lossy;
use crate::canonical_request::{
    CanonicalRequest, HostReading, PathReading, QueryReading, Reading, TokenReading,
};
use crate::error::SignatureError;
use crate::hex::{self, Hex};
use crate::mismatch::{Mismatch, MismatchCause};
use crate::payload_hash::{
    DeclaredUnsignedPayload, PayloadHash, UNSIGNED_PAYLOAD, UndeclaredUnsignedPayload, UnsignedPayloads,
};
use crate::signed_headers::AUTHORITY;
use crate::signed_request::{SignatureForm, SignedRequest};
use crate::string_to_sign::{SigningKey, StringToSign};

/// A request whose signature is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Verified {
    payload: PayloadBinding,
}

/// How far a signature vouches for the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadBinding {
    /// The body is the one that was signed.
    Signed,
    /// The request declared `UNSIGNED-PAYLOAD`: any body will do.
    DeclaredUnsigned,
    /// The client signed `UNSIGNED-PAYLOAD` and did not say so: any body will do.
    UndeclaredUnsigned,
}

/// Something that AWS would most likely have refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The client signed `UNSIGNED-PAYLOAD` without declaring it.
    UndeclaredUnsignedPayload,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UndeclaredUnsignedPayload => MismatchCause::UndeclaredUnsignedPayload.fmt(f),
        }
    }
}

impl Verified {
    /// How far the signature vouches for the body.
    #[must_use]
    pub fn payload(&self) -> PayloadBinding {
        self.payload
    }

    /// What was let through that AWS would most likely have refused.
    #[must_use]
    pub fn warning(&self) -> Option<Warning> {
        match self.payload {
            PayloadBinding::Signed | PayloadBinding::DeclaredUnsigned => None,
            PayloadBinding::UndeclaredUnsigned => Some(Warning::UndeclaredUnsignedPayload),
        }
    }
}

impl SignedRequest<'_> {
    /// Compares the signature with the one this key gives this request and this body.
    ///
    /// # Errors
    /// Rule 16 of the [crate's list](crate#the-order-of-checks): [`SignatureError::SignatureDoesNotMatch`], and nothing
    /// else.
    pub fn verify(
        &self,
        key: &ActiveKey<'_>,
        body_sha256: &[u8; 32],
        unsigned: UnsignedPayloads,
    ) -> Result<Verified, SignatureError> {
        let attempt = Attempt::new(self, key);
        let hash_line = Hex::of(body_sha256);

        // Rule 16: the signature is the one this key gives this request.
        let (line, binding) = match self.payload_hash {
            PayloadHash::Implied => (hash_line.as_bytes(), Some(PayloadBinding::Signed)),
            // The declared text is what the client signed, and may be in upper case.
            PayloadHash::Declared(hash) if hash == *body_sha256 => {
                (self.declared_payload_line(), Some(PayloadBinding::Signed))
            }
            PayloadHash::Unsigned if unsigned.declared == DeclaredUnsignedPayload::Accept => {
                (UNSIGNED_PAYLOAD, Some(PayloadBinding::DeclaredUnsigned))
            }
            // Guess: whatever else the header says, the answer is that of a wrong hash.
            PayloadHash::Declared(_)
            | PayloadHash::Unsigned
            | PayloadHash::Streaming(_)
            | PayloadHash::Unrecognised(_) => (hash_line.as_bytes(), None),
        };
        if let Some(payload) = binding
            && attempt.matches(line)
        {
            return Ok(Verified { payload });
        }
        if self.payload_hash == PayloadHash::Implied
            && unsigned.undeclared == UndeclaredUnsignedPayload::AcceptWithWarning
            && attempt.matches(UNSIGNED_PAYLOAD)
        {
            return Ok(Verified {
                payload: PayloadBinding::UndeclaredUnsigned,
            });
        }
        Err(SignatureError::SignatureDoesNotMatch(Box::new(
            attempt.explain(line),
        )))
    }

    /// What `x-amz-content-sha256` says, letter by letter.
    fn declared_payload_line(&self) -> &[u8] {
        self.head.header("x-amz-content-sha256").unwrap_or_default()
    }
}

/// One request and one key, to be tried with this and that payload line.
struct Attempt<'r> {
    request: &'r SignedRequest<'r>,
    signing_key: SigningKey,
    /// `None` if it is no signature at all.
    provided: Option<[u8; 32]>,
}

impl<'r> Attempt<'r> {
    fn new(request: &'r SignedRequest<'r>, key: &ActiveKey<'_>) -> Self {
        let signature = request.signature.as_bytes();
        let is_lower_case = !signature.iter().any(u8::is_ascii_uppercase);
        Self {
            request,
            signing_key: SigningKey::derive(key.secret(), &request.scope),
            // Guess: AWS compares text, so upper-case digits are a different signature.
            provided: hex::decode_hash(signature).filter(|_| is_lower_case),
        }
    }

    fn matches(&self, payload_line: &[u8]) -> bool {
        self.matches_as(payload_line, Reading::default())
            || self.token_may_be_unsigned()
                && self.matches_as(
                    payload_line,
                    Reading {
                        token: TokenReading::AddedLater,
                        ..Reading::default()
                    },
                )
    }

    fn matches_as(&self, payload_line: &[u8], reading: Reading) -> bool {
        let Some(provided) = self.provided else {
            return false;
        };
        let string_to_sign = self.string_to_sign(&self.canonical_request(payload_line, reading));
        let ours = self.signing_key.sign(&string_to_sign);
        ours.as_ref().ct_eq(&provided).into()
    }

    fn canonical_request(&self, payload_line: &[u8], reading: Reading) -> Vec<u8> {
        let request = self.request;
        let mut text = Vec::with_capacity(1024);
        CanonicalRequest {
            head: &request.head,
            form: request.form,
            signed_headers: &request.signed_headers,
            payload_line,
            reading,
        }
        .write_to(&mut text);
        text
    }

    fn string_to_sign(&self, canonical_request: &[u8]) -> StringToSign<'r> {
        let hash = digest::digest(&digest::SHA256, canonical_request);
        let hash = hash.as_ref().try_into().expect("sha-256 has 32 bytes");
        StringToSign::new(self.request.date, self.request.scope.clone(), &hash)
    }

    fn token_may_be_unsigned(&self) -> bool {
        matches!(self.request.form, SignatureForm::PresignedUrl { .. })
            && self.request.session_token.is_some()
    }
    /// The difference, and what we can find out of its cause by trying what known clients do wrong. This costs a few
    /// more hashes, and only those pay who are refused.
    fn explain(&self, line: &[u8]) -> Mismatch {
        let ours = self.canonical_request(line, Reading::default());
        let found = match self.matches_as(line, Reading::default()) {
            // The signature is right, and yet we refuse: no other reading will explain that.
            true => None,
            false => self
                .suspects(line)
                .into_iter()
                .find(|(_, line, reading)| self.matches_as(line, *reading)),
        };
        let (cause, signed_instead) = match found {
            Some((cause, line, reading)) => (Some(cause), Some(self.canonical_request(line, reading))),
            None => (self.apparent_cause(line), None),
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

    /// What can be seen without trying.
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
