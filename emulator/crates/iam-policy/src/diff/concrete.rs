//! Requests that show differences where clauses are not solved: the variables are filled in first, and the patterns
//! that result are solved like any others.
//!
//! It is not known beforehand which values make a difference, and only some are tried. So a difference for which no
//! request is found may still exist.

use std::collections::{BTreeSet, HashSet};

use super::Change;
use super::actions::ActionClass;
use super::clauses::{entries_of, reads};
use super::forms;
use super::keys::{Candidates, Values};
use super::language::{Class, Matcher};
use super::principals::{self, Caller};
use super::requests::{Way, example};
use super::resources::{self, Patterns, Target};
use super::search::{Found, Search};
use super::sets::{Bits, Budget, Spent, reach};
use crate::condition::Condition;
use crate::context::{RequestContext, eq_folded};
use crate::document::PolicyType;
use crate::pattern::Pattern;
use crate::principal::Principal;
use crate::resource::ResourcePattern;

/// The keys that cannot be solved one by one.
struct Linked<'d> {
    /// The keys that variables insert.
    variables: Vec<&'d str>,
    /// The keys that are compared with variables, or in ways that are not solved.
    compared: Vec<&'d str>,
    /// Whether an unsolved clause depends on the caller.
    reads_caller: bool,
    /// The texts between wildcards and separators in the patterns and values of the documents: a variable's value that
    /// makes a difference is often one of them.
    pieces: BTreeSet<&'d str>,
}

/// Values of the keys that variables insert.
type Fill<'d> = Vec<(&'d str, Values)>;

/// Looks for requests that show the differences of `open`, until the budget of classes is spent.
pub(super) fn search(search: &Search<'_, '_>, open: &Found, found: &mut Found, budget: &mut Budget) {
    let linked = Linked::of(search);
    for way in &search.ways {
        'actions: for (number, action) in search.actions.iter().enumerate() {
            let mut cases = Budget::new(CASES_MAX);
            let callers = linked.callers(search, action);
            for fill in linked.fills(search, *way, action) {
                let is_found =
                    |change: &Change| found.keys().any(|(of, what, ..)| (*of, what) == (number, change));
                let mut wanted = open
                    .keys()
                    .filter(|(of, ..)| *of == number)
                    .map(|(_, change, ..)| change);
                if wanted.all(is_found) {
                    break;
                }
                for caller in &callers {
                    let case = Case {
                        search,
                        linked: &linked,
                        way: *way,
                        action: (number, action),
                        caller,
                        fill: &fill,
                    };
                    if cases.take().is_err() {
                        continue 'actions;
                    }
                    if case.examine(found, budget).is_err() {
                        return;
                    }
                }
            }
        }
    }
}

impl<'d> Linked<'d> {
    fn of(search: &Search<'d, '_>) -> Self {
        let mut variables: Vec<&str> = Vec::new();
        let mut compared: Vec<&str> = Vec::new();
        let add = |keys: &mut Vec<&'d str>, key: &'d str| {
            let follows = principals::is_key(key) || resources::is_key(key);
            if !follows && !keys.iter().any(|known| eq_folded(known, key)) {
                keys.push(key);
            }
        };
        for open in &search.clauses.open {
            for variable in open.condition.test.variables().flatten() {
                add(&mut variables, variable.key());
            }
        }
        for template in &search.clauses.templates {
            let parts = template.parts().into_iter().flatten();
            for variable in parts.flat_map(Pattern::variables) {
                add(&mut variables, variable.key());
            }
        }
        for open in &search.clauses.open {
            let key = open.condition.key.as_str();
            if !variables.iter().any(|variable| eq_folded(variable, key)) {
                add(&mut compared, key);
            }
        }
        let conditions = search.clauses.open.iter().map(|open| open.condition);
        let mut of_templates = search.clauses.templates.iter().flat_map(|template| {
            let parts = template.parts().into_iter().flatten();
            parts.flat_map(Pattern::variables)
        });
        let reads_caller = conditions
            .into_iter()
            .any(|condition| reads(condition, principals::is_key))
            || of_templates.any(|variable| principals::is_key(variable.key()));
        Self {
            variables,
            compared,
            reads_caller,
            pieces: pieces(search),
        }
    }

    /// The callers to try. If no unsolved clause depends on the caller, these are one for each set of statements that a
    /// caller lets apply; otherwise all callers, and users with the names that the documents compare with.
    fn callers(&self, search: &Search<'d, '_>, action: &ActionClass<'_>) -> Vec<Caller> {
        let mut seen = HashSet::new();
        let callers = search.callers.iter().filter(|caller| {
            let is_new = seen.insert(search.of_caller(caller).and(&action.statements));
            is_new || self.reads_caller
        });
        let mut callers: Vec<Caller> = callers.cloned().collect();
        let can_be_user = search.comparison.policy_type() != PolicyType::Session;
        let account = search
            .accounts
            .first()
            .filter(|_| self.reads_caller && can_be_user);
        callers.extend(account.into_iter().flat_map(|account| {
            let user = move |name: &&str| {
                format!("arn:aws:iam::{account}:user/{name}")
                    .parse::<Principal>()
                    .ok()
            };
            self.pieces
                .iter()
                .filter_map(user)
                .map(|principal| Caller { principal })
        }));
        callers
    }

