//! A report as a person reads it, made from its JSON, which may come from here or from a running emulator.

use std::fmt::Write as _;

use client_text::escape;
use serde_json::Value;

use super::super::words::{count, decided_by, near_miss, text};

/// The report in lines
pub(crate) fn lines(report: &Value) -> String {
    let number = |name: &str| report[name].as_u64().unwrap_or_default();
    let mut lines = format!(
        "{}: {} would be denied, {} would be allowed, {} unchanged\n",
        count(number("requests"), "call"),
        number("now_denied"),
        number("now_allowed"),
        number("unchanged")
    );
    let mut line = |text: String| writeln!(lines, "{}", escape(&text)).expect("a text takes everything");
    for flip in report["flips"].as_array().into_iter().flatten() {
        let is_allowed = flip["after"]["decision"] == "allowed";
        line(format!(
            "{} {}: {} on {} by {}",
            if is_allowed {
                "now allowed,"
            } else {
                "now denied, "
            },
            count(flip["count"].as_u64().unwrap_or_default(), "call"),
            text(&flip["action"]),
            text(&flip["resource"]),
            text(&flip["principal"])
        ));
        line(format!("  before: {}", what(&flip["before"])));
        line(format!("  after:  {}", what(&flip["after"])));
        line(format!(
            "  last:   {} at {}",
            text(&flip["request_id"]),
            text(&flip["time"])
        ));
    }
    for (name, what) in [
        ("evicted", "evicted from the journal"),
        ("undecidable", "not kept whole by the journal"),
    ] {
        let number = number(name);
        if number > 0 {
            line(format!(
                "note: {} {what}, and what would become of {} is not known",
                if number == 1 {
                    "1 entry was".to_owned()
                } else {
                    format!("{number} entries were")
                },
                if number == 1 { "it" } else { "them" }
            ));
        }
    }
    lines
}

/// `allowed by statement 0 of VPC endpoint policy 0 (`Line`)`
fn what(decided: &Value) -> String {
    let decision = text(&decided["decision"]);
    if let Some(by) = decided_by(&decided["decided_by"]) {
        return format!("{decision} by {by}");
    }
    match near_miss(&decided["near_miss"]) {
        Some(near_miss) => format!("{decision}; nearest is {near_miss}"),
        None => decision.to_owned(),
    }
}
