//! `Date*`: points in time, compared as instants.
//!
//! Accepts the W3C profile of ISO 8601 (`2026-06-01`, optionally with a time and a zone) and seconds since the
//! epoch (IAM User Guide, *Condition operators*). Without a zone the time is UTC.

/// Nanoseconds since the epoch.
pub(crate) type Instant = i128;

/// The instant that a text names.
pub(crate) fn read(text: &str) -> Option<Instant> {
    if !text.is_ascii() {
        return None;
    }
    if let Some(seconds) = epoch_seconds(text) {
        return Some(seconds);
    }
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = number(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |month| number(month, 2))?;
    let day = match parts.next() {
        Some(day) => number(day, 2)?,
        // A time needs a full date, and a year alone could also be seconds.
        None if time.is_some() || date.len() == 4 => return None,
        None => 1,
    };
    if parts.next().is_some() || !(1..=12).contains(&month) || day < 1 || day > days_of(year, month) {
        return None;
    }
    let of_day = time.map_or(Some(0), time_of_day)?;
    Some(i128::from(days_since_epoch(year, month, day)) * NANOSECONDS_PER_DAY + of_day)
}

/// A text that names an instant: in ISO 8601, or in seconds where the year has more or fewer than four digits.
pub(crate) fn write(instant: Instant) -> String {
    let day = instant.div_euclid(NANOSECONDS_PER_DAY);
    let of_day = instant.rem_euclid(NANOSECONDS_PER_DAY);
    let (seconds, nanoseconds) = (of_day / NANOSECONDS_PER_SECOND, of_day % NANOSECONDS_PER_SECOND);
    let Some((year, month, day)) = i64::try_from(day).ok().and_then(civil) else {
        return instant.div_euclid(NANOSECONDS_PER_SECOND).to_string();
    };
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let fraction = match nanoseconds {
        0 => String::new(),
        nanoseconds => format!(".{nanoseconds:09}"),
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Year, month and day of a day counted from the epoch, for the years 0000 to 9999.
fn civil(day: i64) -> Option<(i64, i64, i64)> {
    let is_in = |year: i64| days_since_epoch(year, 1, 1) <= day && day < days_since_epoch(year + 1, 1, 1);
    // A year has between 365 and 366 days, so the guess is off by one at most.
    let guess = 1970 + day.checked_mul(400)?.div_euclid(146_097);
    let year = (guess - 1..=guess + 1).find(|year| is_in(*year))?;
    let month = (1..=12)
        .rev()
        .find(|month| days_since_epoch(year, *month, 1) <= day)?;
    let of_month = day - days_since_epoch(year, month, 1) + 1;
    (0..=9_999).contains(&year).then_some((year, month, of_month))
}

/// Why a text cannot be a date in a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateProblem {
    /// Four digits: a year for some engines, seconds for others.
    Ambiguous,
    /// Written like a date, but there is no such day or time.
    OutOfRange,
    /// Not written like a date.
    Unreadable,
}

/// Whether a text is a date, and if not, why.
#[expect(clippy::indexing_slicing, reason = "four bytes are there")]
pub(crate) fn check(text: &str) -> Result<(), DateProblem> {
    if read(text).is_some() {
        return Ok(());
    }
    let bytes = text.as_bytes();
    let year = bytes.len() >= 4 && bytes[..4].iter().all(u8::is_ascii_digit);
    Err(match bytes.get(4) {
        None if year => DateProblem::Ambiguous,
        Some(b'-') if year && text.bytes().all(|byte| b"0123456789-+:.TZ".contains(&byte)) => {
            DateProblem::OutOfRange
        }
        _ => DateProblem::Unreadable,
    })
}

fn epoch_seconds(text: &str) -> Option<Instant> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || digits.len() > EPOCH_DIGITS_MAX || (digits.len() == 4 && !negative) {
        return None;
    }
    let seconds: i128 = digits.parse().ok()?;
    Some(if negative { -seconds } else { seconds } * NANOSECONDS_PER_SECOND)
}

