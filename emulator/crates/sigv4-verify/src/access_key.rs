//! The caller's key, and whether it may sign at all.

use std::fmt;
use std::sync::Mutex;

use jiff::Timestamp;
use subtle::ConstantTimeEq;

use crate::credential::CredentialScope;
use crate::error::SignatureError;
use crate::signed_request::SignedRequest;
use crate::string_to_sign::SigningKey;

/// A secret access key. Prints as `[redacted]`.
pub struct SecretAccessKey {
    /// `AWS4` followed by the secret: the first key of the derivation, built once.
    prefixed: Box<str>,
    /// The last signing key and its scope. A client usually signs all requests of a day for one Region and one service,
    /// and deriving the key costs more than the rest of a signature.
    derived: Mutex<Option<(CredentialScope<'static>, SigningKey)>>,
}

impl SecretAccessKey {
    /// Wraps a secret.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self {
            prefixed: format!("{PREFIX}{secret}").into(),
            derived: Mutex::default(),
        }
    }

    /// The secret itself, for signing with it.
    #[must_use]
    #[expect(clippy::string_slice, reason = "the constructor puts the prefix there")]
    pub fn expose(&self) -> &str {
        &self.prefixed[PREFIX.len()..]
    }

    pub(crate) fn expose_prefixed(&self) -> &[u8] {
        self.prefixed.as_bytes()
    }

    /// The signing key that is derived from this secret for a scope.
    pub(crate) fn signing_key(&self, scope: &CredentialScope<'_>) -> SigningKey {
        // If another thread holds the lock, do not wait: deriving the key again is quick enough.
        let Ok(mut derived) = self.derived.try_lock() else {
            return SigningKey::derive(self, scope);
        };
        if let Some((for_scope, key)) = &*derived
            && for_scope == scope
        {
            return key.clone();
        }
        let key = SigningKey::derive(self, scope);
        *derived = Some((scope.clone().into_owned(), key.clone()));
        key
    }
}

impl Clone for SecretAccessKey {
    fn clone(&self) -> Self {
        Self {
            prefixed: self.prefixed.clone(),
            derived: Mutex::default(),
        }
    }
}

/// A session token of temporary credentials. Prints as `[redacted]`, compares in constant time.
#[derive(Clone)]
pub struct SessionToken(Box<str>);

impl SessionToken {
    /// Wraps a token.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self(token.into())
    }

    /// The token itself, for sending it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn matches(&self, found: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(found).into()
    }
}

/// An access key: its secret and, for temporary credentials, the session token.
#[derive(Clone, Debug)]
pub struct AccessKey {
    secret: SecretAccessKey,
    kind: AccessKeyKind,
}

#[derive(Clone, Debug)]
enum AccessKeyKind {
    LongTerm,
    Temporary {
        session_token: SessionToken,
        expires_at: Option<Timestamp>,
    },
}

impl AccessKey {
    /// A key of a user or of the account root, which has no session token.
    #[must_use]
    pub fn long_term(secret: SecretAccessKey) -> Self {
        Self {
            secret,
            kind: AccessKeyKind::LongTerm,
        }
    }

    /// A key of temporary credentials, which is valid only together with its session token. Without `expires_at`
    /// it never expires; AWS issues no such key.
    #[must_use]
    pub fn temporary(
        secret: SecretAccessKey,
        session_token: SessionToken,
        expires_at: Option<Timestamp>,
    ) -> Self {
        Self {
            secret,
            kind: AccessKeyKind::Temporary {
                session_token,
                expires_at,
            },
        }
    }

    /// The secret of the key.
    #[must_use]
    pub fn secret(&self) -> &SecretAccessKey {
        &self.secret
    }

    /// The session token of temporary credentials; `None` for a long-term key.
    #[must_use]
    pub fn session_token(&self) -> Option<&SessionToken> {
        match &self.kind {
            AccessKeyKind::LongTerm => None,
            AccessKeyKind::Temporary { session_token, .. } => Some(session_token),
        }
    }

    /// When the key expires; `None` if it never does.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        match &self.kind {
            AccessKeyKind::LongTerm => None,
            AccessKeyKind::Temporary { expires_at, .. } => *expires_at,
        }
    }
}

