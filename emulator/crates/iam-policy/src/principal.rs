//! Principals: who calls, and the entries of `Principal` and `NotPrincipal`.
//!
//! Entries are exact: a wildcard cannot stand for part of a name or ARN (IAM User Guide, *Principal*). An
//! account entry covers everybody in the account, and a role entry covers every session of the role.

use std::fmt;
use std::str::FromStr;

use crate::arn::Arn;

/// The caller's identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Nobody: the request is not signed.
    Anonymous,
    /// An identity of an account.
    Identity(Identity),
}

/// An identity of an account, read from its ARN.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    arn: Arn,
    kind: IdentityKind,
    /// For a session, the role's ARN with its path, if it is known.
    role: Option<Arn>,
}

/// What kind of identity an ARN names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IdentityKind {
    /// `arn:aws:iam::ACCOUNT:root`
    Root,
    /// `arn:aws:iam::ACCOUNT:user/path/name`
    User,
    /// `arn:aws:iam::ACCOUNT:role/path/name`: the role itself, as simulations name it
    Role,
    /// `arn:aws:sts::ACCOUNT:assumed-role/name/session`
    AssumedRole,
    /// `arn:aws:sts::ACCOUNT:federated-user/name`
    FederatedUser,
}

impl Principal {
    /// The ARN; `None` for an anonymous caller.
    pub fn arn(&self) -> Option<&Arn> {
        self.identity().map(Identity::arn)
    }

    /// The account; `None` for an anonymous caller.
    pub fn account(&self) -> Option<&str> {
        self.identity().map(Identity::account)
    }

    /// The kind of identity; `None` for an anonymous caller.
    pub fn kind(&self) -> Option<IdentityKind> {
        self.identity().map(Identity::kind)
    }

    /// The identity, unless the caller is anonymous.
    pub fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Anonymous => None,
            Self::Identity(identity) => Some(identity),
        }
    }
}

impl Identity {
    /// A session of a role whose full ARN is known; the session's own ARN does not have the role's path.
    ///
    /// ```
    /// use iam_policy::Identity;
    ///
    /// let role: Identity = "arn:aws:iam::123456789012:role/factory/inspector".parse()?;
    /// let session = Identity::session_of(&role, "line-7")?;
    /// assert_eq!(session.to_string(), "arn:aws:sts::123456789012:assumed-role/inspector/line-7");
    /// assert_eq!(session.role_arn(), Some(role.arn()));
    /// # Ok::<(), iam_policy::PrincipalError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When `role` is not a role, or a session cannot have this name.
    pub fn session_of(role: &Self, session_name: &str) -> Result<Self, PrincipalError> {
        let (partition, account, name) = (role.arn.partition(), role.account(), role.name());
        if role.kind != IdentityKind::Role {
            return Err(PrincipalError {
                text: role.arn.as_str().into(),
            });
        }
        let session: Self =
            format!("arn:{partition}:sts::{account}:assumed-role/{name}/{session_name}").parse()?;
        Ok(Self {
            role: Some(role.arn.clone()),
            ..session
        })
    }

    /// The role's ARN with its path: for a role, and for a session if it is known; `None` otherwise.
    pub fn role_arn(&self) -> Option<&Arn> {
        match self.kind {
            IdentityKind::Role => Some(&self.arn),
            _ => self.role.as_ref(),
        }
    }

    /// Whether `role` can be the role of this session, judging by the session's ARN: a role of the same partition,
    /// account and name, whatever its path.
    pub fn can_be_session_of(&self, role: &Self) -> bool {
        (self.kind, role.kind) == (IdentityKind::AssumedRole, IdentityKind::Role)
            && self.same_account_and_partition(role)
            && self.name() == role.name()
    }

    /// The ARN; for a session, that of the session and not of its role.
    pub fn arn(&self) -> &Arn {
        &self.arn
    }

    /// The account.
    pub fn account(&self) -> &str {
        self.arn.account()
    }

    /// What kind of identity this is.
    pub fn kind(&self) -> IdentityKind {
        self.kind
    }

    /// The user's name, the role's name, the federated user's name, or `root`; without path and session.
    pub fn name(&self) -> &str {
        let resource = self.arn.resource();
        let name = resource.split_once('/').map_or(resource, |(_, name)| name);
        match self.kind {
            IdentityKind::Root | IdentityKind::FederatedUser => name,
            IdentityKind::User | IdentityKind::Role => last_segment(name),
            IdentityKind::AssumedRole => name.split_once('/').map_or(name, |(role, _)| role),
        }
    }

    /// The name of the session of an assumed role.
    pub fn session_name(&self) -> Option<&str> {
        match self.kind {
            IdentityKind::AssumedRole => self.arn.resource().rsplit_once('/').map(|(_, session)| session),
            _ => None,
        }
    }

    fn same_account_and_partition(&self, other: &Self) -> bool {
        self.account() == other.account() && self.arn.partition() == other.arn.partition()
    }
}

fn last_segment(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, last)| last)
}

