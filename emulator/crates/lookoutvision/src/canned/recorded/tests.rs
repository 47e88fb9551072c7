use serde_json::{Value, json};

use super::*;
use crate::testing::{NORMAL_JPEG, NORMAL_PNG, api_model};

fn parse(answer: &str) -> Result<RecordedAnswer, String> {
    RecordedAnswer::parse(Path::new("scratch.json"), answer.to_owned()).map_err(|error| error.to_string())
}

#[track_caller]
fn refuses(answer: &str, expected: &str) {
    assert_eq!(parse(answer).map(|_| ()), Err(expected.to_owned()));
}

/// A segmentation answer with one member set to something else, or removed
fn with(pointer: &str, value: Option<Value>) -> String {
    let mut answer = json!({"DetectAnomalyResult": {
        "Source": {"Type": "direct"},
        "IsAnomalous": true,
        "Confidence": 0.983975887298584,
        "Anomalies": [
            {"Name": "background", "PixelAnomaly": {"TotalPercentageArea": 0.9818974137306213, "Color": "#FFFFFF"}},
            {"Name": "cracked", "PixelAnomaly": {"TotalPercentageArea": 0.018102575093507767, "Color": "#23A436"}},
        ],
        "AnomalyMask": BASE64_STANDARD.encode(NORMAL_PNG),
    }});
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let parent = answer.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(member.to_owned(), value),
        None => parent.remove(member),
    };
    answer.to_string()
}

#[test]
fn an_answer_is_kept_byte_for_byte() {
    let answer = "{ \"DetectAnomalyResult\": {\"Confidence\": 0.5, \"IsAnomalous\": false,\n  \"Source\": {\"Type\": \"direct\"}}}\n";
    let recorded = parse(answer).unwrap();
    assert_eq!(recorded.body(), answer);
    assert_eq!(recorded.file(), Path::new("scratch.json"));
}

#[test]
fn a_segmentation_answer_is_taken() {
    assert!(parse(&with("/DetectAnomalyResult/IsAnomalous", Some(false.into()))).is_ok());
}

#[test]
fn what_is_no_json_is_refused_with_its_place() {
    refuses("", "`scratch.json`: EOF while parsing a value at line 1 column 0");
    refuses(
        "{}",
        "`scratch.json`: missing field `DetectAnomalyResult` at line 1 column 2",
    );
    refuses(
        r#"{"DetectAnomalyResult":{"Source":{"Type":"direct"},"IsAnomalous":false,"Confidence":1}} {}"#,
        "`scratch.json`: trailing characters at line 1 column 89",
    );
}

#[test]
fn members_are_those_of_the_api_model() {
    for (structure, pointer) in [
        ("DetectAnomaliesResponse", ""),
        ("DetectAnomalyResult", "/DetectAnomalyResult"),
        ("ImageSource", "/DetectAnomalyResult/Source"),
        ("Anomaly", "/DetectAnomalyResult/Anomalies/1"),
        ("PixelAnomaly", "/DetectAnomalyResult/Anomalies/1/PixelAnomaly"),
    ] {
        let api = api_model();
        for member in api["shapes"][structure]["members"].as_object().unwrap().keys() {
            let error = parse(&with(&format!("{pointer}/{member}"), Some(json!(null)))).unwrap_err();
            assert!(
                error.contains(" null") && error.contains(&format!("{pointer}/{member}")),
                "{error}"
            );
            let error = parse(&with(&format!("{pointer}/{member}"), None)).unwrap_err();
            assert!(error.contains(pointer), "{error}");
        }
        let error = parse(&with(&format!("{pointer}/confidence"), Some(json!(1)))).unwrap_err();
        assert!(error.contains("unknown field `confidence`, expected "), "{error}");
        assert!(error.ends_with(&format!("at {pointer}/confidence")), "{error}");
    }
}

#[test]
fn values_stay_in_their_ranges() {
    for (pointer, value, problem) in [
        ("/Source/Type", json!("s3"), "`s3` is not `direct`"),
        (
            "/IsAnomalous",
            json!("true"),
            "invalid type: string \"true\", expected a boolean",
        ),
        ("/Confidence", json!(1.5), "`1.5` is not from 0 to 1"),
        (
            "/Confidence",
            json!("0.5"),
            "invalid type: string \"0.5\", expected f64",
        ),
        ("/Anomalies", json!({}), "invalid type: map, expected a sequence"),
        (
            "/Anomalies/1/Name",
            json!("a crack"),
            "`a crack` is not an anomaly's name (1 to 256 of [a-zA-Z0-9])",
        ),
        (
            "/Anomalies/1/PixelAnomaly/TotalPercentageArea",
            json!(1.8),
            "`1.8` is not from 0 to 1",
        ),
        (
            "/Anomalies/1/PixelAnomaly/Color",
            json!("23A436"),
            "`23A436` is not a colour (`#` and six of [a-zA-Z0-9])",
        ),
    ] {
        let pointer = format!("/DetectAnomalyResult{pointer}");
        let error = parse(&with(&pointer, Some(value))).unwrap_err();
        assert!(
            error.starts_with(&format!("`scratch.json`: {problem}")),
            "{error}"
        );
        assert!(error.ends_with(&format!(" at {pointer}")), "{error}");
    }
}

