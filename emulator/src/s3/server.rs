//! An S3-compatible server, asked over a new connection for each object, because datasets are created rarely.

use std::sync::Arc;

use aws_identifiers::Region;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use lookoutvision::api::values::{InputS3Object, OutputS3Object};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::either::Either;

use super::{
    ReadLimit, S3Error, S3Server,
    sign::{Unsigned, encode, headers},
};

pub(super) async fn get(
    server: &S3Server,
    region: &Region,
    object: &InputS3Object,
    limit: ReadLimit,
) -> Result<Vec<u8>, S3Error> {
    let query = object
        .version_id
        .as_ref()
        .map_or(String::new(), |id| format!("versionId={}", encode(id, false)));
    let path = path(&object.bucket, &object.key);
    let (status, body) = exchange(server, region, "GET", &path, &query, Vec::new(), limit.bytes_max).await?;
    match (status.is_success(), body) {
        (true, Some(body)) => Ok(body.into()),
        (true, None) => Err(S3Error::TooLarge(limit)),
        (false, body) => Err(refused(status, body.as_deref())),
    }
}

pub(super) async fn put(
    server: &S3Server,
    region: &Region,
    object: &OutputS3Object,
    content: Vec<u8>,
) -> Result<(), S3Error> {
    let path = path(&object.bucket, &object.key);
    let (status, body) = exchange(server, region, "PUT", &path, "", content, ERROR_BYTES_MAX).await?;
    if status.is_success() {
        Ok(())
    } else {
        Err(refused(status, body.as_deref()))
    }
}

fn path(bucket: &str, key: &str) -> String {
    format!("/{}/{}", encode(bucket, false), encode(key, true))
}

/// One request and its answer; a body of more than `bytes_max` bytes is `None`
async fn exchange(
    server: &S3Server,
    region: &Region,
    method: &str,
    path: &str,
    query: &str,
    body: Vec<u8>,
    bytes_max: usize,
) -> Result<(StatusCode, Option<Bytes>), S3Error> {
    let endpoint = &server.endpoint;
    let unreachable = |error: &dyn std::fmt::Display| S3Error::Unreachable(error.to_string());
    let unsigned = Unsigned {
        method,
        authority: &endpoint.authority,
        path,
        query,
        body: &body,
    };
    let region = server.region.as_ref().unwrap_or(region).as_str();
    // The server lives on the machine's own clock.
    let fields = headers(&unsigned, server.credentials.as_ref(), region, Timestamp::now());
    let target = if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };
    let mut request = Request::builder()
        .method(method)
        .uri(target)
        .header(header::HOST, &endpoint.authority);
    for (name, value) in fields {
        request = request.header(name, value);
    }
    let request = request
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| unreachable(&error))?;

    let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port))
        .await
        .map_err(|error| unreachable(&error))?;
    let transport = if endpoint.is_tls {
        let config = client_config(server).map_err(|error| unreachable(&error))?;
        let name = ServerName::try_from(endpoint.host.clone()).map_err(|error| unreachable(&error))?;
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .map_err(|error| unreachable(&error))?;
        Either::Left(stream)
    } else {
        Either::Right(stream)
    };
    // The caller bounds the time of the whole exchange.
    send(transport, request, bytes_max).await
}

async fn send(
    stream: Either<TlsStream<TcpStream>, TcpStream>,
    request: Request<Full<Bytes>>,
    bytes_max: usize,
) -> Result<(StatusCode, Option<Bytes>), S3Error> {
    let unreachable = |error: hyper::Error| S3Error::Unreachable(error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(unreachable)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(unreachable)?;
        let status = response.status();
        let bytes_max = if status.is_success() {
            bytes_max
        } else {
            ERROR_BYTES_MAX
        };
        match Limited::new(response.into_body(), bytes_max).collect().await {
            Ok(body) => Ok((status, Some(body.to_bytes()))),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => Ok((status, None)),
            Err(error) => Err(S3Error::Unreachable(error.to_string())),
        }
    };
    // The connection does the work while the exchange waits for it; whatever ends it ends the exchange as well.
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        outcome = &mut exchange => outcome,
        ended = connection => match ended {
            Ok(()) => exchange.await,
            Err(error) => Err(unreachable(error)),
        },
    }
}

/// Trusts what the system trusts, and the configured certificates
fn client_config(server: &S3Server) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.add_parsable_certificates(server.ca.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn refused(status: StatusCode, body: Option<&[u8]>) -> S3Error {
    let text = String::from_utf8_lossy(body.unwrap_or_default());
    let code = text
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"))
        .map(|(code, _)| code)
        .filter(|code| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    S3Error::Refused {
        status: status.as_u16(),
        code: code.map_or(String::new(), |code| format!(" {code}")),
    }
}

/// Bytes of an error's body that are looked at
const ERROR_BYTES_MAX: usize = 16 * 1024;
