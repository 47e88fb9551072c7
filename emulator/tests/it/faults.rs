//! Faults of the answer: which calls meet one, how those are answered, and what the control API says about it.

use std::time::Duration;

use lookoutvision_emulator::{Emulator, Expect, Fault, FaultStage};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::support::{Answer, Call, ONE_MODEL, control, emulator, emulator_with, journal_of};

/// Far longer than anything here takes: reaching it is a hang
const HANG: Duration = Duration::from_secs(60);

const FAULT: &str = "x-lookoutvision-emulator-fault";

async fn add(emulator: &Emulator, fault: Value) {
    let answer = control(emulator, "POST", "/faults", &fault.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}

async fn listed(emulator: &Emulator) -> Value {
    control(emulator, "GET", "/faults", "").await.json()
}

/// Name, matched and struck of each fault in force
async fn counts(emulator: &Emulator) -> Vec<(String, u64, u64)> {
    let listed = listed(emulator).await;
    let faults = listed.as_array().expect("a list").iter();
    faults
        .map(|fault| {
            let number = |member: &str| fault[member].as_u64().expect("a number");
            let name = fault["name"].as_str().expect("a name").to_owned();
            (name, number("matched"), number("struck"))
        })
        .collect()
}

#[track_caller]
fn check_mistake(answer: &Answer, path: &str, message: &str) {
    let error = &answer.json()["error"];
    assert_eq!(
        (answer.status, &error["code"]),
        (400, &json!("InvalidFault")),
        "{error}"
    );
    assert_eq!(error["path"], path, "{error}");
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|text| text.contains(message)),
        "{error}"
    );
}

