//! Changes of policies that could let a denied call through; the caller finds out whether they do.

use iam_policy::{
    Clause, DecidedBy, Decision, Effect, Explanation, Layer, PolicyDocument, StatementExplanation,
    StatementOutline,
};
use serde_json::{Value, json};

use super::json_text;
use crate::{
    authorization::{PolicyChanges, Verdict},
    workbench::RecordedCall,
};

/// A document with another text
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) kind: EditKind,
    /// In one line
    pub(super) description: String,
    /// The document that is in force
    pub(super) before: PolicyDocument,
    /// The place of the document among those of its type
    pub(super) policy: usize,
    /// The text that it would have
    pub(super) after: String,
}

/// What is done to a document, from what changes least
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EditKind {
    /// The pattern that does not match is replaced by what the call has
    ReplacePattern,
    /// What the call has is added beside the patterns, or the values of a condition
    AddPattern,
    /// A statement is added for this call alone
    AddStatement,
    /// A statement that denies is narrowed
    NarrowDeny,
    /// The last part of the pattern becomes `*`
    WidenPattern,
}

/// How a clause that does not match is made to match
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Replace,
    Add,
    Widen,
}

/// What the call has, in the words of policies
pub(super) struct Wanted {
    pub(super) action: String,
    pub(super) resource: String,
    /// An entry of `Principal`; for a session it is the role
    pub(super) principal: String,
    /// Policies that are in force now, in place of those that decided the call
    pub(super) in_force: PolicyChanges,
}

/// Documents that could let a call through
pub(super) fn candidates(call: &RecordedCall, verdict: &Verdict<'_>, wanted: &Wanted) -> Vec<Candidate> {
    let explanation = verdict.explain();
    match (
        explanation.evaluation.decision,
        &explanation.evaluation.decided_by,
    ) {
        (Decision::Allowed, _) => Vec::new(),
        (Decision::ExplicitDeny, Some(by)) => narrowed(verdict, by, wanted),
        (_, _) => widened(call, verdict, &explanation, wanted),
    }
}

/// Changes of the layer that does not allow the call: each of its nearest statements made to match, or a new statement
fn widened(
    call: &RecordedCall,
    verdict: &Verdict<'_>,
    explanation: &Explanation,
    wanted: &Wanted,
) -> Vec<Candidate> {
    let Some(layer) = explanation.evaluation.layer else {
        return Vec::new();
    };
    let mut near: Vec<&StatementExplanation> = explanation
        .statements
        .iter()
        .filter(|statement| Layer::from(statement.policy_type) == layer)
        .filter(|statement| statement.effect == Effect::Allow && !statement.matched)
        .collect();
    near.sort_by_key(|statement| faults(statement));
    let mut candidates = Vec::new();
    for statement in near
        .into_iter()
        .filter(|statement| faults(statement) <= FAULTS_MAX)
        .take(STATEMENTS_MAX)
    {
        let Some(document) = document(verdict, statement.policy_type, statement.policy) else {
            continue;
        };
        for way in [Way::Replace, Way::Add, Way::Widen] {
            candidates.extend(made_to_match(call, &document, statement, way, wanted));
        }
    }
    let of_layer = verdict.documents().into_iter();
    let of_layer = of_layer.filter(|(_, document)| Layer::from(document.policy_type()) == layer);
    candidates.extend(of_layer.filter_map(|(policy, document)| with_statement(document, policy, wanted)));
    candidates
}

/// How many clauses do not match
fn faults(statement: &StatementExplanation) -> usize {
    let clauses = [Some(statement.action), statement.principal, statement.resource];
    let conditions = statement.conditions.iter().filter(|condition| !condition.matched);
    clauses.iter().filter(|matched| **matched == Some(false)).count() + conditions.count()
}

/// A document in which a statement matches: its first mismatching clause is changed in this way, the others by
/// additions
fn made_to_match(
    call: &RecordedCall,
    document: &PolicyDocument,
    statement: &StatementExplanation,
    way: Way,
    wanted: &Wanted,
) -> Option<Candidate> {
    let (mut text, mut way) = (document.text().to_owned(), way);
    let mut done: Vec<String> = Vec::new();
    let mut kind = None;
    let mut statement = statement.clone();
    // Each round makes one clause match.
    for _ in 0..FAULTS_MAX {
        let (changed, what) = clause_made_to_match(&text, &statement, way, wanted)?;
        kind.get_or_insert(match way {
            Way::Replace => EditKind::ReplacePattern,
            Way::Add => EditKind::AddPattern,
            Way::Widen => EditKind::WidenPattern,
        });
        way = Way::Add;
        text = changed;
        done.push(what);
        let changed = PolicyDocument::parse(&text, document.policy_type()).ok()?;
        statement = explained(call, wanted, document, &changed, &statement)?;
        if statement.matched {
            return Some(Candidate {
                kind: kind?,
                description: done.join("; "),
                before: document.clone(),
                policy: statement.policy,
                after: text,
            });
        }
    }
    None
}

