//! `DescribeVpcEndpointServices`

use aws_identifiers::Region;

use super::write_next_token;
use crate::services::{
    ec2::{
        Call,
        error::Ec2Error,
        filters::{Filters, Page},
        network, view,
    },
    query::xml::Xml,
};

/// The one service that endpoints lead to
pub(in crate::services::ec2) fn describe(call: &Call<'_>) -> Result<String, Ec2Error> {
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
                _ => return None,
            };
            Some(value.to_owned())
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

fn write_service(xml: &mut Xml, name: &str, region: &Region) {
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
    xml.texts("supportedIpAddressTypeSet", ["ipv4", "ipv6"]);
}

/// The filters that the API model documents for what there is here
const SERVICE_FILTERS: &[&str] = &[
    "owner",
    "service-name",
    "service-region",
    "service-type",
    "supported-ip-address-types",
    "tag:*",
    "tag-key",
];
