//! The endpoints that were made and changed over EC2 and the control API, on top of those that the configuration
//! declares.
//!
//! The table of endpoints is always made anew from the configuration and this. So a reload, and a restart with a state
//! file, keep what was acknowledged (a policy, an endpoint, a deletion), and `/reset` only has to forget it. The
//! configuration has the last word on what there is room for: a made endpoint that has no place in it is set aside
//! ([`placing::Misfit`]) until it has one, and changes of an endpoint that it no longer declares are dropped.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use aws_identifiers::{Region, SecurityGroupId, SubnetId, VpcEndpointId};
use iam_policy::PolicyDocument;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::network::{
    Networks, PrivateDns, VpcEndpoint,
    entry_point::{AddressOptions, EndpointDetails},
};

mod placing;
#[cfg(test)]
mod tests;

pub(crate) use self::placing::Misfit;

/// The endpoints that were made and changed
#[derive(Debug, Clone, Default)]
pub(crate) struct EndpointChanges {
    made: Vec<Arc<MadeEndpoint>>,
    changed: BTreeMap<VpcEndpointId, Overrides>,
    /// The endpoints whose records differ from those in the state file
    touched: BTreeSet<VpcEndpointId>,
}

/// An endpoint as CreateVpcEndpoint made it
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MadeEndpoint {
    pub(crate) endpoint: VpcEndpoint,
    pub(crate) region: Region,
    pub(crate) details: EndpointDetails,
    /// The client token it was made with, and a hash of everything that came with it
    pub(crate) client_token: Option<(Box<str>, [u8; 32])>,
    /// Its place among those that were made; given when it is added
    pub(crate) number: u64,
}

/// Overrides of an endpoint; `None` keeps the value that it was declared or made with
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Overrides {
    pub(crate) policy_document: Option<Arc<PolicyDocument>>,
    pub(crate) private_dns: Option<PrivateDns>,
    pub(crate) subnet_ids: Option<Vec<SubnetId>>,
    pub(crate) group_ids: Option<Vec<SecurityGroupId>>,
    pub(crate) addresses: Option<AddressOptions>,
    pub(crate) tags: Option<BTreeMap<String, String>>,
    pub(crate) deleted_at: Option<Timestamp>,
}

/// What the state file has of an endpoint
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EndpointRecord {
    vpc_endpoint_id: VpcEndpointId,
    made: Option<Arc<MadeEndpoint>>,
    changed: Option<Overrides>,
}

impl EndpointChanges {
    /// Adds an endpoint
    pub(crate) fn make(&mut self, endpoint: MadeEndpoint) -> Arc<MadeEndpoint> {
        let number = self.made.last().map_or(0, |last| last.number + 1);
        let made = Arc::new(MadeEndpoint { number, ..endpoint });
        self.touched.insert(made.endpoint.vpc_endpoint_id.clone());
        self.made.push(made.clone());
        made
    }

    /// The overrides of an endpoint, to be changed
    pub(crate) fn of(&mut self, id: &VpcEndpointId) -> &mut Overrides {
        self.touched.insert(id.clone());
        self.changed.entry(id.clone()).or_default()
    }

    /// The changes that the state file has
    pub(crate) fn restore(records: Vec<EndpointRecord>) -> Self {
        let mut changes = Self::default();
        for record in records {
            if let Some(made) = record.made {
                // The file has the records in the order of their ids.
                let made_before = changes.made.partition_point(|other| other.number <= made.number);
                changes.made.insert(made_before, made);
            }
            if let Some(change) = record.changed {
                changes.changed.insert(record.vpc_endpoint_id, change);
            }
        }
        changes
    }

    /// These endpoints, in the order in which they were made, and these overrides, which no state file has yet
    pub(crate) fn of_all(made: Vec<MadeEndpoint>, changed: BTreeMap<VpcEndpointId, Overrides>) -> Self {
        let mut changes = Self::default();
        for endpoint in made {
            changes.make(endpoint);
        }
        changes.touched.extend(changed.keys().cloned());
        changes.changed = changed;
        changes
    }

    /// Every endpoint that was made, in that order, with its overrides
    pub(crate) fn all_made(&self) -> impl Iterator<Item = (&MadeEndpoint, Option<&Overrides>)> {
        let overrides = |made: &MadeEndpoint| self.changed.get(&made.endpoint.vpc_endpoint_id);
        self.made.iter().map(move |made| (&**made, overrides(made)))
    }

