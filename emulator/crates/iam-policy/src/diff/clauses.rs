//! The clauses of both documents, grouped by what decides whether they hold.

use std::collections::{BTreeMap, HashSet};

use super::comparison::Comparison;
use super::keys::Candidates;
use super::sets::Bits;
use super::{principals, resources};
use crate::condition::Condition;
use crate::context::{RequestContext, folded};
use crate::pattern::{TemplateToken, Token, tokens_match};
use crate::resource::{Resource, ResourcePattern};
use crate::statement::{Effect, ResourceClause, Statement};

/// The conditions, by statement, that one dimension decides.
pub(super) struct Deciding<'d>(Vec<Vec<&'d Condition>>);

/// A clause that is not solved: it is assumed both true and false, independently of everything else.
pub(super) struct Open<'d> {
    /// Where it is: the statement and the number of the condition in it. Equal clauses are one.
    pub(super) places: Vec<(usize, usize)>,
    pub(super) condition: &'d Condition,
    pub(super) why: &'static str,
}

/// The conditions of both documents, grouped by what decides them.
pub(super) struct Clauses<'d> {
    /// Decided by who calls.
    pub(super) of_caller: Deciding<'d>,
    /// Decided by the resource.
    pub(super) of_resource: Deciding<'d>,
    /// Decided by the values of one key each.
    pub(super) of_keys: BTreeMap<String, KeyClauses<'d>>,
    pub(super) open: Vec<Open<'d>>,
    /// The resources with variables, each text once.
    pub(super) templates: Vec<&'d ResourcePattern>,
}

/// The conditions on a key.
pub(super) struct KeyClauses<'d> {
    /// The key as one of the conditions writes it.
    pub(super) name: &'d str,
    pub(super) deciding: Deciding<'d>,
    /// Values that produce each combination of outcomes of the solved conditions.
    pub(super) candidates: Candidates,
}

impl<'d> Deciding<'d> {
    fn none(statements: usize) -> Self {
        Self(vec![Vec::new(); statements])
    }

    fn add(&mut self, statement: usize, condition: &'d Condition) {
        if let Some(conditions) = self.0.get_mut(statement) {
            conditions.push(condition);
        }
    }

    /// Whether all of a statement's conditions hold.
    pub(super) fn holds(&self, statement: usize, effect: Effect, context: &RequestContext<'_>) -> bool {
        let mut conditions = self.0.get(statement).into_iter().flatten();
        conditions.all(|condition| condition.lets_apply(effect, context))
    }

    pub(super) fn conditions(&self) -> impl Iterator<Item = &'d Condition> {
        self.0.iter().flatten().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }
}

impl<'d> Clauses<'d> {
    pub(super) fn of(comparison: &Comparison<'d>) -> Self {
        let statements = comparison.statements.len();
        let mut clauses = Self {
            of_caller: Deciding::none(statements),
            of_resource: Deciding::none(statements),
            of_keys: BTreeMap::new(),
            open: Vec::new(),
            templates: Vec::new(),
        };
        let mut unsolved = Vec::new();
        for (index, statement) in comparison.statements.iter().enumerate() {
            for (number, condition) in statement.conditions.iter().enumerate() {
                let key = condition.key.as_str();
                if condition.has_variables() {
                    unsolved.push((index, number, condition, "its value has a variable"));
                } else if principals::is_key(key) && principals::is_solved(condition) {
                    clauses.of_caller.add(index, condition);
                } else if resources::is_key(key) && resources::is_solved(condition) {
                    clauses.of_resource.add(index, condition);
                } else if principals::is_key(key) || resources::is_key(key) {
                    unsolved.push((
                        index,
                        number,
                        condition,
                        "its key is compared as something else than a text",
                    ));
                } else {
                    clauses.key(key, statements).deciding.add(index, condition);
                }
            }
            for entry in entries_of(statement).iter().filter(|entry| entry.has_variables()) {
                if !clauses
                    .templates
                    .iter()
                    .any(|known| known.as_str() == entry.as_str())
                {
                    clauses.templates.push(entry);
                }
            }
        }
        let nothing = RequestContext::new();
        for key in clauses.of_keys.values_mut() {
            let conditions: Vec<&Condition> = key.deciding.conditions().collect();
            key.candidates = Candidates::of(key.name, &conditions, &nothing);
            if let Some(why) = key.candidates.gap {
                let solved = std::mem::replace(&mut key.deciding, Deciding::none(statements));
                for (index, statement) in comparison.statements.iter().enumerate() {
                    for (number, condition) in statement.conditions.iter().enumerate() {
                        if solved.conditions().any(|solved| std::ptr::eq(solved, condition)) {
                            unsolved.push((index, number, condition, why));
                        }
                    }
                }
            }
        }
        for (index, number, condition, why) in unsolved {
            clauses.leave_open((index, number), condition, why);
        }
        clauses
    }

