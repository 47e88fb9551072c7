//! Values of condition keys that produce every possible combination of outcomes of the conditions on them.

use std::collections::HashSet;

use super::forms;
use super::language::{Class, Matcher, Step, as_it_is, witnesses};
use super::sets::Bits;
use super::values;
use crate::condition::{Condition, Test};
use crate::context::{RequestContext, eq_folded, is_multivalued, starts_with_folded};
use crate::statement::Effect;

/// The values of a key in a request: none, one or several.
pub(super) type Values = Vec<String>;

/// The values to try for a key.
#[derive(Debug, Clone)]
pub(super) struct Candidates {
    /// The values for requests that have the key.
    pub(super) present: Vec<Values>,
    /// Why there may be outcomes that none of these values produces; `None` if there are no such outcomes.
    pub(super) gap: Option<&'static str>,
}

impl Candidates {
    /// The values to try for conditions on one key. Their variables are filled in from `fills`.
    pub(super) fn of(key: &str, conditions: &[&Condition], fills: &RequestContext<'_>) -> Self {
        let resolved: Vec<Test> = conditions
            .iter()
            .filter(|condition| !matches!(condition.test, Test::Null(_)))
            .map(|condition| {
                condition
                    .test
                    .resolved(fills)
                    .unwrap_or_else(|| condition.test.clone())
            })
            .collect();
        let tests: Vec<&Test> = resolved.iter().collect();
        let mut gap = None;
        let singles: Vec<String> = match one_kind(&tests) {
            Some(kind) => {
                let readable = kind.values(key, &tests).unwrap_or_else(|why| {
                    gap = Some(why);
                    literals(&tests)
                });
                let unreadable = (!kind.reads_all_of(key)).then(|| UNREADABLE.to_owned());
                readable.into_iter().chain(unreadable).collect()
            }
            None => {
                gap = Some("its key is compared in several ways: as text, number, date or address");
                KINDS
                    .iter()
                    .filter_map(|kind| kind.values(key, &tests).ok())
                    .flatten()
                    .collect()
            }
        };
        let mut present: Vec<Values> = singles.into_iter().map(|value| vec![value]).collect();
        if can_be_several(key, conditions) && add_lists(&mut present, key, conditions, fills).is_err() {
            gap = Some("its key can have more lists of values than are tried");
        }
        Self { present, gap }
    }
}

/// How the conditions of a key compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Text,
    Number,
    Date,
    Address,
    Binary,
}

const KINDS: [Kind; 5] = [Kind::Text, Kind::Number, Kind::Date, Kind::Address, Kind::Binary];

impl Kind {
    fn of(test: &Test) -> Self {
        match test {
            Test::Bool(_) => Self::Bool,
            Test::StringEquals(_)
            | Test::StringEqualsIgnoreCase(_)
            | Test::StringLike(_)
            | Test::Arn(_)
            | Test::Null(_) => Self::Text,
            Test::Numeric(..) => Self::Number,
            Test::Date(..) => Self::Date,
            Test::IpAddress(_) => Self::Address,
            Test::Binary(_) => Self::Binary,
        }
    }

    /// Whether operators of this kind can read every value that a request has under a key.
    ///
    /// AWS itself sets some keys, always in one form (IAM User Guide, *AWS global condition context keys*). A tag or a
    /// service's own key can be any text, such as `senior` under an operator for numbers.
    fn reads_all_of(self, key: &str) -> bool {
        let forms: &[&str] = match self {
            Self::Text => return true,
            Self::Bool => &[
                "aws:MultiFactorAuthPresent",
                "aws:PrincipalIsAWSService",
                "aws:SecureTransport",
                "aws:ViaAWSService",
            ],
            Self::Number => &["aws:EpochTime", "aws:MultiFactorAuthAge"],
            Self::Date => &["aws:CurrentTime", "aws:EpochTime", "aws:TokenIssueTime"],
            Self::Address => &["aws:SourceIp", "aws:VpcSourceIp"],
            Self::Binary => &[],
        };
        forms.iter().any(|known| eq_folded(known, key))
    }

