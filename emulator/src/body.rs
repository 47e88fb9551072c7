//! Reading a request's body: once, hashed while it streams, and never without a bound.
//!
//! A refused request's body is read too, up to `drain_bytes_max`: only then can the connection be used again. (Measured
//! with the Rust SDK: a 403 sent with the body unread was retried, a 403 after draining was not.) Where that is not
//! possible, the answer ends the connection; see [`connection`](crate::connection).

use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use ring::digest;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use crate::config::Limits;

/// Room for the bodies that are in memory at one time, over all connections
#[derive(Debug, Clone)]
pub(crate) struct BodyBudget {
    room: Arc<Semaphore>,
    kibibytes_max: u32,
}

/// A body that came in whole
#[derive(Debug)]
pub(crate) struct ReceivedBody {
    /// The bytes
    pub(crate) bytes: Bytes,
    /// Their SHA-256
    pub sha256: [u8; 32],
    // Gives its room back when the request is answered.
    _room: Option<OwnedSemaphorePermit>,
}

/// A body that did not come in
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// More bytes than `body_bytes_max`
    #[error("the body is larger than body_bytes_max ({body_bytes_max} bytes)")]
    TooLarge {
        /// The limit
        body_bytes_max: usize,
    },
    /// More bytes than all bodies together may hold, or no room within the time
    #[error("no room for the body within in_flight_body_bytes_max")]
    NoRoom,
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

impl BodyBudget {
    /// Room for so many bytes, counted in whole kibibytes
    pub(crate) fn new(in_flight_body_bytes_max: usize) -> Self {
        let kibibytes_max = u32::try_from(in_flight_body_bytes_max / 1024)
            .unwrap_or(u32::MAX)
            .max(1);
        // The semaphore can hold fewer permits than a u32 on 32-bit machines only.
        let room = Arc::new(Semaphore::new(
            (kibibytes_max as usize).min(Semaphore::MAX_PERMITS),
        ));
        Self { room, kibibytes_max }
    }

    fn kibibytes(&self, bytes: u64) -> Option<u32> {
        u32::try_from(bytes.div_ceil(1024))
            .ok()
            .filter(|kibibytes| *kibibytes <= self.kibibytes_max)
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
    /// The body of a request with this head
    pub(crate) fn new(incoming: Incoming, headers: &HeaderMap) -> Self {
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
        }
    }

    /// Whether all of it was read, so that the next request can follow on the same connection
    pub(crate) fn is_complete(&self) -> bool {
        self.progress == Progress::Complete
    }

    /// Reads a body to its end and hashes it on the way
    ///
    /// # Errors
    /// When the body is larger than the limits, too slow, or broken. The rest of it is not read then; see
    /// [`drain`](Self::drain).
    pub(crate) async fn receive(
        &mut self,
        limits: &Limits,
        budget: &BodyBudget,
    ) -> Result<ReceivedBody, BodyError> {
        let mut clock = BodyClock::new(limits);
        let too_large = || BodyError::TooLarge {
            body_bytes_max: limits.body_bytes_max,
        };
        let announced = self.incoming.size_hint().exact();
        if announced.is_some_and(|bytes| bytes > limits.body_bytes_max as u64) {
            return Err(too_large());
        }

        // A body of known length takes its room at once, so that two of them can never wait for each other half-read.
        // A chunked one takes it piece by piece and gives up where there is none.
        let mut room = match announced {
            None | Some(0) => None,
            Some(bytes) => {
                let kibibytes = budget.kibibytes(bytes).ok_or(BodyError::NoRoom)?;
                let permit = budget.room.clone().acquire_many_owned(kibibytes);
                let permit = timeout_at(Instant::now() + limits.body_timeout, permit)
                    .await
                    .map_err(|_| BodyError::NoRoom)?;
                Some(permit.expect("the semaphore is never closed"))
            }
        };

        let mut hash = digest::Context::new(&digest::SHA256);
        let mut whole = Collected::Nothing;
        while let Some(data) = self.next(&mut clock).await? {
            if self.bytes_read > limits.body_bytes_max {
                return Err(too_large());
            }
            if announced.is_none() {
                let kibibytes = budget
                    .kibibytes(self.bytes_read as u64)
                    .ok_or(BodyError::NoRoom)?;
                let held = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
                if let Some(more) = kibibytes.checked_sub(u32::try_from(held).unwrap_or(u32::MAX))
                    && more > 0
                {
                    let permit = budget
                        .room
                        .clone()
                        .try_acquire_many_owned(more)
                        .map_err(|_| BodyError::NoRoom)?;
                    match &mut room {
                        Some(room) => room.merge(permit),
                        None => room = Some(permit),
                    }
                }
            }
            hash.update(&data);
            whole.push(data, announced);
        }
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

    /// The next bytes; `None`: there are no more
    async fn next(&mut self, clock: &mut BodyClock<'_>) -> Result<Option<Bytes>, BodyError> {
        if self.progress == Progress::Complete {
            return Ok(None);
        }
        self.progress = Progress::Begun;
        loop {
            let frame = match clock.wait_for(self.incoming.frame()).await {
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

    async fn wait_for<T>(&mut self, frame: impl Future<Output = T>) -> Result<T, BodyError> {
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
        timeout_at(deadline.min(stands_still), frame).await.map_err(|_| {
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

/// A body that comes in one piece, as small ones do, is not copied.
enum Collected {
    Nothing,
    One(Bytes),
    Many(Vec<u8>),
}

impl Collected {
    fn push(&mut self, data: Bytes, announced: Option<u64>) {
        *self = match std::mem::replace(self, Self::Nothing) {
            Self::Nothing => Self::One(data),
            Self::One(first) => {
                let capacity = announced
                    .and_then(|bytes| usize::try_from(bytes).ok())
                    .unwrap_or(0);
                let mut whole = Vec::with_capacity(capacity.max(first.len() + data.len()));
                whole.extend_from_slice(&first);
                whole.extend_from_slice(&data);
                Self::Many(whole)
            }
            Self::Many(mut whole) => {
                whole.extend_from_slice(&data);
                Self::Many(whole)
            }
        };
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Nothing => Bytes::new(),
            Self::One(data) => data,
            Self::Many(whole) => whole.into(),
        }
    }
}
