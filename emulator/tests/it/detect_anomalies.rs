//! DetectAnomalies over the wire: answers, refusals, and the rules that choose among them.

use serde_json::json;

use crate::support::{Call, JPEG, PNG, emulator, emulator_with};

#[tokio::test]
async fn a_signed_call_is_answered_as_a_normal_image_with_the_headers_of_the_real_service() {
    let emulator = emulator().await;
    let answer = Call::detect("1").send(&emulator).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        answer.text(),
        r#"{"DetectAnomalyResult":{"Source":{"Type":"direct"},"IsAnomalous":false,"Confidence":0.9999964237213135}}"#
    );
    for (name, value) in [
        ("content-type", "application/json"),
        ("x-xss-protection", "1; mode=block"),
        ("strict-transport-security", "max-age=31540000; includeSubDomains"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert_eq!(
        answer.header("content-length"),
        Some(answer.body.len().to_string().as_str())
    );
    assert!(answer.header("x-amzn-requestid").is_some_and(|id| id.len() == 36));
    assert!(answer.header("date").is_some_and(|date| date.ends_with(" GMT")));
    assert_eq!(answer.header("server"), None);
}

#[tokio::test]
async fn latest_is_the_highest_number_and_not_the_declared_name() {
    let emulator = emulator().await;
    let answer = Call::detect("latest").send(&emulator).await;
    assert_eq!(answer.status, 200);
    let resource = &crate::support::journal_of(&emulator).await[0]["resource"];
    assert_eq!(
        resource,
        "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1"
    );
}

#[tokio::test]
async fn what_is_not_there_or_not_hosted_is_refused_by_its_type() {
    let emulator = emulator_with(
        r#"
projects:
  - name: myProject
    models:
      - {version: "1", status: HOSTED}
      - {version: "2", status: TRAINED}
"#,
    )
    .await;
    let unknown_model = Call::detect("3").send(&emulator).await;
    unknown_model.check(404, "ResourceNotFoundException");
    assert_eq!(unknown_model.json()["ResourceType"], "MODEL");
    assert_eq!(unknown_model.json()["ResourceId"], "3");

    let unknown_project = Call::post("/2020-11-20/projects/other/models/1/detect", "image/jpeg", JPEG)
        .send(&emulator)
        .await;
    unknown_project.check(404, "ResourceNotFoundException");
    assert_eq!(unknown_project.json()["ResourceType"], "PROJECT");

    let not_hosted = Call::detect("2").send(&emulator).await;
    not_hosted.check(409, "ConflictException");
}

#[tokio::test]
async fn a_body_that_is_no_image_of_its_type_is_a_validation_error() {
    let emulator = emulator().await;
    let refused = Call::detect("1")
        .body("application/octet-stream", JPEG)
        .send(&emulator)
        .await;
    assert_eq!(
        refused.check(400, "ValidationException"),
        "content-type must be one of the following. image/jpeg, image/png"
    );
    Call::detect("1")
        .body("image/png", JPEG)
        .send(&emulator)
        .await
        .check(400, "ValidationException");
    Call::detect("1")
        .body("image/jpeg", b"")
        .send(&emulator)
        .await
        .check(400, "ValidationException");
    Call::detect("1")
        .body("image/png", &PNG[..PNG.len() / 2])
        .send(&emulator)
        .await
        .check(400, "ValidationException");
    let name = "-not-a-name";
    let call = Call::post(
        &format!("/2020-11-20/projects/{name}/models/1/detect"),
        "image/jpeg",
        JPEG,
    );
    let message = call.send(&emulator).await.check(400, "ValidationException");
    assert!(
        message.starts_with("1 validation error detected: Value '-not-a-name' at 'projectName'"),
        "{message}"
    );
}

#[tokio::test]
async fn rules_answer_by_call_number_and_then_a_mask_is_painted_for_the_image() {
    let emulator = emulator_with(
        r##"
projects:
  - name: myProject
    models:
      - version: "1"
        status: HOSTED
        detect_anomalies:
          - when: {call: {from: 1, to: 1}}
            then: {error: ThrottlingException, message: "Rate exceeded", retry_after_seconds: 1}
          - when: {content_type: image/png}
            then:
              is_anomalous: true
              confidence: 0.97
              anomalies:
                - name: scratch
                  color: "#23A436"
                  regions: [{x: 0.0, y: 0.0, width: 0.5, height: 0.5}]
"##,
    )
    .await;
    let throttled = Call::detect("1").send(&emulator).await;
    assert_eq!(throttled.check(429, "ThrottlingException"), "Rate exceeded");
    assert_eq!(throttled.header("retry-after"), Some("1"));

    let segmented = Call::detect("1").body("image/png", PNG).send(&emulator).await;
    assert_eq!(segmented.status, 200);
    let result = &segmented.json()["DetectAnomalyResult"];
    assert_eq!(result["IsAnomalous"], true);
    assert!(
        segmented.text().contains(r#""Confidence":0.9700000286102295,"#),
        "{segmented:?}"
    );
    assert_eq!(result["Anomalies"][0]["Name"], "background");
    assert_eq!(
        result["Anomalies"][0]["PixelAnomaly"],
        json!({"TotalPercentageArea": 0.75, "Color": "#FFFFFF"})
    );
    assert_eq!(
        result["Anomalies"][1]["PixelAnomaly"],
        json!({"TotalPercentageArea": 0.25, "Color": "#23A436"})
    );
    assert!(
        result["AnomalyMask"]
            .as_str()
            .is_some_and(|mask| mask.starts_with("iVBORw0KGgo"))
    );

    let normal = Call::detect("1").send(&emulator).await;
    assert_eq!(normal.json()["DetectAnomalyResult"]["IsAnomalous"], false);
}

#[tokio::test]
async fn a_path_of_no_operation_is_refused_by_name() {
    let emulator = emulator().await;
    let unknown = Call::get("/2020-11-20/nonsense").send(&emulator).await;
    assert_eq!(
        (unknown.status, unknown.header("x-amzn-errortype")),
        (404, Some("UnknownOperationException"))
    );
    assert_eq!(unknown.text(), "{}");
}
