//! The whole evaluation: layers of documents and one request in, a decision out. It cannot fail.
//!
//! 1. A statement that applies and denies, in any document, denies.
//! 2. Resource control policies: a full-access policy is always attached, so they can only deny.
//! 3. Service control policies: every level must allow; within a level one allowing document is enough.
//! 4. The endpoint's policy must allow, if the request came over an endpoint.
//! 5. A caller from another account needs a policy of the resource; a role's trust policy is one.
//! 6. One of the identity policies must allow; the root user needs none.
//! 7. The permissions boundary must allow, if there is one.
//! 8. One of the session policies must allow, if there are any.
//!
//! Within one account, a trust policy's grant to the caller itself replaces the Allows of rules 6 to 8, and its
//! grant to the caller's role replaces that of rule 6; a grant to the account replaces none of them.
//! (AWS STS API reference, *AssumeRole*, Permissions; IAM User Guide, *How AWS enforcement code logic evaluates
//! requests to allow or deny access*.) If the caller is of another account, both sides must allow.
//!
//! (IAM User Guide, *Policy evaluation logic*; AWS PrivateLink Guide for the endpoint.) Every layer must
//! allow, so their order shows in messages only. AWS names one layer and does not document which. We name an
//! explicit deny before an implicit one; explicit denies in the order resource control, service control, endpoint,
//! resource, identity, boundary, session; implicit denies in the same order with the resource last.

use crate::action::Action;
use crate::arn::Arn;
use crate::context::RequestContext;
use crate::decision::{DecidedBy, Decision, Evaluation, Layer};
use crate::document::{PolicyDocument, PolicyType};
use crate::principal::{GrantedTo, IdentityKind, Principal};
use crate::resource::Resource;
use crate::statement::Effect;

/// The question to decide: may this principal do this?
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who calls.
    pub principal: &'a Principal,
    /// What the caller wants to do.
    pub action: &'a Action,
    /// What the action is on.
    pub resource: &'a Resource,
    /// The account that owns the resource, where the ARN does not name it or names another.
    pub resource_account: Option<&'a str>,
    /// The condition keys of the request. No key is added to them.
    pub context: &'a RequestContext<'a>,
}

/// The documents that decide a request, by reference.
///
/// The default has none: no endpoint, and an identity side that is not modelled and allows everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policies<'a> {
    /// The policy of the endpoint that the request came over; `None` if it came over none.
    pub vpc_endpoint: Option<&'a PolicyDocument>,
    /// The policies of the user or role. `None` means not modelled and allows everything; empty allows nothing.
    pub identity: Option<&'a [PolicyDocument]>,
    /// The permissions boundary; empty if there is none.
    pub permissions_boundary: &'a [PolicyDocument],
    /// The session's policies; empty if there are none.
    pub session: &'a [PolicyDocument],
    /// Service control policies by level, the organization's root first; empty if there are none.
    pub service_control: &'a [Vec<PolicyDocument>],
    /// Resource control policies by level, the organization's root first; empty if there are none.
    pub resource_control: &'a [Vec<PolicyDocument>],
    /// The trust policy of the role that is to be assumed; `None` for every other request.
    pub role_trust: Option<&'a PolicyDocument>,
}

impl<'a> Policies<'a> {
    /// Whether the decision can depend on a condition key; see [`PolicyDocument::reads_context`].
    pub fn read_context(&self) -> bool {
        self.documents().any(|(_, document)| document.reads_context())
    }

    /// The document at this place among those of its layer.
    pub fn document(&self, policy_type: PolicyType, policy: usize) -> Option<&'a PolicyDocument> {
        let mut documents = self.documents();
        let found =
            documents.find(|(place, document)| (document.policy_type(), *place) == (policy_type, policy));
        found.map(|(_, document)| document)
    }

    /// Every document with its place among those of its layer, in the order of the rules.
    pub fn documents(&self) -> impl Iterator<Item = (usize, &'a PolicyDocument)> + use<'a> {
        let Self {
            vpc_endpoint,
            identity,
            permissions_boundary,
            session,
            service_control,
            resource_control,
            role_trust,
        } = *self;
        resource_control
            .iter()
            .flatten()
            .enumerate()
            .chain(service_control.iter().flatten().enumerate())
            .chain(vpc_endpoint.into_iter().enumerate())
            .chain(role_trust.into_iter().enumerate())
            .chain(identity.into_iter().flatten().enumerate())
            .chain(permissions_boundary.iter().enumerate())
            .chain(session.iter().enumerate())
    }
}

/// Where a statement is: the place of its document in the layer, and its own place in the document.
#[derive(Debug, Clone, Copy)]
struct StatementIndex<'a> {
    document: &'a PolicyDocument,
    policy: usize,
    statement: usize,
}

impl StatementIndex<'_> {
    #[expect(
        clippy::indexing_slicing,
        reason = "the statement's number was counted in this document"
    )]
    fn decided_by(self) -> DecidedBy {
        DecidedBy {
            policy_type: self.document.policy_type(),
            policy: self.policy,
            statement: self.statement,
            sid: self.document.statements()[self.statement].sid.clone(),
        }
    }
}

