//! Redacts the secrets of requests in any text that is kept.
//!
//! A presigned URL carries its signature and, with temporary credentials, the session token in its query, so
//! whoever has the URL has both. The URL turns up as a request target, in a `Referer`, inside a parameter of another
//! URL or in a message. Its parameters can be written in many ways: as `X-Amz-Security%2DToken`, encoded twice, in
//! lower case, more than once. So names are compared after every escape is decoded, and without regard to case.

use std::borrow::Cow;

use memchr::memchr;

use crate::percent::hex_value;

/// Replaces the value of each secret parameter in a text with `[redacted]`.
///
/// A value ends at the next `&` or white space that is encoded no more often than the `=` before it, so an `&`
/// inside the value does not end it. In doubtful cases too much is redacted rather than too little.
///
/// ```
/// use sigv4_verify::redact_secrets;
///
/// assert_eq!(
///     redact_secrets("/?X-Amz-Security%2dToken=hush%26hush&X-Amz-Date=1"),
///     "/?X-Amz-Security%2dToken=[redacted]&X-Amz-Date=1"
/// );
/// assert_eq!(
///     redact_secrets("see https://a/?url=https%3A%2F%2Fb%2F%3Fx-amz-signature%3Dhush%26a%3D1"),
///     "see https://a/?url=https%3A%2F%2Fb%2F%3Fx-amz-signature%3D[redacted]%26a%3D1"
/// );
/// ```
#[must_use]
pub fn redact_secrets(text: &str) -> Cow<'_, str> {
    if may_hold_secrets(text) {
        redact_named(text)
    } else {
        Cow::Borrowed(text)
    }
}

#[expect(
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "each place was found in this text and is a boundary of characters"
)]
fn redact_named(text: &str) -> Cow<'_, str> {
    let characters = resolve_escapes(text.as_bytes());
    let bytes: Vec<u8> = characters.iter().map(|character| character.byte).collect();
    let mut redacted = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(separator) = next_separator(&bytes, at) {
        at = separator + 1;
        if !ends_with_a_secret(&bytes[..separator]) {
            continue;
        }
        if bytes[separator] == b':' {
            // `Name: value`, as headers are written.
            at += bytes[at..].iter().take_while(|byte| **byte == b' ').count();
        }
        let times_encoded = characters[separator].times_encoded;
        let ends = |character: &Character| {
            character.times_encoded <= times_encoded
                && (character.byte == b'&' || character.byte.is_ascii_whitespace())
        };
        let value = at;
        let length = characters[value..].iter().position(ends);
        at = length.map_or(characters.len(), |length| value + length);
        if at > value {
            // The bytes before and after a value are ASCII, so both ends lie on character boundaries.
            redacted.push_str(&text[copied..characters[value - 1].end]);
            redacted.push_str(REDACTED);
            copied = characters.get(at).map_or(text.len(), |character| character.start);
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    redacted.push_str(&text[copied..]);
    Cow::Owned(redacted)
}

/// Whether a header's value is a secret as a whole. Names are in lower case.
pub(crate) fn is_secret_header(name: &str) -> bool {
    SECRET_HEADERS.contains(&name)
}

/// A byte of a text whose escapes are decoded.
#[derive(Clone, Copy)]
struct Character {
    /// In lower case.
    byte: u8,
    times_encoded: usize,
    /// Its place in the text as written, in bytes.
    start: usize,
    end: usize,
}

/// Decodes escapes until none are left: `%252D` becomes `-`.
fn resolve_escapes(text: &[u8]) -> Vec<Character> {
    let mut resolved: Vec<Character> = Vec::with_capacity(text.len());
    for (start, byte) in text.iter().enumerate() {
        resolved.push(Character {
            byte: byte.to_ascii_lowercase(),
            times_encoded: 0,
            start,
            end: start + 1,
        });
        // A decoded character can be the end of another escape.
        while let [.., percent, high, low] = resolved[..]
            && percent.byte == b'%'
            && let (Some(high_value), Some(low_value)) = (hex_value(high.byte), hex_value(low.byte))
        {
            let times_encoded = percent
                .times_encoded
                .max(high.times_encoded)
                .max(low.times_encoded);
            resolved.truncate(resolved.len() - 3);
            resolved.push(Character {
                byte: (high_value << 4 | low_value).to_ascii_lowercase(),
                times_encoded: times_encoded + 1,
                start: percent.start,
                end: low.end,
            });
        }
    }
    resolved
}

/// Whether [`redact_secrets`] may find something to replace in a text; where it does not, it is certain that there is
/// nothing.
///
/// Far cheaper than [`redact_secrets`]. A text made of many can be looked at once instead of each of them: none of the
/// parts holds a secret if the whole does not.
#[must_use]
pub fn may_hold_secrets(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(lasts), Some(separators)) = (bytes.get(4..), bytes.get(5..)) else {
        return bytes.contains(&b'%');
    };
    // Nothing here ends early or branches, so the compiler can look at many places at once.
    let places = bytes.iter().zip(lasts).zip(separators);
    let is_named = places.fold(false, |found, ((fifth_last, last), separator)| {
        found | (is_separator(*separator) & may_end_a_secret(*fifth_last, *last))
    });
    is_named || memchr(b'%', bytes).is_some()
}

