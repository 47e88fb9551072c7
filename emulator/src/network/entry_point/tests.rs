//! Where each kind of name leads, network by network.

use super::*;
use crate::{config::Config, network::changes::EndpointChanges};

/// Two networks with an endpoint each, and a second endpoint in the second one
const NETWORKS: &str = "
vpcs:
  - {vpc_id: vpc-0000000000000000a, region: us-west-2, cidr_block: 172.28.0.0/16}
  - {vpc_id: vpc-0000000000000000b, region: eu-west-1, cidr_block: 172.29.0.0/16}
  - {vpc_id: vpc-0000000000000000c, region: eu-west-1, cidr_block: 172.30.0.0/16}
vpc_endpoints:
  - {vpc_endpoint_id: vpce-0000000000000000a, vpc_id: vpc-0000000000000000a}
  - {vpc_endpoint_id: vpce-0000000000000000b, vpc_id: vpc-0000000000000000b, private_dns_enabled: false}
  - {vpc_endpoint_id: vpce-000000000000000b2, vpc_id: vpc-0000000000000000b, private_dns_enabled: false}
  - {vpc_endpoint_id: vpce-0000000000000000c, vpc_id: vpc-0000000000000000c}
";

fn table(yaml: &str) -> EndpointTable {
    let config = Config::embedded(Some(yaml), None).unwrap_or_else(|problems| panic!("{problems}"));
    EndpointChanges::default().table(&config.settings.networks, Timestamp::UNIX_EPOCH)
}

