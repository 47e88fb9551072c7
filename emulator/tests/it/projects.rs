//! `GET /projects`: what the service has in a Region, with the statuses and when they end.

use serde_json::{Value, json};

use crate::support::{Call, control, emulator_with};

async fn projects(emulator: &lookoutvision_emulator::Emulator, query: &str) -> Value {
    control(emulator, "GET", &format!("/projects{query}"), "")
        .await
        .json()
}

#[tokio::test]
async fn projects_are_listed_by_region_with_what_ends_on_the_clock() {
    let emulator = emulator_with(
        r#"
projects:
  - {name: here, region: us-west-2, models: [{version: "1"}, {version: "2", status: TRAINED}]}
  - {name: later, region: us-west-2, exists: false}
  - {name: elsewhere, region: eu-west-1}
timing: {hosting_start_seconds: 60, dataset_create_seconds: 30}
"#,
    )
    .await;
    let frozen = json!({"frozen_at": "2026-01-02T03:00:00Z"}).to_string();
    assert_eq!(control(&emulator, "PUT", "/clock", &frozen).await.status, 200);
    let before = projects(&emulator, "?region=us-west-2").await;
    assert_eq!(before["region"], "us-west-2");
    assert_eq!(before["not_created"], json!(["later"]));
    for region in ["eu-west-1", "us-west-2"] {
        let regions = before["regions"].as_array().unwrap();
        assert!(regions.contains(&json!(region)), "{before}");
    }
    let [here] = &before["projects"].as_array().unwrap()[..] else {
        panic!("{before}");
    };
    assert_eq!(
        (&here["name"], &here["is_declared"]),
        (&json!("here"), &json!(true))
    );
    assert_eq!(
        here["models"],
        json!([
            {"version": "1", "status": "HOSTED", "message": "The model is running.", "ends_at": null},
            {"version": "2", "status": "TRAINED", "message": "Training completed successfully.", "ends_at": null}
        ])
    );

    let send = async |method: &'static str, target: &str, body: Value| {
        let mut call = Call::get(&format!("/2020-11-20{target}"));
        call.method = method;
        let time: jiff::Timestamp = "2026-01-02T03:00:00Z".parse().expect("a moment");
        call.time = time.try_into().expect("a time of the system");
        let answer = call
            .body("application/json", body.to_string().as_bytes())
            .send(&emulator)
            .await;
        assert!(answer.status < 300, "{answer:?}");
    };
    send(
        "POST",
        "/projects/here/models/2/start",
        json!({"MinInferenceUnits": 1}),
    )
    .await;
    send("POST", "/projects", json!({"ProjectName": "made"})).await;
    send("POST", "/projects/made/datasets", json!({"DatasetType": "train"})).await;
    let after = projects(&emulator, "?region=us-west-2").await;
    // What the configuration declares was created when the emulator was started, on the machine's clock.
    let [made, here] = &after["projects"].as_array().unwrap()[..] else {
        panic!("{after}");
    };
    assert_eq!(
        (&here["models"][1]["status"], &here["models"][1]["ends_at"]),
        (&json!("STARTING_HOSTING"), &json!("2026-01-02T03:01:00Z"))
    );
    assert_eq!(
        (&made["name"], &made["is_declared"]),
        (&json!("made"), &json!(false))
    );
    assert_eq!(
        (&made["datasets"][0]["type"], &made["datasets"][0]["images"]),
        (&json!("train"), &json!(0))
    );

    let elsewhere = projects(&emulator, "?region=eu-west-1").await;
    assert_eq!(elsewhere["projects"][0]["name"], "elsewhere");
    for query in ["?region=nowhere", "?regoin=eu-west-1"] {
        let refused = control(&emulator, "GET", &format!("/projects{query}"), "").await;
        assert_eq!(refused.status, 400, "{query}");
        assert_eq!(refused.json()["error"]["code"], "InvalidParameter", "{query}");
    }
}
