//! The faults in force, and what each has done so far.
//!
//! They are part of the snapshot, so a request asks those that it began with. A fault that is taken away, or whose time is
//! over, ends at once for calls that it still holds up: whoever waits for one waits for [`MetFault::over`] too.

mod kept;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

pub(crate) use self::kept::{FaultMistake, FaultReader, KeptFault};
use super::Shared;
use crate::{
    settings::{
        Limits,
        faults::{CallFacts, Effect, Fault, FaultSource, Stage, TlsFault},
    },
    tls::CertificateAuthority,
};

/// The faults in force, in the order in which calls are looked up in them: those of the control API, then the configuration's
#[derive(Debug, Default, Clone)]
pub(crate) struct FaultSet {
    control: Vec<Arc<FaultInForce>>,
    configured: Vec<Configured>,
}

/// A fault of the configuration
#[derive(Debug, Clone)]
struct Configured {
    fault: Arc<FaultInForce>,
    /// The control API has taken it away until the next reset
    is_away: bool,
}

/// A fault with what it has done so far
#[derive(Debug)]
pub(crate) struct FaultInForce {
    fault: Arc<Fault>,
    source: FaultSource,
    /// When it ends by itself
    ends: Option<Instant>,
    /// Cancelled when it is taken away
    taken_away: CancellationToken,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Progress {
    /// Calls that matched
    matched: u64,
    /// Those of them that met it
    struck: u64,
}

/// A fault that a call, or a handshake, has met
#[derive(Debug, Clone)]
pub(crate) struct MetFault {
    in_force: Arc<FaultInForce>,
    /// The number of the call among those that match
    number: u64,
}

/// A fault, and what it has done so far
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Fault)]
pub(crate) struct FaultView {
    #[schema(value_type = String, example = "busy")]
    pub(crate) name: Arc<str>,
    source: FaultSource,
    pub(crate) state: FaultState,
    /// Calls that matched
    pub(crate) matched: u64,
    /// Calls that met it
    pub(crate) struck: u64,
    /// Calls that it is still there for; `null`: no end
    times_left: Option<u64>,
    /// Seconds until it ends by itself; `null`: no end
    seconds_left: Option<u64>,
    /// As it was written, and as `POST /faults` takes it
    #[schema(value_type = Object)]
    pub(crate) definition: Value,
}

impl FaultView {
    /// Whether it still does something
    pub(crate) fn is_active(&self) -> bool {
        self.state == FaultState::Active
    }
}

/// Whether a fault still does something
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FaultState {
    /// It does
    Active,
    /// It struck as often as `times` says
    Spent,
    /// Its `ttl_seconds` have passed
    Expired,
}

/// Why the faults stay as they are
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FaultsUnchanged {
    /// Two of one name
    #[error("there is a fault `{0}` already: take it away first, or give this one another name")]
    Exists(Arc<str>),
    /// None of this name
    #[error("there is no fault `{name}`{}", of_these(.names))]
    Unknown {
        /// What was asked for
        name: String,
        /// What there is
        names: Vec<Arc<str>>,
    },
    /// More than there may be
    #[error("there can be {faults_max} faults (faults_max), and these would be {found}")]
    TooMany {
        /// The limit
        faults_max: usize,
        /// How many there would be
        found: usize,
    },
    /// What the certificate authority has no certificate for
    #[error("{0}")]
    NoCertificate(String),
}

fn of_these(names: &[Arc<str>]) -> String {
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    match names.as_slice() {
        [] => "; there are none".to_owned(),
        names => format!("; there are {}", client_text::spelling::quoted(names)),
    }
}

impl FaultSet {
    /// The faults that a configuration declares, none of which has done anything yet
    pub(crate) fn of(configured: &[Arc<Fault>]) -> Self {
        Self::default().reloaded(configured)
    }

    /// The same with another configuration: a fault that is still the same goes on where it is
    ///
    /// No two faults in force have the same name: the control API's stays in force, and the configuration's is away
    /// until the next reset.
    #[must_use]
    pub(crate) fn reloaded(&self, configured: &[Arc<Fault>]) -> Self {
        let configured = configured.iter().map(|fault| {
            let mut before = self.configured.iter();
            let same = before.find(|before| before.fault.fault == *fault);
            let mut control = self.control.iter();
            let is_named_by_control = control.any(|control| control.fault.name == fault.name);
            let configured = same.cloned().unwrap_or_else(|| Configured {
                fault: FaultInForce::begin(fault.clone(), FaultSource::Configuration),
                is_away: false,
            });
            Configured {
                is_away: configured.is_away || is_named_by_control,
                ..configured
            }
        });
        Self {
            control: self.control.clone(),
            configured: configured.collect(),
        }
    }

