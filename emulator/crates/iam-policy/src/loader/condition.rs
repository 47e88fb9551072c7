//! `Condition`: operators, keys and values, and everything that AWS's checks say about them.

use std::collections::HashSet;

use super::global_keys::{self, GlobalKey, global_key};
use super::statement::Place;
use super::{Path, Report, check_duplicates};
use crate::arn::ARN_PARTS;
use crate::condition::arn_like::ArnPattern;
use crate::condition::date::{self, DateProblem};
use crate::condition::ip_address::Cidr;
use crate::condition::operator::{Family, Operator, OperatorError, SetOperator};
use crate::condition::{Condition, Test, decimal, read_binary, read_bool};
use crate::context::folded;
use crate::document::{PolicyType, Version};
use crate::finding::FindingCode;
use crate::json::{Member, Node, Value};
use crate::pattern::{Pattern, Syntax, Variables, Wildcards};

pub(super) fn read(
    node: &Node<'_>,
    path: &Path<'_>,
    place: Place,
    report: &mut Report,
) -> Option<Vec<Condition>> {
    let Value::Object(operators) = &node.value else {
        report.wrong_type(path, node, "an object of condition operators");
        return None;
    };
    check_duplicates(operators, path, report);
    let mut conditions = Some(Vec::new());
    for member in operators {
        let read = read_operator(member, &path.key(&member.key), place, report);
        conditions = conditions.zip(read).map(|(mut conditions, read)| {
            conditions.extend(read);
            conditions
        });
    }
    conditions
}

fn read_operator(
    member: &Member<'_>,
    path: &Path<'_>,
    place: Place,
    report: &mut Report,
) -> Option<Vec<Condition>> {
    let operator = match Operator::read(&member.key) {
        Ok(operator) => operator,
        Err(OperatorError::NullIfExists) => {
            let message = "`Null` cannot be combined with `IfExists`";
            report.add(FindingCode::NullWithIfExists, path, member.key_offset, message);
            return None;
        }
        Err(OperatorError::Unknown) => {
            let meant = match Operator::nearest(&member.key) {
                Some(name) => format!("; did you mean `{name}`?"),
                None => String::new(),
            };
            let message = format!("there is no condition operator `{}`{meant}", member.key);
            report.add(FindingCode::UnknownOperator, path, member.key_offset, message);
            return None;
        }
    };
    let Value::Object(keys) = &member.value.value else {
        report.wrong_type(path, &member.value, "an object of condition keys");
        return None;
    };
    if operator.family == Family::Null && operator.set.is_some() {
        // IAM Access Analyzer policy checks, Null with qualifier.
        let message = format!("`{operator}` gives the same answer whatever the request holds");
        report.add(FindingCode::NullWithQualifier, path, member.key_offset, message);
    }
    if operator.set == Some(SetOperator::ForAnyValue) && operator.if_exists {
        let message = format!(
            "`{operator}` is false when the key is absent: `ForAnyValue` needs a value, whatever `IfExists` says"
        );
        report.add(FindingCode::IfExistsIgnored, path, member.key_offset, message);
    }

    let mut seen = HashSet::new();
    let mut conditions = Some(Vec::new());
    for key in keys {
        let path = path.key(&key.key);
        if !seen.insert(folded(&key.key).collect::<String>()) {
            // IAM Access Analyzer policy checks, Duplicate key with different case.
            let message = format!("the condition key `{}` occurs twice under `{operator}`", key.key);
            report.add(FindingCode::DuplicateConditionKey, &path, key.key_offset, message);
        }
        check_key(key, operator, &path, report);
        let read = read_values(&key.value, &path, report)
            .and_then(|values| compile(key, operator, &values, &path, place, report));
        conditions = conditions.zip(read).map(|(mut conditions, read)| {
            conditions.push(read);
            conditions
        });
    }
    conditions
}

