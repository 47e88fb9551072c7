//! Which endpoint a request came through: found by its name, by the network that it arrived in, as the only one, or
//! none.

use std::{fs, net::SocketAddr, path::Path};

use lookoutvision_emulator::Emulator;
use serde_json::{Value, json};

use crate::{
    process::Process,
    support::{Answer, Call, control, emulator, emulator_with},
};

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
    crate::support::journal_of(emulator)
        .await
        .pop()
        .expect("a request was sent")
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
async fn outside_of_every_network_is_the_public_endpoint_where_it_is_allowed() {
    let emulator = emulator_with(&format!("{TWO_VPCS}public_endpoint: allow\n")).await;
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
public_endpoint: allow
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
    // A client in another Region: there is no endpoint, and so no policy to be asked.
    let message = misdirected(&emulator, &call.region("us-west-2")).await;
    for part in [
        "us-west-2",
        "127.0.1.1",
        "vpce-0000000000000000a",
        "vpce-0000000000000000b",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

/// The sentence of a call that came through no entry point; the journal has the same
async fn misdirected(emulator: &Emulator, call: &Call) -> String {
    let message = call
        .send(emulator)
        .await
        .check(421, "MisdirectedRequestException");
    let entry = last_entry(emulator).await;
    assert_eq!(entry["message"], message.as_str());
    assert_eq!(entry["error_code"], "MisdirectedRequestException");
    assert_eq!(entry["entry_point"], Value::Null, "it came through none");
    assert_eq!(entry["decision"], Value::Null, "no policy was asked");
    message
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

/// An endpoint in a network that holds none of the addresses that a test can listen on; its policy denies everything
const ELSEWHERE: &str = r#"
vpcs: [{vpc_id: vpc-0a1b2c3d4e5f67890, region: us-west-2, cidr_block: 172.28.0.0/16}]
vpc_endpoints:
  - vpc_endpoint_id: vpce-0a1b2c3d4e5f67890
    vpc_id: vpc-0a1b2c3d4e5f67890
    policy_document: {Statement: [{Effect: Deny, Principal: "*", Action: "*", Resource: "*"}]}
"#;

#[tokio::test]
async fn localhost_leads_to_the_only_endpoint_whatever_its_cidr_block() {
    let emulator = emulator_with(ELSEWHERE).await;
    for host in ["localhost", "127.0.0.1"] {
        let denied = Call::detect("1").host(host).send(&emulator).await;
        let message = denied.check(403, "AccessDeniedException");
        assert!(
            message.ends_with("with an explicit deny in a VPC endpoint policy"),
            "{message}"
        );
        let entry = last_entry(&emulator).await;
        assert_eq!(entry["entry_point"]["vpc_endpoint_id"], "vpce-0a1b2c3d4e5f67890");
        assert_eq!(entry["context"]["aws:SourceVpc"][0], "vpc-0a1b2c3d4e5f67890");
    }
    // The service's own name leads to it inside of its network only.
    let message = misdirected(&emulator, &Call::detect("1").host(REGIONAL)).await;
    for part in [
        REGIONAL,
        "127.0.0.1",
        "us-west-2",
        "vpce-0a1b2c3d4e5f67890",
        "public_endpoint",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[tokio::test]
async fn the_policy_that_a_rust_test_gives_is_asked_whatever_the_cidr_block() {
    let without_policy: String = ELSEWHERE
        .lines()
        .filter(|line| !line.contains("policy_document"))
        .map(|line| format!("{line}\n"))
        .collect();
    let emulator = Emulator::builder()
        .config_yaml(&without_policy)
        .endpoint_policy(
            json!({"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}),
        )
        .start()
        .await
        .expect("it is valid");
    assert_eq!(
        emulator.endpoint_url(),
        format!("https://localhost:{}", emulator.address().port())
    );
    let denied = Call::detect("1").send(&emulator).await;
    denied.check(403, "AccessDeniedException");
}

#[tokio::test]
async fn after_the_only_endpoint_was_deleted_nothing_leads_around_its_policy() {
    let emulator = emulator_with(ELSEWHERE).await;
    let id = [("VpcEndpointId.1", "vpce-0a1b2c3d4e5f67890")];
    let deleted = Call::query("ec2", "DeleteVpcEndpoints", &id)
        .send(&emulator)
        .await;
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    for host in ["localhost", REGIONAL] {
        let message = misdirected(&emulator, &Call::detect("1").host(host)).await;
        assert!(message.contains("There are no VPC endpoints."), "{message}");
    }
    // EC2 and STS are other services, with public endpoints of their own.
    for (service, action) in [("ec2", "DescribeVpcEndpoints"), ("sts", "GetCallerIdentity")] {
        for host in [
            "localhost".to_owned(),
            format!("{service}.us-west-2.amazonaws.com"),
        ] {
            let answer = Call::query(service, action, &[])
                .host(&host)
                .send(&emulator)
                .await;
            assert_eq!(answer.status, 200, "{host}: {}", answer.text());
            assert_eq!(last_entry(&emulator).await["entry_point"]["kind"], "public");
        }
    }
    control(&emulator, "POST", "/reset", "").await;
    Call::detect("1")
        .send(&emulator)
        .await
        .check(403, "AccessDeniedException");
}

#[tokio::test]
async fn of_several_endpoints_localhost_leads_to_the_one_of_its_network_or_to_none() {
    let emulator = emulator_with(TWO_VPCS).await;
    assert_eq!(
        arriving_at(&emulator, [127, 0, 1, 1], "localhost").await.status,
        200
    );
    let denied = arriving_at(&emulator, [127, 0, 2, 1], "localhost").await;
    denied.check(403, "AccessDeniedException");

    let mut call = Call::detect("1");
    call.address = Some(SocketAddr::from(([127, 0, 3, 1], emulator.address().port())));
    let message = misdirected(&emulator, &call).await;
    for part in [
        "`vpce-0000000000000000a`",
        "`vpce-0000000000000000b`",
        "VPC-ENDPOINT-ID.lookoutvision.us-west-2.vpce.amazonaws.com",
        "`cidr_block`",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    // As the sentence says.
    let own_name = "vpce-0000000000000000a.lookoutvision.us-west-2.vpce.amazonaws.com";
    assert_eq!(call.host(own_name).send(&emulator).await.status, 200);
}

#[tokio::test]
async fn a_misdirected_client_that_sends_a_large_body_reads_its_answer() {
    let emulator = emulator_with("vpc_endpoints: []").await;
    // More than any buffer on the way.
    let call = Call::detect("1").body("image/jpeg", &vec![0xff; 4_000_000]);
    let message = misdirected(&emulator, &call).await;
    assert!(message.contains("us-west-2 has no VPC endpoint"), "{message}");
    assert_eq!(last_entry(&emulator).await["operation"], "DetectAnomalies");
}

#[tokio::test]
async fn the_region_that_clients_are_given_leads_to_an_endpoint_whatever_its_policy_names() {
    for (named, given) in [("us-west-2", "us-west-2"), ("eu-west-1", "us-west-2")] {
        let policy = json!({"Statement": [{
            "Effect": "Allow", "Principal": "*", "Action": "*",
            "Resource": format!("arn:aws:lookoutvision:{named}:123456789012:*"),
        }]});
        let emulator = Emulator::builder()
            .config_yaml(ELSEWHERE)
            .endpoint_policy(policy)
            .start();
        let emulator = emulator.await.expect("it is valid");
        let answer = control(&emulator, "GET", "/env?format=dotenv&certs_directory=/certs", "").await;
        assert!(
            answer.text().contains(&format!("AWS_REGION=\"{given}\"")),
            "{named}: {answer:?}"
        );
    }
}

/// The program in a folder with the examples, one of which is its configuration
fn with_example(name: &str) -> (tempfile::TempDir, Process) {
    let folder = tempfile::tempdir().expect("a folder");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    copy(&examples, folder.path());
    fs::rename(folder.path().join(name), folder.path().join("emulator.yaml")).expect("the example is there");
    let process = Process::start(folder.path());
    (folder, process)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder is ours");
    for entry in fs::read_dir(from).expect("the examples are there") {
        let entry = entry.expect("a file or a folder");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("the folder is ours");
        }
    }
}

fn as_alice(model: &str) -> Call {
    Call::detect(model).credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
}

#[tokio::test]
async fn the_policy_of_the_complete_example_is_asked_on_localhost() {
    let (_folder, process) = with_example("complete.yaml");
    let denied = process.send(&as_alice("1")).await.expect("an answer");
    let message = denied.check(403, "AccessDeniedException");
    assert!(
        message.ends_with("because no VPC endpoint policy allows the lookoutvision:DetectAnomalies action"),
        "{message}"
    );
    // The model that it names is throttled by its first rule, after it was allowed.
    let throttled = process.send(&as_alice("myModel")).await.expect("an answer");
    throttled.check(429, "ThrottlingException");
}

#[tokio::test]
async fn nothing_leads_around_the_policies_of_the_example_with_two_networks() {
    let (_folder, process) = with_example("two-networks.yaml");
    let call = Call::detect("1");
    let answer = process.send(&call).await.expect("an answer");
    let message = answer.check(421, "MisdirectedRequestException");
    for id in ["`vpce-0a1b2c3d4e5f67890`", "`vpce-0123456789abcdef0`"] {
        assert!(message.contains(id), "{message}");
    }
    let own_name = "vpce-0123456789abcdef0.lookoutvision.us-west-2.vpce.amazonaws.com";
    let denied = process.send(&call.host(own_name)).await.expect("an answer");
    denied.check(403, "AccessDeniedException");
}

#[tokio::test]
async fn client_log_and_journal_say_the_same_once() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("emulator.yaml"), ELSEWHERE).expect("the folder is ours");
    let process = Process::start(folder.path());
    // The start says that nobody arrives in that network.
    let log = process.log();
    let warned = log
        .lines()
        .find(|line| line.contains("/vpcs/0/cidr_block: none of the addresses"));
    assert!(warned.is_some_and(|line| line.contains("WARN")), "{log}");
    let answer = process
        .send(&Call::detect("1").region("eu-west-1"))
        .await
        .expect("an answer");
    let message = answer.check(421, "MisdirectedRequestException");
    let log = process.log();
    // The line about the request, which comes when it comes, says it as well.
    let is_warning = |line: &&str| line.contains(&message) && line.contains("WARN");
    assert_eq!(log.lines().filter(is_warning).count(), 1, "{log}");
    let journal = process.control("GET", "/requests", "").await.json();
    assert_eq!(journal[0]["message"], message.as_str());
}
