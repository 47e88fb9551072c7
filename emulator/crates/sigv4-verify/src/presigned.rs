//! Where a request says how it was signed: the query of a presigned URL.

use std::borrow::Cow;
use std::time::Duration;

use crate::authorization::{ALGORITHM, MissingParameters, SignatureParameters, lossy};
use crate::error::SignatureError;
use crate::request_head::RequestHead;
use crate::signed_headers::SignedHeaders;
use crate::signed_request::SignatureForm;

/// The parameter that holds the signature and is therefore not signed itself.
pub(crate) const X_AMZ_SIGNATURE: &str = "X-Amz-Signature";
/// The session token, which some services do not include in what is signed.
pub(crate) const X_AMZ_SECURITY_TOKEN: &str = "X-Amz-Security-Token";

impl<'a> SignatureParameters<'a> {
    /// Reads the `X-Amz-` parameters of a presigned URL: rule 7.
    pub(crate) fn from_query(algorithm: &[u8], head: &RequestHead<'a>) -> Result<Self, SignatureError> {
        let parameter = |name| head.target().query_parameter(name);

        // Rule 7a: the algorithm is AWS4-HMAC-SHA256. IAM and STS call any other a missing token.
        if algorithm != ALGORITHM.as_bytes() {
            return Err(SignatureError::MissingAuthenticationToken);
        }

        // Rule 7c: of two parameters with the same name, the first counts.
        let credential = parameter("X-Amz-Credential");
        let signature = parameter(X_AMZ_SIGNATURE);
        let signed_headers = parameter("X-Amz-SignedHeaders");
        let date = parameter("X-Amz-Date");

        // Rule 7d: nothing is missing. The error names everything that is.
        let missing = MissingParameters {
            credential: credential.is_none(),
            signature: signature.is_none(),
            signed_headers: signed_headers.is_none(),
            date: date.is_none(),
        };
        let (Some(credential), Some(signature), Some(signed_headers), Some(date)) =
            (credential, signature, signed_headers, date)
        else {
            return Err(SignatureError::IncompletePresignedUrl { missing });
        };

        // Rule 7e: the lifetime is a whole number of seconds, from one second to a week.
        let expires = match parameter("X-Amz-Expires") {
            Some(text) => Some(parse_expires(&lossy(&text)).map_err(SignatureError::MalformedExpires)?),
            None => None,
        };
        Ok(Self {
            form: SignatureForm::PresignedUrl { expires },
            credential: text(credential),
            signed_headers: SignedHeaders::parse(text(signed_headers)),
            signature: text(signature),
            date: text(date),
            session_token: parameter(X_AMZ_SECURITY_TOKEN),
        })
    }
}

/// What is wrong with `X-Amz-Expires`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiresFault {
    /// It is not a whole number.
    NotANumber,
    /// It is less than one second.
    LessThanASecond,
    /// It is more than a week.
    MoreThanAWeek,
}

// Guess: S3's range, 1 to 604800 seconds (Amazon S3 API Reference, "Authenticating Requests: Using Query
// Parameters").
fn parse_expires(text: &str) -> Result<Duration, ExpiresFault> {
    match text.parse::<i64>() {
        Err(_) => Err(ExpiresFault::NotANumber),
        Ok(..=0) => Err(ExpiresFault::LessThanASecond),
        Ok(seconds @ 1..=EXPIRES_SECONDS_MAX) => Ok(Duration::from_secs(seconds.unsigned_abs())),
        Ok(_) => Err(ExpiresFault::MoreThanAWeek),
    }
}

fn text(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(lossy(&bytes).into_owned()),
    }
}

const EXPIRES_SECONDS_MAX: i64 = 604_800;
