//! The changes that would let a denied call through, compared with what happens to the call when they are made.

use std::process::Command;

use lookoutvision_emulator::Emulator;
use serde_json::{Value, json};

use crate::{
    process::{PROGRAM, Process},
    random_policies::Random,
    support::{Call, control, emulator, emulator_with, journal_of},
};

const ENDPOINT: &str = "vpce-00000000000000000";

async fn edits(emulator: &Emulator, entry: &Value) -> Value {
    let id = entry["request_id"].as_str().expect("an entry has an id");
    let answer = control(emulator, "GET", &format!("/requests/{id}/edits"), "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

async fn attach(emulator: &Emulator, id: &str, policy: &str) {
    let answer = control(emulator, "PUT", &format!("/vpc-endpoints/{id}/policy"), policy).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
}

const POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Line",
      "Effect": "Allow",
      "Principal": {"AWS": "arn:aws:iam::123456789012:user/test"},
      "Action": "lookoutvision:DetectAnomalies",
      "Resource": "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1"
    }
  ]
}"#;

#[tokio::test]
async fn without_an_id_the_command_explains_what_was_denied_last() {
    let folder = tempfile::tempdir().unwrap();
    let policy = POLICY.replace(
        "  \"Statement\": [",
        "  \"Statement\": [{\"Effect\": \"Deny\", \"Principal\": \"*\", \"Action\": \"lookoutvision:ListProjects\", \"Resource\": \"*\"},",
    );
    std::fs::write(folder.path().join("endpoint.json"), policy).unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["--endpoint-policy", "endpoint.json"]);
    let emulator = Process::start_by(folder.path(), command);
    let explain = || {
        let arguments = ["requests", "explain", "--control", emulator.control_url()];
        let output = Command::new(PROGRAM).args(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    assert_eq!(
        explain(),
        (
            Some(1),
            "the journal has no request that policies denied\n".to_owned()
        )
    );
    let (detect, list) = (Call::detect("2"), Call::get("/2020-11-20/projects"));
    for (call, expected) in [
        (
            &detect,
            "implicit deny: no VPC endpoint policy allows lookoutvision:DetectAnomalies",
        ),
        (&list, "explicit deny"),
        (&detect, "implicit deny"),
    ] {
        let answer = emulator.send(call).await.expect("an answer");
        assert_eq!(answer.status, 403, "{answer:?}");
        let (status, text) = explain();
        assert!(status == Some(0) && text.starts_with(expected), "{text}");
    }
}

#[tokio::test]
async fn edits_come_with_their_diffs_and_what_else_they_would_do_smallest_first() {
    let emulator = emulator().await;
    attach(&emulator, ENDPOINT, POLICY).await;
    for model in ["1", "myModel", "2", "myModel"] {
        Call::detect(model).send(&emulator).await;
    }
    let entries = journal_of(&emulator).await;
    let found = edits(&emulator, &entries[1]).await;
    let edits = found["edits"].as_array().unwrap();
    let told: Vec<_> = edits
        .iter()
        .map(|edit| (&edit["kind"], &edit["now_denied"], &edit["now_allowed"]))
        .map(|(kind, denied, allowed)| json!([kind, denied, allowed]))
        .collect();
    assert_eq!(
        told,
        [
            json!(["add-pattern", 0, 2]),
            json!(["add-statement", 0, 2]),
            json!(["widen-pattern", 0, 3]),
            // It would take model 1's place.
            json!(["replace-pattern", 1, 2]),
        ],
        "{found:#}"
    );
    assert_eq!(
        edits[0]["diff"],
        "@@ -6,7 +6,7 @@\n       \"Effect\": \"Allow\",\n       \"Principal\": {\"AWS\": \"arn:aws:iam::123456789012:user/test\"},\n       \
         \"Action\": \"lookoutvision:DetectAnomalies\",\n-      \"Resource\": \
         \"arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1\"\n+      \"Resource\": \
         [\"arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1\", \
         \"arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/myModel\"]\n     }\n   ]\n }\n"
    );
    assert_eq!(
        edits[0]["description"],
        "/Statement/0/Resource: the resource `arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/myModel` too"
    );
    assert_eq!(edits[0]["findings"], json!([]));
    assert_eq!(
        edits[0]["document_sha256"],
        entries[1]["near_miss"]["document_sha256"]
    );
    assert_eq!(
        found["test"],
        json!({
            "name": "user/test may not DetectAnomalies on model/myProject/myModel",
            "operation": "DetectAnomalies",
            "resource": "model/myProject/myModel",
            "principal": "arn:aws:iam::123456789012:user/test",
            "vpc_endpoint_id": ENDPOINT,
            "region": "us-west-2",
            "source_ip": "127.0.0.1",
            "expect": "implicitDeny",
        })
    );
    // The one that was allowed needs none.
    let found = self::edits(&emulator, &entries[0]).await;
    assert_eq!(
        (&found["edits"], &found["notes"]),
        (&json!([]), &json!(["the call was allowed"]))
    );
}

#[tokio::test]
async fn of_a_policy_that_was_replaced_the_present_one_is_told_and_edited() {
    let emulator = emulator().await;
    attach(&emulator, ENDPOINT, POLICY).await;
    Call::detect("2").send(&emulator).await;
    let entry = &journal_of(&emulator).await[0];
    assert_eq!(edits(&emulator, entry).await["replaced"], Value::Null);

    let present = POLICY
        .replace("\"Line\"", "\"Newer\"")
        .replace("myProject/1", "myProject/3");
    attach(&emulator, ENDPOINT, &present).await;
    let found = edits(&emulator, entry).await;
    assert_eq!(found["replaced"]["decision"], "implicitDeny", "{found:#}");
    let summary = |value: &Value| value["summary"].as_str().unwrap_or_default().to_owned();
    assert!(summary(&found).contains("(`Line`)"), "{found:#}");
    assert!(summary(&found["replaced"]).contains("(`Newer`)"), "{found:#}");
    let first = &found["edits"][0];
    assert_eq!(first["document_sha256"], found["replaced"]["document_sha256"]);
    assert_eq!(
        (&first["now_allowed"], &first["now_denied"]),
        (&json!(1), &json!(0))
    );
    let text = first["policy_text"].as_str().unwrap();
    assert!(text.contains("Newer") && text.contains("myProject/2"), "{text}");

    // What is attached now allows the call, so there is nothing to change.
    attach(&emulator, ENDPOINT, text).await;
    let found = edits(&emulator, entry).await;
    assert_eq!(found["replaced"]["decision"], "allowed", "{found:#}");
    assert_eq!((&found["edits"], &found["notes"]), (&json!([]), &json!([])));
    let id = entry["request_id"].as_str().unwrap();
    let url = emulator.control_url();
    let output = tokio::process::Command::new(PROGRAM)
        .args(["requests", "explain", id, "--control", &url])
        .output()
        .await
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        printed.contains(&format!(
            "\nthe policy of {ENDPOINT} was replaced since; the present one says: allowed"
        )),
        "{printed}"
    );
    // As `init` writes tests: under `tests:`, by two spaces.
    assert!(
        printed.contains("\n  - name: ") && printed.contains("\n    expect: "),
        "{printed}"
    );
}

