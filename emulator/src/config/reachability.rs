//! What a configuration declares and no request can reach: networks, endpoints, projects.
//!
//! ```text
//! vpcs: [{vpc_id: vpc-0a1b2c3d, cidr_block: 172.28.0.0/16}]      the emulator listens on 127.0.0.1
//! → /vpcs/0/cidr_block: none of the addresses that are listened on (127.0.0.1) lies in `172.28.0.0/16`, …
//! ```

use std::{collections::BTreeSet, net::IpAddr};

use aws_identifiers::Region;
use jiff::Timestamp;

use super::listened::ListenedAddresses;
use crate::{
    network::{
        PrivateDns, PublicEndpoint, Vpc,
        changes::EndpointChanges,
        entry_point::{EndpointTable, Led, PlacedEndpoint},
        host_name::EmulatedService,
    },
    settings::Settings,
};

/// Something that no request can reach
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreached {
    /// Where it is declared, as a JSON Pointer into the configuration
    pub(crate) pointer: String,
    /// Why no request can reach it
    pub(crate) message: String,
}

/// Everything that no request can reach when these addresses are listened on
pub(crate) fn unreached(settings: &Settings, listened: &ListenedAddresses) -> Vec<Unreached> {
    let table = EndpointChanges::default().table(&settings.networks, Timestamp::UNIX_EPOCH);
    let mut unreached = unreached_vpcs(settings, listened);
    if settings.networks.vpc_endpoints.is_empty()
        && settings.networks.public_endpoint == PublicEndpoint::Refuse
    {
        unreached.push(Unreached {
            pointer: "/vpc_endpoints".to_owned(),
            message: "there is no VPC endpoint, so every call of Lookout for Vision is refused until one is made over EC2 \
                      (`public_endpoint: refuse`)"
                .to_owned(),
        });
    }
    unreached.extend(unreached_endpoints(settings, &table, listened));
    unreached.extend(unreached_projects(settings, &table));
    unreached
}

fn unreached_vpcs(settings: &Settings, listened: &ListenedAddresses) -> Vec<Unreached> {
    let of_vpc = |(index, vpc): (usize, &Vpc)| {
        let cidr_block = vpc.cidr_block.filter(|block| !listened.any_in(block))?;
        Some(Unreached {
            pointer: format!("/vpcs/{index}/cidr_block"),
            message: format!(
                "none of the addresses that are listened on ({listened}) lies in `{cidr_block}`, so no connection arrives in \
                 this VPC; `localhost` leads to an endpoint of it only where the Region has no other"
            ),
        })
    };
    settings
        .networks
        .vpcs
        .iter()
        .enumerate()
        .filter_map(of_vpc)
        .collect()
}

fn unreached_endpoints(
    settings: &Settings,
    table: &EndpointTable,
    listened: &ListenedAddresses,
) -> Vec<Unreached> {
    let blocks: Vec<_> = settings
        .networks
        .vpcs
        .iter()
        .filter_map(|vpc| vpc.cidr_block)
        .collect();
    let addresses = listened.samples(&blocks);
    let named = BTreeSet::from_iter(settings.networks.vpcs.iter().filter_map(|vpc| vpc.region.clone()));
    let unnamed: Region = UNNAMED_REGION.parse().expect("it is a Region's name");
    let everywhere: Vec<_> = named.into_iter().chain([unnamed]).collect();
    let of_endpoint = |(index, placed): (usize, &std::sync::Arc<PlacedEndpoint>)| {
        let own = placed.region.as_ref().map(std::slice::from_ref);
        let is_reached = own.unwrap_or(&everywhere).iter().any(|region| {
            addresses
                .iter()
                .any(|address| leads_to(table, placed, region, *address))
        });
        if is_reached || is_meant_to_be_named(placed, listened) {
            return None;
        }
        let (service, id) = (EmulatedService::LookoutVision.host_label(), placed.id());
        let region = placed.region.as_ref().map_or("REGION", Region::as_str);
        Some(Unreached {
            pointer: format!("/vpc_endpoints/{index}"),
            message: format!(
                "from the addresses that are listened on ({listened}) neither `{service}.{region}.amazonaws.com` nor \
                 `localhost` leads to this VPC endpoint; only its own name does, \
                 `{id}.{service}.{region}.vpce.amazonaws.com`"
            ),
        })
    };
    table.iter().enumerate().filter_map(of_endpoint).collect()
}

