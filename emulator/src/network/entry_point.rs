//! Which entry point a request came through.
//!
//! Behind an interface endpoint the same service is reached by several names, and which endpoint's policy applies is
//! decided by the name and the network, never by the caller:
//!
//! 1. `vpce-ID….lookoutvision.REGION.vpce.amazonaws.com` is that endpoint's own name (AWS PrivateLink Guide, *Access an
//!    AWS service using an interface VPC endpoint*). An unknown id, or one of another Region, leads nowhere: 421.
//! 2. `lookoutvision.REGION.amazonaws.com` leads to the endpoint with private DNS enabled in the VPC that the
//!    connection arrived in. Each address of the emulator plays a network interface of the VPC whose `cidr_block`
//!    holds it; the longest block wins, and a VPC without a block holds every address.
//! 3. Any other name (`localhost`, an address, a container's name: the SDK was given an endpoint URL) leads, in the
//!    Region that the signature names, to the endpoint whose VPC holds the address. Where no VPC does, it leads to the
//!    Region's only endpoint, because whoever calls `localhost` wants the endpoint that the configuration declares. Of
//!    several endpoints none is guessed: 421.
//!
//! Where there is no endpoint by 2 or 3, the name leads to the public endpoint. There no endpoint policy applies,
//! `aws:SourceIp` is set and the `aws:SourceVpc…` keys are not. Unless the configuration says `public_endpoint: allow`,
//! such a request is refused, so that no typing mistake leads around a policy: 421.
//!
//! A request carries more than one name: the server name of the handshake, the `Host`, sometimes an authority in its
//! target. Names that lead to different entry points are refused (`names`): 421.
//!
//! EC2 and STS have no endpoints here. Their requests come to their own public endpoints, whatever `public_endpoint`
//! says.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use aws_identifiers::{Region, SecurityGroupId, SubnetId, VpcEndpointId, VpcId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::network::{
    PrivateDns, PublicEndpoint, Vpc, VpcEndpoint,
    addressed_host::AddressedHost,
    host_name::{EmulatedHost, EmulatedService, RegionalHost, VpceHost},
};

mod addresses;
mod error;
mod names;
#[cfg(test)]
mod tests;

pub(crate) use self::addresses::{AddressOptions, AddressType};
pub(crate) use self::error::EntryPointError;
use self::error::Unled;

/// Every endpoint with the network it stands in: those of the configuration in its order, then those made over EC2
#[derive(Debug, Clone, Default)]
pub(crate) struct EndpointTable {
    standing: Vec<Arc<PlacedEndpoint>>,
    /// Endpoints that no request comes through any more, and since when
    deleting: Vec<(Arc<PlacedEndpoint>, Timestamp)>,
    /// What becomes of requests that no endpoint leads to
    public_endpoint: PublicEndpoint,
}

/// An endpoint in its network
#[derive(Debug, Clone)]
pub(crate) struct PlacedEndpoint {
    /// The endpoint, with the policy attached now
    pub(crate) endpoint: VpcEndpoint,
    /// Its network
    pub(crate) vpc: Vpc,
    /// The Region it stands in; `None`: every Region, as its network does
    pub(crate) region: Option<Region>,
    /// What EC2 tells of it
    pub(crate) details: EndpointDetails,
}

/// What EC2 tells of an endpoint; no request depends on it
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EndpointDetails {
    /// Where its network interfaces are; `None`: in every subnet of its network
    pub(crate) subnet_ids: Option<Vec<SubnetId>>,
    /// The security groups of its network interfaces; `None`: the default one of its network
    pub(crate) group_ids: Option<Vec<SecurityGroupId>>,
    /// The kinds of addresses that it has
    pub(crate) addresses: AddressOptions,
    /// Its tags
    pub(crate) tags: BTreeMap<String, String>,
    /// When it was made; for an endpoint of the configuration, when the emulator started
    pub(crate) created_at: Timestamp,
}

/// The way a request came in
#[derive(Debug, Clone)]
pub(crate) enum EntryPoint {
    /// Over an interface endpoint
    VpcEndpoint(Arc<PlacedEndpoint>),
    /// Over the public endpoint
    Public,
}

/// What the host name alone says about the entry point
#[derive(Debug, Clone)]
pub(crate) enum HostEntryPoint {
    /// The entry point is known, and so is the Region it leads to
    Known(EntryPoint, Region),
    /// The entry point follows from the Region of the credential scope
    ByScope,
}

