//! The request target as it came over the wire.
//!
//! SigV4 signs an encoding *of the encoding*: a client sends `/tags/arn%3Aaws` and signs `/tags/arn%253Aaws`.
//! So the raw bytes must reach us; a path that was decoded, or decoded and encoded again, can no longer be
//! verified.

use std::borrow::Cow;

use crate::error::{PathFault, SignatureError};
use crate::percent;

/// A request target whose path stays below the root and whose escapes are all complete.
///
/// ```
/// use sigv4_verify::RequestTarget;
///
/// let target = RequestTarget::parse(b"/2020-11-20/projects?maxResults=5").unwrap();
/// assert_eq!(target.path(), b"/2020-11-20/projects");
/// assert!(RequestTarget::parse(b"/a/../../b").is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestTarget<'a> {
    path: &'a [u8],
    query: &'a [u8],
}

impl<'a> RequestTarget<'a> {
    /// Checks the raw target, the bytes between the method and the HTTP version.
    ///
    /// # Errors
    /// If rule 1 or 4 of the [crate's list](crate#the-order-of-checks) is broken.
    #[expect(
        clippy::indexing_slicing,
        reason = "the place is that of a question mark that was found in the target"
    )]
    pub fn parse(target: &'a [u8]) -> Result<Self, SignatureError> {
        let (path, query) = match target.iter().position(|byte| *byte == b'?') {
            Some(at) => (&target[..at], &target[at + 1..]),
            None => (target, &target[target.len()..]),
        };
        let target = Self { path, query };

        // Rule 1: the path has complete escapes and stays below the root.
        target.check_path().map_err(SignatureError::MalformedPath)?;

        // Rule 4: the query has complete escapes.
        for (name, value) in target.raw_pairs() {
            percent::check_escapes(name).map_err(SignatureError::MalformedQueryString)?;
            percent::check_escapes(value).map_err(SignatureError::MalformedQueryString)?;
        }
        Ok(target)
    }

    /// The path as sent, escapes and all.
    #[must_use]
    pub fn path(&self) -> &'a [u8] {
        self.path
    }

    /// The query as sent, without the `?`; empty when there is none.
    #[must_use]
    pub fn query(&self) -> &'a [u8] {
        self.query
    }

    /// The decoded value of the first query parameter of that name.
    // AWS uses the first of several (scratchstack-aws-signature, "AWS Auth Error Ordering", rule 7c).
    pub(crate) fn query_parameter(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        self.raw_pairs()
            .find(|(raw_name, _)| percent::decode(raw_name).as_ref() == name.as_bytes())
            .map(|(_, value)| percent::decode(value))
    }

    /// Writes the path as it is signed: normalised, then every byte outside `A-Za-z0-9-._~/` encoded once
    /// more.
    #[expect(
        clippy::indexing_slicing,
        reason = "`start` is where this path begins in what was written"
    )]
    pub(crate) fn write_canonical_path(&self, out: &mut Vec<u8>) {
        let start = out.len();
        for segment in segments(self.path) {
            match segment {
                b"" | b"." => {}
                // A segment has no slashes, so the last slash begins the last segment.
                b".." => {
                    let parent = out[start..].iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                    out.truncate(start + parent);
                }
                _ => {
                    out.push(b'/');
                    percent::encode_into(out, segment);
                }
            }
        }
        if out.len() == start || self.path.ends_with(b"/") {
            out.push(b'/');
        }
    }

    /// Writes the query as it is signed: decoded, strictly encoded, sorted by name and then by value, without
    /// the parameters in `omitted`.
    #[expect(
        clippy::indexing_slicing,
        reason = "the ranges are those of names and values that were just written there"
    )]
    pub(crate) fn write_canonical_query(&self, out: &mut Vec<u8>, omitted: &[&str]) {
        if self.query.is_empty() {
            return;
        }
        // All names and values are written one after the other into one buffer; then the pairs of their ranges are
        // sorted.
        let mut text = Vec::with_capacity(self.query.len() + self.query.len() / 4);
        let mut pairs = Vec::with_capacity(16);
        for (name, value) in self.raw_pairs() {
            let name = percent::decode(name);
            if omitted.iter().any(|omitted| omitted.as_bytes() == name.as_ref()) {
                continue;
            }
            let start = text.len();
            percent::encode_into(&mut text, &name);
            let middle = text.len();
            // Guess: a literal `+` is the character `+`, not a space. The SDKs send `%2B` and `%20`.
            percent::encode_into(&mut text, &percent::decode(value));
            pairs.push((start..middle, middle..text.len()));
        }
        // By name, then by value, and not by `name=value`: `Param` comes before `Param-3` although `=` comes
        // after `-`. Which of two equal pairs comes first makes no difference.
        pairs.sort_unstable_by(|(name, value), (other_name, other_value)| {
            (&text[name.clone()], &text[value.clone()])
                .cmp(&(&text[other_name.clone()], &text[other_value.clone()]))
        });
        for (nth, (name, value)) in pairs.into_iter().enumerate() {
            if nth > 0 {
                out.push(b'&');
            }
            out.extend_from_slice(&text[name]);
            out.push(b'=');
            out.extend_from_slice(&text[value]);
        }
    }

    /// Writes the query in the order it was sent, which is how signers that forget to sort sign it.
    pub(crate) fn write_query_as_sent(&self, out: &mut Vec<u8>, omitted: &[&str]) {
        let kept = self.query.split(|byte| *byte == b'&').filter(|pair| {
            let (name, _) = split_pair(pair);
            !omitted
                .iter()
                .any(|omitted| omitted.as_bytes() == percent::decode(name).as_ref())
        });
        for (nth, pair) in kept.enumerate() {
            if nth > 0 {
                out.push(b'&');
            }
            out.extend_from_slice(pair);
        }
    }

    fn check_path(&self) -> Result<(), PathFault> {
        percent::check_escapes(self.path).map_err(PathFault::Escape)?;
        if !(self.path.is_empty() || self.path.starts_with(b"/")) {
            return Err(PathFault::NotAbsolute);
        }
        let mut depth = 0_usize;
        for segment in segments(self.path) {
            match segment {
                b"" | b"." => {}
                b".." => depth = depth.checked_sub(1).ok_or(PathFault::AboveRoot)?,
                _ => depth += 1,
            }
        }
        Ok(())
    }

    fn raw_pairs(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.query
            .split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty())
            .map(split_pair)
    }
}

fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
}

/// A parameter without `=` has the empty value.
#[expect(
    clippy::indexing_slicing,
    reason = "the place is that of a sign that was found in the pair"
)]
fn split_pair(pair: &[u8]) -> (&[u8], &[u8]) {
    match pair.iter().position(|byte| *byte == b'=') {
        Some(at) => (&pair[..at], &pair[at + 1..]),
        None => (pair, &pair[pair.len()..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::percent::EscapeFault;

    #[track_caller]
    fn path(sent: &str) -> String {
        let mut out = b"before".to_vec();
        RequestTarget::parse(sent.as_bytes())
            .unwrap()
            .write_canonical_path(&mut out);
        String::from_utf8(out)
            .unwrap()
            .strip_prefix("before")
            .unwrap()
            .to_owned()
    }

    #[track_caller]
    fn query(sent: &str) -> String {
        let mut out = Vec::new();
        let target = format!("/?{sent}");
        RequestTarget::parse(target.as_bytes())
            .unwrap()
            .write_canonical_query(&mut out, &["X-Amz-Signature"]);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_path_is_normalised_and_encoded_once_more() {
        for (sent, signed) in [
            ("", "/"),
            ("/", "/"),
            ("//", "/"),
            ("/./", "/"),
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("/a//b///c", "/a/b/c"),
            ("/a/./b", "/a/b"),
            ("/a/b/../c", "/a/c"),
            ("/a/b/../..", "/"),
            ("/a/../b/../", "/"),
            ("/x%2Fy/../z", "/z"),
            ("/arn%3Aaws%3Al", "/arn%253Aaws%253Al"),
            ("/%2e%2E/a", "/%252e%252E/a"),
            ("/a*b'(c)", "/a%2Ab%27%28c%29"),
            ("/-._~Az09", "/-._~Az09"),
            ("/\u{1234}", "/%E1%88%B4"),
        ] {
            assert_eq!(path(sent), signed, "{sent}");
        }
    }

    #[test]
    fn a_query_is_decoded_encoded_and_sorted() {
        for (sent, signed) in [
            ("", ""),
            ("a", "a="),
            ("a=", "a="),
            ("&&a=1&", "a=1"),
            ("b=2&a=1", "a=1&b=2"),
            ("a=2&a=1&a=2", "a=1&a=2&a=2"),
            ("Param-3=Value3&Param=Value2", "Param=Value2&Param-3=Value3"),
            ("a%41=%7e%2f", "aA=~%2F"),
            ("a=x+y", "a=x%2By"),
            ("a=b=c", "a=b%3Dc"),
            ("=x", "=x"),
            ("X-Amz-Signature=1&X%2dAmz-Signature=2&a=1", "a=1"),
            ("b=1&B=2&%E1%88%B4=3", "%E1%88%B4=3&B=2&b=1"),
        ] {
            assert_eq!(query(sent), signed, "{sent}");
        }
    }

    #[test]
    fn a_path_with_a_broken_escape_or_above_the_root_is_refused() {
        for (sent, fault) in [
            ("/a%", PathFault::Escape(EscapeFault::Incomplete)),
            ("/a%4", PathFault::Escape(EscapeFault::Incomplete)),
            ("/a%0J/b", PathFault::Escape(EscapeFault::IllegalHex(*b"0J"))),
            ("/..", PathFault::AboveRoot),
            ("/a/../..", PathFault::AboveRoot),
            ("/a/../../b", PathFault::AboveRoot),
            ("a", PathFault::NotAbsolute),
            ("*", PathFault::NotAbsolute),
        ] {
            let error = RequestTarget::parse(sent.as_bytes()).unwrap_err();
            assert!(
                matches!(error, SignatureError::MalformedPath(found) if found == fault),
                "{sent}: {error:?}"
            );
        }
    }

    #[test]
    fn a_broken_escape_is_seen_inside_its_own_name_or_value() {
        for (sent, message) in [
            ("/?a=%", "Incomplete trailing escape % sequence"),
            ("/?a=%2&b=41", "Incomplete trailing escape % sequence"),
            ("/?a%4=1", "Incomplete trailing escape % sequence"),
            ("/?a=%zz", "Illegal hex character in escape % pattern: %zz"),
            ("/?a=1&%4g", "Illegal hex character in escape % pattern: %4g"),
        ] {
            match RequestTarget::parse(sent.as_bytes()) {
                Err(SignatureError::MalformedQueryString(fault)) => {
                    assert_eq!(fault.to_string(), message, "{sent}");
                }
                other => panic!("{sent}: {other:?}"),
            }
        }
    }
}