/// The explanation of a statement for a call, with another document in place of the statement's own
fn explained(
    call: &RecordedCall,
    wanted: &Wanted,
    before: &PolicyDocument,
    after: &PolicyDocument,
    statement: &StatementExplanation,
) -> Option<StatementExplanation> {
    let changes = call.with_document(&wanted.in_force, before, after)?;
    let found = call.decide(&changes, |verdict| {
        let statements = verdict.explain().statements.into_iter();
        let mut same = statements.filter(|other| {
            (other.policy_type, other.policy, other.statement)
                == (statement.policy_type, statement.policy, statement.statement)
        });
        same.next()
    });
    found.flatten()
}

/// The text in which the first mismatching clause of a statement matches, and a description of the change
fn clause_made_to_match(
    text: &str,
    statement: &StatementExplanation,
    way: Way,
    wanted: &Wanted,
) -> Option<(String, String)> {
    let mismatch = statement.mismatch.as_ref()?;
    let (what, value) = match mismatch.clause {
        Clause::Principal => ("principal", wanted.principal.as_str()),
        Clause::Action => ("action", wanted.action.as_str()),
        Clause::Resource => ("resource", wanted.resource.as_str()),
        // Without a value there is nothing to compare.
        Clause::Condition => ("value", mismatch.value.as_deref()?),
    };
    // The pattern that came nearest.
    let nearest = mismatch
        .patterns
        .iter()
        .find(|failed| Some(&failed.pattern) == mismatch.pattern.as_ref())
        .or(mismatch.patterns.first())?;
    let path = &nearest.place.path;
    let is_negated = ["/NotPrincipal", "/NotAction", "/NotResource"]
        .iter()
        .any(|clause| path.contains(clause))
        || condition_operator(path).is_some_and(|operator| operator.contains("Not"));
    if is_negated {
        // The pattern that excludes the call is removed.
        let changed = (way == Way::Add)
            .then(|| json_text::remove(text, path))
            .flatten()?;
        return Some((changed, format!("{path}: without `{}`", nearest.pattern)));
    }
    let text_of = |value: &str| Value::from(value).to_string();
    // `"Principal": "*"` would have matched, so here it is an object.
    let changed = match way {
        Way::Replace => json_text::replace(text, path, &text_of(value))?,
        Way::Add => json_text::add_beside(text, path, &text_of(value))?,
        Way::Widen => {
            let widened = widen(&nearest.pattern).filter(|_| mismatch.clause == Clause::Resource)?;
            let changed = json_text::replace(text, path, &text_of(&widened))?;
            return Some((
                changed,
                format!("{path}: `{widened}` instead of `{}`", nearest.pattern),
            ));
        }
    };
    let what = match way {
        Way::Replace => format!("{path}: the {what} `{value}` instead of `{}`", nearest.pattern),
        _ => format!("{path}: the {what} `{value}` too"),
    };
    Some((changed, what))
}

/// `StringNotEquals`, of `/Statement/0/Condition/StringNotEquals/aws:SourceVpce/0`
fn condition_operator(path: &str) -> Option<&str> {
    path.split_once("/Condition/")?.1.split('/').next()
}

/// `…:model/myProject/1` → `…:model/myProject/*`
fn widen(pattern: &str) -> Option<String> {
    let (before, last) = pattern.rsplit_once('/')?;
    (last != "*").then(|| format!("{before}/*"))
}

/// The document with a statement that allows this call alone
fn with_statement(document: PolicyDocument, policy: usize, wanted: &Wanted) -> Option<Candidate> {
    let principal = match document.policy_type().has_principal() {
        true => format!("\"Principal\": {}, ", json!({"AWS": wanted.principal})),
        false => String::new(),
    };
    let statement = format!(
        "{{\"Effect\": \"Allow\", {principal}\"Action\": {}, \"Resource\": {}}}",
        Value::from(&*wanted.action),
        Value::from(&*wanted.resource)
    );
    let text = document.text();
    let after = match json_text::is_list(text, "/Statement") {
        true => json_text::add_beside(text, "/Statement/0", &statement),
        false => json_text::add_beside(text, "/Statement", &statement),
    };
    Some(Candidate {
        kind: EditKind::AddStatement,
        description: format!(
            "a statement that allows `{}` on `{}`",
            wanted.action, wanted.resource
        ),
        after: after?,
        before: document,
        policy,
    })
}

