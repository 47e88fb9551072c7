//! A request with a long text costs nobody else anything: its answer is short, and the journal keeps its entries.

use serde_json::json;

use crate::support::{Answer, Call, control, emulator, emulator_with};

/// As long as a text gets: five megabytes
fn long() -> String {
    "a".repeat(5_000_000)
}

#[tokio::test]
async fn a_name_of_five_megabytes_leaves_the_journal_as_it_is() {
    let emulator = emulator().await;
    for _ in 0..50 {
        Call::detect("1").send(&emulator).await;
    }
    let body = json!({ "ProjectName": long() }).to_string();
    let answer = Call::post("/2020-11-20/projects", "application/json", body.as_bytes())
        .send(&emulator)
        .await;
    let message = answer.check(400, "ValidationException");
    let shown = "a".repeat(1_024);
    assert_eq!(
        message,
        format!(
            "1 validation error detected: Value '{shown}…' at 'projectName' failed to satisfy constraint: Member must \
             have length less than or equal to 255"
        )
    );
    let entries = crate::support::journal_of(&emulator).await;
    assert_eq!(entries.len(), 51);
    assert_eq!(entries[50]["operation"], "CreateProject");
    assert_eq!(entries[50]["message"], message.as_str());
    let evicted = control(&emulator, "GET", "/requests", "").await;
    assert_eq!(evicted.header("x-journal-evicted"), Some("0"));
}
#[tokio::test]
async fn every_answer_to_a_long_text_is_short() {
    let emulator = emulator().await;
    let json = |target: &str, body: serde_json::Value| {
        Call::post(target, "application/json", body.to_string().as_bytes())
    };
    let query = Call::query;
    let long = long();
    let long = long.as_str();
    let megabyte = &long[..1_000_000];
    // What is in the head is shorter, because a head is.
    let target_text = "a".repeat(20_000);
    let many_tags: Vec<_> = (0..50_000)
        .map(|_| json!({"Key": "", "Value": "\u{7}"}))
        .collect();
    let calls = [
        (
            "project",
            json("/2020-11-20/projects", json!({ "ProjectName": long })),
        ),
        (
            "members",
            json(
                "/2020-11-20/projects/myProject/models",
                json!({
                    "Description": megabyte,
                    "Tags": many_tags,
                    "KmsKeyId": megabyte,
                    "OutputConfig": {"S3Location": {"Bucket": megabyte, "Prefix": megabyte}},
                }),
            ),
        ),
        (
            "list",
            json(
                "/2020-11-20/projects/myProject/models",
                json!({
                    "Tags": [{"Key": "a", "Value": long}],
                    "OutputConfig": {"S3Location": {"Bucket": "bucket"}},
                }),
            ),
        ),
        (
            "enum",
            json(
                "/2020-11-20/projects/myProject/datasets",
                json!({ "DatasetType": long }),
            ),
        ),
        ("label", Call::get(&format!("/2020-11-20/projects/{target_text}"))),
        (
            "number",
            Call::get(&format!("/2020-11-20/projects?maxResults={target_text}")),
        ),
        (
            "tag keys",
            json(
                "/2020-11-20/tags/arn%3Aaws%3Alookoutvision",
                json!({ "Tags": [{"Key": long, "Value": long}] }),
            ),
        ),
        ("ec2 action", query("ec2", long, &[])),
        ("ec2 parameter", query("ec2", "DescribeVpcs", &[(long, "1")])),
        ("ec2 value", query("ec2", "DescribeVpcs", &[("MaxResults", long)])),
        (
            "ec2 filter",
            query(
                "ec2",
                "DescribeVpcs",
                &[("Filter.1.Name", long), ("Filter.1.Value.1", "a")],
            ),
        ),
        ("ec2 id", query("ec2", "DescribeVpcs", &[("VpcId.1", long)])),
        (
            "ec2 service",
            query(
                "ec2",
                "CreateVpcEndpoint",
                &[("VpcId", "vpc-00000000000000000"), ("ServiceName", long)],
            ),
        ),
        (
            "ec2 tag",
            query(
                "ec2",
                "CreateTags",
                &[("ResourceId.1", "vpce-00000000000000000"), ("Tag.1.Key", long)],
            ),
        ),
        (
            "ec2 resource",
            query("ec2", "CreateTags", &[("ResourceId.1", long), ("Tag.1.Key", "a")]),
        ),
        ("sts action", query("sts", long, &[])),
        (
            "sts role",
            query(
                "sts",
                "AssumeRole",
                &[("RoleArn", long), ("RoleSessionName", "a1")],
            ),
        ),
        (
            "sts name",
            query(
                "sts",
                "AssumeRole",
                &[
                    ("RoleArn", "arn:aws:iam::123456789012:role/r"),
                    ("RoleSessionName", long),
                ],
            ),
        ),
        (
            "sts number",
            query(
                "sts",
                "AssumeRole",
                &[
                    ("RoleArn", "arn:aws:iam::123456789012:role/r"),
                    ("RoleSessionName", "a1"),
                    ("DurationSeconds", long),
                ],
            ),
        ),
        ("scope", Call::detect("1").region(&target_text)),
        ("key", Call::detect("1").credentials(&target_text, "test")),
    ];
    for (what, call) in &calls {
        let answer: Answer = call.send(&emulator).await;
        assert!(answer.status >= 400, "{what}: {}", answer.status);
        assert!(
            answer.body.len() < 40_000,
            "{what}: an answer of {} bytes",
            answer.body.len()
        );
    }
    let entries = crate::support::journal_of(&emulator).await;
    assert_eq!(entries.len(), calls.len());
    for (entry, (what, _)) in entries.iter().zip(&calls) {
        let bytes = entry.to_string().len();
        assert!(bytes < 100_000, "{what}: an entry of {bytes} bytes");
    }
}

