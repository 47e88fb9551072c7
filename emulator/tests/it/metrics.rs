//! What is counted of every request, whatever the journal still has: metrics, counts, statistics, limits.

use std::{collections::BTreeMap, process::Command};

use lookoutvision_emulator::{CountBy, Emulator};
use serde_json::{Value, json};

use crate::{
    process::{PROGRAM, Process},
    support::{Answer, Call, control, emulator, emulator_with},
};

/// Each sample of `GET /metrics`, by its name and labels
async fn samples(emulator: &Emulator) -> BTreeMap<String, f64> {
    let answer = control(emulator, "GET", "/metrics", "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(answer.text().ends_with("# EOF\n"), "{}", answer.text());
    parsed(answer.text())
}

fn parsed(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let samples = lines.map(|line| {
        let (name, value) = line.rsplit_once(' ').expect("a sample has a value");
        let name = name.strip_prefix("lookoutvision_emulator_").expect("the prefix");
        (name.to_owned(), value.parse().expect("a number"))
    });
    samples.collect()
}

fn requests(operation: &str, status: &str, decision: &str) -> String {
    format!(
        "requests_total{{service=\"lookoutvision\",operation=\"{operation}\",status=\"{status}\",decision=\"{decision}\"}}"
    )
}

/// Two detections, one refused by a policy and one by its signature, a list, and an action that EC2 does not have
async fn some_calls(emulator: &Emulator) {
    let policy = "/vpc-endpoints/vpce-00000000000000000/policy";
    for model in ["1", "1", "77"] {
        Call::detect(model).send(emulator).await;
    }
    Call::detect("1")
        .credentials("test", "wrong")
        .send(emulator)
        .await;
    Call::get("/2020-11-20/projects").send(emulator).await;
    Call::query("ec2", "DescribeNothing", &[]).send(emulator).await;
    let attached = control(emulator, "PUT", policy, crate::support::ONE_MODEL).await;
    assert_eq!(attached.status, 204);
    assert_eq!(Call::detect("1").send(emulator).await.status, 403);
}

#[tokio::test]
async fn metrics_have_the_names_and_labels_of_the_documentation() {
    let emulator = emulator().await;
    some_calls(&emulator).await;
    let samples = samples(&emulator).await;
    let value = |name: &str| {
        *samples
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {samples:#?}"))
    };
    assert_eq!(value(&requests("DetectAnomalies", "200", "allowed")), 2.0);
    assert_eq!(value(&requests("DetectAnomalies", "404", "allowed")), 1.0);
    assert_eq!(value(&requests("DetectAnomalies", "403", "none")), 1.0);
    assert_eq!(value(&requests("DetectAnomalies", "403", "implicitDeny")), 1.0);
    assert_eq!(value(&requests("ListProjects", "200", "allowed")), 1.0);
    assert_eq!(
        value("requests_total{service=\"ec2\",operation=\"other\",status=\"400\",decision=\"none\"}"),
        1.0,
        "an action that no service has is no label"
    );
    assert_eq!(value("request_seconds_count{operation=\"DetectAnomalies\"}"), 5.0);
    assert_eq!(
        value("request_seconds_bucket{le=\"+Inf\",operation=\"DetectAnomalies\"}"),
        5.0
    );
    assert!(value("request_seconds_sum{operation=\"DetectAnomalies\"}") > 0.0);
    assert_eq!(value("refused_total{error_code=\"AccessDeniedException\"}"), 1.0);
    assert_eq!(
        value("refused_total{error_code=\"InvalidSignatureException\"}"),
        1.0
    );
    assert_eq!(
        value("rules_total{project=\"myProject\",model_version=\"1\",rule=\"default\"}"),
        2.0
    );
    assert_eq!(value("handshakes_total{outcome=\"done\"}"), 7.0);
    assert_eq!(value("journal_entries"), 7.0);
    assert_eq!(value("journal_evicted_total"), 0.0);
    assert_eq!(value("state_commit_seconds_count"), 0.0);
    assert_eq!(
        value(&format!(
            "build_info{{version=\"{}\"}}",
            env!("CARGO_PKG_VERSION")
        )),
        1.0
    );
    assert!(samples.contains_key("connections"), "{samples:#?}");
    // Counters only rise.
    control(&emulator, "POST", "/reset", "").await;
    let after: BTreeMap<String, f64> = self::samples(&emulator).await;
    assert_eq!(after[&requests("DetectAnomalies", "200", "allowed")], 2.0);
}

#[tokio::test]
async fn what_is_beyond_the_limit_of_a_metric_is_other() {
    let emulator = emulator_with("limits: {metric_series_max: 1}").await;
    some_calls(&emulator).await;
    let samples = samples(&emulator).await;
    let series = |metric: &str| -> Vec<(&str, f64)> {
        let of_metric = samples.iter().filter(|(name, _)| name.starts_with(metric));
        of_metric.map(|(name, value)| (name.as_str(), *value)).collect()
    };
    let other = "requests_total{service=\"other\",operation=\"other\",status=\"other\",decision=\"other\"}";
    assert_eq!(
        series("requests_total"),
        [
            (requests("DetectAnomalies", "200", "allowed").as_str(), 2.0),
            (other, 5.0)
        ]
    );
    assert!(
        series("refused_total").contains(&("refused_total{error_code=\"other\"}", 3.0)),
        "{samples:#?}"
    );
}

#[tokio::test]
async fn changes_on_their_way_into_the_state_file_are_timed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("emulator.yaml"), "state: state.redb\n").unwrap();
    let process = Process::start(folder.path());
    let create = Call::post(
        "/2020-11-20/projects",
        "application/json",
        br#"{"ProjectName":"new"}"#,
    );
    let answer = process.send(&create).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let metrics = process.control("GET", "/metrics", "").await;
    let samples = parsed(metrics.text());
    assert_eq!(samples["state_commit_seconds_count"], 1.0, "{samples:#?}");
    assert!(samples["state_commit_seconds_sum"] > 0.0, "{samples:#?}");
}

