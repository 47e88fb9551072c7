//! How many requests there were of each group: `GET /requests/counts?by=operation,status`.
//!
//! Requests are counted by everything that can be asked for, and added up when somebody asks. So a request that found
//! no place is in no group, whatever is asked for, and is told as the rest.

use std::{cmp::Reverse, collections::BTreeMap};

use client_text::spelling::suggestion;
use counters::{Groups, Key};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// What requests are counted by
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Group<T> {
    /// The place of the operation in the list of all
    pub(super) operation: Option<u16>,
    pub(super) principal: Option<T>,
    pub(super) status: Option<u16>,
    pub(super) rule: Option<T>,
    pub(super) fault: Option<T>,
}

impl Key for Group<&str> {
    type Kept = Group<Box<str>>;

    fn is(&self, kept: &Self::Kept) -> bool {
        self.operation == kept.operation
            && self.status == kept.status
            && self.principal == kept.principal.as_deref()
            && self.rule == kept.rule.as_deref()
            && self.fault == kept.fault.as_deref()
    }

    fn keep(&self) -> Self::Kept {
        Group {
            operation: self.operation,
            principal: self.principal.map(Into::into),
            status: self.status,
            rule: self.rule.map(Into::into),
            fault: self.fault.map(Into::into),
        }
    }
}

/// A member of requests that they can be counted by
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CountedMember)]
pub enum CountBy {
    /// The operation of Lookout for Vision, or the action of EC2 or STS
    Operation,
    /// The ARN of the caller
    Principal,
    /// The HTTP status of the answer
    Status,
    /// The rule that answered
    Rule,
    /// The fault that met the request
    Fault,
}

impl CountBy {
    const ALL: [Self; 5] = [
        Self::Operation,
        Self::Principal,
        Self::Status,
        Self::Rule,
        Self::Fault,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Operation => "operation",
            Self::Principal => "principal",
            Self::Status => "status",
            Self::Rule => "rule",
            Self::Fault => "fault",
        }
    }

    /// Reads a list such as `operation,status`
    ///
    /// # Errors
    /// When it names something that requests are not counted by, or names a member twice.
    pub(crate) fn parse_list(list: &str) -> Result<Vec<Self>, CountByError> {
        let mut members = Vec::new();
        for name in list.split(',') {
            let known = Self::ALL.into_iter().find(|member| member.name() == name);
            let member = known.ok_or_else(|| CountByError::Unknown {
                name: name.to_owned(),
                suggestion: suggestion(name, &Self::ALL.map(Self::name)),
            })?;
            if members.contains(&member) {
                return Err(CountByError::Twice(name.to_owned()));
            }
            members.push(member);
        }
        Ok(members)
    }
}

/// Not a list of members that requests are counted by
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CountByError {
    /// No such member
    #[error("`by`: requests are not counted by `{name}`; {suggestion}")]
    Unknown {
        /// What was given
        name: String,
        /// What there is
        suggestion: String,
    },
    /// One member twice
    #[error("`by`: `{0}` is named twice")]
    Twice(String),
}

/// How many requests there were of each group
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RequestCounts)]
pub struct Counts {
    /// The members that make a group, in the order in which they were asked for
    pub by: Vec<CountBy>,
    /// Since when, on the machine's clock: since the start, or since everything went back to the configuration
    pub since: Timestamp,
    /// All requests
    pub total: u64,
    /// The groups, the largest first
    pub counts: Vec<CountOfGroup>,
    /// Requests that are in no group, because there were `limits.counted_groups_max` groups when they came
    pub rest: u64,
}

/// How many requests there were of one group; members that were not asked for are left out
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[schema(as = RequestCount)]
pub struct CountOfGroup {
    /// `null`: no operation that a service has
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub operation: Option<Option<String>>,
    /// `null`: refused before the signature was found good
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub principal: Option<Option<String>>,
    /// `null`: the client hung up before there was an answer
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u16>)]
    pub status: Option<Option<u16>>,
    /// `null`: no rule answered
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub rule: Option<Option<String>>,
    /// `null`: no fault met it
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub fault: Option<Option<String>>,
    /// How many requests there were
    pub count: u64,
}

