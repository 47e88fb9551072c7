//! How a question differs from the one that the server asks: other policies in place of those in force, and condition
//! keys on top of those that the request has.

use iam_policy::{Policies, PolicyDocument, RequestContext};

/// How a question differs from the one that the server asks; the default changes nothing
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Changes<'c> {
    /// Condition keys with their values; a key without values is removed
    pub(crate) context: &'c [(String, Vec<String>)],
    /// Policies in the place of those in force
    pub(crate) policies: Option<&'c PolicyChanges>,
}

/// Policies in the place of those in force; `None` leaves a layer as it is
#[derive(Debug, Clone, Default)]
pub(crate) struct PolicyChanges {
    /// The policy of the endpoint that the request came over; a request over the public endpoint has none, whatever is
    /// set here
    pub(crate) vpc_endpoint: Option<PolicyDocument>,
    /// The identity-based policies; `Some(None)` means that none are declared, so that they allow everything
    pub(crate) identity: Option<Option<Vec<PolicyDocument>>>,
    /// At most one permissions boundary
    pub(crate) permissions_boundary: Option<Vec<PolicyDocument>>,
    /// The session's policies
    pub(crate) session: Option<Vec<PolicyDocument>>,
    /// Service control policies by level, root first
    pub(crate) service_control: Option<Vec<Vec<PolicyDocument>>>,
    /// Resource control policies by level, root first
    pub(crate) resource_control: Option<Vec<Vec<PolicyDocument>>>,
}

impl PolicyChanges {
    /// These policies with `after` in place of `before`; `None` if `before` is not among them
    pub(crate) fn replacing(
        policies: &Policies<'_>,
        before: &PolicyDocument,
        after: &PolicyDocument,
    ) -> Option<Self> {
        let is_before = |document: &&PolicyDocument| document.is_same(before) || *document == before;
        if !policies.documents().any(|(_, document)| is_before(&document)) {
            return None;
        }
        let replaced = |document: &PolicyDocument| match is_before(&document) {
            true => after.clone(),
            false => document.clone(),
        };
        let list = |documents: &[PolicyDocument]| -> Vec<PolicyDocument> {
            documents.iter().map(replaced).collect()
        };
        let levels = |levels: &[Vec<PolicyDocument>]| levels.iter().map(|level| list(level)).collect();
        Some(Self {
            vpc_endpoint: policies.vpc_endpoint.map(replaced),
            identity: Some(policies.identity.map(list)),
            permissions_boundary: Some(list(policies.permissions_boundary)),
            session: Some(list(policies.session)),
            service_control: Some(levels(policies.service_control)),
            resource_control: Some(levels(policies.resource_control)),
        })
    }

    /// These changes, with those of `others` for each layer that these leave as it is
    pub(crate) fn or(self, others: &Self) -> Self {
        Self {
            vpc_endpoint: self.vpc_endpoint.or_else(|| others.vpc_endpoint.clone()),
            identity: self.identity.or_else(|| others.identity.clone()),
            permissions_boundary: self
                .permissions_boundary
                .or_else(|| others.permissions_boundary.clone()),
            session: self.session.or_else(|| others.session.clone()),
            service_control: self.service_control.or_else(|| others.service_control.clone()),
            resource_control: self.resource_control.or_else(|| others.resource_control.clone()),
        }
    }

    /// Every document
    pub(crate) fn documents(&self) -> impl Iterator<Item = &PolicyDocument> {
        let lists = [&self.permissions_boundary, &self.session];
        let levels = [&self.service_control, &self.resource_control];
        let of_lists = self.identity.iter().flatten().chain(lists.into_iter().flatten());
        let of_levels = levels.into_iter().flatten().flatten();
        self.vpc_endpoint
            .iter()
            .chain(of_lists.flatten())
            .chain(of_levels.flatten())
    }
}

impl<'c> Changes<'c> {
    /// The policies in force, or those in their place
    pub(super) fn policies_instead_of(self, in_force: Policies<'c>) -> Policies<'c> {
        let Some(changes) = self.policies else {
            return in_force;
        };
        Policies {
            vpc_endpoint: in_force
                .vpc_endpoint
                .map(|document| changes.vpc_endpoint.as_ref().unwrap_or(document)),
            identity: changes
                .identity
                .as_ref()
                .map_or(in_force.identity, |documents| documents.as_deref()),
            permissions_boundary: or(&changes.permissions_boundary, in_force.permissions_boundary),
            session: or(&changes.session, in_force.session),
            service_control: or(&changes.service_control, in_force.service_control),
            resource_control: or(&changes.resource_control, in_force.resource_control),
            role_trust: in_force.role_trust,
        }
    }

    /// Sets the condition keys, and removes those without values
    pub(super) fn put_into(self, context: &mut RequestContext<'c>) {
        for (key, values) in self.context {
            match values.as_slice() {
                [] => {
                    context.remove(key);
                }
                [value] => context.insert(key.as_str(), value.as_str()),
                values => context.insert_all(key.as_str(), values.iter().map(String::as_str)),
            }
        }
    }
}

fn or<'a, T>(changed: &'a Option<Vec<T>>, in_force: &'a [T]) -> &'a [T] {
    changed.as_deref().unwrap_or(in_force)
}
