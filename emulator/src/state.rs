//! What all requests share: the configuration in force, the clock, the journal.
//!
//! A [`Snapshot`] is never changed, only replaced as a whole: by a reload of the configuration file, by a policy that
//! the control API attaches, by what is made and changed over EC2, and by a role session that STS hands out. All of
//! these outlive a reload, because they were acknowledged; `POST /reset` ends them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Instant,
};

use arc_swap::ArcSwap;
use iam_policy::PolicyDocument;
use jiff::Timestamp;

use crate::{
    body::BodyBudget,
    clock::Clock,
    config::{AccessKey, Config, Principal, Role},
    door::EndpointTable,
    ec2::changes::EndpointChanges,
    identifiers::VpcEndpointId,
    journal::Journal,
    lookoutvision::{call_counts::CallCounts, store::Declared},
    service::Service,
    storage::StorageError,
    sts::sessions::{SessionRequest, Sessions},
    tls::CertificateAuthority,
};

/// What all requests share
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) journal: Journal,
    pub(crate) calls: CallCounts,
    pub(crate) service: Service,
    pub(crate) authority: Arc<CertificateAuthority>,
    pub(crate) body_budget: BodyBudget,
    pub(crate) started: Instant,
    snapshot: ArcSwap<Snapshot>,
    /// What came to be since the start; held while a snapshot is replaced
    made: Mutex<Made>,
}

/// What came to be since the start
#[derive(Default)]
pub(crate) struct Made {
    endpoints: EndpointChanges,
    sessions: Arc<Sessions>,
}

/// The configuration in force, with everything that came to be since the start
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) config: Arc<Config>,
    pub(crate) endpoints: EndpointTable,
    /// The projects that the configuration declares, as the service's state begins with them
    pub(crate) declared: Arc<Declared>,
    /// By access key id: whose it is, and which of the principal's keys
    keys: Arc<AccessKeys>,
    sessions: Arc<Sessions>,
}

/// By access key id: whose it is, and which of the principal's keys
type AccessKeys = HashMap<Box<str>, (Arc<Principal>, usize)>;

/// The control API named an endpoint that is not there
#[derive(Debug, thiserror::Error)]
#[error("the VPC endpoint ID '{0}' does not exist")]
pub struct UnknownVpcEndpoint(pub(crate) VpcEndpointId);

impl Shared {
    pub(crate) fn new(
        config: Arc<Config>,
        authority: Arc<CertificateAuthority>,
        service: Service,
        clock: Clock,
    ) -> Self {
        let started_at = service.started_at();
        Self {
            clock,
            journal: Journal::new(&config.limits),
            calls: CallCounts::new(config.limits.counted_models_max),
            service,
            authority,
            body_budget: BodyBudget::new(config.limits.in_flight_body_bytes_max),
            started: Instant::now(),
            snapshot: ArcSwap::from_pointee(Snapshot::new(config, &Made::default(), started_at)),
            made: Mutex::default(),
        }
    }

    /// The configuration in force: a request takes it once and keeps it
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Puts another configuration in force, from the next request on
    pub(crate) fn reload(&self, config: Arc<Config>) {
        let mut made = self.made();
        made.endpoints.prune(&config, Timestamp::MIN);
        made.sessions = Arc::new(made.sessions.under(&config));
        self.journal.set_limits(&config.limits);
        let snapshot = Snapshot::new(config, &made, self.service.started_at());
        self.snapshot.store(Arc::new(snapshot));
    }

    /// Attaches a policy to an endpoint, from the next request on
    ///
    /// # Errors
    /// When there is no such endpoint.
    pub(crate) fn attach_policy(
        &self,
        id: &VpcEndpointId,
        document: Arc<PolicyDocument>,
    ) -> Result<(), UnknownVpcEndpoint> {
        self.change_endpoints(|changes, now| {
            if now.endpoints.get(id).is_none() {
                return Err(UnknownVpcEndpoint(id.clone()));
            }
            changes.of(id).policy_document = Some(document);
            Ok(())
        })
    }

    /// Changes endpoints, from the next request on, unless `change` refuses; changes go one after the other
    ///
    /// # Errors
    /// When `change` does; then nothing is changed.
    pub(crate) fn change_endpoints<T, E>(
        &self,
        change: impl FnOnce(&mut EndpointChanges, &Snapshot) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut made = self.made();
        let now = self.snapshot();
        let mut endpoints = made.endpoints.clone();
        let result = change(&mut endpoints, &now)?;
        let forgotten = self.clock.now().saturating_sub(DELETED_KEPT_FOR);
        endpoints.prune(&now.config, forgotten.unwrap_or(Timestamp::MIN));
        made.endpoints = endpoints;
        self.snapshot.store(Arc::new(Snapshot {
            config: now.config.clone(),
            declared: now.declared.clone(),
            endpoints: made.endpoints.table(&now.config, self.service.started_at()),
            keys: now.keys.clone(),
            sessions: now.sessions.clone(),
        }));
        Ok(result)
    }

    /// Hands out a session of a role, good from the next request on
    pub(crate) fn add_session(&self, session: SessionRequest, role: &Role) {
        let mut made = self.made();
        let now = self.snapshot();
        let mut sessions = (*made.sessions).clone();
        sessions.add(session, role, now.config.limits.role_sessions_max);
        made.sessions = Arc::new(sessions);
        self.snapshot.store(Arc::new(Snapshot {
            config: now.config.clone(),
            declared: now.declared.clone(),
            endpoints: now.endpoints.clone(),
            keys: now.keys.clone(),
            sessions: made.sessions.clone(),
        }));
    }

    /// State, journal, counters and policies back to the configuration; the clock stays as it was set
    ///
    /// # Errors
    /// When the state file cannot be written; nothing is changed then.
    pub(crate) fn reset(&self) -> Result<(), StorageError> {
        self.service.reset()?;
        let mut made = self.made();
        *made = Made::default();
        let config = self.snapshot().config.clone();
        let snapshot = Snapshot::new(config, &made, self.service.started_at());
        self.snapshot.store(Arc::new(snapshot));
        self.calls.reset();
        self.journal.clear();
        Ok(())
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().expect("nothing panics while it holds this lock")
    }
}

impl Snapshot {
    pub(crate) fn new(config: Arc<Config>, made: &Made, started_at: Timestamp) -> Self {
        let declared = Arc::new(Declared::new(&config, started_at));
        let endpoints = made.endpoints.table(&config, started_at);
        let keys = config
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
            config,
            declared,
            endpoints,
            keys: Arc::new(keys),
            sessions: made.sessions.clone(),
        }
    }

    /// Whose access key this is
    pub(crate) fn access_key(&self, access_key_id: &str) -> Option<(&Arc<Principal>, &AccessKey)> {
        let (principal, index) = match self.keys.get(access_key_id) {
            Some((principal, index)) => (principal, *index),
            None => (self.sessions.get(access_key_id)?, 0),
        };
        Some((principal, &principal.access_keys[index]))
    }
}

/// How long a deleted endpoint is remembered, for its client token and for DescribeVpcEndpoints
const DELETED_KEPT_FOR: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);
