//! Which entries a query asks for, and which part of them.
//!
//! ```text
//! GET /requests?operation=DetectAnomalies&status=403&order=newest&limit=20
//! Link: </requests?operation=DetectAnomalies&status=403&order=newest&limit=20&before=655d…>; rel="next"
//! ```

use std::net::IpAddr;

use aws_identifiers::VpcEndpointId;
use client_text::spelling::suggestion;
use http::StatusCode;
use iam_policy::Arn;
use jiff::Timestamp;
use uuid::Uuid;

use super::Entry;
use crate::{
    identity::Principal,
    network::{entry_point::EntryPoint, host_name::EmulatedService},
};

/// Which entries are asked for, and which part of them
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pub(super) filter: Filter,
    pub(super) since: Option<Since>,
    /// Those recorded after the entry of this request
    pub(super) after: Option<Uuid>,
    /// Those recorded before the entry of this request
    pub(super) before: Option<Uuid>,
    pub(super) order: Order,
    /// At most so many
    pub(super) limit: Option<usize>,
}

/// What entries must have; every part that is given must hold
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    access_key_id: Option<String>,
    decision: Option<&'static str>,
    error_code: Option<String>,
    fault: Option<String>,
    operation: Option<&'static str>,
    principal: Option<String>,
    resource: Option<String>,
    rule: Option<String>,
    service: Option<EmulatedService>,
    source_ip: Option<IpAddr>,
    status: Option<StatusCode>,
    target: Option<String>,
    vpc_endpoint_id: Option<VpcEndpointId>,
}

/// Where a client left off
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// Entries received at this instant or later
    Time(Timestamp),
    /// The same as [`Query::after`]
    Request(Uuid),
}

/// Which entries come first
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Newest last
    #[default]
    Oldest,
    /// Newest first
    Newest,
}

