//! Combines what has to be allowed into as few statements as say exactly that.
//!
//! A statement allows each of its actions on each of its resources to each of its principals from each of its sources.
//! The statements made here do not overlap, so none of them, and nothing in any of them, can be left out.

use std::collections::{BTreeMap, BTreeSet};

use iam_policy::{Identity, IdentityKind, Resource};

use super::{DraftPrincipals, DraftResources};
use crate::identity::Principal;

/// An action on a resource by a principal from a source
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fact {
    pub(super) principal: FactPrincipal,
    pub(super) action: String,
    /// A pattern of `Resource`
    pub(super) resource: String,
    pub(super) source: Source,
}

/// Whom a statement is about
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FactPrincipal {
    Everyone,
    /// An entry of `Principal`
    Entry(String),
    /// A root user, or a user, without the others whom its entry covers: the whole account, or a federated user
    Alone(String),
}

/// The origin of a call, as a condition expresses it
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    Anywhere,
    /// The key has this value
    Is(&'static str, String),
    /// The key is absent: the call came over the public endpoint
    Absent(&'static str),
}

/// A statement: it allows every combination of its parts
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rectangle {
    pub(super) resources: BTreeSet<String>,
    pub(super) actions: BTreeSet<String>,
    pub(super) sources: BTreeSet<Source>,
    pub(super) principals: BTreeSet<FactPrincipal>,
}

impl Source {
    pub(super) fn of(key: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => Self::Is(key, value.to_owned()),
            None => Self::Absent(key),
        }
    }

    /// Whether one condition can hold for both
    fn goes_with(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Is(..), Self::Is(..)))
    }
}

/// A principal, as exactly as the options ask for
pub(super) fn principal(principal: &Principal, exactness: DraftPrincipals) -> FactPrincipal {
    let identity = principal.identity.identity();
    match (exactness, identity) {
        (DraftPrincipals::Any, _) | (_, None) => FactPrincipal::Everyone,
        (DraftPrincipals::Account, Some(identity)) => FactPrincipal::Entry(format!(
            "arn:{}:iam::{}:root",
            identity.arn().partition(),
            identity.account()
        )),
        (DraftPrincipals::Exact, Some(identity)) if identity.kind() == IdentityKind::Root => {
            FactPrincipal::Alone(identity.arn().to_string())
        }
        // For a session, the entry is its role.
        (DraftPrincipals::Exact, Some(_)) => FactPrincipal::Entry(principal.policy_arn.to_string()),
    }
}

/// A pattern for a resource, as exact as the options ask for
pub(super) fn resource(resource: &Resource, exactness: DraftResources) -> String {
    let Some(arn) = resource.arn().filter(|_| exactness != DraftResources::Any) else {
        return "*".to_owned();
    };
    let model = arn
        .resource()
        .strip_prefix("model/")
        .and_then(|model| model.split_once('/'));
    let is_own = arn.service() == "lookoutvision";
    let before = format!(
        "arn:{}:{}:{}:{}:",
        arn.partition(),
        arn.service(),
        arn.region(),
        arn.account()
    );
    match model {
        Some((project, _)) if is_own && exactness == DraftResources::Project => {
            format!("{before}model/{}/*", literal(project))
        }
        _ if is_own => format!("{before}{}", literal(arn.resource())),
        // Policies see a resource that EC2 is about to create as `…/*`.
        _ => arn.to_string(),
    }
}

/// A text in which every character stands for itself (IAM User Guide, *Variables and tags*)
fn literal(text: &str) -> String {
    let characters = text.chars().map(|character| match character {
        '*' | '?' | '$' => format!("${{{character}}}"),
        other => other.to_string(),
    });
    characters.collect()
}

