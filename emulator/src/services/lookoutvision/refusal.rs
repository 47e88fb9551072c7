//! The refusals of Lookout for Vision: JSON, and the names of the API model.
//!
//! AWS has two families of bodies: the front end's authentication failures say `message`, the service's own errors say
//! `Message` (the API model's member; with a small m the Rust SDK leaves the text of a modelled error empty).

use client_text::cut;
use http::{HeaderValue, StatusCode};
use lookoutvision::{
    error::{ResourceType, ServiceError},
    routes::UnknownOperation,
};
use serde_json::{Map, Value};
use sigv4_verify::MismatchDetail;
use uuid::Uuid;

use crate::{
    request::{HeadError, body::BodyError},
    services::refusal::{BodyForm, FrontEndError, MESSAGE_CHARACTERS_MAX, OwnError, WireRefusal},
};

/// The service's refusal for what the front end refuses
pub(in crate::services) fn to_wire(before: &FrontEndError, mismatch_detail: MismatchDetail) -> WireRefusal {
    match before {
        // RFC 9110, section 15.5.20. AWS has no such answer: the name would not have resolved.
        FrontEndError::NoEntryPoint(error) => front_end(
            StatusCode::MISDIRECTED_REQUEST,
            "MisdirectedRequestException",
            &error.to_string(),
        ),
        FrontEndError::Signature(error) => {
            let status = StatusCode::from_u16(error.status()).expect("the table has HTTP statuses only");
            let body = error
                .message(mismatch_detail)
                .map_or_else(String::new, |message| {
                    serde_json::json!({ "message": message }).to_string()
                });
            WireRefusal {
                status,
                error_type: error.error_type(),
                // AWS echoes the Authorization header in some of its sentences, and it may hold a bearer token meant
                // for somebody else; the journal gets the sentence without secrets.
                message: error.to_string(),
                client_message: Some(
                    error
                        .redacted_message(mismatch_detail)
                        .map_or_else(String::new, std::borrow::Cow::into_owned),
                ),
                body,
                form: BodyForm::Json,
                retry_after: None,
            }
        }
        FrontEndError::Head(error) => match error {
            // Guess: the code. RFC 6585, section 5: the status.
            HeadError::TooLarge { .. } => front_end(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "RequestHeaderFieldsTooLargeException",
                &error.to_string(),
            ),
            // AWS Lambda API reference, *Common errors*, MalformedHttpRequestException: the code; the texts are ours.
            HeadError::TargetTooLong => front_end(
                StatusCode::URI_TOO_LONG,
                "MalformedHttpRequestException",
                &error.to_string(),
            ),
            // Guess: the code, which is S3's for the same (S3 API reference, *Error responses*, NotImplemented).
            HeadError::TransferCoding(_) => front_end(
                StatusCode::NOT_IMPLEMENTED,
                "NotImplementedException",
                &error.to_string(),
            ),
            HeadError::Malformed(_) => front_end(
                StatusCode::BAD_REQUEST,
                "MalformedHttpRequestException",
                &error.to_string(),
            ),
        },
        FrontEndError::Body(error) => match error {
            // AWS Lambda API reference, *Common errors*: the codes; their texts are ours.
            BodyError::TooLarge { .. } | BodyError::TooManyValues { .. } => front_end(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLargeException",
                &error.to_string(),
            ),
            BodyError::NoRoom { .. } => front_end(
                StatusCode::SERVICE_UNAVAILABLE,
                "ServiceUnavailableException",
                &error.to_string(),
            ),
            BodyError::TimedOut { .. } | BodyError::StoodStill { .. } => front_end(
                StatusCode::REQUEST_TIMEOUT,
                "RequestTimeoutException",
                &error.to_string(),
            ),
            BodyError::Broken(_) => front_end(
                StatusCode::BAD_REQUEST,
                "RequestAbortedException",
                &error.to_string(),
            ),
        },
        FrontEndError::AccessDenied(denial) => service(
            StatusCode::FORBIDDEN,
            "AccessDeniedException",
            &denial.sentence(),
            Map::new(),
        ),
    }
}

impl OwnError for UnknownOperation {
    // soto-project/soto#580 has the XML line `<UnknownOperationException/>` as body, which the JavaScript and
    // the Rust SDK cannot read; all clients read the header, so the body is the empty object.
    fn to_wire(&self, _: Uuid) -> WireRefusal {
        WireRefusal {
            status: StatusCode::NOT_FOUND,
            error_type: Some("UnknownOperationException"),
            message: "no operation of the API has this method and path".to_owned(),
            client_message: Some(String::new()),
            body: "{}".to_owned(),
            form: BodyForm::Json,
            retry_after: None,
        }
    }
}

