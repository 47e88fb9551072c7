//! What faults do to a connection: it is reset or closed, an answer stalls, ends early, or comes slowly.
//!
//! The code that answers a request only asks for the end ([`CutSignal`]); the task that serves the connection owns it
//! and ends it, below hyper and TLS. Over HTTP/2 all requests of the connection share that end.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::linger_until_stopped;
use crate::{
    runtime::faults::MetFault,
    server::{Stop, stream::Stream},
    settings::{
        Limits,
        faults::{ConnectionFault, ConnectionFaultKind, Effect, TlsFault},
    },
    tls::CertificateFlaw,
};

/// How a fault ends a connection
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// With an RST
    Reset,
    /// In order: the end of TLS, then that of TCP
    Close,
}

/// Tells the task that serves a connection that a fault ends it
#[derive(Debug, Default)]
pub(super) struct CutSignal {
    cut: OnceLock<Cut>,
    sent: Notify,
}

impl CutSignal {
    /// Asks for this end of the connection; the first request to ask decides
    fn send(&self, cut: Cut) {
        let _ = self.cut.set(cut);
        self.sent.notify_one();
    }

    /// Waits until the connection is to end, and returns how; only one task waits at a time
    pub(super) async fn received(&self) -> Cut {
        loop {
            if let Some(cut) = self.cut.get() {
                return *cut;
            }
            self.sent.notified().await;
        }
    }
}

impl Cut {
    /// Ends the connection
    pub(super) async fn carry_out(
        self,
        stream: &mut Stream,
        limits: &Limits,
        stop: &mut watch::Receiver<Stop>,
    ) {
        match self {
            // The socket is closed when the stream is dropped, which is soon; TLS sends nothing by itself.
            Self::Reset => drop(stream.tcp().set_zero_linger()),
            Self::Close => {
                // The client may be gone; there is nobody else to tell.
                let _ = stream.shutdown().await;
                linger_until_stopped(stream, limits, stop).await;
            }
        }
    }
}

/// Ends a call that gets no answer, after a stall if the fault asks for one
pub(super) async fn without_answer<T>(met: &MetFault, signal: &CutSignal, stopping: &CancellationToken) -> T {
    let kind = match met.effect() {
        Effect::Connection(fault) => fault.kind,
        // Nothing else leaves a call without an answer.
        _ => ConnectionFaultKind::Close,
    };
    if let ConnectionFaultKind::Stall(duration) = kind {
        stall(met.clone(), duration, stopping.clone()).await;
    }
    signal.send(kind.cut());
    // The task that serves the connection drops this with it.
    std::future::pending().await
}

/// Ends a handshake as a fault asks
pub(super) async fn end_handshake(
    met: MetFault,
    fault: TlsFault,
    mut tcp: TcpStream,
    stopping: CancellationToken,
) {
    match fault {
        TlsFault::Stall(duration) => {
            // What the client sends is discarded, but the end of its connection is noticed.
            let gone = async {
                let mut byte = [0];
                while matches!(tcp.read(&mut byte).await, Ok(1..)) {}
            };
            tokio::select! {
                () = gone => {}
                () = stall(met, duration, stopping) => {}
            }
        }
        // The socket is closed when this is dropped.
        _ => drop(tcp.set_zero_linger()),
    }
}

/// The flaw of the certificate that a fault gives a client; `None`: the fault ends the handshake instead
pub(super) fn flaw_of(fault: TlsFault) -> Option<CertificateFlaw> {
    match fault {
        TlsFault::ExpiredCertificate => Some(CertificateFlaw::Expired),
        TlsFault::NotYetValid => Some(CertificateFlaw::NotYetValid),
        TlsFault::WrongName => Some(CertificateFlaw::WrongName),
        TlsFault::UnknownAuthority => Some(CertificateFlaw::UnknownAuthority),
        TlsFault::Reset | TlsFault::Stall(_) => None,
    }
}

/// Waits for this long, until the fault is over, or until the emulator stops
async fn stall(met: MetFault, duration: Option<Duration>, stopping: CancellationToken) {
    let lasting = async {
        match duration {
            Some(duration) => met.wait(duration).await,
            None => met.over().await,
        }
    };
    tokio::select! {
        () = lasting => {}
        () = stopping.cancelled() => {}
    }
}

impl ConnectionFaultKind {
    fn cut(self) -> Cut {
        match self {
            Self::Reset => Cut::Reset,
            Self::Close | Self::Stall(_) | Self::Truncate | Self::Slow { .. } => Cut::Close,
        }
    }
}

