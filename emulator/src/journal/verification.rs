//! Whether the calls that a test expects were made: `POST /requests/verify`.
//!
//! A [`Verifier`] takes the journal's entries one after the other, so whoever waits for a call looks at each entry once. It
//! says "satisfied" only of what it has seen: where entries are missing that it should have counted, the answer is
//! [`Incomplete`], unless everything that is expected is a minimum that is met without them.

use std::time::{Duration, Instant};

use client_text::json::Object;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use uuid::Uuid;

mod incomplete;
mod report;
mod times;

use self::report::{NearMissOfCall, ResultOfExpectation, Summaries};
pub(crate) use self::{
    incomplete::{Incomplete, NotVerified},
    report::Report,
    times::Times,
};
use super::{
    Entry, Journal,
    call_pattern::{CallPattern, Comparison, object},
};
use crate::clock::{Clock, NoReading, Reading};

/// The calls that a test expects
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verification {
    /// What must have happened, all of it
    #[serde(deserialize_with = "objects")]
    pub(crate) expect: Vec<Expectation>,
    /// Whether the calls must have come in the order of `expect`
    #[serde(default)]
    pub(crate) in_order: bool,
    /// Whether no call but those may have been made
    #[serde(default)]
    pub(crate) no_others: bool,
    /// Calls received at this instant or later, or recorded after that of this request id; absent: all of them
    #[serde(default)]
    pub(crate) since: Option<String>,
    /// How long to wait for missing calls, in milliseconds: 60,000 at most
    #[serde(default)]
    pub(crate) within_milliseconds: u64,
}

/// How often a call must have been made
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expectation {
    /// What the report calls it; absent: what it matches
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// Which calls count; absent: every one
    #[serde(default, rename = "match", deserialize_with = "object")]
    pub(crate) pattern: CallPattern,
    /// How many there must be; absent: one at least
    #[serde(default, deserialize_with = "object")]
    pub(crate) times: Times,
}

fn objects<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let objects = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(objects.into_iter().map(|Object(value)| value).collect())
}

/// Something that cannot be verified, whatever is recorded
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct VerificationError {
    /// Where it stands, as a JSON Pointer
    pub(crate) path: String,
    reason: String,
}

/// Counts calls as they are recorded
#[derive(Debug)]
pub(crate) struct Verifier {
    verification: Verification,
    counted: Vec<Counted>,
    /// The expectation whose turn it is, where order matters
    turn: usize,
    requests: u64,
    unexpected: Summaries,
    out_of_order: Summaries,
    /// The place of the next entry to look at
    next: u64,
    /// Entries received before this do not count
    since: Option<Reading>,
    incomplete: Option<Incomplete>,
}

/// What was found of one expectation
#[derive(Debug, Default)]
struct Counted {
    found: u64,
    /// Calls that fit, including those that count for another expectation because of the order
    fitting: u64,
    /// Calls that fit and came before the turn of the expectation
    too_early: u64,
    /// The expectation that the first of them should have waited for
    before: Option<usize>,
    request_ids: Vec<Uuid>,
    near_misses: Vec<NearMissOfCall>,
}

/// Whether there is anything to wait for
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlook {
    Satisfied,
    /// Calls are missing that may still come
    Waiting,
    /// No further call can make it good
    Failed,
}