    /// Single values for tests of this kind; tests of other kinds are ignored.
    fn values(self, key: &str, tests: &[&Test]) -> Result<Vec<String>, &'static str> {
        match self {
            Self::Bool => Ok(["true", "false"].map(str::to_owned).into()),
            Self::Text => texts(key, tests),
            Self::Number => {
                let bounds = tests.iter().filter_map(|test| match test {
                    Test::Numeric(_, numbers) => Some(numbers.iter().map(|number| &**number)),
                    _ => None,
                });
                Ok(values::numbers(&bounds.flatten().collect::<Vec<_>>()))
            }
            Self::Date => {
                let bounds = tests.iter().filter_map(|test| match test {
                    Test::Date(_, instants) => Some(instants.iter().flatten().copied()),
                    _ => None,
                });
                Ok(values::dates(&bounds.flatten().collect::<Vec<_>>()))
            }
            Self::Address => {
                let blocks = tests.iter().filter_map(|test| match test {
                    Test::IpAddress(blocks) => Some(blocks.iter().flatten().copied()),
                    _ => None,
                });
                Ok(values::addresses(&blocks.flatten().collect::<Vec<_>>()))
            }
            Self::Binary => {
                use base64::Engine as _;

                let blobs: Vec<&Vec<u8>> = tests
                    .iter()
                    .filter_map(|test| match test {
                        Test::Binary(blobs) => Some(blobs.iter().flatten()),
                        _ => None,
                    })
                    .flatten()
                    .collect();
                // Longer than each of them, so equal to none.
                let other = vec![0; blobs.iter().map(|blob| blob.len()).max().unwrap_or(0) + 1];
                let written = blobs.into_iter().chain([&other]);
                let written = written.map(|blob| base64::engine::general_purpose::STANDARD.encode(blob));
                Ok(written.collect())
            }
        }
    }
}

/// The kind of all tests; `None` if there are several kinds. Among texts, a Bool counts as a text.
fn one_kind(tests: &[&Test]) -> Option<Kind> {
    let mut kinds: Vec<Kind> = tests.iter().map(|test| Kind::of(test)).collect();
    if kinds.contains(&Kind::Text) {
        kinds.retain(|kind| *kind != Kind::Bool);
    }
    let first = kinds.first().copied().unwrap_or(Kind::Text);
    kinds.iter().all(|kind| *kind == first).then_some(first)
}

fn texts(key: &str, tests: &[&Test]) -> Result<Vec<String>, &'static str> {
    let mut matchers: Vec<Matcher> = Vec::new();
    for test in tests
        .iter()
        .filter(|test| matches!(Kind::of(test), Kind::Text | Kind::Bool))
    {
        let matcher = forms::matcher(test, Class::Any)
            .ok_or("its values have variables, or are compared without regard to case beyond ASCII")?;
        if !matchers.contains(&matcher) {
            matchers.push(matcher);
        }
    }
    let mut preferred = literals(tests);
    preferred.extend(usual_values(key).iter().map(|value| (*value).to_owned()));
    let every = Matcher::of(vec![Step::Many(Class::Any)]);
    let found = witnesses(&every, &matchers, &preferred, as_it_is);
    let found = found.map_err(|_| "its patterns overlap in more ways than are tried")?;
    Ok(found.into_iter().map(|witness| witness.text).collect())
}

/// The values that have no wildcards, as they are written.
fn literals(tests: &[&Test]) -> Vec<String> {
    let patterns = tests.iter().filter_map(|test| match test {
        Test::StringEquals(patterns)
        | Test::StringEqualsIgnoreCase(patterns)
        | Test::StringLike(patterns)
        | Test::Bool(patterns) => Some(patterns),
        _ => None,
    });
    let nothing = RequestContext::new();
    let expanded = patterns.flatten().filter_map(|pattern| {
        let text = pattern.expanded(&nothing)?;
        let is_literal = pattern.matches(&text, &nothing) && !text.contains(['*', '?']);
        is_literal.then_some(text)
    });
    expanded.collect()
}

/// Readable values for a key that may have any value.
fn usual_values(key: &str) -> &'static [&'static str] {
    const USUAL: [(&str, &[&str]); 8] = [
        ("aws:sourcevpce", &["vpce-0a0a0a0a", "vpce-0b0b0b0b"]),
        ("aws:sourcevpc", &["vpc-0a0a0a0a", "vpc-0b0b0b0b"]),
        ("aws:principalorgid", &["o-a1b2c3d4e5"]),
        ("aws:resourceorgid", &["o-a1b2c3d4e5"]),
        ("aws:securetransport", &["true", "false"]),
        ("aws:viaawsservice", &["false", "true"]),
        ("aws:principalisawsservice", &["false", "true"]),
        ("aws:userid", &["AIDACKCEVSQ6C2EXAMPLE"]),
    ];
    let usual = USUAL.iter().find(|(name, _)| eq_folded(name, key));
    usual.map_or(&["other"], |(_, values)| values)
}

/// Whether a request can have several values under a key.
///
/// For global keys this is known. A service's own key can if a condition uses a set operator on it.
fn can_be_several(key: &str, conditions: &[&Condition]) -> bool {
    let is_global = starts_with_folded(key, GLOBAL);
    is_multivalued(key)
        || !is_global
            && conditions
                .iter()
                .any(|condition| condition.operator.set.is_some())
}

