//! VPCs and endpoints: unknown, overlapping, conflicting; and which endpoint has which policy.

use super::*;

const VPC: &str = "vpc-0a1b2c3d4e5f67890";
const OTHER_VPC: &str = "vpc-0123456789abcdef0";
const ENDPOINT: &str = "vpce-0a1b2c3d4e5f67890";
const OTHER_ENDPOINT: &str = "vpce-0123456789abcdef0";

fn vpcs(first: &str, second: &str) -> String {
    format!("vpcs:\n  - {{vpc_id: {VPC}{first}}}\n  - {{vpc_id: {OTHER_VPC}{second}}}\n")
}

fn endpoints(first: &str, second: &str) -> String {
    format!(
        "vpc_endpoints:\n\
         \x20 - {{vpc_endpoint_id: {ENDPOINT}, vpc_id: {VPC}{first}}}\n\
         \x20 - {{vpc_endpoint_id: {OTHER_ENDPOINT}, vpc_id: {second}}}\n"
    )
}

#[test]
fn an_endpoint_stands_in_a_vpc_that_is_declared() {
    check(
        &format!("vpc_endpoints:\n  - vpc_endpoint_id: {ENDPOINT}\n    vpc_id: vpc-1a2b3c4d\n"),
        "emulator.yaml:3:5: /vpc_endpoints/0/vpc_id: no VPC `vpc-1a2b3c4d` is declared in `vpcs`",
    );
    // The default VPC exists as long as `vpcs` is absent.
    valid(&format!(
        "vpc_endpoints: [{{vpc_endpoint_id: {ENDPOINT}, vpc_id: vpc-00000000000000000}}]\n"
    ));
}

#[test]
fn vpcs_without_endpoints_leave_the_default_endpoint_without_its_vpc() {
    check(
        &format!("vpcs: [{{vpc_id: {VPC}}}]\n"),
        "emulator.yaml:1:1: /vpcs: without `vpc_endpoints` there is the default endpoint, which stands in \
         `vpc-00000000000000000`, and that is not among these VPCs; declare the endpoints too (`vpc_endpoints: []` for \
         none)",
    );
    valid(&format!("vpcs: [{{vpc_id: {VPC}}}]\nvpc_endpoints: []\n"));
    valid("vpcs: [{vpc_id: vpc-00000000000000000, region: us-west-2}]\n");
}

#[test]
fn ids_are_there_once() {
    let yaml = format!(
        "vpcs:\n  - vpc_id: {VPC}\n  - vpc_id: {VPC}\nvpc_endpoints:\n\
         \x20 - {{vpc_endpoint_id: {ENDPOINT}, vpc_id: {VPC}}}\n  - {{vpc_endpoint_id: {ENDPOINT}, vpc_id: {VPC}}}\n"
    );
    let text = mistakes(&yaml);
    let expected = [
        "emulator.yaml:3:5: /vpcs/1/vpc_id: duplicate VPC `vpc-0a1b2c3d4e5f67890`; first at emulator.yaml:2:5",
        "emulator.yaml:6:6: /vpc_endpoints/1/vpc_endpoint_id: duplicate VPC endpoint `vpce-0a1b2c3d4e5f67890`; first at \
         emulator.yaml:5:6",
    ];
    assert_eq!(text, expected.join("\n"));
}

#[test]
fn networks_of_one_region_do_not_overlap() {
    let overlap = |first: &str, second: &str| {
        let endpoints = "vpc_endpoints: []\n";
        load(&(vpcs(first, second) + endpoints))
            .err()
            .map(|problems| problems.iter().next().unwrap().message.clone())
    };
    let in_west = ", region: us-west-2, cidr_block: 10.0.0.0/16";
    let message = overlap(in_west, ", region: us-west-2, cidr_block: 10.0.128.0/17").expect("they overlap");
    assert!(
        message.starts_with(
            "the network `10.0.128.0/17` overlaps that of VPC `vpc-0a1b2c3d4e5f67890`; first at "
        ),
        "{message}"
    );
    assert!(
        overlap(in_west, ", cidr_block: 10.0.0.0/8").is_some(),
        "every Region is also us-west-2"
    );
    assert!(overlap(", cidr_block: 10.0.0.0/16", ", cidr_block: 10.0.7.7/16").is_some());
    assert!(overlap(in_west, ", region: us-east-1, cidr_block: 10.0.0.0/16").is_none());
    assert!(overlap(in_west, ", region: us-west-2, cidr_block: 10.1.0.0/16").is_none());
    assert!(overlap(in_west, ", cidr_block: 'fd00::/8'").is_none());
    // A VPC without a network is around the others.
    assert!(overlap(in_west, "").is_none());
}

#[test]
fn a_network_is_an_address_and_the_length_of_its_prefix() {
    check(
        &(vpcs(", cidr_block: 10.0.0.0", ", cidr_block: 10.0.0.0/33") + "vpc_endpoints: []\n"),
        "emulator.yaml:2:37: /vpcs/0/cidr_block: `10.0.0.0` is not a network (like `172.28.0.0/16`)\n\
         emulator.yaml:3:37: /vpcs/1/cidr_block: `10.0.0.0/33` is not a network (like `172.28.0.0/16`)",
    );
    let config = valid(&(vpcs(", cidr_block: 100.68.0.18/18", "") + "vpc_endpoints: []\n"));
    assert_eq!(
        config.settings.networks.vpcs[0]
            .cidr_block
            .expect("there is one")
            .to_string(),
        "100.68.0.0/18"
    );
}

