//! `ArnLike` and `ArnEquals`, which behave alike: six parts, each compared on its own, wildcards in all of
//! them (IAM User Guide, *Condition operators*).
//!
//! A pattern without six parts loads, because documents with `"ArnEquals": {"aws:SourceArn": "*"}` are attached
//! and in force. Guess: `*` alone matches every ARN, as their authors mean it; every other short pattern matches
//! no ARN, as in known engines.

use crate::arn::{ARN_PARTS, split};
use crate::context::RequestContext;
use crate::pattern::{
    Pattern, Syntax, TemplateToken, Token, Variables, Wildcards, expand, overflows, resolve, tokenize,
    tokens_match,
};
use crate::variable::{Variable, VariableError};

/// A pattern for ARNs.
#[derive(Debug, Clone)]
pub(crate) enum ArnPattern {
    Parts(Box<[Pattern; ARN_PARTS]>),
    /// `*`: every ARN.
    Every,
    /// No ARN: the pattern has fewer than six parts or does not begin as an ARN does.
    Nothing,
    /// Variables may insert colons, even a whole ARN, so the pattern is split only after they are filled in.
    Template(Box<[TemplateToken]>),
}

impl ArnPattern {
    /// # Errors
    /// If a variable is not well formed.
    pub(crate) fn compile(text: &str, variables: Variables) -> Result<Self, VariableError> {
        let syntax = Syntax {
            wildcards: Wildcards::Glob,
            variables,
        };
        let tokens = tokenize(text, syntax)?;
        if tokens
            .iter()
            .any(|token| matches!(token, TemplateToken::Variable(_)))
        {
            return Ok(Self::Template(tokens.into()));
        }
        if text == "*" {
            return Ok(Self::Every);
        }
        let Some(parts) = split_pattern(text) else {
            return Ok(Self::Nothing);
        };
        let compile = |part| Pattern::compile(part, syntax);
        let parts = [
            compile(parts[0])?,
            compile(parts[1])?,
            compile(parts[2])?,
            compile(parts[3])?,
            compile(parts[4])?,
            compile(parts[5])?,
        ];
        let is_prefix_possible = parts[0].matches("arn", &RequestContext::new());
        Ok(if is_prefix_possible {
            Self::Parts(Box::new(parts))
        } else {
            Self::Nothing
        })
    }

    /// Whether no ARN matches the pattern, whatever the request is.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// The six parts, if they are known before the request is.
    pub(crate) fn parts(&self) -> Option<&[Pattern; ARN_PARTS]> {
        match self {
            Self::Parts(parts) => Some(parts),
            Self::Every | Self::Nothing | Self::Template(_) => None,
        }
    }

    pub(super) fn matches(&self, value: &str, context: &RequestContext<'_>) -> bool {
        let Some(value) = split(value) else {
            return false;
        };
        match self {
            Self::Every => true,
            Self::Nothing => false,
            Self::Parts(parts) => parts
                .iter()
                .zip(value)
                .all(|(pattern, part)| pattern.matches(part, context)),
            Self::Template(tokens) => expand(tokens, context).is_some_and(|tokens| {
                split_tokens(&tokens).is_some_and(|parts| {
                    parts
                        .iter()
                        .zip(value)
                        .all(|(pattern, part)| tokens_match(pattern, part))
                })
            }),
        }
    }

    pub(crate) fn has_variables(&self) -> bool {
        matches!(self, Self::Template(_))
    }

    /// Whether the variables insert more text than is allowed; then no value matches.
    pub(super) fn overflows(&self, context: &RequestContext<'_>) -> bool {
        matches!(self, Self::Template(tokens) if overflows(tokens, context))
    }

    /// The pattern with its variables replaced by their values; `None` when it then matches nothing.
    pub(super) fn resolved(&self, context: &RequestContext<'_>) -> Option<Self> {
        match self {
            Self::Parts(_) | Self::Every | Self::Nothing => Some(self.clone()),
            Self::Template(tokens) => resolve(tokens, context).map(|tokens| Self::Template(tokens.into())),
        }
    }

