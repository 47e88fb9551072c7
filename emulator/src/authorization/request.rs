//! What the policies are asked about a call: pairs of an action and a resource, each of which must be allowed.
//!
//! Most calls are one pair. A call that touches several resources, or also does something that needs its own
//! permission, is several (Amazon EC2 User Guide, *Policy structure*, the example of AttachVolume):
//!
//! ```text
//! CreateVpcEndpoint with a subnet and tags
//!   ec2:CreateVpcEndpoint  arn:aws:ec2:us-west-2:123456789012:vpc-endpoint/*   ec2:VpceServiceName, aws:RequestTag/team, …
//!   ec2:CreateVpcEndpoint  arn:aws:ec2:us-west-2:123456789012:vpc/vpc-0a…      ec2:VpcID
//!   ec2:CreateVpcEndpoint  arn:aws:ec2:us-west-2:123456789012:subnet/subnet-…  ec2:SubnetID, ec2:Vpc
//!   ec2:CreateTags         arn:aws:ec2:us-west-2:123456789012:vpc-endpoint/*   ec2:CreateAction, aws:RequestTag/team, …
//! ```
//!
//! A condition key stands only on the pairs that it belongs to, which is why it stands here and not with the keys that
//! every request has (`context`).

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use aws_identifiers::Region;
use client_text::cut_bytes;
use iam_policy::{Action, RequestContext, Resource, lint::Service};

use crate::identity::Role;

/// Something that is asked for and must be authorised before it is done
pub(crate) trait Authorizable {
    /// What the policies are asked about it
    fn authorization_request(&self) -> AuthorizationRequest;
}

/// What must be allowed, all of it
#[derive(Debug)]
pub(crate) struct AuthorizationRequest {
    region: Region,
    first: Pair,
    further: Vec<Pair>,
    /// The role that is to be assumed
    role: Option<Arc<Role>>,
    /// The actions and condition keys that the policies are read with
    vocabulary: &'static LazyLock<Service<'static>>,
}

/// An action on a resource
#[derive(Debug)]
pub(crate) struct Pair {
    action: &'static Action,
    resource: Resource,
    resource_tags: Option<Arc<BTreeMap<String, String>>>,
    /// The condition keys that those tags appear under, up to and including the slash
    resource_tag_keys: &'static [&'static str],
    /// Boxed, because most pairs have none, and the journal keeps them all
    details: Option<Box<PairDetails>>,
}

/// What only some calls say of a pair
#[derive(Debug, Default)]
struct PairDetails {
    /// The action that a refusal says was not authorised, where it is not the pair's own
    refused_as: Option<&'static Action>,
    values: Vec<(Cow<'static, str>, Box<str>)>,
    lists: Vec<(&'static str, Vec<String>)>,
    request_tags: RequestTags,
}

/// Tags that a request brings along, as `aws:RequestTag/…` and `aws:TagKeys` see them
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestTags {
    /// Tags to be put on
    pub(crate) tags: Vec<(String, String)>,
    /// Tags to be taken off
    pub(crate) keys: Vec<String>,
}

impl AuthorizationRequest {
    /// A call in a Region that needs one pair to be allowed
    ///
    /// The first pair is the one that the journal shows of a call that was allowed. When several pairs are refused for
    /// the same kind of reason, the refusal names the one that was added first.
    pub(crate) fn new(region: Region, vocabulary: &'static LazyLock<Service<'static>>, pair: Pair) -> Self {
        Self {
            region,
            vocabulary,
            first: pair,
            further: Vec::new(),
            role: None,
        }
    }

    /// Another pair that must be allowed as well
    pub(crate) fn and(mut self, pair: Pair) -> Self {
        self.further.push(pair);
        self
    }

    /// Other pairs that must be allowed as well
    pub(crate) fn and_all(mut self, pairs: impl IntoIterator<Item = Pair>) -> Self {
        self.further.extend(pairs);
        self
    }

    /// The role that is to be assumed, whose trust policy has a say
    pub(crate) fn assuming(self, role: Arc<Role>) -> Self {
        Self {
            role: Some(role),
            ..self
        }
    }

    pub(crate) fn region(&self) -> &Region {
        &self.region
    }

    /// The actions and condition keys that the policies are read with
    pub(crate) fn vocabulary(&self) -> &'static Service<'static> {
        self.vocabulary
    }

    pub(crate) fn role(&self) -> Option<&Arc<Role>> {
        self.role.as_ref()
    }

    /// The pairs, at least one, in the order in which they are asked about
    pub(crate) fn pairs(&self) -> impl Iterator<Item = &Pair> {
        std::iter::once(&self.first).chain(&self.further)
    }

    /// The pair at this place, or the first
    pub(crate) fn pair(&self, index: usize) -> &Pair {
        let further = index.checked_sub(1).and_then(|index| self.further.get(index));
        further.unwrap_or(&self.first)
    }

    /// One of the pairs alone, its texts cut to at most `bytes_max` bytes
    pub(super) fn abridged(&self, index: usize, bytes_max: usize) -> Self {
        Self {
            region: self.region.clone(),
            first: self.pair(index).abridged(bytes_max),
            further: Vec::new(),
            role: self.role.clone(),
            vocabulary: self.vocabulary,
        }
    }

    /// What this costs in memory, in bytes: an estimate
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.pairs().map(Pair::bytes).sum::<usize>()
    }
}

impl Pair {
    pub(crate) fn new(action: &'static Action, resource: Resource) -> Self {
        Self {
            action,
            resource,
            resource_tags: None,
            resource_tag_keys: &[],
            details: None,
        }
    }