/// Checks a key and its operator without looking at the values.
fn check_key(key: &Member<'_>, operator: Operator, path: &Path<'_>, report: &mut Report) {
    let (name, offset) = (key.key.as_str(), key.key_offset);
    if name
        .split_once(':')
        .is_none_or(|(prefix, rest)| prefix.is_empty() || rest.is_empty())
    {
        // IAM's own words.
        let message =
            format!("conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.; `{name}` is not");
        report.add(FindingCode::InvalidConditionKey, path, offset, message);
        return;
    }
    match global_key(name) {
        Some(GlobalKey::Unknown) => {
            let meant = match global_keys::nearest(name) {
                Some(known) => format!("; did you mean `{known}`?"),
                None => String::new(),
            };
            let message = format!("there is no global condition key `{name}`{meant}");
            report.add(FindingCode::UnknownGlobalKey, path, offset, message);
        }
        Some(GlobalKey::TagWithoutKey) => {
            let message = format!("`{name}` must be followed by a slash and the tag's key");
            report.add(FindingCode::MissingTagKey, path, offset, message);
        }
        Some(GlobalKey::Multi) if operator.set.is_none() && operator.family != Family::Null => {
            let message =
                format!("`{name}` has several values; `{operator}` needs `ForAllValues:` or `ForAnyValue:`");
            report.add(FindingCode::MissingQualifier, path, offset, message);
        }
        Some(GlobalKey::Single | GlobalKey::Tag)
            if operator.set == Some(SetOperator::ForAllValues) && operator.family != Family::Null =>
        {
            let message = format!("`{name}` has one value; an absent key satisfies `{operator}`");
            report.add(FindingCode::ForAllValuesSingleValued, path, offset, message);
        }
        _ => {}
    }
}

/// A value of a condition and where it stands.
struct Scalar {
    text: Box<str>,
    offset: usize,
    /// The place in the list; `None` when the value is not in a list.
    index: Option<usize>,
}

impl Scalar {
    fn report(&self, code: FindingCode, path: &Path<'_>, report: &mut Report, message: String) {
        match self.index {
            Some(index) => report.add(code, &path.index(index), self.offset, message),
            None => report.add(code, path, self.offset, message),
        }
    }
}

fn read_values(node: &Node<'_>, path: &Path<'_>, report: &mut Report) -> Option<Vec<Scalar>> {
    let Value::Array(items) = &node.value else {
        return read_scalar(node, None, path, report).map(|scalar| vec![scalar]);
    };
    if items.is_empty() {
        let message = "the list of values is empty, so no value can match";
        report.add(FindingCode::EmptyElement, path, node.offset, message);
    }
    let scalars: Vec<Option<Scalar>> = items
        .iter()
        .enumerate()
        .map(|(index, item)| read_scalar(item, Some(index), &path.index(index), report))
        .collect();
    scalars.into_iter().collect()
}

/// A string, number or Boolean: quotes are optional for the last two (IAM User Guide, *Grammar*).
fn read_scalar(
    node: &Node<'_>,
    index: Option<usize>,
    path: &Path<'_>,
    report: &mut Report,
) -> Option<Scalar> {
    let text = match &node.value {
        Value::String(text) => text.as_str(),
        Value::Number(digits) => digits,
        Value::Bool(true) => "true",
        Value::Bool(false) => "false",
        Value::Null | Value::Array(_) | Value::Object(_) => {
            report.wrong_type(path, node, "a string, a number or a boolean");
            return None;
        }
    };
    Some(Scalar {
        text: text.into(),
        offset: node.offset,
        index,
    })
}

fn compile(
    key: &Member<'_>,
    operator: Operator,
    values: &[Scalar],
    path: &Path<'_>,
    place: Place,
    report: &mut Report,
) -> Option<Condition> {
    let family = operator.family;
    if family == Family::Bool && values.len() > 1 {
        // IAM Access Analyzer policy checks, Invalid condition multiple Boolean.
        let message = format!("`{operator}` compares with one value, not with {}", values.len());
        report.add(FindingCode::MultipleBooleans, path, key.value.offset, message);
    }
    for value in values {
        check_value(value, family, path, place, report);
        check_known_key(&key.key, value, family, path, place, report);
        super::endpoint_rules::check(&key.key, &value.text, family, place, |code, message| {
            value.report(code, path, report, message);
        });
    }

    let texts: Vec<Box<str>> = values.iter().map(|value| value.text.clone()).collect();
    let test = match Test::of_values(family, &texts) {
        Some(test) => test,
        None => compile_patterns(family, values, path, place, report)?,
    };
    Some(Condition::new(operator, &key.key, texts, test))
}

