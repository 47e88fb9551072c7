//! What `PUT /state` and `POST /reset` put another in the place of: the service's state, and what calls count and move on
//! beside it.
//!
//! A snapshot has one, so that a request finds in one step the rules, the faults and the sessions together with the state
//! that belongs to them. One that began before another generation took the place of its own goes on with its own to the end:
//! what it changes then is seen by nobody who comes later, and is not persisted, as if it had been made just before.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use arc_swap::ArcSwap;
use lookoutvision::{call_counts::CallCounts, scenarios::Scenarios, store::State};

use crate::{clock::Clock, settings::Limits};

/// The service's state with the clock and everything that is counted
#[derive(Debug)]
pub(crate) struct Generation {
    pub(super) state: ArcSwap<State>,
    /// How often each model was asked
    pub(crate) calls: CallCounts,
    /// How often each rule answered that draws something
    pub(crate) draws: CallCounts,
    /// The states of scenarios, which rules ask about and move on
    pub(crate) scenarios: Scenarios,
    pub(crate) clock: Arc<Clock>,
    is_replaced: AtomicBool,
}

impl Generation {
    /// Nothing was called yet
    pub(super) fn new(state: State, scenarios: Scenarios, clock: Arc<Clock>, limits: &Limits) -> Self {
        Self {
            state: ArcSwap::from_pointee(state),
            calls: CallCounts::new(limits.counted_models_max),
            draws: CallCounts::new(limits.counted_models_max),
            scenarios,
            clock,
            is_replaced: AtomicBool::new(false),
        }
    }

    /// The state as it is now
    pub(crate) fn state(&self) -> Arc<State> {
        self.state.load_full()
    }

    /// The state as it is now, for a moment
    pub(crate) fn peek(&self) -> arc_swap::Guard<Arc<State>> {
        self.state.load()
    }

    /// Whether another one has taken its place
    ///
    /// Whoever holds the lock of the scenarios, or that of the service's writer, finds this as it stays until the lock is
    /// let go of.
    pub(crate) fn is_replaced(&self) -> bool {
        self.is_replaced.load(Ordering::Acquire)
    }

    /// Another one takes its place; the caller holds both locks
    pub(super) fn give_way(&self) {
        self.is_replaced.store(true, Ordering::Release);
    }
}
