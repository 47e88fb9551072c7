//! One connection: handshake, then requests until it is closed.
//!
//! An answer that leaves before its request has come in whole ends an HTTP/1.1 connection, because what follows could
//! not be told from the next request. It says `Connection: close`, our side is closed after it, and what the client
//! still sends is read and discarded for a while ([`linger`]). A head that hyper cannot read is treated in the same
//! way. Over HTTP/2 only the stream ends, with RST_STREAM and NO_ERROR after the whole answer (RFC 9113, section 8.1),
//! which h2 does by itself.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use http::{HeaderValue, StatusCode, Version, header};
use http_body_util::{BodyExt, Collected, Either, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::watch};
use tracing::debug;

use self::{
    cut_off::CutOff,
    faults::{Cut, CutSignal, FaultyBody},
    handshake::{handshake, remark},
    idle::idle_for,
    in_flight::InFlight,
    linger::linger,
};
use crate::{
    control::ControlApi,
    exchange::{self, Answered},
    request::{
        Connection, HeadError,
        body::{BodyTimer, Client, HTTP2_BUFFER_PARTS, RequestBody},
    },
    runtime::{Shared, unheard::Ending},
    server::{
        Stop,
        stream::{
            Stream, Transport,
            turns::{InTurn, Turns},
        },
    },
    settings::{Limits, LimitsReached},
};

pub(crate) mod cut_off;
mod faults;
mod handshake;
mod idle;
mod in_flight;
mod linger;

/// Serves the connections of one listener
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) shared: Arc<Shared>,
    pub(crate) api: Api,
    pub(crate) cut_off: CutOff,
}

/// The API that a listener serves
#[derive(Clone)]
pub(crate) enum Api {
    /// The AWS API over TLS
    Aws { tls: Arc<ServerConfig> },
    /// The control API over plain HTTP
    Control(Arc<ControlApi>),
}

/// Answers the requests of one connection
#[derive(Clone)]
struct Answerer {
    service: Service,
    exchange: Arc<Exchange>,
}

/// The API that answers the requests of a connection
#[derive(Clone)]
enum Service {
    /// The AWS API, which needs to know the connection
    Aws(Arc<Shared>, Arc<Connection>),
    /// The control API
    Control(Arc<ControlApi>, Arc<Client>),
    /// The control API beyond its `connections_max`: health checks alone
    Health(Arc<ControlApi>, Arc<Client>),
}

/// The body of an answer: of the AWS API, which is complete, or of the control API
type AnswerBody = Either<Full<Bytes>, axum::body::Body>;

/// The state of the exchange of requests and answers
struct Exchange {
    turns: Arc<Turns>,
    /// There was a request, even if it could not be read
    was_asked: AtomicBool,
    /// An answer left before its request had come in whole
    was_cut_short: AtomicBool,
    /// A fault ends the connection
    cut: Arc<CutSignal>,
    body_timer: Arc<BodyTimer>,
}

impl Exchange {
    /// The state of a connection that begins now
    fn begin() -> Self {
        Self {
            turns: Arc::new(Turns::new()),
            was_asked: AtomicBool::new(false),
            was_cut_short: AtomicBool::new(false),
            cut: Arc::default(),
            body_timer: Arc::default(),
        }
    }
}

impl Connector {
    /// Serves one connection to its end, which is soon after it is told to stop
    pub(crate) async fn connect(self, stream: TcpStream, peer: SocketAddr, mut stop: watch::Receiver<Stop>) {
        let limits = self.limits();
        let cut_off = self.cut_off.clone();
        match self.api {
            Api::Aws { tls } => {
                let shared = self.shared.clone();
                let _open = shared.unheard.opened();
                let handshake = handshake(&self.shared, tls, stream, peer, &limits);
                let shaken = tokio::select! {
                    biased;
                    // Nobody has asked for anything yet.
                    () = Stop::told(&mut stop) => return,
                    shaken = handshake => shaken,
                };
                let Some((stream, connection, is_probe)) = shaken else {
                    return;
                };
                let is_http2 = connection.tls.alpn.as_deref() == Some("h2");
                let server_name = connection.tls.sni.clone();
                let service = Service::Aws(self.shared, Arc::new(connection));
                let transport = Transport::Left(stream.into());
                let stopping = stop.clone();
                let was_asked = Self::serve(transport, service, is_http2, peer, limits, stop, cut_off).await;
                if !was_asked && !is_probe {
                    // If we closed it because of a stop, that says nothing about its client.
                    if *stopping.borrow() == Stop::NotYet {
                        remark(&shared, peer, &Ending::NoRequest);
                    }
                    shared
                        .unheard
                        .count(server_name.map(String::from), Ending::NoRequest, peer.ip());
                }
            }
            Api::Control(control) => {
                let client = Arc::new(self.shared.control_bodies.client(peer.ip()));
                let service = Service::Control(control, client);
                let transport = Transport::Right(stream);
                Self::serve(transport, service, false, peer, limits, stop, cut_off).await;
            }
        }
    }

