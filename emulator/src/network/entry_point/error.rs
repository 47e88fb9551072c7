//! Why a request came through no entry point, in words that say what to do.
//!
//! The client, the log and the journal entry get the same sentence.

use std::{fmt, net::IpAddr, sync::Arc};

use aws_identifiers::{Region, VpcEndpointId, VpcId};
use client_text::cut;
use ipnet::IpNet;

use super::{Arrival, PlacedEndpoint};
use crate::network::{addressed_host::NameSource, host_name::EmulatedService};

/// A request that came through no entry point
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EntryPointError {
    /// No such endpoint
    #[error("no VPC endpoint `{0}` is configured")]
    UnknownVpcEndpoint(VpcEndpointId),
    /// A name of AWS that belongs to nothing that is played here
    #[error("this emulator plays neither that service nor that endpoint")]
    NotPlayed,
    /// The endpoint stands in another Region
    #[error("VPC endpoint `{vpc_endpoint_id}` is in {found}, not in {asked}")]
    OtherRegion {
        /// The endpoint that was named
        vpc_endpoint_id: VpcEndpointId,
        /// Where it is
        found: Region,
        /// Where the name says it is
        asked: Region,
    },
    /// The service's own name leads to the public endpoint
    #[error(
        "no VPC endpoint with private DNS stands in a VPC of {region} that holds {local}, the address that `{host}` was \
         called at, so the call leads to the public endpoint, and `public_endpoint: refuse` is in force. {endpoints}. \
         Call one of them by its own name, put one into a VPC that holds the address, or let calls through without an \
         endpoint policy by `public_endpoint: allow`",
        region = .0.region, local = .0.local, host = .0.host, endpoints = .0.endpoints
    )]
    PrivateDnsLeadsNowhere(Box<Unled>),
    /// The Region has no endpoint
    #[error(
        "{region} has no VPC endpoint, so `{host}`, called at {local}, leads to the public endpoint there, and \
         `public_endpoint: refuse` is in force. {endpoints}. Call from a Region that has one, add one in {region}, or let \
         calls through without an endpoint policy by `public_endpoint: allow`",
        region = .0.region, local = .0.local, host = .0.host, endpoints = .0.endpoints
    )]
    NoVpcEndpoint(Box<Unled>),
    /// Nothing tells which endpoint is meant
    #[error(
        "`{host}`, called at {local}, could lead to several VPC endpoints of {region}. {endpoints}. Choose one by calling \
         it by its own name (`VPC-ENDPOINT-ID.{service}.{region}.vpce.amazonaws.com`), or at an address that the \
         `cidr_block` of its VPC holds",
        region = .0.region, local = .0.local, host = .0.host, endpoints = .0.endpoints,
        service = EmulatedService::LookoutVision.host_label()
    )]
    SeveralVpcEndpoints(Box<Unled>),
    /// The names of one request lead to different entry points
    #[error(
        "{place} `{other}` and the Host `{host}` lead to two entry points, which may have two policies; send one name as both"
    )]
    TwoEntryPoints {
        /// Where the other name stands
        place: NameSource,
        /// The other name
        other: Box<str>,
        /// The name that the signature covers
        host: Box<str>,
    },
}

/// A request whose name leads to no endpoint, and the endpoints there are
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unled {
    host: Box<str>,
    local: IpAddr,
    region: Region,
    endpoints: EndpointList,
}

/// Endpoints as a sentence
#[derive(Debug, Clone, PartialEq, Eq)]
struct EndpointList {
    named: Vec<NamedEndpoint>,
    /// How many more there are than are named
    others: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct NamedEndpoint {
    id: VpcEndpointId,
    vpc_id: VpcId,
    region: Option<Region>,
    cidr_block: Option<IpNet>,
}

impl Unled {
    pub(super) fn new<'p>(
        region: &Region,
        arrival: Arrival<'_>,
        endpoints: impl Iterator<Item = &'p Arc<PlacedEndpoint>>,
    ) -> Box<Self> {
        Box::new(Self {
            host: shown(&arrival.host.text),
            local: arrival.local.to_canonical(),
            region: region.clone(),
            endpoints: EndpointList::new(endpoints),
        })
    }
}

impl EndpointList {
    fn new<'p>(mut endpoints: impl Iterator<Item = &'p Arc<PlacedEndpoint>>) -> Self {
        let named = endpoints
            .by_ref()
            .take(ENDPOINTS_NAMED_MAX)
            .map(|placed| NamedEndpoint {
                id: placed.id().clone(),
                vpc_id: placed.vpc.vpc_id.clone(),
                region: placed.region.clone(),
                cidr_block: placed.vpc.cidr_block,
            });
        Self {
            named: named.collect(),
            others: endpoints.count(),
        }
    }
}

impl fmt::Display for EndpointList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.named.is_empty() {
            return f.write_str("There are no VPC endpoints");
        }
        f.write_str("The VPC endpoints: ")?;
        for (index, endpoint) in self.named.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}`{}` (", endpoint.id)?;
            match &endpoint.region {
                Some(region) => write!(f, "{region}")?,
                None => f.write_str("every Region")?,
            }
            write!(f, ", {}", endpoint.vpc_id)?;
            match &endpoint.cidr_block {
                Some(cidr_block) => write!(f, ", {cidr_block})")?,
                None => f.write_str(", every address)")?,
            }
        }
        match self.others {
            0 => Ok(()),
            others => write!(f, " and {others} more"),
        }
    }
}

/// A name that a client wrote, cut to the length of the longest host name
pub(super) fn shown(text: &str) -> Box<str> {
    cut(text, NAME_CHARACTERS_SHOWN_MAX).into()
}

/// More endpoints than this are counted, not named
const ENDPOINTS_NAMED_MAX: usize = 20;
/// RFC 1035, section 2.3.4, and a port
const NAME_CHARACTERS_SHOWN_MAX: usize = 260;