async fn counts(emulator: &Emulator, by: &str) -> Value {
    let answer = control(emulator, "GET", &format!("/requests/counts?by={by}"), "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn requests_are_counted_by_what_is_asked_for_whatever_the_journal_has_forgotten() {
    let emulator = emulator_with("limits: {journal_entries_max: 1}").await;
    some_calls(&emulator).await;
    let by_operation = counts(&emulator, "operation,status").await;
    assert_eq!(by_operation["by"], json!(["operation", "status"]));
    assert_eq!(
        (&by_operation["total"], &by_operation["rest"]),
        (&json!(7), &json!(0))
    );
    assert_eq!(
        by_operation["counts"],
        json!([
            {"operation": "DetectAnomalies", "status": 200, "count": 2},
            {"operation": "DetectAnomalies", "status": 403, "count": 2},
            {"operation": null, "status": 400, "count": 1},
            {"operation": "DetectAnomalies", "status": 404, "count": 1},
            {"operation": "ListProjects", "status": 200, "count": 1},
        ])
    );
    let test = "arn:aws:iam::123456789012:user/test";
    let by_principal = counts(&emulator, "principal").await;
    assert_eq!(
        by_principal["counts"],
        json!([{"principal": test, "count": 6}, {"principal": null, "count": 1}])
    );
    let by_rule = counts(&emulator, "rule,fault").await;
    assert_eq!(
        by_rule["counts"],
        json!([
            {"rule": null, "fault": null, "count": 5},
            {"rule": "default", "fault": null, "count": 2},
        ])
    );
    let typed = emulator.request_counts(&[CountBy::Status]);
    assert_eq!(typed.total, 7);
    let of_404 = typed.counts.iter().find(|group| group.status == Some(Some(404)));
    assert_eq!(of_404.map(|group| group.count), Some(1), "{typed:?}");

    // Clearing the journal clears no counter; going back to the configuration does.
    control(&emulator, "DELETE", "/requests", "").await;
    assert_eq!(counts(&emulator, "status").await["total"], 7);
    control(&emulator, "POST", "/reset", "").await;
    assert_eq!(counts(&emulator, "status").await["total"], 0);
}

#[tokio::test]
async fn groups_beyond_the_limit_are_told_as_the_rest() {
    let emulator = emulator_with("limits: {counted_groups_max: 2}").await;
    some_calls(&emulator).await;
    let counted = counts(&emulator, "status").await;
    assert_eq!(
        counted["counts"],
        json!([{"status": 200, "count": 2}, {"status": 404, "count": 1}])
    );
    assert_eq!((&counted["rest"], &counted["total"]), (&json!(4), &json!(7)));
}

#[track_caller]
fn check_refused(answer: &Answer, message: &str) {
    assert_eq!(answer.status, 400, "{answer:?}");
    let error = &answer.json()["error"];
    assert_eq!(error["code"], "InvalidParameter");
    let told = error["message"].as_str().expect("a text");
    assert!(told.contains(message), "{told}");
}

#[tokio::test]
async fn what_is_not_counted_or_not_kept_is_refused_with_what_there_is() {
    let emulator = emulator().await;
    for (target, message) in [
        ("/requests/counts?by=operatoin", "did you mean `operation`?"),
        ("/requests/counts?by=rule,rule", "named twice"),
        ("/requests/counts?of=rule", "`of` is not a parameter"),
        (
            "/statistics?seconds=1201",
            "from 1 to 1200 (`limits.statistics_seconds_max`)",
        ),
        ("/statistics?seconds=7&steps=2", "cannot be cut into 2 steps"),
        ("/statistics?steps=1.5", "`1.5` is not a whole number"),
        ("/statistics?step=2", "`step` is not a parameter"),
        ("/doctor?region=nowhere", "is not a Region"),
        ("/doctor?regoin=us-west-2", "`regoin` is not a parameter"),
    ] {
        check_refused(&control(&emulator, "GET", target, "").await, message);
    }
}

#[tokio::test]
async fn statistics_are_cut_evenly_where_nobody_says_into_how_many_steps() {
    let emulator = emulator_with("limits: {statistics_seconds_max: 90}").await;
    for (target, step_seconds) in [
        ("/statistics", 2),
        ("/statistics?seconds=60", 1),
        ("/statistics?seconds=61", 61),
        ("/statistics?seconds=90&steps=9", 10),
    ] {
        let statistics = control(&emulator, "GET", target, "").await.json();
        assert_eq!(statistics["step_seconds"], step_seconds, "{target}: {statistics}");
    }
}

#[tokio::test]
async fn statistics_have_what_happened_in_each_step_whatever_the_journal_has_forgotten() {
    let emulator = emulator_with("limits: {journal_entries_max: 1}").await;
    some_calls(&emulator).await;
    let statistics = control(&emulator, "GET", "/statistics", "").await.json();
    assert_eq!(statistics["step_seconds"], 20);
    let total = &statistics["total"];
    for (member, expected) in [
        ("requests", 7),
        ("answered", 3),
        ("denied", 1),
        ("refused", 3),
        ("broken_off", 0),
        ("faulted", 0),
    ] {
        assert_eq!(total[member], expected, "{member} of {total}");
        let steps = statistics["steps"].as_array().unwrap().iter();
        let sum: u64 = steps.map(|step| step[member].as_u64().unwrap()).sum();
        assert_eq!(sum, expected, "{member} of {statistics:#}");
    }
    let durations = &total["duration_micros"];
    let micros = |member: &str| durations[member].as_u64().unwrap();
    assert!(
        micros("p50") <= micros("p90") && micros("p99") <= micros("max"),
        "{durations}"
    );
    assert!(
        micros("mean") > 0 && micros("mean") <= micros("max"),
        "{durations}"
    );
    let one = control(&emulator, "GET", "/statistics?seconds=600&steps=1", "")
        .await
        .json();
    assert_eq!(one["steps"].as_array().unwrap().len(), 1, "{one:#}");
    assert_eq!(one["steps"][0]["requests"], 7, "{one:#}");
}

/// A limit of `GET /limits`
async fn limit(emulator: &Emulator, name: &str) -> Value {
    let limits = control(emulator, "GET", "/limits", "").await.json();
    let found = limits
        .as_array()
        .expect("a list")
        .iter()
        .find(|limit| limit["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {limits:#}")).clone()
}

#[tokio::test]
async fn a_limit_says_how_near_it_is_and_when_it_was_reached() {
    let emulator = emulator_with(
        "limits: {journal_entries_max: 2, body_bytes_max: 2048, headers_max: 16, projects_max: 1, log_queue_requests_max: 7}",
    )
    .await;
    let never = limit(&emulator, "journal_entries_max").await;
    assert_eq!(
        never,
        json!({
            "name": "journal_entries_max", "description": "Entries of the journal.", "value": 2, "default": 10_000,
            "used": 0, "reached": 0, "last_reached": null,
        })
    );
    for _ in 0..4 {
        Call::get("/2020-11-20/projects").send(&emulator).await;
    }
    let reached = limit(&emulator, "journal_entries_max").await;
    assert_eq!((&reached["used"], &reached["reached"]), (&json!(2), &json!(2)));
    assert!(reached["last_reached"].is_string(), "{reached}");

    let too_large = Call::detect("1")
        .body("image/jpeg", &[0; 4096])
        .send(&emulator)
        .await;
    assert_eq!(too_large.status, 413);
    assert_eq!(limit(&emulator, "body_bytes_max").await["reached"], 1);

    for (name, status) in [("one", 200), ("two", 402)] {
        let body = json!({"ProjectName": name}).to_string();
        let create = Call::post("/2020-11-20/projects", "application/json", body.as_bytes());
        assert_eq!(create.send(&emulator).await.status, status);
    }
    let projects = limit(&emulator, "projects_max").await;
    assert_eq!((&projects["used"], &projects["reached"]), (&json!(1), &json!(1)));

    let mut many = Call::get("/2020-11-20/projects");
    many.extra_headers = (0..20)
        .map(|number| (format!("x-test-{number}"), "x".to_owned()))
        .collect();
    assert_eq!(many.send(&emulator).await.status, 431);
    assert_eq!(limit(&emulator, "headers_max").await["reached"], 1);
    // Kept by the library for TLS, which does not say so.
    assert_eq!(limit(&emulator, "tls_sessions_max").await["reached"], Value::Null);
    assert_eq!(limit(&emulator, "log_queue_requests_max").await["value"], 7);
}

#[tokio::test]
async fn every_limit_of_the_configuration_is_listed() {
    let emulator = emulator().await;
    let limits = control(&emulator, "GET", "/limits", "").await.json();
    let listed: Vec<&str> = limits
        .as_array()
        .unwrap()
        .iter()
        .map(|limit| limit["name"].as_str().unwrap())
        .collect();
    let schema: Value = serde_json::from_str(include_str!("../../emulator.schema.json")).unwrap();
    let mut expected: Vec<&String> = schema["$defs"]["LimitsFile"]["properties"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    let mut sorted = listed.clone();
    sorted.sort_unstable();
    expected.sort_unstable();
    assert_eq!(sorted, expected);
}

#[tokio::test]
async fn a_traceparent_stands_in_the_journal() {
    const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let emulator = emulator().await;
    for value in [TRACEPARENT, "00-not-a-trace"] {
        let mut call = Call::detect("1");
        call.extra_headers = vec![("traceparent".to_owned(), value.to_owned())];
        assert_eq!(call.send(&emulator).await.status, 200);
    }
    Call::detect("1").send(&emulator).await;
    let entries = emulator.requests().await;
    let found: Vec<_> = entries.iter().map(|entry| entry.traceparent()).collect();
    assert_eq!(found, [Some(TRACEPARENT), None, None]);
    assert_eq!(entries[0].to_json()["traceparent"], TRACEPARENT);
    assert_eq!(entries[2].to_json()["traceparent"], Value::Null);
}

/// What a subcommand prints about a running emulator
async fn printed(emulator: &Emulator, arguments: &'static [&'static str]) -> (String, Option<i32>) {
    let url = emulator.control_url();
    let output = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .env("LOOKOUTVISION_EMULATOR_CONTROL_URL", url);
        command.output().expect("the program was built with its tests")
    });
    let output = output.await.expect("nothing panics there");
    let text = [output.stdout, output.stderr].concat();
    (
        String::from_utf8(text).expect("it prints text"),
        output.status.code(),
    )
}

#[tokio::test]
async fn the_commands_print_what_the_routes_answer() {
    let emulator = emulator_with("limits: {journal_entries_max: 1}").await;
    some_calls(&emulator).await;
    let (text, code) = printed(&emulator, &["requests", "counts", "--by", "operation,status"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(
        text,
        "2  DetectAnomalies  200\n\
         2  DetectAnomalies  403\n\
         1  -                400\n\
         1  DetectAnomalies  404\n\
         1  ListProjects     200\n\
         7  requests\n"
    );
    let (text, code) = printed(&emulator, &["requests", "counts", "--by", "size"]).await;
    assert_eq!(code, Some(64), "{text}");
    assert!(text.contains("not counted by `size`"), "{text}");
    let (text, code) = printed(&emulator, &["limits"]).await;
    assert_eq!(code, Some(0), "{text}");
    let first = text.lines().next().unwrap();
    assert!(
        first.starts_with("journal_entries_max ")
            && first.contains("1 of 1")
            && first.contains("reached 6 times, last "),
        "{text}"
    );
    let (json, _) = printed(&emulator, &["limits", "--format", "json"]).await;
    let limits: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(limits.as_array().unwrap().len(), text.lines().count());
}
