//! The question that policies are asked: may this principal do this, under these policies?
//!
//! The server asks it about calls, `policy simulate` about lines; whoever asks what another policy would say asks the
//! same question with that policy in it.

use iam_policy::{Evaluation, Explanation, LayerDecision, Policies, Request};

/// A request and the policies that it is measured against
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'q> {
    /// The policies that are asked
    pub(crate) policies: Policies<'q>,
    /// What they are asked about
    pub(crate) request: Request<'q>,
}

impl Question<'_> {
    /// The decision
    pub(crate) fn evaluate(&self) -> Evaluation {
        iam_policy::evaluate(&self.policies, &self.request)
    }

    /// What each layer says by itself
    pub(crate) fn decide_layers(&self) -> Vec<LayerDecision> {
        iam_policy::decide_layers(&self.policies, &self.request)
    }

    /// The decision, with what matched and what did not for each statement
    pub(crate) fn explain(&self) -> Explanation {
        iam_policy::explain(&self.policies, &self.request)
    }
}
