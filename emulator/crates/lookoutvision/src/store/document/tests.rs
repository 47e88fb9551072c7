use serde_json::{Value, json};

use super::*;
use crate::{
    store::Declared,
    testing::{account, declared_with_limits},
};

fn declared() -> Declared {
    declared_with_limits(|_| {})
}

fn documents(value: &Value) -> Documents {
    fn list<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<T> {
        serde_json::from_value(value.clone()).expect("the test's document has its form")
    }
    let or_none = |name: &str| value.get(name).cloned().unwrap_or_else(|| json!([]));
    Documents {
        projects: list(&or_none("projects")),
        datasets: list(&or_none("datasets")),
        models: list(&or_none("models")),
    }
}

const AT: &str = "2026-01-02T03:04:05Z";

fn whole() -> Value {
    let project = |more: Value| {
        let mut project = json!({"region": "us-west-2", "name": "p", "created": AT});
        for (key, value) in more.as_object().expect("an object") {
            project[key] = value.clone();
        }
        project
    };
    let started = json!({"at": AT, "until": "2026-01-02T03:05:05Z"});
    json!({
        "projects": [project(json!({"next_version": 4, "packaging_jobs": [{
            "name": "job", "model_version": "2", "component_version": "1.0.0",
            "configuration": {"Greengrass": {
                "S3OutputLocation": {"Bucket": "bucket"}, "ComponentName": "component", "TargetDevice": "jetson_xavier",
            }},
            "waiting": {"at": AT, "until": null}, "running": started,
        }]}))],
        "datasets": [{
            "region": "us-west-2", "project": "p", "type": "train", "created": AT,
            "phase": {"updating": started}, "entries": [r#"{"source-ref":"s3://b/1"}"#, r#"{"source-ref":"s3://b/2"}"#],
            "entries_before": [r#"{"source-ref":"s3://b/1"}"#],
        }],
        "models": [
            {"region": "us-west-2", "project": "p", "version": "2", "created": AT, "kind": "segmentation",
             "output_config": {"S3Location": {"Bucket": "bucket"}}, "tags": {"line": "a"}, "description": "d",
             "phase": {"training": {"at": AT, "until": AT, "outcome": {"fails": "no"}}}},
            {"region": "us-west-2", "project": "p", "version": "myModel", "created": AT, "kind": "declared",
             "phase": "hosted", "evaluated": AT, "inference_units": {"min": 1, "max": null}},
        ],
    })
}

#[test]
fn a_state_is_the_one_that_its_document_describes() {
    let first = documents(&whole());
    let state = documents(&whole())
        .into_state(&declared())
        .expect("there is room");
    assert_eq!(Documents::of(&state, &account()), first);
}

#[test]
fn what_was_unfinished_has_failed() {
    let mut value = whole();
    value["models"][0]["phase"]["training"]["outcome"] = json!("unfinished");
    let state = documents(&value).into_state(&declared()).expect("there is room");
    let model = &Documents::of(&state, &account()).models[0];
    let ModelPhase::Training { outcome, .. } = &model.phase else {
        panic!("{model:?}");
    };
    assert_eq!(*outcome, Outcome::Fails(phases::CUT_OFF.to_owned()));
}

#[test]
fn what_there_is_no_room_for_is_refused_by_its_path() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str, &str); 16] = [
        (
            |value| {
                let project = value["projects"][0].clone();
                value["projects"].as_array_mut().expect("a list").push(project);
            },
            "/projects/1/name",
            "the project `p` of us-west-2 stands at /projects/0 already",
        ),
        (
            |value| {
                for name in ["q", "r"] {
                    let project = json!({"region": "us-west-2", "name": name, "created": AT});
                    value["projects"].as_array_mut().expect("a list").push(project);
                }
            },
            "/projects",
            "3 are more than limits.projects_max (2)",
        ),
        (
            |value| {
                value["projects"][0]
                    .as_object_mut()
                    .expect("an object")
                    .remove("created");
            },
            "/projects/0",
            "missing field `created`",
        ),
        (
            |value| value["projects"][0]["deleted"] = json!(true),
            "/projects/0",
            "nothing beside",
        ),
        (
            |value| value["projects"][0]["next_version"] = json!(2),
            "/projects/0/next_version",
            "its next one is 3 at least",
        ),
        (
            |value| value["projects"][0]["next_version"] = json!(0),
            "/projects/0/next_version",
            "numbered from 1",
        ),
        (
            |value| value["projects"][0]["next_version"] = json!(u64::MAX),
            "/projects/0/next_version",
            "numbered from 1 to 9999999999",
        ),
        (
            |value| {
                value["projects"][0]["packaging_jobs"][0]["configuration"]["Greengrass"]["Components"] =
                    json!(1);
            },
            "/projects/0/packaging_jobs/0/configuration/Greengrass/Components",
            "did you mean",
        ),
        (
            |value| value["datasets"][0]["project"] = json!("q"),
            "/datasets/0/project",
            "`projects` has no project `q` of us-west-2",
        ),
        (
            |value| value["datasets"][0]["region"] = json!("us-east-1"),
            "/datasets/0/project",
            "of us-east-1",
        ),
        (
            |value| {
                let dataset = value["datasets"][0].clone();
                value["datasets"].as_array_mut().expect("a list").push(dataset);
            },
            "/datasets/1/type",
            "has a train dataset already",
        ),
        (
            |value| value["datasets"][0]["entries"][1] = json!("{}"),
            "/datasets/0/entries/1",
            "source-ref",
        ),
        (
            |value| value["datasets"][0]["entries"][1] = json!("{}\n{}"),
            "/datasets/0/entries/1",
            "one line",
        ),
        (
            |value| value["models"][1]["version"] = json!("2"),
            "/models/1/version",
            "has a model `2` already",
        ),
        (
            |value| value["models"][0]["tags"] = json!({"a": "", "b": "", "c": ""}),
            "/models/0/tags",
            "limits.tags_max (2)",
        ),
        (
            |value| value["models"][0]["output_config"]["S3Location"]["Buckett"] = json!("b"),
            "/models/0/output_config/S3Location/Buckett",
            "did you mean `Bucket`?",
        ),
    ];
    let declared = declared_with_limits(|limits| {
        limits.projects_max = 2;
        limits.tags_max = 2;
    });
    for (change, path, message) in cases {
        let mut value = whole();
        change(&mut value);
        let misfit = documents(&value).into_state(&declared).expect_err(path);
        assert_eq!(misfit.path, path, "{misfit}");
        assert!(misfit.message.contains(message), "{path}: {misfit}");
    }
}
