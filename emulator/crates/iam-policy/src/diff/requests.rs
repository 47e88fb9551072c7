//! Requests: how they arrive, which condition keys they have, and how one is built from its parts.

use super::ExampleRequest;
use super::actions::ActionClass;
use super::keys::Values;
use super::principals::Caller;
use super::resources::Target;
use crate::context::{RequestContext, eq_folded};

/// How a request reaches the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Over a VPC endpoint
    Endpoint,
    /// Over the public endpoint
    Public,
}

/// Whether requests have a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Always,
    Sometimes,
    Never,
}

/// Builds a request, with the keys that follow from its parts.
pub(super) fn example<'v>(
    caller: &Caller,
    action: &ActionClass<'_>,
    target: &Target,
    values: impl Iterator<Item = (&'v str, &'v Values)>,
) -> ExampleRequest {
    let mut context = RequestContext::new();
    caller.add_keys(&mut context);
    target.add_keys(&mut context);
    for (key, values) in values {
        match values.as_slice() {
            [] => {}
            [value] => context.insert(key.to_owned(), value.clone()),
            several => context.insert_all(key.to_owned(), several.to_vec()),
        }
    }
    let of_caller = caller.principal.account();
    let owner = target
        .resource
        .arn()
        .map(super::super::arn::Arn::account)
        .filter(|account| !account.is_empty());
    let is_foreign = owner.is_some() && of_caller.is_some() && owner != of_caller;
    ExampleRequest {
        principal: caller.principal.clone(),
        action: action.action.clone(),
        resource: target.resource.clone(),
        resource_account: of_caller.filter(|_| is_foreign).map(str::to_owned),
        context,
    }
}

/// Whether requests that arrive this way have a key; `None` if the way does not decide it (IAM User Guide, *AWS global
/// condition context keys*, properties of the network).
pub(super) fn presence_by_way(key: &str, way: Way) -> Option<Presence> {
    let is = |name: &str| eq_folded(key, name);
    let of_endpoint = is("aws:SourceVpce") || is("aws:SourceVpc") || is("aws:VpcSourceIp");
    match way {
        Way::Endpoint if of_endpoint => Some(Presence::Always),
        Way::Public if of_endpoint => Some(Presence::Never),
        Way::Endpoint if is("aws:SourceIp") => Some(Presence::Never),
        Way::Public if is("aws:SourceIp") => Some(Presence::Always),
        _ => None,
    }
}