impl Counts {
    /// Adds up what was counted, by the members that are asked for
    pub(super) fn of(
        groups: &Groups<Group<Box<str>>>,
        since: Timestamp,
        by: &[CountBy],
        operations: &[&'static str],
    ) -> Self {
        let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
        let operation = |place: u16| operations.get(usize::from(place)).map(|name| (*name).to_owned());
        let mut sums: BTreeMap<CountOfGroup, u64> = BTreeMap::new();
        for (group, count) in groups.iter() {
            let mut of_group = CountOfGroup::default();
            for member in by {
                match member {
                    CountBy::Operation => of_group.operation = Some(group.operation.and_then(operation)),
                    CountBy::Principal => of_group.principal = Some(text(&group.principal)),
                    CountBy::Status => of_group.status = Some(group.status),
                    CountBy::Rule => of_group.rule = Some(text(&group.rule)),
                    CountBy::Fault => of_group.fault = Some(text(&group.fault)),
                }
            }
            *sums.entry(of_group).or_default() += count;
        }
        let counted = sums
            .into_iter()
            .map(|(group, count)| CountOfGroup { count, ..group });
        let mut counts: Vec<CountOfGroup> = counted.collect();
        // Groups of the same size stay in the order of their members.
        counts.sort_by_key(|group| Reverse(group.count));
        let rest = groups.rest();
        Self {
            by: by.to_vec(),
            since,
            total: counts.iter().map(|group| group.count).sum::<u64>() + rest,
            counts,
            rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(operation: u16, status: u16) -> Group<&'static str> {
        Group {
            operation: Some(operation),
            principal: Some("arn:aws:iam::123456789012:user/test"),
            status: Some(status),
            rule: None,
            fault: None,
        }
    }

    #[test]
    fn groups_are_added_up_by_what_is_asked_for_and_the_rest_is_told() {
        let groups = Groups::new(3);
        for (operation, status) in [(0, 200), (0, 403), (1, 200), (0, 200), (1, 500)] {
            groups.count(&group(operation, status));
        }
        let names = ["DeleteModel", "DetectAnomalies"];
        let counts = Counts::of(&groups, Timestamp::UNIX_EPOCH, &[CountBy::Operation], &names);
        let told: Vec<_> = counts
            .counts
            .iter()
            .map(|group| (group.operation.clone().flatten(), group.count))
            .collect();
        assert_eq!(
            told,
            [
                (Some("DeleteModel".to_owned()), 3),
                (Some("DetectAnomalies".to_owned()), 1)
            ]
        );
        assert_eq!((counts.total, counts.rest), (5, 1));
        let json = serde_json::to_value(Counts::of(
            &groups,
            Timestamp::UNIX_EPOCH,
            &[CountBy::Status, CountBy::Rule],
            &names,
        ));
        assert_eq!(
            json.unwrap()["counts"],
            serde_json::json!([{"status": 200, "rule": null, "count": 3}, {"status": 403, "rule": null, "count": 1}])
        );
    }

    #[test]
    fn a_member_that_requests_do_not_have_is_told_with_the_one_that_was_meant() {
        assert_eq!(
            CountBy::parse_list("status,operation"),
            Ok(vec![CountBy::Status, CountBy::Operation])
        );
        let error = CountBy::parse_list("operatoin").unwrap_err().to_string();
        assert!(
            error.contains("not counted by `operatoin`") && error.contains("`operation`"),
            "{error}"
        );
        assert_eq!(
            CountBy::parse_list("rule,rule").unwrap_err().to_string(),
            "`by`: `rule` is named twice"
        );
        assert!(CountBy::parse_list("").is_err());
    }
}
