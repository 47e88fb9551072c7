//! The journal as a test author reads it.

use serde_json::{Value, json};

use crate::support::{Call, control, emulator};

#[tokio::test]
async fn an_entry_has_every_member() {
    let emulator = emulator().await;
    let answer = Call::detect("1").send(&emulator).await;
    let entry = emulator.requests().await.pop().unwrap();
    assert_eq!(entry["request_id"].as_str(), answer.header("x-amzn-requestid"));
    assert_eq!(
        entry["entry_point"],
        json!({"kind": "vpc-endpoint", "vpc_endpoint_id": "vpce-00000000000000000", "vpc_id": "vpc-00000000000000000"})
    );
    assert_eq!(entry["source_ip"], "127.0.0.1");
    assert_eq!(entry["method"], "POST");
    assert_eq!(entry["target"], "/2020-11-20/projects/myProject/models/1/detect");
    assert_eq!(entry["host"], "localhost");
    assert_eq!(
        entry["tls"],
        json!({"version": "TLSv1.3", "sni": "localhost", "alpn": null})
    );
    assert_eq!(entry["principal"], "arn:aws:iam::123456789012:user/test");
    assert_eq!(entry["access_key_id"], "test");
    assert_eq!(entry["operation"], "DetectAnomalies");
    assert_eq!(entry["action"], "lookoutvision:DetectAnomalies");
    assert_eq!(
        entry["resource"],
        "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1"
    );
    assert_eq!(entry["status"], 200);
    assert_eq!(entry["error_code"], Value::Null);
    assert_eq!(entry["decision"], "allowed");
    assert_eq!(
        entry["decided_by"],
        json!({"policy_type": "vpc-endpoint", "policy": 0, "statement": 0, "sid": null})
    );
    assert_eq!(entry["signature"], Value::Null);
    assert_eq!(entry["body"]["bytes"], crate::support::JPEG.len());
    assert_eq!(entry["body"]["content_type"], "image/jpeg");
    assert!(
        entry["body"]["sha256"]
            .as_str()
            .is_some_and(|sha256| sha256.len() == 64)
    );
    assert_eq!(entry["response"]["bytes"], answer.body.len());
    for key in [
        "aws:PrincipalArn",
        "aws:SourceVpce",
        "aws:RequestedRegion",
        "aws:CurrentTime",
        "aws:userid",
    ] {
        assert!(entry["context"][key][0].is_string(), "{key}: {entry}");
    }
    assert!(entry["time"].is_string() && entry["duration_micros"].is_u64());
    assert!(entry["statements"].is_array());
}

#[tokio::test]
async fn filters_narrow_and_unknown_ones_are_refused() {
    let emulator = emulator().await;
    Call::detect("1").send(&emulator).await;
    Call::detect("1")
        .credentials("AKIDNOBODY", "x")
        .send(&emulator)
        .await;
    let count = async |query: &str| {
        let answer = control(&emulator, "GET", &format!("/requests?{query}"), "").await;
        answer.json().as_array().map(Vec::len)
    };
    assert_eq!(count("").await, Some(2));
    assert_eq!(count("status=200").await, Some(1));
    assert_eq!(count("operation=DetectAnomalies").await, Some(2));
    assert_eq!(count("operation=ListProjects").await, Some(0));
    assert_eq!(
        count("decision=allowed&vpc_endpoint_id=vpce-00000000000000000").await,
        Some(1)
    );
    assert_eq!(
        count("principal=arn:aws:iam::123456789012:user/nobody").await,
        Some(0)
    );
    let first = emulator.requests().await[0]["request_id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(count(&format!("since={first}")).await, Some(1));
    assert_eq!(
        control(&emulator, "GET", "/requests?colour=red", "").await.status,
        400
    );
}

#[tokio::test]
async fn it_begins_empty_and_can_be_emptied() {
    let emulator = emulator().await;
    assert_eq!(control(&emulator, "GET", "/requests", "").await.json(), json!([]));
    Call::detect("1").send(&emulator).await;
    let id = emulator.requests().await[0]["request_id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        control(&emulator, "GET", &format!("/requests/{id}"), "")
            .await
            .status,
        200
    );
    assert_eq!(control(&emulator, "DELETE", "/requests", "").await.status, 204);
    assert_eq!(control(&emulator, "GET", "/requests", "").await.json(), json!([]));
    assert_eq!(
        control(&emulator, "GET", &format!("/requests/{id}"), "")
            .await
            .status,
        404
    );
}
