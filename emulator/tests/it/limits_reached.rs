//! `GET /limits` shows every limit that the emulator sees being reached: each is reached once, with the least value
//! that its configuration accepts.

use std::{collections::BTreeSet, time::Duration};

use lookoutvision_emulator::Emulator;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    process::Process,
    support::{Call, JPEG, connect, control, control_stream, emulator, emulator_with},
};

/// The limits whose `reached` is null: they are kept where nobody notes it
async fn unseen() -> BTreeSet<String> {
    let emulator = emulator().await;
    let limits = control(&emulator, "GET", "/limits", "").await.json();
    let limits = limits.as_array().expect("a list");
    let unseen = limits.iter().filter(|limit| limit["reached"].is_null());
    unseen.map(name_of).collect()
}

fn name_of(limit: &Value) -> String {
    limit["name"].as_str().expect("a limit has a name").to_owned()
}

/// An emulator with these limits, and the names of those
async fn limited(limits: &str, more: &str) -> (Emulator, Vec<String>) {
    let emulator = emulator_with(&format!("limits: {{{limits}}}\n{more}")).await;
    let names = limits.split(',').filter_map(|limit| limit.trim().split_once(':'));
    (emulator, names.map(|(name, _)| name.to_owned()).collect())
}

/// Waits until all of these limits are told as reached, and hands over their names
async fn are_reached((emulator, names): (Emulator, Vec<String>)) -> Vec<String> {
    let reached = async |name: &String| {
        let limits = control(&emulator, "GET", "/limits", "").await.json();
        let limits = limits.as_array().expect("a list").clone();
        let limit = limits.into_iter().find(|limit| limit["name"] == **name);
        limit.unwrap_or_else(|| panic!("there is no limit {name}"))
    };
    for name in &names {
        // A connection is closed a moment before that is noted.
        let mut limit = reached(name).await;
        for _ in 0..200 {
            if limit["reached"].as_u64() > Some(0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            limit = reached(name).await;
        }
        assert!(limit["reached"].as_u64() > Some(0), "{limit}");
        assert!(limit["last_reached"].is_string(), "{limit}");
    }
    names
}

async fn is_closed(mut stream: impl AsyncReadExt + Unpin) {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut bytes).await;
}

fn call(method: &'static str, target: &str, body: &Value) -> Call {
    let mut call = Call::get(&format!("/2020-11-20{target}"));
    call.method = method;
    match body {
        Value::Null => call,
        body => call.body("application/json", body.to_string().as_bytes()),
    }
}

fn with_header(bytes: usize) -> Call {
    let mut call = Call::get("/2020-11-20/projects");
    call.extra_headers = vec![("x-filler".to_owned(), "x".repeat(bytes))];
    call
}

#[tokio::test]
async fn every_limit_that_is_seen_says_when_it_was_reached() {
    let mut reached = unseen().await;
    let seen = [
        connections().await,
        heads_and_bodies().await,
        times().await,
        room().await,
        journal().await,
        counts().await,
        service().await,
        datasets().await,
        around_the_service().await,
        log().await,
    ];
    for name in seen.into_iter().flatten() {
        assert!(
            reached.insert(name.clone()),
            "{name} is told as one that nobody sees"
        );
    }
    let emulator = emulator().await;
    let limits = control(&emulator, "GET", "/limits", "").await.json();
    let all: BTreeSet<String> = limits.as_array().expect("a list").iter().map(name_of).collect();
    assert_eq!(
        reached, all,
        "reach it above, or say in control/limits.rs that nobody sees it"
    );
}

