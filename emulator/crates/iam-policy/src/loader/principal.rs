//! `Principal` and `NotPrincipal`: `"*"`, or an object from kinds to names.

use super::statement::PARTITIONS;
use super::{Path, Report, check_duplicates};
use crate::finding::FindingCode;
use crate::json::{Node, Value};
use crate::principal::{Covers, Identity, PrincipalPattern, is_account_id};

pub(super) fn read(node: &Node<'_>, path: &Path<'_>, report: &mut Report) -> Option<Vec<PrincipalPattern>> {
    let members = match &node.value {
        Value::String(text) if text == "*" => {
            return Some(vec![PrincipalPattern::new("*", Covers::Everyone)]);
        }
        Value::String(text) => {
            let message = format!("`{text}` must stand under its kind, for example {{\"AWS\": \"{text}\"}}");
            report.add(FindingCode::InvalidPrincipal, path, node.offset, message);
            return None;
        }
        Value::Object(members) => members,
        _ => {
            report.wrong_type(path, node, "`*` or an object of principals");
            return None;
        }
    };
    check_duplicates(members, path, report);
    if members.is_empty() {
        // IAM Access Analyzer policy checks, Empty object principal.
        let message = "the object is empty, so the statement has no effect";
        report.add(FindingCode::EmptyElement, path, node.offset, message);
    }

    let mut entries = Some(Vec::new());
    for member in members {
        let path = path.key(&member.key);
        if !KINDS.contains(&member.key.as_str()) {
            let message = format!(
                "`{}` is not a kind of principal; expected {}",
                member.key,
                KINDS.join(", ")
            );
            report.add(FindingCode::InvalidPrincipal, &path, member.key_offset, message);
            entries = None;
            continue;
        }
        let read = match &member.value.value {
            Value::String(text) => {
                read_entry(&member.key, text, &path, member.value.offset, report).map(|entry| vec![entry])
            }
            Value::Array(items) => {
                if items.is_empty() {
                    let message = "the list is empty, so it names nobody";
                    report.add(FindingCode::EmptyElement, &path, member.value.offset, message);
                }
                let mut list = Some(Vec::new());
                for (index, item) in items.iter().enumerate() {
                    let path = path.index(index);
                    let entry = match &item.value {
                        Value::String(text) => read_entry(&member.key, text, &path, item.offset, report),
                        _ => {
                            report.wrong_type(&path, item, "a string");
                            None
                        }
                    };
                    list = list.zip(entry).map(|(mut list, entry)| {
                        list.push(entry);
                        list
                    });
                }
                list
            }
            _ => {
                report.wrong_type(&path, &member.value, "a string or a list of strings");
                None
            }
        };
        entries = entries.zip(read).map(|(mut entries, read)| {
            entries.extend(read);
            entries
        });
    }
    entries
}

fn read_entry(
    kind: &str,
    text: &str,
    path: &Path<'_>,
    offset: usize,
    report: &mut Report,
) -> Option<PrincipalPattern> {
    let nobody = || Some(PrincipalPattern::new(text, Covers::Nobody));
    if text.is_empty() {
        report.add(
            FindingCode::InvalidPrincipal,
            path,
            offset,
            "a principal is empty",
        );
        return None;
    }
    if kind != "AWS" {
        // Services, federated providers and canonical users never sign with IAM credentials of their own.
        if text.contains(['*', '?']) && text != "*" {
            let message = format!("a wildcard cannot stand for part of a principal: `{text}`");
            report.add(FindingCode::PrincipalWildcard, path, offset, message);
        }
        return nobody();
    }
    if text == "*" {
        return Some(PrincipalPattern::new(text, Covers::Everyone));
    }
    if text.contains(['*', '?']) {
        // IAM User Guide, Principal: a wildcard cannot match part of a principal name or ARN.
        let message = format!(
            "a wildcard cannot stand for part of a principal: `{text}` matches nobody; use the condition key `aws:PrincipalArn`"
        );
        report.add(FindingCode::PrincipalWildcard, path, offset, message);
        return nobody();
    }
    if is_account_id(text) {
        return Some(PrincipalPattern::new(text, Covers::Account(text.into())));
    }
    if is_unique_id(text) {
        return nobody();
    }
    if let Ok(identity) = text.parse::<Identity>() {
        let partition = identity.arn().partition();
        if !PARTITIONS.contains(&partition) {
            let message = format!("partition `{partition}` is not valid for principal `{text}`");
            report.add(FindingCode::InvalidPartition, path, offset, message);
        }
        if let Some(message) = missing_role_path(text) {
            report.add(FindingCode::RolePathMissing, path, offset, message);
        }
        return Some(PrincipalPattern::new(text, Covers::Identity(identity)));
    }
    let message = format!(
        "`{text}` is not an account id or the ARN of an account root, user, role, role session or federated user"
    );
    report.add(FindingCode::InvalidPrincipal, path, offset, message);
    None
}

/// The message for a role ARN without the path under which AWS creates every role of this kind; `None` for others.
///
/// The two kinds of roles are recognised by their names. Their ARNs are in the IAM Identity Center User Guide,
/// *Referencing permission sets in resource policies*, and the IAM User Guide, *IAM identifiers*.
pub(super) fn missing_role_path(arn: &str) -> Option<String> {
    const KINDS: [(&str, &str); 2] = [
        ("AWSReservedSSO_", "aws-reserved/sso.amazonaws.com/"),
        ("AWSServiceRoleFor", "aws-service-role/"),
    ];
    let name = crate::arn::split(arn)?[5].strip_prefix("role/")?;
    let (_, path) = KINDS.iter().find(|(prefix, _)| name.starts_with(prefix))?;
    Some(format!(
        "`{arn}` lacks the path of such a role, which is a part of its ARN: it begins with `role/{path}`"
    ))
}

/// Ids like `AIDA...` and `AROA...`, which AWS puts in place of a principal that was deleted.
fn is_unique_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    (16..=128).contains(&bytes.len())
        && bytes.starts_with(b"A")
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// IAM User Guide, *Grammar of the IAM JSON policy language*.
const KINDS: [&str; 4] = ["AWS", "Service", "Federated", "CanonicalUser"];
