//! What two policies say differently, each difference with requests that `policy simulate` takes.
//!
//! ```text
//! new access: lookoutvision:DetectAnomalies on arn:…:model/myProject/2 by arn:…:user/example
//!   before: implicitDeny
//!   after:  allowed by statement 1 (`Wider`) at new.json:7:5
//! 1 new access, no lost access
//! ```

use std::collections::BTreeMap;

use iam_policy::{
    Change, DecidedBy, Decision, Diff, Difference, Evaluation, ExampleRequest, Place, PolicyDocument,
    PolicyType, Side, Undecided,
};
use serde::{Serialize, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::services::vocabulary;

mod text;

/// A policy with the name of its file
pub(crate) struct NamedPolicy {
    pub(crate) file: String,
    pub(crate) document: PolicyDocument,
}

/// The differences between two policies
pub(crate) struct PolicyDiff<'p> {
    old: &'p NamedPolicy,
    new: &'p NamedPolicy,
    diff: Diff,
    classes_max: usize,
}

/// The report in JSON
#[derive(Serialize)]
struct Report<'d> {
    /// `null`: none was found, but there may be some
    new_access: Option<bool>,
    differences: Vec<DifferenceView<'d>>,
    undecided: Vec<UndecidedView<'d>>,
    /// Classes of requests that were looked at
    classes: usize,
}

#[derive(Serialize)]
struct DifferenceView<'d> {
    change: Change,
    before: Decided<'d>,
    after: Decided<'d>,
    request: RequestView<'d>,
    /// Condition keys that the request lacks; with a value of one of them it would be decided differently
    without: &'d [String],
    /// The request with the old policy, and with the new one: lines for `policy simulate`
    simulate: [SimulationLine<'d>; 2],
}

#[derive(Serialize)]
struct Decided<'d> {
    decision: Decision,
    decided_by: Option<&'d DecidedBy>,
}

#[derive(Serialize)]
struct UndecidedView<'d> {
    /// `null`: both policies as a whole
    file: Option<&'d str>,
    #[serde(flatten)]
    place: Option<&'d Place>,
    reason: String,
    may_be_new_access: bool,
}

/// A line that `policy simulate` takes
#[derive(Serialize)]
struct SimulationLine<'d> {
    id: &'static str,
    policies: BTreeMap<&'static str, Attached<'d>>,
    request: RequestView<'d>,
}

/// A policy in the form that the line has for its layer
#[derive(Serialize)]
#[serde(untagged)]
enum Attached<'d> {
    One(&'d RawValue),
    List([&'d RawValue; 1]),
}

/// A request in the form that the line has
struct RequestView<'d>(&'d ExampleRequest);

impl<'p> PolicyDiff<'p> {
    /// Compares two policies of one type
    pub(crate) fn of(old: &'p NamedPolicy, new: &'p NamedPolicy, classes_max: usize) -> Self {
        let service = match old.document.policy_type() {
            // An endpoint leads to this service and to no other.
            PolicyType::VpcEndpoint => &*vocabulary::SERVICE,
            _ => &*vocabulary::WITH_EC2_AND_STS,
        };
        Self {
            old,
            new,
            diff: iam_policy::diff(&old.document, &new.document, service, classes_max),
            classes_max,
        }
    }

    /// Whether the new policy allows what the old one does not; `None`: unknown
    pub(crate) fn has_new_access(&self) -> Option<bool> {
        self.diff.has_new_access()
    }

    /// Whether there may be more differences than were found
    pub(crate) fn is_undecided(&self) -> bool {
        !self.diff.undecided.is_empty()
    }

    /// The report for programs
    pub(crate) fn json(&self) -> String {
        let raw = |policy: &'p NamedPolicy| {
            serde_json::from_str(policy.document.text()).expect("a policy that was read is JSON")
        };
        let (old, new): (&RawValue, &RawValue) = (raw(self.old), raw(self.new));
        let differences = self.diff.differences.iter();
        let report = Report {
            new_access: self.has_new_access(),
            differences: differences
                .map(|difference| self.difference(difference, old, new))
                .collect(),
            undecided: self
                .diff
                .undecided
                .iter()
                .map(|undecided| self.undecided(undecided))
                .collect(),
            classes: self.diff.classes,
        };
        super::pretty_json(&report)
    }

    fn difference<'d>(
        &'d self,
        difference: &'d Difference,
        old: &'d RawValue,
        new: &'d RawValue,
    ) -> DifferenceView<'d> {
        let request = || RequestView(&difference.example);
        let decided = |evaluation: &'d Evaluation| Decided {
            decision: evaluation.decision,
            decided_by: evaluation.decided_by.as_ref(),
        };
        let line = |id, text| SimulationLine {
            id,
            policies: BTreeMap::from([attached(self.old.document.policy_type(), text)]),
            request: request(),
        };
        DifferenceView {
            change: difference.change,
            before: decided(&difference.before),
            after: decided(&difference.after),
            request: request(),
            without: &difference.without,
            simulate: [line("before", old), line("after", new)],
        }
    }

    fn undecided<'d>(&'d self, undecided: &'d Undecided) -> UndecidedView<'d> {
        let clause = undecided.clause.as_ref();
        UndecidedView {
            file: clause.map(|(side, _)| self.file(*side)),
            place: clause.map(|(_, place)| place),
            reason: self.reason(undecided),
            may_be_new_access: undecided.may_be_new_access,
        }
    }

    /// The reason, with the limit if it is one
    fn reason(&self, undecided: &Undecided) -> String {
        match undecided.clause {
            None if self.diff.classes == self.classes_max => {
                format!("{} (limits.diff_classes_max)", undecided.reason)
            }
            _ => undecided.reason.clone(),
        }
    }

    fn file(&self, side: Side) -> &str {
        match side {
            Side::Old => &self.old.file,
            Side::New => &self.new.file,
        }
    }
}

/// The place in a line of `policy simulate` for a policy of this type
fn attached(policy_type: PolicyType, text: &RawValue) -> (&'static str, Attached<'_>) {
    match policy_type {
        PolicyType::VpcEndpoint => ("vpcEndpoint", Attached::One(text)),
        PolicyType::Identity => ("identity", Attached::List([text])),
        PolicyType::PermissionsBoundary => ("boundary", Attached::List([text])),
        PolicyType::Session => ("session", Attached::List([text])),
        PolicyType::ServiceControl => ("scp", Attached::List([text])),
        PolicyType::ResourceControl => ("rcp", Attached::List([text])),
        PolicyType::RoleTrust => ("roleTrust", Attached::One(text)),
    }
}

impl Serialize for RequestView<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(example) = self;
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("principal", &example.principal.to_string())?;
        members.serialize_entry("action", example.action.as_str())?;
        members.serialize_entry("resource", &example.resource.to_string())?;
        if let Some(account) = &example.resource_account {
            members.serialize_entry("resourceAccount", account)?;
        }
        let context: BTreeMap<&str, _> = example.context.iter().collect();
        members.serialize_entry("context", &context)?;
        members.end()
    }
}
