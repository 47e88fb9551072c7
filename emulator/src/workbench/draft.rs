//! A policy drafted from calls: it allows those that were allowed, and as little else as the options permit.
//!
//! ```text
//! DetectAnomalies on model/myProject/1 by user/alice  ┐
//! DetectAnomalies on model/myProject/2 by user/alice  ┘ → Sid MyProject, one statement
//! DescribeModel   on model/myProject/1 by user/bob      → Sid MyProject2
//! ```
//!
//! Nothing is attached: a draft is there to be read.

use std::collections::{BTreeMap, BTreeSet};

use aws_identifiers::VpcEndpointId;
use clap::ValueEnum;
use iam_policy::{ENDPOINT_POLICY_CHARACTERS_MAX, Finding, IdentityKind, PolicyDocument, PolicyType};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use self::{
    cover::{Fact, Source, UserName, cover, tell_federated_apart},
    judged::{Counts, OpenedCall, also_allows},
    nameable::{LeftOut, nameable},
    written::write,
};
use super::{RecordedCall, Scene, words::count};
use crate::{
    authorization::PolicyChanges,
    identity::Principal,
    services::vocabulary::{self, Surroundings},
};

mod cover;
mod judged;
mod nameable;
mod written;

/// What is drafted, and from which calls
#[derive(Debug, Clone)]
pub(crate) struct DraftOptions {
    pub(crate) attached_to: AttachedTo,
    /// Only calls by this principal, or by sessions of this role
    pub(crate) principal: Option<String>,
    pub(crate) resources: DraftResources,
    pub(crate) principals: DraftPrincipals,
    pub(crate) condition: DraftCondition,
}

/// What a draft is to be attached to
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AttachedTo {
    /// An endpoint: drafted from the calls over it
    VpcEndpoint(VpcEndpointId),
    /// `principal`: drafted from its calls over every entry point
    Principal,
}

/// How exactly a draft names resources
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum DraftResources {
    /// Each by its ARN
    Exact,
    /// Every model of a project
    Project,
    /// `*`
    Any,
}

/// How exactly a draft names principals; a session is always its role
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum DraftPrincipals {
    /// Each by its ARN
    Exact,
    /// Everyone of an account
    Account,
    /// `*`
    Any,
}

/// Which condition keeps an identity policy to the networks that calls came from
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DraftCondition {
    /// `aws:SourceVpce`: the endpoints
    SourceVpce,
    /// `aws:SourceVpc`: the networks of the endpoints
    SourceVpc,
    /// None
    None,
}

/// A draft, and how it decides the calls that it was made of
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PolicyDraft)]
pub(crate) struct DraftReport {
    #[schema(value_type = Object)]
    policy_document: Box<RawValue>,
    /// The same as it is to be read
    policy_text: String,
    /// What it allows and what it denies, in one sentence
    summary: String,
    /// What had to be named less exactly than was asked for, so that AWS takes a document of its length
    generalisations: Vec<String>,
    /// Calls that were allowed
    recorded_allowed: u64,
    /// Those of them that the draft allows
    allows: u64,
    /// Calls that were denied
    recorded_denied: u64,
    /// Those of them that are denied with the draft in force
    denies: u64,
    /// Calls that were denied and that the draft allows, because it names things less exactly than they differ: each once,
    /// at most 100
    opens: Vec<OpenedCall>,
    /// Calls that were allowed and that no policy can name, because AWS has no such names: each once, at most 100
    left_out: Vec<LeftOut>,
    /// Other calls that the draft allows, among the principals, models and operations of the configuration
    also_allows: u64,
    /// Entries that the journal no longer has
    evicted: u64,
    /// Calls of which the journal keeps too little to decide them again
    undecidable: u64,
    /// What `policy lint` says about it
    #[schema(value_type = Vec<Object>)]
    findings: Vec<Finding>,
}

