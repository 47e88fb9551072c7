//! May this caller do this, through this entry point? The facts of one call, and how the policies are asked about them.
//!
//! The server asks what the policies in force say. To learn what other policies would say, or what these would say in
//! other circumstances, ask the same question with [`Changes`].

use std::sync::Arc;

use aws_identifiers::VpcEndpointId;
use iam_policy::{
    Decision, Evaluation, Explanation, LayerDecision, Policies, PolicyType, Request, RequestContext, Resource,
};
use serde_json::{Map, Value};

use super::{
    Coverage, Question, changes::Changes, context::Facts, notes, request::AuthorizationRequest, request::Pair,
};
use crate::{identity::Caller, network::entry_point::EntryPoint, settings::Settings};

/// May this caller do this, through this entry point?
#[derive(Debug)]
pub(super) struct Asked {
    // Not the snapshot: the journal keeps what is here, and every role session makes another snapshot.
    pub(super) settings: Arc<Settings>,
    pub(super) caller: Caller,
    pub(super) entry_point: EntryPoint,
    pub(super) request: AuthorizationRequest,
    pub(super) facts: Facts,
}

/// How much of the request context is built
#[derive(Clone, Copy)]
enum Context {
    /// All of it, because somebody reads it
    Whole,
    /// All of it if a policy reads a condition key, otherwise nothing: the decision is the same
    WhereRead,
}

impl Asked {
    /// The place of the pair that decides, and its evaluation
    ///
    /// An explicit deny of any pair decides; without one the first pair that is not allowed; without that the first.
    /// The evaluation of each pair is counted in `coverage` if there is one.
    // Guess: which of several refused pairs is named. IAM User Guide, *Troubleshoot access denied error messages*, has
    // one in each message and does not say which one it is.
    pub(super) fn decide(&self, changes: Changes<'_>, coverage: Option<&Coverage>) -> (usize, Evaluation) {
        let mut pairs = self.request.pairs().enumerate();
        let (_, first) = pairs.next().expect("a request has at least one pair");
        let mut decided = (0, self.evaluate_and_count(first, changes, coverage));
        for (index, pair) in pairs {
            if decided.1.decision == Decision::ExplicitDeny && coverage.is_none() {
                break;
            }
            let evaluation = self.evaluate_and_count(pair, changes, coverage);
            let outweighs = match evaluation.decision {
                Decision::Allowed => false,
                Decision::ImplicitDeny => decided.1.decision.is_allowed(),
                Decision::ExplicitDeny => decided.1.decision != Decision::ExplicitDeny,
            };
            if outweighs {
                decided = (index, evaluation);
            }
        }
        decided
    }

    pub(super) fn evaluate(&self, pair: &Pair, changes: Changes<'_>) -> Evaluation {
        self.evaluate_and_count(pair, changes, None)
    }

    fn evaluate_and_count(
        &self,
        pair: &Pair,
        changes: Changes<'_>,
        coverage: Option<&Coverage>,
    ) -> Evaluation {
        self.put(pair, Context::WhereRead, changes, |question| {
            let evaluation = question.evaluate();
            if let Some(coverage) = coverage {
                let attached_to = |policy_type| match changes.policies {
                    Some(_) => None,
                    None => self.attached_to(policy_type),
                };
                coverage.count_question(&question, &evaluation, attached_to);
            }
            evaluation
        })
    }

    /// What each layer says by itself
    pub(super) fn layers(&self, pair: &Pair, changes: Changes<'_>) -> Vec<LayerDecision> {
        self.put(pair, Context::WhereRead, changes, |question| {
            question.decide_layers()
        })
    }

    /// For each statement what matched and what did not, and what a reader must know of keys that are never set
    pub(super) fn explain(&self, pair: &Pair, changes: Changes<'_>) -> Explanation {
        let mut explanation = self.put(pair, Context::Whole, changes, |question| question.explain());
        let organization = self.settings.identities.organization.as_ref();
        let notes = notes::notes(&explanation, self.request.vocabulary(), organization);
        explanation.notes.extend(notes);
        explanation
    }

