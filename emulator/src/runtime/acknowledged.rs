//! What calls have made besides the service's own state: endpoints, overrides of endpoints, role sessions, rules of
//! models and states of scenarios.
//!
//! With a state file all of it is in there, and on the disk before anybody sees it. The log tells, at the start and at
//! each reload, what has no place in the configuration in force.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use lookoutvision::{canned::PutRules, scenarios::Scenarios};
use tracing::{error, info, warn};

use crate::{
    identity::{
        Role,
        sessions::{SessionRequest, Sessions},
    },
    network::changes::{EndpointChanges, EndpointRecord},
    runtime::rules::{KeptRules, ModelName, RuleChanges, RuleMistake, RuleReader},
    settings::Settings,
    storage::{RecordChange, Records, Storage, StorageError, Table},
};

/// Endpoint changes, role sessions, rules and scenarios that survive reloads and restarts
pub(crate) struct AcknowledgedChanges {
    endpoints: EndpointChanges,
    sessions: Arc<Sessions>,
    rules: Arc<RuleChanges>,
    /// The states of scenarios, until they are taken over
    scenarios: Scenarios,
    /// When the emulator that the state comes from was started, if another one's state was put here
    started_at: Option<Timestamp>,
    storage: Arc<dyn Storage>,
}

impl AcknowledgedChanges {
    /// What the storage has kept
    ///
    /// # Errors
    /// When a record cannot be read, or one that is no longer needed cannot be removed.
    pub(crate) fn restore(
        storage: Arc<dyn Storage>,
        records: &mut Records,
        settings: &Settings,
        reader: &RuleReader,
        now: Timestamp,
    ) -> Result<Self, StorageError> {
        let endpoints = records.take(Table::VpcEndpoints)?;
        let endpoints = EndpointChanges::restore(endpoints.into_iter().map(|(_, record)| record).collect());
        let requests = records.take::<Arc<SessionRequest>>(Table::RoleSessions)?;
        let requests: Vec<_> = requests.into_iter().map(|(_, request)| request).collect();
        let (mut sessions, ended) = Sessions::under(requests, &settings.identities);
        let mut gone = sessions.forget_expired(now);
        gone.extend(sessions.make_room(settings.limits.role_sessions_max));
        let mut rules = RuleChanges::default();
        for (key, kept) in records.take::<KeptRules>(Table::Rules)? {
            let model = key.parse();
            let model = model.map_err(|message: String| records.unreadable(Table::Rules, &key, message))?;
            let nothing = RuleChanges::default();
            let taken = rules.take_in(model, kept, settings, reader, &nothing);
            if let Err(RuleMistake { path, message }) = taken {
                warn!(
                    "the rules that were put for {key} are left aside until the next start: {path}: {message}"
                );
            }
        }
        let scenarios = records.take::<Arc<str>>(Table::Scenarios)?;
        let scenarios = scenarios.into_iter().map(|(name, state)| (name.into(), state));
        let mut made = Self {
            endpoints,
            sessions: Arc::new(sessions),
            rules: Arc::new(rules),
            scenarios: Scenarios::of(scenarios.collect()),
            started_at: None,
            storage,
        };
        made.take_out(&gone)?;
        made.end(&ended)?;
        made.settle(settings, now)?;
        Ok(made)
    }

    /// Nothing made yet; what will be made ends with the process
    pub(crate) fn empty() -> Self {
        Self {
            endpoints: EndpointChanges::default(),
            sessions: Arc::default(),
            rules: Arc::default(),
            scenarios: Scenarios::default(),
            started_at: None,
            storage: Arc::new(crate::storage::Memory),
        }
    }

    pub(crate) fn endpoints(&self) -> &EndpointChanges {
        &self.endpoints
    }

