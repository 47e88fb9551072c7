//! The whole state over the control API and in files: an exported state can be imported again and is the same, or
//! nothing is imported.

use std::{os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lookoutvision_emulator::{Emulator, StateChangeError};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

use crate::{
    process::{PROGRAM, Process},
    sts::Session,
    support::{Answer, Call, ONE_MODEL, control, emulator, emulator_with},
};

/// Two networks, a role, a declared model with tags, and everything takes a minute
const CONFIG: &str = r#"
vpcs:
  - {vpc_id: vpc-0a1b2c3d4e5f67890, region: us-west-2, cidr_block: 127.0.0.0/16}
  - {vpc_id: vpc-0000000000000000b, region: us-west-2, cidr_block: 10.0.0.0/16}
vpc_endpoints:
  - {vpc_endpoint_id: vpce-0000000000000000c, vpc_id: vpc-0000000000000000b}
  - {vpc_endpoint_id: vpce-0000000000000000d, vpc_id: vpc-0a1b2c3d4e5f67890}
roles:
  - arn: arn:aws:iam::123456789012:role/inspector
    trust_policy: {Statement: [{Effect: Allow, Principal: "*", Action: "sts:*"}]}
timing:
  dataset_create_seconds: 60
  dataset_update_seconds: 60
  dataset_delete_seconds: 60
  training_seconds: 60
  hosting_start_seconds: 60
  hosting_stop_seconds: 60
  model_delete_seconds: 60
  packaging_start_seconds: 30
  packaging_run_seconds: 30
limits: {concurrent_trainings_max: 100}
projects:
  - name: p
    models: [{version: "1", tags: {line: a}}, {version: myModel}]
  - {name: q}
"#;

const DECLARED: &str = "vpce-0000000000000000d";
const PROJECTS: [&str; 4] = ["p", "q", "r", "s"];

/// Something that changes the state
#[derive(Debug, Clone)]
enum Step {
    CreateProject(usize),
    DeleteProject(usize),
    CreateDataset(usize, &'static str),
    UpdateDataset(usize, &'static str, u8),
    DeleteDataset(usize, &'static str),
    CreateModel(usize, bool),
    OfModel(usize, &'static str, &'static str, &'static str),
    Tag(usize, &'static str),
    Package(usize),
    CreateEndpoint(u8, bool),
    DeleteEndpoint,
    AttachPolicy(bool),
    AssumeRole,
    Detect,
    Advance(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let project = || 0..PROJECTS.len();
    let dataset_type = || prop::sample::select(vec!["train", "test"]);
    let version = || prop::sample::select(vec!["1", "2", "myModel"]);
    let of_model = prop::sample::select(vec![("POST", "/start"), ("POST", "/stop"), ("DELETE", "")]);
    let step = prop_oneof![
        3 => project().prop_map(Step::CreateProject),
        1 => project().prop_map(Step::DeleteProject),
        4 => (project(), dataset_type()).prop_map(|(project, of)| Step::CreateDataset(project, of)),
        4 => (project(), dataset_type(), any::<u8>())
            .prop_map(|(project, of, image)| Step::UpdateDataset(project, of, image)),
        1 => (project(), dataset_type()).prop_map(|(project, of)| Step::DeleteDataset(project, of)),
        4 => (project(), any::<bool>()).prop_map(|(project, is_described)| Step::CreateModel(project, is_described)),
        4 => (project(), version(), of_model)
            .prop_map(|(project, version, (method, what))| Step::OfModel(project, version, method, what)),
        1 => (project(), version()).prop_map(|(project, version)| Step::Tag(project, version)),
        2 => project().prop_map(Step::Package),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(token, has_policy)| Step::CreateEndpoint(token, has_policy)),
        1 => Just(Step::DeleteEndpoint),
        1 => any::<bool>().prop_map(Step::AttachPolicy),
        1 => Just(Step::AssumeRole),
        2 => Just(Step::Detect),
        3 => prop::sample::select(vec![1, 31, 61]).prop_map(Step::Advance),
    ];
    prop::collection::vec(step, 4..40)
}

/// A call of Lookout for Vision in us-west-2, by the endpoint's own name
fn call(method: &'static str, target: &str, body: &Value) -> Call {
    let mut call = Call::get(&format!("/2020-11-20{target}"))
        .host(&format!("{DECLARED}.lookoutvision.us-west-2.vpce.amazonaws.com"));
    call.method = method;
    match body {
        Value::Null => call,
        body => call.body("application/json", body.to_string().as_bytes()),
    }
}

fn model_arn(project: &str, version: &str) -> String {
    let arn = format!("arn:aws:lookoutvision:us-west-2:123456789012:model/{project}/{version}");
    arn.replace(':', "%3A").replace('/', "%2F")
}

impl Step {
    /// Does it; whether the service refuses it is all the same
    async fn take(&self, emulator: &Emulator) {
        let send = async |method, target: String, body: Value| {
            let answer = call(method, &target, &body).send(emulator).await;
            assert!(answer.status < 500, "{self:?}: {answer:?}");
        };
        match self {
            Self::CreateProject(project) => {
                let body = json!({"ProjectName": PROJECTS[*project]});
                send("POST", "/projects".to_owned(), body).await;
            }
            Self::DeleteProject(project) => {
                let target = format!("/projects/{}", PROJECTS[*project]);
                send("DELETE", target, Value::Null).await;
            }
            Self::CreateDataset(project, dataset_type) => {
                let target = format!("/projects/{}/datasets", PROJECTS[*project]);
                send("POST", target, json!({"DatasetType": dataset_type})).await;
            }
            Self::UpdateDataset(project, dataset_type, image) => {
                // With a character that is written out in what people read.
                let line = format!(r#"{{"source-ref": "s3://b/{image}", "x": "\ta{}b"}}"#, '\u{202e}');
                let changes = BASE64_STANDARD.encode(line);
                let target = format!("/projects/{}/datasets/{dataset_type}/entries", PROJECTS[*project]);
                send("PATCH", target, json!({"Changes": changes})).await;
            }
            Self::DeleteDataset(project, dataset_type) => {
                let target = format!("/projects/{}/datasets/{dataset_type}", PROJECTS[*project]);
                send("DELETE", target, Value::Null).await;
            }
            Self::CreateModel(project, is_described) => {
                let mut body = json!({"OutputConfig": {"S3Location": {"Bucket": "bucket", "Prefix": "a/"}}});
                if *is_described {
                    body["Description"] = json!("a model");
                    body["KmsKeyId"] = json!("alias/key");
                    body["Tags"] = json!([{"Key": "line", "Value": "b"}]);
                }
                send("POST", format!("/projects/{}/models", PROJECTS[*project]), body).await;
            }
            Self::OfModel(project, version, method, what) => {
                let target = format!("/projects/{}/models/{version}{what}", PROJECTS[*project]);
                let body = match *what {
                    "/start" => json!({"MinInferenceUnits": 2, "MaxInferenceUnits": 3}),
                    _ => Value::Null,
                };
                send(method, target, body).await;
            }
            Self::Tag(project, version) => {
                let target = format!("/tags/{}", model_arn(PROJECTS[*project], version));
                send(
                    "POST",
                    target,
                    json!({"Tags": [{"Key": "team", "Value": "vision"}]}),
                )
                .await;
            }
            Self::Package(project) => {
                let target = format!("/projects/{}/modelpackagingjobs", PROJECTS[*project]);
                let body = json!({"ModelVersion": "1", "Configuration": {"Greengrass": {
                    "TargetPlatform": {"Os": "LINUX", "Arch": "X86_64"}, "ComponentName": "c",
                    "S3OutputLocation": {"Bucket": "bucket"}, "Tags": [{"Key": "a", "Value": "b"}],
                }}});
                send("POST", target, body).await;
            }
            Self::CreateEndpoint(token, has_policy) => {
                let token = token.to_string();
                let mut parameters = vec![
                    ("VpcEndpointType", "Interface"),
                    ("ServiceName", "com.amazonaws.us-west-2.lookoutvision"),
                    ("VpcId", "vpc-0a1b2c3d4e5f67890"),
                    ("PrivateDnsEnabled", "false"),
                    ("ClientToken", &token),
                    ("TagSpecification.1.ResourceType", "vpc-endpoint"),
                    ("TagSpecification.1.Tag.1.Key", "line"),
                    ("TagSpecification.1.Tag.1.Value", "a"),
                ];
                if *has_policy {
                    parameters.push(("PolicyDocument", ONE_MODEL));
                }
                // A token that was used before with another policy is refused.
                let answer = Call::query("ec2", "CreateVpcEndpoint", &parameters)
                    .send(emulator)
                    .await;
                assert!(answer.status < 500, "{}", answer.text());
            }
            Self::DeleteEndpoint => {
                let described = Call::query("ec2", "DescribeVpcEndpoints", &[])
                    .send(emulator)
                    .await;
                let ids = described.xml_all("vpcEndpointId");
                if let Some(id) = ids.iter().find(|id| !id.starts_with("vpce-0000000000")) {
                    let deleted = Call::query("ec2", "DeleteVpcEndpoints", &[("VpcEndpointId.1", id)]);
                    assert_eq!(deleted.send(emulator).await.status, 200);
                }
            }
            Self::AttachPolicy(is_full) => {
                let target = format!("/vpc-endpoints/{DECLARED}/policy");
                // With line breaks, and a last one behind it.
                let policy = r#"{
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]
                }
"#;
                let policy = if *is_full { policy.trim_end() } else { policy };
                assert_eq!(control(emulator, "PUT", &target, policy).await.status, 204);
            }
            Self::AssumeRole => {
                assume(emulator).await;
            }
            Self::Detect => {
                let mut call = call("POST", "/projects/p/models/1/detect", &Value::Null);
                call = call.body("image/jpeg", crate::support::JPEG);
                call.send(emulator).await;
            }
            Self::Advance(seconds) => {
                let body = json!({"seconds": seconds}).to_string();
                assert_eq!(
                    control(emulator, "POST", "/clock/advance", &body).await.status,
                    200
                );
            }
        }
    }
}

async fn assume(emulator: &Emulator) -> Session {
    let role = ("RoleArn", "arn:aws:iam::123456789012:role/inspector");
    let tag = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "vision")];
    let policy =
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
    let parameters = [
        role,
        ("RoleSessionName", "line-7"),
        ("Policy", policy),
        tag[0],
        tag[1],
    ];
    let answer = Call::query("sts", "AssumeRole", &parameters).send(emulator).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    Session::of(&answer)
}

/// The answer to every Describe and List that there is something to ask about
async fn everything(emulator: &Emulator) -> Vec<String> {
    let mut seen = Vec::new();
    let mut ask = async |target: String| -> Value {
        let answer = call("GET", &target, &Value::Null).send(emulator).await;
        let text = answer.text().to_owned();
        seen.push(format!("{target}: {} {text}", answer.status));
        serde_json::from_str(&text).expect("the service speaks JSON")
    };
    ask("/projects?maxResults=100".to_owned()).await;
    for project in PROJECTS {
        let project = format!("/projects/{project}");
        ask(project.clone()).await;
        for dataset_type in ["train", "test"] {
            ask(format!("{project}/datasets/{dataset_type}")).await;
            ask(format!(
                "{project}/datasets/{dataset_type}/entries?maxResults=100"
            ))
            .await;
        }
        let models = ask(format!("{project}/models?maxResults=100")).await;
        for model in models["Models"].as_array().into_iter().flatten() {
            let version = model["ModelVersion"].as_str().expect("a model has a version");
            ask(format!("{project}/models/{version}")).await;
            let arn = model["ModelArn"].as_str().expect("a model has an ARN");
            ask(format!("/tags/{}", arn.replace(':', "%3A").replace('/', "%2F"))).await;
        }
        let jobs = ask(format!("{project}/modelpackagingjobs?maxResults=100")).await;
        for job in jobs["ModelPackagingJobs"].as_array().into_iter().flatten() {
            let name = job["JobName"].as_str().expect("a job has a name");
            ask(format!("{project}/modelpackagingjobs/{name}")).await;
        }
    }
    let described = Call::query("ec2", "DescribeVpcEndpoints", &[])
        .send(emulator)
        .await;
    let request_id = described.xml("requestId").expect("an answer has an id");
    seen.push(described.text().replace(&request_id, ""));
    seen
}

async fn freeze(emulator: &Emulator) {
    let body = json!({"frozen_at": jiff::Timestamp::now()}).to_string();
    assert_eq!(control(emulator, "PUT", "/clock", &body).await.status, 200);
}

async fn put(emulator: &Emulator, state: &str) -> Answer {
    control(emulator, "PUT", "/state", state).await
}

/// The same emulator after more has happened, and another one, answer as the first did, and say the same of their state
async fn comes_back(steps: &[Step]) {
    let first = emulator_with(CONFIG).await;
    freeze(&first).await;
    for step in steps {
        step.take(&first).await;
    }
    let seen = everything(&first).await;
    let state = control(&first, "GET", "/state?secrets=true", "")
        .await
        .text()
        .to_owned();

    let second = emulator_with(CONFIG).await;
    let answer = put(&second, &state).await;
    assert_eq!(
        (answer.status, answer.text()),
        (200, "{\"left_out\":[]}\n"),
        "{state}"
    );
    assert_eq!(everything(&second).await, seen, "{state}");
    let again = control(&second, "GET", "/state?secrets=true", "").await;
    assert_eq!(again.text(), state);

    // Without secrets, in the emulator that knows them, after something else has happened.
    let without = control(&first, "GET", "/state", "").await.text().to_owned();
    for step in [
        Step::CreateProject(3),
        Step::AssumeRole,
        Step::Advance(1),
        Step::Detect,
    ] {
        step.take(&first).await;
    }
    let answer = put(&first, &without).await;
    assert_eq!(
        (answer.status, answer.text()),
        (200, "{\"left_out\":[]}\n"),
        "{without}"
    );
    assert_eq!(everything(&first).await, seen);
    assert_eq!(
        control(&first, "GET", "/state?secrets=true", "").await.text(),
        state
    );
}

#[test]
fn a_state_that_is_put_answers_every_describe_and_list_as_the_one_it_was_taken_of() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime can be made");
    let config = Config {
        cases: 12,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&steps(), |steps| {
        runtime.block_on(comes_back(&steps));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test]
async fn a_session_without_its_secrets_is_left_out_and_told_where_nobody_knows_them() {
    let first = emulator_with(CONFIG).await;
    let session = assume(&first).await;
    let who = |emulator| {
        let call = Call::query("sts", "GetCallerIdentity", &[])
            .credentials(&session.access_key_id, &session.secret_access_key)
            .session_token(&session.session_token);
        async move { call.send(emulator).await.status }
    };
    let without = control(&first, "GET", "/state", "").await.text().to_owned();
    for secret in [&session.secret_access_key, &session.session_token] {
        assert!(!without.contains(secret.as_str()));
    }
    assert_eq!(put(&first, &without).await.json(), json!({"left_out": []}));
    assert_eq!(who(&first).await, 200);

    let second = emulator_with(CONFIG).await;
    let left_out = put(&second, &without).await.json()["left_out"].clone();
    assert_eq!(left_out[0]["path"], "/role_sessions/0", "{left_out}");
    let reason = left_out[0]["reason"].as_str().expect("a reason is a text");
    assert!(reason.contains("is without its secrets"), "{reason}");
    assert_eq!(who(&second).await, 403);
    let with = control(&first, "GET", "/state?secrets=true", "").await;
    assert_eq!(put(&second, with.text()).await.json(), json!({"left_out": []}));
    assert_eq!(who(&second).await, 200);
}

#[tokio::test]
async fn what_is_not_understood_or_has_no_room_is_refused_by_its_path_and_changes_nothing() {
    let emulator = emulator_with(CONFIG).await;
    freeze(&emulator).await;
    Step::CreateProject(2).take(&emulator).await;
    let before = control(&emulator, "GET", "/state", "").await.text().to_owned();
    let project = json!({"region": "us-west-2", "name": "new", "created": "2026-01-02T03:04:05Z"});
    let session = json!({
        "access_key_id": "ASIAAAAAAAAAAAAAAAA2", "role_arn": "arn:aws:iam::123456789012:role/inspector", "session_name": "line-7",
        "issued_at": "2026-01-02T03:04:05Z", "expires_at": "2026-01-02T04:04:05Z",
    });
    let with = |session: &Value, name: &str, value: Value| {
        let mut session = session.clone();
        session[name] = value;
        json!([session])
    };
    let made = json!({"vpc_id": "vpc-0000000000000000b", "region": "us-west-2", "created_at": "2026-01-02T03:04:05Z"});
    for (member, value, path, message) in [
        ("project", json!([]), "/project", "did you mean `projects`?"),
        (
            "format",
            json!(2),
            "/format",
            "a state of format 2, and this emulator reads format 1",
        ),
        (
            "account_id",
            json!("999999999999"),
            "/account_id",
            "the configuration's account is 123456789012",
        ),
        (
            "projects",
            json!([{"region": "us-west-2", "nam": "a"}]),
            "/projects/0/nam",
            "did you mean `name`?",
        ),
        (
            "projects",
            json!([{"region": "nowhere", "name": "a"}]),
            "/projects/0/region",
            "is not a Region name",
        ),
        (
            "models",
            json!([{"region": "us-west-2", "project": "new", "version": "1", "created": "2026-01-02T03:04:05Z",
                    "kind": "declared", "phase": {"training": {"at": "2026-01-02T03:04:05Z", "outcome": "suceeds"}}}]),
            "/models/0/phase/training/outcome",
            "did you mean `succeeds`?",
        ),
        (
            "vpc_endpoints",
            json!([{"vpc_endpoint_id": "vpce-00000000000000099", "tags": {}}]),
            "/vpc_endpoints/0/vpc_endpoint_id",
            "the configuration declares no endpoint `vpce-00000000000000099`",
        ),
        (
            "vpc_endpoints",
            json!([{"vpc_endpoint_id": "vpce-00000000000000099", "made": with(&made, "vpc_id", json!("vpc-00000000000000099"))[0]}]),
            "/vpc_endpoints/0/made/vpc_id",
            "the configuration has no VPC",
        ),
        (
            "vpc_endpoints",
            json!([{"vpc_endpoint_id": "vpce-00000000000000099", "made": with(&made, "region", json!("us-east-1"))[0]}]),
            "/vpc_endpoints/0/made/region",
            "does not lie in us-east-1",
        ),
        (
            "vpc_endpoints",
            json!([{"vpc_endpoint_id": DECLARED, "policy_document": {"Statement": [
                {"Effect": "Alow", "Principal": "*", "Action": "*", "Resource": "*"}]}}]),
            "/vpc_endpoints/0/policy_document/Statement/0/Effect",
            "`Alow` is not an effect",
        ),
        (
            "role_sessions",
            with(&session, "role_arn", json!("arn:aws:iam::123456789012:role/x")),
            "/role_sessions/0/role_arn",
            "no role",
        ),
        (
            "role_sessions",
            with(&session, "access_key_id", json!("test")),
            "/role_sessions/0/access_key_id",
            "of `principals`",
        ),
        (
            "role_sessions",
            with(&session, "session_token", json!("t")),
            "/role_sessions/0",
            "belong together",
        ),
        (
            "role_sessions",
            with(&session, "session_token", json!(7_654_321)),
            "/role_sessions/0/session_token",
            "expected a text",
        ),
        (
            "counters",
            json!({"p/1": 1}),
            "/counters/p~11",
            "is not the ARN of a model",
        ),
        (
            "clock",
            json!({"offset_seconds": i64::MAX}),
            "/clock/offset_seconds",
            "cannot be moved",
        ),
        (
            "client_tokens",
            json!([{"region": "us-west-2", "operation": "CreateProjekt", "token": "t", "request_sha256": "", "answer": "",
                    "at": "2026-01-02T03:04:05Z"}]),
            "/client_tokens/0/operation",
            "did you mean `CreateProject`?",
        ),
    ] {
        let mut state = json!({"format": 1, "projects": [project]});
        state[member] = value;
        let answer = put(&emulator, &state.to_string()).await;
        assert_eq!(answer.status, 400, "{state}");
        let error = &answer.json()["error"];
        assert_eq!(
            (&error["code"], &error["path"]),
            (&json!("InvalidState"), &json!(path)),
            "{error}"
        );
        let told = error["message"].as_str().expect("a message is a text");
        assert!(told.contains(message), "{path}: {told}");
        assert!(!told.contains("7654321"), "{told}");
    }
    for (state, message) in [
        ("", "EOF"),
        ("[]", "expected an object"),
        ("{\"format\": 1} {}", "trailing"),
    ] {
        let answer = put(&emulator, state).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.text().contains(message), "{answer:?}");
    }
    assert_eq!(control(&emulator, "GET", "/state", "").await.text(), before);
    let answer = control(&emulator, "GET", "/state?secret=true", "").await;
    assert_eq!(answer.status, 400, "{answer:?}");
}

#[tokio::test]
async fn a_state_larger_than_its_limit_is_refused_by_the_limit_s_name() {
    let emulator = emulator_with("limits: {state_bytes_max: 32768}\n").await;
    let answer = put(&emulator, &" ".repeat(32_769)).await;
    assert_eq!(answer.status, 413, "{answer:?}");
    assert!(answer.text().contains("state_bytes_max"), "{answer:?}");
    // It is larger than what other routes take.
    let emulator = emulator_with("limits: {control_body_bytes_max: 32768}\n").await;
    let spaces = " ".repeat(100_000);
    assert_eq!(
        put(&emulator, &format!("{{\"format\": 1{spaces}}}")).await.status,
        200
    );
}

#[tokio::test]
async fn a_rust_test_takes_a_state_and_puts_it_back() {
    let emulator = emulator().await;
    let before = emulator.state();
    let created = call("POST", "/projects", &json!({"ProjectName": "p"})).host("localhost");
    assert_eq!(created.send(&emulator).await.status, 200);
    let after = emulator.state();
    assert_eq!(after["projects"][0]["name"], "p");
    assert_eq!(emulator.set_state(&before).expect("it is a state"), []);
    assert_eq!(emulator.state()["projects"], json!([]));
    let refused = emulator
        .set_state(&json!({"format": 1, "clocks": 1}))
        .unwrap_err();
    let StateChangeError::InvalidState { path, message } = refused else {
        panic!("{refused}");
    };
    assert_eq!(path, "/clocks");
    assert!(message.contains("did you mean `clock`?"), "{message}");
}

#[tokio::test]
async fn an_imported_state_is_in_the_state_file_and_survives_a_kill() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(
        folder.path().join("emulator.yaml"),
        format!("{CONFIG}state: emulator.state\n"),
    )
    .expect("the folder is ours");
    let state = json!({"format": 1, "projects": [
        {"region": "us-west-2", "name": "imported", "created": "2026-01-02T03:04:05Z"},
        {"region": "us-west-2", "name": "q", "deleted": true},
    ]});
    let process = Process::start(folder.path());
    let created = call("POST", "/projects", &json!({"ProjectName": "gone"}));
    assert_eq!(process.send(&created).await.expect("it answers").status, 200);
    let put = process.control("PUT", "/state", &state.to_string()).await;
    assert_eq!(put.status, 200, "{put:?}");
    process.kill();
    let process = Process::start(folder.path());
    for (name, status) in [("imported", 200), ("gone", 404), ("q", 404), ("p", 200)] {
        let described = process
            .send(&call("GET", &format!("/projects/{name}"), &Value::Null))
            .await;
        assert_eq!(described.expect("it answers").status, status, "{name}");
    }
    process.kill();
}

fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(PROGRAM).args(arguments).current_dir(folder).output();
    let output = output.expect("the program was built with its tests");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8(text).expect("it prints text"),
    )
}

