//! A statement: an effect and the clauses that say when it applies.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::action::{Action, ActionPattern};
use crate::condition::Condition;
use crate::context::RequestContext;
use crate::principal::{GrantedTo, Principal, PrincipalPattern};
use crate::resource::{Resource, ResourcePattern};

/// What a statement does when it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Effect {
    /// It permits the request.
    Allow,
    /// It refuses the request, whatever else permits it.
    Deny,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        })
    }
}

/// A statement's identifier; cloning it only increments a reference count.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sid(Arc<str>);

impl Sid {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The identifier as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl Serialize for Sid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Sid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::new(&text))
    }
}

/// One checked statement of a document.
#[derive(Debug)]
pub struct Statement {
    pub(crate) sid: Option<Sid>,
    pub(crate) effect: Effect,
    /// Absent in documents that are attached to an identity: they are about that identity.
    pub(crate) principal: Option<PrincipalClause>,
    pub(crate) action: ActionClause,
    /// Absent in trust policies: they are about the role that they are attached to.
    pub(crate) resource: Option<ResourceClause>,
    pub(crate) conditions: Vec<Condition>,
}

impl Statement {
    /// Whether an empty list keeps the statement from ever applying.
    pub(crate) fn is_empty(&self) -> bool {
        self.principal
            .as_ref()
            .is_some_and(|clause| clause.entries().is_empty())
            || self.action.is_empty()
            || self.resource.as_ref().is_some_and(ResourceClause::is_empty)
    }

    /// Whether the statement looks at condition keys at all.
    pub(crate) fn reads_context(&self) -> bool {
        !self.conditions.is_empty()
            || self
                .resource
                .as_ref()
                .is_some_and(|clause| clause.entries().iter().any(ResourcePattern::has_variables))
    }
}

/// `Principal` or `NotPrincipal`.
#[derive(Debug)]
pub(crate) enum PrincipalClause {
    Principal(Vec<PrincipalPattern>),
    NotPrincipal(Vec<PrincipalPattern>),
}

/// `Action` or `NotAction`.
#[derive(Debug)]
pub(crate) enum ActionClause {
    Action(Vec<ActionPattern>),
    NotAction(Vec<ActionPattern>),
}

/// `Resource` or `NotResource`.
#[derive(Debug)]
pub(crate) enum ResourceClause {
    Resource(Vec<ResourcePattern>),
    NotResource(Vec<ResourcePattern>),
}

// IAM Access Analyzer policy checks: a statement with an empty list has no effect. That is true for negated
// elements too, where an empty list would otherwise match everything.

impl PrincipalClause {
    /// The entries, in order.
    pub(crate) fn entries(&self) -> &[PrincipalPattern] {
        match self {
            Self::Principal(entries) | Self::NotPrincipal(entries) => entries,
        }
    }

    pub(crate) fn matches(&self, principal: &Principal) -> bool {
        self.holds(self.entries().iter().any(|entry| entry.matches(principal)))
    }

    /// Whether the clause matches a caller, given whether one of its entries names the caller.
    pub(crate) fn holds(&self, is_named: bool) -> bool {
        match self {
            Self::Principal(_) => is_named,
            Self::NotPrincipal(entries) => !entries.is_empty() && !is_named,
        }
    }
}

impl PrincipalClause {
    /// The most that an entry which matches the caller grants it; `None` when no entry matches.
    pub(crate) fn grant(&self, principal: &Principal) -> Option<GrantedTo> {
        match self {
            Self::Principal(entries) => {
                let matching = entries.iter().filter(|entry| entry.matches(principal));
                matching.map(|entry| entry.grant(principal)).max()
            }
            // Guess: a caller that is merely not excluded is not named, so nothing is granted to the caller itself.
            Self::NotPrincipal(_) => self.matches(principal).then_some(GrantedTo::Account),
        }
    }
}

