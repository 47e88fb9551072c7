//! Role sessions in a document, without their secrets unless somebody asks for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_identifiers::AccessKeyId;
use client_text::json::escape_pointer;
use iam_policy::{PolicyDocument, PolicyType};
use jiff::{SignedDuration, Timestamp};
use lookoutvision::store::document::Misfit;
use serde::{Deserialize, Serialize};
use sigv4_verify::{SecretAccessKey, SessionToken};

use super::{LeftOut, PolicyText, Secrets};
use crate::{
    identity::{
        Role, TemporaryCredentials,
        sessions::{SESSION_SECONDS, SessionRequest, Sessions, check_session_tag, is_same_session_tag},
    },
    runtime::Snapshot,
};

/// A role session; not `Debug`, because there may be secrets in it
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionDocument {
    access_key_id: AccessKeyId,
    role_arn: String,
    session_name: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    transitive_tag_keys: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    session_policies: Vec<PolicyText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_identity: Option<String>,
    issued_at: Timestamp,
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_access_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_token: Option<String>,
}

/// The sessions, in the order in which they were handed out
pub(super) fn documents(sessions: &Sessions, secrets: Secrets) -> Vec<SessionDocument> {
    let mut requests: Vec<_> = sessions.requests().collect();
    let order = |request: &Arc<SessionRequest>| {
        let id = request.credentials.access_key_id.clone();
        (request.issued_at, id)
    };
    requests.sort_by_cached_key(order);
    requests
        .iter()
        .map(|request| document(request, secrets))
        .collect()
}

fn document(request: &SessionRequest, secrets: Secrets) -> SessionDocument {
    let secret = |text: &str| (secrets == Secrets::Included).then(|| text.to_owned());
    SessionDocument {
        access_key_id: request.credentials.access_key_id.clone(),
        role_arn: request.role_arn.to_string(),
        session_name: request.session_name.to_string(),
        tags: request.tags.clone(),
        transitive_tag_keys: request.transitive_tag_keys.clone(),
        session_policies: request.session_policies.iter().map(PolicyText::of).collect(),
        source_identity: request.source_identity.as_deref().map(str::to_owned),
        issued_at: request.issued_at,
        expires_at: request.credentials.expires_at,
        secret_access_key: secret(request.credentials.secret_access_key.expose()),
        session_token: secret(request.credentials.session_token.expose()),
    }
}

/// The sessions that documents describe, and those that are left out because nobody knows their secrets
pub(super) fn read(
    documents: Vec<SessionDocument>,
    snapshot: &Snapshot,
) -> Result<(Sessions, Vec<LeftOut>), Misfit> {
    let most = snapshot.settings.limits.role_sessions_max;
    if documents.len() > most {
        let message = format!(
            "{} are more than limits.role_sessions_max ({most})",
            documents.len()
        );
        return Err(Misfit::at("/role_sessions", message));
    }
    let (mut sessions, mut left_out) = (Sessions::default(), Vec::new());
    let mut ids = BTreeSet::new();
    for (index, document) in documents.into_iter().enumerate() {
        let path = format!("/role_sessions/{index}");
        let id = document.access_key_id.clone();
        if !ids.insert(id.clone()) {
            let message = format!("there are two sessions with the access key id `{id}`");
            return Err(Misfit::at(format!("{path}/access_key_id"), message));
        }
        if snapshot.keys.contains_key(id.as_str()) {
            let message = format!("`{id}` is an access key id of `principals` in the configuration");
            return Err(Misfit::at(format!("{path}/access_key_id"), message));
        }
        let role_arn = &document.role_arn;
        let role = snapshot.settings.identities.role(role_arn);
        let role = role.ok_or_else(|| {
            let message = format!("the configuration has no role `{role_arn}`");
            Misfit::at(format!("{path}/role_arn"), message)
        })?;
        match document.read(&path, role, &snapshot.sessions)? {
            Some(request) => sessions.add(Arc::new(request), role),
            None => left_out.push(LeftOut {
                path,
                reason: format!(
                    "the session `{id}` is without its secrets, so that no signature with it could be checked: export it with \
                     secrets"
                ),
            }),
        }
    }
    Ok((sessions, left_out))
}

impl SessionDocument {
    /// Refuses what AssumeRole would not have taken
    fn check_texts(&self, path: &str) -> Result<(), Misfit> {
        if let Some(source_identity) = &self.source_identity
            && !is_name(source_identity)
        {
            let message = "a source identity has 2 to 64 characters, letters, digits and `_+=,.@-`";
            return Err(Misfit::at(format!("{path}/source_identity"), message));
        }
        if self.tags.len() > SESSION_TAGS_MAX {
            let message = format!(
                "{} session tags are more than {SESSION_TAGS_MAX}",
                self.tags.len()
            );
            return Err(Misfit::at(format!("{path}/tags"), message));
        }
        self.check_tags(path)?;
        if self.session_policies.len() > SESSION_POLICIES_MAX {
            let message = format!(
                "{} session policies are more than {SESSION_POLICIES_MAX}",
                self.session_policies.len()
            );
            return Err(Misfit::at(format!("{path}/session_policies"), message));
        }
        Ok(())
    }

