//! The observations of an attack.

use std::time::Duration;

/// The observations of an attack; the reports of workers are merged into one
#[derive(Debug, Default)]
pub struct Report {
    /// The load that the emulator carried during it, for the table
    pub load: String,
    /// Kills, full disks and stalls that it had to survive
    pub faults: u64,
    /// Inputs that no well-behaved client or disk produces
    pub bad_inputs: u64,
    /// Acknowledged changes that are gone, and good calls without their answer
    pub lost: u64,
    /// Good calls with the right answer, and the time that each took
    pub good_calls: Vec<Duration>,
    /// How often something was not as it must be
    pub failures: u64,
    /// The first failures, in sentences
    pub told: Vec<String>,
}

impl Report {
    /// Whether everything was as it must be
    pub fn has_held(&self) -> bool {
        self.failures == 0 && self.lost == 0
    }

    /// Records something that is not as it must be
    pub(crate) fn fail(&mut self, sentence: impl Into<String>) {
        self.failures += 1;
        if self.told.len() < TOLD_MAX {
            self.told.push(sentence.into());
        }
    }

    /// Records an acknowledged change that is gone, or a good call without its answer
    pub(crate) fn lose(&mut self, sentence: impl Into<String>) {
        self.lost += 1;
        self.fail(sentence);
    }

    /// Records a good call with its outcome
    pub(crate) fn good_call(&mut self, outcome: Result<Duration, String>) {
        match outcome {
            Ok(took) => self.good_calls.push(took),
            Err(sentence) => self.lose(format!("a good call was not answered: {sentence}")),
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.faults += other.faults;
        self.bad_inputs += other.bad_inputs;
        self.lost += other.lost;
        self.good_calls.extend(other.good_calls);
        self.failures += other.failures;
        self.told.extend(other.told);
        self.told.truncate(TOLD_MAX);
    }

    /// The time within which this percentage of the good calls was answered
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.good_calls.clone();
        sorted.sort_unstable();
        let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(index).copied().unwrap_or_default()
    }

    /// Number and times of the good calls, for the table
    pub(crate) fn good_calls_text(&self) -> String {
        format!(
            "{} good calls, p50 {}, p99 {}",
            crate::table::grouped(self.good_calls.len() as u64),
            milliseconds(self.percentile(50)),
            milliseconds(self.percentile(99)),
        )
    }
}

/// The time as a person reads it
pub(crate) fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

const TOLD_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_call_without_its_answer_is_a_loss() {
        let mut report = Report::default();
        report.good_call(Ok(Duration::from_millis(1)));
        assert!(report.has_held());
        report.good_call(Err("503".to_owned()));
        assert_eq!((report.lost, report.failures, report.has_held()), (1, 1, false));
    }

    #[test]
    fn a_workers_failure_stays_one_after_the_merge() {
        let mut worker = Report::default();
        worker.fail("accepted");
        let mut report = Report::default();
        report.merge(worker);
        assert!(!report.has_held());
        assert_eq!(report.told, ["accepted"]);
    }

    #[test]
    fn percentiles_are_those_of_the_good_calls() {
        let report = Report {
            good_calls: (1..=200).rev().map(Duration::from_millis).collect(),
            ..Report::default()
        };
        assert_eq!(report.percentile(50), Duration::from_millis(100));
        assert_eq!(report.percentile(99), Duration::from_millis(198));
        assert_eq!(Report::default().percentile(99), Duration::ZERO);
    }
}
