//! Endpoints made, changed and deleted over EC2, and what that means for the next request.

use lookoutvision_emulator::{ClockSetting, Emulator};
use serde_json::Value;

use crate::{
    process::Process,
    support::{Answer, Call, ONE_MODEL, control, emulator, emulator_with},
};

/// One network in us-west-2 and no endpoint yet
const NO_ENDPOINT: &str = r"
vpcs: [{vpc_id: vpc-0a1b2c3d4e5f67890, region: us-west-2, cidr_block: 127.0.0.0/16}]
vpc_endpoints: []
";
const VPC: &str = "vpc-0a1b2c3d4e5f67890";
const SERVICE: &str = "com.amazonaws.us-west-2.lookoutvision";

const INTERFACE: [(&str, &str); 3] = [
    ("VpcEndpointType", "Interface"),
    ("ServiceName", SERVICE),
    ("VpcId", VPC),
];

async fn ec2(emulator: &Emulator, action: &str, parameters: &[(&str, &str)]) -> Answer {
    Call::query("ec2", action, parameters).send(emulator).await
}

async fn create(emulator: &Emulator, more: &[(&str, &str)]) -> Answer {
    let parameters: Vec<_> = INTERFACE.iter().chain(more).copied().collect();
    let answer = ec2(emulator, "CreateVpcEndpoint", &parameters).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

async fn created(emulator: &Emulator, more: &[(&str, &str)]) -> String {
    let answer = create(emulator, more).await;
    answer.xml("vpcEndpointId").expect("an endpoint has an id")
}

async fn subnets(emulator: &Emulator) -> Vec<String> {
    ec2(emulator, "DescribeSubnets", &[]).await.xml_all("subnetId")
}

async fn last_entry(emulator: &Emulator) -> Value {
    crate::support::journal_of(emulator)
        .await
        .pop()
        .expect("a request was sent")
}

#[tokio::test]
async fn an_endpoint_that_was_made_answers_under_all_of_its_names_at_once() {
    let emulator = emulator_with(NO_ENDPOINT).await;
    let subnets = subnets(&emulator).await;
    assert_eq!(subnets.len(), 3);
    let answer = create(
        &emulator,
        &[
            ("PolicyDocument", ONE_MODEL),
            ("SubnetId.1", &subnets[0]),
            ("SubnetId.2", &subnets[1]),
        ],
    )
    .await;
    let id = answer.xml("vpcEndpointId").expect("an id");
    assert_eq!((id.len(), answer.xml("state").as_deref()), (22, Some("pending")));
    assert_eq!(answer.xml("policyDocument").as_deref(), Some(ONE_MODEL));
    assert_eq!(answer.xml("ownerId").as_deref(), Some("123456789012"));
    let names = answer.xml_all("dnsName");
    assert_eq!(
        names.len(),
        4,
        "one of the Region, two of zones, the private one: {names:?}"
    );
    assert_eq!(names[3], "lookoutvision.us-west-2.amazonaws.com");
    assert!(names[1].ends_with("-us-west-2a.lookoutvision.us-west-2.vpce.amazonaws.com"));

    for name in &names {
        let allowed = Call::detect("myModel").host(name).send(&emulator).await;
        assert_eq!(allowed.status, 200, "{name}: {allowed:?}");
        let denied = Call::detect("1").host(name).send(&emulator).await;
        let message = denied.check(403, "AccessDeniedException");
        assert!(
            message
                .ends_with("because no VPC endpoint policy allows the lookoutvision:DetectAnomalies action")
        );
        let entry = last_entry(&emulator).await;
        assert_eq!(entry["entry_point"]["vpc_endpoint_id"], id.as_str(), "{name}");
        assert_eq!(entry["context"]["aws:SourceVpce"][0], id.as_str(), "{name}");
        assert_eq!(entry["context"]["aws:SourceVpc"][0], VPC, "{name}");
        assert_eq!(entry["context"]["aws:SourceIp"], Value::Null, "{name}");
    }

    let described = ec2(&emulator, "DescribeVpcEndpoints", &[("VpcEndpointId.1", &id)]).await;
    assert_eq!(described.xml("state").as_deref(), Some("available"));
    assert_eq!(described.xml_all("dnsName"), names);
    assert_eq!(described.xml_all("subnetIdSet"), Vec::<String>::new());
    assert!(described.text().contains(&format!("<item>{}</item>", subnets[1])));
}

#[tokio::test]
async fn another_policy_takes_effect_for_the_next_request_and_can_be_reset() {
    let emulator = emulator_with(NO_ENDPOINT).await;
    let id = created(&emulator, &[("PolicyDocument", ONE_MODEL)]).await;
    let detect = Call::detect("1").host("lookoutvision.us-west-2.amazonaws.com");
    detect.send(&emulator).await.check(403, "AccessDeniedException");

    let reset = [("VpcEndpointId", id.as_str()), ("ResetPolicy", "true")];
    let answer = ec2(&emulator, "ModifyVpcEndpoint", &reset).await;
    assert_eq!(answer.xml("return").as_deref(), Some("true"), "{}", answer.text());
    assert_eq!(detect.send(&emulator).await.status, 200);

    let attach = [("VpcEndpointId", id.as_str()), ("PolicyDocument", ONE_MODEL)];
    ec2(&emulator, "ModifyVpcEndpoint", &attach).await;
    detect.send(&emulator).await.check(403, "AccessDeniedException");

    // The control API sees the same endpoint.
    let shown = control(&emulator, "GET", &format!("/vpc-endpoints/{id}/policy"), "").await;
    assert_eq!(shown.text(), ONE_MODEL);
    control(&emulator, "DELETE", &format!("/vpc-endpoints/{id}/policy"), "").await;
    assert_eq!(detect.send(&emulator).await.status, 200);
}

#[tokio::test]
async fn a_deleted_endpoint_is_gone_at_once_and_shown_for_a_second() {
    let emulator = emulator_with(NO_ENDPOINT).await;
    let answer = create(&emulator, &[("PolicyDocument", ONE_MODEL)]).await;
    let id = answer.xml("vpcEndpointId").expect("an id");
    let own_name = answer.xml("dnsName").expect("a name");
    let instant = "2026-01-02T03:04:05Z".parse().expect("an instant");
    emulator
        .set_clock(ClockSetting::FrozenAt(instant))
        .expect("a moment of this century");
    let at = |call: Call, seconds: u64| Call {
        time: std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_767_323_045 + seconds),
        ..call
    };

    let delete = Call::query("ec2", "DeleteVpcEndpoints", &[("VpcEndpointId.1", &id)]);
    let answer = at(delete, 0).send(&emulator).await;
    assert_eq!(
        (answer.status, answer.xml("code")),
        (200, None),
        "{}",
        answer.text()
    );
    at(Call::detect("myModel").host(&own_name), 0)
        .send(&emulator)
        .await
        .check(421, "MisdirectedRequestException");

    let describe = Call::query("ec2", "DescribeVpcEndpoints", &[("VpcEndpointId.1", &id)]);
    let answer = at(describe.clone(), 0).send(&emulator).await;
    assert_eq!(answer.xml("state").as_deref(), Some("deleting"));
    let later = "2026-01-02T03:04:06Z".parse().expect("an instant");
    emulator
        .set_clock(ClockSetting::FrozenAt(later))
        .expect("a moment of this century");
    let message = at(describe, 1)
        .send(&emulator)
        .await
        .check_xml(400, "InvalidVpcEndpointId.NotFound");
    assert_eq!(message, format!("The Vpc Endpoint Id '{id}' does not exist"));
}

