//! Patterns: text with wildcards and policy variables, cut into tokens when the policy is loaded.
//!
//! `*` is any run of characters, the empty one included, `?` exactly one character (IAM User Guide,
//! *Resource* and *Condition operators*). There is no escape except the variables `${*}`, `${?}` and
//! `${$}`. Text that a variable brings in is literal even when it holds a `*`.
//!
//! The cost of a match is linear in the length of the pattern times the length of the text, whatever the
//! two hold: see [`tokens_match`].

use std::fmt;

use crate::context::RequestContext;
use crate::variable::{Variable, VariableError};

/// One piece of a pattern; `S` owns the text at rest and borrows it while a request is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<S> {
    /// This text and nothing else.
    Text(S),
    /// `?`: exactly one character.
    One,
    /// `*`: any run of characters.
    Any,
}

/// What a pattern's syntax may hold at the place where it stands.
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

/// The common shapes have their own variants because they match without looking at tokens.
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

    /// Whether every text matches, whatever the request.
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

    /// Whether `text` is what this pattern says, case disregarded. The pattern has no wildcards.
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

    /// The pattern with its variables filled in for good; `None` when one has neither value nor default.
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

/// Cuts `text` into tokens. Neighbouring stars become one and neighbouring texts are joined, so that
/// equal patterns have equal tokens.
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

/// The tokens with the variables' texts in place; `None` when a variable has neither value nor default.
pub(crate) fn expand<'a>(
    tokens: &'a [TemplateToken],
    context: &'a RequestContext<'_>,
) -> Option<Vec<Token<&'a str>>> {
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

/// The tokens with the variables' texts in place, owned; neighbouring texts are joined.
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

/// Whether the whole of `text` matches `tokens`.
///
/// The tokens between two stars form a segment. The first segment must stand at the start, the last at the
/// end; each one between is sought from the left, and the first place found is as good as any later one.
/// A segment of one text is found by the standard library's search, which is linear; one with a `?` or with
/// several texts by [`find`], linear for each of its texts. So the whole costs at most
/// tokens × characters, also when a variable has brought in a text as long as the request allows.
pub(crate) fn tokens_match<S: AsRef<str>>(tokens: &[Token<S>], text: &str) -> bool {
    let is_any = |token: &Token<S>| matches!(token, Token::Any);
    let Some(first_star) = tokens.iter().position(is_any) else {
        return strip_start(tokens, text) == Some("");
    };
    let last_star = tokens.iter().rposition(is_any).unwrap_or(first_star);

    let Some(rest) = strip_start(&tokens[..first_star], text) else {
        return false;
    };
    let Some(mut rest) = strip_end(&tokens[last_star + 1..], rest) else {
        return false;
    };
    for segment in tokens[first_star..last_star]
        .split(is_any)
        .filter(|segment| !segment.is_empty())
    {
        match find(segment, rest) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    true
}

/// What is left of `text` after a segment at its start.
fn strip_start<'t, S: AsRef<str>>(segment: &[Token<S>], mut text: &'t str) -> Option<&'t str> {
    for token in segment {
        text = match token {
            Token::Text(run) => text.strip_prefix(run.as_ref())?,
            Token::One => {
                let mut characters = text.chars();
                characters.next()?;
                characters.as_str()
            }
            Token::Any => return None,
        };
    }
    Some(text)
}

/// What is left of `text` before a segment at its end.
fn strip_end<'t, S: AsRef<str>>(segment: &[Token<S>], mut text: &'t str) -> Option<&'t str> {
    for token in segment.iter().rev() {
        text = match token {
            Token::Text(run) => text.strip_suffix(run.as_ref())?,
            Token::One => {
                let mut characters = text.chars();
                characters.next_back()?;
                characters.as_str()
            }
            Token::Any => return None,
        };
    }
    Some(text)
}

/// What is left of `text` after the first place where a segment without stars occurs in it.
fn find<'t, S: AsRef<str>>(segment: &[Token<S>], text: &'t str) -> Option<&'t str> {
    if let [Token::Text(run)] = segment {
        let run = run.as_ref();
        return text.find(run).map(|start| &text[start + run.len()..]);
    }
    // The place is often near. Windows that grow fourfold find it without looking at the whole text, and
    // all of them together cost no more than the last one and a third.
    let mut window = WINDOW_CHARACTERS_MIN;
    loop {
        let end = text.char_indices().nth(window).map(|(end, _)| end);
        if let Some(found) = find_in_window(segment, &text[..end.unwrap_or(text.len())]) {
            return Some(&text[found..]);
        }
        end?;
        window *= 4;
    }
}

