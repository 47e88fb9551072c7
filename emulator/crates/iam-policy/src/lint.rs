//! Lint: what a document will do, not only whether it is well formed.
//!
//! The findings are those of the loader, and those that need knowledge of the service: actions that do not
//! exist, resources that no action is authorised on, conditions that have the same outcome for every request.
//! The caller describes the service; this crate knows none.

mod actions;
mod conditions;
mod form;
mod locate;
mod overlap;
mod swallow;
mod values;

use crate::action::Action;
use crate::document::PolicyType;
use crate::finding::{Finding, FindingCode, place};
use crate::loader::examine;
use crate::statement::{Effect, Statement};
use locate::Locator;

/// A service, as the Service Authorization Reference describes it, with the related services that its callers'
/// policies may also be about.
#[derive(Debug, Clone, Copy)]
pub struct Service<'a> {
    /// The prefix of its own actions, for example `lookoutvision`.
    pub prefix: &'a str,
    /// Its actions, and those of the related services.
    pub actions: &'a [ServiceAction<'a>],
    /// Actions that are only known to exist, for example `ec2:RunInstances`. An action may be both here and in
    /// `actions`: then some of its resources and condition keys are not known.
    pub other_actions: &'a [Action],
    /// The resource types of the actions.
    pub resource_types: &'a [ResourceType<'a>],
    /// The condition keys that are set for requests to it; a name that ends in a slash means all tags.
    /// `None` means not known; then keys are not linted.
    pub condition_keys: Option<&'a [&'a str]>,
    /// Of the keys in `condition_keys`, those that every request to it has.
    pub always_set_keys: &'a [&'a str],
    /// Condition keys that AWS sets for requests to it but that are not set where the policies are evaluated instead
    /// of on AWS; none of them is in `condition_keys`.
    pub unset_keys: &'a [&'a str],
}

/// A fact about the requests that a document will be evaluated for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact<'a> {
    /// What it is about.
    pub subject: Subject<'a>,
    /// Every value that it can have; empty if no request has the key.
    pub values: Vec<String>,
    /// Further values that it has in requests that other documents are evaluated for. A document that is written for
    /// all of these requests may name these values beside one of its own.
    pub values_elsewhere: Vec<String>,
    /// Why, as the end of a sentence: `this policy is attached to vpce-1a2b3c4d`.
    pub reason: String,
    /// Where the fact holds.
    pub scope: FactScope,
}

/// What a fact is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A condition key.
    Key(&'a str),
    /// The Region in the ARNs of the service.
    ArnRegion,
    /// The account in the ARNs of the service.
    ArnAccount,
}

/// Where a fact holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactScope {
    /// On AWS too, if everything is set up as it is here.
    Aws,
    /// Only here, where the policies are evaluated instead of on AWS.
    Here,
}

impl FactScope {
    /// ` here`, for a finding that would not hold on AWS.
    fn here(self) -> &'static str {
        match self {
            Self::Aws => "",
            Self::Here => " here",
        }
    }
}

impl Service<'_> {
    /// Whether requests to the service can have a condition key where these policies are evaluated.
    ///
    /// `true` where the service's keys are not known.
    pub fn sets(&self, key: &str) -> bool {
        self.condition_keys.is_none_or(|keys| is_among(key, keys)) && !is_among(key, self.unset_keys)
    }
}

/// Whether a key is one of `names`, or a tag under a name that ends in a slash.
fn is_among(key: &str, names: &[&str]) -> bool {
    names.iter().any(|name| {
        if name.ends_with('/') {
            key.len() > name.len()
                && key
                    .get(..name.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(name))
        } else {
            key.eq_ignore_ascii_case(name)
        }
    })
}

/// An action of a service.
#[derive(Debug, Clone, Copy)]
pub struct ServiceAction<'a> {
    /// The prefix of its service, for example `lookoutvision`.
    pub prefix: &'a str,
    /// The name without prefix.
    pub name: &'a str,
    /// The names of the resource types that it is authorised on; empty if it is authorised on `*`.
    pub resource_types: &'a [&'a str],
    /// Its condition keys that only some actions have; a name that ends in a slash means all tags.
    pub condition_keys: &'a [&'a str],
    /// Condition keys that it has only where it is authorised on a resource of this type.
    pub resource_keys: &'a [(&'a str, &'a [&'a str])],
    /// Whether the caller names the resource freely, as in the path of TagResource: the policies are evaluated for
    /// whatever is written there, and for `*` if it is not an ARN.
    pub takes_any_resource: bool,
}

/// A resource type of a service.
#[derive(Debug, Clone, Copy)]
pub struct ResourceType<'a> {
    /// The name, for example `model`.
    pub name: &'a str,
    /// The form of its ARNs with `${...}` in the places that vary, for example
    /// `arn:${Partition}:lookoutvision:${Region}:${Account}:model/${ProjectName}/${ModelVersion}`.
    pub arn: &'a str,
}

