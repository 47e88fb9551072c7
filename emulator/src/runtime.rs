//! What all requests share: the configuration in force, the clock, the journal.
//!
//! A [`Snapshot`] is never changed, only replaced as a whole: by a reload of the configuration file, by a policy that
//! the control API attaches, by what is made and changed over EC2, and by a role session that STS hands out. All of
//! these outlive a reload, because they were acknowledged, and with a state file a restart; `POST /reset` ends them.

pub(crate) mod acknowledged;
pub(crate) mod addresses;
pub(crate) mod policy_texts;
mod records;
pub(crate) mod s3_tasks;
pub(crate) mod service;
pub(crate) mod unheard;

use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use arc_swap::ArcSwap;
use aws_identifiers::{Region, VpcEndpointId};
use iam_policy::PolicyDocument;
use jiff::Timestamp;
use lookoutvision::{self, call_counts::CallCounts, store::Declared};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    authorization::Coverage,
    clock::Clock,
    identity::{
        AccessKey, Principal, Role,
        sessions::{SessionRequest, Sessions},
    },
    journal::{
        Explainer, Journal,
        events::{Change, ChangeKind},
    },
    network::{changes::EndpointChanges, entry_point::EndpointTable},
    request::body::BodyBudget,
    runtime::{
        acknowledged::AcknowledgedChanges, addresses::Addresses, policy_texts::PolicyTexts,
        s3_tasks::S3Tasks, service::Service, unheard::UnheardConnections,
    },
    settings::{LogRequests, Settings},
    storage::StorageError,
    tls::CertificateAuthority,
};

/// What all requests share
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) journal: Journal,
    pub(crate) explainer: Explainer,
    pub(crate) calls: CallCounts,
    /// Which parts of the policies requests came to
    pub(crate) coverage: Coverage,
    /// Policies that are or were in force
    pub(crate) policy_texts: PolicyTexts,
    pub(crate) service: Service,
    pub(crate) s3_tasks: S3Tasks,
    pub(crate) authority: Arc<CertificateAuthority>,
    /// Room for bodies of the AWS API
    pub(crate) bodies: BodyBudget,
    /// Room for bodies of the control API
    pub(crate) control_bodies: BodyBudget,
    /// What clients tried that never became a request
    pub(crate) unheard: UnheardConnections,
    pub(crate) addresses: Addresses,
    /// The folder of the CA's files for everyone
    pub(crate) public_certs: Option<PathBuf>,
    pub(crate) started: Instant,
    /// Cancelled when the emulator stops, for answers that would go on for ever
    pub(crate) stopping: CancellationToken,
    /// Regions without the service whose first project was remarked on
    regions_remarked_on: Mutex<BTreeSet<Region>>,
    snapshot: ArcSwap<Snapshot>,
    /// What calls made; held while a snapshot is replaced
    made: Mutex<AcknowledgedChanges>,
}

/// The configuration in force, with everything that calls made
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) settings: Arc<Settings>,
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

