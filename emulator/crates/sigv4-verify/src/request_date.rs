//! The date of a request, in the only format that can be signed.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// A date in ISO 8601's basic format, `20261123T033447Z`, which it also prints as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestDate {
    timestamp: Timestamp,
    text: [u8; 16],
}

impl RequestDate {
    /// Reads `YYYYMMDD'T'HHMMSS'Z'`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text: [u8; 16] = text.as_bytes().try_into().ok()?;
        if text[8] != b'T' || text[15] != b'Z' {
            return None;
        }
        let date_time = DateTime::new(
            digits(&text[0..4])?,
            digits(&text[4..6])?.try_into().ok()?,
            digits(&text[6..8])?.try_into().ok()?,
            digits(&text[9..11])?.try_into().ok()?,
            digits(&text[11..13])?.try_into().ok()?,
            digits(&text[13..15])?.try_into().ok()?,
            0,
        )
        .ok()?;
        let timestamp = Offset::UTC.to_timestamp(date_time).ok()?;
        Some(Self { timestamp, text })
    }

    /// The moment itself.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// `YYYYMMDD`, as a credential scope repeats it.
    #[must_use]
    #[expect(clippy::string_slice, reason = "a date has sixteen characters of ascii")]
    pub fn day(&self) -> &str {
        &self.as_str()[..8]
    }

    /// `YYYYMMDD'T'HHMMSS'Z'`.
    #[must_use]
    #[expect(clippy::expect_used, reason = "all sixteen bytes were read as ascii")]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).expect("all sixteen bytes were read as ascii")
    }
}

impl fmt::Display for RequestDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A moment in the format of [`RequestDate`], for AWS's messages about expiry.
pub(crate) struct BasicIso8601(pub(crate) Timestamp);

impl fmt::Display for BasicIso8601 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = Offset::UTC.to_datetime(self.0);
        write!(
            f,
            "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
            at.year(),
            at.month(),
            at.day(),
            at.hour(),
            at.minute(),
            at.second()
        )
    }
}

fn digits(text: &[u8]) -> Option<i16> {
    text.iter().try_fold(0, |number: i16, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + i16::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_reads_and_prints_alike() {
        let date = RequestDate::parse("20261123T033447Z").unwrap();
        assert_eq!(date.timestamp(), "2026-11-23T03:34:47Z".parse().unwrap());
        assert_eq!(date.to_string(), "20261123T033447Z");
        assert_eq!(date.day(), "20261123");
        assert_eq!(BasicIso8601(date.timestamp()).to_string(), "20261123T033447Z");
    }

    #[test]
    fn nothing_but_basic_iso_8601_is_a_date() {
        for text in [
            "",
            "20261123",
            "2026-11-23T03:34:47Z",
            "20261123T033447",
            "20261123t033447z",
            "20261123 033447Z",
            "20261123T033447z",
            "20261123T033447+",
            "20261323T033447Z",
            "20260230T033447Z",
            "20261123T243447Z",
            "20261123T033460Z",
            "+0261123T033447Z",
            "2026112\u{e9}033447Z",
            "Mon, 23 Nov 2026",
        ] {
            assert_eq!(RequestDate::parse(text), None, "{text}");
        }
    }
}
