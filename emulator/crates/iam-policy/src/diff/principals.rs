//! Callers that distinguish the principals of statements and the conditions on the caller.
//!
//! One text identifies a caller: the ARN in `aws:PrincipalArn`; a session also has its name. Entries of `Principal` and
//! conditions on the keys that follow from the caller are all patterns for that text.

use std::collections::BTreeSet;

use super::forms;
use super::language::{Class, Matcher, Step, TooMany, literal, witnesses};
use crate::condition::{Condition, Test};
use crate::context::{RequestContext, eq_folded};
use crate::document::PolicyType;
use crate::principal::{Covers, Identity, IdentityKind, Principal, PrincipalPattern};
use crate::statement::Statement;

/// A caller, from which condition keys follow.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) principal: Principal,
}

impl Caller {
    /// Sets the keys that follow from the caller (IAM User Guide, *AWS global condition context keys*, properties of
    /// the principal).
    pub(super) fn add_keys(&self, context: &mut RequestContext<'_>) {
        let Some(identity) = self.principal.identity() else {
            return;
        };
        context.insert("aws:PrincipalArn", policy_arn(identity));
        context.insert("aws:PrincipalAccount", identity.account().to_owned());
        context.insert("aws:PrincipalType", type_of(identity.kind()));
        if identity.kind() == IdentityKind::User {
            context.insert("aws:username", identity.name().to_owned());
        }
    }
}

/// The caller's ARN in `aws:PrincipalArn`: for a session that of its role.
// Guess: a role whose path is not known has none.
fn policy_arn(identity: &Identity) -> String {
    match (identity.kind(), identity.role_arn()) {
        (IdentityKind::AssumedRole, None) => without_path(identity),
        (_, role) => role.unwrap_or(identity.arn()).as_str().to_owned(),
    }
}

/// The ARN of a role, or of a session's role, as if it had no path.
fn without_path(identity: &Identity) -> String {
    let (partition, account, name) = (identity.arn().partition(), identity.account(), identity.name());
    format!("arn:{partition}:iam::{account}:role/{name}")
}

/// Whether the path of a session's role is known: the session's own ARN does not have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RolePath {
    Known,
    /// Then the name alone decides which role entries of a policy cover the session.
    Unknown,
}

fn type_of(kind: IdentityKind) -> &'static str {
    match kind {
        IdentityKind::Root => "Account",
        IdentityKind::User => "User",
        IdentityKind::FederatedUser => "FederatedUser",
        IdentityKind::Role | IdentityKind::AssumedRole => "AssumedRole",
    }
}

/// Whether a key follows from the caller.
pub(super) fn is_key(key: &str) -> bool {
    KEYS.iter().any(|known| eq_folded(known, key))
}

/// Whether a condition on such a key can be turned into a pattern for the caller's ARN.
pub(super) fn is_solved(condition: &Condition) -> bool {
    !condition.has_variables()
        && (matches!(condition.test, Test::Null(_)) || forms::matcher(&condition.test, Class::Any).is_some())
}

