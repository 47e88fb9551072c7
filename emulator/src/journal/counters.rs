//! What is counted of every request when its entry is closed, whatever becomes of the entry.
//!
//! [`Counters::count`] is the one place where requests, refusals, rules and faults are counted: for `GET /metrics`, for
//! `GET /requests/counts` and for `GET /statistics`. Once it has seen a group it takes no lock and no memory. It looks
//! at what the entry has, and writes nothing out as text.
//!
//! Names that stand for a group are those of the model and of the configuration: an action that no service has is no
//! operation, and groups beyond a limit are counted together.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use counters::{Distribution, Groups, Histogram, Key, Kind, Seconds};
use iam_policy::Decision;
use jiff::{SignedDuration, Timestamp};

use super::{
    Entry,
    counts::{CountBy, Counts, Group},
    statistics::{Statistics, StatisticsQuery},
};
use crate::{
    authorization::Authorization,
    identity::Principal,
    network::host_name::EmulatedService,
    settings::{Limits, LimitsReached},
};

/// Counts of requests that no eviction touches
#[derive(Debug)]
pub(crate) struct Counters {
    /// The operations of all services, sorted
    operations: Box<[&'static str]>,
    answers: Groups<Answer>,
    /// One for each operation, and one for requests without one
    durations: Box<[Histogram]>,
    refusals: Groups<Box<str>>,
    rules: Groups<RuleOfModel<Box<str>>>,
    faults: Groups<Box<str>>,
    /// Since the start, or since everything went back to the configuration
    groups: ArcSwap<GroupsSince>,
    seconds: Seconds,
    limits_reached: Arc<LimitsReached>,
    /// The moment from which `seconds` are counted, on both clocks of the machine
    started: Instant,
    started_at: Timestamp,
}

#[derive(Debug)]
struct GroupsSince {
    groups: Groups<Group<Box<str>>>,
    since: Timestamp,
}

/// How a request ended, as `requests_total` tells it
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Answer {
    /// `None`: a fault met a handshake whose server name is that of no service
    pub(crate) service: Option<EmulatedService>,
    operation: Option<u16>,
    /// `None`: the client hung up before there was one
    pub(crate) status: Option<u16>,
    /// `None`: it was refused before it was authorised
    pub(crate) decision: Option<&'static str>,
}

impl Key for Answer {
    type Kept = Self;

    fn is(&self, kept: &Self) -> bool {
        self == kept
    }

    fn keep(&self) -> Self {
        *self
    }
}

/// A rule of a model that answered
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RuleOfModel<T> {
    pub(crate) project: T,
    pub(crate) model_version: T,
    pub(crate) rule: T,
}

impl Key for RuleOfModel<&str> {
    type Kept = RuleOfModel<Box<str>>;

    fn is(&self, kept: &Self::Kept) -> bool {
        (self.project, self.model_version, self.rule) == (&kept.project, &kept.model_version, &kept.rule)
    }

