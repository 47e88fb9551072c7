//! Policy variables: `${aws:username}`, `${aws:PrincipalTag/team, 'none'}` and the escapes `${*}`,
//! `${?}`, `${$}` (IAM User Guide, *Variables and tags*).
//!
//! They exist in documents of version 2012-10-17 only; before that the text stands for itself.
//!
//! A client chooses the values of some keys (`aws:UserAgent`, `aws:referer`), and a policy may name such a key a
//! thousand times, so the text that variables insert into one value of a policy is limited to
//! [`EXPANSION_BYTES_MAX`]. A value beyond the limit is not compared with anything. To say that it does not match
//! would be wrong half of the time: that would keep a Deny from applying, and would make `StringNotLike` of an Allow
//! true. So the clause that holds the value errs on the safe side: it keeps an Allow from applying, but not a Deny.
//! The explanation has a note about it.

use std::fmt;

use crate::context::{ContextKey, RequestContext, is_multivalued};

/// Bytes of text that variables may insert into one value of a policy.
// Guess: what AWS does with more is not documented. One value of a request's context can be this long,
// and an ARN a quarter of it.
pub const EXPANSION_BYTES_MAX: usize = 8_192;

/// A reference to a condition key, with the text to use when the key has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    key: ContextKey<'static>,
    default: Option<Box<str>>,
    /// Only single-valued keys can stand in a variable (IAM User Guide, *Variables and tags*).
    multivalued: bool,
}

/// What a `${...}` turned out to be.
pub(crate) enum Piece {
    Escaped(char),
    Variable(Variable),
}

impl Variable {
    /// Reads the variable at the start of `text`; returns it with the text after it.
    #[expect(
        clippy::string_slice,
        reason = "each place was found in this text, behind or before a character of one byte"
    )]
    pub(crate) fn read(text: &str) -> Result<(Piece, &str), VariableError> {
        let inside = text.strip_prefix("${").ok_or(VariableError::MissingBrace)?;
        for special in ['*', '?', '$'] {
            if let Some(after) = inside
                .strip_prefix(special)
                .and_then(|rest| rest.strip_prefix('}'))
            {
                return Ok((Piece::Escaped(special), after));
            }
        }

        let key_length = inside
            .find([',', '}', '{', '$', '\''])
            .ok_or(VariableError::MissingBrace)?;
        let (key, rest) = inside.split_at(key_length);
        let (default, after) = match rest.as_bytes() {
            [b'}', ..] => (None, &rest[1..]),
            [b',', ..] => {
                let quoted = rest[1..].trim_start_matches(' ').strip_prefix('\'');
                let quoted = quoted.ok_or(VariableError::MissingQuote)?;
                let length = quoted.find('\'').ok_or(VariableError::MissingQuote)?;
                let after = quoted[length + 1..]
                    .strip_prefix('}')
                    .ok_or(VariableError::MissingBrace)?;
                (Some(quoted[..length].into()), after)
            }
            [b'\'', ..] => return Err(VariableError::MissingComma),
            _ => return Err(VariableError::MissingBrace),
        };
        if key.is_empty() {
            return Err(VariableError::Empty);
        }
        if key.contains(char::is_whitespace) {
            return Err(VariableError::Space);
        }
        let multivalued = is_multivalued(key);
        Ok((
            Piece::Variable(Self {
                key: ContextKey::new(key.to_owned()),
                default,
                multivalued,
            }),
            after,
        ))
    }

    /// The name of the key.
    pub(crate) fn key(&self) -> &str {
        self.key.as_str()
    }

    /// Whether there is a text to use when the key has no value.
    pub(crate) fn has_default(&self) -> bool {
        self.default.is_some()
    }

    /// The text to insert; `None` when there is neither a single value nor a default.
    pub(crate) fn text<'a>(&'a self, context: &'a RequestContext<'_>) -> Option<&'a str> {
        match context.values_of(&self.key) {
            [value] if !self.multivalued => Some(value),
            _ => self.default.as_deref(),
        }
    }
}

/// Why a `${...}` is not a variable, named as in IAM Access Analyzer's policy checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VariableError {
    /// "Missing brace in variable"
    MissingBrace,
    /// "Missing quote in variable"
    MissingQuote,
    /// A default that no comma separates from the key
    MissingComma,
    /// "Unsupported space in variable"
    Space,
    /// "Empty variable"
    Empty,
}

impl fmt::Display for VariableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MissingBrace => "a variable is not closed by `}`",
            Self::MissingQuote => "the default of a variable is not between single quotes",
            Self::MissingComma => "no comma stands between a variable and its default",
            Self::Space => "a variable's key contains a space",
            Self::Empty => "a variable is empty",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, expected: VariableError) {
        assert_eq!(Variable::read(text).err(), Some(expected), "{text}");
    }

    #[test]
    fn what_is_not_a_variable_says_why() {
        refused("${aws:username", VariableError::MissingBrace);
        refused("${aws:username, 'x'", VariableError::MissingBrace);
        refused("${aws:${x}}", VariableError::MissingBrace);
        refused("${aws:username, 'x}", VariableError::MissingQuote);
        refused("${aws:username, x}", VariableError::MissingQuote);
        refused("${aws:username 'x'}", VariableError::MissingComma);
        refused("${}", VariableError::Empty);
        refused("${ aws:username }", VariableError::Space);
    }

    #[test]
    fn not_even_a_tag_key_may_hold_a_space() {
        refused("${aws:PrincipalTag/cost center}", VariableError::Space);
    }
}
