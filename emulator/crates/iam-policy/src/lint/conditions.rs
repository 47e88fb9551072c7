//! Conditions with the same outcome for every request, values that a key never has, and variables that never
//! have a value.

use super::form::Case;
use super::values::{Domain, Value};
use super::{Applies, Fact, FactScope, Keys, Locator, ServiceAction, actions, is_among};
use crate::condition::operator::{Polarity, SetOperator};
use crate::condition::{Condition, Test};
use crate::context::RequestContext;
use crate::document::PolicyType;
use crate::finding::FindingCode;
use crate::pattern::Pattern;
use crate::statement::{ActionClause, Effect, ResourceClause, Statement};
use crate::variable::Variable;

/// Checks the conditions and variables; returns whether all conditions can hold in one request.
pub(super) fn check(statement: &Statement, keys: &Keys<'_>, locator: &mut Locator<'_>) -> Applies {
    if let Some(clause) = &statement.resource {
        check_resource(clause, keys, locator);
    }
    let mut applies = Applies::Perhaps;
    for condition in &statement.conditions {
        applies = applies.min(check_condition(condition, statement.effect, keys, locator));
        check_actions(statement, condition, keys, locator);
        let (operator, key) = (condition.operator.to_string(), condition.key.as_str());
        for (index, variables) in condition.test.variables().enumerate() {
            let steps = ["Condition", &operator, key, &index.to_string()];
            check_variables(variables, keys, &steps, locator);
        }
    }
    applies
}

/// Reports actions that do not have the key of a condition, in a statement with actions that do.
///
/// Service Authorization Reference: a key belongs to some actions and is absent for the rest.
fn check_actions(statement: &Statement, condition: &Condition, keys: &Keys<'_>, locator: &mut Locator<'_>) {
    let (ActionClause::Action(entries), key) = (&statement.action, condition.key.as_str()) else {
        return;
    };
    if condition.holds_when_absent() || keys.absence(key).is_some() {
        return;
    }
    for (index, entry) in entries.iter().enumerate() {
        let of_entry = ActionClause::Action(vec![entry.clone()]);
        let of_entry = Keys {
            meant: &actions::meant(&of_entry, keys.service),
            others: &actions::others(&of_entry, keys.service),
            types: keys.types.clone(),
            ..*keys
        };
        if of_entry.absence(key).is_some() {
            let message = format!(
                "`{}` does not have the key `{key}`, so `{}` on it keeps the statement from applying",
                entry.as_str(),
                condition.operator
            );
            locator.report(
                FindingCode::ConditionNeverTrue,
                &["Action", &index.to_string()],
                message,
            );
        }
    }
}

/// The outcome of a condition over all requests that a statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Never,
    Always,
    Varies,
}

impl Outcome {
    fn of(holds: bool) -> Self {
        if holds { Self::Always } else { Self::Never }
    }

    fn applies(self, scope: FactScope) -> Applies {
        match self {
            Self::Never => Applies::never(scope),
            Self::Always | Self::Varies => Applies::Perhaps,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Never => "never true",
            Self::Always => "always true",
            Self::Varies => "not always true",
        }
    }

    fn code(self, scope: FactScope) -> FindingCode {
        match (scope, self) {
            (FactScope::Here, _) => FindingCode::KeyNotSimulated,
            (FactScope::Aws, Self::Never) => FindingCode::ConditionNeverTrue,
            (FactScope::Aws, _) => FindingCode::ConditionAlwaysTrue,
        }
    }
}

/// Why no request has a key.
struct Absence {
    why: String,
    scope: FactScope,
}

