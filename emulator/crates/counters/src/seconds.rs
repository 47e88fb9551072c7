//! What happened in each of the last seconds.

use std::{
    array,
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::histogram::{Distribution, Histogram};

/// How a counted thing ended
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It was answered
    Answered,
    /// A policy denied it
    Denied,
    /// It was refused for another reason
    Refused,
    /// It broke off before its end
    BrokenOff,
    /// An injected fault hit it, however it ended
    Faulted,
}

impl Kind {
    const COUNT: usize = 5;
}

/// Counts for each of the last seconds: a ring in which each place belongs to one second at a time
///
/// A second is a rising number, such as the seconds since a start. What arrives for a second that is no longer in the
/// ring is not counted.
#[derive(Debug)]
pub struct Seconds {
    ring: Box<[Second]>,
    /// Held while a place is given to its next second
    turning: Mutex<()>,
}

#[derive(Debug, Default)]
struct Second {
    /// The number of its second plus 1; 0 means none yet
    number: AtomicU64,
    kinds: [AtomicU64; Kind::COUNT],
    durations: Histogram,
    longest_nanos: AtomicU64,
}

/// What happened in a period
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Period {
    kinds: [u64; Kind::COUNT],
    /// The durations of everything that ended in it
    pub durations: Distribution,
    /// The longest of these durations
    pub longest: Duration,
}

impl Seconds {
    /// Keeps the last `seconds_max` seconds, but at least one
    pub fn new(seconds_max: usize) -> Self {
        Self {
            ring: (0..seconds_max.max(1)).map(|_| Second::default()).collect(),
            turning: Mutex::default(),
        }
    }

    /// How many seconds are kept, including the current one
    pub fn seconds_max(&self) -> u64 {
        self.ring.len() as u64
    }

    /// Counts something that ended in a second
    pub fn record(&self, second: u64, kind: Kind, duration: Duration) {
        let Some(place) = self.place(second) else {
            return;
        };
        let number = second.saturating_add(1);
        if place.number.load(Ordering::Acquire) < number {
            self.turn(place, number);
        }
        if place.number.load(Ordering::Acquire) == number {
            place.record(kind, duration);
        }
    }

    /// What happened in these seconds; those that are no longer kept or not yet reached count as empty
    pub fn period(&self, seconds: Range<u64>) -> Period {
        let mut period = Period::default();
        for second in seconds {
            if let Some(place) = self.place(second) {
                place.add_to(&mut period, second.saturating_add(1));
            }
        }
        period
    }

    fn place(&self, second: u64) -> Option<&Second> {
        let index = second % self.seconds_max();
        self.ring.get(usize::try_from(index).unwrap_or(usize::MAX))
    }

    /// Empties a place and gives it to a newer second
    fn turn(&self, place: &Second, number: u64) {
        let _turning = self.turning.lock().unwrap_or_else(PoisonError::into_inner);
        if place.number.load(Ordering::Acquire) >= number {
            return;
        }
        for count in place.kinds.iter().chain([&place.longest_nanos]) {
            count.store(0, Ordering::Relaxed);
        }
        place.durations.clear();
        place.number.store(number, Ordering::Release);
    }
}

impl Second {
    fn record(&self, kind: Kind, duration: Duration) {
        if let Some(count) = self.kinds.get(kind as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.durations.record(duration);
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.longest_nanos.fetch_max(nanos, Ordering::Relaxed);
    }

    fn add_to(&self, period: &mut Period, number: u64) {
        if self.number.load(Ordering::Acquire) != number {
            return;
        }
        let kinds: [u64; Kind::COUNT] = array::from_fn(|kind| {
            let count = self.kinds.get(kind);
            count.map_or(0, |count| count.load(Ordering::Relaxed))
        });
        let durations = self.durations.snapshot();
        let longest = Duration::from_nanos(self.longest_nanos.load(Ordering::Relaxed));
        // The place went to a newer second meanwhile.
        if self.number.load(Ordering::Acquire) != number {
            return;
        }
        for (sum, more) in period.kinds.iter_mut().zip(kinds) {
            *sum = sum.saturating_add(more);
        }
        period.durations.add(&durations);
        period.longest = period.longest.max(longest);
    }
}

impl Period {
    /// How many ended this way
    pub fn of(&self, kind: Kind) -> u64 {
        self.kinds.get(kind as usize).copied().unwrap_or(0)
    }

    /// How many ended in all
    pub fn count(&self) -> u64 {
        self.kinds.iter().sum()
    }

    /// Adds the counts of another period
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.kinds.iter_mut().zip(other.kinds) {
            *sum = sum.saturating_add(more);
        }
        self.durations.add(&other.durations);
        self.longest = self.longest.max(other.longest);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn a_second_is_forgotten_when_its_place_is_given_to_another() {
        let seconds = Seconds::new(3);
        for second in [0, 0, 1, 2] {
            seconds.record(second, Kind::Answered, MILLISECOND);
        }
        assert_eq!(seconds.period(0..3).count(), 4);
        seconds.record(3, Kind::Denied, 2 * MILLISECOND);
        assert_eq!(seconds.period(0..1).count(), 0);
        let last = seconds.period(1..4);
        assert_eq!((last.of(Kind::Answered), last.of(Kind::Denied)), (2, 1));
        assert_eq!(last.longest, 2 * MILLISECOND);
        // This one comes too late to be counted.
        seconds.record(0, Kind::Answered, MILLISECOND);
        assert_eq!(seconds.period(0..4).count(), 3);
    }

    #[test]
    fn threads_that_count_into_the_same_second_lose_nothing() {
        let seconds = Seconds::new(10);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for turn in 0..1_000 {
                        seconds.record(turn / 100, Kind::Refused, MILLISECOND);
                    }
                });
            }
        });
        assert_eq!(seconds.period(0..10).of(Kind::Refused), 8_000);
    }

    proptest! {
        #[test]
        fn periods_side_by_side_are_the_whole(ends in prop::collection::vec(0_u64..20, 0..200), cut in 0_u64..20) {
            let seconds = Seconds::new(20);
            for second in &ends {
                seconds.record(*second, Kind::Answered, MILLISECOND);
            }
            let mut both = seconds.period(0..cut);
            both.add(&seconds.period(cut..20));
            prop_assert_eq!(&both, &seconds.period(0..20));
            prop_assert_eq!(both.count(), ends.len() as u64);
        }
    }
}
