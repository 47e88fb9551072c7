//! The role sessions that AssumeRole handed out.
//!
//! A session keeps what was asked for; what it may do is its role's business. So when a reload changes a role, its
//! sessions change with it, and when the role is gone they are worth nothing, as it is on AWS.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use iam_policy::PolicyDocument;
use jiff::Timestamp;

use crate::config::{AccessKey, Config, Credentials, Principal, Role};

/// Sessions by their access key id
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions(HashMap<Box<str>, Arc<RoleSession>>);

/// A session of a role
#[derive(Debug)]
pub(crate) struct RoleSession {
    request: Arc<SessionRequest>,
    principal: Arc<Principal>,
}

/// What a session was asked for with, and what was handed out
#[derive(Debug)]
pub(crate) struct SessionRequest {
    /// The role's ARN, with its path
    pub(crate) role_arn: Box<str>,
    pub(crate) session_name: Box<str>,
    /// Session tags, those of the session before that go on included
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) transitive_tag_keys: Vec<String>,
    pub(crate) session_policies: Vec<PolicyDocument>,
    pub(crate) source_identity: Option<Box<str>>,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) access_key_id: crate::identifiers::AccessKeyId,
    pub(crate) key: sigv4_verify::AccessKey,
}

impl Sessions {
    /// Whose access key this is
    pub(crate) fn get(&self, access_key_id: &str) -> Option<&Arc<Principal>> {
        self.0.get(access_key_id).map(|session| &session.principal)
    }

    /// Adds a session of a role, and makes room for it: expired ones go first, then those that end first
    pub(crate) fn add(&mut self, request: SessionRequest, role: &Role, sessions_max: usize) {
        let now = request.issued_at;
        // A caller with a key that ran out is told so for a while, and not that nobody has it.
        let long_ago = now.saturating_sub(KEPT_AFTER_EXPIRY).unwrap_or(Timestamp::MIN);
        self.0.retain(|_, session| session.request.expires_at >= long_ago);
        while self.0.len() >= sessions_max {
            let first = self
                .0
                .iter()
                .min_by_key(|(_, session)| session.request.expires_at);
            let Some(first) = first.map(|(id, _)| id.clone()) else {
                break;
            };
            self.0.remove(&first);
        }
        let access_key_id = request.access_key_id.as_str().into();
        self.0
            .insert(access_key_id, Arc::new(RoleSession::new(Arc::new(request), role)));
    }

    /// The same sessions under another configuration
    #[must_use]
    pub(crate) fn under(&self, config: &Config) -> Self {
        let sessions = self.0.iter().filter_map(|(id, session)| {
            let role = config.role(&session.request.role_arn)?;
            Some((
                id.clone(),
                Arc::new(RoleSession::new(session.request.clone(), role)),
            ))
        });
        Self(sessions.collect())
    }
}

impl RoleSession {
    fn new(request: Arc<SessionRequest>, role: &Role) -> Self {
        let mut tags = role.tags.clone();
        // IAM User Guide, *Pass session tags in AWS STS*: a session tag replaces the role's tag of the same key, and
        // keys are not case sensitive.
        tags.retain(|key, _| {
            !request
                .tags
                .keys()
                .any(|new| new.to_lowercase() == key.to_lowercase())
        });
        tags.extend(request.tags.clone());
        let principal = Principal {
            identity: iam_policy::Principal::Identity(
                session_arn(role, &request.session_name)
                    .parse()
                    .expect("a role's name and a session's name make an ARN"),
            ),
            policy_arn: role.identity.arn().as_str().into(),
            user_id: session_id(role, &request.session_name).into(),
            tags,
            access_keys: vec![AccessKey {
                access_key_id: request.access_key_id.clone(),
                key: request.key.clone(),
                credentials: Credentials::Temporary,
            }],
            identity_policies: role.identity_policies.clone(),
            permissions_boundary: role.permissions_boundary.clone(),
            session_policies: request.session_policies.clone(),
            issued_at: Some(request.issued_at),
            source_identity: request.source_identity.clone(),
            transitive_tag_keys: request.transitive_tag_keys.clone(),
        };
        Self {
            request,
            principal: Arc::new(principal),
        }
    }
}

/// `arn:aws:sts::123456789012:assumed-role/inspector/line-7` (IAM User Guide, *IAM ARNs*)
pub(crate) fn session_arn(role: &Role, session_name: &str) -> String {
    let identity = &role.identity;
    format!(
        "arn:{}:sts::{}:assumed-role/{}/{session_name}",
        identity.arn().partition(),
        identity.account(),
        identity.name()
    )
}

/// `AROA…:line-7` (AWS STS API reference, `AssumedRoleUser`)
pub(crate) fn session_id(role: &Role, session_name: &str) -> String {
    format!("{}:{session_name}", role.unique_id)
}

const KEPT_AFTER_EXPIRY: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

#[cfg(test)]
mod tests {
    use sigv4_verify::{SecretAccessKey, SessionToken};

    use super::*;

    fn config(tag: &str) -> Config {
        let yaml = format!(
            "roles:\n  - arn: arn:aws:iam::123456789012:role/inspector\n    tags: {{team: {tag}}}\n    trust_policy:\n      \
             Statement: [{{Effect: Allow, Principal: '*', Action: 'sts:AssumeRole'}}]\n"
        );
        Config::embedded(Some(&yaml), None).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn request(access_key_id: &str, expires_at: i64) -> SessionRequest {
        SessionRequest {
            role_arn: "arn:aws:iam::123456789012:role/inspector".into(),
            session_name: "line-7".into(),
            tags: BTreeMap::new(),
            transitive_tag_keys: Vec::new(),
            session_policies: Vec::new(),
            source_identity: None,
            issued_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::from_second(expires_at).unwrap(),
            access_key_id: access_key_id.parse().unwrap(),
            key: sigv4_verify::AccessKey::temporary(
                SecretAccessKey::new("secret"),
                SessionToken::new("token"),
                None,
            ),
        }
    }

    #[test]
    fn a_session_is_what_its_role_is_now() {
        let (vision, audit) = (config("vision"), config("audit"));
        let mut sessions = Sessions::default();
        sessions.add(request("ASIA1", 900), &vision.roles[0], 8);
        let team = |sessions: &Sessions| sessions.get("ASIA1").expect("it is there").tags["team"].clone();
        assert_eq!(team(&sessions), "vision");
        assert_eq!(team(&sessions.under(&audit)), "audit");
        let without_roles = Config::embedded(None, None).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(sessions.under(&without_roles).get("ASIA1").is_none());
    }

    #[test]
    fn the_session_that_ends_first_makes_room() {
        let config = config("vision");
        let mut sessions = Sessions::default();
        for (id, expires_at) in [("ASIA1", 3_600), ("ASIA2", 900), ("ASIA3", 1_800)] {
            sessions.add(request(id, expires_at), &config.roles[0], 2);
        }
        let there = ["ASIA1", "ASIA2", "ASIA3"].map(|id| sessions.get(id).is_some());
        assert_eq!(there, [true, false, true]);
    }
}
