//! The emulator's clock: it expires credentials, feeds date conditions, drives statuses, writes `Date` and checks
//! signatures.
//!
//! Tests move it through the control API instead of waiting. Their SDKs go on signing by the machine's clock, so unless
//! [`SignatureClocks::EmulatedOnly`] is set a signature's date is good by either: a test that steps through a training
//! locks no client out. Clients that correct their own skew trust the `Date` of responses. They sign by what this clock
//! showed in the last response that they got, so a time that it showed before it was put forward is good as well.

mod laps;

use std::sync::{RwLock, RwLockReadGuard};

use jiff::{SignedDuration, Timestamp};
use lookoutvision::store::document::FIRST_DATE;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::laps::Laps;
pub(crate) use self::laps::{NoReading, Reading};

/// The emulator's clock
#[derive(Debug, Default)]
pub(crate) struct Clock(RwLock<ClockRecord>);

#[derive(Debug, Clone)]
struct ClockRecord {
    state: ClockState,
    laps: Laps,
    /// The setting before each time that the clock was put forward, newest last
    before_steps: Vec<ClockSetting>,
}

/// How the clock is set
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockState {
    pub(crate) setting: ClockSetting,
    pub(crate) signatures: SignatureClocks,
}

/// How the clock differs from the machine's
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ClockSetting {
    /// The machine's time, moved by so many seconds (forward when positive)
    OffsetSeconds(i64),
    /// Standing still at this instant
    FrozenAt(Timestamp),
}

/// By which clocks the date of a signature is good
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignatureClocks {
    /// By the emulator's, including the times that it showed before it was put forward, or by the machine's
    #[default]
    Either,
    /// By the emulator's alone, which is how a test makes signatures expire
    EmulatedOnly,
}

/// Another clock, which is set as this one is now
impl Clone for Clock {
    fn clone(&self) -> Self {
        Self(RwLock::new(self.record().clone()))
    }
}

impl Default for ClockRecord {
    fn default() -> Self {
        let state = ClockState::default();
        Self {
            state,
            laps: Laps::begin(state.now()),
            before_steps: Vec::new(),
        }
    }
}

impl Default for ClockSetting {
    fn default() -> Self {
        Self::OffsetSeconds(0)
    }
}

/// The setting leads outside the years that a date in an answer can have
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// By its offset
    #[error(
        "the clock cannot be moved by {offset_seconds} seconds: the result is not a date of the years 1 to 9999"
    )]
    Offset {
        /// In seconds from the machine's clock, or from where the clock stood still
        offset_seconds: i64,
    },
    /// By the instant that it is to stand still at
    #[error("the clock cannot stand still at {0}: expected a date of the years 1 to 9999")]
    Instant(Timestamp),
}

impl ClockError {
    /// The JSON member that holds the refused value
    pub(crate) fn member(&self) -> &'static str {
        match self {
            Self::Offset { .. } => "offset_seconds",
            Self::Instant(_) => "frozen_at",
        }
    }
}

impl Clock {
    /// The emulator's present
    pub(crate) fn now(&self) -> Timestamp {
        self.state().now()
    }

    /// The emulator's present, which is not confused with the same instant before the clock was set back
    pub(crate) fn reading(&self) -> Reading {
        let record = self.record();
        Reading {
            lap: record.laps.number(),
            time: record.state.now(),
        }
    }

    /// When the clock showed this instant
    ///
    /// # Errors
    /// When it has not shown this instant, or has shown it more than once.
    pub(crate) fn find(&self, time: Timestamp) -> Result<Reading, NoReading> {
        let record = self.record();
        record.laps.find(time, record.state.now())
    }

    /// The times besides [`now`](Self::now) that a signature may be dated by
    pub(crate) fn further_times_of_signatures(&self) -> Vec<Timestamp> {
        let record = self.record();
        match record.state.signatures {
            SignatureClocks::EmulatedOnly => Vec::new(),
            SignatureClocks::Either => {
                let before_steps = record.before_steps.iter().map(ClockSetting::now);
                before_steps.chain([Timestamp::now()]).collect()
            }
        }
    }

