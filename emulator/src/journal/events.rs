//! What happens, as it happens: requests and changes, for whoever listens on `GET /events`.
//!
//! Nothing is kept for a listener. It has a [`Cursor`], and asks for what came after it: entries are taken from the journal,
//! changes from the newest [`CHANGES_MAX`] of them. So a listener that is too slow misses what the journal's limits push out
//! in the meantime, and is told how many.

use std::{collections::VecDeque, fmt, str::FromStr, sync::Arc};

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Entry, Journal, Order};

/// Something that happened
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Request(Arc<Entry>),
    Change(Change),
    /// So many events are gone that the listener was not told of
    Dropped(u64),
}

/// A change that requests from here on see
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Change {
    /// On the emulator's clock
    pub(crate) time: Timestamp,
    pub(crate) kind: ChangeKind,
}

/// What was changed
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChangeKind {
    /// A policy was attached to an endpoint, or the full access of the default policy restored
    Policy,
    /// Endpoints were made, changed or deleted over EC2
    Endpoint,
    /// The configuration was read anew
    Reload,
    /// Everything went back to the configuration
    Reset,
    /// The clock was set
    Clock,
    /// A whole state was put in the place of the one before
    State,
    /// The journal was cleared
    Clear,
}

/// How far a listener has been told
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Of the emulator's process: one that was started anew has other events
    epoch: u32,
    place: u64,
    change: u64,
}

/// The newest changes
#[derive(Debug)]
pub(super) struct Changes {
    epoch: u32,
    /// The number of the oldest one that is kept
    first: u64,
    kept: VecDeque<Change>,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            epoch: fastrand::u32(..),
            first: 0,
            kept: VecDeque::new(),
        }
    }
}

impl Changes {
    fn end(&self) -> u64 {
        self.first + self.kept.len() as u64
    }
}

impl Journal {
    /// Tells listeners of a change
    pub(crate) fn note_change(&self, change: Change) {
        let mut changes = self.changes();
        if changes.kept.len() == CHANGES_MAX {
            changes.kept.pop_front();
            changes.first += 1;
        }
        changes.kept.push_back(change);
        drop(changes);
        self.arrivals.notify_waiters();
    }

    /// Where whoever begins to listen now has been told everything
    pub(crate) fn end_of_events(&self) -> Cursor {
        let changes = self.changes();
        Cursor {
            epoch: changes.epoch,
            place: self.places().end,
            change: changes.end(),
        }
    }

    /// What came after a cursor, at most [`EVENTS_MAX`] and a count of those that are gone, and the cursor after each
    pub(crate) fn events_after(&self, cursor: Cursor) -> Vec<(Event, Cursor)> {
        let places = self.places();
        let (mut cursor, mut events) = (cursor, Vec::new());
        let changes = self.changes();
        if cursor.epoch != changes.epoch {
            // Another process told it of others: all of ours are new to it.
            cursor = Cursor {
                epoch: changes.epoch,
                place: places.start,
                change: changes.first,
            };
        }
        let gone = places.start.saturating_sub(cursor.place) + changes.first.saturating_sub(cursor.change);
        (cursor.place, cursor.change) = (cursor.place.max(places.start), cursor.change.max(changes.first));
        if gone > 0 {
            events.push((Event::Dropped(gone), cursor));
        }
        let told = usize::try_from(cursor.change - changes.first).unwrap_or(usize::MAX);
        for change in changes.kept.iter().skip(told) {
            cursor.change += 1;
            events.push((Event::Change(change.clone()), cursor));
        }
        drop(changes);
        let entries = self
            .walk(cursor.place..places.end, Order::Oldest)
            .take(EVENTS_MAX);
        for (place, entry) in entries {
            cursor.place = place + 1;
            events.push((Event::Request(entry), cursor));
        }
        events
    }
}

/// As the id of an event: `7f3a21c9-412-3`
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}-{}", self.epoch, self.place, self.change)
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let mut parts = text.split('-');
        let mut next = || parts.next().ok_or(InvalidCursor);
        let (epoch, place, change) = (next()?, next()?, next()?);
        let cursor = Self {
            epoch: u32::from_str_radix(epoch, 16).map_err(|_| InvalidCursor)?,
            place: place.parse().map_err(|_| InvalidCursor)?,
            change: change.parse().map_err(|_| InvalidCursor)?,
        };
        match parts.next() {
            None => Ok(cursor),
            Some(_) => Err(InvalidCursor),
        }
    }
}

/// Not the id of an event
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of an event")]
pub(crate) struct InvalidCursor;

/// Changes that are kept for those who listen
const CHANGES_MAX: usize = 256;
/// Entries that a listener is given at one time
const EVENTS_MAX: usize = 64;
