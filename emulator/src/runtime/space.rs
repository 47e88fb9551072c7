//! A world of its own: what requests find there, what they make, and what is remembered of them.
//!
//! Everything that one test must not see of another belongs to a space. What belongs to the process, such as the
//! listeners, their certificates and the room for bodies, is [`Shared`](super::Shared).

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use aws_identifiers::{Region, VpcEndpointId};
use iam_policy::PolicyDocument;
use jiff::Timestamp;
use lookoutvision::{
    scenarios::Scenarios,
    store::{State, idempotency::Tokens},
};

use super::{
    acknowledged::AcknowledgedChanges,
    faults::{FaultReader, FaultSet, FaultsUnchanged},
    generation::Generation,
    policy_texts::PolicyTexts,
    rules::RuleReader,
    s3_tasks::S3Tasks,
    service::Service,
    snapshot::Snapshot,
};
use crate::{
    authorization::Coverage,
    clock::Clock,
    identity::{Role, sessions::SessionRequest},
    journal::{
        Explainer, Journal,
        events::{Change, ChangeKind},
    },
    network::changes::EndpointChanges,
    settings::{Limits, Settings},
    storage::StorageError,
};

/// State, endpoints, policies, sessions, faults, journal, counters and clock
pub(crate) struct Space {
    pub(crate) journal: Journal,
    pub(crate) explainer: Explainer,
    pub(super) readers: Readers,
    /// Which parts of the policies requests reached
    pub(crate) coverage: Coverage,
    /// Policies that are or were in force
    pub(crate) policy_texts: PolicyTexts,
    pub(crate) service: Service,
    pub(crate) s3_tasks: S3Tasks,
    /// Regions without the service whose first project was remarked on
    regions_remarked_on: Mutex<BTreeSet<Region>>,
    snapshot: ArcSwap<Snapshot>,
    /// What calls made; held while a snapshot is replaced
    made: Mutex<AcknowledgedChanges>,
}

/// Readers of the rules and faults that a state and the control API bring, which are read like those of the
/// configuration
pub(crate) struct Readers {
    pub(crate) rules: Box<RuleReader>,
    pub(crate) faults: Box<FaultReader>,
}

/// The control API named an endpoint that is not there
#[derive(Debug, thiserror::Error)]
#[error("the VPC endpoint ID '{0}' does not exist")]
pub(crate) struct UnknownVpcEndpoint(pub(crate) VpcEndpointId);

/// A policy was not attached
#[derive(Debug)]
pub(crate) enum NotAttached {
    /// There is no such endpoint
    Unknown(UnknownVpcEndpoint),
    /// It cannot be persisted
    NotWritten(StorageError),
}

impl From<StorageError> for NotAttached {
    fn from(error: StorageError) -> Self {
        Self::NotWritten(error)
    }
}

impl Space {
    pub(crate) fn new(
        settings: Arc<Settings>,
        (service, state): (Service, State),
        mut made: AcknowledgedChanges,
        readers: Readers,
        clock: Clock,
        journal: Journal,
    ) -> Self {
        let limits = settings.limits;
        let reached = &journal.limits_reached;
        let coverage = Coverage::new(settings.coverage, limits.coverage_documents_max, reached.clone());
        let generation = Generation::new(state, made.take_scenarios(), Arc::new(clock), &limits);
        let snapshot = Snapshot::new(settings, Arc::new(generation), &made, service.started_at());
        let policy_texts = PolicyTexts::new(reached.clone());
        snapshot.keep_policies(&policy_texts);
        Self {
            explainer: Explainer::default(),
            readers,
            coverage,
            policy_texts,
            service,
            s3_tasks: S3Tasks::new(limits.s3_tasks_max, reached.clone()),
            journal,
            regions_remarked_on: Mutex::default(),
            snapshot: ArcSwap::from_pointee(snapshot),
            made: Mutex::new(made),
        }
    }

