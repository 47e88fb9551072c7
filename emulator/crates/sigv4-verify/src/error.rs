//! Every way a request can be refused, and AWS's answer to each.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::access_key::SecurityTokenFault;
use crate::authorization::{MissingParameters, UnloggedText};
use crate::credential::ScopeFault;
use crate::mismatch::Mismatch;
use crate::percent::EscapeFault;
use crate::presigned::ExpiresFault;
use crate::redaction::{REDACTED, redact_secrets};
use crate::request_date::{BasicIso8601, RequestDate};
use crate::shown::Shown;

/// Why a request is refused. The variants are in the order of the [crate's list](crate#the-order-of-checks).
///
/// `Display` is for logs: it says in one line what is wrong and holds no secrets. The client is sent
/// [`status`](Self::status), [`error_type`](Self::error_type) and [`message`](Self::message).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SignatureError {
    /// Rule 1: the path has a broken escape or leads above the root.
    MalformedPath(PathFault),
    /// Rule 4: the query has a broken escape.
    MalformedQueryString(EscapeFault),
    /// Rules 5 and 7a: there is no signature, or none that AWS would recognise.
    MissingAuthenticationToken,
    /// Rule 5: there are two signatures, one in the header and one in the query.
    TwoAuthenticationMechanisms,
    /// Rule 6a: the `Authorization` header names an algorithm other than `AWS4-HMAC-SHA256`.
    UnsupportedAlgorithm {
        /// The algorithm it names.
        algorithm: String,
    },
    /// Rule 6b: a parameter of the `Authorization` header has no equal-sign.
    MalformedAuthorizationParameter {
        /// The parameter.
        parameter: UnloggedText,
        /// The whole header.
        authorization: UnloggedText,
    },
    /// Rule 6d: the `Authorization` header lacks parameters, or the request has no date.
    IncompleteAuthorization {
        /// All that is missing.
        missing: MissingParameters,
        /// The whole header.
        authorization: UnloggedText,
    },
    /// Rule 7d: a presigned URL lacks parameters.
    IncompletePresignedUrl {
        /// All that is missing.
        missing: MissingParameters,
    },
    /// Rule 7e: `X-Amz-Expires` is not from one second to a week.
    MalformedExpires(ExpiresFault),
    /// Rule 8: `host` is not among the signed headers.
    HostNotSigned,
    /// Rule 8: an `x-amz-` header is not among the signed headers.
    HeaderNotSigned {
        /// Its name, in lower case.
        name: String,
    },
    /// Rule 9: the date is not in ISO 8601's basic format.
    MalformedDate {
        /// What the request has instead.
        found: String,
    },
    /// Rule 10: the request is too old.
    Expired {
        /// When it was signed.
        date: RequestDate,
        /// How old it may be.
        window: TimeWindow,
    },
    /// Rule 11: the request comes from the future.
    NotYetCurrent {
        /// When it claims to have been signed.
        date: RequestDate,
        /// How far ahead it may be.
        window: TimeWindow,
    },
    /// Rule 12: the credential does not have five parts.
    MalformedCredential {
        /// The credential.
        found: String,
    },
    /// Rule 13: the scope names another Region, service, terminator or day.
    WrongCredentialScope(Vec<ScopeFault>),
    /// Rule 14b: the session token is missing, not expected or not the right one.
    InvalidSecurityToken(SecurityTokenFault),
    /// Rule 14c: the session token has expired.
    ExpiredSecurityToken {
        /// When it expired.
        expired_at: Timestamp,
    },
    /// Rule 15: there is no key with this access key id.
    UnknownAccessKey {
        /// The access key id.
        access_key_id: String,
    },
    /// Rule 16: the signature is not the one that this key produces for this request.
    SignatureDoesNotMatch(Box<Mismatch>),
}

/// What is wrong with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathFault {
    /// A `%` without its two hex digits.
    Escape(EscapeFault),
    /// More `..` than there are segments before them.
    AboveRoot,
    /// It does not begin with a slash.
    NotAbsolute,
}

