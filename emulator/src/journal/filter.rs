//! Which entries a query asks for.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::Entry;
use crate::{config::Principal, entry_point::EntryPoint, identifiers::VpcEndpointId};

/// Which entries are asked for; every part that is given must hold
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    operation: Option<String>,
    decision: Option<String>,
    principal: Option<String>,
    vpc_endpoint_id: Option<String>,
    status: Option<u16>,
    since: Option<Since>,
}

/// Where a client left off
#[derive(Debug, PartialEq, Eq)]
enum Since {
    /// Entries received at this instant or later
    Time(Timestamp),
    /// Entries after the one of this request; all that are left when it is no longer there
    Request(Uuid),
}

/// A query that asks for something there is not
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FilterError {
    /// No such filter
    #[error(
        "there is no filter `{0}`; there are operation, decision, principal, vpc_endpoint_id, status and since"
    )]
    Unknown(String),
    /// Not a value of that filter
    #[error("`{value}` is not {expected}")]
    Value {
        /// What was given
        value: String,
        /// What it should be
        expected: &'static str,
    },
}

impl Filter {
    /// Reads the query of a URL
    ///
    /// # Errors
    /// When a filter is not known or its value is not of its kind.
    pub(crate) fn parse(query: &str) -> Result<Self, FilterError> {
        let mut filter = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            match &*name {
                "operation" => filter.operation = Some(value),
                "decision" if DECISIONS.contains(&value.as_str()) => filter.decision = Some(value),
                "decision" => {
                    return Err(FilterError::Value {
                        value,
                        expected: "a decision (allowed, implicitDeny or explicitDeny)",
                    });
                }
                "principal" => filter.principal = Some(value),
                "vpc_endpoint_id" => filter.vpc_endpoint_id = Some(value),
                "status" => match value.parse() {
                    Ok(status) => filter.status = Some(status),
                    Err(_) => {
                        return Err(FilterError::Value {
                            value,
                            expected: "an HTTP status",
                        });
                    }
                },
                "since" => match (value.parse(), value.parse()) {
                    (Ok(time), _) => filter.since = Some(Since::Time(time)),
                    (_, Ok(request_id)) => filter.since = Some(Since::Request(request_id)),
                    _ => {
                        return Err(FilterError::Value {
                            value,
                            expected: "an instant (like 2026-01-02T03:04:05Z) or a request id",
                        });
                    }
                },
                _ => return Err(FilterError::Unknown(name.into_owned())),
            }
        }
        Ok(filter)
    }

    pub(super) fn apply(&self, mut entries: Vec<Arc<Entry>>) -> Vec<Arc<Entry>> {
        if let Some(Since::Request(request_id)) = self.since
            && let Some(position) = entries.iter().position(|entry| entry.request_id == request_id)
        {
            entries.drain(..=position);
        }
        entries.retain(|entry| self.lets_through(entry));
        entries
    }

    fn lets_through(&self, entry: &Entry) -> bool {
        let asks = |wanted: &Option<String>, found: Option<&str>| match wanted {
            None => true,
            Some(wanted) => found == Some(wanted),
        };
        asks(&self.operation, entry.operation.as_deref())
            && asks(
                &self.decision,
                entry
                    .authorization
                    .as_ref()
                    .map(|authorization| authorization.decision().as_str()),
            )
            && asks(&self.principal, entry.principal.as_deref().map(Principal::arn))
            && asks(
                &self.vpc_endpoint_id,
                entry
                    .entry_point
                    .as_ref()
                    .and_then(EntryPoint::vpc_endpoint_id)
                    .map(VpcEndpointId::as_str),
            )
            && self
                .status
                .is_none_or(|status| entry.status.is_some_and(|found| found.as_u16() == status))
            && match self.since {
                Some(Since::Time(since)) => entry.time >= since,
                _ => true,
            }
    }
}

const DECISIONS: [&str; 3] = ["allowed", "implicitDeny", "explicitDeny"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_of_several_parts_is_read() {
        let filter = Filter::parse("operation=DetectAnomalies&status=403&decision=explicitDeny").unwrap();
        assert_eq!(filter.operation.as_deref(), Some("DetectAnomalies"));
        assert_eq!(filter.status, Some(403));
        assert_eq!(Filter::parse(""), Ok(Filter::default()));
    }

    #[test]
    fn since_is_an_instant_or_a_request_id() {
        let since = |text: &str| Filter::parse(&format!("since={text}")).map(|filter| filter.since);
        assert!(matches!(since("2026-01-02T03:04:05Z"), Ok(Some(Since::Time(_)))));
        assert!(matches!(
            since("7a62c49f-347e-4fc4-9331-6e8e1a2f2a11"),
            Ok(Some(Since::Request(_)))
        ));
        assert!(since("yesterday").is_err());
    }

    #[test]
    fn what_cannot_be_asked_is_refused_by_name() {
        let error = |query: &str| Filter::parse(query).expect_err(query).to_string();
        assert_eq!(
            error("op=x"),
            "there is no filter `op`; there are operation, decision, principal, vpc_endpoint_id, status and since"
        );
        assert_eq!(error("status=ok"), "`ok` is not an HTTP status");
        assert_eq!(
            error("decision=denied"),
            "`denied` is not a decision (allowed, implicitDeny or explicitDeny)"
        );
    }
}
