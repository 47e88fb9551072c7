//! What `PUT /state` refuses because no calls can have led to it, and its effect on calls at the same moment.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    process::Process,
    support::{Answer, Call, control, emulator_with},
};

const ROLE: &str = "
roles:
  - arn: arn:aws:iam::123456789012:role/inspector
    trust_policy: {Version: \"2012-10-17\", Statement: [{Effect: Allow, Principal: {AWS: \"*\"}, Action: [sts:AssumeRole, sts:TagSession]}]}
";
const MODEL: &str = "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1";
const DATE: &str = "2026-01-02T03:04:05Z";
const END_OF_DATES: &str = "9999-12-30T22:00:00.999999999Z";
const LONG_AGO: &str = "-009999-01-02T01:59:59Z";

fn project(more: &Value) -> Value {
    with(
        &json!({"region": "us-west-2", "name": "new", "created": DATE}),
        more,
    )
}

fn model(more: &Value) -> Value {
    let model = json!({"region": "us-west-2", "project": "new", "version": "1", "created": DATE, "kind": "classification",
                       "phase": "hosted"});
    with(&model, more)
}

fn dataset(more: &Value) -> Value {
    let phase = json!({"creating": {"at": DATE, "outcome": "succeeds"}});
    let dataset =
        json!({"region": "us-west-2", "project": "new", "type": "train", "created": DATE, "phase": phase});
    with(&dataset, more)
}

fn token(more: &Value) -> Value {
    let token = json!({"region": "us-west-2", "operation": "CreateProject", "token": "t-1", "request_sha256": "0".repeat(64),
                       "answer": "{}", "at": DATE});
    with(&token, more)
}

fn session(more: &Value) -> Value {
    let session = json!({"access_key_id": "ASIAAAAAAAAAAAAAAAA2", "role_arn": "arn:aws:iam::123456789012:role/inspector",
                         "session_name": "line-7", "issued_at": DATE, "expires_at": "2026-01-02T04:04:05Z"});
    with(&session, more)
}

fn endpoint(more: &Value) -> Value {
    with(&json!({"vpc_endpoint_id": "vpce-00000000000000000"}), more)
}

fn job(more: &Value) -> Value {
    let greengrass = json!({"TargetPlatform": {"Os": "LINUX", "Arch": "X86_64"}, "ComponentName": "c",
                            "S3OutputLocation": {"Bucket": "bucket"}});
    let started = json!({"at": DATE, "until": null});
    let job = json!({"name": "job", "model_version": "1", "configuration": {"Greengrass": greengrass},
                     "component_version": "1.0.0", "waiting": started, "running": started});
    with(&job, more)
}

fn with(object: &Value, more: &Value) -> Value {
    let mut object = object.clone();
    for (name, value) in more.as_object().expect("the test gives an object") {
        object[name] = value.clone();
    }
    object
}

/// A state of one project that has whatever it is asked for
fn state(member: &str, value: Value) -> Value {
    let mut state = json!({"format": 1, "projects": [project(&json!({}))]});
    state[member] = value;
    state
}

fn many(count: usize, key: impl Fn(usize) -> String, value: &Value) -> Value {
    (0..count)
        .map(|index| (key(index), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[tokio::test]
async fn what_no_call_can_have_come_to_is_refused_by_its_path_and_its_neighbour_is_taken() {
    let config = format!("{ROLE}limits: {{counted_models_max: 3}}\n");
    let emulator = emulator_with(&config).await;
    let elsewhere = MODEL.replace("123456789012", "210987654321");
    let long = "x".repeat(257);
    let within = &long[..256];
    let keys = |count| many(count, |index| format!("key-{index}"), &json!("v"));
    for (member, taken, refused, path) in [
        (
            "counters",
            json!({MODEL: 7}),
            json!({&elsewhere: 7}),
            format!("/counters/{}", escaped(&elsewhere)),
        ),
        (
            "counters",
            json!({MODEL: 0}),
            json!({"arn:x:model/": 1}),
            "/counters/arn:x:model~1".to_owned(),
        ),
        (
            "counters",
            json!({}),
            json!({format!("{MODEL}/2"): 1}),
            format!("/counters/{}~12", escaped(MODEL)),
        ),
        (
            "draws",
            json!({format!("{MODEL} r-1"): 1, format!("{MODEL} model.detect_anomalies[0]"): 2}),
            json!({format!("{MODEL} r-01"): 1}),
            format!("/draws/{} r-01", escaped(MODEL)),
        ),
        (
            "draws",
            json!({}),
            json!({format!("{elsewhere} r-1"): 1}),
            format!("/draws/{} r-1", escaped(&elsewhere)),
        ),
        (
            "draws",
            many(3, |index| format!("{MODEL} r-{index}"), &json!(1)),
            many(4, |index| format!("{MODEL} r-{index}"), &json!(1)),
            "/draws".to_owned(),
        ),
        (
            "scenarios",
            json!({within: within}),
            json!({&long: "warm"}),
            format!("/scenarios/{long}"),
        ),
        (
            "scenarios",
            json!({"line": "warm"}),
            json!({"line": &long}),
            "/scenarios/line".to_owned(),
        ),
        (
            "scenarios",
            json!({"line": "warm"}),
            json!({"line": ""}),
            "/scenarios/line".to_owned(),
        ),
        (
            "client_tokens",
            json!([token(&json!({"token": "x".repeat(64)}))]),
            json!([token(&json!({"token": "x".repeat(65)}))]),
            "/client_tokens/0/token".to_owned(),
        ),
        (
            "client_tokens",
            json!([token(&json!({}))]),
            json!([token(&json!({"operation": "ListProjects"}))]),
            "/client_tokens/0/token".to_owned(),
        ),
        (
            "client_tokens",
            json!([token(&json!({})), token(&json!({"region": "us-east-1"}))]),
            json!([token(&json!({})), token(&json!({}))]),
            "/client_tokens/1/token".to_owned(),
        ),
        (
            "client_tokens",
            json!([token(&json!({"answer": "{\"a\":1}"}))]),
            json!([token(&json!({"answer": "no JSON"}))]),
            "/client_tokens/0/answer".to_owned(),
        ),
        (
            "client_tokens",
            json!([]),
            json!([token(&json!({"at": LONG_AGO}))]),
            "/client_tokens/0/at".to_owned(),
        ),
        (
            "models",
            json!([model(&json!({"tags": {"team": "vision"}}))]),
            json!([model(&json!({"tags": {"aws:team": "vision"}}))]),
            "/models/0/tags/aws:team".to_owned(),
        ),
        (
            "models",
            json!([model(&json!({"inference_units": {"min": 1, "max": 1}}))]),
            json!([model(&json!({"inference_units": {"min": 0, "max": null}}))]),
            "/models/0/inference_units/min".to_owned(),
        ),
        (
            "models",
            json!([model(&json!({"inference_units": {"min": 2, "max": 3}}))]),
            json!([model(&json!({"inference_units": {"min": 3, "max": 2}}))]),
            "/models/0/inference_units/max".to_owned(),
        ),
        (
            "models",
            json!([model(&json!({"created": "0001-01-01T00:00:00Z"}))]),
            json!([model(&json!({"created": "0000-12-31T23:59:59Z"}))]),
            "/models/0/created".to_owned(),
        ),
        (
            "models",
            json!([model(&json!({"evaluated": DATE}))]),
            json!([model(&json!({"evaluated": LONG_AGO}))]),
            "/models/0/evaluated".to_owned(),
        ),
        (
            "models",
            json!([model(
                &json!({"phase": {"starting": {"at": DATE, "until": DATE, "outcome": "succeeds"}}})
            )]),
            json!([model(
                &json!({"phase": {"starting": {"at": DATE, "until": LONG_AGO, "outcome": "succeeds"}}})
            )]),
            "/models/0/phase/starting/until".to_owned(),
        ),
        (
            "datasets",
            json!([dataset(&json!({}))]),
            json!([dataset(&json!({"created": LONG_AGO}))]),
            "/datasets/0/created".to_owned(),
        ),
        (
            "datasets",
            json!([dataset(&json!({"phase": {"updating": {"at": DATE}}}))]),
            json!([dataset(&json!({"phase": {"updating": {"at": LONG_AGO}}}))]),
            "/datasets/0/phase/updating/at".to_owned(),
        ),
        (
            "projects",
            json!([project(&json!({"packaging_jobs": [job(&json!({}))]}))]),
            json!([project(&json!({"created": LONG_AGO}))]),
            "/projects/0/created".to_owned(),
        ),
        (
            "projects",
            json!([project(
                &json!({"packaging_jobs": [job(&json!({"component_version": "1.2.3"}))]})
            )]),
            json!([project(
                &json!({"packaging_jobs": [job(&json!({"component_version": "1.2"}))]})
            )]),
            "/projects/0/packaging_jobs/0/component_version".to_owned(),
        ),
        (
            "projects",
            json!([project(&json!({}))]),
            json!([project(
                &json!({"packaging_jobs": [job(&json!({"running": {"at": LONG_AGO, "until": null}}))]})
            )]),
            "/projects/0/packaging_jobs/0/running/at".to_owned(),
        ),
        (
            "vpc_endpoints",
            json!([endpoint(&json!({"tags": {"line": "a"}}))]),
            json!([endpoint(&json!({"tags": {"aws:line": "a"}}))]),
            "/vpc_endpoints/0/tags/aws:line".to_owned(),
        ),
        (
            "vpc_endpoints",
            json!([endpoint(&json!({"tags": keys(50)}))]),
            json!([endpoint(&json!({"tags": keys(51)}))]),
            "/vpc_endpoints/0/tags".to_owned(),
        ),
        (
            "vpc_endpoints",
            json!([endpoint(&json!({"tags": {"k": within}}))]),
            json!([endpoint(&json!({"tags": {"k": &long}}))]),
            "/vpc_endpoints/0/tags/k".to_owned(),
        ),
        (
            "vpc_endpoints",
            json!([]),
            json!([endpoint(&json!({"deleted_at": LONG_AGO}))]),
            "/vpc_endpoints/0/deleted_at".to_owned(),
        ),
        (
            "role_sessions",
            json!([session(&json!({"source_identity": "alice@example.com"}))]),
            json!([session(&json!({"source_identity": "a b"}))]),
            "/role_sessions/0/source_identity".to_owned(),
        ),
        (
            "role_sessions",
            json!([session(
                &json!({"tags": {"team": "v"}, "transitive_tag_keys": ["team"]})
            )]),
            json!([session(
                &json!({"tags": {"team": "v"}, "transitive_tag_keys": ["line"]})
            )]),
            "/role_sessions/0/transitive_tag_keys/0".to_owned(),
        ),
        (
            "role_sessions",
            json!([session(&json!({"tags": keys(50)}))]),
            json!([session(&json!({"tags": keys(101)}))]),
            "/role_sessions/0/tags".to_owned(),
        ),
        (
            "role_sessions",
            json!([session(&json!({"expires_at": "2026-01-02T03:19:05Z"}))]),
            json!([session(&json!({"expires_at": "2026-01-02T03:19:04Z"}))]),
            "/role_sessions/0/expires_at".to_owned(),
        ),
        (
            "role_sessions",
            json!([session(&json!({"expires_at": "2026-01-02T15:04:05Z"}))]),
            json!([session(&json!({"expires_at": "2026-01-02T15:04:06Z"}))]),
            "/role_sessions/0/expires_at".to_owned(),
        ),
        (
            "role_sessions",
            json!([session(&json!({"expires_at": "2026-01-02T15:04:05Z"}))]),
            json!([session(&json!({"expires_at": "2026-01-02T15:04:05.5Z"}))]),
            "/role_sessions/0/expires_at".to_owned(),
        ),
        (
            "role_sessions",
            json!([session(
                &json!({"issued_at": "9999-12-30T21:59:59Z", "expires_at": END_OF_DATES})
            )]),
            json!([session(&json!({"expires_at": END_OF_DATES}))]),
            "/role_sessions/0/expires_at".to_owned(),
        ),
        (
            "role_sessions",
            json!([session(&json!({"access_key_id": "ASIA234567ABCDEFGHIJ"}))]),
            json!([session(&json!({"access_key_id": "ASIA1"}))]),
            "/role_sessions/0/access_key_id".to_owned(),
        ),
        (
            "role_sessions",
            json!([session(&json!({"access_key_id": "ASIA234567ABCDEFGHIJ"}))]),
            json!([session(&json!({"access_key_id": "AKIA234567ABCDEFGHIJ"}))]),
            "/role_sessions/0/access_key_id".to_owned(),
        ),
        (
            "role_sessions",
            json!([session(&json!({"secret_access_key": "s", "session_token": "t"}))]),
            json!([session(&json!({"secret_access_key": "", "session_token": "t"}))]),
            "/role_sessions/0/secret_access_key".to_owned(),
        ),
        (
            "role_sessions",
            json!([session(&json!({"secret_access_key": "s", "session_token": "t"}))]),
            json!([session(&json!({"secret_access_key": "s", "session_token": ""}))]),
            "/role_sessions/0/session_token".to_owned(),
        ),
        (
            "role_sessions",
            json!([session(
                &json!({"tags": {"a": "", "b": ""}, "transitive_tag_keys": ["a", "b"]})
            )]),
            json!([session(
                &json!({"tags": {"a": "", "b": ""}, "transitive_tag_keys": ["a", "a"]})
            )]),
            "/role_sessions/0/transitive_tag_keys/1".to_owned(),
        ),
        (
            "role_sessions",
            json!([session(&json!({"tags": {"team": "v"}}))]),
            json!([session(&json!({"tags": {"aws:team": "v"}}))]),
            "/role_sessions/0/tags/aws:team".to_owned(),
        ),
        (
            "role_sessions",
            json!([session(&json!({"tags": {"team": "v"}}))]),
            json!([session(&json!({"tags": {"Team": "v", "team": "v"}}))]),
            "/role_sessions/0/tags/team".to_owned(),
        ),
        (
            "role_sessions",
            json!([]),
            json!([session(&json!({"issued_at": LONG_AGO}))]),
            "/role_sessions/0/issued_at".to_owned(),
        ),
        (
            "started_at",
            json!(DATE),
            json!(LONG_AGO),
            "/started_at".to_owned(),
        ),
        (
            "clock",
            json!({"frozen_at": DATE}),
            json!({"frozen_at": LONG_AGO}),
            "/clock/frozen_at".to_owned(),
        ),
        (
            "clock",
            json!({"offset_seconds": 0}),
            json!({"offset_seconds": -100_000_000_000_i64}),
            "/clock/offset_seconds".to_owned(),
        ),
    ] {
        let taken = state(member, taken).to_string();
        let answer = control(&emulator, "PUT", "/state", &taken).await;
        assert_eq!(answer.status, 200, "{taken}: {}", answer.text());
        let refused = state(member, refused).to_string();
        let answer = control(&emulator, "PUT", "/state", &refused).await;
        assert_eq!(answer.status, 400, "{refused}");
        assert_eq!(answer.json()["error"]["path"], path, "{}", answer.text());
    }
}

fn escaped(text: &str) -> String {
    text.replace('~', "~0").replace('/', "~1")
}

#[tokio::test]
async fn the_clock_takes_no_date_that_no_answer_can_have() {
    let emulator = emulator_with("{}").await;
    for (body, status) in [
        (json!({"frozen_at": "0001-01-01T00:00:00Z"}), 200),
        (json!({"frozen_at": "0000-12-31T23:59:59Z"}), 400),
        (json!({"offset_seconds": -100_000_000_000_i64}), 400),
    ] {
        let answer = control(&emulator, "PUT", "/clock", &body.to_string()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
    }
}

/// A world in which everything says the same: the model's rule, the endpoint's policy and the project
fn world(name: &str, confidence: f64, offset: i64) -> String {
    let rule = json!({"id": "r-1", "rule": {"then": {"is_anomalous": true, "confidence": confidence}}});
    json!({
        "format": 1,
        "projects": [{"region": "us-west-2", "name": name, "created": DATE}],
        "models": [{"region": "us-west-2", "project": name, "version": "1", "created": DATE, "kind": "declared",
                    "phase": "hosted"}],
        "rules": [
            {"project": "both", "version": "1", "replaces_declared": true, "rules": [rule]},
        ],
        "scenarios": {"world": name},
        "clock": {"offset_seconds": offset},
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_at_the_moment_of_a_put_sees_one_world_or_the_other() {
    // Of the one world the model `both` answers 0.25 and is dated by a clock that is right, of the other 0.75 by one that is
    // a day ahead. A call that took the rules of one and the models, or the clock, of the other would tell.
    let config = "
projects:
  - {name: both, models: [{version: \"1\"}]}
";
    let emulator = Arc::new(emulator_with(config).await);
    let day = 86_400;
    let worlds = [world("even", 0.25, 0), world("odd", 0.75, day)];
    let put = async |emulator, index: usize| {
        let answer: Answer = control(emulator, "PUT", "/state", &worlds[index % 2]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    put(&emulator, 0).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let callers = (0..4).map(|_| {
        let (emulator, is_over) = (emulator.clone(), is_over.clone());
        tokio::spawn(async move {
            let mut seen = [0_u32; 2];
            while !is_over.load(Ordering::Relaxed) {
                let detect = Call::detect("1");
                let target = detect.target.replace("myProject", "both");
                let answer = Call { target, ..detect }.send(&emulator).await;
                answer.check_ok();
                let confidence = answer.json()["DetectAnomalyResult"]["Confidence"].as_f64();
                let date = answer.header("date").expect("an answer has a date");
                let date = jiff::fmt::rfc2822::parse(date).expect("it is a date").timestamp();
                let is_ahead = date.as_second() > jiff::Timestamp::now().as_second() + day / 2;
                assert_eq!(confidence == Some(0.75), is_ahead, "{confidence:?} at {date}");
                seen[usize::from(is_ahead)] += 1;
            }
            seen
        })
    });
    let callers: Vec<_> = callers.collect();
    for index in 1..60 {
        put(&emulator, index).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    is_over.store(true, Ordering::Relaxed);
    let mut total = [0; 2];
    for caller in callers {
        let seen = caller.await.expect("no caller saw a mixture");
        total = [total[0] + seen[0], total[1] + seen[1]];
    }
    assert!(total.iter().all(|seen| *seen > 0), "{total:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dataset_that_is_made_at_the_moment_of_a_reset_is_finished_or_gone() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let line = r#"{"source-ref":"s3://parts/1.jpg"}"#;
    std::fs::write(folder.path().join("manifest"), line).expect("the folder is ours");
    let config = format!("s3: {{buckets: {{parts: {}}}}}\n", folder.path().display());
    let emulator = Arc::new(emulator_with(&config).await);
    let is_over = Arc::new(AtomicBool::new(false));
    let makers = (0..3).map(|maker| {
        let (emulator, is_over) = (emulator.clone(), is_over.clone());
        tokio::spawn(async move {
            let send = async |method, target: &str, body: Value| {
                let mut call = Call::get(&format!("/2020-11-20/projects{target}"));
                call.method = method;
                if !body.is_null() {
                    call = call.body("application/json", body.to_string().as_bytes());
                }
                call.send(&emulator).await
            };
            let object = json!({"Bucket": "parts", "Key": "manifest"});
            let source = json!({"GroundTruthManifest": {"S3Object": object}});
            let mut finished = 0;
            for index in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let name = format!("p-{maker}-{index}");
                send("POST", "", json!({"ProjectName": name})).await;
                let body = json!({"DatasetType": "train", "DatasetSource": source});
                send("POST", &format!("/{name}/datasets"), body).await;
                // A task that is given up for nothing would leave it in progress for ever.
                let mut status = Value::from("CREATE_IN_PROGRESS");
                for _ in 0..400 {
                    let target = format!("/{name}/datasets/train");
                    let described = send("GET", &target, Value::Null).await;
                    status = described.json()["DatasetDescription"]["Status"].clone();
                    if status != "CREATE_IN_PROGRESS" {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                assert!(
                    status.is_null() || status == "CREATE_COMPLETE",
                    "{name}: {status}"
                );
                finished += u32::from(status == "CREATE_COMPLETE");
            }
            finished
        })
    });
    let makers: Vec<_> = makers.collect();
    for _ in 0..60 {
        assert_eq!(control(&emulator, "POST", "/reset", "").await.status, 204);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    is_over.store(true, Ordering::Relaxed);
    let mut finished = 0;
    for maker in makers {
        finished += maker.await.expect("every dataset is finished or gone");
    }
    assert!(finished > 0, "some come through");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_after_a_put_is_in_the_state_file_and_nothing_from_before_is() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(folder.path().join("emulator.yaml"), "state: emulator.state\n")
        .expect("the folder is ours");
    let process = Arc::new(Process::start(folder.path()));
    let create = |name: String| {
        let body = json!({"ProjectName": name, "ClientToken": name});
        Call::post(
            "/2020-11-20/projects",
            "application/json",
            body.to_string().as_bytes(),
        )
    };
    let is_over = Arc::new(AtomicBool::new(false));
    let writers = (0..3).map(|writer| {
        let (process, is_over) = (process.clone(), is_over.clone());
        tokio::spawn(async move {
            for index in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let created = process.send(&create(format!("p-{writer}-{index}"))).await;
                assert_eq!(created.expect("it answers").status, 200);
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    for _ in 0..20 {
        let put = process.control("PUT", "/state", r#"{"format": 1}"#).await;
        assert_eq!(put.status, 200, "{put:?}");
    }
    is_over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("every call is answered");
    }
    let before = process.control("GET", "/state", "").await;
    let process = Arc::into_inner(process).expect("nobody else has it");
    process.kill();

    let process = Process::start(folder.path());
    let after = process.control("GET", "/state", "").await.json();
    for member in ["projects", "client_tokens"] {
        assert_eq!(after[member], before.json()[member], "{member}");
    }
    process.kill();
}

#[tokio::test]
async fn faults_of_the_control_api_go_on_in_another_emulator_where_they_were() {
    let fault = json!({"name": "busy", "probability": 0.5, "seed": 7, "times": 5, "when": {"operation": "Detect*"},
                       "fault": {"error": "ThrottlingException"}});
    let [first, second] = [emulator_with("{}").await, emulator_with("{}").await];
    let added = control(&first, "POST", "/faults", &fault.to_string()).await;
    assert_eq!(added.status, 201, "{}", added.text());
    let status = async |emulator| Call::detect("1").send(emulator).await.status;
    for _ in 0..4 {
        status(&first).await;
    }
    let state = control(&first, "GET", "/state", "").await;
    let kept = &state.json()["faults"][0];
    assert_eq!((&kept["definition"], &kept["matched"]), (&fault, &json!(4)));
    let put = control(&second, "PUT", "/state", state.text()).await;
    assert_eq!(put.status, 200, "{}", put.text());
    // The same draws, and the same number of calls until it is spent.
    for _ in 0..12 {
        assert_eq!(status(&first).await, status(&second).await);
    }
    let faults = control(&second, "GET", "/faults", "").await.json();
    assert_eq!(faults, control(&first, "GET", "/faults", "").await.json());
    assert_eq!(faults[0]["state"], "spent");

    // Without the member they stay, and an empty list takes them away.
    for (state, left) in [(json!({"format": 1}), 1), (json!({"format": 1, "faults": []}), 0)] {
        let put = control(&second, "PUT", "/state", &state.to_string()).await;
        assert_eq!(put.status, 200, "{}", put.text());
        let faults = control(&second, "GET", "/faults", "").await.json();
        assert_eq!(faults.as_array().map(Vec::len), Some(left));
    }
}

#[tokio::test]
async fn a_fault_that_has_counted_to_the_end_goes_on_striking() {
    let emulator = emulator_with("{}").await;
    let fault = json!({"definition": {"name": "busy", "fault": {"error": "ThrottlingException"}},
                       "matched": u64::MAX, "struck": u64::MAX});
    let state = json!({"format": 1, "faults": [fault]}).to_string();
    assert_eq!(control(&emulator, "PUT", "/state", &state).await.status, 200);
    assert_eq!(Call::detect("1").send(&emulator).await.status, 429);
    let listed = control(&emulator, "GET", "/faults", "").await.json();
    assert_eq!(listed[0]["matched"], u64::MAX);
}

#[tokio::test]
async fn a_fault_in_the_place_of_one_of_the_configuration_comes_back_with_the_state() {
    let emulator =
        emulator_with("faults: [{name: busy, fault: {status: 500}}]\nlimits: {faults_max: 1}").await;
    let status = async || Call::detect("1").send(&emulator).await.status;
    assert_eq!(status().await, 500);
    control(&emulator, "DELETE", "/faults/busy", "").await;
    let own = r#"{"name": "busy", "fault": {"status": 503}}"#;
    assert_eq!(control(&emulator, "POST", "/faults", own).await.status, 201);
    let state = control(&emulator, "GET", "/state", "").await;
    assert_eq!(state.json()["faults_away"], json!(["busy"]));
    control(&emulator, "POST", "/reset", "").await;
    assert_eq!(status().await, 500);
    let put = control(&emulator, "PUT", "/state", state.text()).await;
    assert_eq!(put.status, 200, "{}", put.text());
    assert_eq!(status().await, 503);
    // An empty list has both as they were declared.
    let state = r#"{"format": 1, "faults": [], "faults_away": []}"#;
    assert_eq!(control(&emulator, "PUT", "/state", state).await.status, 200);
    assert_eq!(status().await, 500);
}

#[tokio::test]
async fn a_fault_in_a_state_that_cannot_be_is_refused_by_its_path() {
    let config = "
faults: [{name: old, fault: {delay_milliseconds: 0}}]
limits: {faults_max: 2}
";
    let emulator = emulator_with(config).await;
    let fault = |more: &Value| {
        let definition =
            json!({"name": "busy", "times": 2, "ttl_seconds": 60, "fault": {"delay_milliseconds": 0}});
        json!([with(
            &json!({"definition": definition, "matched": 3, "struck": 1}),
            more
        )])
    };
    let named = |name: &str| json!({"definition": {"name": name, "fault": {"delay_milliseconds": 0}}});
    for (faults, path) in [
        (fault(&json!({"struck": 4})), "/faults/0/struck"),
        (fault(&json!({"matched": 9, "struck": 3})), "/faults/0/struck"),
        (fault(&json!({"seconds_left": 61})), "/faults/0/seconds_left"),
        (
            json!([with(&named("endless"), &json!({"seconds_left": 1}))]),
            "/faults/0/seconds_left",
        ),
        (json!([named("old")]), "/faults/0/definition/name"),
        (json!([named("a"), named("b")]), "/faults"),
        (
            json!([{"definition": {"name": "a", "fault": {}}}]),
            "/faults/0/definition/fault",
        ),
        (
            json!([{"definition": {"name": "a", "tiems": 1, "fault": {"delay_milliseconds": 0}}}]),
            "/faults/0/definition/tiems",
        ),
        (
            json!([with(&named("a"), &json!({"source": "control"}))]),
            "/faults/0/source",
        ),
    ] {
        let state = json!({"format": 1, "faults": faults}).to_string();
        let answer = control(&emulator, "PUT", "/state", &state).await;
        assert_eq!(answer.status, 400, "{state}");
        assert_eq!(answer.json()["error"]["path"], path, "{}", answer.text());
    }
    let state = json!({"format": 1, "faults": fault(&json!({"seconds_left": 30}))}).to_string();
    let answer = control(&emulator, "PUT", "/state", &state).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let faults = control(&emulator, "GET", "/faults", "").await.json();
    let seconds = faults[0]["seconds_left"].as_u64();
    assert!(
        seconds.is_some_and(|seconds| (1..=30).contains(&seconds)),
        "{faults}"
    );
    assert_eq!(
        (&faults[0]["times_left"], &faults[1]["name"]),
        (&json!(1), &json!("old"))
    );
}

#[tokio::test]
async fn a_process_that_dies_takes_its_faults_along_and_leaves_its_rules() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(folder.path().join("emulator.yaml"), "state: emulator.state\n")
        .expect("the folder is ours");
    let process = Process::start(folder.path());
    let fault = r#"{"name": "busy", "fault": {"error": "ThrottlingException"}}"#;
    assert_eq!(process.control("POST", "/faults", fault).await.status, 201);
    let rule = r#"{"then": {"is_anomalous": true, "confidence": 0.5}}"#;
    let target = "/projects/myProject/models/1/detect-anomalies";
    assert_eq!(process.control("POST", target, rule).await.status, 201);
    assert_eq!(
        process.send(&Call::detect("1")).await.expect("it answers").status,
        429
    );
    process.kill();

    let process = Process::start(folder.path());
    let answer = process.send(&Call::detect("1")).await.expect("it answers");
    answer.check_ok();
    assert_eq!(answer.json()["DetectAnomalyResult"]["Confidence"], 0.5);
    process.kill();
}
