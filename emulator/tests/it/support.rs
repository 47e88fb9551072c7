//! A client that can send anything: requests signed by AWS's own signer, and bytes that are no request at all.

use std::{net::SocketAddr, sync::Arc, time::SystemTime};

use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use bytes::Bytes;
use http_body_util::Full;
use lookoutvision_emulator::{Emulator, JournalEntry};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

pub(crate) const JPEG: &[u8] = include_bytes!("../fixtures/images/normal-1.jpg");
pub(crate) const PNG: &[u8] = include_bytes!("../fixtures/images/normal-2.png");

/// The policy of the service's own guide: one model of one project
pub(crate) const ONE_MODEL: &str = r#"{"Statement":[{"Principal":"*","Effect":"Allow","Action":["lookoutvision:DetectAnomalies"],"Resource":"arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/myModel"}]}"#;

/// An emulator with nothing but its defaults
pub(crate) async fn emulator() -> Emulator {
    Emulator::builder()
        .start()
        .await
        .expect("the defaults are a valid configuration")
}

/// Model 1 answers after 300 ms: long enough to be stopped while a request is in flight
pub(crate) const ANSWERS_LATE: &str = r#"
projects:
  - name: myProject
    models:
      - version: "1"
        status: HOSTED
        detect_anomalies: [{then: {is_anomalous: false, confidence: 0.9, delay_milliseconds: 300}}]
"#;

/// An emulator with a configuration
pub(crate) async fn emulator_with(yaml: &str) -> Emulator {
    Emulator::builder()
        .config_yaml(yaml)
        .start()
        .await
        .expect("the test's configuration is valid")
}

/// A request to be signed and sent
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) host: String,
    pub(crate) region: String,
    /// The service that it is signed for
    pub(crate) service: &'static str,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: Option<String>,
    pub(crate) content_type: Option<&'static str>,
    /// Signed like the others
    pub(crate) extra_headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) time: SystemTime,
    /// The server name of the handshake, an address for none; by default the host
    pub(crate) server_name: Option<String>,
    /// Where to connect; by default where the emulator listens
    pub(crate) address: Option<SocketAddr>,
}