#[test]
fn a_vpc_has_one_endpoint_with_private_dns() {
    check(
        &(vpcs(", cidr_block: 10.0.0.0/16", ", cidr_block: 10.1.0.0/16") + &endpoints("", VPC)),
        "emulator.yaml:6:5: /vpc_endpoints/1: VPC `vpc-0a1b2c3d4e5f67890` has the endpoint `vpce-0a1b2c3d4e5f67890` with \
         private DNS already: private-dns-enabled cannot be set because there is already a conflicting DNS domain; first \
         at emulator.yaml:5:5",
    );
    let second = format!("{VPC}, private_dns_enabled: false");
    valid(&(vpcs("", "") + &endpoints("", &second)));
}

#[test]
fn two_vpcs_around_every_address_have_one_endpoint_with_private_dns() {
    check(
        &(vpcs("", "") + &endpoints("", OTHER_VPC)),
        "emulator.yaml:6:5: /vpc_endpoints/1: neither VPC `vpc-0123456789abcdef0` nor VPC `vpc-0a1b2c3d4e5f67890` has a \
         `cidr_block`, so both hold every address, and both have an endpoint with private DNS: nothing tells which one a \
         request came through; first at emulator.yaml:5:5",
    );
    valid(&(vpcs("", "") + &endpoints(", private_dns_enabled: false", OTHER_VPC)));
    valid(&(vpcs(", region: us-west-2", ", region: us-east-1") + &endpoints("", OTHER_VPC)));
    valid(&(vpcs(", cidr_block: 10.0.0.0/16", "") + &endpoints("", OTHER_VPC)));
}

#[test]
fn mistakes_of_a_policy_have_the_place_where_it_is_written() {
    check("endpoint_policy: policies/broken.json\n", BROKEN_POLICY_PROBLEMS);
    check(
        "endpoint_policy:\n  Statement:\n    - Effect: Permit\n      Principal: '*'\n      Action: '*'\n      Resource: '*'\n",
        "emulator.yaml:3:7: /endpoint_policy/Statement/0/Effect: `Permit` is not an effect; expected `Allow` or `Deny`, in this \
         case",
    );
    check(
        "endpoint_policy: nowhere.json\n",
        "emulator.yaml:1:1: /endpoint_policy: `nowhere.json` cannot be read: there is no such file",
    );
    check(
        "endpoint_policy: [a]\n",
        "emulator.yaml:1:1: /endpoint_policy: expected the path of a policy file, or a mapping that is the policy document, \
         found a list",
    );
}

#[test]
fn a_policy_has_a_size() {
    let sid = "a".repeat(20_480);
    let text = mistakes(&format!(
        "endpoint_policy: {{Id: {sid}, Statement: {{Effect: Deny, Principal: '*', Action: '*', Resource: '*'}}}}\n"
    ));
    assert!(
        text.starts_with("emulator.yaml:1:1: /endpoint_policy: ") && text.contains("20480"),
        "{text}"
    );
}

#[test]
fn the_policy_of_an_option_goes_to_the_default_endpoint() {
    let folder = folder_with_files();
    let with_option = |yaml: &str| {
        let config = folder.write("emulator.yaml", yaml);
        let endpoint_policy = Some(folder.join("policies/endpoint.json"));
        Config::load(&Overrides {
            endpoint_policy,
            ..overrides(config)
        })
    };
    let config = with_option(
        "endpoint_policy: {Statement: {Effect: Allow, Principal: '*', Action: '*', Resource: '*'}}\n",
    );
    let config = config.expect("the option overrides the file");
    assert_eq!(
        config.settings.networks.vpc_endpoints[0].policy_document.text(),
        ENDPOINT_POLICY
    );
    assert!(
        config
            .files
            .iter()
            .any(|file| file.path() == folder.join("policies/endpoint.json"))
    );

    let other = format!("vpc_endpoints: [{{vpc_endpoint_id: {ENDPOINT}, vpc_id: vpc-00000000000000000}}]\n");
    let problems = with_option(&other).expect_err("the default endpoint is not among them");
    assert_eq!(
        problems.to_string(),
        "endpoint-policy: the policy is for the default endpoint `vpce-00000000000000000`, which is not among the \
         `vpc_endpoints` of the configuration file; give the policy there, as `policy_document`"
    );
    let among = "vpc_endpoints: [{vpc_endpoint_id: vpce-00000000000000000, vpc_id: vpc-00000000000000000}]\n";
    let config = with_option(among).expect("the default endpoint is among them");
    assert_eq!(
        config.settings.networks.vpc_endpoints[0].policy_document.text(),
        ENDPOINT_POLICY
    );
}

#[test]
fn the_policy_file_of_an_option_must_be_there() {
    let endpoint_policy = Some(PathBuf::from("/nowhere/policy.json"));
    let folder = folder_with_files();
    let config = folder.write("emulator.yaml", "");
    let problems = Config::load(&Overrides {
        endpoint_policy,
        ..overrides(config)
    })
    .expect_err("it is not there");
    assert_eq!(
        problems.to_string(),
        "endpoint-policy: `/nowhere/policy.json` cannot be read: there is no such file"
    );
}

#[test]
fn the_policy_of_the_default_endpoint_is_not_given_beside_endpoints() {
    check(
        "endpoint_policy: policies/endpoint.json\nvpc_endpoints: []\n",
        "emulator.yaml:1:1: /endpoint_policy: this is the default endpoint's policy, and `vpc_endpoints` takes the default \
         endpoint's place; give the policy there, as `policy_document`",
    );
}