/// Where a request arrived: the name that it was sent to, and the address
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival<'a> {
    /// The host that the client addressed
    pub(crate) host: &'a AddressedHost,
    /// The emulator's own address
    pub(crate) local: IpAddr,
}

/// What a request is signed for
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) service: EmulatedService,
    pub(crate) region: &'a Region,
}

/// Where an endpoint URL leads that names no endpoint
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Led<T> {
    /// The Region has no endpoint
    Nowhere,
    /// This one is meant
    To(T),
    /// Each of these could be meant
    Several(Vec<T>),
}

impl EndpointTable {
    /// Endpoints that stand, and endpoints that are being deleted
    pub(crate) fn new(
        standing: Vec<Arc<PlacedEndpoint>>,
        deleting: Vec<(Arc<PlacedEndpoint>, Timestamp)>,
        public_endpoint: PublicEndpoint,
    ) -> Self {
        Self {
            standing,
            deleting,
            public_endpoint,
        }
    }

    /// The endpoint of this id, if it stands
    pub(crate) fn get(&self, id: &VpcEndpointId) -> Option<&Arc<PlacedEndpoint>> {
        self.standing.iter().find(|placed| placed.id() == id)
    }

    /// Every endpoint that stands
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<PlacedEndpoint>> {
        self.standing.iter()
    }

    /// Every endpoint that is being deleted, and since when
    pub(crate) fn deleting(&self) -> impl Iterator<Item = &(Arc<PlacedEndpoint>, Timestamp)> {
        self.deleting.iter()
    }

    /// What the host name says about the entry point
    ///
    /// # Errors
    /// When it is an endpoint's own name and no such endpoint stands in that Region, when it is a name of AWS for
    /// something that is not played here, or when it leads to the public endpoint and that is refused.
    pub(crate) fn by_host(&self, arrival: Arrival<'_>) -> Result<HostEntryPoint, EntryPointError> {
        match &arrival.host.emulated {
            EmulatedHost::Vpce(VpceHost {
                endpoint_id, region, ..
            }) => {
                let placed = self
                    .get(endpoint_id)
                    .ok_or_else(|| EntryPointError::UnknownVpcEndpoint(endpoint_id.clone()))?;
                match &placed.region {
                    Some(found) if found != region => Err(EntryPointError::OtherRegion {
                        vpc_endpoint_id: placed.id().clone(),
                        found: found.clone(),
                        asked: region.clone(),
                    }),
                    _ => Ok(HostEntryPoint::Known(
                        EntryPoint::VpcEndpoint(placed.clone()),
                        region.clone(),
                    )),
                }
            }
            EmulatedHost::Regional(RegionalHost { region, service, .. }) => {
                let entry_point = match service {
                    EmulatedService::LookoutVision => match self.by_private_dns(region, arrival.local) {
                        Some(placed) => EntryPoint::VpcEndpoint(placed.clone()),
                        None => self.public(|| {
                            EntryPointError::PrivateDnsLeadsNowhere(self.unled(region, arrival))
                        })?,
                    },
                    EmulatedService::Ec2 | EmulatedService::Sts => EntryPoint::Public,
                };
                Ok(HostEntryPoint::Known(entry_point, region.clone()))
            }
            EmulatedHost::NotPlayed => Err(EntryPointError::NotPlayed),
            EmulatedHost::Other => Ok(HostEntryPoint::ByScope),
        }
    }

    /// The entry point behind a name that names neither a Region nor an endpoint, for a request of this scope
    ///
    /// # Errors
    /// When several endpoints could be meant, or when it leads to the public endpoint and that is refused.
    pub(crate) fn by_scope(
        &self,
        scope: Scope<'_>,
        arrival: Arrival<'_>,
    ) -> Result<EntryPoint, EntryPointError> {
        let Scope { service, region } = scope;
        match service {
            EmulatedService::LookoutVision => match self.by_endpoint_url(region, arrival.local) {
                Led::To(placed) => Ok(EntryPoint::VpcEndpoint(placed.clone())),
                Led::Nowhere => self.public(|| EntryPointError::NoVpcEndpoint(self.unled(region, arrival))),
                Led::Several(placed) => Err(EntryPointError::SeveralVpcEndpoints(Unled::new(
                    region,
                    arrival,
                    placed.into_iter(),
                ))),
            },
            EmulatedService::Ec2 | EmulatedService::Sts => Ok(EntryPoint::Public),
        }
    }

    /// The public endpoint, unless it is refused
    fn public(&self, refused: impl FnOnce() -> EntryPointError) -> Result<EntryPoint, EntryPointError> {
        match self.public_endpoint {
            PublicEndpoint::Allow => Ok(EntryPoint::Public),
            PublicEndpoint::Refuse => Err(refused()),
        }
    }

