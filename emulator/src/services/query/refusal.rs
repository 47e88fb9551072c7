//! The refusals by the front end that EC2 and STS share. Codes of the common errors; the sentences are ours.

use client_text::cut;
use http::StatusCode;
use sigv4_verify::{MismatchDetail, SignatureError};

use crate::{
    network::entry_point::EntryPointError,
    request::{HeadError, body::BodyError},
    services::refusal::{BodyForm, FrontEndError, MESSAGE_CHARACTERS_MAX, WireRefusal},
};

/// Status, code and sentence
pub(in crate::services) type Row = (StatusCode, &'static str, String);

/// A row as it goes over the wire; `body` writes it
pub(in crate::services) fn wire(
    before: Option<&FrontEndError>,
    (status, code, message): Row,
    form: BodyForm,
    body: impl FnOnce(&str) -> String,
) -> WireRefusal {
    let message = match before {
        // It repeats the request's head, which is bounded, so that a client can compare the texts line by line.
        Some(FrontEndError::Signature(_)) => message,
        _ => cut(&message, MESSAGE_CHARACTERS_MAX).into_owned(),
    };
    let body = body(&message);
    let (told, client_message) = match before {
        // STS repeats the Authorization header in some of its sentences; the journal gets the sentence without secrets.
        Some(FrontEndError::Signature(error)) => (error.to_string(), Some(without_secrets(error, message))),
        _ => (message, None),
    };
    WireRefusal {
        status,
        error_type: Some(code),
        message: told,
        client_message,
        body,
        form,
        retry_after: None,
    }
}

/// Faults of the transport. The codes are those of the common errors; the sentences are ours.
pub(in crate::services) fn body_row(error: &BodyError) -> Row {
    let (status, code) = match error {
        BodyError::TooLarge { .. } | BodyError::TooManyValues { .. } => {
            (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge")
        }
        BodyError::NoRoom { .. } => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
        BodyError::TimedOut { .. } | BodyError::StoodStill { .. } => {
            (StatusCode::REQUEST_TIMEOUT, "RequestTimeout")
        }
        BodyError::Broken(_) => (StatusCode::BAD_REQUEST, "RequestAborted"),
    };
    (status, code, error.to_string())
}

/// Faults of the head. Guess: the codes, except for `MalformedHttpRequest` of the common errors; the sentences are
/// ours.
pub(in crate::services) fn head_row(error: &HeadError) -> Row {
    let (status, code) = match error {
        HeadError::TooLarge { .. } => (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "RequestHeaderFieldsTooLarge",
        ),
        HeadError::TargetTooLong => (StatusCode::URI_TOO_LONG, "MalformedHttpRequest"),
        HeadError::TransferCoding(_) => (StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
        HeadError::Malformed(_) => (StatusCode::BAD_REQUEST, "MalformedHttpRequest"),
    };
    (status, code, error.to_string())
}

/// A host that leads to no entry point is refused before it is known which service is called
pub(in crate::services) fn no_entry_point_row(error: &EntryPointError) -> Row {
    (
        StatusCode::MISDIRECTED_REQUEST,
        "MisdirectedRequest",
        error.to_string(),
    )
}

/// The sentence about a signature that a client got, without secrets
fn without_secrets(error: &SignatureError, told: String) -> String {
    let details = [MismatchDetail::Include, MismatchDetail::Omit];
    // The other sentences are the service's own and repeat nothing of the request.
    let repeating = details
        .into_iter()
        .find(|detail| sentence(error, *detail) == told);
    let redacted = repeating.and_then(|detail| error.redacted_message(detail));
    redacted.map_or(told, std::borrow::Cow::into_owned)
}

/// The sentence of a signature's fault, as the service says it
pub(in crate::services) fn sentence(error: &SignatureError, detail: MismatchDetail) -> String {
    error
        .message(detail)
        .map_or_else(|| error.to_string(), std::borrow::Cow::into_owned)
}