#[expect(
    clippy::string_slice,
    reason = "the sign was found in this text, and is one byte"
)]
fn time_of_day(text: &str) -> Option<Instant> {
    let (clock, offset_minutes) = if let Some(clock) = text.strip_suffix('Z') {
        (clock, 0)
    } else if let Some(sign) = text.rfind(['+', '-']) {
        let (hours, minutes) = text[sign + 1..].split_once(':')?;
        let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
        if hours > 23 || minutes > 59 {
            return None;
        }
        let offset = hours * 60 + minutes;
        (
            &text[..sign],
            if text[sign..].starts_with('-') {
                -offset
            } else {
                offset
            },
        )
    } else {
        (text, 0)
    };

    let mut parts = clock.splitn(3, ':');
    let hour = number(parts.next()?, 2)?;
    let minute = number(parts.next()?, 2)?;
    let (second, nanoseconds) = match parts.next() {
        None => (0, 0),
        Some(seconds) => match seconds.split_once('.') {
            None => (number(seconds, 2)?, 0),
            Some((whole, fraction)) => (number(whole, 2)?, nanoseconds(fraction)?),
        },
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = (hour * 60 + minute - offset_minutes) * 60 + second;
    Some(i128::from(seconds) * NANOSECONDS_PER_SECOND + nanoseconds)
}

/// A fraction of a second; digits past the ninth are dropped.
fn nanoseconds(fraction: &str) -> Option<i128> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    Some(digits.fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0')))
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn days_of(year: i64, month: i64) -> i64 {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, counted from March so that the leap day is
/// the last of its year.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

pub(crate) const NANOSECONDS_PER_SECOND: i128 = 1_000_000_000;
const NANOSECONDS_PER_DAY: i128 = 86_400 * NANOSECONDS_PER_SECOND;

/// More digits than any epoch has; keeps the arithmetic far from its limits.
const EPOCH_DIGITS_MAX: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn seconds(text: &str, expected: i128) {
        assert_eq!(read(text), Some(expected * NANOSECONDS_PER_SECOND), "{text}");
    }

    #[test]
    fn dates_are_instants() {
        seconds("1970-01-01", 0);
        seconds("1970-01-01T00:00Z", 0);
        seconds("2026-06-01T02:00:00+02:00", 1_780_272_000);
        seconds("2026-06-01", 1_780_272_000);
        seconds("2026-05-31T19:00:00-05:00", 1_780_272_000);
        seconds("1780272000", 1_780_272_000);
        seconds("2000-02-29T23:59:59Z", 951_868_799);
        seconds("1969-12", -2_678_400);
        seconds("-1", -1);
        seconds("0001-01-01", -62_135_596_800);
        assert_eq!(read("1970-01-01T00:00:00.5Z"), Some(500_000_000));
        assert_eq!(read("1970-01-01T00:00:00.0000000019Z"), Some(1));
    }

    #[test]
    fn what_is_written_is_read_as_the_same_instant() {
        for instant in [
            0,
            1,
            -1,
            951_868_799 * NANOSECONDS_PER_SECOND,
            951_868_800 * NANOSECONDS_PER_SECOND + 5,
            -62_135_596_801 * NANOSECONDS_PER_SECOND,
            253_402_300_799 * NANOSECONDS_PER_SECOND,
            253_402_300_800 * NANOSECONDS_PER_SECOND,
            -99_999_999_999 * NANOSECONDS_PER_SECOND,
        ] {
            assert_eq!(read(&write(instant)), Some(instant), "{}", write(instant));
        }
        assert_eq!(
            write(1_780_272_000 * NANOSECONDS_PER_SECOND),
            "2026-06-01T00:00:00Z"
        );
    }

    #[test]
    fn what_is_no_date_says_why() {
        assert_eq!(check("2026"), Err(DateProblem::Ambiguous));
        for text in [
            "2019-13-01",
            "2019-02-29",
            "2019-01-01T24:00:00Z",
            "2019-1-1",
            "2019-01-01T10",
            "2019-01-01T00:00:00+25:00",
        ] {
            assert_eq!(check(text), Err(DateProblem::OutOfRange), "{text}");
        }
        for text in [
            "",
            "tomorrow",
            "2019/01/01",
            "99999999999999999999",
            "2019-01-01 00:00",
            "é",
        ] {
            assert_eq!(check(text), Err(DateProblem::Unreadable), "{text}");
        }
    }
}