    /// Answers one health check of the control API and ends
    pub(crate) async fn check_health(
        self,
        control: Arc<ControlApi>,
        stream: TcpStream,
        peer: SocketAddr,
        stop: watch::Receiver<Stop>,
    ) {
        let mut limits = self.limits();
        // A health check is sent as soon as its connection is open.
        limits.idle_timeout = limits.idle_timeout.min(limits.handshake_timeout);
        let client = Arc::new(self.shared.control_bodies.client(peer.ip()));
        let (transport, service) = (Transport::Right(stream), Service::Health(control, client));
        Self::serve(transport, service, false, peer, limits, stop, self.cut_off).await;
    }

    /// Serves a connection to its end, and returns whether there was a request on it
    async fn serve(
        transport: Transport,
        service: Service,
        is_http2: bool,
        peer: SocketAddr,
        limits: Limits,
        stop: watch::Receiver<Stop>,
        cut_off: CutOff,
    ) -> bool {
        let stream = Stream::new(transport, limits.idle_timeout);
        let answerer = Answerer {
            service,
            exchange: Arc::new(Exchange::begin()),
        };
        let exchange = answerer.exchange.clone();
        let served = if is_http2 {
            serve_http2(stream, answerer, &limits, stop, cut_off).await
        } else {
            serve_http1(stream.counted(cut_off.clone()), answerer, &limits, stop, cut_off).await
        };
        if let Err(error) = served {
            debug!(%peer, %error, "the connection ended with an error");
        }
        exchange.was_asked.load(Ordering::Relaxed)
    }

    /// The limits that the listener keeps
    pub(crate) fn limits(&self) -> Limits {
        self.shared.space.snapshot().settings.limits
    }
}

impl Answerer {
    async fn answer(self, request: Request<Incoming>) -> Result<Response<InTurn<AnswerBody>>, Infallible> {
        self.note_asked();
        let (head, incoming) = request.into_parts();
        let is_http2 = head.version == Version::HTTP_2;
        let timer = self.exchange.body_timer.clone();
        let mut body = RequestBody::new(incoming, &head.headers, timer);
        let (mut response, is_body_complete) = match &self.service {
            Service::Aws(shared, connection) => {
                let answered = exchange::answer(shared, connection, head, &mut body).await;
                let response = match answered {
                    Answered::Whole(response) => response.map(Either::Left),
                    // Boxed, because calls without a fault would carry the room for it.
                    faulty => Box::pin(self.befall(shared, faulty)).await,
                };
                (response, body.is_complete())
            }
            // Boxed, because calls of the AWS API would carry the room for it.
            Service::Control(control, client) => {
                let answered = Box::pin(control.answer(client, head, body)).await;
                (answered.response.map(Either::Right), answered.is_body_complete)
            }
            Service::Health(control, client) => {
                let answered = Box::pin(control.answer_health_check(client, head, body)).await;
                (answered.response.map(Either::Right), answered.is_body_complete)
            }
        };
        if !is_body_complete && !is_http2 {
            self.exchange.was_cut_short.store(true, Ordering::Relaxed);
            response.headers_mut().insert(header::CONNECTION, CLOSE);
        }
        let turns = self.exchange.turns.clone();
        Ok(response.map(|body| InTurn::new(body, turns)))
    }

    /// Notes that there is a request, even one that cannot be read; the first one settles what its client failed to do
    /// before
    fn note_asked(&self) {
        let is_first = !self.exchange.was_asked.swap(true, Ordering::Relaxed);
        if let (true, Service::Aws(shared, connection)) = (is_first, &self.service) {
            shared.unheard.heard(connection.peer.ip());
        }
    }

    fn limits_reached(&self) -> &LimitsReached {
        match &self.service {
            Service::Aws(shared, _) => &shared.limits_reached,
            Service::Control(control, _) | Service::Health(control, _) => control.limits_reached(),
        }
    }

    /// Applies a fault to an answer; for a call that gets no answer, this never returns
    async fn befall(&self, shared: &Shared, answered: Answered) -> Response<AnswerBody> {
        let (signal, stopping) = (&self.exchange.cut, &shared.stopping);
        let met = match answered {
            Answered::Whole(response) => return response.map(Either::Left),
            Answered::Faulty(response, met) => {
                if let Some(response) = FaultyBody::befall(response, &met, signal, stopping) {
                    return response.map(|body| Either::Right(axum::body::Body::new(body)));
                }
                met
            }
            Answered::CutOff(met) => met,
        };
        faults::without_answer(&met, signal, stopping).await
    }

