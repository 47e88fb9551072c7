//! What EC2's actions are authorised on: every pair of an action and a resource must be allowed, any Deny wins, and a
//! condition key is set only for the pairs that it belongs to.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use lookoutvision_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::{Answer, Call, emulator_with};

const VPC: &str = "vpc-0a1b2c3d4e5f67890";
const ENDPOINT: &str = "vpce-0a1b2c3d4e5f67890";
const GROUP: &str = "sg-0a1b2c3d4e5f67890";
const SERVICE: &str = "com.amazonaws.us-west-2.lookoutvision";

/// The parameters of an endpoint beside the one that the configuration has
const INTERFACE: [(&str, &str); 4] = [
    ("VpcEndpointType", "Interface"),
    ("ServiceName", SERVICE),
    ("VpcId", VPC),
    ("PrivateDnsEnabled", "false"),
];
const TAGGED: [(&str, &str); 3] = [
    ("TagSpecification.1.ResourceType", "vpc-endpoint"),
    ("TagSpecification.1.Tag.1.Key", "team"),
    ("TagSpecification.1.Tag.1.Value", "vision"),
];

fn arn(resource: &str) -> String {
    format!("arn:aws:ec2:us-west-2:123456789012:{resource}")
}

/// Alice with one identity policy, bob who may do everything, and service control policies
async fn emulator(statements: Value, service_control: Option<Value>) -> Emulator {
    let policy = json!({"Version": "2012-10-17", "Statement": statements});
    let mut config = json!({
        "principals": [
            {
                "arn": "arn:aws:iam::123456789012:user/alice",
                "access_keys": [{"access_key_id": "test", "secret_access_key": "test"}],
                "identity_policies": [policy],
            },
            {
                "arn": "arn:aws:iam::123456789012:user/bob",
                "access_keys": [{"access_key_id": "bob", "secret_access_key": "bob"}],
            },
        ],
        "vpcs": [{"vpc_id": VPC, "region": "us-west-2", "cidr_block": "127.0.0.0/16"}],
        "vpc_endpoints": [{"vpc_endpoint_id": ENDPOINT, "vpc_id": VPC}],
    });
    if let Some(statements) = service_control {
        config["organization"] = json!({
            "id": "o-exampleorgid",
            "service_control_policies": [{"Version": "2012-10-17", "Statement": statements}],
        });
    }
    // JSON is YAML.
    emulator_with(&config.to_string()).await
}

async fn ec2(emulator: &Emulator, action: &str, parameters: &[(&str, &str)]) -> Answer {
    Call::query("ec2", action, parameters).send(emulator).await
}

async fn create(emulator: &Emulator, more: &[(&str, &str)]) -> Answer {
    let parameters: Vec<_> = INTERFACE.iter().chain(more).copied().collect();
    ec2(emulator, "CreateVpcEndpoint", &parameters).await
}

/// A subnet of the network
async fn subnet(emulator: &Emulator) -> String {
    let subnets = Call::query("ec2", "DescribeSubnets", &[]).credentials("bob", "bob");
    subnets
        .send(emulator)
        .await
        .xml("subnetId")
        .expect("the network has subnets")
}

async fn last_entry(emulator: &Emulator) -> Value {
    crate::support::journal_of(emulator)
        .await
        .pop()
        .expect("a request was sent")
}

