//! SARIF notes (OASIS, *Static Analysis Results Interchange Format 2.1.0*): what no request reached, at line and
//! column.

use iam_policy::Place;
use serde_json::{Value, json};

use super::{super::words::file_uri, CoverageReport};

pub(super) fn log(report: &CoverageReport) -> String {
    let mut results = Vec::new();
    for document in &report.documents {
        let Some(file) = &document.file else { continue };
        let mut note = |rule: &str, place: &Place, message: String| {
            results.push(json!({
                "ruleId": rule,
                "level": "note",
                "message": {"text": message},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": file_uri(file)},
                    "region": {"startLine": place.line, "startColumn": place.column},
                }}],
            }));
        };
        for statement in &document.coverage.statements {
            if statement.matched == 0 {
                let message = format!("none of {} requests matched this statement", statement.evaluated);
                note("statement-never-matched", &statement.place, message);
            }
            for element in statement.elements.iter().filter(|element| element.matched == 0) {
                let message = format!("no request matched `{}`", element.value);
                note("element-never-matched", &element.place, message);
            }
            for condition in statement
                .conditions
                .iter()
                .filter(|condition| !condition.is_covered())
            {
                let what = match (condition.was_true, condition.was_false) {
                    (0, 0) => "never asked",
                    (0, _) => "never true",
                    (_, _) => "never false",
                };
                let message = format!("{} on {} was {what}", condition.operator, condition.key);
                note("condition-one-sided", &condition.place, message);
            }
        }
    }
    let rules: Vec<Value> = RULES
        .iter()
        .map(|(id, text)| json!({"id": id, "shortDescription": {"text": text}}))
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "lookoutvision-emulator",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            // Columns count characters, not the UTF-16 code units that SARIF assumes.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

const RULES: [(&str, &str); 3] = [
    ("statement-never-matched", "A statement that no request matched"),
    (
        "element-never-matched",
        "A pattern or a value that no request matched",
    ),
    (
        "condition-one-sided",
        "A condition that was not both true and false",
    ),
];