    /// The same with these, in their order, before all others
    ///
    /// # Errors
    /// When there is a fault of one of these names already, or there would be more than `faults_max`.
    pub(crate) fn with(&self, faults: Vec<Fault>, faults_max: usize) -> Result<Self, FaultsUnchanged> {
        let is_there = |name: &Arc<str>| self.in_force().any(|other| other.fault.name == *name);
        let mut names = faults.iter().map(|fault| &fault.name);
        if let Some(name) = names.find(|name| is_there(name)) {
            return Err(FaultsUnchanged::Exists(name.clone()));
        }
        let found = self.in_force().count() + faults.len();
        if found > faults_max {
            return Err(FaultsUnchanged::TooMany { faults_max, found });
        }
        let added = faults.into_iter().map(Arc::new);
        let added = added.map(|fault| FaultInForce::begin(fault, FaultSource::Control));
        Ok(Self {
            control: added.chain(self.control.iter().cloned()).collect(),
            configured: self.configured.clone(),
        })
    }

    /// These alone, in this order; those of the configuration are away until the next reset
    ///
    /// # Errors
    /// When they are more than `faults_max`.
    pub(crate) fn replaced(&self, faults: Vec<Fault>, faults_max: usize) -> Result<Self, FaultsUnchanged> {
        let found = faults.len();
        if found > faults_max {
            return Err(FaultsUnchanged::TooMany { faults_max, found });
        }
        let faults = faults.into_iter().map(Arc::new);
        Ok(Self {
            control: faults
                .map(|fault| FaultInForce::begin(fault, FaultSource::Control))
                .collect(),
            ..self.without_any()
        })
    }

    /// The same without the fault of this name
    ///
    /// # Errors
    /// When there is none of this name.
    pub(crate) fn without(&self, name: &str) -> Result<Self, FaultsUnchanged> {
        if !self.in_force().any(|fault| *fault.fault.name == *name) {
            return Err(FaultsUnchanged::Unknown {
                name: name.to_owned(),
                names: self.in_force().map(|fault| fault.fault.name.clone()).collect(),
            });
        }
        let others = self.control.iter();
        let others = others.filter(|fault| *fault.fault.name != *name);
        let configured = self.configured.iter().cloned();
        Ok(Self {
            control: others.cloned().collect(),
            configured: configured
                .map(|configured| Configured {
                    is_away: configured.is_away || *configured.fault.fault.name == *name,
                    ..configured
                })
                .collect(),
        })
    }

    /// None in force; those of the configuration are away until the next reset
    #[must_use]
    pub(crate) fn without_any(&self) -> Self {
        let configured = self.configured.iter().cloned();
        Self {
            control: Vec::new(),
            configured: configured
                .map(|configured| Configured {
                    is_away: true,
                    ..configured
                })
                .collect(),
        }
    }

    /// Ends the faults that are not in force in the set that takes the place of this one
    pub(crate) fn give_way_to(&self, next: &Self) {
        for fault in self.in_force() {
            if !next.in_force().any(|other| Arc::ptr_eq(fault, other)) {
                fault.taken_away.cancel();
            }
        }
    }

    /// How many are in force
    pub(crate) fn len(&self) -> usize {
        self.in_force().count()
    }

    /// Whether no call can meet one
    pub(crate) fn is_empty(&self) -> bool {
        self.in_force().next().is_none()
    }

    /// The first fault that strikes a call at this stage
    pub(crate) fn strike(&self, stage: Stage, call: &CallFacts<'_>) -> Option<MetFault> {
        let mut faults = self.in_force().filter(|fault| fault.fault.stage == stage);
        faults.find_map(|fault| fault.fault.is_for(call).then(|| fault.strike())?)
    }

    /// The first fault that strikes a handshake
    pub(crate) fn strike_handshake(&self, server_name: Option<&str>, source_ip: IpAddr) -> Option<MetFault> {
        let mut faults = self
            .in_force()
            .filter(|fault| fault.fault.stage == Stage::Handshake);
        faults.find_map(|fault| {
            let is_meant = fault.fault.when.holds_of_handshake(server_name, source_ip);
            is_meant.then(|| fault.strike())?
        })
    }

    /// What each has done so far
    pub(crate) fn views(&self) -> Vec<FaultView> {
        self.in_force().map(|fault| fault.view()).collect()
    }

    /// The definitions in force
    pub(crate) fn definitions(&self) -> impl Iterator<Item = &Fault> {
        self.in_force().map(|fault| &*fault.fault)
    }

    fn in_force(&self) -> impl Iterator<Item = &Arc<FaultInForce>> {
        let configured = self.configured.iter().filter(|configured| !configured.is_away);
        self.control
            .iter()
            .chain(configured.map(|configured| &configured.fault))
    }
}