impl Verification {
    /// Looks for what no journal could ever satisfy or fail
    ///
    /// # Errors
    /// With the first mistake and its place.
    pub(crate) fn check(&self, operations: &[&str]) -> Result<(), VerificationError> {
        let mistake = |path: String, reason: String| Err(VerificationError { path, reason });
        if self.expect.is_empty() && !self.no_others {
            let reason = "nothing is expected: name calls, or set `no_others`";
            return mistake("/expect".to_owned(), reason.to_owned());
        }
        if self.expect.len() > EXPECTATIONS_MAX {
            let reason = format!("more than {EXPECTATIONS_MAX} expectations (expectations_max)");
            return mistake("/expect".to_owned(), reason);
        }
        if self.within_milliseconds > WITHIN_MILLISECONDS_MAX {
            let reason = format!("more than {WITHIN_MILLISECONDS_MAX} milliseconds");
            return mistake("/within_milliseconds".to_owned(), reason);
        }
        if let Some(since) = &self.since
            && Since::parse(since).is_none()
        {
            let reason =
                format!("`{since}` is neither a request id nor an instant, such as 2026-01-02T03:04:05Z");
            return mistake("/since".to_owned(), reason);
        }
        for (index, expectation) in self.expect.iter().enumerate() {
            if let Err(error) = expectation.pattern.check(operations) {
                return mistake(format!("/expect/{index}/match{}", error.path), error.to_string());
            }
            if let Err(reason) = expectation.times.check() {
                return mistake(format!("/expect/{index}/times"), reason.to_owned());
            }
        }
        Ok(())
    }
}

/// Where the calls begin that count
#[derive(Clone, Copy)]
enum Since {
    Instant(Timestamp),
    Request(Uuid),
}

impl Since {
    fn parse(text: &str) -> Option<Self> {
        let request = text.parse().ok().map(Self::Request);
        request.or_else(|| text.parse().ok().map(Self::Instant))
    }
}

impl Expectation {
    fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.pattern.describe())
    }

    /// Whether so many are enough and not too many
    fn is_met_by(&self, found: u64) -> bool {
        (self.times.least()..=self.times.most()).contains(&found)
    }
}

impl Verifier {
    /// Counts what a checked verification asks for
    ///
    /// # Errors
    /// When `since` has not come yet.
    pub(crate) fn new(
        verification: Verification,
        journal: &Journal,
        clock: &Clock,
    ) -> Result<Self, VerificationError> {
        let since = verification.since.as_deref().and_then(Since::parse);
        let mut since_reading = None;
        let (next, incomplete) = match since {
            None => journal.since_cleared(),
            Some(Since::Instant(instant)) => match clock.find(instant) {
                Ok(reading) => {
                    since_reading = Some(reading);
                    journal.since_instant(reading)
                }
                Err(NoReading::Future) => {
                    let now = clock.now();
                    return Err(VerificationError {
                        path: "/since".to_owned(),
                        reason: format!(
                            "`{instant}` has not come yet by the emulator's clock, which shows {now}"
                        ),
                    });
                }
                Err(NoReading::BeforeStart) => {
                    let start = journal.places().start;
                    (start, Some(Incomplete::BeforeStart(instant)))
                }
                Err(NoReading::Twice) => (journal.places().start, Some(Incomplete::Twice(instant))),
            },
            Some(Since::Request(request_id)) => match journal.place(request_id) {
                Some(place) => (place + 1, None),
                None => (
                    journal.places().start,
                    Some(Incomplete::UnknownRequest(request_id)),
                ),
            },
        };
        Ok(Self {
            counted: verification.expect.iter().map(|_| Counted::default()).collect(),
            verification,
            turn: 0,
            requests: 0,
            unexpected: Summaries::default(),
            out_of_order: Summaries::default(),
            next,
            since: since_reading,
            incomplete,
        })
    }

    /// Counts the entries that were recorded since the last look, for [`LOOK_TIME`] at most; `None` if there are more
    /// of them
    ///
    /// Hundreds of patterns and thousands of entries take seconds. So a caller can give way to others before it asks
    /// for the rest, or not ask for it at all.
    pub(crate) fn look(&mut self, journal: &Journal) -> Option<Outlook> {
        let began = Instant::now();
        let places = journal.places();
        if places.start > self.next {
            self.incomplete.get_or_insert(Incomplete::Overtaken);
        }
        for (place, entry) in journal.walk(self.next.max(places.start)..places.end, super::Order::Oldest) {
            if place > self.next {
                self.incomplete.get_or_insert(Incomplete::Overtaken);
            }
            self.next = place + 1;
            if self.since.is_none_or(|since| entry.received() >= since) {
                self.count(&entry);
            }
            if self.next < places.end && began.elapsed() >= LOOK_TIME {
                return None;
            }
        }
        if self.next < places.end {
            self.incomplete.get_or_insert(Incomplete::Overtaken);
        }
        Some(self.outlook())
    }

