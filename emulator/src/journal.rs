//! The journal: what was asked, what was decided, and why.
//!
//! An entry is opened before anything is decided and closed exactly once, whatever happens: [`OpenEntry`] writes
//! itself down when it is dropped, so a client that hangs up and a panic leave an entry too, one without a status.
//! A request's entry is in the journal before its answer leaves, so a test that has the answer finds the entry.
//!
//! The journal is bounded by count and by bytes; the oldest entries go first, and the journal tells how many went. What
//! an entry costs is an estimate: its texts, plus a fixed share for the rest; what several entries share is counted
//! once. An entry that costs more than `journal_entry_bytes_max` is cut, so that no request pushes out those of others,
//! and the newest entry is never evicted.

use std::{
    borrow::Cow,
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use sigv4_verify::redact_secrets;
use smallvec::SmallVec;
use tokio::sync::{Notify, futures::Notified};
use triomphe::UniqueArc;
use uuid::Uuid;

use crate::{
    clock::Reading,
    request::{ReceivedRequest, trace_parent::TRACEPARENT},
    settings::{Limits, LimitsReached, LogRequests},
};

pub(crate) mod call_pattern;
mod counters;
mod counts;
mod entry;
pub(crate) mod events;
mod explainer;
mod filter;
mod in_flight;
pub(crate) mod masks;
mod open_entry;
mod request_log;
mod shared_parts;
mod statistics;
mod typed;
pub(crate) mod verification;
mod view;

pub(crate) use self::{
    counters::{Counters, RuleOfModel},
    counts::CountByError,
    entry::{BodyRecord, Entry, SharedEntry, SignatureRecord},
    explainer::Explainer,
    filter::{Order, PARAMETERS, Query},
    open_entry::OpenEntry,
    request_log::{REQUEST_LOG_TARGET, RequestLog},
    statistics::{Statistics, StatisticsError, StatisticsQuery},
    view::{EntryView, OfDocument, Sha256s},
};
pub use self::{
    counts::{CountBy, CountOfGroup, Counts},
    typed::JournalEntry,
};
use self::{
    events::{Changes, Told},
    filter::Since,
    in_flight::{InFlight, InFlightThen, Turn},
    masks::Masks,
    shared_parts::SharedParts,
    verification::Incomplete,
};

/// Every request that was answered or broken off, newest last
#[derive(Debug)]
pub(crate) struct Journal {
    /// What the log says of requests
    pub(crate) log: RequestLog,
    /// Counts that no eviction touches
    pub(crate) counters: Counters,
    pub(crate) limits_reached: Arc<LimitsReached>,
    records: Mutex<Records>,
    in_flight: InFlight,
    masks: Mutex<Masks>,
    limits: Mutex<JournalLimits>,
    changes: Mutex<Changes>,
    /// What listeners were told last, written out
    told: Mutex<Told>,
    /// How many listen
    listeners: AtomicUsize,
    /// Wakes whoever waits for entries and changes
    arrivals: Notify,
}

#[derive(Debug, Default)]
struct Records {
    entries: VecDeque<SharedEntry>,
    /// The place of the oldest entry; places are given once
    first: u64,
    /// What the entries cost together, with what they share
    bytes: usize,
    shared_parts: SharedParts,
    evicted: u64,
    /// When the latest of the evicted entries was received
    evicted_until: Option<Reading>,
    /// When the latest entry that was cleared, or evicted before a clearing, was received
    cleared_until: Option<Reading>,
    /// The places of the entries that were cleared, for the latest [`CLEARED_MAX`] clearings
    cleared: VecDeque<Range<u64>>,
}

#[derive(Debug, Clone, Copy)]
struct JournalLimits {
    entries_max: usize,
    bytes_max: usize,
    entry_bytes_max: usize,
    masks_bytes_max: usize,
}

/// The entries that a query asks for
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// Their places, in the order that is asked for
    pub(crate) places: Vec<u64>,
    /// The request of the last of them, if there are more than were asked for
    pub(crate) next: Option<Uuid>,
}

/// How many clearings of the journal are told apart from evictions
const CLEARED_MAX: usize = 64;

/// How many entries are read while the lock is held once
const WINDOW_ENTRIES: u64 = 256;

