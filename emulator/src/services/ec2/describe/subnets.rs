//! `DescribeSubnets`

use aws_identifiers::SubnetId;

use super::{Listing, malformed_or};
use crate::{
    network::Vpc,
    services::ec2::{
        Call,
        error::Ec2Error,
        network::{self, Subnet},
    },
};

/// The subnets that are made up for the networks
pub(in crate::services::ec2) fn describe(call: &Call<'_>) -> Result<String, Ec2Error> {
    let listing = Listing::read(call, "SubnetId", SUBNET_FILTERS)?;
    let subnets: Vec<_> = call
        .vpcs()
        .into_iter()
        .flat_map(|vpc| {
            let subnets = network::subnets(vpc, call.region()).into_iter();
            subnets.map(move |subnet| (subnet.subnet_id.to_string(), (vpc, subnet)))
        })
        .collect();
    let missing = |id: &str| {
        malformed_or("InvalidSubnetID.Malformed", id, |id: SubnetId| {
            Ec2Error::SubnetNotFound(id.to_string())
        })
    };
    let owner = call.invocation.snapshot.settings.account_id.as_str();
    let arn = |id: &SubnetId| format!("arn:aws:ec2:{}:{owner}:subnet/{id}", call.region());
    let values_of = |(vpc, subnet): &(&Vpc, Subnet), filter: &str| {
        Some(match filter {
            "availability-zone" | "availabilityZone" => subnet.zone.clone(),
            "availability-zone-id" | "availabilityZoneId" => subnet.zone_id.clone(),
            "cidr-block" | "cidr" | "cidrBlock" => subnet.cidr_block.to_string(),
            "default-for-az" | "defaultForAz" => "false".to_owned(),
            "owner-id" => owner.to_owned(),
            "state" => "available".to_owned(),
            "subnet-arn" => arn(&subnet.subnet_id),
            "subnet-id" => subnet.subnet_id.to_string(),
            "vpc-id" => vpc.vpc_id.to_string(),
            // Subnets that are made up have no tags.
            _ => return None,
        })
    };
    listing.answer(
        call,
        "subnetSet",
        subnets,
        missing,
        values_of,
        |xml, (vpc, subnet)| {
            let addresses = 1_u64 << (32 - u32::from(subnet.cidr_block.prefix_len()));
            xml.text("subnetId", subnet.subnet_id.as_str());
            xml.text("subnetArn", &arn(&subnet.subnet_id));
            xml.text("state", "available");
            xml.text("ownerId", owner);
            xml.text("vpcId", vpc.vpc_id.as_str());
            xml.text("cidrBlock", &subnet.cidr_block.to_string());
            xml.element("ipv6CidrBlockAssociationSet", |_| {});
            xml.text(
                "availableIpAddressCount",
                &addresses.saturating_sub(5).min(i32::MAX as u64).to_string(),
            );
            xml.text("availabilityZone", &subnet.zone);
            xml.text("availabilityZoneId", &subnet.zone_id);
            xml.flag("defaultForAz", false);
            xml.flag("mapPublicIpOnLaunch", false);
            xml.flag("assignIpv6AddressOnCreation", false);
            xml.element("tagSet", |_| {});
        },
    )
}

/// The filters that the API model documents for what there is here
const SUBNET_FILTERS: &[&str] = &[
    "availability-zone",
    "availabilityZone",
    "availability-zone-id",
    "availabilityZoneId",
    "available-ip-address-count",
    "cidr-block",
    "cidr",
    "cidrBlock",
    "default-for-az",
    "defaultForAz",
    "ipv6-cidr-block-association.*",
    "ipv6-native",
    "map-public-ip-on-launch",
    "outpost-arn",
    "owner-id",
    "state",
    "subnet-arn",
    "subnet-id",
    "tag:*",
    "tag-key",
    "vpc-id",
];