    /// The condition keys as evaluated
    pub(super) fn context_json(&self, pair: &Pair, changes: Changes<'_>) -> Map<String, Value> {
        self.put(pair, Context::Whole, changes, |question| {
            Map::from_iter(question.request.context.iter().map(|(key, values)| {
                (
                    key.to_owned(),
                    values.iter().map(|value| Value::from(&**value)).collect(),
                )
            }))
        })
    }

    /// `User: … is not authorized to perform: … on resource: … because …`; nothing when it is allowed
    ///
    /// IAM User Guide, *Troubleshoot access denied error messages*; the resource is left out where the action has none.
    pub(super) fn denial_sentence(&self, pair: &Pair, evaluation: &Evaluation) -> Option<String> {
        let reason = evaluation.denial_reason(pair.action())?;
        Some(format!("{} {reason}", self.denial_without_reason(pair)))
    }

    /// `User: … is not authorized to perform: … on resource: …`
    pub(super) fn denial_without_reason(&self, pair: &Pair) -> String {
        let on_resource = match pair.resource() {
            Resource::Any => String::new(),
            Resource::Arn(arn) => format!(" on resource: {arn}"),
        };
        format!(
            "User: {} is not authorized to perform: {}{on_resource}",
            self.caller.principal.arn(),
            pair.tried_action()
        )
    }

    /// What the documents of this policy type are attached to: an endpoint, a principal, a role or an organization
    fn attached_to(&self, policy_type: PolicyType) -> Option<&str> {
        let principal = &*self.caller.principal;
        match policy_type {
            PolicyType::VpcEndpoint => self.entry_point.vpc_endpoint_id().map(VpcEndpointId::as_str),
            PolicyType::Identity | PolicyType::PermissionsBoundary => Some(&principal.policy_arn),
            PolicyType::Session => Some(principal.arn()),
            PolicyType::ServiceControl | PolicyType::ResourceControl => {
                let organization = self.settings.identities.organization.as_ref();
                organization.map(|organization| organization.id.as_str())
            }
            PolicyType::RoleTrust => self.request.role().map(|role| role.identity.arn().as_str()),
        }
    }

    /// Looks at the policies that are asked about a pair
    pub(super) fn with_policies<T>(
        &self,
        pair: &Pair,
        changes: Changes<'_>,
        look: impl FnOnce(&Policies<'_>) -> T,
    ) -> T {
        self.put(pair, Context::WhereRead, changes, |question| {
            look(&question.policies)
        })
    }

    /// Puts policies and request together as a question, and calls `ask` with it
    ///
    /// Both borrow from `self`, so they are made anew for each question.
    fn put<'a, T>(
        &'a self,
        pair: &'a Pair,
        context: Context,
        changes: Changes<'a>,
        ask: impl FnOnce(Question<'_>) -> T,
    ) -> T {
        let principal = &*self.caller.principal;
        let organization = self.settings.identities.organization.as_ref();
        let policies = changes.policies_instead_of(Policies {
            vpc_endpoint: self
                .entry_point
                .vpc_endpoint()
                .map(|placed| &*placed.endpoint.policy_document),
            identity: principal.identity_policies.as_deref(),
            permissions_boundary: &principal.permissions_boundary,
            session: &principal.session_policies,
            service_control: organization.map_or(&[], |organization| {
                organization.service_control_policies.as_slice()
            }),
            resource_control: organization.map_or(&[], |organization| {
                organization.resource_control_policies.as_slice()
            }),
            role_trust: self.request.role().map(|role| &role.trust_policy),
        });
        let context = match context {
            Context::WhereRead if !policies.read_context() => RequestContext::new(),
            Context::WhereRead | Context::Whole => {
                let region = self.request.region();
                let mut context =
                    self.facts
                        .context(&self.settings, &self.caller, &self.entry_point, region, pair);
                changes.put_into(&mut context);
                context
            }
        };
        let request = Request {
            principal: &principal.identity,
            action: pair.action(),
            resource: pair.resource(),
            // Every resource here belongs to one account, even where a call is authorised on `*` or an ARN in a request
            // names another account. Only a role may belong to another account, and its ARN names that account.
            resource_account: match self.request.role() {
                Some(_) => None,
                None => Some(self.settings.account_id.as_str()),
            },
            context: &context,
        };
        ask(Question { policies, request })
    }
}
