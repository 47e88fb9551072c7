//! Why a verification has no answer.

use jiff::Timestamp;
use uuid::Uuid;

use super::VerificationError;

/// The journal no longer has all that it would take to know
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Incomplete {
    /// Entries were pushed out that may count
    #[error(
        "{evicted} entries were evicted from the journal, and what they were is not known; raise \
         `limits.journal_entries_max` or `journal_bytes_max`, clear the journal before the test, or name a later `since`"
    )]
    Evicted {
        /// How many
        evicted: u64,
    },
    /// Entries that may count were cleared
    #[error(
        "entries were cleared from the journal that were received at `since` or later, and what they were is not known: name \
         a later `since`"
    )]
    Cleared,
    /// The journal begins later than `since`
    #[error(
        "`{0}` is before the emulator's start or a time that its clock never showed, and of that nothing is known: name a \
         later `since`"
    )]
    BeforeStart(Timestamp),
    /// `since` is not one moment
    #[error(
        "the emulator's clock was set back, so that it may have shown `{0}` more than once: name a request as `since`, or \
         clear the journal before the test"
    )]
    Twice(Timestamp),
    /// Nothing is known of the request that `since` names
    #[error("the journal has no request `{0}`, or no longer, so what came after it is not known")]
    UnknownRequest(Uuid),
    /// Of a recorded call too little is known
    #[error(
        "of the call {request_id} it is not known whether it is meant: its `{member}` was cut \
         (`limits.journal_entry_bytes_max`), or stood in a body that was not read; leave out `{member}`, or name a later `since`"
    )]
    Unknown {
        /// Which
        request_id: Uuid,
        /// What is not known of it
        member: &'static str,
    },
    /// Calls were received and are not recorded yet
    #[error(
        "{}, and what becomes of them is not known: let the client have its answers before the verification, or wait longer \
         with `within_milliseconds`",
        in_flight(*.0)
    )]
    InFlight(usize),
    /// It was cleared, or entries went faster than they could be counted
    #[error(
        "entries went from the journal before they could be counted: it was cleared, or its limits are too small"
    )]
    Overtaken,
}

/// Why a verification has no answer
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotVerified {
    /// What was asked makes no sense
    #[error("{0} (at `{path}` of the verification)", path = .0.path)]
    Mistake(#[from] VerificationError),
    /// The journal does not have what it takes to know
    #[error(transparent)]
    Incomplete(#[from] Incomplete),
    /// What was waited for may still have come
    #[error("the emulator stopped while calls were waited for")]
    Stopped,
}

fn in_flight(calls: usize) -> String {
    match calls {
        1 => "1 call is in flight".to_owned(),
        calls => format!("{calls} calls are in flight"),
    }
}