impl Keys<'_> {
    /// `None` when a request may have the key.
    fn absence(&self, key: &str) -> Option<Absence> {
        let never = |why: String| {
            Some(Absence {
                why,
                scope: FactScope::Aws,
            })
        };
        // IAM User Guide, AWS global condition context keys: absent when the request came over an endpoint.
        if self.policy_type == PolicyType::VpcEndpoint && key.eq_ignore_ascii_case("aws:SourceIp") {
            return never(
                "a request over a VPC endpoint has no `aws:SourceIp`; use `aws:VpcSourceIp`".to_owned(),
            );
        }
        // A statement without a known action is about other services, whose keys are not known.
        if self.meant.is_empty() {
            return None;
        }
        let service = self.service;
        if is_among(key, service.unset_keys) {
            let why = "AWS sets the key, and nothing here does".to_owned();
            return Some(Absence {
                why,
                scope: FactScope::Here,
            });
        }
        if let Some(Fact {
            values,
            reason,
            scope,
            ..
        }) = self.fact(key)
            && values.is_empty()
        {
            return Some(Absence {
                why: reason.clone(),
                scope: *scope,
            });
        }
        let special = service.actions.iter().any(|action| has_key(action, key, None));
        // The keys of the other actions are not known, except those that every action has.
        let is_global = !special
            && key
                .get(..4)
                .is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"));
        if !self.others.is_empty() && !is_global {
            return None;
        }
        if !service.sets(key) {
            return never(format!("no request to {} has the key", self.services()));
        }
        if special && !self.meant.iter().any(|action| has_key(action, key, None)) {
            return never("no action of the statement has the key".to_owned());
        }
        let types = self.types.as_deref();
        if special && !self.meant.iter().any(|action| has_key(action, key, types)) {
            let why = "no action of the statement has the key on a resource of the statement";
            return never(why.to_owned());
        }
        None
    }

    /// The prefixes of the actions that the statement is about.
    fn services(&self) -> String {
        let mut prefixes: Vec<String> = Vec::new();
        for action in self.meant {
            let prefix = format!("`{}`", action.prefix);
            if !prefixes.contains(&prefix) {
                prefixes.push(prefix);
            }
        }
        match prefixes.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => prefixes.concat(),
        }
    }

    /// Whether every request that the statement is about has the key.
    fn is_always_set(&self, key: &str) -> bool {
        let is_of_endpoint = self.policy_type == PolicyType::VpcEndpoint && is_among(key, &ENDPOINT_KEYS);
        is_of_endpoint || !self.meant.is_empty() && is_among(key, self.service.always_set_keys)
    }
}

/// Whether an action has a key on a resource of one of these types; `None` for any type.
fn has_key(action: &ServiceAction<'_>, key: &str, types: Option<&[&str]>) -> bool {
    let is_possible = |name: &str| types.is_none_or(|types| types.contains(&name));
    // If the action is authorised on none of these types, the statement is wrong anyway, so the types do not matter.
    let is_meant = action.resource_types.iter().any(|name| is_possible(name));
    is_among(key, action.condition_keys)
        || action
            .resource_keys
            .iter()
            .any(|(name, keys)| (is_possible(name) || !is_meant) && is_among(key, keys))
}

/// Why a value of a condition matches no value that the key has.
struct Flaw {
    why: String,
    scope: FactScope,
    telling: Telling,
}

/// Whether a flaw is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    /// In any case.
    Always,
    /// Only if no value of the condition matches anything: beside one that does, the value is meant for other requests.
    IfNoneMatches,
    /// Only for its consequence: the loader already reports that the value matches nothing.
    ByLoader,
}

fn is_always_told((_, flaw): &(usize, Flaw)) -> bool {
    flaw.telling == Telling::Always
}

/// Which of the values that its key can have a condition can match.
enum Matches {
    /// Some of them, or it is not known. The condition's values that match nothing are listed with their places.
    Some(Vec<(usize, Flaw)>),
    /// Nothing.
    None(Vec<Flaw>),
    /// All of them, though perhaps no single value of the condition does.
    All {
        why: String,
        scope: FactScope,
        flaws: Vec<(usize, Flaw)>,
    },
}