/// Decides a request.
///
/// ```
/// use iam_policy::{Decision, Policies, PolicyDocument, PolicyType, Request, RequestContext, evaluate};
///
/// let endpoint_policy = PolicyDocument::parse(
///     r#"{"Version": "2012-10-17", "Statement": [
///         {"Effect": "Allow", "Principal": "*", "Action": "lookoutvision:*", "Resource": "*"},
///         {"Sid": "NoTraining", "Effect": "Deny", "Principal": "*",
///          "Action": "lookoutvision:CreateModel", "Resource": "*"}]}"#,
///     PolicyType::VpcEndpoint,
/// )?;
/// let principal = "arn:aws:iam::123456789012:user/alice".parse()?;
/// let action = "lookoutvision:CreateModel".parse()?;
/// let resource = "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/2".parse()?;
///
/// let evaluation = evaluate(
///     &Policies { vpc_endpoint: Some(&endpoint_policy), ..Policies::default() },
///     &Request {
///         principal: &principal,
///         action: &action,
///         resource: &resource,
///         resource_account: None,
///         context: &RequestContext::new(),
///     },
/// );
/// assert_eq!(evaluation.decision, Decision::ExplicitDeny);
/// let decided_by = evaluation.decided_by.as_ref().expect("a statement denied it");
/// assert_eq!(decided_by.statement, 1);
/// assert_eq!(
///     evaluation.denial_message(&principal, &action, &resource).expect("it is denied"),
///     "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: lookoutvision:CreateModel \
///      on resource: arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/2 \
///      with an explicit deny in a VPC endpoint policy",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn evaluate(policies: &Policies<'_>, request: &Request<'_>) -> Evaluation {
    let mut gathered = Gathered::default();
    match gathered.gather(policies, request) {
        Err(Denied { layer, by }) => Evaluation {
            decision: Decision::ExplicitDeny,
            decided_by: Some(by.decided_by()),
            layer: Some(layer),
        },
        Ok(()) => match gathered.silent {
            Some((_, layer)) => Evaluation {
                decision: Decision::ImplicitDeny,
                decided_by: None,
                layer: Some(layer),
            },
            None => Evaluation {
                decision: Decision::Allowed,
                decided_by: gathered.allowed_by.map(|(_, by)| by.decided_by()),
                layer: None,
            },
        },
    }
}

/// A statement denied the request, which ends the evaluation.
struct Denied<'a> {
    layer: Layer,
    by: StatementIndex<'a>,
}

/// What the layers decided so far.
#[derive(Default)]
struct Gathered<'a> {
    /// Of the layers without an allowing statement, the one that the message names, with its rank.
    silent: Option<(usize, Layer)>,
    /// The allowing statement to report, with its rank.
    allowed_by: Option<(usize, StatementIndex<'a>)>,
}

impl<'a> Gathered<'a> {
    fn gather(&mut self, policies: &Policies<'a>, request: &Request<'_>) -> Result<(), Denied<'a>> {
        // Rule 2. It does not matter what a level allows: full access is always attached.
        let mut policy = 0;
        for level in policies.resource_control {
            judge(level, policy, Layer::ResourceControl, request)?;
            policy += level.len();
        }
        // Rule 3.
        let mut policy = 0;
        for level in policies.service_control {
            let allowed_by = judge(level, policy, Layer::ServiceControl, request)?;
            self.require(Layer::ServiceControl, allowed_by);
            policy += level.len();
        }
        // Rule 4.
        if let Some(document) = policies.vpc_endpoint {
            let allowed_by = judge(std::slice::from_ref(document), 0, Layer::VpcEndpoint, request)?;
            self.require(Layer::VpcEndpoint, allowed_by);
        }
        // Rule 5.
        let mut granted = None;
        if let Some(document) = policies.role_trust {
            let allowed_by = judge(std::slice::from_ref(document), 0, Layer::RoleTrust, request)?;
            self.require(Layer::RoleTrust, allowed_by);
            granted = grant(document, request);
        } else if needs_resource_policy(policies, request) {
            self.silence(Layer::ResourceBased);
        }
        // Rule 6.
        if let Some(documents) = policies.identity {
            match judge(documents, 0, Layer::Identity, request)? {
                None if request.principal.kind() == Some(IdentityKind::Root) => {}
                None if granted >= Some(GrantedTo::Identity) => {}
                allowed_by => self.require(Layer::Identity, allowed_by),
            }
        }
        // Rule 7.
        if !policies.permissions_boundary.is_empty() {
            let allowed_by = judge(
                policies.permissions_boundary,
                0,
                Layer::PermissionsBoundary,
                request,
            )?;
            if granted < Some(GrantedTo::Caller) {
                self.require(Layer::PermissionsBoundary, allowed_by);
            }
        }
        // Rule 8. IAM User Guide, GetFederationToken: without session policies such a session has no
        // permissions of its user.
        if !policies.session.is_empty() {
            let allowed_by = judge(policies.session, 0, Layer::Session, request)?;
            if granted < Some(GrantedTo::Caller) {
                self.require(Layer::Session, allowed_by);
            }
        } else if request.principal.kind() == Some(IdentityKind::FederatedUser)
            && policies.identity.is_some()
            && granted < Some(GrantedTo::Caller)
        {
            self.silence(Layer::Session);
        }
        Ok(())
    }

    fn require(&mut self, layer: Layer, allowed_by: Option<StatementIndex<'a>>) {
        match allowed_by {
            Some(by) => {
                let rank = rank(ALLOWED_BY_ORDER, layer);
                if self.allowed_by.is_none_or(|(first, _)| rank < first) {
                    self.allowed_by = Some((rank, by));
                }
            }
            None => self.silence(layer),
        }
    }

    fn silence(&mut self, layer: Layer) {
        let rank = rank(IMPLICIT_ORDER, layer);
        if self.silent.is_none_or(|(first, _)| rank < first) {
            self.silent = Some((rank, layer));
        }
    }
}