impl Shared {
    /// Puts other faults in force, from the next request on, unless `change` refuses
    ///
    /// # Errors
    /// When `change` does, or there is no certificate for one of them; then nothing is changed.
    pub(crate) fn change_faults(
        &self,
        change: impl FnOnce(&FaultSet, &Limits) -> Result<FaultSet, FaultsUnchanged>,
    ) -> Result<(), FaultsUnchanged> {
        let changed = self.space.change_faults(|now, limits| {
            let next = change(now, limits)?;
            match without_certificate(next.definitions(), &self.authority) {
                Some(message) => Err(FaultsUnchanged::NoCertificate(message)),
                None => Ok(next),
            }
        });
        if let Err(FaultsUnchanged::TooMany { .. }) = changed {
            self.limits_reached.faults_max.note();
        }
        changed
    }
}

/// Why there is no certificate for one of these faults, if there is none
pub(crate) fn without_certificate<'f>(
    faults: impl IntoIterator<Item = &'f Fault>,
    authority: &CertificateAuthority,
) -> Option<String> {
    let needs_flawed = |fault: &&Fault| {
        matches!(
            fault.effect,
            Effect::Tls(TlsFault::ExpiredCertificate | TlsFault::NotYetValid)
        )
    };
    let fault = faults.into_iter().find(needs_flawed)?;
    (!authority.has_flawed_certificates()).then(|| {
        format!(
            "there is no certificate for the fault `{}`: an earlier version made the certificate authority, without any that \
             have expired or are not valid yet. Remove the files of its folder (`--certs`) to have a new one made at the next \
             start, which clients have to trust anew",
            fault.name
        )
    })
}

impl FaultInForce {
    fn begin(fault: Arc<Fault>, source: FaultSource) -> Arc<Self> {
        Arc::new(Self {
            ends: fault.ttl.map(|ttl| Instant::now() + ttl),
            fault,
            source,
            taken_away: CancellationToken::new(),
            progress: Mutex::default(),
        })
    }

    /// Counts a call that matches; returns the fault if the call meets it
    fn strike(self: &Arc<Self>) -> Option<MetFault> {
        let mut progress = self.progress();
        // A fault that is over counts no more, so that its numbers tell what it did.
        if self.state(*progress) != FaultState::Active {
            return None;
        }
        // The number and what follows from it are given out together: calls that come at the same time share neither.
        // They saturate, because a state may say any number.
        progress.matched = progress.matched.saturating_add(1);
        let number = progress.matched;
        self.fault.strikes(number).then(|| {
            progress.struck = progress.struck.saturating_add(1);
            MetFault {
                in_force: self.clone(),
                number,
            }
        })
    }

    fn state(&self, progress: Progress) -> FaultState {
        if self.fault.times.is_some_and(|times| progress.struck >= times) {
            FaultState::Spent
        } else if self.ends.is_some_and(|end| end <= Instant::now()) {
            FaultState::Expired
        } else {
            FaultState::Active
        }
    }

    fn view(&self) -> FaultView {
        let progress = *self.progress();
        let left = |end: Instant| end.saturating_duration_since(Instant::now());
        FaultView {
            name: self.fault.name.clone(),
            source: self.source,
            state: self.state(progress),
            matched: progress.matched,
            struck: progress.struck,
            times_left: self
                .fault
                .times
                .map(|times| times.saturating_sub(progress.struck)),
            // A part of a second is a second that is left.
            seconds_left: self.ends.map(|end| {
                left(end)
                    .as_millis()
                    .div_ceil(1_000)
                    .try_into()
                    .unwrap_or(u64::MAX)
            }),
            definition: self.fault.written.clone(),
        }
    }

    // Both numbers are written together, so a poisoned lock holds good ones.
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MetFault {
    /// What it is called
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.in_force.fault.name
    }

    /// What happens to the call
    pub(crate) fn effect(&self) -> &Effect {
        &self.in_force.fault.effect
    }

    /// Holds the call up for as long as the fault says, or until the fault is over
    pub(crate) async fn hold_up(&self) {
        if let Some(delay) = self.in_force.fault.delay_of(self.number) {
            self.wait(delay).await;
        }
    }

    /// Waits for this long, or until the fault is over
    pub(crate) async fn wait(&self, duration: Duration) {
        tokio::select! {
            () = self.over() => {}
            () = tokio::time::sleep(duration) => {}
        }
    }

