//! Patterns: text with wildcards and policy variables, split into tokens when the policy is loaded.
//!
//! `*` is any run of characters, including none, and `?` exactly one character (IAM User Guide,
//! *Resource* and *Condition operators*). There is no escape except the variables `${*}`, `${?}` and
//! `${$}`. Text that a variable inserts is literal even when it holds a `*`.
//!
//! The cost of a match is at most proportional to the length of the pattern times the length of the text,
//! whatever they hold: see [`glob`].

mod glob;

use std::fmt;

use crate::context::RequestContext;
use crate::variable::{EXPANSION_BYTES_MAX, Variable, VariableError};

pub(crate) use glob::tokens_match;

/// One piece of a pattern; `S` owns the text in a stored pattern and borrows it while a request is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<S> {
    /// This text and nothing else.
    Text(S),
    /// `?`: exactly one character.
    One,
    /// `*`: any run of characters.
    Any,
}

/// Which special characters a pattern may have at its place in a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Syntax {
    pub(crate) wildcards: Wildcards,
    pub(crate) variables: Variables,
}

/// Whether `*` and `?` are wildcards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wildcards {
    Glob,
    Literal,
}

/// Whether `${...}` is a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variables {
    Expand,
    Literal,
}

/// A compiled pattern that remembers how it was written.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: Box<str>,
    shape: Shape,
}

/// The common forms have their own variants because they match without looking at tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    Any,
    Exact(Box<str>),
    Prefix(Box<str>),
    Glob(Box<[Token<Box<str>>]>),
    Template(Box<[TemplateToken]>),
}

/// A piece of a pattern with variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TemplateToken {
    Fixed(Token<Box<str>>),
    Variable(Variable),
}

impl Pattern {
    /// Compiles a pattern.
    pub(crate) fn compile(text: &str, syntax: Syntax) -> Result<Self, VariableError> {
        let tokens = tokenize(text, syntax)?;
        Ok(Self {
            text: text.into(),
            shape: Shape::of(tokens),
        })
    }

    /// A pattern in which every character stands for itself.
    pub(crate) fn literal(text: &str) -> Self {
        Self {
            text: text.into(),
            shape: Shape::Exact(text.into()),
        }
    }

    /// The pattern as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether every text matches, in any request.
    pub(crate) fn is_any(&self) -> bool {
        self.shape == Shape::Any
    }

    /// The pieces of the pattern, in order.
    pub(crate) fn tokens(&self) -> Vec<TemplateToken> {
        use TemplateToken::Fixed;

        let text = |text: &str| Fixed(Token::Text(text.into()));
        match &self.shape {
            Shape::Any => vec![Fixed(Token::Any)],
            Shape::Exact(exact) => vec![text(exact)],
            Shape::Prefix(prefix) => vec![text(prefix), Fixed(Token::Any)],
            Shape::Glob(tokens) => tokens.iter().cloned().map(Fixed).collect(),
            Shape::Template(tokens) => tokens.to_vec(),
        }
    }

    /// Whether the pattern needs the request's context.
    pub(crate) fn has_variables(&self) -> bool {
        matches!(self.shape, Shape::Template(_))
    }

    /// Whether the variables insert more text than is allowed; then no text matches.
    pub(crate) fn overflows(&self, context: &RequestContext<'_>) -> bool {
        matches!(&self.shape, Shape::Template(tokens) if overflows(tokens, context))
    }

    /// Whether `text` matches.
    pub(crate) fn matches(&self, text: &str, context: &RequestContext<'_>) -> bool {
        match &self.shape {
            Shape::Any => true,
            Shape::Exact(exact) => **exact == *text,
            Shape::Prefix(prefix) => text.starts_with(&**prefix),
            Shape::Glob(tokens) => tokens_match(tokens, text),
            Shape::Template(tokens) => {
                expand(tokens, context).is_some_and(|tokens| tokens_match(&tokens, text))
            }
        }
    }

    /// Whether `text` equals this pattern, ignoring case. The pattern has no wildcards.
    pub(crate) fn matches_folded(&self, text: &str, context: &RequestContext<'_>) -> bool {
        match &self.shape {
            Shape::Exact(exact) => crate::context::eq_folded(exact, text),
            Shape::Template(tokens) => expand(tokens, context).is_some_and(|tokens| {
                let pattern = tokens.iter().flat_map(|token| match token {
                    Token::Text(text) => crate::context::folded(text),
                    Token::One => crate::context::folded("?"),
                    Token::Any => crate::context::folded("*"),
                });
                pattern.eq(crate::context::folded(text))
            }),
            Shape::Any | Shape::Prefix(_) | Shape::Glob(_) => false,
        }
    }

    /// The pattern with its variables replaced by their values; `None` when one has neither value nor default.
    pub(crate) fn resolved(&self, context: &RequestContext<'_>) -> Option<Self> {
        let Shape::Template(tokens) = &self.shape else {
            return Some(self.clone());
        };
        Some(Self {
            text: self.text.clone(),
            shape: Shape::of(resolve(tokens, context)?),
        })
    }

    /// The variables of the pattern, in order.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &Variable> {
        let tokens: &[TemplateToken] = match &self.shape {
            Shape::Template(tokens) => tokens,
            _ => &[],
        };
        tokens.iter().filter_map(|token| match token {
            TemplateToken::Variable(variable) => Some(variable),
            TemplateToken::Fixed(_) => None,
        })
    }

    /// The pattern with its variables filled in, for explanations; `None` when one has no value.
    pub(crate) fn expanded(&self, context: &RequestContext<'_>) -> Option<String> {
        let Shape::Template(tokens) = &self.shape else {
            return Some(self.text.to_string());
        };
        let tokens = expand(tokens, context)?;
        Some(tokens.iter().fold(String::new(), |mut text, token| {
            text.push_str(match token {
                Token::Text(piece) => piece,
                Token::One => "?",
                Token::Any => "*",
            });
            text
        }))
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.text)
    }
}

