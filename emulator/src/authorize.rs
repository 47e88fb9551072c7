//! Caller + Invocation + entry point → Permit.
//!
//! A [`Permit`] is made here and nowhere else, and running an operation takes one, so a forgotten check does not
//! compile. Beside it comes an [`Authorization`]: the facts that the decision was made of. The journal keeps it and
//! asks it for the explanation when somebody reads the entry; nothing is explained on the way of a request that nobody
//! asks about.

use std::{collections::BTreeMap, sync::Arc};

use iam_policy::{Action, Decision, Evaluation, Explanation, Policies, Request, RequestContext, Resource};
use serde_json::{Map, Value};

use crate::{
    authenticate::Caller,
    config::{Principal, Role},
    entry_point::EntryPoint,
    identifiers::Region,
    lookoutvision::invocation::{Invocation, RequestTags},
    ordered::object_of,
    policy_service,
    request::ReceivedRequest,
    state::Snapshot,
};

mod context;

use self::context::Facts;

/// What the policies look at of an invocation, whichever service it is of
pub(crate) trait Asked {
    /// The operation's name in policies
    fn action(&self) -> &'static Action;

    /// What must be allowed besides it, on the same resource
    fn further_actions(&self) -> Vec<&'static Action> {
        Vec::new()
    }

    /// What it is authorised on
    fn resource(&self) -> &Resource;

    /// The Region it is called in
    fn region(&self) -> &Region;

    /// The tags it brings along
    fn tags(&self) -> &RequestTags;

    /// The tags of what it is authorised on
    fn resource_tags(&self) -> Option<Arc<BTreeMap<String, String>>> {
        None
    }

    /// Condition keys of the service's own
    fn keys(&self) -> Vec<(&'static str, Box<str>)> {
        Vec::new()
    }

    /// Those of them that have several values
    fn lists(&self) -> Vec<(&'static str, Vec<String>)> {
        Vec::new()
    }

    /// The role that is to be assumed
    fn role(&self) -> Option<Arc<Role>> {
        None
    }
}

impl Asked for Invocation {
    fn action(&self) -> &'static Action {
        self.action()
    }

    fn further_actions(&self) -> Vec<&'static Action> {
        self.further_action().into_iter().collect()
    }

    fn resource(&self) -> &Resource {
        self.resource()
    }

    fn region(&self) -> &Region {
        self.region()
    }

    fn tags(&self) -> &RequestTags {
        self.tags()
    }

    fn resource_tags(&self) -> Option<Arc<BTreeMap<String, String>>> {
        self.resource_tags().cloned()
    }
}

/// Leave to run one operation once
#[derive(Debug)]
pub(crate) struct Permit<I = Invocation> {
    invocation: I,
    authorization: Arc<Authorization>,
}

/// A decision with everything that it was made of
#[derive(Debug)]
pub(crate) struct Authorization {
    question: Question,
    evaluation: Evaluation,
    kept: Kept,
}

/// How much is kept of what a decision was made of
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// All of it
    Whole,
    /// As much as there is room for, from which the decision cannot be worked out again
    Abridged,
}

/// May this caller do this, through this entry point?
#[derive(Debug)]
struct Question {
    snapshot: Arc<Snapshot>,
    caller: Caller,
    entry_point: EntryPoint,
    action: &'static Action,
    resource: Resource,
    role: Option<Arc<Role>>,
    facts: Facts,
}

/// Decides whether a caller may do what it asks for
///
/// # Errors
/// AWS's access-denied sentence, when a policy stands in the way.
pub(crate) fn authorize<I: Asked>(
    snapshot: &Arc<Snapshot>,
    received: &ReceivedRequest,
    caller: Caller,
    entry_point: EntryPoint,
    invocation: I,
) -> (Arc<Authorization>, Result<Permit<I>, String>) {
    let mut question = Question {
        snapshot: snapshot.clone(),
        action: invocation.action(),
        resource: invocation.resource().clone(),
        role: invocation.role(),
        facts: Facts::of(received, &invocation),
        caller,
        entry_point,
    };
    let (mut evaluation, mut denial) = question.decide();
    let asked = question.action;
    for action in invocation.further_actions() {
        if denial.is_some() {
            break;
        }
        question.action = action;
        let further = question.decide();
        if further.1.is_some() {
            (evaluation, denial) = further;
        } else {
            question.action = asked;
        }
    }
    let authorization = Arc::new(Authorization {
        question,
        evaluation,
        kept: Kept::Whole,
    });
    let verdict = match denial {
        None => Ok(Permit {
            invocation,
            authorization: authorization.clone(),
        }),
        Some(sentence) => Err(sentence),
    };
    (authorization, verdict)
}