/// A query that asks for something that does not exist
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QueryError {
    /// No such parameter
    #[error("there is no parameter `{name}`; {}", suggestion(name, &parameter_names()))]
    Unknown {
        /// What was given
        name: String,
    },
    /// A parameter that is given more than once
    #[error("`{0}` is given more than once")]
    Twice(&'static str),
    /// Not a value of that parameter
    #[error("`{parameter}`: `{value}` is not {expected}")]
    Value {
        /// The parameter
        parameter: &'static str,
        /// What was given
        value: String,
        /// What it should be
        expected: &'static str,
    },
    /// No operation of a service that is played
    #[error("`operation`: there is no operation `{name}`; {suggestion}")]
    UnknownOperation {
        /// What was given
        name: String,
        /// What there is
        suggestion: String,
    },
}

impl Query {
    /// Reads the query of a URL; `operations` are those of all services that are played
    ///
    /// # Errors
    /// When a parameter is not known, is given twice, or its value is not of its kind.
    pub(crate) fn parse(query: &str, operations: &[&'static str]) -> Result<Self, QueryError> {
        let mut read = Self::default();
        let mut given = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let parameter = parameter_names().into_iter().find(|parameter| *parameter == name);
            let parameter = parameter.ok_or_else(|| QueryError::Unknown {
                name: name.into_owned(),
            })?;
            if given.contains(&parameter) {
                return Err(QueryError::Twice(parameter));
            }
            given.push(parameter);
            read.set(parameter, &value, operations)?;
        }
        Ok(read)
    }

    /// Sets one parameter
    ///
    /// # Errors
    /// When there is no such parameter, or the value is not of its kind.
    pub(crate) fn set(
        &mut self,
        parameter: &'static str,
        value: &str,
        operations: &[&'static str],
    ) -> Result<(), QueryError> {
        let wrong = |expected| QueryError::Value {
            parameter,
            value: value.to_owned(),
            expected,
        };
        let text = || match value {
            "" => Err(wrong("a text with anything in it")),
            _ => Ok(Some(value.to_owned())),
        };
        let request_id = || match value.parse::<Uuid>() {
            Ok(request_id) => Ok(Some(request_id)),
            Err(_) => Err(wrong("a request id")),
        };
        let filter = &mut self.filter;
        match parameter {
            "access_key_id" => filter.access_key_id = text()?,
            "after" => self.after = request_id()?,
            "before" => self.before = request_id()?,
            "decision" => {
                let decision = DECISIONS.into_iter().find(|decision| *decision == value);
                let expected = "a decision (allowed, implicitDeny or explicitDeny)";
                filter.decision = Some(decision.ok_or_else(|| wrong(expected))?);
            }
            "error_code" => filter.error_code = text()?,
            "fault" => filter.fault = text()?,
            "limit" => {
                let limit = value.parse().ok().filter(|limit| *limit > 0);
                self.limit = Some(limit.ok_or_else(|| wrong("a whole number from 1"))?);
            }
            "operation" => {
                let operation = operations.iter().copied().find(|name| *name == value);
                filter.operation = Some(operation.ok_or_else(|| QueryError::UnknownOperation {
                    name: value.to_owned(),
                    suggestion: suggestion(value, operations),
                })?);
            }
            "order" => {
                self.order = match value {
                    "oldest" => Order::Oldest,
                    "newest" => Order::Newest,
                    _ => return Err(wrong("an order (oldest or newest, first)")),
                };
            }
            "principal" => match value.parse::<Arn>() {
                Ok(_) => filter.principal = text()?,
                Err(_) => return Err(wrong("the ARN of a principal")),
            },
            "resource" if value == "*" || value.parse::<Arn>().is_ok() => filter.resource = text()?,
            "resource" => {
                return Err(wrong(
                    "an ARN or `*`, what an operation without a resource is authorised on",
                ));
            }
            "rule" => filter.rule = text()?,
            "service" => {
                let service = EmulatedService::from_signing_name(value);
                let expected = "a service that is played (lookoutvision, ec2 or sts)";
                filter.service = Some(service.ok_or_else(|| wrong(expected))?);
            }
            "since" => match (value.parse(), value.parse()) {
                (Ok(time), _) => self.since = Some(Since::Time(time)),
                (_, Ok(request_id)) => self.since = Some(Since::Request(request_id)),
                _ => return Err(wrong("an instant (like 2026-01-02T03:04:05Z) or a request id")),
            },
            "source_ip" => match value.parse() {
                Ok(address) => filter.source_ip = Some(address),
                Err(_) => return Err(wrong("an IP address")),
            },
            "status" => match value.parse() {
                Ok(status) => filter.status = Some(status),
                Err(_) => return Err(wrong("an HTTP status")),
            },
            "target" => filter.target = text()?,
            "vpc_endpoint_id" => match value.parse() {
                Ok(id) => filter.vpc_endpoint_id = Some(id),
                Err(_) => return Err(wrong("the ID of a VPC endpoint")),
            },
            _ => {
                return Err(QueryError::Unknown {
                    name: parameter.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Which entries come first
    pub(crate) fn order(&self) -> Order {
        self.order
    }

    /// Whether an entry is asked for, wherever it stands
    pub(super) fn lets_through(&self, entry: &Entry) -> bool {
        let is_recent = match self.since {
            Some(Since::Time(since)) => entry.time >= since,
            _ => true,
        };
        is_recent && self.filter.lets_through(entry)
    }
}

impl Filter {
    fn lets_through(&self, entry: &Entry) -> bool {
        fn asks<T: PartialEq>(wanted: Option<T>, found: Option<T>) -> bool {
            wanted.is_none_or(|wanted| found.is_some_and(|found| found == wanted))
        }
        let authorization = entry.authorization.as_deref();
        let endpoint = entry.entry_point.as_ref().and_then(EntryPoint::vpc_endpoint_id);
        asks(self.access_key_id.as_deref(), entry.access_key_id.as_deref())
            && asks(
                self.decision,
                authorization.map(|authorization| authorization.decision().as_str()),
            )
            && asks(self.error_code.as_deref(), entry.details().error_code)
            && asks(self.fault.as_deref(), entry.details().fault.as_deref())
            && asks(self.operation, entry.operation.as_deref())
            && asks(
                self.principal.as_deref(),
                entry.principal.as_deref().map(Principal::arn),
            )
            && self.resource.as_ref().is_none_or(|resource| {
                authorization.is_some_and(|authorization| authorization.is_about(resource))
            })
            && asks(self.rule.as_deref(), entry.rule.as_deref())
            && asks(self.service, entry.service)
            && asks(self.source_ip, Some(entry.connection.peer.ip().to_canonical()))
            && asks(self.status, entry.status)
            && asks(self.target.as_deref(), Some(&*entry.target))
            && asks(self.vpc_endpoint_id.as_ref(), endpoint)
    }
}

/// The parameters of a query, and what each asks for
pub(crate) const PARAMETERS: [(&str, &str); 18] = [
    ("access_key_id", "The access key id that the request names"),
    ("after", "Entries recorded after that of this request id"),
    ("before", "Entries recorded before that of this request id"),
    ("decision", "allowed, implicitDeny or explicitDeny"),
    ("error_code", "The code of the answer"),
    ("fault", "The fault that the request met"),
    (
        "limit",
        "At most so many entries; `Link: rel=\"next\"` leads to the others",
    ),
    (
        "operation",
        "An operation of Lookout for Vision, or an action of EC2 or STS",
    ),
    ("order", "oldest or newest, first"),
    ("principal", "The ARN of the principal that signed"),
    ("resource", "An ARN, or `*`, that the request was authorised on"),
    ("rule", "The rule that answered"),
    ("service", "lookoutvision, ec2 or sts"),
    (
        "since",
        "An instant that entries were received at or later, or a request id that they were recorded after",
    ),
    ("source_ip", "The address of the client"),
    ("status", "The HTTP status of the answer"),
    ("target", "Path and query of the request"),
    (
        "vpc_endpoint_id",
        "The VPC endpoint that the request came through",
    ),
];

fn parameter_names() -> [&'static str; 18] {
    PARAMETERS.map(|(name, _)| name)
}

pub(super) const DECISIONS: [&str; 3] = ["allowed", "implicitDeny", "explicitDeny"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::operation_names;

    #[test]
    fn a_query_of_several_parts_is_read() {
        let query = "operation=DetectAnomalies&status=403&decision=explicitDeny&order=newest&limit=5";
        let query = Query::parse(query, &operation_names()).unwrap();
        assert_eq!(query.filter.operation, Some("DetectAnomalies"));
        assert_eq!(query.filter.status, Some(StatusCode::FORBIDDEN));
        assert_eq!((query.order, query.limit), (Order::Newest, Some(5)));
        assert_eq!(Query::parse("", &operation_names()), Ok(Query::default()));
        for operation in operation_names() {
            assert!(
                Query::parse(&format!("operation={operation}"), &operation_names()).is_ok(),
                "{operation}"
            );
        }
    }

    #[test]
    fn since_is_an_instant_or_a_request_id() {
        let since =
            |text: &str| Query::parse(&format!("since={text}"), &operation_names()).map(|query| query.since);
        assert!(matches!(since("2026-01-02T03:04:05Z"), Ok(Some(Since::Time(_)))));
        assert!(matches!(
            since("7a62c49f-347e-4fc4-9331-6e8e1a2f2a11"),
            Ok(Some(Since::Request(_)))
        ));
        assert!(since("yesterday").is_err());
    }

    #[test]
    fn what_cannot_be_asked_is_refused_by_name() {
        for (query, message) in [
            (
                "operatoin=x",
                "there is no parameter `operatoin`; did you mean `operation`?",
            ),
            (
                "colour=red",
                "there is no parameter `colour`; there are `access_key_id`, `after`, `before`, `decision`, `error_code`, \
                 `fault`, `limit`, `operation`, `order`, `principal`, `resource`, `rule`, `service`, `since`, `source_ip`, \
                 `status`, `target`, `vpc_endpoint_id`",
            ),
            ("status=200&status=403", "`status` is given more than once"),
            ("status=ok", "`status`: `ok` is not an HTTP status"),
            (
                "decision=denied",
                "`decision`: `denied` is not a decision (allowed, implicitDeny or explicitDeny)",
            ),
            (
                "operation=DetectAnomaly",
                "`operation`: there is no operation `DetectAnomaly`; did you mean `DetectAnomalies`?",
            ),
            ("limit=0", "`limit`: `0` is not a whole number from 1"),
            ("limit=-1", "`limit`: `-1` is not a whole number from 1"),
            (
                "order=descending",
                "`order`: `descending` is not an order (oldest or newest, first)",
            ),
            ("after=1", "`after`: `1` is not a request id"),
            ("before=", "`before`: `` is not a request id"),
            (
                "principal=alice",
                "`principal`: `alice` is not the ARN of a principal",
            ),
            (
                "resource=model/a/1",
                "`resource`: `model/a/1` is not an ARN or `*`, what an operation without a resource is authorised on",
            ),
            (
                "service=s3",
                "`service`: `s3` is not a service that is played (lookoutvision, ec2 or sts)",
            ),
            (
                "source_ip=localhost",
                "`source_ip`: `localhost` is not an IP address",
            ),
            (
                "vpc_endpoint_id=vpc-1",
                "`vpc_endpoint_id`: `vpc-1` is not the ID of a VPC endpoint",
            ),
            ("target=", "`target`: `` is not a text with anything in it"),
        ] {
            assert_eq!(
                Query::parse(query, &operation_names())
                    .expect_err(query)
                    .to_string(),
                message
            );
        }
    }
}