/// Why there is no draft
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoDraft {
    /// No call was allowed
    #[error(
        "there is nothing to draft from: the journal has no call that was allowed{over}; make the calls that are to be \
         allowed first, under a policy that allows them{}",
        not_whole(*.undecidable)
    )]
    NothingAllowed {
        /// ` over vpce-…`
        over: String,
        /// Calls of which the journal keeps too little to decide them again
        undecidable: u64,
    },
    /// Calls were allowed, but the options exclude all of them
    #[error("there is nothing to draft from: of {} that the journal has, none is {filter}", count(*.allowed, "allowed call"))]
    NothingLeft {
        allowed: u64,
        /// `by arn:…`
        filter: String,
    },
    /// Calls were allowed, but for none of them does AWS have the names
    #[error("there is nothing to draft from: no policy can name any of {} that the journal has: {reason}", count(*.allowed, "allowed call"))]
    NothingNameable {
        allowed: u64,
        /// Why the first of them cannot be named
        reason: String,
    },
    /// A condition would have no effect: an endpoint's policy is asked about calls over the endpoint alone
    #[error(
        "the policy of an endpoint is asked about calls over that endpoint only, so a condition about the endpoint or its \
         network would always be true; conditions are for identity policies"
    )]
    ConditionWithoutEffect,
    /// Even the least exact draft is too long
    #[error("even the shortest draft has more characters than AWS takes ({0})")]
    TooLong(usize),
}

impl DraftOptions {
    /// The type of the document
    fn policy_type(&self) -> PolicyType {
        match self.attached_to {
            AttachedTo::VpcEndpoint(_) => PolicyType::VpcEndpoint,
            AttachedTo::Principal => PolicyType::Identity,
        }
    }

    /// Whether the draft is about this call
    fn is_about(&self, call: &RecordedCall) -> bool {
        let is_over_it = match &self.attached_to {
            AttachedTo::VpcEndpoint(id) => call.vpc_endpoint_id() == Some(id),
            AttachedTo::Principal => true,
        };
        is_over_it && self.is_by(call.principal())
    }

    fn is_by(&self, principal: &Principal) -> bool {
        let wanted = self.principal.as_deref();
        wanted.is_none_or(|wanted| wanted == principal.arn() || *wanted == *principal.policy_arn)
    }

    /// Options that name things less and less exactly, starting with these
    fn less_and_less_exact(&self) -> Vec<Self> {
        let resources = [
            DraftResources::Exact,
            DraftResources::Project,
            DraftResources::Any,
        ];
        let principals = [
            DraftPrincipals::Exact,
            DraftPrincipals::Account,
            DraftPrincipals::Any,
        ];
        let mut tried = Vec::new();
        // Principals keep their exactness as long as naming resources less exactly is enough.
        for principals in principals.into_iter().filter(|wider| *wider >= self.principals) {
            for resources in resources.into_iter().filter(|wider| *wider >= self.resources) {
                tried.push(Self {
                    resources,
                    principals,
                    ..self.clone()
                });
            }
        }
        tried
    }

    /// What these options name less exactly than those that were asked for
    fn generalisations_of(&self, asked: &Self) -> Vec<String> {
        let mut generalisations = Vec::new();
        if self.resources != asked.resources {
            generalisations.push(match self.resources {
                DraftResources::Any => "resources: `*`".to_owned(),
                _ => "resources: every model of a project".to_owned(),
            });
        }
        if self.principals != asked.principals {
            generalisations.push(match self.principals {
                DraftPrincipals::Any => "principals: `*`".to_owned(),
                _ => "principals: everyone of an account".to_owned(),
            });
        }
        generalisations
    }
}

