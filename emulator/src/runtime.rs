//! What all requests share: what belongs to the process, and the [`Space`] that they meet in.
//!
//! A [`Snapshot`] is never changed, only replaced as a whole: by a reload of the configuration file, by a policy that
//! the control API attaches, by what is made and changed over EC2, and by a role session that STS hands out. What calls
//! have changed was acknowledged, so it outlives a reload, and with a state file a restart too; `POST /reset` ends it.

pub(crate) mod acknowledged;
pub(crate) mod addresses;
pub(crate) mod faults;
pub(crate) mod generation;
pub(crate) mod handshakes;
pub(crate) mod policy_texts;
mod records;
pub(crate) mod rules;
pub(crate) mod s3_tasks;
pub(crate) mod service;
mod snapshot;
mod space;
pub(crate) mod state_document;
pub(crate) mod unheard;

use std::{path::PathBuf, sync::Arc, time::Instant};

use arc_swap::ArcSwapOption;
use client_text::cut_bytes;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::{addresses::Addresses, handshakes::Handshakes, unheard::UnheardConnections};
pub(crate) use self::{
    snapshot::Snapshot,
    space::{NotAttached, Readers, Space, UnknownVpcEndpoint},
};
use crate::{
    journal::events::ChangeKind,
    request::body::BodyBudget,
    settings::{LimitsReached, Settings},
    storage::StorageError,
    tls::CertificateAuthority,
};

/// What all requests share
pub(crate) struct Shared {
    pub(crate) space: Arc<Space>,
    pub(crate) authority: Arc<CertificateAuthority>,
    /// Room for bodies of the AWS API
    pub(crate) bodies: BodyBudget,
    /// Room for bodies of the control API
    pub(crate) control_bodies: BodyBudget,
    /// What clients tried that never became a request
    pub(crate) unheard: UnheardConnections,
    /// How TLS handshakes ended
    pub(crate) handshakes: Handshakes,
    /// When limits were reached
    pub(crate) limits_reached: Arc<LimitsReached>,
    pub(crate) addresses: Addresses,
    /// The folder of the CA's files for everyone
    pub(crate) public_certs: Option<PathBuf>,
    pub(crate) started: Instant,
    /// Why the configuration that the files have now is not in force; `None`: it is
    pub(crate) refused_reload: ArcSwapOption<String>,
    /// Cancelled when the emulator stops, for answers that would go on for ever
    pub(crate) stopping: CancellationToken,
}

impl Shared {
    pub(crate) fn new(
        space: Space,
        authority: Arc<CertificateAuthority>,
        addresses: Addresses,
        public_certs: Option<PathBuf>,
    ) -> Self {
        let limits = space.snapshot().settings.limits;
        let limits_reached = space.journal.limits_reached.clone();
        Self {
            space: Arc::new(space),
            authority,
            bodies: BodyBudget::of_aws_api(&limits),
            control_bodies: BodyBudget::of_control_api(&limits),
            unheard: UnheardConnections::new(limits.unheard_kinds_max, limits_reached.clone()),
            handshakes: Handshakes::default(),
            limits_reached,
            addresses,
            public_certs,
            started: Instant::now(),
            refused_reload: ArcSwapOption::empty(),
            stopping: CancellationToken::new(),
        }
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
        let declared = settings.faults.iter().map(|fault| &**fault);
        if let Some(message) = faults::without_certificate(declared, &self.authority) {
            warn!("{message}");
        }
        self.refused_reload.store(None);
        self.space.reload(settings);
    }

    /// Notes that the files say what is in force, perhaps again after a configuration that was refused
    pub(crate) fn reload_unchanged(&self) {
        if self.refused_reload.swap(None).is_some() {
            self.space.note_change(ChangeKind::Reload);
        }
    }

    /// Leaves the configuration in force, because what the files say now is not valid, and tells listeners why
    pub(crate) fn refuse_reload(&self, reasons: &str) {
        let reasons = Arc::new(cut_bytes(reasons, RELOAD_REASONS_BYTES_MAX).into_owned());
        // Before the event, so that whoever has the event finds the reasons everywhere.
        self.refused_reload.store(Some(reasons.clone()));
        self.space.note_refused_reload(&reasons);
    }

    /// Puts state, journal, counters, policies and faults back to the configuration; the clock stays as it was set
    ///
    /// # Errors
    /// When the state file cannot be written; nothing is changed then.
    pub(crate) fn reset(&self) -> Result<(), StorageError> {
        self.space.reset()?;
        self.unheard.clear();
        Ok(())
    }
}

/// How many bytes are told of the reasons why a configuration was not put in force; the log has all of them
const RELOAD_REASONS_BYTES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use aws_identifiers::VpcEndpointId;
    use iam_policy::{PolicyDocument, PolicyType};
    use serde_json::Value;

    use super::{
        acknowledged::AcknowledgedChanges,
        faults::FaultMistake,
        rules::{ReadRules, RuleMistake},
        service::Service,
        *,
    };
    use crate::{
        clock::Clock,
        config::Config,
        journal::Journal,
        network::{addressed_host::AddressedHost, entry_point::Arrival},
        settings::LogRequests,
        storage::{Memory, Storage, testing::on_a_disk_that_fails},
    };

    const ID: &str = "vpce-00000000000000000";

    fn embedded(yaml: Option<&str>) -> Config {
        Config::embedded(yaml, None).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn no_rules(_: &Value, _: &Settings) -> Result<ReadRules, Vec<RuleMistake>> {
        Ok((Vec::new(), Vec::new()))
    }

    fn shared(config: Config, storage: Arc<dyn Storage>) -> Shared {
        let clock = Clock::default();
        let mut records = storage.load().unwrap();
        let restored = Service::restore(
            clock.now(),
            storage.clone(),
            &mut records,
            &config.settings.limits,
        )
        .unwrap();
        let made =
            AcknowledgedChanges::restore(storage, &mut records, &config.settings, &no_rules, clock.now())
                .unwrap();
        let authority = Arc::new(CertificateAuthority::in_memory(config.served_names().unwrap()).unwrap());
        let addresses = Addresses {
            listen: "127.0.0.1:8443".parse().unwrap(),
            control: "127.0.0.1:8080".parse().unwrap(),
            published: None,
        };
        let journal = Journal::new(&config.settings.limits, LogRequests::None, &[]);
        let readers = Readers {
            rules: Box::new(no_rules),
            faults: Box::new(|_| Err(FaultMistake::at("", "there are no faults here"))),
        };
        let space = Space::new(config.settings, restored, made, readers, clock, journal);
        Shared::new(space, authority, addresses, None)
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
            let snapshot = shared.space.snapshot();
            let placed = snapshot.endpoints.get(&id).expect("it stands");
            placed.endpoint.policy_document.clone()
        };
        let first = policy("lookoutvision:DetectAnomalies");
        shared.space.attach_policy(&id, first.clone()).unwrap();
        assert_eq!(in_force(), first);

        faults.is_full.store(true, Ordering::Relaxed);
        let refused = shared.space.attach_policy(&id, policy("*"));
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
            shared.space.snapshot().endpoints.by_host(arrival).is_ok()
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
