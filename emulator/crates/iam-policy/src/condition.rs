//! Conditions: an operator, a key, and the values it is compared with.
//!
//! `[ForAllValues:|ForAnyValue:] base [IfExists]`, as printed (IAM User Guide, *Condition operators* and
//! *Single-valued vs. multivalued context keys*). Values of one key are alternatives; under a negated base
//! none of them may match. Values that cannot be read, in the policy or in the request, match nothing, so
//! that a negated base is true for them.

pub(crate) mod arn_like;
pub(crate) mod date;
pub(crate) mod decimal;
pub(crate) mod ip_address;
pub(crate) mod operator;

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::context::{ContextKey, RequestContext, is_multivalued};
use crate::pattern::Pattern;
use crate::statement::Effect;
use crate::variable::Variable;
use arn_like::ArnPattern;
use ip_address::Cidr;
use operator::{Family, Operator, Order, Polarity, SetOperator};

/// One operator and key of a statement's `Condition`.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    pub(crate) operator: Operator,
    pub(crate) key: ContextKey<'static>,
    pub(crate) multivalued: bool,
    /// The values as written, for explanations and lint.
    pub(crate) texts: Box<[Box<str>]>,
    pub(crate) test: Test,
    /// Most conditions have none; then their values are not searched for variables on each request.
    has_variables: bool,
}

/// The values, compiled for the operator's family.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    StringEquals(Vec<Pattern>),
    StringEqualsIgnoreCase(Vec<Pattern>),
    StringLike(Vec<Pattern>),
    Arn(Vec<ArnPattern>),
    Bool(Vec<Pattern>),
    /// Numbers are compared in the form they are written in.
    Numeric(Order, Box<[Box<str>]>),
    Date(Order, Vec<Option<date::Instant>>),
    Binary(Vec<Option<Vec<u8>>>),
    IpAddress(Vec<Option<Cidr>>),
    /// What the key's absence must be; `None` for a value that is neither `true` nor `false`.
    Null(Vec<Option<bool>>),
}

impl Condition {
    pub(crate) fn new(operator: Operator, key: &str, texts: Vec<Box<str>>, test: Test) -> Self {
        let multivalued = is_multivalued(key);
        let has_variables = test.variables().any(|variables| !variables.is_empty());
        Self {
            operator,
            key: ContextKey::new(key.to_owned()),
            multivalued,
            texts: texts.into(),
            test,
            has_variables,
        }
    }

    /// Whether a value has a variable.
    pub(crate) fn has_variables(&self) -> bool {
        self.has_variables
    }

    /// Whether the condition lets a statement of this effect apply: whether it is true or, where its variables
    /// insert too much text to find out, what is safe (see [`crate::variable`]).
    pub(crate) fn lets_apply(&self, effect: Effect, context: &RequestContext<'_>) -> bool {
        if self.overflows(context) {
            return effect == Effect::Deny;
        }
        self.holds(context)
    }

    /// Whether variables insert more text than is allowed, where that makes a difference.
    pub(crate) fn overflows(&self, context: &RequestContext<'_>) -> bool {
        self.has_variables && !context.values_of(&self.key).is_empty() && self.test.overflows(context)
    }

    /// Whether the condition is true in a request with this context.
    fn holds(&self, context: &RequestContext<'_>) -> bool {
        let values = context.values_of(&self.key);
        if values.is_empty() {
            return self.holds_when_absent();
        }
        if let Test::Null(absences) = &self.test {
            return match self.operator.set {
                // IAM Access Analyzer policy checks, Null with qualifier.
                Some(SetOperator::ForAllValues) => true,
                Some(SetOperator::ForAnyValue) => false,
                None => absences.contains(&Some(false)),
            };
        }
        // IAM Access Analyzer policy checks, Empty array condition: with a set operator or IfExists an empty
        // list is satisfied by an absent key only.
        if self.texts.is_empty() && (self.operator.set.is_some() || self.operator.if_exists) {
            return false;
        }
        // With several values the variables are filled in once, not once per value.
        let resolved = if values.len() > 1 {
            self.test.resolved(context)
        } else {
            None
        };
        let test = resolved.as_ref().unwrap_or(&self.test);
        let negated = self.operator.polarity == Polarity::Negated;
        let satisfies = |value: &str| negated != test.hits(value, context);
        match self.operator.set {
            Some(SetOperator::ForAllValues) => values.iter().all(|value| satisfies(value)),
            Some(SetOperator::ForAnyValue) => values.iter().any(|value| satisfies(value)),
            // A multivalued key needs a set operator. What happens without one is not documented.
            // Guess: nothing matches, as in known engines.
            None => match values {
                [value] if !self.multivalued => satisfies(value),
                _ => false,
            },
        }
    }

