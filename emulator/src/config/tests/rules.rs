//! Projects, models and the rules of DetectAnomalies.

use std::time::Duration;

use lookoutvision::canned::{Between, CannedRule, Delay, DetectAnomaliesError, ImageFormat, Then};

use super::*;

fn with_rule(rule: &str) -> String {
    format!("projects:\n- name: p\n  detect_anomalies:\n  - {rule}\n")
}

#[track_caller]
fn rule(rule: &str) -> CannedRule {
    valid(&with_rule(rule)).settings.lookoutvision.projects[0].detect_anomalies[0].clone()
}

/// The message about a rule, with its place relative to the rule
#[track_caller]
fn refused(rule: &str, expected: &str) {
    let text = mistakes(&with_rule(rule));
    let short = text.lines().map(|line| {
        line.split_once(": /projects/0/detect_anomalies/0")
            .map_or(line, |(_, rest)| rest)
    });
    assert_eq!(short.collect::<Vec<_>>().join("\n"), expected);
}

#[test]
fn every_condition_is_read() {
    let when = rule(
        "{when: {image_sha256: 9F86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, content_type: image/jpeg, \
         image_bytes: {from: 10}, dimensions: {width: 640, height: 480}, principal: 'arn:aws:iam::123456789012:user/test', \
         vpc_endpoint_id: vpce-00000000000000000, call: {to: 3}}, then: {response: responses/normal.json}}",
    )
    .when;
    assert_eq!(when.image_sha256.map(|hash| hash[0]), Some(0x9f));
    assert_eq!(when.content_type, Some(ImageFormat::Jpeg));
    assert_eq!(
        when.image_bytes,
        Some(Between {
            from: 10,
            to: u64::MAX
        })
    );
    assert_eq!(when.width, Some(Between { from: 640, to: 640 }));
    assert_eq!(when.height, Some(Between { from: 480, to: 480 }));
    assert_eq!(
        when.principal.as_deref(),
        Some("arn:aws:iam::123456789012:user/test")
    );
    assert_eq!(
        when.vpc_endpoint_id.map(|id| id.to_string()).as_deref(),
        Some("vpce-00000000000000000")
    );
    assert_eq!(when.call, Some(Between { from: 1, to: 3 }.into()));
}

#[test]
fn every_answer_is_read() {
    let answer = rule("{then: {response: responses/normal.json, delay_milliseconds: 20}}");
    assert_eq!(answer.delay, Some(Delay::Exactly(Duration::from_millis(20))));
    let Then::Recorded(recorded) = answer.then else {
        panic!("a recorded answer")
    };
    assert_eq!(&recorded.body()[..], NORMAL_RESPONSE.as_bytes());

    let Then::Error(error) =
        rule("{then: {error: InternalServerException, message: Boom, retry_after_seconds: 2}}").then
    else {
        panic!("an error")
    };
    assert_eq!(
        (error.code(), error.message()),
        (DetectAnomaliesError::InternalServerException, "Boom")
    );
    assert_eq!(error.retry_after_seconds(), Some(2));
    let Then::Error(error) = rule("{then: {error: ThrottlingException}}").then else {
        panic!("an error")
    };
    assert_eq!(
        (error.message(), error.retry_after_seconds()),
        ("Rate exceeded", None)
    );

    let Then::Classification(verdict) = rule("{then: {is_anomalous: true, confidence: 1}}").then else {
        panic!("a classification model's answer")
    };
    assert!(verdict.is_anomalous && (verdict.confidence.get() - 1.0).abs() < f32::EPSILON);
}

