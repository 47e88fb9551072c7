//! Rule 16: the signature is the one we compute.

use ring::digest;
use subtle::ConstantTimeEq;

use crate::access_key::ActiveKey;
use crate::canonical_request::{CanonicalRequest, Reading, TokenReading};
use crate::error::SignatureError;
use crate::hex::{self, Hex};
use crate::mismatch::MismatchCause;
use crate::payload_hash::{
    DeclaredUnsignedPayload, PayloadHash, UNSIGNED_PAYLOAD, UndeclaredUnsignedPayload, UnsignedPayloads,
};
use crate::signed_request::{SignatureForm, SignedRequest};
use crate::string_to_sign::{SigningKey, StringToSign};

/// A request whose signature is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Verified {
    payload: PayloadBinding,
}

/// Whether a signature covers the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadBinding {
    /// The body is the one that was signed.
    Signed,
    /// The request declared `UNSIGNED-PAYLOAD`: any body matches.
    DeclaredUnsigned,
    /// The client signed `UNSIGNED-PAYLOAD` without declaring it: any body matches.
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
    /// Whether the signature covers the body.
    #[must_use]
    pub fn payload(&self) -> PayloadBinding {
        self.payload
    }

    /// What was accepted although AWS would most likely have refused it.
    #[must_use]
    pub fn warning(&self) -> Option<Warning> {
        match self.payload {
            PayloadBinding::Signed | PayloadBinding::DeclaredUnsigned => None,
            PayloadBinding::UndeclaredUnsigned => Some(Warning::UndeclaredUnsignedPayload),
        }
    }
}

impl SignedRequest<'_> {
    /// Compares the signature with the one that this key produces for this request and this body.
    ///
    /// # Errors
    /// [`SignatureError::SignatureDoesNotMatch`] if rule 16 of the [crate's list](crate#the-order-of-checks) is
    /// broken, and nothing else.
    pub fn verify(
        &self,
        key: &ActiveKey<'_>,
        body_sha256: &[u8; 32],
        unsigned: UnsignedPayloads,
    ) -> Result<Verified, SignatureError> {
        let attempt = Attempt::new(self, key);
        let hash_line = Hex::of(body_sha256);

        // Rule 16: the signature is the one that this key produces for this request.
        let (line, binding) = match self.payload_hash {
            PayloadHash::Implied => (hash_line.as_bytes(), Some(PayloadBinding::Signed)),
            // The declared text is what the client signed, and may be in upper case.
            PayloadHash::Declared(hash) if hash == *body_sha256 => {
                (self.declared_payload_line(), Some(PayloadBinding::Signed))
            }
            PayloadHash::Unsigned if unsigned.declared == DeclaredUnsignedPayload::Accept => {
                (UNSIGNED_PAYLOAD, Some(PayloadBinding::DeclaredUnsigned))
            }
            // Guess: whatever else the header says, AWS answers as for a wrong hash.
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

    /// The value of `x-amz-content-sha256`, exactly as sent.
    pub(crate) fn declared_payload_line(&self) -> &[u8] {
        self.head.header("x-amz-content-sha256").unwrap_or_default()
    }
}

/// One request and one key, to be tried with different payload lines.
pub(crate) struct Attempt<'r> {
    pub(crate) request: &'r SignedRequest<'r>,
    signing_key: SigningKey,
    /// `None` if it is not a signature at all.
    pub(crate) provided: Option<[u8; 32]>,
}

impl<'r> Attempt<'r> {
    fn new(request: &'r SignedRequest<'r>, key: &ActiveKey<'_>) -> Self {
        let signature = request.signature.as_bytes();
        let is_lower_case = !signature.iter().any(u8::is_ascii_uppercase);
        Self {
            request,
            signing_key: key.secret().signing_key(&request.scope),
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

    pub(crate) fn matches_as(&self, payload_line: &[u8], reading: Reading) -> bool {
        let Some(provided) = self.provided else {
            return false;
        };
        let string_to_sign = self.string_to_sign(&self.canonical_request(payload_line, reading));
        let ours = self.signing_key.sign(&string_to_sign);
        ours.as_ref().ct_eq(&provided).into()
    }

    pub(crate) fn canonical_request(&self, payload_line: &[u8], reading: Reading) -> Vec<u8> {
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

    #[expect(clippy::expect_used, reason = "SHA-256 has 32 bytes")]
    pub(crate) fn string_to_sign(&self, canonical_request: &[u8]) -> StringToSign<'r> {
        let hash = digest::digest(&digest::SHA256, canonical_request);
        let hash = hash.as_ref().try_into().expect("sha-256 has 32 bytes");
        StringToSign::new(self.request.date, self.request.scope.clone(), &hash)
    }

    fn token_may_be_unsigned(&self) -> bool {
        matches!(self.request.form, SignatureForm::PresignedUrl { .. })
            && self.request.session_token.is_some()
    }
}
