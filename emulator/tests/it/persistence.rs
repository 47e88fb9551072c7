//! The state file: what was answered is there, however the emulator ended.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::json;

use crate::{
    process::{PROGRAM, Process},
    support::{Call, control, emulator_with},
};

fn create(name: &str) -> Call {
    Call::post(
        "/2020-11-20/projects",
        "application/json",
        json!({"ProjectName": name}).to_string().as_bytes(),
    )
}

#[tokio::test]
async fn after_a_kill_every_acknowledged_write_is_there() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(folder.path().join("emulator.yaml"), "state: emulator.state\n")
        .expect("the folder is ours");
    let mut acknowledged = Vec::new();
    for round in 0..4 {
        let process = Process::start(folder.path());
        for name in &acknowledged {
            let described = process
                .send(&Call::get(&format!("/2020-11-20/projects/{name}")))
                .await;
            assert_eq!(
                described.expect("it answers").status,
                200,
                "{name} was acknowledged and is gone"
            );
        }
        let writing = async {
            for index in 0.. {
                let name = format!("p-{round}-{index}");
                // From the kill on there is no answer.
                let Ok(answer) = process.send(&create(&name)).await else {
                    break;
                };
                assert_eq!(answer.status, 200, "{answer:?}");
                acknowledged.push(name);
            }
        };
        // At no moment in particular.
        let moment = Duration::from_millis(50 + fastrand::u64(..300));
        let written = tokio::time::timeout(moment, writing).await;
        assert!(written.is_err(), "the writer is killed in the middle of its work");
        process.kill();
    }
    assert!(acknowledged.len() > 4, "{acknowledged:?}");
    let process = Process::start(folder.path());
    let listed = process
        .send(&Call::get("/2020-11-20/projects?maxResults=100"))
        .await;
    let listed = listed.expect("it answers").json()["Projects"]
        .as_array()
        .map(Vec::len);
    // One more for each kill may have been written and not answered, and there is the declared one.
    assert!(
        listed.is_some_and(|listed| listed > acknowledged.len().min(99)),
        "{listed:?}"
    );
    process.kill();
}

#[tokio::test]
async fn a_first_start_that_is_killed_at_any_moment_leaves_nothing_in_the_way() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(folder.path().join("emulator.yaml"), "state: emulator.state\n")
        .expect("the folder is ours");
    // The certificate authority is made by the first, so that the others come to their state file sooner.
    Process::start(folder.path()).kill();
    for _ in 0..24 {
        std::fs::remove_file(folder.path().join("emulator.state")).expect("it was made");
        let mut first = Command::new(PROGRAM);
        let first = first
            .args([
                "--config",
                "emulator.yaml",
                "--listen",
                "127.0.0.1:0",
                "--control",
                "127.0.0.1:0",
            ])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut first = first.spawn().expect("the program was built with its tests");
        // At no moment in particular.
        tokio::time::sleep(Duration::from_micros(fastrand::u64(..60_000))).await;
        first.kill().expect("it is ours");
        first.wait().expect("it is ours");

        let process = Process::start(folder.path());
        let created = process.send(&create("p")).await.expect("it answers");
        assert_eq!(created.status, 200, "{created:?}");
        process.kill();
        let left = std::fs::read_dir(folder.path()).expect("the folder is ours");
        let left = left.map(|entry| entry.expect("it is there").file_name());
        assert_eq!(
            left.filter(|name| name.to_string_lossy().contains("state"))
                .count(),
            1
        );
    }
}

