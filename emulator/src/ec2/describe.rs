//! The Describe actions: endpoints, the service that they lead to, and the networks around them.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{
    Call,
    error::Ec2Error,
    filters::{Filters, Page},
    network,
    view::{self, ENDPOINT_FILTERS, EndpointView, State},
};
use crate::{
    config::Vpc,
    door::PlacedEndpoint,
    identifiers::{SubnetId, VpcEndpointId, VpcId},
    xml::Xml,
};

/// `DescribeVpcEndpoints`
pub(super) fn endpoints(call: &Call<'_>) -> Result<String, Ec2Error> {
    let ((ids, filters, page), dry_run) = call.read(|reader| {
        Ok((
            reader.texts("VpcEndpointId"),
            Filters::read(reader, ENDPOINT_FILTERS)?,
            Page::read(reader)?,
        ))
    })?;
    let ids = ids.into_iter().map(endpoint_id).collect::<Result<Vec<_>, _>>()?;
    let shown = call.endpoints();
    if let Some(id) = ids
        .iter()
        .find(|id| !shown.iter().any(|(placed, _)| placed.id() == *id))
    {
        return Err(Ec2Error::VpcEndpointNotFound(id.clone()));
    }
    dry_run.stop()?;
    let shown: Vec<_> = shown
        .iter()
        .filter(|(placed, _)| ids.is_empty() || ids.contains(placed.id()))
        .map(|(placed, state)| call.view(placed, *state))
        .filter(|view| filters.pass(|name| view.values_of(name)))
        .collect();
    let (shown, next) = page.of(shown);
    Ok(call.answer(|xml| {
        xml.items("vpcEndpointSet", shown, |xml, view| view.write(xml));
        write_next_token(xml, next);
    }))
}

/// `DescribeVpcEndpointServices`: one service
pub(super) fn services(call: &Call<'_>) -> Result<String, Ec2Error> {
    let ((names, regions, filters, page), dry_run) = call.read(|reader| {
        Ok((
            reader.texts("ServiceName"),
            reader.texts("ServiceRegion"),
            Filters::read(reader, SERVICE_FILTERS)?,
            Page::read(reader)?,
        ))
    })?;
    let region = call.region();
    let name = view::service_name(region);
    if let Some(unknown) = names.iter().find(|asked| **asked != name) {
        return Err(Ec2Error::InvalidServiceName((*unknown).to_owned()));
    }
    dry_run.stop()?;
    let is_shown = (regions.is_empty() || regions.contains(&region.as_str()))
        && filters.pass(|filter| {
            let value = match filter {
                "owner" => "amazon",
                "service-name" => &name,
                "service-region" => region.as_str(),
                "service-type" => "Interface",
                "supported-ip-address-types" => "ipv4",
                // The service has no tags.
                _ => return Vec::new(),
            };
            vec![value.to_owned()]
        });
    let (shown, next) = page.of(if is_shown { vec![&name] } else { Vec::new() });
    Ok(call.answer(|xml| {
        xml.texts("serviceNameSet", &shown);
        xml.items("serviceDetailSet", shown, |xml, name| {
            write_service(xml, name, call.region());
        });
        write_next_token(xml, next);
    }))
}

fn write_service(xml: &mut Xml, name: &str, region: &crate::identifiers::Region) {
    let private_dns_name = view::private_dns_name(region);
    let zones = network::zones(region);
    xml.text("serviceName", name);
    xml.text("serviceId", &network::resource_id("vpce-svc-", &[name]));
    xml.items("serviceType", ["Interface"], |xml, kind| {
        xml.text("serviceType", kind);
    });
    xml.text("serviceRegion", region.as_str());
    xml.texts("availabilityZoneIdSet", zones.iter().map(|(_, id)| id));
    xml.texts("availabilityZoneSet", zones.iter().map(|(name, _)| name));
    xml.text("owner", "amazon");
    xml.texts("baseEndpointDnsNameSet", [view::base_dns_name(region)]);
    xml.text("privateDnsName", &private_dns_name);
    xml.items("privateDnsNameSet", [&private_dns_name], |xml, name| {
        xml.text("privateDnsName", name);
    });
    xml.flag("vpcEndpointPolicySupported", true);
    xml.flag("acceptanceRequired", false);
    xml.flag("managesVpcEndpoints", false);
    xml.element("tagSet", |_| {});
    xml.text("privateDnsNameVerificationState", "verified");
    xml.texts("supportedIpAddressTypeSet", ["ipv4"]);
}