#[tokio::test]
async fn where_several_layers_deny_a_call_they_are_named() {
    let emulator = emulator_with(
        "principals: [{arn: \"arn:aws:iam::123456789012:user/test\", access_keys: [{access_key_id: test, secret_access_key: test}], \
         identity_policies: [{Version: \"2012-10-17\", Statement: [{Effect: Allow, Action: \"s3:*\", Resource: \"*\"}]}]}]\n",
    )
    .await;
    attach(&emulator, ENDPOINT, POLICY).await;
    Call::detect("2").send(&emulator).await;
    let found = edits(&emulator, &journal_of(&emulator).await[0]).await;
    assert_eq!(
        found["notes"],
        json!([
            "no change of a single policy that was tried would let the call through: each of these denies it: VPC \
             endpoint policy and identity-based policy"
        ])
    );
}

#[tokio::test]
async fn a_fault_s_answer_is_told_as_the_fault_s_and_an_allowed_call_is_no_refusal() {
    let emulator = emulator().await;
    let fault = r#"{"name": "busy", "fault": {"error": "ThrottlingException"}}"#;
    control(&emulator, "POST", "/faults", fault).await;
    Call::detect("1").send(&emulator).await;
    let entry = &journal_of(&emulator).await[0];
    let found = edits(&emulator, entry).await;
    assert_eq!(
        found["notes"],
        json!([
            "the answer, status 429, is that of the fault `busy`",
            "the call was allowed"
        ])
    );
    let url = emulator.control_url();
    let output = tokio::process::Command::new(PROGRAM)
        .args([
            "requests",
            "explain",
            entry["request_id"].as_str().unwrap(),
            "--control",
            &url,
        ])
        .output()
        .await
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        printed.contains("The call as a test") && !printed.contains("refusal"),
        "{printed}"
    );
}

