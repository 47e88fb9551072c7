//! Everyone who can sign: the ARNs, the keys, the policies of the identity side.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_identifiers::{AccessKeyId, AccountId};
use iam_policy::{Identity, IdentityKind, PolicyDocument, PolicyType};
use jiff::Timestamp;
use ring::digest;
use sigv4_verify::{SecretAccessKey, SessionToken};

use super::{
    super::{
        file,
        problems::{Place, Report, Reported},
        read::{List, Located},
    },
    DEFAULT_ACCOUNT_ID, Unique, all, elements,
    policies::Policies,
    tags::{self, KeyCase},
};
use crate::identity::AccessKey;
use crate::identity::Credentials;
use crate::identity::Principal;
use crate::identity::Role;
use crate::services::vocabulary;

/// The principals that are declared, or the user `test`
pub(super) fn validate(
    written: Option<List<file::Principal>>,
    account_id: Option<&AccountId>,
    roles: &[Arc<Role>],
    policies: &Policies<'_>,
    report: &Report<'_>,
) -> Result<Vec<Arc<Principal>>, Reported> {
    let Some(written) = written else {
        return Ok(vec![Arc::new(test_user(account_id))]);
    };
    let place = written.place.clone();
    let mut validator = Validator {
        access_key_ids: Unique::new("access key id"),
        arns: Unique::new("principal"),
        roles,
        policies,
        report,
    };
    let written = written.value?;
    if written.is_empty() {
        report.warning(&place, "there is no principal, so nobody can sign a request");
    }
    all(written
        .into_iter()
        .map(|principal| validator.principal(principal).map(Arc::new)))
}

/// The default principal: a user of the account, whose key is as well known as its name. For testing only.
fn test_user(account_id: Option<&AccountId>) -> Principal {
    let account_id = account_id.map_or(DEFAULT_ACCOUNT_ID, AccountId::as_str);
    let identity: Identity = format!("arn:aws:iam::{account_id}:user/test")
        .parse()
        .expect("the ARN of a user of a well-formed account is well-formed");
    Principal {
        policy_arn: policy_arn(&identity),
        user_id: user_id(&identity),
        identity: iam_policy::Principal::Identity(identity),
        tags: BTreeMap::new(),
        access_keys: vec![AccessKey {
            access_key_id: "test".parse().expect("the default access key id is well-formed"),
            key: sigv4_verify::AccessKey::long_term(SecretAccessKey::new("test")),
            credentials: Credentials::LongTerm,
        }],
        identity_policies: None,
        permissions_boundary: Vec::new(),
        session_policies: Vec::new(),
        issued_at: None,
        source_identity: None,
        transitive_tag_keys: Vec::new(),
    }
}

struct Validator<'a> {
    access_key_ids: Unique<AccessKeyId>,
    arns: Unique<String>,
    roles: &'a [Arc<Role>],
    policies: &'a Policies<'a>,
    report: &'a Report<'a>,
}

