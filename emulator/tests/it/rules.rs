//! Rules and scenarios that are changed while the emulator runs.

use std::{collections::BTreeMap, time::Instant};

use lookoutvision_emulator::{Answer as Canned, Emulator, Rule, RuleChangeError};
use serde_json::{Value, json};

use crate::{
    process::{PROGRAM, Process},
    support::{Call, control, emulator, emulator_with},
};

const RULES: &str = "/projects/myProject/models/1/detect-anomalies";

/// Model 1 of `myProject` with a rule of its own and one of its project
const DECLARED: &str = r#"
projects:
  - name: myProject
    models:
      - {version: "1", detect_anomalies: [{when: {call: {to: 1}}, then: {is_anomalous: true, confidence: 0.125}}]}
      - {version: "2"}
    detect_anomalies: [{then: {is_anomalous: true, confidence: 0.25}}]
"#;

fn answer(confidence: f64) -> Value {
    json!({"then": {"is_anomalous": true, "confidence": confidence}})
}

async fn put(emulator: &Emulator, target: &str, rules: &Value) -> crate::support::Answer {
    control(emulator, "PUT", target, &rules.to_string()).await
}

/// The confidence of the next answer of a model
async fn confidence(emulator: &Emulator, version: &str) -> f64 {
    let answer = Call::detect(version).send(emulator).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["DetectAnomalyResult"]["Confidence"]
        .as_f64()
        .expect("a number")
}

/// What the journal says of the rule of the last request
async fn last_rule(emulator: &Emulator) -> Value {
    let entry = control(emulator, "GET", "/requests?order=newest&limit=1", "")
        .await
        .json();
    entry[0]["response"]["rule"].clone()
}

#[tokio::test]
async fn rules_take_the_place_of_the_configuration_s_and_give_it_back() {
    let emulator = emulator_with(DECLARED).await;
    let listed = control(&emulator, "GET", RULES, "").await.json();
    let declared = json!([{"id": "model.detect_anomalies[0]", "source": "configuration", "when": {"call": {"to": 1}},
                           "then": {"is_anomalous": true, "confidence": 0.125}}]);
    assert_eq!(listed, declared);

    let put_rules = put(&emulator, RULES, &json!([answer(0.5), answer(0.75)])).await;
    assert_eq!(put_rules.status, 200, "{put_rules:?}");
    let warning = json!([{"path": "/1", "message": "never reached: the rule at index 0 answers every call"}]);
    assert_eq!(
        put_rules.json(),
        json!({"ids": ["r-1", "r-2"], "warnings": warning})
    );
    assert_eq!(confidence(&emulator, "1").await, 0.5);
    assert_eq!(
        last_rule(&emulator).await,
        json!({"id": "r-1", "source": "control"})
    );
    let found = control(&emulator, "GET", "/requests?rule=r-1", "").await.json();
    assert_eq!(found.as_array().map(Vec::len), Some(1));
    assert_eq!(
        confidence(&emulator, "2").await,
        0.25,
        "another model has its own"
    );

    // What was got can be put.
    let listed = control(&emulator, "GET", RULES, "").await;
    assert_eq!(listed.json()[1]["id"], "r-2");
    assert_eq!(
        control(&emulator, "PUT", RULES, listed.text()).await.json()["ids"],
        json!(["r-3", "r-4"])
    );

    assert_eq!(put(&emulator, RULES, &json!([])).await.status, 200);
    assert_eq!(
        confidence(&emulator, "1").await,
        0.25,
        "the project's is asked after them"
    );
    assert_eq!(control(&emulator, "DELETE", RULES, "").await.status, 204);
    assert_eq!(control(&emulator, "GET", RULES, "").await.json(), declared);
}