    /// Answers bytes that are not the head of a request
    fn answer_unreadable(&self, head: &[u8], error: HeadError) -> Response<Full<Bytes>> {
        self.note_asked();
        let mut response = match &self.service {
            Service::Aws(shared, connection) => exchange::answer_unreadable(shared, connection, head, error),
            Service::Control(control, _) | Service::Health(control, _) => control.answer_unreadable(&error),
        };
        response.headers_mut().insert(header::CONNECTION, CLOSE);
        response
    }
}

/// The connection ends with this answer (RFC 9110, section 7.6.1)
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// Serves until the client closes, lets the next request wait for `idle_timeout`, or we stop
async fn serve_http1(
    mut stream: Stream,
    answerer: Answerer,
    limits: &Limits,
    mut stop: watch::Receiver<Stop>,
    cut_off: CutOff,
) -> hyper::Result<()> {
    stream.withhold_out_of_turn(answerer.exchange.turns.clone());
    let unflushed = stream.unflushed();
    let service = service_fn(|request| {
        answerer.exchange.turns.request_was_read();
        answerer.note_asked();
        let (answerer, unanswered) = (answerer.clone(), cut_off.answering());
        async move {
            // Called inside the future: otherwise the answer's state would take its room twice, and hyper copies all of
            // it.
            let answer = answerer.answer(request).await;
            unanswered.finish();
            answer
        }
    });
    let is_for_more_requests = !matches!(answerer.service, Service::Health(..));
    let mut served = http1_builder(limits)
        .keep_alive(is_for_more_requests)
        .serve_connection(TokioIo::new(stream), service);
    let is_idle = || idle_for(limits.idle_timeout, || answerer.exchange.turns.idle_since());
    // In a set, it is polled only when it was woken, and not with each piece of a request, which would cost too much.
    let mut stopping = stop.clone();
    let cut = &answerer.exchange.cut;
    let mut why_to_end = FuturesUnordered::from_iter([async {
        tokio::select! {
            biased;
            cut = cut.received() => WhyToEnd::Fault(cut),
            () = Stop::told(&mut stopping) => WhyToEnd::Stop,
            () = is_idle() => WhyToEnd::Idle,
        }
    }]);
    let ended = tokio::select! {
        biased;
        Some(why) = why_to_end.next() => Err(why),
        ended = &mut served => Ok(ended),
    };
    let ended = match ended {
        Ok(ended) => Ok(ended),
        Err(WhyToEnd::Idle) => {
            answerer.limits_reached().idle_timeout.note();
            return Ok(());
        }
        Err(WhyToEnd::Fault(cut)) => Err(cut),
        Err(WhyToEnd::Stop) => {
            Pin::new(&mut served).graceful_shutdown();
            tokio::select! {
                biased;
                cut = cut.received() => Err(cut),
                ended = &mut served => Ok(ended),
                // A head has begun, and nothing more of it came.
                () = is_idle() => return Ok(()),
            }
        }
    };
    drop(why_to_end);
    let ended = match ended {
        Ok(ended) => ended,
        Err(cut) => {
            written_out(&mut served, &unflushed).await;
            let mut stream = served.into_parts().io.into_inner();
            cut.carry_out(&mut stream, limits, &mut stop).await;
            return Ok(());
        }
    };

    let parts = served.into_parts();
    let mut stream = parts.io.into_inner();
    let withheld = stream.take_withheld().or(match &ended {
        // HTTP/2 without having agreed on it: hyper says nothing.
        Err(error) if error.is_parse() => Some(StatusCode::BAD_REQUEST),
        _ => None,
    });
    if let (Some(status), Err(found)) = (withheld, &ended) {
        let error = HeadError::of_hyper(status, found, limits);
        let answer = answerer.answer_unreadable(&parts.read_buf, error);
        // The client may be gone; there is nobody else to tell.
        let _ = write_answer(&mut stream, answer).await;
    } else if !answerer.exchange.was_cut_short.load(Ordering::Relaxed) {
        return ended;
    }
    linger_until_stopped(&mut stream, limits, &mut stop).await;
    ended
}

/// Why a connection ends that its client would keep
enum WhyToEnd {
    Fault(Cut),
    Stop,
    Idle,
}