    fn check_tags(&self, path: &str) -> Result<(), Misfit> {
        for (index, (key, value)) in self.tags.iter().enumerate() {
            let refused = |message| Misfit::at(format!("{path}/tags/{}", escape_pointer(key)), message);
            check_session_tag(key, value).map_err(|fault| refused(fault.to_string()))?;
            let mut before = self.tags.keys().take(index);
            if let Some(same) = before.find(|other| is_same_session_tag(other, key)) {
                return Err(refused(format!(
                    "`{same}` is the same session tag: the case of keys is ignored"
                )));
            }
        }
        for (index, key) in self.transitive_tag_keys.iter().enumerate() {
            let refused =
                |message: &str| Err(Misfit::at(format!("{path}/transitive_tag_keys/{index}"), message));
            if !self.tags.contains_key(key) {
                return refused("a transitive tag key is one of `tags`");
            }
            if self
                .transitive_tag_keys
                .iter()
                .take(index)
                .any(|other| other == key)
            {
                return refused("this key is there already");
            }
        }
        Ok(())
    }

    /// Refuses a time that `AssumeRole` would not have given
    fn check_expiry(&self, path: &str) -> Result<(), Misfit> {
        let lasts = self.expires_at.duration_since(self.issued_at);
        let seconds = |seconds: &u32| SignedDuration::from_secs(i64::from(*seconds));
        let (least, most) = (seconds(SESSION_SECONDS.start()), seconds(SESSION_SECONDS.end()));
        // The end of all dates comes before the end of a session that is issued just before it.
        let is_cut_short = self.expires_at == Timestamp::MAX && lasts <= most;
        if is_cut_short || (least..=most).contains(&lasts) {
            return Ok(());
        }
        let message =
            "a session ends 15 minutes after it is issued at the earliest, and 12 hours at the latest";
        Err(Misfit::at(format!("{path}/expires_at"), message))
    }

    /// The session, if its secrets stand in the document or are those of a session that is there now
    fn read(self, path: &str, role: &Role, present: &Sessions) -> Result<Option<SessionRequest>, Misfit> {
        if !TemporaryCredentials::is_id(self.access_key_id.as_str()) {
            let message =
                "the access key id of a session is `ASIA` and 16 of the letters A to Z and the digits 2 to 7";
            return Err(Misfit::at(format!("{path}/access_key_id"), message));
        }
        for (name, secret) in [
            ("secret_access_key", &self.secret_access_key),
            ("session_token", &self.session_token),
        ] {
            if secret.as_ref().is_some_and(String::is_empty) {
                return Err(Misfit::at(format!("{path}/{name}"), "this is empty"));
            }
        }
        role.session(&self.session_name, self.issued_at)
            .map_err(|error| Misfit::at(format!("{path}/session_name"), error.to_string()))?;
        Misfit::check_date(format!("{path}/issued_at"), self.issued_at)?;
        Misfit::check_date(format!("{path}/expires_at"), self.expires_at)?;
        self.check_expiry(path)?;
        self.check_texts(path)?;
        let policies = self.session_policies.iter().enumerate().map(|(index, policy)| {
            policy.read(&format!("{path}/session_policies/{index}"), |text| {
                PolicyDocument::parse_stored(text, PolicyType::Session)
            })
        });
        let session_policies = policies.collect::<Result<_, _>>()?;
        let (secret_access_key, session_token) = match (self.secret_access_key, self.session_token) {
            (Some(secret), Some(token)) => (SecretAccessKey::new(&secret), SessionToken::new(&token)),
            (None, None) => {
                let same = present.request(self.access_key_id.as_str()).filter(|request| {
                    *request.role_arn == *self.role_arn && request.issued_at == self.issued_at
                });
                let Some(same) = same else {
                    return Ok(None);
                };
                let credentials = &same.credentials;
                (
                    credentials.secret_access_key.clone(),
                    credentials.session_token.clone(),
                )
            }
            _ => {
                let message = "`secret_access_key` and `session_token` belong together: give both or neither";
                return Err(Misfit::at(path, message));
            }
        };
        Ok(Some(SessionRequest {
            role_arn: self.role_arn.into(),
            session_name: self.session_name.into(),
            tags: self.tags,
            transitive_tag_keys: self.transitive_tag_keys,
            session_policies,
            source_identity: self.source_identity.map(Into::into),
            issued_at: self.issued_at,
            credentials: TemporaryCredentials {
                access_key_id: self.access_key_id,
                secret_access_key,
                session_token,
                expires_at: self.expires_at,
            },
        }))
    }
}

/// AWS STS API reference, `SourceIdentity`: `[\w+=,.@-]*`, of 2 to 64 characters
fn is_name(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    (2..=64).contains(&text.chars().count()) && text.chars().all(is_allowed)
}

/// AWS STS API reference, `Tags`: 50, besides those that go on from the caller's own session
const SESSION_TAGS_MAX: usize = 100;
/// AWS STS API reference, `Policy` and `PolicyArns`: one, and ten
const SESSION_POLICIES_MAX: usize = 11;
