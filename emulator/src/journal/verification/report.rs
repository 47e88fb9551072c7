//! How a verification ended: for programs and for people.

use std::fmt::Write;

use client_text::escape;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::LISTED_MAX;
use crate::{
    authorization::Authorization,
    identity::Principal,
    journal::{Entry, call_pattern::Difference},
};

/// How a verification ended
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VerificationReport)]
pub(crate) struct Report {
    pub(super) satisfied: bool,
    /// How many calls were looked at
    pub(super) requests: u64,
    pub(super) results: Vec<ResultOfExpectation>,
    /// Calls that no expectation is about, where `no_others` asks for none; 100 at most
    pub(super) unexpected: Vec<CallSummary>,
    /// Calls that came too early or too late for their place in `expect`, where `in_order` is asked for; 100 at most
    pub(super) out_of_order: Vec<CallSummary>,
    /// The same for people
    pub(super) text: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExpectationResult)]
pub(super) struct ResultOfExpectation {
    pub(super) name: String,
    pub(super) satisfied: bool,
    #[schema(example = "exactly 2")]
    pub(super) expected: String,
    pub(super) found: u64,
    /// Calls that did not count, because `in_order` is asked for and those of `before` were still missing
    pub(super) too_early: u64,
    /// The expectation that they came before
    pub(super) before: Option<String>,
    /// Those that were counted; the first 100
    pub(super) request_ids: Vec<Uuid>,
    /// Where calls are missing: those that come nearest
    pub(super) near_misses: Vec<NearMissOfCall>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CallNearMiss)]
pub(super) struct NearMissOfCall {
    pub(super) request_id: Uuid,
    pub(super) differs: Vec<Difference>,
}

impl NearMissOfCall {
    /// How far a call is from what was expected: one of another operation is farther than any of the same
    pub(super) fn distance(&self) -> (bool, usize) {
        let is_other_operation = self
            .differs
            .iter()
            .any(|difference| difference.member == "operation");
        (is_other_operation, self.differs.len())
    }
}

/// A call in a few words
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct CallSummary {
    request_id: Uuid,
    operation: Option<String>,
    resource: Option<String>,
    principal: Option<String>,
    status: Option<u16>,
}

#[derive(Debug, Default)]
pub(super) struct Summaries {
    pub(super) count: u64,
    pub(super) first: Vec<CallSummary>,
}

impl Summaries {
    pub(super) fn add(&mut self, entry: &Entry) {
        self.count += 1;
        if self.first.len() < LISTED_MAX {
            self.first.push(CallSummary::of(entry));
        }
    }
}

impl CallSummary {
    fn of(entry: &Entry) -> Self {
        Self {
            request_id: entry.request_id,
            operation: entry.operation.as_deref().map(str::to_owned),
            resource: entry.authorization.as_deref().map(Authorization::resource),
            principal: entry
                .principal
                .as_deref()
                .map(|principal| Principal::arn(principal).to_owned()),
            status: entry.status.map(|status| status.as_u16()),
        }
    }

    fn describe(&self) -> String {
        let operation = self
            .operation
            .as_deref()
            .unwrap_or("a call of no known operation");
        let mut text = format!("{}: {operation}", self.request_id);
        if let Some(resource) = self.resource.as_deref().filter(|resource| *resource != "*") {
            text += &format!(" on {resource}");
        }
        if let Some(principal) = &self.principal {
            text += &format!(" by {principal}");
        }
        match self.status {
            Some(status) => text + &format!(", answered {status}"),
            None => text + ", broken off",
        }
    }
}

impl Report {
    pub(crate) fn is_satisfied(&self) -> bool {
        self.satisfied
    }

    /// What a person reads
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    pub(super) fn describe(&self, unexpected: &Summaries, out_of_order: &Summaries) -> String {
        let mut text = String::new();
        if self.satisfied {
            let count = self.results.len();
            let requests = match self.requests {
                1 => "1 request".to_owned(),
                requests => format!("{requests} requests"),
            };
            let _ = writeln!(text, "satisfied: {count} of {count}, {requests} looked at");
            return text;
        }
        // Writing to a String cannot fail.
        for result in self.results.iter().filter(|result| !result.satisfied) {
            let _ = writeln!(
                text,
                "{}: expected {}, found {}",
                escape(&result.name),
                result.expected,
                result.found_in_words()
            );
            if result.before.is_some() {
                // They are listed below.
            } else if let Some(nearest) = result.near_misses.first() {
                let differs: Vec<_> = nearest.differs.iter().map(Difference::describe).collect();
                let _ = writeln!(text, "  nearest: {}: {}", nearest.request_id, differs.join("; "));
            } else if self.requests == 0 {
                let _ = writeln!(text, "  no request was recorded at all");
            } else if !result.request_ids.is_empty() {
                let ids: Vec<_> = result.request_ids.iter().map(Uuid::to_string).collect();
                let _ = writeln!(text, "  found: {}", ids.join(", "));
            }
        }
        for (title, summaries) in [("unexpected", unexpected), ("out of order", out_of_order)] {
            for summary in &summaries.first {
                let _ = writeln!(text, "{title}: {}", escape(&summary.describe()));
            }
            let more = summaries.count - summaries.first.len() as u64;
            if more > 0 {
                let _ = writeln!(text, "{title}: {more} more");
            }
        }
        let satisfied = self.results.iter().filter(|result| result.satisfied).count();
        let _ = writeln!(
            text,
            "{satisfied} of {} expectations satisfied",
            self.results.len()
        );
        text
    }
}

impl ResultOfExpectation {
    /// `2, but before list the models`
    fn found_in_words(&self) -> String {
        let Self { found, too_early, .. } = self;
        match self.before.as_deref().map(escape) {
            None => found.to_string(),
            Some(before) if *found == 0 => format!("{too_early}, but before {before}"),
            Some(before) => format!("{found}, and {too_early} before {before}"),
        }
    }
}
