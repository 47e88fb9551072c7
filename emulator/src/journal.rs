//! The journal: what was asked, what was decided, and why.
//!
//! An entry is opened before anything is decided and closed exactly once, whatever happens: [`OpenEntry`] writes
//! itself down when it is dropped, so a client that hangs up and a panic leave an entry too, one without a status.
//! A request's entry is in the journal before its answer leaves, so a test that has the answer finds the entry.
//!
//! The journal is bounded by count and by bytes; the oldest entries go first, and how many went is told. What an entry
//! costs is an estimate: its texts, plus a fixed share for the rest. One that costs more than `journal_entry_bytes_max`
//! is cut, so that no request pushes out those of others, and the newest is never evicted.

use std::{
    borrow::Cow,
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use sigv4_verify::redact_secrets;
use uuid::Uuid;

use crate::{config::Limits, host_name::EmulatedService, request::ReceivedRequest};

mod entry;
mod filter;
mod view;

pub(crate) use self::{
    entry::{BodyRecord, Entry, SignatureRecord},
    filter::Filter,
    view::EntryView,
};

/// Every request that was answered or broken off, newest last
#[derive(Debug)]
pub(crate) struct Journal {
    records: Mutex<Records>,
    limits: Mutex<JournalLimits>,
}

#[derive(Debug, Default)]
struct Records {
    entries: VecDeque<Arc<Entry>>,
    /// What the entries cost together
    bytes: usize,
    evicted: u64,
}

#[derive(Debug, Clone, Copy)]
struct JournalLimits {
    entries_max: usize,
    bytes_max: usize,
    entry_bytes_max: usize,
}

/// An entry that is still being written; it writes itself down when it is dropped
#[derive(Debug)]
pub(crate) struct OpenEntry<'a> {
    journal: &'a Journal,
    started: std::time::Instant,
    // Always there until `drop` takes it.
    entry: Option<Entry>,
}

impl Journal {
    pub(crate) fn new(limits: &Limits) -> Self {
        let journal = Self {
            records: Mutex::default(),
            limits: Mutex::new(JournalLimits {
                entries_max: 0,
                bytes_max: 0,
                entry_bytes_max: 0,
            }),
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
        };
    }

    /// Begins the entry of a request
    pub(crate) fn open(&self, request: &ReceivedRequest) -> OpenEntry<'_> {
        let content_type = request.header(&http::header::CONTENT_TYPE).map(Into::into);
        let entry = Entry {
            request_id: request.request_id,
            time: request.received_at,
            duration: Duration::ZERO,
            connection: request.connection.clone(),
            method: request.method.clone(),
            target: without_secrets(&request.target),
            host: request.host.clone(),
            entry_point: None,
            principal: None,
            access_key_id: None,
            service: EmulatedService::LookoutVision,
            operation: None,
            authorization: None,
            status: None,
            error_code: None,
            message: None,
            signature: None,
            warnings: Vec::new(),
            body: BodyRecord {
                content_type,
                ..BodyRecord::default()
            },
            response_bytes: 0,
            rule: None,
            bytes: 0,
        };
        OpenEntry {
            journal: self,
            started: request.started,
            entry: Some(entry),
        }
    }

    /// The entries that a filter lets through, newest last
    pub(crate) fn entries(&self, filter: &Filter) -> Vec<Arc<Entry>> {
        let entries: Vec<_> = self.records().entries.iter().cloned().collect();
        filter.apply(entries)
    }

    /// The entry of a request
    pub(crate) fn entry(&self, request_id: Uuid) -> Option<Arc<Entry>> {
        self.records()
            .entries
            .iter()
            .rev()
            .find(|entry| entry.request_id == request_id)
            .cloned()
    }

    /// How many entries there are, and how many went because of the limits
    pub(crate) fn counts(&self) -> (usize, u64) {
        let records = self.records();
        (records.entries.len(), records.evicted)
    }

    /// Forgets every entry, and how many went before
    pub(crate) fn clear(&self) {
        *self.records() = Records::default();
    }

    fn push(&self, mut entry: Entry) {
        let limits = *self
            .limits
            .lock()
            .expect("nothing panics while it holds this lock");
        entry.fit(limits.entry_bytes_max);
        entry.bytes = entry.cost();
        let mut evicted = Vec::new();
        let mut records = self.records();
        records.bytes += entry.bytes;
        records.entries.push_back(Arc::new(entry));
        // The newest stays whatever it costs: whoever made the request is about to ask for it.
        while records.entries.len() > 1
            && (records.entries.len() > limits.entries_max || records.bytes > limits.bytes_max)
        {
            let oldest = records
                .entries
                .pop_front()
                .expect("there are more entries than one");
            records.bytes -= oldest.bytes;
            records.evicted += 1;
            evicted.push(oldest);
        }
        // What was evicted is freed after the lock is.
        drop(records);
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records
            .lock()
            .expect("nothing panics while it holds this lock")
    }
}

impl std::ops::Deref for OpenEntry<'_> {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        self.entry
            .as_ref()
            .expect("an open entry holds its entry until it is dropped")
    }
}

impl std::ops::DerefMut for OpenEntry<'_> {
    fn deref_mut(&mut self) -> &mut Entry {
        self.entry
            .as_mut()
            .expect("an open entry holds its entry until it is dropped")
    }
}

impl Drop for OpenEntry<'_> {
    fn drop(&mut self) {
        if let Some(mut entry) = self.entry.take() {
            entry.duration = self.started.elapsed();
            self.journal.push(entry);
        }
    }
}

/// A presigned request carries its signature and its session token in the target
fn without_secrets(target: &Arc<str>) -> Arc<str> {
    match redact_secrets(target) {
        Cow::Borrowed(_) => target.clone(),
        Cow::Owned(redacted) => redacted.into(),
    }
}