fn rank(order: [Layer; 8], layer: Layer) -> usize {
    order
        .iter()
        .position(|&known| known == layer)
        .unwrap_or(order.len())
}

/// Rule 5: whether the caller is not of the account that owns the resource. Then nothing can allow the request to
/// Lookout for Vision, or to any other service for which this crate has no resource policies.
pub(crate) fn needs_resource_policy(policies: &Policies<'_>, request: &Request<'_>) -> bool {
    let Some(account) = request.principal.account() else {
        // An anonymous caller has no identity policies that could allow the request. Where the identity side is not
        // modelled, the endpoint alone decides.
        return policies.identity.is_some();
    };
    owner(request).is_some_and(|owner| owner != account)
}

/// The account that owns the resource, as far as it is known.
fn owner<'r>(request: &Request<'r>) -> Option<&'r str> {
    let named = request.resource.arn().map(Arn::account);
    request
        .resource_account
        .or(named.filter(|owner| !owner.is_empty()))
}

/// What a trust policy grants a caller of the role's own account; `None` if it grants nothing or the caller is of
/// another account.
pub(crate) fn grant(trust: &PolicyDocument, request: &Request<'_>) -> Option<GrantedTo> {
    let principal = request.principal;
    if principal.account().is_none() || owner(request) != principal.account() {
        return None;
    }
    // IAM User Guide, Monitor and control actions taken with assumed roles: in role chaining, both sides must
    // allow setting a source identity. Guess: and tagging the session.
    let chains = principal.kind() == Some(IdentityKind::AssumedRole);
    let needs_both = ["sts:SetSourceIdentity", "sts:TagSession"];
    if chains
        && needs_both
            .iter()
            .any(|action| request.action.as_str().eq_ignore_ascii_case(action))
    {
        return None;
    }
    let allows = trust.statements().iter().filter(|statement| {
        statement.effect == Effect::Allow
            && statement.applies(principal, request.action, request.resource, request.context)
    });
    let grants = allows.filter_map(|statement| statement.principal.as_ref()?.grant(principal));
    grants.max()
}

/// The first statement of the documents that allows the request. A statement that denies it ends the evaluation
/// as [`Denied`].
fn judge<'a>(
    documents: &'a [PolicyDocument],
    first_policy: usize,
    layer: Layer,
    request: &Request<'_>,
) -> Result<Option<StatementIndex<'a>>, Denied<'a>> {
    let mut allowed_by = None;
    for (index, document) in documents.iter().enumerate() {
        for (statement, checked) in document.statements().iter().enumerate() {
            // A second allowing statement changes nothing; only denying statements still matter.
            let decided = checked.effect == Effect::Allow && allowed_by.is_some();
            if decided
                || !checked.applies(
                    request.principal,
                    request.action,
                    request.resource,
                    request.context,
                )
            {
                continue;
            }
            let by = StatementIndex {
                document,
                policy: first_policy + index,
                statement,
            };
            match checked.effect {
                Effect::Deny => return Err(Denied { layer, by }),
                Effect::Allow => allowed_by = Some(by),
            }
        }
    }
    Ok(allowed_by)
}

/// Which of several layers without an allowing statement is named. Guess: AWS does not document it.
const IMPLICIT_ORDER: [Layer; 8] = [
    Layer::ResourceControl,
    Layer::ServiceControl,
    Layer::VpcEndpoint,
    Layer::Identity,
    Layer::PermissionsBoundary,
    Layer::Session,
    Layer::ResourceBased,
    Layer::RoleTrust,
];

/// Which of several allowing statements is named: the endpoint's first.
const ALLOWED_BY_ORDER: [Layer; 8] = [
    Layer::VpcEndpoint,
    Layer::RoleTrust,
    Layer::ResourceBased,
    Layer::Identity,
    Layer::PermissionsBoundary,
    Layer::Session,
    Layer::ServiceControl,
    Layer::ResourceControl,
];