    fn count(&mut self, entry: &Entry) {
        self.requests += 1;
        let mut fitting = Vec::new();
        let mut unknown = None;
        for (index, (expectation, counted)) in
            self.verification.expect.iter().zip(&mut self.counted).enumerate()
        {
            match expectation.pattern.compare(entry) {
                Comparison::Fits => fitting.push(index),
                Comparison::Unknown(member) => {
                    unknown.get_or_insert(Incomplete::Unknown {
                        request_id: entry.request_id,
                        member,
                    });
                }
                Comparison::Differs(differs) => counted.note_near_miss(NearMissOfCall {
                    request_id: entry.request_id,
                    differs,
                }),
            }
        }
        for index in &fitting {
            self.counted[*index].fitting += 1;
        }
        let is_known = unknown.is_none();
        self.incomplete = self.incomplete.take().or(unknown);
        if fitting.is_empty() && is_known {
            self.unexpected.add(entry);
        } else if !self.verification.in_order {
            for index in fitting {
                self.counted[index].add(entry);
            }
        } else if let Some(index) = self.next_turn(&fitting) {
            self.turn = index;
            self.counted[index].add(entry);
        } else {
            for index in fitting {
                if let Some(other) = self.waits_for(index) {
                    let counted = &mut self.counted[index];
                    counted.too_early += 1;
                    counted.before.get_or_insert(other);
                }
            }
            self.out_of_order.add(entry);
        }
    }

    /// The expectation whose calls must all come before a call counts for this one; `None` if it is its turn, or was
    fn waits_for(&self, index: usize) -> Option<usize> {
        (self.turn..index)
            .find(|other| !self.verification.expect[*other].is_met_by(self.counted[*other].found))
    }

    /// The expectation that a call counts for, where order matters: the one whose turn it is while that takes more, or the
    /// next that it fits, if those before have enough
    fn next_turn(&self, fitting: &[usize]) -> Option<usize> {
        fitting.iter().copied().find(|index| {
            *index >= self.turn
                && self.counted[*index].found < self.verification.expect[*index].times.most()
                && self.waits_for(*index).is_none()
        })
    }

    /// The most calls that there are for an expectation
    ///
    /// Where order matters a call counts once. But "exactly 0" must not become true because another expectation takes
    /// the calls, so here only expectations with the same pattern share them.
    fn found_at_most(&self, index: usize) -> u64 {
        let counted = &self.counted[index];
        if !self.verification.in_order {
            return counted.found;
        }
        let expect = &self.verification.expect;
        let is_same = |other: &usize| *other != index && expect[*other].pattern == expect[index].pattern;
        let of_others: u64 = (0..expect.len())
            .filter(is_same)
            .map(|other| self.counted[other].found)
            .sum();
        counted.found.max(counted.fitting.saturating_sub(of_others))
    }

    fn has_too_many(&self, index: usize) -> bool {
        self.found_at_most(index) > self.verification.expect[index].times.most()
    }

    fn is_met(&self, index: usize) -> bool {
        let least = self.verification.expect[index].times.least();
        self.counted[index].found >= least && !self.has_too_many(index)
    }

    fn outlook(&self) -> Outlook {
        let is_spoilt =
            (self.verification.no_others && self.unexpected.count > 0) || self.out_of_order.count > 0;
        let mut expectations = 0..self.counted.len();
        if is_spoilt || expectations.clone().any(|index| self.has_too_many(index)) {
            return Outlook::Failed;
        }
        match expectations.all(|index| self.is_met(index)) {
            true => Outlook::Satisfied,
            false => Outlook::Waiting,
        }
    }

