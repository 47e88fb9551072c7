//! Whether the emulator is there, and how it is set

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    ControlError,
    answer::{Answer, json_answer},
    modes::Modes,
};
use crate::{
    clock::ClockSetting,
    runtime::{
        Shared,
        faults::{FaultState, FaultView},
    },
};

#[derive(Serialize, ToSchema)]
struct Health {
    status: &'static str,
    version: &'static str,
    uptime_seconds: u64,
    modes: Modes,
    clock: ClockSetting,
    /// What random numbers are drawn from
    seed: u64,
    ca: Ca,
    journal: JournalHealth,
    log: LogHealth,
    /// The faults in force, and what each has done
    faults: Vec<FaultHealth>,
    state: StateHealth,
    /// Why the configuration that its files have now is not in force
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    refused_reload: Option<Arc<String>>,
}

#[derive(Serialize, ToSchema)]
struct Ca {
    fingerprint_sha256: String,
    not_after: Timestamp,
}

#[derive(Serialize, ToSchema)]
struct JournalHealth {
    entries: usize,
    evicted: u64,
}

#[derive(Serialize, ToSchema)]
struct LogHealth {
    /// Lines about requests that found no place among those that wait to be written
    requests_lost: u64,
}

#[derive(Serialize, ToSchema)]
struct FaultHealth {
    #[schema(value_type = String, example = "busy")]
    name: Arc<str>,
    state: FaultState,
    /// Calls that matched
    matched: u64,
    /// Calls that met it
    struck: u64,
}

#[derive(Serialize, ToSchema)]
struct StateHealth {
    kept_in: &'static str,
    /// Why no change is made at present
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl FaultHealth {
    fn of(view: FaultView) -> Self {
        Self {
            name: view.name,
            state: view.state,
            matched: view.matched,
            struck: view.struck,
        }
    }
}

/// Whether calls can be answered as they should be
///
/// The listeners are bound and the CA is made before the control API answers at all, so who answers is ready, unless
/// the state file takes no changes.
#[utoipa::path(
    get, path = "/ready", tag = "emulator",
    responses((status = 200, body = Health), (status = 503, description = "`StateNotWritten`: the state file takes no changes"))
)]
pub(super) async fn ready(State(shared): State<Arc<Shared>>) -> Answer {
    // A client that waits for `/ready` makes no change, and only a change would find out that there is room again.
    if shared.space.service.storage_failure().is_some() {
        shared
            .space
            .run_blocking(|space| space.service.try_storage())
            .await;
    }
    match shared.space.service.storage_failure() {
        None => view(&shared),
        Some(failure) => Err(ControlError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "StateNotWritten",
            failure,
        )),
    }
}

/// Version, uptime, effective modes, the CA's expiry, the journal, faults and the state
#[utoipa::path(get, path = "/health", tag = "emulator", responses((status = 200, body = Health)))]
pub(super) async fn health(State(shared): State<Arc<Shared>>) -> Answer {
    view(&shared)
}

fn view(shared: &Shared) -> Answer {
    let (entries, evicted) = shared.space.journal.counts();
    let failure = shared.space.service.storage_failure();
    json_answer(&Health {
        status: match failure {
            None => "ok",
            Some(_) => "no changes",
        },
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: shared.started.elapsed().as_secs(),
        modes: Modes::of(&shared.space.snapshot()),
        clock: shared.space.clock().state().setting,
        seed: shared.space.snapshot().settings.lookoutvision.seed,
        ca: Ca {
            fingerprint_sha256: shared.authority.fingerprint_sha256().to_string(),
            not_after: shared.authority.not_after(),
        },
        journal: JournalHealth { entries, evicted },
        log: LogHealth {
            requests_lost: shared.space.journal.log.lost(),
        },
        faults: shared
            .space
            .snapshot()
            .faults
            .views()
            .into_iter()
            .map(FaultHealth::of)
            .collect(),
        state: StateHealth {
            kept_in: match shared.space.service.waits_for_disk() {
                true => "file",
                false => "memory",
            },
            failure,
        },
        refused_reload: shared.refused_reload.load_full(),
    })
}