/// Whether the name of a secret may end like this: with the fifth letter from its end, and its last one.
fn may_end_a_secret(fifth_last: u8, last: u8) -> bool {
    // Makes letters lower case, and other characters something else, which does no harm.
    let (fifth_last, last) = (fifth_last | 0x20, last | 0x20);
    let ends = |fifth_last_letter, last_letter| (fifth_last == fifth_last_letter) & (last == last_letter);
    // …token, …signature, …secretaccesskey, …tokencode, …samlassertion
    ends(b't', b'n') | ends(b'a', b'e') | ends(b's', b'y') | ends(b'n', b'e') | ends(b'r', b'n')
}

/// Whether this character can separate a name from its value.
fn is_separator(byte: u8) -> bool {
    (byte == b'=') | (byte == b':')
}

/// The place of the next character that can separate a name from its value.
fn next_separator(text: &[u8], from: usize) -> Option<usize> {
    let position = text.get(from..)?.iter().position(|byte| is_separator(*byte))?;
    Some(from + position)
}

/// Whether a text ends with the name of a secret, in any case.
fn ends_with_a_secret(text: &[u8]) -> bool {
    let before = text.iter().rposition(|byte| !is_of_a_name(*byte));
    let name = before.map_or(text, |before| text.split_at(before + 1).1);
    SECRET_PARAMETERS.iter().any(|secret| {
        let end = name.len().checked_sub(secret.len());
        end.and_then(|end| name.split_at_checked(end))
            // A name that ends with `x-amz-…` counts as well, whatever comes before.
            .filter(|(before, _)| before.is_empty() || secret.starts_with("x-amz-"))
            .is_some_and(|(_, name)| name.eq_ignore_ascii_case(secret.as_bytes()))
    })
}

fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// Parameters whose values only the client and AWS may know, in lower case: those of Signature Version 4, of the
/// versions before it, and of AWS STS (API reference, the requests of its actions).
const SECRET_PARAMETERS: [&str; 10] = [
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-s3session-token",
    "signature",
    "securitytoken",
    "sessiontoken",
    "secretaccesskey",
    "tokencode",
    "webidentitytoken",
    "samlassertion",
];

/// Headers that are credentials.
const SECRET_HEADERS: [&str; 5] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-amz-s3session-token",
    "x-amz-security-token",
];

