//! A refusal by a policy, in AWS's words. Which of them a service sends is in `refusal`'s table.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use iam_policy::{Decision, Resource};
use serde_json::json;

use super::Authorization;

/// A policy stands in the way
#[derive(Debug)]
pub(crate) struct Denial(pub(super) Arc<Authorization>);

impl Denial {
    /// `User: … is not authorized to perform: … on resource: … because …`
    ///
    /// IAM User Guide, *Troubleshoot access denied error messages*; the resource is left out where the action has none.
    pub(crate) fn sentence(&self) -> String {
        let reason = self.0.evaluation.denial_reason(self.0.pair().action());
        // INVARIANT: a denial is made of an evaluation that denies, and that has a reason.
        let reason = reason.unwrap_or_default();
        format!("{} {reason}", self.sentence_without_reason())
    }

    /// `User: … is not authorized to perform: … on resource: …`
    pub(crate) fn sentence_without_reason(&self) -> String {
        let pair = self.0.pair();
        let on_resource = match pair.resource() {
            Resource::Any => String::new(),
            Resource::Arn(arn) => format!(" on resource: {arn}"),
        };
        format!(
            "User: {} is not authorized to perform: {}{on_resource}",
            self.0.asked.caller.principal.arn(),
            pair.tried_action()
        )
    }

    /// What EC2 puts after its sentence where the action has a resource: facts of the decision as an opaque text
    ///
    /// AWS encrypts it and sts:DecodeAuthorizationMessage reads it (AWS STS API reference, `DecodeAuthorizationMessage`).
    /// Here it is the base64url of as much of the decoded JSON as tells the decision; the journal has all of it.
    pub(crate) fn encoded_message(&self) -> Option<String> {
        let (authorization, pair) = (&self.0, self.0.pair());
        let arn = pair.resource().arn()?;
        let principal = &authorization.asked.caller.principal;
        let decoded = json!({
            "allowed": false,
            "explicitDeny": authorization.decision() == Decision::ExplicitDeny,
            "context": {
                "principal": {"id": principal.user_id, "arn": principal.arn()},
                "action": pair.action().to_string(),
                "resource": arn.as_str(),
            },
        });
        Some(BASE64_URL_SAFE_NO_PAD.encode(decoded.to_string()))
    }
}
