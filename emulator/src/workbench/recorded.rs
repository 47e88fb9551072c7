//! Calls that were made, to be decided by other policies: entries of a running emulator's journal, or saved entries.

use std::{net::IpAddr, sync::Arc};

use aws_identifiers::{Region, VpcEndpointId, VpcId};
use iam_policy::{DecidedBy, Decision};
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    authorization::{Authorization, Changes, Pair, PolicyChanges, Verdict},
    identity::Principal,
    journal::{OfDocument, Sha256s, SharedEntry},
    network::entry_point::EntryPoint,
};

mod saved;

pub(crate) use self::saved::{EntryMistake, SavedCall, SavedEntry};

/// A call that was made and decided
#[derive(Debug)]
pub(crate) enum RecordedCall {
    /// An entry of the journal
    Entry(RecordedEntry),
    /// An entry that was saved
    Saved(Box<SavedCall>),
}

/// An entry of the journal about a request that was authorised
#[derive(Debug)]
pub(crate) struct RecordedEntry {
    entry: SharedEntry,
    principal: Arc<Principal>,
    authorization: Arc<Authorization>,
}

impl RecordedCall {
    /// The call of an entry; `None`: it was refused before any policy was asked
    pub(crate) fn of(entry: &SharedEntry) -> Option<Self> {
        Some(Self::Entry(RecordedEntry {
            principal: entry.principal.clone()?,
            authorization: entry.authorization.clone()?,
            entry: entry.clone(),
        }))
    }

    pub(crate) fn request_id(&self) -> Uuid {
        match self {
            Self::Entry(recorded) => recorded.entry.request_id,
            Self::Saved(saved) => saved.request_id,
        }
    }

    pub(crate) fn time(&self) -> Timestamp {
        match self {
            Self::Entry(recorded) => recorded.entry.time,
            Self::Saved(saved) => saved.time,
        }
    }

    pub(crate) fn principal(&self) -> &Principal {
        match self {
            Self::Entry(recorded) => &recorded.principal,
            Self::Saved(saved) => &saved.principal,
        }
    }

    /// The endpoint that it came over
    pub(crate) fn vpc_endpoint_id(&self) -> Option<&VpcEndpointId> {
        match self {
            Self::Entry(recorded) => {
                let entry_point = recorded.entry.entry_point.as_ref();
                entry_point.and_then(EntryPoint::vpc_endpoint_id)
            }
            Self::Saved(saved) => Some(&saved.vpc_endpoint_id),
        }
    }

    /// The network of that endpoint
    pub(crate) fn vpc_id(&self) -> Option<&str> {
        match self {
            Self::Entry(recorded) => {
                let entry_point = recorded.entry.entry_point.as_ref();
                entry_point.and_then(EntryPoint::vpc_id).map(VpcId::as_str)
            }
            Self::Saved(saved) => saved.vpc_id(),
        }
    }

    /// The fault that it met, and the status of its answer, if there was one
    pub(super) fn fault(&self) -> Option<(&str, Option<u16>)> {
        match self {
            Self::Entry(recorded) => {
                let status = recorded.entry.status.map(|status| status.as_u16());
                Some((recorded.entry.details().fault.as_deref()?, status))
            }
            Self::Saved(_) => None,
        }
    }

    /// What was decided
    pub(crate) fn decision(&self) -> Decision {
        match self {
            Self::Entry(recorded) => recorded.authorization.decision(),
            Self::Saved(saved) => saved.decision,
        }
    }

    /// The statement that decided
    pub(crate) fn decided_by(&self) -> Option<&DecidedBy> {
        match self {
            Self::Entry(recorded) => recorded.authorization.evaluation().decided_by.as_ref(),
            Self::Saved(saved) => saved.decided_by.as_ref(),
        }
    }

    /// The statement that decided, with the SHA-256 of its document
    pub(crate) fn decided_by_of_document(&self) -> Option<OfDocument<DecidedBy>> {
        let by = self.decided_by()?.clone();
        Some(match self {
            Self::Entry(recorded) => Sha256s::of(recorded.authorization.documents()).name_statement(by),
            Self::Saved(saved) => OfDocument::new(by, saved.document_sha256.clone()),
        })
    }

    /// The action that the decision was about
    pub(crate) fn action(&self) -> String {
        match self {
            Self::Entry(recorded) => recorded.authorization.action(),
            Self::Saved(saved) => saved.action.clone(),
        }
    }

    /// The resource that the decision was about
    pub(crate) fn resource(&self) -> String {
        match self {
            Self::Entry(recorded) => recorded.authorization.resource(),
            Self::Saved(saved) => saved.resource.clone(),
        }
    }

    /// Each action with its resource
    pub(crate) fn pairs(&self) -> Vec<&Pair> {
        match self {
            Self::Entry(recorded) => recorded.authorization.pairs().map(|(pair, _)| pair).collect(),
            Self::Saved(saved) => saved.call.pairs().collect(),
        }
    }

    /// Calls `look` with what other policies would decide in place of those that were in force, everything else being
    /// as it was; `None`: too little of the call was kept
    pub(crate) fn decide<T>(
        &self,
        policies: &PolicyChanges,
        look: impl FnOnce(&Verdict<'_>) -> T,
    ) -> Option<T> {
        match self {
            Self::Entry(recorded) => {
                let changes = Changes {
                    context: &[],
                    policies: Some(policies),
                };
                recorded.authorization.decide(changes).as_ref().map(look)
            }
            Self::Saved(saved) => Some(saved.decide(policies, look)),
        }
    }
}

impl RecordedEntry {
    /// The Region that was called
    pub(super) fn region(&self) -> &Region {
        self.authorization.region()
    }

    /// The client's address
    pub(super) fn source_ip(&self) -> IpAddr {
        self.entry.connection.peer.ip().to_canonical()
    }

    /// The condition keys that the client's headers set, as far as a policy that was asked names them
    pub(super) fn context_of_request(&self) -> Map<String, Value> {
        let documents = self.authorization.documents();
        // Names of keys are compared without regard to case, in conditions as well as in variables.
        let texts: Vec<String> = documents
            .iter()
            .map(|(_, document)| document.text().to_ascii_lowercase())
            .collect();
        let mut context = self.authorization.context_json();
        context.retain(|key, _| {
            let name = key.to_ascii_lowercase();
            ["aws:useragent", "aws:referer"].contains(&&*name)
                && texts.iter().any(|text| text.contains(&name))
        });
        context
    }
}