    fn unled(&self, region: &Region, arrival: Arrival<'_>) -> Box<Unled> {
        Unled::new(region, arrival, self.standing.iter())
    }

    /// The endpoint behind the service's own name in a Region, for a connection that arrived at `local`
    pub(crate) fn by_private_dns(&self, region: &Region, local: IpAddr) -> Option<&Arc<PlacedEndpoint>> {
        let local = local.to_canonical();
        self.standing
            .iter()
            .filter(|placed| placed.endpoint.private_dns == PrivateDns::Enabled)
            .filter(|placed| placed.stands_in(region))
            .filter_map(|placed| Some((placed.vpc.prefix_length_at(local)?, placed)))
            // The first of equals, where `max_by_key` would give the last: overlapping networks are refused at load, so
            // equals can only be networks of every Region and of this one.
            .fold(
                None,
                |best: Option<(u16, &Arc<PlacedEndpoint>)>, next| match best {
                    Some(best) if best.0 >= next.0 => Some(best),
                    _ => Some(next),
                },
            )
            .map(|(_, placed)| placed)
    }

    /// The endpoint behind an endpoint URL in a Region, for a connection that arrived at `local`
    pub(crate) fn by_endpoint_url(&self, region: &Region, local: IpAddr) -> Led<&Arc<PlacedEndpoint>> {
        let local = local.to_canonical();
        let in_region = || self.standing.iter().filter(|placed| placed.stands_in(region));
        let closest = in_region()
            .filter_map(|placed| placed.vpc.prefix_length_at(local))
            .max();
        let Some(closest) = closest else {
            return Led::to_one_of(in_region().collect());
        };
        let here = || in_region().filter(|placed| placed.vpc.prefix_length_at(local) == Some(closest));
        // Of several endpoints in one network, the one that answers for the service's own name there is meant.
        let mut answering = here().filter(|placed| placed.endpoint.private_dns == PrivateDns::Enabled);
        match answering.next() {
            Some(placed) => Led::To(placed),
            None => Led::to_one_of(here().collect()),
        }
    }
}

impl<T> Led<T> {
    fn to_one_of(mut candidates: Vec<T>) -> Self {
        match (candidates.pop(), candidates.is_empty()) {
            (None, _) => Self::Nowhere,
            (Some(only), true) => Self::To(only),
            (Some(last), false) => {
                candidates.push(last);
                Self::Several(candidates)
            }
        }
    }
}

impl PlacedEndpoint {
    /// The endpoint's id
    pub(crate) fn id(&self) -> &VpcEndpointId {
        &self.endpoint.vpc_endpoint_id
    }

    /// Whether it answers for the service's own name to whoever is in this network and Region
    ///
    /// An endpoint of another network does too, where both networks hold every address: nothing would tell which of
    /// them a request came through.
    pub(crate) fn answers_for(&self, vpc: &Vpc, region: &Region) -> bool {
        let same_network =
            self.vpc.vpc_id == vpc.vpc_id || (self.vpc.cidr_block.is_none() && vpc.cidr_block.is_none());
        self.endpoint.private_dns == PrivateDns::Enabled && same_network && self.stands_in(region)
    }

    /// Whether it stands in a Region
    pub(crate) fn stands_in(&self, region: &Region) -> bool {
        self.region.as_ref().is_none_or(|own| own == region)
    }
}

impl EntryPoint {
    /// The endpoint, when the request came over one
    pub(crate) fn vpc_endpoint(&self) -> Option<&PlacedEndpoint> {
        match self {
            Self::VpcEndpoint(placed) => Some(placed),
            Self::Public => None,
        }
    }

    /// The endpoint's id, when the request came over one
    pub(crate) fn vpc_endpoint_id(&self) -> Option<&VpcEndpointId> {
        self.vpc_endpoint().map(PlacedEndpoint::id)
    }

    /// The network's id, when the request came over an endpoint
    pub(crate) fn vpc_id(&self) -> Option<&VpcId> {
        self.vpc_endpoint().map(|placed| &placed.vpc.vpc_id)
    }
}

impl Vpc {
    /// How closely this network holds an address: the length of its prefix plus one, 0 for a network without a
    /// block, `None` when the address lies outside
    fn prefix_length_at(&self, address: IpAddr) -> Option<u16> {
        match &self.cidr_block {
            None => Some(0),
            Some(block) => block
                .contains(&address)
                .then(|| u16::from(block.prefix_len()) + 1),
        }
    }
}