fn leads_to(table: &EndpointTable, placed: &PlacedEndpoint, region: &Region, address: IpAddr) -> bool {
    let is_it = |other: &PlacedEndpoint| other.id() == placed.id();
    table
        .by_private_dns(region, address)
        .is_some_and(|other| is_it(other))
        || matches!(table.by_endpoint_url(region, address), Led::To(other) if is_it(other))
}

/// Whether an endpoint is meant to be called by its own name: it has no private DNS, and calls arrive in its network
fn is_meant_to_be_named(placed: &PlacedEndpoint, listened: &ListenedAddresses) -> bool {
    let block = placed.vpc.cidr_block;
    placed.endpoint.private_dns == PrivateDns::Disabled && block.is_none_or(|block| listened.any_in(&block))
}

fn unreached_projects(settings: &Settings, table: &EndpointTable) -> Vec<Unreached> {
    if settings.networks.public_endpoint == PublicEndpoint::Allow {
        return Vec::new();
    }
    let of_project = |(index, project): (usize, &lookoutvision::declared::DeclaredProject)| {
        let region = project.region.as_ref()?;
        let has_endpoint = table.iter().any(|placed| placed.stands_in(region));
        (!has_endpoint).then(|| Unreached {
            pointer: format!("/projects/{index}/region"),
            message: format!(
                "no VPC endpoint is declared in {region}, so calls there are refused (`public_endpoint: refuse`)"
            ),
        })
    };
    settings
        .lookoutvision
        .projects
        .iter()
        .enumerate()
        .filter_map(of_project)
        .collect()
}

/// Stands for all Regions that the configuration does not name
const UNNAMED_REGION: &str = "xx-unnamed-1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn found(yaml: &str) -> Vec<(String, String)> {
        let config = Config::embedded(Some(yaml), None).unwrap_or_else(|problems| panic!("{problems}"));
        let listened = ListenedAddresses::of(config.process.listen.ip()).expect("they are known");
        let found = unreached(&config.settings, &listened).into_iter();
        found.map(|found| (found.pointer, found.message)).collect()
    }

    fn pointers(yaml: &str) -> Vec<String> {
        found(yaml).into_iter().map(|(pointer, _)| pointer).collect()
    }

    const ONE: &str = "
vpcs: [{vpc_id: vpc-0000000a, region: us-west-2, cidr_block: 172.28.0.0/16}]
vpc_endpoints: [{vpc_endpoint_id: vpce-0000000a, vpc_id: vpc-0000000a}]
";

    #[test]
    fn the_defaults_are_reached() {
        assert_eq!(found(""), []);
    }

    #[test]
    fn a_network_without_a_listened_address_is_told_and_its_only_endpoint_is_reached_all_the_same() {
        assert_eq!(
            found(ONE),
            [(
                "/vpcs/0/cidr_block".to_owned(),
                "none of the addresses that are listened on (127.0.0.1) lies in `172.28.0.0/16`, so no connection arrives in \
                 this VPC; `localhost` leads to an endpoint of it only where the Region has no other"
                    .to_owned()
            )]
        );
        assert_eq!(found(&ONE.replace("172.28.0.0/16", "127.0.0.0/8")), []);
        // The emulator listens on every address of the loopback network here.
        assert_eq!(
            found(&format!("{}listen: 0.0.0.0:0", ONE.replace("172.28", "127.9"))),
            []
        );
    }

    const TWO: &str = "
