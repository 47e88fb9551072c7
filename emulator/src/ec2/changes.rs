//! What was made and changed over EC2 and the control API, on top of what the configuration declares.
//!
//! The table of endpoints is always made anew from the configuration and this. So a reload keeps what was acknowledged
//! (a policy, an endpoint, a deletion) as long as its network is there, and `/reset` only has to forget it.

use std::{collections::BTreeMap, sync::Arc};

use iam_policy::PolicyDocument;
use jiff::Timestamp;

use crate::{
    config::{Config, PrivateDns, VpcEndpoint},
    door::{EndpointDetails, EndpointTable, PlacedEndpoint},
    identifiers::{Region, SecurityGroupId, SubnetId, VpcEndpointId},
};

/// What was made and changed
#[derive(Debug, Clone, Default)]
pub(crate) struct EndpointChanges {
    made: Vec<Arc<MadeEndpoint>>,
    changed: BTreeMap<VpcEndpointId, EndpointChange>,
}

/// An endpoint as CreateVpcEndpoint made it
#[derive(Debug, Clone)]
pub(crate) struct MadeEndpoint {
    pub(crate) endpoint: VpcEndpoint,
    pub(crate) region: Region,
    pub(crate) details: EndpointDetails,
    /// The client token it was made with, and a hash of everything that came with it
    pub(crate) client_token: Option<(Box<str>, [u8; 32])>,
}

/// What is otherwise than an endpoint began; `None`: nothing
#[derive(Debug, Clone, Default)]
pub(crate) struct EndpointChange {
    pub(crate) policy_document: Option<Arc<PolicyDocument>>,
    pub(crate) private_dns: Option<PrivateDns>,
    pub(crate) subnet_ids: Option<Vec<SubnetId>>,
    pub(crate) group_ids: Option<Vec<SecurityGroupId>>,
    pub(crate) tags: Option<BTreeMap<String, String>>,
    pub(crate) deleted_at: Option<Timestamp>,
}

impl EndpointChanges {
    /// Adds an endpoint
    pub(crate) fn make(&mut self, endpoint: MadeEndpoint) {
        self.made.push(Arc::new(endpoint));
    }

