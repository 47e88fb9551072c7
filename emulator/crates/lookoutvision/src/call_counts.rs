//! How often each model was called, so that a rule can answer only the first two calls, for example.
//!
//! Calls are counted per model ARN, which is account, Region, project and version in one. Only calls that reach the
//! rules are counted: a call refused for its signature, a policy, its constraints or its image is not counted.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use foldhash::fast::RandomState;

/// Calls per model since the start or the last reset
#[derive(Debug)]
pub struct CallCounts {
    counts: Mutex<Counts>,
    models_max: usize,
}

#[derive(Debug, Default)]
struct Counts {
    by_arn: HashMap<Box<str>, Count, RandomState>,
    /// Rises with every call of any model
    calls: u64,
}

#[derive(Debug)]
struct Count {
    calls: u64,
    last_call: u64,
}

impl CallCounts {
    /// Counts for at most `models_max` models. When there is one more, the model that was called least recently is
    /// forgotten and starts again at 1.
    pub fn new(models_max: usize) -> Self {
        Self {
            counts: Mutex::default(),
            models_max: models_max.max(1),
        }
    }

    /// Counts a call and returns its number among the calls of this model, from 1
    pub fn next(&self, model_arn: &str) -> u64 {
        let mut counts = self.lock();
        counts.calls = counts.calls.saturating_add(1);
        let now = counts.calls;
        if let Some(count) = counts.by_arn.get_mut(model_arn) {
            // Counts that were set by `replace` can be any number.
            count.calls = count.calls.saturating_add(1);
            count.last_call = now;
            return count.calls;
        }
        if counts.by_arn.len() >= self.models_max {
            let longest_unused = counts
                .by_arn
                .iter()
                .min_by_key(|(_, count)| count.last_call)
                .map(|(arn, _)| arn.clone());
            if let Some(arn) = longest_unused {
                counts.by_arn.remove(&arn);
            }
        }
        counts.by_arn.insert(
            model_arn.into(),
            Count {
                calls: 1,
                last_call: now,
            },
        );
        1
    }

    /// How often each model was called, by ARN
    pub fn all(&self) -> BTreeMap<String, u64> {
        let counts = self.lock();
        let counts = counts.by_arn.iter();
        counts
            .map(|(arn, count)| (arn.to_string(), count.calls))
            .collect()
    }

    /// Replaces all counts
    pub fn replace(&self, calls: &BTreeMap<String, u64>) {
        let by_arn = calls.iter().map(|(arn, calls)| {
            let count = Count {
                calls: *calls,
                last_call: 0,
            };
            (arn.as_str().into(), count)
        });
        *self.lock() = Counts {
            by_arn: by_arn.collect(),
            calls: 0,
        };
    }

    /// How many models are counted now
    pub fn len(&self) -> usize {
        self.lock().by_arn.len()
    }

    /// Whether no model was called
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets every call
    pub fn reset(&self) {
        *self.lock() = Counts::default();
    }

    // A poisoned lock only means that another request panicked; the counts are valid at any time.
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for CallCounts {
    fn default() -> Self {
        Self::new(MODELS_MAX)
    }
}

/// The default for the most models that are counted at one time
pub const MODELS_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_model_is_counted_from_one() {
        let counts = CallCounts::default();
        assert_eq!(
            [
                counts.next("a"),
                counts.next("b"),
                counts.next("a"),
                counts.next("a")
            ],
            [1, 1, 2, 3]
        );
    }

    #[test]
    fn a_reset_starts_again_at_one() {
        let counts = CallCounts::default();
        counts.next("a");
        counts.reset();
        assert_eq!(counts.next("a"), 1);
    }

    #[test]
    fn counts_go_on_from_those_that_were_put() {
        let counts = CallCounts::default();
        counts.next("gone");
        counts.replace(&BTreeMap::from([("a".to_owned(), 7)]));
        assert_eq!([counts.next("a"), counts.next("gone")], [8, 1]);
        assert_eq!(
            counts.all(),
            BTreeMap::from([("a".to_owned(), 8), ("gone".to_owned(), 1)])
        );
    }

    #[test]
    fn the_highest_count_stays() {
        let counts = CallCounts::default();
        counts.replace(&BTreeMap::from([("a".to_owned(), u64::MAX)]));
        assert_eq!([counts.next("a"), counts.next("a")], [u64::MAX; 2]);
    }

    #[test]
    fn over_the_bound_the_model_unused_for_longest_is_forgotten() {
        let counts = CallCounts::new(2);
        assert_eq!([counts.next("a"), counts.next("b"), counts.next("a")], [1, 1, 2]);
        assert_eq!(counts.next("c"), 1);
        assert_eq!(counts.next("a"), 3, "a was used after b and stays");
        assert_eq!(counts.next("b"), 1, "b had to go for c");
    }

    #[test]
    fn calls_of_many_threads_get_different_numbers() {
        let counts = CallCounts::default();
        let mut numbers: Vec<u64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..250).map(|_| counts.next("a")).collect::<Vec<_>>()))
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().expect("no thread panics"))
                .collect()
        });
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(1..=1000));
    }
}