    /// What was set last
    pub(crate) fn state(&self) -> ClockState {
        self.record().state
    }

    /// Sets the clock as a whole, from the next request on
    ///
    /// # Errors
    /// When it leads outside the years that a date in an answer can have.
    pub(crate) fn set(&self, state: ClockState) -> Result<(), ClockError> {
        self.change(|_| Ok(state))
    }

    /// Moves or freezes the clock and leaves the rest as it is
    ///
    /// # Errors
    /// Those of [`set`](Self::set).
    pub(crate) fn set_time(&self, setting: ClockSetting) -> Result<(), ClockError> {
        self.change(|state| Ok(ClockState { setting, ..state }))
    }

    /// Says by which clocks signatures are good and leaves the time as it is
    pub(crate) fn set_signatures(&self, signatures: SignatureClocks) {
        let mut record = self.0.write().expect("nothing panics while it holds this lock");
        record.state.signatures = signatures;
    }

    /// Puts the clock forward from wherever it is, frozen or not; two calls at one time add up
    ///
    /// # Errors
    /// Those of [`set`](Self::set).
    pub(crate) fn advance(&self, seconds: u32) -> Result<(), ClockError> {
        let seconds = i64::from(seconds);
        self.change(|state| {
            let setting = match state.setting {
                ClockSetting::OffsetSeconds(offset) => {
                    let further = offset.checked_add(seconds);
                    ClockSetting::OffsetSeconds(further.ok_or(ClockError::Offset {
                        offset_seconds: offset,
                    })?)
                }
                ClockSetting::FrozenAt(instant) => {
                    let later = moved(instant, seconds);
                    ClockSetting::FrozenAt(later.ok_or(ClockError::Offset {
                        offset_seconds: seconds,
                    })?)
                }
            };
            Ok(ClockState { setting, ..state })
        })
    }

    fn change(
        &self,
        change: impl FnOnce(ClockState) -> Result<ClockState, ClockError>,
    ) -> Result<(), ClockError> {
        let mut record = self.0.write().expect("nothing panics while it holds this lock");
        let before = record.state;
        let after = change(before)?;
        after.setting.check()?;
        record.state = after;
        let (shown, shows) = (before.setting.now(), after.setting.now());
        if shows < shown {
            record.laps.set_back(shown, shows);
            // A clock that is set back does not step through anything, so earlier steps no longer count.
            record.before_steps.clear();
        } else if after.setting != before.setting {
            if record.before_steps.len() == STEPS_REMEMBERED_MAX {
                record.before_steps.remove(0);
            }
            record.before_steps.push(before.setting);
        }
        Ok(())
    }

    fn record(&self) -> RwLockReadGuard<'_, ClockRecord> {
        self.0.read().expect("nothing panics while it holds this lock")
    }
}

impl ClockState {
    /// The emulator's present
    pub(crate) fn now(&self) -> Timestamp {
        self.setting.now()
    }
}

impl ClockSetting {
    fn now(&self) -> Timestamp {
        match *self {
            Self::OffsetSeconds(0) => Timestamp::now(),
            Self::OffsetSeconds(offset) => moved(Timestamp::now(), offset).unwrap_or(Timestamp::MAX),
            Self::FrozenAt(instant) => instant,
        }
    }

    /// Whether it leads to a date, for as long as a process lives
    ///
    /// # Errors
    /// When it leads outside the years that a date in an answer can have.
    pub(crate) fn check(self) -> Result<(), ClockError> {
        let offset_seconds = match self {
            Self::OffsetSeconds(offset_seconds) => offset_seconds,
            Self::FrozenAt(instant) if instant < FIRST_DATE => return Err(ClockError::Instant(instant)),
            Self::FrozenAt(_) => return Ok(()),
        };
        // A year of room, so that `now` stays a date for as long as a process lives.
        let margin = offset_seconds.signum() * SECONDS_OF_A_YEAR;
        let far = offset_seconds
            .checked_add(margin)
            .and_then(|far| moved(Timestamp::now(), far))
            .filter(|far| *far >= FIRST_DATE);
        match far {
            Some(_) => Ok(()),
            None => Err(ClockError::Offset { offset_seconds }),
        }
    }
}

