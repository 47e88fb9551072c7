//! What each layer of policies decides by itself.
//!
//! A decision names one layer. To find out later how a recorded request would be decided with another document, one
//! must know what the other layers decided.

use serde::{Deserialize, Serialize};

use crate::decision::{Decision, Layer};
use crate::evaluate::{Policies, Request, evaluate, grant, needs_resource_policy};
use crate::principal::{GrantedTo, IdentityKind};

/// What one layer decides about a request, whatever the others decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerDecision {
    /// The layer.
    pub layer: Layer,
    /// What would be decided if every other layer allowed the request.
    pub decision: Decision,
}

/// What each layer that takes part in a request decides by itself, in the order of evaluation.
///
/// ```
/// use iam_policy::{Decision, Layer, Policies, PolicyDocument, Request, RequestContext, decide_layers};
///
/// let endpoint = PolicyDocument::full_access();
/// let request = Request {
///     principal: &"arn:aws:iam::123456789012:user/alice".parse()?,
///     action: &"lookoutvision:ListProjects".parse()?,
///     resource: &"*".parse()?,
///     resource_account: None,
///     context: &RequestContext::new(),
/// };
/// // The identity side is modelled, and has no policy that allows anything.
/// let policies = Policies { vpc_endpoint: Some(&endpoint), identity: Some(&[]), ..Policies::default() };
/// let decided: Vec<_> = decide_layers(&policies, &request).iter().map(|by| (by.layer, by.decision)).collect();
/// assert_eq!(decided, [(Layer::VpcEndpoint, Decision::Allowed), (Layer::Identity, Decision::ImplicitDeny)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decide_layers(policies: &Policies<'_>, request: &Request<'_>) -> Vec<LayerDecision> {
    let nothing = Policies::default();
    let mut decided = Vec::new();
    let mut push = |layer, decision| decided.push(LayerDecision { layer, decision });
    let alone = |layer, policies: Policies<'_>| {
        let evaluation = evaluate(&policies, request);
        // The evaluation may name the resource-based layer instead, but only if this layer allows: it is named last.
        match evaluation.layer == Some(layer) {
            true => evaluation.decision,
            false => Decision::Allowed,
        }
    };
    let granted = policies.role_trust.and_then(|document| grant(document, request));
    // A grant by the trust policy makes up for a missing Allow, but not for a Deny.
    let lifted = |decision, by| match decision {
        Decision::ImplicitDeny if granted >= Some(by) => Decision::Allowed,
        decision => decision,
    };
    let Policies {
        vpc_endpoint,
        identity,
        permissions_boundary,
        session,
        service_control,
        resource_control,
        role_trust,
    } = *policies;
    if !resource_control.is_empty() {
        let alone = alone(
            Layer::ResourceControl,
            Policies {
                resource_control,
                ..nothing
            },
        );
        push(Layer::ResourceControl, alone);
    }
    if !service_control.is_empty() {
        let alone = alone(
            Layer::ServiceControl,
            Policies {
                service_control,
                ..nothing
            },
        );
        push(Layer::ServiceControl, alone);
    }
    if vpc_endpoint.is_some() {
        let alone = alone(
            Layer::VpcEndpoint,
            Policies {
                vpc_endpoint,
                ..nothing
            },
        );
        push(Layer::VpcEndpoint, alone);
    }
    if role_trust.is_some() {
        push(
            Layer::RoleTrust,
            alone(
                Layer::RoleTrust,
                Policies {
                    role_trust,
                    ..nothing
                },
            ),
        );
    } else if needs_resource_policy(policies, request) {
        push(Layer::ResourceBased, Decision::ImplicitDeny);
    }
    if identity.is_some() {
        let alone = alone(Layer::Identity, Policies { identity, ..nothing });
        push(Layer::Identity, lifted(alone, GrantedTo::Identity));
    }
    if !permissions_boundary.is_empty() {
        let alone = alone(
            Layer::PermissionsBoundary,
            Policies {
                permissions_boundary,
                ..nothing
            },
        );
        push(Layer::PermissionsBoundary, lifted(alone, GrantedTo::Caller));
    }
    if !session.is_empty() {
        let alone = alone(Layer::Session, Policies { session, ..nothing });
        push(Layer::Session, lifted(alone, GrantedTo::Caller));
    } else if request.principal.kind() == Some(IdentityKind::FederatedUser) && identity.is_some() {
        push(Layer::Session, lifted(Decision::ImplicitDeny, GrantedTo::Caller));
    }
    decided
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::RequestContext;
    use crate::document::{PolicyDocument, PolicyType};

    /// A document that decides every request this way
    fn document(policy_type: PolicyType, decision: Decision) -> PolicyDocument {
        let (effect, action) = match decision {
            Decision::Allowed => ("Allow", "*"),
            Decision::ImplicitDeny => ("Allow", "s3:GetObject"),
            Decision::ExplicitDeny => ("Deny", "*"),
        };
        let principal = if policy_type.has_principal() {
            r#""Principal": "*", "#
        } else {
            ""
        };
        let resource = if policy_type == PolicyType::RoleTrust {
            ""
        } else {
            r#", "Resource": "*""#
        };
        let text = format!(
            r#"{{"Statement": [{{"Effect": "{effect}", {principal}"Action": "{action}"{resource}}}]}}"#
        );
        PolicyDocument::parse_stored(&text, policy_type).unwrap()
    }

    const DECISIONS: [Decision; 3] = [Decision::Allowed, Decision::ImplicitDeny, Decision::ExplicitDeny];

    /// The decision of all layers together follows from what each of them decides.
    #[test]
    fn the_layers_together_decide_as_the_evaluation_does() {
        let principal = "arn:aws:sts::123456789012:federated-user/alice".parse().unwrap();
        let action = "lookoutvision:ListProjects".parse().unwrap();
        let resource = "*".parse().unwrap();
        let context = RequestContext::new();
        for account in [None, Some("123456789012"), Some("210987654321")] {
            let request = Request {
                principal: &principal,
                action: &action,
                resource: &resource,
                resource_account: account,
                context: &context,
            };
            for number in 0..3_usize.pow(5) * 2 {
                let digit = |place: u32| DECISIONS[number / 3_usize.pow(place) % 3];
                let endpoint = document(PolicyType::VpcEndpoint, digit(0));
                let identity = [document(PolicyType::Identity, digit(1))];
                let boundary = [document(PolicyType::PermissionsBoundary, digit(2))];
                let session = [document(PolicyType::Session, digit(3))];
                let service_control = [vec![document(PolicyType::ServiceControl, digit(4))]];
                let has_session = number >= 3_usize.pow(5);
                let policies = Policies {
                    vpc_endpoint: Some(&endpoint),
                    identity: Some(&identity),
                    permissions_boundary: &boundary,
                    session: if has_session { &session } else { &[] },
                    service_control: &service_control,
                    ..Policies::default()
                };
                let decided = decide_layers(&policies, &request);
                let together = if decided.iter().any(|by| by.decision == Decision::ExplicitDeny) {
                    Decision::ExplicitDeny
                } else if decided.iter().any(|by| by.decision == Decision::ImplicitDeny) {
                    Decision::ImplicitDeny
                } else {
                    Decision::Allowed
                };
                assert_eq!(together, evaluate(&policies, &request).decision, "{decided:?}");
            }
        }
    }
}
