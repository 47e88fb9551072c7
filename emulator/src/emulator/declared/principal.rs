//! Principals that a test declares.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// Somebody who can sign requests: a user, a role's session, a federated user, or the account root
///
/// Without `identity_policies` the identity side allows everything, unlike AWS, so that a test of an endpoint policy is about
/// that alone.
#[derive(Debug, Clone, Serialize)]
pub struct Principal {
    arn: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    access_keys: Vec<AccessKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_policies: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions_boundary: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    session_policies: Vec<Value>,
}

#[derive(Clone, Serialize)]
struct AccessKey {
    access_key_id: String,
    secret_access_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

impl Principal {
    /// Somebody without an access key, who cannot sign yet
    pub fn new(arn: impl Into<String>) -> Self {
        Self {
            arn: arn.into(),
            tags: BTreeMap::new(),
            access_keys: Vec::new(),
            identity_policies: None,
            permissions_boundary: None,
            session_policies: Vec::new(),
        }
    }

    /// A key of a user or of the account root
    #[must_use]
    pub fn access_key(
        mut self,
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
    ) -> Self {
        self.access_keys.push(AccessKey {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token: None,
            expires_at: None,
        });
        self
    }

    /// A key of a session, which is valid only with its token and until `expires_at`
    #[must_use]
    pub fn temporary_access_key(
        mut self,
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
        session_token: impl Into<String>,
        expires_at: Timestamp,
    ) -> Self {
        self.access_keys.push(AccessKey {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token: Some(session_token.into()),
            expires_at: Some(expires_at),
        });
        self
    }

    /// A tag, which policies see as `aws:PrincipalTag/KEY`
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// What the identity side allows; an empty list allows nothing
    #[must_use]
    pub fn identity_policies(mut self, documents: impl IntoIterator<Item = Value>) -> Self {
        self.identity_policies = Some(documents.into_iter().collect());
        self
    }

    /// The permissions boundary
    #[must_use]
    pub fn permissions_boundary(mut self, document: Value) -> Self {
        self.permissions_boundary = Some(document);
        self
    }

    /// The policies that a session was made with
    #[must_use]
    pub fn session_policies(mut self, documents: impl IntoIterator<Item = Value>) -> Self {
        self.session_policies = documents.into_iter().collect();
        self
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}
