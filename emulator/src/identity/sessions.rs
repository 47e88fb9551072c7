//! The role sessions that AssumeRole handed out.
//!
//! A session keeps what was asked for; what it may do is its role's business. So when a reload changes a role, its
//! sessions change with it, and when the role is gone they are worth nothing, as on AWS.

use std::{
    collections::{BTreeMap, HashMap},
    ops::RangeInclusive,
    sync::Arc,
};

use iam_policy::PolicyDocument;
use jiff::Timestamp;
use lookoutvision::constraints;
use serde::{Deserialize, Serialize};

use super::{credentials::TemporaryCredentials, is_tag_text};
use crate::{
    identity::Identities,
    identity::{AccessKey, Credentials, Principal, Role},
};

/// Sessions by their access key id
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions(HashMap<Box<str>, Arc<RoleSession>>);

/// A session of a role
#[derive(Debug)]
pub(crate) struct RoleSession {
    request: Arc<SessionRequest>,
    principal: Arc<Principal>,
}

/// What AssumeRole was called with for a session, and the credentials that it handed out
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SessionRequest {
    /// The role's ARN, with its path
    pub(crate) role_arn: Box<str>,
    pub(crate) session_name: Box<str>,
    /// Session tags, including the transitive ones of the session that called AssumeRole
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) transitive_tag_keys: Vec<String>,
    pub(crate) session_policies: Vec<PolicyDocument>,
    pub(crate) source_identity: Option<Box<str>>,
    pub(crate) issued_at: Timestamp,
    pub(crate) credentials: TemporaryCredentials,
}

impl Sessions {
    /// The principal of this access key
    pub(crate) fn get(&self, access_key_id: &str) -> Option<&Arc<Principal>> {
        self.0.get(access_key_id).map(|session| &session.principal)
    }

    /// The sessions of these requests under a configuration, and the requests whose role it does not declare
    pub(crate) fn under(
        requests: impl IntoIterator<Item = Arc<SessionRequest>>,
        identities: &Identities,
    ) -> (Self, Vec<Arc<SessionRequest>>) {
        let (mut sessions, mut ended) = (HashMap::new(), Vec::new());
        for request in requests {
            match identities.role(&request.role_arn) {
                Some(role) => {
                    let session = Arc::new(RoleSession::new(request, role));
                    sessions.insert(session.access_key_id().into(), session);
                }
                None => ended.push(request),
            }
        }
        (Self(sessions), ended)
    }

    /// The request that the session of this access key id was made by
    pub(crate) fn request(&self, access_key_id: &str) -> Option<&Arc<SessionRequest>> {
        self.0.get(access_key_id).map(|session| &session.request)
    }

    /// How many there are
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The requests that they were made by
    pub(crate) fn requests(&self) -> impl Iterator<Item = Arc<SessionRequest>> {
        self.0.values().map(|session| session.request.clone())
    }

    /// Adds a session of a role
    pub(crate) fn add(&mut self, request: Arc<SessionRequest>, role: &Role) {
        let session = Arc::new(RoleSession::new(request, role));
        self.0.insert(session.access_key_id().into(), session);
    }

    /// Removes the sessions that expired more than an hour ago; returns their access key ids
    pub(crate) fn forget_expired(&mut self, now: Timestamp) -> Vec<String> {
        // For a while, a caller with an expired key is told that it has expired, and not that nobody has it.
        let long_ago = now.saturating_sub(KEPT_AFTER_EXPIRY).unwrap_or(Timestamp::MIN);
        let gone = self.0.extract_if(|_, session| expiry(session) < long_ago);
        gone.map(|(id, _)| id.into()).collect()
    }

    /// Removes the sessions that end first until at most `stay_max` are left; returns their access key ids
    pub(crate) fn make_room(&mut self, stay_max: usize) -> Vec<String> {
        let mut gone = Vec::new();
        while self.0.len() > stay_max {
            let first = self.0.iter().min_by_key(|(_, session)| expiry(session));
            let Some(first) = first.map(|(id, _)| id.clone()) else {
                break;
            };
            self.0.remove(&first);
            gone.push(first.into());
        }
        gone
    }
}

fn expiry(session: &RoleSession) -> Timestamp {
    session.request.credentials.expires_at
}