impl Validator<'_> {
    fn principal(&mut self, written: Located<file::Principal>) -> Result<Principal, Reported> {
        let place = written.place;
        let written = written.value?;
        let identity = self.identity(written.arn);
        let kind = identity.as_ref().ok().map(Identity::kind);
        let tags = tags::validate(written.tags, PRINCIPAL_TAGS_MAX, KeyCase::Ignored, self.report);
        let access_keys = elements(written.access_keys).and_then(|keys| {
            if keys.is_empty() {
                self.report
                    .warning(&place, "without an access key it cannot sign a request");
            }
            all(keys.into_iter().map(|key| self.access_key(key, kind)))
        });
        if kind == Some(IdentityKind::Root) {
            // IAM User Guide, *AWS account root user*: identity policies and boundaries cannot be attached to it.
            let attached = [
                written.identity_policies.as_ref().map(|list| &list.place),
                written.permissions_boundary.as_ref().map(|policy| &policy.place),
            ];
            for place in attached.into_iter().flatten() {
                self.report
                    .problem(place, "the account root has no policies of its own");
            }
        }
        if let Some(IdentityKind::Root | IdentityKind::User) = kind
            && let Some(Located {
                value: Ok(policies),
                place,
            }) = &written.session_policies
            && !policies.is_empty()
        {
            // IAM User Guide, *Session policies*: they are passed when a session is made for a role or a federated user.
            let message = "session policies belong to an assumed-role session or a federated user";
            self.report.problem(place, message);
        }
        let identity_policies = written
            .identity_policies
            .map(|list| self.policies.list(list, PolicyType::Identity))
            .transpose();
        let permissions_boundary = written
            .permissions_boundary
            .map(|policy| self.policies.policy(policy, PolicyType::PermissionsBoundary))
            .transpose();
        let session_policies = written
            .session_policies
            .map(|list| self.policies.list(list, PolicyType::Session))
            .transpose();
        let identity = identity?;
        Ok(Principal {
            policy_arn: policy_arn(&identity),
            user_id: user_id(&identity),
            identity: iam_policy::Principal::Identity(identity),
            tags: tags?,
            access_keys: access_keys?,
            identity_policies: identity_policies?,
            permissions_boundary: permissions_boundary?.into_iter().collect(),
            session_policies: session_policies?.unwrap_or_default(),
            issued_at: None,
            source_identity: None,
            transitive_tag_keys: Vec::new(),
        })
    }

    fn identity(&mut self, written: Located<String>) -> Result<Identity, Reported> {
        let text = written.value?;
        // A role cannot sign, its sessions do.
        let identity = text
            .parse()
            .ok()
            .filter(|identity: &Identity| identity.kind() != IdentityKind::Role);
        let identity = identity.ok_or_else(|| self.report.problem(&written.place, not_a_principal(&text)))?;
        // One role session or federated user may exist twice, with other session policies.
        if matches!(identity.kind(), IdentityKind::Root | IdentityKind::User) {
            self.arns.check(text, &written.place, self.report)?;
        }
        // IAM API reference, `CreateRole`: names are unique within the account, whatever the path. So a role that is
        // declared tells the path that the session's own ARN leaves out.
        let role = self
            .roles
            .iter()
            .find(|role| identity.can_be_session_of(&role.identity));
        Ok(match (role, identity.session_name()) {
            (Some(role), Some(session_name)) => Identity::session_of(&role.identity, session_name)
                .expect("the session's name was read from an ARN of the same form"),
            _ => identity,
        })
    }

    fn access_key(
        &mut self,
        written: Located<file::AccessKey>,
        kind: Option<IdentityKind>,
    ) -> Result<AccessKey, Reported> {
        let place = written.place;
        let written = written.value?;
        let access_key_id = written.access_key_id.value.and_then(|text| {
            let access_key_id: AccessKeyId = text.parse().map_err(|_| {
                // Not the text itself: it may be the secret half, pasted into the wrong line.
                let message = "not an access key id (1 to 128 of [A-Za-z0-9_])";
                self.report.problem(&written.access_key_id.place, message)
            })?;
            self.access_key_ids
                .check(access_key_id.clone(), &written.access_key_id.place, self.report)?;
            Ok(access_key_id)
        });
        let secret = self
            .secret(written.secret_access_key)
            .map(|secret| SecretAccessKey::new(&secret));
        let session_token = written.session_token.map(|token| self.secret(token)).transpose();
        let expires_at = written.expires_at.map(|time| self.expires_at(time)).transpose();
        let (key, credentials) = match (session_token?, expires_at?) {
            (Some(token), expires_at) => {
                let (token, expires_at) = (SessionToken::new(&token), expires_at.map(|(at, _)| at));
                (
                    sigv4_verify::AccessKey::temporary(secret?, token, expires_at),
                    Credentials::Temporary,
                )
            }
            (None, Some((_, place))) => {
                let message = "only temporary credentials expire, and those have a `session_token`";
                return Err(self.report.problem(&place, message));
            }
            (None, None)
                if matches!(
                    kind,
                    Some(IdentityKind::AssumedRole | IdentityKind::FederatedUser)
                ) =>
            {
                let message = "a session has temporary credentials only: the key `session_token` is missing";
                return Err(self.report.problem(&place, message));
            }
            (None, None) => (sigv4_verify::AccessKey::long_term(secret?), Credentials::LongTerm),
        };
        Ok(AccessKey {
            access_key_id: access_key_id?,
            key,
            credentials,
        })
    }

    fn secret(&self, written: Located<file::Secret>) -> Result<String, Reported> {
        let text = written.value?.0;
        if text.is_empty() {
            return Err(self.report.problem(&written.place, "an empty text is no secret"));
        }
        Ok(text)
    }

    fn expires_at(&self, written: Located<String>) -> Result<(Timestamp, Place), Reported> {
        let text = written.value?;
        match text.parse() {
            Ok(time) => Ok((time, written.place)),
            Err(_) => {
                let message = format!("`{text}` is not an instant (like `2030-01-01T00:00:00Z`)");
                Err(self.report.problem(&written.place, message))
            }
        }
    }
}

/// IAM User Guide, *AWS global condition context keys*, `aws:PrincipalArn`: for a session it is the role's
// Guess: a role that is not declared has no path, since the ARN of a session does not tell it.
fn policy_arn(identity: &Identity) -> Box<str> {
    match (identity.kind(), identity.role_arn()) {
        (IdentityKind::AssumedRole, Some(role)) => role.as_str().into(),
        (IdentityKind::AssumedRole, None) => role_arn(identity).into(),
        _ => identity.arn().as_str().into(),
    }
}

/// Warns of each session whose role may be another one than the role of this name that a policy names
pub(super) fn warn_of_unknown_paths(
    principals: &[Arc<Principal>],
    place: Option<&Place>,
    documents: &[&PolicyDocument],
    report: &Report<'_>,
) {
    let Some(place) = place else { return };
    for (index, principal) in principals.iter().enumerate() {
        let mut told = BTreeSet::new();
        for document in documents {
            for warning in vocabulary::roles_compared_by_name(document, principal) {
                if told.insert(warning.clone()) {
                    report.warning(&place.descend(&format!("/{index}/arn")), warning);
                }
            }
        }
    }
}

fn role_arn(identity: &Identity) -> String {
    format!(
        "arn:{}:iam::{}:role/{}",
        identity.arn().partition(),
        identity.account(),
        identity.name()
    )
}

/// `aws:userid` (IAM User Guide, *Policy elements: variables*, the table of principal key values), with unique ids that
/// are made of the ARN, so that they stay what they are from start to start
fn user_id(identity: &Identity) -> Box<str> {
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
pub(super) fn unique_id(prefix: &str, arn: &str) -> String {
    let hash = digest::digest(&digest::SHA256, arn.as_bytes());
    let letter = |byte: &u8| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from(byte % 32)]);
    prefix
        .chars()
        .chain(hash.as_ref().iter().take(17).map(letter))
        .collect()
}

fn not_a_principal(text: &str) -> String {
    format!(
        "`{text}` is not the ARN of a user, an assumed-role session, a federated user or the account root"
    )
}

/// IAM and STS quotas: tags of a user, and session tags
const PRINCIPAL_TAGS_MAX: usize = 50;
