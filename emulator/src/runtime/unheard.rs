//! Connections to the AWS API that brought no request: what ended them, counted, so that a call that never arrived can be
//! told from one that was never made.
//!
//! ```text
//! localhost      the client sent the TLS alert UnknownCA      3
//! ```

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::server::ClientHello;
use tokio::sync::watch;

use crate::settings::LimitsReached;

/// What ended connections that brought no request
#[derive(Debug)]
pub(crate) struct UnheardConnections {
    kinds_max: usize,
    limits_reached: Arc<LimitsReached>,
    counts: Mutex<Counts>,
    /// Connections to the AWS API that have not ended
    open: watch::Sender<usize>,
}

/// A connection that has not ended; it has when this is dropped
pub(crate) struct Open<'u>(&'u UnheardConnections);

#[derive(Debug, Default)]
struct Counts {
    kinds: BTreeMap<Unheard, u64>,
    /// Those of further kinds than there may be
    others: u64,
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
    /// Tells so many kinds apart, and counts the rest together
    pub(crate) fn new(kinds_max: usize, limits_reached: Arc<LimitsReached>) -> Self {
        Self {
            kinds_max,
            limits_reached,
            counts: Mutex::default(),
            open: watch::Sender::new(0),
        }
    }

    /// A connection has begun
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
        // It fails only when there is no sender, and that is us.
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }

    pub(crate) fn count(&self, server_name: Option<String>, ending: Ending) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = Unheard { server_name, ending };
        let has_room = counts.kinds.len() < self.kinds_max;
        match counts.kinds.get_mut(&kind) {
            Some(count) => *count += 1,
            None if has_room => {
                counts.kinds.insert(kind, 1);
            }
            None => {
                counts.others += 1;
                self.limits_reached.unheard_kinds_max.note();
            }
        }
    }

    /// Each kind with its number, and the number of all others
    pub(crate) fn counts(&self) -> (Vec<(Unheard, u64)>, u64) {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let kinds = counts.kinds.iter().map(|(kind, count)| (kind.clone(), *count));
        (kinds.collect(), counts.others)
    }

    /// Begins anew
    pub(crate) fn clear(&self) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = Counts::default();
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open = open.saturating_sub(1));
    }
}

impl Ending {
    /// What a failed handshake was ended by
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_beyond_the_limit_are_counted_together() {
        let unheard = UnheardConnections::new(2, Arc::default());
        for name in ["a", "b", "a", "c", "d"] {
            unheard.count(Some(name.to_owned()), Ending::NoRequest);
        }
        let (kinds, others) = unheard.counts();
        let told: Vec<_> = kinds
            .iter()
            .map(|(kind, count)| (kind.server_name.as_deref(), *count))
            .collect();
        assert_eq!(told, [(Some("a"), 2), (Some("b"), 1)]);
        assert_eq!(others, 2);
        unheard.clear();
        assert_eq!(unheard.counts(), (Vec::new(), 0));
    }
}
