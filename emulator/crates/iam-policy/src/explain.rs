//! Explanations: the decision again, with the reason why each statement of each document applies or does not.
//!
//! One structure serves a journal, a `--explain` switch, a one-line summary and the near miss. It is computed
//! separately from the decision: [`evaluate`](crate::evaluate()) does no work for it, and a property test checks
//! that the two agree.

mod clauses;
mod failed;

use std::cell::LazyCell;
use std::cmp::Reverse;

use serde::Serialize;

use crate::action::Action;
use crate::context::RequestContext;
use crate::decision::{DecidedBy, Decision, Evaluation, Layer};
use crate::document::{PolicyDocument, PolicyType, Version};
use crate::evaluate::{Policies, Request, evaluate};
use crate::outline::{Place, StatementOutline};
use crate::principal::IdentityKind;
use crate::resource::Resource;
use crate::statement::{Effect, Sid, Statement};

/// A decision, with the part that each statement played in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The decision.
    #[serde(flatten)]
    pub evaluation: Evaluation,
    /// Every statement of every document, in the order in which the layers are evaluated.
    pub statements: Vec<StatementExplanation>,
    /// For an implicit deny, the statement of the denying layer that came closest to allowing the request.
    pub near_miss: Option<NearMiss>,
    /// What a reader may need to know to understand the decision; callers may add to it.
    pub notes: Vec<String>,
    /// The action, for the summary.
    #[serde(skip)]
    action: String,
}

/// Why one statement applies to the request, or does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatementExplanation {
    /// The type of its document.
    pub policy_type: PolicyType,
    /// The document's place among those of its type, from zero; the count runs across levels.
    pub policy: usize,
    /// The statement's place in the document, from zero.
    pub statement: usize,
    /// The statement's Sid.
    pub sid: Option<Sid>,
    /// What it does when it applies.
    pub effect: Effect,
    /// Whether it applies: whether every clause matches.
    pub matched: bool,
    /// Whether `Principal` or `NotPrincipal` matches; `None` where the document has neither.
    pub principal: Option<bool>,
    /// Whether `Action` or `NotAction` matches.
    pub action: bool,
    /// Whether `Resource` or `NotResource` matches; `None` where the document has neither.
    pub resource: Option<bool>,
    /// Each operator and key of `Condition`.
    pub conditions: Vec<ConditionExplanation>,
    /// The first clause that does not match, in the order of these fields.
    pub mismatch: Option<Mismatch>,
}

/// Whether one condition is true for the request, and why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConditionExplanation {
    /// The operator as the policy names it.
    pub operator: String,
    /// The key as the policy names it.
    pub key: String,
    /// Whether the condition is true.
    pub matched: bool,
    /// Why it is not true.
    pub reason: Option<String>,
}

/// A clause that does not match, with the request's value and the pattern it was compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Which clause.
    pub clause: Clause,
    /// Why it does not match, in words.
    pub reason: String,
    /// What the request had; `None` when it had nothing.
    pub value: Option<String>,
    /// The pattern that came closest; in a negated clause, the one that excluded the value.
    pub pattern: Option<String>,
    /// Every pattern and value that was tried and kept the clause from matching, in the order of the text.
    pub patterns: Vec<FailedPattern>,
}

/// A pattern, or a value of a condition, that kept its clause from matching.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedPattern {
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// As it is written.
    pub pattern: String,
}

/// The clauses of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clause {
    /// `Principal` or `NotPrincipal`
    Principal,
    /// `Action` or `NotAction`
    Action,
    /// `Resource` or `NotResource`
    Resource,
    /// One operator and key of `Condition`
    Condition,
}

/// The statement that came closest to allowing a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NearMiss {
    /// The statement.
    #[serde(flatten)]
    pub statement: DecidedBy,
    /// Why it does not apply.
    pub reason: String,
}

impl Explanation {
    /// A decision without explained statements, and a note that says why there are none.
    pub fn without_statements(evaluation: &Evaluation, action: &Action, note: impl Into<String>) -> Self {
        Self {
            evaluation: evaluation.clone(),
            statements: Vec::new(),
            near_miss: None,
            notes: vec![note.into()],
            action: action.to_string(),
        }
    }

