//! Texts that distinguish patterns, compared with all short texts.

use super::super::forms::steps;
use super::*;
use crate::pattern::{Pattern, Syntax, Variables, Wildcards};

fn matcher(pattern: &str) -> Matcher {
    let syntax = Syntax {
        wildcards: Wildcards::Glob,
        variables: Variables::Literal,
    };
    Matcher::of(steps(
        &Pattern::compile(pattern, syntax).unwrap().tokens(),
        Class::Any,
    ))
}

fn every() -> Matcher {
    Matcher::of(vec![Step::Many(Class::Any)])
}

fn found(language: &Matcher, patterns: &[&str]) -> Vec<(String, Vec<usize>)> {
    let patterns: Vec<Matcher> = patterns.iter().map(|pattern| matcher(pattern)).collect();
    let witnesses = witnesses(language, &patterns, &[], as_it_is).unwrap();
    let pairs = witnesses
        .into_iter()
        .map(|witness| (witness.text, witness.matches.iter().collect()));
    pairs.collect()
}

#[test]
fn each_set_of_patterns_has_one_text() {
    let pair = |text: &str, matches: &[usize]| (text.to_owned(), matches.to_vec());
    assert_eq!(
        found(&every(), &["a*", "*b", "ab"]),
        [
            pair("", &[]),
            pair("a", &[0]),
            pair("b", &[1]),
            pair("ab", &[0, 1, 2]),
            pair("axb", &[0, 1])
        ]
    );
}

#[test]
fn a_language_keeps_to_its_classes() {
    let account = Matcher::of(vec![Step::One(Class::Digit); 3]);
    let texts: Vec<String> = found(&account, &["1*", "*:*", "12?"])
        .into_iter()
        .map(|(text, _)| text)
        .collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(
        texts
            .iter()
            .all(|text| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit()))
    );
}

#[test]
fn a_readable_text_is_taken_where_it_does_the_same() {
    let patterns = [matcher("1*")];
    let preferred = ["none".to_owned()];
    let improved = |text: &str| vec!["2".to_owned(), format!("{text}0")];
    let found = witnesses(&every(), &patterns, &preferred, improved).unwrap();
    let texts: Vec<&str> = found.iter().map(|witness| witness.text.as_str()).collect();
    assert_eq!(texts, ["none", "10"]);
}

/// All texts of up to six characters of three kinds, against random patterns.
#[test]
fn no_set_is_missing_that_a_short_text_matches() {
    let mut texts = vec![String::new()];
    for length in 0..6 {
        let longest = texts.iter().filter(|text| text.len() == length).cloned();
        let longer: Vec<String> = longest
            .flat_map(|text| ["a", "b", "c"].map(|next| text.clone() + next))
            .collect();
        texts.extend(longer);
    }
    let mut seed = 1_u64;
    let mut random = |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for _ in 0..60 {
        let patterns: Vec<String> = (0..3)
            .map(|_| {
                (0..=random(4))
                    .map(|_| ["a", "b", "*", "?"][random(4) as usize])
                    .collect()
            })
            .collect();
        let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
        let sets: HashSet<Vec<usize>> = found(&every(), &patterns)
            .into_iter()
            .map(|(_, matches)| matches)
            .collect();
        let nothing = crate::context::RequestContext::new();
        let compiled: Vec<Pattern> = patterns
            .iter()
            .map(|pattern| {
                let syntax = Syntax {
                    wildcards: Wildcards::Glob,
                    variables: Variables::Literal,
                };
                Pattern::compile(pattern, syntax).unwrap()
            })
            .collect();
        for text in &texts {
            let matches: Vec<usize> = (0..3)
                .filter(|index| compiled[*index].matches(text, &nothing))
                .collect();
            assert!(sets.contains(&matches), "{text} against {patterns:?}");
        }
    }
}
