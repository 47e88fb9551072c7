//! Lines of bounded length, from an input of any length.

use std::io::{self, BufRead, BufReader, Read};

use super::Broken;

/// One line, without its line feed
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Whole(&'a [u8]),
    /// Longer than [`LINE_BYTES_MAX`]; it was read to its end and skipped
    TooLong,
}

/// Reads line after line, and counts them
pub(super) struct Lines<R> {
    input: BufReader<R>,
    number: u64,
    line: Vec<u8>,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input: BufReader::with_capacity(INPUT_BYTES, input),
            number: 0,
            line: Vec::new(),
        }
    }

    /// The next line with its number, from one; the last needs no line feed
    ///
    /// `before_waiting` is called when nothing is left of what was read, before more is asked for.
    pub(super) fn next(
        &mut self,
        mut before_waiting: impl FnMut() -> Result<(), Broken>,
    ) -> Result<Option<(u64, Line<'_>)>, Broken> {
        self.line.clear();
        let mut has_begun = false;
        let mut is_too_long = false;
        loop {
            if self.input.buffer().is_empty() {
                before_waiting()?;
            }
            let available = match self.input.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Broken::Input(error)),
            };
            if available.is_empty() && !has_begun {
                return Ok(None);
            }
            has_begun = true;
            let end = available.iter().position(|byte| *byte == b'\n');
            let piece = &available[..end.unwrap_or(available.len())];
            let has_ended = end.is_some() || available.is_empty();
            if self.line.len() + piece.len() > LINE_BYTES_MAX {
                is_too_long = true;
            }
            if is_too_long {
                self.line.clear();
            } else {
                self.line.extend_from_slice(piece);
            }
            let used = piece.len() + usize::from(end.is_some());
            self.input.consume(used);
            if has_ended {
                self.number += 1;
                let line = if is_too_long {
                    Line::TooLong
                } else {
                    Line::Whole(&self.line)
                };
                return Ok(Some((self.number, line)));
            }
        }
    }
}

/// A line beyond this is refused: the policies of every layer at their quotas, and a request, are a fraction of it
pub(super) const LINE_BYTES_MAX: usize = 1024 * 1024;

const INPUT_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: impl Read) -> Vec<Option<usize>> {
        let mut lines = Lines::new(input);
        let mut lengths = Vec::new();
        while let Some((number, line)) = lines.next(|| Ok(())).expect("memory can be read") {
            lengths.push(match line {
                Line::Whole(bytes) => Some(bytes.len()),
                Line::TooLong => None,
            });
            assert_eq!(number, lengths.len() as u64);
        }
        lengths
    }

    #[test]
    fn the_last_line_needs_no_line_feed_and_an_empty_input_has_no_line() {
        assert_eq!(read(&b""[..]), []);
        assert_eq!(read(&b"\n"[..]), [Some(0)]);
        assert_eq!(read(&b"ab\r\n\nabc"[..]), [Some(3), Some(0), Some(3)]);
    }

    #[test]
    fn a_line_is_too_long_from_its_first_byte_beyond_the_limit_and_the_next_is_read() {
        let long = |length: usize| [vec![b'x'; length], b"\nab\n".to_vec()].concat();
        let whole = long(LINE_BYTES_MAX);
        assert_eq!(read(whole.as_slice()), [Some(LINE_BYTES_MAX), Some(2)]);
        let too_long = long(LINE_BYTES_MAX + 1);
        assert_eq!(read(too_long.as_slice()), [None, Some(2)]);
    }

    #[test]
    fn a_line_without_end_takes_no_more_memory_than_the_longest_allowed() {
        let mut lines = Lines::new(io::repeat(b'x').take(50 * LINE_BYTES_MAX as u64));
        assert!(matches!(lines.next(|| Ok(())), Ok(Some((1, Line::TooLong)))));
        assert!(lines.line.capacity() <= 2 * LINE_BYTES_MAX);
        assert!(matches!(lines.next(|| Ok(())), Ok(None)));
    }
}