/// Checks a condition; returns whether it can hold in any request.
fn check_condition(
    condition: &Condition,
    effect: Effect,
    keys: &Keys<'_>,
    locator: &mut Locator<'_>,
) -> Applies {
    let (operator, key) = (condition.operator.to_string(), condition.key.as_str());
    if let Some(Absence { why, scope }) = keys.absence(key) {
        let outcome = Outcome::of(condition.holds_when_absent());
        report_outcome(condition, outcome, &why, scope, locator);
        return outcome.applies(scope);
    }
    // The outcome for every request, given the outcome for the requests that have the key.
    let overall = |when_present: bool| {
        let is_constant = keys.is_always_set(key) || when_present == condition.holds_when_absent();
        if is_constant {
            Outcome::of(when_present)
        } else {
            Outcome::Varies
        }
    };
    if let Test::Null(absences) = &condition.test {
        if condition.operator.set.is_some() {
            // The loader reports this.
            return Outcome::of(condition.holds_when_absent()).applies(FactScope::Aws);
        }
        let outcome = overall(absences.contains(&Some(false)));
        if keys.is_always_set(key) && stands_out(effect, outcome) {
            report_outcome(
                condition,
                outcome,
                "every request has the key",
                FactScope::Aws,
                locator,
            );
        }
        return outcome.applies(FactScope::Aws);
    }
    let is_negated = condition.operator.polarity == Polarity::Negated;
    let is_of_endpoint = keys.policy_type == PolicyType::VpcEndpoint && is_among(key, &OWN_ENDPOINT_KEYS);
    let steps = ["Condition", &operator, key];
    match matches(condition, keys) {
        Matches::None(flaws) => {
            let outcome = overall(is_negated);
            // A value that is wrong only here may be right on AWS, and the condition with it.
            let is_here = flaws.iter().any(|flaw| flaw.scope == FactScope::Here);
            let scope = if is_here { FactScope::Here } else { FactScope::Aws };
            if outcome == Outcome::Varies {
                let flaws = flaws.into_iter().enumerate();
                report_flaws(
                    condition,
                    flaws.filter(|(_, flaw)| flaw.telling != Telling::ByLoader),
                    locator,
                );
            } else if outcome == Outcome::Always || flaws.iter().any(|flaw| flaw.telling != Telling::ByLoader)
            {
                report_outcome(condition, outcome, &reasons(&flaws), scope, locator);
            }
            outcome.applies(scope)
        }
        Matches::All { why, scope, flaws } => {
            let outcome = overall(!is_negated);
            report_flaws(condition, flaws.into_iter().filter(is_always_told), locator);
            if stands_out(effect, outcome) {
                report_outcome(condition, outcome, &why, scope, locator);
            } else if is_of_endpoint {
                let message = format!("{why}, so `{operator}` on `{key}` filters nothing");
                locator.report(FindingCode::ConditionConstant, &steps, message);
            }
            outcome.applies(scope)
        }
        Matches::Some(flaws) => {
            report_flaws(condition, flaws.into_iter().filter(is_always_told), locator);
            if is_of_endpoint && keys.fact(key).is_none() {
                // The policy is evaluated only for requests that came over its endpoint, so the key always names
                // that endpoint or its VPC.
                let what = if key.eq_ignore_ascii_case("aws:SourceVpce") {
                    "the endpoint"
                } else {
                    "the VPC of the endpoint"
                };
                let message = format!(
                    "`{key}` is the same for every request that meets this policy, {what} that it is attached to: the \
                     condition filters nothing if it names that one, and decides every request alike if it names another"
                );
                locator.report(FindingCode::ConditionConstant, &steps, message);
            }
            Applies::Perhaps
        }
    }
}