/// Where a name leads in a Region: an endpoint's id, `public`, or the sentence of the refusal
fn leads(table: &EndpointTable, host: &str, region: &str, local: &str) -> String {
    let host = AddressedHost::new(host);
    let arrival = Arrival {
        host: &host,
        local: local.parse().expect("an address"),
    };
    let region = region.parse().expect("a Region");
    let scope = Scope {
        service: EmulatedService::LookoutVision,
        region: &region,
    };
    let found = table.by_host(arrival).and_then(|found| match found {
        HostEntryPoint::Known(entry_point, _) => Ok(entry_point),
        HostEntryPoint::ByScope => table.by_scope(scope, arrival),
    });
    match found {
        Ok(EntryPoint::VpcEndpoint(placed)) => placed.id().to_string(),
        Ok(EntryPoint::Public) => "public".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn an_endpoint_url_leads_to_the_only_endpoint_of_the_region_whatever_its_network() {
    let table = table(NETWORKS);
    for host in [
        "localhost",
        "localhost:8443",
        "127.0.0.1:8443",
        "[::1]:8443",
        "emulator",
    ] {
        for local in [
            "127.0.0.1",
            "::1",
            "172.31.0.1",
            "172.28.0.7",
            "::ffff:172.28.0.7",
        ] {
            assert_eq!(
                leads(&table, host, "us-west-2", local),
                "vpce-0000000000000000a",
                "{host} {local}"
            );
        }
    }
}

#[test]
fn the_network_that_holds_the_address_goes_before_the_only_endpoint() {
    let two = "
vpcs:
  - {vpc_id: vpc-0000000000000000a, cidr_block: 172.28.0.0/16}
  - {vpc_id: vpc-0000000000000000b}
vpc_endpoints:
  - {vpc_endpoint_id: vpce-0000000000000000a, vpc_id: vpc-0000000000000000a, private_dns_enabled: false}
  - {vpc_endpoint_id: vpce-0000000000000000b, vpc_id: vpc-0000000000000000b}
";
    let table = table(two);
    assert_eq!(
        leads(&table, "localhost", "us-west-2", "172.28.0.7"),
        "vpce-0000000000000000a"
    );
    assert_eq!(
        leads(&table, "localhost", "us-west-2", "172.29.0.7"),
        "vpce-0000000000000000b"
    );
}

#[test]
fn of_two_endpoints_in_one_network_the_one_with_private_dns_is_meant() {
    let table = table(&NETWORKS.replace(
        "vpce-000000000000000b2, vpc_id: vpc-0000000000000000b, private_dns_enabled: false",
        "vpce-000000000000000b2, vpc_id: vpc-0000000000000000b",
    ));
    assert_eq!(
        leads(&table, "localhost", "eu-west-1", "172.29.0.7"),
        "vpce-000000000000000b2"
    );
}

#[test]
fn of_several_endpoints_none_is_guessed_and_the_refusal_says_how_to_choose() {
    let table = table(NETWORKS);
    // Within one network, and from outside of both.
    let in_the_network = leads(&table, "localhost:8443", "eu-west-1", "172.29.0.7");
    assert_eq!(
        in_the_network,
        "`localhost:8443`, called at 172.29.0.7, could lead to several VPC endpoints of eu-west-1. The VPC endpoints: \
         `vpce-0000000000000000b` (eu-west-1, vpc-0000000000000000b, 172.29.0.0/16), `vpce-000000000000000b2` (eu-west-1, \
         vpc-0000000000000000b, 172.29.0.0/16). Choose one by calling it by its own name \
         (`VPC-ENDPOINT-ID.lookoutvision.eu-west-1.vpce.amazonaws.com`), or at an address that the `cidr_block` of its VPC \
         holds"
    );
    let outside = leads(&table, "localhost", "eu-west-1", "127.0.0.1");
    for id in [
        "vpce-0000000000000000b",
        "vpce-000000000000000b2",
        "vpce-0000000000000000c",
    ] {
        assert!(outside.contains(id), "{outside}");
    }
    assert!(!outside.contains("vpce-0000000000000000a"), "{outside}");
}

#[test]
fn a_region_without_an_endpoint_is_refused_with_all_that_helps_or_public() {
    let refused = leads(&table(NETWORKS), "localhost:8443", "ap-northeast-1", "127.0.0.1");
    assert_eq!(
        refused,
        "ap-northeast-1 has no VPC endpoint, so `localhost:8443`, called at 127.0.0.1, leads to the public endpoint there, and \
         `public_endpoint: refuse` is in force. The VPC endpoints: `vpce-0000000000000000a` (us-west-2, \
         vpc-0000000000000000a, 172.28.0.0/16), `vpce-0000000000000000b` (eu-west-1, vpc-0000000000000000b, \
         172.29.0.0/16), `vpce-000000000000000b2` (eu-west-1, vpc-0000000000000000b, 172.29.0.0/16), \
         `vpce-0000000000000000c` (eu-west-1, vpc-0000000000000000c, 172.30.0.0/16). Call from a Region that has one, add \
         one in ap-northeast-1, or let calls through without an endpoint policy by `public_endpoint: allow`"
    );
    let allowed = table(&format!("{NETWORKS}public_endpoint: allow\n"));
    assert_eq!(
        leads(&allowed, "localhost", "ap-northeast-1", "127.0.0.1"),
        "public"
    );
    let none = table("vpc_endpoints: []");
    assert!(leads(&none, "localhost", "us-west-2", "127.0.0.1").contains("There are no VPC endpoints."));
}

#[test]
fn the_service_name_asks_for_private_dns_in_the_network_and_for_nothing_less() {
    let allowed = table(&format!("{NETWORKS}public_endpoint: allow\n"));
    let refused = table(NETWORKS);
    let name = "lookoutvision.us-west-2.amazonaws.com";
    assert_eq!(
        leads(&refused, name, "us-west-2", "172.28.0.7"),
        "vpce-0000000000000000a"
    );
    assert_eq!(leads(&allowed, name, "us-west-2", "127.0.0.1"), "public");
    assert_eq!(
        leads(
            &allowed,
            "lookoutvision.eu-west-1.amazonaws.com",
            "eu-west-1",
            "172.29.0.7"
        ),
        "public",
        "no endpoint of that network has private DNS"
    );
    let sentence = leads(&refused, name, "us-west-2", "127.0.0.1");
    for part in [
        "us-west-2",
        "127.0.0.1",
        name,
        "vpce-0000000000000000a",
        "172.28.0.0/16",
        "`public_endpoint: allow`",
    ] {
        assert!(sentence.contains(part), "{part}: {sentence}");
    }
}

#[test]
fn ec2_and_sts_are_called_at_their_own_public_endpoints_whatever_is_said_about_this_one() {
    let table = table(NETWORKS);
    for service in [EmulatedService::Ec2, EmulatedService::Sts] {
        let region = "us-west-2".parse().expect("a Region");
        for host in [
            "localhost".to_owned(),
            format!("{}.us-west-2.amazonaws.com", service.host_label()),
        ] {
            let host = AddressedHost::new(&host);
            let arrival = Arrival {
                host: &host,
                local: [127, 0, 0, 1].into(),
            };
            let scope = Scope {
                service,
                region: &region,
            };
            let found = match table.by_host(arrival).expect("it is played") {
                HostEntryPoint::Known(entry_point, _) => entry_point,
                HostEntryPoint::ByScope => table.by_scope(scope, arrival).expect("it is there"),
            };
            assert!(found.vpc_endpoint().is_none(), "{service:?}");
        }
    }
}

#[test]
fn a_sentence_names_at_most_twenty_endpoints_and_a_name_as_long_as_one_can_be() {
    let mut yaml = "vpcs: [{vpc_id: vpc-0000000000000000a, region: us-west-2}]\nvpc_endpoints:\n".to_owned();
    for number in 0..25 {
        yaml += &format!(
            "  - {{vpc_endpoint_id: vpce-000000000000000{number:02}, vpc_id: vpc-0000000000000000a, private_dns_enabled: false}}\n"
        );
    }
    let sentence = leads(&table(&yaml), &"x".repeat(5_000), "us-west-2", "127.0.0.1");
    assert_eq!(sentence.matches("`vpce-").count(), 20);
    assert!(sentence.contains(" and 5 more"), "{sentence}");
    assert!(sentence.contains(&format!("`{}…`", "x".repeat(260))));
}