#[tokio::test]
async fn an_entry_larger_than_its_limit_is_cut_and_says_so() {
    let emulator = emulator_with("limits: {journal_entry_bytes_max: 8192}").await;
    let mut call = Call::detect("1");
    call.extra_headers
        .push(("user-agent".to_owned(), "a".repeat(20_000)));
    call.send(&emulator).await;
    let call = Call::get(&format!("/2020-11-20/projects?{}", "b".repeat(20_000)));
    call.credentials("test", "wrong").send(&emulator).await;

    let entries = crate::support::journal_of(&emulator).await;
    let [user_agent, target] = &entries[..] else {
        panic!("{entries:?}")
    };
    // What policies made of a text that is not there whole is not said; what they decided is.
    let shown = user_agent["context"]["aws:UserAgent"][0].as_str().unwrap();
    assert_eq!(shown, format!("{}…", "a".repeat(512)));
    assert_eq!(user_agent["decision"], "allowed");
    assert_eq!(user_agent["decided_by"]["statement"], 0);
    assert_eq!(user_agent["statements"], json!([]));
    let note = user_agent["notes"][0].as_str().unwrap();
    assert!(note.contains("limits.journal_entry_bytes_max"), "{note}");

    let shown = target["target"].as_str().unwrap();
    assert!(shown.ends_with("bbb…") && shown.len() < 600, "{shown}");
    let shown = target["signature"]["canonical_request"].as_str().unwrap();
    assert!(shown.ends_with("bbb…") && shown.len() < 600, "{shown}");
    for entry in &entries {
        assert!(entry.to_string().len() < 12_000, "{entry}");
    }
}

#[tokio::test]
async fn ten_thousand_ordinary_entries_fit() {
    // A hundredth of the default, for a hundredth of the entries.
    let emulator = emulator_with(&format!("limits: {{journal_bytes_max: {}}}", 16_777_216 / 100)).await;
    let mut call = Call::detect("1");
    // What the JavaScript SDK sends is among the longest.
    call.extra_headers.push((
        "user-agent".to_owned(),
        "aws-sdk-js/3.918.0 ua/2.1 os/linux#6.1.0 lang/js md/nodejs#20.18.1 api/lookoutvision#3.918.0 m/E,N,e".to_owned(),
    ));
    let refused = call.clone().credentials("test", "wrong");
    for number in 0..100 {
        // One in ten is refused, with everything that a test author wants to know about it.
        let call = if number % 10 == 0 { &refused } else { &call };
        call.send(&emulator).await;
    }
    let listed = control(&emulator, "GET", "/requests", "").await;
    assert_eq!(listed.header("x-journal-evicted"), Some("0"));
    assert_eq!(listed.json().as_array().map(Vec::len), Some(100));
}

#[tokio::test]
async fn the_newest_entry_stays_whatever_it_costs() {
    let emulator = emulator_with("limits: {journal_bytes_max: 65536, journal_body_bytes_max: 1000000}").await;
    Call::detect("1").send(&emulator).await;
    let large = vec![b' '; 200_000];
    let call = Call::post("/2020-11-20/projects", "application/json", &large);
    call.send(&emulator).await;
    let entries = crate::support::journal_of(&emulator).await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["operation"], "CreateProject");
    assert_eq!(entries[0]["body"]["bytes"], 200_000);
}

#[tokio::test]
async fn what_entries_keep_alive_counts_and_is_counted_once() {
    let emulator = emulator_with("limits: {journal_bytes_max: 262144}").await;
    let policy = |number: usize| {
        // Near the most that an endpoint policy may have.
        let padding = "a".repeat(18_000);
        json!({"Version": "2012-10-17", "Statement": [
            {"Sid": format!("S{number}{padding}"), "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]})
    };
    let entries = async || crate::support::journal_of(&emulator).await.len();
    // One policy for all of them
    emulator.set_endpoint_policy(&policy(0)).unwrap();
    for _ in 0..30 {
        Call::detect("1").send(&emulator).await;
    }
    assert_eq!(entries().await, 30);
    // One for each: the journal has room for three or four.
    for number in 1..=10 {
        emulator.set_endpoint_policy(&policy(number)).unwrap();
        Call::detect("1").send(&emulator).await;
    }
    let left = entries().await;
    assert!((2..=4).contains(&left), "{left}");
    // When they are gone, so is what they cost.
    emulator
        .set_endpoint_policy(
            &json!({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}),
        )
        .unwrap();
    for _ in 0..120 {
        Call::detect("1").send(&emulator).await;
    }
    assert!(entries().await >= 120);
}
