//! `POST /requests/verify`: whether the calls that a test expects were made.

use std::time::{Duration, Instant};

use lookoutvision_emulator::Emulator;
use serde_json::{Value, json};

use crate::{
    process::PROGRAM,
    support::{Answer, Call, control, emulator, emulator_with},
};

async fn verify(emulator: &Emulator, verification: &Value) -> Answer {
    control(emulator, "POST", "/requests/verify", &verification.to_string()).await
}

async fn report(emulator: &Emulator, verification: &Value) -> Value {
    let answer = verify(emulator, verification).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn satisfied(report: &Value) -> Vec<bool> {
    let results = report["results"].as_array().expect("a list").iter();
    results
        .map(|result| result["satisfied"].as_bool().expect("yes or no"))
        .collect()
}

const MODEL_1: &str = "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1";

#[tokio::test]
async fn what_is_missing_is_told_with_the_call_that_comes_nearest() {
    let emulator = emulator().await;
    let far = Call::get("/2020-11-20/projects").send(&emulator).await;
    let near = Call::detect("1").send(&emulator).await;
    let expected = json!({"expect": [
        {"name": "two detections", "match": {"operation": "DetectAnomalies", "resource": "*model/myProject/myModel"}, "times": {"exactly": 2}},
        {"match": {"operation": "List*", "decision": "allowed"}},
        {"name": "nothing deleted", "match": {"operation": "Delete*"}, "times": {"exactly": 0}},
    ]});
    let report = report(&emulator, &expected).await;
    assert_eq!(report["satisfied"], false);
    assert_eq!(satisfied(&report), [false, true, true]);
    assert_eq!(report["requests"], 2);
    let near_id = near.header("x-amzn-requestid").unwrap();
    assert_eq!(
        report["results"][0],
        json!({
            "name": "two detections", "satisfied": false, "expected": "exactly 2", "found": 0, "too_early": 0, "before": null,
            "request_ids": [],
            "near_misses": [
                {"request_id": near_id, "differs": [{"member": "resource", "expected": "*model/myProject/myModel", "found": MODEL_1}]},
                {"request_id": far.header("x-amzn-requestid").unwrap(), "differs": [
                    {"member": "operation", "expected": "DetectAnomalies", "found": "ListProjects"},
                    {"member": "resource", "expected": "*model/myProject/myModel", "found": "*"},
                ]},
            ],
        })
    );
    assert_eq!(report["results"][1]["name"], "operation List*, decision allowed");
    assert_eq!(
        report["text"].as_str().unwrap(),
        format!(
            "two detections: expected exactly 2, found 0\n  nearest: {near_id}: resource is {MODEL_1}, expected \
             *model/myProject/myModel\n2 of 3 expectations satisfied\n"
        )
    );
}

#[tokio::test]
async fn every_member_can_be_asked_and_null_asks_for_its_absence() {
    let emulator = emulator().await;
    let answer = Call::detect("1").send(&emulator).await;
    assert_eq!(answer.status, 200);
    let stranger = Call::detect("1")
        .credentials("AKIDNOBODY", "x")
        .send(&emulator)
        .await;
    assert_eq!(stranger.status, 403);
    let entry = crate::support::journal_of(&emulator).await.remove(0);
    let body = &entry["body"];
    for (pattern, found) in [
        (json!({}), 2),
        (json!({"service": "lookoutvision"}), 2),
        (json!({"principal": "*user/test"}), 1),
        (json!({"principal": null}), 1),
        (json!({"access_key_id": "AKID*"}), 1),
        (json!({"vpc_endpoint_id": "vpce-*"}), 2),
        (json!({"vpc_endpoint_id": null}), 0),
        (json!({"source_ip": "127.0.0.?"}), 2),
        (json!({"target": "*/models/1/detect"}), 2),
        (json!({"status": 200}), 1),
        (json!({"status": null}), 0),
        (json!({"decision": "allowed"}), 1),
        (json!({"decision": "*Deny"}), 0),
        (json!({"decision": null}), 1),
        (json!({"error_code": "Unrecognized*"}), 1),
        (json!({"error_code": null}), 1),
        (json!({"rule": "default"}), 1),
        (json!({"rule": null}), 1),
        (json!({"resource": MODEL_1}), 1),
        (json!({"resource": null}), 1),
        (
            json!({"body": {"sha256": body["sha256"].as_str().unwrap().to_uppercase()}}),
            2,
        ),
        (
            json!({"body": {"content_type": "image/*", "bytes": body["bytes"]}}),
            2,
        ),
        (json!({"body": {"content_type": "image/png"}}), 0),
        (
            json!({"operation": "DetectAnomalies", "status": 403, "error_code": null}),
            0,
        ),
    ] {
        let expected = json!({"expect": [{"match": pattern, "times": {"exactly": found}}]});
        let report = report(&emulator, &expected).await;
        assert_eq!(report["satisfied"], true, "{pattern}: {report}");
    }
}

#[tokio::test]
async fn bounds_order_and_others_are_kept() {
    let emulator = emulator().await;
    for target in ["projects", "projects/myProject", "projects"] {
        Call::get(&format!("/2020-11-20/{target}")).send(&emulator).await;
    }
    let list = |times: Value| json!({"match": {"operation": "ListProjects"}, "times": times});
    let describe = json!({"match": {"operation": "DescribeProject"}});
    for (verification, is_satisfied) in [
        (json!({"expect": [list(json!({"at_least": 2}))]}), true),
        (json!({"expect": [list(json!({"at_most": 1}))]}), false),
        (
            json!({"expect": [list(json!({"at_least": 1, "at_most": 2}))]}),
            true,
        ),
        (
            json!({"expect": [list(json!({"exactly": 2}))], "no_others": true}),
            false,
        ),
        (
            json!({"expect": [list(json!({"exactly": 2})), describe], "no_others": true}),
            true,
        ),
        (json!({"expect": [], "no_others": true}), false),
        // The same call may be expected twice, and what comes in between is held against its place.
        (
            json!({"expect": [list(json!({"exactly": 1})), describe, list(json!({"exactly": 1}))], "in_order": true}),
            true,
        ),
        // An expectation that takes the calls makes no other true.
        (
            json!({"expect": [list(json!({"exactly": 0})), {"times": {"at_least": 1}}], "in_order": true}),
            false,
        ),
        (
            json!({"expect": [list(json!({"exactly": 1})), {}], "in_order": true, "no_others": true}),
            false,
        ),
        (
            json!({"expect": [list(json!({"exactly": 2})), describe], "in_order": true}),
            false,
        ),
        (
            json!({"expect": [describe, list(json!({"at_least": 1}))], "in_order": true}),
            false,
        ),
        (
            json!({"expect": [list(json!({"at_least": 1})), list(json!({"at_least": 1}))], "in_order": true}),
            false,
        ),
    ] {
        let report = report(&emulator, &verification).await;
        assert_eq!(report["satisfied"], is_satisfied, "{verification}: {report}");
    }
    let others = report(
        &emulator,
        &json!({"expect": [list(json!({"exactly": 2}))], "no_others": true}),
    )
    .await;
    assert_eq!(others["unexpected"][0]["operation"], "DescribeProject");
    let text = others["text"].as_str().unwrap();
    assert!(
        text.starts_with("unexpected: ") && text.contains(": DescribeProject on arn:"),
        "{text}"
    );
    let order = json!({"expect": [describe, list(json!({"at_least": 1}))], "in_order": true});
    let order = report(&emulator, &order).await;
    assert_eq!(order["out_of_order"][0]["operation"], "ListProjects");
    assert_eq!(
        (&order["results"][1]["found"], &order["results"][1]["too_early"]),
        (&json!(1), &json!(1))
    );
    let order = json!({"expect": [describe, list(json!({"at_least": 2}))], "in_order": true});
    let order = report(&emulator, &order).await;
    let text = order["text"].as_str().unwrap();
    assert!(
        text.contains(
            "operation ListProjects: expected at least 2, found 1, and 1 before operation DescribeProject\nout of order: "
        ) && text.ends_with("\n1 of 2 expectations satisfied\n"),
        "{text}"
    );
}

/// Of two calls that differ in one member each, the one of the operation that is expected comes nearest.
#[tokio::test]
async fn a_call_of_the_same_operation_comes_nearest() {
    let emulator = emulator().await;
    let same = Call::detect("1").send(&emulator).await;
    Call::get("/2020-11-20/projects").send(&emulator).await;
    let pattern = json!({"operation": "DetectAnomalies", "status": 404, "decision": "implicitDeny"});
    let report = report(&emulator, &json!({"expect": [{"match": pattern}]})).await;
    let nearest = &report["results"][0]["near_misses"][0]["request_id"];
    assert_eq!(nearest, same.header("x-amzn-requestid").unwrap());

    let expect =
        ["ListProjects", "DetectAnomalies"].map(|operation| json!({"match": {"operation": operation}}));
    let order = super::verification::report(&emulator, &json!({"expect": expect, "in_order": true})).await;
    let text = order["text"].as_str().unwrap();
    let expected =
        "operation DetectAnomalies: expected at least 1, found 1, but before operation ListProjects\n";
    assert!(text.starts_with(expected), "{text}");
}

#[tokio::test]
async fn a_call_that_is_missing_is_waited_for_and_wakes_whoever_waits() {
    let emulator = emulator().await;
    let expected = json!({"expect": [{"match": {"operation": "ListProjects"}, "times": {"exactly": 1}}], "within_milliseconds": 60_000});
    let began = Instant::now();
    let (report, ()) = tokio::join!(report(&emulator, &expected), async {
        Call::detect("1").send(&emulator).await;
        Call::get("/2020-11-20/projects").send(&emulator).await;
    });
    assert_eq!(report["satisfied"], true, "{report}");
    // Nothing here takes a minute but a wait that nobody ended.
    assert!(began.elapsed() < Duration::from_secs(50));

    // What no further call can make good is told at once.
    let expected = json!({"expect": [{"times": {"exactly": 1}}], "within_milliseconds": 60_000});
    let report = super::verification::report(&emulator, &expected).await;
    assert_eq!(report["results"][0]["found"], 2);
    assert!(began.elapsed() < Duration::from_secs(50));
    let expected = json!({"expect": [{"match": {"operation": "DeleteModel"}}], "within_milliseconds": 1});
    assert_eq!(
        super::verification::report(&emulator, &expected).await["satisfied"],
        false
    );
}

#[tokio::test]
async fn a_call_in_flight_is_waited_for_and_nothing_is_said_of_it_before_it_is_recorded() {
    let emulator = emulator().await;
    let held_up = json!({"name": "held-up", "when": {"operation": "DeleteProject"}, "stage": "before_answer",
        "fault": {"delay_milliseconds": 600_000}});
    let added = control(&emulator, "POST", "/faults", &held_up.to_string()).await;
    assert_eq!(added.status, 201, "{}", added.text());
    let nothing_deleted = json!({"expect": [{"match": {"operation": "Delete*"}, "times": {"exactly": 0}}]});
    let any_deleted = json!({"expect": [{"match": {"operation": "Delete*"}}]});
    let listed = json!({"expect": [{"match": {"operation": "ListProjects"}}]});
    let expected = json!({"expect": [{"match": {"operation": "Delete*"}, "times": {"exactly": 0}}], "within_milliseconds": 60_000});
    let call = Call {
        method: "DELETE",
        ..Call::get("/2020-11-20/projects/myProject")
    };
    let (deleted, ()) = tokio::join!(call.send(&emulator), async {
        // The operation is performed, and its answer is held back.
        while control(&emulator, "GET", "/faults", "").await.json()[0]["struck"] != 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for verification in [&nothing_deleted, &any_deleted] {
            let answer = verify(&emulator, verification).await;
            assert_eq!(answer.status, 409, "{verification}: {}", answer.text());
            let error = &answer.json()["error"];
            assert_eq!(error["code"], "JournalIncomplete");
            let message = error["message"].as_str().unwrap();
            assert!(message.starts_with("1 call is in flight"), "{message}");
        }
        // What that call cannot change is said without it.
        Call::get("/2020-11-20/projects").send(&emulator).await;
        assert_eq!(report(&emulator, &listed).await["satisfied"], true);

        let (waited, gone) = tokio::join!(
            report(&emulator, &expected),
            control(&emulator, "DELETE", "/faults/held-up", "")
        );
        assert_eq!(gone.status, 204, "{}", gone.text());
        assert_eq!(
            (&waited["satisfied"], &waited["results"][0]["found"]),
            (&json!(false), &json!(1)),
            "{waited}"
        );
    });
    assert_eq!(deleted.header(FAULT).unwrap(), "held-up");
}

const FAULT: &str = "x-lookoutvision-emulator-fault";

#[tokio::test]
async fn nothing_is_said_of_entries_that_went() {
    let emulator = emulator_with("limits: {journal_entries_max: 2}").await;
    let first = Call::get("/2020-11-20/projects").send(&emulator).await;
    for _ in 0..3 {
        Call::get("/2020-11-20/projects").send(&emulator).await;
    }
    let minimum = |times: u64| json!({"expect": [{"match": {"operation": "ListProjects"}, "times": {"at_least": times}}]});
    assert_eq!(report(&emulator, &minimum(2)).await["satisfied"], true);
    for verification in [
        minimum(3),
        json!({"expect": [{"match": {"operation": "Delete*"}, "times": {"exactly": 0}}]}),
        json!({"expect": [{"match": {"operation": "ListProjects"}, "times": {"exactly": 2}}]}),
        json!({"expect": [{"match": {"operation": "ListProjects"}, "times": {"at_least": 1}}], "no_others": true}),
        json!({"expect": [{"times": {"exactly": 1}}], "since": first.header("x-amzn-requestid").unwrap()}),
        json!({"expect": [{"times": {"exactly": 0}}], "since": "7a62c49f-347e-4fc4-9331-6e8e1a2f2a11"}),
        json!({"expect": [{"times": {"exactly": 2}}], "since": "2020-01-01T00:00:00Z"}),
    ] {
        let answer = verify(&emulator, &verification).await;
        assert_eq!(answer.status, 409, "{verification}: {}", answer.text());
        assert_eq!(answer.json()["error"]["code"], "JournalIncomplete");
    }

    // What is still there is known.
    let kept = crate::support::journal_of(&emulator).await;
    let since = json!({"expect": [{"times": {"exactly": 1}}], "since": kept[0]["request_id"]});
    assert_eq!(report(&emulator, &since).await["satisfied"], true);
    let since = json!({"expect": [{"times": {"exactly": 1}}], "since": kept[1]["time"]});
    assert_eq!(report(&emulator, &since).await["satisfied"], true);
    control(&emulator, "DELETE", "/requests", "").await;
    let nothing = json!({"expect": [], "no_others": true});
    assert_eq!(report(&emulator, &nothing).await["satisfied"], true);
}

#[tokio::test]
async fn nothing_is_said_since_an_instant_that_the_journal_does_not_reach_back_to() {
    let emulator = emulator().await;
    let none_since = |since: &Value| json!({"expect": [], "no_others": true, "since": since});
    let refused = async |since: &Value, reason: &str| {
        let answer = verify(&emulator, &none_since(since)).await;
        let error = &answer.json()["error"];
        assert_eq!(
            (answer.status, &error["code"]),
            (409, &json!("JournalIncomplete")),
            "{since}: {error}"
        );
        assert!(error["message"].as_str().unwrap().contains(reason), "{error}");
    };
    refused(&json!("2020-01-01T00:00:00Z"), "is before the emulator's start").await;

    for (method, path) in [("DELETE", "/requests"), ("POST", "/reset")] {
        Call::get("/2020-11-20/projects").send(&emulator).await;
        let received = crate::support::journal_of(&emulator).await.remove(0)["time"].take();
        control(&emulator, method, path, "").await;
        refused(&received, "entries were cleared from the journal").await;
    }
    let now = async || control(&emulator, "GET", "/clock", "").await.json()["now"].take();
    let cleared = now().await;
    assert_eq!(report(&emulator, &none_since(&cleared)).await["satisfied"], true);

    // The clock shows an hour that it has shown before. A call of the first time is none of the second.
    Call::get("/2020-11-20/projects").send(&emulator).await;
    control(&emulator, "PUT", "/clock", r#"{"offset_seconds":-7200}"#).await;
    let set_back = now().await;
    assert_eq!(report(&emulator, &none_since(&set_back)).await["satisfied"], true);
    control(&emulator, "PUT", "/clock", r#"{"offset_seconds":0}"#).await;
    refused(&cleared, "may have shown").await;
    let answer = verify(&emulator, &none_since(&json!("9000-01-01T00:00:00Z"))).await;
    let error = &answer.json()["error"];
    assert_eq!(
        (answer.status, &error["path"]),
        (400, &json!("/since")),
        "{error}"
    );
    assert!(
        error["message"].as_str().unwrap().contains("has not come yet"),
        "{error}"
    );
}

#[tokio::test]
async fn nothing_is_said_of_a_text_that_the_journal_has_cut() {
    let emulator = emulator_with("limits: {journal_entry_bytes_max: 8192}").await;
    let long = format!("/2020-11-20/projects?x={}SECRET", "y".repeat(40_000));
    Call::get(&long).send(&emulator).await;
    let times =
        |target: &str, times: Value| json!({"expect": [{"match": {"target": target}, "times": times}]});
    for expected in [
        times("*SECRET", json!({"exactly": 0})),
        times("*SECRET", json!({"at_least": 1})),
        times("/2020-11-20/*", json!({"exactly": 1})),
    ] {
        let answer = verify(&emulator, &expected).await;
        assert_eq!(answer.status, 409, "{expected}: {}", answer.text());
        assert!(
            answer.text().contains("its `target` was cut"),
            "{}",
            answer.text()
        );
    }
    // Another member tells that it is not meant, or others are enough.
    let other = json!({"expect": [{"match": {"target": "*SECRET", "operation": "Delete*"}, "times": {"exactly": 0}}]});
    assert_eq!(report(&emulator, &other).await["satisfied"], true);
    Call::get("/2020-11-20/projects").send(&emulator).await;
    let projects = "/2020-11-20/projects";
    for (expected, satisfied) in [
        (times(projects, json!({"at_least": 1})), true),
        (times(projects, json!({"exactly": 0})), false),
    ] {
        assert_eq!(
            report(&emulator, &expected).await["satisfied"],
            satisfied,
            "{expected}"
        );
    }
}

#[tokio::test]
async fn an_action_in_a_body_is_known_where_the_body_was_read_and_not_denied_where_it_was_not() {
    let emulator = emulator().await;
    let expected = |operation: &str, times: u64| json!({"expect": [{"match": {"operation": operation}, "times": {"exactly": times}}]});
    let assume = Call::query("sts", "AssumeRole", &[]);
    // The body is read before the signature is found wrong, and not before the key is found unknown.
    let answer = assume.clone().credentials("test", "wrong").send(&emulator).await;
    assert_eq!(answer.status, 403);
    assert_eq!(
        report(&emulator, &expected("AssumeRole", 1)).await["satisfied"],
        true
    );
    let answer = assume.credentials("AKIDNOBODY", "x").send(&emulator).await;
    assert_eq!(answer.status, 403);
    for operation in ["Assume*", "GetCallerIdentity"] {
        let answer = verify(&emulator, &expected(operation, 0)).await;
        let known = operation == "Assume*";
        assert_eq!(
            answer.status,
            if known { 200 } else { 409 },
            "{operation}: {}",
            answer.text()
        );
    }
    // It is no call of another service.
    assert_eq!(
        report(&emulator, &expected("Delete*", 0)).await["satisfied"],
        true
    );
}

#[tokio::test]
async fn what_a_client_wrote_ends_no_line_of_a_report() {
    let emulator = emulator().await;
    let target = "/2020-11-20/projects?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%1b%5b2J%0aX%2F20261129%2Fus-west-2%2F\
                  lookoutvision%2Faws4_request&X-Amz-Date=20261129T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=0";
    Call::get(target).send(&emulator).await;
    let expected =
        json!({"expect": [{"name": "a\nb", "match": {"access_key_id": "nope", "target": "a\u{1b}"}}]});
    let text = report(&emulator, &expected).await["text"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(
        text.chars()
            .all(|character| character == '\n' || !character.is_control()),
        "{text:?}"
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_place() {
    let emulator = emulator().await;
    let one = |expectation: Value| json!({"expect": [{"times": {"at_least": 1}}, expectation]});
    for (verification, path, message) in [
        (
            json!({"expect": []}),
            "/expect",
            "nothing is expected: name calls, or set `no_others`",
        ),
        (
            one(json!({"match": {"operation": "DetectAnomaly"}})),
            "/expect/1/match/operation",
            "`DetectAnomaly` fits no operation; did you mean `DetectAnomalies`?",
        ),
        (
            one(json!({"match": {"service": "s3"}})),
            "/expect/1/match/service",
            "`s3` fits no service; there are `lookoutvision`, `ec2`, `sts`",
        ),
        (
            one(json!({"match": {"decision": "denied"}})),
            "/expect/1/match/decision",
            "`denied` fits no decision; there are `allowed`, `implicitDeny`, `explicitDeny`",
        ),
        (
            one(json!({"match": {"status": 99}})),
            "/expect/1/match/status",
            "`99` is not an HTTP status",
        ),
        (
            one(json!({"match": {"body": {"sha256": "ab"}}})),
            "/expect/1/match/body/sha256",
            "`ab` is not a SHA-256: 64 hexadecimal digits",
        ),
        (
            one(json!({"match": {"vpc_endpoint_id": "vpc-1"}})),
            "/expect/1/match/vpc_endpoint_id",
            "`vpc-1` is not the ID of a VPC endpoint, or a pattern of one",
        ),
        (
            one(json!({"match": {"source_ip": "localhost"}})),
            "/expect/1/match/source_ip",
            "`localhost` is not an IP address, or a pattern of one",
        ),
        (
            one(json!({"match": {"source_ip": "::ffff:127.0.0.1"}})),
            "/expect/1/match/source_ip",
            "the journal never has `::ffff:127.0.0.1`; it writes this address as `127.0.0.1`",
        ),
        (
            one(json!({"times": {"exactly": 1, "at_most": 2}})),
            "/expect/1/times",
            "`exactly` stands alone",
        ),
        (
            one(json!({"times": {"at_least": 3, "at_most": 2}})),
            "/expect/1/times",
            "`at_least` is more than `at_most`",
        ),
        (
            json!({"expect": [{}], "since": "yesterday"}),
            "/since",
            "`yesterday` is neither a request id nor an instant, such as 2026-01-02T03:04:05Z",
        ),
        (
            json!({"expect": [{}], "within_milliseconds": 60_001}),
            "/within_milliseconds",
            "more than 60000 milliseconds",
        ),
    ] {
        let answer = verify(&emulator, &verification).await;
        assert_eq!(answer.status, 400, "{verification}");
        let error = &answer.json()["error"];
        assert_eq!(
            (&error["code"], &error["path"]),
            (&json!("InvalidVerification"), &json!(path)),
            "{error}"
        );
        assert_eq!(error["message"], message);
    }
    // A list of members would be taken for the members.
    for expectation in [
        json!([]),
        json!({"match": []}),
        json!({"times": []}),
        json!({"times": 2}),
        json!({"match": {"body": []}}),
    ] {
        let answer = verify(&emulator, &one(expectation)).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.text().contains("expected an object"), "{}", answer.text());
    }
    let answer = verify(&emulator, &one(json!({"tims": {"exactly": 1}}))).await;
    let error = &answer.json()["error"];
    assert_eq!(error["path"], "/expect/1/tims");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("unknown field `tims`") && message.contains("did you mean `times`?"),
        "{message}"
    );
}

/// `requests` and its arguments, about this emulator
async fn requests(emulator: &Emulator, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = tokio::process::Command::new(PROGRAM);
    command.arg("requests").args(arguments);
    command.env("LOOKOUTVISION_EMULATOR_CONTROL_URL", emulator.control_url());
    let output = command
        .output()
        .await
        .expect("the program was built with its tests");
    let text = |bytes| String::from_utf8(bytes).expect("what it prints is text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn the_command_prints_requests_and_says_no_by_its_status() {
    let emulator = emulator().await;
    Call::detect("1").send(&emulator).await;
    Call::get("/2020-11-20/projects").send(&emulator).await;
    let (status, lines, _) = requests(&emulator, &["operation=DetectAnomalies"]).await;
    assert_eq!((status, lines.lines().count()), (Some(0), 1), "{lines}");
    assert!(
        lines.contains(&format!(
            " 200 DetectAnomalies allowed arn:aws:iam::123456789012:user/test {MODEL_1} "
        )),
        "{lines}"
    );
    Call::detect("1").credentials("nobody", "x").send(&emulator).await;
    let (_, lines, _) = requests(&emulator, &["status=403"]).await;
    assert!(
        lines.contains(" 403 DetectAnomalies UnrecognizedClientException - - ")
            && lines.contains(": the access key id `nobody` is unknown"),
        "{lines}"
    );
    let (status, _, error) = requests(&emulator, &["operatoin=x"]).await;
    assert_eq!(
        (status, error.contains("did you mean `operation`?")),
        (Some(64), true),
        "{error}"
    );
    let (status, _, error) = requests(&emulator, &["DetectAnomalies"]).await;
    assert_eq!(
        (status, error.contains("NAME=VALUE")),
        (Some(64), true),
        "{error}"
    );

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("expected.json");
    let path = file.to_str().unwrap();
    let expect = |times: u64| json!({"expect": [{"match": {"operation": "Detect*", "status": 200}, "times": {"exactly": times}}]});
    std::fs::write(&file, expect(1).to_string()).unwrap();
    let (status, text, _) = requests(&emulator, &["verify", path]).await;
    assert_eq!(
        (status, &*text),
        (Some(0), "satisfied: 1 of 1, 3 requests looked at\n")
    );
    std::fs::write(&file, expect(2).to_string()).unwrap();
    let (status, text, _) = requests(&emulator, &["verify", path]).await;
    assert_eq!(status, Some(1));
    assert!(
        text.starts_with("operation Detect*, status 200: expected exactly 2, found 1\n  nearest: "),
        "{text}"
    );
    let (status, text, _) = requests(&emulator, &["verify", "--format", "json", path]).await;
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &report["satisfied"]), (Some(1), &json!(false)));
    std::fs::write(&file, r#"{"expect": [{"match": {"operation": "Detct"}}]}"#).unwrap();
    let (status, _, error) = requests(&emulator, &["verify", path]).await;
    assert_eq!(status, Some(64));
    assert!(
        error.starts_with(&format!(
            "{path}: /expect/0/match/operation: `Detct` fits no operation"
        )),
        "{error}"
    );
    let (status, _, error) = requests(&emulator, &["verify", "nowhere.json"]).await;
    assert_eq!(
        (status, error.starts_with("nowhere.json: ")),
        (Some(64), true),
        "{error}"
    );
}
