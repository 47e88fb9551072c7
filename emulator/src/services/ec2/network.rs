//! What lies in a network: subnets, network interfaces and the default security group.
//!
//! The configuration has networks only. What EC2 would have in them is made up here from the ids around it, so that it
//! is the same at every call and every start: up to three subnets, in the first three zones of the Region, and for each
//! subnet that an endpoint is in, a network interface with an address of that subnet. Nothing listens at these
//! addresses; the endpoint is reached by its names.

use std::net::Ipv4Addr;

use aws_identifiers::{Region, SecurityGroupId, SubnetId};
use client_text::hex;
use ipnet::{IpNet, Ipv4Net};
use ring::digest;

use crate::network::{Vpc, entry_point::PlacedEndpoint};

/// A subnet
#[derive(Debug, Clone)]
pub(super) struct Subnet {
    pub(super) subnet_id: SubnetId,
    /// `us-west-2a`
    pub(super) zone: String,
    /// `usw2-az1`
    pub(super) zone_id: String,
    pub(super) cidr_block: Ipv4Net,
}

/// A network interface of an endpoint
#[derive(Debug, Clone)]
pub(super) struct NetworkInterface {
    pub(super) network_interface_id: String,
    pub(super) subnet: Subnet,
    pub(super) address: Ipv4Addr,
}

/// The block of a network; a network that is not limited to addresses has that of default VPCs
// Amazon VPC User Guide, *Default VPCs*: 172.31.0.0/16.
pub(super) fn cidr_block(vpc: &Vpc) -> Ipv4Net {
    match vpc.cidr_block {
        Some(IpNet::V4(block)) => block,
        Some(IpNet::V6(_)) | None => {
            Ipv4Net::new(Ipv4Addr::new(172, 31, 0, 0), 16).expect("16 bits are a prefix")
        }
    }
}

/// The subnets of a network in a Region, one in each zone
pub(super) fn subnets(vpc: &Vpc, region: &Region) -> Vec<Subnet> {
    let block = cidr_block(vpc);
    let blocks = match block.subnets(block.prefix_len() + 2) {
        // Amazon VPC User Guide, *Subnet CIDR blocks*: a /28 is the smallest.
        Ok(quarters) if block.prefix_len() <= 26 => quarters.take(ZONES.len()).collect(),
        _ => vec![block],
    };
    blocks
        .into_iter()
        .zip(ZONES)
        .enumerate()
        .map(|(index, (cidr_block, letter))| {
            let zone = format!("{region}{letter}");
            Subnet {
                subnet_id: resource_id("subnet-", &[vpc.vpc_id.as_str(), &zone])
                    .parse()
                    .expect("an id made of a hash is well-formed"),
                zone_id: format!("{}-az{}", short_name(region), index + 1),
                zone,
                cidr_block,
            }
        })
        .collect()
}

/// The zones of a Region that have subnets
pub(super) fn zones(region: &Region) -> Vec<(String, String)> {
    let name = |(index, letter)| {
        (
            format!("{region}{letter}"),
            format!("{}-az{}", short_name(region), index + 1),
        )
    };
    ZONES.into_iter().enumerate().map(name).collect()
}

/// The default security group of a network
pub(super) fn default_group(vpc: &Vpc) -> SecurityGroupId {
    resource_id("sg-", &[vpc.vpc_id.as_str()])
        .parse()
        .expect("an id made of a hash is well-formed")
}

/// The subnets that an endpoint is in, seen from a Region
pub(super) fn subnets_of(placed: &PlacedEndpoint, region: &Region) -> Vec<Subnet> {
    let mut subnets = subnets(&placed.vpc, region);
    if let Some(chosen) = &placed.details.subnet_ids {
        subnets.retain(|subnet| chosen.contains(&subnet.subnet_id));
    }
    subnets
}

/// The security groups of an endpoint's network interfaces
pub(super) fn groups_of(placed: &PlacedEndpoint) -> Vec<SecurityGroupId> {
    match &placed.details.group_ids {
        Some(groups) => groups.clone(),
        None => vec![default_group(&placed.vpc)],
    }
}

/// The network interfaces of an endpoint, one in each subnet
pub(super) fn interfaces_of(placed: &PlacedEndpoint, region: &Region) -> Vec<NetworkInterface> {
    let interface = |subnet: Subnet| {
        let parts = [placed.id().as_str(), subnet.subnet_id.as_str()];
        let chosen = placed.details.addresses.chosen.get(&subnet.subnet_id);
        NetworkInterface {
            network_interface_id: resource_id("eni-", &parts),
            address: chosen.map_or_else(|| address_in(subnet.cidr_block, &hash(&parts)), |chosen| *chosen),
            subnet,
        }
    };
    subnets_of(placed, region).into_iter().map(interface).collect()
}

