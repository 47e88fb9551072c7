//! Texts that distinguish patterns: for each set of patterns that some text matches while it matches none of the
//! others, one such text.
//!
//! A pattern is a finite automaton. All automata read the same text in parallel. The search is breadth first and visits
//! every combination of their states that can be reached; there are finitely many, so nothing is left out. Characters
//! that no pattern names behave alike, so one represents them all.

use std::collections::{BTreeSet, HashSet};

use super::sets::Bits;

/// What a pattern requires of the next characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// This character.
    Is(char),
    /// A character that is this one in lower case.
    Folded(char),
    /// One character of this class.
    One(Class),
    /// Any run of characters of this class.
    Many(Class),
}

/// A class of characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Any,
    /// For a part of an ARN other than the last.
    NotColon,
    /// For a name without its path.
    NotSlash,
    Digit,
    /// For a Region.
    Region,
    /// For IAM names: letters, digits and `+=,.@_-` (IAM User Guide, *IAM name requirements*).
    Name,
    /// For paths of IAM names: `!` to `~` (IAM API Reference, *CreateUser*, `Path`), without the characters that mark
    /// wildcards and variables in a policy, which no caller's ARN has here.
    Path,
}

/// A pattern: a text matches it if it matches one of the ways.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Matcher {
    pub(super) ways: Vec<Vec<Step>>,
}

/// A text and the patterns that it matches.
#[derive(Debug, Clone)]
pub(super) struct Witness {
    pub(super) text: String,
    pub(super) matches: Bits,
}

/// The patterns have more combinations of states than the limit allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany;

impl Class {
    fn holds(self, character: char) -> bool {
        let is_name = |character: char| character.is_ascii_alphanumeric() || "+=,.@_-".contains(character);
        match self {
            Self::Any => true,
            Self::NotColon => character != ':',
            Self::NotSlash => character != '/',
            Self::Digit => character.is_ascii_digit(),
            Self::Region => character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-',
            Self::Name => is_name(character),
            Self::Path => character.is_ascii_graphic() && !"*?${}".contains(character),
        }
    }
}

impl Step {
    fn takes(self, character: char) -> bool {
        match self {
            Self::Is(expected) => expected == character,
            Self::Folded(expected) => {
                crate::context::folded(character.encode_utf8(&mut [0; 4])).eq([expected])
            }
            Self::One(class) | Self::Many(class) => class.holds(character),
        }
    }
}

impl Matcher {
    /// A pattern with one way.
    pub(super) fn of(steps: Vec<Step>) -> Self {
        Self { ways: vec![steps] }
    }

    /// A pattern that only this text matches.
    pub(super) fn exactly(text: &str) -> Self {
        Self::of(literal(text))
    }
}

/// The steps of a literal text.
pub(super) fn literal(text: &str) -> Vec<Step> {
    text.chars().map(Step::Is).collect()
}

/// One text of the language for each set of patterns that such a text can match: a preferred text if one matches that
/// set, otherwise a text that was found, or the first of its `improved` forms that matches the same set.
///
/// # Errors
/// If there are more combinations of states than the limit allows.
pub(super) fn witnesses(
    language: &Matcher,
    patterns: &[Matcher],
    preferred: &[String],
    improved: impl Fn(&str) -> Vec<String>,
) -> Result<Vec<Witness>, TooMany> {
    let machine = Machine::of(language, patterns);
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for text in preferred {
        if let Some(matches) = machine.matches(text)
            && seen.insert(matches.clone())
        {
            found.push(Witness {
                text: text.clone(),
                matches,
            });
        }
    }
    let alphabet: Vec<(char, Moves)> = machine
        .alphabet()
        .into_iter()
        .map(|character| (character, machine.moves(character)))
        .collect();
    // Each state, with the state that it was reached from and the character that led to it.
    let mut states = vec![(machine.start(), 0, '\0')];
    let mut known = HashSet::from([machine.start()]);
    let mut next = 0;
    while let Some((state, ..)) = states.get(next) {
        let state = state.clone();
        if let Some(matches) = machine.accepted(&state)
            && seen.insert(matches.clone())
        {
            let text = spelt(&states, next);
            let better = improved(&text)
                .into_iter()
                .find(|better| machine.matches(better).as_ref() == Some(&matches));
            found.push(Witness {
                text: better.unwrap_or(text),
                matches,
            });
        }
        for (character, moves) in &alphabet {
            if !machine.can_go_on(&state, moves) {
                continue;
            }
            let after = machine.step(&state, moves);
            if known.contains(&after) {
                continue;
            }
            if states.len() == STATES_MAX {
                return Err(TooMany);
            }
            known.insert(after.clone());
            states.push((after, next, *character));
        }
        next += 1;
    }
    Ok(found)
}

