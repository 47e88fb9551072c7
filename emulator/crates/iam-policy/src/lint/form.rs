//! Forms: what texts of a kind look like, and whether any of them can match a pattern.

use crate::pattern::{TemplateToken, Token};

/// A piece of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// This character.
    Char(char),
    /// One character of a class.
    One(Class),
    /// One character of a class, or none.
    Maybe(Class),
    /// Any number of characters of a class, including none.
    Run(Class),
}

/// A class of characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Digit,
    Hexadecimal,
    Lower,
    LowerOrDigit,
    LowerOrDash,
    UpperOrDigit,
    /// In names of users and roles (IAM API reference, `CreateUser`).
    Name,
    /// In IP addresses of either family.
    Address,
    /// Every character except the slash, which separates names.
    NotSlash,
    Any,
}

impl Class {
    fn holds(self, character: char) -> bool {
        match self {
            Self::Digit => character.is_ascii_digit(),
            Self::Hexadecimal => matches!(character, '0'..='9' | 'a'..='f'),
            Self::Lower => character.is_ascii_lowercase(),
            Self::LowerOrDigit => character.is_ascii_lowercase() || character.is_ascii_digit(),
            Self::LowerOrDash => character.is_ascii_lowercase() || character == '-',
            Self::UpperOrDigit => character.is_ascii_uppercase() || character.is_ascii_digit(),
            Self::Name => character.is_alphanumeric() || "+=,.@_-".contains(character),
            Self::Address => character.is_ascii_hexdigit() || matches!(character, '.' | ':'),
            Self::NotSlash => character != '/',
            Self::Any => true,
        }
    }
}

/// Whether the case of letters matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Counts,
    Ignored,
}

/// One kind of text, in pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Form(Vec<Piece>);

impl Form {
    /// The form of this text alone.
    pub(super) fn text(text: &str) -> Self {
        Self(text.chars().map(Piece::Char).collect())
    }

    /// A run of at least one character of a class.
    pub(super) fn some(class: Class) -> Self {
        Self(vec![Piece::One(class), Piece::Run(class)])
    }

    /// Exactly `count` characters of a class.
    pub(super) fn times(class: Class, count: usize) -> Self {
        Self(vec![Piece::One(class); count])
    }

    /// At most `count` characters of a class.
    pub(super) fn up_to(class: Class, count: usize) -> Self {
        Self(vec![Piece::Maybe(class); count])
    }

    /// The form of a resource type's ARN part: `${...}` is one or more characters other than a slash.
    #[expect(
        clippy::string_slice,
        reason = "both places were found in this text and are boundaries of characters"
    )]
    pub(super) fn of_arn_part(text: &str) -> Self {
        let mut form = Self::default();
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            if rest.starts_with("${")
                && let Some(end) = rest.find('}')
            {
                form = form.then(Self::some(Class::NotSlash));
                rest = &rest[end + 1..];
            } else {
                form.0.push(Piece::Char(character));
                rest = &rest[character.len_utf8()..];
            }
        }
        form
    }

    /// This form followed by `next`.
    pub(super) fn then(mut self, next: Self) -> Self {
        self.0.extend(next.0);
        self
    }

    /// Whether there is a text that has the form and matches the pattern. It finds the pairs of places in the two that
    /// can be reached by reading the same text. The cost is the product of their lengths.
    #[expect(
        clippy::indexing_slicing,
        reason = "`reached` has a place for each piece and one more"
    )]
    pub(super) fn overlaps(&self, pattern: &[TemplateToken], case: Case) -> bool {
        // `reached[place]`: the pieces before `place` may have been read.
        let mut reached = vec![false; self.0.len() + 1];
        reached[0] = true;
        self.skip(&mut reached);
        for token in pattern {
            match token {
                // The value of a variable is not known, so it can be anything.
                TemplateToken::Variable(_) | TemplateToken::Fixed(Token::Any) => {
                    if let Some(first) = reached.iter().position(|&is_reached| is_reached) {
                        reached[first..].fill(true);
                    }
                }
                TemplateToken::Fixed(Token::One) => reached = self.step(&reached, |_| true),
                TemplateToken::Fixed(Token::Text(text)) => {
                    for character in text.chars() {
                        reached = self.step(&reached, |piece| accepts(piece, character, case));
                    }
                }
            }
        }
        reached[self.0.len()]
    }

    /// Reads one character.
    #[expect(
        clippy::indexing_slicing,
        reason = "`reached` has a place for each piece and one more"
    )]
    fn step(&self, reached: &[bool], accepts: impl Fn(Piece) -> bool) -> Vec<bool> {
        let mut next = vec![false; reached.len()];
        for (place, piece) in self.0.iter().enumerate() {
            if reached[place] && accepts(*piece) {
                next[if matches!(piece, Piece::Run(_)) {
                    place
                } else {
                    place + 1
                }] = true;
            }
        }
        self.skip(&mut next);
        next
    }

    /// Skips pieces that are optional.
    #[expect(
        clippy::indexing_slicing,
        reason = "`reached` has a place for each piece and one more"
    )]
    fn skip(&self, reached: &mut [bool]) {
        for (place, piece) in self.0.iter().enumerate() {
            if reached[place] && matches!(piece, Piece::Maybe(_) | Piece::Run(_)) {
                reached[place + 1] = true;
            }
        }
    }
}

fn accepts(piece: Piece, character: char, case: Case) -> bool {
    let exactly = |character: char| match piece {
        Piece::Char(expected) => expected == character,
        Piece::One(class) | Piece::Maybe(class) | Piece::Run(class) => class.holds(character),
    };
    match case {
        Case::Counts => exactly(character),
        Case::Ignored => exactly(character.to_ascii_lowercase()) || exactly(character.to_ascii_uppercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::{Pattern, Syntax, Variables, Wildcards};

    #[track_caller]
    fn check(form: &Form, pattern: &str, expected: bool) {
        let syntax = Syntax {
            wildcards: Wildcards::Glob,
            variables: Variables::Expand,
        };
        let tokens = Pattern::compile(pattern, syntax).unwrap().tokens();
        assert_eq!(form.overlaps(&tokens, Case::Counts), expected, "{pattern:?}");
    }

    #[test]
    fn runs_and_what_may_be_missing_are_read_as_often_as_they_may_be() {
        let id = Form::text("o-")
            .then(Form::times(Class::LowerOrDigit, 2))
            .then(Form::up_to(Class::LowerOrDigit, 2));
        for (pattern, expected) in [
            ("o-ab", true),
            ("o-abcd", true),
            ("o-abcde", false),
            ("o-a", false),
            ("o-???", true),
            ("o-?????", false),
            ("*", true),
            ("o-*z", true),
            ("*Z", false),
            ("${aws:username}", true),
            ("", false),
        ] {
            check(&id, pattern, expected);
        }
        let digits = Form::some(Class::Digit);
        for (pattern, expected) in [
            ("", false),
            ("1", true),
            ("1234567", true),
            ("12a", false),
            ("?*", true),
        ] {
            check(&digits, pattern, expected);
        }
    }

    #[test]
    fn case_can_be_ignored() {
        let form = Form::text("AssumedRole");
        let tokens = Pattern::literal("assumedROLE").tokens();
        assert!(form.overlaps(&tokens, Case::Ignored));
        assert!(!form.overlaps(&tokens, Case::Counts));
    }
}