#[tokio::test]
async fn what_cannot_be_deleted_is_told_item_by_item() {
    let emulator = emulator_with(NO_ENDPOINT).await;
    let id = created(&emulator, &[]).await;
    let ids = [
        ("VpcEndpointId.1", "vpce-0000000000000dead"),
        ("VpcEndpointId.2", id.as_str()),
    ];
    let answer = ec2(&emulator, "DeleteVpcEndpoints", &ids).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.xml_all("code"), ["InvalidVpcEndpoint.NotFound"]);
    assert_eq!(answer.xml_all("resourceId"), ["vpce-0000000000000dead"]);
}

#[tokio::test]
async fn the_endpoints_of_the_configuration_are_in_the_same_table_and_reset_restores_them() {
    let emulator = emulator().await;
    let configured = "vpce-00000000000000000";
    let described = ec2(&emulator, "DescribeVpcEndpoints", &[]).await;
    assert_eq!(described.xml_all("vpcEndpointId"), [configured]);

    ec2(
        &emulator,
        "DeleteVpcEndpoints",
        &[("VpcEndpointId.1", configured)],
    )
    .await;
    // No endpoint is left, and nothing leads around the policy that it had.
    for host in ["localhost", "lookoutvision.us-west-2.amazonaws.com"] {
        let answer = Call::detect("1").host(host).send(&emulator).await;
        let message = answer.check(421, "MisdirectedRequestException");
        assert!(message.contains("There are no VPC endpoints."), "{message}");
        assert_eq!(last_entry(&emulator).await["entry_point"], Value::Null);
    }
    let parameters: Vec<_> = INTERFACE
        .iter()
        .map(|(name, value)| {
            (
                *name,
                if *name == "VpcId" {
                    "vpc-00000000000000000"
                } else {
                    *value
                },
            )
        })
        .collect();
    let answer = ec2(&emulator, "CreateVpcEndpoint", &parameters).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    Call::detect("1").send(&emulator).await;
    let made = answer.xml("vpcEndpointId").expect("an id");
    assert_eq!(
        last_entry(&emulator).await["entry_point"]["vpc_endpoint_id"],
        made.as_str()
    );
    // It was made in us-west-2 and stands nowhere else.
    let elsewhere = Call::detect("1").region("eu-west-1").send(&emulator).await;
    let message = elsewhere.check(421, "MisdirectedRequestException");
    assert!(
        message.contains(&made) && message.contains("eu-west-1"),
        "{message}"
    );

    emulator.reset();
    let described = ec2(&emulator, "DescribeVpcEndpoints", &[]).await;
    assert_eq!(described.xml_all("vpcEndpointId"), [configured]);
    Call::detect("1").send(&emulator).await;
    assert_eq!(
        last_entry(&emulator).await["entry_point"]["vpc_endpoint_id"],
        configured
    );
}