/// Whether `text` is a twelve-digit account id.
pub(crate) fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl FromStr for Principal {
    type Err = PrincipalError;

    /// Reads an ARN or the word `anonymous`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "anonymous" {
            Ok(Self::Anonymous)
        } else {
            text.parse().map(Self::Identity)
        }
    }
}

impl FromStr for Identity {
    type Err = PrincipalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || PrincipalError { text: text.into() };
        let arn: Arn = text.parse().map_err(|_| refused())?;
        // Names hold letters, digits and `+=,.@_-`; a wildcard or variable in one names nobody.
        let foreign =
            |c: char| matches!(c, '*' | '?' | '$' | '{' | '}') || c.is_whitespace() || c.is_control();
        if text.contains(foreign) || !arn.region().is_empty() || !is_account_id(arn.account()) {
            return Err(refused());
        }
        let (resource_type, name) = arn.resource().split_once('/').unwrap_or((arn.resource(), ""));
        let segments = name.split('/').filter(|segment| !segment.is_empty()).count();
        let whole = !name.ends_with('/') && segments > 0;
        let kind = match (arn.service(), resource_type) {
            ("iam", "root") if arn.resource() == "root" => IdentityKind::Root,
            ("iam", "user") if whole => IdentityKind::User,
            ("iam", "role") if whole => IdentityKind::Role,
            ("sts", "assumed-role") if segments == 2 && name.split('/').count() == 2 => {
                IdentityKind::AssumedRole
            }
            ("sts", "federated-user") if whole && segments == 1 => IdentityKind::FederatedUser,
            _ => return Err(refused()),
        };
        Ok(Self {
            arn,
            kind,
            role: None,
        })
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::Identity(identity) => identity.fmt(f),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.arn.fmt(f)
    }
}

/// The text is not the ARN of a user, a role, a session, a federated user or a root user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalError {
    text: Box<str>,
}

impl fmt::Display for PrincipalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not the ARN of a user, a role, an assumed-role session, a federated user or a root user",
            self.text
        )
    }
}

impl std::error::Error for PrincipalError {}

/// One entry of `Principal` or `NotPrincipal`.
#[derive(Debug, Clone)]
pub(crate) struct PrincipalPattern {
    text: Box<str>,
    covers: Covers,
}

/// Whom an entry covers.
#[derive(Debug, Clone)]
pub(crate) enum Covers {
    /// `*`: everyone, anonymous callers too.
    Everyone,
    /// Everybody of an account.
    Account(Box<str>),
    /// One identity, or every session of a role.
    Identity(Identity),
    /// Nobody who signs with IAM credentials: services, federated providers, canonical users, the unique
    /// ids that AWS stores once a principal is deleted, and entries with a wildcard in part of a name.
    Nobody,
}

/// To whom an entry of a resource's policy grants, and thus which of the caller's own policies it replaces within one
/// account.
///
/// IAM User Guide, *How AWS enforcement code logic evaluates requests*, resource-based policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum GrantedTo {
    /// It replaces none: the account decides which of its identities may (*AWS JSON policy elements: Principal*, AWS
    /// account principals).
    Account,
    /// It replaces the identity policies: a permissions boundary and session policies still have to allow.
    Identity,
    /// It replaces all of them.
    Caller,
}

impl PrincipalPattern {
    pub(crate) fn new(text: &str, covers: Covers) -> Self {
        Self {
            text: text.into(),
            covers,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn covers(&self) -> &Covers {
        &self.covers
    }

    /// The identity that the entry names, if it names one.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        match &self.covers {
            Covers::Identity(identity) => Some(identity),
            Covers::Everyone | Covers::Account(_) | Covers::Nobody => None,
        }
    }

    pub(crate) fn matches(&self, principal: &Principal) -> bool {
        let (entry, caller) = match (&self.covers, principal) {
            (Covers::Everyone, _) => return true,
            (Covers::Nobody, _) | (_, Principal::Anonymous) => return false,
            (Covers::Account(account), Principal::Identity(caller)) => return **account == *caller.account(),
            (Covers::Identity(entry), Principal::Identity(caller)) => (entry, caller),
        };
        match (entry.kind, caller.kind) {
            // IAM User Guide, Principal: the account's root ARN stands for the whole account.
            (IdentityKind::Root, _) => entry.same_account_and_partition(caller),
            // IAM User Guide, IAM identifiers: the path is part of a role's ARN, so an entry without it names another
            // role.
            (IdentityKind::Role, IdentityKind::AssumedRole) => match &caller.role {
                Some(role) => entry.arn == *role,
                // Guess: where the path is not known, the name decides. A session's own ARN does not have the path.
                None => caller.can_be_session_of(entry),
            },
            // Guess: GetFederationToken creates the session for the user, and in known engines the user's entry
            // covers it.
            (IdentityKind::User, IdentityKind::FederatedUser) => {
                entry.same_account_and_partition(caller) && entry.name() == caller.name()
            }
            _ => entry.arn == caller.arn,
        }
    }