#[tokio::test]
async fn the_commands_export_and_import() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let emulator = emulator_with(CONFIG).await;
    let session = assume(&emulator).await;
    let url = emulator.control_url();
    let in_folder = |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let folder = folder.path().to_owned();
        let url = url.clone();
        tokio::task::spawn_blocking(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            run(&folder, &[&arguments[..], &["--control", &url]].concat())
        })
    };
    std::fs::write(folder.path().join("state.json"), "before").expect("the folder is ours");
    let exported = in_folder(&["state", "export", "state.json"])
        .await
        .expect("it runs");
    assert_eq!(exported, (Some(0), String::new()));
    let file = folder.path().join("state.json");
    let mode = std::fs::metadata(&file)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let state = std::fs::read_to_string(&file).expect("it is text");
    assert_eq!(state, control(&emulator, "GET", "/state", "").await.text());
    let (code, printed) = in_folder(&["state", "export", "-", "--secrets"])
        .await
        .expect("it runs");
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains(&session.session_token), "{printed}");
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("it is ours").count(),
        1,
        "nothing is left beside it"
    );

    Step::CreateProject(2).take(&emulator).await;
    let imported = in_folder(&["state", "import", "state.json"])
        .await
        .expect("it runs");
    assert_eq!(imported, (Some(0), String::new()));
    assert_eq!(emulator.state()["projects"], json!([]));
    emulator.reset();
    let (code, printed) = in_folder(&["state", "import", "state.json"])
        .await
        .expect("it runs");
    assert_eq!(code, Some(0), "{printed}");
    assert!(
        printed.starts_with("state.json: /role_sessions/0: left out: the session"),
        "{printed}"
    );
    std::fs::write(&file, r#"{"format": 1, "model": []}"#).expect("the folder is ours");
    let (code, printed) = in_folder(&["state", "import", "state.json"])
        .await
        .expect("it runs");
    assert_eq!(code, Some(64), "{printed}");
    assert!(
        printed.starts_with("state.json: /model: unknown field `model`"),
        "{printed}"
    );
    let (code, _) = in_folder(&["state", "import", "missing.json"])
        .await
        .expect("it runs");
    assert_eq!(code, Some(64));
    let unwritable = in_folder(&["state", "export", "nowhere/state.json"])
        .await
        .expect("it runs");
    let message = "`nowhere/state.json` cannot be written: its folder is not there\n";
    assert_eq!(unwritable, (Some(64), message.to_owned()));
    let (code, printed) = run(
        folder.path(),
        &["state", "export", "x", "--control", "http://127.0.0.1:1"],
    );
    assert_eq!(code, Some(1), "{printed}");
}