#[tokio::test]
async fn private_dns_belongs_to_one_endpoint_of_a_network() {
    let emulator = emulator_with(NO_ENDPOINT).await;
    let first = created(&emulator, &[]).await;
    let again: Vec<_> = INTERFACE.to_vec();
    let message = ec2(&emulator, "CreateVpcEndpoint", &again)
        .await
        .check_xml(400, "InvalidParameter");
    assert_eq!(
        message,
        "private-dns-enabled cannot be set because there is already a conflicting DNS domain for \
         lookoutvision.us-west-2.amazonaws.com in the VPC vpc-0a1b2c3d4e5f67890"
    );
    let second = created(&emulator, &[("PrivateDnsEnabled", "false")]).await;
    let enable = [("VpcEndpointId", second.as_str()), ("PrivateDnsEnabled", "true")];
    ec2(&emulator, "ModifyVpcEndpoint", &enable)
        .await
        .check_xml(400, "InvalidParameter");
    let disable = [("VpcEndpointId", first.as_str()), ("PrivateDnsEnabled", "false")];
    ec2(&emulator, "ModifyVpcEndpoint", &disable).await;
    let answer = ec2(&emulator, "ModifyVpcEndpoint", &enable).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    Call::detect("1")
        .host("lookoutvision.us-west-2.amazonaws.com")
        .send(&emulator)
        .await;
    assert_eq!(
        last_entry(&emulator).await["entry_point"]["vpc_endpoint_id"],
        second.as_str()
    );
}

#[tokio::test]
async fn each_mistake_has_its_code_and_its_sentence() {
    let emulator = emulator_with(NO_ENDPOINT).await;
    let with = |name: &'static str, value: &'static str| -> Vec<(&str, &str)> {
        let others = INTERFACE.iter().filter(move |(other, _)| *other != name);
        others.copied().chain([(name, value)]).collect()
    };
    let without = |name: &'static str| -> Vec<(&str, &str)> {
        INTERFACE
            .iter()
            .filter(move |(other, _)| *other != name)
            .copied()
            .collect()
    };
    let cases = [
        (
            with("VpcId", "vpc-0000000000000dead"),
            "InvalidVpcId.NotFound",
            "The Vpc Id vpc-0000000000000dead does not exist",
        ),
        (
            with("VpcId", "vpc-1"),
            "InvalidVpcId.Malformed",
            "Invalid Id: 'vpc-1'",
        ),
        (
            with("ServiceName", "com.amazonaws.us-east-1.lookoutvision"),
            "InvalidServiceName",
            "The Vpc Endpoint Service 'com.amazonaws.us-east-1.lookoutvision' does not exist",
        ),
        (
            with("PolicyDocument", "{\"Statement\": [{\"Effect\": \"Permit\"}]}"),
            "InvalidPolicyDocument",
            "The Policy Document is not valid. Syntax error at position (1,16)",
        ),
        (
            without("VpcId"),
            "MissingParameter",
            "The request must contain the parameter VpcId",
        ),
        (
            without("VpcEndpointType"),
            "InvalidParameter",
            "Endpoint type (Gateway) does not match available service types ([Interface]).",
        ),
        (
            with("Colour", "blue"),
            "UnknownParameter",
            "The parameter Colour is not recognized",
        ),
        (
            with("SubnetId.1", "subnet-0000000000000dead"),
            "InvalidSubnetID.NotFound",
            "The subnet ID 'subnet-0000000000000dead' does not exist",
        ),
        (
            with("DryRun", "maybe"),
            "InvalidParameterValue",
            "Value (maybe) for parameter DryRun is invalid. Expected true or false.",
        ),
    ];
    for (parameters, code, sentence) in cases {
        let answer = ec2(&emulator, "CreateVpcEndpoint", &parameters).await;
        assert_eq!(answer.check_xml(400, code), sentence);
    }
    let answer = ec2(&emulator, "RunInstances", &[]).await;
    assert_eq!(
        answer.check_xml(400, "InvalidAction"),
        "The action RunInstances is not valid for this web service."
    );
    let entry = last_entry(&emulator).await;
    assert_eq!(
        (&entry["service"], &entry["operation"], &entry["error_code"]),
        (&"ec2".into(), &"RunInstances".into(), &"InvalidAction".into())
    );
    // Nothing of all this made an endpoint.
    let described = ec2(&emulator, "DescribeVpcEndpoints", &[]).await;
    assert_eq!(described.xml_all("vpcEndpointId"), Vec::<String>::new());
}

