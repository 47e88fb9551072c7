//! The TLS listener: accept, bound, and stop gracefully.
//!
//! One task a connection. The accept loop never ends by an error: a refused `accept` (out of file descriptors, a
//! connection reset before we took it) is logged and retried after a moment. At `connections_max` the loop waits, and
//! further clients wait in the kernel's backlog.

use std::{sync::Arc, time::Duration};

use hyper_util::server::graceful::GracefulShutdown;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::{error, info, warn};

use crate::connection::Connector;

/// Serves until told to stop, then lets requests in flight finish, for `shutdown_timeout` at most
///
/// Every task that serves a connection has ended when this returns, or was ended by it.
pub(crate) async fn serve<C: Connector>(
    listener: TcpListener,
    connector: Arc<C>,
    mut stop: watch::Receiver<Stop>,
) {
    let limits = connector.limits();
    let room = Arc::new(Semaphore::new(limits.connections_max));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop == Stop::Now) => break,
            Some(ended) = connections.join_next() => {
                report_panic(ended);
                continue;
            }
            accepted = accept(&listener, &room) => accepted,
        };
        match accepted {
            Ok((stream, peer, permit)) => {
                let watcher = graceful.watcher();
                let connector = connector.clone();
                connections.spawn(async move {
                    connector.connect(stream, peer, watcher).await;
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
    if timeout(limits.shutdown_timeout, graceful.shutdown())
        .await
        .is_err()
    {
        info!("requests in flight did not finish within shutdown_timeout and were cut off");
    }
    connections.shutdown().await;
}

/// Whether to go on
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    NotYet,
    Now,
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