#[tokio::test]
async fn a_deny_is_narrowed_in_the_ways_that_are_left() {
    let emulator = emulator().await;
    let policy = r#"{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"},
  {"Effect": "Deny", "Principal": "*", "Action": ["lookoutvision:DetectAnomalies", "lookoutvision:DeleteModel"], "Resource": "*",
   "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-1a2b3c4d"}}}
]}"#;
    attach(&emulator, ENDPOINT, policy).await;
    Call::detect("1")
        .send(&emulator)
        .await
        .check(403, "AccessDeniedException");
    let entries = journal_of(&emulator).await;
    let found = edits(&emulator, &entries[0]).await;
    let descriptions: Vec<&str> = found["edits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edit| edit["description"].as_str().unwrap())
        .collect();
    for expected in [
        "/Statement/1/Action/0: without `lookoutvision:DetectAnomalies`",
        "/Statement/1/Condition/StringNotEquals/aws:SourceVpce: except `vpce-00000000000000000` too",
        "/Statement/1: not for `arn:aws:iam::123456789012:user/test`",
    ] {
        assert!(descriptions.contains(&expected), "{found:#}");
    }
    // Without DeleteModel the call would be denied as it is.
    assert_eq!(descriptions.len(), 3, "{found:#}");
}

#[tokio::test]
async fn every_edit_lets_the_call_through_when_it_is_attached() {
    let mut tried = 0;
    for seed in 40..46 {
        let mut random = Random(seed);
        let configuration = random.configuration();
        let emulator = emulator_with(&configuration.to_string()).await;
        let mut calls = Vec::new();
        for _ in 0..30 {
            let call = random.call();
            call.send(&emulator).await;
            calls.push(call);
        }
        let entries = journal_of(&emulator).await;
        for (entry, call) in entries.iter().zip(&calls) {
            let id = entry["entry_point"]["vpc_endpoint_id"].as_str();
            let (Some(id), "implicitDeny" | "explicitDeny") =
                (id, entry["decision"].as_str().unwrap_or_default())
            else {
                continue;
            };
            let found = edits(&emulator, entry).await;
            for edit in found["edits"].as_array().unwrap() {
                if edit["policy_type"] != "vpc-endpoint" {
                    continue;
                }
                let other = emulator_with(&configuration.to_string()).await;
                attach(&other, id, edit["policy_text"].as_str().unwrap()).await;
                call.send(&other).await;
                let after = journal_of(&other).await;
                assert_eq!(after[0]["decision"], "allowed", "seed {seed}: {edit:#}");
                other.stop().await;
                tried += 1;
            }
        }
        emulator.stop().await;
    }
    assert!(tried >= 20, "{tried}");
}

#[tokio::test]
async fn what_was_never_decided_has_no_edits() {
    let emulator = emulator().await;
    Call::detect("1")
        .credentials("test", "wrong")
        .send(&emulator)
        .await;
    let entries = journal_of(&emulator).await;
    let id = entries[0]["request_id"].as_str().unwrap();
    let refused = control(&emulator, "GET", &format!("/requests/{id}/edits"), "").await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (409, &json!("NotDecided"))
    );
    let unknown = control(&emulator, "GET", "/requests/0/edits", "").await;
    assert_eq!(unknown.status, 404);
}
