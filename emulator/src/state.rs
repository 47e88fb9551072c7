//! What all requests share: the configuration in force, the clock, the journal.
//!
//! A [`Snapshot`] is never changed, only replaced as a whole: by a reload of the configuration file, and by a policy
//! that the control API attaches. Policies attached by the control API outlive a reload, because they were
//! acknowledged; `POST /reset` and the end of their endpoint end them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Instant,
};

use arc_swap::ArcSwap;
use iam_policy::PolicyDocument;
use jiff::Timestamp;

use crate::{
    body::BodyBudget,
    clock::Clock,
    config::{AccessKey, Config, Principal},
    door::EndpointTable,
    identifiers::VpcEndpointId,
    journal::Journal,
    lookoutvision::{call_counts::CallCounts, store::Declared},
    service::Service,
    storage::StorageError,
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
    /// Policies that the control API attached, by endpoint; held while a snapshot is replaced
    attached: Mutex<BTreeMap<VpcEndpointId, Arc<PolicyDocument>>>,
}

/// The configuration in force, with the policies attached now
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) config: Arc<Config>,
    pub(crate) endpoints: EndpointTable,
    /// The projects that the configuration declares, as the service's state begins with them
    pub(crate) declared: Arc<Declared>,
    /// By access key id: whose it is, and which of the principal's keys
    keys: HashMap<Box<str>, (Arc<Principal>, usize)>,
}

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
            snapshot: ArcSwap::from_pointee(Snapshot::new(config, &BTreeMap::new(), started_at)),
            attached: Mutex::default(),
        }
    }

    /// The configuration in force: a request takes it once and keeps it
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Puts another configuration in force, from the next request on
    pub(crate) fn reload(&self, config: Arc<Config>) {
        let mut attached = self
            .attached
            .lock()
            .expect("nothing panics while it holds this lock");
        attached.retain(|id, _| {
            config
                .vpc_endpoints
                .iter()
                .any(|endpoint| endpoint.vpc_endpoint_id == *id)
        });
        self.journal.set_limits(&config.limits);
        let snapshot = Snapshot::new(config, &attached, self.service.started_at());
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
        let mut attached = self
            .attached
            .lock()
            .expect("nothing panics while it holds this lock");
        let now = self.snapshot();
        let endpoints = now
            .endpoints
            .with_policy(id, document.clone())
            .ok_or_else(|| UnknownVpcEndpoint(id.clone()))?;
        attached.insert(id.clone(), document);
        self.snapshot.store(Arc::new(Snapshot {
            config: now.config.clone(),
            declared: now.declared.clone(),
            endpoints,
            keys: now.keys.clone(),
        }));
        Ok(())
    }

    /// State, journal, counters and policies back to the configuration; the clock stays as it was set
    ///
    /// # Errors
    /// When the state file cannot be written; nothing is changed then.
    pub(crate) fn reset(&self) -> Result<(), StorageError> {
        self.service.reset()?;
        let mut attached = self
            .attached
            .lock()
            .expect("nothing panics while it holds this lock");
        attached.clear();
        let config = self.snapshot().config.clone();
        let snapshot = Snapshot::new(config, &attached, self.service.started_at());
        self.snapshot.store(Arc::new(snapshot));
        self.calls.reset();
        self.journal.clear();
        Ok(())
    }
}

impl Snapshot {
    pub(crate) fn new(
        config: Arc<Config>,
        attached: &BTreeMap<VpcEndpointId, Arc<PolicyDocument>>,
        started_at: Timestamp,
    ) -> Self {
        let declared = Arc::new(Declared::new(&config, started_at));
        let configured = config.vpc_endpoints.iter().cloned().map(|mut endpoint| {
            if let Some(document) = attached.get(&endpoint.vpc_endpoint_id) {
                endpoint.policy_document = document.clone();
            }
            endpoint
        });
        let endpoints = EndpointTable::new(configured, &config.vpcs);
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
            keys,
        }
    }

    /// Whose access key this is
    pub(crate) fn access_key(&self, access_key_id: &str) -> Option<(&Arc<Principal>, &AccessKey)> {
        let (principal, index) = self.keys.get(access_key_id)?;
        Some((principal, &principal.access_keys[*index]))
    }
}
