//! How the clock is set, in a document.

use jiff::Timestamp;
use lookoutvision::store::document::Misfit;
use serde::{Deserialize, Serialize};

use crate::clock::{ClockSetting, ClockState, SignatureClocks};

/// How the clock is set: by `offset_seconds` or `frozen_at`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClockDocument {
    #[serde(skip_serializing_if = "Option::is_none")]
    offset_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frozen_at: Option<Timestamp>,
    #[serde(default)]
    signatures: SignatureClocks,
}

impl From<ClockState> for ClockDocument {
    fn from(ClockState { setting, signatures }: ClockState) -> Self {
        let (offset_seconds, frozen_at) = match setting {
            ClockSetting::OffsetSeconds(offset) => (Some(offset), None),
            ClockSetting::FrozenAt(instant) => (None, Some(instant)),
        };
        Self {
            offset_seconds,
            frozen_at,
            signatures,
        }
    }
}

impl ClockDocument {
    pub(super) fn read(self) -> Result<ClockState, Misfit> {
        let setting = match (self.offset_seconds, self.frozen_at) {
            (Some(_), Some(_)) => {
                let message = "`offset_seconds` and `frozen_at` exclude each other";
                return Err(Misfit::at("/clock/frozen_at", message));
            }
            (_, Some(instant)) => ClockSetting::FrozenAt(instant),
            (offset, None) => ClockSetting::OffsetSeconds(offset.unwrap_or(0)),
        };
        setting
            .check()
            .map_err(|error| Misfit::at(format!("/clock/{}", error.member()), error.to_string()))?;
        Ok(ClockState {
            setting,
            signatures: self.signatures,
        })
    }
}
