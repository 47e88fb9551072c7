//! `GET` and `PUT /clock`, `POST /clock/advance`

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    ControlError,
    answer::{Answer, json_answer},
    upload::Upload,
};
use crate::{
    clock::{ClockError, ClockSetting, ClockState, SignatureClocks},
    journal::events::ChangeKind,
    runtime::Shared,
};

/// The setting, and what it makes of the present
#[derive(Serialize, ToSchema)]
#[schema(as = Clock)]
struct ClockView {
    #[serde(flatten)]
    setting: ClockSetting,
    /// By which clocks the date of a signature is good
    signatures: SignatureClocks,
    /// The emulator's present
    now: Timestamp,
    /// The machine's present
    machine_now: Timestamp,
}

/// How the clock is to be set: `offset_seconds` or `frozen_at`, with or without `signatures`, or `signatures` alone
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ClockChange {
    /// The machine's time, moved by so many seconds, forward when positive
    offset_seconds: Option<i64>,
    /// Standing still at this instant
    frozen_at: Option<Timestamp>,
    /// By which clocks the date of a signature is good; `either` unless it is given
    #[serde(default)]
    signatures: Option<SignatureClocks>,
}

/// By how much the clock is put forward
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ClockAdvance {
    #[schema(example = 600)]
    seconds: u32,
}

/// The emulator's clock and the machine's, and by which of them signatures are good
#[utoipa::path(get, path = "/clock", tag = "state", responses((status = 200, body = ClockView)))]
pub(super) async fn show(State(shared): State<Arc<Shared>>) -> Answer {
    view(&shared)
}

/// Moves or freezes the emulator's clock, from the next request on
///
/// The date of a signature is good when it is within the skew of this clock or of the machine's, unless `signatures` is
/// `emulated_only`. `signatures` alone leaves the time as it is.
#[utoipa::path(
    put, path = "/clock", tag = "state", request_body = ClockChange,
    responses((status = 200, body = ClockView), (status = 400, description = "`InvalidClock`"))
)]
pub(super) async fn set(State(shared): State<Arc<Shared>>, upload: Upload) -> Answer {
    let change: ClockChange = upload.json(&shared, INVALID_CLOCK, SETTING).await?;
    let signatures = change.signatures.unwrap_or_default();
    let setting = match (change.offset_seconds, change.frozen_at) {
        (Some(_), Some(_)) => {
            return Err(ControlError::bad_request(
                INVALID_CLOCK,
                "`offset_seconds` and `frozen_at` exclude each other",
            )
            .with("path", "/frozen_at"));
        }
        (Some(offset), None) => ClockSetting::OffsetSeconds(offset),
        (None, Some(instant)) => ClockSetting::FrozenAt(instant),
        (None, None) if change.signatures.is_some() => {
            shared.space.clock().set_signatures(signatures);
            return changed(&shared);
        }
        (None, None) => {
            let message = format!("there is nothing to set; expected {SETTING}");
            return Err(ControlError::bad_request(INVALID_CLOCK, message).with("path", ""));
        }
    };
    let state = ClockState { setting, signatures };
    shared
        .space
        .clock()
        .set(state)
        .map_err(|error| invalid(&error, error.member()))?;
    changed(&shared)
}

/// Puts the emulator's clock forward from wherever it is, from the next request on; `signatures` stays as it is
#[utoipa::path(
    post, path = "/clock/advance", tag = "state", request_body = ClockAdvance,
    responses((status = 200, body = ClockView), (status = 400, description = "`InvalidClock`"))
)]
pub(super) async fn advance(State(shared): State<Arc<Shared>>, upload: Upload) -> Answer {
    let ClockAdvance { seconds } = upload.json(&shared, INVALID_CLOCK, ADVANCE).await?;
    shared
        .space
        .clock()
        .advance(seconds)
        .map_err(|error| invalid(&error, "seconds"))?;
    changed(&shared)
}

fn changed(shared: &Shared) -> Answer {
    shared.space.note_change(ChangeKind::Clock);
    view(shared)
}

fn view(shared: &Shared) -> Answer {
    let state = shared.space.clock().state();
    json_answer(&ClockView {
        setting: state.setting,
        signatures: state.signatures,
        now: state.now(),
        machine_now: Timestamp::now(),
    })
}

fn invalid(error: &ClockError, member: &str) -> ControlError {
    ControlError::bad_request(INVALID_CLOCK, error.to_string()).with("path", format!("/{member}"))
}

const INVALID_CLOCK: &str = "InvalidClock";
const SETTING: &str = r#"{"offset_seconds":0} or {"frozen_at":"2026-01-02T03:04:05Z"}, with or without "signatures":"either" or "emulated_only""#;
const ADVANCE: &str = r#"{"seconds":600}, a whole number from 0 on; `PUT /clock` sets the clock back"#;