    /// The decision in one line, for people.
    ///
    /// ```text
    /// allowed by statement 0 of VPC endpoint policy 0 (`Inspectors`)
    /// implicit deny: no VPC endpoint policy allows lookoutvision:DetectAnomalies; nearest is statement 0 of
    ///     VPC endpoint policy 0: the resource part `model/myProject/1` does not match
    ///     `model/myProject/myModel`
    /// ```
    pub fn summary(&self) -> String {
        match (
            self.evaluation.decision,
            &self.evaluation.decided_by,
            self.evaluation.layer,
        ) {
            (Decision::Allowed, Some(by), _) => format!("allowed by {by}"),
            (Decision::Allowed, None, _) => "allowed: no policy stands in the way".to_owned(),
            (Decision::ExplicitDeny, Some(by), _) => format!("explicit deny by {by}"),
            (_, _, layer) => {
                let layer = layer.map_or("policy", Layer::name);
                let mut summary = format!("implicit deny: no {layer} allows {}", self.action);
                if let Some(near_miss) = &self.near_miss {
                    summary.push_str(&format!(
                        "; nearest is {}: {}",
                        near_miss.statement, near_miss.reason
                    ));
                }
                summary
            }
        }
    }
}

/// Decides a request as [`evaluate`](crate::evaluate()) does, and explains the part of every statement.
pub fn explain(policies: &Policies<'_>, request: &Request<'_>) -> Explanation {
    let evaluation = evaluate(policies, request);
    let mut statements = Vec::new();
    let mut depths = Vec::new();
    for (policy, document) in policies.documents() {
        // Places are reported only for what does not match, so they are found only when needed.
        let outline = LazyCell::new(|| document.outline());
        for (index, statement) in document.statements().iter().enumerate() {
            let place = || outline.get(index);
            let (explained, depth) = explain_statement(document, policy, index, statement, request, place);
            statements.push(explained);
            depths.push(depth);
        }
    }
    let near_miss = match evaluation.decision {
        Decision::ImplicitDeny => near_miss(&evaluation, &statements, &depths, request.context),
        Decision::Allowed | Decision::ExplicitDeny => None,
    };
    let notes = notes(&evaluation, policies, request, &statements);
    Explanation {
        evaluation,
        statements,
        near_miss,
        notes,
        action: request.action.to_string(),
    }
}

/// Explains one statement. The number is how many parts of the resource matched before one did not.
fn explain_statement<'o>(
    document: &PolicyDocument,
    policy: usize,
    index: usize,
    statement: &Statement,
    request: &Request<'_>,
    outline: impl FnOnce() -> Option<&'o StatementOutline>,
) -> (StatementExplanation, usize) {
    let principal = statement
        .principal
        .as_ref()
        .map(|clause| clauses::principal(clause, request.principal));
    let action = clauses::action(&statement.action, request.action);
    let resource = statement
        .resource
        .as_ref()
        .map(|clause| clauses::resource(clause, statement.effect, request.resource, request.context));
    let depth = match &resource {
        Some(Err((_, depth))) => *depth,
        Some(Ok(())) | None => usize::MAX,
    };
    let resource = resource.map(|outcome| outcome.map_err(|(mismatch, _)| mismatch));
    let outcomes: Vec<_> = statement
        .conditions
        .iter()
        .map(|condition| clauses::condition(condition, statement.effect, request.context))
        .collect();

    let conditions = statement
        .conditions
        .iter()
        .zip(&outcomes)
        .map(|(condition, outcome)| ConditionExplanation {
            operator: condition.operator.to_string(),
            key: condition.key.to_string(),
            matched: outcome.is_ok(),
            reason: outcome.as_ref().err().map(|mismatch| mismatch.reason.clone()),
        })
        .collect();
    let (principal_matched, action_matched, resource_matched) = (
        principal.as_ref().map(Result::is_ok),
        action.is_ok(),
        resource.as_ref().map(Result::is_ok),
    );
    let false_condition = outcomes.iter().position(Result::is_err);
    let mut mismatch = principal
        .into_iter()
        .chain([action])
        .chain(resource)
        .chain(outcomes)
        .find_map(Result::err);
    if let Some(mismatch) = &mut mismatch
        && let Some(outline) = outline()
    {
        mismatch.patterns = failed::patterns(mismatch.clause, false_condition, statement, outline, request);
    }
    let explained = StatementExplanation {
        policy_type: document.policy_type(),
        policy,
        statement: index,
        sid: statement.sid.clone(),
        effect: statement.effect,
        matched: mismatch.is_none(),
        principal: principal_matched,
        action: action_matched,
        resource: resource_matched,
        conditions,
        mismatch,
    };
    (explained, depth)
}

