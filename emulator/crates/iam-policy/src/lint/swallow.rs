//! Statements that a Deny makes pointless: whenever they apply, so does the Deny.
//!
//! The comparison is cautious. It reports a statement only when it is certain, and stays silent about overlaps
//! it cannot judge, such as those of negated elements. It compares everything with everything, so it has an
//! allowance; when that is spent, it stays silent.

use std::cell::Cell;

use super::Locator;
use crate::arn::ARN_PARTS;
use crate::condition::Condition;
use crate::finding::FindingCode;
use crate::principal::{Covers, PrincipalPattern};
use crate::resource::ResourcePattern;
use crate::statement::{ActionClause, Effect, PrincipalClause, ResourceClause, Statement};

/// How many bytes may still be compared in one document.
pub(super) struct Allowance(Cell<usize>);

impl Allowance {
    pub(super) fn new() -> Self {
        Self(Cell::new(COMPARED_BYTES_MAX))
    }

    /// Takes this many bytes from the allowance; returns whether they may still be compared.
    fn spend(&self, bytes: usize) -> bool {
        let left = self.0.get().checked_sub(bytes + 1);
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }
}

/// Reports a Deny that makes the statement pointless; returns whether there is one.
#[expect(
    clippy::indexing_slicing,
    reason = "the index is that of a statement of this list"
)]
pub(super) fn check(
    index: usize,
    statements: &[Statement],
    allowance: &Allowance,
    locator: &mut Locator<'_>,
) -> bool {
    let statement = &statements[index];
    let swallows = |&(other, deny): &(usize, &Statement)| {
        // A Deny overrides an Allow wherever they are in the document; of two Denies the later one is pointless.
        let in_order = match statement.effect {
            Effect::Allow => other != index,
            Effect::Deny => other < index,
        };
        deny.effect == Effect::Deny && in_order && covers(deny, statement, allowance)
    };
    let Some((other, deny)) = statements.iter().enumerate().find(swallows) else {
        return false;
    };
    let named = match &deny.sid {
        Some(sid) => format!("statement {other} (`{sid}`)"),
        None => format!("statement {other}"),
    };
    let message = format!("{named} denies everything that this statement is about");
    locator.report(FindingCode::SwallowedByDeny, &[], message);
    true
}

fn covers(deny: &Statement, statement: &Statement, allowance: &Allowance) -> bool {
    let has = |condition: &Condition| {
        let mut own = statement.conditions.iter();
        own.any(|own| is_same(condition, own, allowance))
    };
    principal_covers(deny.principal.as_ref(), statement.principal.as_ref(), allowance)
        && action_covers(&deny.action, &statement.action, allowance)
        && resource_covers(deny.resource.as_ref(), statement.resource.as_ref(), allowance)
        && deny.conditions.iter().all(has)
}

fn is_same(left: &Condition, right: &Condition, allowance: &Allowance) -> bool {
    let bytes = |condition: &Condition| condition.texts.iter().map(|text| text.len() + 1).sum::<usize>();
    allowance.spend(0)
        && left.operator == right.operator
        && left.key == right.key
        && allowance.spend(bytes(right))
        && left.texts == right.texts
}

fn principal_covers(
    deny: Option<&PrincipalClause>,
    own: Option<&PrincipalClause>,
    allowance: &Allowance,
) -> bool {
    let (Some(PrincipalClause::Principal(deny)), Some(own)) = (deny, own) else {
        return deny.is_none() && own.is_none();
    };
    if deny
        .iter()
        .any(|entry| allowance.spend(0) && matches!(entry.covers(), Covers::Everyone))
    {
        return true;
    }
    let PrincipalClause::Principal(own) = own else {
        return false;
    };
    let covers = |deny: &PrincipalPattern, own: &PrincipalPattern| match (deny.covers(), own.covers()) {
        (Covers::Account(account), Covers::Identity(identity)) => **account == *identity.account(),
        _ => deny.as_str() == own.as_str(),
    };
    let covered = |own: &PrincipalPattern| {
        deny.iter()
            .any(|deny| allowance.spend(own.as_str().len()) && covers(deny, own))
    };
    !own.is_empty() && own.iter().all(covered)
}

fn action_covers(deny: &ActionClause, own: &ActionClause, allowance: &Allowance) -> bool {
    let ActionClause::Action(deny) = deny else {
        return false;
    };
    if deny
        .iter()
        .any(|entry| allowance.spend(0) && entry.as_str() == "*")
    {
        return true;
    }
    let ActionClause::Action(own) = own else {
        return false;
    };
    let covers = |deny: &str, own: &str| match (deny.split_once(':'), own.split_once(':')) {
        _ if !allowance.spend(deny.len() + own.len()) => false,
        (Some((deny_prefix, deny_name)), Some((own_prefix, own_name))) => {
            text_covers(
                &deny_prefix.to_ascii_lowercase(),
                &own_prefix.to_ascii_lowercase(),
            ) && text_covers(&deny_name.to_ascii_lowercase(), &own_name.to_ascii_lowercase())
        }
        _ => false,
    };
    !own.is_empty()
        && own
            .iter()
            .all(|own| deny.iter().any(|deny| covers(deny.as_str(), own.as_str())))
}

#[expect(
    clippy::indexing_slicing,
    reason = "both are the parts of an ARN, of which there are as many"
)]
fn resource_covers(
    deny: Option<&ResourceClause>,
    own: Option<&ResourceClause>,
    allowance: &Allowance,
) -> bool {
    let (Some(ResourceClause::Resource(deny)), Some(own)) = (deny, own) else {
        return deny.is_none() && own.is_none();
    };
    if deny.iter().any(|entry| allowance.spend(0) && entry.is_every()) {
        return true;
    }
    let ResourceClause::Resource(own) = own else {
        return false;
    };
    let covers = |deny: &ResourcePattern, own: &ResourcePattern| match (deny.parts(), own.parts()) {
        _ if !allowance.spend(deny.as_str().len() + own.as_str().len()) => false,
        (Some(deny), Some(own)) => (1..ARN_PARTS).all(|index| {
            let (deny, own) = (&deny[index], &own[index]);
            deny.as_str() == own.as_str()
                || (!deny.has_variables() && text_covers(deny.as_str(), own.as_str()))
        }),
        _ => false,
    };
    !own.is_empty() && own.iter().all(|own| deny.iter().any(|deny| covers(deny, own)))
}

/// Whether every text that matches `own` also matches `deny`. If `deny` has a `?`, only equal patterns count,
/// because a `*` of `own` can match more than one character.
fn text_covers(deny: &str, own: &str) -> bool {
    use crate::context::RequestContext;
    use crate::pattern::{Pattern, Syntax, Variables, Wildcards};

    if deny == own {
        return true;
    }
    let syntax = Syntax {
        wildcards: Wildcards::Glob,
        variables: Variables::Literal,
    };
    deny.contains('*')
        && !deny.contains(['?', '$'])
        && Pattern::compile(deny, syntax).is_ok_and(|deny| deny.matches(own, &RequestContext::new()))
}

/// How many bytes may be compared in one document. The largest endpoint policy with fifty statements needs a tenth of
/// them.
const COMPARED_BYTES_MAX: usize = 4 * 1024 * 1024;