    /// The records that differ from those in the state file, by key; `None` for a record to be removed
    pub(crate) fn take_touched(&mut self) -> Vec<(String, Option<EndpointRecord>)> {
        let touched = std::mem::take(&mut self.touched).into_iter();
        touched.map(|id| (id.to_string(), self.record(id))).collect()
    }

    fn record(&self, id: VpcEndpointId) -> Option<EndpointRecord> {
        let made = self.made.iter().find(|made| made.endpoint.vpc_endpoint_id == id);
        let changed = self.changed.get(&id);
        (made.is_some() || changed.is_some()).then(|| EndpointRecord {
            made: made.cloned(),
            changed: changed.cloned(),
            vpc_endpoint_id: id,
        })
    }

    /// The endpoint that was made with a client token
    pub(crate) fn made_with(&self, client_token: &str, region: &Region) -> Option<&Arc<MadeEndpoint>> {
        self.made.iter().find(|made| {
            made.region == *region
                && made
                    .client_token
                    .as_ref()
                    .is_some_and(|(token, _)| **token == *client_token)
        })
    }

    /// How many of the endpoints that were made stand
    pub(crate) fn count(&self) -> usize {
        let stands = |made: &&Arc<MadeEndpoint>| {
            let change = self.changed.get(&made.endpoint.vpc_endpoint_id);
            change.is_none_or(|change| change.deleted_at.is_none())
        };
        self.made.iter().filter(stands).count()
    }

    /// Forgets made endpoints that were deleted before a moment
    pub(crate) fn forget_deleted(&mut self, before: Timestamp) {
        let Self {
            made,
            changed,
            touched,
        } = self;
        made.retain(|made| {
            let id = &made.endpoint.vpc_endpoint_id;
            let deleted_at = changed.get(id).and_then(|change| change.deleted_at);
            let stays = deleted_at.is_none_or(|deleted_at| deleted_at >= before);
            if !stays {
                changed.remove(id);
                touched.insert(id.clone());
            }
            stays
        });
    }

    /// Drops the changes of endpoints that were neither made nor are declared, and says which
    pub(crate) fn drop_undeclared(&mut self, networks: &Networks) -> Vec<VpcEndpointId> {
        let is_there = |id: &VpcEndpointId| {
            let mut made = self.made.iter().map(|made| &made.endpoint);
            made.any(|made| made.vpc_endpoint_id == *id)
                || networks
                    .vpc_endpoints
                    .iter()
                    .any(|declared| declared.vpc_endpoint_id == *id)
        };
        let dropped: Vec<_> = self.changed.keys().filter(|id| !is_there(id)).cloned().collect();
        for id in &dropped {
            self.changed.remove(id);
            self.touched.insert(id.clone());
        }
        dropped
    }

    /// The endpoints of the configuration that have overrides, with their overrides
    pub(crate) fn of_declared<'c>(
        &'c self,
        networks: &'c Networks,
    ) -> impl Iterator<Item = (&'c VpcEndpointId, &'c Overrides)> {
        let ids = networks
            .vpc_endpoints
            .iter()
            .map(|declared| &declared.vpc_endpoint_id);
        ids.filter_map(|id| Some((id, self.changed.get(id)?)))
    }
}

impl fmt::Display for Overrides {
    /// What is overridden, by name
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            policy_document,
            private_dns,
            subnet_ids,
            group_ids,
            addresses,
            tags,
            deleted_at,
        } = self;
        let named = [
            ("deleted", deleted_at.is_some()),
            ("policy", policy_document.is_some()),
            ("private DNS", private_dns.is_some()),
            ("subnets", subnet_ids.is_some()),
            ("security groups", group_ids.is_some()),
            ("addresses", addresses.is_some()),
            ("tags", tags.is_some()),
        ];
        let otherwise: Vec<_> = named
            .into_iter()
            .filter(|(_, is)| *is)
            .map(|(name, _)| name)
            .collect();
        f.write_str(&otherwise.join(", "))
    }
}

impl Overrides {
    fn apply(&self, endpoint: &mut VpcEndpoint, details: &mut EndpointDetails) {
        if let Some(document) = &self.policy_document {
            endpoint.policy_document = document.clone();
        }
        if let Some(private_dns) = self.private_dns {
            endpoint.private_dns = private_dns;
        }
        if let Some(subnet_ids) = &self.subnet_ids {
            details.subnet_ids = Some(subnet_ids.clone());
        }
        if let Some(group_ids) = &self.group_ids {
            details.group_ids = Some(group_ids.clone());
        }
        if let Some(addresses) = &self.addresses {
            details.addresses.clone_from(addresses);
        }
        if let Some(tags) = &self.tags {
            details.tags.clone_from(tags);
        }
    }
}