#[tokio::test]
async fn a_dry_run_says_that_it_would_have_succeeded_and_does_nothing() {
    let emulator = emulator_with(NO_ENDPOINT).await;
    let dry: Vec<_> = INTERFACE.iter().copied().chain([("DryRun", "true")]).collect();
    let answer = ec2(&emulator, "CreateVpcEndpoint", &dry).await;
    assert_eq!(
        answer.check_xml(412, "DryRunOperation"),
        "Request would have succeeded, but DryRun flag is set."
    );
    let id = created(&emulator, &[("PolicyDocument", ONE_MODEL)]).await;
    for (action, parameters) in [
        ("DeleteVpcEndpoints", vec![("VpcEndpointId.1", id.as_str())]),
        (
            "ModifyVpcEndpoint",
            vec![("VpcEndpointId", id.as_str()), ("ResetPolicy", "true")],
        ),
        (
            "CreateTags",
            vec![
                ("ResourceId.1", id.as_str()),
                ("Tag.1.Key", "k"),
                ("Tag.1.Value", "v"),
            ],
        ),
    ] {
        let dry: Vec<_> = parameters.into_iter().chain([("DryRun", "true")]).collect();
        ec2(&emulator, action, &dry)
            .await
            .check_xml(412, "DryRunOperation");
    }
    let described = ec2(&emulator, "DescribeVpcEndpoints", &[]).await;
    assert_eq!(described.xml_all("vpcEndpointId"), [id]);
    assert_eq!(described.xml("policyDocument").as_deref(), Some(ONE_MODEL));
    assert_eq!(described.xml("key"), None);
}

#[tokio::test]
async fn the_same_client_token_makes_one_endpoint() {
    let emulator = emulator_with(NO_ENDPOINT).await;
    let token = [("ClientToken", "token-1")];
    let first = created(&emulator, &token).await;
    assert_eq!(created(&emulator, &token).await, first);
    let other: Vec<_> = INTERFACE
        .iter()
        .copied()
        .chain([("ClientToken", "token-1"), ("PrivateDnsEnabled", "false")])
        .collect();
    ec2(&emulator, "CreateVpcEndpoint", &other)
        .await
        .check_xml(400, "IdempotentParameterMismatch");
}

#[tokio::test]
async fn endpoints_are_found_by_filters_and_page_by_page() {
    let emulator = emulator_with(NO_ENDPOINT).await;
    let mut ids = Vec::new();
    for team in ["vision", "vision", "audit"] {
        let more = [
            ("PrivateDnsEnabled", "false"),
            ("TagSpecification.1.ResourceType", "vpc-endpoint"),
            ("TagSpecification.1.Tag.1.Key", "team"),
            ("TagSpecification.1.Tag.1.Value", team),
        ];
        ids.push(created(&emulator, &more).await);
    }
    let by =
        |name: &'static str, value: &'static str| vec![("Filter.1.Name", name), ("Filter.1.Value.1", value)];
    for (filter, found) in [
        (by("tag:team", "vision"), &ids[..2]),
        (by("tag:team", "au*"), &ids[2..]),
        (by("tag-key", "team"), &ids[..]),
        (by("vpc-id", VPC), &ids[..]),
        (by("service-name", SERVICE), &ids[..]),
        (by("vpc-endpoint-state", "pending"), &[]),
        (by("vpc-endpoint-type", "Interface"), &ids[..]),
    ] {
        let answer = ec2(&emulator, "DescribeVpcEndpoints", &filter).await;
        assert_eq!(answer.xml_all("vpcEndpointId"), found, "{filter:?}");
    }
    let message = ec2(&emulator, "DescribeVpcEndpoints", &by("colour", "blue"))
        .await
        .check_xml(400, "InvalidParameterValue");
    assert_eq!(message, "The filter 'colour' is invalid");

    let first = ec2(&emulator, "DescribeVpcEndpoints", &[("MaxResults", "2")]).await;
    assert_eq!(first.xml_all("vpcEndpointId"), &ids[..2]);
    let next = first.xml("nextToken").expect("there is one more");
    let rest = [("MaxResults", "2"), ("NextToken", next.as_str())];
    let second = ec2(&emulator, "DescribeVpcEndpoints", &rest).await;
    assert_eq!(second.xml_all("vpcEndpointId"), &ids[2..]);
    assert_eq!(second.xml("nextToken"), None);
}

