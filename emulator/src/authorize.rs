//! Caller + Invocation + door → Permit.
//!
//! A [`Permit`] is made here and nowhere else, and running an operation takes one, so a forgotten check does not
//! compile. Beside it comes an [`Authorization`]: the facts that the decision was made of. The journal keeps it and
//! asks it for the explanation when somebody reads the entry; nothing is explained on the way of a request that nobody
//! asks about.

use std::sync::Arc;

use iam_policy::{Action, Decision, Evaluation, Explanation, Policies, Request, Resource};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    authenticate::Caller, config::Principal, door::Door, lookoutvision::invocation::Invocation,
    request::ReceivedRequest, state::Snapshot,
};

mod context;

/// Leave to run one operation once
#[derive(Debug)]
pub(crate) struct Permit {
    invocation: Invocation,
    authorization: Arc<Authorization>,
}

/// The facts that a decision was made of, and the decision
#[derive(Debug)]
pub(crate) struct Authorization {
    snapshot: Arc<Snapshot>,
    caller: Caller,
    door: Door,
    action: Action,
    facts: context::Facts,
    resource: Resource,
    evaluation: Evaluation,
}

/// Decides whether a caller may do what it asks for
///
/// # Errors
/// AWS's access-denied sentence, when a policy stands in the way.
pub(crate) fn authorize(
    snapshot: &Arc<Snapshot>,
    received: &ReceivedRequest,
    caller: Caller,
    door: Door,
    invocation: Invocation,
) -> (Arc<Authorization>, Result<Permit, String>) {
    let mut authorization = Authorization {
        snapshot: snapshot.clone(),
        action: invocation.operation().action(),
        facts: context::Facts::of(received, &invocation),
        resource: invocation.resource().clone(),
        evaluation: Evaluation::default(),
        caller,
        door,
    };
    authorization.evaluation = authorization.with_request(|policies, request| iam_policy::evaluate(policies, request));
    let authorization = Arc::new(authorization);
    let verdict = match authorization.evaluation.decision() {
        Decision::Allowed => Ok(Permit { invocation, authorization: authorization.clone() }),
        Decision::ImplicitDeny | Decision::ExplicitDeny => Err(authorization.denial_message()),
    };
    (authorization, verdict)
}

impl Permit {
    /// What may be done
    pub(crate) fn invocation(&self) -> &Invocation {
        &self.invocation
    }

    /// Who may do it
    pub(crate) fn principal(&self) -> &Principal {
        &self.authorization.caller.principal
    }

    /// The door that the request came through
    pub(crate) fn door(&self) -> &Door {
        &self.authorization.door
    }

    /// The configuration that it was decided by
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.authorization.snapshot
    }
}

impl Authorization {
    /// The verdict
    pub(crate) fn decision(&self) -> Decision {
        self.evaluation.decision()
    }

    /// `lookoutvision:…`
    pub(crate) fn action(&self) -> &str {
        self.action.as_str()
    }

    /// What the action is about, `*` or an ARN
    pub(crate) fn resource(&self) -> &str {
        self.resource.as_str()
    }

    /// When the request came in
    pub(crate) fn time(&self) -> Timestamp {
        self.facts.time
    }

    /// For each statement what matched and what did not, and which one decided
    pub(crate) fn explain(&self) -> Explanation {
        self.with_request(|policies, request| iam_policy::explain(policies, request))
    }

    /// The condition keys as evaluated
    pub(crate) fn context_json(&self) -> Map<String, Value> {
        self.with_request(|_, request| {
            request
                .context
                .iter()
                .map(|(key, values)| (key.to_owned(), values.iter().map(|value| Value::from(&**value)).collect()))
                .collect()
        })
    }

    /// What the journal counts for these facts, in bytes: an estimate
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.facts.bytes() + 2 * self.resource().len()
    }

    fn denial_message(&self) -> String {
        self.with_request(|_, request| self.evaluation.denial_message(request))
            .expect("only a denial is asked for its sentence")
    }

    /// Puts policies and request together; both borrow from the facts, so they are made anew for each question
    fn with_request<T>(&self, ask: impl FnOnce(&Policies<'_>, &Request<'_>) -> T) -> T {
        let principal = &*self.caller.principal;
        let organization = self.snapshot.config.organization.as_ref();
        let policies = Policies {
            vpc_endpoint: self.door.vpc_endpoint().map(|placed| &*placed.endpoint.policy_document),
            identity: principal.identity_policies.as_deref(),
            boundary: &principal.permissions_boundary,
            session: &principal.session_policies,
            scp: organization.map_or(&[], |organization| &organization.service_control_policies),
            rcp: organization.map_or(&[], |organization| &organization.resource_control_policies),
        };
        let context = self.facts.context(&self.snapshot, &self.caller, &self.door, &self.resource);
        let request = Request {
            principal: &principal.identity,
            action: &self.action,
            resource: &self.resource,
            resource_account: None,
            context: &context,
        };
        ask(&policies, &request)
    }
}
