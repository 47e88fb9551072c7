//! Where every endpoint stands under a configuration, and which of the made ones it has no place for.

use std::{collections::BTreeMap, fmt, sync::Arc};

use aws_identifiers::{Region, VpcEndpointId, VpcId};
use jiff::Timestamp;

use super::{EndpointChanges, MadeEndpoint};
use crate::network::{
    Networks, PrivateDns, Vpc,
    entry_point::{AddressOptions, EndpointDetails, EndpointTable, PlacedEndpoint},
};

/// Why a made endpoint does not stand as it was made
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// Its network is not there
    NoVpc(VpcId),
    /// Its network lies in another Region now
    OtherRegion { vpc_id: VpcId, made_in: Region },
    /// The configuration declares an endpoint of the same id
    Declared,
    /// Another endpoint answers for the service's own name, so this one stands without it
    PrivateDnsTaken { by: VpcEndpointId },
}

impl EndpointChanges {
    /// All endpoints: those of the configuration, which are as old as the emulator, and those that were made
    pub(crate) fn table(&self, networks: &Networks, started_at: Timestamp) -> EndpointTable {
        self.place(networks, started_at).0
    }

    /// The made endpoints that do not stand as they were made
    pub(crate) fn misfits(&self, networks: &Networks) -> Vec<(VpcEndpointId, Misfit)> {
        self.place(networks, Timestamp::MIN).1
    }

    fn place(
        &self,
        networks: &Networks,
        started_at: Timestamp,
    ) -> (EndpointTable, Vec<(VpcEndpointId, Misfit)>) {
        let (mut standing, mut deleting) = (Vec::new(), Vec::new());
        let mut misfits = Vec::new();
        for declared in &networks.vpc_endpoints {
            // The configuration refuses endpoints without a network.
            let Some(vpc) = networks.vpc(&declared.vpc_id) else {
                continue;
            };
            let details = EndpointDetails {
                subnet_ids: None,
                group_ids: None,
                addresses: AddressOptions::default(),
                tags: BTreeMap::new(),
                created_at: started_at,
            };
            let placed = PlacedEndpoint {
                endpoint: declared.clone(),
                vpc: vpc.clone(),
                region: vpc.region.clone(),
                details,
            };
            match self.changed(placed) {
                (placed, None) => standing.push(Arc::new(placed)),
                (placed, Some(since)) => deleting.push((Arc::new(placed), since)),
            }
        }
        for made in &self.made {
            let id = &made.endpoint.vpc_endpoint_id;
            let vpc = match made.fits(networks) {
                Ok(vpc) => vpc,
                Err(misfit) => {
                    let change = self.changed.get(id);
                    if change.is_none_or(|change| change.deleted_at.is_none()) {
                        misfits.push((id.clone(), misfit));
                    }
                    continue;
                }
            };
            let placed = PlacedEndpoint {
                endpoint: made.endpoint.clone(),
                vpc: vpc.clone(),
                region: Some(made.region.clone()),
                details: made.details.clone(),
            };
            let (mut placed, deleted_at) = self.changed(placed);
            if let Some(since) = deleted_at {
                deleting.push((Arc::new(placed), since));
                continue;
            }
            let first = standing.iter().find(|first| first.answers_for(vpc, &made.region));
            if placed.endpoint.private_dns == PrivateDns::Enabled
                && let Some(first) = first
            {
                let by = first.id().clone();
                misfits.push((id.clone(), Misfit::PrivateDnsTaken { by }));
                placed.endpoint.private_dns = PrivateDns::Disabled;
            }
            standing.push(Arc::new(placed));
        }
        let table = EndpointTable::new(standing, deleting, networks.public_endpoint);
        (table, misfits)
    }

    /// An endpoint as it was changed, and since when it is deleted
    fn changed(&self, mut placed: PlacedEndpoint) -> (PlacedEndpoint, Option<Timestamp>) {
        let Some(change) = self.changed.get(placed.id()) else {
            return (placed, None);
        };
        change.apply(&mut placed.endpoint, &mut placed.details);
        (placed, change.deleted_at)
    }
}

impl MadeEndpoint {
    /// The network it stands in, if the configuration has a place for it there
    fn fits<'c>(&self, networks: &'c Networks) -> Result<&'c Vpc, Misfit> {
        let vpc_id = &self.endpoint.vpc_id;
        let mut declared = networks.vpc_endpoints.iter();
        if declared.any(|declared| declared.vpc_endpoint_id == self.endpoint.vpc_endpoint_id) {
            return Err(Misfit::Declared);
        }
        let vpc = networks
            .vpc(vpc_id)
            .ok_or_else(|| Misfit::NoVpc(vpc_id.clone()))?;
        match &vpc.region {
            Some(region) if *region != self.region => Err(Misfit::OtherRegion {
                vpc_id: vpc_id.clone(),
                made_in: self.region.clone(),
            }),
            _ => Ok(vpc),
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVpc(vpc_id) => {
                write!(
                    f,
                    "is set aside until the configuration has its VPC `{vpc_id}` again"
                )
            }
            Self::OtherRegion { vpc_id, made_in } => {
                write!(
                    f,
                    "is set aside, because its VPC `{vpc_id}` does not lie in {made_in} any more"
                )
            }
            Self::Declared => f.write_str("is set aside, because the configuration declares one of this id"),
            Self::PrivateDnsTaken { by } => {
                write!(f, "stands without its private DNS name, which leads to `{by}`")
            }
        }
    }
}