/// Goes on serving until everything is written that was handed over before a fault ended the connection
async fn written_out<T>(served: &mut (impl Future<Output = T> + Unpin), unflushed: &AtomicBool) {
    poll_fn(|context| match Pin::new(&mut *served).poll(context) {
        Poll::Pending if unflushed.load(Ordering::Relaxed) => Poll::Pending,
        _ => Poll::Ready(()),
    })
    .await;
}

/// Writes an answer in hyper's place, and closes our side of the connection
async fn write_answer(stream: &mut Stream, answer: Response<Full<Bytes>>) -> io::Result<()> {
    let (head, body) = answer.into_parts();
    let Ok(body) = body.collect().await.map(Collected::to_bytes);
    let status = head.status;
    let mut bytes = format!(
        "HTTP/1.1 {} {}\r\n",
        status.as_str(),
        status.canonical_reason().unwrap_or_default()
    )
    .into_bytes();
    for (name, value) in &head.headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(&body);
    stream.write_all(&bytes).await?;
    stream.flush().await?;
    stream.shutdown().await
}

/// Serves until the client closes, has no request in flight for `idle_timeout`, or we stop
async fn serve_http2(
    mut stream: Stream,
    answerer: Answerer,
    limits: &Limits,
    mut stop: watch::Receiver<Stop>,
    cut_off: CutOff,
) -> hyper::Result<()> {
    let cut = answerer.exchange.cut.clone();
    let unflushed = stream.unflushed();
    let service = service_fn(|request| answerer.clone().answer(request));
    let in_flight = InFlight::new();
    let _counted = in_flight.counted(cut_off);
    let builder = http2_builder(in_flight.clone(), limits);
    let ended = {
        let mut served = pin!(builder.serve_connection(TokioIo::new(&mut stream), service));
        let ended = tokio::select! {
            biased;
            cut = cut.received() => Some(Err(cut)),
            () = Stop::told(&mut stop) => None,
            () = in_flight.idle_for(limits.idle_timeout) => {
                answerer.limits_reached().idle_timeout.note();
                None
            }
            ended = served.as_mut() => Some(Ok(ended)),
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                // GOAWAY: requests that were sent before the client reads it are still answered.
                served.as_mut().graceful_shutdown();
                tokio::select! {
                    biased;
                    cut = cut.received() => Err(cut),
                    ended = served.as_mut() => Ok(ended),
                    // The client does not confirm the GOAWAY, or never began to speak HTTP/2: there is nothing to
                    // wait for.
                    () = in_flight.idle_for(limits.idle_timeout) => Ok(Ok(())),
                }
            }
        };
        if ended.is_err() {
            written_out(&mut served, &unflushed).await;
        }
        ended
    };
    let ended = match ended {
        Ok(ended) => ended,
        Err(cut) => {
            cut.carry_out(&mut stream, limits, &mut stop).await;
            return Ok(());
        }
    };
    // Frames that make no sense are answered with a GOAWAY that says so.
    if ended.is_err() {
        linger_until_stopped(&mut stream, limits, &mut stop).await;
    }
    ended
}

/// Lets a client that is still sending read the answer; a stop does not wait for that
async fn linger_until_stopped(stream: &mut Stream, limits: &Limits, stop: &mut watch::Receiver<Stop>) {
    if stream.has_ended() {
        return;
    }
    tokio::select! {
        () = Stop::told(stop) => {}
        () = linger(stream.tcp(), limits) => {}
    }
}

fn http1_builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // `idle_for` bounds how long a head may take, at the cost of one timer for all heads of a connection.
        .header_read_timeout(None)
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
    let buffer_bytes = u32::try_from(limits.http2_buffer_bytes_max).unwrap_or(u32::MAX);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .initial_connection_window_size(buffer_bytes)
        .initial_stream_window_size(buffer_bytes / HTTP2_BUFFER_PARTS as u32)
        // A head that is a little too large is answered by us, with a body and an entry in the journal, and not by h2.
        .max_header_list_size(
            u32::try_from(limits.header_bytes_max)
                .unwrap_or(u32::MAX)
                .saturating_mul(HTTP2_HEAD_FACTOR),
        )
        .keep_alive_interval(Some(HTTP2_PING_INTERVAL))
        .keep_alive_timeout(limits.idle_timeout)
        .auto_date_header(false);
    builder
}

/// The most header fields that hyper accepts by default
const HYPER_HEADERS_MAX: usize = 100;
/// Requests at one time on one HTTP/2 connection
const HTTP2_STREAMS_MAX: u32 = 100;
/// A head this many times larger than `header_bytes_max` is refused by h2 itself: 431 without a body
const HTTP2_HEAD_FACTOR: u32 = 4;
/// How often a quiet HTTP/2 connection is asked whether it is still there
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(20);
