//! `DescribeVpcs`

use super::{Listing, malformed_or};
use crate::{
    network::Vpc,
    services::{
        ec2::{Call, error::Ec2Error, network},
        query::xml::Xml,
    },
};

/// The networks of the configuration
pub(in crate::services::ec2) fn describe(call: &Call<'_>) -> Result<String, Ec2Error> {
    let listing = Listing::read(call, "VpcId", VPC_FILTERS)?;
    let vpcs = call.vpcs().into_iter();
    let missing = |id: &str| malformed_or("InvalidVpcID.Malformed", id, Ec2Error::VpcIDNotFound);
    let owner = call.invocation.snapshot.settings.account_id.as_str();
    let values_of = |vpc: &&Vpc, filter: &str| {
        Some(match filter {
            "cidr" | "cidr-block-association.cidr-block" => network::cidr_block(vpc).to_string(),
            "dhcp-options-id" => dhcp_options_id(call),
            "is-default" | "isDefault" => "false".to_owned(),
            "owner-id" => owner.to_owned(),
            "state" => "available".to_owned(),
            "vpc-id" => vpc.vpc_id.to_string(),
            // Networks of the configuration have no tags.
            _ => return None,
        })
    };
    listing.answer(
        call,
        "vpcSet",
        vpcs.map(|vpc| (vpc.vpc_id.to_string(), vpc)).collect(),
        missing,
        values_of,
        |xml, vpc| write_vpc(xml, call, vpc),
    )
}

fn write_vpc(xml: &mut Xml, call: &Call<'_>, vpc: &Vpc) {
    let block = network::cidr_block(vpc).to_string();
    let associated = |state: &'static str| move |xml: &mut Xml| xml.text("state", state);
    xml.text("vpcId", vpc.vpc_id.as_str());
    xml.text("ownerId", call.invocation.snapshot.settings.account_id.as_str());
    xml.text("state", "available");
    xml.text("cidrBlock", &block);
    xml.text("dhcpOptionsId", &dhcp_options_id(call));
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
            xml.text(
                "associationId",
                &network::resource_id("vpc-cidr-assoc-", &[vpc.vpc_id.as_str(), "ipv6"]),
            );
            xml.element("ipv6CidrBlockState", associated("associated"));
        });
    }
    xml.text("instanceTenancy", "default");
    xml.flag("isDefault", false);
    xml.element("tagSet", |_| {});
}

/// Every Region has one set of DHCP options that its networks start with (Amazon VPC User Guide, *DHCP option sets*)
fn dhcp_options_id(call: &Call<'_>) -> String {
    network::resource_id("dopt-", &[call.region().as_str()])
}

/// The filters that the API model documents for what there is here
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