#[tokio::test]
async fn tags_come_and_go() {
    let emulator = emulator_with(NO_ENDPOINT).await;
    let id = created(&emulator, &[]).await;
    let tags = [
        ("ResourceId.1", id.as_str()),
        ("Tag.1.Key", "team"),
        ("Tag.1.Value", "vision & co"),
        ("Tag.2.Key", "line"),
        ("Tag.2.Value", "7"),
    ];
    assert_eq!(ec2(&emulator, "CreateTags", &tags).await.status, 200);
    let shown = ec2(&emulator, "DescribeTags", &[]).await;
    assert_eq!(shown.xml_all("key"), ["line", "team"]);
    assert_eq!(shown.xml_all("value"), ["7", "vision & co"]);

    let another_value = [
        ("ResourceId.1", id.as_str()),
        ("Tag.1.Key", "line"),
        ("Tag.1.Value", "8"),
    ];
    ec2(&emulator, "DeleteTags", &another_value).await;
    let one = [("ResourceId.1", id.as_str()), ("Tag.1.Key", "team")];
    ec2(&emulator, "DeleteTags", &one).await;
    let described = ec2(&emulator, "DescribeVpcEndpoints", &[]).await;
    assert_eq!(described.xml_all("key"), ["line"]);
    ec2(&emulator, "DeleteTags", &[("ResourceId.1", id.as_str())]).await;
    assert_eq!(
        ec2(&emulator, "DescribeTags", &[]).await.xml_all("key"),
        Vec::<String>::new()
    );
    let unknown = [
        ("ResourceId.1", "i-0a1b2c3d4e5f67890"),
        ("Tag.1.Key", "k"),
        ("Tag.1.Value", "v"),
    ];
    ec2(&emulator, "CreateTags", &unknown)
        .await
        .check_xml(400, "InvalidID");
}

#[tokio::test]
async fn networks_subnets_interfaces_and_the_service_are_there_to_be_looked_at() {
    let emulator = emulator_with(NO_ENDPOINT).await;
    let vpcs = ec2(&emulator, "DescribeVpcs", &[]).await;
    assert_eq!(vpcs.xml_all("vpcId"), [VPC]);
    assert_eq!(vpcs.xml("cidrBlock").as_deref(), Some("127.0.0.0/16"));
    ec2(&emulator, "DescribeVpcs", &[("VpcId.1", "vpc-0000000000000dead")])
        .await
        .check_xml(400, "InvalidVpcID.NotFound");

    let subnets = subnets(&emulator).await;
    let id = created(&emulator, &[("SubnetId.1", &subnets[2])]).await;
    let interfaces = ec2(&emulator, "DescribeNetworkInterfaces", &[]).await;
    assert_eq!(interfaces.xml_all("subnetId"), [subnets[2].clone()]);
    assert_eq!(
        interfaces.xml("description"),
        Some(format!("VPC Endpoint Interface {id}"))
    );
    let address = interfaces.xml("privateIpAddress").expect("an address");
    assert!(address.starts_with("127.0."), "{address}");

    let add = [
        ("VpcEndpointId", id.as_str()),
        ("AddSubnetId.1", subnets[0].as_str()),
    ];
    ec2(&emulator, "ModifyVpcEndpoint", &add).await;
    let remove = [
        ("VpcEndpointId", id.as_str()),
        ("RemoveSubnetId.1", subnets[2].as_str()),
    ];
    ec2(&emulator, "ModifyVpcEndpoint", &remove).await;
    let interfaces = ec2(&emulator, "DescribeNetworkInterfaces", &[]).await;
    assert_eq!(interfaces.xml_all("subnetId"), [subnets[0].clone()]);

    let services = ec2(&emulator, "DescribeVpcEndpointServices", &[]).await;
    assert_eq!(services.xml("serviceName").as_deref(), Some(SERVICE));
    assert_eq!(
        services.xml("vpcEndpointPolicySupported").as_deref(),
        Some("true")
    );
    assert_eq!(
        services.xml("privateDnsName").as_deref(),
        Some("lookoutvision.us-west-2.amazonaws.com")
    );
    let of_service = [
        ("Filter.1.Name", "prefix-list-name"),
        ("Filter.1.Value.1", SERVICE),
    ];
    let lists = ec2(&emulator, "DescribePrefixLists", &of_service).await;
    assert_eq!((lists.status, lists.xml("prefixListId")), (200, None));
}

