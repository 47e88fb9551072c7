//! IAM policy documents in, decisions with their causes out.
//!
//! This crate reads the policies that AWS attaches to VPC endpoints, identities, sessions, accounts and
//! roles, and decides requests by them as AWS documents that it does. It is a pure function: no I/O, clock,
//! environment or logging, and no knowledge of any one service. A document is checked as a whole when it is
//! loaded, with row, column and JSON path for every mistake, so [`evaluate`] cannot fail and never uses a
//! document that is not understood.
//!
//! # Who calls, which statement decides, what comes back
//!
//! An endpoint lets a team's sessions detect anomalies with the models of one project, and lets nobody delete
//! anything. A session without the team's tag calls:
//!
//! ```
//! use iam_policy::{Decision, Policies, PolicyDocument, PolicyType, Request, RequestContext, evaluate, explain};
//!
//! let endpoint_policy = PolicyDocument::parse(
//!     r#"{
//!         "Version": "2012-10-17",
//!         "Statement": [
//!             {
//!                 "Sid": "VisionTeam",
//!                 "Effect": "Allow",
//!                 "Principal": {"AWS": "arn:aws:iam::123456789012:role/Inspector"},
//!                 "Action": "lookoutvision:DetectAnomalies",
//!                 "Resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/*",
//!                 "Condition": {"StringEquals": {"aws:PrincipalTag/team": "vision"}}
//!             },
//!             {"Effect": "Deny", "Principal": "*", "Action": "lookoutvision:Delete*", "Resource": "*"}
//!         ]
//!     }"#,
//!     PolicyType::VpcEndpoint,
//! )?;
//! let policies = Policies { vpc_endpoint: Some(&endpoint_policy), ..Policies::default() };
//!
//! let principal = "arn:aws:sts::123456789012:assumed-role/Inspector/line7".parse()?;
//! let action = "lookoutvision:DetectAnomalies".parse()?;
//! let resource = "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1".parse()?;
//! let context = RequestContext::new();
//! let request = Request {
//!     principal: &principal,
//!     action: &action,
//!     resource: &resource,
//!     resource_account: None,
//!     context: &context,
//! };
//!
//! // The role's entry covers its session, and action and resource match. The condition does not: the tag is absent.
//! let evaluation = evaluate(&policies, &request);
//! assert_eq!(evaluation.decision, Decision::ImplicitDeny);
//!
//! // The client gets AWS's message.
//! assert_eq!(
//!     evaluation.denial_message(&principal, &action, &resource).as_deref(),
//!     Some(
//!         "User: arn:aws:sts::123456789012:assumed-role/Inspector/line7 is not authorized to perform: \
//!          lookoutvision:DetectAnomalies on resource: \
//!          arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1 \
//!          because no VPC endpoint policy allows the lookoutvision:DetectAnomalies action"
//!     ),
//! );
//!
//! // The author of the test gets the reason.
//! assert_eq!(
//!     explain(&policies, &request).summary(),
//!     "implicit deny: no VPC endpoint policy allows lookoutvision:DetectAnomalies; \
//!      nearest is statement 0 of VPC endpoint policy 0 (`VisionTeam`): aws:PrincipalTag/team is absent",
//! );
//!
//! // With the tag, statement 0 decides.
//! let mut tagged = RequestContext::new();
//! tagged.insert("aws:PrincipalTag/team", "vision");
//! let evaluation = evaluate(&policies, &Request { context: &tagged, ..request });
//! assert_eq!(evaluation.decision, Decision::Allowed);
//! assert_eq!(evaluation.decided_by.expect("a statement allowed it").statement, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Two readings
//!
//! [`PolicyDocument::parse`] reads a document as AWS reads one that is attached now.
//! [`PolicyDocument::parse_stored`] reads one as AWS evaluates what it already stores: today's checks refuse a
//! wildcard in a principal, but a document attached before them stays in force, and that entry matches nobody.
//!
//! # Map
//!
//! | to | read |
//! |---|---|
//! | know the order of the layers | [`evaluate`] |
//! | know what each layer decides | [`decide_layers`] |
//! | know what a finding means | [`FindingCode`] |
//! | show why | [`explain`] |
//! | advise an author | [`lint`] |
//! | know what tests have exercised | [`DocumentCounts`] |
//! | know what a change of a document allows or denies | [`diff()`] |
//! | know where something is in the text | [`PolicyDocument::outline`] |

#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used
    )
)]

mod action;
mod arn;
mod condition;
mod context;
mod coverage;
mod decision;
mod diff;
mod document;
mod evaluate;
mod explain;
mod finding;
mod json;
mod layers;
pub mod lint;
mod loader;
mod nearest;
mod outline;
mod pattern;
mod principal;
mod resource;
mod statement;
mod variable;

pub use action::{Action, ActionError};
pub use arn::{ARN_BYTES_MAX, Arn, ArnError};
pub use context::RequestContext;
pub use coverage::{
    ConditionCoverage, Covered, DocumentCounts, DocumentCoverage, ElementCoverage, StatementCoverage, Totals,
};
pub use decision::{DecidedBy, Decision, Evaluation, Layer};
pub use diff::{Change, Diff, Difference, ExampleRequest, Side, Undecided, diff};
pub use document::{PolicyDocument, PolicyType, Version};
pub use evaluate::{Policies, Request, evaluate};
pub use explain::{
    Clause, ConditionExplanation, Explanation, FailedPattern, Mismatch, NearMiss, StatementExplanation,
    explain,
};
pub use finding::{Finding, FindingCode, PolicyError, Severity};
pub use json::JSON_DEPTH_MAX;
pub use layers::{LayerDecision, decide_layers};
pub use loader::{DOCUMENT_BYTES_MAX, ENDPOINT_POLICY_CHARACTERS_MAX, FINDINGS_MAX};
pub use outline::{ConditionOutline, Entry, Place, StatementOutline};
pub use pattern::matches_glob;
pub use principal::{Identity, IdentityKind, Principal, PrincipalError};
pub use resource::Resource;
pub use statement::{Effect, Sid, Statement};
pub use variable::EXPANSION_BYTES_MAX;
