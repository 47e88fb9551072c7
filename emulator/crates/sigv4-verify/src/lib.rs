//! Verifies AWS Signature Version 4 the way AWS's front ends do: the same canonical request, the same checks
//! in the same order, the same sentence for each refusal.
//!
//! A signature is checked in four steps, because the body arrives last and the caller looks up the key:
//!
//! 1. [`RequestTarget::parse`] checks the raw request target;
//! 2. [`SignedRequest::parse`] checks the head and returns the access key id, Region and service it was signed
//!    for;
//! 3. [`SignedRequest::check_key`] checks the key that the caller found under that id, and the session token;
//! 4. [`SignedRequest::verify`] compares the signature, once the hash of the body is known.
//!
//! Each step needs what the one before it made, and only step 3 makes the [`ActiveKey`] for step 4, so no step
//! can be forgotten. Nothing here reads a clock, a file or the environment: the caller passes `now`.
//!
//! ```
//! use jiff::Timestamp;
//! use sigv4_verify::{
//!     AccessKey, Expectation, RequestHead, RequestTarget, SecretAccessKey, SignedRequest, UnsignedPayloads,
//! };
//!
//! // What boto3 sent.
//! let target = RequestTarget::parse(b"/2020-11-20/projects")?;
//! let head = RequestHead::new("GET", target, [
//!     ("Host", b"localhost:18443".as_slice()),
//!     ("X-Amz-Date", b"20261123T033454Z"),
//!     (
//!         "Authorization",
//!         b"AWS4-HMAC-SHA256 \
//!         Credential=AKIDEXAMPLE/20261123/us-east-1/lookoutvision/aws4_request, \
//!         SignedHeaders=host;x-amz-date, \
//!         Signature=8db1e4009cf6fbca6aff86ee4fdd67727798307b21026d2dd7cd7d0edda512a5",
//!     ),
//! ]);
//!
//! // The head is checked before the body is read.
//! let now: Timestamp = "2026-11-23T03:35:00Z".parse().unwrap();
//! let signed = SignedRequest::parse(head, &Expectation::for_service("lookoutvision"), now)?;
//! assert_eq!(signed.access_key_id(), "AKIDEXAMPLE");
//! assert_eq!(signed.scope().region(), "us-east-1");
//!
//! // The caller looks the key up.
//! let key = AccessKey::long_term(SecretAccessKey::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"));
//! let key = signed.check_key(Some(&key), now)?;
//!
//! // The body has arrived, and is empty.
//! let body_sha256 = ring::digest::digest(&ring::digest::SHA256, b"");
//! let body_sha256 = body_sha256.as_ref().try_into().unwrap();
//! signed.verify(&key, body_sha256, UnsignedPayloads::default())?;
//! # Ok::<(), sigv4_verify::SignatureError>(())
//! ```
//!
//! # The order of checks
//!
//! AWS answers with the first check that fails, so the order is behaviour. The numbers are those of the chart
//! "AWS Auth Error Ordering" of the scratchstack-aws-signature project, which was drawn from observing IAM
//! and STS; the codes are those of services that speak JSON over REST, as Lookout for Vision does. The chart's
//! rules 2 and 3 are missing here because they do not apply to such a service.
//!
//! | Rule | A request is refused when | Error type |
//! |---|---|---|
//! | 1 | its path has a broken percent-escape, or leads above the root | none (400) |
//! | 4 | its query has a broken percent-escape | `MalformedQueryString` (400) |
//! | 5 | it has neither an `Authorization` header nor an `X-Amz-Algorithm` parameter | `MissingAuthenticationTokenException` |
//! | 5 | it has both | `InvalidSignatureException` |
//! | 6a | `Authorization` names another algorithm of AWS's | `IncompleteSignatureException` |
//! | 6b | a parameter of `Authorization` has no equal-sign | `IncompleteSignatureException` |
//! | 6c | (of two parameters with the same name, the last counts) | |
//! | 6d | parameters or the date are missing; all are named | `IncompleteSignatureException` |
//! | 7a | `X-Amz-Algorithm` names another algorithm | `MissingAuthenticationTokenException` |
//! | 7c | (of two parameters with the same name, the first counts) | |
//! | 7d | parameters of a presigned URL are missing; all are named | `IncompleteSignatureException` |
//! | 7e | `X-Amz-Expires` is not from one second to a week | `IncompleteSignatureException` |
//! | 8 | `host`, or an `x-amz-` header, is not signed | `InvalidSignatureException` |
//! | 9 | its date is not in ISO 8601's basic format | `IncompleteSignatureException` |
//! | 10 | it is too old | `InvalidSignatureException` |
//! | 11 | it is from the future | `InvalidSignatureException` |
//! | 12 | its credential does not have five parts | `IncompleteSignatureException` |
//! | 13 | the scope names another Region, service, terminator or day; all are named | `InvalidSignatureException` |
//! | 14b | its session token is missing, not expected or not the right one | `UnrecognizedClientException` |
//! | 14c | its session token has expired | `ExpiredTokenException` |
//! | 15 | there is no key with its access key id | `UnrecognizedClientException` |
//! | 16 | the signature differs | `InvalidSignatureException` |
//!
//! The status is 403 unless the table says otherwise. Rule 7e and the second half of rule 8 are not in the chart;
//! their place in the order is a guess.

#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used
    )
)]

mod access_key;
mod authorization;
mod canonical_request;
mod credential;
mod diagnosis;
mod error;
mod expectation;
mod hex;
mod mismatch;
mod payload_hash;
mod percent;
mod presigned;
mod redaction;
mod request_date;
mod request_head;
mod request_target;
mod shown;
mod signed_headers;
mod signed_request;
mod string_to_sign;
mod verify;

pub use access_key::{AccessKey, ActiveKey, SecretAccessKey, SecurityTokenFault, SessionToken};
pub use authorization::{MissingParameters, UnloggedText};
pub use credential::{CredentialScope, ExpectedRegion, ScopeFault};
pub use error::{MismatchDetail, PathFault, SignatureError, TimeWindow};
pub use expectation::{Expectation, UnsignedAmzHeaders};
pub use mismatch::{LineDifference, Mismatch, MismatchCause};
pub use payload_hash::{DeclaredUnsignedPayload, PayloadHash, UndeclaredUnsignedPayload, UnsignedPayloads};
pub use percent::EscapeFault;
pub use presigned::ExpiresFault;
pub use redaction::{may_hold_secrets, redact_secrets};
pub use request_date::RequestDate;
pub use request_head::RequestHead;
pub use request_target::RequestTarget;
pub use signed_request::{SignatureForm, SignedRequest};
pub use string_to_sign::StringToSign;
pub use verify::{PayloadBinding, Verified, Warning};
