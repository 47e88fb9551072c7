//! What happens, as it happens: requests and changes, for whoever listens on `GET /events`.
//!
//! Nothing is kept for a listener. It has a [`Cursor`], and asks for what came after it: entries are taken from the journal,
//! changes from the newest [`CHANGES_MAX`] of them. So a listener that is too slow misses what the journal's limits push out
//! in the meantime, and is told how many.
//!
//! Listeners that keep up are all at the same place. What comes after it is written out for the first of them that asks, and
//! the others are given the same bytes.

use std::{
    collections::VecDeque,
    fmt,
    str::FromStr,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Journal, Order, SharedEntry};

/// Something that happened
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Request(SharedEntry),
    Change(Change),
    /// This many events are gone that the listener was not told of
    Dropped(u64),
}

/// A change that requests from here on see
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Change {
    /// On the emulator's clock
    pub(crate) time: Timestamp,
    pub(crate) kind: ChangeKind,
    /// The change was not made: a configuration that was read anew is not valid
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) failed: bool,
    /// Why it could not be done
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) message: Option<Arc<str>>,
    /// The scenario that was set
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) scenario: Option<Arc<str>>,
    /// The state that the scenario is in now
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) state: Option<Arc<str>>,
}

impl Change {
    /// A change that was made
    pub(crate) fn of(kind: ChangeKind, time: Timestamp) -> Self {
        Self {
            time,
            kind,
            failed: false,
            message: None,
            scenario: None,
            state: None,
        }
    }
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
    /// A whole state replaced the one before
    State,
    /// The journal was cleared
    Clear,
    /// Rules of a model were added or removed
    Rule,
    /// A test has set a scenario; what rules set is in the journal
    Scenario,
    /// Faults were added or taken away
    Fault,
}

/// How far a listener has been told
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Names the emulator's process: one that was started anew has other events
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

/// What listeners were told last, written out
#[derive(Debug, Default)]
pub(super) struct Told(VecDeque<Telling>);

/// What comes after a cursor, written out
#[derive(Debug, Clone)]
struct Telling {
    after: Cursor,
    bytes: Bytes,
    until: Cursor,
}

