//! The control plane over the wire: a project from its creation to its end, and what a program does with it in between.

use std::fs;

use lookoutvision_emulator::Emulator;
use serde_json::{Value, json};

use crate::{
    recovery::{settled, status},
    support::{Answer, Call, JPEG, control, emulator, emulator_with},
};

/// A call of the control plane; a body of `null` is none
async fn call(emulator: &Emulator, method: &'static str, target: &str, body: Value) -> Answer {
    send(emulator, method, target, body, None).await
}

async fn send(
    emulator: &Emulator,
    method: &'static str,
    target: &str,
    body: Value,
    client_token: Option<&str>,
) -> Answer {
    let mut call = Call::get(&format!("/2020-11-20{target}"));
    call.method = method;
    if !body.is_null() {
        call = call.body("application/json", body.to_string().as_bytes());
    }
    if let Some(token) = client_token {
        call.extra_headers
            .push(("x-amzn-client-token".to_owned(), token.to_owned()));
    }
    call.send(emulator).await
}

async fn get(emulator: &Emulator, target: &str) -> Value {
    let answer = call(emulator, "GET", target, Value::Null).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[track_caller]
fn ok(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    answer.json()
}

fn line(name: &str, class: &str) -> String {
    json!({
        "source-ref": format!("s3://images/{name}.jpg"),
        "auto-label": 11,
        "auto-label-metadata": {
            "class-name": class, "human-annotated": "yes", "type": "groundtruth/image-classification",
            "creation-date": "2023-01-02T03:04:05.678",
        },
    })
    .to_string()
}

/// A line with a mask, as in AWS's own sample
fn masked(name: &str) -> String {
    let mut line: Value = serde_json::from_str(&line(name, "anomaly")).expect("it was written a moment ago");
    line["anomaly-mask-ref"] = json!(format!("s3://images/{name}.png"));
    line["anomaly-mask-ref-metadata"] = json!({
        "internal-color-map": {"0": {"class-name": "cracked", "hex-color": "#23A436"}},
        "type": "groundtruth/semantic-segmentation", "human-annotated": "yes",
        "creation-date": "Mon Aug 22 2022 13:52:52 GMT-0700 (Pacific Daylight Time)",
    });
    line.to_string()
}

fn from_manifest(dataset_type: &str, key: &str) -> Value {
    json!({
        "DatasetType": dataset_type,
        "DatasetSource": {"GroundTruthManifest": {"S3Object": {"Bucket": "images", "Key": key}}},
    })
}

fn output_to(bucket: &str) -> Value {
    json!({"OutputConfig": {"S3Location": {"Bucket": bucket, "Prefix": "out_"}}})
}

#[tokio::test]
async fn a_project_lives_from_its_creation_to_its_end() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let manifest = [line("1", "normal"), line("2", "anomaly"), line("3", "Anomaly")].join("\n");
    fs::write(folder.path().join("train.manifest"), manifest).expect("the folder is ours");
    let emulator = emulator_with(&format!(
        "s3: {{buckets: {{images: {}}}}}",
        folder.path().display()
    ))
    .await;

    let created = ok(
        &call(&emulator, "POST", "/projects", json!({"ProjectName": "p"})).await,
        200,
    );
    let arn = "arn:aws:lookoutvision:us-west-2:123456789012:project/p";
    assert_eq!(created["ProjectMetadata"]["ProjectArn"], arn);
    assert!(
        created["ProjectMetadata"]["CreationTimestamp"]
            .as_f64()
            .is_some_and(|time| time > 1.6e9)
    );
    let described = get(&emulator, "/projects/p").await;
    assert_eq!(described["ProjectDescription"]["Datasets"], json!([]));

    let answer = call(
        &emulator,
        "POST",
        "/projects/p/datasets",
        from_manifest("train", "train.manifest"),
    )
    .await;
    assert_eq!(
        ok(&answer, 202)["DatasetMetadata"]["Status"],
        "CREATE_IN_PROGRESS"
    );
    let dataset = get(&emulator, "/projects/p/datasets/train").await;
    let dataset = &dataset["DatasetDescription"];
    assert_eq!(dataset["Status"], "CREATE_COMPLETE");
    assert_eq!(dataset["StatusMessage"], "The dataset was created successfully.");
    assert_eq!(
        dataset["ImageStats"],
        json!({"Total": 3, "Labeled": 2, "Normal": 1, "Anomaly": 1})
    );
    let test = ok(
        &call(
            &emulator,
            "POST",
            "/projects/p/datasets",
            json!({"DatasetType": "test"}),
        )
        .await,
        202,
    );
    assert_eq!(test["DatasetMetadata"]["Status"], "CREATE_COMPLETE");

    let answer = call(&emulator, "POST", "/projects/p/models", output_to("images")).await;
    let model = &ok(&answer, 202)["ModelMetadata"];
    assert_eq!(
        (&model["Status"], &model["ModelVersion"]),
        (&json!("TRAINING"), &json!("1"))
    );
    assert_eq!(model["StatusMessage"], "The model is being trained.");
    assert!(model.get("Performance").is_none());
    let described = get(&emulator, "/projects/p/models/latest").await;
    let model = &described["ModelDescription"];
    assert_eq!(model["Status"], "TRAINED");
    assert_eq!(
        model["EvaluationResult"],
        json!({"Bucket": "images", "Key": "out_EvaluationResult-p-1.json"})
    );
    assert!(model["EvaluationEndTimestamp"].as_f64() > model["CreationTimestamp"].as_f64());
    assert!(model.get("MinInferenceUnits").is_none());
    let result =
        fs::read(folder.path().join("out_EvaluationResult-p-1.json")).expect("the training wrote it");
    let result: Value = serde_json::from_slice(&result).expect("it is JSON");
    assert_eq!(result["Version"], 1);

    let start = ok(
        &call(
            &emulator,
            "POST",
            "/projects/p/models/1/start",
            json!({"MinInferenceUnits": 1}),
        )
        .await,
        202,
    );
    assert_eq!(start, json!({"Status": "STARTING_HOSTING"}));
    let described = get(&emulator, "/projects/p/models/1").await;
    assert_eq!(described["ModelDescription"]["Status"], "HOSTED");
    assert_eq!(described["ModelDescription"]["MinInferenceUnits"], 1);
    let detected = Call::post("/2020-11-20/projects/p/models/latest/detect", "image/jpeg", JPEG)
        .send(&emulator)
        .await;
    assert!(
        ok(&detected, 200)["DetectAnomalyResult"]
            .get("AnomalyMask")
            .is_none()
    );

    let tags = "/tags/arn%3Aaws%3Alookoutvision%3Aus-west-2%3A123456789012%3Amodel%2Fp%2F1";
    let tagged = call(
        &emulator,
        "POST",
        tags,
        json!({"Tags": [{"Key": "line", "Value": "a"}, {"Key": "b", "Value": ""}]}),
    )
    .await;
    assert_eq!(ok(&tagged, 200), json!({}));
    ok(
        &call(
            &emulator,
            "DELETE",
            &format!("{tags}?tagKeys=b&tagKeys=absent"),
            Value::Null,
        )
        .await,
        200,
    );
    assert_eq!(
        get(&emulator, tags).await,
        json!({"Tags": [{"Key": "line", "Value": "a"}]})
    );

    let configuration = json!({"Greengrass": {
        "TargetDevice": "jetson_xavier", "ComponentName": "c", "S3OutputLocation": {"Bucket": "images"},
    }});
    let job = json!({"ModelVersion": "latest", "Configuration": configuration, "JobName": "job"});
    let started = call(&emulator, "POST", "/projects/p/modelpackagingjobs", job).await;
    assert_eq!(ok(&started, 200), json!({"JobName": "job"}));
    let job = get(&emulator, "/projects/p/modelpackagingjobs/job").await;
    assert_eq!(job["ModelPackagingDescription"]["Status"], "SUCCEEDED");
    assert_eq!(job["ModelPackagingDescription"]["ModelVersion"], "1");
    assert_eq!(
        job["ModelPackagingDescription"]["ModelPackagingOutputDetails"]["Greengrass"]["ComponentVersion"],
        "1.0.0"
    );
    let jobs = get(&emulator, "/projects/p/modelpackagingjobs").await;
    assert!(
        jobs["ModelPackagingJobs"][0]
            .get("ModelPackagingConfiguration")
            .is_none()
    );

    // Running, it is not deleted, and neither is what it belongs to.
    call(&emulator, "DELETE", "/projects/p/models/1", Value::Null)
        .await
        .check(409, "ConflictException");
    let kept = call(&emulator, "DELETE", "/projects/p", Value::Null).await;
    kept.check(409, "ConflictException");
    assert_eq!(
        (&kept.json()["ResourceType"], &kept.json()["ResourceId"]),
        (&json!("PROJECT"), &json!("p"))
    );
    // JavaScript's old SDK sends an empty object here, the others nothing.
    let stop = call(&emulator, "POST", "/projects/p/models/1/stop", json!({})).await;
    assert_eq!(stop.text(), r#"{"Status":"STOPPING_HOSTING"}"#);
    let refused = Call::post("/2020-11-20/projects/p/models/1/detect", "image/jpeg", JPEG)
        .send(&emulator)
        .await;
    refused.check(409, "ConflictException");
    let deleted = ok(
        &call(&emulator, "DELETE", "/projects/p/models/1", Value::Null).await,
        202,
    );
    assert_eq!(
        deleted["ModelArn"],
        "arn:aws:lookoutvision:us-west-2:123456789012:model/p/1"
    );
    let gone = call(&emulator, "GET", "/projects/p/models/1", Value::Null).await;
    gone.check(404, "ResourceNotFoundException");
    assert_eq!(gone.json()["ResourceType"], "MODEL");
    assert_eq!(get(&emulator, "/projects/p/models").await, json!({"Models": []}));

    // A version is never given out again.
    let again = call(&emulator, "POST", "/projects/p/models", output_to("images")).await;
    assert_eq!(ok(&again, 202)["ModelMetadata"]["ModelVersion"], "2");
    ok(
        &call(&emulator, "DELETE", "/projects/p/models/2", Value::Null).await,
        202,
    );
    for dataset_type in ["train", "test"] {
        let target = format!("/projects/p/datasets/{dataset_type}");
        assert_eq!(
            ok(&call(&emulator, "DELETE", &target, Value::Null).await, 202),
            json!({})
        );
    }
    assert_eq!(
        ok(&call(&emulator, "DELETE", "/projects/p", Value::Null).await, 200),
        json!({"ProjectArn": arn})
    );
    call(&emulator, "GET", "/projects/p", Value::Null)
        .await
        .check(404, "ResourceNotFoundException");
}

#[tokio::test]
async fn declared_projects_are_the_initial_state_and_reset_brings_it_back() {
    let emulator = emulator().await;
    let models = get(&emulator, "/projects/myProject/models").await;
    let versions: Vec<_> = models["Models"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|model| &model["ModelVersion"])
        .collect();
    assert_eq!(versions, ["1", "myModel"]);
    let described = get(&emulator, "/projects/myProject/models/myModel").await;
    assert_eq!(described["ModelDescription"]["Status"], "HOSTED");
    assert!(described["ModelDescription"]["OutputConfig"]["S3Location"]["Bucket"].is_string());
    ok(
        &call(
            &emulator,
            "POST",
            "/projects/myProject/models/myModel/stop",
            Value::Null,
        )
        .await,
        202,
    );
    Call::detect("myModel")
        .send(&emulator)
        .await
        .check(409, "ConflictException");
    // Another Region has a state of its own.
    let elsewhere = Call::detect("myModel").region("eu-west-1").send(&emulator).await;
    assert_eq!(elsewhere.status, 200);
    control(&emulator, "POST", "/reset", "").await;
    assert_eq!(Call::detect("myModel").send(&emulator).await.status, 200);
}

#[tokio::test]
async fn with_timing_the_clock_steps_through_the_statuses() {
    let emulator = emulator_with(
        "timing: {training_seconds: 600, hosting_start_seconds: 60, dataset_update_seconds: 5, model_delete_seconds: 9}",
    )
    .await;
    let clock = async |seconds: u32| {
        let at = format!("2026-01-02T03:{:02}:{:02}Z", seconds / 60, seconds % 60);
        let set = control(&emulator, "PUT", "/clock", &json!({"frozen_at": at}).to_string()).await;
        assert_eq!(set.status, 200);
        at
    };
    let send = async |method: &'static str, target: &str, body: Value, at: &str| {
        let mut call = Call::get(&format!("/2020-11-20{target}"));
        call.method = method;
        if !body.is_null() {
            call = call.body("application/json", body.to_string().as_bytes());
        }
        let time: jiff::Timestamp = at.parse().expect("a moment");
        call.time = time.try_into().unwrap();
        let answer = call.send(&emulator).await;
        assert!(answer.status < 300, "{answer:?}");
        answer.json()
    };
    let at = clock(0).await;
    send("POST", "/projects", json!({"ProjectName": "p"}), &at).await;
    send(
        "POST",
        "/projects/p/datasets",
        json!({"DatasetType": "train"}),
        &at,
    )
    .await;
    let changes = base64(&line("1", "normal"));
    let update = send(
        "PATCH",
        "/projects/p/datasets/train/entries",
        json!({"Changes": changes}),
        &at,
    )
    .await;
    assert_eq!(update, json!({"Status": "UPDATE_IN_PROGRESS"}));
    let entries = send("GET", "/projects/p/datasets/train/entries", Value::Null, &at).await;
    assert_eq!(
        entries,
        json!({"DatasetEntries": []}),
        "not before the update is complete"
    );
    let at = clock(5).await;
    let dataset = send("GET", "/projects/p/datasets/train", Value::Null, &at).await;
    assert_eq!(dataset["DatasetDescription"]["Status"], "UPDATE_COMPLETE");
    assert_eq!(dataset["DatasetDescription"]["ImageStats"]["Normal"], 1);
    let entries = send("GET", "/projects/p/datasets/train/entries", Value::Null, &at).await;
    assert_eq!(entries["DatasetEntries"], json!([line("1", "normal")]));

    send("POST", "/projects/p/models", output_to("bucket"), &at).await;
    let status = async |at: &str| {
        send("GET", "/projects/p/models/1", Value::Null, at).await["ModelDescription"]["Status"].clone()
    };
    let at = clock(604).await;
    assert_eq!(status(&at).await, "TRAINING");
    let at = clock(605).await;
    assert_eq!(status(&at).await, "TRAINED");
    send(
        "POST",
        "/projects/p/models/1/start",
        json!({"MinInferenceUnits": 1}),
        &at,
    )
    .await;
    assert_eq!(status(&at).await, "STARTING_HOSTING");
    let at = clock(665).await;
    assert_eq!(status(&at).await, "HOSTED");
    send("POST", "/projects/p/models/1/stop", Value::Null, &at).await;
    assert_eq!(status(&at).await, "TRAINED");
    send("DELETE", "/projects/p/models/1", Value::Null, &at).await;
    assert_eq!(status(&at).await, "DELETING");
    let at = clock(674).await;
    let models = send("GET", "/projects/p/models", Value::Null, &at).await;
    assert_eq!(models, json!({"Models": []}));
}

