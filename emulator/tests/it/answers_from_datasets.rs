//! `answers_from_datasets`: a model that was trained from a manifest answers the images of its datasets with their labels.

use std::{fs, path::Path};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use lookoutvision_emulator::Emulator;
use serde_json::{Value, json};

use crate::{
    process::Process,
    support::{Answer, Call, JPEG, PNG, control, emulator_with},
};

const ANOMALY: &[u8] = include_bytes!("../fixtures/images/anomaly-1.jpg");
const MASK: &[u8] = include_bytes!("../fixtures/images/mask-anomaly-1.png");
const UNKNOWN: &[u8] = include_bytes!("../fixtures/images/anomaly-gray-640x480.jpg");

/// A folder that stands for the bucket `parts`, with a manifest of a classification and one of a segmentation
fn bucket() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let parts = folder.path().join("parts");
    fs::create_dir(&parts).expect("the folder is ours");
    let segmentation = [
        line("good.jpg", "normal", ""),
        line("bad.jpg", "anomaly", &mask("mask.png")),
    ];
    for (name, content) in [
        ("good.jpg", JPEG),
        ("bad.jpg", ANOMALY),
        ("later.png", PNG),
        ("mask.png", MASK),
        ("broken.jpg", b"no image"),
        (
            "classification.manifest",
            [line("good.jpg", "normal", ""), line("bad.jpg", "anomaly", "")]
                .join("\n")
                .as_bytes(),
        ),
        ("segmentation.manifest", segmentation.join("\n").as_bytes()),
        ("gone.manifest", line("gone.jpg", "normal", "").as_bytes()),
        ("broken.manifest", line("broken.jpg", "normal", "").as_bytes()),
        (
            "no-mask.manifest",
            line("bad.jpg", "anomaly", &mask("gone.png")).as_bytes(),
        ),
    ] {
        fs::write(parts.join(name), content).expect("the folder is ours");
    }
    folder
}

fn line(image: &str, class: &str, mask: &str) -> String {
    format!(
        r#"{{"source-ref":"s3://parts/{image}","label":1,"label-metadata":{{"class-name":"{class}","human-annotated":"yes","type":"groundtruth/image-classification"}}{mask}}}"#
    )
}

fn mask(image: &str) -> String {
    format!(
        r##","mask-ref":"s3://parts/{image}","mask-ref-metadata":{{"internal-color-map":{{"0":{{"class-name":"background","hex-color":"#ffffff"}},"1":{{"class-name":"cracked","hex-color":"#2ca02c"}}}},"human-annotated":"yes","type":"groundtruth/semantic-segmentation"}}"##
    )
}

fn config(bucket: &Path, more: &str) -> String {
    format!(
        "projects: [{{name: line, answers_from_datasets: true{more}}}]\ns3: {{buckets: {{parts: {}}}}}\n",
        bucket.join("parts").display()
    )
}

fn call(method: &'static str, target: &str, body: &Value) -> Call {
    let mut call = Call::get(&format!("/2020-11-20/projects/line{target}"));
    call.method = method;
    match body {
        Value::Null => call,
        body => call.body("application/json", body.to_string().as_bytes()),
    }
}

fn create_dataset(manifest: &str) -> Call {
    let object = json!({"Bucket": "parts", "Key": manifest});
    let body =
        json!({"DatasetType": "train", "DatasetSource": {"GroundTruthManifest": {"S3Object": object}}});
    call("POST", "/datasets", &body)
}

fn create_model() -> Call {
    let body = json!({"OutputConfig": {"S3Location": {"Bucket": "parts", "Prefix": "out/"}}});
    call("POST", "/models", &body)
}

fn start_model() -> Call {
    call("POST", "/models/1/start", &json!({"MinInferenceUnits": 1}))
}

fn detect(content_type: &'static str, image: &[u8]) -> Call {
    call("POST", "/models/1/detect", &Value::Null).body(content_type, image)
}

#[track_caller]
fn done(answer: &Answer) {
    assert!(answer.status < 300, "{answer:?}");
}

/// An emulator whose model 1 of `line` was trained with a manifest and is hosted
async fn trained(bucket: &Path, manifest: &str, more: &str) -> Emulator {
    let emulator = emulator_with(&config(bucket, more)).await;
    for call in [create_dataset(manifest), create_model(), start_model()] {
        done(&call.send(&emulator).await);
    }
    emulator
}

async fn result(emulator: &Emulator, content_type: &'static str, image: &[u8]) -> Value {
    let answer = detect(content_type, image).send(emulator).await;
    answer.check_ok();
    answer.json()["DetectAnomalyResult"].clone()
}

async fn is_anomalous(emulator: &Emulator, image: &[u8]) -> bool {
    let result = result(emulator, "image/jpeg", image).await;
    result["IsAnomalous"].as_bool().expect("it says so")
}

async fn status_of_dataset(emulator: &Emulator) -> (String, String) {
    let described = call("GET", "/datasets/train", &Value::Null).send(emulator).await;
    let described = described.json()["DatasetDescription"].clone();
    let text = |member: &str| described[member].as_str().expect("a text").to_owned();
    (text("Status"), text("StatusMessage"))
}

