//! Percent escapes: checked once at the edge, then decoded and encoded again.

use std::borrow::Cow;
use std::fmt;

/// What is wrong with a `%` escape. Prints as AWS's sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EscapeFault {
    /// The text ends before the second hex digit.
    Incomplete,
    /// One of the two characters after the `%` is not a hex digit.
    IllegalHex([u8; 2]),
}

impl fmt::Display for EscapeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Both sentences: scratchstack-aws-signature, "AWS Auth Error Ordering", rule 4.
        match self {
            Self::Incomplete => f.write_str("Incomplete trailing escape % sequence"),
            Self::IllegalHex(digits) => {
                write!(
                    f,
                    "Illegal hex character in escape % pattern: %{}",
                    String::from_utf8_lossy(digits)
                )
            }
        }
    }
}

/// Checks that every `%` is followed by two hex digits.
#[expect(
    clippy::indexing_slicing,
    reason = "the place is that of a sign that was found in the rest"
)]
pub(crate) fn check_escapes(text: &[u8]) -> Result<(), EscapeFault> {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        rest = match &rest[at + 1..] {
            [high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => after,
            [high, low, ..] => return Err(EscapeFault::IllegalHex([*high, *low])),
            _ => return Err(EscapeFault::Incomplete),
        };
    }
    Ok(())
}

/// Decodes every escape. A `%` without two hex digits stays as it is, but [`check_escapes`] has already refused
/// those.
pub(crate) fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'%', [high, low, tail @ ..]) => {
                hex_value(*high).zip(hex_value(*low)).map(|value| (value, tail))
            }
            _ => None,
        };
        match escaped {
            Some(((high, low), tail)) => {
                decoded.push(high << 4 | low);
                rest = tail;
            }
            None => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    Cow::Owned(decoded)
}

/// Writes `bytes`, with each byte outside `A-Za-z0-9-._~` as `%XX` in upper-case digits.
#[expect(
    clippy::indexing_slicing,
    reason = "the place was found in the rest, a half of a byte is less than sixteen, and the table has 256 places"
)]
pub(crate) fn encode_into(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| !UNRESERVED[usize::from(*byte)]) {
        out.extend_from_slice(&rest[..at]);
        let byte = rest[at];
        out.extend_from_slice(&[
            b'%',
            HEX_UPPER[usize::from(byte >> 4)],
            HEX_UPPER[usize::from(byte & 15)],
        ]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// The value of a hex digit in either case.
pub(crate) fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The bytes that need no escape.
#[expect(clippy::indexing_slicing, reason = "the table has a place for each byte")]
const UNRESERVED: [bool; 256] = {
    let mut set = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        set[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    set
};

const HEX_UPPER: &[u8; 16] = b"0123456789ABCDEF";
