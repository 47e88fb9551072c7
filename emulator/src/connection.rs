//! One connection: handshake, then requests until it is closed.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::Watcher,
};
use rustls::{ProtocolVersion, ServerConfig, server::Acceptor};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};
use tracing::{debug, info};

use crate::{
    config::Limits,
    control, pipeline,
    request::{Connection, TlsSession},
    state::Shared,
    tls::UNRECOGNIZED_NAME_ALERT,
};

/// Speaks with whoever connected
pub(crate) trait Connector: Send + Sync + 'static {
    /// Serves one connection to its end
    fn connect(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        watcher: Watcher,
    ) -> impl Future<Output = ()> + Send + 'static;

    /// The limits that the listener keeps
    fn limits(&self) -> Limits;
}

/// The AWS API over TLS
pub(crate) struct AwsApi {
    pub(crate) shared: Arc<Shared>,
    pub(crate) tls: Arc<ServerConfig>,
}

/// The control API over plain HTTP
pub(crate) struct ControlApi {
    pub(crate) shared: Arc<Shared>,
}

impl Connector for AwsApi {
    async fn connect(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, watcher: Watcher) {
        let limits = self.limits();
        let Some((stream, connection)) = self.handshake(stream, peer, &limits).await else {
            return;
        };
        let is_http2 = connection.tls.alpn.as_deref() == Some("h2");
        let connection = Arc::new(connection);
        let service = service_fn(move |request: Request<Incoming>| {
            let shared = self.shared.clone();
            let connection = connection.clone();
            async move { Ok::<_, Infallible>(pipeline::answer(&shared, &connection, request).await) }
        });
        if is_http2 {
            let served = http2_builder(&limits).serve_connection(TokioIo::new(stream), service);
            finish(watcher.watch(served), peer).await;
        } else {
            let served = http1_builder(&limits).serve_connection(TokioIo::new(stream), service);
            finish(watcher.watch(served), peer).await;
        }
    }

    fn limits(&self) -> Limits {
        self.shared.snapshot().config.limits
    }
}

impl AwsApi {
    async fn handshake(
        &self,
        mut stream: TcpStream,
        peer: SocketAddr,
        limits: &Limits,
    ) -> Option<(TlsStream<TcpStream>, Connection)> {
        let local = stream.local_addr().ok()?;
        // A full answer goes out in one write; without this its last segment can wait 40 ms for an acknowledgement.
        stream.set_nodelay(true).ok()?;
        let handshake = async {
            if speaks_plain_http(&stream).await {
                debug!(%peer, "plain HTTP on the TLS port");
                // The client may be gone; there is nobody else to tell.
                let _ = stream.write_all(plain_http_answer().as_bytes()).await;
                let _ = stream.shutdown().await;
                return None;
            }
            let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await;
            let accepted = match begun {
                Ok(mut begun) => match self
                    .shared
                    .authority
                    .names()
                    .screen(begun.client_hello().server_name())
                {
                    Ok(_) => begun.into_stream(self.tls.clone()).await,
                    Err(refusal) => {
                        // rustls would say `access_denied`; this alert tells the client what is wrong.
                        let _ = begun.io.write_all(&UNRECOGNIZED_NAME_ALERT).await;
                        let _ = begun.io.shutdown().await;
                        info!(%peer, "no TLS session: {refusal}");
                        return None;
                    }
                },
                Err(error) => Err(error),
            };
            accepted
                .inspect_err(|error| debug!(%peer, %error, "no TLS session"))
                .ok()
        };
        let Ok(stream) = timeout(limits.handshake_timeout, handshake).await else {
            debug!(%peer, "no TLS session within handshake_timeout");
            return None;
        };
        let stream = stream?;
        let session = stream.get_ref().1;
        let tls = TlsSession {
            version: match session.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "TLSv1.3",
            },
            sni: session.server_name().map(Into::into),
            alpn: session
                .alpn_protocol()
                .map(|protocol| String::from_utf8_lossy(protocol).into()),
        };
        Some((stream, Connection::new(local, peer, tls)))
    }
}

impl Connector for ControlApi {
    async fn connect(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, watcher: Watcher) {
        let limits = self.limits();
        let service = service_fn(move |request: Request<Incoming>| {
            let shared = self.shared.clone();
            async move { Ok::<Response<Full<Bytes>>, Infallible>(control::answer(&shared, request).await) }
        });
        let served = http1_builder(&limits).serve_connection(TokioIo::new(stream), service);
        finish(watcher.watch(served), peer).await;
    }

    fn limits(&self) -> Limits {
        self.shared.snapshot().config.limits
    }
}

/// Whether the first bytes are a plain HTTP request's: a TLS client begins with a handshake record, and its first
/// byte 0x16 begins no method (RFC 8446, section 5.1).
async fn speaks_plain_http(stream: &TcpStream) -> bool {
    let mut first = [0];
    matches!(stream.peek(&mut first).await, Ok(1)) && first[0].is_ascii_uppercase()
}

fn http1_builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // hyper starts this timer when it begins to wait for a head, so it closes idle connections as well.
        .header_read_timeout(limits.idle_timeout)
        .max_buf_size(limits.header_bytes_max)
        // We write `Date` ourselves, from the clock that checks signatures.
        .auto_date_header(false);
    // hyper keeps its default of 100 on the stack and any other number on the heap.
    if limits.headers_max != HYPER_HEADERS_MAX {
        builder.max_headers(limits.headers_max);
    }
    builder
}

fn http2_builder(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX))
        .keep_alive_interval(Some(HTTP2_PING_INTERVAL))
        .keep_alive_timeout(limits.idle_timeout)
        .auto_date_header(false);
    builder
}

async fn finish(served: impl Future<Output = hyper::Result<()>>, peer: SocketAddr) {
    if let Err(error) = served.await {
        debug!(%peer, %error, "the connection ended with an error");
    }
}

/// What hyper takes without being told
const HYPER_HEADERS_MAX: usize = 100;
/// Requests at one time on one HTTP/2 connection
const HTTP2_STREAMS_MAX: u32 = 100;
/// How often a quiet HTTP/2 connection is asked whether it is still there
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(20);

fn plain_http_answer() -> String {
    let text = "This port speaks TLS: use https:// and trust the CA that the emulator names at its start.\n";
    format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    )
}
