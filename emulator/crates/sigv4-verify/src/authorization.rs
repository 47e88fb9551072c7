//! Where a request says how it was signed: the `Authorization` header.

use std::borrow::Cow;
use std::fmt;

use memchr::{memchr, memchr_iter};

use crate::error::SignatureError;
use crate::request_head::RequestHead;
use crate::signed_headers::SignedHeaders;
use crate::signed_request::SignatureForm;

/// What a request says about its signature, in either form, before any of it has been checked.
pub(crate) struct SignatureParameters<'a> {
    pub(crate) form: SignatureForm,
    pub(crate) credential: Cow<'a, str>,
    pub(crate) signed_headers: SignedHeaders<'a>,
    pub(crate) signature: Cow<'a, str>,
    pub(crate) date: Cow<'a, str>,
    pub(crate) session_token: Option<Cow<'a, [u8]>>,
}

/// The algorithm this crate verifies.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

impl<'a> SignatureParameters<'a> {
    /// Reads `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…` and the headers that belong to it:
    /// rule 6.
    #[expect(
        clippy::indexing_slicing,
        reason = "each place is that of a sign that was found in the header"
    )]
    pub(crate) fn from_authorization(
        authorization: &'a [u8],
        head: &RequestHead<'a>,
    ) -> Result<Self, SignatureError> {
        let (algorithm, parameters) = split_algorithm(authorization);

        // Rule 6a: the algorithm is AWS4-HMAC-SHA256. A scheme that does not begin with `AWS` is not refused yet:
        // API Gateway reads `Bearer abc` as a list of parameters and complains about those
        // (cowinapi/developer.cowin#129, aws/chalice#828), so rules 6b and 6d come first.
        let is_known = algorithm == ALGORITHM.as_bytes();
        let unsupported = || SignatureError::UnsupportedAlgorithm {
            algorithm: lossy(algorithm).into_owned(),
        };
        if !is_known && algorithm.starts_with(b"AWS") {
            return Err(unsupported());
        }

        let [mut credential, mut signed_headers, mut signature] = [None; 3];
        let ends = memchr_iter(b',', parameters).chain([parameters.len()]);
        let mut start = 0;
        for end in ends {
            let parameter = parameters[start..end].trim_ascii();
            start = end + 1;
            if parameter.is_empty() {
                continue;
            }
            // Rule 6b: every parameter has an equal-sign.
            let Some(at) = memchr(b'=', parameter) else {
                return Err(SignatureError::MalformedAuthorizationParameter {
                    parameter: UnloggedText::new(parameter),
                    authorization: UnloggedText::new(authorization),
                });
            };
            // Rule 6c: of two parameters with the same name, the last counts.
            match (&parameter[..at], &parameter[at + 1..]) {
                (b"Credential", value) => credential = Some(value),
                (b"SignedHeaders", value) => signed_headers = Some(value),
                (b"Signature", value) => signature = Some(value),
                _ => {}
            }
        }
        let date = head.header("x-amz-date").or_else(|| head.header("date"));

        // Rule 6d: nothing is missing. The error names everything that is.
        let (Some(credential), Some(signed_headers), Some(signature), Some(date)) =
            (credential, signed_headers, signature, date)
        else {
            return Err(SignatureError::IncompleteAuthorization {
                missing: MissingParameters {
                    credential: credential.is_none(),
                    signature: signature.is_none(),
                    signed_headers: signed_headers.is_none(),
                    date: date.is_none(),
                },
                authorization: UnloggedText::new(authorization),
            });
        };
        if !is_known {
            return Err(unsupported());
        }
        Ok(Self {
            form: SignatureForm::AuthorizationHeader,
            credential: lossy(credential),
            signed_headers: SignedHeaders::parse(lossy(signed_headers)),
            signature: lossy(signature),
            date: lossy(date),
            session_token: head.header("x-amz-security-token").map(Cow::Borrowed),
        })
    }
}

/// Which parts of a signature a request lacks: `true` means missing.
#[expect(
    clippy::struct_excessive_bools,
    reason = "any of the four may be missing, in all combinations"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingParameters {
    /// `Credential`, or `X-Amz-Credential`.
    pub credential: bool,
    /// `Signature`, or `X-Amz-Signature`.
    pub signature: bool,
    /// `SignedHeaders`, or `X-Amz-SignedHeaders`.
    pub signed_headers: bool,
    /// Both headers, `X-Amz-Date` and `Date`; or the query parameter `X-Amz-Date`.
    pub date: bool,
}

impl MissingParameters {
    /// Selects the texts of the missing parts; `texts` are in AWS's order.
    pub(crate) fn select<'t>(&self, texts: [&'t str; 4]) -> impl Iterator<Item = &'t str> + use<'t> {
        [self.credential, self.signature, self.signed_headers, self.date]
            .into_iter()
            .zip(texts)
            .filter_map(|(is_missing, text)| is_missing.then_some(text))
    }
}

impl fmt::Display for MissingParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, name) in self
            .select(["credential", "signature", "signed headers", "date"])
            .enumerate()
        {
            if nth > 0 {
                f.write_str(", ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// A text that AWS repeats to the client but no log should show: a header that may hold a bearer token meant
/// for another service.
#[derive(Clone, PartialEq, Eq)]
pub struct UnloggedText(Box<str>);

impl UnloggedText {
    fn new(bytes: &[u8]) -> Self {
        Self(lossy(bytes).into())
    }

    /// The text itself, for the client that sent it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UnloggedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A header or query value as text, to be shown to people and compared with text. One that is not UTF-8 matches
/// nothing.
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    // Values are nearly always UTF-8, which this checks faster.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

#[expect(
    clippy::indexing_slicing,
    reason = "the place is that of a blank that was found in the field"
)]
fn split_algorithm(authorization: &[u8]) -> (&[u8], &[u8]) {
    match authorization.iter().position(u8::is_ascii_whitespace) {
        Some(at) => (&authorization[..at], authorization[at..].trim_ascii_start()),
        None => (authorization, b""),
    }
}