#[test]
fn ranges_and_scenarios_are_read_and_the_rule_is_kept_as_it_was_written() {
    let written = "{when: {principal: 'arn:aws:iam::*:user/*', access_key_id: test, scenario: {line: warm}}, then: \
                   {is_anomalous: true, confidence: {from: 0.9, to: 0.99}, delay_milliseconds: {from: 20, to: 80}, \
                   set_scenario: {line: hot, 2: '3'}}}";
    let read = rule(written);
    assert_eq!(read.when.access_key_id.as_deref(), Some("test"));
    assert_eq!(read.when.scenario["line"].as_ref(), "warm");
    assert_eq!(read.delay, Some(Delay::Milliseconds { from: 20, to: 80 }));
    assert!(read.confidence.is_some());
    assert_eq!(
        (&*read.set_scenario["line"], &*read.set_scenario["2"]),
        ("hot", "3")
    );
    let as_json = serde_json::json!({
        "when": {"principal": "arn:aws:iam::*:user/*", "access_key_id": "test", "scenario": {"line": "warm"}},
        "then": {
            "is_anomalous": true, "confidence": {"from": 0.9, "to": 0.99}, "delay_milliseconds": {"from": 20, "to": 80},
            "set_scenario": {"line": "hot", "2": "3"},
        },
    });
    assert_eq!(*read.written, as_json);
    assert_eq!(
        rule("{then: {error: ThrottlingException, delay_milliseconds: 0}}").delay,
        None
    );
    assert_eq!(valid("seed: 42").settings.lookoutvision.seed, 42);
}

#[test]
fn ranges_and_scenarios_that_cannot_be_are_refused() {
    refused(
        "{then: {is_anomalous: true, confidence: {from: 0.9, to: 0.8}, delay_milliseconds: {from: 3, to: 2}}}",
        "/then/confidence: `from` (0.9) is more than `to` (0.8)\n\
         /then/delay_milliseconds: `from` (3) is more than `to` (2)",
    );
    refused(
        "{then: {is_anomalous: true, confidence: {from: 0.9}, delay_milliseconds: soon}}",
        "/then/confidence: the key `to` is missing\n\
         /then/delay_milliseconds: expected a number of milliseconds, or a range as in `{from: 20, to: 80}`, found a text",
    );
    refused(
        "{then: {is_anomalous: true, confidence: {from: 0.9, too: 1}}}",
        "/then/confidence: the key `to` is missing\n/then/confidence/too: unknown key; the keys here are `from`, `to`",
    );
    refused(
        "{when: {scenario: warm}, then: {error: ThrottlingException, set_scenario: {line: ''}}}",
        "/when/scenario: expected a mapping, found a text\n\
         /then/set_scenario/line: a scenario's state has 1 to 256 characters",
    );
}

#[test]
fn anomalies_make_a_segmentation_answer_even_when_there_are_none() {
    let answer = rule("{then: {is_anomalous: false, confidence: 0.9, anomalies: []}}").then;
    assert!(matches!(answer, Then::Segmentation(found) if found.anomalies().is_empty()));
}

#[test]
fn a_rule_has_one_kind_of_answer() {
    let nothing = "/then: say what is answered: `response`, or `error`, or `is_anomalous` and `confidence`";
    refused("{then: {}}", nothing);
    refused("{then: {delay_milliseconds: 5}}", nothing);
    refused(
        "{then: {response: responses/normal.json, is_anomalous: true}}",
        "/then: `response` and `is_anomalous` belong to two kinds of answer; a rule has one",
    );
    refused(
        "{then: {error: ThrottlingException, confidence: 1}}",
        "/then: `error` and `confidence` belong to two kinds of answer; a rule has one",
    );
    refused(
        "{then: {message: Slow down}}",
        "/then: the key `error` is missing",
    );
    refused(
        "{then: {is_anomalous: true}}",
        "/then: the key `confidence` is missing",
    );
    refused(
        "{then: {anomalies: []}}",
        "/then: the key `is_anomalous` is missing\n/then: the key `confidence` is missing",
    );
    refused("{when: {}}", ": the key `then` is missing");
}

#[test]
fn conditions_that_could_never_hold_are_refused() {
    refused(
        "{when: {image_sha256: 9f86, content_type: image/gif}, then: {error: ThrottlingException}}",
        "/when/image_sha256: `9f86` is not a SHA-256 hash (64 hexadecimal digits)\n\
         /when/content_type: `image/gif` is not one of `image/jpeg`, `image/png`",
    );
    refused(
        "{when: {call: {from: 3, to: 2}, width: {from: 0}, height: {}}, then: {error: ThrottlingException}}",
        "/when/call: `from` (3) is more than `to` (2)\n\
         /when/width/from: 0 is less than 1\n\
         /when/height: give `from`, `to`, or both",
    );
    refused(
        "{when: {width: {to: 5}, dimensions: {width: 5, height: 5}}, then: {error: ThrottlingException}}",
        "/when/dimensions: give either `dimensions` or `width` and `height`",
    );
}