    /// Whether the condition is true in a request without its key, or with an empty list under it, which is
    /// the same (IAM User Guide, *Single-valued vs. multivalued context keys*).
    ///
    /// `IfExists` applies to one value at a time, so with `ForAnyValue` and no value it never applies: re:Post
    /// question QU9HFmDzP0QGuU-fd7rS6B7w; Cloud Copilot, *ForAnyValue:StringEqualsIfExists*.
    pub(crate) fn holds_when_absent(&self) -> bool {
        match (self.operator.set, &self.test) {
            (Some(SetOperator::ForAllValues), _) => true,
            (Some(SetOperator::ForAnyValue), _) => false,
            (None, Test::Null(absences)) => absences.contains(&Some(true)),
            (None, _) => self.operator.if_exists || self.operator.polarity == Polarity::Negated,
        }
    }
}

impl Test {
    /// Whether one of the policy's values matches the request's value.
    pub(crate) fn hits(&self, value: &str, context: &RequestContext<'_>) -> bool {
        match self {
            Self::StringEquals(patterns) | Self::StringLike(patterns) => {
                patterns.iter().any(|pattern| pattern.matches(value, context))
            }
            Self::StringEqualsIgnoreCase(patterns) => patterns
                .iter()
                .any(|pattern| pattern.matches_folded(value, context)),
            Self::Arn(patterns) => patterns.iter().any(|pattern| pattern.matches(value, context)),
            Self::Bool(patterns) => {
                read_bool(value).is_some()
                    && patterns
                        .iter()
                        .any(|pattern| pattern.matches_folded(value, context))
            }
            Self::Numeric(order, numbers) => numbers.iter().any(|number| {
                decimal::compare(value, number).is_some_and(|ordering| order.accepts(ordering))
            }),
            Self::Date(order, instants) => date::read(value).is_some_and(|value| {
                instants
                    .iter()
                    .flatten()
                    .any(|instant| order.accepts(value.cmp(instant)))
            }),
            Self::Binary(blobs) => {
                read_binary(value).is_some_and(|value| blobs.iter().flatten().any(|blob| *blob == value))
            }
            Self::IpAddress(blocks) => value
                .parse::<IpAddr>()
                .is_ok_and(|address| blocks.iter().flatten().any(|block| block.holds(address))),
            Self::Null(_) => false,
        }
    }

    /// Whether the policy's value at `index` matches the request's value.
    pub(crate) fn hits_only(&self, index: usize, value: &str, context: &RequestContext<'_>) -> bool {
        match self {
            Self::StringEquals(patterns) | Self::StringLike(patterns) => {
                let pattern = patterns.get(index);
                pattern.is_some_and(|pattern| pattern.matches(value, context))
            }
            Self::StringEqualsIgnoreCase(patterns) => {
                let pattern = patterns.get(index);
                pattern.is_some_and(|pattern| pattern.matches_folded(value, context))
            }
            Self::Arn(patterns) => {
                let pattern = patterns.get(index);
                pattern.is_some_and(|pattern| pattern.matches(value, context))
            }
            // These values are compiled again for each comparison; there are only one or two of them.
            _ => self.only(index).is_some_and(|test| test.hits(value, context)),
        }
    }

