//! The refusals of STS: codes of its own, and XML.
//!
//! What was seen on the wire is cited by its public report; everything else is marked as a guess. STS has other names
//! for faults of the signature than services that speak JSON.

use client_text::Shown;
use http::StatusCode;
use iam_policy::PolicyError;
use sigv4_verify::{MismatchDetail, SignatureError};
use uuid::Uuid;

use super::{NAMESPACE, error::StsError};
use crate::{
    services::{
        query::{
            refusal::{Row, body_row, head_row, no_entry_point_row, sentence, wire},
            xml::Xml,
        },
        refusal::{BodyForm, FrontEndError, OwnError, WireRefusal},
    },
    settings::faults::InjectedError,
};

/// STS's refusal for what the front end refuses
pub(in crate::services) fn to_wire(
    before: &FrontEndError,
    request_id: Uuid,
    detail: MismatchDetail,
) -> WireRefusal {
    let row = row(before, detail);
    let (status, code) = (row.0, row.1);
    wire(Some(before), row, BodyForm::StsXml, |message| {
        body(status, code, message, request_id)
    })
}

impl OwnError for StsError {
    fn to_wire(&self, request_id: Uuid) -> WireRefusal {
        let row = own_row(self);
        let (status, code) = (row.0, row.1);
        wire(None, row, BodyForm::StsXml, |message| {
            body(status, code, message, request_id)
        })
    }
}

fn row(before: &FrontEndError, detail: MismatchDetail) -> Row {
    let denied = StatusCode::FORBIDDEN;
    match before {
        // Netflix/security_monkey#77: status, code, shape and sentence. It does not say why, so that nobody learns
        // whether there is such a role.
        FrontEndError::AccessDenied(denial) => (denied, "AccessDenied", denial.sentence_without_reason()),
        // scratchstack-aws-signature, "AWS Auth Error Ordering", which was drawn from observing IAM and STS.
        FrontEndError::Signature(error) => {
            let status = StatusCode::from_u16(error.status()).expect("the table has HTTP statuses only");
            match &**error {
                SignatureError::MalformedPath(_) | SignatureError::MalformedQueryString(_) => {
                    (status, "MalformedQueryString", sentence(error, detail))
                }
                SignatureError::MissingAuthenticationToken => (
                    status,
                    "MissingAuthenticationToken",
                    "Request is missing Authentication Token".to_owned(),
                ),
                SignatureError::InvalidSecurityToken(_) | SignatureError::UnknownAccessKey { .. } => {
                    (status, "InvalidClientTokenId", sentence(error, detail))
                }
                SignatureError::ExpiredSecurityToken { .. } => {
                    (status, "ExpiredToken", sentence(error, detail))
                }
                SignatureError::UnsupportedAlgorithm { .. }
                | SignatureError::MalformedAuthorizationParameter { .. }
                | SignatureError::IncompleteAuthorization { .. }
                | SignatureError::IncompletePresignedUrl { .. }
                | SignatureError::MalformedExpires(_)
                | SignatureError::MalformedDate { .. }
                | SignatureError::MalformedCredential { .. } => {
                    (status, "IncompleteSignature", sentence(error, detail))
                }
                // devsecops/bootcamp#101: a date that is too old has this code as well.
                _ => (status, "SignatureDoesNotMatch", sentence(error, detail)),
            }
        }
        FrontEndError::Head(error) => head_row(error),
        FrontEndError::Body(error) => body_row(error),
        FrontEndError::NoEntryPoint(error) => no_entry_point_row(error),
    }
}