/// One caller for each combination of outcomes of the statements' principals and conditions.
///
/// # Errors
/// If there are more combinations than the limit allows.
pub(super) fn callers(
    statements: &[&Statement],
    conditions: &[&Condition],
    policy_type: PolicyType,
    accounts: &[String],
) -> Result<Vec<Caller>, TooMany> {
    let clauses = statements
        .iter()
        .filter_map(|statement| statement.principal.as_ref());
    let entries: Vec<&[PrincipalPattern]> = clauses
        .map(super::super::statement::PrincipalClause::entries)
        .collect();
    let named = entries
        .iter()
        .copied()
        .flatten()
        .filter_map(PrincipalPattern::identity);
    let mut sessions: BTreeSet<&str> = named.filter_map(Identity::session_name).collect();
    let other = (0..)
        .map(|number: usize| match number {
            0 => "session".to_owned(),
            number => format!("session-{number}"),
        })
        .find(|name| !sessions.contains(name.as_str()))
        .unwrap_or_default();
    sessions.insert(&other);

    // The same ARN in an account of the documents, where the account makes no difference.
    let in_known_account = |arn: &str| {
        let of = |account: &String| {
            let mut parts: Vec<&str> = arn.split(':').collect();
            *parts.get_mut(ACCOUNT_PART)? = account;
            Some(parts.join(":"))
        };
        accounts.iter().filter_map(of).collect()
    };
    let has_path = |entry: &PrincipalPattern| {
        let role = entry
            .identity()
            .filter(|entry| entry.kind() == IdentityKind::Role);
        role.is_some_and(|role| role.arn().as_str() != without_path(role))
    };
    let known_paths = sessions.iter().map(|session| (*session, RolePath::Known));
    // Only a path in a policy distinguishes these callers from others.
    let is_path_asked = entries.iter().copied().flatten().any(has_path);
    let unknown_paths = sessions
        .iter()
        .filter(|_| is_path_asked)
        .map(|session| (*session, RolePath::Unknown));
    let mut callers = Vec::new();
    for (session, path) in known_paths.chain(unknown_paths) {
        let kinds = match path {
            RolePath::Known => kinds(policy_type),
            RolePath::Unknown => &[IdentityKind::AssumedRole],
        };
        let mut patterns: Vec<Matcher> = Vec::new();
        let mut add = |matcher: Matcher| {
            if !patterns.contains(&matcher) {
                patterns.push(matcher);
            }
        };
        for entries in &entries {
            let ways = entries
                .iter()
                .flat_map(|entry| entry_matcher(entry, session, path).ways);
            add(Matcher { ways: ways.collect() });
        }
        conditions
            .iter()
            .filter_map(|condition| key_matcher(condition))
            .for_each(&mut add);
        // The kind of a caller decides which keys the request has.
        kinds.iter().map(|kind| language(*kind, path)).for_each(&mut add);
        let language = Matcher {
            ways: kinds.iter().flat_map(|kind| language(*kind, path).ways).collect(),
        };
        for witness in witnesses(&language, &patterns, &examples(accounts), in_known_account)? {
            callers.extend(caller(&witness.text, session, path).map(|principal| Caller { principal }));
        }
    }
    if matches!(policy_type, PolicyType::VpcEndpoint | PolicyType::ResourceControl) {
        // Documents of other types are attached to a principal, so an anonymous caller is not subject to them.
        callers.push(Caller {
            principal: Principal::Anonymous,
        });
    }
    Ok(callers)
}

/// The kinds of callers that documents of this type can be about.
fn kinds(policy_type: PolicyType) -> &'static [IdentityKind] {
    use IdentityKind::{AssumedRole, FederatedUser, Root, User};
    match policy_type {
        // Attached to users and roles. What a federated user may do depends on its session policies too.
        PolicyType::Identity | PolicyType::PermissionsBoundary => &[User, AssumedRole],
        PolicyType::Session => &[AssumedRole, FederatedUser],
        _ => &[User, AssumedRole, FederatedUser, Root],
    }
}

/// The ARNs that callers of a kind can have in `aws:PrincipalArn`.
fn language(kind: IdentityKind, path: RolePath) -> Matcher {
    let (service, resource) = match kind {
        IdentityKind::User => ("iam", "user/"),
        IdentityKind::Role | IdentityKind::AssumedRole => ("iam", "role/"),
        IdentityKind::FederatedUser => ("sts", "federated-user/"),
        IdentityKind::Root => ("iam", "root"),
    };
    let name = [Step::One(Class::Name), Step::Many(Class::Name)];
    let path_and_name = [
        &[Step::One(Class::Path), Step::Many(Class::Path), Step::Is('/')],
        &name[..],
    ]
    .concat();
    let names = match (kind, path) {
        (IdentityKind::Root, _) => vec![vec![]],
        (IdentityKind::FederatedUser, _) | (_, RolePath::Unknown) => vec![name.to_vec()],
        (_, RolePath::Known) => vec![name.to_vec(), path_and_name],
    };
    let ways = names.into_iter().map(|name| {
        let mut way = literal("arn:");
        way.extend(partition());
        way.extend(literal(&format!(":{service}::")));
        way.extend([Step::One(Class::Digit); ACCOUNT_DIGITS]);
        way.extend(literal(&format!(":{resource}")));
        way.extend(name);
        way
    });
    Matcher { ways: ways.collect() }
}

/// A partition. All begin with `aws`; no list of partitions is assumed.
pub(super) fn partition() -> Vec<Step> {
    let mut steps = literal("aws");
    steps.push(Step::Many(Class::Region));
    steps
}

