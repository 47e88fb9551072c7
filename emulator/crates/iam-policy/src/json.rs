//! A JSON reader that keeps what policies need and ordinary readers drop: the place of each value, and keys
//! that occur twice.
//!
//! AWS refuses duplicate keys (IAM User Guide, *Troubleshoot IAM policies*) and names the row and column of a
//! syntax error, so the reader has to keep both. It accepts RFC 8259 and nothing more.

use std::fmt;

/// A value and the byte offset where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node<'t> {
    pub(crate) offset: usize,
    pub(crate) value: Value<'t>,
}

/// A JSON value. Numbers keep their digits: policies compare them as exact decimals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value<'t> {
    Null,
    Bool(bool),
    Number(&'t str),
    String(String),
    Array(Vec<Node<'t>>),
    Object(Vec<Member<'t>>),
}

/// A key of an object with its value; duplicates are all kept, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member<'t> {
    pub(crate) key: String,
    pub(crate) key_offset: usize,
    pub(crate) value: Node<'t>,
}

impl Value<'_> {
    /// The name of the value's type in messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// Why a text is not JSON, and at which byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) offset: usize,
    pub(crate) problem: Problem,
}

/// What is wrong with the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    UnexpectedEnd,
    Unexpected(char),
    TrailingText,
    ControlCharacter,
    InvalidEscape,
    InvalidNumber,
    TooDeep,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedEnd => f.write_str("the text ends inside a value"),
            Self::Unexpected(character) => write!(f, "`{}` is not expected here", character.escape_debug()),
            Self::TrailingText => f.write_str("more text follows the policy"),
            Self::ControlCharacter => f.write_str("a string contains a control character"),
            Self::InvalidEscape => f.write_str("a string contains an invalid escape"),
            Self::InvalidNumber => f.write_str("a number is not written as JSON writes numbers"),
            Self::TooDeep => write!(f, "values are nested more than {JSON_DEPTH_MAX} deep"),
        }
    }
}

/// Reads one JSON text.
pub(crate) fn read(text: &str) -> Result<Node<'_>, SyntaxError> {
    let mut reader = Reader { text, offset: 0 };
    let node = reader.value(0)?;
    reader.skip_white_space();
    if reader.offset < text.len() {
        return Err(reader.error(Problem::TrailingText));
    }
    Ok(node)
}

struct Reader<'t> {
    text: &'t str,
    offset: usize,
}

impl<'t> Reader<'t> {
    fn value(&mut self, depth: usize) -> Result<Node<'t>, SyntaxError> {
        self.skip_white_space();
        let offset = self.offset;
        if depth > JSON_DEPTH_MAX {
            return Err(self.error(Problem::TooDeep));
        }
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Value::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => Value::Number(self.number()?),
            _ if self.word("true") => Value::Bool(true),
            _ if self.word("false") => Value::Bool(false),
            _ if self.word("null") => Value::Null,
            _ => return Err(self.unexpected()),
        };
        Ok(Node { offset, value })
    }

    fn object(&mut self, depth: usize) -> Result<Value<'t>, SyntaxError> {
        let mut members = Vec::new();
        self.offset += 1;
        self.skip_white_space();
        if self.eat(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_white_space();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected());
            }
            let key_offset = self.offset;
            let key = self.string()?;
            self.skip_white_space();
            if !self.eat(b':') {
                return Err(self.unexpected());
            }
            let value = self.value(depth + 1)?;
            members.push(Member {
                key,
                key_offset,
                value,
            });
            self.skip_white_space();
            if self.eat(b'}') {
                return Ok(Value::Object(members));
            }
            if !self.eat(b',') {
                return Err(self.unexpected());
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value<'t>, SyntaxError> {
        let mut items = Vec::new();
        self.offset += 1;
        self.skip_white_space();
        if self.eat(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.skip_white_space();
            if self.eat(b']') {
                return Ok(Value::Array(items));
            }
            if !self.eat(b',') {
                return Err(self.unexpected());
            }
        }
    }

    #[expect(
        clippy::string_slice,
        reason = "the offset stands behind a character that was read"
    )]
    fn string(&mut self) -> Result<String, SyntaxError> {
        self.offset += 1;
        let mut text = String::new();
        loop {
            let rest = &self.text[self.offset..];
            let plain = rest.find(|character: char| matches!(character, '"' | '\\' | '\0'..='\x1f'));
            let Some(plain) = plain else {
                self.offset = self.text.len();
                return Err(self.error(Problem::UnexpectedEnd));
            };
            text.push_str(&rest[..plain]);
            self.offset += plain;
            match self.peek() {
                Some(b'"') => {
                    self.offset += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                _ => return Err(self.error(Problem::ControlCharacter)),
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        let start = self.offset;
        let invalid = SyntaxError {
            offset: start,
            problem: Problem::InvalidEscape,
        };
        self.offset += 1;
        let Some(byte) = self.peek() else {
            return Err(self.error(Problem::UnexpectedEnd));
        };
        self.offset += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex().ok_or(invalid)?;
                let code = match first {
                    0xd800..=0xdbff => {
                        let second = if self.eat(b'\\') && self.eat(b'u') {
                            self.hex()
                        } else {
                            None
                        };
                        let low = second
                            .filter(|low| (0xdc00..=0xdfff).contains(low))
                            .ok_or(invalid)?;
                        0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00)
                    }
                    _ => first,
                };
                char::from_u32(code).ok_or(invalid)?
            }
            _ => {
                self.offset = start;
                return Err(invalid);
            }
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.offset..self.offset + 4)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        self.offset += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    #[expect(
        clippy::string_slice,
        reason = "the offset stands behind a character that was read"
    )]
    fn number(&mut self) -> Result<&'t str, SyntaxError> {
        let start = self.offset;
        let invalid = SyntaxError {
            offset: start,
            problem: Problem::InvalidNumber,
        };
        self.eat(b'-');
        let leading_zero = self.peek() == Some(b'0');
        let integer_digits = self.digits();
        if integer_digits == 0 || (leading_zero && integer_digits > 1) {
            return Err(invalid);
        }
        if self.eat(b'.') && self.digits() == 0 {
            return Err(invalid);
        }
        if self.eat(b'e') || self.eat(b'E') {
            if !self.eat(b'+') {
                self.eat(b'-');
            }
            if self.digits() == 0 {
                return Err(invalid);
            }
        }
        Ok(&self.text[start..self.offset])
    }

    fn digits(&mut self) -> usize {
        let start = self.offset;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.offset += 1;
        }
        self.offset - start
    }

    #[expect(
        clippy::string_slice,
        reason = "the offset stands behind a character that was read"
    )]
    fn word(&mut self, word: &str) -> bool {
        let found = self.text[self.offset..].starts_with(word);
        if found {
            self.offset += word.len();
        }
        found
    }

    fn skip_white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.offset += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.offset).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.offset += 1;
        }
        found
    }

    #[expect(
        clippy::string_slice,
        reason = "the offset stands behind a character that was read"
    )]
    fn unexpected(&self) -> SyntaxError {
        match self.text[self.offset..].chars().next() {
            Some(character) => self.error(Problem::Unexpected(character)),
            None => self.error(Problem::UnexpectedEnd),
        }
    }

    fn error(&self, problem: Problem) -> SyntaxError {
        SyntaxError {
            offset: self.offset,
            problem,
        }
    }
}