    /// For `Null`, what the value at `index` says the key's absence must be; `None` for other operators.
    pub(crate) fn absence(&self, index: usize) -> Option<Option<bool>> {
        match self {
            Self::Null(absences) => Some(absences.get(index).copied().flatten()),
            _ => None,
        }
    }

    /// The test with the value at `index` alone; `None` when there are fewer values.
    pub(crate) fn only(&self, index: usize) -> Option<Self> {
        Some(match self {
            Self::StringEquals(patterns) => Self::StringEquals(vec![patterns.get(index)?.clone()]),
            Self::StringEqualsIgnoreCase(patterns) => {
                Self::StringEqualsIgnoreCase(vec![patterns.get(index)?.clone()])
            }
            Self::StringLike(patterns) => Self::StringLike(vec![patterns.get(index)?.clone()]),
            Self::Arn(patterns) => Self::Arn(vec![patterns.get(index)?.clone()]),
            Self::Bool(patterns) => Self::Bool(vec![patterns.get(index)?.clone()]),
            Self::Numeric(order, numbers) => Self::Numeric(*order, [numbers.get(index)?.clone()].into()),
            Self::Date(order, instants) => Self::Date(*order, vec![*instants.get(index)?]),
            Self::Binary(blobs) => Self::Binary(vec![blobs.get(index)?.clone()]),
            Self::IpAddress(blocks) => Self::IpAddress(vec![*blocks.get(index)?]),
            Self::Null(absences) => Self::Null(vec![*absences.get(index)?]),
        })
    }

    /// Whether a value cannot be read by its operator, so that it matches nothing. Numbers are read only when they
    /// are compared; variables may insert any text.
    pub(crate) fn is_unreadable(&self) -> bool {
        match self {
            Self::StringEquals(_) | Self::StringEqualsIgnoreCase(_) | Self::StringLike(_) => false,
            Self::Arn(patterns) => patterns.iter().all(ArnPattern::is_nothing),
            Self::Bool(patterns) => patterns
                .iter()
                .all(|pattern| !pattern.has_variables() && read_bool(pattern.as_str()).is_none()),
            Self::Numeric(_, numbers) => numbers.iter().all(|number| !decimal::is_decimal(number)),
            Self::Date(_, instants) => instants.iter().all(Option::is_none),
            Self::Binary(blobs) => blobs.iter().all(Option::is_none),
            Self::IpAddress(blocks) => blocks.iter().all(Option::is_none),
            Self::Null(absences) => absences.iter().all(Option::is_none),
        }
    }

    /// The test with its variables filled in; `None` when it has none. A value whose variable has neither
    /// value nor default matches nothing, so it is left out.
    pub(crate) fn resolved(&self, context: &RequestContext<'_>) -> Option<Self> {
        let fill = |patterns: &[Pattern]| -> Option<Vec<Pattern>> {
            patterns.iter().any(Pattern::has_variables).then(|| {
                patterns
                    .iter()
                    .filter_map(|pattern| pattern.resolved(context))
                    .collect()
            })
        };
        match self {
            Self::StringEquals(patterns) => fill(patterns).map(Self::StringEquals),
            Self::StringEqualsIgnoreCase(patterns) => fill(patterns).map(Self::StringEqualsIgnoreCase),
            Self::StringLike(patterns) => fill(patterns).map(Self::StringLike),
            Self::Bool(patterns) => fill(patterns).map(Self::Bool),
            Self::Arn(patterns) => patterns.iter().any(ArnPattern::has_variables).then(|| {
                Self::Arn(
                    patterns
                        .iter()
                        .filter_map(|pattern| pattern.resolved(context))
                        .collect(),
                )
            }),
            Self::Numeric(..) | Self::Date(..) | Self::Binary(_) | Self::IpAddress(_) | Self::Null(_) => None,
        }
    }

