//! The refusals of EC2: codes of its own, and XML.
//!
//! What was seen on the wire is cited by its public report; everything else is marked as a guess. EC2 has other names
//! for faults of the signature than services that speak JSON.

use client_text::Shown;
use http::StatusCode;
use sigv4_verify::{MismatchDetail, SignatureError};
use uuid::Uuid;

use super::error::Ec2Error;
use crate::{
    services::{
        query::{
            parameters::ParameterFault,
            refusal::{Row, body_row, head_row, no_entry_point_row, sentence, wire},
            xml::Xml,
        },
        refusal::{BodyForm, FrontEndError, OwnError, WireRefusal},
    },
    settings::faults::InjectedError,
};

/// EC2's refusal for what the front end refuses
pub(in crate::services) fn to_wire(before: &FrontEndError, request_id: Uuid) -> WireRefusal {
    let row = row(before);
    let code = row.1;
    wire(Some(before), row, BodyForm::Ec2Xml, |message| {
        body(code, message, request_id)
    })
}

impl OwnError for Ec2Error {
    fn to_wire(&self, request_id: Uuid) -> WireRefusal {
        let row = own_row(self);
        let code = row.1;
        wire(None, row, BodyForm::Ec2Xml, |message| {
            body(code, message, request_id)
        })
    }

    fn limit(&self) -> Option<&'static str> {
        matches!(self, Self::VpcEndpointLimitExceeded).then_some("made_vpc_endpoints_max")
    }

    fn remarks(&self) -> Vec<String> {
        let Self::InvalidPolicyDocument(error) = self else {
            return Vec::new();
        };
        // EC2's own sentence says where the fault is, and not which.
        let findings = error.findings().iter();
        findings
            .map(|found| {
                let place = if found.path.is_empty() { "" } else { ": " };
                format!("the policy was refused: {}{place}{}", found.path, found.message)
            })
            .collect()
    }
}

fn row(before: &FrontEndError) -> Row {
    match before {
        // hashicorp/terraform-provider-aws#34234: status, code and sentence of an action without a resource as they
        // went over the wire; kubernetes-sigs/karpenter#2813: those of one with a resource.
        FrontEndError::AccessDenied(denial) => {
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
        FrontEndError::Signature(error) => match &**error {
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
        FrontEndError::Head(error) => head_row(error),
        FrontEndError::Body(error) => body_row(error),
        FrontEndError::NoEntryPoint(error) => no_entry_point_row(error),
    }
}

fn own_row(error: &Ec2Error) -> Row {
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

/// Errors that faults inject: code, status, and a sentence
// Amazon EC2 API reference, *Error codes*: the codes. The statuses of the throttling errors are those by which botocore
// recognises them (`_retry.json`). The sentences are guesses, and the rest is as in `row` and `own_row`.
const INJECTED: [(&str, StatusCode, &str); 13] = [
    (
        "RequestLimitExceeded",
        StatusCode::SERVICE_UNAVAILABLE,
        "Request limit exceeded.",
    ),
    (
        "EC2ThrottledException",
        StatusCode::SERVICE_UNAVAILABLE,
        "Request limit exceeded.",
    ),
    ("Throttling", StatusCode::BAD_REQUEST, "Rate exceeded"),
    ("ThrottlingException", StatusCode::BAD_REQUEST, "Rate exceeded"),
    (
        "InternalError",
        StatusCode::INTERNAL_SERVER_ERROR,
        "An internal error has occurred",
    ),
    (
        "InternalFailure",
        StatusCode::INTERNAL_SERVER_ERROR,
        "The request processing has failed because of an unknown error, exception, or failure.",
    ),
    (
        "ServiceUnavailable",
        StatusCode::SERVICE_UNAVAILABLE,
        "The request has failed due to a temporary failure of the server.",
    ),
    (
        "Unavailable",
        StatusCode::SERVICE_UNAVAILABLE,
        "The server is overloaded and can't handle the request.",
    ),
    (
        "UnauthorizedOperation",
        StatusCode::FORBIDDEN,
        "You are not authorized to perform this operation.",
    ),
    (
        "AuthFailure",
        StatusCode::UNAUTHORIZED,
        "AWS was not able to validate the provided access credentials",
    ),
    ("RequestExpired", StatusCode::BAD_REQUEST, "Request has expired."),
    (
        "VpcEndpointLimitExceeded",
        StatusCode::BAD_REQUEST,
        "The maximum number of VPC endpoints has been reached.",
    ),
    (
        "IncorrectState",
        StatusCode::BAD_REQUEST,
        "The resource is not in a state that allows this operation.",
    ),
];

/// An error that a fault injects
pub(in crate::services) fn injected(error: &InjectedError, request_id: Uuid) -> Option<WireRefusal> {
    let (code, status, message) = INJECTED.into_iter().find(|(code, ..)| *code == error.code)?;
    let message = error.message.as_deref().unwrap_or(message).to_owned();
    let body = |message: &str| body(code, message, request_id);
    Some(wire(None, (status, code, message), BodyForm::Ec2Xml, body))
}

/// Codes of the errors that faults inject
pub(in crate::services) fn injected_codes() -> impl Iterator<Item = &'static str> {
    INJECTED.into_iter().map(|(code, ..)| code)
}

// aws/aws-sdk-java-v2#2981, hashicorp/terraform-provider-aws#34234: as it went over the wire.
fn body(code: &str, message: &str, request_id: Uuid) -> String {
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