#[tokio::test]
async fn a_fault_of_the_file_strikes_and_is_told_everywhere() {
    let emulator = emulator_with(
        "faults:\n- name: busy\n  when: {operation: 'Detect*', project: myProject, model_version: 1}\n  times: 1\n  fault: \
         {error: ThrottlingException, message: Slow down, retry_after_seconds: 3}\n",
    )
    .await;
    let other = Call::detect("myModel").send(&emulator).await;
    assert_eq!((other.status, other.header(FAULT)), (200, None));

    let answer = Call::detect("1").send(&emulator).await;
    assert_eq!(answer.check(429, "ThrottlingException"), "Slow down");
    assert_eq!(answer.header("retry-after"), Some("3"));
    assert_eq!(answer.header(FAULT), Some("busy"));
    assert_eq!(Call::detect("1").send(&emulator).await.status, 200);

    let entries = control(&emulator, "GET", "/requests?fault=busy", "").await.json();
    assert_eq!(entries.as_array().map(Vec::len), Some(1));
    let entry = &entries[0];
    assert_eq!(
        (
            &entry["status"],
            &entry["fault"],
            &entry["error_code"],
            &entry["decision"]
        ),
        (
            &json!(429),
            &json!("busy"),
            &json!("ThrottlingException"),
            &json!("allowed")
        )
    );
    assert_eq!(journal_of(&emulator).await[0]["fault"], Value::Null);
    let expected = Expect::operation("DetectAnomalies").fault("b*").times(1);
    emulator.verify(expected).await.expect("one call met it");
    assert_eq!(emulator.requests().fault("busy").await[0].fault(), Some("busy"));

    let fault = &listed(&emulator).await[0];
    assert_eq!(fault["source"], "configuration");
    assert_eq!(
        (&fault["state"], &fault["times_left"]),
        (&json!("spent"), &json!(0))
    );
    assert_eq!(fault["definition"]["fault"]["message"], "Slow down");
    let counts = control(&emulator, "GET", "/requests/counts?by=fault", "").await;
    assert!(counts.text().contains(r#""fault":"busy""#), "{}", counts.text());
    let metrics = control(&emulator, "GET", "/metrics", "").await;
    let counted = "lookoutvision_emulator_faults_total{name=\"busy\"} 1\n";
    assert!(metrics.text().contains(counted), "{}", metrics.text());
    let health = control(&emulator, "GET", "/health", "").await.json();
    assert_eq!(
        health["faults"],
        json!([{"name": "busy", "state": "spent", "matched": 1, "struck": 1}])
    );
}

#[tokio::test]
async fn every_service_answers_in_its_own_form() {
    let emulator = emulator().await;
    add(
        &emulator,
        json!({"name": "ec2", "when": {"service": "ec2"}, "fault": {"error": "RequestLimitExceeded"}}),
    )
    .await;
    add(&emulator, json!({"name": "sts", "when": {"operation": "Get*"}, "fault": {"error": "Throttling", "message": "m"}})).await;
    add(
        &emulator,
        json!({"name": "token", "when": {"operation": "List*"}, "fault": {"error": "ExpiredTokenException"}}),
    )
    .await;
    let answer = Call::query("ec2", "DescribeVpcs", &[]).send(&emulator).await;
    assert_eq!(
        answer.check_xml(503, "RequestLimitExceeded"),
        "Request limit exceeded."
    );
    assert_eq!(answer.header(FAULT), Some("ec2"));
    let answer = Call::query("sts", "GetCallerIdentity", &[]).send(&emulator).await;
    assert_eq!(answer.check_xml(400, "Throttling"), "m");
    let answer = Call::get("/2020-11-20/projects").send(&emulator).await;
    let message = answer.check(403, "ExpiredTokenException");
    assert_eq!(message, "The security token included in the request is expired");
    assert_eq!(
        answer.json()["message"],
        message.as_str(),
        "the front end's small m"
    );
}

#[tokio::test]
async fn an_error_about_a_resource_names_the_one_that_the_call_is_about() {
    let emulator = emulator().await;
    add(
        &emulator,
        json!({"name": "gone", "fault": {"error": "ResourceNotFoundException"}}),
    )
    .await;
    let answer = Call::detect("1").send(&emulator).await;
    answer.check(404, "ResourceNotFoundException");
    let json = answer.json();
    assert_eq!(
        (&json["ResourceId"], &json["ResourceType"]),
        (&json!("1"), &json!("MODEL"))
    );
    let answer = Call::get("/2020-11-20/projects/myProject").send(&emulator).await;
    let json = answer.json();
    assert_eq!(
        (&json["ResourceId"], &json["ResourceType"]),
        (&json!("myProject"), &json!("PROJECT"))
    );
}

#[tokio::test]
async fn a_stage_is_before_the_signature_instead_of_the_operation_or_after_it() {
    let emulator = emulator().await;
    let exists = async || Call::get("/2020-11-20/projects/new").send(&emulator).await.status == 200;
    let create = || {
        Call::post(
            "/2020-11-20/projects",
            "application/json",
            br#"{"ProjectName":"new"}"#,
        )
    };
    let fault = |stage: &str| {
        json!({
            "name": stage, "stage": stage, "times": 1, "when": {"operation": "CreateProject"}, "fault": {"error": "InternalServerException"}
        })
    };

    add(&emulator, fault("before_authentication")).await;
    let answer = create().credentials("AKIDNOBODY", "x").send(&emulator).await;
    answer.check(500, "InternalServerException");
    let entry = journal_of(&emulator).await.pop().expect("an entry");
    assert_eq!(
        (&entry["principal"], &entry["decision"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        (&entry["operation"], &entry["access_key_id"]),
        (&json!("CreateProject"), &json!("AKIDNOBODY"))
    );
    assert_eq!(entry["entry_point"]["vpc_endpoint_id"], "vpce-00000000000000000");
    assert_eq!(entry["body"]["bytes"], 21, "what was refused is drained");
    let statistics = control(&emulator, "GET", "/statistics", "").await.json();
    let total = &statistics["total"];
    assert_eq!(
        (&total["faulted"], &total["refused"]),
        (&json!(1), &json!(0)),
        "{total}"
    );
    // Spent, and the signature is as wrong as before.
    let answer = create().credentials("AKIDNOBODY", "x").send(&emulator).await;
    answer.check(403, "UnrecognizedClientException");

    add(&emulator, fault("instead_of_operation")).await;
    let answer = create().credentials("AKIDNOBODY", "x").send(&emulator).await;
    answer.check(403, "UnrecognizedClientException");
    create()
        .send(&emulator)
        .await
        .check(500, "InternalServerException");
    assert!(!exists().await);

    add(&emulator, fault("before_answer")).await;
    create()
        .send(&emulator)
        .await
        .check(500, "InternalServerException");
    assert!(exists().await);
    // The client that tries again sees what its first call has done.
    create().send(&emulator).await.check(409, "ConflictException");
}

#[tokio::test]
async fn a_call_that_policies_deny_meets_no_fault_behind_them() {
    let emulator = Emulator::builder()
        .endpoint_policy(serde_json::from_str(ONE_MODEL).expect("it is JSON"))
        .fault(Fault::error("instead", "ThrottlingException").stage(FaultStage::InsteadOfOperation))
        .fault(Fault::error("after", "ThrottlingException"))
        .start()
        .await
        .expect("a configuration");
    Call::detect("1")
        .send(&emulator)
        .await
        .check(403, "AccessDeniedException");
    assert_eq!(
        counts(&emulator).await,
        [("instead".to_owned(), 0, 0), ("after".to_owned(), 0, 0)]
    );
    Call::detect("myModel")
        .send(&emulator)
        .await
        .check(429, "ThrottlingException");
    assert_eq!(counts(&emulator).await[0], ("instead".to_owned(), 1, 1));
}

#[tokio::test]
async fn a_call_that_the_service_refuses_meets_faults_of_the_answer() {
    let emulator = emulator().await;
    add(
        &emulator,
        json!({"name": "busy", "fault": {"error": "ThrottlingException"}}),
    )
    .await;
    Call::detect("nothing")
        .send(&emulator)
        .await
        .check(429, "ThrottlingException");
}

#[tokio::test]
async fn when_narrows_by_principal_endpoint_region_key_and_address() {
    let emulator = emulator().await;
    let strikes = async |when: Value| {
        control(&emulator, "DELETE", "/faults", "").await;
        add(
            &emulator,
            json!({"name": "f", "when": when, "fault": {"error": "ThrottlingException"}}),
        )
        .await;
        Call::detect("1").send(&emulator).await.status == 429
    };
    for (when, expected) in [
        (json!({"principal": "*:user/test"}), true),
        (json!({"principal": "*:user/alice"}), false),
        (json!({"access_key_id": "test"}), true),
        (json!({"access_key_id": "AKIAIOSFODNN7EXAMPLE"}), false),
        (json!({"vpc_endpoint_id": "vpce-00000000000000000"}), true),
        (json!({"vpc_endpoint_id": "vpce-11111111111111111"}), false),
        (json!({"region": "us-west-2"}), true),
        (json!({"region": "us-east-1"}), false),
        (json!({"source_ip": "127.0.0.1"}), true),
        (json!({"source_ip": "10.0.0.0/8"}), false),
        (
            json!({"service": "lookoutvision", "operation": "Detect?nomalies"}),
            true,
        ),
        (json!({"call": {"from": 2}}), false),
    ] {
        assert_eq!(strikes(when.clone()).await, expected, "{when}");
    }
}

#[tokio::test]
async fn the_same_seed_and_the_same_calls_give_the_same_faults() {
    let statuses = async || {
        let fault = Fault::error("busy", "ThrottlingException")
            .probability(0.4, 42)
            .call(3..);
        let emulator = Emulator::builder()
            .fault(fault)
            .start()
            .await
            .expect("a configuration");
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(Call::get("/2020-11-20/projects").send(&emulator).await.status);
        }
        statuses
    };
    let first = statuses().await;
    assert_eq!(first[..2], [200, 200]);
    let struck = first.iter().filter(|status| **status == 429).count();
    assert!((8..=24).contains(&struck), "{first:?}");
    assert_eq!(statuses().await, first);
    // Held for ever: what a seed draws is the same in every version and on every machine.
    let numbers: Vec<usize> = (1..)
        .zip(&first)
        .filter(|(_, status)| **status == 429)
        .map(|(number, _)| number)
        .collect();
    assert_eq!(numbers, STRUCK_BY_SEED_42);
}

const STRUCK_BY_SEED_42: [usize; 14] = [8, 11, 13, 18, 19, 20, 21, 23, 24, 26, 27, 30, 32, 34];

#[tokio::test]
async fn a_status_and_a_body_are_sent_as_they_are() {
    let emulator = emulator().await;
    add(
        &emulator,
        json!({"name": "proxy", "fault": {"status": 502, "body": "<h1>bad</h1>", "retry_after_seconds": 7}}),
    )
    .await;
    let answer = Call::detect("1").send(&emulator).await;
    assert_eq!(
        (answer.status, answer.text(), answer.header("retry-after")),
        (502, "<h1>bad</h1>", Some("7"))
    );
    assert_eq!(
        (answer.header("x-amzn-errortype"), answer.header(FAULT)),
        (None, Some("proxy"))
    );
    let entry = journal_of(&emulator).await.pop().expect("an entry");
    assert_eq!(
        (&entry["status"], &entry["error_code"]),
        (&json!(502), &Value::Null)
    );
}

#[tokio::test]
async fn a_delay_holds_the_answer_back_and_ends_with_its_fault() {
    let emulator = emulator().await;
    add(
        &emulator,
        json!({"name": "late", "times": 1, "fault": {"delay_milliseconds": {"from": 120, "to": 200}}}),
    )
    .await;
    let began = Instant::now();
    let answer = Call::detect("1").send(&emulator).await;
    assert_eq!((answer.status, answer.header(FAULT)), (200, Some("late")));
    assert!(
        began.elapsed() >= Duration::from_millis(120),
        "{:?}",
        began.elapsed()
    );

    for (method, target, body) in [
        ("DELETE", "/faults/longer", ""),
        ("DELETE", "/faults", ""),
        ("PUT", "/faults", "[]"),
        ("POST", "/reset", ""),
    ] {
        add(&emulator, json!({"name": "longer", "stage": "instead_of_operation", "fault": {"delay_milliseconds": 600000}})).await;
        let call = Call::detect("1");
        let held_up = call.send(&emulator);
        let release = async {
            while counts(&emulator).await.iter().all(|(.., struck)| *struck == 0) {
                tokio::task::yield_now().await;
            }
            control(&emulator, method, target, body).await;
        };
        let (answer, ()) = timeout(HANG, async { tokio::join!(held_up, release) })
            .await
            .expect("it goes on");
        assert_eq!(answer.status, 200, "{method} {target}");
        control(&emulator, "DELETE", "/faults", "").await;
    }
}

#[tokio::test]
async fn faults_are_added_replaced_taken_away_and_reset() {
    let emulator = emulator_with("faults: [{name: of-the-file, fault: {delay_milliseconds: 0}}]\n").await;
    let names = async || {
        let counts = counts(&emulator).await.into_iter();
        counts.map(|(name, ..)| name).collect::<Vec<_>>()
    };
    add(
        &emulator,
        json!({"name": "a", "fault": {"delay_milliseconds": 0}}),
    )
    .await;
    add(
        &emulator,
        json!({"name": "b", "fault": {"delay_milliseconds": 0}}),
    )
    .await;
    assert_eq!(names().await, ["b", "a", "of-the-file"]);

    let twice = control(
        &emulator,
        "POST",
        "/faults",
        r#"{"name":"a","fault":{"delay_milliseconds":0}}"#,
    )
    .await;
    assert_eq!(
        (twice.status, &twice.json()["error"]["code"]),
        (409, &json!("FaultExists"))
    );
    let unknown = control(&emulator, "DELETE", "/faults/c", "").await;
    assert_eq!(
        (unknown.status, &unknown.json()["error"]["code"]),
        (404, &json!("NoSuchFault"))
    );
    assert!(
        unknown.text().contains("there are `b`, `a`, `of-the-file`"),
        "{}",
        unknown.text()
    );

    assert_eq!(
        control(&emulator, "DELETE", "/faults/of-the-file", "")
            .await
            .status,
        204
    );
    assert_eq!(names().await, ["b", "a"]);
    let replaced = control(
        &emulator,
        "PUT",
        "/faults",
        "- name: c\n  fault: {delay_milliseconds: 0}   # YAML, as in the file\n",
    )
    .await;
    assert_eq!((replaced.status, &replaced.json()[0]["name"]), (200, &json!("c")));
    assert_eq!(names().await, ["c"]);
    control(&emulator, "POST", "/reset", "").await;
    assert_eq!(names().await, ["of-the-file"]);
    control(&emulator, "DELETE", "/faults", "").await;
    assert_eq!(names().await, [""; 0]);

    // What is listed can be put again.
    let definition = json!({"name": "d", "when": {"operation": "Detect*"}, "seed": 3, "fault": {"error": "ThrottlingException"}});
    add(&emulator, definition.clone()).await;
    assert_eq!(listed(&emulator).await[0]["definition"], definition);
}

#[tokio::test]
async fn what_is_wrong_with_a_fault_is_told_with_its_place_and_changes_nothing() {
    let emulator = emulator_with("limits: {faults_max: 1}\n").await;
    let post = async |body: &str| control(&emulator, "POST", "/faults", body).await;
    check_mistake(&post("").await, "", "the key `name` is missing");
    check_mistake(&post("5").await, "", "expected a mapping, found a number");
    check_mistake(&post("{").await, "", "");
    let answer = post(r#"{"name":"a","when":{"operation":"Detct*"},"fault":{"eror":"x"}}"#).await;
    check_mistake(&answer, "/fault/eror", "unknown key; did you mean `error`?");
    let answer =
        post(r#"{"name":"a","when":{"operation":"DetectAnomaly"},"fault":{"error":"Throttling"}}"#).await;
    check_mistake(&answer, "/when/operation", "did you mean `DetectAnomalies`?");
    let mistakes = &answer.json()["error"]["mistakes"];
    assert_eq!(mistakes[1]["path"], "/fault/error", "{mistakes}");
    let put = control(
        &emulator,
        "PUT",
        "/faults",
        r#"[{"name":"a","fault":{"status":600}}]"#,
    )
    .await;
    check_mistake(&put, "/0/fault/status", "600 is out of bounds (200 to 599)");
    assert_eq!(counts(&emulator).await, []);

    add(&emulator, json!({"name": "a", "fault": {"status": 500}})).await;
    let second = post(r#"{"name":"b","fault":{"status":500}}"#).await;
    assert_eq!(
        (second.status, &second.json()["error"]["code"]),
        (409, &json!("FaultsUnchanged"))
    );
    assert!(second.text().contains("faults_max"), "{}", second.text());
}

#[tokio::test]
async fn a_test_says_the_same_in_code() {
    let emulator = Emulator::builder()
        .fault(Fault::status("first", 503, "").operation("Detect*").times(1))
        .start()
        .await
        .expect("a configuration");
    assert_eq!(Call::detect("1").send(&emulator).await.status, 503);
    let second = Fault::error("second", "ConflictException")
        .message("busy")
        .project("myProject")
        .model_version("1");
    emulator.add_fault(second).expect("a fault");
    assert_eq!(
        Call::detect("1")
            .send(&emulator)
            .await
            .check(409, "ConflictException"),
        "busy"
    );
    let faults = emulator.faults();
    let told: Vec<_> = faults
        .iter()
        .map(|fault| (fault.name.as_str(), fault.is_active, fault.struck))
        .collect();
    assert_eq!(told, [("second", true, 1), ("first", false, 1)]);
    emulator.remove_fault("second").expect("it is there");
    assert_eq!(Call::detect("1").send(&emulator).await.status, 200);
    emulator
        .set_faults([Fault::delay("late", Duration::ZERO, Duration::ZERO)])
        .expect("a fault");
    assert_eq!(emulator.faults().len(), 1);
    emulator.clear_faults();
    assert!(emulator.faults().is_empty());

    let error = emulator
        .add_fault(Fault::error("x", "ThrotlingException").operation("DetectAnomaly"))
        .expect_err("two mistakes");
    assert_eq!(
        error.to_string(),
        "/fault/error: `ThrotlingException` is no error that can be injected; did you mean `ThrottlingException`?\n\
         /when/operation: `DetectAnomaly` fits no operation; did you mean `DetectAnomalies`?"
    );
    let error = emulator.remove_fault("x").expect_err("it is not there");
    assert_eq!(error.to_string(), "there is no fault `x`; there are none");
}

#[tokio::test]
async fn ten_thousand_calls_of_eight_clients_meet_exactly_what_the_plan_says() {
    const CLIENTS: usize = 8;
    const CALLS: usize = 10_000;
    let plan = [
        Fault::error("denied", "AccessDeniedException")
            .probability(0.05, 1)
            .stage(FaultStage::BeforeAuthentication),
        Fault::error("busy", "ThrottlingException").probability(0.2, 2),
        Fault::status("broken", 503, "").call(100..).times(50),
        Fault::delay("late", Duration::ZERO, Duration::from_millis(2)).probability(0.1, 3),
    ];
    let emulator = Emulator::builder()
        .config_yaml("limits: {journal_entries_max: 20000, journal_bytes_max: 67108864}\n");
    let emulator = plan
        .into_iter()
        .fold(emulator, lookoutvision_emulator::Builder::fault);
    let emulator = emulator.start().await.expect("a configuration");
    let (ca, address) = (emulator.ca_pem(), emulator.address());
    let client = async || {
        let mut seen = std::collections::BTreeMap::<(u16, Option<String>), usize>::new();
        // One connection for all calls, as an SDK has.
        let mut stream = crate::support::connect_trusting(ca, address, "localhost", &[])
            .await
            .expect("a connection");
        for _ in 0..CALLS / CLIENTS {
            let bytes = Call::get("/2020-11-20/projects").to_bytes();
            tokio::io::AsyncWriteExt::write_all(&mut stream, &bytes)
                .await
                .expect("it is sent");
            let answer = crate::support::read_answer(&mut stream).await.expect("an answer");
            let fault = answer.header(FAULT).map(str::to_owned);
            *seen.entry((answer.status, fault)).or_default() += 1;
        }
        seen
    };
    let clients = futures_util::future::join_all((0..CLIENTS).map(|_| client())).await;
    let mut seen = std::collections::BTreeMap::new();
    for (kind, count) in clients.into_iter().flatten() {
        *seen.entry(kind).or_insert(0) += count;
    }

    let entries = emulator.requests().await;
    assert_eq!(entries.len(), CALLS);
    let mut journal = std::collections::BTreeMap::new();
    for entry in &entries {
        let kind = (entry.status().unwrap_or(0), entry.fault().map(str::to_owned));
        *journal.entry(kind).or_insert(0) += 1;
    }
    assert_eq!(journal, seen, "each call is told as its client saw it");

    // The numbers of each fault follow from the seeds alone, whoever came first.
    let faults = emulator.faults();
    for fault in &faults {
        let met = entries
            .iter()
            .filter(|entry| entry.fault() == Some(&fault.name))
            .count();
        assert_eq!(met as u64, fault.struck, "{}", fault.name);
    }
    let told: Vec<_> = faults
        .iter()
        .map(|fault| (fault.name.as_str(), fault.matched, fault.struck))
        .collect();
    assert_eq!(told, EXACT_COUNTS);
}

/// Name, matched and struck: worked out from the seeds with a generator that shares no line with ours
const EXACT_COUNTS: [(&str, u64, u64); 4] = [
    ("denied", 10_000, 524),
    ("busy", 9_476, 1_952),
    // Spent at its 149th call, and counts none after that.
    ("broken", 149, 50),
    ("late", 7_474, 755),
];

/// Runs a command against an emulator to its end: its status, and what it printed
fn command(emulator: &Emulator, arguments: &[&str], input: &str) -> (Option<i32>, String) {
    use std::io::Write;
    let mut child = std::process::Command::new(crate::process::PROGRAM)
        .args(arguments)
        .args(["--control", &emulator.control_url()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the program was built with its tests");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("it is read");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8(text).expect("it prints text"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_adds_lists_and_takes_away_from_the_command_line() {
    let emulator = emulator().await;
    let run = |arguments: &[&str], input: &str| command(&emulator, arguments, input);
    let none = "no faults: calls get the services' own answers\n".to_owned();
    assert_eq!(run(&["faults"], ""), (Some(0), none.clone()));
    let two = "- {name: busy, times: 5, fault: {error: ThrottlingException}}\n- {name: late, ttl_seconds: 600, fault: {delay_milliseconds: 1}}\n";
    assert_eq!(run(&["faults", "add", "-"], two), (Some(0), String::new()));
    Call::detect("1")
        .send(&emulator)
        .await
        .check(429, "ThrottlingException");
    let (code, text) = run(&["faults"], "");
    assert_eq!(code, Some(0));
    assert!(
        text.starts_with("busy: active, 1 call matched, 1 met it, 4 times left (control)\nlate: active, 0 "),
        "{text}"
    );
    let (code, json) = run(&["faults", "--format", "json"], "");
    assert_eq!(
        (code, json.starts_with(r#"[{"name":"busy","#)),
        (Some(0), true),
        "{json}"
    );

    let (code, text) = run(&["faults", "add", "-"], "name: x\nfault:\n  eror: y\n");
    assert_eq!(code, Some(64));
    assert!(
        text.starts_with("-:3:3: /fault/eror: unknown key; did you mean `error`?"),
        "{text}"
    );
    let (code, text) = run(&["faults", "add", "-"], "{name: busy, fault: {status: 500}}");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("there is a fault `busy` already"), "{text}");
    assert_eq!(run(&["faults", "add", "nowhere.yaml"], "").0, Some(64));

    assert_eq!(run(&["faults", "remove", "busy"], ""), (Some(0), String::new()));
    assert_eq!(run(&["faults", "remove", "busy"], "").0, Some(1));
    assert_eq!(run(&["faults", "clear"], ""), (Some(0), String::new()));
    assert_eq!(run(&["faults"], ""), (Some(0), none));
}