impl OwnError for ServiceError {
    fn to_wire(&self, _: Uuid) -> WireRefusal {
        service_error(self)
    }

    fn limit(&self) -> Option<&'static str> {
        Self::limit(self)
    }
}

/// Errors that the front end can answer any call with: code, status, and a sentence; faults inject them
// The statuses and sentences of the first three are real (`sigv4_verify::SignatureError`). Of the others the codes are
// those of the common errors, and the sentences are guesses.
pub(in crate::services) const COMMON_ERRORS: [(&str, StatusCode, &str); 6] = [
    (
        "ExpiredTokenException",
        StatusCode::FORBIDDEN,
        "The security token included in the request is expired",
    ),
    (
        "UnrecognizedClientException",
        StatusCode::FORBIDDEN,
        "The security token included in the request is invalid.",
    ),
    (
        "InvalidSignatureException",
        StatusCode::FORBIDDEN,
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key \
         and signing method. Consult the service documentation for details.",
    ),
    (
        "RequestTimeoutException",
        StatusCode::REQUEST_TIMEOUT,
        "The request timed out.",
    ),
    (
        "InternalFailure",
        StatusCode::INTERNAL_SERVER_ERROR,
        "The request processing has failed because of an unknown error, exception or failure.",
    ),
    (
        "ServiceUnavailableException",
        StatusCode::SERVICE_UNAVAILABLE,
        "The request has failed due to a temporary failure of the server.",
    ),
];

/// An error of the API model
fn service_error(error: &ServiceError) -> WireRefusal {
    let mut members = Map::new();
    let mut set = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), Value::from(value));
        }
    };
    // API model: the members of each error, and `Retry-After` for RetryAfterSeconds.
    let (status, error_type, retry_after_seconds) = match error {
        ServiceError::AccessDeniedException { .. } => (StatusCode::FORBIDDEN, "AccessDeniedException", None),
        ServiceError::ConflictException {
            resource_id,
            resource_type,
            ..
        } => {
            set("ResourceId", Some(resource_id));
            set("ResourceType", Some(resource_type.as_str()));
            (StatusCode::CONFLICT, "ConflictException", None)
        }
        ServiceError::InternalServerException {
            retry_after_seconds, ..
        } => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServerException",
            *retry_after_seconds,
        ),
        ServiceError::ResourceNotFoundException {
            resource_id,
            resource_type,
            ..
        } => {
            set("ResourceId", Some(resource_id));
            set("ResourceType", Some(resource_type.as_str()));
            (StatusCode::NOT_FOUND, "ResourceNotFoundException", None)
        }
        ServiceError::ServiceQuotaExceededException {
            resource_id,
            resource_type,
            quota_code,
            service_code,
            ..
        } => {
            set("ResourceId", resource_id.as_deref());
            set("ResourceType", resource_type.map(ResourceType::as_str));
            set("QuotaCode", Some(quota_code));
            set("ServiceCode", Some(service_code));
            (
                StatusCode::PAYMENT_REQUIRED,
                "ServiceQuotaExceededException",
                None,
            )
        }
        ServiceError::ThrottlingException {
            quota_code,
            service_code,
            retry_after_seconds,
            ..
        } => {
            set("QuotaCode", quota_code.as_deref());
            set("ServiceCode", service_code.as_deref());
            (
                StatusCode::TOO_MANY_REQUESTS,
                "ThrottlingException",
                *retry_after_seconds,
            )
        }
        ServiceError::SerializationException { .. } => {
            (StatusCode::BAD_REQUEST, "SerializationException", None)
        }
        ServiceError::ValidationException { .. } => (StatusCode::BAD_REQUEST, "ValidationException", None),
    };
    WireRefusal {
        retry_after: retry_after_seconds.map(HeaderValue::from),
        ..service(status, error_type, error.message(), members)
    }
}

/// A refusal by the front end
pub(crate) fn front_end(status: StatusCode, error_type: &'static str, message: &str) -> WireRefusal {
    let message = cut(message, MESSAGE_CHARACTERS_MAX).into_owned();
    let body = serde_json::json!({ "message": message }).to_string();
    WireRefusal {
        status,
        error_type: Some(error_type),
        message,
        client_message: None,
        body,
        form: BodyForm::Json,
        retry_after: None,
    }
}

/// A refusal by the service itself
fn service(
    status: StatusCode,
    error_type: &'static str,
    message: &str,
    mut members: Map<String, Value>,
) -> WireRefusal {
    let message = cut(message, MESSAGE_CHARACTERS_MAX);
    members.insert("Message".to_owned(), message.as_ref().into());
    WireRefusal {
        status,
        error_type: Some(error_type),
        message: message.into_owned(),
        client_message: None,
        body: Value::from(members).to_string(),
        form: BodyForm::Json,
        retry_after: None,
    }
}
