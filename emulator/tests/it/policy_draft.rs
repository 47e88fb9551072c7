//! Policies drafted from calls.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};

use crate::{
    process::PROGRAM,
    support::{Call, ONE_MODEL, control, control_accepting, emulator, emulator_with, journal_of},
};

const ENDPOINT: &str = "vpce-00000000000000000";

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(PROGRAM)
        .args(["policy", "draft"])
        .args(arguments)
        .current_dir(folder)
        .output();
    output.expect("the program was built with its tests")
}

#[tokio::test]
async fn a_draft_allows_what_was_allowed_and_says_so_and_is_not_attached() {
    let emulator = emulator().await;
    for model in ["1", "myModel", "1"] {
        Call::detect(model).send(&emulator).await.check_ok();
    }
    Call::get("/2020-11-20/projects").send(&emulator).await.check_ok();
    let path = format!("/vpc-endpoints/{ENDPOINT}/policy");
    control(&emulator, "PUT", &path, ONE_MODEL).await;
    Call::detect("2")
        .send(&emulator)
        .await
        .check(403, "AccessDeniedException");
    let drafted = control(&emulator, "GET", &format!("{path}/draft"), "")
        .await
        .json();
    assert_eq!(
        drafted["policy_document"],
        json!({"Version": "2012-10-17", "Statement": [
            {"Sid": "Everything", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:user/test"},
             "Action": "lookoutvision:ListProjects", "Resource": "*"},
            {"Sid": "MyProject", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:user/test"},
             "Action": "lookoutvision:DetectAnomalies", "Resource": [
                "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1",
                "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/myModel"]},
        ]})
    );
    assert_eq!(
        drafted["summary"],
        "allows all 4 recorded calls that were allowed, denies all 1 that were denied; also allows 0 calls outside of them \
         among the principals, models and operations of the configuration"
    );
    assert_eq!(
        (&drafted["findings"], &drafted["generalisations"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(control(&emulator, "GET", &path, "").await.text(), ONE_MODEL);

    // Less exactly: every model of the project, by everyone of the account.
    let query = "resources=project&principals=account";
    let drafted = control(&emulator, "GET", &format!("{path}/draft?{query}"), "")
        .await
        .json();
    let statement = &drafted["policy_document"]["Statement"][1];
    assert_eq!(
        statement["Principal"],
        json!({"AWS": "arn:aws:iam::123456789012:root"})
    );
    assert_eq!(
        statement["Resource"],
        "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/*"
    );
    // So model 2 would be allowed as well.
    assert_eq!(
        (&drafted["recorded_denied"], &drafted["denies"]),
        (&json!(1), &json!(0))
    );
    for (query, status) in [
        ("condition=source-vpce", 400),
        ("resources=some", 400),
        ("resorces=any", 400),
        ("since=yesterday", 400),
        ("principal=arn:aws:iam::123456789012:user/nobody", 409),
    ] {
        let refused = control(&emulator, "GET", &format!("{path}/draft?{query}"), "").await;
        assert_eq!(refused.status, status, "{query} {}", refused.text());
    }
    let unknown = control(&emulator, "GET", "/vpc-endpoints/vpce-1/policy/draft", "").await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn sessions_are_drafted_as_their_role_and_networks_as_conditions() {
    let emulator = emulator_with(
        r#"
principals:
  - arn: arn:aws:iam::123456789012:root
    access_keys: [{access_key_id: root, secret_access_key: root}]
  - arn: arn:aws:sts::123456789012:assumed-role/inspector/line-7
    access_keys: [{access_key_id: ASIALINE7, secret_access_key: s, session_token: t}]
  - arn: arn:aws:sts::123456789012:assumed-role/inspector/line-8
    access_keys: [{access_key_id: ASIALINE8, secret_access_key: s, session_token: t}]
roles:
  - arn: arn:aws:iam::123456789012:role/factory/inspector
    trust_policy: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {AWS: "123456789012"}, Action: "sts:AssumeRole"}]}
vpcs: [{vpc_id: vpc-0000000a, region: us-west-2}]
vpc_endpoints: [{vpc_endpoint_id: vpce-0000000a, vpc_id: vpc-0000000a}]
public_endpoint: allow
projects: [{name: my-project, models: [{version: "1", status: HOSTED}]}]
"#,
    )
    .await;
    let detect = || {
        Call::post(
            "/2020-11-20/projects/my-project/models/1/detect",
            "image/jpeg",
            crate::support::JPEG,
        )
    };
    for key in ["ASIALINE7", "ASIALINE8"] {
        detect()
            .credentials(key, "s")
            .session_token("t")
            .send(&emulator)
            .await
            .check_ok();
    }
    detect()
        .credentials("root", "root")
        .send(&emulator)
        .await
        .check_ok();
    let public = detect()
        .host("lookoutvision.eu-west-1.amazonaws.com")
        .region("eu-west-1");
    public
        .credentials("ASIALINE7", "s")
        .session_token("t")
        .send(&emulator)
        .await
        .check_ok();

    let drafted = control(&emulator, "GET", "/vpc-endpoints/vpce-0000000a/policy/draft", "")
        .await
        .json();
    let model = "arn:aws:lookoutvision:us-west-2:123456789012:model/my-project/1";
    assert_eq!(
        drafted["policy_document"]["Statement"],
        json!([
            // The root user's ARN alone would stand for the whole account.
            {"Sid": "MyProject", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:role/factory/inspector"},
             "Action": "lookoutvision:DetectAnomalies", "Resource": model},
            {"Sid": "MyProject2", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
             "Action": "lookoutvision:DetectAnomalies", "Resource": model,
             "Condition": {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::123456789012:root"}}},
        ])
    );
    let query = "principal=arn:aws:iam::123456789012:role/factory/inspector&condition=source-vpce";
    let drafted = control(&emulator, "GET", &format!("/identity-policy/draft?{query}"), "")
        .await
        .json();
    assert_eq!(
        drafted["policy_document"]["Statement"],
        json!([
            {"Sid": "MyProject", "Effect": "Allow", "Action": "lookoutvision:DetectAnomalies",
             "Resource": "arn:aws:lookoutvision:eu-west-1:123456789012:model/my-project/1",
             "Condition": {"Null": {"aws:SourceVpce": "true"}}},
            {"Sid": "MyProject2", "Effect": "Allow", "Action": "lookoutvision:DetectAnomalies", "Resource": model,
             "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-0000000a"}}},
        ]),
        "{drafted:#}"
    );
    assert_eq!(
        (&drafted["recorded_allowed"], &drafted["allows"]),
        (&json!(3), &json!(3))
    );
    let nobody = control(&emulator, "GET", "/identity-policy/draft", "").await;
    assert_eq!(nobody.status, 400);
}

#[tokio::test]
async fn the_command_drafts_from_a_running_emulator_and_from_a_saved_journal() {
    let emulator = emulator().await;
    Call::detect("1").send(&emulator).await.check_ok();
    let folder = tempfile::tempdir().unwrap();
    let url = emulator.control_url();
    let at = folder.path().to_owned();
    let asked = tokio::task::spawn_blocking(move || run(&at, &["--control", &url]))
        .await
        .unwrap();
    assert_eq!(asked.status.code(), Some(0), "{asked:?}");
    let document: Value = serde_json::from_slice(&asked.stdout).expect("the document is JSON");
    assert_eq!(document["Statement"][0]["Sid"], "MyProject");
    assert!(
        String::from_utf8_lossy(&asked.stderr).starts_with("allows all 1 recorded calls"),
        "{asked:?}"
    );

    let saved = control_accepting(&emulator, "/requests", "application/x-ndjson").await;
    fs::write(folder.path().join("requests.ndjson"), &saved.body).unwrap();
    let offline = run(folder.path(), &["--requests", "requests.ndjson"]);
    assert_eq!(offline.status.code(), Some(0), "{offline:?}");
    assert_eq!(offline.stdout, asked.stdout);
    assert_eq!(offline.stderr, asked.stderr);
    fs::write(folder.path().join("empty.ndjson"), "").unwrap();
    let id = ["--vpc-endpoint-id", ENDPOINT];
    for (arguments, code) in [
        (&["--requests", "empty.ndjson", id[0], id[1]][..], 1),
        (&["--requests", "gone.ndjson"], 64),
        (&["--type", "identity"], 64),
        (
            &["--requests", "requests.ndjson", "--condition", "source-vpc"],
            64,
        ),
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {output:?}");
    }
    assert_eq!(journal_of(&emulator).await.len(), 1);
}
