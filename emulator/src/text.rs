//! Texts that a client can shape, made fit to be shown.
//!
//! [`Shown`] cuts a value that a message repeats; [`cut`] and [`cut_bytes`] do the same to a whole text.

use std::{
    borrow::Cow,
    fmt::{self, Write},
};

/// A value in a message, cut after [`SHOWN_CHARACTERS_MAX`] characters and then marked with `…`
///
/// ```text
/// Value 'aaaa…' at 'projectName' failed to satisfy constraint: …
/// ```
pub(crate) struct Shown<T>(pub(crate) T);

/// Characters of a value that a message repeats
// Guess: how much of a value AWS repeats is not known, and an answer of five megabytes helps nobody.
pub(crate) const SHOWN_CHARACTERS_MAX: usize = 1_024;

/// What stands where a text was cut
const CUT: char = '…';

impl<T: fmt::Display> fmt::Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut beginning = Beginning {
            out: f,
            characters_left: SHOWN_CHARACTERS_MAX,
            is_cut: false,
        };
        let written = write!(beginning, "{}", self.0);
        match (beginning.is_cut, written) {
            // The error is how a value that writes itself piece by piece is told to stop.
            (true, _) => f.write_char(CUT),
            (false, written) => written,
        }
    }
}

/// Takes so many characters and no more
struct Beginning<'o, 'f> {
    out: &'o mut fmt::Formatter<'f>,
    characters_left: usize,
    is_cut: bool,
}

impl Write for Beginning<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fitting = beginning(text, self.characters_left);
        self.out.write_str(fitting)?;
        self.characters_left -= fitting.chars().count();
        self.is_cut = fitting.len() < text.len();
        if self.is_cut { Err(fmt::Error) } else { Ok(()) }
    }
}

/// A text, cut after so many characters and then marked with `…`
pub(crate) fn cut(text: &str, characters_max: usize) -> Cow<'_, str> {
    let fitting = beginning(text, characters_max);
    if fitting.len() == text.len() {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("{fitting}{CUT}"))
    }
}

/// A text, cut after so many bytes, between characters, and then marked with `…`
pub(crate) fn cut_bytes(text: &str, bytes_max: usize) -> Cow<'_, str> {
    match text.floor_char_boundary(bytes_max) {
        end if end < text.len() => Cow::Owned(format!("{}{CUT}", &text[..end])),
        _ => Cow::Borrowed(text),
    }
}

fn beginning(text: &str, characters_max: usize) -> &str {
    // A character has a byte at least.
    if text.len() <= characters_max {
        return text;
    }
    text.char_indices()
        .nth(characters_max)
        .map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_cut_between_characters_and_marked() {
        let longest = "é".repeat(SHOWN_CHARACTERS_MAX);
        assert_eq!(Shown(&longest).to_string(), longest);
        assert_eq!(Shown(format!("{longest}é")).to_string(), format!("{longest}…"));
        assert_eq!(cut("éé", 2), "éé");
        assert_eq!(cut("ééé", 2), "éé…");
        assert_eq!(cut("", 0), "");
        assert_eq!(cut_bytes("éé", 4), "éé");
        assert_eq!(cut_bytes("ééé", 5), "éé…");
    }

    #[test]
    fn a_value_that_writes_itself_is_stopped_where_it_is_cut() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("abc")?;
                }
            }
        }
        let shown = Shown(Endless).to_string();
        assert_eq!(shown.chars().count(), SHOWN_CHARACTERS_MAX + 1);
        assert!(shown.ends_with(CUT));
    }
}
