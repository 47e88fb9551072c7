//! The configuration in force, as one request sees it.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use lookoutvision::{
    canned::PutRules,
    model::ModelAddress,
    scenarios::Scenarios,
    store::{Declared, State},
};

use super::{
    acknowledged::AcknowledgedChanges,
    faults::FaultSet,
    generation::Generation,
    policy_texts::{self, PolicyTexts},
    rules::RuleChanges,
};
use crate::{
    clock::Clock,
    identity::{AccessKey, Principal, sessions::Sessions},
    network::entry_point::EndpointTable,
    settings::Settings,
};

/// The configuration in force, with everything that calls made
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) settings: Arc<Settings>,
    /// The service's state, its clock and its counts
    pub(crate) generation: Arc<Generation>,
    pub(crate) endpoints: EndpointTable,
    /// The projects that the configuration declares, as the service's state begins with them
    pub(crate) declared: Arc<Declared>,
    /// Rules of models that were put while the emulator runs
    pub(crate) rules: Arc<RuleChanges>,
    /// What goes wrong on purpose
    pub(crate) faults: Arc<FaultSet>,
    /// By access key id: whose it is, and which of the principal's keys
    pub(super) keys: Arc<AccessKeys>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) made_endpoints: usize,
}

/// By access key id: whose it is, and which of the principal's keys
type AccessKeys = HashMap<Box<str>, (Arc<Principal>, usize)>;

impl Snapshot {
    /// Keeps the policies in force, so that the journal can name them when others have taken their place
    pub(super) fn keep_policies(&self, texts: &PolicyTexts) {
        let in_force = policy_texts::in_force(&self.settings, &self.endpoints);
        let trust = self.settings.identities.roles.iter();
        let documents = in_force.map(|(document, _)| document);
        texts.keep(
            documents.chain(trust.map(|role| &role.trust_policy)),
            self.settings.limits.policy_texts_max,
        );
    }

    /// What a configuration says, with nothing called yet
    pub(crate) fn untouched(settings: Arc<Settings>, started_at: Timestamp) -> Self {
        let clock = Arc::new(Clock::default());
        let generation = Generation::new(State::default(), Scenarios::default(), clock, &settings.limits);
        let made = AcknowledgedChanges::empty();
        Self::new(settings, Arc::new(generation), &made, started_at)
    }

    pub(super) fn new(
        settings: Arc<Settings>,
        generation: Arc<Generation>,
        made: &AcknowledgedChanges,
        started_at: Timestamp,
    ) -> Self {
        let declared = Arc::new(Declared::new(settings.lookoutvision.clone(), started_at));
        let endpoints = made.endpoints().table(&settings.networks, started_at);
        let keys = settings
            .identities
            .principals
            .iter()
            .flat_map(|principal| {
                principal
                    .access_keys
                    .iter()
                    .enumerate()
                    .map(|(index, key)| (key.access_key_id.as_str().into(), (principal.clone(), index)))
            })
            .collect();
        Self {
            faults: Arc::new(FaultSet::of(&settings.faults)),
            settings,
            generation,
            declared,
            endpoints,
            keys: Arc::new(keys),
            rules: made.rules().clone(),
            sessions: made.sessions().clone(),
            made_endpoints: made.endpoints().count(),
        }
    }

    /// How many of the endpoints that calls made stand
    pub(crate) fn made_endpoints(&self) -> usize {
        self.made_endpoints
    }

    /// How many role sessions there are, including expired ones
    pub(crate) fn role_sessions(&self) -> usize {
        self.sessions.len()
    }

    /// The rules that were put for a model while the emulator runs
    pub(crate) fn put_rules(&self, model: &ModelAddress) -> Option<&PutRules> {
        self.rules
            .of(model.region(), model.project_name(), model.version())
    }

    /// The principal of this access key id, and the key itself
    pub(crate) fn access_key(&self, access_key_id: &str) -> Option<(&Arc<Principal>, &AccessKey)> {
        let (principal, index) = match self.keys.get(access_key_id) {
            Some((principal, index)) => (principal, *index),
            None => (self.sessions.get(access_key_id)?, 0),
        };
        Some((principal, &principal.access_keys[index]))
    }
}
