//! Calls that a Rust test expects: `POST /requests/verify` in code.

use std::{fmt, time::Duration};

use iam_policy::Decision;
use jiff::Timestamp;
use uuid::Uuid;

use crate::journal::{
    call_pattern::CallPattern,
    verification::{Expectation, NotVerified, Verification},
};

/// Calls that a test expects, for [`Emulator::verify`](crate::Emulator::verify)
///
/// Texts are patterns with `*` and `?`. Without [`times`](Self::times) or another count, at least one call is expected.
///
/// ```
/// use lookoutvision_emulator::Expect;
///
/// let detections = Expect::operation("DetectAnomalies").resource("*model/myProject/1").times(2);
/// let nothing_deleted = Expect::operation("Delete*").never();
/// let both = detections.and(nothing_deleted);
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is verified before it is given to `Emulator::verify`"]
pub struct Expect {
    /// The expectation about single calls that the next methods refine
    last: Expectation,
    /// The expectations before it, and what holds for all of them
    verification: Verification,
}

/// The calls were not as expected, or the journal no longer tells; says what was found, and which calls come nearest
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyError {
    text: String,
}

impl Expect {
    /// Calls of this operation of Lookout for Vision, or action of EC2 or STS
    pub fn operation(operation: impl Into<String>) -> Self {
        Self::call().with(|pattern| pattern.operation = Some(Some(operation.into())))
    }

    /// Any call
    pub fn call() -> Self {
        Self {
            last: Expectation::default(),
            verification: Verification::default(),
        }
    }

    /// The name that a failure gives the expectation
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.last.name = Some(name.into());
        self
    }

    /// Those authorised on this resource
    pub fn resource(self, resource: impl Into<String>) -> Self {
        self.with(|pattern| pattern.resource = Some(Some(resource.into())))
    }

    /// Those signed by this principal, by its ARN
    pub fn principal(self, arn: impl Into<String>) -> Self {
        self.with(|pattern| pattern.principal = Some(Some(arn.into())))
    }

    /// Those that came through this VPC endpoint
    pub fn vpc_endpoint_id(self, vpc_endpoint_id: impl Into<String>) -> Self {
        self.with(|pattern| pattern.vpc_endpoint_id = Some(Some(vpc_endpoint_id.into())))
    }

    /// Those that came through no VPC endpoint
    pub fn public_endpoint(self) -> Self {
        self.with(|pattern| pattern.vpc_endpoint_id = Some(None))
    }

    /// Those answered with this HTTP status
    pub fn status(self, status: u16) -> Self {
        self.with(|pattern| pattern.status = Some(Some(status)))
    }

    /// Those that policies decided so
    pub fn decision(self, decision: Decision) -> Self {
        self.with(|pattern| pattern.decision = Some(Some(decision.as_str().to_owned())))
    }

    /// Those refused with this code
    pub fn error_code(self, error_code: impl Into<String>) -> Self {
        self.with(|pattern| pattern.error_code = Some(Some(error_code.into())))
    }

    /// Those answered by this rule
    pub fn rule(self, rule: impl Into<String>) -> Self {
        self.with(|pattern| pattern.rule = Some(Some(rule.into())))
    }

    /// Those that met this fault
    pub fn fault(self, name: impl Into<String>) -> Self {
        self.with(|pattern| pattern.fault = Some(Some(name.into())))
    }

    /// Exactly this many
    pub fn times(mut self, count: u64) -> Self {
        self.last.times.set_exactly(count);
        self
    }

    /// None at all
    pub fn never(self) -> Self {
        self.times(0)
    }

    /// This many or more
    pub fn at_least(mut self, count: u64) -> Self {
        self.last.times.set_at_least(count);
        self
    }

    /// This many or fewer
    pub fn at_most(mut self, count: u64) -> Self {
        self.last.times.set_at_most(count);
        self
    }

    /// These calls as well; what `other` says about all of its calls then holds for all calls of both
    pub fn and(mut self, other: Self) -> Self {
        let Self { last, verification } = other;
        self.verification
            .expect
            .push(std::mem::replace(&mut self.last, last));
        self.verification.expect.extend(verification.expect);
        self.verification.in_order |= verification.in_order;
        self.verification.no_others |= verification.no_others;
        self.verification.since = verification.since.or(self.verification.since);
        let longest = self
            .verification
            .within_milliseconds
            .max(verification.within_milliseconds);
        self.verification.within_milliseconds = longest;
        self
    }

    /// The calls must come in the order in which they are written here
    pub fn in_order(mut self) -> Self {
        self.verification.in_order = true;
        self
    }

    /// No calls but these
    pub fn no_others(mut self) -> Self {
        self.verification.no_others = true;
        self
    }

    /// Only calls that were received at this instant of the emulator's clock or later
    pub fn since(mut self, instant: Timestamp) -> Self {
        self.verification.since = Some(instant.to_string());
        self
    }

    /// Only calls that were recorded after that of this request id
    pub fn after(mut self, request_id: Uuid) -> Self {
        self.verification.since = Some(request_id.to_string());
        self
    }

    /// Waits this long for calls that are missing, a minute at most
    pub fn within(mut self, duration: Duration) -> Self {
        self.verification.within_milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self
    }

    fn with(mut self, set: impl FnOnce(&mut CallPattern)) -> Self {
        set(&mut self.last.pattern);
        self
    }

    pub(super) fn into_verification(self) -> Verification {
        let Self {
            last,
            mut verification,
        } = self;
        verification.expect.push(last);
        verification
    }
}

impl VerifyError {
    pub(super) fn new(text: String) -> Self {
        Self { text }
    }
}

impl From<NotVerified> for VerifyError {
    fn from(error: NotVerified) -> Self {
        Self::new(error.to_string())
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.trim_end())
    }
}

/// Prints the same as `Display`, because `unwrap` and a test's `?` show this form
impl fmt::Debug for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for VerifyError {}