    fn key(&mut self, name: &'d str, statements: usize) -> &mut KeyClauses<'d> {
        let key = folded(name).collect();
        self.of_keys.entry(key).or_insert_with(|| KeyClauses {
            name,
            deciding: Deciding::none(statements),
            candidates: Candidates {
                present: Vec::new(),
                gap: None,
            },
        })
    }

    fn leave_open(&mut self, place: (usize, usize), condition: &'d Condition, why: &'static str) {
        let says_the_same = |open: &&mut Open<'_>| is_same(open.condition, condition);
        match self.open.iter_mut().find(says_the_same) {
            Some(known) => known.places.push(place),
            None => self.open.push(Open {
                places: vec![place],
                condition,
                why,
            }),
        }
    }

    /// Whether classes alone decide which of these statements apply.
    pub(super) fn are_solved(&self, comparison: &Comparison<'_>, about: &Bits) -> bool {
        let mut places = self.open.iter().flat_map(|open| &open.places);
        let is_open = places.any(|(statement, _)| about.has(*statement));
        let mut statements = about.iter().filter_map(|index| comparison.statements.get(index));
        let has_template =
            |statement: &&Statement| entries_of(statement).iter().any(ResourcePattern::has_variables);
        !is_open && !statements.any(has_template)
    }
}

/// Whether two conditions are written alike and thus hold for the same requests.
fn is_same(left: &Condition, right: &Condition) -> bool {
    let values = |condition: &Condition| -> HashSet<Box<str>> { condition.texts.iter().cloned().collect() };
    left.operator == right.operator
        && left.key == right.key
        && left.has_variables() == right.has_variables()
        && values(left) == values(right)
}

impl Open<'_> {
    /// The possible outcomes of the clause, each as seen by an Allow statement and by a Deny statement.
    ///
    /// Two variables in one value may insert more text than is allowed: then an Allow sees false and a Deny true (see
    /// [`crate::variable`]).
    pub(super) fn outcomes(&self) -> Vec<(bool, bool)> {
        let mut outcomes = vec![(true, true), (false, false)];
        if self
            .condition
            .test
            .variables()
            .any(|variables| variables.len() > 1)
        {
            outcomes.push((false, true));
        }
        outcomes
    }
}

/// The outcome of comparing a resource with a pattern that has variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Matches,
    Differs,
    /// Its variables insert more text than is allowed.
    Overflows,
}

/// The outcomes that a pattern with variables can have for a resource, over all values of its variables.
pub(super) fn fates(template: &ResourcePattern, resource: &Resource) -> Vec<Fate> {
    if !may_match(template, resource) {
        return vec![Fate::Differs];
    }
    let variables = template
        .parts()
        .into_iter()
        .flatten()
        .flat_map(super::super::pattern::Pattern::variables);
    match variables.count() {
        0 | 1 => vec![Fate::Differs, Fate::Matches],
        _ => vec![Fate::Differs, Fate::Matches, Fate::Overflows],
    }
}

fn may_match(template: &ResourcePattern, resource: &Resource) -> bool {
    let (Some([_, others @ ..]), Some(arn)) = (template.parts(), resource.arn()) else {
        return false;
    };
    others.iter().enumerate().all(|(index, part)| {
        let tokens = part.tokens().into_iter().map(|token| match token {
            TemplateToken::Fixed(token) => token,
            TemplateToken::Variable(_) => Token::Any,
        });
        tokens_match(&tokens.collect::<Vec<_>>(), arn.part(index + 1))
    })
}

/// Whether a statement's resources let it apply, given the outcomes of the patterns with variables.
pub(super) fn resource_lets_apply(
    statement: &Statement,
    resource: &Resource,
    fate: impl Fn(&ResourcePattern) -> Fate,
) -> bool {
    let Some(clause) = &statement.resource else {
        return true;
    };
    let nothing = RequestContext::new();
    let is_named = clause.entries().iter().any(|entry| match entry.has_variables() {
        true => fate(entry) == Fate::Matches,
        false => entry.matches(resource, &nothing),
    });
    let overflows = |entry: &ResourcePattern| entry.has_variables() && fate(entry) == Fate::Overflows;
    clause.lets_apply_to(is_named, statement.effect, overflows)
}

/// The entries of `Resource` or `NotResource`.
pub(super) fn entries_of(statement: &Statement) -> &[ResourcePattern] {
    statement.resource.as_ref().map_or(&[], ResourceClause::entries)
}

/// Whether a condition reads such a key, by its name or in a variable.
pub(super) fn reads(condition: &Condition, is_read: impl Fn(&str) -> bool) -> bool {
    is_read(condition.key.as_str())
        || condition
            .test
            .variables()
            .flatten()
            .any(|variable| is_read(variable.key()))
}
