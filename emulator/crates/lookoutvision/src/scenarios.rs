//! Scenarios: named states that rules check and set, so that an answer can depend on earlier calls.
//!
//! ```yaml
//! - when: {scenario: {line: Started}}
//!   then: {error: ThrottlingException, set_scenario: {line: warm}}
//! - when: {scenario: {line: warm}}
//!   then: {is_anomalous: false, confidence: 0.9}
//! ```
//!
//! A scenario that was never set is `Started`, as in WireMock (*Stateful behaviour*). A call checks and sets the states
//! in one step, so of two concurrent calls only one finds the state as it was before.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The states that were set, by name
pub type States = BTreeMap<Arc<str>, Arc<str>>;

/// The state of a scenario that was never set
pub const STARTED: &str = "Started";

/// The most characters of a scenario's name, and of its state
pub const CHARACTERS_MAX: usize = 256;

/// Whether a text can be the name of a scenario, or its state
pub fn is_text(text: &str) -> bool {
    (1..=CHARACTERS_MAX).contains(&text.chars().count())
}

/// The states of all scenarios
#[derive(Debug, Default)]
pub struct Scenarios(Mutex<States>);

/// More scenarios than there may be
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are limits.scenarios_max ({0}) scenarios with a state already")]
pub struct TooManyScenarios(pub usize);

impl Scenarios {
    /// Scenarios in these states
    pub fn of(states: States) -> Self {
        Self(Mutex::new(states))
    }

    /// The states, locked until the guard is dropped
    // A poisoned lock only means that another thread panicked; the states are always replaced as a whole.
    pub fn lock(&self) -> MutexGuard<'_, States> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of a scenario
pub fn state_of<'s>(states: &'s States, name: &str) -> &'s str {
    states.get(name).map_or(STARTED, |state| state)
}

/// The states with some of them set
///
/// # Errors
/// When there would be more scenarios than the limit.
pub fn with<'n>(
    states: &States,
    set: impl IntoIterator<Item = (&'n Box<str>, &'n Box<str>)>,
    scenarios_max: usize,
) -> Result<States, TooManyScenarios> {
    let mut next = states.clone();
    for (name, state) in set {
        next.insert((**name).into(), (**state).into());
    }
    if next.len() > scenarios_max.max(states.len()) {
        return Err(TooManyScenarios(scenarios_max));
    }
    Ok(next)
}