impl<I> Permit<I> {
    /// What may be done
    pub(crate) fn invocation(&self) -> &I {
        &self.invocation
    }

    /// Who may do it
    pub(crate) fn principal(&self) -> &Arc<Principal> {
        &self.authorization.question.caller.principal
    }

    /// The entry point that the request came through
    pub(crate) fn entry_point(&self) -> &EntryPoint {
        &self.authorization.question.entry_point
    }

    /// The configuration that it was decided by
    pub(crate) fn snapshot(&self) -> &Arc<Snapshot> {
        &self.authorization.question.snapshot
    }
}

impl Authorization {
    /// The verdict
    pub(crate) fn decision(&self) -> Decision {
        self.evaluation.decision
    }

    /// `lookoutvision:…`, and for the services around it `ec2:…` and `sts:…`
    pub(crate) fn action(&self) -> String {
        self.question.action.to_string()
    }

    /// What the action is about, `*` or an ARN
    pub(crate) fn resource(&self) -> String {
        self.question.resource.to_string()
    }

    /// For each statement what matched and what did not, and which one decided
    pub(crate) fn explain(&self) -> Explanation {
        if self.kept == Kept::Abridged {
            let note = "the condition keys of this request were too long for limits.journal_entry_bytes_max and are \
                        not kept whole, so nothing can be said of single statements";
            return Explanation::without_statements(&self.evaluation, self.question.action, note);
        }
        let mut explanation = self.question.put(Context::Whole, iam_policy::explain);
        let config = &self.question.snapshot.config;
        let notes = policy_service::notes(&explanation, self.question.action, config);
        explanation.notes.extend(notes);
        explanation
    }

    /// The condition keys as evaluated
    pub(crate) fn context_json(&self) -> Map<String, Value> {
        self.question.put(Context::Whole, |_, request| {
            object_of(request.context.iter().map(|(key, values)| {
                (
                    key.to_owned(),
                    values.iter().map(|value| Value::from(&**value)).collect(),
                )
            }))
        })
    }

    /// The same decision, with each text that it was made of cut to so many bytes
    pub(crate) fn abridged(&self, bytes_max: usize) -> Self {
        let Question {
            snapshot,
            caller,
            entry_point,
            action,
            resource,
            role,
            facts,
        } = &self.question;
        Self {
            question: Question {
                snapshot: snapshot.clone(),
                caller: caller.clone(),
                entry_point: entry_point.clone(),
                action,
                resource: resource.clone(),
                role: role.clone(),
                facts: facts.abridged(bytes_max),
            },
            evaluation: self.evaluation.clone(),
            kept: Kept::Abridged,
        }
    }

    /// What the journal counts for this, in bytes: an estimate
    pub(crate) fn bytes(&self) -> usize {
        let resource = self.question.resource.arn().map_or(0, |arn| arn.as_str().len());
        size_of::<Self>() + self.question.facts.bytes() + resource
    }
}

/// How much of the request context is built
#[derive(Clone, Copy)]
enum Context {
    /// All of it, because somebody reads it
    Whole,
    /// Nothing, where no policy reads a condition key: the decision is the same
    WhereRead,
}

impl Question {
    /// The evaluation, and AWS's sentence if it is a denial
    fn decide(&self) -> (Evaluation, Option<String>) {
        self.put(Context::WhereRead, |policies, request| {
            let evaluation = iam_policy::evaluate(policies, request);
            let denial = evaluation.denial_message(request.principal, request.action, request.resource);
            (evaluation, denial)
        })
    }

    /// Puts policies and request together and asks
    ///
    /// Both borrow from what the question holds, so they are made anew each time it is asked.
    fn put<T>(&self, context: Context, ask: impl FnOnce(&Policies<'_>, &Request<'_>) -> T) -> T {
        let principal = &*self.caller.principal;
        let organization = self.snapshot.config.organization.as_ref();
        let policies = Policies {
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
            role_trust: self.role.as_ref().map(|role| &role.trust_policy),
        };
        let context = match context {
            Context::WhereRead if !policies.read_context() => RequestContext::new(),
            Context::WhereRead | Context::Whole => {
                self.facts
                    .context(&self.snapshot, &self.caller, &self.entry_point, &self.resource)
            }
        };
        let request = Request {
            principal: &principal.identity,
            action: self.action,
            resource: &self.resource,
            // Everything here belongs to one account, also what is authorised on `*` and what an ARN in a request calls
            // another account's. A role's ARN names its account, which may be another one.
            resource_account: match self.role {
                Some(_) => None,
                None => Some(self.snapshot.config.account_id.as_str()),
            },
            context: &context,
        };
        ask(&policies, &request)
    }
}