    /// Values for the variables: those that conditions distinguish, and those that other keys are compared with.
    fn fills(&self, search: &Search<'d, '_>, way: Way, action: &ActionClass<'_>) -> Vec<Fill<'d>> {
        let nothing = RequestContext::new();
        let mut fills: Vec<Fill<'d>> = vec![Vec::new()];
        for key in &self.variables {
            // Values of the keys that are compared with this key are worth trying for this key as well.
            let conditions: Vec<&Condition> = all_conditions(search)
                .filter(|condition| {
                    !condition.has_variables()
                        && (eq_folded(condition.key.as_str(), key)
                            || self
                                .compared
                                .iter()
                                .any(|other| eq_folded(condition.key.as_str(), other)))
                })
                .collect();
            let mut candidates = Candidates::of(key, &conditions, &nothing).present;
            candidates.retain(|values| values.len() == 1);
            let others = self.pieces.iter().copied().chain([EXAMPLE_VALUE]);
            candidates.extend(others.map(|value| vec![value.to_owned()]));
            let candidates = search.present_or_not(key, &candidates, way, action);
            fills = fills
                .iter()
                .flat_map(|fill| {
                    let longer = |values: &Values| [fill.as_slice(), &[(*key, values.clone())]].concat();
                    candidates.iter().map(longer).collect::<Vec<_>>()
                })
                .take(FILLS_MAX)
                .collect();
        }
        fills
    }
}

/// Requests by one caller for one action, with the variables filled in.
struct Case<'c, 'd, 's> {
    search: &'c Search<'d, 's>,
    linked: &'c Linked<'d>,
    way: Way,
    action: (usize, &'c ActionClass<'s>),
    caller: &'c Caller,
    fill: &'c Fill<'d>,
}

