//! The TLS listener: accept, bound, and stop gracefully.
//!
//! One task a connection. The accept loop never ends by an error: a refused `accept` (out of file descriptors, a
//! connection reset before we took it) is logged and retried after a moment. At `connections_max` the loop waits, and
//! further clients wait in the kernel's backlog.

use std::{sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::{error, info, warn};

use crate::connection::Connector;

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
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = Stop::told(&mut stop) => break,
            Some(ended) = connections.join_next() => {
                report_panic(ended);
                continue;
            }
            accepted = accept(&listener, &room) => accepted,
        };
        match accepted {
            Ok((stream, peer, permit)) => {
                let (connector, stop) = (connector.clone(), stop.clone());
                connections.spawn(async move {
                    connector.connect(stream, peer, stop).await;
                    drop(permit);
                });
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

/// Whether to go on
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    /// Serve
    NotYet,
    /// Take no further requests, and finish those in flight
    Finish,
    /// Wait for no request any longer
    AtOnce,
}

impl Stop {
    /// Waits until it is time to stop
    pub(crate) async fn told(stop: &mut watch::Receiver<Self>) {
        // A dropped sender also means stop.
        let _ = stop.wait_for(|stop| *stop >= Self::Finish).await;
    }

    /// Waits until requests in flight are not to be waited for
    async fn told_at_once(stop: &mut watch::Receiver<Self>) {
        // Nobody waits for the stop any more when its sender is dropped.
        let _ = stop.wait_for(|stop| *stop == Self::AtOnce).await;
    }
}

type Accepted = (TcpStream, std::net::SocketAddr, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> std::io::Result<Accepted> {
    let permit = room
        .clone()
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
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