/// Drafts a policy from calls, and reports how it decides them, the journal's other calls, and everything else in a
/// scene
///
/// # Errors
/// When no call was allowed, or an option has no effect.
pub(crate) fn draft(
    options: &DraftOptions,
    all: &[RecordedCall],
    scene: &Scene,
    evicted: u64,
    undecidable: u64,
) -> Result<DraftReport, NoDraft> {
    let policy_type = options.policy_type();
    if policy_type == PolicyType::VpcEndpoint && options.condition != DraftCondition::None {
        return Err(NoDraft::ConditionWithoutEffect);
    }
    let calls: Vec<&RecordedCall> = all.iter().filter(|call| options.is_about(call)).collect();
    let allowed: Vec<&RecordedCall> = calls
        .iter()
        .filter(|call| call.decision().is_allowed())
        .copied()
        .collect();
    if allowed.is_empty() {
        return Err(nothing(options, all, undecidable));
    }
    let surroundings = Surroundings::Configured {
        settings: scene.settings(),
    };
    let allowed_count = allowed.len() as u64;
    let (allowed, left_out) = nameable(options, allowed, surroundings);
    if let (true, Some(first)) = (allowed.is_empty(), left_out.first()) {
        return Err(NoDraft::NothingNameable {
            allowed: allowed_count,
            reason: first.reason().to_owned(),
        });
    }
    let left_out_count = allowed_count - allowed.len() as u64;
    let Drafted {
        document,
        compact,
        generalisations,
    } = shortest_that_fits(options, &allowed, &federated_users(options, all))?;
    let mut counts = Counts {
        undecidable,
        ..Counts::default()
    };
    counts.count(&calls, &changes(&document));
    let also_allows = also_allows(options, &allowed, &document, scene);
    let summary = counts.summary(also_allows, left_out_count);
    Ok(DraftReport {
        findings: vocabulary::lint(document.text(), policy_type, surroundings),
        policy_document: RawValue::from_string(compact).expect("a document is JSON"),
        policy_text: document.text().to_owned(),
        summary,
        generalisations,
        recorded_allowed: counts.recorded_allowed,
        allows: counts.allows,
        recorded_denied: counts.recorded_denied,
        denies: counts.denies,
        opens: counts.opens.into_iter().take(OPENED_MAX).collect(),
        left_out: left_out.into_iter().take(LEFT_OUT_MAX).collect(),
        also_allows,
        evicted,
        undecidable: counts.undecidable,
    })
}

/// How many of the calls that a draft is about were allowed, whoever made them
pub(crate) fn allowed_by_anyone(options: &DraftOptions, calls: &[RecordedCall]) -> u64 {
    let anyone = DraftOptions {
        principal: None,
        ..options.clone()
    };
    let allowed = calls
        .iter()
        .filter(|call| call.decision().is_allowed() && anyone.is_about(call));
    allowed.count() as u64
}

/// Why there is nothing to draft from
fn nothing(options: &DraftOptions, calls: &[RecordedCall], undecidable: u64) -> NoDraft {
    let over = match &options.attached_to {
        AttachedTo::VpcEndpoint(id) => format!(" over {id}"),
        AttachedTo::Principal => String::new(),
    };
    match (&options.principal, allowed_by_anyone(options, calls)) {
        (Some(principal), allowed @ 1..) => NoDraft::NothingLeft {
            allowed,
            filter: format!("by `{}`{over}", client_text::Shown(principal)),
        },
        _ => NoDraft::NothingAllowed { over, undecidable },
    }
}

/// A note that the journal keeps too little of some calls
fn not_whole(undecidable: u64) -> String {
    match undecidable {
        0 => String::new(),
        _ => format!(
            "; nothing can be said of {} that the journal did not keep whole (`limits.journal_entry_bytes_max`)",
            count(undecidable, "call")
        ),
    }
}

/// The federated users that called, whatever was decided: a draft for a user must not allow them anything
fn federated_users(options: &DraftOptions, calls: &[RecordedCall]) -> BTreeMap<UserName, String> {
    let over_it = DraftOptions {
        principal: None,
        ..options.clone()
    };
    let calls = calls.iter().filter(|call| over_it.is_about(call));
    let identities = calls.filter_map(|call| call.principal().identity.identity());
    identities
        .filter(|identity| identity.kind() == IdentityKind::FederatedUser)
        .map(|identity| (UserName::of(identity), identity.arn().to_string()))
        .collect()
}

