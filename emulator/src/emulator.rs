//! The facade: start an emulator, ask it, stop it.

use std::{fmt, net::SocketAddr, pin::pin, sync::Arc};

use aws_identifiers::VpcEndpointId;
use iam_policy::{PolicyDocument, PolicyError, PolicyType};
use serde_json::Value;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use tracing::{info, warn};

use crate::{
    clock::{Clock, ClockError, ClockSetting, SignatureClocks},
    config::{Config, Problem, Problems, watch::Reloaded},
    control::{
        ControlApi,
        client_environment::{ClientEnvironment, View},
        verify,
    },
    journal::{
        CountBy, Counts, EntryView, Journal,
        events::ChangeKind,
        verification::{NotVerified, Report, Verification},
    },
    network::{EmulatedName, host_name::HostName},
    runtime::{
        NotAttached, Readers, Shared, Snapshot, Space, UnknownVpcEndpoint,
        addresses::{Addresses, PublishedPorts},
        faults::without_certificate,
    },
    server::{
        self, Stop,
        connection::{Api, Connector, cut_off::CutOff},
    },
    services::{self, vocabulary},
    tls::{self, CertificateAuthority, TlsLimits},
    workbench::coverage::{CoverageReport, show_all},
};

#[cfg(feature = "aws-sdk")]
mod aws_sdk;
mod builder;
mod declared;
mod expect;
mod faults;
mod requests;
mod rules;
mod start;
mod state;

use self::start::{bind, fault_reader, open_authority, open_state, rule_reader};
pub(crate) use self::state::ImportedState;
pub use self::{
    builder::Builder,
    declared::{Answer, Fault, FaultStage, Model, Principal, Project, Rectangle, Rule, TlsFault},
    expect::{Expect, VerifyError},
    faults::{FaultError, FaultReport},
    requests::Requests,
    rules::{ModelRef, RuleChangeError},
    state::StateChangeError,
};

/// A running emulator; dropping it stops it
pub struct Emulator {
    shared: Arc<Shared>,
    stop: watch::Sender<Stop>,
    listeners: Vec<JoinHandle<usize>>,
}

/// The emulator could not be started; nothing is left listening
///
/// It prints everything that was wrong, found together.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub(crate) Problems);

/// A policy was not attached; the one before is still in force
#[derive(Debug, thiserror::Error)]
pub enum PolicyChangeError {
    /// AWS would refuse the document
    #[error("InvalidPolicyDocument: {0}")]
    InvalidPolicyDocument(#[from] PolicyError),
    /// There is no endpoint with this ID
    #[error("the VPC endpoint ID '{0}' does not exist")]
    UnknownVpcEndpoint(String),
    /// The change cannot be persisted
    #[error("the state file was not written: {0}")]
    StateNotWritten(String),
    /// The configuration has no endpoint to attach it to
    #[error("the configuration has no VPC endpoint")]
    NoVpcEndpoint,
}

impl From<NotAttached> for PolicyChangeError {
    fn from(error: NotAttached) -> Self {
        match error {
            NotAttached::Unknown(UnknownVpcEndpoint(id)) => Self::UnknownVpcEndpoint(id.to_string()),
            NotAttached::NotWritten(error) => Self::StateNotWritten(error.to_string()),
        }
    }
}

impl Emulator {
    /// A builder with the default settings
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Opens the certificate authority, binds both listeners, and serves
    ///
    /// # Errors
    /// With everything that prevents the start, found together: an unusable certs folder, a busy port.
    pub(crate) async fn start(config: Arc<Config>) -> Result<Self, StartError> {
        Self::start_with(config, None, None).await
    }