/// `DescribeVpcs`
pub(super) fn vpcs(call: &Call<'_>) -> Result<String, Ec2Error> {
    let ((ids, filters, page), dry_run) = call.read(|reader| {
        Ok((
            reader.texts("VpcId"),
            Filters::read(reader, VPC_FILTERS)?,
            Page::read(reader)?,
        ))
    })?;
    let vpcs = call.vpcs();
    for id in &ids {
        let id: VpcId = id.parse().map_err(|_| malformed("InvalidVpcID.Malformed", id))?;
        if !vpcs.iter().any(|vpc| vpc.vpc_id == id) {
            return Err(Ec2Error::VpcIDNotFound(id));
        }
    }
    dry_run.stop()?;
    let owner = call.permit.snapshot().config.account_id.as_str();
    let shown = vpcs
        .into_iter()
        .filter(|vpc| ids.is_empty() || ids.contains(&vpc.vpc_id.as_str()))
        .filter(|vpc| {
            filters.pass(|filter| {
                let value = match filter {
                    "cidr" | "cidr-block-association.cidr-block" => network::cidr_block(vpc).to_string(),
                    "is-default" | "isDefault" => "false".to_owned(),
                    "owner-id" => owner.to_owned(),
                    "state" => "available".to_owned(),
                    "vpc-id" => vpc.vpc_id.to_string(),
                    // Networks of the configuration have no tags.
                    _ => return Vec::new(),
                };
                vec![value]
            })
        });
    let (shown, next) = page.of(shown.collect());
    Ok(call.answer(|xml| {
        xml.items("vpcSet", shown, |xml, vpc| {
            let block = network::cidr_block(vpc).to_string();
            let associated = |state: &'static str| move |xml: &mut Xml| xml.text("state", state);
            xml.text("vpcId", vpc.vpc_id.as_str());
            xml.text("ownerId", owner);
            xml.text("state", "available");
            xml.text("cidrBlock", &block);
            xml.items("cidrBlockAssociationSet", [&block], |xml, block| {
                xml.text("cidrBlock", block);
                xml.text(
                    "associationId",
                    &network::resource_id("vpc-cidr-assoc-", &[vpc.vpc_id.as_str()]),
                );
                xml.element("cidrBlockState", associated("associated"));
            });
            if let Some(block @ ipnet::IpNet::V6(_)) = vpc.cidr_block {
                xml.items("ipv6CidrBlockAssociationSet", [block], |xml, block| {
                    xml.text("ipv6CidrBlock", &block.to_string());
                    xml.element("ipv6CidrBlockState", associated("associated"));
                });
            }
            xml.text("instanceTenancy", "default");
            xml.flag("isDefault", false);
            xml.element("tagSet", |_| {});
        });
        write_next_token(xml, next);
    }))
}

/// `DescribeSubnets`
pub(super) fn subnets(call: &Call<'_>) -> Result<String, Ec2Error> {
    let ((ids, filters, page), dry_run) = call.read(|reader| {
        Ok((
            reader.texts("SubnetId"),
            Filters::read(reader, SUBNET_FILTERS)?,
            Page::read(reader)?,
        ))
    })?;
    let subnets: Vec<_> = call
        .vpcs()
        .into_iter()
        .flat_map(|vpc| {
            let subnets = network::subnets(vpc, call.region()).into_iter();
            subnets.map(move |subnet| (vpc, subnet))
        })
        .collect();
    for id in &ids {
        let id: SubnetId = id
            .parse()
            .map_err(|_| malformed("InvalidSubnetID.Malformed", id))?;
        if !subnets.iter().any(|(_, subnet)| subnet.subnet_id == id) {
            return Err(Ec2Error::SubnetNotFound(id.to_string()));
        }
    }
    dry_run.stop()?;
    let owner = call.permit.snapshot().config.account_id.as_str();
    let arn = |id: &SubnetId| format!("arn:aws:ec2:{}:{owner}:subnet/{id}", call.region());
    let shown = subnets
        .into_iter()
        .filter(|(_, subnet)| ids.is_empty() || ids.contains(&subnet.subnet_id.as_str()))
        .filter(|(vpc, subnet)| {
            filters.pass(|filter| {
                let value = match filter {
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
                    _ => return Vec::new(),
                };
                vec![value]
            })
        });
    let (shown, next) = page.of(shown.collect());
    Ok(call.answer(|xml| {
        xml.items("subnetSet", shown, |xml, (vpc, subnet)| {
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
        });
        write_next_token(xml, next);
    }))
}

