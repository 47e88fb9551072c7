//! Everyone who can sign: their ARNs, their keys, and the policies of the identity side.

use std::{collections::BTreeSet, sync::Arc};

use aws_identifiers::{AccessKeyId, AccountId};
use iam_policy::{Identity, IdentityKind, PolicyDocument, PolicyType};
use sigv4_verify::{SecretAccessKey, SessionToken};

use super::{
    super::{
        file::{self, List},
        problems::{Place, Report},
    },
    Unique, each,
    policies::Policies,
    tags::{self, KeyCase},
};
use crate::{
    identity::{AccessKey, Credentials, Principal, Role},
    services::vocabulary,
};

/// The declared principals, or the user `test`
pub(super) fn validate(
    written: Option<List<file::Principal>>,
    place: &Place,
    account_id: &AccountId,
    roles: &[Arc<Role>],
    policies: &Policies<'_>,
    report: &Report<'_>,
) -> Option<Vec<Arc<Principal>>> {
    let Some(written) = written else {
        return Some(vec![Arc::new(test_user(account_id))]);
    };
    let mut validator = Validator {
        access_key_ids: Unique::new("access key id"),
        arns: Unique::new("principal"),
        roles,
        policies,
        report,
    };
    if written.is_empty() {
        report.warning(place, "there is no principal, so nobody can sign a request");
    }
    each(written, place, report, |place, principal| {
        validator.principal(principal, place).map(Arc::new)
    })
}

/// The default principal: a user of the account, whose key is as well known as its name. For testing only.
fn test_user(account_id: &AccountId) -> Principal {
    let identity: Identity = format!("arn:aws:iam::{account_id}:user/test")
        .parse()
        .expect("the ARN of a user of a well-formed account is well-formed");
    Principal {
        access_keys: vec![AccessKey {
            access_key_id: "test".parse().expect("the default access key id is well-formed"),
            key: sigv4_verify::AccessKey::long_term(SecretAccessKey::new("test")),
            credentials: Credentials::LongTerm,
        }],
        ..Principal::undeclared(identity)
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
    fn principal(&mut self, written: file::Principal, place: &Place) -> Option<Principal> {
        let identity = written.arn.map(|arn| self.identity(arn.0, place.child("arn")));
        let kind = identity.as_ref().map(Identity::kind);
        let tags = tags::validate(
            written.tags,
            &place.child("tags"),
            PRINCIPAL_TAGS_MAX,
            KeyCase::Ignored,
            self.report,
        );
        let keys_place = place.child("access_keys");
        let access_keys = written.access_keys.unwrap_or_default();
        if access_keys.is_empty() {
            self.report
                .warning(place, "without an access key it cannot sign a request");
        }
        let access_keys = each(access_keys, &keys_place, self.report, |place, key| {
            self.access_key(key, place, kind)
        });
        if kind == Some(IdentityKind::Root) {
            // IAM User Guide, *AWS account root user*: identity policies and boundaries cannot be attached to it.
            let attached = ["identity_policies", "permissions_boundary"].map(|key| place.child(key));
            for place in attached.iter().filter(|place| self.report.is_said(place)) {
                self.report
                    .problem(place, "the account root has no policies of its own");
            }
        }
        let session_policies = written.session_policies.unwrap_or_default();
        let sessions_place = place.child("session_policies");
        if let Some(IdentityKind::Root | IdentityKind::User) = kind
            && !session_policies.is_empty()
        {
            // IAM User Guide, *Session policies*: they are passed when a session is created for a role or a federated
            // user.
            let message = "session policies belong to an assumed-role session or a federated user";
            self.report.problem(&sessions_place, message);
        }
        let attached =
            self.policies
                .of_identity(written.identity_policies, written.permissions_boundary, place);
        let session_policies = self
            .policies
            .list(session_policies, &sessions_place, PolicyType::Session);
        let identity = identity?;
        let (identity_policies, permissions_boundary) = attached?;
        Some(Principal {
            tags: tags?,
            access_keys: access_keys?,
            identity_policies,
            permissions_boundary,
            session_policies: session_policies?,
            ..Principal::undeclared(identity)
        })
    }

    fn identity(&mut self, identity: Identity, place: Place) -> Identity {
        // One role session or federated user may exist several times, with other session policies.
        if matches!(identity.kind(), IdentityKind::Root | IdentityKind::User) {
            self.arns
                .check(identity.arn().as_str().to_owned(), place, self.report);
        }
        // IAM API reference, `CreateRole`: names are unique within the account, whatever the path. So a declared role
        // tells the path that the ARN of its session leaves out.
        let role = self
            .roles
            .iter()
            .find(|role| identity.can_be_session_of(&role.identity));
        match (role, identity.session_name()) {
            (Some(role), Some(session_name)) => Identity::session_of(&role.identity, session_name)
                .expect("the session's name was read from an ARN of the same form"),
            _ => identity,
        }
    }

    fn access_key(
        &mut self,
        written: file::AccessKey,
        place: &Place,
        kind: Option<IdentityKind>,
    ) -> Option<AccessKey> {
        let access_key_id = written.access_key_id.map(|id| id.0);
        if let Some(id) = &access_key_id {
            self.access_key_ids
                .check(id.clone(), place.child("access_key_id"), self.report);
        }
        let is_session = matches!(
            kind,
            Some(IdentityKind::AssumedRole | IdentityKind::FederatedUser)
        );
        let expiry_place = place.child("expires_at");
        if !self.report.is_said(&place.child("session_token")) {
            if self.report.is_said(&expiry_place) {
                let message = "only temporary credentials expire, and those have a `session_token`";
                self.report.problem(&expiry_place, message);
            } else if is_session {
                let message = "a session has temporary credentials only: the key `session_token` is missing";
                self.report.problem(place, message);
            }
        }
        let secret = SecretAccessKey::new(&written.secret_access_key?.0);
        let (key, credentials) = match written.session_token {
            Some(token) => {
                let (token, expires_at) = (SessionToken::new(&token.0), written.expires_at);
                let expires_at = expires_at.map(|instant| instant.0);
                (
                    sigv4_verify::AccessKey::temporary(secret, token, expires_at),
                    Credentials::Temporary,
                )
            }
            None => (sigv4_verify::AccessKey::long_term(secret), Credentials::LongTerm),
        };
        Some(AccessKey {
            access_key_id: access_key_id?,
            key,
            credentials,
        })
    }
}

/// Warns of each session whose role may be another one than the role of the same name that a policy names
pub(super) fn warn_of_unknown_paths(
    principals: &[Arc<Principal>],
    place: &Place,
    documents: &[&PolicyDocument],
    report: &Report<'_>,
) {
    for (index, principal) in principals.iter().enumerate() {
        let mut told = BTreeSet::new();
        for document in documents {
            for warning in vocabulary::roles_compared_by_name(document, principal) {
                if told.insert(warning.clone()) {
                    report.warning(&place.child(index).child("arn"), warning);
                }
            }
        }
    }
}

/// IAM and STS quotas: tags of a user, and session tags
const PRINCIPAL_TAGS_MAX: usize = 50;
