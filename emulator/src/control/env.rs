//! The environment for clients, over HTTP

use std::{path::PathBuf, sync::Arc};

use axum::extract::{RawQuery, State};
use http::StatusCode;

use super::{
    ControlError,
    answer::{Answer, bytes_answer},
    client_environment::{Client, ClientEnvironment, Format},
};
use crate::runtime::Shared;

/// The variables that make a client call this emulator, the secret access key among them
#[utoipa::path(
    get, path = "/env", tag = "emulator",
    params(
        ("client" = Option<Client>, Query, description = "whose variables; every client's unless it is given"),
        ("format" = Option<Format>, Query, description = "the language that they are written in; json unless it is given"),
        ("certs_directory" = Option<String>, Query, description = "where the client sees the files of the CA"),
    ),
    responses(
        (status = 200, content((Object = "application/json"), (String = "text/plain"))),
        (status = 409, description = "`NoCertificateFiles`: the CA is in memory, and `certs_directory` is not given"),
    )
)]
pub(super) async fn show(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Answer {
    let query = query.unwrap_or_default();
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
    let environment = ClientEnvironment::of(&shared, certs.as_deref());
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