#[tokio::test]
async fn one_rule_is_put_in_front_and_taken_away() {
    let emulator = emulator_with(DECLARED).await;
    for (rule, id) in [(answer(0.5), "r-1"), (answer(0.75), "r-2")] {
        let added = control(&emulator, "POST", RULES, &rule.to_string()).await;
        assert_eq!(
            (added.status, &added.json()["id"]),
            (201, &json!(id)),
            "{added:?}"
        );
    }
    assert_eq!(confidence(&emulator, "1").await, 0.75);
    let listed = control(&emulator, "GET", RULES, "").await.json();
    let ids: Vec<&Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| &rule["id"])
        .collect();
    assert_eq!(ids, ["r-2", "r-1", "model.detect_anomalies[0]"]);
    let one = |id: &str| format!("{RULES}/{id}");
    assert_eq!(control(&emulator, "DELETE", &one("r-2"), "").await.status, 204);
    assert_eq!(confidence(&emulator, "1").await, 0.5);
    for id in ["r-2", "r-9", "first"] {
        assert_eq!(
            control(&emulator, "DELETE", &one(id), "").await.status,
            404,
            "{id}"
        );
    }
    assert_eq!(control(&emulator, "POST", "/reset", "").await.status, 204);
    assert_eq!(confidence(&emulator, "1").await, 0.125, "a reset takes them away");
}

