//! Why a request was not answered with a result, and how that goes over the wire.
//!
//! Everything that is refused before a service is asked (entry point, signature, head, body, policies) is one enum, and
//! each service has a table of its answers to that (`refusal` in its folder). What a service refuses by itself is an
//! [`OwnError`]. The client gets AWS's sentence; what a test author needs beyond it is in the journal.

use std::fmt;

use http::{HeaderValue, StatusCode, header};
use sigv4_verify::{MismatchDetail, SignatureError};
use uuid::Uuid;

use super::{ec2, injected::Injected, lookoutvision, sts};
use crate::{
    authorization::Denial,
    network::{entry_point::EntryPointError, host_name::EmulatedService},
    request::{HeadError, body::BodyError},
};

/// Why a request was not answered with a result
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It was refused before it reached the service
    Before(FrontEndError),
    /// The service's own error
    Own(Box<dyn OwnError>),
    /// A fault that a test asked for
    Injected(Injected),
}

/// What is refused before a service is asked
#[derive(Debug)]
pub(crate) enum FrontEndError {
    /// The host leads to no entry point
    NoEntryPoint(EntryPointError),
    /// The request is not signed as AWS asks
    Signature(Box<SignatureError>),
    /// The head cannot be read
    Head(HeadError),
    /// The body was not received
    Body(BodyError),
    /// A policy denies the call
    AccessDenied(Denial),
}

impl From<FrontEndError> for Refusal {
    fn from(error: FrontEndError) -> Self {
        Self::Before(error)
    }
}

impl From<Injected> for Refusal {
    fn from(injected: Injected) -> Self {
        Self::Injected(injected)
    }
}

/// What only this service refuses, in the form that its clients read
pub(crate) trait OwnError: fmt::Debug + Send + Sync {
    /// Status, code and body
    fn to_wire(&self, request_id: Uuid) -> WireRefusal;

    /// What the journal and the log are told besides
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// The limit that was reached, by its key of the configuration
    fn limit(&self) -> Option<&'static str> {
        None
    }
}

impl<E: OwnError + 'static> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Own(Box::new(error))
    }
}

/// A refusal as it goes over the wire
#[derive(Debug)]
pub(crate) struct WireRefusal {
    pub(crate) status: StatusCode,
    /// `x-amzn-ErrorType`; `None` where AWS sends none
    pub(crate) error_type: Option<&'static str>,
    /// The text for the journal
    pub(crate) message: String,
    /// The text in the body, without secrets, where it differs from `message`; `None`: it is the same. Empty: the body
    /// has no text.
    pub(crate) client_message: Option<String>,
    pub(crate) body: String,
    pub(crate) form: BodyForm,
    pub(crate) retry_after: Option<HeaderValue>,
}

/// The form of an answer's body
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
    /// The form in which a service answers
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
    /// The limits of which one was reached, by their keys in the configuration
    pub(crate) fn limits(&self) -> Vec<&'static str> {
        match self {
            Self::Before(FrontEndError::Head(error)) => error.limits().to_vec(),
            Self::Before(FrontEndError::Body(error)) => error.limits(),
            Self::Before(
                FrontEndError::NoEntryPoint(_) | FrontEndError::Signature(_) | FrontEndError::AccessDenied(_),
            ) => Vec::new(),
            Self::Own(error) => error.limit().into_iter().collect(),
            Self::Injected(_) => Vec::new(),
        }
    }

    /// Status, error type, headers and body, as a service sends them
    pub(crate) fn to_wire(
        &self,
        service: EmulatedService,
        request_id: Uuid,
        mismatch_detail: MismatchDetail,
    ) -> WireRefusal {
        let error = match self {
            Self::Own(error) => return error.to_wire(request_id),
            Self::Injected(injected) => return injected.to_wire(service, request_id),
            Self::Before(error) => error,
        };
        match service {
            EmulatedService::LookoutVision => lookoutvision::refusal::to_wire(error, mismatch_detail),
            EmulatedService::Ec2 => ec2::refusal::to_wire(error, request_id),
            EmulatedService::Sts => sts::refusal::to_wire(error, request_id, mismatch_detail),
        }
    }
}

/// The most characters of a sentence that a client gets
///
/// Each value in it is cut long before (see [`Shown`](client_text::Shown)); this bounds the sentences that have many.
pub(super) const MESSAGE_CHARACTERS_MAX: usize = 32_768;

/// `x-amzn-ErrorType`: the plain form, without the `:http://…` that some front ends append; all clients read both
/// (measured with boto3, the AWS CLI, the JavaScript and the Rust SDK)
pub(crate) const X_AMZN_ERROR_TYPE: header::HeaderName = header::HeaderName::from_static("x-amzn-errortype");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::{ec2::error::Ec2Error, sts::error::StsError};

    #[test]
    fn a_fault_of_the_emulator_is_not_the_callers() {
        let ec2: Refusal = Ec2Error::InternalError("no room".to_owned()).into();
        let sts: Refusal = StsError::InternalFailure("no room".to_owned()).into();
        for (refusal, service, code) in [
            (ec2, EmulatedService::Ec2, "InternalError"),
            (sts, EmulatedService::Sts, "InternalFailure"),
        ] {
            let wire = refusal.to_wire(service, Uuid::nil(), MismatchDetail::Omit);
            assert_eq!(
                (wire.status, wire.error_type),
                (StatusCode::INTERNAL_SERVER_ERROR, Some(code))
            );
            // AWS STS API reference, the shape of errors: it has a place for who is at fault.
            let blames_the_caller = wire.body.contains("<Type>Sender</Type>");
            assert!(!blames_the_caller, "{}", wire.body);
        }
    }
}
