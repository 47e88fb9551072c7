//! `DescribeRouteTables`

use super::{Listing, malformed};
use crate::{
    network::Vpc,
    services::ec2::{Call, error::Ec2Error, network},
};

/// The main route table of each network, with the one route that leads nowhere else (Amazon VPC User Guide, *Main route
/// table*); subnets that use it by default have no association of their own
pub(in crate::services::ec2) fn describe(call: &Call<'_>) -> Result<String, Ec2Error> {
    let listing = Listing::read(call, "RouteTableId", ROUTE_TABLE_FILTERS)?;
    let tables: Vec<_> = call
        .vpcs()
        .into_iter()
        .map(|vpc| {
            let table = network::resource_id("rtb-", &[vpc.vpc_id.as_str()]);
            (table.clone(), (vpc, table))
        })
        .collect();
    let missing = |id: &str| {
        if network::is_resource_id("rtb-", id) {
            Ec2Error::RouteTableNotFound(id.to_owned())
        } else {
            malformed("InvalidRouteTableId.Malformed", id)
        }
    };
    let owner = call.invocation.snapshot.settings.account_id.as_str();
    let association = |table: &str| network::resource_id("rtbassoc-", &[table]);
    let values_of = |(vpc, table): &(&Vpc, String), filter: &str| {
        Some(match filter {
            "association.main" => "true".to_owned(),
            "association.route-table-association-id" => association(table),
            "association.route-table-id" | "route-table-id" => table.clone(),
            "owner-id" => owner.to_owned(),
            "route.destination-cidr-block" => network::cidr_block(vpc).to_string(),
            "route.gateway-id" => "local".to_owned(),
            "route.origin" => "CreateRouteTable".to_owned(),
            "route.state" => "active".to_owned(),
            "vpc-id" => vpc.vpc_id.to_string(),
            _ => return None,
        })
    };
    listing.answer(
        call,
        "routeTableSet",
        tables,
        missing,
        values_of,
        |xml, (vpc, table)| {
            xml.text("routeTableId", &table);
            xml.text("vpcId", vpc.vpc_id.as_str());
            xml.text("ownerId", owner);
            xml.items("routeSet", [network::cidr_block(vpc)], |xml, block| {
                xml.text("destinationCidrBlock", &block.to_string());
                xml.text("gatewayId", "local");
                xml.text("state", "active");
                xml.text("origin", "CreateRouteTable");
            });
            xml.items("associationSet", [&table], |xml, table| {
                xml.text("routeTableAssociationId", &association(table));
                xml.text("routeTableId", table);
                xml.flag("main", true);
                xml.element("associationState", |xml| xml.text("state", "associated"));
            });
            xml.element("propagatingVgwSet", |_| {});
            xml.element("tagSet", |_| {});
        },
    )
}

/// The filters that the API model documents for what there is here
const ROUTE_TABLE_FILTERS: &[&str] = &[
    "association.*",
    "owner-id",
    "route-table-id",
    "route.*",
    "tag:*",
    "tag-key",
    "vpc-id",
];
