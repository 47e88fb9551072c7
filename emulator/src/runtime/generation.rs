//! What `PUT /state` and `POST /reset` replace as a whole: the service's state, and what calls count and move on beside
//! it.
//!
//! A snapshot has one, so that a request finds in one step the rules, the faults and the sessions together with the
//! state that belongs to them. A request that began before its generation was replaced goes on with that generation to
//! the end. What it changes then is seen by no later request and is not persisted, as if it had been changed just
//! before the replacement.

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
    /// How often each rule that draws something answered
    pub(crate) draws: CallCounts,
    /// The states of scenarios, which rules ask about and move on
    pub(crate) scenarios: Scenarios,
    pub(crate) clock: Arc<Clock>,
    is_replaced: AtomicBool,
}

impl Generation {
    /// A generation in which nothing was called yet
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
    /// It does not change while the lock of the scenarios, or that of the service's writer, is held.
    pub(crate) fn is_replaced(&self) -> bool {
        self.is_replaced.load(Ordering::Acquire)
    }

    /// Another one takes its place; the caller holds both locks
    pub(super) fn give_way(&self) {
        self.is_replaced.store(true, Ordering::Release);
    }
}
