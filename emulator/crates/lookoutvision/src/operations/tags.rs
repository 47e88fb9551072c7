//! Tags of models.

use std::sync::Arc;

use super::models;
use crate::{
    api::{
        requests::{ListTagsForResourceRequest, TagResourceRequest, UntagResourceRequest},
        responses::{ListTagsForResourceResponse, TagResourceResponse, UntagResourceResponse},
        values::Tag,
    },
    constraints::is_reserved_tag_key,
    error::{ResourceType, ServiceError},
    model::project_arn,
    store::{Change, View, model::Model},
};

/// `ListTagsForResource`
pub fn list(
    view: &View<'_>,
    input: &ListTagsForResourceRequest,
) -> Result<ListTagsForResourceResponse, ServiceError> {
    let (_, model) = find(view, &input.resource_arn)?;
    let tags = model.tags.iter().map(|(key, value)| Tag {
        key: key.clone(),
        value: value.clone(),
    });
    Ok(ListTagsForResourceResponse { tags: tags.collect() })
}

/// `TagResource`
pub fn tag(change: &mut Change<'_>, input: &TagResourceRequest) -> Result<TagResourceResponse, ServiceError> {
    let (project_name, model) = find(&change.view, &input.resource_arn)?;
    refuse_reserved(&input.tags)?;
    let mut tags = (*model.tags).clone();
    tags.extend(Tag::map(&input.tags));
    refuse_too_many(tags.len(), change.view.limits().tags_max, &model.version)?;
    let model = Model {
        tags: Arc::new(tags),
        ..(**model).clone()
    };
    models::replace(change, project_name, model);
    Ok(TagResourceResponse {})
}

/// `UntagResource`
pub fn untag(
    change: &mut Change<'_>,
    input: &UntagResourceRequest,
) -> Result<UntagResourceResponse, ServiceError> {
    let (project_name, model) = find(&change.view, &input.resource_arn)?;
    let mut tags = (*model.tags).clone();
    // A key that is not there is not an error.
    tags.retain(|key, _| !input.tag_keys.contains(key));
    let model = Model {
        tags: Arc::new(tags),
        ..(**model).clone()
    };
    models::replace(change, project_name, model);
    Ok(UntagResourceResponse {})
}

/// AWS General Reference, *Tagging your AWS resources*: keys that begin with `aws:`, in any case, are AWS's own
// Guess: the error and its text; the service's pages do not mention the prefix.
pub(super) fn refuse_reserved(tags: &[Tag]) -> Result<(), ServiceError> {
    match tags.iter().find(|tag| is_reserved_tag_key(&tag.key)) {
        None => Ok(()),
        Some(tag) => Err(ServiceError::validation(format!(
            "The tag key {} begins with aws:, which is reserved for AWS.",
            tag.key
        ))),
    }
}

pub(super) fn refuse_too_many(tags: usize, tags_max: usize, version: &str) -> Result<(), ServiceError> {
    if tags <= tags_max {
        return Ok(());
    }
    Err(ServiceError::quota(
        "limits.tags_max",
        format!("The model would have {tags} tags, and can have {tags_max} (limits.tags_max)."),
        version,
        ResourceType::Model,
    ))
}

/// Project name and model of a resource ARN
// Guess: the errors. Only models can be tagged (Developer Guide, *Tagging models*).
fn find<'s, 'a>(view: &View<'s>, arn: &'a str) -> Result<(&'a str, &'s Arc<Model>), ServiceError> {
    let not_a_model = || ServiceError::validation(format!("{arn} is not the ARN of a model."));
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "lookoutvision", region, account_id, resource] = parts[..] else {
        return Err(not_a_model());
    };
    let model = resource
        .strip_prefix("model/")
        .and_then(|rest| rest.split_once('/'));
    let (project_name, version) = model.ok_or_else(not_a_model)?;
    if project_name.is_empty() || version.is_empty() || version.contains('/') {
        return Err(not_a_model());
    }
    // An ARN of this account and Region has the same beginning, up to the resource.
    let ours = project_arn(view.account_id(), view.region, "");
    if !ours.starts_with(&format!("arn:{partition}:lookoutvision:{region}:{account_id}:")) {
        return Err(ServiceError::not_found(
            format!("The resource {arn} could not be found."),
            arn,
            ResourceType::Model,
        ));
    }
    let model = models::find(view, project_name, version)?;
    Ok((project_name, model))
}
