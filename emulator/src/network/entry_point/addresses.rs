//! The kinds of addresses that an endpoint has, as EC2 shows them; no request depends on them

use std::{collections::BTreeMap, net::Ipv4Addr};

use serde::{Deserialize, Serialize};

use aws_identifiers::SubnetId;

/// A kind of addresses
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AddressType {
    #[default]
    Ipv4,
    Dualstack,
    Ipv6,
    /// For DNS records only: whatever the service has
    ServiceDefined,
}

/// The addresses of an endpoint
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddressOptions {
    pub(crate) ip_address_type: AddressType,
    /// `None`: the same as `ip_address_type`
    pub(crate) dns_record_ip_type: Option<AddressType>,
    /// Addresses that were chosen for network interfaces
    pub(crate) chosen: BTreeMap<SubnetId, Ipv4Addr>,
}

impl AddressType {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Dualstack => "dualstack",
            Self::Ipv6 => "ipv6",
            Self::ServiceDefined => "service-defined",
        }
    }
}

impl AddressOptions {
    /// The kind of addresses that the DNS records have
    pub(crate) fn dns_record_ip_type(&self) -> AddressType {
        self.dns_record_ip_type.unwrap_or(self.ip_address_type)
    }
}
