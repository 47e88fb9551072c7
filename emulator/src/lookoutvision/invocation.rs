//! What a request asks for: an operation, the resource it is authorised on, and the tags that policies may look at.

use std::sync::LazyLock;

use iam_policy::{Action, Arn, Resource};
use serde::Deserialize;

use crate::{
    config::Config,
    identifiers::Region,
    lookoutvision::{
        model::{model_arn, project_arn},
        operation::Operation,
        routes::{AuthorizedResource, Route, UnknownOperation},
    },
};

/// A request's operation, not yet allowed
#[derive(Debug)]
pub(crate) struct Invocation {
    route: Route,
    region: Region,
    resource: Resource,
    tags: RequestTags,
}

/// Tags that a request brings along, as `aws:RequestTag/…` and `aws:TagKeys` see them
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestTags {
    /// Tags to be put on
    pub(crate) tags: Vec<(String, String)>,
    /// Tags to be taken off
    pub(crate) keys: Vec<String>,
}

/// The members of request bodies that authorisation depends on; everything else is the operation's business
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct AuthorizedMembers {
    project_name: Option<String>,
    model_version: Option<String>,
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
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
        config: &Config,
        region: &Region,
    ) -> Result<Self, UnknownOperation> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let route = Route::resolve(method, path)?;
        let members = match route.operation() {
            Operation::CreateProject
            | Operation::CreateModel
            | Operation::StartModelPackagingJob
            | Operation::TagResource => serde_json::from_slice(body).unwrap_or_default(),
            _ => AuthorizedMembers::default(),
        };
        let account_id = &config.account_id;
        let resource = match route.authorized_resource(&config.projects, account_id, region) {
            AuthorizedResource::Everything => Resource::Any,
            AuthorizedResource::Arn(arn) => resource(&arn),
            AuthorizedResource::ProjectInBody => {
                let project_name = members.project_name.unwrap_or_default();
                resource(&project_arn(account_id, region, &project_name))
            }
            AuthorizedResource::ModelInBody { project_name } => {
                let version = members.model_version.unwrap_or_default();
                resource(&model_arn(account_id, region, &project_name, &version))
            }
        };
        let tags = RequestTags {
            tags: members.tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
            keys: match route.operation() {
                Operation::UntagResource => form_urlencoded::parse(query.as_bytes())
                    .filter(|(name, _)| name == "tagKeys")
                    .map(|(_, key)| key.into_owned())
                    .collect(),
                _ => Vec::new(),
            },
        };
        Ok(Self {
            route,
            region: region.clone(),
            resource,
            tags,
        })
    }

    /// The operation
    pub(crate) fn operation(&self) -> Operation {
        self.route.operation()
    }

    /// The operation's name in policies
    pub(crate) fn action(&self) -> &'static Action {
        let position = Operation::ALL
            .iter()
            .position(|operation| *operation == self.operation());
        &ACTIONS[position.expect("ALL has every operation")]
    }

    /// The operation with the labels of its path
    pub(crate) fn route(&self) -> &Route {
        &self.route
    }

    /// The Region it is called in
    pub(crate) fn region(&self) -> &Region {
        &self.region
    }

    /// What it is authorised on
    pub(crate) fn resource(&self) -> &Resource {
        &self.resource
    }

    /// The tags it brings along
    pub(crate) fn tags(&self) -> &RequestTags {
        &self.tags
    }
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

impl RequestTags {
    /// What they cost in memory, estimated
    pub(crate) fn bytes(&self) -> usize {
        let tags = self
            .tags
            .iter()
            .map(|(key, value)| size_of::<(String, String)>() + key.len() + value.len());
        let keys = self.keys.iter().map(|key| size_of::<String>() + key.len());
        tags.chain(keys).sum()
    }
}
