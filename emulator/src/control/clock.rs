//! `GET` and `PUT /clock`

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    ControlError,
    answer::{Answer, json_answer},
    upload::Upload,
};
use crate::{clock::ClockSetting, runtime::Shared};

/// The setting, and what it makes of the present
#[derive(Serialize, ToSchema)]
struct ClockView {
    #[serde(flatten)]
    setting: ClockSetting,
    now: Timestamp,
}

/// The emulator's clock
#[utoipa::path(get, path = "/clock", tag = "state", responses((status = 200, body = ClockView)))]
pub(super) async fn show(State(shared): State<Arc<Shared>>) -> Answer {
    view(&shared)
}

/// Moves or freezes the emulator's clock, from the next request on
#[utoipa::path(
    put, path = "/clock", tag = "state", request_body = ClockSetting,
    responses((status = 200, body = ClockView), (status = 400, description = "`InvalidClock`"))
)]
pub(super) async fn set(State(shared): State<Arc<Shared>>, upload: Upload) -> Answer {
    let setting = upload.json(&shared, INVALID_CLOCK, SETTING).await?;
    shared
        .clock
        .set(setting)
        .map_err(|error| ControlError::bad_request(INVALID_CLOCK, error.to_string()))?;
    view(&shared)
}

fn view(shared: &Shared) -> Answer {
    json_answer(&ClockView {
        setting: shared.clock.setting(),
        now: shared.clock.now(),
    })
}

const INVALID_CLOCK: &str = "InvalidClock";
const SETTING: &str = r#"{"offset_seconds":0} or {"frozen_at":"2026-01-02T03:04:05Z"}"#;