    /// As [`start`](Self::start), in a container whose host calls these ports, or with an imported state to begin with
    ///
    /// # Errors
    /// Those of [`start`](Self::start).
    pub(crate) async fn start_with(
        config: Arc<Config>,
        published: Option<PublishedPorts>,
        imported: Option<ImportedState>,
    ) -> Result<Self, StartError> {
        let mut problems = Problems::default();
        let authority = open_authority(&config, &mut problems);
        let declared = config.settings.faults.iter().map(|fault| &**fault);
        let missing = authority.as_ref();
        let missing = missing.and_then(|authority| without_certificate(declared, authority));
        missing
            .into_iter()
            .for_each(|message| problems.push(Problem::of_process(message)));
        let listener = bind("listen", config.process.listen, &mut problems).await;
        let control_listener = bind("control", config.process.control, &mut problems).await;
        let clock = Clock::default();
        let rule_reader = rule_reader(&config);
        let state = open_state(&config, &rule_reader, clock.now(), &mut problems);
        let (
            Some(authority),
            Some((listener, address)),
            Some((control_listener, control_address)),
            Some((service, made)),
        ) = (authority, listener, control_listener, state)
        else {
            return Err(StartError(problems));
        };
        if !problems.is_empty() {
            return Err(StartError(problems));
        }

        let limits = TlsLimits {
            sessions_max: config.settings.limits.tls_sessions_max,
        };
        let tls = tls::server_config(authority.clone(), limits, config.process.alpn, |refusal| {
            warn!("no certificate for a client: {refusal}");
        });
        let addresses = Addresses {
            listen: address,
            control: control_address,
            published,
        };
        let journal = Journal::new(
            &config.settings.limits,
            config.process.log_requests,
            &services::operation_names(),
        );
        let space = Space::new(
            config.settings.clone(),
            service,
            made,
            Readers {
                faults: fault_reader(&authority),
                rules: rule_reader,
            },
            clock,
            journal,
        );
        if let Some(imported) = imported {
            start::import(&space, imported)?;
        }
        let public_certs = config.process.public_certs.clone();
        let shared = Arc::new(Shared::new(space, authority, addresses, public_certs));
        let (stop, stopped) = watch::channel(Stop::NotYet);
        let aws_api = Connector {
            shared: shared.clone(),
            api: Api::Aws { tls },
            cut_off: CutOff::default(),
        };
        let control_api = Connector {
            shared: shared.clone(),
            api: Api::Control(Arc::new(ControlApi::new(shared.clone(), faults::READER))),
            cut_off: CutOff::default(),
        };
        let listeners = vec![
            tokio::spawn(server::serve(listener, aws_api, stopped.clone())),
            tokio::spawn(server::serve(control_listener, control_api, stopped)),
        ];
        Ok(Self {
            shared,
            stop,
            listeners,
        })
    }

    /// Where the AWS API listens
    pub fn address(&self) -> SocketAddr {
        self.shared.addresses.listen
    }

    /// What `AWS_ENDPOINT_URL_LOOKOUTVISION` is set to
    pub fn endpoint_url(&self) -> String {
        self.shared.addresses.endpoint_url()
    }

    /// Where the control API listens
    pub fn control_url(&self) -> String {
        self.shared.addresses.control_url()
    }

    /// The certificate of the CA that the clients must trust, as PEM
    pub fn ca_pem(&self) -> &str {
        self.shared.authority.ca_pem()
    }

    /// The requests that it received, oldest first; filters narrow them, `.await` returns them
    pub fn requests(&self) -> Requests<'_> {
        Requests::of(&self.shared)
    }

    /// Clears the journal and returns how many requests it held
    pub fn clear_requests(&self) -> usize {
        self.shared.space.journal.clear()
    }

    /// How many requests there were in each group, by counters that eviction from the journal does not change
    ///
    /// ```
    /// # use lookoutvision_emulator::{CountBy, Emulator};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let emulator = Emulator::builder().start().await.unwrap();
    /// let counts = emulator.request_counts(&[CountBy::Operation, CountBy::Status]);
    /// assert_eq!((counts.total, counts.rest), (0, 0));
    /// # }
    /// ```
    pub fn request_counts(&self, by: &[CountBy]) -> Counts {
        self.shared.space.journal.counters.counts(by)
    }

    /// Whether the calls that are expected were made
    ///
    /// ```
    /// # use lookoutvision_emulator::{Emulator, Expect};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let emulator = Emulator::builder().start().await?;
    /// let missing = Expect::operation("DetectAnomalies").times(2);
    /// let error = emulator.verify(missing).await.unwrap_err();
    /// assert!(error.to_string().starts_with("operation DetectAnomalies: expected exactly 2, found 0"));
    /// emulator.verify(Expect::operation("Delete*").never()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the calls were not made, with what was found and the nearest calls; when the expectation describes a call
    /// that cannot exist, such as one of an unknown operation; and when the journal no longer holds enough to decide.
    pub async fn verify(&self, expected: Expect) -> Result<(), VerifyError> {
        let report = self.report_on(expected.into_verification()).await?;
        if report.is_satisfied() {
            return Ok(());
        }
        Err(VerifyError::new(report.into_text()))
    }