#[track_caller]
fn allowed(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// The action, the resource and the reason of a refusal of alice's
#[track_caller]
fn refused(answer: &Answer) -> (String, String, String) {
    let message = answer.check_xml(403, "UnauthorizedOperation");
    let start = "You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/alice is not \
                 authorized to perform: ";
    let rest = message.strip_prefix(start).unwrap_or_else(|| panic!("{message}"));
    let (sentence, blob) = rest
        .split_once(". Encoded authorization failure message: ")
        .unwrap_or_else(|| panic!("{message}"));
    let (action, rest) = sentence.split_once(" on resource: ").expect("it has a resource");
    let (resource, reason) = rest.split_once(' ').expect("it says why");
    // It tells the same to whoever decodes it.
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(blob).expect("it is base64url");
    let decoded: Value = serde_json::from_slice(&decoded).expect("it is JSON");
    assert_eq!(decoded["allowed"], false);
    assert_eq!(decoded["context"]["resource"], resource);
    (action.to_owned(), resource.to_owned(), reason.to_owned())
}

/// Action and resource, with the implicit denial of the identity policies
#[track_caller]
fn not_allowed(answer: &Answer, action: &str, resource: &str) {
    let reason = format!("because no identity-based policy allows the {action} action");
    assert_eq!(refused(answer), (action.to_owned(), arn(resource), reason));
}

#[track_caller]
fn denied(answer: &Answer, action: &str, resource: &str, policy: &str) {
    let reason = format!("with an explicit deny in {policy}");
    assert_eq!(refused(answer), (action.to_owned(), arn(resource), reason));
}

fn allow(action: &str, resource: impl Into<Value>) -> Value {
    let resource = resource.into();
    json!({"Effect": "Allow", "Action": action, "Resource": resource})
}

fn allow_if(action: &str, resource: impl Into<Value>, condition: impl Into<Value>) -> Value {
    let (resource, condition) = (resource.into(), condition.into());
    json!({"Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition})
}

/// AWS PrivateLink Guide, *Identity-based policy examples for AWS PrivateLink*: endpoints of one owner's services, or of
/// certain services
fn privatelink_example(key: &str, value: &str) -> Value {
    json!([
        {
            "Effect": "Allow",
            "Action": "ec2:CreateVpcEndpoint",
            "Resource": [arn("vpc/*"), arn("security-group/*"), arn("subnet/*"), arn("route-table/*")],
        },
        {
            "Effect": "Allow",
            "Action": "ec2:CreateVpcEndpoint",
            "Resource": [arn("vpc-endpoint/*")],
            "Condition": {"StringEquals": {key: [value]}},
        },
    ])
}

#[tokio::test]
async fn awss_own_examples_for_privatelink_work() {
    // *Control the use of VPC endpoints*.
    let all = emulator(json!([allow("ec2:*VpcEndpoint*", json!("*"))]), None).await;
    allowed(&create(&all, &[]).await);
    allowed(&ec2(&all, "DescribeVpcEndpoints", &[]).await);
    allowed(
        &ec2(
            &all,
            "ModifyVpcEndpoint",
            &[("VpcEndpointId", ENDPOINT), ("ResetPolicy", "true")],
        )
        .await,
    );
    allowed(&ec2(&all, "DeleteVpcEndpoints", &[("VpcEndpointId.1", ENDPOINT)]).await);
    // *Control VPC endpoints creation based on the service owner*, and *Control the service names that can be specified*.
    for (key, value, other) in [
        ("ec2:VpceServiceOwner", "amazon", "aws-marketplace"),
        ("ec2:VpceServiceName", SERVICE, "com.amazonaws.us-west-2.s3"),
    ] {
        let owner = emulator(privatelink_example(key, value), None).await;
        let subnet = subnet(&owner).await;
        let more = [("SubnetId.1", subnet.as_str()), ("SecurityGroupId.1", GROUP)];
        allowed(&create(&owner, &more).await);
        let other = emulator(privatelink_example(key, other), None).await;
        not_allowed(
            &create(&other, &more).await,
            "ec2:CreateVpcEndpoint",
            "vpc-endpoint/*",
        );
        let entry = last_entry(&other).await;
        assert_eq!(entry["context"][key][0], value);
    }
}

#[tokio::test]
async fn a_deny_on_an_endpoints_arn_denies_in_identity_and_service_control_policies() {
    let deny = json!([
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": ["ec2:ModifyVpcEndpoint", "ec2:DeleteVpcEndpoints"],
         "Resource": arn(&format!("vpc-endpoint/{ENDPOINT}"))},
    ]);
    let everything = json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}]);
    for (emulator, policy) in [
        (emulator(deny.clone(), None).await, "an identity-based policy"),
        (emulator(everything, Some(deny)).await, "a service control policy"),
    ] {
        let endpoint = format!("vpc-endpoint/{ENDPOINT}");
        let modify = [("VpcEndpointId", ENDPOINT), ("ResetPolicy", "true")];
        let answer = ec2(&emulator, "ModifyVpcEndpoint", &modify).await;
        denied(&answer, "ec2:ModifyVpcEndpoint", &endpoint, policy);
        // One id that must not be deleted refuses the call, and nothing of it is done.
        let other = create(&emulator, &[]).await.xml("vpcEndpointId").expect("an id");
        let both = [("VpcEndpointId.1", other.as_str()), ("VpcEndpointId.2", ENDPOINT)];
        let answer = ec2(&emulator, "DeleteVpcEndpoints", &both).await;
        denied(&answer, "ec2:DeleteVpcEndpoints", &endpoint, policy);
        let described = ec2(&emulator, "DescribeVpcEndpoints", &[]).await;
        assert_eq!(described.xml_all("vpcEndpointId"), [ENDPOINT, other.as_str()]);
        allowed(&ec2(&emulator, "DeleteVpcEndpoints", &[("VpcEndpointId.1", &other)]).await);
    }
}