#[tokio::test]
async fn everything_is_as_it_was_after_a_restart_and_as_declared_after_a_reset() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let yaml = format!("state: {}\n", folder.path().join("state").display());
    let body = |value: serde_json::Value| value.to_string().into_bytes();
    let targets = [
        "/2020-11-20/projects/p/datasets/train/entries",
        "/2020-11-20/projects/p/datasets/train",
        "/2020-11-20/projects/p/models/1",
        "/2020-11-20/projects/p/modelpackagingjobs",
        "/2020-11-20/tags/arn%3Aaws%3Alookoutvision%3Aus-west-2%3A123456789012%3Amodel%2Fp%2F1",
        "/2020-11-20/projects/myProject/models/1",
    ];
    let mut before = Vec::new();
    let token = ("x-amzn-client-token".to_owned(), "token".to_owned());
    let mut create_with_token = create("p");
    create_with_token.extra_headers.push(token);
    {
        let emulator = emulator_with(&yaml).await;
        let changes =
            base64::Engine::encode(&base64::prelude::BASE64_STANDARD, r#"{"source-ref":"s3://b/1"}"#);
        let job = json!({
            "ModelVersion": "1",
            "Configuration": {"Greengrass": {
                "TargetPlatform": {"Os": "LINUX", "Arch": "X86_64"}, "ComponentName": "c",
                "S3OutputLocation": {"Bucket": "bucket"},
            }},
        });
        let model = json!({
            "OutputConfig": {"S3Location": {"Bucket": "bucket"}}, "Tags": [{"Key": "line", "Value": "a"}],
        });
        assert_eq!(create_with_token.send(&emulator).await.status, 200);
        for (method, target, body) in [
            (
                "POST",
                "/projects/p/datasets",
                body(json!({"DatasetType": "train"})),
            ),
            (
                "PATCH",
                "/projects/p/datasets/train/entries",
                body(json!({"Changes": changes})),
            ),
            ("POST", "/projects/p/models", body(model)),
            (
                "POST",
                "/projects/p/models/1/start",
                body(json!({"MinInferenceUnits": 3})),
            ),
            ("POST", "/projects/p/modelpackagingjobs", body(job)),
            ("POST", "/projects/myProject/models/1/stop", Vec::new()),
            ("POST", "/projects/myProject/models/myModel/stop", Vec::new()),
            ("DELETE", "/projects/myProject/models/myModel", Vec::new()),
        ] {
            let mut call = Call::post(&format!("/2020-11-20{target}"), "application/json", &body);
            call.method = method;
            let answer = call.send(&emulator).await;
            assert!(answer.status < 300, "{method} {target}: {answer:?}");
        }
        for target in targets {
            before.push(Call::get(target).send(&emulator).await.json());
        }
        emulator.stop().await;
    }
    // The connection that was kept open lets go of the state with its task.
    let emulator = emulator_with(&yaml).await;
    for (target, before) in targets.iter().zip(&before) {
        let mut after = Call::get(target).send(&emulator).await.json();
        let mut before = before.clone();
        if target.contains("myProject") {
            // A declared model is as old as the first start that touched it.
            after["ModelDescription"]["CreationTimestamp"] =
                before["ModelDescription"]["CreationTimestamp"].take();
            before["ModelDescription"]["CreationTimestamp"] =
                after["ModelDescription"]["CreationTimestamp"].clone();
        }
        assert_eq!(after, before, "{target}");
    }
    Call::detect("myModel")
        .send(&emulator)
        .await
        .check(404, "ResourceNotFoundException");
    let repeated = create_with_token.send(&emulator).await;
    assert_eq!(
        repeated.status, 200,
        "the client token is remembered: {repeated:?}"
    );

    assert_eq!(control(&emulator, "POST", "/reset", "").await.status, 204);
    emulator.stop().await;
    let emulator = emulator_with(&yaml).await;
    let gone = Call::get("/2020-11-20/projects/p").send(&emulator).await;
    gone.check(404, "ResourceNotFoundException");
    assert_eq!(Call::detect("myModel").send(&emulator).await.status, 200);
}

#[tokio::test]
async fn a_state_file_that_is_none_is_a_problem_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("state");
    std::fs::write(&file, "this is no database").expect("the folder is ours");
    let started = lookoutvision_emulator::Emulator::builder()
        .config_yaml(format!("state: {}", file.display()))
        .start()
        .await;
    let problem = started.expect_err("it is no state file").to_string();
    assert!(
        problem.starts_with(&format!("state: `{}` is no state file, or ", file.display())),
        "{problem}"
    );
    assert_eq!(
        std::fs::read(&file).expect("it is still there"),
        b"this is no database"
    );
}

#[tokio::test]
async fn a_state_file_with_a_bit_turned_is_a_problem_at_the_start_that_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("emulator.state");
    std::fs::write(folder.path().join("emulator.yaml"), "state: emulator.state\n")
        .expect("the folder is ours");
    let process = Process::start(folder.path());
    assert_eq!(
        process.send(&create("turned")).await.expect("it answers").status,
        200
    );
    process.kill();
    let mut image = std::fs::read(&path).expect("it was made");
    let name = br#"{"name":"turned""#;
    let places: Vec<usize> = (0..image.len() - name.len())
        .filter(|place| image[*place..].starts_with(name))
        .collect();
    assert!(!places.is_empty());
    for place in places {
        // A name that is as good as the other.
        image[place + name.len() - 2] ^= 1;
    }
    std::fs::write(&path, image).expect("the folder is ours");
    let started = Command::new(PROGRAM)
        .args([
            "--config",
            "emulator.yaml",
            "--listen",
            "127.0.0.1:0",
            "--control",
            "127.0.0.1:0",
        ])
        .current_dir(folder.path())
        .output()
        .expect("the program was built with its tests");
    assert_eq!(started.status.code(), Some(64), "{started:?}");
    let said = String::from_utf8_lossy(&started.stderr).into_owned();
    assert!(said.starts_with("state: `emulator.state` is damaged, "), "{said}");
    assert!(
        said.contains("put a copy from before in its place, or move it away to begin with what the configuration declares"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}
