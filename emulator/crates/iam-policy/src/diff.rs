//! What two documents say differently, each difference with a request that shows it.
//!
//! Every request is one of finitely many classes: the patterns of both documents cut actions, callers, resources and the
//! values of each condition key into classes that no statement tells apart, and one of each class stands for the rest.
//! Which statements apply follows from the classes, and so does what each document says. Where classes are all that
//! decides, "no difference" is proven.
//!
//! Some clauses are not solved like that: those with policy variables, for whether they hold depends on two things at
//! once, and some that are merely unusual. Each of them is then taken to be true and to be false, whatever else is the
//! case. That covers more than there is, so "no difference" is still proven where none comes of it. Where one does,
//! requests are looked for that show it, and if none is found it stays undecided. Nothing that is printed as a
//! difference is printed untried.
//!
//! Requests are what whoever makes them can make of them: the keys that follow from the caller or the resource have the
//! values that follow, a request over an endpoint has the keys of endpoints and the others have `aws:SourceIp`, keys that
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

/// What two documents say differently.
#[derive(Debug, Clone)]
pub struct Diff {
    /// The differences, those of one action side by side. For each action that the documents tell from others, each kind
    /// of change that there is has one at least, and further ones where other statements decide.
    pub differences: Vec<Difference>,
    /// Why there may be more of them; empty: there are no more.
    pub undecided: Vec<Undecided>,
    /// How many classes of requests were looked at.
    pub classes: usize,
}

/// One difference.
#[derive(Debug, Clone)]
pub struct Difference {
    /// What it means for access.
    pub change: Change,
    /// What is decided under the old document.
    pub before: Evaluation,
    /// What is decided under the new one.
    pub after: Evaluation,
    /// A request that is decided so.
    pub example: ExampleRequest,
    /// Condition keys that the request does not have, and with a value of which it would be decided otherwise.
    pub without: Vec<String>,
}

/// What a difference means for access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// What the old document did not allow, the new one does. Of a document that stands beside others (an identity, session
    /// or service control policy) also: what the old one denied explicitly, the new one does not, so that another may allow
    /// it.
    NewAccess,
    /// The other way round.
    LostAccess,
    /// Both deny, one of them explicitly.
    OtherDenial,
}

/// A request that shows a difference.
#[derive(Debug, Clone)]
pub struct ExampleRequest {
    /// Who calls.
    pub principal: Principal,
    /// What the caller wants to do.
    pub action: Action,
    /// On what.
    pub resource: Resource,
    /// The account that owns the resource, where the caller's own must be taken for it: a caller of another account
    /// would need a policy of the resource as well.
    pub resource_account: Option<String>,
    /// The condition keys.
    pub context: RequestContext<'static>,
}

/// Why there may be more differences than were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    /// The clause that is not solved, with the document that it stands in; `None`: both documents as a whole.
    pub clause: Option<(Side, Place)>,
    /// What is the matter.
    pub reason: String,
    /// Whether new access may be among them.
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
    /// Whether new access was found; `None`: it was not, and may be there.
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
    /// What it is called: `new access`.
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
    /// The request as policies are asked about it.
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

/// What two documents of one type say differently about requests to a service, when each is all that is attached.
///
/// At most `classes_max` classes of requests are looked at; what they do not come to is undecided.
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
