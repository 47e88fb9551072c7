//! One statement: each of its elements is read once and checked.

use super::{Path, Report, check_duplicates, check_names, condition, member, principal};
use crate::action::ActionPattern;
use crate::arn::{ARN_PARTS, split};
use crate::document::{PolicyType, Version};
use crate::finding::FindingCode;
use crate::json::{Member, Node, Value};
use crate::pattern::Variables;
use crate::resource::ResourcePattern;
use crate::statement::{ActionClause, Effect, PrincipalClause, ResourceClause, Sid, Statement};

/// What the reader of a statement needs to know about its document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) policy_type: PolicyType,
    pub(super) version: Version,
}

impl Place {
    /// Variables exist in 2012-10-17 only; before, `${...}` is ordinary text (IAM User Guide, *Version*).
    pub(super) fn variables(self) -> Variables {
        match self.version {
            Version::V2012 => Variables::Expand,
            Version::V2008 => Variables::Literal,
        }
    }
}

/// Which the statement has: an element or its negation.
enum Clause<'n, 't> {
    Plain(&'static str, &'n Node<'t>),
    Not(&'static str, &'n Node<'t>),
}

pub(super) fn read(node: &Node<'_>, path: &Path<'_>, place: Place, report: &mut Report) -> Option<Statement> {
    let Value::Object(members) = &node.value else {
        report.wrong_type(path, node, "a statement object");
        return None;
    };
    check_duplicates(members, path, report);
    check_names(members, &ELEMENTS, path, report);

    // Every element is read before a failure returns, so that all mistakes are reported.
    let sid = read_sid(members, path, place, report);
    let effect = read_effect(node, members, path, report);
    let principal = read_principal(node, members, path, place, effect, report);
    let action = read_action(node, members, path, report);
    let resource = read_resource(node, members, path, place, report);
    let conditions = match member(members, "Condition") {
        Some(condition) => condition::read(condition, &path.key("Condition"), place, report),
        None => Some(Vec::new()),
    };
    Some(Statement {
        sid,
        effect: effect?,
        principal: principal?,
        action: action?,
        resource: resource?,
        conditions: conditions?,
    })
}

fn read_sid(members: &[Member<'_>], path: &Path<'_>, place: Place, report: &mut Report) -> Option<Sid> {
    let node = member(members, "Sid")?;
    let path = path.key("Sid");
    let Value::String(text) = &node.value else {
        report.wrong_type(&path, node, "a string");
        return None;
    };
    // IAM User Guide, Sid: IAM accepts letters and digits; other services may accept more.
    let free = place.policy_type == PolicyType::VpcEndpoint;
    if !free && !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let message = format!("statement IDs (SID) must be alpha-numeric; `{text}` is not");
        report.add(FindingCode::InvalidSid, &path, node.offset, message);
    }
    Some(Sid::new(text))
}

fn read_effect(
    statement: &Node<'_>,
    members: &[Member<'_>],
    path: &Path<'_>,
    report: &mut Report,
) -> Option<Effect> {
    let Some(node) = member(members, "Effect") else {
        report.add(
            FindingCode::MissingEffect,
            path,
            statement.offset,
            "the statement has no `Effect`",
        );
        return None;
    };
    let path = path.key("Effect");
    let Value::String(text) = &node.value else {
        report.wrong_type(&path, node, "`Allow` or `Deny`");
        return None;
    };
    match text.as_str() {
        "Allow" => Some(Effect::Allow),
        "Deny" => Some(Effect::Deny),
        _ => {
            let message = format!("`{text}` is not an effect; expected `Allow` or `Deny`, in this case");
            report.add(FindingCode::InvalidEffect, &path, node.offset, message);
            None
        }
    }
}

/// Whichever of `name` and `not_name` is there; both together are reported.
fn clause<'n, 't>(
    members: &'n [Member<'t>],
    name: &'static str,
    not_name: &'static str,
    path: &Path<'_>,
    report: &mut Report,
) -> Option<Clause<'n, 't>> {
    match (member(members, name), member(members, not_name)) {
        (Some(plain), None) => Some(Clause::Plain(name, plain)),
        (None, Some(not)) => Some(Clause::Not(not_name, not)),
        (Some(_), Some(not)) => {
            let message = format!("`{name}` and `{not_name}` cannot stand in one statement");
            let code = FindingCode::UnsupportedElementCombination;
            report.add(code, &path.key(not_name), not.offset, message);
            None
        }
        (None, None) => None,
    }
}

fn has_either(members: &[Member<'_>], name: &str, not_name: &str) -> bool {
    member(members, name).is_some() || member(members, not_name).is_some()
}

fn read_principal(
    statement: &Node<'_>,
    members: &[Member<'_>],
    path: &Path<'_>,
    place: Place,
    effect: Option<Effect>,
    report: &mut Report,
) -> Option<Option<PrincipalClause>> {
    if !has_either(members, "Principal", "NotPrincipal") {
        if !place.policy_type.has_principal() {
            return Some(None);
        }
        let message = format!(
            "a statement of {} needs a `Principal`",
            place.policy_type.with_article()
        );
        report.add(FindingCode::MissingPrincipal, path, statement.offset, message);
        return None;
    }
    let (name, node) = match clause(members, "Principal", "NotPrincipal", path, report)? {
        Clause::Plain(name, node) | Clause::Not(name, node) => (name, node),
    };
    let path = path.key(name);
    if !place.policy_type.has_principal() {
        // IAM User Guide, Grammar: such a document is about the identity that it is attached to.
        let message = format!(
            "policy document should not specify a principal: it is {}",
            place.policy_type.with_article()
        );
        report.add(FindingCode::UnsupportedElement, &path, node.offset, message);
        return None;
    }
    let entries = principal::read(node, &path, report)?;
    if name == "Principal" {
        return Some(Some(PrincipalClause::Principal(entries)));
    }
    if effect == Some(Effect::Allow) {
        let message = "`Allow` with `NotPrincipal` permits everybody else, anonymous callers too";
        report.add(FindingCode::AllowWithNotPrincipal, &path, node.offset, message);
    }
    Some(Some(PrincipalClause::NotPrincipal(entries)))
}

fn read_action(
    statement: &Node<'_>,
    members: &[Member<'_>],
    path: &Path<'_>,
    report: &mut Report,
) -> Option<ActionClause> {
    if !has_either(members, "Action", "NotAction") {
        let message = "policy statement must contain actions";
        report.add(FindingCode::MissingAction, path, statement.offset, message);
        return None;
    }
    let found = clause(members, "Action", "NotAction", path, report)?;
    let (Clause::Plain(name, node) | Clause::Not(name, node)) = found;
    let entries = strings(node, &path.key(name), report, read_action_pattern)?;
    Some(match found {
        Clause::Plain(..) => ActionClause::Action(entries),
        Clause::Not(..) => ActionClause::NotAction(entries),
    })
}

fn read_resource(
    statement: &Node<'_>,
    members: &[Member<'_>],
    path: &Path<'_>,
    place: Place,
    report: &mut Report,
) -> Option<Option<ResourceClause>> {
    if !has_either(members, "Resource", "NotResource") {
        if place.policy_type == PolicyType::RoleTrust {
            return Some(None);
        }
        let message = "policy statement must contain resources";
        report.add(FindingCode::MissingResource, path, statement.offset, message);
        return None;
    }
    let found = clause(members, "Resource", "NotResource", path, report)?;
    let (Clause::Plain(name, node) | Clause::Not(name, node)) = found;
    let path = path.key(name);
    if place.policy_type == PolicyType::RoleTrust {
        // IAM User Guide, Resource: a trust policy is about the role that it is attached to.
        let message = format!(
            "`{name}` is not supported in {}",
            place.policy_type.with_article()
        );
        report.add(FindingCode::UnsupportedElement, &path, node.offset, message);
        return None;
    }
    let entries = strings(node, &path, report, |text, at, offset, report| {
        read_resource_pattern(text, at, offset, place, report)
    })?;
    Some(Some(match found {
        Clause::Plain(..) => ResourceClause::Resource(entries),
        Clause::Not(..) => ResourceClause::NotResource(entries),
    }))
}

/// Reads a string or a list of strings; `None` when any of them could not be read.
fn strings<T>(
    node: &Node<'_>,
    path: &Path<'_>,
    report: &mut Report,
    mut read: impl FnMut(&str, &Path<'_>, usize, &mut Report) -> Option<T>,
) -> Option<Vec<T>> {
    match &node.value {
        Value::String(text) => read(text, path, node.offset, report).map(|entry| vec![entry]),
        Value::Array(items) => {
            if items.is_empty() {
                // IAM Access Analyzer policy checks, Empty array: the statement has no effect.
                let message = "the list is empty, so the statement has no effect";
                report.add(FindingCode::EmptyElement, path, node.offset, message);
            }
            let entries: Vec<Option<T>> = items
                .iter()
                .enumerate()
                .map(|(index, item)| match &item.value {
                    Value::String(text) => read(text, &path.index(index), item.offset, report),
                    _ => {
                        report.wrong_type(&path.index(index), item, "a string");
                        None
                    }
                })
                .collect();
            entries.into_iter().collect()
        }
        _ => {
            report.wrong_type(path, node, "a string or a list of strings");
            None
        }
    }
}

fn read_action_pattern(
    text: &str,
    path: &Path<'_>,
    offset: usize,
    report: &mut Report,
) -> Option<ActionPattern> {
    if text == "*" {
        return Some(ActionPattern::compile(text));
    }
    let mut refuse = |message: String| {
        report.add(FindingCode::InvalidAction, path, offset, message);
        None
    };
    let Some((prefix, name)) = text.split_once(':') else {
        // IAM's own words.
        return refuse(format!(
            "actions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.; `{text}` is not"
        ));
    };
    if name.contains(':') {
        return refuse(format!(
            "actions can contain only one colon; `{text}` contains more"
        ));
    }
    let prefix_character = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '*' | '?');
    if prefix.is_empty() || !prefix.chars().all(prefix_character) {
        return refuse(format!("vendor `{prefix}` is not valid"));
    }
    if name.is_empty()
        || !name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '*' | '?' | '-' | '_'))
    {
        return refuse(format!("`{text}` does not name an action"));
    }
    if prefix.contains(['*', '?']) {
        let message =
            format!("the wildcard in the prefix of `{text}` reaches every service with such a name");
        report.add(FindingCode::WildcardInServiceName, path, offset, message);
    }
    Some(ActionPattern::compile(text))
}

fn read_resource_pattern(
    text: &str,
    path: &Path<'_>,
    offset: usize,
    place: Place,
    report: &mut Report,
) -> Option<ResourcePattern> {
    if text == "*" {
        return Some(ResourcePattern::every());
    }
    let Some(parts) = split(text) else {
        let message = format!("resource `{text}` must be in ARN format with six parts or `*`");
        let short = text.starts_with("arn:");
        let code = if short {
            FindingCode::ShortArn
        } else {
            FindingCode::InvalidResource
        };
        report.add(code, path, offset, message);
        return short.then(|| ResourcePattern::short(text));
    };
    let variables = place.variables();
    if variables == Variables::Expand && parts[..ARN_PARTS - 1].iter().any(|part| part.contains("${")) {
        // IAM User Guide, Variables and tags: after the fifth colon.
        let message = format!("a variable may stand only after the fifth colon of `{text}`");
        report.add(FindingCode::VariableUnsupportedPlace, path, offset, message);
        return None;
    }
    check_resource_parts(text, parts, path, offset, report);
    condition::check_variables_of_old_version(text, path, offset, place, report);
    match ResourcePattern::compile(text, parts, variables) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            report.add(
                FindingCode::InvalidVariable,
                path,
                offset,
                format!("{error}: `{text}`"),
            );
            None
        }
    }
}

/// Reports what IAM refuses in the parts of an ARN pattern, although it would be clear how to evaluate them.
fn check_resource_parts(
    text: &str,
    parts: [&str; ARN_PARTS],
    path: &Path<'_>,
    offset: usize,
    report: &mut Report,
) {
    let [_, partition, service, ..] = parts;
    if partition != "*" && !PARTITIONS.contains(&partition) {
        let message = format!("partition `{partition}` is not valid for resource `{text}`");
        report.add(FindingCode::InvalidPartition, path, offset, message);
    }
    if service.is_empty() || service.contains(['*', '?']) {
        let message =
            format!("resource vendor must be fully qualified and cannot contain regexes in `{text}`");
        report.add(FindingCode::WildcardInResourceService, path, offset, message);
    } else if service.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let message = format!("the service in `{text}` must be in lower case");
        report.add(FindingCode::ServiceCase, path, offset, message);
    }
}

const ELEMENTS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

/// AWS General Reference, *Amazon Resource Names*, and the partitions of the SDKs' endpoint data.
pub(crate) const PARTITIONS: [&str; 8] = [
    "aws",
    "aws-cn",
    "aws-us-gov",
    "aws-iso",
    "aws-iso-b",
    "aws-iso-e",
    "aws-iso-f",
    "aws-eusc",
];
