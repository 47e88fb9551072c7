//! Text files as people leave them: with a byte order mark, in another encoding, in another format than the one that is
//! read here, or a document in the place of a path.
//!
//! All of this is about files alone. What comes over the wire is read as AWS reads it.

use std::borrow::Cow;

use iam_policy::{Finding, FindingCode};

use super::yaml::is_yaml_mapping;

/// A file is not UTF-8 text; the message follows the name of the file
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EncodingError {
    /// It begins with the byte order mark of UTF-16
    #[error("is UTF-16 text, as its byte order mark says; save it as UTF-8")]
    Utf16,
    /// It is anything else
    #[error("is not UTF-8 text")]
    NotUtf8,
}

/// The text of a file, without the byte order mark that it may begin with (Unicode, section 23.8)
///
/// # Errors
/// When it is not UTF-8.
pub(crate) fn decode(bytes: Vec<u8>) -> Result<String, EncodingError> {
    if [UTF_16_LE, UTF_16_BE].iter().any(|mark| bytes.starts_with(mark)) {
        return Err(EncodingError::Utf16);
    }
    String::from_utf8(without_mark(bytes)).map_err(|_| EncodingError::NotUtf8)
}

/// The bytes of a file that holds UTF-8, without its byte order mark
pub(crate) fn without_mark(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.starts_with(UTF_8) {
        bytes.drain(..UTF_8.len());
    }
    bytes
}

/// The first line of an input, without the byte order mark of the whole
pub(crate) fn line_without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(UTF_8).unwrap_or(line)
}

/// Whether somebody wrote a document where its path is expected; asked only when there is no such file
pub(crate) fn is_document(path: &str) -> bool {
    let text = path.trim_start();
    text.starts_with(['{', '[']) || text.starts_with("-----BEGIN ") || text.contains('\n')
}

/// The message about a policy file, which may be YAML instead of JSON
pub(crate) fn policy_message<'f>(finding: &'f Finding, text: &str) -> Cow<'f, str> {
    // A text that begins like JSON is meant as JSON, although most of it would be YAML too.
    let is_meant_as_json = text.trim_start().starts_with(['{', '[']);
    if finding.code == FindingCode::SyntaxError && !is_meant_as_json && is_yaml_mapping(text) {
        Cow::Borrowed("this is YAML: policy files are JSON; YAML is read inline in the configuration")
    } else {
        Cow::Borrowed(&finding.message)
    }
}

/// The message about a document where a path is expected
pub(crate) const NOT_A_PATH: &str = "this is a document, not a path";

const UTF_8: &[u8] = b"\xef\xbb\xbf";
const UTF_16_LE: &[u8] = b"\xff\xfe";
const UTF_16_BE: &[u8] = b"\xfe\xff";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_order_mark_at_the_beginning_is_no_part_of_the_text() {
        for (bytes, text) in [
            (&b"{}"[..], Ok("{}")),
            (b"\xef\xbb\xbf{}", Ok("{}")),
            (b"\xef\xbb\xbf\xef\xbb\xbf{}", Ok("\u{feff}{}")),
            (b"{}\xef\xbb\xbf", Ok("{}\u{feff}")),
            (b"\xef\xbb", Err(EncodingError::NotUtf8)),
            (b"\xff\xfe{\0}\0", Err(EncodingError::Utf16)),
            (b"\xfe\xff\0{\0}", Err(EncodingError::Utf16)),
        ] {
            let expected = text.map(str::to_owned);
            assert_eq!(decode(bytes.to_vec()), expected, "{bytes:?}");
        }
    }

    #[test]
    fn documents_are_told_from_paths() {
        for document in [
            r#"{"Statement": []}"#,
            "  [1]",
            "Version: 1\nStatement: []",
            "-----BEGIN CERTIFICATE-----",
        ] {
            assert!(is_document(document), "{document}");
        }
        for path in ["policy.json", "a b/{x}.json", "-", "", "--help", "Version: 1"] {
            assert!(!is_document(path), "{path}");
        }
    }
}
