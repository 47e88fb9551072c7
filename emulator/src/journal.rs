//! The journal: what was asked, what was decided, and why.
//!
//! An entry is opened before anything is decided and closed exactly once, whatever happens: [`OpenEntry`] writes
//! itself down when it is dropped, so a client that hangs up and a panic leave an entry too, one without a status.
//! A request's entry is in the journal before its answer leaves, so a test that has the answer finds the entry.
//!
//! The journal is bounded by count and by bytes; the oldest entries go first, and how many went is told. What an entry
//! costs is an estimate: its texts, plus a fixed share for the rest.

use std::{
    borrow::Cow,
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use sigv4_verify::Mismatch;
use uuid::Uuid;

use crate::{
    authorize::Authorization,
    config::{Limits, Principal},
    entry_point::EntryPoint,
    host_name::EmulatedService,
    request::{AddressedHost, Connection, ReceivedRequest},
};

mod view;

pub(crate) use view::{EntryView, Filter};

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
}

/// One request
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) request_id: Uuid,
    pub(crate) time: Timestamp,
    pub(crate) duration: Duration,
    pub(crate) connection: Arc<Connection>,
    pub(crate) method: http::Method,
    pub(crate) target: Arc<str>,
    pub(crate) host: Arc<AddressedHost>,
    /// `None`: the request was refused before its entry point was known
    pub(crate) entry_point: Option<EntryPoint>,
    pub(crate) principal: Option<Arc<Principal>>,
    pub(crate) access_key_id: Option<Box<str>>,
    /// The service that was asked
    pub(crate) service: EmulatedService,
    pub(crate) operation: Option<Cow<'static, str>>,
    /// `None`: the request was refused before it was authorised
    pub(crate) authorization: Option<Arc<Authorization>>,
    /// `None`: the client hung up before there was an answer
    pub(crate) status: Option<StatusCode>,
    pub(crate) error_code: Option<&'static str>,
    pub(crate) message: Option<Box<str>>,
    pub(crate) mismatch: Option<Box<Mismatch>>,
    pub(crate) warnings: Vec<String>,
    pub(crate) body: BodyRecord,
    pub(crate) response_bytes: usize,
    pub(crate) rule: Option<Box<str>>,
    /// What the entry costs, estimated when it is closed
    bytes: usize,
}

/// What is kept of a request's body
#[derive(Debug, Default, Serialize)]
pub(crate) struct BodyRecord {
    /// `None`: the body was not read
    pub(crate) bytes: Option<usize>,
    #[serde(serialize_with = "view::hex")]
    pub(crate) sha256: Option<[u8; 32]>,
    pub(crate) content_type: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "view::base64")]
    pub(crate) kept: Option<Box<[u8]>>,
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
            target: without_session_token(&request.target),
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
            mismatch: None,
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
        entry.bytes = entry.cost();
        let limits = *self
            .limits
            .lock()
            .expect("nothing panics while it holds this lock");
        let mut evicted = Vec::new();
        let mut records = self.records();
        records.bytes += entry.bytes;
        records.entries.push_back(Arc::new(entry));
        while records.entries.len() > limits.entries_max || records.bytes > limits.bytes_max {
            let Some(oldest) = records.entries.pop_front() else {
                break;
            };
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

impl Entry {
    /// What the entry costs in bytes, estimated
    fn cost(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        size_of::<Self>()
            + self.target.len()
            + self.host.text.len()
            + self.operation.as_ref().map_or(0, |operation| operation.len())
            + text(&self.access_key_id)
            + text(&self.message)
            + text(&self.rule)
            + text(&self.body.content_type)
            + self.body.kept.as_ref().map_or(0, |kept| kept.len())
            + self.warnings.iter().map(String::len).sum::<usize>()
            + self
                .mismatch
                .as_ref()
                .map_or(0, |mismatch| mismatch.canonical_request().len() + MISMATCH_BYTES)
            + self
                .authorization
                .as_ref()
                .map_or(0, |authorization| authorization.bytes())
    }
}

/// What a mismatch costs beyond its canonical request: string to sign, signature, cause
const MISMATCH_BYTES: usize = 1024;

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

/// A presigned request carries its session token in the target
fn without_session_token(target: &Arc<str>) -> Arc<str> {
    const PARAMETER: &str = "X-Amz-Security-Token=";
    // Most targets have no parameters at all, which is found out faster.
    if !target.contains('=') {
        return target.clone();
    }
    let Some(start) = target.find(PARAMETER).map(|position| position + PARAMETER.len()) else {
        return target.clone();
    };
    let end = target[start..]
        .find('&')
        .map_or(target.len(), |length| start + length);
    format!("{}[redacted]{}", &target[..start], &target[end..]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_token_in_the_target_is_not_kept() {
        assert_eq!(
            &*without_session_token(&"/p?X-Amz-Security-Token=secret&X-Amz-Date=1".into()),
            "/p?X-Amz-Security-Token=[redacted]&X-Amz-Date=1"
        );
        assert_eq!(
            &*without_session_token(&"/p?X-Amz-Security-Token=secret".into()),
            "/p?X-Amz-Security-Token=[redacted]"
        );
        assert_eq!(&*without_session_token(&"/p?a=b".into()), "/p?a=b");
    }
}
