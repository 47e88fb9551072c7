//! One line of the log for each request, written by a thread of its own.
//!
//! ```text
//! 2026-01-02T03:04:05.678901Z  INFO refused request_id=655d… status=403 service="lookoutvision" operation="DetectAnomalies"
//!   principal="arn:aws:iam::123456789012:user/test" resource="arn:…:model/myProject/1" entry_point="vpce-0…" decision="implicitDeny"
//!   error_code="AccessDeniedException" summary="implicit deny: no VPC endpoint policy allows …" duration_micros=812
//! ```
//!
//! The threads that serve hand over the journal's entry and go on: they format, explain and write nothing, and they do
//! not wait where nobody reads the log. Lines that find no place in the queue are counted, and the log tells how many.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use tokio::sync::oneshot;
use tracing::{Level, enabled, info, warn};

use super::{Entry, SharedEntry};
use crate::{
    authorization::Authorization,
    identity::Principal,
    network::host_name::EmulatedService,
    request::trace_parent::TraceParent,
    settings::{LimitsReached, LogRequests},
};

/// Writes lines about requests
#[derive(Debug)]
pub(crate) struct RequestLog {
    requests: LogRequests,
    queue_max: usize,
    /// Made with the first line
    queue: OnceLock<Option<SyncSender<Item>>>,
    lost: Arc<AtomicU64>,
    limits_reached: Arc<LimitsReached>,
}

/// What the thread that writes is handed
#[derive(Debug)]
enum Item {
    /// A line is to be written
    Line(SharedEntry),
    /// Is to be answered when everything before it is written
    Written(oneshot::Sender<()>),
}

impl RequestLog {
    /// A log of these requests, of whose lines `queue_max` may wait to be written
    pub(crate) fn new(requests: LogRequests, queue_max: usize, limits_reached: Arc<LimitsReached>) -> Self {
        Self {
            requests,
            queue_max,
            queue: OnceLock::new(),
            lost: Arc::default(),
            limits_reached,
        }
    }

    /// Has the line of a request written, if it is asked for, as soon as there is time
    pub(super) fn note(&self, entry: &SharedEntry) {
        let is_asked_for = match self.requests {
            LogRequests::None => false,
            LogRequests::Refused => is_refused(entry),
            LogRequests::All => true,
        };
        if !is_asked_for || !enabled!(target: REQUEST_LOG_TARGET, Level::INFO) {
            return;
        }
        let queue = self.queue.get_or_init(|| self.start());
        let is_taken = queue
            .as_ref()
            .is_some_and(|queue| queue.try_send(Item::Line(entry.clone())).is_ok());
        if !is_taken {
            self.lost.fetch_add(1, Ordering::Relaxed);
            self.limits_reached.log_queue_requests_max.note();
        }
    }

    /// How many lines found no place in the queue
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Waits until every line noted so far is written, but no longer than [`FINISH_MAX`]
    pub(crate) async fn finish(&self) {
        let Some(Some(queue)) = self.queue.get() else {
            return;
        };
        let written = async {
            let (sender, written) = oneshot::channel();
            let mut item = Item::Written(sender);
            while let Err(error) = queue.try_send(item) {
                item = match error {
                    TrySendError::Full(item) => item,
                    TrySendError::Disconnected(_) => return,
                };
                tokio::time::sleep(PAUSE).await;
            }
            // An error: the thread has ended.
            let _ = written.await;
        };
        // Where standard error is a pipe that nobody reads there is nothing to wait for.
        let _ = tokio::time::timeout(FINISH_MAX, written).await;
    }

    /// Starts the thread that writes; it ends with the log
    fn start(&self) -> Option<SyncSender<Item>> {
        let (sender, receiver) = sync_channel(self.queue_max);
        let (lost, queue_max) = (self.lost.clone(), self.queue_max);
        let started = thread::Builder::new()
            .name("request-log".to_owned())
            .spawn(move || write(&receiver, &lost, queue_max));
        match started {
            Ok(_) => Some(sender),
            Err(error) => {
                warn!(%error, "no thread for the log of requests: no line is written, see `/health` for how many there would be");
                None
            }
        }
    }
}

fn is_refused(entry: &Entry) -> bool {
    entry.status.is_none_or(|status| !status.is_success())
}

fn write(queue: &Receiver<Item>, lost: &AtomicU64, queue_max: usize) {
    let mut told = 0;
    while let Ok(first) = queue.recv() {
        // To send to a thread that waits is to wake it, which costs more than the line. So the lines that come in
        // meanwhile are taken in one go.
        thread::sleep(PAUSE);
        for item in std::iter::once(first).chain(std::iter::from_fn(|| queue.try_recv().ok())) {
            match item {
                Item::Line(entry) => write_line(&entry),
                // Whoever waited may have gone.
                Item::Written(sender) => drop(sender.send(())),
            }
        }
        let lost = lost.load(Ordering::Relaxed);
        if lost > told {
            warn!(
                target: REQUEST_LOG_TARGET,
                log_queue_requests_max = queue_max,
                "{} lines about requests are missing here: log_queue_requests_max of them waited to be written already; \
                 `limits:` sets how many may wait, `log_requests` which are written, and the journal has them all",
                lost - told
            );
            told = lost;
        }
    }
}

fn write_line(entry: &Entry) {
    let authorization = entry.authorization.as_deref();
    let is_refused = is_refused(entry);
    let summary = match authorization {
        _ if !is_refused => None,
        Some(authorization) if !authorization.decision().is_allowed() => {
            Some(authorization.explain().summary())
        }
        _ => entry.details().message.as_deref().map(str::to_owned),
    };
    let entry_point = entry.entry_point.as_ref().map(|entry_point| {
        let id = entry_point.vpc_endpoint_id();
        id.map_or("public", aws_identifiers::VpcEndpointId::as_str)
    });
    info!(
        target: REQUEST_LOG_TARGET,
        request_id = %entry.request_id,
        status = entry.status.map(|status| status.as_u16()),
        service = entry.service.map(EmulatedService::signing_name),
        operation = entry.operation.as_deref(),
        principal = entry.principal.as_deref().map(Principal::arn),
        resource = authorization.map(Authorization::resource),
        entry_point,
        decision = authorization.map(|authorization| authorization.decision().as_str()),
        error_code = entry.details().error_code,
        fault = entry.details().fault.as_deref(),
        traceparent = entry.details().traceparent.as_ref().map(TraceParent::as_str),
        summary,
        duration_micros = u64::try_from(entry.duration.as_micros()).unwrap_or(u64::MAX),
        "{}",
        match entry.status {
            None => "broken off",
            Some(_) if is_refused => "refused",
            Some(_) => "answered",
        }
    );
}

/// What `RUST_LOG` calls these lines
pub(crate) const REQUEST_LOG_TARGET: &str = "lookoutvision_emulator::requests";

/// How long lines are gathered before they are written
const PAUSE: Duration = Duration::from_millis(5);

/// How long the end of an emulator waits for lines that nobody takes
const FINISH_MAX: Duration = Duration::from_secs(1);