#[tokio::test]
async fn who_may_make_endpoints_is_decided_by_the_identity_side() {
    let emulator = emulator_with(&format!(
        r#"{NO_ENDPOINT}
principals:
  - arn: arn:aws:iam::123456789012:user/reader
    access_keys: [{{access_key_id: test, secret_access_key: test}}]
    identity_policies:
      - {{Version: "2012-10-17", Statement: [{{Effect: Allow, Action: "ec2:Describe*", Resource: "*"}}]}}
  - arn: arn:aws:iam::123456789012:user/maker
    access_keys: [{{access_key_id: maker, secret_access_key: maker}}]
    identity_policies:
      - {{Version: "2012-10-17", Statement: [{{Effect: Allow, Action: "ec2:CreateVpcEndpoint", Resource: "*"}}]}}
"#
    ))
    .await;
    assert_eq!(ec2(&emulator, "DescribeVpcEndpoints", &[]).await.status, 200);
    let message = ec2(&emulator, "CreateVpcEndpoint", &INTERFACE)
        .await
        .check_xml(403, "UnauthorizedOperation");
    let (sentence, _) = message
        .split_once(". Encoded authorization failure message: ")
        .expect("the action has resources");
    assert_eq!(
        sentence,
        "You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/reader is not authorized to \
         perform: ec2:CreateVpcEndpoint on resource: arn:aws:ec2:us-west-2:123456789012:vpc-endpoint/* because no \
         identity-based policy allows the ec2:CreateVpcEndpoint action"
    );
    let entry = last_entry(&emulator).await;
    assert_eq!(entry["action"], "ec2:CreateVpcEndpoint");
    assert_eq!(entry["decision"], "implicitDeny");
    assert_eq!(entry["entry_point"]["kind"], "public");

    // Whoever makes something with tags needs leave to tag it.
    let tagged: Vec<_> = INTERFACE
        .iter()
        .copied()
        .chain([
            ("TagSpecification.1.ResourceType", "vpc-endpoint"),
            ("TagSpecification.1.Tag.1.Key", "team"),
            ("TagSpecification.1.Tag.1.Value", "vision"),
        ])
        .collect();
    let message = Call::query("ec2", "CreateVpcEndpoint", &tagged)
        .credentials("maker", "maker")
        .send(&emulator)
        .await
        .check_xml(403, "UnauthorizedOperation");
    assert!(message.contains("ec2:CreateTags"), "{message}");
    let plain = Call::query("ec2", "CreateVpcEndpoint", &INTERFACE).credentials("maker", "maker");
    assert_eq!(plain.send(&emulator).await.status, 200);
}

#[tokio::test]
async fn a_bad_signature_is_told_in_ec2s_words() {
    let emulator = emulator().await;
    let describe = Call::query("ec2", "DescribeVpcs", &[]);
    for wrong in [
        describe.clone().credentials("test", "wrong"),
        describe.clone().credentials("nobody", "test"),
        describe.clone().region("eu-west-1"),
        Call {
            service: "lookoutvision",
            ..describe.clone()
        },
    ] {
        assert_eq!(
            wrong.send(&emulator).await.check_xml(401, "AuthFailure"),
            "AWS was not able to validate the provided access credentials"
        );
    }
    let old = Call {
        time: std::time::SystemTime::now() - std::time::Duration::from_secs(3_600),
        ..describe.clone()
    };
    assert_eq!(
        old.send(&emulator).await.check_xml(400, "RequestExpired"),
        "Request has expired."
    );
}

#[tokio::test]
async fn on_any_other_host_the_scope_tells_the_service() {
    let emulator = emulator().await;
    let answer = Call::query("ec2", "DescribeVpcs", &[])
        .host("localhost")
        .region("eu-west-1")
        .send(&emulator)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let entry = last_entry(&emulator).await;
    assert_eq!(entry["context"]["aws:RequestedRegion"][0], "eu-west-1");
    assert_eq!(entry["service"], "ec2");
    assert!(entry["context"]["aws:SourceIp"][0].is_string());
}

