//! Connections to the AWS API that brought no request: what ended them, counted, so that a call that never arrived can be
//! told from one that was never made.
//!
//! ```text
//! localhost      the client sent the TLS alert UnknownCA      3      last at 12:03:41 from 127.0.0.1
//! ```
//!
//! Such a connection is not news for ever: a later request from the same address settles what is noted here of it.

use std::{
    collections::BTreeMap,
    fmt,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};
use rustls::server::ClientHello;
use tokio::sync::watch;

use crate::settings::LimitsReached;

/// What ended connections that brought no request
#[derive(Debug)]
pub(crate) struct UnheardConnections {
    kinds_max: usize,
    limits_reached: Arc<LimitsReached>,
    counts: Mutex<Counts>,
    /// Whether any kind is not settled; only then does a connection that is heard take the lock
    has_unsettled: AtomicBool,
    /// Connections to the AWS API that have not ended
    open: watch::Sender<usize>,
}

/// A connection that is open until this is dropped
pub(crate) struct Open<'u>(&'u UnheardConnections);

#[derive(Debug, Default)]
struct Counts {
    kinds: BTreeMap<Unheard, Tally>,
    /// Connections of kinds beyond `kinds_max`
    others: u64,
}

/// How often connections of one kind came, and what followed them
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    /// When the last of them ended, on the machine's clock
    pub(crate) last: Timestamp,
    /// Where the last of them came from
    pub(crate) from: IpAddr,
    /// When the first request came from there after it
    pub(crate) settled: Option<Timestamp>,
}

impl Tally {
    /// Whether it is old news: the client has long been heard
    fn is_past(&self, now: Timestamp) -> bool {
        self.settled
            .is_some_and(|settled| now.duration_since(settled) > SETTLED_TOLD_FOR)
    }
}

/// A connection that brought no request
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unheard {
    /// The TLS server name, where the client named one
    pub(crate) server_name: Option<String>,
    pub(crate) ending: Ending,
}

/// What ended a connection that brought no request
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    /// The client sent this TLS alert
    Alert(String),
    /// The client speaks HTTP without TLS
    PlainHttp,
    /// There is no certificate for the server name, for this reason
    NoCertificate(String),
    /// The handshake was not done in time
    HandshakeTimeout,
    /// The handshake failed otherwise
    HandshakeFailed(String),
    /// The client closed the connection before the end of the handshake
    ClosedInHandshake,
    /// The handshake was done, and no request followed
    NoRequest,
}

impl UnheardConnections {
    /// Tells `kinds_max` kinds apart, and counts the rest together
    pub(crate) fn new(kinds_max: usize, limits_reached: Arc<LimitsReached>) -> Self {
        Self {
            kinds_max,
            limits_reached,
            counts: Mutex::default(),
            has_unsettled: AtomicBool::new(false),
            open: watch::Sender::new(0),
        }
    }

    /// Notes that a connection has begun
    pub(crate) fn opened(&self) -> Open<'_> {
        self.open.send_modify(|open| *open += 1);
        Open(self)
    }

    /// How many connections have not ended
    pub(crate) fn open(&self) -> usize {
        *self.open.borrow()
    }

    /// Waits until every connection has ended, and so has been counted if it is to be
    pub(crate) async fn all_ended(&self) {
        // It fails only when there is no sender, and the sender is ours.
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }

    /// Counts a connection that has ended
    pub(crate) fn count(&self, server_name: Option<String>, ending: Ending, from: IpAddr) {
        let now = Timestamp::now();
        let mut counts = self.lock();
        counts.kinds.retain(|_, tally| !tally.is_past(now));
        let kind = Unheard { server_name, ending };
        let has_room = counts.kinds.len() < self.kinds_max;
        let before = counts.kinds.get(&kind).map(|tally| tally.count);
        if before.is_none() && !has_room {
            counts.others += 1;
            self.limits_reached.unheard_kinds_max.note();
            return;
        }
        let tally = Tally {
            count: before.unwrap_or_default() + 1,
            last: now,
            from,
            settled: None,
        };
        counts.kinds.insert(kind, tally);
        self.has_unsettled.store(true, Ordering::Relaxed);
    }

    /// Notes that a connection from this address has brought a request
    pub(crate) fn heard(&self, from: IpAddr) {
        if !self.has_unsettled.load(Ordering::Relaxed) {
            return;
        }
        let now = Timestamp::now();
        let mut counts = self.lock();
        for tally in counts.kinds.values_mut().filter(|tally| tally.from == from) {
            tally.settled.get_or_insert(now);
        }
        let has_unsettled = counts.kinds.values().any(|tally| tally.settled.is_none());
        self.has_unsettled.store(has_unsettled, Ordering::Relaxed);
    }

    /// Each kind with what is known of it, and the number of all others; without what has long been settled
    pub(crate) fn counts(&self) -> (Vec<(Unheard, Tally)>, u64) {
        let now = Timestamp::now();
        let counts = self.lock();
        let kinds = counts.kinds.iter().filter(|(_, tally)| !tally.is_past(now));
        (
            kinds.map(|(kind, tally)| (kind.clone(), *tally)).collect(),
            counts.others,
        )
    }

    /// Forgets all counts
    pub(crate) fn clear(&self) {
        *self.lock() = Counts::default();
    }

    /// Whoever panicked has left whole counts.
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open = open.saturating_sub(1));
    }
}

