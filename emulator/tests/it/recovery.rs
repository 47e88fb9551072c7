//! A process that ends between its acknowledgement and S3's answer, and what the next process makes of that.
//!
//! CreateDataset and CreateModel record their first status and answer with it, and S3 is asked in the background. From
//! then on the emulator can die at any moment.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use lookoutvision_emulator::Emulator;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time::{sleep, timeout},
};

use crate::{
    process::{PROGRAM, Process},
    support::{Call, control, emulator_with},
};

/// An S3 that answers as many requests as it is let, and keeps the others waiting
pub(crate) struct S3 {
    port: u16,
    /// The request lines, as they come
    pub(crate) asked: mpsc::UnboundedReceiver<String>,
    answers: Arc<Semaphore>,
    /// What was written, by path
    written: Arc<Mutex<BTreeMap<String, String>>>,
}

impl S3 {
    /// Every object that is read is this manifest
    pub(crate) async fn of(manifest: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let (log, asked) = mpsc::unbounded_channel();
        let (answers, written) = (Arc::new(Semaphore::new(0)), Arc::default());
        let manifest: Arc<str> = manifest.into();
        let (allowed, objects) = (answers.clone(), Arc::clone(&written));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let exchange = exchange(
                    stream,
                    log.clone(),
                    allowed.clone(),
                    Arc::clone(&objects),
                    manifest.clone(),
                );
                tokio::spawn(exchange);
            }
        });
        Self {
            port,
            asked,
            answers,
            written,
        }
    }

    /// Waits until it is asked once more, and says for what
    pub(crate) async fn is_asked(&mut self) -> String {
        let asked = timeout(PATIENCE, self.asked.recv()).await;
        asked.expect("it is asked").expect("the server goes on")
    }

    /// Answers so many requests, those that wait first
    pub(crate) fn answer(&self, requests: usize) {
        self.answers.add_permits(requests);
    }

    pub(crate) fn config(&self) -> String {
        format!("s3: {{endpoint_url: 'http://127.0.0.1:{}'}}\n", self.port)
    }
}

