//! Callers of another account: everything here belongs to one account, and no resource policy gives another account
//! access.

use std::collections::BTreeSet;

use lookoutvision_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::{Answer, Call, JPEG, emulator_with};

/// A caller of the account and one of another, whose own side allows both of them everything
const TWO_ACCOUNTS: &str = r#"
principals:
  - arn: arn:aws:iam::123456789012:user/test
    access_keys: [{access_key_id: test, secret_access_key: test}]
    identity_policies: [{Version: "2012-10-17", Statement: [{Effect: Allow, Action: "*", Resource: "*"}]}]
  - arn: arn:aws:iam::999999999999:user/stranger
    access_keys: [{access_key_id: stranger, secret_access_key: stranger}]
    identity_policies: [{Version: "2012-10-17", Statement: [{Effect: Allow, Action: "*", Resource: "*"}]}]
  - arn: arn:aws:iam::999999999999:root
    access_keys: [{access_key_id: root, secret_access_key: root}]
  - arn: arn:aws:sts::999999999999:assumed-role/inspector/line-7
    access_keys: [{access_key_id: session, secret_access_key: session, session_token: session}]
roles:
  - arn: arn:aws:iam::123456789012:role/inspector
    trust_policy: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {AWS: "123456789012"}, Action: "sts:*"}]}
vpcs: [{vpc_id: vpc-0a1b2c3d4e5f67890, region: us-west-2, cidr_block: 127.0.0.0/16}]
vpc_endpoints: [{vpc_endpoint_id: vpce-0a1b2c3d4e5f67890, vpc_id: vpc-0a1b2c3d4e5f67890}]
"#;

const ENDPOINT: &str = "vpce-0a1b2c3d4e5f67890";

/// Each of the 22 operations, in an order in which the account itself can call all of them
fn operations() -> Vec<(&'static str, Call)> {
    let call = |method: &'static str, target: &str, body: Value| {
        let mut call = Call::get(&format!("/2020-11-20{target}"));
        call.method = method;
        if !body.is_null() {
            call = call.body("application/json", body.to_string().as_bytes());
        }
        call
    };
    let model = "arn%3Aaws%3Alookoutvision%3Aus-west-2%3A123456789012%3Amodel%2FmyProject%2F1";
    let entry = json!({"source-ref": "s3://images/1.jpg"}).to_string();
    let output = json!({"S3Location": {"Bucket": "images"}});
    let job = json!({
        "ModelVersion": "1",
        "JobName": "job-1",
        "Configuration": {"Greengrass": {
            "TargetDevice": "jetson_xavier",
            "S3OutputLocation": {"Bucket": "images"},
            "ComponentName": "component",
        }},
    });
    vec![
        (
            "CreateProject",
            call("POST", "/projects", json!({"ProjectName": "p"})),
        ),
        ("DescribeProject", call("GET", "/projects/p", Value::Null)),
        ("ListProjects", call("GET", "/projects", Value::Null)),
        (
            "CreateDataset",
            call("POST", "/projects/p/datasets", json!({"DatasetType": "train"})),
        ),
        (
            "DescribeDataset",
            call("GET", "/projects/p/datasets/train", Value::Null),
        ),
        (
            "UpdateDatasetEntries",
            call(
                "PATCH",
                "/projects/p/datasets/train/entries",
                // The base64 of the line
                json!({"Changes": base64(&entry)}),
            ),
        ),
        (
            "ListDatasetEntries",
            call("GET", "/projects/p/datasets/train/entries", Value::Null),
        ),
        (
            "CreateModel",
            call("POST", "/projects/p/models", json!({"OutputConfig": output})),
        ),
        ("DescribeModel", call("GET", "/projects/p/models/1", Value::Null)),
        ("ListModels", call("GET", "/projects/p/models", Value::Null)),
        (
            "StartModel",
            call(
                "POST",
                "/projects/p/models/1/start",
                json!({"MinInferenceUnits": 1}),
            ),
        ),
        (
            "StopModel",
            call("POST", "/projects/p/models/1/stop", Value::Null),
        ),
        ("DeleteModel", call("DELETE", "/projects/p/models/1", Value::Null)),
        (
            "DeleteDataset",
            call("DELETE", "/projects/p/datasets/train", Value::Null),
        ),
        ("DeleteProject", call("DELETE", "/projects/p", Value::Null)),
        (
            "DetectAnomalies",
            Call::post(
                "/2020-11-20/projects/myProject/models/1/detect",
                "image/jpeg",
                JPEG,
            ),
        ),
        (
            "TagResource",
            call(
                "POST",
                &format!("/tags/{model}"),
                json!({"Tags": [{"Key": "k", "Value": "v"}]}),
            ),
        ),
        (
            "ListTagsForResource",
            call("GET", &format!("/tags/{model}"), Value::Null),
        ),
        (
            "UntagResource",
            call("DELETE", &format!("/tags/{model}?tagKeys=k"), Value::Null),
        ),
        (
            "StartModelPackagingJob",
            call("POST", "/projects/myProject/modelpackagingjobs", job),
        ),
        (
            "DescribeModelPackagingJob",
            call("GET", "/projects/myProject/modelpackagingjobs/job-1", Value::Null),
        ),
        (
            "ListModelPackagingJobs",
            call("GET", "/projects/myProject/modelpackagingjobs", Value::Null),
        ),
    ]
}

fn base64(text: &str) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    BASE64_STANDARD.encode(text)
}

