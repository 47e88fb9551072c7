//! The one clock: it checks signatures, expires credentials, feeds date conditions and writes `Date`.
//!
//! Clients that correct their own skew trust the `Date` of responses, so a clock that checked signatures by one time
//! and answered with another would lead them astray. Tests move this clock through the control API instead of waiting.

use std::sync::RwLock;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The emulator's clock
#[derive(Debug, Default)]
pub(crate) struct Clock(RwLock<ClockSetting>);

/// How the clock differs from the machine's
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ClockSetting {
    /// The machine's time, moved by so many seconds (forward when positive)
    OffsetSeconds(i64),
    /// Standing still at this instant
    FrozenAt(Timestamp),
}

impl Default for ClockSetting {
    fn default() -> Self {
        Self::OffsetSeconds(0)
    }
}

/// The setting leads outside the years that a timestamp can hold
#[derive(Debug, thiserror::Error)]
#[error(
    "the clock cannot be moved by {offset_seconds} seconds: the result is not a date of the years -9999 to 9999"
)]
pub struct ClockError {
    offset_seconds: i64,
}

impl Clock {
    /// The emulator's present
    pub(crate) fn now(&self) -> Timestamp {
        let setting = *self.0.read().expect("nothing panics while it holds this lock");
        match setting {
            ClockSetting::OffsetSeconds(0) => Timestamp::now(),
            ClockSetting::OffsetSeconds(offset) => moved(Timestamp::now(), offset).unwrap_or(Timestamp::MAX),
            ClockSetting::FrozenAt(instant) => instant,
        }
    }

    /// What was set last
    pub(crate) fn setting(&self) -> ClockSetting {
        *self.0.read().expect("nothing panics while it holds this lock")
    }

    /// Moves or freezes the clock, from the next request on
    ///
    /// # Errors
    /// When the offset leads outside the years that a timestamp can hold.
    pub(crate) fn set(&self, setting: ClockSetting) -> Result<(), ClockError> {
        if let ClockSetting::OffsetSeconds(offset_seconds) = setting {
            // A year of room, so that `now` stays a date for as long as a process lives.
            let margin = offset_seconds.signum() * SECONDS_OF_A_YEAR;
            let far = offset_seconds
                .checked_add(margin)
                .and_then(|far| moved(Timestamp::now(), far));
            if far.is_none() {
                return Err(ClockError { offset_seconds });
            }
        }
        *self.0.write().expect("nothing panics while it holds this lock") = setting;
        Ok(())
    }
}

fn moved(instant: Timestamp, seconds: i64) -> Option<Timestamp> {
    instant.checked_add(SignedDuration::from_secs(seconds)).ok()
}

const SECONDS_OF_A_YEAR: i64 = 366 * 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_stands_still() {
        let clock = Clock::default();
        let instant: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        clock.set(ClockSetting::FrozenAt(instant)).unwrap();
        assert_eq!(clock.now(), instant);
        assert_eq!(clock.now(), instant);
    }

    #[test]
    fn an_offset_moves_the_machines_time() {
        let clock = Clock::default();
        clock.set(ClockSetting::OffsetSeconds(-600)).unwrap();
        let behind = clock.now().duration_until(Timestamp::now()).as_secs();
        assert!((600..660).contains(&behind), "{behind}");
    }

    #[test]
    fn an_offset_out_of_all_years_is_refused_and_changes_nothing() {
        let clock = Clock::default();
        for offset in [i64::MAX, i64::MIN, 400_000_000_000] {
            assert!(
                clock.set(ClockSetting::OffsetSeconds(offset)).is_err(),
                "{offset}"
            );
        }
        assert_eq!(clock.setting(), ClockSetting::OffsetSeconds(0));
    }

    #[test]
    fn the_wire_form_is_one_key_of_two() {
        let parse = serde_json::from_str::<ClockSetting>;
        assert_eq!(
            parse(r#"{"offset_seconds":-5}"#).unwrap(),
            ClockSetting::OffsetSeconds(-5)
        );
        assert!(matches!(
            parse(r#"{"frozen_at":"2026-01-02T03:04:05Z"}"#).unwrap(),
            ClockSetting::FrozenAt(_)
        ));
        assert!(parse(r#"{"offset_seconds":1,"frozen_at":"2026-01-02T03:04:05Z"}"#).is_err());
        assert!(parse("{}").is_err());
    }
}