#[tokio::test]
async fn a_classification_model_answers_an_image_of_its_dataset_with_its_label() {
    let bucket = bucket();
    let emulator = trained(bucket.path(), "classification.manifest", "").await;
    let bad = result(&emulator, "image/jpeg", ANOMALY).await;
    assert_eq!(bad["IsAnomalous"], true);
    assert!(bad.get("Anomalies").is_none(), "{bad}");
    assert!(!is_anomalous(&emulator, JPEG).await);
    // One that no dataset has gets what every image gets.
    assert!(!is_anomalous(&emulator, UNKNOWN).await);
    let rules: Vec<_> = crate::support::journal_of(&emulator)
        .await
        .iter()
        .filter(|entry| entry["operation"] == "DetectAnomalies")
        .map(|entry| entry["response"]["rule"].clone())
        .collect();
    assert_eq!(rules, ["dataset", "dataset", "default"]);
}

#[tokio::test]
async fn a_segmentation_model_answers_with_the_mask_of_the_manifest() {
    let bucket = bucket();
    let emulator = trained(bucket.path(), "segmentation.manifest", "").await;
    let bad = result(&emulator, "image/jpeg", ANOMALY).await;
    assert_eq!(bad["IsAnomalous"], true);
    let anomalies = &bad["Anomalies"];
    assert_eq!(anomalies[0]["Name"], "background");
    assert_eq!(anomalies[1]["Name"], "cracked");
    assert_eq!(anomalies[1]["PixelAnomaly"]["Color"], "#2CA02C");
    // 1,012 of 320 x 240 pixels.
    let area = anomalies[1]["PixelAnomaly"]["TotalPercentageArea"].as_f64();
    assert!(
        area.is_some_and(|area| (area - 1_012.0 / 76_800.0).abs() < 1e-6),
        "{area:?}"
    );
    let mask = bad["AnomalyMask"].as_str().expect("there is a mask");
    let mask = BASE64_STANDARD.decode(mask).expect("it is base64");
    assert!(mask.starts_with(b"\x89PNG"));

    let good = result(&emulator, "image/jpeg", JPEG).await;
    assert_eq!(good["IsAnomalous"], false);
    assert_eq!(
        good["Anomalies"].as_array().map(Vec::len),
        Some(1),
        "the background"
    );
}

#[tokio::test]
async fn a_rule_that_matches_answers_before_the_dataset() {
    let bucket = bucket();
    let rule = ", detect_anomalies: [{when: {call: {to: 1}}, then: {is_anomalous: true, confidence: 0.5}}]";
    let emulator = trained(bucket.path(), "classification.manifest", rule).await;
    assert!(is_anomalous(&emulator, JPEG).await);
    assert!(!is_anomalous(&emulator, JPEG).await);
    let put = r#"{"then": {"error": "ThrottlingException"}}"#;
    let target = "/projects/line/models/1/detect-anomalies";
    assert_eq!(control(&emulator, "POST", target, put).await.status, 201);
    assert_eq!(detect("image/jpeg", JPEG).send(&emulator).await.status, 429);
}

#[tokio::test]
async fn without_the_key_nothing_is_read_and_the_label_is_not_known() {
    let bucket = bucket();
    let config = config(bucket.path(), "").replace("true", "false");
    let emulator = emulator_with(&config).await;
    done(&create_dataset("gone.manifest").send(&emulator).await);
    assert_eq!(status_of_dataset(&emulator).await.0, "CREATE_COMPLETE");
}

#[tokio::test]
async fn an_image_that_cannot_be_used_fails_the_dataset_and_is_named() {
    let bucket = bucket();
    for (manifest, expected) in [
        (
            "gone.manifest",
            "The image s3://parts/gone.jpg could not be used: No such file",
        ),
        (
            "broken.manifest",
            "The image s3://parts/broken.jpg could not be used: The image is neither a JPEG nor a PNG image.",
        ),
        (
            "no-mask.manifest",
            "The image s3://parts/gone.png could not be used: No such file",
        ),
    ] {
        let emulator = emulator_with(&config(bucket.path(), "")).await;
        done(&create_dataset(manifest).send(&emulator).await);
        let (status, message) = status_of_dataset(&emulator).await;
        assert_eq!(status, "CREATE_FAILED", "{message}");
        assert!(message.starts_with(expected), "{message}");
    }
}

#[tokio::test]
async fn an_image_over_its_limit_is_told_with_the_name_of_the_limit() {
    let bucket = bucket();
    let config = config(bucket.path(), "") + "limits: {dataset_image_bytes_max: 1024}\n";
    let emulator = emulator_with(&config).await;
    done(&create_dataset("classification.manifest").send(&emulator).await);
    assert_eq!(
        status_of_dataset(&emulator).await.1,
        "The image s3://parts/good.jpg could not be used: it has more than 1024 bytes (limits.dataset_image_bytes_max)"
    );
}

