//! Every failure's status, error type and text, in one table.
//!
//! Two families of bodies are on AWS's wires: the front end's authentication failures say `message`, the service's own
//! errors say `Message` (the API model's member; with a small m the Rust SDK leaves the text of a modelled error
//! empty). EC2 and STS, which speak another protocol, have codes of their own: their rows are in `query`. What the client gets is AWS's sentence; what a test author needs beyond it is in the journal.

use client_text::cut;
use http::{HeaderValue, StatusCode, header};
use lookoutvision::error::ServiceError;
use serde_json::{Map, Value};
use sigv4_verify::{MismatchDetail, SignatureError};
use uuid::Uuid;

use crate::{
    authorization::Denial,
    network::{entry_point::EntryPointError, host_name::EmulatedService},
    request::{HeadError, body::BodyError},
    services::{ec2::error::Ec2Error, sts::error::StsError},
};

mod not_played;
mod query;

pub(crate) use self::not_played::ServiceNotPlayed;
use self::query::QueryService;

/// Why a request was not answered with a result
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It is for a service that is not played
    ServiceNotPlayed(ServiceNotPlayed),
    /// The host leads to no entry point
    NoEntryPoint(EntryPointError),
    /// The request is not signed as AWS asks
    Signature(Box<SignatureError>),
    /// The head cannot be read
    Head(HeadError),
    /// The body did not come in
    Body(BodyError),
    /// A policy stands in the way
    AccessDenied(Denial),
    /// No operation of the API has this method and path
    UnknownOperation,
    /// The service's own error
    Service(ServiceError),
    /// EC2's own error
    Ec2(Ec2Error),
    /// STS's own error
    Sts(StsError),
}

/// A refusal as it goes over the wire
#[derive(Debug)]
pub(crate) struct WireRefusal {
    pub(crate) status: StatusCode,
    /// `x-amzn-ErrorType`; `None` where AWS sends none
    pub(crate) error_type: Option<&'static str>,
    /// What the journal shows of the text
    pub(crate) message: String,
    pub(crate) body: String,
    pub(crate) form: BodyForm,
    pub(crate) retry_after: Option<HeaderValue>,
}

/// What an answer's body is written in
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyForm {
    /// The JSON of Lookout for Vision
    Json,
    /// The XML of EC2
    Ec2Xml,
    /// The XML of STS
    StsXml,
    /// The XML of Amazon S3
    S3Xml,
}

impl BodyForm {
    /// What a service answers in
    pub(crate) fn of(service: EmulatedService) -> Self {
        match service {
            EmulatedService::LookoutVision => Self::Json,
            EmulatedService::Ec2 => Self::Ec2Xml,
            EmulatedService::Sts => Self::StsXml,
        }
    }

    /// The `Content-Type`
    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json",
            // hashicorp/terraform-provider-aws#34234: the header of a response of the real EC2.
            Self::Ec2Xml => "text/xml;charset=UTF-8",
            // AWS STS API reference, the sample responses.
            Self::StsXml => "text/xml",
            // Amazon S3 API reference, *Error responses*
            Self::S3Xml => "application/xml",
        })
    }
}

impl Refusal {
    /// Status, error type, headers and body, as a service says it
    pub(crate) fn to_wire(
        &self,
        service: EmulatedService,
        request_id: Uuid,
        mismatch_detail: MismatchDetail,
    ) -> WireRefusal {
        match service {
            EmulatedService::LookoutVision => self.to_json_wire(mismatch_detail, request_id),
            EmulatedService::Ec2 => query::to_wire(self, QueryService::Ec2, request_id, mismatch_detail),
            EmulatedService::Sts => query::to_wire(self, QueryService::Sts, request_id, mismatch_detail),
        }
    }

    fn to_json_wire(&self, mismatch_detail: MismatchDetail, request_id: Uuid) -> WireRefusal {
        match self {
            Self::ServiceNotPlayed(error) => error.to_wire(request_id),
            // RFC 9110, section 15.5.20. AWS has no such answer: the name would not have resolved.
            Self::NoEntryPoint(error) => front_end(
                StatusCode::MISDIRECTED_REQUEST,
                "MisdirectedRequestException",
                &error.to_string(),
            ),
            Self::Signature(error) => {
                let status = StatusCode::from_u16(error.status()).expect("the table has HTTP statuses only");
                let body = error
                    .message(mismatch_detail)
                    .map_or_else(String::new, |message| {
                        serde_json::json!({ "message": message }).to_string()
                    });
                WireRefusal {
                    status,
                    error_type: error.error_type(),
                    // AWS echoes the Authorization header in some of its sentences, and that may hold a bearer token
                    // meant for somebody else; the journal gets the sentence that holds no secret.
                    message: error.to_string(),
                    body,
                    form: BodyForm::Json,
                    retry_after: None,
                }
            }
            Self::Head(error) => match error {
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
            Self::Body(error) => match error {
                // AWS Lambda API reference, *Common errors*: the codes; their texts are ours.
                BodyError::TooLarge { .. } => front_end(
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
            Self::AccessDenied(denial) => service(
                StatusCode::FORBIDDEN,
                "AccessDeniedException",
                &denial.sentence(),
                Map::new(),
            ),
            // soto-project/soto#580 has the XML line `<UnknownOperationException/>` as body, which the JavaScript and
            // the Rust SDK cannot read; all clients read the header, so the body is the empty object.
            Self::UnknownOperation => WireRefusal {
                status: StatusCode::NOT_FOUND,
                error_type: Some("UnknownOperationException"),
                message: "no operation of the API has this method and path".to_owned(),
                body: "{}".to_owned(),
                form: BodyForm::Json,
                retry_after: None,
            },
            Self::Service(error) => service_error(error),
            Self::Ec2(_) | Self::Sts(_) => unreachable!("only their own services refuse with these"),
        }
    }
}

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
            set(
                "ResourceType",
                resource_type.map(lookoutvision::error::ResourceType::as_str),
            );
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

/// A refusal of what stands before the service
fn front_end(status: StatusCode, error_type: &'static str, message: &str) -> WireRefusal {
    let message = cut(message, MESSAGE_CHARACTERS_MAX).into_owned();
    let body = serde_json::json!({ "message": message }).to_string();
    WireRefusal {
        status,
        error_type: Some(error_type),
        message,
        body,
        form: BodyForm::Json,
        retry_after: None,
    }
}

/// A refusal of the service
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
        body: Value::from(members).to_string(),
        form: BodyForm::Json,
        retry_after: None,
    }
}

/// Characters of a sentence that a client gets, whatever it is made of
///
/// Each value in it is cut long before (see [`Shown`](client_text::Shown)); this is there for the sentences that have
/// many.
const MESSAGE_CHARACTERS_MAX: usize = 32_768;

/// `x-amzn-ErrorType`: the plain form, without the `:http://…` that some front ends append; all clients read both
/// (measured with boto3, the AWS CLI, the JavaScript and the Rust SDK)
pub(crate) const X_AMZN_ERROR_TYPE: header::HeaderName = header::HeaderName::from_static("x-amzn-errortype");
