//! The texts of policies by their SHA-256, so that the journal can name a policy that is no longer in force.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use iam_policy::PolicyDocument;

use crate::{
    network::entry_point::EndpointTable,
    settings::{LimitsReached, Settings, sha256},
};

/// Policies that are or were in force, the newest last
#[derive(Debug, Default)]
pub(crate) struct PolicyTexts {
    kept: Mutex<VecDeque<([u8; 32], PolicyDocument)>>,
    limits_reached: Arc<LimitsReached>,
}

impl PolicyTexts {
    /// None yet
    pub(super) fn new(limits_reached: Arc<LimitsReached>) -> Self {
        Self {
            kept: Mutex::default(),
            limits_reached,
        }
    }

    /// How many are kept
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Keeps these, and forgets the oldest where there are more than `texts_max`
    pub(super) fn keep<'d>(&self, documents: impl Iterator<Item = &'d PolicyDocument>, texts_max: usize) {
        let mut kept = self.lock();
        for document in documents {
            // Nearly all of them are there already, and are known by their address in memory.
            if kept.iter().any(|(_, known)| known.is_same(document)) {
                continue;
            }
            let sha256 = sha256(document.text());
            kept.retain(|(known, _)| *known != sha256);
            kept.push_back((sha256, document.clone()));
        }
        let surplus = kept.len().saturating_sub(texts_max);
        if surplus > 0 {
            kept.drain(..surplus);
            self.limits_reached.policy_texts_max.note();
        }
    }

    /// The policy of this SHA-256
    pub(crate) fn get(&self, sha256: &[u8; 32]) -> Option<PolicyDocument> {
        let kept = self.lock();
        let found = kept.iter().find(|(known, _)| known == sha256);
        found.map(|(_, document)| document.clone())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<([u8; 32], PolicyDocument)>> {
        // Whoever panicked left a list of whole entries.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every policy in force with what it is attached to, trust policies left out: they are a role's own
pub(crate) fn in_force<'s>(
    settings: &'s Settings,
    endpoints: &'s EndpointTable,
) -> impl Iterator<Item = (&'s PolicyDocument, &'s str)> {
    let identities = &settings.identities;
    let of_endpoints = endpoints
        .iter()
        .map(|placed| (&*placed.endpoint.policy_document, placed.id().as_str()));
    let of_principals = identities.principals.iter().flat_map(|principal| {
        let own = principal.identity_policies.iter().flatten();
        let own = own.chain(&principal.permissions_boundary);
        let own = own.map(move |document| (document, &*principal.policy_arn));
        own.chain(
            principal
                .session_policies
                .iter()
                .map(move |document| (document, principal.arn())),
        )
    });
    let of_roles = identities.roles.iter().flat_map(|role| {
        let own = role.identity_policies.iter().flatten();
        let own = own.chain(&role.permissions_boundary);
        own.map(move |document| (document, role.identity.arn().as_str()))
    });
    let of_organization = identities.organization.iter().flat_map(|organization| {
        let levels = [
            &organization.service_control_policies,
            &organization.resource_control_policies,
        ];
        let documents = levels.into_iter().flatten().flatten();
        documents.map(move |document| (document, organization.id.as_str()))
    });
    of_endpoints
        .chain(of_principals)
        .chain(of_roles)
        .chain(of_organization)
}

#[cfg(test)]
mod tests {
    use iam_policy::PolicyType;

    use super::*;

    fn document(sid: &str) -> PolicyDocument {
        let text = format!(
            r#"{{"Statement": [{{"Sid": "{sid}", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}]}}"#
        );
        PolicyDocument::parse(&text, PolicyType::VpcEndpoint).expect("AWS would take it")
    }

    #[test]
    fn those_that_came_first_make_room_and_one_that_comes_again_is_new() {
        let texts = PolicyTexts::default();
        let [a, b, c] = ["a", "b", "c"].map(document);
        texts.keep([&a, &b].into_iter(), 2);
        // The same text, read again.
        texts.keep([&document("a")].into_iter(), 2);
        texts.keep([&c].into_iter(), 2);
        let is_there = |document: &PolicyDocument| texts.get(&sha256(document.text())).is_some();
        assert_eq!([&a, &b, &c].map(is_there), [true, false, true]);
        assert_eq!(texts.get(&sha256(c.text())), Some(c));
    }
}
