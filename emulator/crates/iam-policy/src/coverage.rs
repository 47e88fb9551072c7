//! Coverage: which statements, patterns and conditions of a document requests have exercised.
//!
//! There are three kinds of units. A *statement* is covered when it matched once. An *element* (a pattern of
//! `Principal`, `Action` or `Resource`, or a value of a condition) is covered when it matched once by itself, whether
//! or not the rest of its statement did; under a negated element or operator, a match means that the element excludes
//! the request. A *condition* (an operator with one of its keys) is covered when it was true once and false once; it is
//! evaluated only where everything before it in the statement matched.
//!
//! ```
//! use iam_policy::{DocumentCounts, PolicyDocument, PolicyType, Request, RequestContext};
//!
//! let document = PolicyDocument::parse(
//!     r#"{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "*"}]}"#,
//!     PolicyType::VpcEndpoint,
//! )?;
//! let mut counts = DocumentCounts::new(document);
//! counts.count(&Request {
//!     principal: &"arn:aws:iam::123456789012:user/alice".parse()?,
//!     action: &"s3:GetObject".parse()?,
//!     resource: &"arn:aws:s3:::bucket/key".parse()?,
//!     resource_account: None,
//!     context: &RequestContext::new(),
//! });
//! let coverage = counts.coverage();
//! assert_eq!(coverage.statements[0].matched, 1);
//! // `*`, `s3:GetObject` and `*` matched, and `s3:PutObject` did not.
//! assert_eq!((coverage.totals.elements.covered, coverage.totals.elements.of), (3, 4));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use serde::Serialize;

use crate::condition::Condition;
use crate::context::RequestContext;
use crate::document::PolicyDocument;
use crate::evaluate::Request;
use crate::outline::Place;
use crate::statement::{Effect, Sid, Statement};

/// How many requests exercised each part of a document.
#[derive(Debug, Clone)]
pub struct DocumentCounts {
    document: PolicyDocument,
    requests: u64,
    /// INVARIANT: one for each statement, with as many counts as that statement has parts.
    statements: Box<[StatementCounts]>,
}

#[derive(Debug, Clone)]
struct StatementCounts {
    matched: u64,
    decided: u64,
    /// Entries of principal, action and resource, in this order, then the values of the conditions.
    elements: Box<[u64]>,
    conditions: Box<[ConditionCounts]>,
}

#[derive(Debug, Clone, Default)]
struct ConditionCounts {
    was_true: u64,
    was_false: u64,
}

/// The coverage of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DocumentCoverage {
    /// How many requests the document was evaluated for.
    pub requests: u64,
    /// Its statements.
    pub statements: Vec<StatementCoverage>,
    /// How much is covered.
    pub totals: Totals,
}

/// The coverage of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatementCoverage {
    /// Its place in the document, from zero.
    pub statement: usize,
    /// Its Sid.
    pub sid: Option<Sid>,
    /// Its effect when it matches.
    pub effect: Effect,
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// How many requests it was evaluated for.
    pub evaluated: u64,
    /// How many of them it matched.
    pub matched: u64,
    /// How many of them it decided.
    pub decided: u64,
    /// Its patterns, and the values of its conditions.
    pub elements: Vec<ElementCoverage>,
    /// Its conditions.
    pub conditions: Vec<ConditionCoverage>,
}

/// The coverage of a pattern or a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ElementCoverage {
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// As it is written.
    pub value: String,
    /// How many requests it matched.
    pub matched: u64,
}

/// The coverage of an operator with one of its keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConditionCoverage {
    /// Where the key stands.
    #[serde(flatten)]
    pub place: Place,
    /// The operator as the policy names it.
    pub operator: String,
    /// The key as the policy names it.
    pub key: String,
    /// How many requests it was true for.
    #[serde(rename = "true")]
    pub was_true: u64,
    /// How many requests it was false for.
    #[serde(rename = "false")]
    pub was_false: u64,
}

/// How much is covered of each kind of unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Statements that matched.
    pub statements: Covered,
    /// Patterns and values that matched.
    pub elements: Covered,
    /// Conditions that were true once and false once.
    pub conditions: Covered,
}

/// How many of a kind of unit are covered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Covered {
    /// How many are covered.
    pub covered: u64,
    /// How many there are.
    pub of: u64,
}

impl DocumentCounts {
    /// Counts for a document, all zero.
    pub fn new(document: PolicyDocument) -> Self {
        let statements = document.statements().iter().map(StatementCounts::of).collect();
        Self {
            document,
            requests: 0,
            statements,
        }
    }

    /// The document.
    pub fn document(&self) -> &PolicyDocument {
        &self.document
    }

    /// Counts a request that the document is evaluated for.
    pub fn count(&mut self, request: &Request<'_>) {
        self.requests += 1;
        for (statement, counts) in self.document.statements().iter().zip(&mut self.statements) {
            counts.count(statement, request);
        }
    }

    /// Counts a request that this statement of the document decided.
    pub fn count_decided(&mut self, statement: usize) {
        if let Some(counts) = self.statements.get_mut(statement) {
            counts.decided += 1;
        }
    }