#[tokio::test]
async fn what_is_taken_of_models_and_of_made_endpoints_is_told() {
    let vpc = "vpcs: [{vpc_id: vpc-0a1b2c3d4e5f67890, region: us-west-2}]\nvpc_endpoints: []\n";
    let emulator = emulator_with(vpc).await;
    let date = "2026-01-02T03:04:05Z";
    let model = |project: &str, version: &str| {
        json!({"region": "us-west-2", "project": project, "version": version, "created": date,
               "kind": "classification", "phase": "hosted"})
    };
    let project = |name: &str| json!({"region": "us-west-2", "name": name, "created": date});
    let state = json!({"format": 1, "projects": [project("p"), project("q")],
                       "models": [model("p", "1"), model("q", "1"), model("q", "2")]});
    let put = control(&emulator, "PUT", "/state", &state.to_string()).await;
    assert_eq!(put.status, 200, "{}", put.text());
    let parameters = [
        ("VpcEndpointType", "Interface"),
        ("ServiceName", "com.amazonaws.us-west-2.lookoutvision"),
        ("VpcId", "vpc-0a1b2c3d4e5f67890"),
    ];
    let made = Call::query("ec2", "CreateVpcEndpoint", &parameters)
        .send(&emulator)
        .await;
    assert_eq!(made.status, 200, "{made:?}");
    let limits = control(&emulator, "GET", "/limits", "").await.json();
    for (name, used) in [
        ("models_max", 2),
        ("made_vpc_endpoints_max", 1),
        ("projects_max", 2),
    ] {
        let mut limits = limits.as_array().expect("a list").iter();
        let limit = limits.find(|limit| limit["name"] == name);
        assert_eq!(limit.expect("it is listed")["used"], used, "{name}");
    }
}

async fn connections() -> Vec<String> {
    let emulator = limited("connections_max: 1", "").await;
    let first = TcpStream::connect(emulator.0.address())
        .await
        .expect("it listens");
    is_closed(
        TcpStream::connect(emulator.0.address())
            .await
            .expect("it listens"),
    )
    .await;
    let mut names = are_reached(emulator).await;
    drop(first);

    let (emulator, _) = limited("connections_max: 1, health_connections_max: 1", "").await;
    let first = control_stream(&emulator).await;
    let health = control_stream(&emulator).await;
    let newer = control_stream(&emulator).await;
    is_closed(health).await;
    drop((first, newer));
    names.extend(are_reached((emulator, vec!["health_connections_max".to_owned()])).await);

    let (emulator, kinds) = limited("unheard_kinds_max: 1", "").await;
    let plain = async |text: &str| {
        let mut stream = TcpStream::connect(emulator.address()).await.expect("it listens");
        stream.write_all(text.as_bytes()).await.expect("it is read");
        stream.shutdown().await.expect("it is open");
        is_closed(stream).await;
    };
    plain("GET / HTTP/1.1\r\n\r\n").await;
    plain("").await;
    plain("\u{1}no TLS either").await;
    names.extend(are_reached((emulator, kinds)).await);
    names
}

async fn heads_and_bodies() -> Vec<String> {
    let emulator = limited("header_bytes_max: 8192, headers_max: 16", "").await;
    assert_eq!(with_header(9_000).send(&emulator.0).await.status, 431);
    let mut names = are_reached(emulator).await;

    let emulator = limited("body_bytes_max: 1024", "").await;
    assert_eq!(Call::detect("1").send(&emulator.0).await.status, 413);
    names.extend(are_reached(emulator).await);

    let emulator = limited("body_values_max: 1000", "").await;
    let many = json!({"ProjectName": "p", "More": vec![0; 2_000]});
    assert_eq!(
        call("POST", "/projects", &many).send(&emulator.0).await.status,
        400
    );
    names.extend(are_reached(emulator).await);

    let spaces = " ".repeat(40_000);
    for (limits, target) in [
        ("control_body_bytes_max: 32768", "/faults"),
        ("state_bytes_max: 32768", "/state"),
    ] {
        let emulator = limited(limits, "").await;
        assert_eq!(control(&emulator.0, "PUT", target, &spaces).await.status, 413);
        names.extend(are_reached(emulator).await);
    }
    names
}