/// How far a request's date may be from its arrival, and when the request arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWindow {
    /// How far its date may be from `now`.
    pub length: Duration,
    /// When it arrived.
    pub now: Timestamp,
}

/// Whether the message about a mismatch shows the texts that were compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MismatchDetail {
    /// As API Gateway does (amzn/selling-partner-api-models#113, grafana/k6-jslib-aws#109).
    #[default]
    Include,
    /// As Lex does (aws/aws-sdk-js-v3#810).
    Omit,
}

impl SignatureError {
    /// The HTTP status.
    // 403 for all but the first two: the Common Errors pages of AWS Lambda, MGN, Signer and Access Analyzer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::MalformedPath(_) | Self::MalformedQueryString(_) => 400,
            _ => 403,
        }
    }

    /// The code, as in `x-amzn-ErrorType`; `None` where AWS sends none.
    #[must_use]
    pub fn error_type(&self) -> Option<&'static str> {
        Some(match self {
            Self::MalformedPath(_) => return None,
            Self::MalformedQueryString(_) => "MalformedQueryString",
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::UnsupportedAlgorithm { .. }
            | Self::MalformedAuthorizationParameter { .. }
            | Self::IncompleteAuthorization { .. }
            | Self::IncompletePresignedUrl { .. }
            | Self::MalformedExpires(_)
            | Self::MalformedDate { .. }
            | Self::MalformedCredential { .. } => "IncompleteSignatureException",
            Self::TwoAuthenticationMechanisms
            | Self::HostNotSigned
            | Self::HeaderNotSigned { .. }
            | Self::Expired { .. }
            | Self::NotYetCurrent { .. }
            | Self::WrongCredentialScope(_)
            | Self::SignatureDoesNotMatch(_) => "InvalidSignatureException",
            Self::InvalidSecurityToken(_) | Self::UnknownAccessKey { .. } => "UnrecognizedClientException",
            Self::ExpiredSecurityToken { .. } => "ExpiredTokenException",
        })
    }

    /// AWS's message; `None` where AWS sends an empty body.
    #[must_use]
    pub fn message(&self, detail: MismatchDetail) -> Option<Cow<'static, str>> {
        self.message_echoing(detail, UnloggedText::expose)
    }

    /// The same message with its secrets redacted, for logs and journals.
    #[must_use]
    pub fn redacted_message(&self, detail: MismatchDetail) -> Option<Cow<'static, str>> {
        match self {
            Self::SignatureDoesNotMatch(mismatch) => {
                Self::SignatureDoesNotMatch(Box::new(mismatch.redacted())).message(detail)
            }
            _ => {
                let message = self.message_echoing(detail, |_| REDACTED)?;
                Some(redact_secrets(&message).into_owned().into())
            }
        }
    }

    /// The message; `echo` gives the text for the parts that AWS repeats and no log should show.
    fn message_echoing(
        &self,
        detail: MismatchDetail,
        echo: impl Fn(&UnloggedText) -> &str,
    ) -> Option<Cow<'static, str>> {
        let message = match self {
            Self::MalformedPath(_) => return None,
            Self::MalformedQueryString(fault) => fault.to_string().into(),
            // brain-power/Brain-Power-Amazon-Fidgetology#29.
            Self::MissingAuthenticationToken => "Missing Authentication Token".into(),
            // Guess: S3's sentence; what other services say is not known.
            Self::TwoAuthenticationMechanisms => {
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature \
                 query string parameter or the Authorization header should be specified"
                    .into()
            }
            Self::UnsupportedAlgorithm { algorithm } => {
                format!("Unsupported AWS 'algorithm': '{}'.", Shown(algorithm)).into()
            }
            // aws-samples/amazon-elasticsearch-service-with-authentication#4.
            Self::MalformedAuthorizationParameter {
                parameter,
                authorization,
            } => format!(
                "'{}' not a valid key=value pair (missing equal-sign) in Authorization header: '{}'.",
                Shown(echo(parameter)),
                Shown(echo(authorization))
            )
            .into(),
            // aws/chalice#828, nordcloud/cognitocurl#28.
            Self::IncompleteAuthorization {
                missing,
                authorization,
            } => {
                let mut message = String::new();
                for sentence in missing.select([
                    "Authorization header requires 'Credential' parameter. ",
                    "Authorization header requires 'Signature' parameter. ",
                    "Authorization header requires 'SignedHeaders' parameter. ",
                    "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
                ]) {
                    message.push_str(sentence);
                }
                format!("{message}Authorization={}", Shown(echo(authorization))).into()
            }
            // scratchstack-aws-signature, "AWS Auth Error Ordering", rule 7d.
            Self::IncompletePresignedUrl { missing } => {
                let mut message = String::new();
                for name in missing.select(PRESIGNED_PARAMETERS) {
                    message.push_str("AWS query-string parameters must include '");
                    message.push_str(name);
                    message.push_str("'. ");
                }
                message.push_str("Re-examine the query-string parameters.");
                message.into()
            }
            // Guess: S3's sentences; what other services say is not known.
            Self::MalformedExpires(ExpiresFault::NotANumber) => "X-Amz-Expires should be a number".into(),
            Self::MalformedExpires(ExpiresFault::LessThanASecond) => {
                "X-Amz-Expires must be non-negative".into()
            }
            Self::MalformedExpires(ExpiresFault::MoreThanAWeek) => {
                "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires \
                 must be less than 604800 seconds"
                    .into()
            }
            // NetSPI/AWSSigner#3, babbel/okhttp-aws-signer#10.
            Self::HostNotSigned => {
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".into()
            }
            // Guess: the sentence about the host, with the name of the header.
            Self::HeaderNotSigned { name } => format!(
                "'{}' must be a 'SignedHeader' in the AWS Authorization.",
                Shown(name)
            )
            .into(),
            // umegaya/lua-aws#18.
            Self::MalformedDate { found } => format!(
                "Date must be in ISO-8601 'basic format'. Got '{}'. See \
                 http://en.wikipedia.org/wiki/ISO_8601",
                Shown(found)
            )
            .into(),
            // Both sentences about the clock: aws/aws-sdk-js-v3#5920, serverless/serverless#27.
            Self::Expired { date, window } => format!(
                "Signature expired: {date} is now earlier than {} ({} - {}.)",
                window.start(),
                BasicIso8601(window.now),
                Minutes(window.length)
            )
            .into(),
            Self::NotYetCurrent { date, window } => format!(
                "Signature not yet current: {date} is still later than {} ({} + {}.)",
                window.end(),
                BasicIso8601(window.now),
                Minutes(window.length)
            )
            .into(),
            // mhart/aws4#97.
            Self::MalformedCredential { found } => format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term, got '{}'",
                Shown(found)
            )
            .into(),
            Self::WrongCredentialScope(faults) => faults.iter().map(ToString::to_string).collect(),
            Self::InvalidSecurityToken(_) => "The security token included in the request is invalid".into(),
            // cloudquery/cq-provider-aws#1171.
            Self::ExpiredSecurityToken { .. } => {
                "The security token included in the request is expired".into()
            }
            // badslug/Paw-AWSSignature4DynamicValue#5: with a full stop, unlike rule 14b.
            Self::UnknownAccessKey { .. } => "The security token included in the request is invalid.".into(),
            Self::SignatureDoesNotMatch(mismatch) => match detail {
                MismatchDetail::Omit => MISMATCH.into(),
                MismatchDetail::Include => format!(
                    "{MISMATCH}\n\nThe Canonical String for this request should have been\n'{}'\n\n\
                     The String-to-Sign should have been\n'{}'\n",
                    mismatch.canonical_request(),
                    mismatch.string_to_sign()
                )
                .into(),
            },
        };
        Some(message)
    }
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MalformedPath(PathFault::Escape(_)) => f.write_str("the path has a broken percent-escape"),
            Self::MalformedPath(PathFault::AboveRoot) => f.write_str("the path leads above the root"),
            Self::MalformedPath(PathFault::NotAbsolute) => {
                f.write_str("the path does not begin with a slash")
            }
            Self::MalformedQueryString(_) => f.write_str("the query has a broken percent-escape"),
            Self::MissingAuthenticationToken => f.write_str("the request is not signed"),
            Self::TwoAuthenticationMechanisms => {
                f.write_str("the request is signed both in its header and in its query")
            }
            Self::UnsupportedAlgorithm { algorithm } => {
                write!(
                    f,
                    "the signature's algorithm is `{}`, not `AWS4-HMAC-SHA256`",
                    Shown(algorithm)
                )
            }
            Self::MalformedAuthorizationParameter { .. } => {
                f.write_str("a parameter of the authorization header has no equal-sign")
            }
            Self::IncompleteAuthorization { missing, .. } => {
                write!(f, "the authorization header is incomplete; missing: {missing}")
            }
            Self::IncompletePresignedUrl { missing } => {
                write!(f, "the presigned url is incomplete; missing: {missing}")
            }
            Self::MalformedExpires(_) => f.write_str("`X-Amz-Expires` is not a number from 1 to 604800"),
            Self::HostNotSigned => f.write_str("the signature does not cover the host"),
            Self::HeaderNotSigned { name } => {
                write!(f, "the signature does not cover the header `{}`", Shown(name))
            }
            Self::MalformedDate { found } => {
                write!(
                    f,
                    "the date `{}` is not in the format `YYYYMMDDTHHMMSSZ`",
                    Shown(found)
                )
            }
            Self::Expired { date, window } => {
                write!(
                    f,
                    "the request of `{date}` came at {}, which is too late",
                    BasicIso8601(window.now)
                )
            }
            Self::NotYetCurrent { date, window } => {
                write!(
                    f,
                    "the request of `{date}` came at {}, which is too early",
                    BasicIso8601(window.now)
                )
            }
            Self::MalformedCredential { found } => {
                write!(f, "the credential `{}` has not five parts", Shown(found))
            }
            Self::WrongCredentialScope(faults) => {
                f.write_str("the credential scope is wrong:")?;
                for fault in faults {
                    write!(f, " {}", fault.to_string().trim_end())?;
                }
                Ok(())
            }
            Self::InvalidSecurityToken(SecurityTokenFault::Missing) => {
                f.write_str("the key is temporary, but the request has no session token")
            }
            Self::InvalidSecurityToken(SecurityTokenFault::Unexpected) => {
                f.write_str("the key is a long-term one, but the request has a session token")
            }
            Self::InvalidSecurityToken(SecurityTokenFault::Different) => {
                f.write_str("the session token is not the one issued with the key")
            }
            Self::ExpiredSecurityToken { expired_at } => {
                write!(f, "the session token expired at {expired_at}")
            }
            Self::UnknownAccessKey { access_key_id } => {
                write!(f, "the access key id `{}` is unknown", Shown(access_key_id))
            }
            Self::SignatureDoesNotMatch(mismatch) => {
                f.write_str("the signature does not match")?;
                mismatch.cause().map_or(Ok(()), |cause| write!(f, ": {cause}"))
            }
        }
    }
}

impl std::error::Error for SignatureError {}

impl TimeWindow {
    fn start(&self) -> BasicIso8601 {
        BasicIso8601(self.now.saturating_sub(self.length).unwrap_or(Timestamp::MIN))
    }

    fn end(&self) -> BasicIso8601 {
        BasicIso8601(self.now.saturating_add(self.length).unwrap_or(Timestamp::MAX))
    }
}

/// `5 min`, as AWS writes it.
struct Minutes(Duration);

impl fmt::Display for Minutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds if seconds.is_multiple_of(60) => write!(f, "{} min", seconds / 60),
            // Guess: every known service has a window of whole minutes.
            seconds => write!(f, "{seconds} sec"),
        }
    }
}

/// grafana/k6-jslib-aws#109.
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. \
                        Check your AWS Secret Access Key and signing method. Consult the service \
                        documentation for details.";

/// In the order of [`MissingParameters::select`].
const PRESIGNED_PARAMETERS: [&str; 4] = [
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "X-Amz-Date",
];