#[tokio::test]
async fn an_image_is_what_it_was_when_the_dataset_was_made() {
    let bucket = bucket();
    let emulator = emulator_with(&config(bucket.path(), "")).await;
    done(&create_dataset("classification.manifest").send(&emulator).await);
    fs::write(bucket.path().join("parts/bad.jpg"), UNKNOWN).expect("the folder is ours");
    for call in [create_model(), start_model()] {
        done(&call.send(&emulator).await);
    }
    assert!(is_anomalous(&emulator, ANOMALY).await);
    assert!(!is_anomalous(&emulator, UNKNOWN).await);
}

#[tokio::test]
async fn an_image_that_came_with_an_update_is_read_by_the_training() {
    let bucket = bucket();
    let emulator = emulator_with(&config(bucket.path(), "")).await;
    done(&create_dataset("classification.manifest").send(&emulator).await);
    let update = |image: &str| {
        let changes = BASE64_STANDARD.encode(line(image, "anomaly", ""));
        call("PATCH", "/datasets/train/entries", &json!({"Changes": changes}))
    };
    done(&update("later.png").send(&emulator).await);
    for call in [create_model(), start_model()] {
        done(&call.send(&emulator).await);
    }
    assert_eq!(result(&emulator, "image/png", PNG).await["IsAnomalous"], true);

    done(&update("gone.jpg").send(&emulator).await);
    done(&create_model().send(&emulator).await);
    let described = call("GET", "/models/2", &Value::Null).send(&emulator).await;
    let described = described.json()["ModelDescription"].clone();
    assert_eq!(described["Status"], "TRAINING_FAILED");
    let message = described["StatusMessage"].as_str().expect("a text");
    assert!(
        message.starts_with("The image s3://parts/gone.jpg could not be used: "),
        "{message}"
    );
}

#[tokio::test]
async fn another_emulator_that_gets_the_state_answers_the_same_without_the_bucket() {
    let bucket = bucket();
    let first = trained(bucket.path(), "segmentation.manifest", "").await;
    let seen = result(&first, "image/jpeg", ANOMALY).await;
    let state = control(&first, "GET", "/state", "").await;
    let second = emulator_with("projects: [{name: line, answers_from_datasets: true}]").await;
    let put = control(&second, "PUT", "/state", state.text()).await;
    assert_eq!(put.status, 200, "{}", put.text());
    assert_eq!(result(&second, "image/jpeg", ANOMALY).await, seen);
    let again = control(&second, "GET", "/state", "").await.json();
    let mut state = state.json();
    assert!(
        ["datasets", "models"]
            .iter()
            .all(|member| again[*member] == state[*member])
    );

    // What nobody can have seen is refused by its path.
    for (path, value, refused) in [
        (
            "/datasets/0/images/s3:~1~1parts~1good.jpg/sha256",
            json!("12"),
            "/datasets/0/images/s3:~1~1parts~1good.jpg/sha256",
        ),
        (
            "/models/0/learned/0/label",
            json!("dirty"),
            "/models/0/learned/0/label",
        ),
        (
            "/datasets/0/images/s3:~1~1parts~1bad.jpg/mask/png",
            json!("AAAA"),
            "/datasets/0/images/s3:~1~1parts~1bad.jpg/mask/png",
        ),
    ] {
        let member = state.pointer_mut(path).unwrap_or_else(|| panic!("{path}"));
        let before = std::mem::replace(member, value);
        let put = control(&second, "PUT", "/state", &state.to_string()).await;
        assert_eq!(
            (put.status, &put.json()["error"]["path"]),
            (400, &json!(refused)),
            "{}",
            put.text()
        );
        *state.pointer_mut(path).expect("it was there") = before;
    }
}

#[tokio::test]
async fn what_a_model_has_learned_is_there_after_a_kill_and_gone_with_the_model() {
    let bucket = bucket();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let config = config(bucket.path(), "") + "state: emulator.state\n";
    fs::write(folder.path().join("emulator.yaml"), config).expect("the folder is ours");
    let process = Process::start(folder.path());
    let send = async |process: &Process, call: Call| {
        let answer = process.send(&call).await.expect("it answers");
        done(&answer);
        answer
    };
    for call in [
        create_dataset("segmentation.manifest"),
        create_model(),
        start_model(),
    ] {
        send(&process, call).await;
    }
    let seen = send(&process, detect("image/jpeg", ANOMALY)).await.json();
    assert_eq!(seen["DetectAnomalyResult"]["IsAnomalous"], true);
    process.kill();

    let process = Process::start(folder.path());
    assert_eq!(send(&process, detect("image/jpeg", ANOMALY)).await.json(), seen);
    send(&process, call("POST", "/models/1/stop", &Value::Null)).await;
    send(&process, call("DELETE", "/models/1", &Value::Null)).await;
    // The next one has number 2, and the dataset still knows its images.
    fs::remove_file(bucket.path().join("parts/bad.jpg")).expect("it is there");
    send(&process, create_model()).await;
    send(
        &process,
        call("POST", "/models/2/start", &json!({"MinInferenceUnits": 1})),
    )
    .await;
    process.kill();

    let process = Process::start(folder.path());
    let again = call("POST", "/models/2/detect", &Value::Null).body("image/jpeg", ANOMALY);
    assert_eq!(send(&process, again).await.json(), seen);
    process.kill();
}