fn own_row(error: &StsError) -> Row {
    let invalid = StatusCode::BAD_REQUEST;
    match error {
        // AWS STS API reference, *Common errors*, MissingAction.
        StsError::MissingAction => (
            invalid,
            "MissingAction",
            "The request is missing an action or a required parameter.".to_owned(),
        ),
        // AWS STS API reference, *Common errors*, InvalidAction. Guess: the sentence, which is that of other services
        // with this protocol.
        StsError::InvalidAction { action, version } => (
            invalid,
            "InvalidAction",
            format!(
                "Could not find operation {} for version {}",
                Shown(action),
                Shown(version.as_deref().unwrap_or("NO_VERSION_SPECIFIED"))
            ),
        ),
        // getmoto/moto#9218, zalando-stups/aws-credentials-service#7.
        StsError::Constraint {
            parameter,
            value,
            constraint,
        } => (
            invalid,
            "ValidationError",
            format!(
                "1 validation error detected: Value {} at '{parameter}' failed to satisfy constraint: {constraint}",
                value
                    .as_ref()
                    .map_or_else(|| "null".to_owned(), |value| format!("'{}'", Shown(value)))
            ),
        ),
        // kreuzwerker/awsu#27.
        StsError::Validation(message) => (invalid, "ValidationError", message.clone()),
        StsError::AccessDenied(message) => (StatusCode::FORBIDDEN, "AccessDenied", message.clone()),
        StsError::MalformedPolicyDocument(error) => (
            invalid,
            "MalformedPolicyDocument",
            PolicyError::message(error).to_owned(),
        ),
        // Guess: code and sentence.
        StsError::UnknownPolicyArn(arn) => (
            invalid,
            "MalformedPolicyDocument",
            format!("The policy {} does not exist or is not attachable", Shown(arn)),
        ),
        // AWS STS API reference, *Common errors*, InternalFailure. Ours: the reason.
        StsError::InternalFailure(reason) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalFailure",
            format!(
                "The request processing has failed because of an unknown error, exception or failure: {reason}"
            ),
        ),
    }
}

/// Errors that faults inject: code, status, and a sentence
// AWS STS API reference, *Common errors* and AssumeRole. The API model (botocore, `sts/2011-06-15`) has code and status
// of its own errors, botocore's `_retry.json` those of `Throttling` and `IDPCommunicationError`. The sentences are
// guesses.
const INJECTED: [(&str, StatusCode, &str); 13] = [
    ("Throttling", StatusCode::BAD_REQUEST, "Rate exceeded"),
    ("ThrottlingException", StatusCode::BAD_REQUEST, "Rate exceeded"),
    (
        "IDPCommunicationError",
        StatusCode::BAD_REQUEST,
        "The identity provider could not be reached.",
    ),
    (
        "ServiceUnavailable",
        StatusCode::SERVICE_UNAVAILABLE,
        "The request has failed due to a temporary failure of the server.",
    ),
    (
        "InternalFailure",
        StatusCode::INTERNAL_SERVER_ERROR,
        "The request processing has failed because of an unknown error, exception or failure.",
    ),
    ("AccessDenied", StatusCode::FORBIDDEN, "Access denied"),
    (
        "ExpiredToken",
        StatusCode::FORBIDDEN,
        "The security token included in the request is expired",
    ),
    (
        "InvalidClientTokenId",
        StatusCode::FORBIDDEN,
        "The security token included in the request is invalid.",
    ),
    (
        "ExpiredTokenException",
        StatusCode::BAD_REQUEST,
        "The token that was passed is expired.",
    ),
    (
        "MalformedPolicyDocument",
        StatusCode::BAD_REQUEST,
        "The policy is not in the valid JSON format.",
    ),
    (
        "PackedPolicyTooLarge",
        StatusCode::BAD_REQUEST,
        "Packed size of session tags consumes more than 100% of allotted space.",
    ),
    (
        "RegionDisabledException",
        StatusCode::FORBIDDEN,
        "STS is not activated in this region.",
    ),
    (
        "ValidationError",
        StatusCode::BAD_REQUEST,
        "The request is not valid.",
    ),
];

/// An error that a fault injects
pub(in crate::services) fn injected(error: &InjectedError, request_id: Uuid) -> Option<WireRefusal> {
    let (code, status, message) = INJECTED.into_iter().find(|(code, ..)| *code == error.code)?;
    let message = error.message.as_deref().unwrap_or(message).to_owned();
    let body = |message: &str| body(status, code, message, request_id);
    Some(wire(None, (status, code, message), BodyForm::StsXml, body))
}

/// Codes of the errors that faults inject
pub(in crate::services) fn injected_codes() -> impl Iterator<Item = &'static str> {
    INJECTED.into_iter().map(|(code, ..)| code)
}

// Netflix/security_monkey#77: as it went over the wire.
pub(crate) fn body(status: StatusCode, code: &str, message: &str, request_id: Uuid) -> String {
    let mut xml = Xml::bare();
    xml.root("ErrorResponse", NAMESPACE, |xml| {
        xml.element("Error", |xml| {
            let at_fault = if status.is_server_error() {
                "Receiver"
            } else {
                "Sender"
            };
            xml.text("Type", at_fault);
            xml.text("Code", code);
            xml.text("Message", message);
        });
        xml.text("RequestId", &request_id.to_string());
    });
    xml.into_string()
}