#[test]
fn structures_are_objects() {
    refuses(
        "[]",
        "`scratch.json`: invalid type: sequence, expected an object at line 1 column 0",
    );
    refuses(
        r#"{"DetectAnomalyResult":[["direct"],true,0.5]}"#,
        "`scratch.json`: invalid type: sequence, expected an object at line 1 column 23 at /DetectAnomalyResult",
    );
    for pointer in ["/Source", "/Anomalies/1", "/Anomalies/1/PixelAnomaly"] {
        let pointer = format!("/DetectAnomalyResult{pointer}");
        let mut answer: Value =
            serde_json::from_str(&with("/DetectAnomalyResult/Confidence", Some(json!(1)))).unwrap();
        let structure = answer.pointer_mut(&pointer).unwrap();
        *structure = structure.as_object().unwrap().values().cloned().collect();
        let error = parse(&answer.to_string()).unwrap_err();
        assert!(
            error.contains("expected an object") && error.ends_with(&pointer),
            "{error}"
        );
    }
}

#[test]
fn a_member_comes_once() {
    let error = parse(r#"{"DetectAnomalyResult":{"IsAnomalous":true,"IsAnomalous":false}}"#).unwrap_err();
    assert!(error.contains("duplicate field `IsAnomalous`"), "{error}");
}

#[test]
fn the_mask_is_a_whole_png() {
    let refuses = |mask: &[u8], problem: &str| {
        let error = parse(&with(
            "/DetectAnomalyResult/AnomalyMask",
            Some(BASE64_STANDARD.encode(mask).into()),
        ));
        let error = error.unwrap_err();
        assert!(error.contains(problem), "{error}");
        assert!(error.ends_with(" at /DetectAnomalyResult/AnomalyMask"), "{error}");
    };
    refuses(b"", "the mask is not a PNG: ");
    refuses(NORMAL_JPEG, "the mask is not a PNG: ");
    refuses(&NORMAL_PNG[..5_000], "the mask is not a PNG: ");
    refuses(&NORMAL_PNG[..40], "the mask is not a PNG: ");
    refuses(
        &vec![0; MASK_BYTES_MAX + 1],
        "5242881 bytes of mask are more than 5242880",
    );

    let error = parse(&with(
        "/DetectAnomalyResult/AnomalyMask",
        Some(json!("iVBORw0KGgo")),
    ))
    .unwrap_err();
    assert!(
        error.starts_with("`scratch.json`: not standard base64: "),
        "{error}"
    );
}

#[test]
fn the_limits_are_those_of_the_api_model() {
    let api = api_model();
    assert_eq!(api["shapes"]["AnomalyMask"]["max"], MASK_BYTES_MAX);
    assert_eq!(api["shapes"]["AnomalyMask"]["min"], 1);
    assert_eq!(api["shapes"]["AnomalyName"]["pattern"], "[a-zA-Z0-9]*");
    assert_eq!(
        (
            &api["shapes"]["AnomalyName"]["min"],
            &api["shapes"]["AnomalyName"]["max"]
        ),
        (&json!(1), &json!(256))
    );
    assert_eq!(api["shapes"]["Color"]["pattern"], r"\#[a-zA-Z0-9]{6}");
    assert_eq!(api["shapes"]["ImageSourceType"]["pattern"], "direct");
}

#[test]
fn anomalies_and_mask_come_together() {
    for member in ["Anomalies", "AnomalyMask"] {
        refuses(
            &with(&format!("/DetectAnomalyResult/{member}"), None),
            "`scratch.json`: a segmentation answer has both `Anomalies` and `AnomalyMask`, another has neither at /DetectAnomalyResult",
        );
    }
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    refuses(
        &" ".repeat(RECORDED_ANSWER_BYTES_MAX + 1),
        "`scratch.json`: 8388609 bytes are more than 8388608",
    );
}