    /// The coverage so far.
    pub fn coverage(&self) -> DocumentCoverage {
        let outline = self.document.outline();
        let checked = self.document.statements().iter().zip(&self.statements);
        let statements: Vec<_> = checked
            .zip(outline)
            .enumerate()
            .map(|(index, ((statement, counts), outline))| {
                let entries = [outline.principal, outline.action, outline.resource];
                let conditions: Vec<_> = outline.conditions;
                let values = conditions.iter().flat_map(|condition| condition.values.clone());
                let elements = entries.into_iter().flatten().chain(values);
                StatementCoverage {
                    statement: index,
                    sid: statement.sid.clone(),
                    effect: statement.effect,
                    place: outline.place,
                    evaluated: self.requests,
                    matched: counts.matched,
                    decided: counts.decided,
                    elements: elements
                        .zip(&counts.elements)
                        .map(|(entry, count)| ElementCoverage {
                            place: entry.place,
                            value: entry.value,
                            matched: *count,
                        })
                        .collect(),
                    conditions: conditions
                        .into_iter()
                        .zip(&counts.conditions)
                        .map(|(condition, counts)| ConditionCoverage {
                            place: condition.place,
                            operator: condition.operator,
                            key: condition.key,
                            was_true: counts.was_true,
                            was_false: counts.was_false,
                        })
                        .collect(),
                }
            })
            .collect();
        DocumentCoverage {
            requests: self.requests,
            totals: Totals::of(&statements),
            statements,
        }
    }
}

impl StatementCounts {
    fn of(statement: &Statement) -> Self {
        let principals = statement
            .principal
            .as_ref()
            .map_or(0, |clause| clause.entries().len());
        let actions = statement.action.entries();
        let resources = statement
            .resource
            .as_ref()
            .map_or(0, |clause| clause.entries().len());
        let values = statement.conditions.iter().map(|condition| condition.texts.len());
        let elements = principals + actions.len() + resources + values.sum::<usize>();
        Self {
            matched: 0,
            decided: 0,
            elements: (0..elements).map(|_| 0).collect(),
            conditions: statement
                .conditions
                .iter()
                .map(|_| ConditionCounts::default())
                .collect(),
        }
    }

    fn count(&mut self, statement: &Statement, request: &Request<'_>) {
        let mut elements = self.elements.iter_mut();
        let mut count = |matches: bool| {
            if let Some(element) = elements.next() {
                *element += u64::from(matches);
            }
            matches
        };
        let mut all_before = true;
        if let Some(clause) = &statement.principal {
            let mut named = false;
            // Each entry is counted, so the loop does not stop at the first match.
            for entry in clause.entries() {
                named |= count(entry.matches(request.principal));
            }
            all_before &= clause.holds(named);
        }
        let mut named = false;
        for entry in statement.action.entries() {
            named |= count(entry.matches(request.action));
        }
        all_before &= statement.action.holds(named);
        if let Some(clause) = &statement.resource {
            let (resource, context) = (request.resource, request.context);
            let mut named = false;
            for entry in clause.entries() {
                named |= count(entry.matches(resource, context));
            }
            all_before = all_before
                && clause.lets_apply_to(named, statement.effect, |entry| {
                    entry.overflows(resource, context)
                });
        }
        for (condition, counts) in statement.conditions.iter().zip(&mut self.conditions) {
            for index in 0..condition.texts.len() {
                count(value_matches(condition, index, request.context));
            }
            if all_before {
                all_before = condition.lets_apply(statement.effect, request.context);
                counts.was_true += u64::from(all_before);
                counts.was_false += u64::from(!all_before);
            }
        }
        self.matched += u64::from(all_before);
    }
}

/// Whether one value of a condition matches one of the values that the request has for the key; for `Null`, whether it
/// is right about the key's absence.
pub(crate) fn value_matches(condition: &Condition, index: usize, context: &RequestContext<'_>) -> bool {
    let values = context.values_of(&condition.key);
    match condition.test.absence(index) {
        Some(absence) => absence == Some(values.is_empty()),
        None => values
            .iter()
            .any(|value| condition.test.hits_only(index, value, context)),
    }
}

impl Totals {
    /// The sum of two totals, for several documents together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            statements: self.statements.and(other.statements),
            elements: self.elements.and(other.elements),
            conditions: self.conditions.and(other.conditions),
        }
    }

    /// All three kinds of units together.
    pub fn all(&self) -> Covered {
        self.statements.and(self.elements).and(self.conditions)
    }

    fn of(statements: &[StatementCoverage]) -> Self {
        let elements = || statements.iter().flat_map(|statement| &statement.elements);
        let conditions = || statements.iter().flat_map(|statement| &statement.conditions);
        Self {
            statements: Covered::of(statements.iter().map(|statement| statement.matched > 0)),
            elements: Covered::of(elements().map(|element| element.matched > 0)),
            conditions: Covered::of(conditions().map(ConditionCoverage::is_covered)),
        }
    }
}

impl ConditionCoverage {
    /// Whether it was true once and false once.
    pub fn is_covered(&self) -> bool {
        self.was_true > 0 && self.was_false > 0
    }
}

impl Covered {
    /// The covered percentage, rounded down; 100 where there is nothing to cover.
    pub fn percent(self) -> u64 {
        self.covered
            .saturating_mul(100)
            .checked_div(self.of)
            .unwrap_or(100)
    }

    fn of(units: impl Iterator<Item = bool>) -> Self {
        units.fold(Self::default(), |so_far, is_covered| Self {
            covered: so_far.covered + u64::from(is_covered),
            of: so_far.of + 1,
        })
    }

    fn and(self, other: Self) -> Self {
        Self {
            covered: self.covered + other.covered,
            of: self.of + other.of,
        }
    }
}