/// Everyone who can sign and is not of the account
fn strangers(call: &Call) -> [Call; 3] {
    [
        call.clone().credentials("stranger", "stranger"),
        call.clone().credentials("root", "root"),
        call.clone()
            .credentials("session", "session")
            .session_token("session"),
    ]
}

async fn last_entry(emulator: &Emulator) -> Value {
    crate::support::journal_of(emulator)
        .await
        .pop()
        .expect("a request was sent")
}

#[tokio::test]
async fn another_account_is_refused_by_each_of_the_22_operations_and_changes_nothing() {
    let emulator = emulator_with(TWO_ACCOUNTS).await;
    let names: BTreeSet<_> = operations().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 22);
    for (name, call) in operations() {
        for stranger in strangers(&call) {
            let message = stranger.send(&emulator).await.check(403, "AccessDeniedException");
            assert!(
                message.ends_with(&format!(
                    "because no resource-based policy allows the lookoutvision:{name} action"
                )),
                "{message}"
            );
            let entry = last_entry(&emulator).await;
            assert_eq!(
                (&entry["operation"], &entry["decision"]),
                (&json!(name), &json!("implicitDeny"))
            );
        }
        // The same request is good for a caller of the account, and finds nothing that a stranger left behind.
        let own = call.send(&emulator).await;
        assert!(matches!(own.status, 200 | 202), "{name}: {own:?}");
    }
}

#[tokio::test]
async fn an_arn_of_the_callers_own_account_does_not_make_the_resource_its_own() {
    let emulator = emulator_with(TWO_ACCOUNTS).await;
    let tags =
        "/2020-11-20/tags/arn%3Aaws%3Alookoutvision%3Aus-west-2%3A999999999999%3Amodel%2FmyProject%2F1";
    for stranger in strangers(&Call::get(tags)) {
        stranger.send(&emulator).await.check(403, "AccessDeniedException");
    }
}

#[tokio::test]
async fn another_account_is_refused_by_each_action_of_ec2() {
    let emulator = emulator_with(TWO_ACCOUNTS).await;
    let tag = [
        ("ResourceId.1", ENDPOINT),
        ("Tag.1.Key", "k"),
        ("Tag.1.Value", "v"),
    ];
    let interface = [
        ("VpcEndpointType", "Interface"),
        ("ServiceName", "com.amazonaws.us-west-2.lookoutvision"),
        ("VpcId", "vpc-0a1b2c3d4e5f67890"),
        ("PrivateDnsEnabled", "false"),
    ];
    let lists = Call::query("ec2", "DescribePrefixLists", &[])
        .send(&emulator)
        .await;
    let list_id = lists.xml("prefixListId").expect("there are lists");
    let actions: [(&str, &[(&str, &str)]); 19] = [
        ("CreateVpcEndpoint", &interface),
        (
            "ModifyVpcEndpoint",
            &[("VpcEndpointId", ENDPOINT), ("ResetPolicy", "true")],
        ),
        ("CreateTags", &tag),
        ("DeleteTags", &tag),
        ("DescribeAvailabilityZones", &[]),
        ("DescribeManagedPrefixLists", &[]),
        ("DescribeNetworkInterfaces", &[]),
        ("DescribePrefixLists", &[]),
        ("DescribeRegions", &[]),
        ("DescribeRouteTables", &[]),
        ("DescribeSecurityGroups", &[]),
        ("DescribeSubnets", &[]),
        ("DescribeTags", &[]),
        (
            "DescribeVpcAttribute",
            &[
                ("Attribute", "enableDnsSupport"),
                ("VpcId", "vpc-0a1b2c3d4e5f67890"),
            ],
        ),
        ("DescribeVpcEndpointServices", &[]),
        ("DescribeVpcEndpoints", &[]),
        ("DescribeVpcs", &[]),
        (
            "GetManagedPrefixListEntries",
            &[("PrefixListId", list_id.as_str())],
        ),
        ("DeleteVpcEndpoints", &[("VpcEndpointId.1", ENDPOINT)]),
    ];
    for (action, parameters) in actions {
        let call = Call::query("ec2", action, parameters);
        for stranger in strangers(&call) {
            let message = stranger
                .send(&emulator)
                .await
                .check_xml(403, "UnauthorizedOperation");
            let reason = format!("because no resource-based policy allows the ec2:{action} action");
            assert!(message.contains(&reason), "{message}");
        }
        let own = call.send(&emulator).await;
        assert_eq!(
            (own.status, own.xml("code")),
            (200, None),
            "{action}: {}",
            own.text()
        );
    }
}

#[tokio::test]
async fn another_account_assumes_no_role_that_does_not_trust_it() {
    let emulator = emulator_with(TWO_ACCOUNTS).await;
    let parameters = [
        ("RoleArn", "arn:aws:iam::123456789012:role/inspector"),
        ("RoleSessionName", "line-7"),
    ];
    let assume = Call::query("sts", "AssumeRole", &parameters);
    for stranger in strangers(&assume) {
        stranger.send(&emulator).await.check_xml(403, "AccessDenied");
    }
    assert_eq!(assume.send(&emulator).await.status, 200);
    // AWS STS API reference, GetCallerIdentity: no permissions are required.
    for stranger in strangers(&Call::query("sts", "GetCallerIdentity", &[])) {
        let answer: Answer = stranger.send(&emulator).await;
        assert_eq!(
            answer.xml("Account").as_deref(),
            Some("999999999999"),
            "{}",
            answer.text()
        );
    }
}
