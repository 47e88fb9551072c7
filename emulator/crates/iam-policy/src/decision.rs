//! Decisions: what was decided, by which statement or in which layer, and AWS's message for a refusal.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::document::PolicyType;
use crate::resource::Resource;
use crate::statement::Sid;

/// The decision about a request; the names are those of IAM's policy simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// Every layer allows it and no statement denies it.
    Allowed,
    /// No statement denies it, but a layer has none that allows it.
    ImplicitDeny,
    /// A statement denies it.
    ExplicitDeny,
}

impl Decision {
    /// Whether the request passes.
    pub fn is_allowed(self) -> bool {
        self == Self::Allowed
    }

    /// The name that IAM's policy simulator prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ImplicitDeny => "implicitDeny",
            Self::ExplicitDeny => "explicitDeny",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A layer of policies, each of which must allow a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// Resource control policies
    ResourceControl,
    /// Service control policies
    ServiceControl,
    /// The VPC endpoint's policy
    VpcEndpoint,
    /// The resource's own policy, which a caller from another account would need
    ResourceBased,
    /// The policies of the user or role
    Identity,
    /// The permissions boundary
    PermissionsBoundary,
    /// The policies passed when the session was created
    Session,
    /// The role's trust policy
    RoleTrust,
}

impl Layer {
    /// The layer's name with its article, as AWS's messages print it after `in`.
    fn with_article(self) -> &'static str {
        match self {
            Self::ResourceControl => "a resource control policy",
            Self::ServiceControl => "a service control policy",
            Self::VpcEndpoint => "a VPC endpoint policy",
            Self::ResourceBased => "a resource-based policy",
            Self::Identity => "an identity-based policy",
            Self::PermissionsBoundary => "a permissions boundary",
            // The IAM User Guide prints "a sessions policy"; elsewhere it is "a session policy".
            Self::Session => "a session policy",
            Self::RoleTrust => "the role trust policy",
        }
    }

    /// The layer's name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ResourceControl => "resource-control",
            Self::ServiceControl => "service-control",
            Self::VpcEndpoint => "vpc-endpoint",
            Self::ResourceBased => "resource-based",
            Self::Identity => "identity",
            Self::PermissionsBoundary => "permissions-boundary",
            Self::Session => "session",
            Self::RoleTrust => "role-trust",
        }
    }

    /// The layer's name, as AWS's messages print it.
    pub fn name(self) -> &'static str {
        self.with_article().split_once(' ').map_or("", |(_, name)| name)
    }
}

impl From<PolicyType> for Layer {
    fn from(policy_type: PolicyType) -> Self {
        match policy_type {
            PolicyType::VpcEndpoint => Self::VpcEndpoint,
            PolicyType::Identity => Self::Identity,
            PolicyType::PermissionsBoundary => Self::PermissionsBoundary,
            PolicyType::Session => Self::Session,
            PolicyType::ServiceControl => Self::ServiceControl,
            PolicyType::ResourceControl => Self::ResourceControl,
            PolicyType::RoleTrust => Self::RoleTrust,
        }
    }
}

/// The statement that decided.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DecidedBy {
    /// The type of its document.
    pub policy_type: PolicyType,
    /// The document's place among those of its type, from zero; the count runs across levels.
    pub policy: usize,
    /// The statement's place in the document, from zero.
    pub statement: usize,
    /// The statement's Sid.
    pub sid: Option<Sid>,
}

impl fmt::Display for DecidedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "statement {} of {} {}",
            self.statement, self.policy_type, self.policy
        )?;
        match &self.sid {
            Some(sid) => write!(f, " (`{sid}`)"),
            None => Ok(()),
        }
    }
}

/// The outcome of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evaluation {
    /// The decision.
    pub decision: Decision,
    /// The denying statement; or, when all layers allow, the allowing statement of the first of endpoint,
    /// trust, identity, boundary, session and service control policies that has one. `None` for an implicit deny,
    /// and for a request that no layer has a policy for.
    pub decided_by: Option<DecidedBy>,
    /// The layer that denied; `None` when the request is allowed.
    pub layer: Option<Layer>,
}

impl Evaluation {
    /// AWS's message for a refused request; `None` when it is allowed.
    ///
    /// `principal_arn` is the user's ARN, or the session's for a role. The form is that of the IAM User
    /// Guide, *Troubleshoot access denied error messages*; `on resource:` is left out when the action has
    /// none.
    pub fn denial_message(
        &self,
        principal_arn: impl fmt::Display,
        action: &Action,
        resource: &Resource,
    ) -> Option<String> {
        let why = self.denial_reason(action)?;
        let on_resource = match resource {
            Resource::Any => String::new(),
            Resource::Arn(arn) => format!(" on resource: {arn}"),
        };
        Some(format!(
            "User: {principal_arn} is not authorized to perform: {action}{on_resource} {why}"
        ))
    }

    /// The end of that message, which says why; `None` when the request is allowed.
    pub fn denial_reason(&self, action: &Action) -> Option<String> {
        let layer = self.layer?;
        match self.decision {
            Decision::Allowed => None,
            Decision::ExplicitDeny => Some(format!("with an explicit deny in {}", layer.with_article())),
            Decision::ImplicitDeny => Some(format!("because no {} allows the {action} action", layer.name())),
        }
    }
}
