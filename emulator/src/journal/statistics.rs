//! What happened over time: `GET /statistics?seconds=1200&steps=60`.
//!
//! ```text
//! seconds=1200&steps=60: 60 steps of 20 seconds
//! … | 12:00:00 5 requests, 1 refused | 12:00:20 0 requests | 12:00:40 3 requests (now)
//! ```
//!
//! Steps begin at multiples of their length, so that a step is the same whenever it is asked for. The last one is the
//! present one, which still grows.

use std::time::Duration;

use counters::{Kind, Period, Seconds};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Which time is asked for, and in how many steps
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StatisticsQuery {
    seconds: u64,
    steps: u64,
}

/// A period that there are no statistics of, or that cannot be cut into such steps
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StatisticsError {
    /// More than is kept
    #[error("`seconds`: {seconds} is not a number from 1 to {seconds_max} (`limits.statistics_seconds_max`)")]
    Seconds {
        /// What was asked for
        seconds: u64,
        /// What is kept
        seconds_max: u64,
    },
    /// More steps than an answer has
    #[error("`steps`: {0} is not a number from 1 to {STEPS_MAX} (statistics_steps_max)")]
    Steps(u64),
    /// Steps that are not whole seconds
    #[error("`steps`: {seconds} seconds cannot be cut into {steps} steps of whole seconds")]
    Uneven {
        /// All seconds
        seconds: u64,
        /// How many steps were asked for
        steps: u64,
    },
}

/// What happened over time, on the machine's clock
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Statistics {
    /// How long a step is
    step_seconds: u64,
    /// One after the other; the last one is the present one
    steps: Vec<Step>,
    /// All of them together
    total: Step,
}

/// How requests ended in one step, and how long they took
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = StatisticsStep)]
struct Step {
    /// When the step began
    from: Timestamp,
    /// All requests that ended
    requests: u64,
    /// With a status of 2xx, as these and the next ones all are without a fault
    answered: u64,
    /// By a policy
    denied: u64,
    /// For another reason
    refused: u64,
    /// Without an answer, because the client hung up
    broken_off: u64,
    /// With a fault on the way, whatever they were answered; they are in none of the counts above
    faulted: u64,
    /// `null` where there was no request
    duration_micros: Option<DurationMicros>,
}

/// How long requests took, in microseconds
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = StatisticsDurations)]
struct DurationMicros {
    mean: u64,
    /// An upper bound for half of them
    p50: u64,
    /// An upper bound for 90 of 100
    p90: u64,
    /// An upper bound for 99 of 100
    p99: u64,
    max: u64,
}

impl StatisticsQuery {
    /// The last `seconds` seconds, in `steps` steps
    ///
    /// `None`: [`SECONDS`] of those that are kept, and [`STEPS`] or the next fewer of whole seconds.
    ///
    /// # Errors
    /// When `seconds` is 0 or more than is kept, when `steps` is 0 or more than [`STEPS_MAX`], or when the steps would
    /// not be whole seconds.
    pub(crate) fn new(
        seconds: Option<u64>,
        steps: Option<u64>,
        seconds_max: u64,
    ) -> Result<Self, StatisticsError> {
        let seconds = seconds.unwrap_or(SECONDS.min(seconds_max));
        let steps = steps.unwrap_or_else(|| {
            let mut fewer = (1..=STEPS).rev();
            fewer.find(|steps| seconds.is_multiple_of(*steps)).unwrap_or(1)
        });
        if seconds == 0 || seconds > seconds_max {
            return Err(StatisticsError::Seconds { seconds, seconds_max });
        }
        if steps == 0 || steps > STEPS_MAX {
            return Err(StatisticsError::Steps(steps));
        }
        if !seconds.is_multiple_of(steps) {
            return Err(StatisticsError::Uneven { seconds, steps });
        }
        Ok(Self { seconds, steps })
    }
}