    /// The report on a verification that was read from a file
    pub(crate) async fn report_on(&self, expected: Verification) -> Result<Report, NotVerified> {
        verify::run(&self.shared, expected).await
    }

    /// The certificate authority
    pub fn certificate_authority(&self) -> &CertificateAuthority {
        &self.shared.authority
    }

    /// Attaches a policy to the first configured VPC endpoint, from the next request on
    ///
    /// # Errors
    /// When AWS would refuse the document, there is no endpoint, or the state file cannot be written. The policy before
    /// stays in force then.
    pub fn set_endpoint_policy(&self, document: &Value) -> Result<(), PolicyChangeError> {
        let snapshot = self.snapshot();
        let first = snapshot
            .endpoints
            .iter()
            .next()
            .ok_or(PolicyChangeError::NoVpcEndpoint)?;
        self.set_policy_of(first.id(), document)
    }

    /// Attaches a policy to the VPC endpoint with this ID, from the next request on
    ///
    /// # Errors
    /// When AWS would refuse the document, there is no such endpoint, or the state file cannot be written. The policy
    /// before stays in force then.
    pub fn set_policy_of_endpoint(
        &self,
        vpc_endpoint_id: &str,
        document: &Value,
    ) -> Result<(), PolicyChangeError> {
        let id = vpc_endpoint_id.parse();
        let id = id.map_err(|_| PolicyChangeError::UnknownVpcEndpoint(vpc_endpoint_id.to_owned()))?;
        self.set_policy_of(&id, document)
    }

    fn set_policy_of(&self, id: &VpcEndpointId, document: &Value) -> Result<(), PolicyChangeError> {
        let document = PolicyDocument::parse(&document.to_string(), PolicyType::VpcEndpoint)?;
        self.shared.space.attach_policy(id, Arc::new(document.clone()))?;
        let snapshot = self.snapshot();
        if let Some(placed) = snapshot.endpoints.get(id) {
            vocabulary::warn_about(&document, placed, &snapshot.settings);
        }
        Ok(())
    }

    /// Moves or freezes the emulator's clock
    ///
    /// # Errors
    /// When the setting leads outside the years that a timestamp can hold.
    pub fn set_clock(&self, setting: ClockSetting) -> Result<(), ClockError> {
        self.shared.space.clock().set_time(setting)?;
        self.shared.space.note_change(ChangeKind::Clock);
        Ok(())
    }

    /// Advances the emulator's clock from its current time
    ///
    /// # Errors
    /// When that leads outside the years that a timestamp can hold.
    pub fn advance_clock(&self, seconds: u32) -> Result<(), ClockError> {
        self.shared.space.clock().advance(seconds)?;
        self.shared.space.note_change(ChangeKind::Clock);
        Ok(())
    }

    /// Sets which clocks the date of a signature is checked against
    pub fn set_signature_clocks(&self, signatures: SignatureClocks) {
        self.shared.space.clock().set_signatures(signatures);
        self.shared.space.note_change(ChangeKind::Clock);
    }

    /// Resets state, journal, counters, policies and faults to the configuration
    ///
    /// If the state file cannot be written, it and the state stay as they were, and the log says so.
    pub fn reset(&self) {
        if let Err(error) = self.shared.reset() {
            warn!("the state was not reset: {error}");
        }
    }

    /// Stops listening and waits for the requests in flight, for `shutdown_timeout` at most; returns how many were cut off
    pub async fn stop(self) -> usize {
        self.stop_until(std::future::pending()).await
    }

