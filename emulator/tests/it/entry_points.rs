//! Which endpoint a request came through: by its name, by the network it arrived in, or none.

use std::net::SocketAddr;

use lookoutvision_emulator::Emulator;
use serde_json::Value;

use crate::support::{Answer, Call, emulator, emulator_with};

/// Two networks, each with an endpoint: the second one's policy allows nothing that is asked here
const TWO_VPCS: &str = r#"
listen: 0.0.0.0:0
vpcs:
  - {vpc_id: vpc-0000000000000000a, region: us-west-2, cidr_block: 127.0.1.0/24}
  - {vpc_id: vpc-0000000000000000b, region: us-west-2, cidr_block: 127.0.2.0/24}
vpc_endpoints:
  - {vpc_endpoint_id: vpce-0000000000000000a, vpc_id: vpc-0000000000000000a, private_dns_enabled: true}
  - vpc_endpoint_id: vpce-0000000000000000b
    vpc_id: vpc-0000000000000000b
    private_dns_enabled: true
    policy_document:
      Statement: [{Effect: Allow, Principal: "*", Action: "lookoutvision:ListProjects", Resource: "*"}]
"#;

const REGIONAL: &str = "lookoutvision.us-west-2.amazonaws.com";

async fn arriving_at(emulator: &Emulator, address: [u8; 4], host: &str) -> Answer {
    let mut call = Call::detect("1").host(host);
    call.address = Some(SocketAddr::from((address, emulator.address().port())));
    call.send(emulator).await
}

async fn last_entry(emulator: &Emulator) -> Value {
    emulator.requests().await.pop().expect("a request was sent")
}

#[tokio::test]
async fn two_networks_are_two_vpcs_with_two_policies() {
    let emulator = emulator_with(TWO_VPCS).await;
    let first = arriving_at(&emulator, [127, 0, 1, 1], REGIONAL).await;
    assert_eq!(first.status, 200, "{first:?}");
    let entry = last_entry(&emulator).await;
    assert_eq!(entry["entry_point"]["vpc_endpoint_id"], "vpce-0000000000000000a");
    assert_eq!(entry["entry_point"]["vpc_id"], "vpc-0000000000000000a");
    assert_eq!(entry["context"]["aws:SourceVpc"][0], "vpc-0000000000000000a");

    let second = arriving_at(&emulator, [127, 0, 2, 1], REGIONAL).await;
    second.check(403, "AccessDeniedException");
    assert_eq!(
        last_entry(&emulator).await["entry_point"]["vpc_endpoint_id"],
        "vpce-0000000000000000b"
    );
}

#[tokio::test]
async fn outside_of_every_network_is_the_public_endpoint() {
    let emulator = emulator_with(TWO_VPCS).await;
    assert_eq!(arriving_at(&emulator, [127, 0, 3, 1], REGIONAL).await.status, 200);
    let entry = last_entry(&emulator).await;
    assert_eq!(entry["entry_point"]["kind"], "public");
    assert_eq!(entry["entry_point"]["vpc_endpoint_id"], Value::Null);
    assert_eq!(entry["context"]["aws:SourceVpce"], Value::Null);
    assert!(entry["context"]["aws:SourceIp"][0].is_string());
    assert_eq!(entry["context"]["aws:VpcSourceIp"], Value::Null);
}

#[tokio::test]
async fn an_endpoints_own_name_leads_to_it_from_anywhere() {
    let emulator = emulator_with(TWO_VPCS).await;
    for host in [
        "vpce-0000000000000000b.lookoutvision.us-west-2.vpce.amazonaws.com",
        "vpce-0000000000000000b-abcd1234.lookoutvision.us-west-2.vpce.amazonaws.com",
        "vpce-0000000000000000b-abcd1234-us-west-2a.lookoutvision.us-west-2.vpce.amazonaws.com",
    ] {
        let answer = arriving_at(&emulator, [127, 0, 1, 1], host).await;
        answer.check(403, "AccessDeniedException");
        assert_eq!(
            last_entry(&emulator).await["entry_point"]["vpc_endpoint_id"],
            "vpce-0000000000000000b",
            "{host}"
        );
    }
}

#[tokio::test]
async fn an_endpoints_name_that_leads_nowhere_is_misdirected_and_journaled() {
    let emulator = emulator_with(TWO_VPCS).await;
    for host in [
        "vpce-0000000000000000c.lookoutvision.us-west-2.vpce.amazonaws.com",
        "vpce-0000000000000000a.lookoutvision.us-east-1.vpce.amazonaws.com",
    ] {
        let answer = arriving_at(&emulator, [127, 0, 1, 1], host).await;
        answer.check(421, "MisdirectedRequestException");
        let entry = last_entry(&emulator).await;
        assert_eq!(
            (&entry["status"], &entry["host"]),
            (&Value::from(421), &Value::from(host))
        );
    }
}

#[tokio::test]
async fn without_private_dns_the_service_name_is_the_public_endpoint() {
    let emulator = emulator_with(
        r"
vpcs: [{vpc_id: vpc-0000000000000000a}]
vpc_endpoints:
  - {vpc_endpoint_id: vpce-0000000000000000a, vpc_id: vpc-0000000000000000a, private_dns_enabled: false}
",
    )
    .await;
    Call::detect("1").host(REGIONAL).send(&emulator).await;
    assert_eq!(last_entry(&emulator).await["entry_point"]["kind"], "public");
    let own = "vpce-0000000000000000a-abcd1234.lookoutvision.us-west-2.vpce.amazonaws.com";
    Call::detect("1").host(own).send(&emulator).await;
    assert_eq!(last_entry(&emulator).await["entry_point"]["kind"], "vpc-endpoint");
}

#[tokio::test]
async fn any_other_name_is_read_by_the_region_of_the_signature() {
    let emulator = emulator_with(&TWO_VPCS.replace("region: us-west-2", "region: eu-west-1")).await;
    let mut call = Call::detect("1");
    call.address = Some(SocketAddr::from(([127, 0, 1, 1], emulator.address().port())));
    call.clone().region("eu-west-1").send(&emulator).await;
    assert_eq!(
        last_entry(&emulator).await["entry_point"]["vpc_endpoint_id"],
        "vpce-0000000000000000a"
    );
    call.region("us-west-2").send(&emulator).await;
    assert_eq!(last_entry(&emulator).await["entry_point"]["kind"], "public");
}

#[tokio::test]
async fn the_default_endpoint_stands_in_every_region() {
    let emulator = emulator().await;
    for region in ["us-east-1", "eu-central-1", "ap-northeast-2"] {
        let host = format!("lookoutvision.{region}.amazonaws.com");
        assert_eq!(
            Call::detect("1")
                .host(&host)
                .region(region)
                .send(&emulator)
                .await
                .status,
            200
        );
        let entry = last_entry(&emulator).await;
        assert_eq!(entry["entry_point"]["vpc_endpoint_id"], "vpce-00000000000000000");
        assert_eq!(entry["tls"]["sni"], host.as_str());
    }
}