impl Shared {
    #[expect(
        clippy::too_many_arguments,
        reason = "each is made by another room and named by its type"
    )]
    pub(crate) fn new(
        settings: Arc<Settings>,
        authority: Arc<CertificateAuthority>,
        service: Service,
        made: AcknowledgedChanges,
        clock: Clock,
        addresses: Addresses,
        public_certs: Option<PathBuf>,
        log_requests: LogRequests,
    ) -> Self {
        let started_at = service.started_at();
        let limits = settings.limits;
        let coverage = Coverage::new(settings.coverage, limits.coverage_documents_max);
        let snapshot = Snapshot::new(settings, &made, started_at);
        let policy_texts = PolicyTexts::default();
        snapshot.keep_policies(&policy_texts);
        Self {
            clock,
            journal: Journal::new(&limits, log_requests),
            explainer: Explainer::default(),
            calls: CallCounts::new(limits.counted_models_max),
            coverage,
            service,
            s3_tasks: S3Tasks::new(limits.s3_tasks_max),
            authority,
            bodies: BodyBudget::of_aws_api(&limits),
            control_bodies: BodyBudget::of_control_api(&limits),
            unheard: UnheardConnections::new(limits.unheard_kinds_max),
            addresses,
            public_certs,
            started: Instant::now(),
            stopping: CancellationToken::new(),
            regions_remarked_on: Mutex::default(),
            snapshot: ArcSwap::from_pointee(snapshot),
            policy_texts,
            made: Mutex::new(made),
        }
    }

    /// The configuration in force: a request takes it once and keeps it
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Puts another configuration in force, from the next request on
    pub(crate) fn reload(&self, settings: Arc<Settings>) {
        for region in settings.regions() {
            if !self.authority.covers_region(&region) {
                warn!(
                    "host names in the Region `{region}`, which the configuration names now, have no certificate: at \
                     the next start a new certificate authority is made, which clients have to trust anew"
                );
            }
        }
        let mut made = self.made();
        made.reload(&settings, self.clock.now());
        self.journal.set_limits(&settings.limits);
        self.coverage
            .set_documents_max(settings.limits.coverage_documents_max);
        if settings.coverage != self.snapshot().settings.coverage {
            self.coverage.turn(settings.coverage);
        }
        let snapshot = Snapshot::new(settings, &made, self.service.started_at());
        snapshot.keep_policies(&self.policy_texts);
        self.snapshot.store(Arc::new(snapshot));
        self.note_change(ChangeKind::Reload);
    }

    /// Tells whoever listens that requests from here on see something else
    pub(crate) fn note_change(&self, kind: ChangeKind) {
        let time = self.clock.now();
        self.journal.note_change(Change { time, kind });
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
        made.put_endpoints(endpoints, self.clock.now())?;
        let snapshot = Snapshot {
            settings: now.settings.clone(),
            declared: now.declared.clone(),
            endpoints: made
                .endpoints()
                .table(&now.settings.networks, self.service.started_at()),
            keys: now.keys.clone(),
            sessions: now.sessions.clone(),
        };
        snapshot.keep_policies(&self.policy_texts);
        self.snapshot.store(Arc::new(snapshot));
        self.note_change(kind);
        Ok(result)
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
        made.add_session(session, role, now.settings.limits.role_sessions_max)?;
        self.snapshot.store(Arc::new(Snapshot {
            settings: now.settings.clone(),
            declared: now.declared.clone(),
            endpoints: now.endpoints.clone(),
            keys: now.keys.clone(),
            sessions: made.sessions().clone(),
        }));
        Ok(())
    }

    /// State, journal, counters and policies back to the configuration; the clock stays as it was set
    ///
    /// # Errors
    /// When the state file cannot be written; nothing is changed then.
    pub(crate) fn reset(&self) -> Result<(), StorageError> {
        // Held first, so that nothing is made between the clearing of the file and that of the memory.
        let mut made = self.made();
        self.service.reset()?;
        // What they were begun for is gone.
        self.s3_tasks.give_up();
        made.forget();
        let settings = self.snapshot().settings.clone();
        let snapshot = Snapshot::new(settings, &made, self.service.started_at());
        self.snapshot.store(Arc::new(snapshot));
        self.calls.reset();
        self.journal.clear();
        self.unheard.clear();
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
        let shared = self.clone();
        // Nobody who hangs up stops it halfway.
        match tokio::task::spawn_blocking(move || work(&shared)).await {
            Ok(done) => done,
            // What panics over there panics here, as it does without a disk.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Whether this is the first project in a Region where the service never was
    pub(crate) fn is_first_project_elsewhere(&self, region: &Region) -> bool {
        let mut remarked_on = self
            .regions_remarked_on
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        !lookoutvision::REGIONS.contains(&region.as_str()) && remarked_on.insert(region.clone())
    }

    // A poisoned lock only means that somebody panicked; what is there is put in its place as a whole.
    fn made(&self) -> MutexGuard<'_, AcknowledgedChanges> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshot {
    /// Keeps the policies in force, so that the journal can name them when others have taken their place
    fn keep_policies(&self, texts: &PolicyTexts) {
        let in_force = policy_texts::in_force(&self.settings, &self.endpoints);
        let trust = self.settings.identities.roles.iter();
        let documents = in_force.map(|(document, _)| document);
        texts.keep(
            documents.chain(trust.map(|role| &role.trust_policy)),
            self.settings.limits.policy_texts_max,
        );
    }

    pub(crate) fn new(settings: Arc<Settings>, made: &AcknowledgedChanges, started_at: Timestamp) -> Self {
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
            settings,
            declared,
            endpoints,
            keys: Arc::new(keys),
            sessions: made.sessions().clone(),
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use iam_policy::PolicyType;

    use super::*;
    use crate::{
        config::Config,
        network::{addressed_host::AddressedHost, entry_point::Arrival},
        storage::{Memory, Storage, testing::on_a_disk_that_fails},
    };

    const ID: &str = "vpce-00000000000000000";

    fn embedded(yaml: Option<&str>) -> Config {
        Config::embedded(yaml, None).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn shared(config: Config, storage: Arc<dyn Storage>) -> Shared {
        let clock = Clock::default();
        let mut records = storage.load().unwrap();
        let service = Service::restore(
            clock.now(),
            storage.clone(),
            &mut records,
            &config.settings.limits,
        )
        .unwrap();
        let made =
            AcknowledgedChanges::restore(storage, &mut records, &config.settings, clock.now()).unwrap();
        let authority = Arc::new(CertificateAuthority::in_memory(config.served_names().unwrap()).unwrap());
        let addresses = Addresses {
            listen: "127.0.0.1:8443".parse().unwrap(),
            control: "127.0.0.1:8080".parse().unwrap(),
            published: None,
        };
        Shared::new(
            config.settings,
            authority,
            service,
            made,
            clock,
            addresses,
            None,
            LogRequests::None,
        )
    }

    #[test]
    fn what_cannot_be_persisted_is_not_done() {
        let folder = tempfile::tempdir().unwrap();
        let (storage, faults) = on_a_disk_that_fails(folder.path());
        let shared = shared(embedded(None), Arc::new(storage));

        let id: VpcEndpointId = ID.parse().unwrap();
        let policy = |action: &str| {
            let text = format!(
                r#"{{"Statement": [{{"Effect": "Allow", "Principal": "*", "Action": "{action}", "Resource": "*"}}]}}"#
            );
            Arc::new(PolicyDocument::parse(&text, PolicyType::VpcEndpoint).unwrap())
        };
        let in_force = || {
            let snapshot = shared.snapshot();
            let placed = snapshot.endpoints.get(&id).expect("it stands");
            placed.endpoint.policy_document.clone()
        };
        let first = policy("lookoutvision:DetectAnomalies");
        shared.attach_policy(&id, first.clone()).unwrap();
        assert_eq!(in_force(), first);

        faults.is_full.store(true, Ordering::Relaxed);
        let refused = shared.attach_policy(&id, policy("*"));
        assert!(matches!(refused, Err(NotAttached::NotWritten(_))), "{refused:?}");
        assert_eq!(in_force(), first);
        assert!(shared.reset().is_err());
        assert_eq!(in_force(), first);
    }

    #[test]
    fn a_reload_opens_and_closes_the_public_endpoint() {
        let config = |public_endpoint: &str| {
            let yaml = format!("vpc_endpoints: []\npublic_endpoint: {public_endpoint}\n");
            embedded(Some(&yaml))
        };
        let shared = shared(config("refuse"), Arc::new(Memory));

        let host = AddressedHost::new("lookoutvision.us-west-2.amazonaws.com");
        let is_led = || {
            let local = [127, 0, 0, 1].into();
            let arrival = Arrival { host: &host, local };
            shared.snapshot().endpoints.by_host(arrival).is_ok()
        };
        assert!(!is_led());
        shared.reload(config("allow").settings);
        assert!(is_led());
        shared.reload(config("refuse").settings);
        assert!(!is_led());
    }

    #[test]
    fn a_reload_says_which_regions_have_no_certificates() {
        let shared = shared(embedded(None), Arc::new(Memory));
        let yaml = "projects: [{name: a, region: us-west-2}, {name: b, region: xx-nowhere-1}]";
        let log = tempfile::NamedTempFile::new().unwrap();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(Arc::new(log.reopen().unwrap()))
            .finish();
        tracing::subscriber::with_default(subscriber, || shared.reload(embedded(Some(yaml)).settings));
        let log = std::fs::read_to_string(log.path()).unwrap();
        assert!(
            log.contains("host names in the Region `xx-nowhere-1`, which the configuration names now, have no certificate"),
            "{log}"
        );
        assert!(!log.contains("us-west-2"), "{log}");
    }
}
