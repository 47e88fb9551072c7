//! From tests to cases, and from cases to what the policies say about them.

use std::{collections::BTreeMap, fmt, net::IpAddr};

use aws_identifiers::{AccountId, Region};
use iam_policy::{
    DecidedBy, Decision, Explanation, Layer, NearMiss, Place, PolicyDocument, StatementExplanation,
};
use lookoutvision::operation::Operation;

use super::{
    combinations::{CASES_MAX, Combination, check_count, combinations, too_many},
    expectation::Expectation,
    tested::Tests,
    tree::{Mistakes, Spot},
    written::{TestFile, WrittenTest},
};
use crate::{
    authorization::{Changes, Coverage, Verdict},
    config::yaml::Position,
    workbench::{CallDecision, CallerName, SubjectName, last_part},
};

/// A case and its result
#[derive(Debug)]
pub(super) struct Case {
    /// Where its test stands
    pub(super) position: Position,
    /// The name of its test, with what distinguishes it from the other cases of the test
    pub(super) name: String,
    pub(super) asked: AskedOf,
    pub(super) expected: &'static str,
    pub(super) decision: CallDecision,
    pub(super) decided_by: Option<DecidedBy>,
    /// AWS's sentence for the refusal
    pub(super) message: Option<String>,
    pub(super) failure: Option<Failure>,
    /// What is odd about the question
    pub(super) warnings: Vec<String>,
}

/// What was asked
#[derive(Debug)]
pub(super) struct AskedOf {
    pub(super) operation: Operation,
    pub(super) action: String,
    pub(super) resource: String,
    pub(super) principal: String,
    /// `None`: the public endpoint
    pub(super) vpc_endpoint_id: Option<String>,
    pub(super) region: Region,
    pub(super) source_ip: IpAddr,
}

/// How the result of a case differs from what was expected
#[derive(Debug)]
pub(super) struct Failure {
    /// In one line
    pub(super) summary: String,
    pub(super) near_miss: Option<NearMiss>,
    /// Notes about condition keys
    pub(super) notes: Vec<String>,
    /// The statement that decided, or the pattern of the nearest one that did not match: line and column in its document
    pub(super) statement: Option<StatementPlace>,
}

/// Where a statement, or a pattern in it, stands
#[derive(Debug)]
pub(super) struct StatementPlace {
    pub(super) document: PolicyDocument,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Which cases are run, and whether their coverage is counted
pub(super) struct Choice<'c> {
    /// Only cases whose name contains this text, in lower case; `None`: all
    pub(super) filter: Option<String>,
    pub(super) coverage: Option<&'c Coverage>,
}

impl Choice<'_> {
    fn has(&self, name: &str) -> bool {
        let filter = self.filter.as_ref();
        filter.is_none_or(|filter| name.to_lowercase().contains(filter))
    }
}

/// Every case of a file whose name contains the filter; mistakes are recorded
pub(super) fn cases(
    file: &TestFile,
    tests: &mut Tests,
    choice: &Choice<'_>,
    mistakes: &mut Mistakes,
) -> Vec<Case> {
    if let Some(coverage) = choice.coverage {
        tests.show(coverage);
    }
    if let Err(test) = check_count(&file.tests) {
        mistakes.at(&test.spot, too_many(test));
        return Vec::new();
    }
    let mut cases = Vec::new();
    for test in &file.tests {
        for combination in combinations(test) {
            // One combination is a case for each resource that it could be about.
            if cases.len() >= CASES_MAX {
                mistakes.at(&test.spot, too_many(test));
                return cases;
            }
            decide(test, &combination, tests, choice, &mut cases, mistakes);
        }
    }
    number_equal_names(&mut cases);
    cases
}

