//! `CreateTags`, `DeleteTags` and `DescribeTags`, for endpoints.

use std::collections::BTreeMap;

use aws_identifiers::VpcEndpointId;
use client_text::Shown;

use super::{
    Call,
    describe::write_next_token,
    error::Ec2Error,
    filters::{Filters, Page},
};
use crate::{
    identity::{RESOURCE_TAGS_MAX, ResourceTagFault, check_resource_tag},
    journal::events::ChangeKind,
    runtime::Snapshot,
    services::query::parameters::{ParameterFault, Reader},
};

/// `CreateTags`
pub(super) fn create(call: &Call<'_>) -> Result<String, Ec2Error> {
    let ((ids, tags), dry_run) = call.read(|reader| {
        let ids = resources(reader)?;
        let tags = read(reader, "Tag")?;
        if tags.is_empty() {
            return Err(ParameterFault::Missing("Tag".to_owned()).into());
        }
        Ok((ids, tags))
    })?;
    call.space
        .change_endpoints(ChangeKind::Endpoint, |changes, now| {
            for id in &ids {
                let mut all = tags_of(call, now, id)?;
                all.extend(tags.clone());
                refuse_too_many(&all)?;
                let id = id.parse().expect("an endpoint with this id was found");
                changes.of(&id).tags = Some(all);
            }
            dry_run.stop()
        })?;
    Ok(call.answer(|xml| xml.flag("return", true)))
}

/// `DeleteTags`: the named tags, with this value where one is given, or all tags
pub(super) fn delete(call: &Call<'_>) -> Result<String, Ec2Error> {
    let ((ids, named), dry_run) = call.read(|reader| {
        let ids = resources(reader)?;
        let mut named = Vec::new();
        for tag in reader.structures("Tag") {
            let key = reader.required(&format!("{tag}.Key"))?;
            named.push((key, reader.text(&format!("{tag}.Value"))));
        }
        Ok((ids, named))
    })?;
    call.space
        .change_endpoints(ChangeKind::Endpoint, |changes, now| {
            for id in &ids {
                let mut left = tags_of(call, now, id)?;
                // API model, Tags of DeleteTags: without any, every tag goes; with an empty value, only one with an empty
                // value does.
                left.retain(|key, value| {
                    !named.is_empty()
                        && !named
                            .iter()
                            .any(|(name, wanted)| name == key && wanted.is_none_or(|wanted| wanted == value))
                });
                let id = id.parse().expect("an endpoint with this id was found");
                changes.of(&id).tags = Some(left);
            }
            dry_run.stop()
        })?;
    Ok(call.answer(|xml| xml.flag("return", true)))
}

/// `DescribeTags`
pub(super) fn describe(call: &Call<'_>) -> Result<String, Ec2Error> {
    let ((filters, page), dry_run) = call.read(|reader| {
        Ok((
            Filters::read(reader, &["key", "resource-id", "resource-type", "tag:*", "value"])?,
            Page::read(reader)?,
        ))
    })?;
    dry_run.stop()?;
    let endpoints = call.endpoints();
    let tags = endpoints.iter().flat_map(|(placed, _)| {
        let tags = placed.details.tags.iter();
        tags.map(|(key, value)| (placed.id().as_str(), key.as_str(), value.as_str()))
    });
    let shown = tags.filter(|(id, key, value)| {
        filters.pass(|filter| {
            let found = match filter {
                "key" => key,
                "resource-id" => id,
                "resource-type" => "vpc-endpoint",
                "value" => value,
                _ if filter.strip_prefix("tag:") == Some(key) => value,
                _ => return Vec::new(),
            };
            vec![found.to_owned()]
        })
    });
    let (shown, next) = page.of(shown.collect());
    Ok(call.answer(|xml| {
        xml.items("tagSet", shown, |xml, (id, key, value)| {
            xml.text("resourceId", id);
            xml.text("resourceType", "vpc-endpoint");
            xml.text("key", key);
            xml.text("value", value);
        });
        write_next_token(xml, next);
    }))
}

/// The tags that a call creates something with
pub(super) fn of_specifications(
    reader: &mut Reader<'_>,
    resource_type: &str,
) -> Result<BTreeMap<String, String>, Ec2Error> {
    let mut tags = BTreeMap::new();
    for specification in reader.structures("TagSpecification") {
        let found = reader.required(&format!("{specification}.ResourceType"))?;
        if found != resource_type {
            // Guess: the sentence.
            return Err(Ec2Error::InvalidParameterValue(format!(
                "'{}' is not a valid taggable resource type for this operation.",
                Shown(found)
            )));
        }
        tags.extend(read(reader, &format!("{specification}.Tag"))?);
    }
    refuse_too_many(&tags)?;
    Ok(tags)
}

fn read(reader: &mut Reader<'_>, list: &str) -> Result<BTreeMap<String, String>, Ec2Error> {
    let mut tags = BTreeMap::new();
    for tag in reader.structures(list) {
        let key = reader.required(&format!("{tag}.Key"))?;
        let value = reader.text(&format!("{tag}.Value")).unwrap_or_default();
        // Guess: the sentences.
        check_resource_tag(key, value).map_err(|fault| {
            Ec2Error::InvalidParameterValue(match fault {
                ResourceTagFault::Reserved => {
                    format!(
                        "Tag keys starting with 'aws:' are reserved for internal use: {}",
                        Shown(key)
                    )
                }
                ResourceTagFault::TooLong => {
                    format!("Tag key or value exceeds the maximum length: {}", Shown(key))
                }
            })
        })?;
        tags.insert(key.to_owned(), value.to_owned());
    }
    Ok(tags)
}

fn refuse_too_many(tags: &BTreeMap<String, String>) -> Result<(), Ec2Error> {
    if tags.len() > RESOURCE_TAGS_MAX {
        return Err(Ec2Error::TagLimitExceeded);
    }
    Ok(())
}

fn resources(reader: &mut Reader<'_>) -> Result<Vec<String>, Ec2Error> {
    let ids = reader.texts("ResourceId");
    if ids.is_empty() {
        return Err(ParameterFault::Missing("ResourceId".to_owned()).into());
    }
    Ok(ids.into_iter().map(str::to_owned).collect())
}

/// The tags of the thing with this id; only endpoints can have tags here
fn tags_of(call: &Call<'_>, now: &Snapshot, id: &str) -> Result<BTreeMap<String, String>, Ec2Error> {
    let Ok(endpoint_id) = id.parse::<VpcEndpointId>() else {
        return Err(Ec2Error::ResourceNotFound(id.to_owned()));
    };
    // An endpoint that is being deleted can be tagged until it is gone.
    let shown = call.endpoints_of(now);
    let placed = shown.iter().find(|(placed, _)| *placed.id() == endpoint_id);
    let (placed, _) = placed.ok_or(Ec2Error::VpcEndpointNotFound(endpoint_id))?;
    Ok(placed.details.tags.clone())
}
