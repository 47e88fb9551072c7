//! `traceparent`: which trace a request belongs to, and which span it comes from (W3C Trace Context, section 3.2).
//!
//! ```text
//! traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
//!              version, trace id, parent id, flags
//! ```

use std::str::FromStr;

use http::HeaderName;

/// The header
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The value of the header, in the form that its first version has
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceParent(Box<str>);

/// Not a `traceparent`
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidTraceParent;

impl TraceParent {
    /// How long it is, in bytes
    pub(crate) const BYTES: usize = VERSION_DIGITS + TRACE_ID_DIGITS + PARENT_ID_DIGITS + FLAGS_DIGITS + 3;

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TraceParent {
    type Err = InvalidTraceParent;

    /// A value that breaks the rules is no `traceparent` at all (section 4.3). Later versions may have more behind the four
    /// parts, which is left out.
    fn from_str(text: &str) -> Result<Self, InvalidTraceParent> {
        let is_hex = |part: &str| {
            part.bytes()
                .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_id = |part: &str, digits: usize| {
            part.len() == digits && is_hex(part) && part.bytes().any(|digit| digit != b'0')
        };
        let mut parts = text.splitn(5, '-');
        let mut next = || parts.next().ok_or(InvalidTraceParent);
        let (version, trace_id, parent_id, flags) = (next()?, next()?, next()?, next()?);
        let has_more = parts.next().is_some();
        let is_valid = version.len() == VERSION_DIGITS
            && is_hex(version)
            && version != "ff"
            && is_id(trace_id, TRACE_ID_DIGITS)
            && is_id(parent_id, PARENT_ID_DIGITS)
            && flags.len() == FLAGS_DIGITS
            && is_hex(flags)
            && !(has_more && version == "00");
        match text.get(..Self::BYTES) {
            Some(text) if is_valid => Ok(Self(text.into())),
            _ => Err(InvalidTraceParent),
        }
    }
}

const VERSION_DIGITS: usize = 2;
const TRACE_ID_DIGITS: usize = 32;
const PARENT_ID_DIGITS: usize = 16;
const FLAGS_DIGITS: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn the_example_of_the_specification_is_one() {
        let parsed: TraceParent = EXAMPLE.parse().unwrap();
        assert_eq!(parsed.as_str(), EXAMPLE);
        let later = format!("cc{}-what-comes", &EXAMPLE[2..]);
        assert_eq!(
            later.parse::<TraceParent>().unwrap().as_str(),
            &later[..TraceParent::BYTES]
        );
    }

    #[test]
    fn what_breaks_the_rules_is_none() {
        for text in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
            "00-0af7651916cd43dd8448eb211c80319ü-b7ad6b7169203331-01",
        ] {
            assert_eq!(text.parse::<TraceParent>(), Err(InvalidTraceParent), "{text}");
        }
    }
}