impl Shape {
    fn of(mut tokens: Vec<TemplateToken>) -> Self {
        use TemplateToken::Fixed;

        if tokens
            .iter()
            .any(|token| matches!(token, TemplateToken::Variable(_)))
        {
            return Self::Template(tokens.into());
        }
        match tokens.as_mut_slice() {
            [] => Self::Exact("".into()),
            [Fixed(Token::Any)] => Self::Any,
            [Fixed(Token::Text(text))] => Self::Exact(std::mem::take(text)),
            [Fixed(Token::Text(text)), Fixed(Token::Any)] => Self::Prefix(std::mem::take(text)),
            _ => Self::Glob(
                tokens
                    .into_iter()
                    .filter_map(|token| match token {
                        Fixed(token) => Some(token),
                        TemplateToken::Variable(_) => None,
                    })
                    .collect(),
            ),
        }
    }
}

/// Splits `text` into tokens. Adjacent stars become one and adjacent texts are joined, so that equal patterns
/// have equal tokens.
#[expect(
    clippy::string_slice,
    reason = "the character stands at the beginning of the rest"
)]
pub(crate) fn tokenize(text: &str, syntax: Syntax) -> Result<Vec<TemplateToken>, VariableError> {
    use TemplateToken::Fixed;

    let mut tokens = Vec::new();
    let mut run = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if syntax.variables == Variables::Expand && rest.starts_with("${") {
            let (piece, after) = Variable::read(rest)?;
            match piece {
                crate::variable::Piece::Escaped(character) => run.push(character),
                crate::variable::Piece::Variable(variable) => {
                    flush(&mut tokens, &mut run);
                    tokens.push(TemplateToken::Variable(variable));
                }
            }
            rest = after;
            continue;
        }
        match character {
            '*' if syntax.wildcards == Wildcards::Glob => {
                flush(&mut tokens, &mut run);
                if tokens.last() != Some(&Fixed(Token::Any)) {
                    tokens.push(Fixed(Token::Any));
                }
            }
            '?' if syntax.wildcards == Wildcards::Glob => {
                flush(&mut tokens, &mut run);
                tokens.push(Fixed(Token::One));
            }
            _ => run.push(character),
        }
        rest = &rest[character.len_utf8()..];
    }
    flush(&mut tokens, &mut run);
    Ok(tokens)
}

fn flush(tokens: &mut Vec<TemplateToken>, run: &mut String) {
    if !run.is_empty() {
        tokens.push(TemplateToken::Fixed(Token::Text(std::mem::take(run).into())));
    }
}

/// Whether the variables of these tokens insert more text than is allowed.
pub(crate) fn overflows(tokens: &[TemplateToken], context: &RequestContext<'_>) -> bool {
    let mut bytes = 0_usize;
    tokens.iter().any(|token| {
        if let TemplateToken::Variable(variable) = token {
            bytes = bytes.saturating_add(variable.text(context).map_or(0, str::len));
        }
        bytes > EXPANSION_BYTES_MAX
    })
}

/// The tokens with the variables replaced by their texts; `None` when a variable has neither value nor default,
/// or when they insert more text than is allowed.
pub(crate) fn expand<'a>(
    tokens: &'a [TemplateToken],
    context: &'a RequestContext<'_>,
) -> Option<Vec<Token<&'a str>>> {
    if overflows(tokens, context) {
        return None;
    }
    tokens
        .iter()
        .map(|token| match token {
            TemplateToken::Fixed(Token::Text(text)) => Some(Token::Text(&**text)),
            TemplateToken::Fixed(Token::One) => Some(Token::One),
            TemplateToken::Fixed(Token::Any) => Some(Token::Any),
            TemplateToken::Variable(variable) => variable.text(context).map(Token::Text),
        })
        .collect()
}

/// The tokens with the variables replaced by their texts, owned; adjacent texts are joined.
pub(crate) fn resolve(tokens: &[TemplateToken], context: &RequestContext<'_>) -> Option<Vec<TemplateToken>> {
    use TemplateToken::Fixed;

    let mut resolved = Vec::new();
    let mut run = String::new();
    for token in expand(tokens, context)? {
        match token {
            Token::Text(text) => run.push_str(text),
            Token::One => {
                flush(&mut resolved, &mut run);
                resolved.push(Fixed(Token::One));
            }
            Token::Any => {
                flush(&mut resolved, &mut run);
                if resolved.last() != Some(&Fixed(Token::Any)) {
                    resolved.push(Fixed(Token::Any));
                }
            }
        }
    }
    flush(&mut resolved, &mut run);
    Some(resolved)
}

/// Whether the whole of a text matches a pattern in which `*` is any run of characters and `?` one character
///
/// A character after `escape` stands for itself. The time is linear in both.
pub fn matches_glob(pattern: &str, escape: char, text: &str) -> bool {
    let mut tokens: Vec<Token<String>> = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        let literal = match character {
            '*' => {
                tokens.push(Token::Any);
                continue;
            }
            '?' => {
                tokens.push(Token::One);
                continue;
            }
            // At the end of the pattern there is nothing to escape, so it stands for itself.
            _ if character == escape => characters.next().unwrap_or(character),
            _ => character,
        };
        match tokens.last_mut() {
            Some(Token::Text(run)) => run.push(literal),
            _ => tokens.push(Token::Text(literal.to_string())),
        }
    }
    tokens_match(&tokens, text)
}
