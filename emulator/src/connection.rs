//! One connection: handshake, then requests until it is closed.

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::{ProtocolVersion, ServerConfig, server::Acceptor};
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::watch, time::timeout};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};
use tracing::{debug, info};

use self::{cut_off::CutOff, in_flight::InFlight};
use crate::{
    config::Limits,
    control, pipeline,
    request::{Connection, TlsSession},
    server::Stop,
    state::Shared,
    stream::{Stream, Transport},
    tls::UNRECOGNIZED_NAME_ALERT,
};

pub(crate) mod cut_off;
mod in_flight;

/// Speaks with whoever connects to one listener
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) shared: Arc<Shared>,
    pub(crate) api: Api,
    pub(crate) cut_off: CutOff,
}

/// What a listener is there for
#[derive(Clone)]
pub(crate) enum Api {
    /// The AWS API over TLS
    Aws { tls: Arc<ServerConfig> },
    /// The control API over plain HTTP
    Control,
}

/// Who answers the requests of one connection
#[derive(Clone)]
enum Answerer {
    /// The AWS API, which is told what the connection is
    Aws(Arc<Shared>, Arc<Connection>),
    /// The control API
    Control(Arc<Shared>),
}

impl Connector {
    /// Serves one connection to its end, which is soon after it is told to stop
    pub(crate) async fn connect(self, stream: TcpStream, peer: SocketAddr, mut stop: watch::Receiver<Stop>) {
        let limits = self.limits();
        let cut_off = self.cut_off.clone();
        let (transport, answerer, is_http2) = match self.api {
            Api::Aws { tls } => {
                let handshake = handshake(&self.shared, tls, stream, peer, &limits);
                let shaken = tokio::select! {
                    biased;
                    // Nobody has asked for anything yet.
                    () = Stop::told(&mut stop) => return,
                    shaken = handshake => shaken,
                };
                let Some((stream, connection)) = shaken else {
                    return;
                };
                let is_http2 = connection.tls.alpn.as_deref() == Some("h2");
                let answerer = Answerer::Aws(self.shared, Arc::new(connection));
                (Transport::Left(stream.into()), answerer, is_http2)
            }
            Api::Control => (Transport::Right(stream), Answerer::Control(self.shared), false),
        };
        let stream = Stream::new(transport, limits.idle_timeout);
        let served = if is_http2 {
            serve_http2(stream, answerer, &limits, stop, cut_off).await
        } else {
            serve_http1(stream.counted(cut_off.clone()), answerer, &limits, stop, cut_off).await
        };
        if let Err(error) = served {
            debug!(%peer, %error, "the connection ended with an error");
        }
    }

    /// The limits that the listener keeps
    pub(crate) fn limits(&self) -> Limits {
        self.shared.snapshot().config.limits
    }
}

impl Answerer {
    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        Ok(match &self {
            Self::Aws(shared, connection) => pipeline::answer(shared, connection, request).await,
            // In a box, because calls of the AWS API would carry the room for it.
            Self::Control(shared) => Box::pin(control::answer(shared, request)).await,
        })
    }
}

/// Serves until the client closes, lets the next request wait for `idle_timeout`, or we stop
async fn serve_http1(
    stream: Stream,
    answerer: Answerer,
    limits: &Limits,
    mut stop: watch::Receiver<Stop>,
    cut_off: CutOff,
) -> hyper::Result<()> {
    let service = service_fn(move |request| {
        let unanswered = cut_off.answering();
        let answer = answerer.clone().answer(request);
        async move {
            let answer = answer.await;
            unanswered.finish();
            answer
        }
    });
    let mut served = pin!(http1_builder(limits).serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        biased;
        () = Stop::told(&mut stop) => {}
        ended = served.as_mut() => return ended,
    }
    served.as_mut().graceful_shutdown();
    served.await
}

/// Serves until the client closes, has no request in flight for `idle_timeout`, or we stop
async fn serve_http2(
    stream: Stream,
    answerer: Answerer,
    limits: &Limits,
    mut stop: watch::Receiver<Stop>,
    cut_off: CutOff,
) -> hyper::Result<()> {
    let service = service_fn(move |request| answerer.clone().answer(request));
    let in_flight = InFlight::new();
    let _counted = in_flight.counted(cut_off);
    let builder = http2_builder(in_flight.clone(), limits);
    let mut served = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        biased;
        () = Stop::told(&mut stop) => {}
        () = in_flight.idle_for(limits.idle_timeout) => {}
        ended = served.as_mut() => return ended,
    }
    // GOAWAY: requests that were sent before the client reads it are still answered.
    served.as_mut().graceful_shutdown();
    tokio::select! {
        biased;
        ended = served => ended,
        // The client does not confirm the GOAWAY, or never began to speak HTTP/2: there is nothing to wait for.
        () = in_flight.idle_for(limits.idle_timeout) => Ok(()),
    }
}

async fn handshake(
    shared: &Shared,
    tls: Arc<ServerConfig>,
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
            Ok(mut begun) => match shared
                .authority
                .names()
                .screen(begun.client_hello().server_name())
            {
                Ok(_) => begun.into_stream(tls).await,
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
        // The buffer alone is no exact bound: what it holds of a head depends on how the bytes came in, and it may be
        // allocated larger than asked for.
        .max_header_size(limits.header_bytes_max)
        .max_buf_size(limits.header_bytes_max)
        // We write `Date` ourselves, from the clock that checks signatures.
        .auto_date_header(false);
    // hyper keeps its default of 100 on the stack and any other number on the heap.
    if limits.headers_max != HYPER_HEADERS_MAX {
        builder.max_headers(limits.headers_max);
    }
    builder
}

fn http2_builder(in_flight: InFlight, limits: &Limits) -> http2::Builder<InFlight> {
    let mut builder = http2::Builder::new(in_flight);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX))
        .keep_alive_interval(Some(HTTP2_PING_INTERVAL))
        .keep_alive_timeout(limits.idle_timeout)
        .auto_date_header(false);
    builder
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