/// Adds lists of two or more values: one for each combination of outcomes of the conditions.
///
/// Whether a condition holds for a longer list depends on its outcome for the shorter list and on the new value, so of
/// lists with equal outcomes only one needs to be extended.
fn add_lists(
    present: &mut Vec<Values>,
    key: &str,
    conditions: &[&Condition],
    fills: &RequestContext<'_>,
) -> Result<(), ()> {
    let outcomes = |values: &Values| {
        let mut context = fills.clone();
        context.insert_all(key.to_owned(), values.clone());
        Bits::of(conditions.len(), |index| {
            conditions
                .get(index)
                .is_some_and(|condition| condition.lets_apply(Effect::Allow, &context))
        })
    };
    let singles = present.clone();
    let mut seen: HashSet<(bool, Bits)> = singles.iter().map(|values| (true, outcomes(values))).collect();
    let mut next = 0;
    while let Some(list) = present.get(next).cloned() {
        for single in &singles {
            let longer = [list.as_slice(), single.as_slice()].concat();
            if seen.insert((false, outcomes(&longer))) {
                if present.len() == LISTS_MAX {
                    return Err(());
                }
                present.push(longer);
            }
        }
        next += 1;
    }
    Ok(())
}

/// A value that no operator for Booleans, numbers, dates, addresses or bytes can read. One is enough, because it
/// matches nothing, whatever the policy says.
const UNREADABLE: &str = "other";

const GLOBAL: &str = "aws:";

/// The most lists of values of one key.
const LISTS_MAX: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{PolicyDocument, PolicyType};

    /// The outcomes of a statement's conditions for each candidate, as a text of `0` and `1`.
    fn outcomes(key: &str, conditions: &str) -> (Vec<String>, Option<&'static str>) {
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition": {conditions}}}]}}"#
        );
        let document = PolicyDocument::parse(&text, PolicyType::VpcEndpoint).unwrap();
        let conditions: Vec<&Condition> = document.statements()[0].conditions.iter().collect();
        let candidates = Candidates::of(key, &conditions, &RequestContext::new());
        let mut outcomes: Vec<String> = candidates
            .present
            .iter()
            .map(|values| {
                let mut context = RequestContext::new();
                context.insert_all(key, values.clone());
                let holds = |condition: &&Condition| condition.lets_apply(Effect::Allow, &context);
                conditions
                    .iter()
                    .map(|condition| if holds(condition) { '1' } else { '0' })
                    .collect()
            })
            .collect();
        outcomes.sort();
        outcomes.dedup();
        (outcomes, candidates.gap)
    }

    #[test]
    fn texts_come_out_in_every_way_that_there_is() {
        let (found, gap) = outcomes(
            "shop:Name",
            r#"{"StringLike": {"shop:Name": "a*"}, "StringNotLike": {"shop:Name": "*b"}, "StringEquals": {"shop:Name": "ab"}, "StringEqualsIgnoreCase": {"shop:Name": "AB"}}"#,
        );
        assert_eq!(gap, None);
        // `ab` itself; `aB`; texts that begin with `a`, end with `b`, do both or neither; `Ab` ends with `b`.
        assert_eq!(
            found,
            ["0000", "0001", "0100", "0101", "1000", "1011", "1100", "1101"]
        );
    }

    #[test]
    fn what_an_operator_cannot_read_is_a_value_too_where_the_key_can_have_it() {
        for (operator, value, of_aws) in [
            ("Bool", "true", "aws:SecureTransport"),
            ("NumericNotEquals", "3", "aws:MultiFactorAuthAge"),
            ("DateLessThan", "2026-06-01", "aws:CurrentTime"),
            ("NotIpAddress", "10.0.0.0/8", "aws:SourceIp"),
            ("BinaryEquals", "YQ==", ""),
        ] {
            for (key, can_be_anything) in [
                ("aws:PrincipalTag/level", true),
                ("shop:Level", true),
                (of_aws, false),
            ] {
                if key.is_empty() {
                    continue;
                }
                let text = format!(
                    r#"{{"Statement": [{{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition": {{"{operator}": {{"{key}": "{value}"}}}}}}]}}"#
                );
                let document = PolicyDocument::parse(&text, PolicyType::VpcEndpoint).unwrap();
                let conditions: Vec<&Condition> = document.statements()[0].conditions.iter().collect();
                let candidates = Candidates::of(key, &conditions, &RequestContext::new());
                let has_it = candidates.present.contains(&vec![UNREADABLE.to_owned()]);
                assert_eq!(
                    has_it, can_be_anything,
                    "{operator} of {key}: {:?}",
                    candidates.present
                );
            }
        }
    }

    #[test]
    fn several_values_satisfy_all_or_any() {
        let (found, gap) = outcomes(
            "aws:TagKeys",
            r#"{"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}, "ForAnyValue:StringEquals": {"aws:TagKeys": "a"}}"#,
        );
        assert_eq!(gap, None);
        assert_eq!(found, ["00", "01", "10", "11"]);
    }

    #[test]
    fn what_is_compared_in_several_ways_is_said_to_be() {
        let (_, gap) = outcomes(
            "aws:EpochTime",
            r#"{"NumericLessThan": {"aws:EpochTime": "5"}, "StringLike": {"aws:EpochTime": "1*"}}"#,
        );
        assert!(gap.is_some());
    }
}