impl Journal {
    /// A journal of requests with these operations
    pub(crate) fn new(limits: &Limits, log_requests: LogRequests, operations: &[&'static str]) -> Self {
        let limits_reached = Arc::<LimitsReached>::default();
        let journal = Self {
            log: RequestLog::new(
                log_requests,
                limits.log_queue_requests_max,
                limits_reached.clone(),
            ),
            counters: Counters::new(limits, operations, limits_reached.clone()),
            limits_reached,
            records: Mutex::default(),
            in_flight: InFlight::default(),
            masks: Mutex::default(),
            limits: Mutex::new(JournalLimits {
                entries_max: 0,
                bytes_max: 0,
                entry_bytes_max: 0,
                masks_bytes_max: 0,
            }),
            changes: Mutex::default(),
            told: Mutex::default(),
            listeners: AtomicUsize::new(0),
            arrivals: Notify::new(),
        };
        journal.set_limits(limits);
        journal
    }

    /// Takes over other limits, from the next entry on
    pub(crate) fn set_limits(&self, limits: &Limits) {
        *self
            .limits
            .lock()
            .expect("nothing panics while it holds this lock") = JournalLimits {
            entries_max: limits.journal_entries_max,
            bytes_max: limits.journal_bytes_max,
            entry_bytes_max: limits.journal_entry_bytes_max,
            masks_bytes_max: limits.journal_masks_bytes_max,
        };
    }

    /// Begins the entry of a request
    pub(crate) fn open(&self, request: &ReceivedRequest) -> OpenEntry<'_> {
        let content_type = request.header(&http::header::CONTENT_TYPE);
        let mut entry = UniqueArc::new(Entry {
            request_id: request.request_id,
            time: request.received_at,
            clock_lap: request.clock_lap,
            duration: Duration::ZERO,
            connection: request.connection.clone(),
            method: request.method.clone(),
            target: without_secrets(&request.target),
            host: request.host.clone(),
            entry_point: None,
            principal: None,
            access_key_id: None,
            service: None,
            operation: None,
            authorization: None,
            status: None,
            body: BodyRecord::announced(content_type),
            response_bytes: 0,
            rule: None,
            details: None,
            unread_actions: &[],
            is_cut: false,
            bytes: 0,
        });
        let traceparent = request.header(&TRACEPARENT).and_then(|text| text.parse().ok());
        if traceparent.is_some() {
            entry.details_mut().traceparent = traceparent;
        }
        OpenEntry {
            journal: self,
            started: request.started,
            entry: Some((entry, self.in_flight.begin())),
        }
    }

    /// The places of the entries that a query asks for
    pub(crate) fn select(&self, query: &Query) -> Selection {
        let Range { start, end } = self.places();
        // An entry that is no longer there came before all that are.
        let behind = |request_id| self.place(request_id).map_or(start, |place| place + 1);
        let since = match query.since {
            Some(Since::Request(request_id)) => Some(request_id),
            _ => None,
        };
        let from = [query.after, since].into_iter().flatten().map(behind).max();
        let to = query
            .before
            .map_or(end, |request_id| self.place(request_id).unwrap_or(start));

        let mut selection = Selection::default();
        let mut last = None;
        for (place, entry) in self.walk(from.unwrap_or(start)..to, query.order) {
            if !query.lets_through(&entry) {
                continue;
            }
            if query.limit == Some(selection.places.len()) {
                selection.next = last;
                break;
            }
            selection.places.push(place);
            last = Some(entry.request_id);
        }
        selection
    }

    /// All entries, newest last
    pub(crate) fn entries(&self) -> Vec<SharedEntry> {
        self.records().entries.iter().cloned().collect()
    }

    /// The entry of a request
    pub(crate) fn entry(&self, request_id: Uuid) -> Option<SharedEntry> {
        self.at(self.place(request_id)?)
    }

    /// The entry at a place, unless it was evicted
    pub(crate) fn at(&self, place: u64) -> Option<SharedEntry> {
        let (_, entry) = self.window(place..place + 1).pop()?;
        Some(entry)
    }

    fn place(&self, request_id: Uuid) -> Option<u64> {
        self.walk(self.places(), Order::Newest)
            .find(|(_, entry)| entry.request_id == request_id)
            .map(|(place, _)| place)
    }

    fn places(&self) -> Range<u64> {
        let records = self.records();
        records.first..records.first + records.entries.len() as u64
    }

    /// Entries one after the other. The lock is held for a few of them at a time, because the threads that serve wait
    /// for it.
    fn walk(&self, places: Range<u64>, order: Order) -> impl Iterator<Item = (u64, SharedEntry)> {
        let mut left = places;
        let windows = std::iter::from_fn(move || {
            if left.is_empty() {
                return None;
            }
            let window = match order {
                Order::Oldest => left.start..left.end.min(left.start + WINDOW_ENTRIES),
                Order::Newest => left.start.max(left.end.saturating_sub(WINDOW_ENTRIES))..left.end,
            };
            match order {
                Order::Oldest => left.start = window.end,
                Order::Newest => left.end = window.start,
            }
            let mut entries = self.window(window);
            if order == Order::Newest {
                entries.reverse();
            }
            Some(entries)
        });
        windows.flatten()
    }

    fn window(&self, places: Range<u64>) -> Vec<(u64, SharedEntry)> {
        let records = self.records();
        let index = |place: u64| {
            let index = usize::try_from(place.saturating_sub(records.first)).unwrap_or(usize::MAX);
            index.min(records.entries.len())
        };
        let range = index(places.start)..index(places.end);
        let first = records.first + range.start as u64;
        (first..).zip(records.entries.range(range).cloned()).collect()
    }

    /// Where the entries since the last clearing begin, and whether any of them are missing
    fn since_cleared(&self) -> (u64, Option<Incomplete>) {
        let records = self.records();
        let evicted = records.evicted;
        (
            records.first,
            (evicted > 0).then_some(Incomplete::Evicted { evicted }),
        )
    }