#[tokio::test]
async fn what_data_sources_look_up_is_made_up_of_the_networks() {
    let emulator = emulator_with(NO_ENDPOINT).await;
    let zones = ec2(&emulator, "DescribeAvailabilityZones", &[]).await;
    assert_eq!(
        zones.xml_all("zoneName"),
        ["us-west-2a", "us-west-2b", "us-west-2c"],
        "{}",
        zones.text()
    );
    let groups = ec2(
        &emulator,
        "DescribeSecurityGroups",
        &[("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", VPC)],
    )
    .await;
    let group = groups.xml("groupId").expect("a network has a default group");
    let named = ec2(&emulator, "DescribeSecurityGroups", &[("GroupId.1", &group)]).await;
    assert_eq!(named.xml("groupName").as_deref(), Some("default"));
    let tables = ec2(
        &emulator,
        "DescribeRouteTables",
        &[
            ("Filter.1.Name", "association.main"),
            ("Filter.1.Value.1", "true"),
        ],
    )
    .await;
    assert_eq!(
        tables.xml("destinationCidrBlock").as_deref(),
        Some("127.0.0.0/16")
    );
    let regions = ec2(&emulator, "DescribeRegions", &[]).await.xml_all("regionName");
    assert!(regions.contains(&"us-west-2".to_owned()), "{regions:?}");
    let lists = ec2(&emulator, "DescribeManagedPrefixLists", &[]).await;
    assert_eq!(
        lists.xml_all("prefixListName"),
        ["com.amazonaws.us-west-2.s3", "com.amazonaws.us-west-2.dynamodb"]
    );
    // The same lists with their blocks, as Terraform's data sources `aws_prefix_list` and `aws_ec2_managed_prefix_list`
    // ask for them.
    let ids = lists.xml_all("prefixListId");
    for (list, block) in ids.iter().zip(["198.51.100.0/24", "203.0.113.0/24"]) {
        let entries = ec2(
            &emulator,
            "GetManagedPrefixListEntries",
            &[("PrefixListId", list)],
        )
        .await;
        assert_eq!(entries.xml_all("cidr"), [block]);
        let with_blocks = ec2(&emulator, "DescribePrefixLists", &[("PrefixListId.1", list)]).await;
        assert_eq!(with_blocks.xml_all("prefixListId"), std::slice::from_ref(list));
        assert!(
            with_blocks
                .text()
                .contains(&format!("<cidrSet><item>{block}</item></cidrSet>")),
            "{}",
            with_blocks.text()
        );
    }
    let unnamed = ec2(&emulator, "GetManagedPrefixListEntries", &[]).await;
    unnamed.check_xml(400, "MissingParameter");

    for (action, parameter, value, code) in [
        (
            "DescribeSecurityGroups",
            "GroupId.1",
            "sg-0123456789abcdef0",
            "InvalidGroup.NotFound",
        ),
        (
            "DescribeSecurityGroups",
            "GroupId.1",
            "sg",
            "InvalidGroupId.Malformed",
        ),
        (
            "DescribeSecurityGroups",
            "GroupName.1",
            "web",
            "InvalidGroup.NotFound",
        ),
        (
            "DescribeRouteTables",
            "RouteTableId.1",
            "rtb-0123456789abcdef0",
            "InvalidRouteTableID.NotFound",
        ),
        (
            "DescribeRouteTables",
            "RouteTableId.1",
            "rtb",
            "InvalidRouteTableId.Malformed",
        ),
        (
            "DescribeAvailabilityZones",
            "ZoneName.1",
            "us-west-2z",
            "InvalidParameterValue",
        ),
        (
            "DescribeRegions",
            "RegionName.1",
            "mars-1",
            "InvalidParameterValue",
        ),
        (
            "DescribeManagedPrefixLists",
            "PrefixListId.1",
            "pl-0123456789abcdef0",
            "InvalidPrefixListID.NotFound",
        ),
        (
            "DescribeManagedPrefixLists",
            "PrefixListId.1",
            "pl",
            "InvalidPrefixListId.Malformed",
        ),
    ] {
        let answer = ec2(&emulator, action, &[(parameter, value)]).await;
        assert_eq!(
            (answer.status, answer.xml("Code").as_deref()),
            (400, Some(code)),
            "{action} {value}"
        );
    }
}

