use proptest::prelude::*;
use regex_lite::Regex;

use super::*;
use crate::testing::api_model;

const SHAPES: &[StringShape] = StringShape::ALL;

#[track_caller]
fn check(member: &str, value: Option<&str>, shape: &StringShape, expected: &str) {
    let mut violations = Violations::default();
    violations.check(&member, value, shape);
    let found = if violations.is_empty() {
        String::new()
    } else {
        violations.to_string()
    };
    assert_eq!(found, expected);
}

#[test]
fn twenty_mistakes_are_described_and_all_are_counted() {
    let mut violations = Violations::default();
    for member in 0..1_000 {
        violations.missing(&format_args!("tags.{member}.member.key"));
    }
    let text = violations.to_string();
    assert!(
        text.starts_with("1000 validation errors detected: Value null at 'tags.0.member.key' "),
        "{text}"
    );
    assert!(
        text.ends_with(
            "at 'tags.19.member.key' failed to satisfy constraint: Member must not be null; and 980 more"
        ),
        "{text}"
    );
}

#[test]
fn the_constraints_are_those_of_the_api_model() {
    let api = api_model();
    for shape in SHAPES {
        let model = &api["shapes"][shape.name];
        assert_eq!(model["type"], "string", "{}", shape.name);
        assert_eq!(
            model["min"].as_u64().unwrap_or(0),
            shape.characters_min as u64,
            "{}",
            shape.name
        );
        let max = model["max"].as_u64().unwrap_or(u64::MAX);
        assert_eq!(max, shape.characters_max as u64, "{}", shape.name);
        assert_eq!(
            model["pattern"].as_str(),
            shape.pattern.map(|pattern| pattern.text),
            "{}",
            shape.name
        );
    }
}

#[test]
fn every_label_of_a_path_has_its_shape_here() {
    let api = api_model();
    let inputs = api["operations"]
        .as_object()
        .unwrap()
        .values()
        .map(|operation| &operation["input"]);
    for input in inputs {
        let members = api["shapes"][input.as_str().unwrap()]["members"]
            .as_object()
            .unwrap();
        for (name, member) in members.iter().filter(|(_, member)| member["location"] == "uri") {
            assert!(
                SHAPES.iter().any(|shape| member["shape"] == shape.name),
                "{input} {name}"
            );
        }
    }
}

#[test]
fn one_mistake_is_one_error() {
    check(
        "projectName",
        Some("my project"),
        &StringShape::PROJECT_NAME,
        r"1 validation error detected: Value 'my project' at 'projectName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9][a-zA-Z0-9_\-]*",
    );
    check(
        "modelVersion",
        Some("12345678901"),
        &StringShape::MODEL_VERSION,
        "1 validation error detected: Value '12345678901' at 'modelVersion' failed to satisfy constraint: Member must have length less than or equal to 10",
    );
    check(
        "contentType",
        None,
        &StringShape::CONTENT_TYPE,
        "1 validation error detected: Value null at 'contentType' failed to satisfy constraint: Member must not be null",
    );
}

#[test]
fn a_member_can_make_two_mistakes() {
    check(
        "projectName",
        Some(""),
        &StringShape::PROJECT_NAME,
        r"2 validation errors detected: Value '' at 'projectName' failed to satisfy constraint: Member must have length greater than or equal to 1; Value '' at 'projectName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9][a-zA-Z0-9_\-]*",
    );
}

#[test]
fn what_is_right_is_not_mentioned() {
    check(
        "projectName",
        Some(&"p".repeat(255)),
        &StringShape::PROJECT_NAME,
        "",
    );
    check("modelVersion", Some("latest"), &StringShape::MODEL_VERSION, "");
    // Characters are counted, not bytes.
    check("resourceArn", Some(&"é".repeat(1011)), &StringShape::TAG_ARN, "");
}

#[test]
fn a_dot_matches_no_line_terminator() {
    let matches = StringShape::CONTENT_TYPE.pattern.unwrap().matches;
    assert!(matches("image/png; \t\u{b}"));
    for terminator in ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"] {
        assert!(!matches(terminator), "{terminator:?}");
    }
}

proptest! {
    // Few different characters, so that both values that match and values that nearly match occur.
    #[test]
    fn what_a_pattern_means_here_is_what_it_means(
        value in prop_oneof!["[a01_ -]{0,12}", "[a1.,:/+=*!{}@_ -]{0,6}", "([0-9]{0,7}[.]?){0,4}", "(arn|x)?:?(aws)?:greengrass:?x?:aws:components:[a:]{0,2}", "[1-9]?[0-9]{0,3}", "(train|test|latest|normal|anomaly)[|a]?", "[ -~]{0,4}", "\\PC{0,4}", "[a\n\r\u{85}\u{2028}\u{2029}]{0,2}"],
    ) {
        // This regex engine has no Unicode classes.
        let patterns = SHAPES.iter().filter_map(|shape| shape.pattern);
        for pattern in patterns.filter(|pattern| !pattern.text.contains("\\p{")) {
            // Its dot matches every character except a line feed; Java's matches none of the line terminators. In a
            // class, a dot is just a dot.
            let text = match pattern.text.contains('[') {
                true => pattern.text.to_owned(),
                false => pattern.text.replace(".*", "[^\n\r\u{85}\u{2028}\u{2029}]*"),
            };
            let regex = Regex::new(&format!("^(?:{text})$")).unwrap();
            prop_assert_eq!((pattern.matches)(&value), regex.is_match(&value), "{} {:?}", pattern.text, value);
        }
    }
}