    fn keep(&self) -> Self::Kept {
        RuleOfModel {
            project: self.project.into(),
            model_version: self.model_version.into(),
            rule: self.rule.into(),
        }
    }
}

impl Counters {
    /// Counts requests of these operations
    pub(super) fn new(
        limits: &Limits,
        operations: &[&'static str],
        limits_reached: Arc<LimitsReached>,
    ) -> Self {
        let mut operations: Box<[&'static str]> = operations.into();
        operations.sort_unstable();
        let series_max = limits.metric_series_max;
        Self {
            answers: Groups::new(series_max),
            durations: (0..=operations.len()).map(|_| Histogram::default()).collect(),
            refusals: Groups::new(series_max),
            rules: Groups::new(series_max),
            faults: Groups::new(series_max),
            groups: ArcSwap::from_pointee(GroupsSince::begin(limits.counted_groups_max)),
            seconds: Seconds::new(limits.statistics_seconds_max),
            limits_reached,
            started: Instant::now(),
            started_at: Timestamp::now(),
            operations,
        }
    }

    /// Counts a request that ended at this moment
    pub(super) fn count(&self, entry: &Entry, ended: Instant) {
        let operation = entry.operation.as_deref().and_then(|name| self.operation(name));
        let authorization = entry.authorization.as_deref();
        let decision = authorization.map(Authorization::decision);
        let status = entry.status.map(|status| status.as_u16());
        let mut have_places = self.answers.count(&Answer {
            service: entry.service,
            operation,
            status,
            decision: decision.map(Decision::as_str),
        });
        let durations = operation.map_or(self.operations.len(), usize::from);
        if let Some(durations) = self.durations.get(durations) {
            durations.record(entry.duration);
        }
        if let Some(error_code) = entry.details().error_code {
            have_places &= self.refusals.count(error_code);
        }
        let rule = entry.rule.as_deref();
        if let Some(rule) = rule
            && let Some((project, model_version)) = authorization.and_then(model)
        {
            have_places &= self.rules.count(&RuleOfModel {
                project,
                model_version,
                rule,
            });
        }
        let fault = fault(entry);
        if let Some(fault) = fault {
            have_places &= self.faults.count(fault);
        }
        if !have_places {
            self.limits_reached.metric_series_max.note();
        }
        let is_group = self.groups.load().groups.count(&Group {
            operation,
            principal: entry.principal.as_deref().map(Principal::arn),
            status,
            rule,
            fault,
        });
        if !is_group {
            self.limits_reached.counted_groups_max.note();
        }
        let kind = match entry.status {
            _ if fault.is_some() => Kind::Faulted,
            None => Kind::BrokenOff,
            Some(status) if status.is_success() => Kind::Answered,
            Some(_) if decision.is_some_and(|decision| !decision.is_allowed()) => Kind::Denied,
            Some(_) => Kind::Refused,
        };
        self.seconds.record(self.second(ended), kind, entry.duration);
    }

    /// Begins the counts of groups anew; metrics and statistics go on
    pub(super) fn reset(&self) {
        let groups_max = self.groups.load().groups.groups_max();
        self.groups.store(GroupsSince::begin(groups_max).into());
    }

    /// How many requests there were of each group
    pub(crate) fn counts(&self, by: &[CountBy]) -> Counts {
        let since = self.groups.load();
        Counts::of(&since.groups, since.since, by, &self.operations)
    }

    /// How many groups are told apart by [`counts`](Self::counts)
    pub(crate) fn groups(&self) -> usize {
        self.groups.load().groups.len()
    }

    /// How far back statistics reach, in seconds
    pub(crate) fn seconds_max(&self) -> u64 {
        self.seconds.seconds_max()
    }

    /// What happened over time
    pub(crate) fn statistics(&self, query: StatisticsQuery) -> Statistics {
        let now = self.second(Instant::now());
        Statistics::of(&self.seconds, query, now, |second| self.instant(second))
    }

    /// How requests ended, each way with its operation and its count, and how many requests found no place
    pub(crate) fn answers(&self) -> (impl Iterator<Item = (&Answer, Option<&'static str>, u64)>, u64) {
        let answers = self.answers.iter();
        let named = answers.map(|(answer, count)| (answer, self.name(answer.operation), count));
        (named, self.answers.rest())
    }

    /// How long requests took, by operation; `None`: those without one. Operations that nobody called are left out.
    pub(crate) fn durations(&self) -> impl Iterator<Item = (Option<&'static str>, Distribution)> {
        let names = self.operations.iter().copied().map(Some).chain([None]);
        let durations = self.durations.iter().map(Histogram::snapshot);
        names
            .zip(durations)
            .filter(|(_, durations)| durations.count() > 0)
    }

    /// Refusals by code
    pub(crate) fn refusals(&self) -> &Groups<Box<str>> {
        &self.refusals
    }

    /// Answers by rule
    pub(crate) fn rules(&self) -> &Groups<RuleOfModel<Box<str>>> {
        &self.rules
    }

    /// Requests by the fault that met them
    pub(crate) fn faults(&self) -> &Groups<Box<str>> {
        &self.faults
    }

    /// The number of groups of the metric that has the most
    pub(crate) fn series(&self) -> usize {
        let of_names = self.refusals.len().max(self.faults.len());
        of_names.max(self.answers.len()).max(self.rules.len())
    }

    fn operation(&self, name: &str) -> Option<u16> {
        let place = self.operations.binary_search(&name).ok()?;
        u16::try_from(place).ok()
    }

    fn name(&self, operation: Option<u16>) -> Option<&'static str> {
        self.operations.get(usize::from(operation?)).copied()
    }

    fn second(&self, moment: Instant) -> u64 {
        moment.saturating_duration_since(self.started).as_secs()
    }

    fn instant(&self, second: u64) -> Timestamp {
        let since = SignedDuration::try_from(Duration::from_secs(second)).unwrap_or(SignedDuration::MAX);
        self.started_at.saturating_add(since).unwrap_or(Timestamp::MAX)
    }
}

impl GroupsSince {
    fn begin(groups_max: usize) -> Self {
        Self {
            groups: Groups::new(groups_max),
            since: Timestamp::now(),
        }
    }
}

/// The fault that met a request, by its name
fn fault(entry: &Entry) -> Option<&str> {
    entry.details().fault.as_deref()
}

/// The project and the version of the model that a decision is about
fn model(authorization: &Authorization) -> Option<(&str, &str)> {
    let resource = authorization.arn()?.resource();
    resource.strip_prefix("model/")?.split_once('/')
}