#[tokio::test]
async fn each_resource_that_a_call_names_must_be_allowed() {
    let create_on = |resources: &[&str]| {
        let resources: Vec<_> = resources.iter().map(|resource| arn(resource)).collect();
        json!([allow("ec2:CreateVpcEndpoint", json!(resources))])
    };
    // Types that the call does not name are not asked about, and the default group is not.
    let least = emulator(create_on(&["vpc/*", "vpc-endpoint/*"]), None).await;
    let subnet = subnet(&least).await;
    allowed(&create(&least, &[]).await);
    let with_subnet = [("SubnetId.1", subnet.as_str())];
    let with_group = [("SecurityGroupId.1", GROUP)];
    let action = "ec2:CreateVpcEndpoint";
    not_allowed(
        &create(&least, &with_subnet).await,
        action,
        &format!("subnet/{subnet}"),
    );
    not_allowed(
        &create(&least, &with_group).await,
        action,
        &format!("security-group/{GROUP}"),
    );
    let table = [("RouteTableId.1", "rtb-0a1b2c3d4e5f67890")];
    not_allowed(
        &create(&least, &table).await,
        action,
        "route-table/rtb-0a1b2c3d4e5f67890",
    );

    // A subnet that is configured is named by that.
    let configured = [
        ("SubnetConfiguration.1.SubnetId", subnet.as_str()),
        ("SubnetConfiguration.1.Ipv4", "127.0.0.9"),
    ];
    not_allowed(
        &create(&least, &configured).await,
        action,
        &format!("subnet/{subnet}"),
    );

    let one_subnet = emulator(
        create_on(&["vpc/*", "vpc-endpoint/*", &format!("subnet/{subnet}")]),
        None,
    )
    .await;
    allowed(&create(&one_subnet, &with_subnet).await);
    // No id of an endpoint allows to make one: it has none yet.
    let no_id = emulator(create_on(&["vpc/*", "vpc-endpoint/vpce-*"]), None).await;
    not_allowed(&create(&no_id, &[]).await, action, "vpc-endpoint/*");
    let other_vpc = emulator(create_on(&["vpc/vpc-00000000", "vpc-endpoint/*"]), None).await;
    not_allowed(&create(&other_vpc, &[]).await, action, &format!("vpc/{VPC}"));

    // What is added to an endpoint or taken from it is asked about as well, the network is not.
    let modify = emulator(
        json!([allow(
            "ec2:ModifyVpcEndpoint",
            json!([arn("vpc-endpoint/*"), arn("subnet/*")])
        )]),
        None,
    )
    .await;
    let change =
        |name: &'static str, value: &str| [("VpcEndpointId", ENDPOINT.to_owned()), (name, value.to_owned())];
    for (name, value, refused) in [
        ("RemoveSubnetId.1", subnet.as_str(), None),
        ("AddSubnetId.1", subnet.as_str(), None),
        (
            "AddSecurityGroupId.1",
            GROUP,
            Some(format!("security-group/{GROUP}")),
        ),
        (
            "RemoveSecurityGroupId.1",
            GROUP,
            Some(format!("security-group/{GROUP}")),
        ),
    ] {
        let parameters = change(name, value);
        let parameters = parameters.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = ec2(&modify, "ModifyVpcEndpoint", &parameters).await;
        match refused {
            None => allowed(&answer),
            Some(resource) => not_allowed(&answer, "ec2:ModifyVpcEndpoint", &resource),
        }
    }
}

