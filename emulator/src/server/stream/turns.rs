//! Whose turn it is on an HTTP/1.1 connection, so that answers that hyper makes by itself can be distinguished from
//! ours.
//!
//! hyper itself answers a head that it cannot read, with a status line and no body, and passes on nothing of what it
//! read. Such an answer is to be ours, with a body and an entry in the journal, and hyper has no setting for that. So
//! [`Stream`](super::Stream) withholds what is written while the service has no request to answer.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
};

use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// Whose turn it is; hyper, the service and the stream of one HTTP/1.1 connection run in one task and take turns
#[derive(Debug)]
pub(crate) struct Turns {
    whose: AtomicU8,
    /// When it last became the client's turn
    clients_since: Mutex<Instant>,
}

impl Turns {
    /// A connection that begins now: it is the client's turn
    pub(crate) fn new() -> Self {
        Self {
            whose: AtomicU8::new(CLIENT),
            clients_since: Mutex::new(Instant::now()),
        }
    }

    /// A request was read: from here on whatever is written belongs to its answer, `100 Continue` included
    pub(crate) fn request_was_read(&self) {
        self.whose.store(SERVICE, Ordering::Relaxed);
    }

    /// hyper has taken the whole answer; when it is written, it is the client's turn
    fn answer_was_taken(&self) {
        self.whose.store(ANSWER, Ordering::Relaxed);
    }

    /// hyper has nothing more to write
    pub(super) fn everything_was_written(&self) {
        if self.whose.load(Ordering::Relaxed) == ANSWER {
            // The instant is valid even if somebody panicked while holding the lock.
            *self.clients_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            self.whose.store(CLIENT, Ordering::Relaxed);
        }
    }

    /// Since when the next request is waited for; `None`: it is not the client's turn
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        let is_clients = self.whose.load(Ordering::Relaxed) == CLIENT;
        is_clients.then(|| *self.clients_since.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The status of an answer that hyper made by itself, if these bytes begin one
    pub(super) fn unasked_status(&self, bytes: &[u8]) -> Option<StatusCode> {
        if self.whose.load(Ordering::Relaxed) != CLIENT {
            return None;
        }
        let status = bytes.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
        StatusCode::from_bytes(status)
            .ok()
            .filter(StatusCode::is_client_error)
    }
}

/// An answer's body, which hyper drops when it has taken the end of it
#[derive(Debug)]
pub(crate) struct InTurn<B> {
    body: B,
    turns: Arc<Turns>,
}

impl<B> InTurn<B> {
    pub(crate) fn new(body: B, turns: Arc<Turns>) -> Self {
        Self { body, turns }
    }
}

impl<B> Drop for InTurn<B> {
    fn drop(&mut self) {
        self.turns.answer_was_taken();
    }
}

impl<B: Body + Unpin> Body for InTurn<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The client is to send a request
const CLIENT: u8 = 0;
/// The service has a request to answer
const SERVICE: u8 = 1;
/// hyper has the end of an answer to write
const ANSWER: u8 = 2;
