//! What entries share with the configuration and the state, and keep alive when those have moved on.
//!
//! Ten thousand calls by one principal cost that principal once, and a policy that was replaced costs nothing once the
//! last entry that it decided is gone. So each such part counts from the first entry that has it until the last one
//! goes. As long as an entry has a part, nothing else has its address.

use std::{
    collections::{BTreeMap, HashMap, hash_map},
    sync::Arc,
};

use foldhash::fast::RandomState;
use iam_policy::PolicyDocument;

use super::Entry;
use crate::{authorization::Authorization, identity::Principal, network::entry_point::EntryPoint};

/// The parts that entries share, and what each of them costs
#[derive(Debug, Default)]
pub(super) struct SharedParts {
    by_address: HashMap<usize, Counted, RandomState>,
}

#[derive(Debug)]
struct Counted {
    entries: usize,
    bytes: usize,
}

/// A part that entries can share
#[derive(Clone, Copy)]
enum Part<'e> {
    /// The policy attached to an endpoint
    Policy(&'e Arc<PolicyDocument>),
    /// The caller; for a role session, with everything that the session was made with
    Principal(&'e Arc<Principal>),
    /// The tags of a resource
    Tags(&'e Arc<BTreeMap<String, String>>),
}

impl SharedParts {
    /// Counts the parts of an entry; returns what the new ones among them cost, in bytes
    pub(super) fn add(&mut self, entry: &Entry) -> usize {
        let mut added = 0;
        for part in parts(entry) {
            let counted = self.by_address.entry(part.address()).or_insert_with(|| {
                let bytes = part.bytes();
                added += bytes;
                Counted { entries: 0, bytes }
            });
            counted.entries += 1;
        }
        added
    }

    /// Takes the parts of an entry out of the count; returns the cost, in bytes, of those that no other entry has
    pub(super) fn remove(&mut self, entry: &Entry) -> usize {
        let mut removed = 0;
        for part in parts(entry) {
            if let hash_map::Entry::Occupied(mut occupied) = self.by_address.entry(part.address()) {
                occupied.get_mut().entries -= 1;
                if occupied.get().entries == 0 {
                    removed += occupied.remove().bytes;
                }
            }
        }
        removed
    }
}

fn parts(entry: &Entry) -> impl Iterator<Item = Part<'_>> {
    let placed = entry.entry_point.as_ref().and_then(EntryPoint::vpc_endpoint);
    let policy = placed.map(|placed| Part::Policy(&placed.endpoint.policy_document));
    let principal = entry.principal.as_ref().map(Part::Principal);
    let tags = entry.authorization.as_deref().map(Authorization::resource_tags);
    let tags = tags.into_iter().flatten().map(Part::Tags);
    policy.into_iter().chain(principal).chain(tags)
}

impl Part<'_> {
    fn address(self) -> usize {
        match self {
            Self::Policy(policy) => Arc::as_ptr(policy).addr(),
            Self::Principal(principal) => Arc::as_ptr(principal).addr(),
            Self::Tags(tags) => Arc::as_ptr(tags).addr(),
        }
    }

    /// What it costs in bytes, estimated
    fn bytes(self) -> usize {
        let documents = |documents: &[PolicyDocument]| documents.iter().map(document_bytes).sum::<usize>();
        match self {
            Self::Policy(policy) => document_bytes(policy),
            Self::Principal(principal) => {
                size_of::<Principal>()
                    + tags_bytes(&principal.tags)
                    + documents(principal.identity_policies.as_deref().unwrap_or_default())
                    + documents(&principal.permissions_boundary)
                    + documents(&principal.session_policies)
            }
            Self::Tags(tags) => tags_bytes(tags),
        }
    }
}

fn tags_bytes(tags: &BTreeMap<String, String>) -> usize {
    let bytes = |(key, value): (&String, &String)| size_of::<(String, String)>() + key.len() + value.len();
    tags.iter().map(bytes).sum()
}

/// What a document costs in bytes, estimated: the text is kept beside what was parsed from it, which has each pattern
/// twice
fn document_bytes(document: &PolicyDocument) -> usize {
    size_of::<PolicyDocument>() + 4 * document.text().len()
}