    /// With a condition key
    pub(crate) fn with(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Box<str>>) -> Self {
        self.details_mut().values.push((key.into(), value.into()));
        self
    }

    /// With a condition key that has several values; without any it is absent
    pub(crate) fn with_list(mut self, key: &'static str, values: Vec<String>) -> Self {
        if !values.is_empty() {
            self.details_mut().lists.push((key, values));
        }
        self
    }

    /// With the tags that the request brings along, as `aws:RequestTag/…` and `aws:TagKeys`
    pub(crate) fn with_request_tags(mut self, request_tags: RequestTags) -> Self {
        if !request_tags.is_empty() {
            self.details_mut().request_tags = request_tags;
        }
        self
    }

    /// With the tags that the resource has, under `keys`, each of which ends in a slash
    pub(crate) fn with_resource_tags(
        self,
        tags: Option<Arc<BTreeMap<String, String>>>,
        keys: &'static [&'static str],
    ) -> Self {
        Self {
            resource_tags: tags,
            resource_tag_keys: keys,
            ..self
        }
    }

    /// A refusal of this pair says that `action` was not authorised, and not the pair's own action
    pub(crate) fn refused_as(mut self, action: &'static Action) -> Self {
        self.details_mut().refused_as = Some(action);
        self
    }

    fn details_mut(&mut self) -> &mut PairDetails {
        self.details.get_or_insert_default()
    }

