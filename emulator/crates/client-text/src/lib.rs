//! Makes texts that a client controls safe to show.
//!
//! [`Shown`] cuts a value that a message repeats; [`cut`] and [`cut_bytes`] do the same to a whole text. [`escape`] and
//! [`escape_json`] escape the characters that would start a new line, move the cursor or change the reading order.

#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used
    )
)]

pub mod json;
pub mod spelling;

use std::{
    borrow::Cow,
    fmt::{self, Write},
};

/// A value in a message, cut after [`SHOWN_CHARACTERS_MAX`] characters and then marked with `…`
///
/// ```text
/// Value 'aaaa…' at 'projectName' failed to satisfy constraint: …
/// ```
pub struct Shown<T>(pub T);

/// The most characters of a value that a message repeats
// Guess: how much of a value AWS repeats is not known, and an answer of five megabytes helps nobody.
pub const SHOWN_CHARACTERS_MAX: usize = 1_024;

/// The mark at the place where a text was cut
pub const CUT: char = '…';

impl<T: fmt::Display> fmt::Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut beginning = Beginning {
            out: f,
            characters_left: SHOWN_CHARACTERS_MAX,
            is_cut: false,
        };
        let written = write!(beginning, "{}", self.0);
        match (beginning.is_cut, written) {
            // The error only told the value to stop writing.
            (true, _) => f.write_char(CUT),
            (false, written) => written,
        }
    }
}

/// Passes on the first `characters_left` characters, then fails
struct Beginning<'o, 'f> {
    out: &'o mut fmt::Formatter<'f>,
    characters_left: usize,
    is_cut: bool,
}

impl Write for Beginning<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fitting = beginning(text, self.characters_left);
        self.out.write_str(fitting)?;
        self.characters_left -= fitting.chars().count();
        self.is_cut = fitting.len() < text.len();
        if self.is_cut { Err(fmt::Error) } else { Ok(()) }
    }
}

/// A text, cut after `characters_max` characters and then marked with `…`
pub fn cut(text: &str, characters_max: usize) -> Cow<'_, str> {
    let fitting = beginning(text, characters_max);
    if fitting.len() == text.len() {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("{fitting}{CUT}"))
    }
}

/// A text, cut between two characters after at most `bytes_max` bytes and then marked with `…`
pub fn cut_bytes(text: &str, bytes_max: usize) -> Cow<'_, str> {
    match text.floor_char_boundary(bytes_max) {
        end if end < text.len() => {
            let fitting = text.get(..end).unwrap_or(text);
            Cow::Owned(format!("{fitting}{CUT}"))
        }
        _ => Cow::Borrowed(text),
    }
}

/// A text on one line, with hidden characters escaped: `\n` for a line feed, `\u{202e}` for a right-to-left override
pub fn escape(text: &str) -> Cow<'_, str> {
    if is_printable_ascii(text) || !text.contains(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_escaped(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// Whether a text has printable ASCII characters only, as most have; [`escape`] leaves it as it is
pub fn is_printable_ascii(text: &str) -> bool {
    // The fold never stops early, so the compiler can check many bytes at once.
    text.bytes()
        .fold(true, |all, byte| all & matches!(byte, b' '..=b'~'))
}

/// Like [`escape`], for JSON text without white space between its values; a parser still reads the same values
pub fn escape_json(json: String) -> String {
    escape_in_strings(json, is_escaped)
}

/// Like [`escape_json`], but keeps the line breaks and tabs between the values
pub fn escape_indented_json(json: String) -> String {
    escape_in_strings(json, |character| {
        !matches!(character, '\t' | '\n' | '\r') && is_escaped(character)
    })
}

fn escape_in_strings(json: String, is_escaped: fn(char) -> bool) -> String {
    if !json.contains(is_escaped) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_escaped(character) {
            // All of them have at most four digits and stand inside strings: serde_json has escaped the others.
            let _ = write!(escaped, "\\u{:04x}", u32::from(character)); // writing to a String cannot fail
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Splits a text at an ASCII separator
///
/// The same as `text.split(separator)`, but faster where pieces are short, because it looks at one byte at a time.
///
/// ```
/// assert_eq!(client_text::pieces("projects/a/", b'/').collect::<Vec<_>>(), ["projects", "a", ""]);
/// ```
pub fn pieces(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(at) = text.bytes().position(|byte| byte == separator) else {
            return rest.take();
        };
        rest = text.get(at + 1..);
        text.get(..at)
    })
}

/// Bytes as lower-case hexadecimal digits
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16);
    let digits = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.flatten().collect()
}

