//! Matching a text against tokens.
//!
//! The tokens between two stars form a segment. The first segment must be at the start of the text and the last at
//! its end. Each segment between them is searched for from the left; the first place found is as good as any later
//! one, so nothing is ever tried twice. A segment of one text is found by the standard library's search, which is
//! linear. A segment with a `?` or with several texts is found by [`find`], which is linear for each text or, where
//! there are many, for each 64 characters of the segment. The whole costs at most characters of the text ×
//! characters of the pattern / 64, and no more than tokens × characters, even when a variable has inserted a text as
//! long as the request allows.

use std::collections::HashMap;

use super::Token;

/// Whether the whole of `text` matches `tokens`.
#[expect(
    clippy::indexing_slicing,
    reason = "both places are those of stars that were found in these tokens"
)]
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
#[expect(
    clippy::string_slice,
    reason = "each place was found in this text and is a boundary of characters"
)]
fn find<'t, S: AsRef<str>>(segment: &[Token<S>], text: &'t str) -> Option<&'t str> {
    if let [Token::Text(run)] = segment {
        let run = run.as_ref();
        return text.find(run).map(|start| &text[start + run.len()..]);
    }
    // The place is often near the start. Windows that grow fourfold find it without looking at the whole text, and
    // all of them together cost no more than four thirds of the last one.
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
/// the places that it could belong to, and the first place with all votes is the answer. Many short texts are
/// instead searched for together, by [`first_place`].
#[expect(
    clippy::indexing_slicing,
    reason = "a place that every text of the segment voted for lies inside of the window"
)]
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
    let offset_after = |place: usize| {
        let before = characters[..place + distance].iter();
        before.map(|character| character.len_utf8()).sum()
    };
    if runs.len() > distance.div_ceil(WORD_BITS) {
        return first_place(distance, &runs, &characters).map(offset_after);
    }
    let mut votes = vec![0_usize; places];
    for (at, run) in &runs {
        for start in occurrences(run, &characters) {
            if let Some(vote) = start.checked_sub(*at).and_then(|place| votes.get_mut(place)) {
                *vote += 1;
            }
        }
    }
    votes
        .iter()
        .position(|&vote| vote == runs.len())
        .map(offset_after)
}

/// The first place in `text` where a segment of this many characters occurs, whose texts are at these distances from
/// its start: Baeza-Yates and Gonnet's search, with one bit for each character of the segment.
///
/// A bit is set when the segment up to its character fits the text up to the current one.
#[expect(
    clippy::indexing_slicing,
    reason = "the last character of the segment has its bit in the last word"
)]
fn first_place(length: usize, runs: &[(usize, Vec<char>)], text: &[char]) -> Option<usize> {
    let fits = Fits::of(length, runs);
    let mut begun = vec![0_u64; fits.words];
    let (last_word, last_bit) = ((length - 1) / WORD_BITS, (length - 1) % WORD_BITS);
    for (index, character) in text.iter().enumerate() {
        let mut carry = 1;
        for (word, fits) in begun.iter_mut().zip(fits.places(*character)) {
            let last = *word >> (WORD_BITS - 1);
            *word = (*word << 1 | carry) & fits;
            carry = last;
        }
        if begun[last_word] >> last_bit & 1 == 1 {
            return Some(index + 1 - length);
        }
    }
    None
}

/// Where each character fits in a segment, with a bit for each place
struct Fits {
    words: usize,
    /// First the bits of a character that the segment does not name; it fits only where a `?` is
    bits: Vec<u64>,
    /// Where the bits of each ASCII character begin; a table, because they are looked up for every character
    ascii: [usize; 128],
    others: HashMap<char, usize>,
}

impl Fits {
    #[expect(
        clippy::indexing_slicing,
        reason = "a place of a run is less than the length, and every start is followed by so many words"
    )]
    fn of(length: usize, runs: &[(usize, Vec<char>)]) -> Self {
        let words = length.div_ceil(WORD_BITS);
        let mut fits = Self {
            words,
            bits: vec![u64::MAX; words],
            ascii: [0; 128],
            others: HashMap::new(),
        };
        let places = || {
            let of_run = |(at, run): &'_ (usize, Vec<char>)| *at..*at + run.len();
            runs.iter().flat_map(of_run)
        };
        for at in places() {
            fits.bits[at / WORD_BITS] &= !(1 << (at % WORD_BITS));
        }
        let named = runs.iter().flat_map(|(_, run)| run);
        for (character, at) in named.zip(places()) {
            let mut start = fits.start(*character);
            if start == 0 {
                start = fits.bits.len();
                fits.bits.extend_from_within(..words);
                match fits.ascii.get_mut(*character as usize) {
                    Some(of_ascii) => *of_ascii = start,
                    None => {
                        fits.others.insert(*character, start);
                    }
                }
            }
            fits.bits[start + at / WORD_BITS] |= 1 << (at % WORD_BITS);
        }
        fits
    }

    /// Where the bits of a character begin
    fn start(&self, character: char) -> usize {
        match self.ascii.get(character as usize) {
            Some(start) => *start,
            None => self.others.get(&character).copied().unwrap_or(0),
        }
    }

    #[expect(clippy::indexing_slicing, reason = "every start is followed by so many words")]
    fn places(&self, character: char) -> &[u64] {
        let start = self.start(character);
        &self.bits[start..start + self.words]
    }
}

/// Where `run` occurs in `text`, overlaps included: Knuth, Morris and Pratt's search.
#[expect(
    clippy::indexing_slicing,
    reason = "Knuth, Morris and Pratt: a border is shorter than what it is a border of"
)]
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

/// Bits of a `u64`.
const WORD_BITS: usize = 64;

#[cfg(test)]
mod tests {
    use crate::context::RequestContext;
    use crate::pattern::{Pattern, Syntax, Variables, Wildcards};

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
    fn a_segment_is_found_however_far_away_it_is() {
        let far = format!("{}aba!{}", "abab".repeat(200), "é".repeat(200));
        check("*aba?é*", &far, true);
        check("*aba?!*", &far, false);
        check("*b?!é*é?é*é", &far, true);
        check(&format!("*{}?{}*", "é".repeat(90), "é".repeat(109)), &far, true);
        check(&format!("*{}?{}*", "é".repeat(90), "é".repeat(110)), &far, false);
    }

    #[test]
    fn a_segment_of_many_question_marks_is_found_too() {
        let [short, long] = ["a?", "é?"].map(|pair| pair.repeat(70));
        for (pattern, pairs) in [(&short, "ab"), (&long, "éb")] {
            let text = format!("{}{}", "b".repeat(300), pairs.repeat(70));
            check(&format!("*{pattern}*"), &text, true);
            check(&format!("*{pattern}"), &text, true);
            check(&format!("*b{pattern}*"), &text, true);
            check(&format!("*{pattern}?*"), &text, false);
            check(&format!("*{pattern}*"), &text[..text.len() - 1], false);
            check(&format!("*{pattern}c*"), &text, false);
            check(&format!("*{pattern}c*"), &format!("{text}c{text}"), true);
        }
    }

    /// When each of the texts between the question marks was searched for in all of a long header field, this took
    /// minutes.
    #[test]
    fn question_marks_cost_little_however_many_they_are() {
        let began = std::time::Instant::now();
        let pattern = format!("*{}b*", "a?".repeat(9_000));
        check(&pattern, &"a".repeat(60_000), false);
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
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
