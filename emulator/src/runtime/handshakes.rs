//! How TLS handshakes ended, by outcome.

use std::sync::atomic::{AtomicU64, Ordering};

use super::unheard::Ending;

/// Counts of handshakes since the start
#[derive(Debug, Default)]
pub(crate) struct Handshakes([AtomicU64; OUTCOMES.len()]);

/// The outcomes as `handshakes_total` has them; `done` is the first
const OUTCOMES: [&str; 7] = [
    "done",
    "alert",
    "closed",
    "failed",
    "no_certificate",
    "plain_http",
    "timeout",
];

impl Handshakes {
    /// Counts one that was done
    pub(crate) fn count_done(&self) {
        self.count("done");
    }

    /// Counts one that was not
    pub(crate) fn count_ended(&self, ending: &Ending) {
        self.count(match ending {
            Ending::Alert(_) => "alert",
            Ending::ClosedInHandshake => "closed",
            Ending::HandshakeFailed(_) => "failed",
            Ending::NoCertificate(_) => "no_certificate",
            Ending::PlainHttp => "plain_http",
            Ending::HandshakeTimeout => "timeout",
            // The handshake was done, and counted then.
            Ending::NoRequest => return,
        });
    }

    /// Each outcome with its count
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        OUTCOMES.into_iter().zip(counts)
    }

    fn count(&self, outcome: &str) {
        let counts = OUTCOMES.iter().zip(&self.0);
        for (_, count) in counts.filter(|(name, _)| **name == outcome) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}