/// `DescribeNetworkInterfaces`: those of the endpoints
pub(super) fn network_interfaces(call: &Call<'_>) -> Result<String, Ec2Error> {
    let ((ids, filters, page), dry_run) = call.read(|reader| {
        Ok((
            reader.texts("NetworkInterfaceId"),
            Filters::read(reader, INTERFACE_FILTERS)?,
            Page::read(reader)?,
        ))
    })?;
    let interfaces: Vec<_> = call
        .endpoints()
        .into_iter()
        .filter(|(_, state)| *state == State::Available)
        .flat_map(|(placed, _)| {
            let interfaces = network::interfaces_of(&placed, call.region()).into_iter();
            interfaces.map(move |interface| (placed.clone(), interface))
        })
        .collect();
    for id in &ids {
        let is_there = |interface: &network::NetworkInterface| interface.network_interface_id == *id;
        if !interfaces.iter().any(|(_, interface)| is_there(interface)) {
            return Err(Ec2Error::NetworkInterfaceNotFound((*id).to_owned()));
        }
    }
    dry_run.stop()?;
    let owner = call.permit.snapshot().config.account_id.as_str();
    let description = |placed: &PlacedEndpoint| format!("VPC Endpoint Interface {}", placed.id());
    let shown = interfaces
        .into_iter()
        .filter(|(_, interface)| ids.is_empty() || ids.contains(&interface.network_interface_id.as_str()))
        .filter(|(placed, interface)| {
            filters.pass(|filter| {
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
            })
        });
    let (shown, next) = page.of(shown.collect());
    Ok(call.answer(|xml| {
        xml.items("networkInterfaceSet", shown, |xml, (placed, interface)| {
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
        });
        write_next_token(xml, next);
    }))
}

/// `DescribePrefixLists`: none, as interface endpoints have none; Terraform asks for each endpoint
pub(super) fn prefix_lists(call: &Call<'_>) -> Result<String, Ec2Error> {
    let (page, dry_run) = call.read(|reader| {
        Filters::read(reader, &["prefix-list-id", "prefix-list-name"])?;
        if let Some(id) = reader.texts("PrefixListId").first() {
            return Err(malformed("InvalidPrefixListId", id));
        }
        Page::read(reader)
    })?;
    dry_run.stop()?;
    let (nothing, next) = page.of(Vec::<&str>::new());
    Ok(call.answer(|xml| {
        xml.texts("prefixListSet", nothing);
        write_next_token(xml, next);
    }))
}

impl<'c> Call<'c> {
    /// The networks that the caller sees in this Region
    pub(super) fn vpcs(&self) -> Vec<&'c Vpc> {
        if !self.is_owner() {
            return Vec::new();
        }
        let vpcs = self.permit.snapshot().config.vpcs.iter();
        vpcs.filter(|vpc| vpc.region.as_ref().is_none_or(|region| region == self.region()))
            .collect()
    }

    /// The endpoints that the caller sees in this Region, with their states
    pub(super) fn endpoints(&self) -> Vec<(Arc<PlacedEndpoint>, State)> {
        if !self.is_owner() {
            return Vec::new();
        }
        let table = &self.permit.snapshot().endpoints;
        let gone_before = self.now.saturating_sub(DELETING_FOR).unwrap_or(Timestamp::MIN);
        let standing = table.iter().map(|placed| (placed, State::Available));
        let deleting = table
            .deleting()
            .filter(|(_, since)| *since > gone_before)
            .map(|(placed, _)| (placed, State::Deleting));
        standing
            .chain(deleting)
            .filter(|(placed, _)| placed.stands_in(self.region()))
            .map(|(placed, state)| (placed.clone(), state))
            .collect()
    }

    pub(super) fn view<'v>(&'v self, placed: &'v PlacedEndpoint, state: State) -> EndpointView<'v> {
        EndpointView {
            placed,
            config: &self.permit.snapshot().config,
            region: self.region(),
            state,
        }
    }
}

pub(super) fn endpoint_id(text: &str) -> Result<VpcEndpointId, Ec2Error> {
    text.parse()
        .map_err(|_| malformed("InvalidVpcEndpointId.Malformed", text))
}

pub(super) fn malformed(code: &'static str, id: &str) -> Ec2Error {
    Ec2Error::MalformedId {
        code,
        id: id.to_owned(),
    }
}

pub(super) fn write_next_token(xml: &mut Xml, next: Option<String>) {
    if let Some(next) = next {
        xml.text("nextToken", &next);
    }
}

// The filters that the API model documents for what there is here.
const SERVICE_FILTERS: &[&str] = &[
    "owner",
    "service-name",
    "service-region",
    "service-type",
    "supported-ip-address-types",
    "tag:*",
    "tag-key",
];
const VPC_FILTERS: &[&str] = &[
    "cidr",
    "cidr-block-association.*",
    "dhcp-options-id",
    "ipv6-cidr-block-association.*",
    "is-default",
    "isDefault",
    "owner-id",
    "state",
    "tag:*",
    "tag-key",
    "vpc-id",
];
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

/// How long a deleted endpoint is shown as `deleting`
// Guess: AWS takes minutes, and no test wants to wait for them.
const DELETING_FOR: SignedDuration = SignedDuration::from_secs(1);
