//! Lower-case hex of SHA-256 values, and back.

use crate::percent::hex_value;

/// A SHA-256 value as 64 lower-case hex digits.
#[derive(Clone, Copy)]
pub(crate) struct Hex([u8; 64]);

impl Hex {
    #[expect(
        clippy::indexing_slicing,
        reason = "a half of a byte is less than sixteen, and a pair has two"
    )]
    pub(crate) fn of(hash: &[u8; 32]) -> Self {
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(hash) {
            pair[0] = HEX_LOWER[usize::from(byte >> 4)];
            pair[1] = HEX_LOWER[usize::from(byte & 15)];
        }
        Self(digits)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    #[expect(clippy::expect_used, reason = "hex digits are ascii")]
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hex digits are ascii")
    }
}

/// Reads 64 hex digits of either case.
#[expect(clippy::indexing_slicing, reason = "a pair has two")]
pub(crate) fn decode_hash(digits: &[u8]) -> Option<[u8; 32]> {
    if digits.len() != 64 {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex_value(pair[0])? << 4 | hex_value(pair[1])?;
    }
    Some(hash)
}

const HEX_LOWER: &[u8; 16] = b"0123456789abcdef";