    /// Whether no further call can change the answer, wherever in the order it belongs
    pub(crate) fn is_settled(&self) -> bool {
        let is_failed = self.outlook() == Outlook::Failed && !self.verification.in_order;
        is_failed || self.is_certainly_satisfied()
    }

    /// Whether everything that is expected is a minimum that is met
    fn is_certainly_satisfied(&self) -> bool {
        let Verification {
            expect,
            in_order,
            no_others,
            ..
        } = &self.verification;
        let mut times = expect.iter().map(|expectation| expectation.times);
        self.outlook() == Outlook::Satisfied
            && times.all(|times| times.most() == u64::MAX)
            && !in_order
            && !no_others
    }

    /// How it ended
    ///
    /// # Errors
    /// When the journal no longer has all that it would take to know.
    pub(crate) fn report(self) -> Result<Report, Incomplete> {
        let outlook = self.outlook();
        let found: Vec<(u64, bool)> = (0..self.counted.len())
            .map(|index| match self.has_too_many(index) {
                true => (self.found_at_most(index), false),
                false => (self.counted[index].found, self.is_met(index)),
            })
            .collect();
        let is_certain = match self.incomplete {
            Some(Incomplete::Unknown { .. }) => self.is_settled(),
            _ => self.is_certainly_satisfied(),
        };
        let Verification {
            expect, no_others, ..
        } = self.verification;
        if let Some(incomplete) = self.incomplete
            && !is_certain
        {
            return Err(incomplete);
        }
        let results =
            expect
                .iter()
                .zip(self.counted)
                .zip(found)
                .map(
                    |((expectation, counted), (found, satisfied))| ResultOfExpectation {
                        name: expectation.name(),
                        satisfied,
                        expected: expectation.times.describe(),
                        near_misses: match found < expectation.times.least() {
                            true => counted.near_misses,
                            false => Vec::new(),
                        },
                        found,
                        too_early: counted.too_early,
                        before: counted.before.map(|other| expect[other].name()),
                        request_ids: counted.request_ids,
                    },
                );
        let unexpected = if no_others {
            self.unexpected
        } else {
            Summaries::default()
        };
        let mut report = Report {
            satisfied: outlook == Outlook::Satisfied,
            requests: self.requests,
            results: results.collect(),
            unexpected: Vec::new(),
            out_of_order: Vec::new(),
            text: String::new(),
        };
        report.text = report.describe(&unexpected, &self.out_of_order);
        report.unexpected = unexpected.first;
        report.out_of_order = self.out_of_order.first;
        Ok(report)
    }
}

impl Counted {
    fn add(&mut self, entry: &Entry) {
        self.found += 1;
        if self.request_ids.len() < LISTED_MAX {
            self.request_ids.push(entry.request_id);
        }
    }

    /// Keeps the calls of the operation before others, and of those the ones that differ in the fewest members; of those
    /// alike, the newest
    fn note_near_miss(&mut self, near_miss: NearMissOfCall) {
        let place = self
            .near_misses
            .iter()
            .position(|other| other.distance() >= near_miss.distance());
        self.near_misses
            .insert(place.unwrap_or(self.near_misses.len()), near_miss);
        self.near_misses.truncate(NEAR_MISSES_MAX);
    }
}

/// The most expectations of one verification
pub(crate) const EXPECTATIONS_MAX: usize = 256;
/// How long a verification may wait
pub(crate) const WITHIN_MILLISECONDS_MAX: u64 = 60_000;
/// How long a verification waits for calls that were in flight when it began, unless it waits longer by itself
pub(crate) const IN_FLIGHT_MILLISECONDS_MAX: u64 = 2_000;
/// How long entries are counted before whoever waits for the explainer has a turn
const LOOK_TIME: Duration = Duration::from_millis(20);
/// How many request ids or calls of one kind a report lists
const LISTED_MAX: usize = 100;
/// How many near misses of one expectation a report lists
const NEAR_MISSES_MAX: usize = 3;

#[cfg(test)]
mod tests;
