//! Findings as a SARIF log, which code hosts and editors read (OASIS, *Static Analysis Results Interchange Format
//! 2.1.0*).

use iam_policy::{Finding, FindingCode, Severity};
use serde_json::{Value, json};

use super::Report;
use crate::workbench::file_uri;

/// The log of one call: every code is a rule, whether or not it was found
pub(super) fn log(report: &Report) -> Value {
    let rules: Vec<Value> = FindingCode::ALL.iter().map(|code| rule(*code)).collect();
    let results: Vec<Value> = report
        .findings()
        .map(|(file, finding)| result(file, finding))
        .collect();
    let notifications: Vec<Value> = report
        .unreadable
        .iter()
        .map(|message| json!({"level": "error", "message": {"text": message}}))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "lookoutvision-emulator",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "invocations": [{
                "executionSuccessful": report.unreadable.is_empty(),
                "toolExecutionNotifications": notifications,
            }],
            // Columns count characters, not the UTF-16 code units that SARIF assumes.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: FindingCode) -> Value {
    json!({
        "id": code.as_str(),
        "shortDescription": {"text": code.description()},
        "defaultConfiguration": {"level": level(code.severity())},
    })
}

fn result(file: &str, finding: &Finding) -> Value {
    let index = FindingCode::ALL.iter().position(|code| *code == finding.code);
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": {"uri": file_uri(file)},
            "region": {"startLine": finding.line, "startColumn": finding.column},
        },
    });
    if !finding.path.is_empty() {
        location["logicalLocations"] = json!([{"fullyQualifiedName": finding.path}]);
    }
    json!({
        "ruleId": finding.code.as_str(),
        "ruleIndex": index.expect("ALL has every code"),
        "level": level(finding.severity),
        "message": {"text": finding.message},
        "locations": [location],
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
