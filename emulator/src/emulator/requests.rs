//! The entries of the journal, found by filters.

use std::{
    fmt,
    future::{IntoFuture, Ready, ready},
    net::IpAddr,
};

use iam_policy::Decision;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    journal::{JournalEntry, Query},
    runtime::Shared,
    services,
};

/// The requests that the emulator received, oldest first; `.await` returns them
///
/// An entry must pass every filter. The filters are those of `GET /requests`, with the same names:
///
/// ```
/// # use lookoutvision_emulator::{Decision, Emulator};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let emulator = Emulator::builder().start().await.unwrap();
/// let denied = emulator
///     .requests()
///     .operation("DetectAnomalies")
///     .decision(Decision::ImplicitDeny)
///     .await;
/// assert!(denied.is_empty(), "{denied:#?}");
/// # }
/// ```
///
/// # Panics
/// A filter panics when it is given what no entry can have, such as an operation that does not exist: it would never find
/// anything, and a test that expects nothing would pass for the wrong reason.
#[must_use = "requests are read from the journal when they are awaited"]
pub struct Requests<'e> {
    shared: &'e Shared,
    query: Query,
}

impl<'e> Requests<'e> {
    pub(super) fn of(shared: &'e Shared) -> Self {
        Self {
            shared,
            query: Query::default(),
        }
    }

    /// An operation of Lookout for Vision, or an action of EC2 or STS
    #[track_caller]
    pub fn operation(self, operation: &str) -> Self {
        self.filter("operation", operation)
    }

    /// What was decided; a request that was refused before that has no decision
    #[track_caller]
    pub fn decision(self, decision: Decision) -> Self {
        self.filter("decision", decision.as_str())
    }

    /// The ARN of the principal that signed
    #[track_caller]
    pub fn principal(self, arn: &str) -> Self {
        self.filter("principal", arn)
    }

    /// The access key id that the request names
    #[track_caller]
    pub fn access_key_id(self, access_key_id: &str) -> Self {
        self.filter("access_key_id", access_key_id)
    }

    /// An ARN, or `*`, that the request was authorised on
    #[track_caller]
    pub fn resource(self, resource: &str) -> Self {
        self.filter("resource", resource)
    }

    /// The VPC endpoint that the request came through
    #[track_caller]
    pub fn vpc_endpoint_id(self, vpc_endpoint_id: &str) -> Self {
        self.filter("vpc_endpoint_id", vpc_endpoint_id)
    }

    /// The HTTP status of the answer
    #[track_caller]
    pub fn status(self, status: u16) -> Self {
        self.filter("status", &status.to_string())
    }

    /// The code of the refusal
    #[track_caller]
    pub fn error_code(self, error_code: &str) -> Self {
        self.filter("error_code", error_code)
    }

    /// The rule that answered
    #[track_caller]
    pub fn rule(self, rule: &str) -> Self {
        self.filter("rule", rule)
    }

    /// The fault that the request met
    #[track_caller]
    pub fn fault(self, name: &str) -> Self {
        self.filter("fault", name)
    }

    /// `lookoutvision`, `ec2` or `sts`
    #[track_caller]
    pub fn service(self, service: &str) -> Self {
        self.filter("service", service)
    }

    /// The address of the client
    #[track_caller]
    pub fn source_ip(self, source_ip: IpAddr) -> Self {
        self.filter("source_ip", &source_ip.to_string())
    }

    /// Path and query, exactly
    #[track_caller]
    pub fn target(self, target: &str) -> Self {
        self.filter("target", target)
    }

    /// Received at this instant of the emulator's clock, or later
    #[track_caller]
    pub fn since(self, since: Timestamp) -> Self {
        self.filter("since", &since.to_string())
    }

    /// Recorded after the entry of this request
    #[track_caller]
    pub fn after(self, request_id: Uuid) -> Self {
        self.filter("after", &request_id.to_string())
    }

    #[track_caller]
    fn filter(mut self, parameter: &'static str, value: &str) -> Self {
        if let Err(error) = self.query.set(parameter, value, &services::operation_names()) {
            panic!("{error}");
        }
        self
    }
}

impl IntoFuture for Requests<'_> {
    type Output = Vec<JournalEntry>;
    type IntoFuture = Ready<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let journal = &self.shared.space.journal;
        let places = journal.select(&self.query).places.into_iter();
        ready(
            places
                .filter_map(|place| journal.at(place))
                .map(JournalEntry::new)
                .collect(),
        )
    }
}

impl fmt::Debug for Requests<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests")
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}