    /// Ends when the fault is taken away or its time is over
    pub(crate) async fn over(&self) {
        let expired = async {
            match self.in_force.ends {
                Some(end) => tokio::time::sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.in_force.taken_away.cancelled() => {}
            () = expired => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::faults::read_list, network::host_name::EmulatedService};

    const ANY_CALL: CallFacts<'static> = CallFacts {
        service: EmulatedService::LookoutVision,
        operation: Some("DetectAnomalies"),
        principal: None,
        access_key_id: None,
        vpc_endpoint_id: None,
        project: None,
        model_version: None,
        region: None,
        source_ip: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
    };

    fn set(faults: &[&str]) -> FaultSet {
        let faults = read_list(&format!("[{}]", faults.join(", "))).expect("they are faults");
        FaultSet::default()
            .replaced(faults, 100)
            .expect("there may be so many")
    }

    fn strike(set: &FaultSet) -> Option<String> {
        let met = set.strike(Stage::BeforeAnswer, &ANY_CALL)?;
        Some(met.name().to_string())
    }

    #[test]
    fn the_first_that_strikes_is_met_and_the_others_do_not_count_the_call() {
        let set = set(&[
            "{name: a, times: 1, fault: {delay_milliseconds: 0}}",
            "{name: b, fault: {delay_milliseconds: 0}}",
        ]);
        let met: Vec<_> = (0..3).map(|_| strike(&set)).collect();
        assert_eq!(
            met,
            [Some("a"), Some("b"), Some("b")].map(|name| name.map(str::to_owned))
        );
        let counts: Vec<_> = set
            .views()
            .iter()
            .map(|view| (view.matched, view.struck))
            .collect();
        assert_eq!(counts, [(1, 1), (2, 2)]);
    }

    #[test]
    fn calls_at_the_same_time_meet_it_as_often_as_calls_in_a_row() {
        let fault = "{name: a, probability: 0.3, seed: 7, times: 200, when: {call: {from: 11}}, fault: {delay_milliseconds: 0}}";
        let in_a_row = set(&[fault]);
        let calls = 1_000;
        let struck = (0..calls).filter(|_| strike(&in_a_row).is_some()).count();
        assert_eq!(struck, 200);
        let matched = in_a_row.views()[0].matched;

        let at_once = set(&[fault]);
        let struck: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..calls / 8).filter(|_| strike(&at_once).is_some()).count()))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("no thread panics"))
                .sum()
        });
        assert_eq!(struck, 200);
        assert_eq!(at_once.views()[0].matched, matched);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_ends_by_itself_and_lets_go_of_whom_it_holds_up() {
        let set = set(&["{name: a, ttl_seconds: 60, fault: {delay_milliseconds: 600000}}"]);
        let met = set.strike(Stage::BeforeAnswer, &ANY_CALL).expect("it strikes");
        assert_eq!(set.views()[0].seconds_left, Some(60));
        let began = Instant::now();
        met.hold_up().await;
        assert_eq!(began.elapsed().as_secs(), 60);
        assert_eq!(strike(&set), None);
        let view = &set.views()[0];
        assert_eq!(
            (view.state, view.seconds_left, view.matched),
            (FaultState::Expired, Some(0), 1)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_that_is_taken_away_lets_go_of_whom_it_holds_up() {
        let before = set(&[
            "{name: a, fault: {delay_milliseconds: 600000}}",
            "{name: b, fault: {delay_milliseconds: 1}}",
        ]);
        let met = before.strike(Stage::BeforeAnswer, &ANY_CALL).expect("it strikes");
        let began = Instant::now();
        let held_up = met.hold_up();
        let taken_away = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            before.give_way_to(&before.without("a").expect("it is there"));
        };
        tokio::join!(held_up, taken_away);
        assert_eq!(began.elapsed().as_secs(), 5);
    }

    #[test]
    fn those_of_the_configuration_go_on_through_a_reload_that_leaves_them_as_they_are() {
        let of = |text: &str| {
            let mut faults = read_list(&format!("[{text}]")).expect("it is one");
            Arc::new(faults.remove(0))
        };
        let (a, b) = (
            "{name: a, fault: {delay_milliseconds: 0}}",
            "{name: b, fault: {delay_milliseconds: 0}}",
        );
        let first = FaultSet::of(&[of(a), of(b)]);
        strike(&first);
        let second = first.reloaded(&[of(a), of("{name: b, fault: {delay_milliseconds: 1}}")]);
        let counts: Vec<_> = second.views().iter().map(|view| view.matched).collect();
        assert_eq!(counts, [1, 0]);
        // A name that the control API has given is its own.
        let own = second.without("b").expect("it is there");
        let added = read_list("[{name: b, fault: {delay_milliseconds: 5}}]").expect("it is one");
        let own = own.with(added, 100).expect("the name is free");
        let again = own.reloaded(&[of(a), of("{name: b, fault: {delay_milliseconds: 2}}")]);
        let of_control: Vec<_> = again.views().iter().map(|view| view.name.to_string()).collect();
        assert_eq!(of_control, ["b", "a"]);
        // What the control API took away stays away, until everything is as the configuration has it.
        let without = second.without("a").expect("it is there").reloaded(&[of(a)]);
        assert!(without.is_empty());
        assert_eq!(
            without.without("a").expect_err("it is away").to_string(),
            "there is no fault `a`; there are none"
        );
    }
}
