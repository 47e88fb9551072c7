//! Words of reports that people read, from the JSON that programs read.

use iam_policy::DecidedBy;
use serde::{Deserialize as _, Serialize};
use serde_json::Value;

/// A text, or what stands for one that is not known
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

/// JSON of several lines, with nothing in it that moves a cursor
pub(crate) fn pretty_json(value: &impl Serialize) -> String {
    let json = serde_json::to_string_pretty(value).expect("what is reported has string keys");
    let lines = json
        .lines()
        .map(|line| client_text::escape_json(line.to_owned()) + "\n");
    lines.collect()
}

/// `1 call`, `2 calls`
pub(crate) fn count(number: u64, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    }
}

/// `statement 0 of VPC endpoint policy 0 (`Line`)`
pub(super) fn decided_by(value: &Value) -> Option<String> {
    DecidedBy::deserialize(value).ok().map(|by| by.to_string())
}

/// The same with why it does not apply
pub(super) fn near_miss(value: &Value) -> Option<String> {
    Some(format!("{}: {}", decided_by(value)?, value["reason"].as_str()?))
}