/// The Allow statement of the denying layer with the fewest clauses that do not match. A statement about another
/// action is further away than one with any other mismatch. A statement for AWS's services is further away still,
/// because no caller with credentials is an AWS service. Among equals, the statement that matches more parts of the
/// resource wins.
fn near_miss(
    evaluation: &Evaluation,
    statements: &[StatementExplanation],
    depths: &[usize],
    context: &RequestContext<'_>,
) -> Option<NearMiss> {
    let layer = evaluation.layer?;
    let faults = |statement: &StatementExplanation| {
        let conditions: usize = statement
            .conditions
            .iter()
            .filter(|condition| !condition.matched)
            .map(|condition| if is_of_services(&condition.key) { 3 } else { 1 })
            .sum();
        2 * usize::from(!statement.action)
            + usize::from(statement.principal == Some(false))
            + usize::from(statement.resource == Some(false))
            + conditions
    };
    let (nearest, _) = statements
        .iter()
        .zip(depths)
        .filter(|(statement, _)| statement.effect == Effect::Allow && !statement.matched)
        .filter(|(statement, _)| Layer::from(statement.policy_type) == layer)
        .min_by_key(|(statement, depth)| (faults(statement), Reverse(**depth)))?;
    Some(NearMiss {
        statement: DecidedBy {
            policy_type: nearest.policy_type,
            policy: nearest.policy,
            statement: nearest.statement,
            sid: nearest.sid.clone(),
        },
        reason: near_miss_reason(nearest, context)?,
    })
}

/// The first mismatch of a statement. If that is an absent key, all absent keys are named, because their
/// cause is the same.
fn near_miss_reason(statement: &StatementExplanation, context: &RequestContext<'_>) -> Option<String> {
    let mismatch = statement.mismatch.as_ref()?;
    let mut absent: Vec<&str> = Vec::new();
    for condition in statement.conditions.iter().filter(|condition| !condition.matched) {
        if context.values(&condition.key).is_empty() && !absent.contains(&condition.key.as_str()) {
            absent.push(&condition.key);
        }
    }
    Some(match absent.as_slice() {
        [others @ .., last] if mismatch.value.is_none() && !others.is_empty() => {
            format!("{} and {last} are absent", others.join(", "))
        }
        _ => mismatch.reason.clone(),
    })
}

/// Whether a key distinguishes calls by AWS services from calls by callers with credentials.
fn is_of_services(key: &str) -> bool {
    ["aws:PrincipalIsAWSService", "aws:ViaAWSService"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(key))
}

fn notes(
    evaluation: &Evaluation,
    policies: &Policies<'_>,
    request: &Request<'_>,
    statements: &[StatementExplanation],
) -> Vec<String> {
    let mut notes = Vec::new();
    if evaluation.layer == Some(Layer::ResourceBased) {
        notes.push(match request.principal.account() {
            Some(account) => format!(
                "the caller's account {account} does not own the resource, and no policy of the resource allows it"
            ),
            None => "an anonymous caller has no policies of its own".to_owned(),
        });
    }
    let mismatched = |clause: Clause| {
        statements.iter().any(|statement| {
            statement
                .mismatch
                .as_ref()
                .is_some_and(|mismatch| mismatch.clause == clause)
        })
    };
    if *request.resource == Resource::Any && mismatched(Clause::Resource) {
        notes.push(format!(
            "{} has no resource type; only `\"Resource\": \"*\"` covers it",
            request.action
        ));
    }
    let false_about = |key: &str| {
        statements
            .iter()
            .flat_map(|statement| &statement.conditions)
            .any(|condition| !condition.matched && condition.key.eq_ignore_ascii_case(key))
    };
    // IAM User Guide, AWS global condition context keys.
    if false_about("aws:SourceIp")
        && request.context.values("aws:SourceIp").is_empty()
        && !request.context.values("aws:SourceVpce").is_empty()
    {
        notes.push("aws:SourceIp is absent over a VPC endpoint; aws:VpcSourceIp is there".to_owned());
    }
    if false_about("aws:PrincipalArn") && request.principal.kind() == Some(IdentityKind::AssumedRole) {
        notes.push("aws:PrincipalArn of a session is the role's ARN, not the session's".to_owned());
    }
    if let Some(caller) = request
        .principal
        .identity()
        .filter(|caller| caller.role_arn().is_none())
    {
        let roles = policies
            .documents()
            .flat_map(|(_, document)| document.named_roles());
        for role in roles.filter(|role| caller.can_be_session_of(role)) {
            let note = format!(
                "the path of the session's role is not known, so {role} was compared by its name alone"
            );
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
    for (policy, document) in policies.documents() {
        for (index, statement) in document.statements().iter().enumerate() {
            if statement.overflows(request.resource, request.context) {
                notes.push(format!(
                    "statement {index} of {} {policy}: {}, so a clause of it was not evaluated; that keeps an \
                     Allow from applying, and does not keep a Deny from it",
                    document.policy_type(),
                    clauses::OVERFLOW
                ));
            }
        }
        if document.version() == Version::V2008 && document.text().contains("${") {
            notes.push(format!(
                "{} {policy} has no `\"Version\": \"2012-10-17\"`, so its variables are ordinary text",
                document.policy_type()
            ));
        }
    }
    notes
}