/// Compiles the families whose values are patterns.
fn compile_patterns(
    family: Family,
    values: &[Scalar],
    path: &Path<'_>,
    place: Place,
    report: &mut Report,
) -> Option<Test> {
    let wildcards = if family.takes_wildcards() {
        Wildcards::Glob
    } else {
        Wildcards::Literal
    };
    let syntax = Syntax {
        wildcards,
        variables: place.variables(),
    };
    if family == Family::Arn {
        let compile = |value: &Scalar| match ArnPattern::compile(&value.text, place.variables()) {
            Ok(pattern) => {
                if pattern.is_nothing() {
                    let message = format!("`{}` {}", value.text, why_no_arn_matches(&value.text));
                    value.report(FindingCode::ArnPatternNeverMatches, path, report, message);
                }
                Some(pattern)
            }
            Err(error) => {
                let message = format!("{error}: `{}`", value.text);
                value.report(FindingCode::InvalidVariable, path, report, message);
                None
            }
        };
        let patterns: Vec<Option<ArnPattern>> = values.iter().map(compile).collect();
        return patterns.into_iter().collect::<Option<_>>().map(Test::Arn);
    }

    let compile = |value: &Scalar| match Pattern::compile(&value.text, syntax) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            value.report(
                FindingCode::InvalidVariable,
                path,
                report,
                format!("{error}: `{}`", value.text),
            );
            None
        }
    };
    let patterns: Vec<Option<Pattern>> = values.iter().map(compile).collect();
    let patterns = patterns.into_iter().collect::<Option<Vec<Pattern>>>()?;
    Some(match family {
        Family::StringEquals => Test::StringEquals(patterns),
        Family::StringEqualsIgnoreCase => Test::StringEqualsIgnoreCase(patterns),
        Family::Bool => Test::Bool(patterns),
        _ => Test::StringLike(patterns),
    })
}

/// Says why a value of an ARN operator matches no ARN, and what one looks like.
fn why_no_arn_matches(text: &str) -> String {
    let flaw = match text.split(':').count() {
        1 => "has one part and an ARN has six".to_owned(),
        parts if parts < ARN_PARTS => format!("has {parts} parts and an ARN has six"),
        _ => "does not begin with `arn:`".to_owned(),
    };
    format!(
        "{flaw}, so it matches no ARN; write `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`, with `*` for a part that may be anything"
    )
}

/// Whether a value can be read by its operator.
fn check_value(value: &Scalar, family: Family, path: &Path<'_>, place: Place, report: &mut Report) {
    let text = &*value.text;
    let has_variable = text.contains("${");
    if has_variable && !family.takes_variables() {
        if place.version == Version::V2012 {
            // IAM Access Analyzer policy checks, Invalid variable for operator.
            let message = format!("the operator takes no variables, so `{text}` is never replaced");
            value.report(FindingCode::VariableUnsupportedOperator, path, report, message);
        }
        return;
    }
    if has_variable && place.version == Version::V2008 {
        let message = format!("`{text}` is ordinary text: variables need `\"Version\": \"2012-10-17\"`");
        value.report(FindingCode::VariableUnsupportedVersion, path, report, message);
    }
    let unreadable = |what: &str| format!("`{text}` is not {what}; it matches nothing");
    let problem = match family {
        Family::Numeric(_) if !decimal::is_decimal(text) => Some(unreadable("a number, such as `3600`")),
        Family::IpAddress if Cidr::read(text).is_none() => {
            Some(unreadable("an address or a CIDR block, such as `10.0.0.0/16`"))
        }
        Family::Binary if read_binary(text).is_none() => Some(unreadable("base64, such as `YWxpY2U=`")),
        Family::Null if read_bool(text).is_none() => Some(unreadable("`true` or `false`")),
        Family::Bool if read_bool(text).is_none() && !(has_variable && place.version == Version::V2012) => {
            Some(unreadable("`true` or `false`"))
        }
        Family::Date(_) => match date::check(text) {
            Ok(()) => None,
            Err(DateProblem::Ambiguous) => {
                let message =
                    format!("`{text}` may be a year or seconds since the epoch; write a whole date");
                value.report(FindingCode::AmbiguousDate, path, report, message);
                None
            }
            Err(DateProblem::OutOfRange) => {
                let message = format!("there is no such date as `{text}`");
                value.report(FindingCode::DateOutOfRange, path, report, message);
                None
            }
            Err(DateProblem::Unreadable) => Some(unreadable("a date, such as `2026-01-31T00:00:00Z`")),
        },
        Family::StringEquals | Family::StringEqualsIgnoreCase
            if without_variables(text).contains(['*', '?']) =>
        {
            // IAM Access Analyzer policy checks, Wildcard without like operator.
            let message = format!("`{text}` is compared as it stands; wildcards need `StringLike`");
            value.report(FindingCode::WildcardWithoutLike, path, report, message);
            None
        }
        _ => None,
    };
    if let Some(message) = problem {
        value.report(FindingCode::UnreadableValue, path, report, message);
    }
}

