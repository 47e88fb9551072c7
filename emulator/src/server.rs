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

/// Serves until told to stop, then lets requests in flight finish, for `shutdown_timeout` at most
///
/// Every task that serves a connection has ended when this returns, or was ended by it.
pub(crate) async fn serve(listener: TcpListener, connector: Connector, mut stop: watch::Receiver<Stop>) {
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
    if timeout(limits.shutdown_timeout, all_ended).await.is_err() {
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

impl Stop {
    /// Waits until it is time to stop
    pub(crate) async fn told(stop: &mut watch::Receiver<Self>) {
        // An emulator that is gone without a word has stopped, too.
        let _ = stop.wait_for(|stop| *stop == Self::Now).await;
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
