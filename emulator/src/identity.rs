//! Who can sign requests, how policies see them, and the organization around them.

mod credentials;
pub(crate) mod key_values;
pub(crate) mod sessions;

pub(crate) use self::credentials::TemporaryCredentials;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use iam_policy::PolicyDocument;
use jiff::Timestamp;

use aws_identifiers::AccessKeyId;
use lookoutvision::constraints;

/// Everyone whom a configuration declares
#[derive(Debug)]
pub(crate) struct Identities {
    /// Everyone who can sign
    pub(crate) principals: Vec<Arc<Principal>>,
    /// Roles that AssumeRole hands out sessions of
    pub(crate) roles: Vec<Arc<Role>>,
    /// Managed policies, for sessions
    pub(crate) managed_policies: Vec<ManagedPolicy>,
    /// The organization that the account belongs to, if any
    pub(crate) organization: Option<Organization>,
}

/// Someone who can sign requests
#[derive(Debug)]
pub(crate) struct Principal {
    /// The identity as written: a user, an assumed-role session, a federated user or the account root
    pub(crate) identity: iam_policy::Principal,
    /// What `aws:PrincipalArn` is: for a session the role's ARN
    pub(crate) policy_arn: Box<str>,
    /// What `aws:userid` is
    pub(crate) user_id: Box<str>,
    /// Principal tags
    pub(crate) tags: BTreeMap<String, String>,
    /// The keys it signs with
    pub(crate) access_keys: Vec<AccessKey>,
    /// Identity-based policies; `None` allows everything, because none are declared
    pub(crate) identity_policies: Option<Vec<PolicyDocument>>,
    /// At most one permissions boundary
    pub(crate) permissions_boundary: Vec<PolicyDocument>,
    /// Session policies, for temporary credentials
    pub(crate) session_policies: Vec<PolicyDocument>,
    /// What `aws:TokenIssueTime` is, for a session that AssumeRole made
    pub(crate) issued_at: Option<Timestamp>,
    /// What `aws:SourceIdentity` is
    pub(crate) source_identity: Option<Box<str>>,
    /// Which of its tags go on to the sessions that it makes
    pub(crate) transitive_tag_keys: Vec<String>,
}

/// A role that AssumeRole hands out sessions of
#[derive(Debug)]
pub(crate) struct Role {
    /// Its ARN, with its path
    pub(crate) identity: iam_policy::Identity,
    /// `AROA…`
    pub(crate) unique_id: Box<str>,
    /// Who may assume it
    pub(crate) trust_policy: PolicyDocument,
    /// Tags of the role, which are principal tags of its sessions
    pub(crate) tags: BTreeMap<String, String>,
    /// Identity-based policies of its sessions; `None` allows everything, because none are declared
    pub(crate) identity_policies: Option<Vec<PolicyDocument>>,
    /// At most one permissions boundary
    pub(crate) permissions_boundary: Vec<PolicyDocument>,
    /// The longest that a session may last
    pub(crate) max_session_duration: Duration,
}

/// A managed policy that AssumeRole can narrow a session with
#[derive(Debug)]
pub(crate) struct ManagedPolicy {
    /// Its ARN
    pub(crate) arn: Box<str>,
    /// What it says
    pub(crate) document: PolicyDocument,
}

/// One access key of a principal
#[derive(Debug)]
pub(crate) struct AccessKey {
    /// The public half
    pub(crate) access_key_id: AccessKeyId,
    /// The secret half, and the session token of temporary credentials
    pub(crate) key: sigv4_verify::AccessKey,
    /// Whether the key is part of temporary credentials
    pub(crate) credentials: Credentials,
}

/// The kind of credentials that a key is part of
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// A user's or the account root's own
    LongTerm,
    /// A session's, worth nothing without its token
    Temporary,
}

/// Who signed a request, and that it was signed
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) principal: Arc<Principal>,
    pub(crate) credentials: Credentials,
}

/// An AWS Organizations organization
#[derive(Debug)]
pub(crate) struct Organization {
    /// `o-…`
    pub(crate) id: String,
    /// Levels, root first; each level is a list of documents
    pub(crate) service_control_policies: Vec<Vec<PolicyDocument>>,
    /// Levels, root first; each level is a list of documents
    pub(crate) resource_control_policies: Vec<Vec<PolicyDocument>>,
}

impl Identities {
    /// The role of an ARN
    pub(crate) fn role(&self, arn: &str) -> Option<&Arc<Role>> {
        self.roles.iter().find(|role| role.identity.arn().as_str() == arn)
    }
}

impl Role {
    /// A session of it without tags and policies of its own
    ///
    /// # Errors
    /// When no session can have this name.
    pub(crate) fn session(
        &self,
        session_name: &str,
        issued_at: Timestamp,
    ) -> Result<Principal, iam_policy::PrincipalError> {
        let identity = iam_policy::Identity::session_of(&self.identity, session_name)?;
        Ok(Principal {
            policy_arn: self.identity.arn().as_str().into(),
            user_id: sessions::session_id(self, session_name).into(),
            tags: self.tags.clone(),
            identity_policies: self.identity_policies.clone(),
            permissions_boundary: self.permissions_boundary.clone(),
            issued_at: Some(issued_at),
            ..Principal::undeclared(identity)
        })
    }
}

impl Principal {
    /// Someone of whom nothing is known but the ARN
    pub(crate) fn undeclared(identity: iam_policy::Identity) -> Self {
        Self {
            policy_arn: key_values::policy_arn(&identity),
            user_id: key_values::user_id(&identity),
            identity: iam_policy::Principal::Identity(identity),
            tags: BTreeMap::new(),
            access_keys: Vec::new(),
            identity_policies: None,
            permissions_boundary: Vec::new(),
            session_policies: Vec::new(),
            issued_at: None,
            source_identity: None,
            transitive_tag_keys: Vec::new(),
        }
    }

    /// The ARN of a session's role, if the path of the role is known
    pub(crate) fn role_arn(&self) -> Option<&str> {
        let role = self.identity.identity()?.role_arn();
        role.map(iam_policy::Arn::as_str)
    }

    /// The ARN as written, which is what refusals and the journal call the caller
    pub(crate) fn arn(&self) -> &str {
        self.identity.arn().map_or("anonymous", iam_policy::Arn::as_str)
    }
}

/// The most tags that one resource of EC2 can have (Amazon EC2 User Guide, *Tag restrictions*)
pub(crate) const RESOURCE_TAGS_MAX: usize = 50;

/// Refuses what cannot be a tag of a resource of EC2
///
/// # Errors
/// When the key is reserved for AWS, or when the key or the value is too long.
// API model of EC2, `Tag`: at most 127 and 256 characters, and keys that begin with `aws:` are AWS's.
pub(crate) fn check_resource_tag(key: &str, value: &str) -> Result<(), ResourceTagFault> {
    if constraints::is_reserved_tag_key(key) {
        return Err(ResourceTagFault::Reserved);
    }
    if key.chars().count() > 127 || value.chars().count() > 256 {
        return Err(ResourceTagFault::TooLong);
    }
    Ok(())
}

/// Why something cannot be a tag of a resource of EC2
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ResourceTagFault {
    #[error("tag keys that begin with `aws:` are reserved for AWS")]
    Reserved,
    #[error("a tag of EC2 has a key of 127 characters and a value of 256 at most")]
    TooLong,
}

/// Whether a text can be a tag's key or value, of `least` to `most` characters
pub(crate) fn is_tag_text(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.chars().count()) && constraints::is_tag_text(text)
}