impl RoleSession {
    fn access_key_id(&self) -> &str {
        self.request.credentials.access_key_id.as_str()
    }

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
        let session = role.session(&request.session_name, request.issued_at);
        let principal = Principal {
            tags,
            access_keys: vec![AccessKey {
                access_key_id: request.credentials.access_key_id.clone(),
                key: request.credentials.key(),
                credentials: Credentials::Temporary,
            }],
            session_policies: request.session_policies.clone(),
            source_identity: request.source_identity.clone(),
            transitive_tag_keys: request.transitive_tag_keys.clone(),
            ..session.expect("a role's name and a session's name make an ARN")
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

/// Whether a text can be a session's tag key, and its value with it
///
/// # Errors
/// When the key is empty, when either is too long or has characters that tags cannot have, and when the key begins with
/// `aws:` (IAM User Guide, *Tags for IAM and STS resources*).
pub(crate) fn check_session_tag(key: &str, value: &str) -> Result<(), SessionTagFault> {
    if !is_tag_text(key, 1, 128) {
        return Err(SessionTagFault::Key);
    }
    if constraints::is_reserved_tag_key(key) {
        return Err(SessionTagFault::Reserved);
    }
    if !is_tag_text(value, 0, 256) {
        return Err(SessionTagFault::Value);
    }
    Ok(())
}

/// Whether two keys name the same session tag (IAM User Guide, *Pass session tags in AWS STS*: case is ignored)
pub(crate) fn is_same_session_tag(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Why something cannot be a session tag
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SessionTagFault {
    #[error("a session tag's key has 1 to 128 letters, digits, blanks or _.:/=+-@")]
    Key,
    #[error("a session tag's value has up to 256 letters, digits, blanks or _.:/=+-@")]
    Value,
    #[error("keys of session tags that begin with `aws:` are reserved for AWS")]
    Reserved,
}

/// How long a session can last, in seconds (AWS STS API reference, `AssumeRole`, `DurationSeconds`)
pub(crate) const SESSION_SECONDS: RangeInclusive<u32> = 900..=43_200;

#[cfg(test)]
impl SessionRequest {
    /// A request for a session with these credentials, made at the Unix epoch
    pub(crate) fn example(credentials: TemporaryCredentials) -> Self {
        Self {
            role_arn: "arn:aws:iam::123456789012:role/inspector".into(),
            session_name: "line-7".into(),
            tags: BTreeMap::new(),
            transitive_tag_keys: Vec::new(),
            session_policies: Vec::new(),
            source_identity: None,
            issued_at: Timestamp::UNIX_EPOCH,
            credentials,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn config(tag: &str) -> Config {
        let yaml = format!(
            "roles:\n  - arn: arn:aws:iam::123456789012:role/inspector\n    tags: {{team: {tag}}}\n    trust_policy:\n      \
             Statement: [{{Effect: Allow, Principal: '*', Action: 'sts:AssumeRole'}}]\n"
        );
        Config::embedded(Some(&yaml), None).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn request(access_key_id: &str, expires_at: i64) -> Arc<SessionRequest> {
        let expires_at = Timestamp::from_second(expires_at).unwrap();
        Arc::new(SessionRequest::example(TemporaryCredentials {
            access_key_id: access_key_id.parse().unwrap(),
            ..TemporaryCredentials::fresh(expires_at)
        }))
    }

    #[test]
    fn a_session_is_what_its_role_is_now() {
        let (vision, audit) = (config("vision"), config("audit"));
        let mut sessions = Sessions::default();
        sessions.add(request("ASIA1", 900), &vision.settings.identities.roles[0]);
        let team = |sessions: &Sessions| sessions.get("ASIA1").expect("it is there").tags["team"].clone();
        assert_eq!(team(&sessions), "vision");
        let (under_audit, ended) = Sessions::under(sessions.requests(), &audit.settings.identities);
        assert_eq!((team(&under_audit).as_str(), ended.len()), ("audit", 0));
        let without_roles = Config::embedded(None, None).unwrap_or_else(|problems| panic!("{problems}"));
        let (none, ended) = Sessions::under(sessions.requests(), &without_roles.settings.identities);
        assert!(none.get("ASIA1").is_none());
        assert_eq!(ended.len(), 1);
    }

    #[test]
    fn the_session_that_ends_first_makes_room() {
        let config = config("vision");
        let (mut sessions, mut gone) = (Sessions::default(), Vec::new());
        for (id, expires_at) in [("ASIA1", 3_600), ("ASIA2", 900), ("ASIA3", 1_800)] {
            gone.extend(sessions.make_room(1));
            sessions.add(request(id, expires_at), &config.settings.identities.roles[0]);
        }
        let there = ["ASIA1", "ASIA2", "ASIA3"].map(|id| sessions.get(id).is_some());
        assert_eq!(there, [true, false, true]);
        assert_eq!(gone, ["ASIA2"]);
    }

    #[test]
    fn an_expired_session_is_known_for_another_hour() {
        let config = config("vision");
        let mut sessions = Sessions::default();
        sessions.add(request("ASIA1", 900), &config.settings.identities.roles[0]);
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(sessions.forget_expired(at(900 + 3_600)), Vec::<String>::new());
        assert_eq!(sessions.forget_expired(at(901 + 3_600)), ["ASIA1"]);
    }

    #[test]
    fn a_record_has_everything_and_a_debug_print_no_secret() {
        let request = request("ASIA1", 900);
        let text = serde_json::to_string(&request).unwrap();
        let restored: SessionRequest = serde_json::from_str(&text).unwrap();
        let (before, after) = (&request.credentials, &restored.credentials);
        assert!(before.secret_access_key == after.secret_access_key);
        assert!(before.session_token == after.session_token);
        let printed = format!("{restored:?}");
        assert_eq!(printed, format!("{request:?}"));
        assert!(!printed.contains(before.secret_access_key.expose()));
        assert!(!printed.contains(before.session_token.expose()));
    }
}