/// Separates users from the federated users that called, because the entry of a user covers the federated user of the
/// same name as well
///
/// Where both were allowed the same, the entry is enough for both. Where only the user was, the user is named alone.
pub(super) fn tell_federated_apart(
    facts: BTreeSet<Fact>,
    federated: &BTreeMap<UserName, String>,
) -> BTreeSet<Fact> {
    if federated.is_empty() {
        return facts;
    }
    let by = |fact: &Fact, arn: &str| Fact {
        principal: FactPrincipal::Entry(arn.to_owned()),
        ..fact.clone()
    };
    let mut left_out = BTreeSet::new();
    let mut told_apart = BTreeSet::new();
    for fact in &facts {
        let FactPrincipal::Entry(entry) = &fact.principal else {
            continue;
        };
        let of_user = entry.parse::<Identity>().ok();
        let of_user = of_user.filter(|identity| identity.kind() == IdentityKind::User);
        let Some(arn) = of_user.and_then(|user| federated.get(&UserName::of(&user))) else {
            continue;
        };
        let of_federated = by(fact, arn);
        if facts.contains(&of_federated) {
            // The user's entry covers it.
            left_out.insert(of_federated);
        } else {
            // The user is named alone instead.
            left_out.insert(fact.clone());
            told_apart.insert(Fact {
                principal: FactPrincipal::Alone(entry.clone()),
                ..fact.clone()
            });
        }
    }
    let kept = facts.into_iter().filter(|fact| !left_out.contains(fact));
    kept.chain(told_apart).collect()
}

/// What a user and a federated user share if the user's entry covers both
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UserName {
    partition: String,
    account: String,
    name: String,
}

impl UserName {
    pub(super) fn of(identity: &Identity) -> Self {
        Self {
            partition: identity.arn().partition().to_owned(),
            account: identity.account().to_owned(),
            name: identity.name().to_owned(),
        }
    }
}

/// Statements that allow these facts and nothing else
pub(super) fn cover(mut facts: BTreeSet<Fact>) -> Vec<Rectangle> {
    // `*` covers every resource, so no other resource is named beside it for the same action.
    let everywhere: BTreeSet<_> = facts
        .iter()
        .filter(|fact| fact.resource == "*")
        .map(|fact| (fact.principal.clone(), fact.action.clone(), fact.source.clone()))
        .collect();
    facts.retain(|fact| {
        let own = (fact.principal.clone(), fact.action.clone(), fact.source.clone());
        fact.resource == "*" || !everywhere.contains(&own)
    });
    // Collect the actions of each principal, resource and source, …
    let mut actions: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for fact in facts {
        let place = (fact.principal, fact.resource, fact.source);
        actions.entry(place).or_default().insert(fact.action);
    }
    // … then the resources with the same actions, `*` by itself, …
    let mut resources: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for ((principal, resource, source), actions) in actions {
        let place = (principal, source, actions, resource == "*");
        resources.entry(place).or_default().insert(resource);
    }
    // … then the sources that one condition can name together, …
    let mut sources: BTreeMap<_, Vec<BTreeSet<Source>>> = BTreeMap::new();
    for ((principal, source, actions, _), resources) in resources {
        let sets = sources.entry((principal, actions, resources)).or_default();
        match sets
            .iter_mut()
            .find(|set| set.iter().all(|other| other.goes_with(&source)))
        {
            Some(set) => drop(set.insert(source)),
            None => sets.push(BTreeSet::from([source])),
        }
    }
    // … and then the principals that share all of that. A principal that is named alone needs a condition of its own.
    let mut principals: BTreeMap<_, BTreeSet<FactPrincipal>> = BTreeMap::new();
    for ((principal, actions, resources), sets) in sources {
        for sources in sets {
            let alone = match &principal {
                FactPrincipal::Alone(arn) => Some(arn.clone()),
                FactPrincipal::Everyone | FactPrincipal::Entry(_) => None,
            };
            let place = (resources.clone(), actions.clone(), sources, alone);
            principals.entry(place).or_default().insert(principal.clone());
        }
    }
    let statements = principals.into_iter();
    statements
        .map(|((resources, actions, sources, _), principals)| Rectangle {
            resources,
            actions,
            sources,
            principals,
        })
        .collect()
}