    /// What an entry that matches grants.
    pub(crate) fn grant(&self, principal: &Principal) -> GrantedTo {
        match &self.covers {
            // IAM User Guide, Principal, IAM role principals: a wildcard grants to the session as if it were named.
            Covers::Everyone => GrantedTo::Caller,
            Covers::Account(_) | Covers::Nobody => GrantedTo::Account,
            Covers::Identity(entry) => match entry.kind {
                IdentityKind::Root => GrantedTo::Account,
                // Whoever acts as a role is one of its sessions, never the role itself.
                IdentityKind::Role => GrantedTo::Identity,
                // A user's entry also covers its federated session, but does not name that session.
                _ if principal.arn() != Some(&entry.arn) => GrantedTo::Identity,
                _ => GrantedTo::Caller,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(entry: &str, caller: &str, expected: bool) {
        let pattern = PrincipalPattern::new(entry, Covers::Identity(entry.parse().unwrap()));
        assert_eq!(
            pattern.matches(&caller.parse().unwrap()),
            expected,
            "{entry} covering {caller}"
        );
    }

    #[test]
    fn a_role_covers_its_sessions_and_a_session_only_itself() {
        let session = "arn:aws:sts::123456789012:assumed-role/Inspector/line7";
        check("arn:aws:iam::123456789012:role/factory/Inspector", session, true);
        check("arn:aws:iam::123456789012:role/inspector", session, false);
        check("arn:aws:iam::210987654321:role/Inspector", session, false);
        check("arn:aws-cn:iam::123456789012:role/Inspector", session, false);
        check(session, session, true);
        check(
            "arn:aws:sts::123456789012:assumed-role/Inspector/line8",
            session,
            false,
        );
    }

    #[test]
    fn a_role_without_its_path_is_another_role_where_the_path_is_known() {
        let matches = |entry: &str| {
            let role: Identity = "arn:aws:iam::123456789012:role/factory/Inspector"
                .parse()
                .unwrap();
            let session = Principal::Identity(Identity::session_of(&role, "line7").unwrap());
            PrincipalPattern::new(entry, Covers::Identity(entry.parse().unwrap())).matches(&session)
        };
        assert!(matches("arn:aws:iam::123456789012:role/factory/Inspector"));
        assert!(matches("arn:aws:sts::123456789012:assumed-role/Inspector/line7"));
        assert!(matches("arn:aws:iam::123456789012:root"));
        assert!(!matches("arn:aws:iam::123456789012:role/Inspector"));
        assert!(!matches("arn:aws:iam::123456789012:role/other/Inspector"));
        // A role itself, as simulations name it, is known with its path.
        let role = "arn:aws:iam::123456789012:role/factory/Inspector";
        check(role, role, true);
        check("arn:aws:iam::123456789012:role/Inspector", role, false);
    }

    #[test]
    fn only_a_role_has_sessions_and_their_names_are_checked() {
        let of = |role: &str, name: &str| Identity::session_of(&role.parse().unwrap(), name);
        assert!(of("arn:aws:iam::123456789012:user/alice", "line7").is_err());
        for name in ["", "a/b", "a b", "*"] {
            assert!(
                of("arn:aws:iam::123456789012:role/Inspector", name).is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn a_user_covers_the_federated_session_in_its_name_and_no_other_path() {
        check(
            "arn:aws:iam::123456789012:user/ops/alice",
            "arn:aws:sts::123456789012:federated-user/alice",
            true,
        );
        check(
            "arn:aws:iam::123456789012:user/ops/alice",
            "arn:aws:iam::123456789012:user/alice",
            false,
        );
        check(
            "arn:aws:iam::123456789012:user/alice",
            "arn:aws:iam::123456789012:user/alice",
            true,
        );
    }

    #[test]
    fn the_root_arn_covers_the_account() {
        check(
            "arn:aws:iam::123456789012:root",
            "arn:aws:iam::123456789012:user/alice",
            true,
        );
        check(
            "arn:aws:iam::123456789012:root",
            "arn:aws:iam::210987654321:root",
            false,
        );
    }

    #[test]
    fn arns_that_name_no_caller_are_refused() {
        for text in [
            "",
            "arn:aws:iam::123456789012:group/x",
            "arn:aws:iam::123456789012:user/",
            "arn:aws:iam::123456789012:root/x",
            "arn:aws:iam::12345678901:user/a",
            "arn:aws:iam:us-east-1:123456789012:user/a",
            "arn:aws:sts::123456789012:assumed-role/r",
            "arn:aws:sts::123456789012:assumed-role/r/s/t",
            "arn:aws:iam::123456789012:user/*",
        ] {
            assert!(text.parse::<Principal>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_leave_path_and_session_out() {
        let name = |text: &str| text.parse::<Identity>().unwrap().name().to_owned();
        assert_eq!(name("arn:aws:iam::123456789012:user/a/b/alice"), "alice");
        assert_eq!(name("arn:aws:sts::123456789012:assumed-role/R/s"), "R");
        assert_eq!(name("arn:aws:iam::123456789012:root"), "root");
    }
}
