//! Turns the patterns of policies into matchers.

use super::language::{Class, Matcher, Step, literal};
use crate::arn::ARN_PARTS;
use crate::condition::Test;
use crate::condition::arn_like::ArnPattern;
use crate::pattern::{Pattern, TemplateToken, Token, tokens_match};

/// The steps of a pattern whose wildcards match characters of a class; a variable matches any run of them.
pub(super) fn steps(tokens: &[TemplateToken], class: Class) -> Vec<Step> {
    let mut steps = Vec::new();
    for token in tokens {
        match token {
            TemplateToken::Fixed(Token::Text(text)) => steps.extend(literal(text)),
            TemplateToken::Fixed(Token::One) => steps.push(Step::One(class)),
            TemplateToken::Fixed(Token::Any) | TemplateToken::Variable(_) => steps.push(Step::Many(class)),
        }
    }
    steps
}

/// A matcher for the texts that match one of a test's values; `None` if the test does not compare texts, or if that
/// depends on the request.
pub(super) fn matcher(test: &Test, class: Class) -> Option<Matcher> {
    let ways = match test {
        Test::StringEquals(patterns) | Test::StringLike(patterns) => patterns
            .iter()
            .map(|pattern| plain(pattern, class))
            .collect::<Option<Vec<_>>>()?,
        // A Bool that is neither `true` nor `false` matches nothing; the others are compared as texts.
        Test::StringEqualsIgnoreCase(patterns) | Test::Bool(patterns) => {
            patterns.iter().map(folded).collect::<Option<Vec<_>>>()?
        }
        Test::Arn(patterns) => patterns
            .iter()
            .map(arn)
            .collect::<Option<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect(),
        Test::Numeric(..) | Test::Date(..) | Test::Binary(_) | Test::IpAddress(_) | Test::Null(_) => {
            return None;
        }
    };
    Some(Matcher { ways })
}

fn plain(pattern: &Pattern, class: Class) -> Option<Vec<Step>> {
    (!pattern.has_variables()).then(|| steps(&pattern.tokens(), class))
}

/// Steps that match without regard to case; `None` where that is not possible, because beyond ASCII one character may
/// become several in lower case.
fn folded(pattern: &Pattern) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for token in pattern.tokens() {
        let TemplateToken::Fixed(Token::Text(text)) = token else {
            return None;
        };
        if !text.is_ascii() {
            return None;
        }
        steps.extend(
            text.chars()
                .map(|character| Step::Folded(character.to_ascii_lowercase())),
        );
    }
    Some(steps)
}

/// The ARNs that a pattern matches; `Some(None)` if it matches none.
fn arn(pattern: &ArnPattern) -> Option<Option<Vec<Step>>> {
    let parts: Vec<Vec<TemplateToken>> = match pattern {
        ArnPattern::Nothing => return Some(None),
        ArnPattern::Every => vec![vec![TemplateToken::Fixed(Token::Any)]; ARN_PARTS],
        ArnPattern::Parts(parts) => parts.iter().map(Pattern::tokens).collect(),
        ArnPattern::Template(tokens) => split(tokens)?,
    };
    let mut parts = parts.iter().enumerate();
    let is_prefix_possible = parts.next().is_some_and(|(_, prefix)| {
        let fixed = prefix.iter().filter_map(|token| match token {
            TemplateToken::Fixed(token) => Some(token.clone()),
            TemplateToken::Variable(_) => None,
        });
        tokens_match(&fixed.collect::<Vec<_>>(), "arn")
    });
    if !is_prefix_possible {
        return Some(None);
    }
    let mut ways = literal("arn");
    for (index, part) in parts {
        ways.push(Step::Is(':'));
        let class = if index == ARN_PARTS - 1 {
            Class::Any
        } else {
            Class::NotColon
        };
        ways.extend(steps(part, class));
    }
    Some(Some(ways))
}

/// The parts of a pattern whose variables are filled in; `None` if they are not, or if there are fewer than six parts.
fn split(tokens: &[TemplateToken]) -> Option<Vec<Vec<TemplateToken>>> {
    let mut parts = vec![Vec::new()];
    for token in tokens {
        let mut rest = match token {
            TemplateToken::Variable(_) => return None,
            TemplateToken::Fixed(Token::Text(text)) => &**text,
            TemplateToken::Fixed(_) => {
                parts.last_mut()?.push(token.clone());
                continue;
            }
        };
        while parts.len() < ARN_PARTS
            && let Some((before, after)) = rest.split_once(':')
        {
            parts
                .last_mut()?
                .push(TemplateToken::Fixed(Token::Text(before.into())));
            parts.push(Vec::new());
            rest = after;
        }
        parts
            .last_mut()?
            .push(TemplateToken::Fixed(Token::Text(rest.into())));
    }
    (parts.len() == ARN_PARTS).then_some(parts)
}
