//! How long things took, counted by upper bounds.

use std::{
    array,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The upper bounds of the buckets; a duration above the last bound goes into one more bucket
pub const UPPER_BOUNDS: [Duration; 16] = [
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// One for each bound, and one for durations above the last
const BUCKETS: usize = UPPER_BOUNDS.len() + 1;

/// Counts durations
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum_nanos: AtomicU64,
}

/// How durations are distributed: what a [`Histogram`] had counted at one moment
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distribution {
    buckets: [u64; BUCKETS],
    sum_nanos: u64,
}

impl Histogram {
    /// Counts one duration
    pub fn record(&self, duration: Duration) {
        let bucket = UPPER_BOUNDS.partition_point(|bound| *bound < duration);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// The counts so far
    pub fn snapshot(&self) -> Distribution {
        Distribution {
            buckets: array::from_fn(|index| {
                let bucket = self.buckets.get(index);
                bucket.map_or(0, |bucket| bucket.load(Ordering::Relaxed))
            }),
            sum_nanos: self.sum_nanos.load(Ordering::Relaxed),
        }
    }

    /// Sets all counts to zero
    pub(crate) fn clear(&self) {
        for count in self.buckets.iter().chain([&self.sum_nanos]) {
            count.store(0, Ordering::Relaxed);
        }
    }
}

impl Distribution {
    /// How many durations were counted
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The sum of all durations
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_nanos)
    }

    /// The average duration; `None` if there are none
    pub fn mean(&self) -> Option<Duration> {
        self.sum_nanos.checked_div(self.count()).map(Duration::from_nanos)
    }

    /// The smallest upper bound that at least `percent` percent of the durations do not exceed
    ///
    /// `None` if there are no durations, or if that many do not lie within the last bound.
    pub fn percentile(&self, percent: u64) -> Option<Duration> {
        // The smallest number of durations that is at least `percent` percent of all.
        let wanted = (self.count().saturating_mul(percent)).div_ceil(100).max(1);
        let mut seen = 0;
        let index = self.buckets.iter().position(|bucket| {
            seen += bucket;
            seen >= wanted
        });
        UPPER_BOUNDS.get(index?).copied()
    }

    /// Each upper bound with the count of its bucket; last, without a bound, the count of all longer durations
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        let bounds = UPPER_BOUNDS.into_iter().map(Some).chain([None]);
        bounds.zip(self.buckets)
    }

    /// Adds the counts of another distribution
    pub fn add(&mut self, other: &Self) {
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket = bucket.saturating_add(more);
        }
        self.sum_nanos = self.sum_nanos.saturating_add(other.sum_nanos);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(micros: &[u64]) -> Distribution {
        let histogram = Histogram::default();
        for micros in micros {
            histogram.record(Duration::from_micros(*micros));
        }
        histogram.snapshot()
    }

    #[test]
    fn a_duration_counts_below_the_first_bound_that_is_not_shorter() {
        let found = of(&[0, 100, 101, 10_000_000, 10_000_001]);
        let counts: Vec<u64> = found.buckets().map(|(_, count)| count).collect();
        assert_eq!((counts[0], counts[1], counts[15], counts[16]), (2, 1, 1, 1));
        assert_eq!(found.count(), 5);
        assert_eq!(found.sum(), Duration::from_micros(20_000_202));
    }

    #[test]
    fn percentiles_are_upper_bounds() {
        let mut durations = vec![90; 98];
        durations.extend([900, 20_000_000]);
        let found = of(&durations);
        assert_eq!(found.percentile(50), Some(Duration::from_micros(100)));
        assert_eq!(found.percentile(98), Some(Duration::from_micros(100)));
        assert_eq!(found.percentile(99), Some(Duration::from_millis(1)));
        assert_eq!(found.percentile(100), None, "it lies beyond the last bound");
        assert_eq!(Distribution::default().percentile(50), None);
        assert_eq!(Distribution::default().mean(), None);
        assert_eq!(of(&[100, 300]).mean(), Some(Duration::from_micros(200)));
    }

    #[test]
    fn two_that_are_added_are_one_of_all() {
        let mut sum = of(&[50, 2_000]);
        sum.add(&of(&[3, 20_000_000]));
        assert_eq!(sum, of(&[50, 2_000, 3, 20_000_000]));
    }
}