async fn times() -> Vec<String> {
    let emulator = limited("handshake_timeout_seconds: 1", "").await;
    is_closed(
        TcpStream::connect(emulator.0.address())
            .await
            .expect("it listens"),
    )
    .await;
    let mut names = are_reached(emulator).await;

    let emulator = limited("idle_timeout_seconds: 1", "").await;
    let address = emulator.0.address();
    is_closed(
        connect(&emulator.0, address, "localhost")
            .await
            .expect("a handshake"),
    )
    .await;
    names.extend(are_reached(emulator).await);

    let upload = Call::detect("1").to_bytes();
    let head = upload.len() - JPEG.len();
    let emulator = limited("body_idle_timeout_seconds: 1", "").await;
    let address = emulator.0.address();
    let mut stream = connect(&emulator.0, address, "localhost")
        .await
        .expect("a handshake");
    stream.write_all(&upload[..head + 1]).await.expect("it is read");
    is_closed(stream).await;
    names.extend(are_reached(emulator).await);

    let emulator = limited("body_timeout_seconds: 1", "").await;
    let address = emulator.0.address();
    let mut stream = connect(&emulator.0, address, "localhost")
        .await
        .expect("a handshake");
    stream.write_all(&upload[..head]).await.expect("it is read");
    for byte in &upload[head..head + 60] {
        // Until it has been refused.
        if stream.write_all(&[*byte]).await.is_err() || stream.flush().await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(stream);
    names.extend(are_reached(emulator).await);
    names
}

async fn room() -> Vec<String> {
    let limits = "body_bytes_max: 1024, in_flight_body_bytes_max: 1024, client_body_share_percent_max: 100, \
                  body_room_timeout_seconds: 1";
    let mut emulator = limited(limits, "").await;
    // It is of the size of the room, and no body is larger.
    emulator.1.remove(0);
    let upload = Call::detect("1").body("image/jpeg", &[0; 1024]);
    let bytes = upload.to_bytes();
    let address = emulator.0.address();
    let mut first = connect(&emulator.0, address, "localhost")
        .await
        .expect("a handshake");
    first
        .write_all(&bytes[..bytes.len() - 1])
        .await
        .expect("it is read");
    first.flush().await.expect("it is read");
    holds(&emulator.0, "in_flight_body_bytes_max").await;
    let second = upload.send(&emulator.0).await;
    assert_eq!(second.status, 503, "{second:?}");
    let mut names = are_reached(emulator).await;
    drop(first);

    let limits = "control_body_bytes_max: 32768, state_bytes_max: 32768, in_flight_control_body_bytes_max: 32768, \
                  body_room_timeout_seconds: 1";
    let (emulator, _) = limited(limits, "").await;
    let mut first = control_stream(&emulator).await;
    let head = "POST /lint HTTP/1.1\r\nhost: localhost\r\ncontent-length: 32768\r\n\r\n";
    let most = " ".repeat(32_767);
    first
        .write_all(format!("{head}{most}").as_bytes())
        .await
        .expect("it is read");
    holds(&emulator, "in_flight_control_body_bytes_max").await;
    let second = control(&emulator, "POST", "/lint", &" ".repeat(32_768)).await;
    assert_eq!(second.status, 503, "{second:?}");
    let name = "in_flight_control_body_bytes_max".to_owned();
    names.extend(are_reached((emulator, vec![name])).await);
    names
}

/// Waits until something is taken of a limit
async fn holds(emulator: &Emulator, name: &str) {
    for _ in 0..200 {
        let limits = control(emulator, "GET", "/limits", "").await.json();
        let limits = limits.as_array().expect("a list");
        if limits
            .iter()
            .any(|limit| limit["name"] == name && limit["used"].as_u64() > Some(0))
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nothing is taken of {name}");
}

async fn journal() -> Vec<String> {
    let mut names = Vec::new();
    for (limits, calls, bytes) in [
        ("journal_entries_max: 1", 2, 1),
        ("journal_bytes_max: 65536", 4, 40_000),
        ("journal_entry_bytes_max: 8192", 1, 40_000),
    ] {
        let emulator = limited(limits, "").await;
        for _ in 0..calls {
            let target = format!("/2020-11-20/projects?x={}", "y".repeat(bytes));
            Call::get(&target).send(&emulator.0).await;
        }
        names.extend(are_reached(emulator).await);
    }
    names
}

async fn counts() -> Vec<String> {
    let mut names = Vec::new();
    for limits in ["counted_groups_max: 1", "metric_series_max: 1"] {
        let emulator = limited(limits, "").await;
        for model in ["1", "none"] {
            Call::detect(model).send(&emulator.0).await;
        }
        names.extend(are_reached(emulator).await);
    }
    // By the control API, and by rules that a call moves on.
    let rules = "
projects:
  - name: myProject
    models:
      - version: \"1\"
        detect_anomalies:
          - {when: {call: {to: 1}}, then: {error: ThrottlingException, set_scenario: {a: b}}}
          - {then: {error: ThrottlingException, set_scenario: {c: d}}}
";
    let (by_api, _) = limited("scenarios_max: 1", "").await;
    // No rule names them, which the answer says.
    for (name, status) in [("one", 200), ("two", 409)] {
        let set = control(&by_api, "PUT", &format!("/scenarios/{name}"), r#"{"state": "x"}"#).await;
        assert_eq!(set.status, status, "{set:?}");
    }
    are_reached((by_api, vec!["scenarios_max".to_owned()])).await;
    let by_rule = limited("scenarios_max: 1", rules).await;
    for status in [429, 500] {
        assert_eq!(Call::detect("1").send(&by_rule.0).await.status, status);
    }
    names.extend(are_reached(by_rule).await);

    let emulator = limited("put_rules_max: 0", "").await;
    let target = "/projects/myProject/models/1/detect-anomalies";
    let rule = r#"{"then": {"error": "ThrottlingException"}}"#;
    assert_eq!(control(&emulator.0, "POST", target, rule).await.status, 409);
    names.extend(are_reached(emulator).await);

    let emulator = limited("faults_max: 0", "").await;
    let fault = r#"{"name": "busy", "fault": {"delay_milliseconds": 1}}"#;
    assert_eq!(control(&emulator.0, "POST", "/faults", fault).await.status, 409);
    names.extend(are_reached(emulator).await);
    names
}

async fn service() -> Vec<String> {
    let create_model = json!({"OutputConfig": {"S3Location": {"Bucket": "bucket"}}});
    let dataset = call("POST", "/projects/p/datasets", &json!({"DatasetType": "train"}));
    let model = call("POST", "/projects/p/models", &create_model);
    let job = json!({"ModelVersion": "1", "Configuration": {"Greengrass": {
        "TargetPlatform": {"Os": "LINUX", "Arch": "X86_64"}, "ComponentName": "c",
        "S3OutputLocation": {"Bucket": "bucket"}}}});
    let job = call("POST", "/projects/p/modelpackagingjobs", &job);
    let mut second_job = job.clone();
    second_job.body = String::from_utf8(job.body.clone())
        .expect("it is text")
        .replace("\"c\"", "\"d\"")
        .into_bytes();
    let mut tagged = create_model.clone();
    tagged["Tags"] = json!([{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}]);
    let tagged = call("POST", "/projects/p/models", &tagged);
    let another = call("POST", "/projects", &json!({"ProjectName": "another"}));
    let training = "timing: {training_seconds: 600}\n";
    let mut names = Vec::new();
    for (limits, more, calls) in [
        ("projects_max: 1", "", vec![&another]),
        ("models_max: 1", "", vec![&dataset, &model, &model]),
        (
            "packaging_jobs_max: 1",
            "",
            vec![&dataset, &model, &job, &second_job],
        ),
        ("tags_max: 1", "", vec![&dataset, &tagged]),
        (
            "concurrent_trainings_max: 1",
            training,
            vec![&dataset, &model, &model],
        ),
    ] {
        let emulator = limited(limits, more).await;
        let project = call("POST", "/projects", &json!({"ProjectName": "p"}))
            .send(&emulator.0)
            .await;
        assert_eq!(project.status, 200, "{project:?}");
        let mut status = 0;
        for call in calls {
            let answer = call.send(&emulator.0).await;
            status = answer.status;
        }
        assert_eq!(status, 402, "{limits}");
        names.extend(are_reached(emulator).await);
    }
    names
}

async fn datasets() -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let line = r#"{"source-ref":"s3://parts/a.jpg","l":1,"l-metadata":{"class-name":"normal","human-annotated":"yes","type":"groundtruth/image-classification"}}"#;
    std::fs::write(folder.path().join("small"), line).expect("the folder is ours");
    std::fs::write(folder.path().join("large"), " ".repeat(2_000)).expect("the folder is ours");
    std::fs::write(folder.path().join("a.jpg"), JPEG).expect("the folder is ours");
    let create = |project: &str, manifest: &str| {
        let object = json!({"Bucket": "parts", "Key": manifest});
        let source = json!({"GroundTruthManifest": {"S3Object": object}});
        let body = json!({"DatasetType": "train", "DatasetSource": source});
        call("POST", &format!("/projects/{project}/datasets"), &body)
    };
    let in_folder = format!(
        "projects: [{{name: p, answers_from_datasets: true}}]\ns3: {{buckets: {{parts: {}}}}}\n",
        folder.path().display()
    );
    let mut names = Vec::new();
    for (limits, manifest) in [
        ("manifest_bytes_max: 1024", "large"),
        ("dataset_image_bytes_max: 1024", "small"),
    ] {
        let emulator = limited(limits, &in_folder).await;
        assert_eq!(create("p", manifest).send(&emulator.0).await.status, 202);
        names.extend(are_reached(emulator).await);
    }
    // A server that takes every request and answers none.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let server = listener.local_addr().expect("it is bound");
    let silent = format!("projects: [{{name: p}}, {{name: q}}]\ns3: {{endpoint_url: 'http://{server}'}}\n");
    let emulator = limited("s3_tasks_max: 1, s3_timeout_seconds: 1", &silent).await;
    for project in ["p", "q"] {
        assert_eq!(create(project, "x").send(&emulator.0).await.status, 202);
    }
    names.extend(are_reached(emulator).await);
    names
}

async fn around_the_service() -> Vec<String> {
    let policy = |action: &str| {
        let statement = json!({"Effect": "Allow", "Principal": "*", "Action": action, "Resource": "*"});
        json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
    };
    let attach = async |emulator: &Emulator, action: &str| {
        let target = "/vpc-endpoints/vpce-00000000000000000/policy";
        let put = control(emulator, "PUT", target, &policy(action)).await;
        assert!(put.status < 300, "{put:?}");
        Call::detect("1").send(emulator).await;
    };
    let mut names = Vec::new();
    for (limits, more) in [
        ("coverage_documents_max: 1", "coverage: true\n"),
        ("policy_texts_max: 1", ""),
    ] {
        let emulator = limited(limits, more).await;
        for action in ["*", "lookoutvision:*"] {
            attach(&emulator.0, action).await;
        }
        names.extend(are_reached(emulator).await);
    }

    let vpc = "vpcs: [{vpc_id: vpc-0a1b2c3d4e5f67890, region: us-west-2}]\nvpc_endpoints: []\n";
    let emulator = limited("made_vpc_endpoints_max: 0", vpc).await;
    let parameters = [
        ("VpcEndpointType", "Interface"),
        ("ServiceName", "com.amazonaws.us-west-2.lookoutvision"),
        ("VpcId", "vpc-0a1b2c3d4e5f67890"),
    ];
    let made = Call::query("ec2", "CreateVpcEndpoint", &parameters)
        .send(&emulator.0)
        .await;
    assert_eq!(made.status, 400, "{made:?}");
    names.extend(are_reached(emulator).await);

    let role = "
roles:
  - arn: arn:aws:iam::123456789012:role/inspector
    trust_policy: {Version: \"2012-10-17\", Statement: [{Effect: Allow, Principal: {AWS: \"*\"}, Action: sts:AssumeRole}]}
";
    let emulator = limited("role_sessions_max: 1", role).await;
    let parameters = [
        ("RoleArn", "arn:aws:iam::123456789012:role/inspector"),
        ("RoleSessionName", "line-7"),
    ];
    for _ in 0..2 {
        let assumed = Call::query("sts", "AssumeRole", &parameters)
            .send(&emulator.0)
            .await;
        assert_eq!(assumed.status, 200, "{assumed:?}");
    }
    names.extend(are_reached(emulator).await);
    names
}

/// The library writes no log, so this one is a process
async fn log() -> Vec<String> {
    const NAME: &str = "log_queue_requests_max";
    let folder = tempfile::tempdir().expect("a folder can be made");
    let config = format!("limits: {{{NAME}: 1}}\n");
    std::fs::write(folder.path().join("emulator.yaml"), config).expect("the folder is ours");
    let process = Process::start(folder.path());
    let mut stream = process.connect().await.expect("a handshake");
    // Faster than lines are gathered.
    let one = Call::detect("1").to_bytes();
    for _ in 0..64 {
        stream.write_all(&one).await.expect("it is read");
        let answer = crate::support::read_answer(&mut stream)
            .await
            .expect("it answers");
        assert_eq!(answer.status, 200);
    }
    let limits = process.control("GET", "/limits", "").await.json();
    let limits = limits.as_array().expect("a list").clone();
    let limit = limits
        .iter()
        .find(|limit| limit["name"] == NAME)
        .expect("it is a limit");
    assert!(limit["reached"].as_u64() > Some(0), "{limit}");
    process.kill();
    vec![NAME.to_owned()]
}