/// Whether a constant outcome that is not a mistake by itself makes the statement a mistake: a Deny that denies
/// everything, or an Allow that allows nothing. The reverse is a guard that has nothing to do.
fn stands_out(effect: Effect, outcome: Outcome) -> bool {
    matches!(
        (effect, outcome),
        (Effect::Deny, Outcome::Always) | (Effect::Allow, Outcome::Never)
    )
}

/// Compares the values of the condition with those that its key can have.
fn matches(condition: &Condition, keys: &Keys<'_>) -> Matches {
    let key = condition.key.as_str();
    let count = condition.texts.len();
    let may_be_several = condition.multivalued
        || condition
            .operator
            .set
            .is_some_and(|set| set == SetOperator::ForAnyValue);
    if count == 0 || (condition.multivalued && condition.operator.set.is_none()) {
        return Matches::Some(Vec::new());
    }
    let domain = Domain::of(key);
    if let Some(why) = domain
        .as_ref()
        .and_then(|domain| domain.misread_by(condition.operator))
    {
        return Matches::None(vec![Flaw {
            why,
            scope: FactScope::Aws,
            telling: Telling::Always,
        }]);
    }
    let fact = keys.fact(key);
    let mut flaws: Vec<(usize, Flaw)> = Vec::new();
    // The values that the key is known to have and that no value of the condition has matched so far.
    let mut unmatched: Vec<&str> = fact.map_or(Vec::new(), |fact| {
        fact.values.iter().map(String::as_str).collect()
    });
    for (index, text) in condition.texts.iter().enumerate() {
        let Some(test) = condition.test.only(index) else {
            continue;
        };
        if let Some(flaw) = flaw_of(&test, text, key, domain.as_ref()) {
            flaws.push((index, flaw));
            continue;
        }
        let (Some(fact), false) = (fact, test.variables().any(|variables| !variables.is_empty())) else {
            continue;
        };
        let context = RequestContext::new();
        let hits = |value: &str| test.hits(value, &context);
        if !fact.values.iter().any(|value| hits(value)) {
            let is_elsewhere = fact.values_elsewhere.iter().any(|value| hits(value));
            let flaw = Flaw {
                why: format!("the key is not `{text}`, because {}", fact.reason),
                scope: fact.scope,
                telling: if is_elsewhere {
                    Telling::IfNoneMatches
                } else {
                    Telling::Always
                },
            };
            flaws.push((index, flaw));
        }
        unmatched.retain(|value| !hits(value));
    }
    match fact {
        _ if flaws.len() == count => Matches::None(flaws.into_iter().map(|(_, flaw)| flaw).collect()),
        Some(fact) if unmatched.is_empty() && !may_be_several => Matches::All {
            why: fact.reason.clone(),
            scope: fact.scope,
            flaws,
        },
        _ => Matches::Some(flaws),
    }
}

/// Why the key never has a value that this one matches, in any request.
fn flaw_of(test: &Test, text: &str, key: &str, domain: Option<&Domain>) -> Option<Flaw> {
    let aws = |why: String, is_told: bool| Flaw {
        why,
        scope: FactScope::Aws,
        telling: if is_told {
            Telling::ByLoader
        } else {
            Telling::Always
        },
    };
    if test.is_unreadable() {
        return Some(aws(format!("`{text}` cannot be read by the operator"), true));
    }
    let domain = domain?;
    let value = match test {
        Test::StringEquals(patterns) | Test::StringLike(patterns) => {
            Value::Text(patterns.first()?, Case::Counts)
        }
        Test::StringEqualsIgnoreCase(patterns) => Value::Text(patterns.first()?, Case::Ignored),
        Test::Arn(patterns) => Value::Arn(patterns.first()?),
        _ => return None,
    };
    let why = domain.flaw(value, text)?;
    Some(aws(why, is_told_by_loader(key, test, text)))
}

