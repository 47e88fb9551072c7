//! A request as it came off the wire, with everything that later steps ask about it.

pub(crate) mod body;
pub(crate) mod trace_parent;

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Instant,
};

use client_text::cut;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header, request::Parts};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{clock::Reading, network::entry_point::Arrival, request::body::Client, settings::Limits};

use crate::network::addressed_host::{AddressedHost, NameSource};

/// What is known of the connection that a request came over
#[derive(Debug)]
pub(crate) struct Connection {
    /// The emulator's own address, which plays a network interface of an endpoint
    pub(crate) local: SocketAddr,
    /// The client's address
    pub(crate) peer: SocketAddr,
    /// What the handshake settled
    pub(crate) tls: TlsSession,
    /// The client that the room of its bodies is counted for
    pub(crate) client: Client,
    /// The host of its first request; nearly always that of all the others
    first_host: OnceLock<Arc<AddressedHost>>,
}

/// What a TLS handshake settled
#[derive(Debug, Clone)]
pub(crate) struct TlsSession {
    /// `TLSv1.3` or `TLSv1.2`
    pub(crate) version: &'static str,
    /// The server name that the client asked for
    pub(crate) sni: Option<Box<str>>,
    /// The protocol chosen by ALPN
    pub(crate) alpn: Option<Box<str>>,
}

/// A head that is not a request's, or is larger than it may be
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeadError {
    /// More than `header_bytes_max` or `headers_max`
    #[error(
        "the request's head is larger than header_bytes_max ({header_bytes_max} bytes) or has more than headers_max \
         ({headers_max}) fields"
    )]
    TooLarge {
        /// The limit of the bytes
        header_bytes_max: usize,
        /// The limit of the fields
        headers_max: usize,
    },
    /// Longer than hyper takes, which is possible only where `header_bytes_max` was raised
    #[error("the request's target is longer than {TARGET_BYTES_MAX} bytes")]
    TargetTooLong,
    /// Another transfer coding than `chunked`, or more than one
    #[error(
        "the transfer coding `{}` is not implemented: a body comes as it is, or `chunked` once",
        cut(.0, TRANSFER_CODING_CHARACTERS_KEPT)
    )]
    TransferCoding(String),
    /// Not HTTP; what hyper found
    #[error("the request's head is malformed: {0}")]
    Malformed(String),
}

/// hyper's `MAX_URI_LEN`, the most that the `http` crate holds
const TARGET_BYTES_MAX: usize = u16::MAX as usize - 1;

/// A request's head, as received
#[derive(Debug)]
pub(crate) struct ReceivedRequest {
    /// `x-amzn-RequestId` of the answer
    pub(crate) request_id: Uuid,
    /// The emulator's time when the head was complete
    pub(crate) received_at: Timestamp,
    /// How often the emulator's clock had been set back by then
    pub(crate) clock_lap: u32,
    /// The same moment, for durations
    pub(crate) started: Instant,
    /// The method
    pub(crate) method: Method,
    /// The request target as the client wrote it, never decoded: the signature covers these bytes
    pub(crate) target: Arc<str>,
    /// The header fields, `host` among them also where HTTP/2 carried it as `:authority`
    pub(crate) headers: HeaderMap,
    /// The Host header, or the server name of the handshake where there is none
    pub(crate) host: Arc<AddressedHost>,
    /// Names that differ from the host in more than a port; nearly always none
    pub(crate) other_names: Vec<(NameSource, AddressedHost)>,
    /// The connection
    pub(crate) connection: Arc<Connection>,
}

impl Connection {
    /// A connection that no request came over yet
    pub(crate) fn new(local: SocketAddr, peer: SocketAddr, tls: TlsSession, client: Client) -> Self {
        Self {
            local,
            peer,
            tls,
            client,
            first_host: OnceLock::new(),
        }
    }

    fn host(&self, text: &str) -> Arc<AddressedHost> {
        let first = self.first_host.get_or_init(|| Arc::new(AddressedHost::new(text)));
        if &*first.text == text {
            first.clone()
        } else {
            Arc::new(AddressedHost::new(text))
        }
    }
}

impl HeadError {
    /// Why hyper answered a head with this status by itself; `found` is what it says about it
    pub(crate) fn of_hyper(status: StatusCode, found: &impl fmt::Display, limits: &Limits) -> Self {
        match status {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Self::too_large(limits),
            StatusCode::URI_TOO_LONG => Self::TargetTooLong,
            _ => Self::Malformed(found.to_string()),
        }
    }

