//! Who calls, as a person names them.

use std::{str::FromStr, sync::Arc};

use aws_identifiers::AccessKeyId;
use client_text::spelling;
use iam_policy::{Identity, IdentityKind};

use super::Scene;
use crate::identity::{Caller, Credentials, Principal};

/// Who calls: an ARN, or an access key id where several principals have one ARN
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallerName {
    /// A user, an assumed-role session, a federated user or the account root
    Arn(Identity),
    /// The principal that signs with this key
    AccessKey(AccessKeyId),
}

/// The callers that a scene knows
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Callers {
    /// The principals of the configuration and sessions of its roles
    Declared,
    /// Everyone; nothing is known of them but their ARN
    Anyone,
}

impl CallerName {
    /// The account, if the name tells it
    pub(crate) fn account(&self) -> Option<&str> {
        match self {
            Self::Arn(identity) => Some(identity.account()),
            Self::AccessKey(_) => None,
        }
    }
}

impl FromStr for CallerName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.contains(':') {
            return match text.parse() {
                Ok(id) => Ok(Self::AccessKey(id)),
                Err(_) => Err(format!("`{text}` is {NOT_A_CALLER}")),
            };
        }
        let identity: Identity = text.parse().map_err(|_| format!("`{text}` is {NOT_A_CALLER}"))?;
        if identity.kind() == IdentityKind::Role {
            let arn = identity.arn();
            return Err(format!(
                "a role does not call, its sessions do: `arn:{}:sts::{}:assumed-role/{}/SESSION`",
                arn.partition(),
                identity.account(),
                identity.name()
            ));
        }
        Ok(Self::Arn(identity))
    }
}

impl Scene {
    /// The caller with this name
    ///
    /// # Errors
    /// When nobody has this name, or several principals do.
    pub(crate) fn caller(&self, name: &CallerName) -> Result<Caller, String> {
        match (name, self.callers) {
            (CallerName::AccessKey(id), Callers::Declared) => match self.snapshot.access_key(id.as_str()) {
                Some((principal, key)) => Ok(Caller {
                    principal: principal.clone(),
                    credentials: key.credentials,
                }),
                None => Err(format!("no principal has the access key `{}`", id.as_str())),
            },
            (CallerName::AccessKey(_), Callers::Anyone) => Err(
                "an access key belongs to a principal of a configuration; without `config`, name the ARN"
                    .to_owned(),
            ),
            (CallerName::Arn(identity), Callers::Declared) => self.declared_caller(identity),
            (CallerName::Arn(identity), Callers::Anyone) => {
                let credentials = credentials_of(identity);
                Ok(Caller {
                    principal: Arc::new(Principal {
                        // IAM User Guide, *AWS global condition context keys*, `aws:TokenIssueTime`: present with
                        // temporary credentials.
                        issued_at: (credentials == Credentials::Temporary).then_some(self.now),
                        ..Principal::undeclared(identity.clone())
                    }),
                    credentials,
                })
            }
        }
    }

    /// The only principal that there is
    ///
    /// # Errors
    /// When there are several, or none.
    pub(crate) fn only_caller(&self) -> Result<Caller, String> {
        let principals = &self.snapshot.settings.identities.principals;
        match (principals.as_slice(), self.callers) {
            ([only], Callers::Declared) => Ok(declared(only)),
            (principals, Callers::Declared) => Err(format!(
                "who calls? the configuration has {} principals; name one in `principal`, here or in `defaults`",
                principals.len()
            )),
            (_, Callers::Anyone) => {
                Err("who calls? name the ARN in `principal`, here or in `defaults`".to_owned())
            }
        }
    }