    pub(crate) fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }

    pub(crate) fn rules(&self) -> &Arc<RuleChanges> {
        &self.rules
    }

    /// The states of scenarios that the storage has kept
    pub(super) fn take_scenarios(&mut self) -> Scenarios {
        std::mem::take(&mut self.scenarios)
    }

    /// Puts other rules in the place of these; only those of `model` are different
    ///
    /// # Errors
    /// When they cannot be persisted; nothing is changed then.
    pub(crate) fn put_rules(&mut self, rules: RuleChanges, model: &ModelName) -> Result<(), StorageError> {
        self.persist(&|| {
            vec![match rules.get(model) {
                Some(put) => record_of_rules(model, put),
                None => RecordChange::remove(Table::Rules, model.to_string()),
            }]
        })?;
        self.rules = Arc::new(rules);
        Ok(())
    }

    /// Goes on under another configuration
    pub(crate) fn reload(&mut self, settings: &Settings, now: Timestamp) {
        let (sessions, ended) = Sessions::under(self.sessions.requests(), &settings.identities);
        self.sessions = Arc::new(sessions);
        let kept = self.end(&ended).and_then(|()| self.settle(settings, now));
        if let Err(error) = kept {
            error!("what the configuration has no place for any more is still in the state file: {error}");
        }
    }

    /// Puts other endpoints in the place of these
    ///
    /// # Errors
    /// When they cannot be persisted; nothing is changed then.
    pub(crate) fn put_endpoints(
        &mut self,
        mut endpoints: EndpointChanges,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        endpoints.forget_deleted(now.saturating_sub(DELETED_KEPT_FOR).unwrap_or(Timestamp::MIN));
        let touched = endpoints.take_touched();
        if !touched.is_empty() {
            self.persist(&|| records_of_endpoints(&touched))?;
        }
        self.endpoints = endpoints;
        Ok(())
    }

    /// Adds a session; returns whether others were removed and it took the last place
    ///
    /// # Errors
    /// When it cannot be persisted; it is not added then.
    pub(crate) fn add_session(
        &mut self,
        request: SessionRequest,
        role: &Role,
        sessions_max: usize,
    ) -> Result<bool, StorageError> {
        let mut sessions = (*self.sessions).clone();
        let mut gone = sessions.forget_expired(request.issued_at);
        let too_many = sessions.make_room(sessions_max.saturating_sub(1));
        let was_full = !too_many.is_empty();
        gone.extend(too_many);
        self.persist(&|| {
            let mut changes = vec![record_of_session(&request)];
            changes.extend(
                gone.iter()
                    .map(|id| RecordChange::remove(Table::RoleSessions, id)),
            );
            changes
        })?;
        sessions.add(Arc::new(request), role);
        self.sessions = Arc::new(sessions);
        Ok(was_full)
    }

    /// When what the configuration declares came to be: at the start of this process, unless the state of another one was
    /// put here
    pub(crate) fn started_at(&self, of_this_process: Timestamp) -> Timestamp {
        self.started_at.unwrap_or(of_this_process)
    }

    /// Puts others in the place of all of it; the caller has written them to the state file already
    pub(crate) fn replace(
        &mut self,
        endpoints: EndpointChanges,
        sessions: Sessions,
        rules: RuleChanges,
        started_at: Option<Timestamp>,
    ) {
        self.endpoints = endpoints;
        self.rules = Arc::new(rules);
        self.sessions = Arc::new(sessions);
        self.started_at = started_at;
    }

    /// Forgets everything; the caller clears the state file as a whole
    pub(crate) fn forget(&mut self) {
        self.replace(
            EndpointChanges::default(),
            Sessions::default(),
            RuleChanges::default(),
            None,
        );
    }

    /// Drops what has no place in the configuration, and logs what is not as it was made or declared
    fn settle(&mut self, settings: &Settings, now: Timestamp) -> Result<(), StorageError> {
        let mut endpoints = self.endpoints.clone();
        for id in endpoints.drop_undeclared(&settings.networks) {
            warn!(
                "VPC endpoint `{id}` is no longer in the configuration: what was changed about it is dropped"
            );
        }
        for (id, misfit) in endpoints.misfits(&settings.networks) {
            warn!("VPC endpoint `{id}`, which was made by a call, {misfit}");
        }
        for (id, change) in endpoints.of_declared(&settings.networks) {
            let otherwise = change.to_string();
            if !otherwise.is_empty() {
                info!("VPC endpoint `{id}` differs from the configuration until POST /reset: {otherwise}");
            }
        }
        self.put_endpoints(endpoints, now)
    }

    /// Removes the sessions whose role is gone
    fn end(&self, ended: &[Arc<SessionRequest>]) -> Result<(), StorageError> {
        let mut by_role: BTreeMap<&str, usize> = BTreeMap::new();
        for request in ended {
            *by_role.entry(&request.role_arn).or_default() += 1;
        }
        for (role_arn, count) in by_role {
            warn!("the configuration has no role `{role_arn}` any more: its sessions have ended ({count})");
        }
        let ids = ended
            .iter()
            .map(|request| request.credentials.access_key_id.to_string());
        self.take_out(&ids.collect::<Vec<_>>())
    }

    fn take_out(&self, access_key_ids: &[String]) -> Result<(), StorageError> {
        if access_key_ids.is_empty() {
            return Ok(());
        }
        self.persist(&|| {
            let ids = access_key_ids.iter();
            ids.map(|id| RecordChange::remove(Table::RoleSessions, id))
                .collect()
        })
    }

    fn persist(&self, change: &dyn Fn() -> Vec<RecordChange>) -> Result<(), StorageError> {
        self.storage.commit(change).inspect_err(|error| {
            error!("a change was not made, because the state file cannot be written: {error}");
        })
    }
}

