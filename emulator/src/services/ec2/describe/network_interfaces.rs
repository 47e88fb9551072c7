//! `DescribeNetworkInterfaces`

use std::sync::Arc;

use super::Listing;
use crate::{
    network::entry_point::PlacedEndpoint,
    services::ec2::{
        Call,
        error::Ec2Error,
        network::{self, NetworkInterface},
        view::{self, State},
    },
};

/// The network interfaces of the endpoints
pub(in crate::services::ec2) fn describe(call: &Call<'_>) -> Result<String, Ec2Error> {
    let listing = Listing::read(call, "NetworkInterfaceId", INTERFACE_FILTERS)?;
    let interfaces: Vec<_> = call
        .endpoints()
        .into_iter()
        .filter(|(_, state)| *state == State::Available)
        .flat_map(|(placed, _)| {
            let interfaces = network::interfaces_of(&placed, call.region()).into_iter();
            interfaces.map(move |interface| {
                let id = interface.network_interface_id.clone();
                (id, (placed.clone(), interface))
            })
        })
        .collect();
    let missing = |id: &str| Ec2Error::NetworkInterfaceNotFound(id.to_owned());
    let owner = call.invocation.snapshot.settings.account_id.as_str();
    let description = |placed: &PlacedEndpoint| format!("VPC Endpoint Interface {}", placed.id());
    let values_of = |(placed, interface): &(Arc<PlacedEndpoint>, NetworkInterface), filter: &str| {
        let value = match filter {
            "addresses.private-ip-address" | "private-ip-address" => interface.address.to_string(),
            "availability-zone" => interface.subnet.zone.clone(),
            "description" => description(placed),
            "group-id" => {
                let groups = network::groups_of(placed).into_iter();
                return groups.map(|group| group.to_string()).collect();
            }
            "interface-type" => "vpc_endpoint".to_owned(),
            "network-interface-id" => interface.network_interface_id.clone(),
            "owner-id" => owner.to_owned(),
            "requester-managed" => "true".to_owned(),
            "status" => "in-use".to_owned(),
            "subnet-id" => interface.subnet.subnet_id.to_string(),
            "vpc-id" => placed.vpc.vpc_id.to_string(),
            _ => return Vec::new(),
        };
        vec![value]
    };
    listing.answer(
        call,
        "networkInterfaceSet",
        interfaces,
        missing,
        values_of,
        |xml, (placed, interface)| {
            let address = interface.address.to_string();
            xml.text("networkInterfaceId", &interface.network_interface_id);
            xml.text("subnetId", interface.subnet.subnet_id.as_str());
            xml.text("vpcId", placed.vpc.vpc_id.as_str());
            xml.text("availabilityZone", &interface.subnet.zone);
            xml.text("description", &description(&placed));
            xml.text("ownerId", owner);
            xml.flag("requesterManaged", true);
            xml.text("status", "in-use");
            xml.text("privateIpAddress", &address);
            xml.flag("sourceDestCheck", true);
            xml.items("groupSet", network::groups_of(&placed), |xml, group| {
                xml.text("groupId", group.as_str());
                xml.text("groupName", &view::group_name(&placed, &group));
            });
            xml.element("tagSet", |_| {});
            xml.items("privateIpAddressesSet", [&address], |xml, address| {
                xml.text("privateIpAddress", address);
                xml.flag("primary", true);
            });
            xml.text("interfaceType", "vpc_endpoint");
        },
    )
}

/// The filters that the API model documents for what there is here
const INTERFACE_FILTERS: &[&str] = &[
    "addresses.private-ip-address",
    "availability-zone",
    "description",
    "group-id",
    "interface-type",
    "network-interface-id",
    "owner-id",
    "private-ip-address",
    "requester-managed",
    "status",
    "subnet-id",
    "tag:*",
    "tag-key",
    "vpc-id",
];
