//! iam-policy: IAM policy documents in, decisions with their causes out.
//!
//! A pure function of documents and a request: no I/O, clock, environment or logging, and no knowledge of
//! any one service. What a document may say is checked when it is loaded, so [`evaluate`] cannot fail.

mod action;
mod arn;
mod condition;
mod context;
mod decision;
mod document;
mod evaluate;
mod explain;
mod finding;
mod json;
pub mod lint;
mod loader;
mod nearest;
mod pattern;
mod principal;
mod resource;
mod statement;
mod variable;

pub use action::{Action, ActionError};
pub use arn::{ARN_BYTES_MAX, Arn, ArnError};
pub use context::{ContextKey, RequestContext};
pub use decision::{DecidedBy, Decision, Evaluation, Layer};
pub use document::{PolicyDocument, PolicyType, Version};
pub use evaluate::{Policies, Request, evaluate};
pub use explain::{
    Clause, ConditionExplanation, Explanation, Mismatch, NearMiss, StatementExplanation, explain,
};
pub use finding::{Finding, FindingCode, PolicyError, Severity};
pub use json::JSON_DEPTH_MAX;
pub use loader::{DOCUMENT_BYTES_MAX, ENDPOINT_POLICY_CHARACTERS_MAX, FINDINGS_MAX};
pub use principal::{Identity, IdentityKind, Principal, PrincipalError};
pub use resource::Resource;
pub use statement::{Effect, Sid, Statement};
