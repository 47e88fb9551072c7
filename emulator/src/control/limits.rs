//! `GET /limits`: every limit, how near it is, and when it was reached.

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Answer, json_answer};
use crate::{runtime::Shared, settings::limits::ListedLimit};

/// One limit
#[derive(Debug, Serialize, ToSchema)]
struct LimitView {
    /// Its key under `limits:` in the configuration
    #[schema(example = "connections_max")]
    name: &'static str,
    /// What it bounds
    description: &'static str,
    value: u64,
    default: u64,
    /// How much of it is in use now (`models_max`: by the project with the most models); `null` for a limit of one
    /// request or one thing
    used: Option<u64>,
    /// How often it was reached since the start; `null`: the emulator does not see when it is
    reached: Option<u64>,
    /// When it was reached last, on the machine's clock
    last_reached: Option<Timestamp>,
}

/// Every limit with its value, how near it is now, and when it was last reached
///
/// Where a refusal stands for one of several limits (`header_bytes_max` or `headers_max`; those of bodies in flight,
/// `client_body_share_percent_max` and `body_room_timeout_seconds`), all of them are told as reached.
#[utoipa::path(get, path = "/limits", tag = "emulator", responses((status = 200, body = Vec<LimitView>)))]
pub(super) async fn show(State(shared): State<Arc<Shared>>) -> Answer {
    let limits = shared.space.snapshot().settings.limits;
    let views = shared.limits_reached.list(&limits).into_iter().map(|limit| {
        let used = used(&shared, limit.name);
        LimitView::of(&limit, used)
    });
    json_answer(&views.collect::<Vec<_>>())
}

impl LimitView {
    fn of(limit: &ListedLimit<'_>, used: Option<u64>) -> Self {
        let is_seen = !UNSEEN.contains(&limit.name);
        Self {
            name: limit.name,
            description: limit.of_what,
            value: limit.value,
            default: limit.default,
            used,
            reached: is_seen.then(|| limit.reached.times()),
            last_reached: limit.reached.last(),
        }
    }
}

/// How much of a limit is in use now, where it bounds something that grows and shrinks
fn used(shared: &Shared, limit: &str) -> Option<u64> {
    let (entries, _) = shared.space.journal.counts();
    let used = match limit {
        "connections_max" => shared.unheard.open(),
        "in_flight_body_bytes_max" => return Some(shared.bodies.bytes_in_flight()),
        "in_flight_control_body_bytes_max" => return Some(shared.control_bodies.bytes_in_flight()),
        "journal_entries_max" => entries,
        "journal_bytes_max" => shared.space.journal.bytes(),
        "journal_masks_bytes_max" => shared.space.journal.masks_bytes(),
        "unheard_kinds_max" => shared.unheard.counts().0.len(),
        "counted_models_max" => shared.space.generation().calls.len(),
        "counted_groups_max" => shared.space.journal.counters.groups(),
        "metric_series_max" => shared.space.journal.counters.series(),
        "projects_max" => shared.space.generation().peek().projects(),
        "models_max" => shared.space.generation().peek().models_of_largest_project(),
        "datasets_bytes_max" => shared.space.generation().peek().datasets_bytes(),
        "s3_tasks_max" => shared.space.s3_tasks.asking(),
        "coverage_documents_max" => shared.space.coverage.len(),
        "policy_texts_max" => shared.space.policy_texts.len(),
        "faults_max" => shared.space.snapshot().faults.len(),
        "put_rules_max" => shared.space.snapshot().rules.count(),
        "scenarios_max" => shared.space.generation().scenarios.lock().len(),
        "made_vpc_endpoints_max" => shared.space.snapshot().made_endpoints(),
        "role_sessions_max" => shared.space.snapshot().role_sessions(),
        _ => return None,
    };
    Some(used as u64)
}

/// Limits that are kept where nobody notes that they are reached: by the libraries for TLS and HTTP, by a pure library that
/// has no clock, by a command, or after the last request
const UNSEEN: [&str; 15] = [
    "body_memory_kept_bytes_max",
    "client_tokens_max",
    "counted_models_max",
    "dataset_entries_max",
    "datasets_bytes_max",
    "diff_classes_max",
    "drain_bytes_max",
    "http2_buffer_bytes_max",
    "journal_body_bytes_max",
    "journal_masks_bytes_max",
    "linger_bytes_max",
    "linger_timeout_seconds",
    "shutdown_timeout_seconds",
    "statistics_seconds_max",
    "tls_sessions_max",
];