/// What came back
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    /// DetectAnomalies of a model of `myProject` with a JPEG, as the default principal, in us-west-2
    pub(crate) fn detect(model: &str) -> Self {
        Self::post(
            &format!("/2020-11-20/projects/myProject/models/{model}/detect"),
            "image/jpeg",
            JPEG,
        )
    }

    pub(crate) fn post(target: &str, content_type: &'static str, body: &[u8]) -> Self {
        Self {
            method: "POST",
            target: target.to_owned(),
            host: "localhost".to_owned(),
            region: "us-west-2".to_owned(),
            service: "lookoutvision",
            access_key_id: "test".to_owned(),
            secret_access_key: "test".to_owned(),
            session_token: None,
            content_type: Some(content_type),
            extra_headers: Vec::new(),
            body: body.to_vec(),
            time: SystemTime::now(),
            server_name: None,
            address: None,
        }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self {
            method: "GET",
            content_type: None,
            body: Vec::new(),
            ..Self::post(target, "", &[])
        }
    }

    /// A call of EC2 or STS: the action and its parameters, as the default principal, in us-west-2
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
            host: format!("{service}.us-west-2.amazonaws.com"),
            ..Self::post(
                "/",
                "application/x-www-form-urlencoded; charset=utf-8",
                body.as_bytes(),
            )
        }
    }

    pub(crate) fn session_token(mut self, session_token: &str) -> Self {
        self.session_token = Some(session_token.to_owned());
        self
    }

    pub(crate) fn server_name(mut self, server_name: &str) -> Self {
        self.server_name = Some(server_name.to_owned());
        self
    }

    pub(crate) fn host(mut self, host: &str) -> Self {
        self.host = host.to_owned();
        self
    }

    pub(crate) fn region(mut self, region: &str) -> Self {
        self.region = region.to_owned();
        self
    }

    pub(crate) fn credentials(mut self, access_key_id: &str, secret_access_key: &str) -> Self {
        self.access_key_id = access_key_id.to_owned();
        self.secret_access_key = secret_access_key.to_owned();
        self
    }

    pub(crate) fn body(mut self, content_type: &'static str, body: &[u8]) -> Self {
        self.content_type = Some(content_type);
        self.body = body.to_vec();
        self
    }

    /// The header fields with the signature among them, all but the length
    fn signed_headers(&self) -> Vec<(String, String)> {
        let identity = aws_credential_types::Credentials::new(
            &self.access_key_id,
            &self.secret_access_key,
            self.session_token.clone(),
            None,
            "test",
        )
        .into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service)
            .time(self.time)
            .settings(SigningSettings::default())
            .build()
            .expect("all parameters are given")
            .into();
        let mut headers = vec![("host".to_owned(), self.host.clone())];
        if let Some(content_type) = self.content_type {
            headers.push(("content-type".to_owned(), content_type.to_owned()));
        }
        headers.extend(self.extra_headers.iter().cloned());
        let url = format!("https://{}{}", self.host, self.target);
        let signable = SignableRequest::new(
            self.method,
            url,
            headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
            SignableBody::Bytes(&self.body),
        )
        .expect("the test's request can be signed");
        let (instructions, _) = sign(signable, &params)
            .expect("the test's request can be signed")
            .into_parts();
        for (name, value) in instructions.headers() {
            headers.push((name.to_owned(), value.to_owned()));
        }
        headers
    }

    /// Head and body as they go over the wire
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in self.signed_headers() {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("content-length: {}\r\n\r\n", self.body.len());
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// As HTTP/2 carries it: the host is the target's authority
    pub(crate) fn to_http2(&self) -> http::Request<Full<Bytes>> {
        let mut request = http::Request::builder()
            .method(self.method)
            .uri(format!("https://{}{}", self.host, self.target));
        for (name, value) in self.signed_headers() {
            if name != "host" {
                request = request.header(name, value);
            }
        }
        request
            .body(Full::from(self.body.clone()))
            .expect("the test's request is a request")
    }

    pub(crate) async fn send(&self, emulator: &Emulator) -> Answer {
        let address = self.address.unwrap_or(emulator.address());
        let answer = self.send_to(emulator.ca_pem(), address).await;
        answer.expect("the emulator has a certificate for the host, reads the request and answers")
    }

    /// Sends it to an emulator that may be gone
    pub(crate) async fn send_to(&self, ca_pem: &str, address: SocketAddr) -> std::io::Result<Answer> {
        let host = self.host.split(':').next().expect("a split has a first part");
        let name = self.server_name.as_deref().unwrap_or(host);
        let mut stream = connect_trusting(ca_pem, address, name, &[]).await?;
        stream.write_all(&self.to_bytes()).await?;
        // The TLS session may still hold the end of a large body.
        stream.flush().await?;
        read_answer(&mut stream).await
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the answer is text")
    }

    /// The text of the first element of this name
    pub(crate) fn xml(&self, name: &str) -> Option<String> {
        self.xml_all(name).into_iter().next()
    }

    /// The texts of all elements of this name that have no elements in them
    pub(crate) fn xml_all(&self, name: &str) -> Vec<String> {
        let text = self.text();
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        text.match_indices(&open)
            .filter_map(|(position, _)| {
                let rest = &text[position + open.len()..];
                let content = &rest[..rest.find(&close)?];
                (!content.contains('<')).then(|| {
                    content
                        .replace("&lt;", "<")
                        .replace("&gt;", ">")
                        .replace("&quot;", "\"")
                        .replace("&amp;", "&")
                })
            })
            .collect()
    }

    /// Status and code of EC2 or STS; the sentence comes back
    #[track_caller]
    pub(crate) fn check_xml(&self, status: u16, code: &str) -> String {
        assert_eq!(
            (self.status, self.xml("Code").as_deref()),
            (status, Some(code)),
            "{}",
            self.text()
        );
        assert_eq!(self.header("x-amzn-errortype"), None);
        assert!(
            self.header("content-type")
                .is_some_and(|kind| kind.starts_with("text/xml")),
            "{self:?}"
        );
        self.xml("Message").expect("a refusal has a sentence")
    }

    /// `Message` of the service's errors, `message` of the front end's
    pub(crate) fn message(&self) -> String {
        let json = self.json();
        let message = json
            .get("Message")
            .or(json.get("message"))
            .and_then(Value::as_str);
        message.unwrap_or_else(|| panic!("no message: {json}")).to_owned()
    }

    #[track_caller]
    pub(crate) fn check_ok(&self) {
        assert_eq!(self.status, 200, "{}", self.text());
    }

    #[track_caller]
    pub(crate) fn check(&self, status: u16, error_type: &str) -> String {
        assert_eq!(
            (self.status, self.header("x-amzn-errortype")),
            (status, Some(error_type)),
            "{self:?}"
        );
        self.message()
    }
}