#[tokio::test]
async fn a_mistake_is_told_by_its_path_in_the_configuration_s_words_and_changes_nothing() {
    let emulator = emulator().await;
    for (rules, path, message) in [
        (
            json!([answer(0.5), {"then": {"is_anomalous": true, "confidence": 1, "confidense": 1}}]),
            "/1/then/confidense",
            "did you mean `confidence`?",
        ),
        (
            json!([{"then": {"is_anomalous": true, "confidence": 2}}]),
            "/0/then/confidence",
            "2 is out of bounds (0 to 1)",
        ),
        (
            json!([{"then": {"error": "ThrottlingException",
                "set_scenario": (0..1_025).map(|number| (format!("s{number}"), json!("x"))).collect::<serde_json::Map<_, _>>()}}]),
            "/0/then/set_scenario",
            "1025 scenarios are more than scenarios_max (1024)",
        ),
        (json!([{"when": {}}]), "/0", "the key `then` is missing"),
        (json!({"then": {}}), "", "expected a list, found a mapping"),
        (
            json!([{"then": {"response": "missing.json"}}]),
            "/0/then/response",
            "missing.json",
        ),
        (
            json!([{"when": {"scenario": {"line": 7}}, "than": 1}]),
            "/0",
            "the key `then` is missing",
        ),
    ] {
        let refused = put(&emulator, RULES, &rules).await;
        assert_eq!(refused.status, 400, "{rules}");
        let error = &refused.json()["error"];
        assert_eq!(
            (&error["code"], &error["path"]),
            (&json!("InvalidRules"), &json!(path)),
            "{error}"
        );
        assert!(error["message"].as_str().unwrap().contains(message), "{error}");
    }
    let refused = control(&emulator, "POST", RULES, r#"{"then": {"confidence": 1}}"#).await;
    let error = &refused.json()["error"];
    assert_eq!(
        (refused.status, &error["path"]),
        (400, &json!("/then")),
        "{error}"
    );
    assert_eq!(control(&emulator, "PUT", RULES, "[").await.status, 400);
    assert_eq!(control(&emulator, "GET", RULES, "").await.json(), json!([]));
    for (target, status, message) in [
        (
            "/projects/myProjekt/models/1/detect-anomalies",
            404,
            "did you mean `myProject`?",
        ),
        (
            "/projects/a%20b/models/1/detect-anomalies",
            400,
            "is not a project name",
        ),
        (
            "/projects/myProject/models/latest/detect-anomalies",
            400,
            "is not a model version",
        ),
        (
            "/projects/myProject/models/1/detect-anomalies?region=nowhere",
            400,
            "is not a Region",
        ),
        (
            "/projects/myProject/models/1/detect-anomalies?regoin=x",
            400,
            "there is `region`",
        ),
    ] {
        let refused = put(&emulator, target, &json!([answer(0.5)])).await;
        assert_eq!(refused.status, status, "{target}: {refused:?}");
        assert!(refused.text().contains(message), "{target}: {refused:?}");
    }
    let few = emulator_with("limits: {put_rules_max: 1}").await;
    let refused = put(&few, RULES, &json!([answer(0.5), answer(0.6)])).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(refused.text().contains("limits.put_rules_max (1)"), "{refused:?}");
}

#[tokio::test]
async fn rules_of_a_region_come_before_those_of_every_region() {
    let emulator = emulator().await;
    put(&emulator, RULES, &json!([answer(0.5)])).await;
    put(
        &emulator,
        &format!("{RULES}?region=eu-west-1"),
        &json!([answer(0.75)]),
    )
    .await;
    assert_eq!(confidence(&emulator, "1").await, 0.5);
    let there = Call::detect("1").region("eu-west-1").send(&emulator).await;
    assert_eq!(there.json()["DetectAnomalyResult"]["Confidence"], 0.75);
    let target = format!("{RULES}?region=eu-west-1");
    assert_eq!(control(&emulator, "DELETE", &target, "").await.status, 204);
    let there = Call::detect("1").region("eu-west-1").send(&emulator).await;
    assert_eq!(there.json()["DetectAnomalyResult"]["Confidence"], 0.5);
}

#[tokio::test]
async fn rules_ask_for_principals_by_pattern_and_for_access_keys() {
    let emulator = emulator_with(
        "principals:\n\
         \x20 - arn: arn:aws:iam::123456789012:user/alice\n\
         \x20   access_keys: [{access_key_id: test, secret_access_key: test}, {access_key_id: other, secret_access_key: other}]\n",
    )
    .await;
    let rule = |when: Value, confidence: f64| json!({"when": when, "then": answer(confidence)["then"]});
    let rules = json!([
        rule(json!({"access_key_id": "other"}), 0.5),
        rule(json!({"principal": "arn:aws:iam::*:user/a*"}), 0.75),
    ]);
    assert_eq!(put(&emulator, RULES, &rules).await.json()["warnings"], json!([]));
    assert_eq!(confidence(&emulator, "1").await, 0.75);
    let other = Call::detect("1")
        .credentials("other", "other")
        .send(&emulator)
        .await;
    assert_eq!(other.json()["DetectAnomalyResult"]["Confidence"], 0.5);
}

fn in_scenario(state: &str, then: &Value) -> Value {
    json!({"when": {"scenario": {"line": state}}, "then": then})
}

fn warming_up() -> Value {
    json!([
        in_scenario(
            "Started",
            &json!({"error": "ThrottlingException", "set_scenario": {"line": "warm"}})
        ),
        in_scenario("warm", &json!({"is_anomalous": true, "confidence": 0.5})),
    ])
}

#[tokio::test]
async fn a_scenario_is_moved_on_by_a_rule_and_by_a_test() {
    let emulator = emulator().await;
    assert_eq!(
        control(&emulator, "GET", "/scenarios", "").await.json(),
        json!({})
    );
    assert_eq!(put(&emulator, RULES, &warming_up()).await.status, 200);
    assert_eq!(
        control(&emulator, "GET", "/scenarios", "").await.json(),
        json!({"line": "Started"})
    );
    Call::detect("1")
        .send(&emulator)
        .await
        .check(429, "ThrottlingException");
    assert_eq!(confidence(&emulator, "1").await, 0.5);
    assert_eq!(confidence(&emulator, "1").await, 0.5);
    assert_eq!(
        control(&emulator, "GET", "/scenarios", "").await.json(),
        json!({"line": "warm"})
    );
    assert_eq!(
        control(&emulator, "DELETE", "/scenarios/line", "").await.status,
        204
    );
    Call::detect("1")
        .send(&emulator)
        .await
        .check(429, "ThrottlingException");
    let set = control(&emulator, "PUT", "/scenarios/line", r#"{"state": "cold"}"#).await;
    assert_eq!(set.status, 204, "{set:?}");
    assert_eq!(last_of(&emulator).await, "default", "no rule is for that state");
    let misspelt = control(&emulator, "PUT", "/scenarios/lime", r#"{"state": "cold"}"#).await;
    assert_eq!(misspelt.status, 200, "{misspelt:?}");
    assert_eq!(
        misspelt.json(),
        json!({"warnings": ["no rule names the scenario `lime`; did you mean `line`?"]})
    );
    assert_eq!(
        control(&emulator, "DELETE", "/scenarios/lime", "").await.status,
        204
    );
    let unknown = control(&emulator, "DELETE", "/scenarios/lime", "").await;
    assert_eq!(unknown.status, 404, "{unknown:?}");
    assert!(unknown.text().contains("did you mean `line`?"), "{unknown:?}");
    for body in ["{}", r#"{"state": ""}"#, r#"{"stat": "x"}"#] {
        assert_eq!(
            control(&emulator, "PUT", "/scenarios/line", body).await.status,
            400,
            "{body}"
        );
    }
    assert_eq!(control(&emulator, "POST", "/reset", "").await.status, 204);
    assert_eq!(
        control(&emulator, "GET", "/scenarios", "").await.json(),
        json!({})
    );
}

/// Calls once more and tells which rule answered
async fn last_of(emulator: &Emulator) -> Value {
    Call::detect("1").send(emulator).await;
    last_rule(emulator).await
}

#[tokio::test]
async fn rules_and_scenarios_are_there_after_a_kill_and_in_a_state() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(folder.path().join("emulator.yaml"), "state: emulator.state\n")
        .expect("the folder is ours");
    let process = Process::start(folder.path());
    let put = process.control("PUT", RULES, &warming_up().to_string()).await;
    assert_eq!(put.status, 200, "{put:?}");
    let first = process.send(&Call::detect("1")).await.expect("it answers");
    assert_eq!(first.status, 429, "{first:?}");
    let state = process.control("GET", "/state", "").await.text().to_owned();
    process.kill();

    let process = Process::start(folder.path());
    let second = process.send(&Call::detect("1")).await.expect("it answers");
    assert_eq!(second.json()["DetectAnomalyResult"]["Confidence"], 0.5);
    let listed = process.control("GET", RULES, "").await.json();
    assert_eq!(listed[1]["id"], "r-2", "{listed}");
    let added = process
        .control("POST", RULES, &answer(0.75).to_string())
        .await
        .json();
    assert_eq!(added["id"], "r-3", "{added}");
    process.kill();

    let emulator = emulator().await;
    assert_eq!(control(&emulator, "PUT", "/state", &state).await.status, 200);
    assert_eq!(confidence(&emulator, "1").await, 0.5);
    let again: Value = control(&emulator, "GET", "/state", "").await.json();
    let state: Value = serde_json::from_str(&state).expect("it is JSON");
    assert_eq!(
        (&again["rules"], &again["scenarios"]),
        (&state["rules"], &state["scenarios"])
    );
    let mut wrong = state.clone();
    wrong["rules"][0]["rules"][1]["rule"]["then"]["confidence"] = json!(7);
    let refused = control(&emulator, "PUT", "/state", &wrong.to_string()).await;
    assert_eq!(
        refused.json()["error"]["path"],
        "/rules/0/rules/1/rule/then/confidence",
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_is_drawn_is_the_same_again_whatever_comes_at_one_time() {
    let drawn = async |seed: u64| {
        let emulator = emulator_with(&format!("seed: {seed}")).await;
        let rule = json!([{"then": {"is_anomalous": true, "confidence": {"from": 0.5, "to": 0.75},
                                    "delay_milliseconds": {"from": 0, "to": 3}}}]);
        assert_eq!(put(&emulator, RULES, &rule).await.status, 200);
        assert_eq!(
            control(&emulator, "GET", "/health", "").await.json()["seed"],
            seed
        );
        let calls = (0..24).map(|_| confidence(&emulator, "1"));
        let mut confidences = futures_all(calls).await;
        confidences.sort_by(f64::total_cmp);
        assert!(
            confidences
                .iter()
                .all(|confidence| (0.5..=0.75).contains(confidence)),
            "{confidences:?}"
        );
        confidences.dedup();
        assert!(confidences.len() > 12, "{confidences:?}");
        confidences
    };
    let (first, second, other) = (drawn(7).await, drawn(7).await, drawn(8).await);
    assert_eq!(first, second);
    assert_ne!(first, other);
}

/// Everything at one time, in the order in which it was begun
async fn futures_all<T>(work: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut work: Vec<_> = work.map(Box::pin).map(Some).collect();
    let mut done: Vec<Option<T>> = work.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (slot, done) in work.iter_mut().zip(&mut done) {
            if let Some(future) = slot
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                (*slot, *done) = (None, Some(value));
            }
        }
        match work.iter().all(Option::is_none) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_rust_test_puts_rules_and_scenarios() {
    let emulator = emulator().await;
    let model = ("myProject", "1");
    let busy = Rule::new(Canned::error("ThrottlingException", "Rate exceeded").set_scenario("line", "warm"))
        .when_scenario("line", "Started")
        .when_principal("*user/test")
        .when_access_key_id("test");
    let slow = Canned::anomalous(0.5)
        .confidence_between(0.5..=0.625)
        .delayed_between(std::time::Duration::from_millis(20)..=std::time::Duration::from_millis(40));
    emulator.set_rules(model, [Rule::new(slow)]).unwrap();
    let id = emulator.add_rule(model, busy).unwrap();
    assert_eq!(id, "r-2");
    assert_eq!(
        emulator.scenarios(),
        BTreeMap::from([("line".to_owned(), "Started".to_owned())])
    );
    Call::detect("1")
        .send(&emulator)
        .await
        .check(429, "ThrottlingException");
    assert_eq!(emulator.requests().rule("r-2").await.len(), 1);
    let start = Instant::now();
    assert!((0.5..=0.625).contains(&confidence(&emulator, "1").await));
    assert!(start.elapsed().as_millis() >= 20);
    emulator.reset_scenario("line").unwrap();
    emulator.remove_rule(model, &id).unwrap();
    assert!(emulator.scenarios().is_empty());
    emulator.set_scenario("line", "hot").unwrap();
    assert_eq!(emulator.scenarios()["line"], "hot");
    emulator.restore_rules(("myProject", "1")).unwrap();
    let refused = emulator
        .add_rule(("myProjekt", "1"), Canned::normal(0.5))
        .unwrap_err();
    assert!(
        matches!(&refused, RuleChangeError::Unknown(message) if message.contains("did you mean")),
        "{refused}"
    );
    let refused = emulator.set_rules(model, [Canned::normal(2.0)]).unwrap_err();
    assert!(
        matches!(&refused, RuleChangeError::InvalidRules { path, .. } if path == "/0/then/confidence"),
        "{refused}"
    );
}

/// What a command ends with and prints, given this on its standard input
fn command(emulator: &Emulator, arguments: &[&str], input: &str) -> (Option<i32>, String) {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .args(["--control", &emulator.control_url()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built with its tests");
    let mut stdin = child.stdin.take().expect("it is piped");
    // A command that does not read it may have ended.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8(text).expect("it prints text"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_changes_rules_from_the_command_line() {
    let emulator = emulator_with(DECLARED).await;
    let run = |arguments: &[&str], input: &str| command(&emulator, arguments, input);
    let done = |text: &str| (Some(0), text.to_owned());
    let of_model = |what| ["rules", what, "myProject", "1"];
    let declared = "model.detect_anomalies[0] (configuration): \
                    {\"then\":{\"confidence\":0.125,\"is_anomalous\":true},\"when\":{\"call\":{\"to\":1}}}\n";
    assert_eq!(run(&of_model("list"), ""), done(declared));

    let rule = "when: {call: {to: 9}}\nthen: {is_anomalous: true, confidence: 0.5}\n";
    let add = ["rules", "add", "myProject", "1", "-"];
    assert_eq!(run(&add, rule), done("r-1\n"));
    assert_eq!(confidence(&emulator, "1").await, 0.5);
    let (code, json) = run(&["rules", "list", "myProject", "1", "--format", "json"], "");
    assert_eq!(
        (code, json.starts_with(r#"[{"id":"r-1","#)),
        (Some(0), true),
        "{json}"
    );
    let (_, listed) = run(&of_model("list"), "");
    assert!(
        listed.starts_with("r-1 (control): {") && listed.ends_with(declared),
        "{listed}"
    );

    let put = ["rules", "put", "myProject", "1", "-", "--region", "us-west-2"];
    let rules =
        "- then: {is_anomalous: true, confidence: 0.75}\n- then: {is_anomalous: true, confidence: 1}\n";
    let (code, said) = run(&put, rules);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        said,
        "r-2\nr-3\n-:2:3: warning: /1: never reached: the rule at index 0 answers every call\n"
    );
    assert_eq!(confidence(&emulator, "1").await, 0.75);
    assert_eq!(
        run(&["rules", "reset", "myProject", "1", "--region", "us-west-2"], ""),
        done("")
    );
    assert_eq!(confidence(&emulator, "1").await, 0.5);
    assert_eq!(run(&["rules", "remove", "myProject", "1", "r-1"], ""), done(""));
    assert_eq!(run(&of_model("list"), ""), done(declared));

    // What is wrong is told with its place in the file, all of it.
    let (code, said) = run(&add, "when:\n  cal: {to: 1}\nthen: {error: Throttling}\n");
    assert_eq!(code, Some(64), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].starts_with("-:2:3: /when/cal: unknown key; did you mean `call`?"),
        "{said}"
    );
    assert!(
        lines[1].starts_with("-:3:8: /then/error: `Throttling` is not one of"),
        "{said}"
    );
    let (code, said) = run(&add, "when: [\n");
    assert_eq!((code, said.starts_with("-:")), (Some(64), true), "{said}");
    assert_eq!(
        run(&["rules", "add", "myProject", "1", "nowhere.yaml"], "").0,
        Some(64)
    );
    let (code, said) = run(&["rules", "list", "myProjekt", "1"], "");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("did you mean `myProject`?"), "{said}");
    let (code, said) = run(&["rules", "remove", "myProject", "1", "r-7"], "");
    assert_eq!((code, said.contains("no rule `r-7`")), (Some(1), true), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_changes_scenarios_from_the_command_line() {
    let emulator = emulator().await;
    let run = |arguments: &[&str]| command(&emulator, arguments, "");
    let done = |text: &str| (Some(0), text.to_owned());
    assert_eq!(
        run(&["scenarios", "list"]),
        done("no scenarios: no rule names any\n")
    );
    assert_eq!(
        run(&["scenarios", "set", "line 7/a+b", "warm"]),
        done("warning: no rule names the scenario `line 7/a+b`\n")
    );
    assert_eq!(run(&["scenarios", "list"]), done("line 7/a+b: warm\n"));
    assert_eq!(
        run(&["scenarios", "list", "--format", "json"]),
        done("{\"line 7/a+b\":\"warm\"}\n")
    );
    assert_eq!(run(&["scenarios", "reset", "line 7/a+b"]), done(""));
    let (code, said) = run(&["scenarios", "reset", "line 7/a+b"]);
    assert_eq!(
        (code, said.contains("no scenario `line 7/a+b`")),
        (Some(1), true),
        "{said}"
    );
    let (code, said) = run(&["scenarios", "set", "line", ""]);
    assert_eq!(
        (code, said.contains("1 to 256 characters")),
        (Some(64), true),
        "{said}"
    );
}
