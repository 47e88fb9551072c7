//! A request as it came off the wire, with everything that later steps ask about it.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Instant,
};

use http::{HeaderMap, HeaderValue, Method, header, request::Parts};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    entry_point::Arrival,
    host_name::{EmulatedHost, HostName},
    text::cut,
};

/// What is known of the connection that a request came over
#[derive(Debug)]
pub(crate) struct Connection {
    /// The emulator's own address: plays a network interface of an endpoint
    pub(crate) local: SocketAddr,
    /// The client's address
    pub(crate) peer: SocketAddr,
    /// What the handshake settled
    pub(crate) tls: TlsSession,
    /// The host of its first request; nearly always that of all the others
    first_host: OnceLock<Arc<AddressedHost>>,
}

/// The host that a client addressed, and what it says
#[derive(Debug)]
pub(crate) struct AddressedHost {
    /// As the client wrote it, cut if it is far too long for a name
    pub(crate) text: Box<str>,
    /// What it says about the entry point
    pub(crate) emulated: EmulatedHost,
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

/// A request's head, as received
#[derive(Debug)]
pub(crate) struct ReceivedRequest {
    /// `x-amzn-RequestId` of the answer
    pub(crate) request_id: Uuid,
    /// The emulator's time when the head was complete
    pub(crate) received_at: Timestamp,
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
    /// The connection
    pub(crate) connection: Arc<Connection>,
}

impl Connection {
    /// A connection that no request came over yet
    pub(crate) fn new(local: SocketAddr, peer: SocketAddr, tls: TlsSession) -> Self {
        Self {
            local,
            peer,
            tls,
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

impl AddressedHost {
    pub(crate) fn new(text: &str) -> Self {
        // A host that is no host name is a matter of the signature, which covers it; it leads to no endpoint of its
        // own.
        let emulated = text
            .parse::<HostName>()
            .map_or(EmulatedHost::Other, |name| name.emulated());
        Self {
            text: cut(text, HOST_CHARACTERS_KEPT).into(),
            emulated,
        }
    }
}

impl ReceivedRequest {
    /// Takes over a request's head
    pub(crate) fn new(head: Parts, connection: Arc<Connection>, received_at: Timestamp) -> Self {
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
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        Self {
            request_id: random_request_id(),
            received_at,
            started: Instant::now(),
            method: head.method,
            target: target.into(),
            headers,
            host,
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

    /// A header field's first value, when it is text
    pub(crate) fn header(&self, name: &header::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// What is kept of a host for the journal: names have 253 characters at most, and every entry of a connection holds it
const HOST_CHARACTERS_KEPT: usize = 1_024;

// Request ids tell requests apart and guard nothing, so a fast generator serves.
fn random_request_id() -> Uuid {
    uuid::Builder::from_random_bytes(fastrand::u128(..).to_le_bytes()).into_uuid()
}