/// Whether a text matches a pattern, in which `*` stands for any characters and everything else for itself
///
/// ```
/// assert!(client_text::fits("arn:aws:iam::*:user/a*", "arn:aws:iam::123456789012:user/alice"));
/// assert!(!client_text::fits("alice", "alice2"));
/// ```
pub fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let (between, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in between.split('*') {
        // The first occurrence is the best one: it leaves the most text for the rest of the pattern.
        let Some((_, behind)) = text.split_once(piece) else {
            return false;
        };
        text = behind;
    }
    text.ends_with(last)
}

/// Reads a SHA-256 from its 64 hexadecimal digits; `None` for any other text
pub fn sha256_of_hex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let byte = |digits: &[u8]| match digits {
        [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
    bytes?.try_into().ok()
}

/// C0 and C1 controls and DEL; line and paragraph separators; and the characters that change the reading order, which
/// can make a text look like another one (Unicode Standard Annex 9, *Explicit directional formatting characters*).
fn is_escaped(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'
                | '\u{2029}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

fn beginning(text: &str, characters_max: usize) -> &str {
    // A character has at least one byte.
    if text.len() <= characters_max {
        return text;
    }
    text.char_indices()
        .nth(characters_max)
        .and_then(|(end, _)| text.get(..end))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_cut_between_characters_and_marked() {
        let longest = "é".repeat(SHOWN_CHARACTERS_MAX);
        assert_eq!(Shown(&longest).to_string(), longest);
        assert_eq!(Shown(format!("{longest}é")).to_string(), format!("{longest}…"));
        assert_eq!(cut("éé", 2), "éé");
        assert_eq!(cut("ééé", 2), "éé…");
        assert_eq!(cut("", 0), "");
        assert_eq!(cut_bytes("éé", 4), "éé");
        assert_eq!(cut_bytes("ééé", 5), "éé…");
    }

    #[test]
    fn what_begins_a_line_or_moves_a_cursor_is_written_out() {
        for (text, escaped, in_json) in [
            ("a\nb\r\tc", r"a\nb\r\tc", r#""a\nb\r\tc""#),
            (
                "\0\u{1b}[31m\u{7f}",
                r"\u{0}\u{1b}[31m\u{7f}",
                r#""\u0000\u001b[31m\u007f""#,
            ),
            ("\u{85}\u{9b}", r"\u{85}\u{9b}", r#""\u0085\u009b""#),
            ("\u{2028}\u{2029}", r"\u{2028}\u{2029}", r#""\u2028\u2029""#),
            (
                "\u{202e}\u{2066}\u{200f}\u{61c}",
                r"\u{202e}\u{2066}\u{200f}\u{61c}",
                r#""\u202e\u2066\u200f\u061c""#,
            ),
            ("Größe ✓ \\ \"", "Größe ✓ \\ \"", r#""Größe ✓ \\ \"""#),
        ] {
            assert_eq!(escape(text), escaped);
            let json = escape_json(serde_json::to_string(text).unwrap());
            assert_eq!(json, in_json);
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            let indented = serde_json::to_string_pretty(&[text]).unwrap();
            assert_eq!(escape_indented_json(indented), format!("[\n  {in_json}\n]"));
        }
    }

    #[test]
    fn a_star_is_any_characters_and_nothing_else_is_special() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "abc", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*b*c", "abbc", true),
            ("a*b*c", "acb", false),
            ("**", "abc", true),
            ("ab*bc", "abc", false),
            ("a?c", "abc", false),
            ("a?c", "a?c", true),
            ("", "a", false),
            ("", "", true),
            ("*ab*", "aab", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_value_that_writes_itself_is_stopped_where_it_is_cut() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("abc")?;
                }
            }
        }
        let shown = Shown(Endless).to_string();
        assert_eq!(shown.chars().count(), SHOWN_CHARACTERS_MAX + 1);
        assert!(shown.ends_with(CUT));
    }
}