#[tokio::test]
async fn kinds_of_addresses_are_kept_and_a_chosen_address_is_the_interface_s() {
    let emulator = emulator_with(NO_ENDPOINT).await;
    let subnets = subnets(&emulator).await;
    let chosen = [
        ("SubnetConfiguration.1.SubnetId", subnets[0].as_str()),
        ("SubnetConfiguration.1.Ipv4", "127.0.0.77"),
        ("IpAddressType", "dualstack"),
        ("DnsOptions.DnsRecordIpType", "ipv4"),
    ];
    let id = created(&emulator, &chosen).await;
    let found = ec2(&emulator, "DescribeVpcEndpoints", &[("VpcEndpointId.1", &id)]).await;
    assert_eq!(found.xml("ipAddressType").as_deref(), Some("dualstack"));
    assert_eq!(found.xml("dnsRecordIpType").as_deref(), Some("ipv4"));
    let interfaces = ec2(&emulator, "DescribeNetworkInterfaces", &[]).await;
    assert_eq!(interfaces.xml("privateIpAddress").as_deref(), Some("127.0.0.77"));

    let modified = [("VpcEndpointId", id.as_str()), ("IpAddressType", "ipv4")];
    let answer = ec2(&emulator, "ModifyVpcEndpoint", &modified).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let found = ec2(&emulator, "DescribeVpcEndpoints", &[("VpcEndpointId.1", &id)]).await;
    assert_eq!(found.xml("ipAddressType").as_deref(), Some("ipv4"));

    let outside = [
        ("VpcEndpointId", id.as_str()),
        ("SubnetConfiguration.1.SubnetId", &subnets[0]),
        ("SubnetConfiguration.1.Ipv4", "10.0.0.1"),
    ];
    let answer = ec2(&emulator, "ModifyVpcEndpoint", &outside).await;
    assert_eq!(
        answer.xml("Code").as_deref(),
        Some("InvalidParameterValue"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn an_endpoint_that_is_being_deleted_can_be_tagged_until_it_is_gone() {
    let emulator = emulator_with(NO_ENDPOINT).await;
    let frozen_at = "2026-01-02T03:04:05Z".parse().expect("it is an instant");
    emulator
        .set_clock(ClockSetting::FrozenAt(frozen_at))
        .expect("it is a time");
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_767_323_045);
    let at = |action: &str, parameters: &[(&str, &str)]| {
        let mut call = Call::query("ec2", action, parameters);
        call.time = time;
        call
    };
    let created = at("CreateVpcEndpoint", &INTERFACE).send(&emulator).await;
    let id = created.xml("vpcEndpointId").expect("an endpoint has an id");
    let deleted = at("DeleteVpcEndpoints", &[("VpcEndpointId.1", &id)])
        .send(&emulator)
        .await;
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    let tag = [
        ("ResourceId.1", id.as_str()),
        ("Tag.1.Key", "k"),
        ("Tag.1.Value", "v"),
    ];
    let tagged = at("CreateTags", &tag).send(&emulator).await;
    assert_eq!(tagged.status, 200, "{}", tagged.text());
    let shown = at("DescribeTags", &[]).send(&emulator).await;
    assert_eq!(shown.xml("value").as_deref(), Some("v"), "{}", shown.text());
}

#[tokio::test]
async fn a_refused_policy_keeps_its_reason_in_the_journal() {
    let emulator = emulator_with(NO_ENDPOINT).await;
    let policy = r#"{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Conditoin": {}}]}"#;
    let parameters: Vec<_> = INTERFACE
        .iter()
        .chain(&[("PolicyDocument", policy)])
        .copied()
        .collect();
    let answer = ec2(&emulator, "CreateVpcEndpoint", &parameters).await;
    assert_eq!(answer.xml("Code").as_deref(), Some("InvalidPolicyDocument"));
    let entry = last_entry(&emulator).await;
    let reason = entry["warnings"][0].as_str().expect("a reason").to_owned();
    assert!(reason.contains("/Statement/0/Conditoin"), "{reason}");
}

#[tokio::test]
async fn nothing_is_said_about_the_policy_that_an_endpoint_has_when_none_is_given() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    std::fs::write(folder.path().join("emulator.yaml"), NO_ENDPOINT).expect("the folder is ours");
    let process = Process::start(folder.path());
    let send = async |action: &str, parameters: &[(&str, &str)]| {
        let answer = process
            .send(&Call::query("ec2", action, parameters).host("localhost"))
            .await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer
    };
    let created = send("CreateVpcEndpoint", &INTERFACE).await;
    let id = created.xml("vpcEndpointId").expect("an endpoint has an id");
    let of_it = ("VpcEndpointId", id.as_str());
    send("ModifyVpcEndpoint", &[of_it, ("ResetPolicy", "true")]).await;
    let log = process.log();
    assert!(!log.contains("endpoint policy"), "{log}");
    send("ModifyVpcEndpoint", &[of_it, ("PolicyDocument", ONE_MODEL)]).await;
    let log = process.stop();
    assert!(
        log.contains("endpoint policy: 1:1: warning: the policy has no `Version`"),
        "{log}"
    );
}

#[tokio::test]
async fn clients_of_services_that_are_not_played_read_an_error_in_their_own_form() {
    let emulator = emulator().await;
    let listed = Call::query("iam", "ListUsers", &[])
        .host("localhost")
        .send(&emulator)
        .await;
    assert_eq!(listed.status, 421);
    assert_eq!(listed.xml("Code").as_deref(), Some("MisdirectedRequestException"));
    let message = listed.xml("Message").expect("an error has a message");
    assert!(message.contains("plays lookoutvision, ec2 and sts"), "{message}");

    let mut bucket = Call::get("/my-bucket");
    bucket.service = "s3";
    let answer = bucket.send(&emulator).await;
    assert!(
        answer
            .text()
            .contains("<Error><Code>MisdirectedRequestException</Code>"),
        "{}",
        answer.text()
    );

    for (service, target) in [
        ("cloudfront", "/2020-05-31/distribution"),
        ("route53", "/2013-04-01/hostedzone"),
    ] {
        let mut call = Call::get(target);
        call.service = service;
        let answer = call.send(&emulator).await;
        let message = answer.check_xml(421, "MisdirectedRequestException");
        assert!(message.contains(&format!("signed for {service}")), "{message}");
    }

    let mut functions = Call::get("/2015-03-31/functions");
    functions.service = "lambda";
    let answer = functions.send(&emulator).await;
    let message = answer.check(421, "MisdirectedRequestException");
    assert!(message.contains("signed for lambda"), "{message}");

    let mut tables = Call::post("/", "application/x-amz-json-1.0", b"{}");
    tables.service = "dynamodb";
    let target = (
        "x-amz-target".to_owned(),
        "DynamoDB_20120810.ListTables".to_owned(),
    );
    tables.extra_headers.push(target);
    let answer = tables.send(&emulator).await;
    let message = answer.check(421, "MisdirectedRequestException");
    assert!(message.contains("signed for dynamodb"), "{message}");
    assert_eq!(answer.json()["__type"], "MisdirectedRequestException");
}
