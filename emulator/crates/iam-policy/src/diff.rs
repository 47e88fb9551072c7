//! How the decisions of two documents differ, with an example request for each difference.
//!
//! Every request belongs to one of finitely many classes: the patterns of both documents divide actions, callers,
//! resources and the values of each condition key into classes that no statement distinguishes, and one member of each
//! class represents the rest. The classes determine which statements apply, and thus what each document decides. Where
//! nothing but the classes decides, "no difference" is proven.
//!
//! Some clauses cannot be solved this way: those with policy variables, because whether they hold depends on two things
//! at once, and a few merely unusual ones. Each such clause is assumed both true and false, independently of everything
//! else. These assumptions cover more cases than can occur, so if no difference results, "no difference" is still
//! proven. If one results, the search looks for a request that shows it; if it finds none, the difference stays
//! undecided. Every difference that is printed was confirmed with a request.
//!
//! Only requests that a sender can make are considered: keys that follow from the caller or the resource have the
//! values that follow, a request over an endpoint has the endpoint's keys and any other has `aws:SourceIp`, keys that
//! every request has are never absent, and no value is longer than [`EXPANSION_BYTES_MAX`](crate::EXPANSION_BYTES_MAX).

mod actions;
mod clauses;
mod comparison;
mod concrete;
mod forms;
mod keys;
mod language;
mod principals;
mod requests;
mod resources;
mod search;
mod sets;
mod values;

use std::fmt;

use serde::Serialize;

use crate::action::Action;
use crate::context::RequestContext;
use crate::decision::Evaluation;
use crate::document::PolicyDocument;
use crate::evaluate::Request;
use crate::lint::Service;
use crate::outline::Place;
use crate::principal::Principal;
use crate::resource::Resource;

/// How the decisions of two documents differ.
#[derive(Debug, Clone)]
pub struct Diff {
    /// The differences, grouped by action. For each action that the documents distinguish, there is at least one
    /// difference of each kind of change that occurs, and more where other statements decide.
    pub differences: Vec<Difference>,
    /// Why there may be more differences; empty if there are no more.
    pub undecided: Vec<Undecided>,
    /// How many classes of requests were examined.
    pub classes: usize,
}

/// One difference.
#[derive(Debug, Clone)]
pub struct Difference {
    /// What it means for access.
    pub change: Change,
    /// The decision under the old document.
    pub before: Evaluation,
    /// The decision under the new document.
    pub after: Evaluation,
    /// A request with these decisions.
    pub example: ExampleRequest,
    /// Condition keys that the request does not have; if it had one of them, with some value, a decision would be
    /// different.
    pub without: Vec<String>,
}

/// What a difference means for access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// The new document allows what the old one did not. For a document that is one of several (an identity, session or
    /// service control policy) also: the new document no longer explicitly denies what the old one did, so another
    /// document may allow it.
    NewAccess,
    /// The reverse of new access.
    LostAccess,
    /// Both documents deny, one of them explicitly and the other implicitly.
    OtherDenial,
}

/// A request that shows a difference.
#[derive(Debug, Clone)]
pub struct ExampleRequest {
    /// Who calls.
    pub principal: Principal,
    /// What the caller wants to do.
    pub action: Action,
    /// What the action is on.
    pub resource: Resource,
    /// The account that owns the resource, set to the caller's own account where it has to be: a caller of another
    /// account would also need a policy of the resource.
    pub resource_account: Option<String>,
    /// The condition keys.
    pub context: RequestContext<'static>,
}

/// Why there may be more differences than were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    /// The clause that is not solved, with the document that it is in; `None` for both documents as a whole.
    pub clause: Option<(Side, Place)>,
    /// Why it is undecided.
    pub reason: String,
    /// Whether the further differences may include new access.
    pub may_be_new_access: bool,
}

/// One of the two documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The first
    Old,
    /// The second
    New,
}

impl Diff {
    /// Whether there is new access; `None` if none was found but it cannot be ruled out.
    pub fn has_new_access(&self) -> Option<bool> {
        if self
            .differences
            .iter()
            .any(|difference| difference.change == Change::NewAccess)
        {
            return Some(true);
        }
        let is_open = self.undecided.iter().any(|undecided| undecided.may_be_new_access);
        (!is_open).then_some(false)
    }
}

impl Change {
    /// The name of the change, such as `new access`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewAccess => "new access",
            Self::LostAccess => "lost access",
            Self::OtherDenial => "other denial",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ExampleRequest {
    /// The request in the form that [`evaluate`](crate::evaluate()) takes.
    pub fn request(&self) -> Request<'_> {
        Request {
            principal: &self.principal,
            action: &self.action,
            resource: &self.resource,
            resource_account: self.resource_account.as_deref(),
            context: &self.context,
        }
    }
}

/// How two documents of one type decide requests to a service differently, if each is the only document attached.
///
/// At most `classes_max` classes of requests are examined; whatever is left then is undecided.
///
/// ```
/// use iam_policy::lint::{Service, ServiceAction};
/// use iam_policy::{Change, PolicyDocument, PolicyType, diff};
///
/// # let service = Service {
/// #     prefix: "lookoutvision",
/// #     actions: &[ServiceAction {
/// #         prefix: "lookoutvision",
/// #         name: "ListProjects",
/// #         resource_types: &[],
/// #         condition_keys: &[],
/// #         resource_keys: &[],
/// #         takes_any_resource: false,
/// #     }],
/// #     other_actions: &[],
/// #     resource_types: &[],
/// #     condition_keys: None,
/// #     always_set_keys: &[],
/// #     unset_keys: &[],
/// # };
/// let document = |principal: &str| {
///     let text = format!(
///         r#"{{"Statement": {{"Effect": "Allow", "Principal": {principal}, "Action": "lookoutvision:List*", "Resource": "*"}}}}"#
///     );
///     PolicyDocument::parse(&text, PolicyType::VpcEndpoint)
/// };
/// let old = document(r#"{"AWS": "arn:aws:iam::123456789012:user/alice"}"#)?;
/// let new = document(r#"{"AWS": "123456789012"}"#)?;
///
/// let diff = diff(&old, &new, &service, 100_000);
/// assert_eq!(diff.has_new_access(), Some(true));
/// let difference = &diff.differences[0];
/// assert_eq!(difference.change, Change::NewAccess);
/// assert_eq!(difference.example.principal.to_string(), "arn:aws:iam::123456789012:user/example");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn diff(old: &PolicyDocument, new: &PolicyDocument, service: &Service<'_>, classes_max: usize) -> Diff {
    search::run(old, new, service, classes_max)
}