#[test]
fn exec_begins_with_a_state_and_leaves_one_however_its_command_ends() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let begin = json!({"format": 1, "projects": [
        {"region": "us-east-1", "name": "imported", "created": "2026-01-02T03:04:05Z"}]});
    std::fs::write(folder.path().join("begin.json"), begin.to_string()).expect("the folder is ours");
    let advance = r#"curl -sf -X POST -d '{"seconds":7}' "$LOOKOUTVISION_EMULATOR_CONTROL_URL/clock/advance" >/dev/null"#;
    for (command, code) in [
        (advance.to_owned(), 0),
        (format!("{advance}; exit 17"), 17),
        (format!("{advance}; kill -9 $$"), 128 + 9),
    ] {
        let arguments = [
            "exec",
            "--import",
            "begin.json",
            "--export-on-exit",
            "end.json",
            "--",
            "sh",
            "-c",
            &command,
        ];
        let (found, printed) = run(folder.path(), &arguments);
        assert_eq!(found, Some(code), "{printed}");
        let file = folder.path().join("end.json");
        let end = std::fs::read_to_string(&file).expect("it was written");
        let end: Value = serde_json::from_str(&end).expect("it is JSON");
        assert_eq!(end["projects"][0]["name"], "imported", "{end}");
        assert_eq!(end["clock"]["offset_seconds"], 7, "{end}");
        std::fs::remove_file(file).expect("it is ours");
    }
    // What cannot be written at the end is told before anything begins.
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("there is mkfifo").success());
    for place in ["no/such/folder", "pipe", "."] {
        let (code, printed) = run(
            folder.path(),
            &["exec", "--export-on-exit", place, "--", "touch", "ran"],
        );
        assert_eq!(code, Some(64), "{printed}");
        let told = format!("--export-on-exit: `{place}` cannot be written: ");
        assert!(printed.starts_with(&told), "{printed}");
        assert!(!folder.path().join("ran").exists());
    }
    // What comes in between is told at the end.
    let (code, printed) = run(
        folder.path(),
        &["exec", "--export-on-exit", "gone/end.json", "--", "true"],
    );
    assert_eq!(code, Some(64), "{printed}");
    std::fs::create_dir(folder.path().join("gone")).expect("the folder is ours");
    let (code, printed) = run(
        folder.path(),
        &["exec", "--export-on-exit", "gone/end.json", "--", "rmdir", "gone"],
    );
    assert_eq!(code, Some(1), "{printed}");
    assert!(
        printed.contains("the state could not be written to `gone/end.json`"),
        "{printed}"
    );
    for (content, told) in [
        (
            r#"{"format": 3}"#,
            "begin.json: /format: this is a state of format 3",
        ),
        (
            r#"{"format": 1, "vpc_endpoints": [{"vpc_endpoint_id": "vpce-00000000000000099"}]}"#,
            "begin.json: /vpc_endpoints/0/vpc_endpoint_id: the configuration declares no endpoint",
        ),
    ] {
        std::fs::write(folder.path().join("begin.json"), content).expect("the folder is ours");
        let (code, printed) = run(
            folder.path(),
            &["exec", "--import", "begin.json", "--", "touch", "ran"],
        );
        assert_eq!(code, Some(64), "{printed}");
        assert!(printed.contains(told), "{printed}");
        assert!(!folder.path().join("ran").exists());
    }
}

#[tokio::test]
async fn serve_begins_with_a_state_and_leaves_one_when_it_is_stopped() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let begin = json!({"format": 1, "projects": [
        {"region": "us-west-2", "name": "imported", "created": "2026-01-02T03:04:05Z"}]});
    std::fs::write(folder.path().join("begin.json"), begin.to_string()).expect("the folder is ours");
    let mut command = Command::new(PROGRAM);
    command.args(["--import", "begin.json", "--export-on-exit", "end.json"]);
    let process = Process::start_by(folder.path(), command);
    let created = call("POST", "/projects", &json!({"ProjectName": "more"})).host("localhost");
    assert_eq!(process.send(&created).await.expect("it answers").status, 200);
    process.stop();
    let end = std::fs::read_to_string(folder.path().join("end.json")).expect("it was written");
    let end: Value = serde_json::from_str(&end).expect("it is JSON");
    let names: Vec<_> = end["projects"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|project| &project["name"])
        .collect();
    assert_eq!(names, ["imported", "more"]);
}