/// A key that exists, has the right session token and has not expired. Only [`SignedRequest::check_key`] makes
/// one, and [`SignedRequest::verify`] needs one.
#[derive(Clone, Copy, Debug)]
pub struct ActiveKey<'k> {
    secret: &'k SecretAccessKey,
}

impl<'k> ActiveKey<'k> {
    pub(crate) fn secret(&self) -> &'k SecretAccessKey {
        self.secret
    }
}

impl SignedRequest<'_> {
    /// Checks the key that was found under [`access_key_id`](SignedRequest::access_key_id), if any, and the
    /// session token of the request.
    ///
    /// # Errors
    /// If rule 14 or 15 of the [crate's list](crate#the-order-of-checks) is broken.
    pub fn check_key<'k>(
        &self,
        found: Option<&'k AccessKey>,
        now: Timestamp,
    ) -> Result<ActiveKey<'k>, SignatureError> {
        // Rule 15: the key exists. It comes first here because without a key no token can be checked. AWS reads
        // the key out of the token; its two answers differ only in a full stop.
        let Some(AccessKey { secret, kind }) = found else {
            return Err(SignatureError::UnknownAccessKey {
                access_key_id: self.access_key_id().to_owned(),
            });
        };
        match (kind, self.session_token()) {
            (AccessKeyKind::LongTerm, None) => Ok(ActiveKey { secret }),

            // Rule 14b: a temporary key comes with its token, and a long-term key comes with none.
            (AccessKeyKind::LongTerm, Some(_)) => Err(SignatureError::InvalidSecurityToken(
                SecurityTokenFault::Unexpected,
            )),
            (AccessKeyKind::Temporary { .. }, None) => {
                Err(SignatureError::InvalidSecurityToken(SecurityTokenFault::Missing))
            }
            (AccessKeyKind::Temporary { session_token, .. }, Some(found))
                if !session_token.matches(found) =>
            {
                Err(SignatureError::InvalidSecurityToken(
                    SecurityTokenFault::Different,
                ))
            }

            // Rule 14c: the token has not expired.
            (AccessKeyKind::Temporary { expires_at, .. }, Some(_)) => match *expires_at {
                Some(expired_at) if expired_at <= now => {
                    Err(SignatureError::ExpiredSecurityToken { expired_at })
                }
                _ => Ok(ActiveKey { secret }),
            },
        }
    }
}

/// What is wrong with a session token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityTokenFault {
    /// The key is temporary, but the request has no token.
    Missing,
    /// The key is a long-term one, but the request has a token.
    Unexpected,
    /// The token is not the one that was issued with the key.
    Different,
}

impl fmt::Debug for SecretAccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Display for SecretAccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Display for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl PartialEq for SecretAccessKey {
    fn eq(&self, other: &Self) -> bool {
        self.expose_prefixed().ct_eq(other.expose_prefixed()).into()
    }
}

impl Eq for SecretAccessKey {}

impl PartialEq for SessionToken {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other.0.as_bytes())
    }
}

impl Eq for SessionToken {}

const PREFIX: &str = "AWS4";
const REDACTED: &str = "[redacted]";

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::credential::{ExpectedRegion, UncheckedCredential};
    use crate::request_date::RequestDate;
    use crate::string_to_sign::StringToSign;

    #[test]
    fn a_key_that_was_derived_for_one_scope_signs_for_no_other() {
        let secret = SecretAccessKey::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        let days = ["20261123T000000Z", "20261124T000000Z"];
        let regions = ["us-east-1", "us-west-2"];
        for (day, region) in [(0, 0), (0, 0), (0, 1), (1, 1), (1, 1), (0, 0)] {
            let date = RequestDate::parse(days[day]).unwrap();
            let credential = Cow::Owned(format!(
                "AKID/{}/{}/lookoutvision/aws4_request",
                date.day(),
                regions[region]
            ));
            let (_, scope) = UncheckedCredential::parse(&credential)
                .unwrap()
                .check(ExpectedRegion::Any, "lookoutvision", date)
                .unwrap();
            let string_to_sign = StringToSign::new(date, scope.clone(), &[0; 32]);
            let remembered = secret.signing_key(&scope).sign(&string_to_sign);
            let derived = SigningKey::derive(&secret, &scope).sign(&string_to_sign);
            assert_eq!(remembered.as_ref(), derived.as_ref(), "{scope}");
        }
    }
}
