//! The search for differences: through every class of requests, and through more than can occur where clauses are not
//! solved.

use std::collections::{BTreeMap, HashSet};

use super::actions::{self, ActionClass};
use super::clauses::{Clauses, Fate, Open, entries_of, fates, reads, resource_lets_apply};
use super::comparison::{Comparison, Saying};
use super::concrete;
use super::keys::Values;
use super::principals::{self, Caller};
use super::requests::{Presence, Way, example, presence_by_way};
use super::resources::{self, Patterns, Target, Unsolved};
use super::sets::{Bits, Budget, reach};
use super::{Change, Diff, Difference, Undecided};
use crate::context::{RequestContext, eq_folded};
use crate::decision::Evaluation;
use crate::document::{PolicyDocument, PolicyType};
use crate::lint::Service;
use crate::resource::ResourcePattern;
use crate::statement::Effect;

/// The differences found, by what distinguishes them: the class of the action, the change, and what both documents
/// decide.
pub(super) type Found = BTreeMap<(usize, Change, Saying, Saying), Option<Difference>>;

/// What the search works on.
pub(super) struct Search<'d, 's> {
    pub(super) comparison: Comparison<'d>,
    pub(super) clauses: Clauses<'d>,
    pub(super) actions: Vec<ActionClass<'s>>,
    pub(super) callers: Vec<Caller>,
    pub(super) ways: Vec<Way>,
    pub(super) accounts: Vec<String>,
    always_set: Vec<&'s str>,
}

pub(super) fn run(
    old: &PolicyDocument,
    new: &PolicyDocument,
    service: &Service<'_>,
    classes_max: usize,
) -> Diff {
    let mut budget = Budget::new(classes_max);
    let comparison = Comparison::of(old, new);
    if comparison.is_of_equals() {
        return Diff {
            differences: Vec::new(),
            undecided: Vec::new(),
            classes: 0,
        };
    }
    let mut found = Found::new();
    let mut undecided = match Search::prepare(comparison, service) {
        Err(why) => vec![why],
        Ok(search) => search.differences(&mut found, &mut budget),
    };
    undecided.dedup();
    let mut seen = HashSet::new();
    let is_new = |difference: &Difference| {
        let by = |evaluation: &Evaluation| evaluation.decided_by.as_ref().map(|by| by.statement);
        let (before, after) = (by(&difference.before), by(&difference.after));
        seen.insert((
            difference.example.action.clone(),
            difference.change,
            before,
            after,
        ))
    };
    Diff {
        differences: found.into_values().flatten().filter(is_new).collect(),
        undecided,
        classes: budget.used(),
    }
}

impl<'d, 's> Search<'d, 's> {
    fn prepare(comparison: Comparison<'d>, service: &Service<'s>) -> Result<Self, Undecided> {
        let too_many = |what: &str| {
            whole(format!(
                "the {what} of the documents overlap in more ways than are tried"
            ))
        };
        let is_endpoint = comparison.policy_type() == PolicyType::VpcEndpoint;
        let clauses = Clauses::of(&comparison);
        // An endpoint leads to one service.
        let actions = actions::classes(&comparison.statements, service, is_endpoint)
            .map_err(|_| too_many("actions"))?;
        let conditions: Vec<_> = clauses.of_caller.conditions().collect();
        let accounts = comparison.accounts();
        let callers = principals::callers(
            &comparison.statements,
            &conditions,
            comparison.policy_type(),
            &accounts,
        )
        .map_err(|_| too_many("principals"))?;
        let reads_network = comparison
            .statements
            .iter()
            .flat_map(|statement| &statement.conditions)
            .any(|condition| reads(condition, |key| presence_by_way(key, Way::Public).is_some()));
        let ways = match () {
            () if is_endpoint => vec![Way::Endpoint],
            () if reads_network => vec![Way::Public, Way::Endpoint],
            () => vec![Way::Public],
        };
        Ok(Self {
            comparison,
            clauses,
            actions,
            callers,
            ways,
            accounts,
            always_set: service.always_set_keys.to_vec(),
        })
    }