/// The eight characters after the id in an endpoint's DNS names
pub(super) fn dns_suffix(placed: &PlacedEndpoint) -> String {
    let letter = |byte: &u8| char::from(b"abcdefghijklmnopqrstuvwxyz0123456789"[usize::from(byte % 36)]);
    hash(&[placed.id().as_str(), "dns"])
        .iter()
        .take(8)
        .map(letter)
        .collect()
}

/// The id of a hosted zone, derived from what the zone is for
pub(super) fn hosted_zone_id(parts: &[&str]) -> String {
    let letter = |byte: &u8| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[usize::from(byte % 36)]);
    let rest = hash(parts);
    std::iter::once('Z')
        .chain(rest.iter().take(13).map(letter))
        .collect()
}

/// A prefix and 17 hexadecimal digits (EC2 API reference, *Resource IDs*); the first digit is 0, as in the ids that EC2
/// assigns
pub(super) fn resource_id(prefix: &str, parts: &[&str]) -> String {
    let hash = hash(parts);
    format!("{prefix}0{}", hex(&hash[..8]))
}

/// Whether a text has the form of an id with this prefix: 8 or 17 hexadecimal digits (EC2 API reference, *Resource IDs*)
pub(super) fn is_resource_id(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn hash(parts: &[&str]) -> Vec<u8> {
    let text = parts.join("\n");
    digest::digest(&digest::SHA256, text.as_bytes()).as_ref().to_vec()
}

/// Amazon VPC User Guide, *Subnet CIDR blocks*: the first four addresses and the last are AWS's own
fn address_in(block: Ipv4Net, hash: &[u8]) -> Ipv4Addr {
    let addresses = 1_u64 << (32 - u32::from(block.prefix_len()));
    let usable = addresses.saturating_sub(5).max(1);
    let number = hash
        .iter()
        .take(4)
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let first = u32::from(block.network());
    let offset =
        u32::try_from(4.min(addresses - 1) + number % usable).expect("a block has at most 2^32 addresses");
    Ipv4Addr::from(first.saturating_add(offset))
}

/// `usw2` for `us-west-2` (Amazon VPC documentation, *AZ IDs*)
fn short_name(region: &Region) -> String {
    region
        .as_str()
        .split('-')
        .enumerate()
        .map(|(index, part)| match part {
            _ if index == 0 => part,
            "northeast" => "ne",
            "northwest" => "nw",
            "southeast" => "se",
            "southwest" => "sw",
            _ => &part[..1],
        })
        .collect()
}

const ZONES: [char; 3] = ['a', 'b', 'c'];

#[cfg(test)]
mod tests {
    use super::*;

    fn vpc(cidr_block: Option<&str>) -> Vpc {
        Vpc {
            vpc_id: "vpc-0a1b2c3d4e5f67890".parse().unwrap(),
            region: None,
            cidr_block: cidr_block.map(|block| block.parse().unwrap()),
        }
    }

    #[test]
    fn a_network_has_a_subnet_in_each_of_three_zones() {
        let region = "us-west-2".parse().unwrap();
        let subnets = subnets(&vpc(Some("10.1.0.0/16")), &region);
        let shown: Vec<_> = subnets
            .iter()
            .map(|subnet| {
                (
                    subnet.zone.as_str(),
                    subnet.zone_id.as_str(),
                    subnet.cidr_block.to_string(),
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("us-west-2a", "usw2-az1", "10.1.0.0/18".to_owned()),
                ("us-west-2b", "usw2-az2", "10.1.64.0/18".to_owned()),
                ("us-west-2c", "usw2-az3", "10.1.128.0/18".to_owned()),
            ]
        );
        assert_ne!(subnets[0].subnet_id, subnets[1].subnet_id);
    }

    #[test]
    fn a_network_too_small_to_be_split_is_one_subnet() {
        let region = "ap-southeast-2".parse().unwrap();
        for block in ["10.1.0.0/27", "10.1.0.0/31", "10.1.0.9/32"] {
            let subnets = subnets(&vpc(Some(block)), &region);
            assert_eq!(subnets.len(), 1, "{block}");
            assert_eq!(subnets[0].zone_id, "apse2-az1");
            assert!(
                subnets[0]
                    .cidr_block
                    .contains(&address_in(subnets[0].cidr_block, &[255; 32]))
            );
        }
    }

    #[test]
    fn addresses_stay_inside_of_their_subnet() {
        let block: Ipv4Net = "10.1.0.0/28".parse().unwrap();
        for byte in 0..=255 {
            let address = address_in(block, &[byte; 32]);
            let last = address.octets()[3];
            assert!((4..15).contains(&last), "{address}");
        }
        let everything: Ipv4Net = "0.0.0.0/0".parse().unwrap();
        assert!(everything.contains(&address_in(everything, &[255; 32])));
    }

    #[test]
    fn ids_have_seventeen_digits() {
        let id = resource_id("eni-", &["x"]);
        assert_eq!(id.len(), "eni-".len() + 17);
        assert!(id.parse::<SubnetId>().is_err());
        assert!(id.replace("eni-", "subnet-").parse::<SubnetId>().is_ok());
    }
}
