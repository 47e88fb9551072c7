//! Reading a request's body: once, hashed while it streams, and never without a bound.
//!
//! A refused request's body is read too, up to `drain_bytes_max`: only then can the connection be used again. (Measured
//! with the Rust SDK: a 403 sent with the body unread was retried, a 403 after draining was not.) Where that is not
//! possible, the answer ends the connection; see [`connection`](crate::server::connection).

use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use ring::digest;
use tokio::time::Instant;

use self::{room::Room, whole::Whole};
pub(crate) use self::{
    room::{Account, BodyBudget, Client, HTTP2_BUFFER_PARTS},
    timer::BodyTimer,
};
use crate::settings::Limits;

mod memory;
mod room;
mod timer;
mod whole;

/// A body that came in whole
#[derive(Debug)]
pub(crate) struct ReceivedBody {
    /// The bytes
    pub(crate) bytes: Bytes,
    /// Their SHA-256
    pub sha256: [u8; 32],
    // Gives its room back when the request is answered.
    _room: Room,
}

/// A body that did not come in
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// More bytes than one body may have
    #[error("the body is larger than {limit} ({bytes_max} bytes)")]
    TooLarge {
        /// The limit's name
        limit: &'static str,
        /// The limit
        bytes_max: usize,
    },
    /// More values than one body may have
    #[error("the call has more parameters than body_values_max ({values_max})")]
    TooManyValues {
        /// The limit
        values_max: usize,
    },
    /// More bytes than all bodies together may hold, or no room within `body_room_timeout`
    #[error("no room for the body among those in flight ({limit}, client_body_share_percent_max)")]
    NoRoom {
        /// The limit of all bodies in flight
        limit: &'static str,
    },
    /// It did not arrive in time
    #[error("the body did not arrive within body_timeout ({} s)", .body_timeout.as_secs())]
    TimedOut {
        /// The limit
        body_timeout: Duration,
    },
    /// Nothing of it arrived for a while
    #[error("nothing of the body arrived for body_idle_timeout ({} s)", .body_idle_timeout.as_secs())]
    StoodStill {
        /// The limit
        body_idle_timeout: Duration,
    },
    /// The connection broke, or the chunks made no sense
    #[error("the body broke off: {0}")]
    Broken(#[source] hyper::Error),
}

impl BodyError {
    /// The limits of which one was reached
    pub(crate) fn limits(&self) -> Vec<&'static str> {
        match self {
            Self::TooLarge { limit, .. } => vec![limit],
            Self::TooManyValues { .. } => vec!["body_values_max"],
            Self::NoRoom { limit } => vec![
                limit,
                "client_body_share_percent_max",
                "body_room_timeout_seconds",
            ],
            Self::TimedOut { .. } => vec!["body_timeout_seconds"],
            Self::StoodStill { .. } => vec!["body_idle_timeout_seconds"],
            Self::Broken(_) => Vec::new(),
        }
    }
}

/// A request's body on its way in
#[derive(Debug)]
pub(crate) struct RequestBody {
    incoming: Incoming,
    progress: Progress,
    bytes_read: usize,
    /// The client sends nothing of it before it is told to go on (RFC 9110, section 10.1.1)
    waits_for_leave: bool,
    timer: Arc<BodyTimer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Nobody has asked for it
    NotBegun,
    Begun,
    /// All of it was read
    Complete,
    /// Nothing more comes of it
    Broken,
}