#[test]
fn conditions_that_do_not_hold_in_this_configuration_are_warned_of() {
    let yaml = "projects:\n- name: p\n  detect_anomalies:\n\
                \x20 - when: {principal: someone, vpc_endpoint_id: vpce-11111111}\n    then: {error: ThrottlingException}\n\
                \x20 - then: {error: ThrottlingException}\n\
                \x20 - then: {error: ConflictException}\n";
    assert_eq!(
        warnings(yaml),
        [
            "emulator.yaml:4:12: /projects/0/detect_anomalies/0/when/principal: never matches: no principal `someone` is \
             declared",
            "emulator.yaml:4:32: /projects/0/detect_anomalies/0/when/vpc_endpoint_id: never matches: no VPC endpoint \
             `vpce-11111111` is declared",
            "emulator.yaml:7:5: /projects/0/detect_anomalies/2: never reached: the rule at index 1 answers every call",
        ]
    );
}

#[test]
fn patterns_and_keys_that_nobody_has_are_warned_of() {
    let yaml = "projects:\n- name: p\n  detect_anomalies:\n\
                \x20 - when: {principal: '*user/test', access_key_id: test}\n    then: {error: ThrottlingException}\n\
                \x20 - when: {principal: '*:assumed-role/inspector/*', access_key_id: ASIA1}\n    then: {error: ConflictException}\n\
                \x20 - when: {principal: '*user/bob', access_key_id: AKIA1}\n    then: {error: ConflictException}\n";
    assert_eq!(
        warnings(yaml),
        [
            "emulator.yaml:8:12: /projects/0/detect_anomalies/2/when/principal: never matches: no principal `*user/bob` is \
             declared",
            "emulator.yaml:8:36: /projects/0/detect_anomalies/2/when/access_key_id: never matches: no principal has the \
             access key `AKIA1`",
        ]
    );
}

#[test]
fn answers_that_the_service_could_not_give_are_refused() {
    refused(
        "{then: {error: ServiceQuotaExceededException}}",
        "/then/error: `ServiceQuotaExceededException` is not one of `AccessDeniedException`, `InternalServerException`, \
         `ValidationException`, `ConflictException`, `ResourceNotFoundException`, `ThrottlingException`",
    );
    refused(
        "{then: {error: ValidationException, retry_after_seconds: 1}}",
        "/then/retry_after_seconds: `ValidationException` has no Retry-After; InternalServerException and ThrottlingException do",
    );
    refused(
        "{then: {is_anomalous: true, confidence: 1.01}}",
        "/then/confidence: 1.01 is out of bounds (0 to 1)",
    );
    refused(
        "{then: {is_anomalous: true, confidence: 1, delay_milliseconds: 600001}}",
        "/then/delay_milliseconds: 600001 is out of bounds (0 to 600000)",
    );
}

