//! A refusal by a policy, in AWS's words. Which of these sentences a service sends is in the table of `refusal`.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use iam_policy::Decision;
use serde_json::json;

use super::Authorization;

/// A refusal, because the policies do not allow the call
#[derive(Debug)]
pub(crate) struct Denial(pub(super) Arc<Authorization>);

impl Denial {
    /// `User: … is not authorized to perform: … on resource: … because …`
    ///
    /// IAM User Guide, *Troubleshoot access denied error messages*; the resource is left out where the action has none.
    pub(crate) fn sentence(&self) -> String {
        let sentence = self.0.asked.denial_sentence(self.0.pair(), &self.0.evaluation);
        // INVARIANT: a denial is made of an evaluation that denies, and that has a reason.
        sentence.unwrap_or_default()
    }

    /// `User: … is not authorized to perform: … on resource: …`
    pub(crate) fn sentence_without_reason(&self) -> String {
        self.0.asked.denial_without_reason(self.0.pair())
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
