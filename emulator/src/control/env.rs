//! The environment for clients, over HTTP

use std::path::PathBuf;

use http::StatusCode;

use super::{
    Answer, ControlError, bytes_answer,
    environment::{Client, ClientEnvironment, Format},
};
use crate::state::Shared;

pub(super) fn show(shared: &Shared, query: &str) -> Answer {
    let mut client = Client::All;
    let mut format = Format::Json;
    let mut certs = None;
    let invalid =
        |error: &dyn std::fmt::Display| ControlError::bad_request("InvalidParameter", error.to_string());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "client" => {
                client = value
                    .parse()
                    .map_err(|error| invalid(&format!("client: {error}")))?;
            }
            "format" => {
                format = value
                    .parse()
                    .map_err(|error| invalid(&format!("format: {error}")))?;
            }
            "certs_directory" => certs = Some(PathBuf::from(&*value)),
            _ => {
                return Err(invalid(&format!(
                    "`{name}` is not a parameter of `/env`; there are `client`, `format` and `certs_directory`"
                )));
            }
        }
    }
    let environment = ClientEnvironment::of(shared, certs.as_deref());
    if !environment.has_trust() {
        return Err(ControlError::new(
            StatusCode::CONFLICT,
            "NoCertificateFiles",
            "the certificate authority is in memory: store `/ca.pem`, `/ca-bundle.pem` and `/truststore.p12` in a folder \
             and name it in `certs_directory`",
        ));
    }
    let content_type = match format {
        Format::Json => "application/json",
        _ => "text/plain; charset=utf-8",
    };
    bytes_answer(content_type, environment.render(client, format))
}