/// Line and column, both from one; the column counts characters.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    LineCounter::new(text).advance(offset)
}

/// Turns ascending offsets into lines and columns in one pass over the text.
pub(crate) struct LineCounter<'t> {
    text: &'t str,
    offset: usize,
    line: usize,
    column: usize,
}

impl<'t> LineCounter<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            text,
            offset: 0,
            line: 1,
            column: 1,
        }
    }

    /// Line and column of an offset that is no smaller than the one before.
    pub(crate) fn advance(&mut self, offset: usize) -> (usize, usize) {
        for character in self.text.get(self.offset..offset).unwrap_or("").chars() {
            if character == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.offset = self.offset.max(offset);
        (self.line, self.column)
    }
}

/// How deep values may be nested. A policy needs six levels; the reader recurses once per level.
pub const JSON_DEPTH_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, offset: usize, problem: Problem) {
        assert_eq!(read(text), Err(SyntaxError { offset, problem }), "{text}");
    }

    #[test]
    fn a_key_that_occurs_twice_is_there_twice() {
        let Value::Object(members) = read(r#"{"a": 1, "\u0061": -2.50e3}"#).unwrap().value else {
            panic!("not an object");
        };
        let keys: Vec<(&str, usize)> = members.iter().map(|m| (m.key.as_str(), m.key_offset)).collect();
        assert_eq!(keys, [("a", 1), ("a", 9)]);
        assert_eq!(members[1].value.value, Value::Number("-2.50e3"));
    }

    #[test]
    fn what_is_not_json_is_refused_where_it_goes_wrong() {
        refused("", 0, Problem::UnexpectedEnd);
        refused("{", 1, Problem::UnexpectedEnd);
        refused(r#"{"a":1,}"#, 7, Problem::Unexpected('}'));
        refused("[1,]", 3, Problem::Unexpected(']'));
        refused("{}{}", 2, Problem::TrailingText);
        refused("01", 0, Problem::InvalidNumber);
        refused("1.", 0, Problem::InvalidNumber);
        refused("[tru]", 1, Problem::Unexpected('t'));
        refused("\"a\nb\"", 2, Problem::ControlCharacter);
        refused(r#""\x""#, 1, Problem::InvalidEscape);
        refused(r#""\ud800""#, 1, Problem::InvalidEscape);
        refused(r#""\ud800\u0041""#, 1, Problem::InvalidEscape);
        refused(r#""\u12"#, 1, Problem::InvalidEscape);
        refused("'a'", 0, Problem::Unexpected('\''));
        refused("\u{feff}{}", 0, Problem::Unexpected('\u{feff}'));
    }

    #[test]
    fn nesting_has_a_limit() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read(&deep(JSON_DEPTH_MAX)).is_ok());
        assert_eq!(read(&deep(100_000)).unwrap_err().problem, Problem::TooDeep);
    }

    #[test]
    fn escapes_are_what_the_standard_says() {
        let node = read(r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#).unwrap();
        assert_eq!(node.value, Value::String("\"\\/\u{8}\u{c}\n\r\té😀".to_owned()));
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(line_and_column("ab\né=x", 6), (2, 3));
        assert_eq!(line_and_column("", 0), (1, 1));
    }
}