    /// Where to begin to look for entries received at this instant or later, and whether any of them are missing
    fn since_instant(&self, since: Reading) -> (u64, Option<Incomplete>) {
        let records = self.records();
        let evicted = records.evicted;
        let incomplete = if records.evicted_until >= Some(since) {
            Some(Incomplete::Evicted { evicted })
        } else if records.cleared_until >= Some(since) {
            Some(Incomplete::Cleared)
        } else {
            None
        };
        (records.first, incomplete)
    }

    /// How many entries from this place on were evicted, and the place of the oldest that is there; cleared entries do
    /// not count as evicted
    fn evicted_since(&self, place: u64) -> (u64, u64) {
        let records = self.records();
        let gone = place..records.first;
        let cleared = records.cleared.iter().map(|cleared| {
            let (start, end) = (cleared.start.max(gone.start), cleared.end.min(gone.end));
            end.saturating_sub(start)
        });
        let evicted = gone.end.saturating_sub(gone.start).saturating_sub(cleared.sum());
        (evicted, records.first)
    }

    /// A future that ends with the next entry that is recorded, or the next change that is noted, after it was enabled
    pub(crate) fn arrival(&self) -> Notified<'_> {
        self.arrivals.notified()
    }

    /// The calls that are received by now and not yet recorded
    pub(crate) fn in_flight(&self) -> InFlightThen {
        self.in_flight.now()
    }

    /// How many entries there are, and how many went because of the limits
    pub(crate) fn counts(&self) -> (usize, u64) {
        let records = self.records();
        (records.entries.len(), records.evicted)
    }

    /// What the entries cost together, in bytes
    pub(crate) fn bytes(&self) -> usize {
        self.records().bytes
    }

    /// Forgets every entry, and begins the counts of groups anew
    pub(crate) fn reset(&self) {
        self.clear();
        self.counters.reset();
    }

    /// Forgets every entry, and how many were evicted before; returns how many entries it forgot
    pub(crate) fn clear(&self) -> usize {
        let mut records = self.records();
        let first = records.first + records.entries.len() as u64;
        let mut cleared = std::mem::take(&mut records.cleared);
        if cleared.len() == CLEARED_MAX {
            cleared.pop_front();
        }
        cleared.push_back(records.first..first);
        let received = records.entries.iter().map(|entry| entry.received());
        let cleared_until = received
            .max()
            .max(records.evicted_until)
            .max(records.cleared_until);
        let forgotten = std::mem::replace(
            &mut *records,
            Records {
                first,
                cleared,
                cleared_until,
                ..Records::default()
            },
        );
        // What is forgotten is freed after the lock is released.
        drop(records);
        *self.masks() = Masks::default();
        forgotten.entries.len()
    }

    /// Writes down an entry that was closed at this moment
    fn push(&self, mut entry: UniqueArc<Entry>, turn: Arc<Turn>, ended: Instant) {
        let limits = *self
            .limits
            .lock()
            .expect("nothing panics while it holds this lock");
        if entry.fit(limits.entry_bytes_max) {
            self.limits_reached.journal_entry_bytes_max.note_at(ended);
        }
        entry.bytes = entry.cost();
        let mut evicted = SmallVec::<[_; 1]>::new();
        let mut records = self.records();
        records.bytes += entry.bytes + records.shared_parts.add(&entry);
        let entry = entry.shareable();
        records.entries.push_back(entry.clone());
        // The newest stays whatever it costs: whoever made the request is about to ask for it.
        while records.entries.len() > 1
            && (records.entries.len() > limits.entries_max || records.bytes > limits.bytes_max)
        {
            let oldest = records
                .entries
                .pop_front()
                .expect("there are more entries than one");
            records.first += 1;
            records.bytes -= oldest.bytes + records.shared_parts.remove(&oldest);
            records.evicted += 1;
            records.evicted_until = records.evicted_until.max(Some(oldest.received()));
            evicted.push(oldest);
        }
        let are_too_many = !evicted.is_empty() && records.entries.len() >= limits.entries_max;
        // What was evicted is freed after the lock is released.
        drop(records);
        // The turn ends before those who wait for its end are woken.
        drop(turn);
        if !evicted.is_empty() {
            match are_too_many {
                true => self.limits_reached.journal_entries_max.note_at(ended),
                false => self.limits_reached.journal_bytes_max.note_at(ended),
            }
        }
        self.arrivals.notify_waiters();
        self.log.note(&entry);
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes
            .lock()
            .expect("nothing panics while it holds this lock")
    }

    /// How many bytes the kept answers with masks have
    pub(crate) fn masks_bytes(&self) -> usize {
        self.masks().bytes()
    }

    fn masks(&self) -> MutexGuard<'_, Masks> {
        self.masks
            .lock()
            .expect("nothing panics while it holds this lock")
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records
            .lock()
            .expect("nothing panics while it holds this lock")
    }
}

/// The target without secrets: a presigned request carries its signature and its session token in it
fn without_secrets(target: &Arc<str>) -> Arc<str> {
    match redact_secrets(target) {
        Cow::Borrowed(_) => target.clone(),
        Cow::Owned(redacted) => redacted.into(),
    }
}