    fn differences(&self, found: &mut Found, budget: &mut Budget) -> Vec<Undecided> {
        let mut targets = TargetLists::default();
        let mut open = Found::new();
        let mut undecided: Vec<Undecided> = Vec::new();
        for way in &self.ways {
            for (number, action) in self.actions.iter().enumerate() {
                let is_solved = self.clauses.are_solved(&self.comparison, &action.statements);
                let into = if is_solved { &mut *found } else { &mut open };
                let examined = match targets.of(self, action, budget) {
                    Ok(targets) => self.examine(*way, (number, action), targets, into, budget),
                    Err(why) => Err(unsolved(why, budget)),
                };
                if let Err(why) = examined {
                    if !undecided.contains(&why) {
                        undecided.push(why);
                    }
                    if budget.is_spent() {
                        return undecided;
                    }
                }
            }
        }
        if open.is_empty() {
            return undecided;
        }
        concrete::search(self, &open, found, &mut Budget::new(budget.max()));
        let is_shown = |(action, change, ..): &(usize, Change, Saying, Saying)| {
            found
                .keys()
                .any(|(of, as_what, ..)| (of, as_what) == (action, change))
        };
        let remaining = open.keys().filter(|key| !is_shown(key));
        for (action, change, ..) in remaining {
            let Some(class) = self.actions.get(*action) else {
                continue;
            };
            let is_new = *change == Change::NewAccess;
            let mut about = self
                .comparison
                .undecided(&self.clauses, &class.statements, is_new);
            if about.is_empty() {
                about.push(Undecided {
                    may_be_new_access: is_new,
                    ..self.unshown(class)
                });
            }
            for clause in about {
                match undecided.iter_mut().find(|known| known.clause == clause.clause) {
                    Some(known) => known.may_be_new_access |= is_new,
                    None => undecided.push(clause),
                }
            }
        }
        undecided
    }