/// The offset after the first place where a segment occurs in `text`.
///
/// A place fits when every text of the segment occurs at its distance from that place. Each text votes for
/// the places that it could belong to, and the first place with all votes is the answer.
fn find_in_window<S: AsRef<str>>(segment: &[Token<S>], text: &str) -> Option<usize> {
    let characters: Vec<char> = text.chars().collect();
    let mut runs = Vec::new();
    let mut distance = 0_usize;
    for token in segment {
        match token {
            Token::Text(run) => {
                let run: Vec<char> = run.as_ref().chars().take(characters.len() + 1).collect();
                distance += run.len();
                if distance > characters.len() {
                    return None;
                }
                if !run.is_empty() {
                    runs.push((distance - run.len(), run));
                }
            }
            Token::One => distance += 1,
            Token::Any => return None,
        }
    }
    let places = (characters.len() + 1).checked_sub(distance)?;
    let mut votes = vec![0_usize; places];
    for (at, run) in &runs {
        for start in occurrences(run, &characters) {
            if let Some(vote) = start.checked_sub(*at).and_then(|place| votes.get_mut(place)) {
                *vote += 1;
            }
        }
    }
    let place = votes.iter().position(|&vote| vote == runs.len())?;
    Some(
        characters[..place + distance]
            .iter()
            .map(|character| character.len_utf8())
            .sum(),
    )
}

/// Where `run` occurs in `text`, overlaps included: Knuth, Morris and Pratt's search.
fn occurrences(run: &[char], text: &[char]) -> Vec<usize> {
    // `borders[i]` is the length of the longest proper border of `run[..=i]`.
    let mut borders = vec![0; run.len()];
    let mut matched = 0;
    for index in 1..run.len() {
        while matched > 0 && run[index] != run[matched] {
            matched = borders[matched - 1];
        }
        if run[index] == run[matched] {
            matched += 1;
        }
        borders[index] = matched;
    }

    let mut found = Vec::new();
    matched = 0;
    for (index, character) in text.iter().enumerate() {
        while matched > 0 && (matched == run.len() || *character != run[matched]) {
            matched = borders[matched - 1];
        }
        if *character == run[matched] {
            matched += 1;
        }
        if matched == run.len() {
            found.push(index + 1 - run.len());
        }
    }
    found
}

/// How far the search for a segment looks at first.
const WINDOW_CHARACTERS_MIN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const GLOB: Syntax = Syntax {
        wildcards: Wildcards::Glob,
        variables: Variables::Expand,
    };

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: bool) {
        let compiled = Pattern::compile(pattern, GLOB).unwrap();
        assert_eq!(
            compiled.matches(text, &RequestContext::new()),
            expected,
            "{pattern} against {text}"
        );
    }

    #[test]
    fn a_star_is_any_run_and_a_question_mark_one_character() {
        check("*", "", true);
        check("", "", true);
        check("", "a", false);
        check("a*", "a", true);
        check("a*c", "ac", true);
        check("a*c", "abc", true);
        check("a*c", "abcd", false);
        check("a?c", "abc", true);
        check("a?c", "ac", false);
        check("?", "é", true);
        check("??", "é", false);
        check("**a**", "bab", true);
        check("*a?c*", "xxabacx", false);
        check("*a?c*", "xxabaacx", true);
        check("*?*", "", false);
        check("*?*?*", "a", false);
        check("*?*?*", "ab", true);
        check("*aba?*", "ababa", true);
        check("*é?ü*", "xéaéxü", true);
        check("aa*aa", "aaa", false);
        check("aa*aa", "aaaa", true);
    }

    #[test]
    fn escapes_are_literal() {
        check("a${*}b", "a*b", true);
        check("a${*}b", "axb", false);
        check("a${?}*", "a?zzz", true);
        check("a${$}{x}", "a${x}", true);
    }

    #[test]
    fn the_search_agrees_with_a_plain_two_pointer_glob() {
        let alphabet = ["a", "b", "*", "?"];
        let mut patterns = vec![String::new()];
        for _ in 0..5 {
            let longer: Vec<String> = patterns
                .iter()
                .flat_map(|p| alphabet.iter().map(move |a| format!("{p}{a}")))
                .collect();
            patterns.extend(longer);
            patterns.sort();
            patterns.dedup();
        }
        let mut texts = vec![String::new()];
        for _ in 0..5 {
            let longer: Vec<String> = texts
                .iter()
                .flat_map(|t| [format!("{t}a"), format!("{t}b")])
                .collect();
            texts.extend(longer);
            texts.sort();
            texts.dedup();
        }
        for pattern in &patterns {
            let compiled = Pattern::compile(pattern, GLOB).unwrap();
            for text in &texts {
                let expected = two_pointers(pattern.as_bytes(), text.as_bytes());
                assert_eq!(
                    compiled.matches(text, &RequestContext::new()),
                    expected,
                    "{pattern} against {text}"
                );
            }
        }
    }

    fn two_pointers(pattern: &[u8], text: &[u8]) -> bool {
        let (mut p, mut t, mut star) = (0, 0, None);
        while t < text.len() {
            if p < pattern.len() && pattern[p] == b'*' {
                star = Some((p, t));
                p += 1;
            } else if p < pattern.len() && (pattern[p] == b'?' || pattern[p] == text[t]) {
                p += 1;
                t += 1;
            } else if let Some((star_p, star_t)) = star {
                star = Some((star_p, star_t + 1));
                p = star_p + 1;
                t = star_t + 1;
            } else {
                return false;
            }
        }
        pattern[p..].iter().all(|&byte| byte == b'*')
    }
}