    /// The configuration in force: a request takes it once and keeps it
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// The generation in force, which `PUT /state` and `POST /reset` replace
    pub(crate) fn generation(&self) -> Arc<Generation> {
        self.snapshot.load().generation.clone()
    }

    /// The emulator's clock
    pub(crate) fn clock(&self) -> Arc<Clock> {
        self.snapshot.load().generation.clock.clone()
    }

    /// Puts another configuration in force, from the next request on
    pub(super) fn reload(&self, settings: Arc<Settings>) {
        let mut made = self.made();
        made.reload(&settings, self.clock().now());
        self.journal.set_limits(&settings.limits);
        self.coverage
            .set_documents_max(settings.limits.coverage_documents_max);
        if settings.coverage != self.snapshot().settings.coverage {
            self.coverage.turn(settings.coverage);
        }
        let faults = self.snapshot().faults.reloaded(&settings.faults);
        self.renew_snapshot(settings, self.generation(), &made, &Arc::new(faults));
        self.note_change(ChangeKind::Reload);
    }

    /// Tells whoever listens that requests from here on see something else
    pub(crate) fn note_change(&self, kind: ChangeKind) {
        let time = self.clock().now();
        self.journal.note_change(Change::of(kind, time));
    }

    /// Tells listeners which scenario was put into which state
    pub(crate) fn note_scenario(&self, name: &str, state: &str) {
        let time = self.clock().now();
        self.journal.note_change(Change {
            scenario: Some(name.into()),
            state: Some(state.into()),
            ..Change::of(ChangeKind::Scenario, time)
        });
    }

    /// Tells listeners that the configuration was read anew and is not in force
    pub(crate) fn note_refused_reload(&self, reasons: &str) {
        let time = self.clock().now();
        self.journal.note_change(Change {
            failed: true,
            message: Some(reasons.into()),
            ..Change::of(ChangeKind::Reload, time)
        });
    }

    /// Attaches a policy to an endpoint, from the next request on
    ///
    /// # Errors
    /// When there is no such endpoint, or the state file cannot be written; nothing is changed then.
    pub(crate) fn attach_policy(
        &self,
        id: &VpcEndpointId,
        document: Arc<PolicyDocument>,
    ) -> Result<(), NotAttached> {
        self.change_endpoints(ChangeKind::Policy, |changes, now| {
            if now.endpoints.get(id).is_none() {
                return Err(NotAttached::Unknown(UnknownVpcEndpoint(id.clone())));
            }
            changes.of(id).policy_document = Some(document);
            Ok(())
        })
    }

    /// Changes endpoints, from the next request on, unless `change` refuses; changes go one after the other
    ///
    /// # Errors
    /// When `change` does, or the state file cannot be written; then nothing is changed.
    pub(crate) fn change_endpoints<T, E: From<StorageError>>(
        &self,
        kind: ChangeKind,
        change: impl FnOnce(&mut EndpointChanges, &Snapshot) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut made = self.made();
        let now = self.snapshot();
        let mut endpoints = made.endpoints().clone();
        let result = change(&mut endpoints, &now)?;
        made.put_endpoints(endpoints, now.generation.clock.now())?;
        let snapshot = Snapshot {
            endpoints: made
                .endpoints()
                .table(&now.settings.networks, self.started_at(&made)),
            made_endpoints: made.endpoints().count(),
            ..Snapshot::clone(&now)
        };
        snapshot.keep_policies(&self.policy_texts);
        self.snapshot.store(Arc::new(snapshot));
        self.note_change(kind);
        Ok(result)
    }

    /// Puts other faults in force, from the next request on, unless `change` refuses; changes go one after the other
    ///
    /// # Errors
    /// When `change` does; then nothing is changed.
    pub(super) fn change_faults(
        &self,
        change: impl FnOnce(&FaultSet, &Limits) -> Result<FaultSet, FaultsUnchanged>,
    ) -> Result<(), FaultsUnchanged> {
        let _made = self.made();
        let now = self.snapshot();
        let faults = Arc::new(change(&now.faults, &now.settings.limits)?);
        self.snapshot.store(Arc::new(Snapshot {
            faults: faults.clone(),
            ..Snapshot::clone(&now)
        }));
        now.faults.give_way_to(&faults);
        self.note_change(ChangeKind::Fault);
        Ok(())
    }

