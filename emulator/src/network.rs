//! The networks that requests come from, and the interface endpoints in them.

pub(crate) mod addressed_host;
pub(crate) mod changes;
pub(crate) mod entry_point;
pub(crate) mod host_name;
pub(crate) mod regions;

use std::{net::IpAddr, sync::Arc};

use iam_policy::PolicyDocument;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use aws_identifiers::{Region, VpcEndpointId, VpcId};

/// The networks that a configuration declares
#[derive(Debug)]
pub(crate) struct Networks {
    /// The networks
    pub(crate) vpcs: Vec<Vpc>,
    /// The entry points from those networks to the service
    pub(crate) vpc_endpoints: Vec<VpcEndpoint>,
    /// What becomes of requests that no endpoint leads to
    pub(crate) public_endpoint: PublicEndpoint,
}

/// A further name that the emulator answers for
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EmulatedName {
    /// A DNS name, lower case
    Dns(String),
    /// An address, for clients that connect by address
    Address(IpAddr),
}

/// A network
#[derive(Debug, Clone)]
pub(crate) struct Vpc {
    /// `vpc-…`
    pub(crate) vpc_id: VpcId,
    /// The Region it lies in; `None`: every Region
    pub(crate) region: Option<Region>,
    /// The addresses of the emulator that lie in this network; `None`: all of them
    pub(crate) cidr_block: Option<IpNet>,
}

/// An interface endpoint
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VpcEndpoint {
    /// `vpce-…`
    pub(crate) vpc_endpoint_id: VpcEndpointId,
    /// The network it stands in
    pub(crate) vpc_id: VpcId,
    /// Whether the service's own name leads to it from inside the network
    pub(crate) private_dns: PrivateDns,
    /// The attached policy
    pub(crate) policy_document: Arc<PolicyDocument>,
}

/// Whether the service's own DNS name resolves to the endpoint inside its VPC
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PrivateDns {
    /// It does
    Enabled,
    /// Only the endpoint's own names lead there
    Disabled,
}

/// What becomes of a request that no endpoint leads to
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum PublicEndpoint {
    /// It comes through the public endpoint, where no endpoint policy is asked
    Allow,
    /// It is refused, so that no typing mistake leads around a policy
    #[default]
    Refuse,
}

impl Networks {
    /// The networks that lie in a Region, including those that lie in every Region
    pub(crate) fn vpcs_in<'n>(&'n self, region: &'n Region) -> impl Iterator<Item = &'n Vpc> {
        let vpcs = self.vpcs.iter();
        vpcs.filter(move |vpc| vpc.region.as_ref().is_none_or(|own| own == region))
    }

    /// The network of this id
    pub(crate) fn vpc(&self, id: &VpcId) -> Option<&Vpc> {
        self.vpcs.iter().find(|vpc| vpc.vpc_id == *id)
    }
}