/// The callers that an entry of `Principal` covers, if sessions have this name.
fn entry_matcher(entry: &PrincipalPattern, session: &str, path: RolePath) -> Matcher {
    let everyone = Matcher::of(vec![Step::Many(Class::Any)]);
    let identity = match entry.covers() {
        Covers::Everyone => return everyone,
        Covers::Nobody => return Matcher::default(),
        Covers::Account(account) => return of_account(&literal(account)),
        Covers::Identity(identity) => identity,
    };
    let (partition, account, name) = (identity.arn().partition(), identity.account(), identity.name());
    match identity.kind() {
        IdentityKind::Root => {
            let mut way = literal(&format!("arn:{partition}:"));
            way.push(Step::Many(Class::NotColon));
            way.extend(literal(&format!("::{account}:")));
            way.push(Step::Many(Class::Any));
            Matcher::of(way)
        }
        IdentityKind::AssumedRole if identity.session_name() == Some(session) => {
            named(&format!("arn:{partition}:iam::{account}:role/"), &literal(name))
        }
        IdentityKind::AssumedRole => Matcher::default(),
        IdentityKind::User => Matcher {
            ways: vec![
                literal(identity.arn().as_str()),
                literal(&format!("arn:{partition}:sts::{account}:federated-user/{name}")),
            ],
        },
        IdentityKind::Role if path == RolePath::Unknown => Matcher::exactly(&without_path(identity)),
        IdentityKind::Role | IdentityKind::FederatedUser => Matcher::exactly(identity.arn().as_str()),
    }
}

/// The callers for whom a condition holds; `None` if its values cannot be turned into patterns.
fn key_matcher(condition: &Condition) -> Option<Matcher> {
    let key = condition.key.as_str();
    let matcher = |class| forms::matcher(&condition.test, class);
    let with = |wrap: &dyn Fn(&[Step]) -> Vec<Vec<Step>>, matcher: Matcher| Matcher {
        ways: matcher.ways.iter().flat_map(|way| wrap(way)).collect(),
    };
    if eq_folded(key, "aws:PrincipalArn") {
        matcher(Class::Any)
    } else if eq_folded(key, "aws:PrincipalAccount") {
        Some(with(&|way| of_account(way).ways, matcher(Class::NotColon)?))
    } else if eq_folded(key, "aws:username") {
        let of_user = |way: &[Step]| {
            let mut prefix = literal("arn:");
            prefix.push(Step::Many(Class::NotColon));
            prefix.extend(literal(":iam::"));
            prefix.push(Step::Many(Class::Digit));
            prefix.extend(literal(":user/"));
            named_after(&prefix, way).ways
        };
        Some(with(&of_user, matcher(Class::NotSlash)?))
    } else {
        // `aws:PrincipalType` needs no pattern: the kinds themselves are among the patterns.
        None
    }
}

/// Everybody in an account.
fn of_account(account: &[Step]) -> Matcher {
    let mut way = literal("arn:");
    way.push(Step::Many(Class::NotColon));
    way.push(Step::Is(':'));
    way.push(Step::Many(Class::NotColon));
    way.extend(literal("::"));
    way.extend(account);
    way.push(Step::Is(':'));
    way.push(Step::Many(Class::Any));
    Matcher::of(way)
}

/// Whoever has this name, under any path or none.
fn named(prefix: &str, name: &[Step]) -> Matcher {
    named_after(&literal(prefix), name)
}

fn named_after(prefix: &[Step], name: &[Step]) -> Matcher {
    let without_path = [prefix, name].concat();
    let with_path = [prefix, &[Step::Many(Class::Path), Step::Is('/')], name].concat();
    Matcher {
        ways: vec![without_path, with_path],
    }
}

/// Readable ARNs, used where they suffice.
fn examples(accounts: &[String]) -> Vec<String> {
    let of = |partition: &str, account: &String| {
        [
            format!("arn:{partition}:iam::{account}:user/example"),
            format!("arn:{partition}:iam::{account}:role/example"),
            format!("arn:{partition}:iam::{account}:root"),
            format!("arn:{partition}:sts::{account}:federated-user/example"),
        ]
    };
    let here = accounts.iter().flat_map(|account| of("aws", account));
    here.chain(accounts.iter().flat_map(|account| of("aws-cn", account)))
        .collect()
}

/// The caller with this ARN in `aws:PrincipalArn`.
fn caller(arn: &str, session: &str, path: RolePath) -> Option<Principal> {
    let identity: Identity = arn.parse().ok()?;
    Some(Principal::Identity(match (identity.kind(), path) {
        (IdentityKind::Role, RolePath::Known) => Identity::session_of(&identity, session).ok()?,
        (IdentityKind::Role, RolePath::Unknown) => {
            let (partition, account, name) =
                (identity.arn().partition(), identity.account(), identity.name());
            let arn = format!("arn:{partition}:sts::{account}:assumed-role/{name}/{session}");
            arn.parse().ok()?
        }
        _ => identity,
    }))
}

/// The keys that follow from the caller.
const KEYS: [&str; 4] = [
    "aws:PrincipalArn",
    "aws:PrincipalAccount",
    "aws:PrincipalType",
    "aws:username",
];

/// The place of the account in an ARN, counted from zero.
const ACCOUNT_PART: usize = 4;

/// How many digits an account id has.
pub(super) const ACCOUNT_DIGITS: usize = 12;