    /// Every caller of the configuration, by ARN: its principals, each with the first of its access keys, and a session
    /// of each of its roles
    pub(crate) fn callers(&self) -> Vec<(String, Caller)> {
        let identities = &self.snapshot.settings.identities;
        let mut callers: Vec<(String, Caller)> = Vec::new();
        for principal in &identities.principals {
            let arn = principal.arn();
            let is_shared = identities
                .principals
                .iter()
                .filter(|other| other.arn() == arn)
                .count()
                > 1;
            // Where several have one ARN, the key distinguishes them.
            let name = match principal.access_keys.first().filter(|_| is_shared) {
                Some(key) => format!("{arn} ({})", key.access_key_id.as_str()),
                None => arn.to_owned(),
            };
            callers.push((name, declared(principal)));
        }
        for role in &identities.roles {
            if let Ok(session) = role.session(SESSION_NAME, self.now) {
                let caller = Caller {
                    principal: Arc::new(session),
                    credentials: Credentials::Temporary,
                };
                callers.push((role.identity.arn().to_string(), caller));
            }
        }
        callers
    }

    /// The principal of this ARN, or a session of a role, as AssumeRole would hand it out now
    fn declared_caller(&self, identity: &Identity) -> Result<Caller, String> {
        let identities = &self.snapshot.settings.identities;
        let arn = identity.arn().as_str();
        let principals: Vec<_> = identities
            .principals
            .iter()
            .filter(|principal| principal.arn() == arn)
            .collect();
        if let [principal, others @ ..] = principals.as_slice() {
            if !others.is_empty() {
                let keys = principals.iter().flat_map(|principal| &principal.access_keys);
                let keys: Vec<&str> = keys.map(|key| key.access_key_id.as_str()).collect();
                return Err(format!(
                    "{} principals have this ARN; name one of them by its access key ({})",
                    principals.len(),
                    spelling::quoted(&keys)
                ));
            }
            return Ok(declared(principal));
        }
        let role = identities
            .roles
            .iter()
            .find(|role| identity.can_be_session_of(&role.identity));
        if let (Some(role), Some(session_name)) = (role, identity.session_name()) {
            let session = role.session(session_name, self.now);
            return Ok(Caller {
                principal: Arc::new(session.map_err(|error| error.to_string())?),
                credentials: Credentials::Temporary,
            });
        }
        let known: Vec<&str> = identities.principals.iter().map(|known| known.arn()).collect();
        Err(match (spelling::meant(arn, &known), known.as_slice()) {
            (Some(meant), _) => format!("no principal `{arn}` is declared; did you mean `{meant}`?"),
            (None, []) => format!("no principal `{arn}` is declared; the configuration declares none"),
            (None, known) => format!(
                "no principal `{arn}` is declared; those that are: {}",
                spelling::quoted(known.get(..LISTED_MAX).unwrap_or(known))
            ),
        })
    }
}

/// A session with the path of its role, which its own ARN leaves out, if `role` is the ARN of its role
///
/// IAM User Guide, *AWS global condition context keys*, `aws:PrincipalArn`.
pub(crate) fn with_role(session: Identity, role: &str) -> Identity {
    let role: Option<Identity> = role.parse().ok().filter(|role| session.can_be_session_of(role));
    let known = role
        .zip(session.session_name())
        .and_then(|(role, session_name)| Identity::session_of(&role, session_name).ok());
    known.unwrap_or(session)
}

/// A principal of the configuration as a caller that uses the first of its keys
fn declared(principal: &Arc<Principal>) -> Caller {
    let of_identity = || {
        let identity = principal.identity.identity();
        identity.map_or(Credentials::LongTerm, credentials_of)
    };
    let key = principal.access_keys.first();
    Caller {
        credentials: key.map_or_else(of_identity, |key| key.credentials),
        principal: principal.clone(),
    }
}

fn credentials_of(identity: &Identity) -> Credentials {
    match identity.kind() {
        IdentityKind::Root | IdentityKind::User => Credentials::LongTerm,
        IdentityKind::Role | IdentityKind::AssumedRole | IdentityKind::FederatedUser => {
            Credentials::Temporary
        }
    }
}

const NOT_A_CALLER: &str =
    "not the ARN of a user, an assumed-role session, a federated user or the account root";

/// The name of the session that stands for all sessions of a role
const SESSION_NAME: &str = "session";

/// The most names that a message lists
pub(super) const LISTED_MAX: usize = 8;
