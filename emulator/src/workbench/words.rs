//! Words for reports that people read, made from the JSON that programs read, and names in the forms that report
//! formats need.

use std::borrow::Cow;

use iam_policy::DecidedBy;
use serde::{Deserialize as _, Serialize};
use serde_json::Value;

/// A text, or a placeholder if it is unknown
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

/// JSON on several lines, without anything that moves a cursor
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

/// A statement with the reason why it does not apply
pub(super) fn near_miss(value: &Value) -> Option<String> {
    Some(format!("{}: {}", decided_by(value)?, value["reason"].as_str()?))
}

/// A text for XML; characters that XML does not have are written out, as `\u{ffff}`
///
/// Extensible Markup Language 1.0, section 2.2, production `Char`. Control characters that XML only advises against are
/// written out as well.
pub(crate) fn xml_text(text: &str) -> Cow<'_, str> {
    let is_written_out = |character: char| match character {
        '\t' | '\n' => false,
        '\u{fffe}' | '\u{ffff}' => true,
        other => other.is_control(),
    };
    if !text.contains(is_written_out) {
        return Cow::Borrowed(text);
    }
    let mut written = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match is_written_out(character) {
            true => written.extend(character.escape_default()),
            false => written.push(character),
        }
    }
    Cow::Owned(written)
}

/// The file as a URI reference (RFC 3986): a relative path stays relative, to whatever the log's reader calls the root
pub(crate) fn file_uri(file: &str) -> String {
    let mut uri = String::with_capacity(file.len() + 8);
    if file.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in file.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_file_uri() {
        assert_eq!(
            file_uri("policies/my endpoint.json"),
            "policies/my%20endpoint.json"
        );
        assert_eq!(file_uri("/etc/ä:b.json"), "file:///etc/%C3%A4%3Ab.json");
        assert_eq!(file_uri("<stdin>"), "%3Cstdin%3E");
    }

    #[test]
    fn what_xml_cannot_have_is_written_out() {
        assert_eq!(xml_text("a\tb\n<é>"), "a\tb\n<é>");
        assert_eq!(
            xml_text("\u{0}\u{1b}\u{85}\u{fffd}\u{fffe}\u{ffff}\u{10ffff}"),
            "\\u{0}\\u{1b}\\u{85}\u{fffd}\\u{fffe}\\u{ffff}\u{10ffff}"
        );
    }
}
