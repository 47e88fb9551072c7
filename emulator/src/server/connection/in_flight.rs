//! The requests in flight of an HTTP/2 connection, so that it can be distinguished from an idle one.
//!
//! HTTP/1.1 does not need this, because the requests of a connection come one after the other (see
//! [`Turns`](crate::server::stream::turns::Turns)). hyper keeps an HTTP/2 connection for as long as pings are answered,
//! and the HTTP libraries of clients answer them by themselves.
//!
//! hyper runs each request as a task of its own, from its head to the end of its answer's body, and asks an executor to
//! start it. That is where we count.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hyper::rt::Executor;
use tokio::time::Instant;

use super::{cut_off::CutOff, idle::idle_for};

/// Starts a connection's requests and knows which of them are in flight
#[derive(Clone)]
pub(super) struct InFlight(Arc<Mutex<Requests>>);

struct Requests {
    in_flight: usize,
    /// When the last one ended, or the connection began
    last_end: Instant,
}

/// A request in flight, until it is dropped
struct Begun(InFlight);

/// Counts the requests in flight when the connection is dropped
pub(super) struct Counted {
    in_flight: InFlight,
    cut_off: CutOff,
}

impl InFlight {
    /// For a connection that begins now
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Requests {
            in_flight: 0,
            last_end: Instant::now(),
        })))
    }

    /// Waits until no request was in flight for this long, counted from now at the earliest
    pub(super) async fn idle_for(&self, period: Duration) {
        idle_for(period, || self.idle_since()).await;
    }

    /// Counts the requests in flight when this is dropped as cut off, if the stop cuts them off
    pub(super) fn counted(&self, cut_off: CutOff) -> Counted {
        Counted {
            in_flight: self.clone(),
            cut_off,
        }
    }

    fn idle_since(&self) -> Option<Instant> {
        let requests = self.requests();
        (requests.in_flight == 0).then_some(requests.last_end)
    }

    fn begin(&self) -> Begun {
        self.requests().in_flight += 1;
        Begun(self.clone())
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        // The two numbers are valid even if somebody panicked while holding the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F> Executor<F> for InFlight
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, request: F) {
        let begun = self.begin();
        tokio::spawn(async move {
            request.await;
            drop(begun);
        });
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let mut requests = self.0.requests();
        requests.in_flight -= 1;
        requests.last_end = Instant::now();
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // Requests are tasks of their own and outlive their connection's, so they are all still counted as in flight.
        self.cut_off.count(self.in_flight.requests().in_flight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(10);

    async fn elapsed(future: impl Future<Output = ()>) -> u64 {
        let began = Instant::now();
        future.await;
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_request_is_idle_from_its_beginning() {
        assert_eq!(elapsed(InFlight::new().idle_for(PERIOD)).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_counts_from_the_end_of_the_last_request() {
        let in_flight = InFlight::new();
        for seconds in [3, 25] {
            in_flight.execute(tokio::time::sleep(Duration::from_secs(seconds)));
        }
        assert_eq!(elapsed(in_flight.idle_for(PERIOD)).await, 35);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_given_up_has_ended() {
        let in_flight = InFlight::new();
        let begun = in_flight.begin();
        let given_up = async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            drop(begun);
        };
        let (seconds, ()) = tokio::join!(elapsed(in_flight.idle_for(PERIOD)), given_up);
        assert_eq!(seconds, 14);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_again_waits_for_the_whole_time_again() {
        let in_flight = InFlight::new();
        in_flight.idle_for(PERIOD).await;
        assert_eq!(elapsed(in_flight.idle_for(PERIOD)).await, 10);
    }
}
