//! Values that messages repeat, cut to a length.

use std::fmt::{self, Write as _};

/// A value in a message: its first [`SHOWN_CHARACTERS_MAX`] characters, and `…` if there are more.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

/// The most characters of a value that a message repeats.
// Guess: how much of a value AWS repeats is not known.
pub(crate) const SHOWN_CHARACTERS_MAX: usize = 1_024;

impl fmt::Display for Shown<'_> {
    #[expect(clippy::string_slice, reason = "the end is a boundary of characters")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(SHOWN_CHARACTERS_MAX) {
            Some((end, _)) => {
                f.write_str(&self.0[..end])?;
                f.write_char('…')
            }
            None => f.write_str(self.0),
        }
    }
}