impl RequestBody {
    /// The body of a request with this head; `timer` is its connection's
    pub(crate) fn new(incoming: Incoming, headers: &HeaderMap, timer: Arc<BodyTimer>) -> Self {
        let progress = if incoming.is_end_stream() {
            Progress::Complete
        } else {
            Progress::NotBegun
        };
        let waits_for_leave = headers
            .get(header::EXPECT)
            .is_some_and(|expect| expect.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        Self {
            incoming,
            progress,
            bytes_read: 0,
            waits_for_leave,
            timer,
        }
    }

    /// Whether all of it was read, so that the next request can follow on the same connection
    pub(crate) fn is_complete(&self) -> bool {
        self.progress == Progress::Complete
    }

    /// Reads a body to its end and hashes it on the way
    ///
    /// # Errors
    /// When the body is larger than the limits, finds no room, is too slow, or is broken. The rest of it is not read
    /// then; see [`drain`](Self::drain).
    pub(crate) async fn receive(
        &mut self,
        limits: &Limits,
        account: Account<'_>,
    ) -> Result<ReceivedBody, BodyError> {
        let mut clock = BodyClock::new(limits);
        let too_large = || account.too_large(limits.body_bytes_max);
        let mut bytes_max = limits.body_bytes_max;
        if let Some(announced) = self.incoming.size_hint().exact() {
            bytes_max = usize::try_from(announced)
                .ok()
                .filter(|announced| *announced <= bytes_max)
                .ok_or_else(too_large)?;
            if account.never_has_room_for(bytes_max) {
                return Err(account.no_room());
            }
        }

        let mut room = account.open();
        let mut hash = digest::Context::new(&digest::SHA256);
        let mut whole = Whole::Nothing;
        while let Some(data) = self.next(&mut clock).await? {
            if self.bytes_read > bytes_max {
                return Err(too_large());
            }
            let waited = room
                .grow(&account, self.bytes_read, bytes_max, limits.body_room_timeout)
                .await?;
            clock.extend(waited);
            hash.update(&data);
            whole
                .push(data, bytes_max, account.budget.memory())
                .map_err(|_| account.no_room())?;
        }
        room.shrink(self.bytes_read);
        Ok(ReceivedBody {
            bytes: whole.into_bytes(),
            sha256: sha256(hash),
            _room: room,
        })
    }

    /// Reads what is left of a body that nobody wants and throws it away, if that promises to come to an end within
    /// `drain_bytes_max`, `body_timeout` and `body_idle_timeout`
    ///
    /// Returns how many bytes the body had and their SHA-256, if all of it was read here.
    pub(crate) async fn drain(&mut self, limits: &Limits) -> Option<(usize, [u8; 32])> {
        let was_read_before = self.bytes_read > 0;
        if self.progress == Progress::Broken || (self.progress == Progress::NotBegun && self.waits_for_leave)
        {
            return None;
        }
        let announced = self.incoming.size_hint().exact();
        if announced.is_some_and(|bytes| bytes > limits.drain_bytes_max as u64) {
            return None;
        }
        let mut clock = BodyClock::new(limits);
        let mut hash = digest::Context::new(&digest::SHA256);
        let end = self.bytes_read.saturating_add(limits.drain_bytes_max);
        while self.bytes_read <= end {
            let Some(data) = self.next(&mut clock).await.ok()? else {
                return (!was_read_before).then(|| (self.bytes_read, sha256(hash)));
            };
            hash.update(&data);
        }
        None
    }

    /// Reads the body until `bytes` bytes of it were read, or as many as come within `body_timeout` and
    /// `body_idle_timeout`, and throws them away
    pub(crate) async fn discard(&mut self, bytes: u64, limits: &Limits) {
        let mut clock = BodyClock::new(limits);
        while (self.bytes_read as u64) < bytes {
            match self.next(&mut clock).await {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// The next bytes; `None`: there are no more
    async fn next(&mut self, clock: &mut BodyClock<'_>) -> Result<Option<Bytes>, BodyError> {
        if self.progress == Progress::Complete {
            return Ok(None);
        }
        self.progress = Progress::Begun;
        loop {
            let frame = match clock.wait_for(self.incoming.frame(), &self.timer).await {
                Ok(frame) => frame,
                // Who was too slow once is not given the same time again.
                Err(late) => {
                    self.progress = Progress::Broken;
                    return Err(late);
                }
            };
            match frame {
                None => {
                    self.progress = Progress::Complete;
                    return Ok(None);
                }
                Some(Err(error)) => {
                    self.progress = Progress::Broken;
                    return Err(BodyError::Broken(error));
                }
                // Trailers are nobody's concern.
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.bytes_read = self.bytes_read.saturating_add(data.len());
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

/// How long a body may take, as a whole and from one piece to the next
struct BodyClock<'l> {
    limits: &'l Limits,
    /// Not known before the first wait: most bodies are there when they are asked for
    deadline: Option<Instant>,
}

impl<'l> BodyClock<'l> {
    fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            deadline: None,
        }
    }

    /// Puts off the deadline by a wait that was not the client's doing
    fn extend(&mut self, waited: Duration) {
        if let Some(deadline) = &mut self.deadline {
            *deadline += waited;
        }
    }

    async fn wait_for<T>(
        &mut self,
        frame: impl Future<Output = T>,
        timer: &BodyTimer,
    ) -> Result<T, BodyError> {
        let mut frame = pin!(frame);
        // A timer costs more than a look.
        if let Poll::Ready(frame) = poll_fn(|context| Poll::Ready(frame.as_mut().poll(context))).await {
            return Ok(frame);
        }
        let Limits {
            body_timeout,
            body_idle_timeout,
            ..
        } = *self.limits;
        let now = Instant::now();
        let deadline = *self.deadline.get_or_insert(now + body_timeout);
        let stands_still = now + body_idle_timeout;
        let arrived = timer.wait_until(deadline.min(stands_still), frame).await;
        arrived.ok_or({
            if deadline <= stands_still {
                BodyError::TimedOut { body_timeout }
            } else {
                BodyError::StoodStill { body_idle_timeout }
            }
        })
    }
}

fn sha256(hash: digest::Context) -> [u8; 32] {
    hash.finish().as_ref().try_into().expect("a SHA-256 has 32 bytes")
}
