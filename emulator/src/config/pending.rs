//! Stand-ins for what other crates are about to bring.

use std::{path::Path, sync::Arc};

use iam_policy::PolicyDocument;
use sigv4_verify::SecretAccessKey;

use crate::lookoutvision::canned::RecordedAnswer;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PolicyType {
    VpcEndpoint,
    Identity,
    Boundary,
    Session,
    ServiceControl,
    ResourceControl,
}

pub(super) struct PolicyError {
    pub(super) message: String,
    pub(super) path: String,
    pub(super) line: u32,
    pub(super) column: u32,
}

pub(super) fn parse_policy(text: &str, policy_type: PolicyType) -> Result<PolicyDocument, PolicyError> {
    let error = |message: &str, path: &str| PolicyError {
        message: message.to_owned(),
        path: path.to_owned(),
        line: 1,
        column: 1,
    };
    let value: serde_json::Value = serde_json::from_str(text).map_err(|_| error("not JSON", ""))?;
    let statement = &value["Statement"];
    let statement = if statement.is_array() {
        &statement[0]
    } else {
        statement
    };
    if policy_type == PolicyType::VpcEndpoint && statement.get("Principal").is_none() {
        return Err(error("no principal", "/Statement/0"));
    }
    Ok(PolicyDocument)
}

pub(super) fn policy_warnings(_: &PolicyDocument) -> Vec<PolicyError> {
    Vec::new()
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IdentityKind {
    Root,
    User,
    Role,
    AssumedRole,
    FederatedUser,
}

pub(super) fn parse_principal(arn: &str) -> Option<(iam_policy::Principal, IdentityKind)> {
    let kind = if arn.contains(":user/") {
        IdentityKind::User
    } else if arn.contains(":assumed-role/") {
        IdentityKind::AssumedRole
    } else if arn.contains(":federated-user/") {
        IdentityKind::FederatedUser
    } else if arn.contains(":role/") {
        IdentityKind::Role
    } else if arn.ends_with(":root") {
        IdentityKind::Root
    } else {
        return None;
    };
    Some((iam_policy::Principal, kind))
}

pub(super) fn secret(text: &str) -> SecretAccessKey {
    SecretAccessKey::new(text)
}

pub(super) fn parse_recorded_answer(file: &Path, bytes: Vec<u8>) -> Result<RecordedAnswer, (String, String)> {
    let _: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|error| (String::new(), error.to_string()))?;
    Ok(RecordedAnswer {
        file: file.to_owned(),
        body: Arc::from(bytes),
    })
}
