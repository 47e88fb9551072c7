//! A call that nobody made, put to the policies as the server puts one that came in.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use iam_policy::{Evaluation, Explanation, LayerDecision, Policies, PolicyDocument};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    Changes, Coverage,
    asked::Asked,
    context::Facts,
    request::{AuthorizationRequest, Pair},
};
use crate::{identity::Caller, network::entry_point::EntryPoint, settings::Settings};

/// A call that nobody made
#[derive(Debug)]
pub(crate) struct SupposedCall(Asked);

/// What the policies say about a call, with what it takes to explain it later
#[derive(Debug)]
pub(crate) struct Verdict<'a> {
    asked: &'a Asked,
    changes: Changes<'a>,
    decisive: usize,
    evaluation: Evaluation,
}

impl SupposedCall {
    /// A call by this caller through this entry point, arriving now from this address; it has neither `User-Agent` nor
    /// `Referer`
    pub(crate) fn new(
        settings: Arc<Settings>,
        caller: Caller,
        entry_point: EntryPoint,
        request: AuthorizationRequest,
        now: Timestamp,
        source_ip: IpAddr,
    ) -> Self {
        let facts = Facts::supposed(now, source_ip);
        Self(Asked {
            settings,
            caller,
            entry_point,
            request,
            facts,
        })
    }

    /// What it is authorised on: each action with its resource
    pub(crate) fn pairs(&self) -> impl Iterator<Item = &Pair> {
        self.0.request.pairs()
    }

    /// The names of its condition keys
    pub(crate) fn context_keys(&self) -> BTreeSet<String> {
        let pairs = self.0.request.pairs();
        pairs
            .flat_map(|pair| self.0.context_json(pair, Changes::default()))
            .map(|(key, _)| key)
            .collect()
    }

    /// What the policies say about it
    pub(crate) fn decide<'a>(&'a self, changes: Changes<'a>) -> Verdict<'a> {
        Verdict::of(&self.0, changes)
    }
}

impl<'a> Verdict<'a> {
    pub(super) fn of(asked: &'a Asked, changes: Changes<'a>) -> Self {
        let (decisive, evaluation) = asked.decide(changes, None);
        Self {
            asked,
            changes,
            decisive,
            evaluation,
        }
    }

    /// The decision
    pub(crate) fn evaluation(&self) -> &Evaluation {
        &self.evaluation
    }

    /// Every document that was asked, with its place among those of its type
    pub(crate) fn documents(&self) -> Vec<(usize, PolicyDocument)> {
        self.with_policies(|policies| {
            let documents = policies.documents();
            documents
                .map(|(place, document)| (place, document.clone()))
                .collect()
        })
    }

    /// The action of the pair that decided
    pub(crate) fn action(&self) -> String {
        self.pair().action().to_string()
    }

    /// What that action is about, `*` or an ARN
    pub(crate) fn resource(&self) -> String {
        self.pair().resource().to_string()
    }

    /// AWS's sentence for the refusal; nothing when it is allowed
    pub(crate) fn message(&self) -> Option<String> {
        self.asked.denial_sentence(self.pair(), &self.evaluation)
    }

    /// For each statement what matched and what did not
    pub(crate) fn explain(&self) -> Explanation {
        self.asked.explain(self.pair(), self.changes)
    }

    /// What each layer of policies says by itself about the pair that decided
    pub(crate) fn layers(&self) -> Vec<LayerDecision> {
        self.asked.layers(self.pair(), self.changes)
    }

    /// The condition keys as evaluated
    pub(crate) fn context_json(&self) -> Map<String, Value> {
        self.asked.context_json(self.pair(), self.changes)
    }

    /// Counts the call in every document that was asked
    pub(crate) fn count(&self, coverage: &Coverage) {
        self.asked.decide(self.changes, Some(coverage));
    }

    /// Looks at the policies that were asked
    pub(crate) fn with_policies<T>(&self, look: impl FnOnce(&Policies<'_>) -> T) -> T {
        self.asked.with_policies(self.pair(), self.changes, look)
    }

    fn pair(&self) -> &'a Pair {
        self.asked.request.pair(self.decisive)
    }
}
