//! What condition keys call a principal, made of its ARN where nothing else says it.

use iam_policy::{Identity, IdentityKind};
use ring::digest;

/// `aws:PrincipalArn` (IAM User Guide, *AWS global condition context keys*): for a session it is the role's ARN
// Guess: a role that is not declared has no path, since the ARN of a session does not tell it.
pub(crate) fn policy_arn(identity: &Identity) -> Box<str> {
    match (identity.kind(), identity.role_arn()) {
        (IdentityKind::AssumedRole, Some(role)) => role.as_str().into(),
        (IdentityKind::AssumedRole, None) => role_arn(identity).into(),
        _ => identity.arn().as_str().into(),
    }
}

/// `aws:userid` (IAM User Guide, *Policy elements: variables*, the table of principal key values), with unique ids that
/// are made from the ARN, so that they are the same after every start
pub(crate) fn user_id(identity: &Identity) -> Box<str> {
    match identity.kind() {
        IdentityKind::Root => identity.account().into(),
        IdentityKind::User => unique_id("AIDA", identity.arn().as_str()).into(),
        IdentityKind::FederatedUser => format!("{}:{}", identity.account(), identity.name()).into(),
        IdentityKind::Role => unique_id("AROA", identity.arn().as_str()).into(),
        IdentityKind::AssumedRole => {
            let session_name = identity.session_name().unwrap_or_default();
            format!("{}:{session_name}", unique_id("AROA", &role_arn(identity))).into()
        }
    }
}

/// IAM User Guide, *IAM identifiers*, unique identifiers: a prefix and, in all examples, 17 more characters
pub(crate) fn unique_id(prefix: &str, arn: &str) -> String {
    let hash = digest::digest(&digest::SHA256, arn.as_bytes());
    let letter = |byte: &u8| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from(byte % 32)]);
    prefix
        .chars()
        .chain(hash.as_ref().iter().take(17).map(letter))
        .collect()
}

fn role_arn(identity: &Identity) -> String {
    format!(
        "arn:{}:iam::{}:role/{}",
        identity.arn().partition(),
        identity.account(),
        identity.name()
    )
}