/// All findings about a document, in the order of its text.
///
/// If the document does not load, they include the reasons.
///
/// ```
/// use iam_policy::PolicyType;
/// use iam_policy::lint::{ResourceType, Service, ServiceAction, lint};
///
/// let service = Service {
///     prefix: "lookoutvision",
///     actions: &[ServiceAction {
///         prefix: "lookoutvision",
///         name: "DetectAnomalies",
///         resource_types: &["model"],
///         condition_keys: &[],
///         resource_keys: &[],
///         takes_any_resource: false,
///     }],
///     other_actions: &[],
///     resource_types: &[ResourceType {
///         name: "model",
///         arn: "arn:${Partition}:lookoutvision:${Region}:${Account}:model/${ProjectName}/${ModelVersion}",
///     }],
///     condition_keys: None,
///     always_set_keys: &[],
///     unset_keys: &[],
/// };
/// let findings = lint(
///     r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*",
///         "Action": ["lookoutvision:DetectAnomaly", "lookoutvision:Detect*"], "Resource": "*"}}"#,
///     PolicyType::VpcEndpoint,
///     &service,
///     &[],
/// );
/// assert_eq!(findings[0].code.as_str(), "unknown-action");
/// assert_eq!(
///     findings[0].message,
///     "`lookoutvision:DetectAnomaly` is no action; did you mean `lookoutvision:DetectAnomalies`?",
/// );
/// assert_eq!((findings[0].path.as_str(), findings[0].line), ("/Statement/Action/0", 2));
/// ```
pub fn lint(text: &str, policy_type: PolicyType, service: &Service<'_>, facts: &[Fact<'_>]) -> Vec<Finding> {
    let (document, mut findings) = examine(text, policy_type);
    if let Some(document) = document
        && let Some(mut locator) = Locator::new(text)
    {
        let allowance = swallow::Allowance::new();
        let mut allows = Applies::Never;
        for (index, statement) in document.statements.iter().enumerate() {
            let keys = Keys {
                meant: &actions::meant(&statement.action, service),
                others: &actions::others(&statement.action, service),
                types: actions::types(statement, service),
                policy_type,
                service,
                facts,
            };
            locator.enter(index);
            let by_action = actions::check(statement, &keys, &mut locator);
            let by_condition = conditions::check(statement, &keys, &mut locator);
            let is_swallowed = swallow::check(index, &document.statements, &allowance, &mut locator);
            if statement.effect == Effect::Allow && !statement.is_empty() && !is_swallowed {
                allows = allows.max(by_action.min(by_condition));
            }
        }
        report_nothing_allowed(allows, &document.statements, policy_type, &mut locator);
        findings.append(&mut locator.findings);
    }
    place(text, findings)
}

/// What a statement is linted with.
struct Keys<'k> {
    /// The known actions that the statement covers.
    meant: &'k [&'k ServiceAction<'k>],
    /// The prefixes of the other actions that it covers.
    others: &'k [&'k str],
    /// The names of the resource types that its resources can be of; `None` for all types, and for no resource.
    types: Option<Vec<&'k str>>,
    policy_type: PolicyType,
    service: &'k Service<'k>,
    facts: &'k [Fact<'k>],
}

impl<'k> Keys<'k> {
    /// The fact about a key's values, if one is known.
    fn fact(&self, key: &str) -> Option<&'k Fact<'k>> {
        let is_about =
            |fact: &&Fact<'_>| matches!(fact.subject, Subject::Key(name) if name.eq_ignore_ascii_case(key));
        self.facts().find(is_about)
    }

    /// All facts. There are none for a statement without a known action: it is about other services, whose requests are
    /// not known.
    fn facts(&self) -> impl Iterator<Item = &'k Fact<'k>> {
        let facts = if self.meant.is_empty() { &[] } else { self.facts };
        facts.iter()
    }
}

/// Whether a clause, a statement or one of several statements can apply to any request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Applies {
    Never,
    /// Perhaps on AWS, but never here, where the policies are evaluated instead.
    NeverHere,
    Perhaps,
}

impl Applies {
    /// Never, within the scope of the reason.
    fn never(scope: FactScope) -> Self {
        match scope {
            FactScope::Aws => Self::Never,
            FactScope::Here => Self::NeverHere,
        }
    }
}

/// Warns about a document none of whose Allow statements can apply, if no other document could allow anything
/// instead.
fn report_nothing_allowed(
    allows: Applies,
    statements: &[Statement],
    policy_type: PolicyType,
    locator: &mut Locator<'_>,
) {
    let consequence = match policy_type {
        _ if allows == Applies::Perhaps => return,
        PolicyType::VpcEndpoint => "every request over the endpoint is refused",
        PolicyType::PermissionsBoundary => "every request of its principal is refused",
        PolicyType::RoleTrust => "nobody can assume the role",
        PolicyType::Identity
        | PolicyType::Session
        | PolicyType::ServiceControl
        | PolicyType::ResourceControl => return,
    };
    let why = match allows {
        _ if !statements
            .iter()
            .any(|statement| statement.effect == Effect::Allow) =>
        {
            "the policy has no `Allow` statement"
        }
        Applies::NeverHere => "no `Allow` statement of the policy can apply here",
        _ => "no `Allow` statement of the policy can apply",
    };
    locator.report_document(FindingCode::NothingAllowed, format!("{why}, so {consequence}"));
}