impl ActionClause {
    /// The entries, in order.
    pub(crate) fn entries(&self) -> &[ActionPattern] {
        match self {
            Self::Action(entries) | Self::NotAction(entries) => entries,
        }
    }

    fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    pub(crate) fn matches(&self, action: &Action) -> bool {
        self.holds(self.entries().iter().any(|entry| entry.matches(action)))
    }

    /// Whether the clause matches an action, given whether one of its entries names the action.
    pub(crate) fn holds(&self, is_named: bool) -> bool {
        match self {
            Self::Action(_) => is_named,
            Self::NotAction(entries) => !entries.is_empty() && !is_named,
        }
    }
}

impl ResourceClause {
    /// The entries, in order.
    pub(crate) fn entries(&self) -> &[ResourcePattern] {
        match self {
            Self::Resource(entries) | Self::NotResource(entries) => entries,
        }
    }

    fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// Whether the clause lets a statement of this effect apply: whether it matches or, where its variables
    /// insert too much text to find out, what is safe (see [`crate::variable`]).
    pub(crate) fn lets_apply(
        &self,
        effect: Effect,
        resource: &Resource,
        context: &RequestContext<'_>,
    ) -> bool {
        let is_named = self.names(resource, context);
        self.lets_apply_to(is_named, effect, |entry| entry.overflows(resource, context))
    }

    /// Like `lets_apply`, given whether one of the entries names the resource, and which entries insert too much text.
    pub(crate) fn lets_apply_to(
        &self,
        is_named: bool,
        effect: Effect,
        overflows: impl Fn(&ResourcePattern) -> bool,
    ) -> bool {
        self.holds(is_named, overflows).unwrap_or(effect == Effect::Deny)
    }

    /// Whether variables insert more text than is allowed, where that makes a difference.
    pub(crate) fn overflows(&self, resource: &Resource, context: &RequestContext<'_>) -> bool {
        let is_named = self.names(resource, context);
        let holds = self.holds(is_named, |entry| entry.overflows(resource, context));
        holds.is_none()
    }

    fn names(&self, resource: &Resource, context: &RequestContext<'_>) -> bool {
        self.entries()
            .iter()
            .any(|entry| entry.matches(resource, context))
    }

    fn holds(&self, is_named: bool, overflows: impl Fn(&ResourcePattern) -> bool) -> Option<bool> {
        let entries = self.entries();
        if !is_named && entries.iter().any(overflows) {
            return None;
        }
        Some(match self {
            Self::Resource(_) => is_named,
            // IAM User Guide, Variables and tags: an entry whose variable has no value matches nothing,
            // so NotResource then excludes nothing. Another passage of the page calls the statement invalid.
            Self::NotResource(_) => !entries.is_empty() && !is_named,
        })
    }
}

impl Statement {
    /// The identifier, if the statement has one.
    pub fn sid(&self) -> Option<&Sid> {
        self.sid.as_ref()
    }

    /// Whether the statement allows or denies.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Whether variables insert more text into one of its clauses than is allowed.
    pub(crate) fn overflows(&self, resource: &Resource, context: &RequestContext<'_>) -> bool {
        let clause = self.resource.as_ref();
        clause.is_some_and(|clause| clause.overflows(resource, context))
            || self
                .conditions
                .iter()
                .any(|condition| condition.overflows(context))
    }

    /// Whether every clause matches. The clauses are checked in the order of their cost, the cheapest first.
    pub(crate) fn applies(
        &self,
        principal: &Principal,
        action: &Action,
        resource: &Resource,
        context: &RequestContext<'_>,
    ) -> bool {
        self.action.matches(action)
            && self
                .principal
                .as_ref()
                .is_none_or(|clause| clause.matches(principal))
            && self
                .resource
                .as_ref()
                .is_none_or(|clause| clause.lets_apply(self.effect, resource, context))
            && self
                .conditions
                .iter()
                .all(|condition| condition.lets_apply(self.effect, context))
    }
}