    /// As [`stop`](Self::stop), but waits no longer once `at_once` is ready
    pub(crate) async fn stop_until(mut self, at_once: impl Future<Output = ()>) -> usize {
        self.stop.send_replace(Stop::Finish);
        self.shared.stopping.cancel();
        let shared = self.shared.clone();
        let deadline = Instant::now() + shared.space.snapshot().settings.limits.shutdown_timeout;
        let mut stop = self.stop.subscribe();
        let listeners = std::mem::take(&mut self.listeners);
        let all_stopped = async {
            let mut requests_cut_off = 0;
            for listener in listeners {
                // The panic of a listener was printed when it happened.
                requests_cut_off += listener.await.unwrap_or(0);
            }
            // S3 tasks of requests that were answered already have the rest of the time.
            tokio::select! {
                () = shared.space.s3_tasks.finish() => {}
                () = sleep_until(deadline) => info!("what still waits for S3 is given up"),
                () = Stop::told_at_once(&mut stop) => {}
            }
            requests_cut_off
        };
        let (mut all_stopped, mut at_once) = (pin!(all_stopped), pin!(at_once));
        tokio::select! {
            requests_cut_off = &mut all_stopped => {
                // Once the log is written, it says why the last of them were denied.
                tokio::select! {
                    () = self.shared.space.journal.log.finish() => {}
                    () = &mut at_once => {}
                }
                return requests_cut_off;
            }
            () = &mut at_once => {}
        }
        self.stop.send_replace(Stop::AtOnce);
        all_stopped.await
    }

    /// Counts which parts of the policies requests reach, from the next request on
    pub(crate) fn count_coverage(&self) {
        self.shared.space.coverage.turn(true);
    }

    /// Which parts of the policies requests reached
    pub(crate) fn coverage_report(&self) -> CoverageReport {
        let snapshot = self.snapshot();
        show_all(
            &self.shared.space.coverage,
            &snapshot.settings,
            &snapshot.endpoints,
        );
        CoverageReport::of(&self.shared.space.coverage, &snapshot.settings.policy_files)
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.space.snapshot()
    }

    /// The environment variables that a client on this machine needs
    pub(crate) fn client_environment(&self) -> ClientEnvironment {
        ClientEnvironment::of(&self.shared, View::default())
    }

    /// The environment variables that a client needs that calls this emulator by this host name
    pub(crate) fn client_environment_by(&self, host: &str) -> ClientEnvironment {
        let addresses = &self.shared.addresses;
        let view = View {
            endpoint_url: Some(addresses.endpoint_url_by(host)),
            control_url: Some(format!("http://{host}:{}", addresses.control.port())),
            certs: None,
        };
        ClientEnvironment::of(&self.shared, view)
    }

    /// The port of the control API
    pub(crate) fn control_port(&self) -> u16 {
        self.shared.addresses.control.port()
    }

    /// The name by which other machines of its network call it: the first of its configured names, or else this
    /// machine's own
    pub(crate) fn name_for_others(&self) -> String {
        let snapshot = self.snapshot();
        let configured = snapshot.settings.names.iter().find_map(|name| match name {
            EmulatedName::Dns(name) => Some(name.clone()),
            EmulatedName::Address(_) => None,
        });
        let own = || HostName::of_this_machine().map(|name| name.as_str().to_owned());
        configured.or_else(own).unwrap_or_else(|| "localhost".to_owned())
    }

    /// The ports of the host that lead here, if it runs in a container
    pub(crate) fn published_ports(&self) -> Option<PublishedPorts> {
        self.shared.addresses.published
    }

    /// Waits until every connection to the AWS API has ended
    pub(crate) async fn connections_ended(&self) {
        self.shared.unheard.all_ended().await;
    }

    /// Every entry of the journal as a line of JSON, newest last
    pub(crate) fn journal_lines(&self) -> Vec<String> {
        let entries = self.shared.space.journal.entries();
        entries
            .iter()
            .map(|entry| EntryView::of(entry).to_json_text())
            .collect()
    }

    /// A function that puts a reloaded configuration in force
    pub(crate) fn reloader(&self) -> impl Fn(Reloaded) + Send + Sync + 'static {
        let shared = self.shared.clone();
        move |reloaded| match reloaded {
            Reloaded::New(config) => shared.reload(config.settings.clone()),
            Reloaded::Unchanged => shared.reload_unchanged(),
            Reloaded::Refused(reasons) => shared.refuse_reload(&reasons),
        }
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("addresses", &self.shared.addresses)
            .finish_non_exhaustive()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.shared.stopping.cancel();
        for listener in &self.listeners {
            // Aborting a listener drops the set of its connections, which aborts them.
            listener.abort();
        }
        // Unfinished S3 tasks are given up; the next emulator with this state file reports them.
        self.shared.space.s3_tasks.give_up();
        self.shared.space.service.close();
    }
}
