//! The kinds of addresses that an endpoint is asked to have (API model, `IpAddressType`, `DnsOptionsSpecification`,
//! `SubnetConfiguration`).
//!
//! They are kept and returned, because programs check that they got what they asked for. Nothing listens at the
//! addresses: an endpoint is reached by its names.

use std::net::Ipv4Addr;

use aws_identifiers::Region;
use client_text::Shown;

use super::{create::known_subnets, error::Ec2Error, network};
use crate::{
    network::{
        Vpc,
        entry_point::{AddressOptions, AddressType},
    },
    services::query::parameters::Reader,
};

/// The options that a call asks for; `None`: it says nothing about one
#[derive(Debug, Default)]
pub(super) struct AskedOptions<'p> {
    ip_address_type: Option<AddressType>,
    dns_record_ip_type: Option<AddressType>,
    /// Subnets with the address that their network interface is to have
    pub(super) subnets: Vec<(&'p str, Option<Ipv4Addr>)>,
}

impl<'p> AskedOptions<'p> {
    pub(super) fn read(reader: &mut Reader<'p>) -> Result<Self, Ec2Error> {
        if reader.flag("DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint")? == Some(true) {
            // Guess: after hashicorp/terraform-provider-aws#33689.
            return Err(Ec2Error::InvalidParameter(
                "PrivateDnsOnlyForInboundResolverEndpoint is not supported for this service.".to_owned(),
            ));
        }
        let mut subnets = Vec::new();
        for configuration in reader.structures("SubnetConfiguration") {
            let subnet_id = reader.required(&format!("{configuration}.SubnetId"))?;
            let address = reader.text(&format!("{configuration}.Ipv4")).map(|text| {
                text.parse().map_err(|_| {
                    // Guess: the sentence.
                    Ec2Error::InvalidParameterValue(format!("Address {} is invalid.", Shown(text)))
                })
            });
            if let Some(address) = reader.text(&format!("{configuration}.Ipv6")) {
                // Guess: the sentence. Networks here have no IPv6 addresses to choose from.
                return Err(Ec2Error::InvalidParameterValue(format!(
                    "Address {} does not fall within the subnet's address range",
                    Shown(address)
                )));
            }
            subnets.push((subnet_id, address.transpose()?));
        }
        Ok(Self {
            ip_address_type: kind(reader, "IpAddressType", &IP_ADDRESS_TYPES)?,
            dns_record_ip_type: kind(reader, "DnsOptions.DnsRecordIpType", &DNS_RECORD_IP_TYPES)?,
            subnets,
        })
    }

    /// The options, changed by what the call asks for
    ///
    /// # Errors
    /// When an address lies outside of its subnet.
    pub(super) fn applied_to(
        &self,
        options: &AddressOptions,
        vpc: &Vpc,
        region: &Region,
    ) -> Result<AddressOptions, Ec2Error> {
        let mut options = options.clone();
        options.ip_address_type = self.ip_address_type.unwrap_or(options.ip_address_type);
        options.dns_record_ip_type = self.dns_record_ip_type.or(options.dns_record_ip_type);
        for (subnet_id, address) in &self.subnets {
            let Some(address) = *address else { continue };
            for id in known_subnets(vpc, region, &[subnet_id])? {
                let subnets = network::subnets(vpc, region);
                let holds =
                    |subnet: &network::Subnet| subnet.subnet_id == id && subnet.cidr_block.contains(&address);
                if !subnets.iter().any(holds) {
                    // Guess: the sentence, after that of RunInstances.
                    return Err(Ec2Error::InvalidParameterValue(format!(
                        "Address {address} does not fall within the subnet's address range"
                    )));
                }
                options.chosen.insert(id, address);
            }
        }
        Ok(options)
    }
}

fn kind(reader: &mut Reader<'_>, name: &str, taken: &[AddressType]) -> Result<Option<AddressType>, Ec2Error> {
    let Some(text) = reader.text(name) else {
        return Ok(None);
    };
    let found = taken.iter().find(|kind| kind.as_str() == text).copied();
    found.map(Some).ok_or_else(|| {
        let taken: Vec<&str> = taken.iter().map(|kind| kind.as_str()).collect();
        // Guess: the sentence.
        Ec2Error::InvalidParameter(format!(
            "IP address type ({}) is not supported by the service. Supported types: ([{}]).",
            Shown(text),
            taken.join(", ")
        ))
    })
}

const IP_ADDRESS_TYPES: [AddressType; 3] = [AddressType::Ipv4, AddressType::Dualstack, AddressType::Ipv6];
const DNS_RECORD_IP_TYPES: [AddressType; 4] = [
    AddressType::Ipv4,
    AddressType::Dualstack,
    AddressType::Ipv6,
    AddressType::ServiceDefined,
];
