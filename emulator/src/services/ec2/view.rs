//! An endpoint as EC2 shows it (API model, `VpcEndpoint`).

use aws_identifiers::Region;
use jiff::Timestamp;

use super::network;
use crate::{
    network::{PrivateDns, entry_point::PlacedEndpoint},
    services::query::xml::Xml,
    settings::Settings,
};

/// An endpoint with everything around it
pub(super) struct EndpointView<'v> {
    pub(super) placed: &'v PlacedEndpoint,
    pub(super) settings: &'v Settings,
    /// The Region in which it is asked for
    pub(super) region: &'v Region,
    pub(super) state: State,
}

/// The state of an endpoint, in lower case as EC2 sends it
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Pending,
    Available,
    Deleting,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Available => "available",
            Self::Deleting => "deleting",
        }
    }
}

impl EndpointView<'_> {
    /// Its DNS names with their hosted zones: the regional one, the zonal ones, and its private one where that is
    /// enabled (AWS PrivateLink Guide, *Access an AWS service using an interface VPC endpoint*)
    pub(super) fn dns_entries(&self) -> Vec<(String, String)> {
        let (id, suffix) = (self.placed.id(), network::dns_suffix(self.placed));
        let domain = base_dns_name(self.region);
        let zone_of_endpoints = network::hosted_zone_id(&[&domain]);
        let mut entries = vec![(format!("{id}-{suffix}.{domain}"), zone_of_endpoints.clone())];
        for subnet in network::subnets_of(self.placed, self.region) {
            let name = format!("{id}-{suffix}-{}.{domain}", subnet.zone);
            entries.push((name, zone_of_endpoints.clone()));
        }
        if self.placed.endpoint.private_dns == PrivateDns::Enabled {
            let private_zone = network::hosted_zone_id(&[id.as_str()]);
            entries.push((private_dns_name(self.region), private_zone));
        }
        entries
    }

    /// Writes its members
    pub(super) fn write(&self, xml: &mut Xml) {
        let Self { placed, region, .. } = self;
        let interfaces = network::interfaces_of(placed, region);
        xml.text("vpcEndpointId", placed.id().as_str());
        xml.text("vpcEndpointType", "Interface");
        xml.text("vpcId", placed.vpc.vpc_id.as_str());
        xml.text("serviceName", &service_name(region));
        xml.text("state", self.state.as_str());
        xml.text("policyDocument", placed.endpoint.policy_document.text());
        xml.element("routeTableIdSet", |_| {});
        xml.texts(
            "subnetIdSet",
            interfaces
                .iter()
                .map(|interface| interface.subnet.subnet_id.as_str()),
        );
        xml.items("groupSet", network::groups_of(placed), |xml, group| {
            xml.text("groupId", group.as_str());
            xml.text("groupName", &group_name(placed, &group));
        });
        let addresses = &placed.details.addresses;
        xml.text("ipAddressType", addresses.ip_address_type.as_str());
        xml.element("dnsOptions", |xml| {
            xml.text("dnsRecordIpType", addresses.dns_record_ip_type().as_str());
        });
        xml.flag(
            "privateDnsEnabled",
            placed.endpoint.private_dns == PrivateDns::Enabled,
        );
        xml.flag("requesterManaged", false);
        xml.texts(
            "networkInterfaceIdSet",
            interfaces
                .iter()
                .map(|interface| interface.network_interface_id.as_str()),
        );
        xml.items("dnsEntrySet", self.dns_entries(), |xml, (name, zone)| {
            xml.text("dnsName", &name);
            xml.text("hostedZoneId", &zone);
        });
        xml.text("creationTimestamp", &milliseconds(placed.details.created_at));
        write_tags(xml, placed);
        xml.text("ownerId", self.settings.account_id.as_str());
        xml.text("serviceRegion", region.as_str());
    }

    /// The values that a filter of DescribeVpcEndpoints compares with
    pub(super) fn values_of(&self, filter: &str) -> Vec<String> {
        let one = |text: &str| vec![text.to_owned()];
        match filter {
            "ip-address-type" => one(self.placed.details.addresses.ip_address_type.as_str()),
            "service-name" => vec![service_name(self.region)],
            "service-region" => one(self.region.as_str()),
            "vpc-endpoint-id" => one(self.placed.id().as_str()),
            "vpc-endpoint-state" => one(self.state.as_str()),
            "vpc-endpoint-type" => one("Interface"),
            "vpc-id" => one(self.placed.vpc.vpc_id.as_str()),
            _ => tag_values(self.placed, filter),
        }
    }
}

/// The filters of DescribeVpcEndpoints (API model; `service-region` and the two of tags included)
pub(super) const ENDPOINT_FILTERS: &[&str] = &[
    "ip-address-type",
    "service-name",
    "service-region",
    "tag:*",
    "tag-key",
    "vpc-endpoint-id",
    "vpc-endpoint-state",
    "vpc-endpoint-type",
    "vpc-id",
];

/// The values that the filters `tag:KEY` and `tag-key` compare with
fn tag_values(placed: &PlacedEndpoint, filter: &str) -> Vec<String> {
    let tags = &placed.details.tags;
    match filter.strip_prefix("tag:") {
        Some(key) => tags.get(key).cloned().into_iter().collect(),
        None => tags.keys().cloned().collect(),
    }
}

pub(super) fn write_tags(xml: &mut Xml, placed: &PlacedEndpoint) {
    xml.items("tagSet", &placed.details.tags, |xml, (key, value)| {
        xml.text("key", key);
        xml.text("value", value);
    });
}

/// The name of a group: its id, if nothing else is known of it
pub(super) fn group_name(placed: &PlacedEndpoint, group: &aws_identifiers::SecurityGroupId) -> String {
    if *group == network::default_group(&placed.vpc) {
        "default".to_owned()
    } else {
        group.to_string()
    }
}

/// `com.amazonaws.us-west-2.lookoutvision` (Lookout for Vision Developer Guide, *Using Amazon Lookout for Vision with
/// interface VPC endpoints*)
pub(super) fn service_name(region: &Region) -> String {
    format!("com.amazonaws.{region}.lookoutvision")
}

/// `lookoutvision.us-west-2.amazonaws.com`
pub(super) fn private_dns_name(region: &Region) -> String {
    format!("lookoutvision.{region}.amazonaws.com")
}

/// `lookoutvision.us-west-2.vpce.amazonaws.com`
pub(super) fn base_dns_name(region: &Region) -> String {
    format!("lookoutvision.{region}.vpce.amazonaws.com")
}

/// EC2's timestamps have three digits after the seconds
pub(super) fn milliseconds(time: Timestamp) -> String {
    format!("{time:.3}")
}