    /// Hands out a session of a role, good from the next request on
    ///
    /// # Errors
    /// When the state file cannot be written; there is no session then.
    pub(crate) fn add_session(&self, session: SessionRequest, role: &Role) -> Result<(), StorageError> {
        let mut made = self.made();
        let now = self.snapshot();
        let texts_max = now.settings.limits.policy_texts_max;
        self.policy_texts.keep(session.session_policies.iter(), texts_max);
        if made.add_session(session, role, now.settings.limits.role_sessions_max)? {
            self.journal.limits_reached.role_sessions_max.note();
        }
        self.snapshot.store(Arc::new(Snapshot {
            sessions: made.sessions().clone(),
            ..Snapshot::clone(&now)
        }));
        Ok(())
    }

    /// Puts state, journal, counters, policies and faults back to the configuration; the clock stays as it was set
    ///
    /// # Errors
    /// When the state file cannot be written; nothing is changed then.
    pub(super) fn reset(&self) -> Result<(), StorageError> {
        // Held first, so that nothing is made between the clearing of the file and that of the memory.
        let mut made = self.made();
        let settings = self.snapshot().settings.clone();
        let before = self.generation();
        let clock = before.clock.clone();
        let next = Generation::new(State::default(), Scenarios::default(), clock, &settings.limits);
        let faults = Arc::new(FaultSet::of(&settings.faults));
        // Held, so that no call moves a scenario on between the clearing of the file and what takes its place.
        let _scenarios = before.scenarios.lock();
        self.service.replace(&before, Tokens::default(), &Vec::new, || {
            // What these tasks were begun for is gone; those that begin from here on are for what takes its place.
            self.s3_tasks.give_up();
            made.forget();
            self.renew_snapshot(settings, Arc::new(next), &made, &faults);
        })?;
        self.journal.reset();
        self.note_change(ChangeKind::Reset);
        Ok(())
    }

    /// Runs work that may block on the disk off the serving threads
    pub(crate) async fn run_blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> T {
        if !self.service.waits_for_disk() {
            return work(self);
        }
        self.run_off_serving_threads(work).await
    }

    /// Runs work that takes long by itself off the serving threads
    pub(crate) async fn run_off_serving_threads<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> T {
        let space = self.clone();
        // A client that hangs up does not stop it halfway.
        match tokio::task::spawn_blocking(move || work(&space)).await {
            Ok(done) => done,
            // What panics over there panics here, as it does without a disk.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Whether this is the first project in a Region where the service never was; true once for each such Region
    pub(crate) fn is_first_project_elsewhere(&self, region: &Region) -> bool {
        let mut remarked_on = self
            .regions_remarked_on
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        !lookoutvision::REGIONS.contains(&region.as_str()) && remarked_on.insert(region.clone())
    }

    /// Makes a snapshot anew from all of this, and puts it in force
    pub(super) fn renew_snapshot(
        &self,
        settings: Arc<Settings>,
        generation: Arc<Generation>,
        made: &AcknowledgedChanges,
        faults: &Arc<FaultSet>,
    ) {
        let before = self.snapshot();
        let snapshot = Snapshot {
            faults: faults.clone(),
            ..Snapshot::new(settings, generation, made, self.started_at(made))
        };
        snapshot.keep_policies(&self.policy_texts);
        self.snapshot.store(Arc::new(snapshot));
        before.faults.give_way_to(faults);
    }

    /// When what the configuration declares came to be
    pub(super) fn started_at(&self, made: &AcknowledgedChanges) -> Timestamp {
        made.started_at(self.service.started_at())
    }

    // A poisoned lock only means that somebody panicked; what it guards is replaced as a whole.
    pub(super) fn made(&self) -> MutexGuard<'_, AcknowledgedChanges> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
