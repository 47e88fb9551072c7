//! Amazon Resource Names, cut into their six parts.
//!
//! `arn:partition:service:region:account:resource`. The sixth part is everything after the fifth colon
//! and may hold further colons and slashes. Patterns are matched part by part, so an ARN is split once,
//! when it is read.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// How many parts an ARN has.
pub(crate) const ARN_PARTS: usize = 6;

/// What each of the six parts is called in explanations.
pub(crate) const ARN_PART_NAMES: [&str; ARN_PARTS] =
    ["prefix", "partition", "service", "region", "account", "resource"];

/// An Amazon Resource Name with six parts; cloning it counts a reference.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Arn {
    text: Arc<str>,
    /// Byte offsets of the five colons. INVARIANT: ascending, each the offset of a `:` in `text`.
    colons: [u32; ARN_PARTS - 1],
}

impl Arn {
    /// `aws`, `aws-cn`, ...
    pub fn partition(&self) -> &str {
        self.part(1)
    }

    /// The service's prefix, for example `lookoutvision`.
    pub fn service(&self) -> &str {
        self.part(2)
    }

    /// The Region; empty for global services.
    pub fn region(&self) -> &str {
        self.part(3)
    }

    /// The account that owns the resource; empty for some services.
    pub fn account(&self) -> &str {
        self.part(4)
    }

    /// Everything after the fifth colon.
    pub fn resource(&self) -> &str {
        self.part(5)
    }

    /// The ARN as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    #[expect(
        clippy::indexing_slicing,
        clippy::string_slice,
        reason = "the five colons were found in this text when it was parsed"
    )]
    pub(crate) fn part(&self, index: usize) -> &str {
        let start = if index == 0 {
            0
        } else {
            self.colons[index - 1] as usize + 1
        };
        match self.colons.get(index) {
            Some(&end) => &self.text[start..end as usize],
            None => &self.text[start..],
        }
    }
}

/// The six parts of `text`, or `None` when it is not an ARN.
pub(crate) fn split(text: &str) -> Option<[&str; ARN_PARTS]> {
    let mut parts = [""; ARN_PARTS];
    let [before_colons @ .., last] = &mut parts;
    *last = text;
    for part in before_colons {
        // Parts are short: looking at each byte is faster than `str::find`, which is made for long texts.
        let colon = last.bytes().position(|byte| byte == b':')?;
        *part = last.get(..colon)?;
        *last = last.get(colon + 1..)?;
    }
    (parts[0] == "arn").then_some(parts)
}

impl FromStr for Arn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Arc::<str>::from(text).try_into()
    }
}

impl TryFrom<Arc<str>> for Arn {
    type Error = ArnError;

    fn try_from(text: Arc<str>) -> Result<Self, Self::Error> {
        let refused = || ArnError { text: (*text).into() };
        let parts = split(&text).ok_or_else(refused)?;
        if text.len() > ARN_BYTES_MAX || parts[1].is_empty() || parts[2].is_empty() || parts[5].is_empty() {
            return Err(refused());
        }
        let mut colons = [0; ARN_PARTS - 1];
        let mut offset = 0;
        for (colon, part) in colons.iter_mut().zip(parts) {
            offset += part.len();
            *colon = u32::try_from(offset).map_err(|_| refused())?;
            offset += 1;
        }
        Ok(Self { text, colons })
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arn({})", self.text)
    }
}

/// The text is not an ARN of six parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArnError {
    text: Box<str>,
}

impl fmt::Display for ArnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not an ARN; expected `arn:partition:service:region:account:resource`",
            self.text
        )
    }
}

impl std::error::Error for ArnError {}

/// The longest ARN this crate reads. IAM API Reference: ARNs are at most 2,048 characters; four bytes each.
pub const ARN_BYTES_MAX: usize = 8_192;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_part_keeps_its_colons_and_slashes() {
        let arn: Arn = "arn:aws:lookoutvision:us-west-2:123456789012:model/p:q/1"
            .parse()
            .unwrap();
        assert_eq!(arn.service(), "lookoutvision");
        assert_eq!(arn.region(), "us-west-2");
        assert_eq!(arn.account(), "123456789012");
        assert_eq!(arn.resource(), "model/p:q/1");
        assert_eq!(arn.part(0), "arn");
    }

    #[test]
    fn region_and_account_may_be_empty_but_not_the_other_parts() {
        assert!("arn:aws:s3:::bucket".parse::<Arn>().is_ok());
        for text in [
            "",
            "arn",
            "arn:aws:s3::bucket",
            "arn::s3:::b",
            "arn:aws::::b",
            "arn:aws:s3:::",
            "urn:aws:s3:::b",
        ] {
            assert!(text.parse::<Arn>().is_err(), "{text}");
        }
    }
}