/// Asks the policies about one combination, which is as many cases as resources that it could be about
fn decide(
    test: &WrittenTest,
    combination: &Combination<'_>,
    tests: &mut Tests,
    choice: &Choice<'_>,
    cases: &mut Vec<Case>,
    mistakes: &mut Mistakes,
) {
    let given = &test.given;
    let or_test = |spot: &Option<Spot>| spot.clone().unwrap_or_else(|| test.spot.clone());
    let (scene, policies) = match tests {
        Tests::Configured(scene) => (scene.clone(), None),
        Tests::Policies(alone) => match account_of(combination) {
            Ok(account) => (alone.scene(&account), Some(&alone.policies)),
            Err(message) => return mistakes.at(&or_test(&given.principals.spot), message),
        },
    };
    let caller = match combination.principal {
        Some(name) => scene.caller(name),
        None => scene.only_caller(),
    };
    let caller = match caller {
        Ok(caller) => caller,
        Err(message) => return mistakes.at(&or_test(&given.principals.spot), message),
    };
    let region = combination
        .region
        .or_else(|| combination.resource.and_then(SubjectName::region));
    let (entry_point, region) = match scene.entry_point(combination.entry_point, region) {
        Ok(found) => found,
        Err(message) => return mistakes.at(&or_test(&given.entry_points.spot), message),
    };
    let subjects = match scene.subjects(
        combination.operation,
        &region,
        combination.resource,
        combination.is_pattern,
    ) {
        Ok(subjects) => subjects,
        Err(message) => return mistakes.at(&or_test(&given.resources.spot), message),
    };
    let has_several = subjects.len() > 1;
    for subject in &subjects {
        let vpc_endpoint_id = entry_point.vpc_endpoint_id().map(ToString::to_string);
        let call = scene.call(
            caller.clone(),
            entry_point.clone(),
            &region,
            combination.operation,
            subject,
            combination.source_ip,
        );
        let verdict = call.decide(Changes {
            context: &given.context,
            policies,
        });
        let asked = AskedOf {
            operation: combination.operation,
            action: verdict.action(),
            resource: verdict.resource(),
            principal: caller.principal.arn().to_owned(),
            vpc_endpoint_id,
            region: region.clone(),
            source_ip: combination.source_ip,
        };
        let name = name(test, &asked, has_several);
        if !choice.has(&name) {
            continue;
        }
        let mut case = if scene.refuses(&entry_point) {
            Case::refused(test, name, asked)
        } else {
            if let Some(coverage) = choice.coverage {
                verdict.count(coverage);
            }
            Case::decided(test, name, asked, &verdict)
        };
        // Policies alone declare nothing.
        if policies.is_none() {
            case.warnings
                .extend(scene.undeclared(combination.operation, &region, subject));
        }
        cases.push(case);
    }
}

impl fmt::Display for AskedOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            action,
            resource,
            principal,
            region,
            ..
        } = self;
        write!(f, "{action} on {resource} by {principal} ")?;
        match &self.vpc_endpoint_id {
            Some(id) => write!(f, "over {id} in {region}"),
            None => write!(f, "over the public endpoint of {region}"),
        }
    }
}

/// The account that everything belongs to when no configuration names one
fn account_of(combination: &Combination<'_>) -> Result<AccountId, String> {
    let of_resource = combination.resource.and_then(SubjectName::account);
    let account = of_resource.or_else(|| combination.principal.and_then(CallerName::account));
    let account = account.ok_or("who calls? name the ARN in `principal`, here or in `defaults`")?;
    account.parse().map_err(|error| format!("{error}"))
}

/// How the decision about a call differs from what was expected
fn mistake(
    expectation: &Expectation,
    decision: CallDecision,
    decided_by: Option<&DecidedBy>,
    message: Option<&str>,
) -> Option<String> {
    if !expectation.agrees_with(decision) {
        return Some(format!("expected {}, got {decision}", expectation.decision()));
    }
    let wrong_statement = expectation.wrong_statement(decided_by);
    wrong_statement.or_else(|| expectation.wrong_message(message))
}

impl Case {
    /// A case whose call the policies decided
    fn decided(test: &WrittenTest, name: String, asked: AskedOf, verdict: &Verdict<'_>) -> Self {
        let evaluation = verdict.evaluation();
        let decision = CallDecision::Decided(evaluation.decision);
        let message = verdict.message();
        let summary = mistake(
            &test.expectation,
            decision,
            evaluation.decided_by.as_ref(),
            message.as_deref(),
        );
        // Explanations cost more than decisions, and nobody asks why something is as it should be.
        let failure =
            summary.map(|summary| Failure::of(summary, test.expectation.agrees_with(decision), verdict));
        Self {
            position: test.spot.position,
            name,
            asked,
            expected: test.expectation.decision(),
            decision,
            decided_by: evaluation.decided_by.clone(),
            message,
            failure,
            warnings: Vec::new(),
        }
    }