vpcs:
  - {vpc_id: vpc-0000000a, region: us-west-2, cidr_block: 127.0.0.0/16}
  - {vpc_id: vpc-0000000b, region: us-west-2, cidr_block: 172.28.0.0/16}
vpc_endpoints:
  - {vpc_endpoint_id: vpce-0000000a, vpc_id: vpc-0000000a}
  - {vpc_endpoint_id: vpce-0000000b, vpc_id: vpc-0000000b}
";

    #[test]
    fn an_endpoint_that_only_its_own_name_leads_to_is_told() {
        let found = found(TWO);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].0, "/vpcs/1/cidr_block");
        assert_eq!(
            found[1],
            (
                "/vpc_endpoints/1".to_owned(),
                "from the addresses that are listened on (127.0.0.1) neither `lookoutvision.us-west-2.amazonaws.com` nor \
                 `localhost` leads to this VPC endpoint; only its own name does, \
                 `vpce-0000000b.lookoutvision.us-west-2.vpce.amazonaws.com`"
                    .to_owned()
            )
        );
        // In a Region of its own, `localhost` leads to it.
        let apart = TWO.replacen("region: us-west-2", "region: eu-west-1", 1);
        assert_eq!(pointers(&apart), ["/vpcs/1/cidr_block"]);
        let both = TWO.replace("127.0.0.0", "172.29.0.0");
        let all = [
            "/vpcs/0/cidr_block",
            "/vpcs/1/cidr_block",
            "/vpc_endpoints/0",
            "/vpc_endpoints/1",
        ];
        assert_eq!(pointers(&both), all);
    }

    #[test]
    fn an_endpoint_behind_a_closer_network_is_told() {
        let behind = TWO.replace(
            "region: us-west-2, cidr_block: 172.28.0.0/16",
            "region: us-west-2",
        );
        assert_eq!(pointers(&behind), ["/vpc_endpoints/1"]);
        // It is behind in one Region only.
        let everywhere = TWO.replace("region: us-west-2, cidr_block: 172.28.0.0/16", "cidr_block: null");
        assert_eq!(
            pointers(
                &everywhere
                    .replace(", cidr_block: null", "")
                    .replace("cidr_block: null", "")
            ),
            [""; 0]
        );
    }

    #[test]
    fn an_endpoint_without_private_dns_in_a_network_of_ours_is_called_by_its_own_name() {
        let second = "
vpcs: [{vpc_id: vpc-0000000a}]
vpc_endpoints:
  - {vpc_endpoint_id: vpce-0000000a, vpc_id: vpc-0000000a}
  - {vpc_endpoint_id: vpce-0000000b, vpc_id: vpc-0000000a, private_dns_enabled: false}
";
        assert_eq!(found(second), []);
        let unreached = TWO.replace(
            "vpc_id: vpc-0000000b}\n",
            "vpc_id: vpc-0000000b, private_dns_enabled: false}\n",
        );
        assert_eq!(pointers(&unreached), ["/vpcs/1/cidr_block", "/vpc_endpoints/1"]);
    }

    #[test]
    fn a_configuration_without_endpoints_is_told_unless_the_public_one_is_allowed() {
        assert_eq!(pointers("vpc_endpoints: []"), ["/vpc_endpoints"]);
        assert_eq!(found("vpc_endpoints: []\npublic_endpoint: allow"), []);
    }

    #[test]
    fn a_project_of_a_region_without_an_endpoint_is_told_unless_the_public_endpoint_is_allowed() {
        let project =
            ONE.replace("172.28.0.0/16", "127.0.0.0/8") + "projects: [{name: line-7, region: eu-west-1}]\n";
        assert_eq!(
            found(&project),
            [(
                "/projects/0/region".to_owned(),
                "no VPC endpoint is declared in eu-west-1, so calls there are refused (`public_endpoint: refuse`)".to_owned()
            )]
        );
        assert_eq!(found(&format!("{project}public_endpoint: allow\n")), []);
        assert_eq!(found(&project.replace("eu-west-1", "us-west-2")), []);
    }
}