/// Somebody who listens, until this is dropped
#[derive(Debug)]
pub(crate) struct Listener<'j>(&'j Journal);

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        self.0.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Listener<'_> {
    /// How long events are gathered before listeners are told of them. The more listeners there are, the longer that
    /// is, so that telling all of them never takes more than a share of the time of the threads that serve.
    pub(crate) fn pause(&self) -> Duration {
        let listeners = u32::try_from(self.0.listeners.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        (PAUSE + PAUSE_PER_LISTENER.saturating_mul(listeners)).min(PAUSE_MAX)
    }
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

    /// Somebody begins to listen
    pub(crate) fn listen(&self) -> Listener<'_> {
        self.listeners.fetch_add(1, Ordering::Relaxed);
        Listener(self)
    }

    /// The cursor of a listener that has been told everything so far
    pub(crate) fn end_of_events(&self) -> Cursor {
        let changes = self.changes();
        Cursor {
            epoch: changes.epoch,
            place: self.places().end,
            change: changes.end(),
        }
    }

    /// What came after a cursor, as `write` writes it, and the cursor after it; no bytes where nothing came
    pub(crate) fn told_after(
        &self,
        cursor: Cursor,
        write: impl FnOnce(&[(Event, Cursor)]) -> Bytes,
    ) -> (Bytes, Cursor) {
        // The lock is held while the text is written, so that nobody else writes the same. Whoever panicked has added
        // nothing.
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever comes with no cursor of ours begins with what there is now, and not with what the last such one was told.
        let is_ours = cursor.epoch == self.changes().epoch;
        let known = told
            .0
            .iter()
            .rev()
            .find(|telling| is_ours && telling.after == cursor);
        if let Some(telling) = known {
            return (telling.bytes.clone(), telling.until);
        }
        let events = self.events_after(cursor);
        let Some((_, until)) = events.last() else {
            return (Bytes::new(), cursor);
        };
        let telling = Telling {
            after: cursor,
            bytes: write(&events),
            until: *until,
        };
        if told.0.len() == TELLINGS_MAX {
            told.0.pop_front();
        }
        told.0.push_back(telling.clone());
        (telling.bytes, telling.until)
    }

    /// What came after a cursor, and the cursor after each event: a count of the events that are gone, the changes, and
    /// at most [`EVENTS_MAX`] entries
    fn events_after(&self, cursor: Cursor) -> Vec<(Event, Cursor)> {
        let places = self.places();
        let (mut cursor, mut events) = (cursor, Vec::new());
        let changes = self.changes();
        let is_ours =
            cursor.epoch == changes.epoch && cursor.place <= places.end && cursor.change <= changes.end();
        if !is_ours {
            // The cursor is one of another process, or of nobody: all of our events are new to the listener.
            cursor = Cursor {
                epoch: changes.epoch,
                place: places.start,
                change: changes.first,
            };
        }
        let (evicted, first) = self.evicted_since(cursor.place);
        let gone = evicted + changes.first.saturating_sub(cursor.change);
        (cursor.place, cursor.change) = (cursor.place.max(first), cursor.change.max(changes.first));
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
/// How long events are gathered at least …
const PAUSE: Duration = Duration::from_millis(20);
/// … how much longer for each listener …
const PAUSE_PER_LISTENER: Duration = Duration::from_micros(500);
/// … and how long at most, however many listen
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// How many texts are kept for listeners that are a little behind the others
const TELLINGS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Limits, LogRequests};

    fn journal() -> Journal {
        Journal::new(&Limits::default(), LogRequests::None, &[])
    }

    fn note(journal: &Journal, kind: ChangeKind) {
        let time = Timestamp::UNIX_EPOCH;
        journal.note_change(Change::of(kind, time));
    }

    #[test]
    fn what_listeners_at_the_same_place_are_told_is_written_once() {
        let journal = journal();
        let start = journal.end_of_events();
        let write = |events: &[(Event, Cursor)]| Bytes::from(format!("{events:?}"));
        assert_eq!(
            journal.told_after(start, |_| unreachable!()),
            (Bytes::new(), start)
        );
        note(&journal, ChangeKind::Reset);
        let first = journal.told_after(start, write);
        // What happens in between does not belong to it.
        note(&journal, ChangeKind::Clock);
        let second = journal.told_after(start, |_| panic!("it is written again"));
        assert_eq!(first, second);
        assert_eq!(first.0.as_ptr(), second.0.as_ptr());
        let next = journal.told_after(first.1, write);
        assert!(next.0.windows(5).any(|text| text == b"Clock"), "{next:?}");
        assert_eq!(next.1, journal.end_of_events());
    }

    #[test]
    fn whoever_begins_is_told_what_there_is_now() {
        let journal = journal();
        let end = journal.end_of_events();
        let beginning = Cursor {
            epoch: end.epoch.wrapping_add(1),
            ..end
        };
        let write = |events: &[(Event, Cursor)]| Bytes::from(format!("{events:?}"));
        note(&journal, ChangeKind::Rule);
        let (first, _) = journal.told_after(beginning, write);
        assert!(!first.windows(5).any(|text| text == b"Clock"));
        note(&journal, ChangeKind::Clock);
        let (second, until) = journal.told_after(beginning, write);
        assert!(second.windows(5).any(|text| text == b"Clock"), "{second:?}");
        assert_eq!(until, journal.end_of_events());
    }

    #[test]
    fn the_more_listen_the_longer_events_are_gathered() {
        let journal = journal();
        let first = journal.listen();
        assert_eq!(first.pause(), PAUSE + PAUSE_PER_LISTENER);
        let others: Vec<_> = (0..499).map(|_| journal.listen()).collect();
        assert_eq!(first.pause(), Duration::from_millis(270));
        drop(others);
        assert_eq!(first.pause(), PAUSE + PAUSE_PER_LISTENER);
    }

    #[test]
    fn a_cursor_that_nobody_gave_is_told_everything() {
        let journal = journal();
        note(&journal, ChangeKind::Reset);
        let end = journal.end_of_events();
        assert!(journal.events_after(end).is_empty());
        for ahead in [
            Cursor { place: 1, ..end },
            Cursor { change: 2, ..end },
            Cursor {
                epoch: end.epoch.wrapping_add(1),
                ..end
            },
        ] {
            let events = journal.events_after(ahead);
            assert!(
                matches!(&events[..], [(Event::Change(change), after)] if change.kind == ChangeKind::Reset && *after == end),
                "{ahead}: {events:?}"
            );
        }
    }
}
