//! The environment for clients, over HTTP

use std::{path::PathBuf, sync::Arc};

use axum::extract::State;
use http::{HeaderMap, StatusCode, Uri, header, uri::Authority};

use super::{
    ControlError,
    answer::{Answer, bytes_answer},
    client_environment::{Client, ClientEnvironment, Format, View},
    query::QueryText,
};
use crate::runtime::{Shared, addresses::is_loopback};

/// The variables that make a client call this emulator, the secret access key among them
///
/// If `Host` is not a loopback name and the emulator listens on every address, the variables name that host for the AWS
/// API too.
#[utoipa::path(
    get, path = "/env", tag = "emulator",
    params(
        ("client" = Option<Client>, Query, description = "whose variables; every client's unless it is given"),
        ("format" = Option<Format>, Query, description = "the language that they are written in; json unless it is given"),
        ("certs_directory" = Option<String>, Query, description = "where the client sees the files of the CA"),
        ("endpoint_url" = Option<String>, Query, description = "where the client calls the AWS API"),
    ),
    responses(
        (status = 200, content((Object = "application/json"), (String = "text/plain"))),
        (status = 409, description = "`NoCertificateFiles`: the client sees no files of the CA (it is in memory, or in the \
            container), and `certs_directory` is not given"),
    )
)]
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    QueryText(query): QueryText,
    headers: HeaderMap,
) -> Answer {
    let query = query.unwrap_or_default();
    let mut client = Client::All;
    let mut format = Format::Json;
    let mut view = View::default();
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
            "certs_directory" if is_whole_path(&value) => view.certs = Some(PathBuf::from(&*value)),
            "certs_directory" => {
                return Err(invalid(&format!(
                    "certs_directory: `{value}` is not an absolute path, and only the client knows where a relative one \
                     begins"
                )));
            }
            "endpoint_url" => {
                let url = endpoint_url(&value).ok_or_else(|| {
                    invalid(&format!(
                        "endpoint_url: `{value}` is not the URL of an endpoint, such as `https://localhost:8443`"
                    ))
                })?;
                view.endpoint_url = Some(url);
            }
            _ => {
                return Err(invalid(&format!(
                    "`{name}` is not a parameter of `/env`; there are `client`, `format`, `certs_directory` and \
                     `endpoint_url`"
                )));
            }
        }
    }
    // The host and port that this request was sent to lead here again, whatever ports a container's host publishes.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host: Option<Authority> = host.and_then(|host| host.parse().ok());
    let mut is_outside = false;
    if let Some(host) = &host {
        view.control_url = Some(format!("http://{host}"));
        let addresses = &shared.addresses;
        view.endpoint_url
            .get_or_insert_with(|| addresses.endpoint_url_beside(host));
        is_outside = addresses.published.is_some() && is_loopback(host.host()) && view.certs.is_none();
    }
    let environment = ClientEnvironment::of(&shared, view);
    if is_outside || !environment.has_trust() {
        let whereabouts = if is_outside {
            "in the container"
        } else {
            "in memory"
        };
        return Err(ControlError::new(
            StatusCode::CONFLICT,
            "NoCertificateFiles",
            format!(
                "the certificate authority is {whereabouts}: store `/ca.pem`, `/ca-bundle.pem` and `/truststore.p12` in a \
                 folder and name it in `certs_directory`"
            ),
        ));
    }
    let content_type = match format {
        Format::Json => "application/json",
        _ => "text/plain; charset=utf-8",
    };
    bytes_answer(content_type, environment.render(client, format))
}

/// Whether a path is absolute on the client's system, whichever that is
fn is_whole_path(text: &str) -> bool {
    let is_of_windows =
        matches!(text.as_bytes(), [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic());
    text.starts_with('/') || is_of_windows
}

/// A URL of the AWS API in its one form; `None` if it is not `https://` and an authority alone
fn endpoint_url(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let is_bare = uri.path_and_query().is_none_or(|target| target == "/");
    let authority = uri
        .authority()
        .filter(|authority| !authority.as_str().contains('@'));
    let authority = authority.filter(|_| is_bare && uri.scheme_str() == Some("https"))?;
    Some(format!("https://{authority}"))
}
