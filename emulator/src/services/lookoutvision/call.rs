//! A call of Lookout for Vision with the configuration that it was resolved by, and what the policies are asked about it.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use aws_identifiers::Region;
use iam_policy::{Action, Arn, Resource};
use lookoutvision::{operation::Operation, request::Request};

use crate::{
    authorization::{Authorizable, AuthorizationRequest, Pair, RequestTags},
    runtime::Snapshot,
    services::vocabulary::SERVICE,
};

/// A call, not yet allowed
#[derive(Debug)]
pub(crate) struct Call {
    /// What is asked for; boxed, because each step moves it from the one before
    pub(crate) request: Box<Request>,
    /// The configuration by which it was resolved
    pub(crate) snapshot: Arc<Snapshot>,
}

impl Authorizable for Call {
    fn authorization_request(&self) -> AuthorizationRequest {
        let request = &self.request;
        // An ARN in a path may be anything. One that is malformed is authorised like an operation without a resource,
        // on `*`, and the operation refuses it afterwards.
        let arn = request
            .shared_resource()
            .and_then(|arn| Arn::try_from(arn.clone()).ok());
        let tags = RequestTags {
            tags: request.tags().to_vec(),
            keys: request.tag_keys().to_vec(),
        };
        let resource_tags = arn.as_ref().and(request.resource_tags());
        let resource = arn.map_or(Resource::Any, Resource::Arn);
        asked_about(
            request.operation(),
            request.region().clone(),
            &resource,
            resource_tags,
            &tags,
        )
    }
}

/// What the policies are asked about a call: an operation on a resource with these tags, which brings along other tags
pub(crate) fn asked_about(
    operation: Operation,
    region: Region,
    resource: &Resource,
    resource_tags: Option<&Arc<BTreeMap<String, String>>>,
    tags: &RequestTags,
) -> AuthorizationRequest {
    let pair = |operation| {
        Pair::new(action(operation), resource.clone())
            .with_request_tags(tags.clone())
            .with_resource_tags(resource_tags.cloned(), &["aws:ResourceTag/"])
    };
    let asked = AuthorizationRequest::new(region, &SERVICE, pair(operation));
    // Developer Guide, *Tagging models*: CreateModel with tags needs `lookoutvision:TagResource` as well.
    if operation == Operation::CreateModel && !tags.tags.is_empty() {
        return asked.and(pair(Operation::TagResource));
    }
    asked
}

fn action(operation: Operation) -> &'static Action {
    let position = Operation::ALL.iter().position(|other| *other == operation);
    &ACTIONS[position.expect("ALL has every operation")]
}

/// The actions of [`Operation::ALL`], in its order
static ACTIONS: LazyLock<Vec<Action>> = LazyLock::new(|| {
    let action = |operation: Operation| {
        format!("lookoutvision:{operation}")
            .parse()
            .expect("operations have names that actions may have")
    };
    Operation::ALL.into_iter().map(action).collect()
});
