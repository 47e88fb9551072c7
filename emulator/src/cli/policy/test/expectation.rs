//! What a test expects of a decision, and how far the decision is from it.

use client_text::spelling::quoted;
use iam_policy::{DecidedBy, Decision, PolicyType};

use super::tree::{Mistakes, Place};
use crate::workbench::CallDecision;

/// What is expected of a decision
#[derive(Debug, Clone)]
pub(super) struct Expectation {
    decision: Expected,
    decided_by: Option<ExpectedStatement>,
    /// A pattern for the sentence of the refusal
    message: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Allowed,
    /// Either way
    Denied,
    ImplicitDeny,
    ExplicitDeny,
}

/// A statement, described by some of its properties
#[derive(Debug, Clone, Default)]
struct ExpectedStatement {
    policy_type: Option<PolicyType>,
    policy: Option<usize>,
    statement: Option<usize>,
    sid: Option<String>,
}

impl Expectation {
    /// One of the four words, or a mapping with one of them
    pub(super) fn read(place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        if !place.is_mapping() {
            return Some(Self {
                decision: place.word(&DECISIONS, mistakes)?,
                decided_by: None,
                message: None,
            });
        }
        let members = place.members(&EXPECT_KEYS, mistakes)?;
        let Some(decision) = members.get("decision") else {
            mistakes.at(place.spot(), "the key `decision` is missing");
            return None;
        };
        let decision = decision.word(&DECISIONS, mistakes)?;
        let decided_by = match members.get("decided_by") {
            None => None,
            Some(place) => {
                if decision == Expected::ImplicitDeny {
                    mistakes.at(
                        place.spot(),
                        "no statement decides an implicit deny: nothing allows the call",
                    );
                }
                Some(ExpectedStatement::read(place, mistakes)?)
            }
        };
        let message = match members.get("message") {
            None => None,
            Some(place) => {
                if decision == Expected::Allowed {
                    mistakes.at(place.spot(), "a call that is allowed has no message");
                }
                Some(place.text(mistakes)?.to_owned())
            }
        };
        Some(Self {
            decision,
            decided_by,
            message,
        })
    }

    /// The word for it in a test file
    pub(super) fn decision(&self) -> &'static str {
        self.decision.as_str()
    }

    /// Whether a decision is the expected one. A call that the server refuses before any policy is asked counts as
    /// denied, but as neither an implicit nor an explicit deny.
    pub(super) fn agrees_with(&self, decision: CallDecision) -> bool {
        let expected = match self.decision {
            Expected::Allowed => Decision::Allowed,
            Expected::Denied => return decision != CallDecision::Decided(Decision::Allowed),
            Expected::ImplicitDeny => Decision::ImplicitDeny,
            Expected::ExplicitDeny => Decision::ExplicitDeny,
        };
        decision == CallDecision::Decided(expected)
    }

    /// What is wrong about the statement that decided, if the decision is right
    pub(super) fn wrong_statement(&self, found: Option<&DecidedBy>) -> Option<String> {
        let expected = self.decided_by.as_ref()?;
        let Some(found) = found else {
            return Some(format!(
                "expected {}, and no statement decided",
                expected.described()
            ));
        };
        let sid = found.sid.as_ref().map(iam_policy::Sid::as_str);
        let agrees = expected
            .policy_type
            .is_none_or(|expected| expected == found.policy_type)
            && expected.policy.is_none_or(|expected| expected == found.policy)
            && expected
                .statement
                .is_none_or(|expected| expected == found.statement)
            && expected
                .sid
                .as_deref()
                .is_none_or(|expected| Some(expected) == sid);
        (!agrees).then(|| format!("expected {}, decided by {found}", expected.described()))
    }

    /// What is wrong about the sentence of the refusal
    pub(super) fn wrong_message(&self, found: Option<&str>) -> Option<String> {
        let expected = self.message.as_deref()?;
        let found = found.unwrap_or_default();
        // The escape character of the pattern is `\`, which no sentence of AWS contains.
        let agrees = iam_policy::matches_glob(expected, '\\', found);
        (!agrees).then(|| format!("expected the message `{expected}`, got `{found}`"))
    }
}

impl ExpectedStatement {
    fn read(place: &Place<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        let members = place.members(&DECIDED_BY_KEYS, mistakes)?;
        let mut read = Self::default();
        if let Some(place) = members.get("policy_type") {
            read.policy_type = Some(place.word(&POLICY_TYPES, mistakes)?);
        }
        if let Some(place) = members.get("policy") {
            read.policy = Some(place.number(mistakes)?);
        }
        if let Some(place) = members.get("statement") {
            read.statement = Some(place.number(mistakes)?);
        }
        if let Some(place) = members.get("sid") {
            read.sid = Some(place.text(mistakes)?.to_owned());
        }
        if DECIDED_BY_KEYS.iter().all(|key| members.get(key).is_none()) {
            let message = format!(
                "nothing is expected of the statement; the keys here are {}",
                quoted(&DECIDED_BY_KEYS)
            );
            mistakes.at(place.spot(), message);
        }
        Some(read)
    }

    /// `statement 1 (`NoDelete`) of a VPC endpoint policy`, as far as it is described
    fn described(&self) -> String {
        let mut text = match self.statement {
            Some(statement) => format!("statement {statement}"),
            None => "a statement".to_owned(),
        };
        if let Some(sid) = &self.sid {
            text.push_str(&format!(" called `{sid}`"));
        }
        match (self.policy_type, self.policy) {
            (None, None) => {}
            (Some(policy_type), None) => text.push_str(&format!(" of the {policy_type}")),
            (Some(policy_type), Some(policy)) => text.push_str(&format!(" of {policy_type} {policy}")),
            (None, Some(policy)) => text.push_str(&format!(" of policy {policy}")),
        }
        text.push_str(" to decide");
        text
    }
}

impl Expected {
    fn as_str(self) -> &'static str {
        let found = DECISIONS.iter().find(|(_, decision)| *decision == self);
        found.map_or("", |(word, _)| word)
    }
}

const DECISIONS: [(&str, Expected); 4] = [
    ("allowed", Expected::Allowed),
    ("denied", Expected::Denied),
    ("implicitDeny", Expected::ImplicitDeny),
    ("explicitDeny", Expected::ExplicitDeny),
];

/// The words that decisions print; a role's trust policy has no say in calls of Lookout for Vision
const POLICY_TYPES: [(&str, PolicyType); 6] = [
    ("vpc-endpoint", PolicyType::VpcEndpoint),
    ("identity", PolicyType::Identity),
    ("permissions-boundary", PolicyType::PermissionsBoundary),
    ("session", PolicyType::Session),
    ("service-control", PolicyType::ServiceControl),
    ("resource-control", PolicyType::ResourceControl),
];

pub(super) const EXPECT_KEYS: [&str; 3] = ["decision", "decided_by", "message"];
pub(super) const DECIDED_BY_KEYS: [&str; 4] = ["policy_type", "policy", "statement", "sid"];
