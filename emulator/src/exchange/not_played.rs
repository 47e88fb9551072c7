//! A client of a service that is not played, which was sent here by an endpoint URL: it is answered in the form that it
//! reads, and told which services there are.

use client_text::Shown;
use http::{Method, StatusCode, header};
use uuid::Uuid;

use crate::{
    network::host_name::{EmulatedHost, EmulatedService},
    request::ReceivedRequest,
    services::{
        lookoutvision::refusal::front_end,
        query::xml::Xml,
        refusal::{BodyForm, OwnError, WireRefusal},
        sts,
    },
};

/// A request for a service that is not played
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceNotPlayed {
    /// Its signing name; `None`: the request is not signed, and is of the query protocol
    service: Option<Box<str>>,
    protocol: Protocol,
}

/// What the client reads errors in
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// REST-JSON: the error's type is in a header field
    RestJson,
    /// JSON with the operation in `X-Amz-Target`: the error's type is in the body, and some clients look nowhere else
    /// (Smithy, *AWS JSON 1.1 protocol*, Operation error serialization)
    TargetJson,
    /// The query protocol, and REST-XML of every service but S3, which has the same errors (Smithy, *AWS restXml
    /// protocol*, Operation error serialization)
    Xml,
    S3,
}

impl ServiceNotPlayed {
    /// Whether a request is one, as far as its head tells
    ///
    /// Only where the host names no service: a service that the host names goes before the one in the scope. `claimed`
    /// is the signing name in the scope.
    pub(crate) fn of(request: &ReceivedRequest, claimed: Option<&str>) -> Option<Self> {
        if request.host.emulated != EmulatedHost::Other {
            return None;
        }
        let is_form = request
            .header(&header::CONTENT_TYPE)
            .is_some_and(|text| text.starts_with("application/x-www-form-urlencoded"));
        let is_query = is_form && request.method == Method::POST && &*request.target == "/";
        match claimed.filter(|name| !name.is_empty()) {
            Some(name) if EmulatedService::from_signing_name(name).is_some() => None,
            Some(name) => Some(Self {
                protocol: match name {
                    // Amazon S3 API reference, *Error responses*
                    "s3" | "s3express" | "s3-outposts" => Protocol::S3,
                    // The only others whose API models say `rest-xml` (botocore 1.40.50)
                    "cloudfront" | "route53" => Protocol::Xml,
                    _ if is_query => Protocol::Xml,
                    _ if request.headers.contains_key("x-amz-target") => Protocol::TargetJson,
                    _ => Protocol::RestJson,
                },
                service: Some(name.into()),
            }),
            // As AssumeRoleWithWebIdentity is sent (AWS STS API reference: it takes no signature).
            None if is_query && request.header(&header::AUTHORIZATION).is_none() => Some(Self {
                service: None,
                protocol: Protocol::Xml,
            }),
            None => None,
        }
    }
}

impl OwnError for ServiceNotPlayed {
    fn to_wire(&self, request_id: Uuid) -> WireRefusal {
        let (status, code) = match &self.service {
            Some(_) => (StatusCode::MISDIRECTED_REQUEST, "MisdirectedRequestException"),
            None => (StatusCode::FORBIDDEN, "MissingAuthenticationToken"),
        };
        let message = self.to_string();
        let json = front_end(status, code, &message);
        match self.protocol {
            Protocol::RestJson => json,
            Protocol::TargetJson => WireRefusal {
                body: serde_json::json!({"__type": code, "message": json.message}).to_string(),
                ..json
            },
            Protocol::Xml => WireRefusal {
                body: sts::refusal::body(status, code, &message, request_id),
                form: BodyForm::StsXml,
                ..json
            },
            Protocol::S3 => {
                let mut xml = Xml::with_declaration();
                xml.element("Error", |xml| {
                    xml.text("Code", code);
                    xml.text("Message", &message);
                    xml.text("RequestId", &request_id.to_string());
                });
                WireRefusal {
                    body: xml.into_string(),
                    form: BodyForm::S3Xml,
                    ..json
                }
            }
        }
    }
}

impl std::fmt::Display for ServiceNotPlayed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.service {
            Some(service) => write!(
                f,
                "This emulator plays lookoutvision, ec2 and sts, and the request is signed for {}. Set the endpoint URLs \
                 of these services (AWS_ENDPOINT_URL_LOOKOUTVISION, …_EC2, …_STS) instead of one for all.",
                Shown(service)
            ),
            None => f.write_str(
                "This emulator plays lookoutvision, ec2 and sts, and the request is not signed, so nothing tells which of \
                 them it is for; AssumeRoleWithWebIdentity and AssumeRoleWithSAML are not played.",
            ),
        }
    }
}
