//! An entry between its request and its answer.

use std::{sync::Arc, time::Instant};

use hyper::body::Bytes;
use triomphe::UniqueArc;

use super::{Entry, Journal, in_flight::Turn};

/// An entry that is still being written; it writes itself down when it is dropped
pub(crate) struct OpenEntry<'a> {
    pub(super) journal: &'a Journal,
    pub(super) started: Instant,
    // Always there until `drop` takes it.
    pub(super) entry: Option<(UniqueArc<Entry>, Arc<Turn>)>,
}

impl OpenEntry<'_> {
    /// Keeps an answer with a mask as long as it is one of the newest
    pub(crate) fn keep_mask(&mut self, answer: Bytes) {
        let limits = *self
            .journal
            .limits
            .lock()
            .expect("nothing panics while it holds this lock");
        let mask = self.journal.masks().keep(answer, limits.masks_bytes_max);
        self.details_mut().response_mask = mask;
    }
}

impl std::ops::Deref for OpenEntry<'_> {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        let open = self.entry.as_ref();
        let (entry, _) = open.expect("an open entry holds its entry until it is dropped");
        entry
    }
}

impl std::ops::DerefMut for OpenEntry<'_> {
    fn deref_mut(&mut self) -> &mut Entry {
        let open = self.entry.as_mut();
        let (entry, _) = open.expect("an open entry holds its entry until it is dropped");
        entry
    }
}

impl Drop for OpenEntry<'_> {
    fn drop(&mut self) {
        if let Some((mut entry, turn)) = self.entry.take() {
            let ended = Instant::now();
            entry.duration = ended.saturating_duration_since(self.started);
            // Before the journal, which may cut its texts.
            self.journal.counters.count(&entry, ended);
            self.journal.push(entry, turn, ended);
        }
    }
}