fn moved(instant: Timestamp, seconds: i64) -> Option<Timestamp> {
    instant.checked_add(SignedDuration::from_secs(seconds)).ok()
}

/// How many steps a client may have missed and still be let through
const STEPS_REMEMBERED_MAX: usize = 16;

const SECONDS_OF_A_YEAR: i64 = 366 * 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_stands_still() {
        let clock = Clock::default();
        let instant: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        clock.set_time(ClockSetting::FrozenAt(instant)).unwrap();
        assert_eq!(clock.now(), instant);
        assert_eq!(clock.now(), instant);
    }

    #[test]
    fn an_offset_moves_the_machines_time() {
        let clock = Clock::default();
        clock.set_time(ClockSetting::OffsetSeconds(-600)).unwrap();
        let behind = clock.now().duration_until(Timestamp::now()).as_secs();
        assert!((600..660).contains(&behind), "{behind}");
    }

    #[test]
    fn an_offset_out_of_all_years_is_refused_and_changes_nothing() {
        let clock = Clock::default();
        for offset in [i64::MAX, i64::MIN, 400_000_000_000] {
            assert!(
                clock.set_time(ClockSetting::OffsetSeconds(offset)).is_err(),
                "{offset}"
            );
        }
        assert_eq!(clock.state().setting, ClockSetting::OffsetSeconds(0));
    }

    #[test]
    fn an_advance_starts_from_wherever_the_clock_is() {
        let clock = Clock::default();
        clock.set_signatures(SignatureClocks::EmulatedOnly);
        clock.advance(600).unwrap();
        clock.advance(1).unwrap();
        let expected = ClockState {
            setting: ClockSetting::OffsetSeconds(601),
            signatures: SignatureClocks::EmulatedOnly,
        };
        assert_eq!(clock.state(), expected);
        let instant: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        clock.set_time(ClockSetting::FrozenAt(instant)).unwrap();
        clock.advance(55).unwrap();
        assert_eq!(clock.now(), "2026-01-02T03:05:00Z".parse().unwrap());
    }

    #[test]
    fn an_advance_out_of_all_years_is_refused_and_changes_nothing() {
        let clock = Clock::default();
        clock.set_time(ClockSetting::FrozenAt(Timestamp::MAX)).unwrap();
        assert!(clock.advance(1).is_err());
        assert_eq!(clock.now(), Timestamp::MAX);
        let last = ClockSetting::OffsetSeconds(250_000_000_000);
        clock.set_time(last).unwrap();
        assert!(clock.advance(u32::MAX).is_err());
        assert_eq!(clock.state().setting, last);
    }

    /// How far the times that signatures may be dated by are from the machine's, in seconds
    fn seconds_apart(clock: &Clock) -> Vec<i64> {
        let now = Timestamp::now();
        let times = clock.further_times_of_signatures();
        let apart = |time: &Timestamp| now.duration_until(*time).as_secs_f64().round() as i64;
        times.iter().map(apart).collect()
    }

    #[test]
    fn signatures_may_be_dated_by_the_machine_and_by_what_the_clock_showed_before_each_step() {
        let clock = Clock::default();
        assert_eq!(seconds_apart(&clock), [0]);
        for _ in 0..3 {
            clock.advance(600).unwrap();
        }
        assert_eq!(seconds_apart(&clock), [0, 600, 1_200, 0]);
        clock.set_signatures(SignatureClocks::EmulatedOnly);
        assert_eq!(seconds_apart(&clock), [0; 0]);
        clock.set_signatures(SignatureClocks::Either);
        clock.set_time(ClockSetting::OffsetSeconds(900)).unwrap();
        assert_eq!(seconds_apart(&clock), [0], "it was set back");
    }

    #[test]
    fn so_many_steps_are_remembered_and_no_more() {
        let clock = Clock::default();
        for _ in 0..STEPS_REMEMBERED_MAX + 4 {
            clock.advance(600).unwrap();
        }
        let apart = seconds_apart(&clock);
        assert_eq!(apart.len(), STEPS_REMEMBERED_MAX + 1);
        assert_eq!(apart[0], 4 * 600);
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