/// The text without `${...}`, so that `${*}` and defaults are not taken for wildcards.
#[expect(
    clippy::string_slice,
    reason = "both places were found in this text and are boundaries of characters"
)]
fn without_variables(text: &str) -> String {
    let mut rest = text;
    let mut left = String::new();
    while let Some(start) = rest.find("${") {
        left.push_str(&rest[..start]);
        rest = rest[start..].find('}').map_or("", |end| &rest[start + end + 1..]);
    }
    left + rest
}

/// Checks values of global keys whose values are known.
fn check_known_key(
    key: &str,
    value: &Scalar,
    family: Family,
    path: &Path<'_>,
    place: Place,
    report: &mut Report,
) {
    let text = &*value.text;
    if family == Family::IpAddress
        && key.eq_ignore_ascii_case("aws:SourceIp")
        && Cidr::read(text).is_some_and(|block| block.is_private())
    {
        // IAM Access Analyzer policy checks, Private IP address.
        let message = format!("`aws:SourceIp` is a public address; `{text}` is private and never matches");
        value.report(FindingCode::PrivateSourceIp, path, report, message);
    }
    if key.eq_ignore_ascii_case("aws:PrincipalArn")
        && let Some(message) = super::principal::missing_role_path(text)
    {
        value.report(FindingCode::RolePathMissing, path, report, message);
    }
    let wild = family.takes_wildcards() && text.contains(['*', '?']);
    if !family.is_string() || wild || (text.contains("${") && place.version == Version::V2012) {
        return;
    }
    let (prefix, code, what) = if key.eq_ignore_ascii_case("aws:SourceVpc") {
        ("vpc-", FindingCode::InvalidVpcId, "a VPC")
    } else if key.eq_ignore_ascii_case("aws:SourceVpce") {
        ("vpce-", FindingCode::InvalidVpcEndpointId, "a VPC endpoint")
    } else {
        return;
    };
    if !text.starts_with(prefix) {
        let message = format!("`{text}` is not the id of {what}; it must begin with `{prefix}`");
        value.report(code, path, report, message);
    } else if !is_usual_id(text, prefix) {
        let message = format!("`{text}` is not an id that AWS makes: `{prefix}` and 8 or 17 characters");
        value.report(FindingCode::UnusualVpcId, path, report, message);
    }
}

/// Whether the text looks like an id that AWS makes: the prefix and 8 or 17 characters.
pub(crate) fn is_usual_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|characters| {
        matches!(characters.len(), 8 | 17) && characters.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Reports that `${...}` is ordinary text in a document of version 2008-10-17.
pub(super) fn check_variables_of_old_version(
    text: &str,
    path: &Path<'_>,
    offset: usize,
    place: Place,
    report: &mut Report,
) {
    if place.variables() == Variables::Literal && text.contains("${") {
        let message = format!("`{text}` is ordinary text: variables need `\"Version\": \"2012-10-17\"`");
        report.add(FindingCode::VariableUnsupportedVersion, path, offset, message);
    }
}

/// Whether the endpoint rules apply.
pub(super) fn is_endpoint_policy(place: Place) -> bool {
    place.policy_type == PolicyType::VpcEndpoint
}