#[tokio::test]
async fn outcomes_can_be_set_by_project_and_for_one_that_is_not_there_yet() {
    let emulator = emulator_with(
        r#"
projects:
  - name: p
    exists: false
    dataset_create_fails: "no such manifest"
  - name: q
    models: [{version: 1, status: TRAINED}]
    training_fails: Images in the dataset must have the same dimensions.
    hosting_fails: no capacity
"#,
    )
    .await;
    call(&emulator, "GET", "/projects/p", Value::Null)
        .await
        .check(404, "ResourceNotFoundException");
    ok(
        &call(&emulator, "POST", "/projects", json!({"ProjectName": "p"})).await,
        200,
    );
    let created = ok(
        &call(
            &emulator,
            "POST",
            "/projects/p/datasets",
            json!({"DatasetType": "train"}),
        )
        .await,
        202,
    );
    assert_eq!(created["DatasetMetadata"]["Status"], "CREATE_IN_PROGRESS");
    let dataset = get(&emulator, "/projects/p/datasets/train").await;
    assert_eq!(dataset["DatasetDescription"]["Status"], "CREATE_FAILED");
    assert_eq!(dataset["DatasetDescription"]["StatusMessage"], "no such manifest");

    ok(
        &call(
            &emulator,
            "POST",
            "/projects/q/datasets",
            json!({"DatasetType": "train"}),
        )
        .await,
        202,
    );
    let model = ok(
        &call(&emulator, "POST", "/projects/q/models", output_to("bucket")).await,
        202,
    );
    assert_eq!(model["ModelMetadata"]["ModelVersion"], "2");
    let described = get(&emulator, "/projects/q/models/2").await;
    let description = &described["ModelDescription"];
    assert_eq!(description["Status"], "TRAINING_FAILED");
    assert_eq!(
        description["StatusMessage"],
        "Images in the dataset must have the same dimensions."
    );
    for member in [
        "Performance",
        "EvaluationResult",
        "EvaluationManifest",
        "EvaluationEndTimestamp",
    ] {
        assert!(description.get(member).is_none(), "{member}");
    }
    ok(
        &call(
            &emulator,
            "POST",
            "/projects/q/models/1/start",
            json!({"MinInferenceUnits": 1}),
        )
        .await,
        202,
    );
    let described = get(&emulator, "/projects/q/models/1").await;
    assert_eq!(described["ModelDescription"]["Status"], "HOSTING_FAILED");
    assert_eq!(described["ModelDescription"]["StatusMessage"], "no capacity");
    ok(
        &call(
            &emulator,
            "POST",
            "/projects/q/models/1/start",
            json!({"MinInferenceUnits": 1}),
        )
        .await,
        202,
    );
}

