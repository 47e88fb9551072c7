//! Lint: what a document will do, not only whether it is well formed.
//!
//! Everything the loader has to say about a document, and then what only somebody knows who knows the
//! service: actions that do not exist, resources that no action is authorised on, conditions that can come
//! out only one way. The service is described by the caller; this crate knows none.

mod actions;
mod conditions;
mod locate;
mod overlap;
mod swallow;

use crate::document::PolicyType;
use crate::finding::{Finding, place};
use crate::loader::examine;
use locate::Locator;

/// A service, as the Service Authorization Reference describes it.
#[derive(Debug, Clone, Copy)]
pub struct Service<'a> {
    /// The prefix of its actions, for example `lookoutvision`.
    pub prefix: &'a str,
    /// Its actions.
    pub actions: &'a [ServiceAction<'a>],
    /// Its resource types.
    pub resource_types: &'a [ResourceType<'a>],
    /// The condition keys that are set for requests to it; a name that ends in a slash stands for all tags.
    /// `None`: not known, and not linted.
    pub condition_keys: Option<&'a [&'a str]>,
    /// Condition keys that AWS sets for requests to it, and whoever evaluates the policies instead of AWS
    /// does not; none of them is among `condition_keys`.
    pub unset_keys: &'a [&'a str],
}

impl Service<'_> {
    /// Whether requests to the service can have a condition key where these policies are evaluated.
    ///
    /// What is not known is taken for granted.
    pub fn sets(&self, key: &str) -> bool {
        self.condition_keys.is_none_or(|keys| is_among(key, keys)) && !is_among(key, self.unset_keys)
    }
}

/// Whether a key is one of `names`, or a tag of one that ends in a slash.
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
    /// The name without prefix.
    pub name: &'a str,
    /// The names of the resource types that it is authorised on; empty: it is authorised on `*`.
    pub resource_types: &'a [&'a str],
    /// The condition keys that only some actions have; a name that ends in a slash stands for all tags.
    pub condition_keys: &'a [&'a str],
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

/// Everything there is to say about a document, in the order of its text.
///
/// A document that does not load has the findings that keep it from loading among them.
///
/// ```
/// use iam_policy::PolicyType;
/// use iam_policy::lint::{ResourceType, Service, ServiceAction, lint};
///
/// let service = Service {
///     prefix: "lookoutvision",
///     actions: &[ServiceAction { name: "DetectAnomalies", resource_types: &["model"], condition_keys: &[] }],
///     resource_types: &[ResourceType {
///         name: "model",
///         arn: "arn:${Partition}:lookoutvision:${Region}:${Account}:model/${ProjectName}/${ModelVersion}",
///     }],
///     condition_keys: None,
///     unset_keys: &[],
/// };
/// let findings = lint(
///     r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*",
///         "Action": "lookoutvision:DetectAnomaly", "Resource": "*"}}"#,
///     PolicyType::VpcEndpoint,
///     &service,
/// );
/// assert_eq!(findings[0].code.as_str(), "unknown-action");
/// assert_eq!(
///     findings[0].message,
///     "`lookoutvision:DetectAnomaly` is no action; did you mean `lookoutvision:DetectAnomalies`?",
/// );
/// assert_eq!((findings[0].path.as_str(), findings[0].line), ("/Statement/Action", 2));
/// ```
pub fn lint(text: &str, policy_type: PolicyType, service: &Service<'_>) -> Vec<Finding> {
    let (document, mut findings) = examine(text, policy_type);
    if let Some(document) = document
        && let Some(mut locator) = Locator::new(text)
    {
        let allowance = swallow::Allowance::new();
        for (index, statement) in document.statements.iter().enumerate() {
            let meant = actions::meant(&statement.action, service);
            locator.enter(index);
            actions::check(statement, &meant, policy_type, service, &mut locator);
            conditions::check(statement, &meant, policy_type, service, &mut locator);
            swallow::check(index, &document.statements, &allowance, &mut locator);
        }
        findings.append(&mut locator.findings);
    }
    place(text, findings)
}
