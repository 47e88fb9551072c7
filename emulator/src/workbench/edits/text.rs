//! Edits as a person reads them, from their JSON.

use std::fmt::Write as _;

use client_text::escape;
use serde_json::Value;

use super::super::words::{count, text};

/// What was decided and what would let the call through, in lines; at the end a test that expects what was decided
pub(crate) fn edit_lines(edits: &Value) -> String {
    let mut lines = String::new();
    let mut line = |text: &str| writeln!(lines, "{}", escape(text)).expect("a text takes everything");
    line(text(&edits["summary"]));
    let replaced = &edits["replaced"];
    if replaced.is_object() {
        line(&format!(
            "the policy of {} was replaced since; the present one says: {}",
            text(&replaced["vpc_endpoint_id"]),
            text(&replaced["summary"])
        ));
    }
    for note in edits["notes"].as_array().into_iter().flatten() {
        line(&format!("note: {}", text(note)));
    }
    for (number, edit) in edits["edits"].as_array().into_iter().flatten().enumerate() {
        line("");
        line(&format!(
            "{}. {}, in {} {}",
            number + 1,
            text(&edit["description"]),
            text(&edit["policy_type"]),
            edit["policy"]
        ));
        let flips = |name: &str| edit[name].as_u64().unwrap_or_default();
        line(&format!(
            "   of {} in the journal, {} would be allowed and {} would be denied",
            count(flips("requests"), "call"),
            flips("now_allowed"),
            flips("now_denied")
        ));
        for diff_line in text(&edit["diff"]).lines() {
            line(&format!("   {diff_line}"));
        }
        for finding in edit["findings"].as_array().into_iter().flatten() {
            line(&format!("   policy lint: {}", text(&finding["message"])));
        }
    }
    if let Some(test) = edits["test"].as_object() {
        line("");
        let what = match text(&test["expect"]) {
            "allowed" => "The call",
            _ => "The refusal",
        };
        line(&format!(
            "{what} as a test for `policy test`, to stand under `tests:`"
        ));
        let members = TEST_KEYS.iter().filter_map(|key| Some((key, test.get(*key)?)));
        for (index, (key, value)) in members.enumerate() {
            // JSON is YAML.
            line(&format!(
                "  {} {key}: {value}",
                if index == 0 { "-" } else { " " }
            ));
        }
    }
    lines
}

/// The members of a test, in the order in which people write them
const TEST_KEYS: [&str; 9] = [
    "name",
    "operation",
    "resource",
    "principal",
    "vpc_endpoint_id",
    "region",
    "source_ip",
    "context",
    "expect",
];
