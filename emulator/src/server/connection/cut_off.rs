//! Counting the requests that a stop cuts off.
//!
//! A request that is not answered to its end when its connection is taken away was cut off. One whose client hung up
//! was not, and neither was a connection that waits for its next request. So nothing is counted until the stop says that
//! it waits no longer ([`CutOff::begin`]); from then on whatever is dropped unfinished counts itself.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// The requests that one listener's stop cuts off
#[derive(Debug, Clone, Default)]
pub(crate) struct CutOff(Arc<Counter>);

#[derive(Debug, Default)]
struct Counter {
    has_begun: AtomicBool,
    requests: AtomicUsize,
}

/// A request that is being answered; when it is dropped unfinished while the stop cuts off, it counts
pub(crate) struct Unanswered {
    cut_off: CutOff,
    is_finished: bool,
}

impl CutOff {
    /// The stop waits no longer: from now on connections are dropped
    pub(crate) fn begin(&self) {
        self.0.has_begun.store(true, Ordering::Release);
    }

    /// How many requests were cut off
    pub(crate) fn requests(&self) -> usize {
        self.0.requests.load(Ordering::Acquire)
    }

    /// A request that is being answered from now on
    pub(crate) fn answering(&self) -> Unanswered {
        Unanswered {
            cut_off: self.clone(),
            is_finished: false,
        }
    }

    /// Counts requests whose connection is dropped now, if that is the stop's doing
    pub(crate) fn count(&self, requests: usize) {
        if self.0.has_begun.load(Ordering::Acquire) {
            self.0.requests.fetch_add(requests, Ordering::AcqRel);
        }
    }
}

impl Unanswered {
    /// The answer is complete; whether it reaches the client, the stream knows
    pub(crate) fn finish(mut self) {
        self.is_finished = true;
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if !self.is_finished {
            self.cut_off.count(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_stop_takes_away_unfinished_is_counted() {
        let cut_off = CutOff::default();
        // A client that hangs up before the stop, and an answer that is made.
        drop(cut_off.answering());
        let (finished, unfinished) = (cut_off.answering(), cut_off.answering());
        cut_off.begin();
        finished.finish();
        assert_eq!(cut_off.requests(), 0);
        drop(unfinished);
        cut_off.count(2);
        assert_eq!(cut_off.requests(), 3);
    }
}