    /// Whether variables insert more text into one of the values than is allowed.
    fn overflows(&self, context: &RequestContext<'_>) -> bool {
        match self {
            Self::StringEquals(patterns)
            | Self::StringEqualsIgnoreCase(patterns)
            | Self::StringLike(patterns)
            | Self::Bool(patterns) => patterns.iter().any(|pattern| pattern.overflows(context)),
            Self::Arn(patterns) => patterns.iter().any(|pattern| pattern.overflows(context)),
            Self::Numeric(..) | Self::Date(..) | Self::Binary(_) | Self::IpAddress(_) | Self::Null(_) => {
                false
            }
        }
    }

    /// The name of a variable without a value, if it stands in the only value of the test, so that nothing matches.
    pub(crate) fn missing_variable(&self, context: &RequestContext<'_>) -> Option<&str> {
        let missing = |variable: &&Variable| variable.text(context).is_none();
        match self {
            Self::StringEquals(patterns)
            | Self::StringEqualsIgnoreCase(patterns)
            | Self::StringLike(patterns)
            | Self::Bool(patterns) => match patterns.as_slice() {
                [only] => only.variables().find(missing).map(Variable::key),
                _ => None,
            },
            Self::Arn(patterns) => match patterns.as_slice() {
                [only] => only.variables().find(missing).map(Variable::key),
                _ => None,
            },
            Self::Numeric(..) | Self::Date(..) | Self::Binary(_) | Self::IpAddress(_) | Self::Null(_) => None,
        }
    }

    /// The variables of each value, in the order of the values; nothing for operators that do not take variables.
    pub(crate) fn variables(&self) -> impl Iterator<Item = Vec<&Variable>> {
        let (patterns, arns): (&[Pattern], &[ArnPattern]) = match self {
            Self::StringEquals(patterns)
            | Self::StringEqualsIgnoreCase(patterns)
            | Self::StringLike(patterns)
            | Self::Bool(patterns) => (patterns, &[]),
            Self::Arn(arns) => (&[], arns),
            Self::Numeric(..) | Self::Date(..) | Self::Binary(_) | Self::IpAddress(_) | Self::Null(_) => {
                (&[], &[])
            }
        };
        let of_patterns = patterns.iter().map(|pattern| pattern.variables().collect());
        of_patterns.chain(arns.iter().map(|arn| arn.variables().collect()))
    }

    /// The first `count` values with their variables filled in, for explanations; `None` when they take no
    /// variables.
    pub(crate) fn expanded(&self, context: &RequestContext<'_>, count: usize) -> Option<Vec<String>> {
        match self {
            Self::StringEquals(patterns)
            | Self::StringEqualsIgnoreCase(patterns)
            | Self::StringLike(patterns)
            | Self::Bool(patterns) => Some(
                patterns
                    .iter()
                    .take(count)
                    .map(|pattern| {
                        pattern
                            .expanded(context)
                            .unwrap_or_else(|| pattern.as_str().to_owned())
                    })
                    .collect(),
            ),
            _ => None,
        }
    }

    /// Compiles values that have neither wildcards nor variables; a value that cannot be read matches nothing.
    pub(crate) fn of_values(family: Family, texts: &[Box<str>]) -> Option<Self> {
        Some(match family {
            Family::Numeric(order) => Self::Numeric(order, texts.into()),
            Family::Date(order) => Self::Date(order, texts.iter().map(|text| date::read(text)).collect()),
            Family::Binary => Self::Binary(texts.iter().map(|text| read_binary(text)).collect()),
            Family::IpAddress => Self::IpAddress(texts.iter().map(|text| Cidr::read(text)).collect()),
            Family::Null => Self::Null(texts.iter().map(|text| read_bool(text)).collect()),
            Family::StringEquals
            | Family::StringEqualsIgnoreCase
            | Family::StringLike
            | Family::Arn
            | Family::Bool => {
                return None;
            }
        })
    }
}

/// `true` or `false` in any case.
pub(crate) fn read_bool(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// The bytes that a base64 text stands for.
pub(crate) fn read_binary(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}