    /// The limits of which one was reached
    pub(crate) fn limits(&self) -> &'static [&'static str] {
        match self {
            Self::TooLarge { .. } => &["header_bytes_max", "headers_max"],
            Self::TargetTooLong | Self::TransferCoding(_) | Self::Malformed(_) => &[],
        }
    }

    /// Looks at what hyper does not look at
    ///
    /// # Errors
    /// When the head is larger than the limits, or its body is coded in a way that nobody here decodes.
    pub(crate) fn check(head: &Parts, limits: &Limits) -> Result<(), Self> {
        match head.version {
            Version::HTTP_2 => Self::check_http2(head, limits),
            // Here hyper keeps the limits exactly.
            _ => Self::check_transfer_coding(&head.headers),
        }
    }

    /// Looks at how the body comes
    ///
    /// hyper asks for `chunked` at the end and takes whatever stands before it. RFC 9112, section 6.1: `chunked` is
    /// applied once, and a coding that the server does not understand is answered 501.
    ///
    /// # Errors
    /// When it comes in any coding but `chunked`.
    pub(crate) fn check_transfer_coding(headers: &HeaderMap) -> Result<(), Self> {
        let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
        let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
        match (codings.next(), codings.next()) {
            (None, _) => Ok(()),
            (Some(coding), None) if is_chunked(coding) => Ok(()),
            _ => {
                let codings = headers.get_all(header::TRANSFER_ENCODING).iter();
                let codings: Vec<_> = codings
                    .map(|coding| String::from_utf8_lossy(coding.as_bytes()))
                    .collect();
                Err(Self::TransferCoding(codings.join(", ")))
            }
        }
    }

    /// Looks at a head that came over HTTP/2, whose size hyper bounds only roughly
    ///
    /// # Errors
    /// When it is larger than the limits. RFC 9113, section 6.5.2, says how its size is counted.
    fn check_http2(head: &Parts, limits: &Limits) -> Result<(), Self> {
        let uri = &head.uri;
        let pseudo_fields = [
            (":method", head.method.as_str().len()),
            (":scheme", uri.scheme_str().map_or(0, str::len)),
            (
                ":authority",
                uri.authority().map_or(0, |authority| authority.as_str().len()),
            ),
            (
                ":path",
                uri.path_and_query().map_or(0, |target| target.as_str().len()),
            ),
        ];
        let fields = head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.len()));
        let bytes: usize = pseudo_fields
            .into_iter()
            .chain(fields)
            .map(|(name, value_bytes)| name.len() + value_bytes + HTTP2_FIELD_OVERHEAD_BYTES)
            .sum();
        if bytes > limits.header_bytes_max || head.headers.len() > limits.headers_max {
            return Err(Self::too_large(limits));
        }
        Ok(())
    }

    fn too_large(limits: &Limits) -> Self {
        Self::TooLarge {
            header_bytes_max: limits.header_bytes_max,
            headers_max: limits.headers_max,
        }
    }
}

/// Longer than any list of codings that means something
const TRANSFER_CODING_CHARACTERS_KEPT: usize = 64;

/// RFC 9113, section 6.5.2
const HTTP2_FIELD_OVERHEAD_BYTES: usize = 32;

impl ReceivedRequest {
    /// Takes over a request's head
    pub(crate) fn new(head: Parts, connection: Arc<Connection>, received: Reading) -> Self {
        let mut headers = head.headers;
        // HTTP/2 has no Host header; hyper gives us :authority. SigV4 signs `host`, so we put it back here.
        if !headers.contains_key(header::HOST)
            && let Some(authority) = head.uri.authority()
            && let Ok(value) = HeaderValue::from_str(authority.as_str())
        {
            headers.insert(header::HOST, value);
        }
        let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
        let host = connection.host(host.or(connection.tls.sni.as_deref()).unwrap_or_default());
        let server_name = connection.tls.sni.as_deref();
        let authority = head.uri.authority().map(http::uri::Authority::as_str);
        // A value that is not text is not a host name either.
        let second_hosts = headers.get_all(header::HOST).into_iter().skip(1);
        let second_hosts =
            second_hosts.map(|value| (NameSource::SecondHost, value.to_str().unwrap_or_default()));
        let other_names = server_name
            .map(|name| (NameSource::ServerName, name))
            .into_iter()
            .chain(authority.map(|name| (NameSource::Target, name)))
            .chain(second_hosts)
            .filter(|(_, name)| !host.is_named(name))
            .map(|(source, name)| (source, AddressedHost::new(name)))
            .collect();
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        Self {
            request_id: random_request_id(),
            received_at: received.time,
            clock_lap: received.lap,
            started: Instant::now(),
            method: head.method,
            target: target.into(),
            headers,
            host,
            other_names,
            connection,
        }
    }

    /// The name and the address that it was sent to
    pub(crate) fn arrival(&self) -> Arrival<'_> {
        Arrival {
            host: &self.host,
            local: self.connection.local.ip(),
        }
    }

    /// What is known of a request whose head could not be read
    ///
    /// `head` is what is left of it: nothing, where the fault was found after the head had been taken apart.
    pub(crate) fn unreadable(head: &[u8], connection: Arc<Connection>, received: Reading) -> Self {
        let line = head.split(|byte| matches!(byte, b'\r' | b'\n')).next();
        let mut words = line.unwrap_or_default().split(|byte| *byte == b' ');
        let method = words.next().and_then(|word| Method::from_bytes(word).ok());
        let target = words.next().filter(|word| !word.is_empty()).map(printable);
        Self {
            request_id: random_request_id(),
            received_at: received.time,
            clock_lap: received.lap,
            started: Instant::now(),
            method: method.unwrap_or_else(|| {
                Method::from_bytes(UNKNOWN.as_bytes()).expect("a hyphen is a token (RFC 9110, section 5.6.2)")
            }),
            target: target.unwrap_or_else(|| UNKNOWN.to_owned()).into(),
            headers: HeaderMap::new(),
            host: connection.host(connection.tls.sni.as_deref().unwrap_or_default()),
            other_names: Vec::new(),
            connection,
        }
    }

    /// A header field's first value, when it is text
    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A target that may be anything, as a text
fn printable(bytes: &[u8]) -> String {
    let shown = |byte: &u8| {
        if byte.is_ascii_graphic() {
            char::from(*byte)
        } else {
            '?'
        }
    };
    let text: String = bytes.iter().map(shown).collect();
    cut(&text, UNREADABLE_TARGET_CHARACTERS_KEPT).into_owned()
}

/// Stands in the journal for what is not known of a request, as in the Common Log Format
const UNKNOWN: &str = "-";
/// Longer than any target of the API
const UNREADABLE_TARGET_CHARACTERS_KEPT: usize = 1_024;

// Request ids tell requests apart and guard nothing, so a fast generator serves.
fn random_request_id() -> Uuid {
    uuid::Builder::from_random_bytes(fastrand::u128(..).to_le_bytes()).into_uuid()
}
