//! What would happen to the calls of the journal under another policy, compared with an emulator that has it.

use std::{
    collections::BTreeMap,
    fs,
    process::{Command, Output},
};

use lookoutvision_emulator::Emulator;
use serde_json::{Value, json};

use crate::{
    process::PROGRAM,
    random_policies::Random,
    support::{Call, ONE_MODEL, control, control_accepting, emulator, emulator_with, journal_of},
};

const DEFAULT_ENDPOINT: &str = "vpce-00000000000000000";

fn run(folder: &std::path::Path, arguments: &[&str]) -> Output {
    let output = Command::new(PROGRAM)
        .args(["policy", "what-if"])
        .args(arguments)
        .current_dir(folder)
        .output();
    output.expect("the program was built with its tests")
}

async fn ask(emulator: &Emulator, question: &Value) -> Value {
    let answer = control(emulator, "POST", "/what-if", &question.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Each call to the endpoint that is decided otherwise than on the other emulator: who, what was decided, and in which
/// words it was refused
fn flips_of_replay(before: &[Value], after: &[Value], id: &str) -> (usize, BTreeMap<[String; 3], u64>) {
    let mut calls = 0;
    let mut flips = BTreeMap::new();
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(after) {
        if before["entry_point"]["vpc_endpoint_id"] != id || before["decision"].is_null() {
            continue;
        }
        calls += 1;
        assert_eq!(before["operation"], after["operation"]);
        let is_allowed = |entry: &Value| entry["decision"] == "allowed";
        if is_allowed(before) != is_allowed(after) {
            let message = match is_allowed(after) {
                true => &Value::Null,
                false => &after["message"],
            };
            let key = [&before["principal"], &after["decision"], message].map(ToString::to_string);
            *flips.entry(key).or_insert(0) += 1;
        }
    }
    (calls, flips)
}

#[tokio::test]
async fn what_would_become_of_random_calls_becomes_of_them_under_the_draft() {
    let id = "vpce-0000000a";
    let (mut denied, mut allowed) = (0, 0);
    for seed in 0..10 {
        let mut random = Random(seed);
        let configuration = random.configuration();
        let draft = random.policy(true);
        let mut with_draft = configuration.clone();
        with_draft["vpc_endpoints"][0]["policy_document"] = draft.clone();
        let emulator = emulator_with(&configuration.to_string()).await;
        let other = emulator_with(&with_draft.to_string()).await;
        for _ in 0..50 {
            let call = random.call();
            call.send(&emulator).await;
            call.send(&other).await;
        }
        let (calls, flips) = flips_of_replay(&journal_of(&emulator).await, &journal_of(&other).await, id);
        let question = json!({"vpc_endpoint_id": id, "policy_document": draft});
        let report = ask(&emulator, &question).await;
        assert_eq!(report["requests"], calls, "seed {seed}");
        let mut told = BTreeMap::new();
        for flip in report["flips"].as_array().expect("a list") {
            let after = &flip["after"];
            let key = [&flip["principal"], &after["decision"], &after["message"]].map(ToString::to_string);
            *told.entry(key).or_insert(0) += flip["count"].as_u64().expect("a count");
        }
        assert_eq!(told, flips, "seed {seed}:\n{configuration:#}\n{draft:#}");
        let number = |name: &str| report[name].as_u64().expect("a number");
        assert_eq!(
            number("requests"),
            number("unchanged") + number("now_denied") + number("now_allowed")
        );
        denied += number("now_denied");
        allowed += number("now_allowed");

        // The same of a journal that was saved, without a server.
        let folder = tempfile::tempdir().unwrap();
        let saved = control_accepting(&emulator, "/requests", "application/x-ndjson").await;
        fs::write(folder.path().join("requests.ndjson"), &saved.body).unwrap();
        fs::write(folder.path().join("draft.json"), draft.to_string()).unwrap();
        let arguments = [
            "--requests",
            "requests.ndjson",
            "--vpc-endpoint-id",
            id,
            "--format",
            "json",
            "draft.json",
        ];
        let output = run(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        // The array that the control API answers by default is as good as lines.
        let array = control(&emulator, "GET", "/requests", "").await;
        fs::write(folder.path().join("requests.json"), &array.body).unwrap();
        let of_array = run(
            folder.path(),
            &arguments
                .map(|argument| argument.replace(".ndjson", ".json"))
                .each_ref()
                .map(String::as_str),
        );
        assert_eq!(of_array.stdout, output.stdout, "seed {seed}: {of_array:?}");
        let offline: Value = serde_json::from_slice(&output.stdout).expect("the report is JSON");
        for member in [
            "requests",
            "unchanged",
            "undecidable",
            "now_denied",
            "now_allowed",
        ] {
            assert_eq!(offline[member], report[member], "seed {seed}: {member}");
        }
        let flips = |report: &Value| report["flips"].as_array().expect("a list").clone();
        assert_eq!(flips(&offline).len(), flips(&report).len(), "seed {seed}");
        for (offline, asked) in flips(&offline).iter().zip(flips(&report)) {
            assert_eq!(*offline, asked, "seed {seed}: {offline:#}\n{asked:#}");
        }
        emulator.stop().await;
        other.stop().await;
    }
    // Both happened, or this says little.
    assert!(denied >= 10 && allowed >= 10, "{denied} {allowed}");
}

#[tokio::test]
async fn flips_of_one_cause_are_one_and_the_journal_has_the_last_of_them() {
    let emulator = emulator().await;
    for model in ["1", "1", "myModel", "1"] {
        Call::detect(model).send(&emulator).await;
    }
    let draft: Value = serde_json::from_str(ONE_MODEL).unwrap();
    let question = json!({"vpc_endpoint_id": DEFAULT_ENDPOINT, "policy_document": draft});
    let report = ask(&emulator, &question).await;
    assert_eq!(
        (&report["requests"], &report["now_denied"]),
        (&json!(4), &json!(3))
    );
    let [flip] = report["flips"].as_array().unwrap().as_slice() else {
        panic!("{report:#}");
    };
    assert_eq!(
        (&flip["count"], &flip["action"]),
        (&json!(3), &json!("lookoutvision:DetectAnomalies"))
    );
    let entries = journal_of(&emulator).await;
    assert_eq!(flip["request_id"], entries[3]["request_id"]);
    assert_eq!(flip["before"]["decided_by"], entries[3]["decided_by"]);
    assert_eq!(flip["after"]["decision"], "implicitDeny");
    let near_miss = &flip["after"]["near_miss"];
    assert_eq!(
        near_miss["reason"],
        "the resource part `model/myProject/1` does not match `model/myProject/myModel`"
    );
    assert!(near_miss["document_sha256"].is_string(), "{near_miss}");
    // The draft has no `Version`, which lint says.
    assert_eq!(report["findings"][0]["code"], "missing-version");
    assert_eq!(report["findings"][0]["policy"], "/policy_document");
    // Nothing was attached.
    assert_eq!(Call::detect("1").send(&emulator).await.status, 200);

    // With the draft attached, the default policy would allow again what was denied meanwhile.
    let path = format!("/vpc-endpoints/{DEFAULT_ENDPOINT}/policy");
    control(&emulator, "PUT", &path, ONE_MODEL).await;
    Call::detect("1")
        .send(&emulator)
        .await
        .check(403, "AccessDeniedException");
    let question =
        json!({"vpc_endpoint_id": DEFAULT_ENDPOINT, "policy_document": null, "filter": {"status": 403}});
    let report = ask(&emulator, &question).await;
    assert_eq!(
        (&report["requests"], &report["now_allowed"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(report["flips"][0]["after"]["message"], Value::Null);
}

#[tokio::test]
async fn identity_policies_are_tried_on_whoever_would_have_them() {
    let emulator = emulator().await;
    Call::detect("1").send(&emulator).await;
    Call::get("/2020-11-20/projects").send(&emulator).await;
    let test = "arn:aws:iam::123456789012:user/test";
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "lookoutvision:DetectAnomalies", "Resource": "*"}]});
    let report = ask(&emulator, &json!({"identity_policies": {test: [policy]}})).await;
    assert_eq!(
        (
            &report["requests"],
            &report["now_denied"],
            &report["flips"][0]["action"]
        ),
        (&json!(2), &json!(1), &json!("lookoutvision:ListProjects"))
    );
    let message = report["flips"][0]["after"]["message"].as_str().unwrap();
    assert!(
        message.ends_with("because no identity-based policy allows the lookoutvision:ListProjects action")
    );
    // Nothing said about it: everything is allowed, as it is.
    let report = ask(&emulator, &json!({"identity_policies": {test: null}})).await;
    assert_eq!((&report["unchanged"], &report["flips"]), (&json!(2), &json!([])));
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused_with_the_place() {
    let emulator = emulator().await;
    for (question, status, code, path, message) in [
        (json!({}), 400, "InvalidWhatIf", json!(""), "nothing would change"),
        (
            json!({"vpc_endpoint_id": DEFAULT_ENDPOINT}),
            400,
            "InvalidWhatIf",
            json!("/policy_document"),
            "`policy_document` is missing",
        ),
        (
            json!({"policy_document": null}),
            400,
            "InvalidWhatIf",
            json!("/vpc_endpoint_id"),
            "`vpc_endpoint_id` is missing",
        ),
        (
            json!({"vpc_endpoint_id": "vpce-1", "policy_document": null}),
            404,
            "InvalidVpcEndpointId.NotFound",
            Value::Null,
            "does not exist",
        ),
        (
            json!({"vpc_endpoint_id": DEFAULT_ENDPOINT, "policy_document": {"Statement": [{"Effect": "allow"}]}}),
            400,
            "InvalidPolicyDocument",
            json!("/Statement/0"),
            "",
        ),
        (
            json!({"vpc_endpoint_id": DEFAULT_ENDPOINT, "policy_document": null, "filter": {"operatoin": "x"}}),
            400,
            "InvalidWhatIf",
            json!("/filter"),
            "did you mean `operation`?",
        ),
        (
            json!({"identity_policies": {"arn:aws:iam::123456789012:user/tset": null}}),
            400,
            "InvalidWhatIf",
            json!("/identity_policies/arn:aws:iam::123456789012:user~1tset"),
            "did you mean `arn:aws:iam::123456789012:user/test`?",
        ),
        (
            json!({"polcy_document": null}),
            400,
            "InvalidWhatIf",
            json!("/polcy_document"),
            "did you mean `policy_document`?",
        ),
    ] {
        let refused = control(&emulator, "POST", "/what-if", &question.to_string()).await;
        let error = &refused.json()["error"];
        assert_eq!(
            (refused.status, &error["code"]),
            (status, &json!(code)),
            "{error}"
        );
        assert!(error["message"].as_str().unwrap().contains(message), "{error}");
        if code != "InvalidPolicyDocument" {
            assert_eq!(error["path"], path, "{error}");
        } else {
            assert_eq!(error["policy"], "/policy_document", "{error}");
        }
    }
}

#[tokio::test]
async fn a_line_that_is_no_entry_is_told_with_file_line_and_path() {
    let emulator = emulator().await;
    Call::detect("1").send(&emulator).await.check_ok();
    let entry = &journal_of(&emulator).await[0];
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("draft.json"), ONE_MODEL).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut entry = entry.clone();
        *entry.pointer_mut(pointer).expect("an entry has it") = value;
        entry.to_string()
    };
    for (line, place, message) in [
        (
            with("/pairs/0/action", json!(7)),
            "/pairs/0/action: ",
            "invalid type: integer `7`, expected a string",
        ),
        (
            with("/operation", json!("Detect")),
            "/operation: ",
            "no operation is called `Detect`",
        ),
        (with("/time", json!("noon")), "/time: ", ""),
        (
            r#"{"service": "#.to_owned(),
            "/service: ",
            "EOF while parsing a value",
        ),
        ("[]".to_owned(), "", "invalid"),
    ] {
        fs::write(folder.path().join("saved.ndjson"), format!("{entry}\n\n{line}\n")).unwrap();
        let at = folder.path().to_owned();
        let asked = move || {
            run(
                &at,
                &[
                    "--requests",
                    "saved.ndjson",
                    "--vpc-endpoint-id",
                    DEFAULT_ENDPOINT,
                    "draft.json",
                ],
            )
        };
        let output = tokio::task::spawn_blocking(asked).await.unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{told}");
        let rest = told
            .strip_prefix("saved.ndjson:3:")
            .unwrap_or_else(|| panic!("{told}"));
        let rest = rest.trim_start_matches(|character: char| character.is_ascii_digit() || character == ':');
        assert!(
            rest.starts_with(&format!(" {place}this is no entry of a journal: {message}")),
            "{told}"
        );
        assert!(!told.contains("at line"), "{told}");
    }
}

#[tokio::test]
async fn the_command_asks_a_running_emulator_and_fails_on_what_it_is_told_to() {
    let emulator = emulator().await;
    Call::detect("1").send(&emulator).await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("draft.json"), ONE_MODEL).unwrap();
    let url = emulator.control_url();
    let what_if = |arguments: &[&str]| {
        let common = ["--control", &url, "--vpc-endpoint-id", DEFAULT_ENDPOINT];
        let folder = folder.path().to_owned();
        let arguments: Vec<String> = [&common[..], arguments]
            .concat()
            .iter()
            .map(ToString::to_string)
            .collect();
        async move {
            let work = move || {
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                run(&folder, &arguments)
            };
            tokio::task::spawn_blocking(work).await.expect("it ends")
        }
    };
    let output = what_if(&["draft.json"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let request_id = journal_of(&emulator).await[0]["request_id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        text.starts_with(
            "1 call: 1 would be denied, 0 would be allowed, 0 unchanged\n\
             now denied,  1 call: lookoutvision:DetectAnomalies on arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1 \
             by arn:aws:iam::123456789012:user/test\n  \
             before: allowed by statement 0 of VPC endpoint policy 0\n  \
             after:  implicitDeny; nearest is statement 0 of VPC endpoint policy 0: the resource part `model/myProject/1` \
             does not match `model/myProject/myModel`\n  \
             last:   "
        ) && text.contains(&request_id),
        "{text}"
    );
    let findings = String::from_utf8(output.stderr).unwrap();
    assert!(
        findings.starts_with("draft.json:1:1: warning: the policy has no `Version`"),
        "{findings}"
    );
    for (arguments, code) in [
        (&["--fail-on", "denied", "draft.json"][..], 1),
        (&["--fail-on", "any", "draft.json"], 1),
        (&["--fail-on", "allowed", "draft.json"], 0),
        (&["--fail-on", "any", "--default-policy"], 0),
        (
            &[
                "--filter",
                "operation=ListModels",
                "--fail-on",
                "any",
                "draft.json",
            ],
            // There was no such call, so nothing is known.
            1,
        ),
        (&["gone.json"], 64),
        (&["--filter", "colour=red", "draft.json"], 64),
    ] {
        let output = what_if(arguments).await;
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {output:?}");
    }
}