/// The changes of records for endpoints that were made or changed
pub(crate) fn records_of_endpoints(touched: &[(String, Option<EndpointRecord>)]) -> Vec<RecordChange> {
    let changes = touched.iter().map(|(id, record)| match record {
        Some(record) => RecordChange::put(Table::VpcEndpoints, id, record),
        None => RecordChange::remove(Table::VpcEndpoints, id),
    });
    changes.collect()
}

/// The record of a model's rules
pub(crate) fn record_of_rules(model: &ModelName, put: &PutRules) -> RecordChange {
    RecordChange::put(Table::Rules, model.to_string(), &KeptRules::of(put))
}

/// The record of a scenario's state
pub(crate) fn record_of_scenario(name: &str, state: &str) -> RecordChange {
    RecordChange::put(Table::Scenarios, name, &state)
}

/// The record of a session
pub(crate) fn record_of_session(request: &SessionRequest) -> RecordChange {
    let id = request.credentials.access_key_id.as_str();
    RecordChange::put(Table::RoleSessions, id, request)
}

/// How long a deleted endpoint is remembered, for its client token and for DescribeVpcEndpoints
const DELETED_KEPT_FOR: SignedDuration = SignedDuration::from_hours(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, identity::TemporaryCredentials};

    #[test]
    fn a_session_in_the_place_of_one_that_is_long_over_reaches_no_limit() {
        let yaml = "roles:\n  - arn: arn:aws:iam::123456789012:role/inspector\n    trust_policy:\n      Statement: [{Effect: \
                    Allow, Principal: '*', Action: 'sts:AssumeRole'}]\n";
        let config = Config::embedded(Some(yaml), None).unwrap_or_else(|problems| panic!("{problems}"));
        let role = &config.settings.identities.roles[0];
        let mut made = AcknowledgedChanges::empty();
        let mut reaches_limit = |issued_at, expires_at| {
            let at = |second| Timestamp::from_second(second).unwrap();
            let request = SessionRequest {
                issued_at: at(issued_at),
                ..SessionRequest::example(TemporaryCredentials::fresh(at(expires_at)))
            };
            made.add_session(request, role, 2).unwrap()
        };
        assert!(!reaches_limit(0, 900));
        assert!(!reaches_limit(0, 36_000));
        assert!(!reaches_limit(18_000, 36_000), "the first one was forgotten");
        assert!(reaches_limit(18_000, 36_000));
    }
}