    /// A case whose call the server refuses before any policy is asked
    fn refused(test: &WrittenTest, name: String, asked: AskedOf) -> Self {
        let decision = CallDecision::Refused;
        let failure = mistake(&test.expectation, decision, None, None).map(|summary| Failure {
            summary: format!(
                "{summary}: the server answers calls over the public endpoint 421 before it asks any policy \
                 (`public_endpoint: refuse`)"
            ),
            near_miss: None,
            notes: Vec::new(),
            statement: None,
        });
        Self {
            position: test.spot.position,
            name,
            asked,
            expected: test.expectation.decision(),
            decision,
            decided_by: None,
            message: None,
            failure,
            warnings: Vec::new(),
        }
    }
}

impl Failure {
    fn of(mut summary: String, is_decision_right: bool, verdict: &Verdict<'_>) -> Self {
        let Explanation {
            evaluation,
            near_miss,
            notes,
            statements,
            ..
        } = verdict.explain();
        if !is_decision_right {
            summary.push_str(": ");
            summary.push_str(&match (evaluation.decision, &evaluation.decided_by, &near_miss) {
                (Decision::Allowed, Some(by), _) => format!("allowed by {by}"),
                (Decision::Allowed, None, _) => "no policy stands in the way".to_owned(),
                (Decision::ExplicitDeny, Some(by), _) => format!("denied by {by}"),
                (_, _, Some(near_miss)) => nearest(near_miss),
                (_, _, None) => {
                    let layer = evaluation.layer.map_or("policy", Layer::name);
                    format!("no {layer} allows {}", verdict.action())
                }
            });
        }
        let statement = match (&evaluation.decided_by, &near_miss) {
            (Some(by), _) => StatementPlace::of(by, None, verdict),
            (None, Some(near_miss)) => {
                let by = &near_miss.statement;
                let is_nearest = |statement: &&StatementExplanation| {
                    (statement.policy_type, statement.policy, statement.statement)
                        == (by.policy_type, by.policy, by.statement)
                };
                let mismatch = statements
                    .iter()
                    .find(is_nearest)
                    .and_then(|statement| statement.mismatch.as_ref());
                let failed = mismatch.and_then(|mismatch| mismatch.patterns.first());
                StatementPlace::of(by, failed.map(|failed| &failed.place), verdict)
            }
            (None, None) => None,
        };
        Self {
            summary,
            near_miss,
            notes,
            statement,
        }
    }
}

/// `nearest is statement 0 (Line): …`
fn nearest(near_miss: &NearMiss) -> String {
    let by = &near_miss.statement;
    let sid = by
        .sid
        .as_ref()
        .map_or_else(String::new, |sid| format!(" ({sid})"));
    format!("nearest is statement {}{sid}: {}", by.statement, near_miss.reason)
}

impl StatementPlace {
    /// The place of what is at fault, or else of the statement
    fn of(by: &DecidedBy, at_fault: Option<&Place>, verdict: &Verdict<'_>) -> Option<Self> {
        verdict.with_policies(|policies| {
            let document = policies.document(by.policy_type, by.policy)?;
            let outline = document.outline();
            let place = at_fault.or(Some(&outline.get(by.statement)?.place))?;
            Some(Self {
                document: document.clone(),
                line: place.line,
                column: place.column,
            })
        })
    }
}

/// The test's name, with what tells this case from its others in brackets
fn name(test: &WrittenTest, asked: &AskedOf, has_several_resources: bool) -> String {
    let given = &test.given;
    let has_several_operations = match test.operations.values.as_slice() {
        [only] => only.operations.len() > 1,
        _ => true,
    };
    let mut differing: Vec<&str> = Vec::new();
    if has_several_operations {
        differing.push(asked.operation.name());
    }
    if has_several_resources || given.resources.values.len() > 1 {
        differing.push(last_part(&asked.resource));
    }
    if given.principals.values.len() > 1 {
        differing.push(last_part(&asked.principal));
    }
    if given.entry_points.values.len() > 1 {
        differing.push(asked.vpc_endpoint_id.as_deref().unwrap_or("public endpoint"));
    }
    if given.regions.values.len() > 1 {
        differing.push(asked.region.as_str());
    }
    let source_ip = asked.source_ip.to_string();
    if given.source_ips.values.len() > 1 {
        differing.push(&source_ip);
    }
    match differing.as_slice() {
        [] => test.name.clone(),
        differing => format!("{} [{}]", test.name, differing.join(", ")),
    }
}

/// Numbers cases of equal names, because reports identify cases by their names
fn number_equal_names(cases: &mut [Case]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases {
        let count = seen.entry(case.name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            case.name.push_str(&format!(" #{count}"));
        }
    }
}
