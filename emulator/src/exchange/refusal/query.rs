//! The refusals of EC2 and STS: codes of their own, and XML.
//!
//! What is read off the wire is cited by its public report; everything else is marked as a guess. Both services name
//! faults of the signature otherwise than services that speak JSON do.

use client_text::{Shown, cut};
use http::StatusCode;
use iam_policy::PolicyError;
use sigv4_verify::{MismatchDetail, SignatureError};
use uuid::Uuid;

use super::{BodyForm, MESSAGE_CHARACTERS_MAX, Refusal, WireRefusal};
use crate::{
    request::{HeadError, body::BodyError},
    services::{
        ec2::error::Ec2Error,
        query::{parameters::ParameterFault, xml::Xml},
        sts::error::StsError,
    },
};

/// The services that speak this protocol
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueryService {
    Ec2,
    Sts,
}

/// Status, code and sentence
type Row = (StatusCode, &'static str, String);

/// A refusal as EC2 or STS says it
pub(super) fn to_wire(
    refusal: &Refusal,
    service: QueryService,
    request_id: Uuid,
    detail: MismatchDetail,
) -> WireRefusal {
    let (status, code, message) = match service {
        QueryService::Ec2 => ec2_row(refusal),
        QueryService::Sts => sts_row(refusal, detail),
    };
    let message = match refusal {
        // It repeats the request's head, which is bounded, so that a client can compare it line by line.
        Refusal::Signature(_) => message,
        _ => cut(&message, MESSAGE_CHARACTERS_MAX).into_owned(),
    };
    let body = match service {
        QueryService::Ec2 => ec2_body(code, &message, request_id),
        QueryService::Sts => sts_body(status, code, &message, request_id),
    };
    let told = match refusal {
        // STS repeats the Authorization header in some of its sentences; the journal gets the one without secrets.
        Refusal::Signature(error) => error.to_string(),
        _ => message,
    };
    WireRefusal {
        status,
        error_type: Some(code),
        message: told,
        body,
        form: match service {
            QueryService::Ec2 => BodyForm::Ec2Xml,
            QueryService::Sts => BodyForm::StsXml,
        },
        retry_after: None,
    }
}

fn ec2_row(refusal: &Refusal) -> Row {
    match refusal {
        Refusal::Ec2(error) => ec2_error(error),
        // hashicorp/terraform-provider-aws#34234: status, code and sentence of an action without a resource as they went
        // over the wire; kubernetes-sigs/karpenter#2813: those of one with a resource.
        Refusal::AccessDenied(denial) => {
            let encoded = denial.encoded_message().map_or_else(String::new, |message| {
                format!(". Encoded authorization failure message: {message}")
            });
            (
                StatusCode::FORBIDDEN,
                "UnauthorizedOperation",
                format!(
                    "You are not authorized to perform this operation. {}{encoded}",
                    denial.sentence()
                ),
            )
        }
        Refusal::Signature(error) => match &**error {
            SignatureError::MissingAuthenticationToken => (
                // Amazon EC2 API reference, *Error codes*, MissingAuthenticationToken; the status is a guess.
                StatusCode::FORBIDDEN,
                "MissingAuthenticationToken",
                "The request must contain either a valid (registered) AWS access key ID or X.509 certificate"
                    .to_owned(),
            ),
            // Amazon EC2 API reference, *Error codes*, RequestExpired: the date stamp and the credentials alike.
            SignatureError::Expired { .. } | SignatureError::ExpiredSecurityToken { .. } => (
                StatusCode::BAD_REQUEST,
                "RequestExpired",
                "Request has expired.".to_owned(),
            ),
            SignatureError::UnsupportedAlgorithm { .. }
            | SignatureError::MalformedAuthorizationParameter { .. }
            | SignatureError::IncompleteAuthorization { .. }
            | SignatureError::IncompletePresignedUrl { .. }
            | SignatureError::MalformedExpires(_)
            | SignatureError::MalformedDate { .. }
            | SignatureError::MalformedCredential { .. } => {
                // Amazon EC2 API reference, *Error codes*, IncompleteSignature. Guess: the sentences of other services.
                (
                    StatusCode::FORBIDDEN,
                    "IncompleteSignature",
                    sentence(error, MismatchDetail::Omit),
                )
            }
            SignatureError::MalformedPath(_) | SignatureError::MalformedQueryString(_) => (
                StatusCode::BAD_REQUEST,
                "MalformedQueryString",
                sentence(error, MismatchDetail::Omit),
            ),
            // aws/aws-sdk-java-v2#2981 (the body), turbot/steampipe-plugin-aws#75 (the status): one answer for a wrong
            // key, a wrong scope, a wrong token and a wrong signature.
            _ => (
                StatusCode::UNAUTHORIZED,
                "AuthFailure",
                "AWS was not able to validate the provided access credentials".to_owned(),
            ),
        },
        Refusal::Head(error) => head_row(error),
        Refusal::Body(error) => body_row(error),
        _ => front_end_row(refusal),
    }
}

fn sts_row(refusal: &Refusal, detail: MismatchDetail) -> Row {
    let denied = StatusCode::FORBIDDEN;
    match refusal {
        Refusal::Sts(error) => sts_error(error),
        // Netflix/security_monkey#77: status, code, shape and sentence. It does not say why, so that nobody learns whether
        // there is such a role.
        Refusal::AccessDenied(denial) => (denied, "AccessDenied", denial.sentence_without_reason()),
        // scratchstack-aws-signature, "AWS Auth Error Ordering", which was drawn from observing IAM and STS.
        Refusal::Signature(error) => {
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
        Refusal::Head(error) => head_row(error),
        Refusal::Body(error) => body_row(error),
        _ => front_end_row(refusal),
    }
}

fn ec2_error(error: &Ec2Error) -> Row {
    let (code, message) = match error {
        // getmoto/moto#1980: a response of the real EC2, status 412.
        Ec2Error::DryRunOperation => {
            return (
                StatusCode::PRECONDITION_FAILED,
                "DryRunOperation",
                "Request would have succeeded, but DryRun flag is set.".to_owned(),
            );
        }
        // Amazon EC2 API reference, *Error codes*, server errors. Ours: the reason.
        Ec2Error::InternalError(reason) => {
            return (
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalError",
                format!("An internal error has occurred: {reason}"),
            );
        }
        // Amazon EC2 API reference, *Error codes*, MissingAction.
        Ec2Error::MissingAction => (
            "MissingAction",
            "The request is missing an action or a required parameter.".to_owned(),
        ),
        // Amazon EC2 API reference, *Error codes*, InvalidAction. Guess: the sentence.
        Ec2Error::InvalidAction(action) => (
            "InvalidAction",
            format!("The action {} is not valid for this web service.", Shown(action)),
        ),
        // Guess: the code and the sentence.
        Ec2Error::NoSuchVersion(version) => (
            "NoSuchVersion",
            format!(
                "The requested version ({}) of service AmazonEC2 does not exist",
                Shown(version)
            ),
        ),
        Ec2Error::Parameter(fault) => match fault {
            // getmoto/moto#112.
            ParameterFault::Missing(name) => (
                "MissingParameter",
                format!("The request must contain the parameter {}", Shown(name)),
            ),
            // aws/aws-sdk-cpp#327.
            ParameterFault::Unknown(name) => (
                "UnknownParameter",
                format!("The parameter {} is not recognized", Shown(name)),
            ),
            // Guess: the sentence.
            ParameterFault::Invalid {
                name,
                value,
                expected,
            } => (
                "InvalidParameterValue",
                format!(
                    "Value ({}) for parameter {} is invalid. Expected {expected}.",
                    Shown(value),
                    Shown(name)
                ),
            ),
        },
        Ec2Error::InvalidParameter(message) => ("InvalidParameter", message.clone()),
        Ec2Error::InvalidParameterValue(message) => ("InvalidParameterValue", message.clone()),
        Ec2Error::InvalidParameterCombination(message) => {
            ("InvalidParameterCombination", (*message).to_owned())
        }
        // Guess: the sentence.
        Ec2Error::MalformedId { code, id } => (*code, format!("Invalid Id: '{}'", Shown(id))),
        // The two spellings of the code: aws-controllers-k8s/ec2-controller#15. Guess: the sentences.
        Ec2Error::VpcIdNotFound(id) => ("InvalidVpcId.NotFound", format!("The Vpc Id {id} does not exist")),
        Ec2Error::VpcIDNotFound(id) => {
            ("InvalidVpcID.NotFound", format!("The vpc ID '{id}' does not exist"))
        }
        Ec2Error::SubnetNotFound(id) => (
            "InvalidSubnetID.NotFound",
            format!("The subnet ID '{}' does not exist", Shown(id)),
        ),
        Ec2Error::NetworkInterfaceNotFound(id) => (
            "InvalidNetworkInterfaceID.NotFound",
            format!("The networkInterface ID '{}' does not exist", Shown(id)),
        ),
        // boto/boto3#701.
        Ec2Error::SecurityGroupNotFound(id) => (
            "InvalidGroup.NotFound",
            format!("The security group '{}' does not exist", Shown(id)),
        ),
        // C2Devel/terraform-examples#8.
        Ec2Error::RouteTableNotFound(id) => (
            "InvalidRouteTableID.NotFound",
            format!("The routeTable ID '{}' does not exist", Shown(id)),
        ),
        // Amazon EC2 API reference, *Error codes*. Guess: the sentence.
        Ec2Error::PrefixListNotFound(id) => (
            "InvalidPrefixListID.NotFound",
            format!("The prefix list ID '{}' does not exist", Shown(id)),
        ),
        // Amazon EC2 API reference, *Error codes*. Guess: the sentence, after that of InvalidServiceName.
        Ec2Error::VpcEndpointNotFound(id) => (
            "InvalidVpcEndpointId.NotFound",
            format!("The Vpc Endpoint Id '{id}' does not exist"),
        ),
        // Guess: the sentence.
        Ec2Error::ResourceNotFound(id) => ("InvalidID", format!("The ID '{}' is not valid", Shown(id))),
        // terraform-aws-modules/terraform-aws-vpc#481, hashicorp/terraform-provider-aws#24216.
        Ec2Error::InvalidServiceName(name) => (
            "InvalidServiceName",
            format!("The Vpc Endpoint Service '{}' does not exist", Shown(name)),
        ),
        // hashicorp/terraform-provider-aws#42291.
        Ec2Error::InvalidPolicyDocument(error) => (
            "InvalidPolicyDocument",
            format!(
                "The Policy Document is not valid. Syntax error at position ({},{})",
                error.line(),
                error.column()
            ),
        ),
        // hashicorp/terraform-provider-aws#17535.
        Ec2Error::ConflictingDnsDomain { dns_name, vpc_id } => (
            "InvalidParameter",
            format!(
                "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {dns_name} in \
                 the VPC {vpc_id}"
            ),
        ),
        // Amazon EC2 API reference, *Error codes*.
        Ec2Error::IdempotentParameterMismatch => (
            "IdempotentParameterMismatch",
            "The request uses the same client token as a previous, but non-identical request. Do not reuse a client \
             token with different requests, unless the requests are identical."
                .to_owned(),
        ),
        // Amazon EC2 API reference, *Error codes*. Guess: the sentence.
        Ec2Error::VpcEndpointLimitExceeded => (
            "VpcEndpointLimitExceeded",
            "The maximum number of VPC endpoints has been reached.".to_owned(),
        ),
        // Amazon EC2 API reference, *Error codes*. Guess: the sentence.
        Ec2Error::TagLimitExceeded => (
            "TagLimitExceeded",
            "The maximum number of tags for a resource has been reached.".to_owned(),
        ),
        // Amazon EC2 API reference, *Error codes*.
        Ec2Error::InvalidPaginationToken => (
            "InvalidPaginationToken",
            "The specified pagination token is not valid or is expired.".to_owned(),
        ),
    };
    (StatusCode::BAD_REQUEST, code, message)
}

fn sts_error(error: &StsError) -> Row {
    let invalid = StatusCode::BAD_REQUEST;
    match error {
        // AWS STS API reference, *Common errors*, MissingAction.
        StsError::MissingAction => (
            invalid,
            "MissingAction",
            "The request is missing an action or a required parameter.".to_owned(),
        ),
        // AWS STS API reference, *Common errors*, InvalidAction. Guess: the sentence, which other services of the
        // protocol have.
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

/// Faults of the transport. The codes are those of the common errors; the sentences are ours.
fn body_row(error: &BodyError) -> Row {
    let (status, code) = match error {
        BodyError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge"),
        BodyError::NoRoom { .. } => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
        BodyError::TimedOut { .. } | BodyError::StoodStill { .. } => {
            (StatusCode::REQUEST_TIMEOUT, "RequestTimeout")
        }
        BodyError::Broken(_) => (StatusCode::BAD_REQUEST, "RequestAborted"),
    };
    (status, code, error.to_string())
}

/// Faults of the head. Guess: the codes, but for `MalformedHttpRequest` of the common errors; the sentences are ours.
fn head_row(error: &HeadError) -> Row {
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

/// What is left is said before it is known which service is asked, or of another service only.
fn front_end_row(refusal: &Refusal) -> Row {
    match refusal {
        // Only a host that names no service, and a scope that names another one, lead there.
        Refusal::ServiceNotPlayed(error) => (
            StatusCode::MISDIRECTED_REQUEST,
            "MisdirectedRequest",
            error.to_string(),
        ),
        Refusal::NoEntryPoint(error) => (
            StatusCode::MISDIRECTED_REQUEST,
            "MisdirectedRequest",
            error.to_string(),
        ),
        _ => (
            StatusCode::BAD_REQUEST,
            "InvalidAction",
            "the request is not one of this service".to_owned(),
        ),
    }
}

fn sentence(error: &SignatureError, detail: MismatchDetail) -> String {
    error
        .message(detail)
        .map_or_else(|| error.to_string(), std::borrow::Cow::into_owned)
}

// aws/aws-sdk-java-v2#2981, hashicorp/terraform-provider-aws#34234: as it went over the wire.
fn ec2_body(code: &str, message: &str, request_id: Uuid) -> String {
    let mut xml = Xml::with_declaration();
    xml.element("Response", |xml| {
        xml.element("Errors", |xml| {
            xml.element("Error", |xml| {
                xml.text("Code", code);
                xml.text("Message", message);
            });
        });
        xml.text("RequestID", &request_id.to_string());
    });
    xml.into_string()
}

// Netflix/security_monkey#77: as it went over the wire.
pub(super) fn sts_body(status: StatusCode, code: &str, message: &str, request_id: Uuid) -> String {
    let mut xml = Xml::bare();
    xml.root("ErrorResponse", crate::services::sts::NAMESPACE, |xml| {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_the_emulator_is_not_the_callers() {
        for (refusal, service, code) in [
            (
                Refusal::Ec2(Ec2Error::InternalError("no room".to_owned())),
                QueryService::Ec2,
                "InternalError",
            ),
            (
                Refusal::Sts(StsError::InternalFailure("no room".to_owned())),
                QueryService::Sts,
                "InternalFailure",
            ),
        ] {
            let wire = to_wire(&refusal, service, Uuid::nil(), MismatchDetail::Omit);
            assert_eq!(
                (wire.status, wire.error_type),
                (StatusCode::INTERNAL_SERVER_ERROR, Some(code))
            );
            // AWS STS API reference, the shape of errors: who is at fault is told where there is a place for it.
            let blames_the_caller = wire.body.contains("<Type>Sender</Type>");
            assert!(!blames_the_caller, "{}", wire.body);
        }
    }
}