impl Case<'_, '_, '_> {
    fn examine(&self, found: &mut Found, budget: &mut Budget) -> Result<(), Spent> {
        budget.take()?;
        let Self { search, caller, .. } = self;
        let (number, action) = self.action;
        let mut base = RequestContext::new();
        caller.add_keys(&mut base);
        for (key, values) in self.fill {
            if !values.is_empty() {
                base.insert_all((*key).to_owned(), values.clone());
            }
        }
        let start = action
            .statements
            .and(&search.of_caller(caller))
            .and(&self.bits(&base, |condition| {
                let key = condition.key.as_str();
                let is_known =
                    self.fill.iter().any(|(filled, _)| eq_folded(filled, key)) || principals::is_key(key);
                is_known && !reads(condition, resources::is_key)
            }));
        let Some(targets) = self.targets(&base, budget)? else {
            return Err(Spent);
        };
        let mut dimensions = vec![
            targets
                .iter()
                .map(|target| self.of_target(target, &base))
                .collect::<Vec<_>>(),
        ];
        let mut values: Vec<(&str, Vec<Values>)> = Vec::new();
        let is_linked = |key: &str| {
            let mut linked = self.linked.compared.iter().chain(&self.linked.variables);
            linked.any(|other| eq_folded(other, key))
        };
        let solved = search.clauses.of_keys.values().filter(|key| !is_linked(key.name));
        let solved = solved.map(|key| (key.name, key.candidates.present.clone()));
        let compared = self.linked.compared.iter().map(|key| {
            let conditions: Vec<&Condition> = all_conditions(search)
                .filter(|condition| eq_folded(condition.key.as_str(), key))
                .collect();
            (*key, Candidates::of(key, &conditions, &base).present)
        });
        for (key, candidates) in compared.chain(solved) {
            let candidates = search.present_or_not(key, &candidates, self.way, action);
            let sets = candidates.iter().map(|values| {
                let mut context = base.clone();
                if !values.is_empty() {
                    context.insert_all(key.to_owned(), values.clone());
                }
                self.bits(&context, |condition| eq_folded(condition.key.as_str(), key))
            });
            dimensions.push(sets.collect());
            values.push((key, candidates));
        }
        for reached in reach(&start, &dimensions, budget, |set, kept| {
            search.comparison.settled(&set, kept)
        })? {
            let (before, after) = search.comparison.sayings(&reached.set);
            let Some(change) = search.comparison.change(before, after) else {
                continue;
            };
            let key = (number, change, before, after);
            if found.contains_key(&key) {
                continue;
            }
            let [target, others @ ..] = reached.choices.as_slice() else {
                continue;
            };
            let Some(target) = targets.get(*target) else {
                continue;
            };
            let chosen = values.iter().zip(others);
            let chosen =
                chosen.filter_map(|((key, candidates), choice)| Some((*key, candidates.get(*choice)?)));
            let filled = self.fill.iter().map(|(key, values)| (*key, values));
            let example = example(caller, action, target, filled.chain(chosen));
            if let Some(difference) = search.comparison.confirmed((before, after), example) {
                found.insert(key, Some(difference));
            }
        }
        Ok(())
    }

    /// The resources to try; `None` if the patterns overlap in too many ways.
    fn targets(&self, base: &RequestContext<'_>, budget: &mut Budget) -> Result<Option<Vec<Target>>, Spent> {
        let (_, action) = self.action;
        let mut patterns: Patterns = self.search.patterns();
        for template in &self.search.clauses.templates {
            let Some(parts) = template.parts() else { continue };
            let filled = parts.each_ref().map(|part| part.resolved(base));
            if let [Some(a), Some(b), Some(c), Some(d), Some(e), Some(f)] = filled {
                patterns.add(&[a, b, c, d, e, f]);
            }
        }
        for condition in self.search.clauses.open.iter().map(|open| open.condition) {
            let key = condition.key.as_str();
            let filled = condition.test.resolved(base);
            let matcher = filled.and_then(|test| forms::matcher(&test, Class::NotColon));
            if let Some(matcher) = matcher.filter(|_| resources::is_key(key)) {
                patterns.add_of_key(key, matcher);
            }
            // The condition may compare the caller with the owner, so the caller's account is worth trying.
            if let Some(account) = self.caller.principal.account()
                && reads(condition, resources::is_account)
            {
                patterns.add_of_key("aws:ResourceAccount", Matcher::exactly(account));
            }
        }
        match patterns.targets(&action.targets, action.action.service(), budget) {
            Ok(targets) => Ok(Some(targets)),
            Err(resources::Unsolved::TooMany) => Ok(None),
            Err(resources::Unsolved::Spent) => Err(Spent),
        }
    }

    fn of_target(&self, target: &Target, base: &RequestContext<'_>) -> Bits {
        let mut context = base.clone();
        target.add_keys(&mut context);
        let is_linked = |key: &str| {
            self.linked
                .compared
                .iter()
                .any(|compared| eq_folded(compared, key))
        };
        let of_keys = self.bits(&context, |condition| {
            reads(condition, resources::is_key) && !is_linked(condition.key.as_str())
        });
        let statements = &self.search.comparison.statements;
        let of_resource = Bits::of(statements.len(), |index| {
            statements.get(index).is_some_and(|statement| {
                let clause = statement.resource.as_ref();
                clause.is_none_or(|clause| clause.lets_apply(statement.effect, &target.resource, &context))
            })
        });
        of_keys.and(&of_resource)
    }

    /// The statements whose conditions hold, of the conditions that `is_asked` selects.
    fn bits(&self, context: &RequestContext<'_>, is_asked: impl Fn(&Condition) -> bool) -> Bits {
        let statements = &self.search.comparison.statements;
        Bits::of(statements.len(), |index| {
            statements.get(index).is_some_and(|statement| {
                let mut conditions = statement.conditions.iter();
                conditions
                    .all(|condition| !is_asked(condition) || condition.lets_apply(statement.effect, context))
            })
        })
    }
}

fn all_conditions<'c, 'd>(search: &'c Search<'d, '_>) -> impl Iterator<Item = &'d Condition> + use<'c, 'd> {
    search
        .comparison
        .statements
        .iter()
        .flat_map(|statement| &statement.conditions)
}

/// The texts between wildcards and separators in resources and in the values of conditions.
fn pieces<'d>(search: &Search<'d, '_>) -> BTreeSet<&'d str> {
    let statements = search.comparison.statements.iter();
    let last = |entry: &'d ResourcePattern| {
        let [.., last] = entry.parts()?;
        Some(last.as_str())
    };
    let of_resources = statements
        .flat_map(|statement| entries_of(statement))
        .filter_map(last);
    let of_conditions =
        all_conditions(search).flat_map(|condition| condition.texts.iter().map(|text| &**text));
    let pieces = of_resources
        .chain(of_conditions)
        .filter(|text| !text.contains('$'))
        .flat_map(|text| text.split(['/', ':', '*', '?']))
        .filter(|piece| !piece.is_empty());
    pieces.take(PIECES_MAX).collect()
}

/// A value for variables that differs from all others.
const EXAMPLE_VALUE: &str = "example";

/// The most texts that are tried in place of variables.
const PIECES_MAX: usize = 30;

/// The most combinations of values that are tried for the variables.
const FILLS_MAX: usize = 200;

/// The most callers with values of variables that are tried for an action: each costs about as much as a small
/// comparison.
const CASES_MAX: usize = 400;
