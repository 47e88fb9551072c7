//! `GET` and `PUT /clock`

use jiff::Timestamp;
use serde::Serialize;

use super::{Answer, ControlError, json_answer};
use crate::{clock::ClockSetting, state::Shared};

/// The setting, and what it makes of the present
#[derive(Serialize)]
struct ClockView {
    #[serde(flatten)]
    setting: ClockSetting,
    now: Timestamp,
}

pub(super) fn show(shared: &Shared) -> Answer {
    json_answer(&ClockView {
        setting: shared.clock.setting(),
        now: shared.clock.now(),
    })
}

pub(super) fn set(shared: &Shared, body: &[u8]) -> Answer {
    let setting = serde_json::from_slice(body).map_err(|error| {
        ControlError::bad_request(
            "InvalidClock",
            format!(
                "expected {{\"offset_seconds\":0}} or {{\"frozen_at\":\"2026-01-02T03:04:05Z\"}}: {error}"
            ),
        )
    })?;
    shared
        .clock
        .set(setting)
        .map_err(|error| ControlError::bad_request("InvalidClock", error.to_string()))?;
    show(shared)
}
