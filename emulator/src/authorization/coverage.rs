//! Counts which parts of the policies requests reach, as they are decided.
//!
//! A document is identified by its type, by what it is attached to and by its text. So a document that is replaced
//! keeps its counts, and one that is read again goes on with them. When coverage is off, a request costs one look at a
//! flag.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use iam_policy::{DocumentCounts, Evaluation, PolicyDocument, PolicyType};

use super::Question;
use crate::settings::LimitsReached;

/// Counts for each document
#[derive(Debug)]
pub(crate) struct Coverage {
    is_on: AtomicBool,
    documents_max: AtomicUsize,
    documents: Mutex<Documents>,
    limits_reached: Arc<LimitsReached>,
}

#[derive(Debug, Default)]
struct Documents {
    counted: Vec<CountedDocument>,
    /// How many documents were dropped to make room for others
    evicted: u64,
    /// Goes up with each document that is asked
    clock: u64,
}

/// The counts of a document in one place
#[derive(Debug, Clone)]
pub(crate) struct CountedDocument {
    /// The clone that was asked last: the same text may be read again
    document: PolicyDocument,
    /// An endpoint, a principal, a role or an organization; `None` for policies that are tested by themselves
    pub(crate) attached_to: Option<Box<str>>,
    pub(crate) counts: DocumentCounts,
    asked_last: u64,
}

impl Coverage {
    pub(crate) fn new(is_on: bool, documents_max: usize, limits_reached: Arc<LimitsReached>) -> Self {
        Self {
            is_on: AtomicBool::new(is_on),
            documents_max: AtomicUsize::new(documents_max),
            documents: Mutex::default(),
            limits_reached,
        }
    }

    /// Whether requests are counted
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Turns counting on or off; the counts so far stay
    pub(crate) fn turn(&self, on: bool) {
        self.is_on.store(on, Ordering::Relaxed);
    }

    /// Sets how many documents are counted for
    pub(crate) fn set_documents_max(&self, documents_max: usize) {
        self.documents_max.store(documents_max, Ordering::Relaxed);
    }

    /// Forgets every count
    pub(crate) fn clear(&self) {
        *self.lock() = Documents::default();
    }

    /// Every document with its counts, in the order in which they were first asked, and how many were dropped to make
    /// room
    pub(crate) fn documents(&self) -> (Vec<CountedDocument>, u64) {
        let documents = self.lock();
        let mut counted = documents.counted.clone();
        let evicted = documents.evicted;
        drop(documents);
        // Nobody here wrote the policy that AWS attaches by default.
        let default = PolicyDocument::full_access();
        counted.retain(|known| known.document.text() != default.text());
        (counted, evicted)
    }

    /// How many documents are counted for
    pub(crate) fn len(&self) -> usize {
        self.lock().counted.len()
    }

    /// Lists a document even if no request has asked it yet
    pub(crate) fn show(&self, document: &PolicyDocument, attached_to: Option<&str>) {
        self.counts_of(&mut self.lock(), document, attached_to);
    }

    /// Counts a question and its evaluation in every document that is asked
    pub(super) fn count_question<'a>(
        &self,
        question: &Question<'_>,
        evaluation: &Evaluation,
        attached_to: impl Fn(PolicyType) -> Option<&'a str>,
    ) {
        // One lock for all counts of a question: changing each of them atomically costs more.
        let mut documents = self.lock();
        for (policy, document) in question.policies.documents() {
            let policy_type = document.policy_type();
            let counts = self.counts_of(&mut documents, document, attached_to(policy_type));
            counts.count(&question.request);
            if let Some(by) = &evaluation.decided_by
                && (by.policy_type, by.policy) == (policy_type, policy)
            {
                counts.count_decided(by.statement);
            }
        }
    }

    /// The counts of a document, which is asked now
    fn counts_of<'d>(
        &self,
        documents: &'d mut Documents,
        document: &PolicyDocument,
        attached_to: Option<&str>,
    ) -> &'d mut DocumentCounts {
        let place = match documents.find(document, attached_to) {
            Some(place) => place,
            None => {
                let evicted = documents.evicted;
                let documents_max = self.documents_max.load(Ordering::Relaxed);
                let place = documents.add(document, attached_to, documents_max);
                if documents.evicted > evicted {
                    self.limits_reached.coverage_documents_max.note();
                }
                place
            }
        };
        documents.clock += 1;
        let known = &mut documents.counted[place];
        known.asked_last = documents.clock;
        &mut known.counts
    }

    fn lock(&self) -> MutexGuard<'_, Documents> {
        // A thread that panicked has left nothing half done but the counts of its question.
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Documents {
    /// Finds a document by its address in memory, which its clones share, without a look at the text
    fn find(&self, document: &PolicyDocument, attached_to: Option<&str>) -> Option<usize> {
        self.counted
            .iter()
            .position(|known| known.document.is_same(document) && known.attached_to.as_deref() == attached_to)
    }

    /// Adds a document unless there is one of the same text, and returns its place
    fn add(&mut self, document: &PolicyDocument, attached_to: Option<&str>, documents_max: usize) -> usize {
        let same = self
            .counted
            .iter()
            .position(|known| known.document == *document && known.attached_to.as_deref() == attached_to);
        if let Some(place) = same {
            self.counted[place].document = document.clone();
            return place;
        }
        while self.counted.len() >= documents_max.max(1) {
            let oldest = self
                .counted
                .iter()
                .enumerate()
                .min_by_key(|(_, known)| known.asked_last);
            let Some(oldest) = oldest.map(|(index, _)| index) else {
                break;
            };
            self.counted.remove(oldest);
            self.evicted += 1;
        }
        self.counted.push(CountedDocument {
            document: document.clone(),
            attached_to: attached_to.map(Into::into),
            counts: DocumentCounts::new(document.clone()),
            asked_last: 0,
        });
        self.counted.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(sid: &str) -> PolicyDocument {
        let text = format!(
            r#"{{"Statement": [{{"Sid": "{sid}", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}]}}"#
        );
        PolicyDocument::parse(&text, PolicyType::VpcEndpoint).expect("AWS would take it")
    }

    #[test]
    fn a_document_that_is_read_again_goes_on_with_its_counts() {
        let coverage = Coverage::new(true, 4, Arc::default());
        for attached_to in ["vpce-1", "vpce-1", "vpce-2"] {
            let mut documents = coverage.lock();
            let counts = coverage.counts_of(&mut documents, &document("a"), Some(attached_to));
            counts.count_decided(0);
        }
        let (documents, evicted) = coverage.documents();
        let decided = |known: &CountedDocument| known.counts.coverage().statements[0].decided;
        assert_eq!(documents.iter().map(decided).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(evicted, 0);
        coverage.clear();
        assert!(coverage.documents().0.is_empty());
    }

    #[test]
    fn the_one_that_was_asked_longest_ago_makes_room() {
        let coverage = Coverage::new(true, 2, Arc::default());
        let (a, b, c) = (document("a"), document("b"), document("c"));
        for document in [&a, &b, &a, &c] {
            coverage.show(document, None);
        }
        let (documents, evicted) = coverage.documents();
        let texts: Vec<_> = documents.iter().map(|known| known.document.clone()).collect();
        assert_eq!((texts, evicted), (vec![a, c], 1));
    }

    #[test]
    fn the_default_policy_was_written_by_nobody() {
        let coverage = Coverage::new(true, 2, Arc::default());
        coverage.show(&PolicyDocument::full_access(), Some("vpce-1"));
        coverage.show(&document("a"), Some("vpce-1"));
        assert_eq!(coverage.documents().0.len(), 1);
    }
}