#[tokio::test]
async fn a_condition_key_is_there_only_on_the_pairs_it_belongs_to() {
    // EC2 User Guide, *Policy structure*: a condition of one resource fails for the others, unless it says IfExists.
    let condition = |operator: &str| json!({operator: {"ec2:VpceServiceName": SERVICE}});
    let strict = emulator(
        json!([allow_if(
            "ec2:CreateVpcEndpoint",
            json!("*"),
            condition("StringEquals")
        )]),
        None,
    )
    .await;
    not_allowed(
        &create(&strict, &[]).await,
        "ec2:CreateVpcEndpoint",
        &format!("vpc/{VPC}"),
    );
    let entry = last_entry(&strict).await;
    assert_eq!(entry["near_miss"]["reason"], "ec2:VpceServiceName is absent");
    assert_eq!(entry["resource"], arn(&format!("vpc/{VPC}")).as_str());
    assert_eq!(
        entry["pairs"],
        json!([
            {"action": "ec2:CreateVpcEndpoint", "resource": arn("vpc-endpoint/*"), "decision": "allowed"},
            {"action": "ec2:CreateVpcEndpoint", "resource": arn(&format!("vpc/{VPC}")), "decision": "implicitDeny"},
        ])
    );
    let lenient = emulator(
        json!([allow_if(
            "ec2:CreateVpcEndpoint",
            json!("*"),
            condition("StringEqualsIfExists")
        )]),
        None,
    )
    .await;
    allowed(&create(&lenient, &[]).await);

    // The keys of each pair, seen on the pair that is refused.
    let subnet = subnet(&strict).await;
    let pairs = [
        (
            "vpc-endpoint/*".to_owned(),
            json!({
                "aws:RequestTag/team": ["vision"],
                "aws:TagKeys": ["team"],
                "ec2:VpceMultiRegion": ["false"],
                "ec2:VpceServiceName": [SERVICE],
                "ec2:VpceServiceOwner": ["amazon"],
                "ec2:VpceServiceRegion": ["us-west-2"],
            }),
        ),
        (format!("vpc/{VPC}"), json!({"ec2:VpcID": [VPC]})),
        (
            format!("subnet/{subnet}"),
            json!({"ec2:SubnetID": [subnet], "ec2:Vpc": [arn(&format!("vpc/{VPC}"))]}),
        ),
        (
            format!("security-group/{GROUP}"),
            json!({"ec2:SecurityGroupID": [GROUP], "ec2:Vpc": [arn(&format!("vpc/{VPC}"))]}),
        ),
    ];
    for (resource, keys) in pairs {
        let all_but = emulator(
            json!([
                {"Effect": "Allow", "Action": "*", "Resource": "*"},
                {"Effect": "Deny", "Action": "ec2:CreateVpcEndpoint", "Resource": arn(&resource)},
            ]),
            None,
        )
        .await;
        let more: Vec<_> = [("SubnetId.1", subnet.as_str()), ("SecurityGroupId.1", GROUP)]
            .into_iter()
            .chain(TAGGED)
            .collect();
        let answer = create(&all_but, &more).await;
        denied(
            &answer,
            "ec2:CreateVpcEndpoint",
            &resource,
            "an identity-based policy",
        );
        let context = last_entry(&all_but).await["context"].clone();
        let of_pair: serde_json::Map<_, _> = context
            .as_object()
            .expect("a context is an object")
            .iter()
            .filter(|(key, _)| {
                let is_tag = key.starts_with("aws:RequestTag/") || *key == "aws:TagKeys";
                is_tag || (key.starts_with("ec2:") && *key != "ec2:Region")
            })
            .map(|(key, values)| (key.clone(), values.clone()))
            .collect();
        assert_eq!(Value::from(of_pair), keys, "{resource}");
        assert_eq!(context["ec2:Region"], json!(["us-west-2"]));
        assert_eq!(context["aws:ResourceAccount"], json!(["123456789012"]));
    }
}