/// Whether the loader already reports that the text is not the id of a VPC or an endpoint.
fn is_told_by_loader(key: &str, test: &Test, text: &str) -> bool {
    let prefix = if key.eq_ignore_ascii_case("aws:SourceVpc") {
        "vpc-"
    } else if key.eq_ignore_ascii_case("aws:SourceVpce") {
        "vpce-"
    } else {
        return false;
    };
    let is_pattern = matches!(test, Test::StringLike(_)) && text.contains(['*', '?']);
    !is_pattern && !crate::loader::is_usual_id(text, prefix)
}

fn reasons(flaws: &[Flaw]) -> String {
    let mut reasons: Vec<&str> = Vec::new();
    for flaw in flaws {
        if !reasons.contains(&flaw.why.as_str()) {
            reasons.push(&flaw.why);
        }
    }
    let more = reasons.len().saturating_sub(REASONS_MAX);
    reasons.truncate(REASONS_MAX);
    let mut text = reasons.join("; ");
    if more > 0 {
        text.push_str(&format!("; and {more} more"));
    }
    text
}

fn report_outcome(
    condition: &Condition,
    outcome: Outcome,
    why: &str,
    scope: FactScope,
    locator: &mut Locator<'_>,
) {
    let (operator, key) = (condition.operator.to_string(), condition.key.as_str());
    let message = format!(
        "`{operator}` on `{key}` is {}{}: {why}",
        outcome.words(),
        scope.here()
    );
    locator.report(outcome.code(scope), &["Condition", &operator, key], message);
}

/// Reports values that match nothing beside others that may match, or under an operator that a missing key
/// satisfies.
fn report_flaws(
    condition: &Condition,
    flaws: impl Iterator<Item = (usize, Flaw)>,
    locator: &mut Locator<'_>,
) {
    let (operator, key) = (condition.operator.to_string(), condition.key.as_str());
    for (index, flaw) in flaws {
        let code = match flaw.scope {
            FactScope::Aws => FindingCode::ValueNeverMatches,
            FactScope::Here => FindingCode::KeyNotSimulated,
        };
        let message = format!(
            "`{key}` never has such a value{}: {}",
            flaw.scope.here(),
            flaw.why
        );
        locator.report(code, &["Condition", &operator, key, &index.to_string()], message);
    }
}

fn check_resource(clause: &ResourceClause, keys: &Keys<'_>, locator: &mut Locator<'_>) {
    let (name, entries) = match clause {
        ResourceClause::Resource(entries) => ("Resource", entries),
        ResourceClause::NotResource(entries) => ("NotResource", entries),
    };
    for (index, entry) in entries.iter().enumerate() {
        let variables = entry.parts().into_iter().flatten().flat_map(Pattern::variables);
        check_variables(variables, keys, &[name, &index.to_string()], locator);
    }
}

fn check_variables<'v>(
    variables: impl IntoIterator<Item = &'v Variable>,
    keys: &Keys<'_>,
    steps: &[&str],
    locator: &mut Locator<'_>,
) {
    // A default stands in for an absent key.
    let without_default = variables.into_iter().filter(|variable| !variable.has_default());
    for variable in without_default {
        let key = variable.key();
        if let Some(Absence { why, scope }) = keys.absence(key) {
            let code = match scope {
                FactScope::Aws => FindingCode::VariableNeverSet,
                FactScope::Here => FindingCode::KeyNotSimulated,
            };
            let message = format!(
                "`${{{key}}}` makes the pattern match nothing{}: {why}",
                scope.here()
            );
            locator.report(code, steps, message);
        }
    }
}

/// The keys that every request over an endpoint has (IAM User Guide, *AWS global condition context keys*).
const ENDPOINT_KEYS: [&str; 3] = ["aws:SourceVpce", "aws:SourceVpc", "aws:VpcSourceIp"];

/// Of these keys, those that are the same for every request over one endpoint.
const OWN_ENDPOINT_KEYS: [&str; 2] = ["aws:SourceVpce", "aws:SourceVpc"];

/// How many reasons a finding gives.
const REASONS_MAX: usize = 3;