    /// What is otherwise about an endpoint, to be changed
    pub(crate) fn of(&mut self, id: &VpcEndpointId) -> &mut EndpointChange {
        self.changed.entry(id.clone()).or_default()
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

    /// How many endpoints were made and stand
    pub(crate) fn count(&self) -> usize {
        let stands = |made: &&Arc<MadeEndpoint>| {
            let change = self.changed.get(&made.endpoint.vpc_endpoint_id);
            change.is_none_or(|change| change.deleted_at.is_none())
        };
        self.made.iter().filter(stands).count()
    }

    /// Forgets what no longer matters: changes of endpoints that are gone, and made endpoints that were deleted
    pub(crate) fn prune(&mut self, config: &Config, forget_deleted_before: Timestamp) {
        let changed = &self.changed;
        self.made.retain(|made| {
            let change = changed.get(&made.endpoint.vpc_endpoint_id);
            let deleted_at = change.and_then(|change| change.deleted_at);
            deleted_at.is_none_or(|deleted_at| deleted_at >= forget_deleted_before)
                && config.vpcs.iter().any(|vpc| vpc.vpc_id == made.endpoint.vpc_id)
        });
        let made = &self.made;
        self.changed.retain(|id, _| {
            made.iter().any(|made| made.endpoint.vpc_endpoint_id == *id)
                || config
                    .vpc_endpoints
                    .iter()
                    .any(|endpoint| endpoint.vpc_endpoint_id == *id)
        });
    }

    /// All endpoints: those of the configuration, which are as old as the emulator, and those that were made
    pub(crate) fn table(&self, config: &Config, started_at: Timestamp) -> EndpointTable {
        let configured = config.vpc_endpoints.iter().map(|endpoint| {
            let details = EndpointDetails {
                subnet_ids: None,
                group_ids: None,
                tags: BTreeMap::new(),
                created_at: started_at,
            };
            (endpoint.clone(), None, details)
        });
        let made = self.made.iter().map(|made| {
            let MadeEndpoint {
                endpoint,
                region,
                details,
                ..
            } = &**made;
            (endpoint.clone(), Some(region.clone()), details.clone())
        });
        let (mut standing, mut deleting) = (Vec::new(), Vec::new());
        for (mut endpoint, region, mut details) in configured.chain(made) {
            // The configuration refuses endpoints without a network; a reload can take that of a made one away.
            let Some(vpc) = config.vpcs.iter().find(|vpc| vpc.vpc_id == endpoint.vpc_id) else {
                continue;
            };
            let mut deleted_at = None;
            if let Some(change) = self.changed.get(&endpoint.vpc_endpoint_id) {
                change.apply(&mut endpoint, &mut details);
                deleted_at = change.deleted_at;
            }
            let placed = Arc::new(PlacedEndpoint {
                endpoint,
                region: region.or_else(|| vpc.region.clone()),
                vpc: vpc.clone(),
                details,
            });
            match deleted_at {
                None => standing.push(placed),
                Some(since) => deleting.push((placed, since)),
            }
        }
        EndpointTable::new(standing, deleting)
    }
}

impl EndpointChange {
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
        if let Some(tags) = &self.tags {
            details.tags.clone_from(tags);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "vpce-0000000000000000a";
    const MADE: &str = "vpce-0000000000000000b";

    fn config(vpcs: &str) -> Config {
        let yaml = format!(
            "vpcs: [{vpcs}{{vpc_id: vpc-0000000000000000a}}]\nvpc_endpoints: [{{vpc_endpoint_id: {ID}, vpc_id: \
             vpc-0000000000000000a}}]\n"
        );
        Config::embedded(Some(&yaml), None).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn both() -> Config {
        config("{vpc_id: vpc-0000000000000000b, cidr_block: 10.0.0.0/16}, ")
    }

    fn changes() -> EndpointChanges {
        let mut changes = EndpointChanges::default();
        changes.make(MadeEndpoint {
            endpoint: VpcEndpoint {
                vpc_endpoint_id: MADE.parse().unwrap(),
                vpc_id: "vpc-0000000000000000b".parse().unwrap(),
                private_dns: PrivateDns::Disabled,
                policy_document: Arc::new(PolicyDocument::full_access()),
            },
            region: "us-west-2".parse().unwrap(),
            details: EndpointDetails {
                subnet_ids: None,
                group_ids: None,
                tags: BTreeMap::new(),
                created_at: Timestamp::UNIX_EPOCH,
            },
            client_token: None,
        });
        changes
    }

    fn standing(changes: &EndpointChanges, config: &Config) -> Vec<String> {
        let table = changes.table(config, Timestamp::UNIX_EPOCH);
        table.iter().map(|placed| placed.id().to_string()).collect()
    }

    #[test]
    fn a_reload_keeps_what_was_made_as_long_as_its_network_is_there() {
        let mut changes = changes();
        assert_eq!(standing(&changes, &both()), [ID, MADE]);
        changes.prune(&both(), Timestamp::MIN);
        assert_eq!(standing(&changes, &both()), [ID, MADE]);
        changes.prune(&config(""), Timestamp::MIN);
        assert_eq!(standing(&changes, &config("")), [ID]);
        // What was forgotten does not come back with its network.
        assert_eq!(standing(&changes, &both()), [ID]);
    }

    #[test]
    fn a_deletion_of_a_configured_endpoint_outlives_a_reload() {
        let mut changes = changes();
        changes.of(&ID.parse().unwrap()).deleted_at = Some(Timestamp::UNIX_EPOCH);
        changes.prune(&both(), Timestamp::MAX);
        assert_eq!(standing(&changes, &both()), [MADE]);
        let table = changes.table(&both(), Timestamp::UNIX_EPOCH);
        assert_eq!(table.deleting().count(), 1);
    }

    #[test]
    fn a_change_takes_the_place_of_what_the_configuration_says_and_of_nothing_else() {
        let mut changes = changes();
        changes.of(&ID.parse().unwrap()).private_dns = Some(PrivateDns::Disabled);
        let table = changes.table(&both(), Timestamp::UNIX_EPOCH);
        let placed = table.get(&ID.parse().unwrap()).expect("it stands");
        assert_eq!(placed.endpoint.private_dns, PrivateDns::Disabled);
        assert_eq!(
            placed.endpoint.policy_document.text(),
            PolicyDocument::full_access().text()
        );
    }

    #[test]
    fn made_endpoints_that_were_deleted_are_forgotten_in_time() {
        let mut changes = changes();
        changes.of(&MADE.parse().unwrap()).deleted_at = Some(Timestamp::UNIX_EPOCH);
        assert_eq!(changes.count(), 0);
        changes.prune(&both(), Timestamp::UNIX_EPOCH);
        assert_eq!(changes.made.len(), 1);
        changes.prune(&both(), Timestamp::MAX);
        assert_eq!((changes.made.len(), changes.changed.len()), (0, 0));
    }
}
