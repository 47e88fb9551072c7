//! `Numeric*`: integers and decimals, compared exactly.
//!
//! An account id or a time in nanoseconds since the epoch must not lose digits, so nothing becomes a float.

use std::cmp::Ordering;

/// A decimal number of any length, in a form that is compared without arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Decimal<'a> {
    negative: bool,
    /// Without leading zeros.
    integer: &'a str,
    /// Without trailing zeros.
    fraction: &'a str,
}

impl<'a> Decimal<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (integer, fraction) = match digits.split_once('.') {
            Some((_, "")) => return None,
            Some((integer, fraction)) => (integer, fraction),
            None => (digits, ""),
        };
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if integer.is_empty() || !all_digits(integer) || !all_digits(fraction) {
            return None;
        }
        let (integer, fraction) = (integer.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let zero = integer.is_empty() && fraction.is_empty();
        Some(Self {
            negative: negative && !zero,
            integer,
            fraction,
        })
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        let by_length = self.integer.len().cmp(&other.integer.len());
        by_length
            .then_with(|| self.integer.cmp(other.integer))
            .then_with(|| self.fraction.cmp(other.fraction))
    }
}

/// How two numbers compare; `None` when one of them is not a number.
pub(crate) fn compare(left: &str, right: &str) -> Option<Ordering> {
    let (left, right) = (Decimal::read(left)?, Decimal::read(right)?);
    Some(match (left.negative, right.negative) {
        (false, false) => left.magnitude(&right),
        (true, true) => right.magnitude(&left),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    })
}

/// Whether a text is a number.
pub(crate) fn is_decimal(text: &str) -> bool {
    Decimal::read(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_by_value_and_exactly() {
        for (left, right, expected) in [
            ("10", "9", Ordering::Greater),
            ("010", "10.0", Ordering::Equal),
            ("-0", "0", Ordering::Equal),
            ("-2", "-10", Ordering::Greater),
            ("-1", "1", Ordering::Less),
            ("1.05", "1.5", Ordering::Less),
            ("1.50", "1.5", Ordering::Equal),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567891",
                Ordering::Less,
            ),
            ("0.1", "0.10000000000000000000000000001", Ordering::Less),
            ("+7", "7", Ordering::Equal),
        ] {
            assert_eq!(compare(left, right), Some(expected), "{left} {right}");
            assert_eq!(compare(right, left), Some(expected.reverse()), "{right} {left}");
        }
    }

    #[test]
    fn what_is_not_a_plain_decimal_does_not_compare() {
        for text in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "1e3",
            "0x10",
            "1 ",
            "١",
            "${test:n}",
            "NaN",
            "--1",
        ] {
            assert_eq!(compare(text, "1"), None, "{text}");
        }
    }
}
