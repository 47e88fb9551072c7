//! What is wrong with a value, and what it should look like.

use super::forms::{organization, regions};
use super::{PRINCIPAL_TYPES, may_be_partition};
use crate::arn::split;
use crate::lint::form::Case;
use crate::loader::PARTITIONS;
use crate::pattern::Pattern;
use crate::principal::is_account_id;

pub(super) fn not_a_principal_arn(text: &str) -> String {
    if let Some([_, partition, _, _, account_id, resource]) = split(text) {
        if let Some(session) = resource.strip_prefix("assumed-role/") {
            let role = session.split('/').next().unwrap_or(session);
            return format!(
                "`{text}` names a session, and the key of a session is the ARN of its role: \
                 `arn:{partition}:iam::{account_id}:role/{role}`, with the role's path before its name if it has one"
            );
        }
        if !may_be_partition(partition) {
            return format!(
                "in the partition part of `{text}`, `{partition}` is none of {}",
                listed(&PARTITIONS)
            );
        }
        if account_id.bytes().all(|byte| !matches!(byte, b'*' | b'?' | b'$')) && !is_account_id(account_id) {
            return format!("in the account part of `{text}`, {}", not_an_account(account_id));
        }
    }
    format!(
        "`{text}` is not the ARN of a user, a role, a federated user or an account's root, such as \
         `arn:aws:iam::123456789012:user/alice` or `arn:aws:iam::123456789012:role/inspector`"
    )
}

pub(super) fn not_a_principal_type(text: &str) -> String {
    let meant = match text.to_ascii_lowercase().as_str() {
        "role" | "session" | "assumed-role" | "assumedrole" => "; a session of a role has `AssumedRole`",
        "root" | "account" => "; the root user has `Account`",
        "iamuser" | "user" => "; a user has `User`",
        "federateduser" | "federated" | "federated-user" => "; a federated user has `FederatedUser`",
        _ => "",
    };
    format!("`{text}` is none of {}{meant}", listed(&PRINCIPAL_TYPES))
}

pub(super) fn not_an_account(text: &str) -> String {
    let digits: String = text.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    if is_account_id(&digits) {
        return format!("`{text}` is not an account id; it is written `{digits}`");
    }
    format!("`{text}` is not an account id of twelve digits, such as `123456789012`")
}

pub(super) fn not_an_organization(text: &str) -> String {
    let is_id = |text: &str| organization().overlaps(&Pattern::literal(text).tokens(), Case::Counts);
    let lower = text.to_ascii_lowercase();
    let meant = [format!("o-{text}"), lower.clone(), format!("o-{lower}")]
        .into_iter()
        .find(|candidate| is_id(candidate));
    match meant {
        Some(meant) => format!("`{text}` is not the id of an organization, which would be `{meant}`"),
        None => format!(
            "`{text}` is not the id of an organization: `o-` and 10 to 32 of [a-z0-9], such as `o-a1b2c3d4e5`"
        ),
    }
}

pub(super) fn not_a_region(text: &str) -> String {
    if let Some(zone) = an_availability_zone(text) {
        return zone;
    }
    let lower = text.to_ascii_lowercase().replace('_', "-");
    if is_region(&lower) {
        return format!("`{text}` is not the name of a Region; it is written `{lower}`");
    }
    format!("`{text}` is not the name of a Region, such as `us-west-2`")
}

/// The flaw of a text that names an Availability Zone; `None` for any other text.
pub(super) fn an_availability_zone(text: &str) -> Option<String> {
    let region = text.strip_suffix(|c: char| c.is_ascii_lowercase())?;
    is_region(region).then(|| format!("`{text}` is an Availability Zone; its Region is `{region}`"))
}

fn is_region(text: &str) -> bool {
    let tokens = Pattern::literal(text).tokens();
    regions().iter().any(|form| form.overlaps(&tokens, Case::Counts))
}

pub(super) fn not_a_vpc(text: &str) -> String {
    format!("`{text}` is not the id of a VPC, such as `vpc-0a1b2c3d4e5f67890`")
}

pub(super) fn not_a_vpc_endpoint(text: &str) -> String {
    format!("`{text}` is not the id of a VPC endpoint, such as `vpce-0a1b2c3d4e5f67890`")
}

pub(super) fn not_an_address(text: &str) -> String {
    format!("`{text}` is not an address, such as `10.0.1.17`; a block of addresses needs `IpAddress`")
}

pub(super) fn not_a_truth_value(text: &str) -> String {
    format!("`{text}` is neither `true` nor `false`")
}

pub(super) fn not_a_date(text: &str) -> String {
    format!("`{text}` is not a date, such as `2026-01-31T00:00:00Z`")
}

pub(super) fn not_seconds(text: &str) -> String {
    format!("`{text}` is not a number of seconds since the epoch, such as `1780272000`")
}

pub(super) fn not_a_user_id(text: &str) -> String {
    if text.starts_with("AROA") && !text.contains(':') {
        return format!(
            "`{text}` is a role's, and the key of its sessions goes on with their name: `{text}:*`, which takes \
             `StringLike`"
        );
    }
    format!(
        "`{text}` is not a unique id, such as `AIDACKCEVSQ6C2EXAMPLE` of a user or `AROACKCEVSQ6C2EXAMPLE:line7` of a \
         session; names are in `aws:username` and `aws:PrincipalArn`"
    )
}

pub(super) fn not_a_user_name(text: &str) -> String {
    let name = text.rsplit('/').next().unwrap_or(text);
    if name != text && !name.is_empty() {
        return format!(
            "`{text}` is not the name of a user, which has neither path nor ARN; it would be `{name}`"
        );
    }
    format!("`{text}` is not the name of a user: letters, digits and `+=,.@_-`")
}

/// `a`, `b` and `c`.
fn listed(texts: &[&str]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("`{text}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}