    pub(crate) fn action(&self) -> &'static Action {
        self.action
    }

    pub(crate) fn resource(&self) -> &Resource {
        &self.resource
    }

    /// The tags that the resource has
    pub(super) fn resource_tags(&self) -> Option<&Arc<BTreeMap<String, String>>> {
        self.resource_tags.as_ref()
    }

    /// The action that a refusal names as the one that was tried
    pub(super) fn tried_action(&self) -> &'static Action {
        let refused_as = self.details.as_ref().and_then(|details| details.refused_as);
        refused_as.unwrap_or(self.action)
    }

    /// The names of the keys that belong to this pair, each once and in order; those of tags end with the slash
    #[cfg(test)]
    pub(crate) fn key_names(&self) -> Vec<String> {
        let mut context = RequestContext::new();
        self.add_keys(&mut context);
        let without_tag = |key: &str| match key.split_once('/') {
            Some((stem, _)) => format!("{stem}/"),
            None => key.to_owned(),
        };
        let names: std::collections::BTreeSet<_> = context.iter().map(|(key, _)| without_tag(key)).collect();
        names.into_iter().collect()
    }

    /// Adds the keys that belong to this pair
    pub(super) fn add_keys<'a>(&'a self, context: &mut RequestContext<'a>) {
        if let Some(details) = &self.details {
            details.add_keys(context);
        }
        for (key, value) in self.resource_tags.iter().flat_map(|tags| tags.iter()) {
            for prefix in self.resource_tag_keys {
                context.insert(format!("{prefix}{key}"), value.as_str());
            }
        }
    }

    /// The same with each single condition value cut to at most `bytes_max` bytes, and with only as many request tags
    /// and list elements as fit into that many
    fn abridged(&self, bytes_max: usize) -> Self {
        let details = self.details.as_ref();
        Self {
            action: self.action,
            resource: self.resource.clone(),
            resource_tags: self.resource_tags.clone(),
            resource_tag_keys: self.resource_tag_keys,
            details: details.map(|details| Box::new(details.abridged(bytes_max))),
        }
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.resource.arn().map_or(0, |arn| arn.as_str().len())
            + self.details.as_ref().map_or(0, |details| details.bytes())
    }
}

impl PairDetails {
    fn add_keys<'a>(&'a self, context: &mut RequestContext<'a>) {
        for (key, value) in &self.values {
            context.insert(&**key, &**value);
        }
        for (key, values) in &self.lists {
            context.insert_all(*key, values.iter().map(String::as_str));
        }
        let RequestTags { tags, keys } = &self.request_tags;
        for (key, value) in tags {
            context.insert(format!("aws:RequestTag/{key}"), value.as_str());
        }
        let keys = tags.iter().map(|(key, _)| key).chain(keys);
        if keys.clone().next().is_some() {
            context.insert_all("aws:TagKeys", keys.map(String::as_str));
        }
    }

    fn abridged(&self, bytes_max: usize) -> Self {
        let mut bytes = 0;
        let mut fits = |added: usize| {
            bytes += added;
            bytes <= bytes_max
        };
        let lists = self.lists.iter().map(|(key, values)| {
            let values = values.iter().take_while(|value| fits(value.len()));
            (*key, values.cloned().collect())
        });
        let values = self.values.iter();
        Self {
            refused_as: self.refused_as,
            values: values
                .map(|(key, value)| (key.clone(), cut_bytes(value, bytes_max).into()))
                .collect(),
            lists: lists.collect(),
            request_tags: self.request_tags.abridged(bytes_max),
        }
    }

    fn bytes(&self) -> usize {
        let values = self.values.iter().map(|(key, value)| key.len() + value.len());
        let lists = self.lists.iter().flat_map(|(_, values)| values);
        size_of::<Self>()
            + self.values.len() * size_of::<(Cow<'_, str>, Box<str>)>()
            + values.sum::<usize>()
            + lists
                .map(|value| size_of::<String>() + value.len())
                .sum::<usize>()
            + self.request_tags.bytes()
    }
}

impl RequestTags {
    fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.keys.is_empty()
    }

    /// As many of them as fit into `bytes_max` bytes
    pub(crate) fn abridged(&self, bytes_max: usize) -> Self {
        let mut bytes = 0;
        let mut fits = |added: usize| {
            bytes += added;
            bytes <= bytes_max
        };
        let tags = self.tags.iter();
        let keys = self.keys.iter();
        Self {
            tags: tags
                .take_while(|(key, value)| fits(size_of::<(String, String)>() + key.len() + value.len()))
                .cloned()
                .collect(),
            keys: keys
                .take_while(|key| fits(size_of::<String>() + key.len()))
                .cloned()
                .collect(),
        }
    }

    /// What they cost in memory, in bytes: an estimate
    pub(crate) fn bytes(&self) -> usize {
        let tags = self
            .tags
            .iter()
            .map(|(key, value)| size_of::<(String, String)>() + key.len() + value.len());
        let keys = self.keys.iter().map(|key| size_of::<String>() + key.len());
        tags.chain(keys).sum()
    }
}