#[tokio::test]
async fn tags_on_creation_need_create_tags_and_direct_tagging_is_another_thing() {
    let make = allow("ec2:CreateVpcEndpoint", json!("*"));
    let without = emulator(json!([make]), None).await;
    allowed(&create(&without, &[]).await);
    not_allowed(
        &create(&without, &TAGGED).await,
        "ec2:CreateTags",
        "vpc-endpoint/*",
    );

    // EC2 User Guide, *Grant permission to tag resources during creation*.
    let on_creation = allow_if(
        "ec2:CreateTags",
        json!(arn("vpc-endpoint/*")),
        json!({"StringEquals": {"ec2:CreateAction": "CreateVpcEndpoint", "aws:RequestTag/team": "vision"},
               "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}),
    );
    let tagging = emulator(json!([make, on_creation]), None).await;
    allowed(&create(&tagging, &TAGGED).await);
    let mut other = TAGGED;
    other[2].1 = "audit";
    not_allowed(
        &create(&tagging, &other).await,
        "ec2:CreateTags",
        "vpc-endpoint/*",
    );
    let directly = [
        ("ResourceId.1", ENDPOINT),
        ("Tag.1.Key", "team"),
        ("Tag.1.Value", "vision"),
    ];
    let endpoint = format!("vpc-endpoint/{ENDPOINT}");
    not_allowed(
        &ec2(&tagging, "CreateTags", &directly).await,
        "ec2:CreateTags",
        &endpoint,
    );

    // Each resource of a call is a pair, and what is here has no other types.
    let both = [
        ("ResourceId.1", ENDPOINT),
        ("ResourceId.2", VPC),
        ("Tag.1.Key", "team"),
        ("Tag.1.Value", "vision"),
    ];
    let endpoints = emulator(
        json!([allow("ec2:CreateTags", json!(arn("vpc-endpoint/*")))]),
        None,
    )
    .await;
    allowed(&ec2(&endpoints, "CreateTags", &directly).await);
    not_allowed(
        &ec2(&endpoints, "CreateTags", &both).await,
        "ec2:CreateTags",
        &format!("vpc/{VPC}"),
    );
}

#[tokio::test]
async fn an_endpoints_tags_decide_under_both_names() {
    for key in ["aws:ResourceTag/team", "ec2:ResourceTag/team"] {
        let condition = json!({"StringEquals": {key: "vision"}});
        let emulator = emulator(
            json!([
                allow_if(
                    "ec2:ModifyVpcEndpoint",
                    json!(arn("vpc-endpoint/*")),
                    condition.clone()
                ),
                allow_if(
                    "ec2:DeleteVpcEndpoints",
                    json!(arn("vpc-endpoint/*")),
                    condition.clone()
                ),
                allow_if("ec2:DeleteTags", json!(arn("vpc-endpoint/*")), condition),
            ]),
            None,
        )
        .await;
        let modify = [("VpcEndpointId", ENDPOINT), ("ResetPolicy", "true")];
        let endpoint = format!("vpc-endpoint/{ENDPOINT}");
        let answer = ec2(&emulator, "ModifyVpcEndpoint", &modify).await;
        not_allowed(&answer, "ec2:ModifyVpcEndpoint", &endpoint);
        let tag = [
            ("ResourceId.1", ENDPOINT),
            ("Tag.1.Key", "team"),
            ("Tag.1.Value", "vision"),
        ];
        let tag = Call::query("ec2", "CreateTags", &tag).credentials("bob", "bob");
        allowed(&tag.send(&emulator).await);
        allowed(&ec2(&emulator, "ModifyVpcEndpoint", &modify).await);
        // Whose tag is taken off has it until then.
        let untag = [("ResourceId.1", ENDPOINT), ("Tag.1.Key", "team")];
        allowed(&ec2(&emulator, "DeleteTags", &untag).await);
        let answer = ec2(&emulator, "DeleteVpcEndpoints", &[("VpcEndpointId.1", ENDPOINT)]).await;
        not_allowed(&answer, "ec2:DeleteVpcEndpoints", &endpoint);
    }
}

#[tokio::test]
async fn the_attributes_that_a_call_sets_are_asked_about_one_by_one() {
    let only = |attribute: &str| {
        json!([allow_if(
            "ec2:ModifyVpcEndpoint",
            json!("*"),
            json!({"StringEquals": {"ec2:Attribute": attribute}})
        )])
    };
    let dns = emulator(only("PrivateDnsEnabled"), None).await;
    let endpoint = format!("vpc-endpoint/{ENDPOINT}");
    let set_dns = [("VpcEndpointId", ENDPOINT), ("PrivateDnsEnabled", "true")];
    allowed(&ec2(&dns, "ModifyVpcEndpoint", &set_dns).await);
    let set_both = [set_dns[0], set_dns[1], ("ResetPolicy", "true")];
    let answer = ec2(&dns, "ModifyVpcEndpoint", &set_both).await;
    not_allowed(&answer, "ec2:ModifyVpcEndpoint", &endpoint);
    // EC2 User Guide, *Policy structure*, the example of `ec2:Attribute`.
    let deny = emulator(
        json!([
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": "ec2:ModifyVpcEndpoint", "Resource": "*",
             "Condition": {"StringEquals": {"ec2:Attribute": "ResetPolicy"}}},
            {"Effect": "Deny", "Action": "ec2:ModifyVpcEndpoint", "Resource": "*",
             "Condition": {"StringEquals": {"ec2:Attribute/PrivateDnsEnabled": "false"}}},
        ]),
        None,
    )
    .await;
    allowed(&ec2(&deny, "ModifyVpcEndpoint", &set_dns).await);
    for refused in [
        &set_both[..],
        &[("VpcEndpointId", ENDPOINT), ("PrivateDnsEnabled", "false")],
    ] {
        let answer = ec2(&deny, "ModifyVpcEndpoint", refused).await;
        denied(
            &answer,
            "ec2:ModifyVpcEndpoint",
            &endpoint,
            "an identity-based policy",
        );
    }
}

#[tokio::test]
async fn describing_has_no_resource_but_for_an_attribute_of_a_network() {
    let by_arn = emulator(json!([allow("ec2:Describe*", json!("arn:aws:ec2:*:*:*"))]), None).await;
    // hashicorp/terraform-provider-aws#34234: no resource, no full stop, nothing encoded.
    assert_eq!(
        ec2(&by_arn, "DescribeVpcs", &[])
            .await
            .check_xml(403, "UnauthorizedOperation"),
        "You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/alice is not authorized to \
         perform: ec2:DescribeVpcs because no identity-based policy allows the ec2:DescribeVpcs action"
    );
    let attribute = |name: &'static str, vpc_id: &'static str| [("Attribute", name), ("VpcId", vpc_id)];
    for (name, value) in [
        ("enableDnsSupport", "true"),
        ("enableDnsHostnames", "true"),
        ("enableNetworkAddressUsageMetrics", "false"),
    ] {
        let answer = ec2(&by_arn, "DescribeVpcAttribute", &attribute(name, VPC)).await;
        allowed(&answer);
        assert_eq!(answer.xml("vpcId").as_deref(), Some(VPC));
        assert!(
            answer
                .text()
                .contains(&format!("<{name}><value>{value}</value></{name}>")),
            "{}",
            answer.text()
        );
    }
    let other = "vpc-0000000000000dead";
    ec2(
        &by_arn,
        "DescribeVpcAttribute",
        &attribute("enableDnsSupport", other),
    )
    .await
    .check_xml(400, "InvalidVpcID.NotFound");
    ec2(&by_arn, "DescribeVpcAttribute", &attribute("enableMagic", VPC))
        .await
        .check_xml(400, "InvalidParameterValue");
    let one = emulator(
        json!([allow_if(
            "ec2:DescribeVpcAttribute",
            json!(arn("vpc/*")),
            json!({"StringEquals": {"ec2:VpcID": VPC, "ec2:Tenancy": "default"}})
        )]),
        None,
    )
    .await;
    allowed(&ec2(&one, "DescribeVpcAttribute", &attribute("enableDnsSupport", VPC)).await);
    not_allowed(
        &ec2(
            &one,
            "DescribeVpcAttribute",
            &attribute("enableDnsSupport", other),
        )
        .await,
        "ec2:DescribeVpcAttribute",
        &format!("vpc/{other}"),
    );
}

#[tokio::test]
async fn an_explicit_deny_is_named_before_what_is_not_allowed() {
    let emulator = emulator(
        json!([
            allow("ec2:CreateVpcEndpoint", json!(arn("vpc/*"))),
            {"Effect": "Deny", "Action": "ec2:CreateTags", "Resource": "*"},
        ]),
        None,
    )
    .await;
    not_allowed(
        &create(&emulator, &[]).await,
        "ec2:CreateVpcEndpoint",
        "vpc-endpoint/*",
    );
    denied(
        &create(&emulator, &TAGGED).await,
        "ec2:CreateTags",
        "vpc-endpoint/*",
        "an identity-based policy",
    );
    let entry = last_entry(&emulator).await;
    let decisions: Vec<_> = entry["pairs"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|pair| pair["decision"].as_str().expect("a decision"))
        .collect();
    assert_eq!(decisions, ["implicitDeny", "allowed", "explicitDeny"]);
    assert_eq!(
        (
            &entry["action"],
            &entry["decision"],
            &entry["decided_by"]["statement"]
        ),
        (&json!("ec2:CreateTags"), &json!("explicitDeny"), &json!(1))
    );
}

#[tokio::test]
async fn an_endpoint_across_regions_needs_a_permission_that_the_refusal_names_last() {
    let emulator = emulator(json!([allow("ec2:*", json!("*"))]), None).await;
    let (action, resource, reason) = refused(&create(&emulator, &[("ServiceRegion", "eu-west-1")]).await);
    assert_eq!(
        (action.as_str(), resource),
        ("ec2:CreateVpcEndpoint", arn("vpc-endpoint/*"))
    );
    assert_eq!(
        reason,
        "because no identity-based policy allows the vpce:AllowMultiRegion action"
    );
    assert_eq!(last_entry(&emulator).await["action"], "vpce:AllowMultiRegion");
}

#[tokio::test]
async fn what_is_not_there_is_told_to_whoever_may_ask_for_it_and_a_dry_run_is_authorised() {
    let other = "vpce-0000000000000dead";
    let emulator = emulator(
        json!([allow(
            "ec2:ModifyVpcEndpoint",
            json!(arn(&format!("vpc-endpoint/{other}")))
        )]),
        None,
    )
    .await;
    let modify = |id: &'static str| [("VpcEndpointId", id), ("ResetPolicy", "true"), ("DryRun", "true")];
    ec2(&emulator, "ModifyVpcEndpoint", &modify(other))
        .await
        .check_xml(400, "InvalidVpcEndpointId.NotFound");
    let answer = ec2(&emulator, "ModifyVpcEndpoint", &modify(ENDPOINT)).await;
    not_allowed(
        &answer,
        "ec2:ModifyVpcEndpoint",
        &format!("vpc-endpoint/{ENDPOINT}"),
    );
    // Without an id there is no resource that a policy could name.
    for (action, parameters) in [
        ("DeleteVpcEndpoints", &[][..]),
        ("CreateTags", &[("ResourceId.1", "i-0a1b2c3d4e5f67890")]),
    ] {
        ec2(&emulator, action, parameters)
            .await
            .check_xml(403, "UnauthorizedOperation");
    }
}

#[tokio::test]
async fn a_call_names_a_thousand_resources_at_most() {
    let emulator = emulator(json!([allow("ec2:*", json!("*"))]), None).await;
    let ids: Vec<_> = (1..=1_001)
        .map(|n| (format!("VpcEndpointId.{n}"), ENDPOINT))
        .collect();
    let ids: Vec<_> = ids.iter().map(|(name, id)| (name.as_str(), *id)).collect();
    let message = ec2(&emulator, "DeleteVpcEndpoints", &ids)
        .await
        .check_xml(400, "InvalidParameterValue");
    assert!(message.contains("1001"), "{message}");
    allowed(&ec2(&emulator, "DeleteVpcEndpoints", &ids[..1_000]).await);
}