impl Statistics {
    /// What was counted until the second `now`; `instant` tells when a second was
    pub(super) fn of(
        seconds: &Seconds,
        query: StatisticsQuery,
        now: u64,
        instant: impl Fn(u64) -> Timestamp,
    ) -> Self {
        let length = query.seconds / query.steps;
        let present = now / length;
        // What was before the start is left out.
        let first = (present + 1).saturating_sub(query.steps);
        let mut total = Period::default();
        let steps = (first..=present).map(|step| {
            let from = step * length;
            let period = seconds.period(from..from + length);
            total.add(&period);
            Step::of(instant(from), &period)
        });
        Self {
            step_seconds: length,
            steps: steps.collect(),
            total: Step::of(instant(first * length), &total),
        }
    }
}

impl Step {
    fn of(from: Timestamp, period: &Period) -> Self {
        let durations = &period.durations;
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        // What lies beyond the last bound is bounded by the longest.
        let percentile = |percent| {
            let bound = durations.percentile(percent).unwrap_or(period.longest);
            micros(bound.min(period.longest))
        };
        Self {
            from,
            requests: period.count(),
            answered: period.of(Kind::Answered),
            denied: period.of(Kind::Denied),
            refused: period.of(Kind::Refused),
            broken_off: period.of(Kind::BrokenOff),
            faulted: period.of(Kind::Faulted),
            duration_micros: durations.mean().map(|mean| DurationMicros {
                mean: micros(mean),
                p50: percentile(50),
                p90: percentile(90),
                p99: percentile(99),
                max: micros(period.longest),
            }),
        }
    }
}

/// The most steps of one answer
pub(crate) const STEPS_MAX: u64 = 1_440;
/// How many seconds are told of by default
const SECONDS: u64 = 1_200;
/// How many steps they are cut into by default
const STEPS: u64 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn told(seconds: u64, steps: u64, now: u64, ends: &[u64]) -> Statistics {
        let kept = Seconds::new(100);
        for second in ends {
            kept.record(*second, Kind::Answered, Duration::from_micros(700));
        }
        let query = StatisticsQuery::new(Some(seconds), Some(steps), 100).unwrap();
        Statistics::of(&kept, query, now, |second| {
            Timestamp::from_second(i64::try_from(second).unwrap()).unwrap()
        })
    }

    fn requests(statistics: &Statistics) -> Vec<(i64, u64)> {
        let steps = statistics.steps.iter();
        steps.map(|step| (step.from.as_second(), step.requests)).collect()
    }

    #[test]
    fn steps_begin_at_multiples_of_their_length_and_the_last_one_still_grows() {
        let found = told(40, 4, 47, &[3, 9, 10, 29, 41, 47]);
        assert_eq!(requests(&found), [(10, 1), (20, 1), (30, 0), (40, 2)]);
        assert_eq!(found.total.requests, 4);
        assert_eq!(found.step_seconds, 10);
        let none = &found.steps[2];
        assert_eq!(none.duration_micros, None);
        let durations = found.total.duration_micros.unwrap();
        assert_eq!((durations.mean, durations.p99, durations.max), (700, 700, 700));
    }

    #[test]
    fn before_the_start_there_is_no_step() {
        assert_eq!(requests(&told(40, 4, 12, &[0, 12])), [(0, 1), (10, 1)]);
    }

    #[test]
    fn what_is_not_kept_or_cannot_be_cut_is_refused() {
        let refused = |seconds, steps| {
            StatisticsQuery::new(Some(seconds), Some(steps), 100)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            refused(101, 1),
            "`seconds`: 101 is not a number from 1 to 100 (`limits.statistics_seconds_max`)"
        );
        assert!(refused(0, 1).starts_with("`seconds`"));
        assert!(refused(100, 0).starts_with("`steps`"));
        assert_eq!(
            refused(100, 7),
            "`steps`: 100 seconds cannot be cut into 7 steps of whole seconds"
        );
    }
}