    /// Examines every class of requests for one action that arrive one way.
    fn examine(
        &self,
        way: Way,
        (number, action): (usize, &ActionClass<'_>),
        targets: &[Target],
        found: &mut Found,
        budget: &mut Budget,
    ) -> Result<(), Undecided> {
        let is_solved = self.clauses.are_solved(&self.comparison, &action.statements);
        let callers: Vec<Bits> = self.callers.iter().map(|caller| self.of_caller(caller)).collect();
        let (of_targets, resources) = self.of_targets(targets)?;
        let mut dimensions = vec![callers, resources];
        let mut values: Vec<(&str, Vec<Values>)> = Vec::new();
        for key in self
            .clauses
            .of_keys
            .values()
            .filter(|key| !key.deciding.is_empty())
        {
            let candidates = self.present_or_not(key.name, &key.candidates.present, way, action);
            dimensions.push(
                candidates
                    .iter()
                    .map(|values| self.of_values(key.name, values))
                    .collect(),
            );
            values.push((key.name, candidates));
        }
        for open in &self.clauses.open {
            let is_absent = self.is_absent(open.condition.key.as_str(), way, action, targets);
            dimensions.push(self.of_open(open, is_absent));
        }
        let reached = reach(&action.statements, &dimensions, budget, |set, kept| {
            self.comparison.settled(&set, kept)
        })
        .map_err(|_| spent(budget))?;
        for reached in reached {
            let (before, after) = self.comparison.sayings(&reached.set);
            let Some(change) = self.comparison.change(before, after) else {
                continue;
            };
            let key = (number, change, before, after);
            if found.contains_key(&key) {
                continue;
            }
            if !is_solved {
                found.insert(key, None);
                continue;
            }
            let [caller, target, others @ ..] = reached.choices.as_slice() else {
                continue;
            };
            let target = of_targets.get(*target).and_then(|target| targets.get(*target));
            let (Some(caller), Some(target)) = (self.callers.get(*caller), target) else {
                continue;
            };
            let chosen = values
                .iter()
                .zip(others)
                .filter_map(|((key, candidates), choice)| Some((*key, candidates.get(*choice)?)));
            let example = example(caller, action, target, chosen);
            let difference = self.comparison.confirmed((before, after), example);
            let difference = difference.ok_or_else(|| self.unshown(action))?;
            found.insert(key, Some(difference));
        }
        Ok(())
    }

    fn unshown(&self, action: &ActionClass<'_>) -> Undecided {
        whole(format!(
            "no request for {} was found that shows the difference",
            action.action
        ))
    }

    /// The statements that a caller lets apply.
    pub(super) fn of_caller(&self, caller: &Caller) -> Bits {
        let mut context = RequestContext::new();
        caller.add_keys(&mut context);
        Bits::of(self.comparison.statements.len(), |index| {
            self.comparison.statements.get(index).is_some_and(|statement| {
                let principal = statement.principal.as_ref();
                principal.is_none_or(|clause| clause.matches(&caller.principal))
                    && self.clauses.of_caller.holds(index, statement.effect, &context)
            })
        })
    }

    /// The statements that each resource lets apply, one set for each combination of outcomes of the patterns with
    /// variables; and, for each set, the number of its resource.
    fn of_targets(&self, targets: &[Target]) -> Result<(Vec<usize>, Vec<Bits>), Undecided> {
        let mut of_which = Vec::new();
        let mut sets = Vec::new();
        for (number, target) in targets.iter().enumerate() {
            let mut context = RequestContext::new();
            target.add_keys(&mut context);
            for assigned in assignments(&self.clauses.templates, target)? {
                let fate = |entry: &ResourcePattern| {
                    let known = assigned.iter().find(|(text, _)| *text == entry.as_str());
                    known.map_or(Fate::Differs, |(_, fate)| *fate)
                };
                sets.push(Bits::of(self.comparison.statements.len(), |index| {
                    self.comparison.statements.get(index).is_some_and(|statement| {
                        resource_lets_apply(statement, &target.resource, fate)
                            && self.clauses.of_resource.holds(index, statement.effect, &context)
                    })
                }));
                of_which.push(number);
            }
        }
        Ok((of_which, sets))
    }

    /// The statements that the values of a key let apply.
    pub(super) fn of_values(&self, key: &str, values: &Values) -> Bits {
        let mut context = RequestContext::new();
        if !values.is_empty() {
            context.insert_all(key.to_owned(), values.clone());
        }
        let deciding = self.clauses.of_keys.values().find(|known| known.name == key);
        Bits::of(self.comparison.statements.len(), |index| {
            self.comparison.statements.get(index).is_some_and(|statement| {
                deciding.is_none_or(|key| key.deciding.holds(index, statement.effect, &context))
            })
        })
    }

    /// Whether no request for an action that arrives this way has a key.
    fn is_absent(&self, key: &str, way: Way, action: &ActionClass<'_>, targets: &[Target]) -> bool {
        if resources::is_account(key) {
            // A request that is authorised on `*` has no owner of a resource.
            return targets.iter().all(|target| target.resource.arn().is_none());
        }
        let follows = principals::is_key(key) || resources::is_key(key);
        !follows && self.presence(key, way, action) == Presence::Never
    }

    /// The statements that each outcome of an open clause lets apply.
    fn of_open(&self, open: &Open<'_>, is_absent: bool) -> Vec<Bits> {
        let outcomes = match is_absent {
            true => vec![(
                open.condition.holds_when_absent(),
                open.condition.holds_when_absent(),
            )],
            false => open.outcomes(),
        };
        let outcomes = outcomes.into_iter();
        let sets = outcomes.map(|(for_allow, for_deny)| {
            Bits::of(self.comparison.statements.len(), |index| {
                let has_it = open.places.iter().any(|(statement, _)| *statement == index);
                let effect = self
                    .comparison
                    .statements
                    .get(index)
                    .map(|statement| statement.effect);
                !has_it
                    || match effect {
                        Some(Effect::Deny) => for_deny,
                        _ => for_allow,
                    }
            })
        });
        sets.collect()
    }

    /// The values that a key can have in requests for an action that arrive this way; first absent, if it can be.
    pub(super) fn present_or_not(
        &self,
        key: &str,
        present: &[Values],
        way: Way,
        action: &ActionClass<'_>,
    ) -> Vec<Values> {
        match self.presence(key, way, action) {
            Presence::Always => present.to_vec(),
            Presence::Never => vec![Values::new()],
            Presence::Sometimes => std::iter::once(Values::new())
                .chain(present.iter().cloned())
                .collect(),
        }
    }

    fn presence(&self, key: &str, way: Way, action: &ActionClass<'_>) -> Presence {
        let is_always_set = self.always_set.iter().any(|name| eq_folded(name, key));
        presence_by_way(key, way).unwrap_or(match () {
            () if is_always_set => Presence::Always,
            () if !action.can_have(key) => Presence::Never,
            () => Presence::Sometimes,
        })
    }

    /// The patterns of all `Resource` and `NotResource` entries, with the conditions on keys that follow from the
    /// resource.
    pub(super) fn patterns(&self) -> Patterns {
        let conditions: Vec<_> = self.clauses.of_resource.conditions().collect();
        let entries = self
            .comparison
            .statements
            .iter()
            .flat_map(|statement| entries_of(statement));
        Patterns::of(entries, &conditions, &self.accounts)
    }
}

/// The resources to try, for each kind of resources that actions are authorised on.
#[derive(Default)]
struct TargetLists(BTreeMap<String, Result<Vec<Target>, Unsolved>>);

impl TargetLists {
    fn of(
        &mut self,
        search: &Search<'_, '_>,
        action: &ActionClass<'_>,
        budget: &mut Budget,
    ) -> Result<&[Target], Unsolved> {
        let service = action.action.service();
        let name = format!("{service} {:?}", action.targets);
        let targets = self
            .0
            .entry(name)
            .or_insert_with(|| search.patterns().targets(&action.targets, service, budget));
        targets.as_deref().map_err(|why| *why)
    }
}

/// Each combination of outcomes that the patterns with variables can have for a resource.
fn assignments<'t>(
    templates: &[&'t ResourcePattern],
    target: &Target,
) -> Result<Vec<Vec<(&'t str, Fate)>>, Undecided> {
    let mut assignments = vec![Vec::new()];
    for template in templates {
        let fates = fates(template, &target.resource);
        if assignments.len() * fates.len() > ASSIGNMENTS_MAX {
            return Err(whole(
                "there are more resources with variables than are tried together".to_owned(),
            ));
        }
        assignments = assignments
            .iter()
            .flat_map(|assigned: &Vec<(&str, Fate)>| {
                let text = template.as_str();
                fates
                    .iter()
                    .map(move |fate| [assigned.as_slice(), &[(text, *fate)]].concat())
            })
            .collect();
    }
    Ok(assignments)
}

fn whole(reason: String) -> Undecided {
    Undecided {
        clause: None,
        reason,
        may_be_new_access: true,
    }
}

fn spent(budget: &Budget) -> Undecided {
    whole(format!(
        "there are more than {} classes of requests",
        budget.max()
    ))
}

fn unsolved(why: Unsolved, budget: &Budget) -> Undecided {
    match why {
        Unsolved::TooMany => {
            whole("the resources of the documents overlap in more ways than are tried".to_owned())
        }
        Unsolved::Spent => spent(budget),
    }
}

/// The most combinations of outcomes of patterns with variables.
const ASSIGNMENTS_MAX: usize = 729;
