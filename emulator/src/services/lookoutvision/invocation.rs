//! What a request asks for: an operation, the resource it is authorised on, and the tags that policies may look at.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use aws_identifiers::Region;
use iam_policy::{Action, Arn, Resource};
use lookoutvision::{
    model::{ModelAddress, project_arn},
    operation::Operation,
    routes::{AuthorizedResource, Route, UnknownOperation},
    store::{Named, View, model::Model},
};
use serde_json::Value;

use crate::{
    authorization::{Authorizable, AuthorizationRequest, Pair, RequestTags},
    runtime::Snapshot,
    services::vocabulary::SERVICE,
};

/// A request's operation, not yet allowed
#[derive(Debug)]
pub(crate) struct Invocation {
    route: Route,
    region: Region,
    resource: Resource,
    /// The model that it is about, `latest` and the next version resolved
    model: Option<ModelAddress>,
    /// What that model's names name; `None` for one that is yet to be made
    named: Option<Named>,
    resource_tags: Option<Arc<BTreeMap<String, String>>>,
    tags: RequestTags,
    /// The configuration that it was resolved by
    snapshot: Arc<Snapshot>,
}

impl Invocation {
    /// Reads method, target and body
    ///
    /// A body that cannot be read names no project, no version and no tags; the operation itself says what is wrong
    /// with it, to a caller that is allowed to call it at all.
    ///
    /// # Errors
    /// When no operation has this method and path.
    pub(crate) fn resolve(
        method: &str,
        target: &str,
        body: &[u8],
        view: &View<'_>,
        snapshot: &Arc<Snapshot>,
    ) -> Result<Self, UnknownOperation> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let route = Route::resolve(method, path)?;
        let operation = route.operation();
        // INVARIANT: these members are read by the reader that the operation's own input comes from, so that what is
        // authorised is what is done.
        let members: Value = match operation {
            Operation::CreateProject
            | Operation::CreateModel
            | Operation::StartModelPackagingJob
            | Operation::TagResource => serde_json::from_slice(body).unwrap_or_default(),
            _ => Value::Null,
        };
        let account_id = view.account_id();
        let mut model = None;
        let resource = match route.authorized_resource(view) {
            AuthorizedResource::Everything => Resource::Any,
            AuthorizedResource::Arn(arn) => resource(&arn),
            AuthorizedResource::Model(address) => resource(model.insert(address).arn()),
            AuthorizedResource::ProjectInBody => {
                let project_name = members["ProjectName"].as_str().unwrap_or_default();
                resource(&project_arn(account_id, view.region, project_name))
            }
            AuthorizedResource::ModelInBody { project_name } => {
                let requested = members["ModelVersion"].as_str().unwrap_or_default();
                let version = view.resolve_version(&project_name, requested);
                let address = ModelAddress::new(account_id, view.region, &project_name, version);
                resource(model.insert(address).arn())
            }
        };
        // CreateModel is authorised on a model that does not exist yet and so has no tags.
        let existing = model.as_ref().filter(|_| operation != Operation::CreateModel);
        let named = existing.map(|address| view.named(address.project_name(), address.version()));
        let resource_tags = match (&named, &model) {
            (Some(named), _) => named.model.as_ref(),
            (None, Some(_)) => None,
            (None, None) => resource.arn().and_then(|arn| model_of_arn(view, arn)),
        };
        let resource_tags = resource_tags.map(|model| model.tags.clone());
        let tags = RequestTags {
            tags: tags_of(&members),
            keys: match operation {
                Operation::UntagResource => form_urlencoded::parse(query.as_bytes())
                    .filter(|(name, _)| name == "tagKeys")
                    .map(|(_, key)| key.into_owned())
                    .collect(),
                _ => Vec::new(),
            },
        };
        Ok(Self {
            route,
            region: view.region.clone(),
            resource,
            model,
            named,
            resource_tags,
            tags,
            snapshot: snapshot.clone(),
        })
    }

    /// The operation
    pub(crate) fn operation(&self) -> Operation {
        self.route.operation()
    }

    /// The operation with the labels of its path
    pub(crate) fn route(&self) -> &Route {
        &self.route
    }

    /// The Region it is called in
    pub(crate) fn region(&self) -> &Region {
        &self.region
    }

    /// The configuration that it was resolved by
    pub(crate) fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The model that it is about, if it names one
    pub(crate) fn model(&self) -> Option<&ModelAddress> {
        self.model.as_ref()
    }

    /// What the names of that model name, as it was when it was resolved
    pub(crate) fn named(&self) -> Option<&Named> {
        self.named.as_ref()
    }
}

impl Authorizable for Invocation {
    fn authorization_request(&self) -> AuthorizationRequest {
        let pair = |operation| {
            Pair::new(action(operation), self.resource.clone())
                .with_request_tags(self.tags.clone())
                .with_resource_tags(self.resource_tags.clone(), &["aws:ResourceTag/"])
        };
        let request = AuthorizationRequest::new(self.region.clone(), &SERVICE, pair(self.operation()));
        // Developer Guide, *Tagging models*: CreateModel with tags needs `lookoutvision:TagResource` as well.
        if self.operation() == Operation::CreateModel && !self.tags.tags.is_empty() {
            return request.and(pair(Operation::TagResource));
        }
        request
    }
}

fn action(operation: Operation) -> &'static Action {
    let position = Operation::ALL.iter().position(|other| *other == operation);
    &ACTIONS[position.expect("ALL has every operation")]
}

/// The tags of a body; what is no tag is refused by the operation
fn tags_of(members: &Value) -> Vec<(String, String)> {
    let tags = members["Tags"].as_array().into_iter().flatten();
    tags.filter_map(|tag| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].as_str()?.to_owned())))
        .collect()
}

/// The model that an ARN names, if it is one of this account and Region
fn model_of_arn<'s>(view: &View<'s>, arn: &Arn) -> Option<&'s Arc<Model>> {
    let (project_name, version) = arn.resource().strip_prefix("model/")?.split_once('/')?;
    let is_here = arn.account() == view.account_id().as_str() && arn.region() == view.region.as_str();
    is_here.then(|| view.model(project_name, version)).flatten()
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

// An ARN in a path may be anything. What is none is authorised like an operation without a resource, on `*`, and the
// operation refuses it afterwards.
fn resource(arn: &str) -> Resource {
    arn.parse::<Arn>().map_or(Resource::Any, Resource::Arn)
}