/// A document, and what had to be named less exactly to make it short enough
struct Drafted {
    document: PolicyDocument,
    /// Its text without white space
    compact: String,
    generalisations: Vec<String>,
}

/// The most exact draft that AWS accepts
fn shortest_that_fits(
    asked: &DraftOptions,
    allowed: &[&RecordedCall],
    federated: &BTreeMap<UserName, String>,
) -> Result<Drafted, NoDraft> {
    let policy_type = asked.policy_type();
    for options in asked.less_and_less_exact() {
        let facts: BTreeSet<Fact> = allowed.iter().flat_map(|call| options.facts(call)).collect();
        let statements = cover(tell_federated_apart(facts, federated));
        // A person reads it more easily with line breaks and spaces, which AWS counts in the policy of an endpoint.
        let [pretty, compact] = write(&statements, policy_type);
        let fits = |text: &String| characters(text, policy_type) <= characters_max(policy_type);
        let fitting = Some(pretty).filter(fits);
        if let Some(text) = fitting.or_else(|| Some(compact.clone()).filter(fits)) {
            let document = PolicyDocument::parse(&text, policy_type)
                .unwrap_or_else(|error| panic!("AWS would take a draft: {error}\n{text}"));
            return Ok(Drafted {
                document,
                compact,
                generalisations: options.generalisations_of(asked),
            });
        }
    }
    Err(NoDraft::TooLong(characters_max(policy_type)))
}

/// The number of characters that AWS counts
fn characters(text: &str, policy_type: PolicyType) -> usize {
    match policy_type {
        PolicyType::VpcEndpoint => text.chars().count(),
        // IAM User Guide, *IAM and AWS STS quotas*: white space is not counted.
        _ => text
            .chars()
            .filter(|character| !character.is_whitespace())
            .count(),
    }
}

/// The most characters that AWS accepts
fn characters_max(policy_type: PolicyType) -> usize {
    match policy_type {
        PolicyType::VpcEndpoint => ENDPOINT_POLICY_CHARACTERS_MAX,
        // IAM User Guide, *IAM and AWS STS quotas*: a managed policy.
        _ => 6_144,
    }
}

/// The change that puts the draft in the place of the policy in force
fn changes(document: &PolicyDocument) -> PolicyChanges {
    match document.policy_type() {
        PolicyType::VpcEndpoint => PolicyChanges {
            vpc_endpoint: Some(document.clone()),
            ..PolicyChanges::default()
        },
        _ => PolicyChanges {
            identity: Some(Some(vec![document.clone()])),
            ..PolicyChanges::default()
        },
    }
}

impl DraftOptions {
    /// What has to be allowed for a call to be allowed
    fn facts(&self, call: &RecordedCall) -> Vec<Fact> {
        let principal = call.principal();
        let source = match self.condition {
            DraftCondition::None => Source::Anywhere,
            DraftCondition::SourceVpce => Source::of(
                "aws:SourceVpce",
                call.vpc_endpoint_id().map(VpcEndpointId::as_str),
            ),
            DraftCondition::SourceVpc => Source::of("aws:SourceVpc", call.vpc_id()),
        };
        let principal = match self.attached_to {
            AttachedTo::VpcEndpoint(_) => cover::principal(principal, self.principals),
            // The principal is the one that the policy is attached to.
            AttachedTo::Principal => cover::FactPrincipal::Everyone,
        };
        let facts = call.pairs().into_iter().map(|pair| Fact {
            principal: principal.clone(),
            action: pair.action().to_string(),
            resource: cover::resource(pair.resource(), self.resources),
            source: source.clone(),
        });
        facts.collect()
    }
}

/// The most calls that a draft lists because it would newly allow them
const OPENED_MAX: usize = 100;

/// The most calls that a draft lists because no policy can name them
const LEFT_OUT_MAX: usize = 100;

#[cfg(test)]
mod tests;
