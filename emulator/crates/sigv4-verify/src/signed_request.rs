//! A request whose signature is well formed, fresh and meant for this endpoint: rules 5 to 13.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::authorization::SignatureParameters;
use crate::credential::{CredentialScope, UncheckedCredential};
use crate::error::{SignatureError, TimeWindow};
use crate::expectation::{Expectation, UnsignedAmzHeaders};
use crate::payload_hash::PayloadHash;
use crate::request_date::RequestDate;
use crate::request_head::RequestHead;
use crate::signed_headers::SignedHeaders;

/// A request whose head passed rules 5 to 13. Its signature has been read, not verified.
#[derive(Clone)]
pub struct SignedRequest<'a> {
    pub(crate) head: RequestHead<'a>,
    pub(crate) form: SignatureForm,
    pub(crate) access_key_id: Cow<'a, str>,
    pub(crate) scope: CredentialScope<'a>,
    pub(crate) date: RequestDate,
    pub(crate) signed_headers: SignedHeaders<'a>,
    pub(crate) signature: Cow<'a, str>,
    pub(crate) session_token: Option<Cow<'a, [u8]>>,
    pub(crate) payload_hash: PayloadHash<'a>,
}

/// Where a request carries its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureForm {
    /// In the `Authorization` header.
    AuthorizationHeader,
    /// In the query, as `X-Amz-` parameters.
    PresignedUrl {
        /// `X-Amz-Expires`: how long after its date the request may be sent. Without it the clock skew is the
        /// limit.
        expires: Option<Duration>,
    },
}

impl<'a> SignedRequest<'a> {
    /// Reads and checks everything that can be checked before the key is known and the body has arrived.
    ///
    /// # Errors
    /// The first of rules 5 to 13 of the [crate's list](crate#the-order-of-checks) that is broken.
    pub fn parse(
        head: RequestHead<'a>,
        expected: &Expectation<'_>,
        now: Timestamp,
    ) -> Result<Self, SignatureError> {
        // Rule 5: there is an Authorization header or an X-Amz-Algorithm parameter, but not both.
        let algorithm = head.target().query_parameter("X-Amz-Algorithm");
        let parameters = match (head.header("authorization"), algorithm) {
            (None, None) => return Err(SignatureError::MissingAuthenticationToken),
            (Some(_), Some(_)) => return Err(SignatureError::TwoAuthenticationMechanisms),
            (Some(authorization), None) => SignatureParameters::from_authorization(authorization, &head)?,
            (None, Some(algorithm)) => SignatureParameters::from_query(&algorithm, &head)?,
        };
        let SignatureParameters {
            form,
            credential,
            signed_headers,
            signature,
            date,
            session_token,
        } = parameters;

        // Rule 8: the host is signed, and so is every `x-amz-` header.
        if !signed_headers.cover_host() {
            return Err(SignatureError::HostNotSigned);
        }
        if let Some(name) = unsigned_amz_header(&head, &signed_headers, expected.unsigned_amz_headers) {
            return Err(SignatureError::HeaderNotSigned {
                name: name.to_ascii_lowercase(),
            });
        }

        // Rule 9: the date is in ISO 8601's basic format.
        let Some(date) = RequestDate::parse(&date) else {
            return Err(SignatureError::MalformedDate {
                found: date.into_owned(),
            });
        };

        check_age(date, form, expected.clock_skew_max, now)?;

        // Rule 12: the credential has five parts.
        let Some(credential) = UncheckedCredential::parse(&credential) else {
            return Err(SignatureError::MalformedCredential {
                found: credential.into_owned(),
            });
        };

        // Rule 13: the scope is the endpoint's and the date's; every fault is named.
        let (access_key_id, scope) = credential
            .check(expected.region, expected.service, date)
            .map_err(SignatureError::WrongCredentialScope)?;

        let payload_hash = PayloadHash::parse(head.header("x-amz-content-sha256"));
        Ok(Self {
            head,
            form,
            access_key_id,
            scope,
            date,
            signed_headers,
            signature,
            session_token,
            payload_hash,
        })
    }

    /// The access key id, for looking up the key.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The day, Region and service the request was signed for.
    #[must_use]
    pub fn scope(&self) -> &CredentialScope<'a> {
        &self.scope
    }

    /// The date the request was signed with.
    #[must_use]
    pub fn date(&self) -> RequestDate {
        self.date
    }

    /// Where the signature was.
    #[must_use]
    pub fn form(&self) -> SignatureForm {
        self.form
    }

    /// The session token of the request: a secret, not to be logged.
    #[must_use]
    pub fn session_token(&self) -> Option<&[u8]> {
        self.session_token.as_deref()
    }

    /// What the request says about the hash of its body.
    #[must_use]
    pub fn payload_hash(&self) -> PayloadHash<'a> {
        self.payload_hash
    }
}

/// Leaves out the signature and the session token.
impl fmt::Debug for SignedRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRequest")
            .field("head", &self.head)
            .field("form", &self.form)
            .field("access_key_id", &self.access_key_id)
            .field("scope", &format_args!("{}", self.scope))
            .field("date", &self.date)
            .field("signed_headers", &self.signed_headers.as_str())
            .field("payload_hash", &self.payload_hash)
            .finish_non_exhaustive()
    }
}

fn unsigned_amz_header<'a>(
    head: &RequestHead<'a>,
    signed_headers: &SignedHeaders<'_>,
    strictness: UnsignedAmzHeaders,
) -> Option<&'a str> {
    match strictness {
        UnsignedAmzHeaders::Accept => None,
        UnsignedAmzHeaders::Refuse => head.headers().iter().map(|(name, _)| *name).find(|name| {
            name.get(..6)
                .is_some_and(|prefix| prefix.eq_ignore_ascii_case("x-amz-"))
                && !name.eq_ignore_ascii_case("x-amz-security-token")
                // Its value is part of the canonical request and is compared with the body, whether the header is
                // signed or not. aws-requests-auth sends it unsigned, and AWS is reported to accept that.
                && !name.eq_ignore_ascii_case("x-amz-content-sha256")
                && !signed_headers.contains(name)
        }),
    }
}

#[expect(clippy::expect_used, reason = "a moment without its fraction is a moment")]
fn check_age(
    date: RequestDate,
    form: SignatureForm,
    clock_skew_max: Duration,
    now: Timestamp,
) -> Result<(), SignatureError> {
    // Dates of requests have no fraction of a second. With none in `now` either, the limit is exact and the times in
    // AWS's message add up.
    let now = Timestamp::from_second(now.as_second()).expect("a moment without its fraction is a moment");
    let age = now.duration_since(date.timestamp());
    let lifetime = match form {
        SignatureForm::PresignedUrl {
            expires: Some(expires),
        } => expires,
        _ => clock_skew_max,
    };

    // Rule 10: the request is not too old.
    if age > whole_seconds(lifetime) {
        let window = TimeWindow {
            length: lifetime,
            now,
        };
        return Err(SignatureError::Expired { date, window });
    }

    // Rule 11: the request is not from the future.
    if -age > whole_seconds(clock_skew_max) {
        let window = TimeWindow {
            length: clock_skew_max,
            now,
        };
        return Err(SignatureError::NotYetCurrent { date, window });
    }
    Ok(())
}

fn whole_seconds(duration: Duration) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX))
}
