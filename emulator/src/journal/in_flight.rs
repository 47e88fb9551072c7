//! The calls that are in flight: received, and not yet in the journal.
//!
//! Each open entry holds the turn that it was opened in. Whoever has to wait for the calls so far begins a new turn, so
//! that later calls are told apart from them. A turn is over when nobody holds it any more. Nothing is locked when an
//! entry is opened or closed.

use std::sync::{Arc, Mutex, Weak};

use arc_swap::ArcSwap;

/// The calls that are in flight
#[derive(Debug, Default)]
pub(super) struct InFlight {
    now: ArcSwap<Turn>,
    /// Earlier turns, of which calls may still be in flight
    ended: Mutex<Vec<Weak<Turn>>>,
}

/// What the open entries of one turn hold
#[derive(Debug, Default)]
pub(super) struct Turn;

/// The calls that were in flight at one moment
#[derive(Debug)]
pub(crate) struct InFlightThen(Vec<Weak<Turn>>);

impl InFlight {
    /// What an open entry holds until it is written down
    pub(super) fn begin(&self) -> Arc<Turn> {
        self.now.load_full()
    }

    /// The calls that are in flight now; later ones belong to a new turn
    pub(super) fn now(&self) -> InFlightThen {
        let mut ended = self
            .ended
            .lock()
            .expect("nothing panics while it holds this lock");
        ended.retain(|turn| turn.strong_count() > 0);
        ended.push(Arc::downgrade(&self.now.swap(Arc::default())));
        InFlightThen(ended.clone())
    }
}

impl InFlightThen {
    /// How many of them are still in flight
    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(Weak::strong_count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_before_are_told_from_those_that_come_later() {
        let in_flight = InFlight::default();
        let first = in_flight.begin();
        let one = in_flight.now();
        let second = in_flight.begin();
        let two = in_flight.now();
        let _third = in_flight.begin();
        assert_eq!((one.count(), two.count()), (1, 2));
        drop(first);
        assert_eq!((one.count(), two.count()), (0, 1));
        drop(second);
        assert_eq!((one.count(), two.count()), (0, 0));
    }
}