/// The body of an answer that a fault changes
pub(super) struct FaultyBody {
    /// The bytes that are still to be sent; the head gives the length of the whole body
    left: Bytes,
    /// How many bytes are sent at once
    at_once: usize,
    met: MetFault,
    kind: ConnectionFaultKind,
    signal: Arc<CutSignal>,
    stopping: CancellationToken,
    waiting: Option<BoxFuture<'static, ()>>,
    pace: Option<Pace>,
}

/// The progress of a slow answer
#[derive(Debug, Clone, Copy)]
struct Pace {
    began: Instant,
    /// How many bytes are due
    due: usize,
}

impl FaultyBody {
    /// The answer with a body that the fault changes; `None`: it has no body, and the fault concerns its head
    pub(super) fn befall(
        response: Response<Full<Bytes>>,
        met: &MetFault,
        signal: &Arc<CutSignal>,
        stopping: &CancellationToken,
    ) -> Option<Response<Self>> {
        let Effect::Connection(ConnectionFault { kind, after_bytes }) = *met.effect() else {
            return None;
        };
        let (head, body) = response.into_parts();
        let bytes = whole(body);
        let last = bytes.len().checked_sub(1)?;
        let after_bytes = after_bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let at_once = match kind {
            ConnectionFaultKind::Truncate => after_bytes.unwrap_or(bytes.len() / 2),
            _ => after_bytes.unwrap_or(0),
        };
        let body = Self {
            left: bytes,
            // A complete answer would not have met the fault.
            at_once: at_once.min(last),
            met: met.clone(),
            kind,
            signal: signal.clone(),
            stopping: stopping.clone(),
            waiting: None,
            pace: None,
        };
        Some(Response::from_parts(head, body))
    }

    /// The next bytes, if they are due now; `None`: they are not due yet, or there are no more
    fn next(&mut self) -> Option<Bytes> {
        if self.at_once > 0 {
            let piece = self.left.split_to(self.at_once);
            self.at_once = 0;
            return Some(piece);
        }
        let ConnectionFaultKind::Slow { bytes_per_second } = self.kind else {
            return None;
        };
        let pace = self.pace.get_or_insert_with(|| Pace {
            began: Instant::now(),
            due: 0,
        });
        if pace.due > 0 {
            let piece = self.left.split_to(pace.due.min(self.left.len()));
            pace.began += time_of(piece.len(), bytes_per_second);
            pace.due = 0;
            return Some(piece);
        }
        // Ten pieces a second, and at least a byte each.
        let piece = usize::try_from(bytes_per_second / 10)
            .unwrap_or(usize::MAX)
            .clamp(1, self.left.len().max(1));
        pace.due = piece;
        let (met, stopping) = (self.met.clone(), self.stopping.clone());
        let until = pace.began + time_of(piece, bytes_per_second);
        let duration = until.saturating_duration_since(Instant::now());
        self.waiting = Some(Box::pin(stall(met, Some(duration), stopping)));
        None
    }
}

impl Body for FaultyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let body = self.get_mut();
        loop {
            if let Some(waiting) = &mut body.waiting {
                ready!(waiting.as_mut().poll(context));
                body.waiting = None;
                if !matches!(body.kind, ConnectionFaultKind::Slow { .. }) {
                    body.signal.send(body.kind.cut());
                    body.kind = ConnectionFaultKind::Close;
                }
            }
            if body.left.is_empty() {
                return Poll::Ready(None);
            }
            if let Some(piece) = body.next() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            match body.kind {
                ConnectionFaultKind::Slow { .. } => {}
                ConnectionFaultKind::Stall(duration) => {
                    let stalled = stall(body.met.clone(), duration, body.stopping.clone());
                    body.waiting = Some(Box::pin(stalled));
                }
                ConnectionFaultKind::Reset | ConnectionFaultKind::Close | ConnectionFaultKind::Truncate => {
                    body.signal.send(body.kind.cut());
                    // The task that serves the connection ends it, and drops this with it.
                    return Poll::Pending;
                }
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

/// How long this many bytes take
fn time_of(bytes: usize, bytes_per_second: u64) -> Duration {
    let nanoseconds = bytes as u128 * 1_000_000_000 / u128::from(bytes_per_second.max(1));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

/// The bytes of a body that is complete
fn whole(mut body: Full<Bytes>) -> Bytes {
    let mut context = Context::from_waker(std::task::Waker::noop());
    match Pin::new(&mut body).poll_frame(&mut context) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    }
}