    pub(crate) fn variables(&self) -> impl Iterator<Item = &Variable> {
        let tokens: &[TemplateToken] = match self {
            Self::Parts(_) | Self::Every | Self::Nothing => &[],
            Self::Template(tokens) => tokens,
        };
        tokens.iter().filter_map(|token| match token {
            TemplateToken::Variable(variable) => Some(variable),
            TemplateToken::Fixed(_) => None,
        })
    }
}

/// The six parts of a pattern, including the first, which may also hold wildcards; `None` when there are fewer.
fn split_pattern(text: &str) -> Option<[&str; ARN_PARTS]> {
    let mut pieces = text.splitn(ARN_PARTS, ':');
    let mut parts = [""; ARN_PARTS];
    for part in &mut parts {
        *part = pieces.next()?;
    }
    Some(parts)
}

/// Splits tokens at the first five colons; `None` when there are fewer.
#[expect(
    clippy::indexing_slicing,
    reason = "`current` rises to the last of the six parts and no further"
)]
fn split_tokens<'a>(tokens: &[Token<&'a str>]) -> Option<[Vec<Token<&'a str>>; ARN_PARTS]> {
    let mut parts: [Vec<Token<&str>>; ARN_PARTS] = Default::default();
    let mut current = 0;
    for token in tokens {
        let Token::Text(mut text) = *token else {
            parts[current].push(*token);
            continue;
        };
        while current < ARN_PARTS - 1
            && let Some((before, after)) = text.split_once(':')
        {
            parts[current].push(Token::Text(before));
            current += 1;
            text = after;
        }
        parts[current].push(Token::Text(text));
    }
    (current == ARN_PARTS - 1).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, value: &str, expected: bool) {
        let mut context = RequestContext::new();
        context.insert("aws:PrincipalAccount", "123456789012");
        context.insert("aws:PrincipalArn", "arn:aws:iam::123456789012:user/al*ce");
        let pattern = ArnPattern::compile(pattern, Variables::Expand).unwrap();
        assert_eq!(pattern.matches(value, &context), expected, "{pattern:?} {value}");
    }

    #[test]
    fn a_star_stays_within_its_part() {
        check("arn:aws:iam::*:role/x", "arn:aws:iam::123456789012:role/x", true);
        check(
            "arn:aws:s:*:111122223333:f/*",
            "arn:aws:s:us-east-2:999999999999:store/abc:111122223333:f/d",
            false,
        );
        check("arn:aws:iam::*:role/*", "role/x", false);
    }

    #[test]
    fn variables_may_bring_a_part_or_a_whole_arn_and_are_literal() {
        check(
            "arn:aws:iam::${aws:PrincipalAccount}:role/*",
            "arn:aws:iam::123456789012:role/x",
            true,
        );
        check(
            "${aws:PrincipalArn}",
            "arn:aws:iam::123456789012:user/al*ce",
            true,
        );
        check(
            "${aws:PrincipalArn}",
            "arn:aws:iam::123456789012:user/alice",
            false,
        );
        check("${aws:username}", "arn:aws:iam::123456789012:user/alice", false);
        check(
            "${aws:PrincipalAccount}",
            "arn:aws:iam::123456789012:user/alice",
            false,
        );
    }

    #[test]
    fn a_star_alone_matches_every_arn_and_no_other_short_pattern_matches_any() {
        check("*", "arn:aws:iam::123456789012:role/x", true);
        check("*", "123456789012", false);
        for pattern in [
            "arn:aws:iam::123456789012",
            "arn:aws:iam:role/x",
            "arn:*",
            "**",
            "?*",
            "",
            "a",
        ] {
            check(pattern, "arn:aws:iam::123456789012:role/x", false);
        }
    }

    #[test]
    fn the_first_part_is_compared_like_the_others() {
        check("*:aws:iam::*:role/x", "arn:aws:iam::123456789012:role/x", true);
        check("urn:aws:iam::*:role/x", "arn:aws:iam::123456789012:role/x", false);
    }
}