/// The document of a Deny, narrowed in each way that is possible
fn narrowed(verdict: &Verdict<'_>, by: &DecidedBy, wanted: &Wanted) -> Vec<Candidate> {
    let Some(document) = document(verdict, by.policy_type, by.policy) else {
        return Vec::new();
    };
    let outlines = document.outline();
    let Some(outline) = outlines.get(by.statement) else {
        return Vec::new();
    };
    let text = document.text();
    let mut changes: Vec<(Option<String>, String)> = Vec::new();
    let lists = [
        (&outline.action, wanted.action.as_str()),
        (&outline.resource, wanted.resource.as_str()),
        (&outline.principal, wanted.principal.as_str()),
    ];
    for (entries, value) in lists {
        for entry in entries {
            let path = &entry.place.path;
            let is_negated = path.contains("/NotAction")
                || path.contains("/NotResource")
                || path.contains("/NotPrincipal");
            changes.push(match is_negated {
                true => (
                    json_text::add_beside(text, path, &Value::from(value).to_string()),
                    format!("{path}: except `{value}` too"),
                ),
                false => (
                    json_text::remove(text, path),
                    format!("{path}: without `{}`", entry.value),
                ),
            });
        }
    }
    let context = verdict.context_json();
    for condition in &outline.conditions {
        let has = context
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(&condition.key));
        let has = has.and_then(|(_, values)| values.get(0)?.as_str());
        for entry in &condition.values {
            let path = &entry.place.path;
            changes.push(match (condition.operator.contains("Not"), has) {
                (true, Some(value)) => (
                    json_text::add_beside(text, path, &Value::from(value).to_string()),
                    format!("{path}: except `{value}` too"),
                ),
                _ => (
                    json_text::remove(text, path),
                    format!("{path}: without `{}`", entry.value),
                ),
            });
        }
    }
    changes.push((
        spared(text, outline, &wanted.principal),
        format!("{}: not for `{}`", outline.place.path, wanted.principal),
    ));
    changes
        .into_iter()
        .filter_map(|(after, description)| {
            Some(Candidate {
                kind: EditKind::NarrowDeny,
                description,
                before: document.clone(),
                policy: by.policy,
                after: after?,
            })
        })
        .collect()
}

/// A statement that exempts a principal by `ArnNotEquals` of `aws:PrincipalArn`
fn spared(text: &str, outline: &StatementOutline, principal: &str) -> Option<String> {
    let statement = &outline.place.path;
    let is_there = outline.conditions.iter().any(|condition| {
        condition.operator == "ArnNotEquals" && condition.key.eq_ignore_ascii_case("aws:PrincipalArn")
    });
    if is_there {
        // Its values were widened above.
        return None;
    }
    let condition = format!("{statement}/Condition");
    let operator = format!("{condition}/ArnNotEquals");
    let key = json!({"aws:PrincipalArn": principal}).to_string();
    if json_text::span(text, &operator).is_some() {
        json_text::add_member(
            text,
            &operator,
            "aws:PrincipalArn",
            &Value::from(principal).to_string(),
        )
    } else if json_text::span(text, &condition).is_some() {
        json_text::add_member(text, &condition, "ArnNotEquals", &key)
    } else {
        json_text::add_member(
            text,
            statement,
            "Condition",
            &format!("{{\"ArnNotEquals\": {key}}}"),
        )
    }
}

fn document(
    verdict: &Verdict<'_>,
    policy_type: iam_policy::PolicyType,
    policy: usize,
) -> Option<PolicyDocument> {
    verdict.with_policies(|policies| policies.document(policy_type, policy).cloned())
}

impl RecordedCall {
    /// The changes with one document in place of another, on top of other changes; `None`: the document was not asked
    pub(super) fn with_document(
        &self,
        changes: &PolicyChanges,
        before: &PolicyDocument,
        after: &PolicyDocument,
    ) -> Option<PolicyChanges> {
        let changes = self.decide(changes, |verdict| {
            verdict.with_policies(|policies| PolicyChanges::replacing(policies, before, after))
        });
        changes.flatten()
    }
}

/// The most clauses of one statement that are changed together
const FAULTS_MAX: usize = 3;

/// The most statements that are made to match
const STATEMENTS_MAX: usize = 4;
