//! `DescribeVpcs`

use aws_identifiers::VpcId;

use super::{malformed, write_next_token};
use crate::services::{
    ec2::{
        Call,
        error::Ec2Error,
        filters::{Filters, Page},
        network,
    },
    query::xml::Xml,
};

/// The networks of the configuration
pub(in crate::services::ec2) fn describe(call: &Call<'_>) -> Result<String, Ec2Error> {
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
    let owner = call.invocation.snapshot.settings.account_id.as_str();
    let shown = vpcs
        .into_iter()
        .filter(|vpc| ids.is_empty() || ids.contains(&vpc.vpc_id.as_str()))
        .filter(|vpc| {
            filters.pass(|filter| {
                let value = match filter {
                    "cidr" | "cidr-block-association.cidr-block" => network::cidr_block(vpc).to_string(),
                    "dhcp-options-id" => dhcp_options_id(call),
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
        });
        write_next_token(xml, next);
    }))
}

/// Every Region has one set of DHCP options that its networks begin with (Amazon VPC User Guide, *DHCP option sets*)
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
