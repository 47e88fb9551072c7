//! The string to sign, and the key it is signed with.

use std::fmt;

use ring::hmac;

use crate::access_key::SecretAccessKey;
use crate::authorization::ALGORITHM;
use crate::credential::{CredentialScope, TERMINATOR};
use crate::hex::Hex;
use crate::request_date::RequestDate;

/// The text that is signed in the end. Prints as that text.
#[derive(Clone)]
pub struct StringToSign<'a> {
    date: RequestDate,
    scope: CredentialScope<'a>,
    canonical_request_sha256: Hex,
}

impl<'a> StringToSign<'a> {
    pub(crate) fn new(
        date: RequestDate,
        scope: CredentialScope<'a>,
        canonical_request_sha256: &[u8; 32],
    ) -> Self {
        Self {
            date,
            scope,
            canonical_request_sha256: Hex::of(canonical_request_sha256),
        }
    }

    /// The same text, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> StringToSign<'static> {
        let Self {
            date,
            scope,
            canonical_request_sha256,
        } = self;
        StringToSign {
            date,
            scope: scope.into_owned(),
            canonical_request_sha256,
        }
    }
}

impl StringToSign<'_> {
    /// IAM User Guide, "Create a signed AWS API request", step 3.
    fn pieces(&self) -> [&str; 11] {
        let Self {
            date,
            scope,
            canonical_request_sha256,
        } = self;
        let (day, region, service) = (scope.date(), scope.region(), scope.service());
        let hash = canonical_request_sha256.as_str();
        [
            ALGORITHM,
            "\n",
            date.as_str(),
            "\n",
            day,
            "/",
            region,
            "/",
            service,
            END_OF_SCOPE,
            hash,
        ]
    }
}

impl fmt::Display for StringToSign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces().iter().try_for_each(|piece| f.write_str(piece))
    }
}

impl fmt::Debug for StringToSign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

/// The signing key, which is valid for one day, one Region and one service.
#[derive(Clone)]
pub(crate) struct SigningKey(hmac::Key);

impl SigningKey {
    /// IAM User Guide, "Create a signed AWS API request", step 4.
    pub(crate) fn derive(secret: &SecretAccessKey, scope: &CredentialScope<'_>) -> Self {
        let key = sha256_key(secret.expose_prefixed());
        let key = sha256_key(hmac::sign(&key, scope.date().as_bytes()).as_ref());
        let key = sha256_key(hmac::sign(&key, scope.region().as_bytes()).as_ref());
        let key = sha256_key(hmac::sign(&key, scope.service().as_bytes()).as_ref());
        Self(sha256_key(hmac::sign(&key, TERMINATOR.as_bytes()).as_ref()))
    }

    pub(crate) fn sign(&self, string_to_sign: &StringToSign<'_>) -> hmac::Tag {
        hmac::sign(&self.0, string_to_sign.pieces().concat().as_bytes())
    }
}

fn sha256_key(bytes: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, bytes)
}

const END_OF_SCOPE: &str = "/aws4_request\n";