#[tokio::test]
async fn a_client_token_makes_a_call_once() {
    let emulator = emulator().await;
    let create = async |name: &str, token| {
        send(
            &emulator,
            "POST",
            "/projects",
            json!({"ProjectName": name}),
            Some(token),
        )
        .await
    };
    let first = create("p", "token-1").await;
    assert_eq!(first.status, 200);
    let repeated = create("p", "token-1").await;
    assert_eq!((repeated.status, repeated.text()), (200, first.text()));
    create("p", "token-2").await.check(409, "ConflictException");
    let other = create("q", "token-1").await.check(409, "ConflictException");
    assert_eq!(other, "The client token was used before with other parameters.");
    // A refusal is not remembered, and another operation has tokens of its own.
    ok(
        &send(&emulator, "DELETE", "/projects/p", Value::Null, Some("token-2")).await,
        200,
    );
    assert_eq!(create("p", "token-2").await.status, 200);
    // Eight hours later the token is new.
    control(&emulator, "PUT", "/clock", r#"{"offset_seconds": 28801}"#).await;
    let mut call = Call::get("/2020-11-20/projects");
    call.method = "POST";
    let mut call = call.body("application/json", br#"{"ProjectName":"later"}"#);
    call.extra_headers
        .push(("x-amzn-client-token".to_owned(), "token-1".to_owned()));
    call.time += std::time::Duration::from_secs(28801);
    assert_eq!(call.send(&emulator).await.status, 200);
}

#[tokio::test]
async fn entries_are_updated_listed_filtered_and_rolled_back() {
    let emulator = emulator().await;
    ok(
        &call(&emulator, "POST", "/projects", json!({"ProjectName": "p"})).await,
        200,
    );
    ok(
        &call(
            &emulator,
            "POST",
            "/projects/p/datasets",
            json!({"DatasetType": "train"}),
        )
        .await,
        202,
    );
    let entries = "/projects/p/datasets/train/entries";
    let update = async |lines: &[String]| {
        let body = json!({"Changes": base64(&lines.join("\n"))});
        ok(&call(&emulator, "PATCH", entries, body).await, 202)
    };
    update(&[
        line("1", "normal"),
        line("2", "anomaly"),
        r#"{"source-ref":"s3://images/3.jpg"}"#.to_owned(),
    ])
    .await;
    let list = async |query: &str| get(&emulator, &format!("{entries}{query}")).await;
    let names = async |query: &str| {
        let answer = list(query).await;
        let lines = answer["DatasetEntries"].as_array().expect("a list").clone();
        lines
            .iter()
            .map(|line| {
                let line: Value = serde_json::from_str(line.as_str().expect("a text")).expect("JSON");
                line["source-ref"].as_str().expect("a text")["s3://images/".len()..].replace(".jpg", "")
            })
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(names("").await, "1 2 3");
    assert_eq!(names("?labeled=true").await, "1 2");
    assert_eq!(names("?labeled=false").await, "3");
    assert_eq!(names("?anomalyClass=anomaly").await, "2");
    assert_eq!(names("?sourceRefContains=images%2F2").await, "2");
    assert_eq!(
        names("?createdAfter=2023-01-02T03%3A04%3A05.677000Z").await,
        "1 2"
    );
    assert_eq!(names("?createdAfter=2023-01-02T03%3A04%3A05.678Z").await, "");
    assert_eq!(
        names("?createdBefore=2023-01-02T03%3A04%3A06Z&anomalyClass=normal").await,
        "1"
    );
    call(
        &emulator,
        "GET",
        &format!("{entries}?anomalyClass=other"),
        Value::Null,
    )
    .await
    .check(400, "ValidationException");
    call(
        &emulator,
        "GET",
        &format!("{entries}?maxResults=101"),
        Value::Null,
    )
    .await
    .check(400, "ValidationException");
    call(&emulator, "GET", &format!("{entries}?maxResults=x"), Value::Null)
        .await
        .check(400, "SerializationException");

    let first = list("?maxResults=2").await;
    let token = first["NextToken"]
        .as_str()
        .expect("there is more")
        .replace('+', "%2B")
        .replace('=', "%3D");
    assert_eq!(names(&format!("?maxResults=2&nextToken={token}")).await, "3");
    let other = format!("{entries}?labeled=false&nextToken={token}");
    call(&emulator, "GET", &other, Value::Null)
        .await
        .check(400, "ValidationException");

    update(&[
        r#"{"source-ref":"s3://images/2.jpg"}"#.to_owned(),
        line("4", "normal"),
    ])
    .await;
    assert_eq!(names("?labeled=false").await, "2 3");
    update(&[line("5", "normal"), "{".to_owned()]).await;
    let dataset = get(&emulator, "/projects/p/datasets/train").await;
    assert_eq!(
        dataset["DatasetDescription"]["Status"],
        "UPDATE_FAILED_ROLLBACK_COMPLETE"
    );
    let message = dataset["DatasetDescription"]["StatusMessage"]
        .as_str()
        .expect("a text");
    assert!(message.starts_with("line 2: not JSON"), "{message}");
    assert_eq!(names("").await, "1 2 3 4");
}

#[tokio::test]
async fn what_s3_refuses_is_told_in_the_status_message() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::write(
        folder.path().join("bad.manifest"),
        format!("{}\n{{}}", line("1", "normal")),
    )
    .expect("the folder is ours");
    fs::write(folder.path().join("good.manifest"), masked("1")).expect("the folder is ours");
    // Nobody listens on port 1.
    let emulator = emulator_with(&format!(
        "s3: {{buckets: {{images: {}}}, endpoint_url: 'http://127.0.0.1:1'}}",
        folder.path().display()
    ))
    .await;
    ok(
        &call(&emulator, "POST", "/projects", json!({"ProjectName": "p"})).await,
        200,
    );
    for (key, expected) in [
        (
            "bad.manifest",
            "The manifest s3://images/bad.manifest could not be used: line 2: the key `source-ref` is missing",
        ),
        (
            "none.manifest",
            "The manifest s3://images/none.manifest could not be used: No such file or directory",
        ),
    ] {
        ok(
            &call(
                &emulator,
                "POST",
                "/projects/p/datasets",
                from_manifest("train", key),
            )
            .await,
            202,
        );
        let dataset = get(&emulator, "/projects/p/datasets/train").await;
        assert_eq!(dataset["DatasetDescription"]["Status"], "CREATE_FAILED");
        let message = dataset["DatasetDescription"]["StatusMessage"]
            .as_str()
            .expect("a text");
        assert!(message.starts_with(expected), "{message}");
        call(&emulator, "POST", "/projects/p/models", output_to("images"))
            .await
            .check(409, "ConflictException");
        // As awslabs' SDK does: deleted, and made anew at once.
        ok(
            &call(&emulator, "DELETE", "/projects/p/datasets/train", Value::Null).await,
            202,
        );
    }
    ok(
        &call(
            &emulator,
            "POST",
            "/projects/p/datasets",
            from_manifest("train", "good.manifest"),
        )
        .await,
        202,
    );
    ok(
        &call(&emulator, "POST", "/projects/p/models", output_to("elsewhere")).await,
        202,
    );
    let described = async || status(&get(&emulator, "/projects/p/models/1").await["ModelDescription"]);
    let (status, message) = settled(described).await;
    assert_eq!(status, "TRAINING_FAILED");
    assert!(
        message.starts_with("The evaluation could not be written to s3://elsewhere/out_EvaluationManifest-p-1.json: the server could not be asked"),
        "{message}"
    );
    // Trained with masks, a model answers with masks.
    ok(
        &call(&emulator, "POST", "/projects/p/models", output_to("images")).await,
        202,
    );
    ok(
        &call(
            &emulator,
            "POST",
            "/projects/p/models/2/start",
            json!({"MinInferenceUnits": 1, "MaxInferenceUnits": 2}),
        )
        .await,
        202,
    );
    let detected = Call::post("/2020-11-20/projects/p/models/2/detect", "image/jpeg", JPEG)
        .send(&emulator)
        .await;
    let result = &ok(&detected, 200)["DetectAnomalyResult"];
    assert_eq!(result["Confidence"], 0.991_640_090_942_382_8);
    assert_eq!(
        result["Anomalies"],
        json!([{"Name": "background", "PixelAnomaly": {"TotalPercentageArea": 1.0, "Color": "#FFFFFF"}}])
    );
    assert!(result["AnomalyMask"].is_string());
}

#[tokio::test]
async fn every_page_of_projects_is_reached_and_another_lists_token_is_refused() {
    let emulator = emulator().await;
    for index in 0..5 {
        ok(
            &call(
                &emulator,
                "POST",
                "/projects",
                json!({"ProjectName": format!("p{index}")}),
            )
            .await,
            200,
        );
    }
    let (mut names, mut query) = (Vec::new(), String::new());
    loop {
        let page = get(&emulator, &format!("/projects?maxResults=2{query}")).await;
        for project in page["Projects"].as_array().expect("a list") {
            names.push(project["ProjectName"].as_str().expect("a text").to_owned());
        }
        let Some(token) = page["NextToken"].as_str() else {
            break;
        };
        let token = token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        query = format!("&nextToken={token}");
        let other = call(
            &emulator,
            "GET",
            &format!("/projects/myProject/models?maxResults=2{query}"),
            Value::Null,
        )
        .await;
        other.check(400, "ValidationException");
    }
    assert_eq!(names, ["myProject", "p0", "p1", "p2", "p3", "p4"]);
}

#[tokio::test]
async fn what_was_deleted_leaves_its_room_to_others() {
    let emulator = emulator_with("limits: {projects_max: 1}").await;
    for index in 0..3 {
        let name = json!({"ProjectName": format!("p{index}")});
        ok(&call(&emulator, "POST", "/projects", name).await, 200);
        let full = call(&emulator, "POST", "/projects", json!({"ProjectName": "q"})).await;
        full.check(402, "ServiceQuotaExceededException");
        assert_eq!(full.json()["ServiceCode"], "lookoutvision");
        let target = format!("/projects/p{index}");
        ok(&call(&emulator, "DELETE", &target, Value::Null).await, 200);
    }
    assert_eq!(
        get(&emulator, "/projects").await["Projects"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn policies_see_the_tags_of_requests_and_of_the_state() {
    let emulator = emulator_with(
        r#"
principals:
  - arn: arn:aws:iam::123456789012:user/test
    access_keys: [{access_key_id: test, secret_access_key: test}]
    identity_policies:
      - Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Action: "lookoutvision:*", Resource: "*"}
          - Effect: Deny
            Action: lookoutvision:TagResource
            Resource: "*"
            Condition: {StringEquals: {"aws:RequestTag/line": secret}}
          - Effect: Deny
            Action: lookoutvision:StopModel
            Resource: "*"
            Condition: {StringEquals: {"aws:ResourceTag/line": a}}
          - {Effect: Deny, Action: "lookoutvision:CreateProject", Resource: "arn:aws:lookoutvision:*:*:project/secret"}
"#,
    )
    .await;
    // A repeated key is read as the operation reads it.
    let mut twice = Call::get("/2020-11-20/projects");
    twice.method = "POST";
    for body in [
        r#"{"ProjectName":"p","ProjectName":"secret"}"#,
        r#"{"ProjectName":"secret","Tags":null}"#,
    ] {
        twice
            .clone()
            .body("application/json", body.as_bytes())
            .send(&emulator)
            .await
            .check(403, "AccessDeniedException");
    }
    ok(
        &call(
            &emulator,
            "POST",
            "/projects/myProject/datasets",
            json!({"DatasetType": "train"}),
        )
        .await,
        202,
    );
    let mut body = output_to("bucket");
    body["Tags"] = json!([{"Key": "line", "Value": "secret"}]);
    let denied = call(&emulator, "POST", "/projects/myProject/models", body.clone()).await;
    let message = denied.check(403, "AccessDeniedException");
    assert!(
        message.contains("lookoutvision:TagResource on resource: arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/2"),
        "{message}"
    );
    body["Tags"] = json!([{"Key": "line", "Value": "a"}]);
    ok(
        &call(&emulator, "POST", "/projects/myProject/models", body).await,
        202,
    );
    ok(
        &call(
            &emulator,
            "POST",
            "/projects/myProject/models/2/start",
            json!({"MinInferenceUnits": 1}),
        )
        .await,
        202,
    );
    for version in ["2", "latest"] {
        let target = format!("/projects/myProject/models/{version}/stop");
        call(&emulator, "POST", &target, Value::Null)
            .await
            .check(403, "AccessDeniedException");
    }
    let tags = "/tags/arn%3Aaws%3Alookoutvision%3Aus-west-2%3A123456789012%3Amodel%2FmyProject%2F2";
    ok(
        &call(&emulator, "DELETE", &format!("{tags}?tagKeys=line"), Value::Null).await,
        200,
    );
    ok(
        &call(
            &emulator,
            "POST",
            "/projects/myProject/models/2/stop",
            Value::Null,
        )
        .await,
        202,
    );
}

#[tokio::test]
async fn calls_at_the_same_time_get_versions_of_their_own() {
    let emulator = emulator().await;
    ok(
        &call(
            &emulator,
            "POST",
            "/projects/myProject/datasets",
            json!({"DatasetType": "train"}),
        )
        .await,
        202,
    );
    let create = || {
        call(
            &emulator,
            "POST",
            "/projects/myProject/models",
            output_to("bucket"),
        )
    };
    let answers = tokio::join!(create(), create(), create(), create());
    let mut versions = [answers.0, answers.1, answers.2, answers.3].map(|answer| {
        ok(&answer, 202)["ModelMetadata"]["ModelVersion"]
            .as_str()
            .map(str::to_owned)
    });
    versions.sort();
    assert_eq!(
        versions,
        ["2", "3", "4", "5"].map(|version| Some(version.to_owned()))
    );
}

fn base64(text: &str) -> String {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    BASE64_STANDARD.encode(text)
}

#[tokio::test]
async fn anomalies_of_a_rule_that_a_model_without_masks_cannot_answer_are_told() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::write(folder.path().join("train.manifest"), line("1", "anomaly")).expect("the folder is ours");
    let emulator = emulator_with(&format!(
        "{{s3: {{buckets: {{images: {}}}}}, projects: [{{name: p, exists: false, detect_anomalies: [{{then: {{is_anomalous: \
         true, confidence: 0.9, anomalies: [{{name: scratch, color: '#23A436', regions: [{{x: 0.1, y: 0.1, width: 0.2, \
         height: 0.2}}]}}]}}}}]}}], strictness: {{minimum_images: ignore}}}}",
        folder.path().display()
    ))
    .await;
    let project = json!({"ProjectName": "p"});
    ok(&call(&emulator, "POST", "/projects", project).await, 200);
    let dataset = from_manifest("train", "train.manifest");
    ok(
        &call(&emulator, "POST", "/projects/p/datasets", dataset).await,
        202,
    );
    let model = call(&emulator, "POST", "/projects/p/models", output_to("images")).await;
    ok(&model, 202);
    let start = json!({"MinInferenceUnits": 1});
    ok(
        &call(&emulator, "POST", "/projects/p/models/1/start", start).await,
        202,
    );
    let answer = Call::post("/2020-11-20/projects/p/models/1/detect", "image/jpeg", JPEG)
        .send(&emulator)
        .await;
    let result = &ok(&answer, 200)["DetectAnomalyResult"];
    assert_eq!(
        (&result["IsAnomalous"], result.get("Anomalies")),
        (&json!(true), None)
    );
    let requests = crate::support::journal_of(&emulator).await;
    let warnings = &requests.last().expect("it was asked")["warnings"];
    assert!(
        warnings[0]
            .as_str()
            .is_some_and(|text| text.contains("trained without masks")),
        "{warnings}"
    );
}

#[tokio::test]
async fn the_first_project_where_the_service_never_was_is_remarked_on() {
    let emulator = emulator().await;
    let mut remarks = Vec::new();
    for (region, name) in [("us-west-2", "a"), ("eu-north-1", "b"), ("eu-north-1", "c")] {
        let body = json!({"ProjectName": name}).to_string();
        let mut call = Call::post("/2020-11-20/projects", "application/json", body.as_bytes());
        region.clone_into(&mut call.region);
        ok(&call.send(&emulator).await, 200);
        let requests = crate::support::journal_of(&emulator).await;
        remarks.push(requests.last().expect("it was asked")["warnings"].to_string());
    }
    assert_eq!((remarks[0].as_str(), remarks[2].as_str()), ("[]", "[]"));
    assert!(
        remarks[1].contains("never offered in this Region"),
        "{}",
        remarks[1]
    );
}

#[tokio::test]
async fn a_program_that_reads_the_prefix_of_every_model_finds_one() {
    let emulator = emulator().await;
    let described = get(&emulator, "/projects/myProject/models/1").await;
    let description = &described["ModelDescription"];
    assert_eq!(description["OutputConfig"]["S3Location"]["Prefix"], "declared/");
    for key in ["EvaluationManifest", "EvaluationResult"] {
        let key = &description[key]["Key"];
        assert!(
            key.as_str().is_some_and(|key| key.starts_with("declared/")),
            "{key}"
        );
    }
    let listed = get(&emulator, "/projects/myProject/models?nextToken=&maxResults=1").await;
    assert_eq!(
        listed["Models"].as_array().map(Vec::len),
        Some(1),
        "an empty token is that of the first page"
    );
}

#[tokio::test]
async fn tags_that_no_model_can_have_are_refused_in_words_that_count() {
    let emulator = emulator().await;
    let target = "/tags/arn:aws:lookoutvision:us-west-2:123456789012:model%2FmyProject%2F1";
    let tags = |count: usize| {
        let tags: Vec<Value> = (0..count)
            .map(|number| json!({"Key": format!("k{number}"), "Value": "v"}))
            .collect();
        json!({ "Tags": tags })
    };
    ok(&call(&emulator, "POST", target, tags(2)).await, 200);
    let refused = ok(&call(&emulator, "POST", target, tags(51)).await, 402);
    assert_eq!(
        refused["Message"],
        "The model would have 51 tags, and can have 50 (limits.tags_max)."
    );
    let reserved = json!({"Tags": [{"Key": "AWS:owner", "Value": "v"}]});
    let refused = ok(&call(&emulator, "POST", target, reserved).await, 400);
    let message = refused["Message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("reserved for AWS"), "{message}");
}