#[test]
fn anomalies_are_told_apart_by_name_and_colour_and_lie_inside_the_image() {
    let anomalies =
        |list: &str| format!("{{then: {{is_anomalous: true, confidence: 1, anomalies: [{list}]}}}}");
    let whole = "regions: [{x: 0, y: 0, width: 1, height: 1}]";
    refused(
        &anomalies(&format!(
            "{{name: background, color: '#FFFFFF', {whole}}}, {{name: a b, color: red, regions: []}}"
        )),
        "/then/anomalies/0/name: `background` is the name of what is not anomalous; the service adds it by itself\n\
         /then/anomalies/0/color: `#FFFFFF` is the background's colour\n\
         /then/anomalies/1/name: `a b` is not an anomaly's name (1 to 256 of [a-zA-Z0-9])\n\
         /then/anomalies/1/color: `red` is not a colour (`#` and six hexadecimal digits, like `#23A436`)\n\
         /then/anomalies/1/regions: an anomaly is somewhere: give a region, or leave it out",
    );
    let text = mistakes(&with_rule(&anomalies(&format!(
        "{{name: a, color: '#23a436', {whole}}}, {{name: a, color: '#23A436', {whole}}}"
    ))));
    assert!(
        text.contains("/then/anomalies/1/name: duplicate anomaly `a`; first at emulator.yaml:4:"),
        "{text}"
    );
    assert!(
        text.contains("/then/anomalies/1/color: duplicate colour `#23A436`; first at emulator.yaml:4:"),
        "{text}"
    );
    refused(
        &anomalies(
            "{name: a, color: '#000000', regions: [{x: 0.5, y: 0, width: 0.6, height: 1}, {x: 0, y: 0, width: 0, height: 1}]}",
        ),
        "/then/anomalies/0/regions/0: a region of x 0.5, y 0, width 0.6 and height 1 is not inside the image (fractions from \
         0 to 1)\n\
         /then/anomalies/0/regions/1: a region of x 0, y 0, width 0 and height 1 is not inside the image (fractions from 0 \
         to 1)",
    );
}

#[test]
fn a_recorded_answer_that_breaks_the_api_model_is_told_with_its_file_line_and_path() {
    let folder = folder_with_files();
    folder.write(
        "responses/wrong.json",
        r#"{"DetectAnomalyResult":{"Source":{"Type":"direct"},"IsAnomalous":false,"Confidence":7}}"#,
    );
    let file = folder.write(
        "emulator.yaml",
        &with_rule("{then: {response: responses/wrong.json}}"),
    );
    let problems = Config::load(&overrides(file)).expect_err("7 is no confidence");
    let text = problems
        .to_string()
        .replace(&format!("{}/", folder.display()), "");
    assert_eq!(
        text,
        "responses/wrong.json:1:86: /DetectAnomalyResult/Confidence: `7` is not from 0 to 1"
    );
    refused(
        "{then: {response: responses/none.json}}",
        "/then/response: `responses/none.json` cannot be read: there is no such file",
    );
}

#[test]
fn projects_and_versions_are_there_once_in_a_region() {
    check(
        "projects:\n\
         - {name: p, region: us-west-2}\n\
         - {name: p, region: us-east-1}\n\
         - {name: p, region: us-west-2}\n\
         - {name: p}\n",
        "emulator.yaml:4:4: /projects/2/name: duplicate project `p` in one Region; first at emulator.yaml:2:4\n\
         emulator.yaml:5:4: /projects/3/name: duplicate project `p` in one Region; first at emulator.yaml:2:4",
    );
    check(
        "projects:\n- {name: p, models: [{version: 1}, {version: '1'}, {version: latest}, {version: a b}]}\n",
        "emulator.yaml:2:37: /projects/0/models/1/version: duplicate model version `1`; first at emulator.yaml:2:23\n\
         emulator.yaml:2:53: /projects/0/models/2/version: `latest` is not a model version (1 to 255 of [A-Za-z0-9_-], and \
         not `latest`)\n\
         emulator.yaml:2:72: /projects/0/models/3/version: `a b` is not a model version (1 to 255 of [A-Za-z0-9_-], and not \
         `latest`)",
    );
}

#[test]
fn a_model_is_hosted_unless_it_is_said_to_be_something_else() {
    let yaml = "projects:\n- {name: p, models: [{version: 1}, {version: 2, status: TRAINING_FAILED}]}\n";
    let config = valid(yaml);
    let statuses: Vec<_> = config.settings.lookoutvision.projects[0]
        .models
        .iter()
        .map(|model| model.status.to_string())
        .collect();
    assert_eq!(statuses, ["HOSTED", "TRAINING_FAILED"]);
    let text = mistakes("projects:\n- {name: p, models: [{version: 1, status: hosted}]}\n");
    assert!(
        text.contains("/projects/0/models/0/status: `hosted` is not one of `TRAINING`, `TRAINED`"),
        "{text}"
    );
}
