//! Reading a request's body: once, hashed while it streams, and never without a bound.
//!
//! A refused request's body is read too, up to `drain_bytes_max`: a socket closed with bytes unread makes the kernel
//! send a reset, and a client that is still writing sees the reset instead of the answer. (Measured with the Rust SDK:
//! a 403 sent with the body unread was retried, a 403 after draining was not.)

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;
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

/// Reads a body to its end and hashes it on the way
///
/// # Errors
/// When the body is larger than the limits, too slow, or broken. The rest of it is not read then; see [`drain`].
pub(crate) async fn receive<B>(
    body: &mut B,
    limits: &Limits,
    budget: &BodyBudget,
) -> Result<ReceivedBody, BodyError>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    let deadline = Instant::now() + limits.body_timeout;
    let too_large = || BodyError::TooLarge {
        body_bytes_max: limits.body_bytes_max,
    };
    let announced = body.size_hint().exact();
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
            let permit = timeout_at(deadline, permit)
                .await
                .map_err(|_| BodyError::NoRoom)?;
            Some(permit.expect("the semaphore is never closed"))
        }
    };

    let mut hash = digest::Context::new(&digest::SHA256);
    let mut whole = Collected::Nothing;
    let mut bytes_read = 0_usize;
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Err(_) => {
                return Err(BodyError::TimedOut {
                    body_timeout: limits.body_timeout,
                });
            }
            Ok(None) => break,
            Ok(Some(frame)) => frame.map_err(BodyError::Broken)?,
        };
        let Ok(data) = frame.into_data() else { continue };
        bytes_read = bytes_read.checked_add(data.len()).ok_or_else(too_large)?;
        if bytes_read > limits.body_bytes_max {
            return Err(too_large());
        }
        if announced.is_none() {
            let kibibytes = budget.kibibytes(bytes_read as u64).ok_or(BodyError::NoRoom)?;
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

/// Reads what is left of a refused request's body and throws it away, within `drain_bytes_max` and `body_timeout`
///
/// Returns how many bytes it read and their SHA-256, if that was all of them.
pub(crate) async fn drain<B>(body: &mut B, limits: &Limits) -> Option<(usize, [u8; 32])>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    let deadline = Instant::now() + limits.body_timeout;
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut bytes_read = 0;
    while bytes_read <= limits.drain_bytes_max {
        match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    bytes_read += data.len();
                    hash.update(data);
                }
            }
            Ok(None) => return Some((bytes_read, sha256(hash))),
            Ok(Some(Err(_))) | Err(_) => return None,
        }
    }
    None
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
