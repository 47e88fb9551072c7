//! Calls, signed by AWS's own signer: as the default principal, in us-west-2.

use std::time::{Duration, SystemTime};

use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
    sign::v4,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

pub(crate) const JPEG: &[u8] = include_bytes!("../../scenarios/images/normal-1.jpg");
pub(crate) const PNG: &[u8] = include_bytes!("../../scenarios/images/normal-2.png");

/// A call to be signed
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    /// The service that it is signed for
    pub(crate) service: &'static str,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) body: Vec<u8>,
    pub(crate) access_key_id: String,
}

/// A call as it goes over the wire, in its parts
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) method: String,
    pub(crate) target: String,
    /// `host` first, the signature among them, but not the length
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn detect() -> Self {
        Self::post(
            "/2020-11-20/projects/myProject/models/1/detect",
            "image/jpeg",
            JPEG.to_vec(),
        )
    }

    pub(crate) fn post(target: &str, content_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            method: "POST",
            target: target.to_owned(),
            service: "lookoutvision",
            content_type: Some(content_type),
            body,
            access_key_id: "test".to_owned(),
        }
    }

    pub(crate) fn json(method: &'static str, target: &str, body: &Value) -> Self {
        Self {
            method,
            ..Self::post(
                &format!("/2020-11-20{target}"),
                "application/json",
                body.to_string().into_bytes(),
            )
        }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self {
            method: "GET",
            content_type: None,
            ..Self::post(&format!("/2020-11-20{target}"), "", Vec::new())
        }
    }

    pub(crate) fn delete(target: &str) -> Self {
        Self {
            method: "DELETE",
            ..Self::get(target)
        }
    }

    pub(crate) fn create_project(name: &str) -> Self {
        Self::json("POST", "/projects", &json!({"ProjectName": name}))
    }

    pub(crate) fn create_dataset(project: &str) -> Self {
        let target = format!("/projects/{project}/datasets");
        Self::json("POST", &target, &json!({"DatasetType": "train"}))
    }

    /// Puts lines of a manifest into a training dataset
    pub(crate) fn update_dataset(project: &str, manifest: &str) -> Self {
        let target = format!("/projects/{project}/datasets/train/entries");
        let changes = BASE64_STANDARD.encode(manifest);
        Self::json("PATCH", &target, &json!({"Changes": changes}))
    }

    /// A call of EC2 or STS: the action and its parameters
    pub(crate) fn query(service: &'static str, action: &str, parameters: &[(&str, &str)]) -> Self {
        let version = match service {
            "ec2" => "2016-11-15",
            _ => "2011-06-15",
        };
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", action)
            .append_pair("Version", version)
            .extend_pairs(parameters)
            .finish();
        Self {
            service,
            ..Self::post(
                "/",
                "application/x-www-form-urlencoded; charset=utf-8",
                body.into_bytes(),
            )
        }
    }

    pub(crate) fn access_key_id(self, access_key_id: &str) -> Self {
        Self {
            access_key_id: access_key_id.to_owned(),
            ..self
        }
    }

    /// Signed in header fields
    pub(crate) fn sign(&self) -> Signed {
        self.sign_in(SignatureLocation::Headers)
    }

    /// Signed in the query
    pub(crate) fn presign(&self) -> Signed {
        self.sign_in(SignatureLocation::QueryParams)
    }

    fn sign_in(&self, location: SignatureLocation) -> Signed {
        let identity =
            aws_credential_types::Credentials::new(&self.access_key_id, "test", None, None, "abuse").into();
        let mut settings = SigningSettings::default();
        settings.signature_location = location;
        if location == SignatureLocation::QueryParams {
            settings.expires_in = Some(Duration::from_secs(600));
        }
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-west-2")
            .name(self.service)
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .expect("all parameters are given")
            .into();
        let mut headers = vec![("host".to_owned(), "localhost".to_owned())];
        if let Some(content_type) = self.content_type {
            headers.push(("content-type".to_owned(), content_type.to_owned()));
        }
        let signable = SignableRequest::new(
            self.method,
            format!("https://localhost{}", self.target),
            headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
            SignableBody::Bytes(&self.body),
        )
        .expect("calls are made of valid parts");
        let (instructions, _) = sign(signable, &params)
            .expect("calls are made of valid parts")
            .into_parts();
        let mut target = self.target.clone();
        for (name, value) in instructions.params() {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.push_str(name);
            target.push('=');
            target.extend(form_urlencoded::byte_serialize(value.as_bytes()));
        }
        for (name, value) in instructions.headers() {
            headers.push((name.to_owned(), value.to_owned()));
        }
        Signed {
            method: self.method.to_owned(),
            target,
            headers,
            body: self.body.clone(),
        }
    }
}

impl Signed {
    /// The head without its last line, so that fields can be added to it
    pub(crate) fn head(&self) -> String {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            text.push_str(name);
            text.push_str(": ");
            text.push_str(value);
            text.push_str("\r\n");
        }
        text
    }

    pub(crate) fn to_http1(&self) -> Vec<u8> {
        let mut bytes = self.head().into_bytes();
        bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", self.body.len()).as_bytes());
        bytes.extend_from_slice(&self.body);
        bytes
    }

    pub(crate) fn header_mut(&mut self, name: &str) -> Option<&mut String> {
        let header = self.headers.iter_mut().find(|(found, _)| found == name);
        header.map(|(_, value)| value)
    }
}