/// A TLS connection whose certificate was verified against the emulator's CA and this name
pub(crate) async fn connect(
    emulator: &Emulator,
    address: SocketAddr,
    name: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    connect_trusting(emulator.ca_pem(), address, name, &[]).await
}

/// A TLS connection on which both sides have agreed to speak HTTP/2
pub(crate) async fn connect_http2(emulator: &Emulator, server_name: &str) -> TlsStream<TcpStream> {
    let stream = connect_trusting(emulator.ca_pem(), emulator.address(), server_name, &[b"h2"]).await;
    let stream = stream.expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    stream
}

/// A TLS connection whose certificate was verified against this CA and this name
pub(crate) async fn connect_trusting(
    ca_pem: &str,
    address: SocketAddr,
    name: &str,
    protocols: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).expect("the CA is PEM"))
        .expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has both versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(name.to_owned()).expect("a server name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Reads one answer whose length its head tells, or that ends with the connection
pub(crate) async fn read_answer(stream: &mut (impl AsyncReadExt + Unpin)) -> std::io::Result<Answer> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(position) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break position + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::Error::new(
                std::io::ErrorKind::UnexpectedEof,
                "closed without an answer",
            ));
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).expect("a head is text");
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .and_then(|(_, value)| value.parse().ok());
    let is_chunked = headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let mut body = bytes.split_off(head_end);
    let length = if status == Some(204) {
        0
    } else {
        length.unwrap_or(usize::MAX)
    };
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            break;
        }
    }
    Ok(Answer {
        status: status.expect("a status line"),
        headers,
        body: if is_chunked { unchunked(&body) } else { body },
    })
}

/// The bytes of a body that came in chunks, the last of which must be there (RFC 9112, section 7.1)
fn unchunked(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line_end = chunks.windows(2).position(|window| window == b"\r\n");
        let line_end = line_end.expect("a chunk begins with its length");
        let length = std::str::from_utf8(&chunks[..line_end]).expect("a length is text");
        let length = usize::from_str_radix(length, 16).expect("a length is a number");
        let chunk = &chunks[line_end + 2..];
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&chunk[..length]);
        chunks = &chunk[length + 2..];
    }
}

/// One exchange with the control API
pub(crate) async fn control(emulator: &Emulator, method: &str, target: &str, body: &str) -> Answer {
    control_at(&emulator.control_url(), method, target, body).await
}

/// A connection to the control API
pub(crate) async fn control_stream(emulator: &Emulator) -> TcpStream {
    let url = emulator.control_url();
    let host = url.strip_prefix("http://").expect("plain HTTP");
    TcpStream::connect(host).await.expect("the control API listens")
}

/// A GET of the control API in which the client says what it takes
pub(crate) async fn control_accepting(emulator: &Emulator, target: &str, accept: &str) -> Answer {
    let mut stream = control_stream(emulator).await;
    let request =
        format!("GET {target} HTTP/1.1\r\nhost: localhost\r\naccept: {accept}\r\nconnection: close\r\n\r\n");
    let written = stream.write_all(request.as_bytes()).await;
    written.expect("the control API reads");
    read_answer(&mut stream).await.expect("the control API answers")
}

/// One exchange with the control API at an address
pub(crate) async fn control_at(url: &str, method: &str, target: &str, body: &str) -> Answer {
    let host = url.strip_prefix("http://").expect("plain HTTP");
    let mut stream = TcpStream::connect(host).await.expect("the control API listens");
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream
        .write_all(request.as_bytes())
        .await
        .expect("the control API reads");
    read_answer(&mut stream).await.expect("the control API answers")
}

/// The journal as the control API shows it, newest last
pub(crate) async fn journal_of(emulator: &Emulator) -> Vec<Value> {
    let entries = emulator.requests().await;
    entries.iter().map(JournalEntry::to_json).collect()
}
