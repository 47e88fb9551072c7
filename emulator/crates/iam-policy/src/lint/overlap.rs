//! Whether a resource pattern can match any ARN of a resource type.

use crate::arn::{ARN_PARTS, split};
use crate::pattern::{Pattern, TemplateToken, Token};
use crate::resource::ResourcePattern;

/// A piece of a resource type's ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Character(char),
    /// `${...}`: one or more characters other than a slash, which separates them.
    Name,
}

/// Whether some ARN of this form matches the pattern.
pub(super) fn overlaps(pattern: &ResourcePattern, arn_form: &str) -> bool {
    let Some(parts) = pattern.parts() else {
        return pattern.is_every();
    };
    // The colons inside `${...}` are none of the ARN's; resource types have none there.
    split(arn_form).is_some_and(|forms| {
        let last = ARN_PARTS - 1;
        (1..ARN_PARTS).all(|index| {
            // The Region may be empty in an ARN of a global service; a name may not.
            (index < last && parts[index].is_any()) || part_overlaps(&parts[index], &read_form(forms[index]))
        })
    })
}

fn read_form(text: &str) -> Vec<Form> {
    let mut forms = Vec::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if rest.starts_with("${")
            && let Some(end) = rest.find('}')
        {
            forms.push(Form::Name);
            rest = &rest[end + 1..];
        } else {
            forms.push(Form::Character(character));
            rest = &rest[character.len_utf8()..];
        }
    }
    forms
}

/// Whether a text exists that has the form and matches the pattern: which pairs of places in the two can be
/// reached by reading the same text. The table has a row of the form for each character of the pattern.
fn part_overlaps(pattern: &Pattern, form: &[Form]) -> bool {
    // `reached[place]`: how far the form may have been read. In a name, the place after it stands for
    // having read at least one character, and more may follow.
    let mut reached = vec![false; form.len() + 1];
    reached[0] = true;
    for token in pattern.tokens() {
        match token {
            // What a variable brings is not known: anything.
            TemplateToken::Variable(_) | TemplateToken::Fixed(Token::Any) => {
                for place in 0..form.len() {
                    if reached[place] {
                        reached[place + 1] = true;
                    }
                }
            }
            TemplateToken::Fixed(Token::One) => reached = step(&reached, form, None),
            TemplateToken::Fixed(Token::Text(text)) => {
                for character in text.chars() {
                    reached = step(&reached, form, Some(character));
                }
            }
        }
    }
    reached[form.len()]
}

/// Reads one character, a certain one or any.
fn step(reached: &[bool], form: &[Form], character: Option<char>) -> Vec<bool> {
    let mut next = vec![false; reached.len()];
    for (place, piece) in form.iter().enumerate() {
        let accepts = match piece {
            Form::Character(expected) => character.is_none_or(|character| character == *expected),
            Form::Name => character != Some('/'),
        };
        // A name goes on as well as begins.
        let reads = reached[place] || (*piece == Form::Name && reached[place + 1]);
        next[place + 1] |= accepts && reads;
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Variables;

    const MODEL: &str =
        "arn:${Partition}:lookoutvision:${Region}:${Account}:model/${ProjectName}/${ModelVersion}";

    #[track_caller]
    fn check(pattern: &str, expected: bool) {
        let parts = split(pattern).unwrap();
        let pattern = ResourcePattern::compile(pattern, parts, Variables::Expand).unwrap();
        assert_eq!(overlaps(&pattern, MODEL), expected, "{pattern:?}");
    }

    #[test]
    fn a_pattern_overlaps_when_some_model_has_such_an_arn() {
        check(
            "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1",
            true,
        );
        check("arn:*:lookoutvision:*:*:model/*", true);
        check("arn:aws:lookoutvision:*:*:*", true);
        check("arn:aws:lookoutvision:*:*:*/*/?", true);
        check("arn:aws:lookoutvision:*:*:mod??/${aws:username}/1", true);
        check("arn:aws:lookoutvision:*:*:${aws:username}", true);
        check(
            "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject",
            false,
        );
        check(
            "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/1/2",
            false,
        );
        check(
            "arn:aws:lookoutvision:us-west-2:123456789012:model/myProject/",
            false,
        );
        check("arn:aws:lookoutvision:us-west-2:123456789012:model//1", false);
        check("arn:aws:lookoutvision:us-west-2:123456789012:Model/*", false);
        check("arn:aws:lookoutvision:us-west-2:123456789012:project/*", false);
        check("arn:aws:rekognition:us-west-2:123456789012:model/a/1", false);
        check("arn:aws:lookoutvision::123456789012:model/a/1", false);
    }
}