/// Offers no improved form of a text.
pub(super) fn as_it_is(_: &str) -> Vec<String> {
    Vec::new()
}

/// The text that leads to a state.
fn spelt(states: &[(States, usize, char)], mut state: usize) -> String {
    let mut characters = Vec::new();
    while let Some((_, before, character)) = states.get(state).filter(|_| state > 0) {
        characters.push(*character);
        state = *before;
    }
    characters.iter().rev().collect()
}

/// A bit for each step of each pattern, set if that step may come next, and a bit for the end of each way.
type States = Box<[u64]>;

/// The steps that match a character.
struct Moves {
    /// The steps for one character, which it completes.
    beyond: States,
    /// The runs, in which it may be.
    within: States,
}

/// The language and the patterns, their steps side by side.
struct Machine {
    /// `None` after the last step of a way.
    steps: Vec<Option<Step>>,
    starts: Vec<usize>,
    /// The place after the last step of each way, and its owner: 0 is the language, the patterns follow.
    ends: Vec<(usize, usize)>,
    /// The bits of the language: a state without any of them leads to no text of the language.
    of_language: States,
    /// How many words have such bits.
    language_words: usize,
    runs: States,
    patterns: usize,
}

impl Machine {
    fn of(language: &Matcher, patterns: &[Matcher]) -> Self {
        let mut steps = Vec::new();
        let mut starts = Vec::new();
        let mut ends = Vec::new();
        let mut language_steps = 0;
        for (owner, matcher) in std::iter::once(language).chain(patterns).enumerate() {
            for way in &matcher.ways {
                starts.push(steps.len());
                steps.extend(way.iter().copied().map(Some));
                ends.push((steps.len(), owner));
                steps.push(None);
            }
            if owner == 0 {
                language_steps = steps.len();
            }
        }
        let words = |holds: &dyn Fn(usize, Option<Step>) -> bool| states(&steps, holds);
        Self {
            language_words: language_steps.div_ceil(64),
            of_language: words(&|place, _| place < language_steps),
            runs: words(&|_, step| matches!(step, Some(Step::Many(_)))),
            steps,
            starts,
            ends,
            patterns: patterns.len(),
        }
    }

    fn start(&self) -> States {
        let mut start = states(&self.steps, &|place, _| self.starts.contains(&place));
        self.skip_runs(&mut start);
        start
    }

    fn moves(&self, character: char) -> Moves {
        let takes = |step: Option<Step>| step.is_some_and(|step| step.takes(character));
        Moves {
            beyond: states(&self.steps, &|_, step| {
                takes(step) && !matches!(step, Some(Step::Many(_)))
            }),
            within: states(&self.steps, &|_, step| {
                takes(step) && matches!(step, Some(Step::Many(_)))
            }),
        }
    }

    fn step(&self, state: &States, moves: &Moves) -> States {
        let mut carry = 0;
        let words = state.iter().zip(&moves.beyond).zip(&moves.within);
        let mut after: States = words
            .map(|((state, beyond), within)| {
                let moved = state & beyond;
                let word = moved << 1 | carry | state & within;
                carry = moved >> 63;
                word
            })
            .collect();
        self.skip_runs(&mut after);
        after
    }

    /// A run may be empty, so a state before a run is also a state after it.
    fn skip_runs(&self, state: &mut States) {
        loop {
            let mut carry = 0;
            let mut has_changed = false;
            for (word, runs) in state.iter_mut().zip(&self.runs) {
                let moved = *word & runs;
                let joined = *word | moved << 1 | carry;
                carry = moved >> 63;
                has_changed |= joined != *word;
                *word = joined;
            }
            if !has_changed {
                return;
            }
        }
    }