async fn exchange(
    mut stream: TcpStream,
    log: mpsc::UnboundedSender<String>,
    allowed: Arc<Semaphore>,
    objects: Arc<Mutex<BTreeMap<String, String>>>,
    manifest: Arc<str>,
) {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        let text = String::from_utf8_lossy(&bytes);
        let length = |head: &str| {
            let (_, rest) = head.split_once("content-length: ")?;
            rest.lines().next()?.parse().ok()
        };
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len() >= length(head).unwrap_or(0)
        {
            break (head.to_owned(), body.to_owned());
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let asked = head.lines().next().unwrap_or_default().to_owned();
    let _ = log.send(asked.clone());
    // One whose client has died waits no longer: nobody but the client sends anything.
    let permit = tokio::select! {
        permit = allowed.acquire() => permit.expect("nobody closes it"),
        _ = stream.read_u8() => return,
    };
    permit.forget();
    let answer = if asked.starts_with("PUT ") {
        let path = asked.split(' ').nth(1).unwrap_or_default().to_owned();
        objects.lock().expect("nobody panicked").insert(path, body);
        ""
    } else {
        &*manifest
    };
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

pub(crate) const MANIFEST: &str = r#"{"source-ref":"s3://images/1.jpg"}"#;

/// Longer than anything here takes
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const STOPPED: &str = "The emulator was stopped while it was at work on this.";

fn call(method: &'static str, target: &str, body: &Value) -> Call {
    let mut call = Call::get(&format!("/2020-11-20{target}"));
    call.method = method;
    if !body.is_null() {
        call = call.body("application/json", body.to_string().as_bytes());
    }
    call
}

fn with_token(mut call: Call, token: &str) -> Call {
    call.extra_headers
        .push(("x-amzn-client-token".to_owned(), token.to_owned()));
    call
}

fn create_dataset(project_name: &str) -> Call {
    let object = json!({"Bucket": "images", "Key": "train.manifest"});
    let body =
        json!({"DatasetType": "train", "DatasetSource": {"GroundTruthManifest": {"S3Object": object}}});
    call("POST", &format!("/projects/{project_name}/datasets"), &body)
}

fn create_model(project_name: &str) -> Call {
    let body = json!({"OutputConfig": {"S3Location": {"Bucket": "results", "Prefix": "out/"}}});
    call("POST", &format!("/projects/{project_name}/models"), &body)
}

/// A folder with a configuration that keeps its state
fn folder(more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let yaml = format!("state: emulator.state\n{more}");
    std::fs::write(folder.path().join("emulator.yaml"), yaml).expect("the folder is ours");
    folder
}

impl Process {
    async fn ok(&self, call: &Call) -> Value {
        let answer = self.send(call).await.expect("it answers");
        assert!(answer.status < 300, "{} {}: {answer:?}", call.method, call.target);
        answer.json()
    }

    async fn get(&self, target: &str) -> Value {
        self.ok(&call("GET", target, &Value::Null)).await
    }

    async fn refuses(&self, call: &Call, status: u16, code: &str) -> String {
        self.send(call).await.expect("it answers").check(status, code)
    }

    async fn dataset(&self, project_name: &str) -> Status {
        let target = format!("/projects/{project_name}/datasets/train");
        status(&self.get(&target).await["DatasetDescription"])
    }

    /// Makes a dataset and waits until it is made
    async fn make_dataset(&self, project_name: &str) -> Status {
        self.ok(&create_dataset(project_name)).await;
        settled(async || self.dataset(project_name).await).await
    }

    async fn model(&self, project_name: &str, version: &str) -> Status {
        let target = format!("/projects/{project_name}/models/{version}");
        status(&self.get(&target).await["ModelDescription"])
    }
}

/// Asks until nothing is in progress any more, as programs do
pub(crate) async fn settled(describe: impl AsyncFn() -> Status) -> Status {
    let polling = async {
        loop {
            let found = describe().await;
            if found.0 != "CREATE_IN_PROGRESS" && found.0 != "TRAINING" {
                return found;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, polling).await.expect("it comes to an end")
}

/// `Status` and `StatusMessage`
pub(crate) type Status = (String, String);

pub(crate) fn status(description: &Value) -> Status {
    let text = |name: &str| description[name].as_str().expect("it is always there").to_owned();
    (text("Status"), text("StatusMessage"))
}

#[track_caller]
fn is(found: &Status, status: &str, message: &str) {
    assert_eq!((&*found.0, &*found.1), (status, message));
}

#[tokio::test]
async fn a_dataset_whose_manifest_was_being_read_has_failed_and_can_be_made_anew() {
    let mut s3 = S3::of(MANIFEST).await;
    let folder = folder(&s3.config());
    let process = Process::start(folder.path());
    process
        .ok(&call("POST", "/projects", &json!({"ProjectName": "p"})))
        .await;
    let create = with_token(create_dataset("p"), "once");
    let acknowledged = process.ok(&create).await;
    assert_eq!(s3.is_asked().await, "GET /images/train.manifest HTTP/1.1");
    // Others see it already, and so does whoever sends the call again.
    assert_eq!(process.dataset("p").await.0, "CREATE_IN_PROGRESS");
    assert_eq!(process.ok(&create).await, acknowledged);
    process.kill();

    let process = Process::start(folder.path());
    is(&process.dataset("p").await, "CREATE_FAILED", STOPPED);
    let described = process.get("/projects/p/datasets/train").await;
    assert_eq!(described["DatasetDescription"]["ImageStats"]["Total"], 0);
    assert_eq!(
        described["DatasetDescription"]["CreationTimestamp"],
        acknowledged["DatasetMetadata"]["CreationTimestamp"]
    );
    let listed = process.get("/projects/p/datasets/train/entries").await;
    assert_eq!(listed["DatasetEntries"], json!([]));
    // An SDK that sends its call again because it never had an answer has that of the first, and nothing is done.
    assert_eq!(process.ok(&create).await, acknowledged);
    is(&process.dataset("p").await, "CREATE_FAILED", STOPPED);
    process
        .refuses(&create_model("p"), 409, "ConflictException")
        .await;

    process
        .ok(&call("DELETE", "/projects/p/datasets/train", &Value::Null))
        .await;
    s3.answer(1);
    process.ok(&with_token(create_dataset("p"), "again")).await;
    is(
        &settled(async || process.dataset("p").await).await,
        "CREATE_COMPLETE",
        "The dataset was created successfully.",
    );
    process.kill();
    let process = Process::start(folder.path());
    assert_eq!(process.dataset("p").await.0, "CREATE_COMPLETE");
    let listed = process.get("/projects/p/datasets/train/entries").await;
    assert_eq!(listed["DatasetEntries"], json!([MANIFEST]));
    process.kill();
}

#[tokio::test]
async fn a_training_whose_evaluation_was_being_written_has_failed_and_keeps_its_version() {
    // S3 hangs at the first object and at the second.
    for objects in [0, 1] {
        let mut s3 = S3::of(MANIFEST).await;
        let folder = folder(&s3.config());
        let process = Process::start(folder.path());
        process
            .ok(&call("POST", "/projects", &json!({"ProjectName": "p"})))
            .await;
        s3.answer(1 + objects);
        assert_eq!(process.make_dataset("p").await.0, "CREATE_COMPLETE");
        process.ok(&with_token(create_model("p"), "once")).await;
        for _ in 0..2 + objects {
            s3.is_asked().await;
        }
        let acknowledged = process.get("/projects/p/models/1").await;
        assert_eq!(acknowledged["ModelDescription"]["Status"], "TRAINING");
        process.kill();
        assert_eq!(s3.written.lock().expect("nobody panicked").len(), objects);

        let process = Process::start(folder.path());
        is(&process.model("p", "1").await, "TRAINING_FAILED", STOPPED);
        let described = process.get("/projects/p/models/1").await;
        for member in ["CreationTimestamp", "ModelArn", "OutputConfig"] {
            assert_eq!(
                described["ModelDescription"][member], acknowledged["ModelDescription"][member],
                "{member}"
            );
        }
        for member in ["Performance", "EvaluationResult", "EvaluationEndTimestamp"] {
            assert_eq!(described["ModelDescription"][member], Value::Null, "{member}");
        }
        let start = call(
            "POST",
            "/projects/p/models/1/start",
            &json!({"MinInferenceUnits": 1}),
        );
        process.refuses(&start, 409, "ConflictException").await;
        let repeated = process.ok(&with_token(create_model("p"), "once")).await;
        assert_eq!(repeated["ModelMetadata"]["ModelVersion"], "1");

        // No version comes twice, and nothing that failed is in the way of the next training or of the end.
        s3.answer(2);
        let second = process.ok(&with_token(create_model("p"), "again")).await;
        assert_eq!(second["ModelMetadata"]["ModelVersion"], "2");
        assert_eq!(settled(async || process.model("p", "2").await).await.0, "TRAINED");
        let written = s3.written.lock().expect("nobody panicked").clone();
        assert!(
            written.contains_key("/results/out/EvaluationResult-p-2.json"),
            "{written:?}"
        );
        for target in [
            "/projects/p/models/1",
            "/projects/p/models/2",
            "/projects/p/datasets/train",
            "/projects/p",
        ] {
            process.ok(&call("DELETE", target, &Value::Null)).await;
        }
        process.kill();
    }
}

#[tokio::test]
async fn a_phase_that_was_to_take_a_while_takes_it_and_fails_then() {
    let mut s3 = S3::of(MANIFEST).await;
    let yaml = format!("{}timing: {{dataset_create_seconds: 3600}}\n", s3.config());
    let folder = folder(&yaml);
    let process = Process::start(folder.path());
    process
        .ok(&call("POST", "/projects", &json!({"ProjectName": "p"})))
        .await;
    process.ok(&create_dataset("p")).await;
    s3.is_asked().await;
    process.kill();

    let yaml = yaml + &format!("state: {}\n", folder.path().join("emulator.state").display());
    let emulator = emulator_with(&yaml).await;
    let describe = async |seconds: u64| {
        let setting = format!(r#"{{"offset_seconds": {seconds}}}"#);
        assert_eq!(control(&emulator, "PUT", "/clock", &setting).await.status, 200);
        let mut call = Call::get("/2020-11-20/projects/p/datasets/train");
        call.time += Duration::from_secs(seconds);
        status(&call.send(&emulator).await.json()["DatasetDescription"])
    };
    is(
        &describe(0).await,
        "CREATE_IN_PROGRESS",
        "The dataset is being created.",
    );
    is(&describe(3601).await, "CREATE_FAILED", STOPPED);
}

#[tokio::test]
async fn killed_at_any_moment_nothing_is_in_progress_for_ever_and_what_was_seen_stays() {
    let s3 = S3::of(MANIFEST).await;
    s3.answer(1_000_000);
    let folder = folder(&s3.config());
    // Projects with what their dataset and their model were seen to be.
    let mut seen: Vec<(String, Status, Status)> = Vec::new();
    for round in 0..4 {
        let process = Process::start(folder.path());
        for (name, dataset, model) in &seen {
            assert_eq!(&process.dataset(name).await, dataset, "{name}");
            assert_eq!(&process.model(name, "1").await, model, "{name}");
        }
        check_that_nothing_is_in_progress(&process).await;
        // One whole, however slow the disk is, and then as many as there is time for.
        seen.push(live(&process, format!("p-{round}")).await);
        let writing = async {
            for index in 0.. {
                seen.push(live(&process, format!("p-{round}-{index}")).await);
            }
        };
        let moment = Duration::from_millis(fastrand::u64(..300));
        let written = timeout(moment, writing).await;
        assert!(
            written.is_err(),
            "the writer is cut off in the middle of its work"
        );
        process.kill();
    }
    for (name, dataset, model) in &seen {
        assert_eq!((&*dataset.0, &*model.0), ("CREATE_COMPLETE", "TRAINED"), "{name}");
    }
    let process = Process::start(folder.path());
    check_that_nothing_is_in_progress(&process).await;
    process.kill();
}

/// Makes a project with a dataset and a model, and says what was seen of them
async fn live(process: &Process, name: String) -> (String, Status, Status) {
    let create = call("POST", "/projects", &json!({"ProjectName": name}));
    process.ok(&create).await;
    let dataset = process.make_dataset(&name).await;
    process.ok(&create_model(&name)).await;
    let model = settled(async || process.model(&name, "1").await).await;
    (name, dataset, model)
}

async fn check_that_nothing_is_in_progress(process: &Process) {
    let projects = process.get("/projects?maxResults=100").await;
    for project in projects["Projects"].as_array().expect("a list") {
        let name = project["ProjectName"].as_str().expect("it has a name");
        let described = process.get(&format!("/projects/{name}")).await;
        for dataset in described["ProjectDescription"]["Datasets"]
            .as_array()
            .expect("a list")
        {
            let (status, message) = status(dataset);
            assert!(
                status == "CREATE_COMPLETE" || (&*status, &*message) == ("CREATE_FAILED", STOPPED),
                "{name}: {status} {message}"
            );
        }
        if name == "myProject" {
            continue;
        }
        let models = process.get(&format!("/projects/{name}/models")).await;
        for model in models["Models"].as_array().expect("a list") {
            let (status, message) = status(model);
            assert!(
                status == "TRAINED" || (&*status, &*message) == ("TRAINING_FAILED", STOPPED),
                "{name}: {status} {message}"
            );
        }
    }
}

#[tokio::test]
async fn an_emulator_that_was_stopped_lets_the_next_one_have_the_state_although_s3_hangs() {
    let stop = async |emulator: Emulator| {
        let requests_cut_off = timeout(PATIENCE, emulator.stop()).await.expect("it stops");
        // The call was answered.
        assert_eq!(requests_cut_off, 0);
    };
    the_next_one_has_the_state_after(stop).await;
}

#[tokio::test]
async fn so_does_one_that_was_dropped() {
    the_next_one_has_the_state_after(async |emulator: Emulator| drop(emulator)).await;
}

async fn the_next_one_has_the_state_after(end: impl AsyncFnOnce(Emulator)) {
    let mut s3 = S3::of(MANIFEST).await;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let state = folder.path().join("state");
    let yaml = format!(
        "{}state: {}\nlimits: {{s3_timeout_seconds: 600, shutdown_timeout_seconds: 0}}\n",
        s3.config(),
        state.display()
    );
    let emulator = emulator_with(&yaml).await;
    let created = call("POST", "/projects", &json!({"ProjectName": "p"}))
        .send(&emulator)
        .await;
    assert_eq!(created.status, 200);
    assert_eq!(create_dataset("p").send(&emulator).await.status, 202);
    s3.is_asked().await;
    end(emulator).await;

    let emulator = emulator_with(&yaml).await;
    let describe = call("GET", "/projects/p/datasets/train", &Value::Null);
    is(
        &status(&describe.send(&emulator).await.json()["DatasetDescription"]),
        "CREATE_FAILED",
        STOPPED,
    );
    // What the first one may still hear of S3 is nothing to the second one.
    s3.answer(1);
    assert_eq!(
        status(&describe.send(&emulator).await.json()["DatasetDescription"]).0,
        "CREATE_FAILED"
    );
}

#[tokio::test]
async fn a_stop_leaves_what_was_answered_the_time_to_come_to_its_end() {
    let mut s3 = S3::of(MANIFEST).await;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let yaml = format!(
        "{}state: {}\nlimits: {{s3_timeout_seconds: 600, shutdown_timeout_seconds: 3600}}\n",
        s3.config(),
        folder.path().join("state").display()
    );
    let emulator = emulator_with(&yaml).await;
    let created = call("POST", "/projects", &json!({"ProjectName": "p"}))
        .send(&emulator)
        .await;
    assert_eq!(created.status, 200);
    assert_eq!(create_dataset("p").send(&emulator).await.status, 202);
    s3.is_asked().await;
    let address = emulator.address();
    let stopping = tokio::spawn(emulator.stop());
    let closed = async {
        while TcpStream::connect(address).await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, closed).await.expect("it listens no longer");
    assert!(!stopping.is_finished());
    s3.answer(1);
    let stopped = timeout(PATIENCE, stopping)
        .await
        .expect("it waits for nothing else");
    assert_eq!(stopped.expect("nobody panicked"), 0);

    let emulator = emulator_with(&yaml).await;
    let described = call("GET", "/projects/p/datasets/train", &Value::Null)
        .send(&emulator)
        .await;
    assert_eq!(
        status(&described.json()["DatasetDescription"]).0,
        "CREATE_COMPLETE"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn sigterm_ends_a_process_that_waits_for_s3() {
    let mut s3 = S3::of(MANIFEST).await;
    let folder = folder(&format!(
        "{}limits: {{s3_timeout_seconds: 600, shutdown_timeout_seconds: 0}}\n",
        s3.config()
    ));
    let mut process = Process::start(folder.path());
    process
        .ok(&call("POST", "/projects", &json!({"ProjectName": "p"})))
        .await;
    process.ok(&create_dataset("p")).await;
    s3.is_asked().await;
    let killed = Command::new("kill").arg(process.child.id().to_string()).status();
    assert!(
        killed.is_ok_and(|status| status.success()),
        "`kill` is everywhere"
    );
    let ended = tokio::task::spawn_blocking(move || process.child.wait());
    let ended = timeout(PATIENCE, ended).await.expect("it ends before S3 answers");
    let ended = ended.expect("nobody panicked").expect("it is ours");
    // No call was cut off.
    assert_eq!(ended.code(), Some(0));
    let process = Process::start(folder.path());
    is(&process.dataset("p").await, "CREATE_FAILED", STOPPED);
    process.kill();
}

/// On a disk with too little room for the manifest
#[cfg(unix)]
#[tokio::test]
async fn an_outcome_that_the_state_file_has_no_room_for_is_a_failure_at_once() {
    let manifest = long_manifest(4_000);
    let s3 = S3::of(&manifest).await;
    s3.answer(1_000);
    let folder = folder(&s3.config());
    let process = start_with_small_files(folder.path());
    for name in ["p", "q"] {
        process
            .ok(&call("POST", "/projects", &json!({"ProjectName": name})))
            .await;
    }
    is(
        &process.make_dataset("p").await,
        "CREATE_FAILED",
        "The emulator could not write its state file when this was done.",
    );
    // A change for which there is room is made, and one for which there is none is refused whole.
    let changes = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, long_manifest(1_500));
    let dataset = call("POST", "/projects/q/datasets", &json!({"DatasetType": "train"}));
    process.ok(&dataset).await;
    let update = call(
        "PATCH",
        "/projects/q/datasets/train/entries",
        &json!({"Changes": changes}),
    );
    let refused = process.refuses(&update, 500, "InternalServerException").await;
    assert!(
        refused.starts_with("The state could not be written: `emulator.state`: File too large"),
        "{refused}"
    );
    assert_eq!(process.dataset("q").await.0, "CREATE_COMPLETE");
    process
        .ok(&call("DELETE", "/projects/p/datasets/train", &Value::Null))
        .await;
    process
        .ok(&call("POST", "/projects", &json!({"ProjectName": "r"})))
        .await;
    assert_eq!(process.make_dataset("r").await.0, "CREATE_FAILED");
    process.kill();

    let process = Process::start(folder.path());
    is(&process.dataset("r").await, "CREATE_FAILED", STOPPED);
    assert_eq!(process.dataset("q").await.0, "CREATE_COMPLETE");
    process
        .refuses(
            &call("GET", "/projects/p/datasets/train", &Value::Null),
            404,
            "ResourceNotFoundException",
        )
        .await;
    process.kill();
}

/// A change that failed may be in the file; until the file can be made anew, nothing else is changed.
#[cfg(unix)]
#[tokio::test]
async fn while_the_state_file_cannot_be_put_right_no_change_is_made_and_ready_says_so() {
    let folder = folder("");
    let process = start_with_small_files(folder.path());
    let create = |name: &str| call("POST", "/projects", &json!({"ProjectName": name}));
    process.ok(&create("p")).await;
    process
        .ok(&call(
            "POST",
            "/projects/p/datasets",
            &json!({"DatasetType": "train"}),
        ))
        .await;
    let in_the_way = folder.path().join("emulator.state.being-made");
    std::os::unix::fs::symlink("nowhere", &in_the_way).expect("the folder is ours");
    let changes = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, long_manifest(1_500));
    let update = call(
        "PATCH",
        "/projects/p/datasets/train/entries",
        &json!({"Changes": changes}),
    );
    let reason = process.refuses(&update, 500, "InternalServerException").await;
    assert!(
        reason.contains("`emulator.state` could not be made anew without that change")
            && reason.contains("`emulator.state.being-made` is in the way, remove it"),
        "{reason}"
    );
    process
        .refuses(&create("q"), 500, "InternalServerException")
        .await;
    let ready = process.control("GET", "/ready", "").await;
    assert_eq!(ready.status, 503, "{ready:?}");
    assert_eq!(ready.json()["error"]["code"], "StateNotWritten");
    let health = process.control("GET", "/health", "").await.json();
    assert_eq!(health["status"], "no changes");
    assert_eq!(health["state"]["failure"], ready.json()["error"]["message"]);
    let reset = process.control("POST", "/reset", "").await;
    assert_eq!(
        (reset.status, &reset.json()["error"]["code"]),
        (500, &json!("StateNotWritten"))
    );
    // What is only read is answered.
    assert_eq!(process.dataset("p").await.0, "CREATE_COMPLETE");

    std::fs::remove_file(in_the_way).expect("the folder is ours");
    assert_eq!(process.control("GET", "/ready", "").await.status, 200);
    process.ok(&create("q")).await;
    process.kill();
    let process = Process::start(folder.path());
    process.get("/projects/q").await;
    let listed = process.get("/projects/p/datasets/train/entries").await;
    assert_eq!(listed["DatasetEntries"], json!([]));
    let health = process.control("GET", "/health", "").await.json();
    assert_eq!(
        (&health["status"], &health["state"]),
        (&json!("ok"), &json!({"kept_in": "file"}))
    );
    process.kill();
}

/// So many lines of 4 KB
fn long_manifest(lines: usize) -> String {
    let padding = "x".repeat(4_000);
    let mut manifest = String::new();
    for index in 0..lines {
        let _ = writeln!(
            manifest,
            r#"{{"source-ref":"s3://images/{index}.jpg","padding":"{padding}"}}"#
        );
    }
    manifest
}

/// The program with a bound on the length of its files
fn start_with_small_files(folder: &Path) -> Process {
    let mut shell = Command::new("sh");
    // In units of 512 bytes. SIGXFSZ is ignored, so that a write beyond the bound fails with an error, as a write to a
    // full disk does.
    shell
        .args(["-c", r#"trap "" XFSZ; ulimit -f 8192; exec "$0" "$@""#])
        .arg(PROGRAM);
    Process::start_by(folder, shell)
}