pub(crate) const REDACTED: &str = "[redacted]";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(redact_secrets(text), expected, "{text}");
    }

    #[test]
    fn names_are_compared_decoded_and_in_any_case() {
        for name in [
            "X-Amz-Security-Token",
            "x-amz-security-token",
            "X-AMZ-SECURITY-TOKEN",
            "X-Amz-Security%2DToken",
            "X-Amz-Security%2dToken",
            "%58%2d%41%6d%7A-Security-Token",
            "X-Amz-Security%252DToken",
            "X-Amz-Security%25252DToken",
            "X-Amz-Security%%32%44Token",
            "X-Amz-Signature",
            "x-amz-%73ignature",
            "Signature",
        ] {
            check(&format!("/?{name}=hush"), &format!("/?{name}=[redacted]"));
            check(
                &format!("/?a=1&{name}=hush%26hush+h=u&b=2&{name}=hush"),
                &format!("/?a=1&{name}=[redacted]&b=2&{name}=[redacted]"),
            );
        }
    }

    #[test]
    fn no_secret_is_overlooked_at_first_sight() {
        for name in SECRET_PARAMETERS {
            for separator in ["=", ":", "%3D"] {
                for name in [name.to_owned(), name.to_ascii_uppercase()] {
                    let text = format!("{name}{separator}");
                    assert!(may_hold_secrets(&text), "{text}");
                    assert!(may_hold_secrets(&format!("before {text} after")), "{text}");
                }
            }
        }
        assert!(!may_hold_secrets(
            "service=\"lookoutvision\" operation=\"DetectAnomalies\" arn:aws:iam::1:a/b"
        ));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn where_nothing_is_seen_at_first_sight_nothing_would_be_redacted(pieces in prop::collection::vec(piece(), 0..8)) {
            let text = pieces.concat();
            prop_assert!(may_hold_secrets(&text) || redact_named(&text) == text, "{text}");
        }
    }

    /// A part of a text that may name a secret: a name, its beginning or its end, what stands around it, or anything
    fn piece() -> impl Strategy<Value = String> {
        let name = (
            prop::sample::select(&SECRET_PARAMETERS[..]),
            0_usize..24,
            any::<bool>(),
        );
        prop_oneof![
            name.prop_map(|(name, at, is_upper)| {
                let (before, after) = name.split_at(at.min(name.len()));
                let part = if at % 2 == 0 { before } else { after };
                if is_upper {
                    part.to_uppercase()
                } else {
                    part.to_owned()
                }
            }),
            prop::sample::select(&SECRET_PARAMETERS[..]).prop_map(str::to_owned),
            prop::sample::select(&["=", ":", ": ", "%3D", "%253d", "%", "&", "?", " ", "-"][..])
                .prop_map(str::to_owned),
            any::<String>(),
        ]
    }

    #[test]
    fn broken_escapes_hide_nothing() {
        check("/?X-Amz-Signature=%zz%&a=%", "/?X-Amz-Signature=[redacted]&a=%");
        check("/%?x-amz-signature=é%C3", "/%?x-amz-signature=[redacted]");
        check("/%2?X-Amz-Signature%3Dhush", "/%2?X-Amz-Signature%3D[redacted]");
    }

    #[test]
    fn a_url_inside_another_ends_where_its_own_parameters_do() {
        check(
            "https://a/?u=https%3A%2F%2Fb%3FX-Amz-Signature%3Dhush%2526hush%26k%3D1&z=1",
            "https://a/?u=https%3A%2F%2Fb%3FX-Amz-Signature%3D[redacted]%26k%3D1&z=1",
        );
        check(
            "agent/1 (+https://a/?X-Amz-Signature=hush) next",
            "agent/1 (+https://a/?X-Amz-Signature=[redacted] next",
        );
    }

    #[test]
    fn headers_that_are_written_down_count_too() {
        check(
            "x-amz-security-token: hush\nhost:a",
            "x-amz-security-token: [redacted]\nhost:a",
        );
        check(
            "AWS4-HMAC-SHA256 Credential=A/b, SignedHeaders=host;x-amz-security-token, Signature=hush",
            "AWS4-HMAC-SHA256 Credential=A/b, SignedHeaders=host;x-amz-security-token, Signature=[redacted]",
        );
    }

    #[test]
    fn everything_else_stays() {
        for text in [
            "",
            "/2020-11-20/projects",
            "/?X-Amz-Credential=A%2F20260101%2Fus-west-2%2Flookoutvision%2Faws4_request&X-Amz-Date=1",
            "/?X-Amz-Signature=&a=1",
            "/?X-Amz-Signature&a=1",
            "/?mysignature=1&signatures=2",
            "the signature differs",
            "%%%%25%2",
        ] {
            assert!(matches!(redact_secrets(text), Cow::Borrowed(_)), "{text}");
            check(text, text);
        }
    }

    #[test]
    fn escapes_of_escapes_cost_no_more_than_their_length() {
        // Decoded in one pass per level, these would take a billion steps.
        let nested = format!("%{}2DX-Amz-Signature=hush", "25".repeat(200_000));
        assert!(redact_secrets(&nested).ends_with("X-Amz-Signature=[redacted]"));
    }
}