    /// Whether the text can still belong to the language if this character comes next.
    fn can_go_on(&self, state: &States, moves: &Moves) -> bool {
        let words = state.iter().zip(&moves.beyond).zip(&moves.within);
        let mut words = words.zip(&self.of_language).take(self.language_words);
        words.any(|(((state, beyond), within), language)| state & (beyond | within) & language != 0)
    }

    /// The patterns that match the text that leads to this state; `None` if the text does not belong to the language.
    fn accepted(&self, state: &States) -> Option<Bits> {
        let is_at = |place: usize| {
            let word = state.get(place / 64);
            word.is_some_and(|word| word >> (place % 64) & 1 == 1)
        };
        let mut matching = vec![false; self.patterns + 1];
        for (place, owner) in &self.ends {
            if is_at(*place)
                && let Some(matches) = matching.get_mut(*owner)
            {
                *matches = true;
            }
        }
        let (is_of_language, matching) = matching.split_first()?;
        let matches = |pattern: usize| matching.get(pattern).is_some_and(|matches| *matches);
        is_of_language.then(|| Bits::of(self.patterns, matches))
    }

    fn matches(&self, text: &str) -> Option<Bits> {
        let mut state = self.start();
        for character in text.chars() {
            state = self.step(&state, &self.moves(character));
        }
        self.accepted(&state)
    }

    /// Every character that a step names, and one more for each class of characters that no step names.
    fn alphabet(&self) -> Vec<char> {
        let mut named = BTreeSet::from([':', '/', '-']);
        for step in self.steps.iter().flatten() {
            match step {
                Step::Is(character) => {
                    named.insert(*character);
                }
                Step::Folded(character) => {
                    named.insert(*character);
                    named.extend(character.to_uppercase());
                    // The Kelvin sign, the one character beyond ASCII whose lower case is ASCII.
                    named.extend(Some('\u{212a}').filter(|_| *character == 'k'));
                }
                Step::One(_) | Step::Many(_) => {}
            }
        }
        // One character of each kind that some class distinguishes.
        let is_digit = |character: &char| Class::Digit.holds(*character);
        let is_of_region = |character: &char| Class::Region.holds(*character);
        let unnamed = || OTHERS.chars().filter(|other| !named.contains(other));
        let others = [
            unnamed().find(|other| is_of_region(other) && !is_digit(other)),
            unnamed().find(is_digit),
            unnamed().find(|other| !is_of_region(other)),
            IN_PATHS.chars().find(|other| !named.contains(other)),
            (BEYOND_NAMES..).find(|other| !named.contains(other)),
        ];
        let mut alphabet: Vec<char> = Vec::new();
        for character in others.into_iter().flatten().chain(named.iter().copied()) {
            if !alphabet.contains(&character) {
                alphabet.push(character);
            }
        }
        alphabet
    }
}

fn states(steps: &[Option<Step>], holds: &dyn Fn(usize, Option<Step>) -> bool) -> States {
    let mut words = vec![0; steps.len().div_ceil(64)];
    for (place, step) in steps.iter().enumerate() {
        if holds(place, *step)
            && let Some(word) = words.get_mut(place / 64)
        {
            *word |= 1_u64 << (place % 64);
        }
    }
    words.into()
}

/// Characters that represent those that no pattern names, the most readable first.
const OTHERS: &str = "xyzqwvkjuhbgfpdtrnsmolieac0123456789XYZQWVKJUHBGFPDTRNSMOLIEAC_.@,=+";

/// All characters that paths may have and names may not, except the separators.
const IN_PATHS: &str = "!#%&'()<>;[]^`|~\"\\";

/// The first of the characters that represent those that neither may have.
const BEYOND_NAMES: char = '\u{e0}';

/// The most combinations of states of one set of patterns; real policies have some hundreds.
const STATES_MAX: usize = 50_000;

#[cfg(test)]
mod tests;