impl Ending {
    /// What ended a failed handshake
    pub(crate) fn of_handshake(error: &std::io::Error) -> Self {
        let tls = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match tls {
            Some(rustls::Error::AlertReceived(alert)) => Self::Alert(format!("{alert:?}")),
            Some(error) => Self::HandshakeFailed(error.to_string()),
            None => Self::ClosedInHandshake,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alert(alert) => write!(f, "the client sent the TLS alert {alert}"),
            Self::PlainHttp => f.write_str("the client spoke HTTP without TLS"),
            Self::NoCertificate(reason) => f.write_str(reason),
            Self::HandshakeTimeout => {
                f.write_str("the handshake was not done within handshake_timeout_seconds")
            }
            Self::HandshakeFailed(error) => write!(f, "the handshake failed: {error}"),
            Self::ClosedInHandshake => f.write_str("the client closed it before the end of the handshake"),
            Self::NoRequest => f.write_str("the handshake was done and no request followed"),
        }
    }
}

/// Whether `doctor` makes this connection, only to see that it can
pub(crate) fn is_probe(hello: &ClientHello<'_>) -> bool {
    let mut protocols = hello.alpn().into_iter().flatten();
    protocols.any(|protocol| protocol == PROBE_PROTOCOL)
}

/// The ALPN protocol that tells connections of `doctor` from a client's; nobody ever speaks it
pub(crate) const PROBE_PROTOCOL: &[u8] = b"x-lookoutvision-emulator-doctor";

/// How long a kind is told of after its client was heard
const SETTLED_TOLD_FOR: SignedDuration = SignedDuration::from_mins(10);

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));

    #[test]
    fn a_later_request_from_the_same_address_settles_a_kind_until_it_comes_again() {
        let unheard = UnheardConnections::new(2, Arc::default());
        let settled = || {
            unheard
                .counts()
                .0
                .iter()
                .map(|(_, tally)| tally.settled.is_some())
                .collect::<Vec<_>>()
        };
        unheard.heard(HERE);
        unheard.count(None, Ending::PlainHttp, HERE);
        unheard.heard(THERE);
        assert_eq!(settled(), [false]);
        unheard.heard(HERE);
        assert_eq!(settled(), [true]);
        unheard.count(None, Ending::PlainHttp, HERE);
        assert_eq!(settled(), [false]);
        let (kinds, _) = unheard.counts();
        assert_eq!((kinds[0].1.count, kinds[0].1.from), (2, HERE));
        let tally = Tally {
            settled: Some(kinds[0].1.last),
            ..kinds[0].1
        };
        assert!(!tally.is_past(tally.last + SETTLED_TOLD_FOR));
        assert!(tally.is_past(tally.last + SETTLED_TOLD_FOR + SignedDuration::from_secs(1)));
    }

    #[test]
    fn kinds_beyond_the_limit_are_counted_together() {
        let unheard = UnheardConnections::new(2, Arc::default());
        for name in ["a", "b", "a", "c", "d"] {
            unheard.count(Some(name.to_owned()), Ending::NoRequest, HERE);
        }
        let (kinds, others) = unheard.counts();
        let told: Vec<_> = kinds
            .iter()
            .map(|(kind, tally)| (kind.server_name.as_deref(), tally.count))
            .collect();
        assert_eq!(told, [(Some("a"), 2), (Some("b"), 1)]);
        assert_eq!(others, 2);
        unheard.clear();
        assert_eq!(unheard.counts(), (Vec::new(), 0));
    }
}
