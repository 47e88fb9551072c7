//! Serves a listener, that of the AWS API over TLS or that of the control API: accept, bound, and stop gracefully.
//!
//! One task per connection. No error ends the accept loop: a refused `accept` (out of file descriptors, a connection
//! reset before we took it) is logged and retried after a moment.
//!
//! A connection beyond `connections_max` is closed at once: the open ones may last for minutes, and an SDK retries by
//! itself. It is closed without an alert, because the JavaScript SDK retries after a closed connection but gives up at
//! an alert. The control API still accepts `health_connections_max` more, each for one health check: otherwise whoever
//! monitors the emulator would take it for dead.

pub(crate) mod cannot_listen;
pub(crate) mod connection;
mod stream;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep, timeout},
};
use tracing::{error, info, warn};

use crate::server::connection::{Api, Connector};

/// Serves until told to stop, then lets requests in flight finish, for `shutdown_timeout` at most or until told to wait no
/// longer; returns how many requests were cut off
///
/// Every task that serves a connection has ended when this returns, or was ended by it.
pub(crate) async fn serve(
    listener: TcpListener,
    connector: Connector,
    mut stop: watch::Receiver<Stop>,
) -> usize {
    let limits = connector.limits();
    let room = Arc::new(Semaphore::new(limits.connections_max));
    let mut health_checks = HealthChecks::default();
    let mut refusals = Refusals::default();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = Stop::told(&mut stop) => break,
            Some(ended) = connections.join_next() => {
                report_panic(ended);
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (connector, stop) = (connector.clone(), stop.clone());
                let limits_reached = connector.shared.limits_reached.clone();
                match (room.clone().try_acquire_owned(), connector.api.clone()) {
                    (Ok(permit), _) => {
                        connections.spawn(async move {
                            // Boxed, because the set copies a task several times, and the state of a connection has
                            // 14 KB.
                            Box::pin(connector.connect(stream, peer, stop)).await;
                            drop(permit);
                        });
                    }
                    (Err(_), Api::Aws { .. }) => {
                        drop(stream);
                        limits_reached.connections_max.note();
                        if let Some(count) = refusals.count(Instant::now()) {
                            warn!(
                                connections_max = limits.connections_max,
                                "connections_max is reached, {count} connections refused; `limits:` sets how many there may be"
                            );
                        }
                    }
                    (Err(_), Api::Control(control)) => {
                        limits_reached.connections_max.note();
                        if health_checks.make_place(limits.health_connections_max) {
                            limits_reached.health_connections_max.note();
                        }
                        let check = connections.spawn(connector.check_health(control, stream, peer, stop));
                        health_checks.0.push_back(check);
                        if let Some(count) = refusals.count(Instant::now()) {
                            warn!(
                                connections_max = limits.connections_max,
                                "connections_max is reached by the control API, which answers health checks only; {count} connections"
                            );
                        }
                    }
                }
            }
            Err(error) => {
                warn!(%error, "could not accept a connection, going on");
                sleep(PAUSE_AFTER_ACCEPT_ERROR).await;
            }
        }
    }

    drop(listener);
    // Every connection was told as well.
    let all_ended = async {
        while let Some(ended) = connections.join_next().await {
            report_panic(ended);
        }
    };
    tokio::select! {
        biased;
        ended = timeout(limits.shutdown_timeout, all_ended) => {
            if ended.is_err() {
                info!("not every connection ended within shutdown_timeout_seconds");
            }
        }
        () = Stop::told_at_once(&mut stop) => {}
    }
    connector.cut_off.begin();
    connections.shutdown().await;
    connector.cut_off.requests()
}

/// Whether to stop, and how
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    /// Serve
    NotYet,
    /// Take no further requests, and finish those in flight
    Finish,
    /// Wait no longer for the requests in flight
    AtOnce,
}

impl Stop {
    /// Waits until it is time to stop
    pub(crate) async fn told(stop: &mut watch::Receiver<Self>) {
        // A dropped sender also means stop.
        let _ = stop.wait_for(|stop| *stop >= Self::Finish).await;
    }

    /// Waits until the requests in flight are no longer waited for
    pub(crate) async fn told_at_once(stop: &mut watch::Receiver<Self>) {
        // Nobody waits for the stop any more when its sender is dropped.
        let _ = stop.wait_for(|stop| *stop == Self::AtOnce).await;
    }
}

/// The connections that answer one health check each, oldest first
#[derive(Default)]
struct HealthChecks(VecDeque<AbortHandle>);

impl HealthChecks {
    /// Ends the oldest ones to make room for one more, and returns whether one had to be ended. They can be ended,
    /// because a health check is sent at once and takes a moment.
    fn make_place(&mut self, places: usize) -> bool {
        self.0.retain(|check| !check.is_finished());
        let is_full = self.0.len() >= places;
        while self.0.len() >= places {
            if let Some(oldest) = self.0.pop_front() {
                oldest.abort();
            }
        }
        is_full
    }
}

/// Connections that found no room and are not logged yet
#[derive(Default)]
struct Refusals {
    count: u64,
    last_told: Option<Instant>,
}

impl Refusals {
    /// Counts one more, and returns how many there were since the last log line, unless that was a short time ago
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.count += 1;
        let is_due = self
            .last_told
            .is_none_or(|told| now.duration_since(told) >= REFUSALS_TOLD_EVERY);
        is_due.then(|| {
            self.last_told = Some(now);
            std::mem::take(&mut self.count)
        })
    }
}

fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        // The panic's own message went to standard error; the connection is gone, the others go on.
        error!("a connection's task panicked: this is a defect of the emulator, please report it");
    }
}

const PAUSE_AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(50);
/// How often refusals are logged at most, so that a client that retries again and again does not fill the log
const REFUSALS_TOLD_EVERY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_now_and_then_and_none_is_left_out() {
        let mut refusals = Refusals::default();
        let start = Instant::now();
        let told = [0, 1, 9, 10, 11, 30].map(|seconds| refusals.count(start + Duration::from_secs(seconds)));
        assert_eq!(told, [Some(1), None, None, Some(3), None, Some(2)]);
    }

    #[tokio::test]
    async fn the_newest_health_check_takes_the_place_of_the_oldest() {
        let mut tasks = JoinSet::new();
        let mut checks = HealthChecks::default();
        for number in 0..5 {
            checks.make_place(2);
            checks.0.push_back(tasks.spawn(async move {
                if number != 2 {
                    std::future::pending::<()>().await;
                }
                number
            }));
            tokio::task::yield_now().await;
        }
        let mut ended = Vec::new();
        for _ in 0..3 {
            ended.push(tasks.join_next().await.expect("there are five").ok());
        }
        ended.sort_unstable();
        // The first two gave way, the third was done, and the last two go on.
        assert_eq!(ended, [None, None, Some(2)]);
        assert_eq!(tasks.len(), 2);
    }
}
