//! The names AWS gives to things, each parsed once and trusted from then on.
//!
//! Every type here has one private field and one constructor that can fail ([`FromStr`]), and serde goes through that
//! constructor, so a `Region` that exists is a well-formed Region wherever it came from.

#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used
    )
)]

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The text is not the expected identifier
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not {expected}")]
pub struct IdentifierError {
    found: String,
    expected: &'static str,
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $is_valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The identifier as it is written
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The same text, shared and not copied
            pub fn to_shared(&self) -> Arc<str> {
                self.0.clone()
            }
        }

        impl FromStr for $name {
            type Err = IdentifierError;

            fn from_str(text: &str) -> Result<Self, IdentifierError> {
                let is_valid: fn(&str) -> bool = $is_valid;
                if is_valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(IdentifierError { found: text.to_owned(), expected: $expected })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

identifier!(
    /// The twelve digits of an AWS account
    AccountId,
    "an account id (twelve digits)",
    |text| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
);

identifier!(
    /// An AWS Region name, such as `us-west-2`
    Region,
    "a Region name (like `us-west-2`)",
    |text| {
        let mut parts = text.split('-');
        let last_is_number = text.rsplit('-').next().is_some_and(|last| {
            matches!(last.len(), 1 | 2) && last.bytes().all(|b| b.is_ascii_digit())
        });
        text.len() <= REGION_CHARACTERS_MAX
            && last_is_number
            && text.split('-').count() >= 3
            && parts.next().is_some_and(|first| first.len() == 2)
            && text.split('-').rev().skip(1).all(|part| {
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase())
            })
    }
);

identifier!(
    /// The id of a VPC: `vpc-` and 8 or 17 hexadecimal digits
    VpcId,
    "a VPC id (`vpc-` and 8 or 17 lower-case hexadecimal digits)",
    |text| has_resource_id(text, "vpc-")
);

identifier!(
    /// The id of a VPC endpoint: `vpce-` and 8 or 17 hexadecimal digits
    VpcEndpointId,
    "a VPC endpoint id (`vpce-` and 8 or 17 lower-case hexadecimal digits)",
    |text| has_resource_id(text, "vpce-")
);

identifier!(
    /// The id of a subnet: `subnet-` and 8 or 17 hexadecimal digits
    SubnetId,
    "a subnet id (`subnet-` and 8 or 17 lower-case hexadecimal digits)",
    |text| has_resource_id(text, "subnet-")
);

identifier!(
    /// The id of a security group: `sg-` and 8 or 17 hexadecimal digits
    SecurityGroupId,
    "a security group id (`sg-` and 8 or 17 lower-case hexadecimal digits)",
    |text| has_resource_id(text, "sg-")
);

identifier!(
    /// A project's name (API model: `[a-zA-Z0-9][a-zA-Z0-9_\-]*`, 1 to 255 characters)
    ProjectName,
    "a project name (1 to 255 of [a-zA-Z0-9_-], the first not _ or -)",
    |text| {
        (1..=255).contains(&text.len())
            && text.bytes().all(is_name_byte)
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
    }
);

identifier!(
    /// A model's version. AWS numbers versions (`[1-9][0-9]*`, 1 to 10 characters); a declared model may have any
    /// name of `[A-Za-z0-9_-]` except `latest`, because the service's own endpoint policy example names
    /// `model/myProject/myModel`.
    ModelVersion,
    "a model version (1 to 255 of [A-Za-z0-9_-], and not `latest`)",
    |text| (1..=255).contains(&text.len()) && text.bytes().all(is_name_byte) && text != "latest"
);

identifier!(
    /// The public half of an access key (IAM API reference, `AccessKey`: 16 to 128 word characters; shorter ones are
    /// accepted here so that the default key can be `test`)
    AccessKeyId,
    "an access key id (1 to 128 of [A-Za-z0-9_])",
    |text| {
        (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    }
);

impl ModelVersion {
    /// The number, if the service could have assigned this version; `None` for a declared name
    pub fn number(&self) -> Option<u64> {
        let digits = self.0.as_bytes();
        let is_number = digits.len() <= 10 && digits.first().is_some_and(|first| *first != b'0');
        // Ten digits fit into 64 bits.
        self.0
            .parse()
            .ok()
            .filter(|_| is_number && digits.iter().all(u8::is_ascii_digit))
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

// EC2 API reference, *Resource IDs*: eight hexadecimal digits before 2016, seventeen since.
fn has_resource_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|id| {
        matches!(id.len(), 8 | 17)
            && id
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

/// Longer than any Region name that AWS uses (`ap-southeast-2` has 14 characters)
const REGION_CHARACTERS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn region_names_are_taken_and_near_misses_are_not() {
        for region in ["us-east-1", "ap-northeast-2", "us-gov-west-1", "eu-central-1"] {
            assert!(region.parse::<Region>().is_ok(), "{region}");
        }
        for text in [
            "",
            "us",
            "us-east",
            "us-east-",
            "US-EAST-1",
            "us--1",
            "us-east-1a",
            "useast-1",
            "-us-east-1",
        ] {
            assert!(text.parse::<Region>().is_err(), "{text}");
        }
    }

    #[test]
    fn endpoint_ids_have_eight_or_seventeen_digits() {
        assert!("vpce-00000000000000000".parse::<VpcEndpointId>().is_ok());
        assert!("vpce-1a2b3c4d".parse::<VpcEndpointId>().is_ok());
        for text in [
            "vpce-1",
            "vpce-0000000000000000G",
            "vpc-00000000000000000",
            "vpce-00000000000000000-x",
        ] {
            assert!(text.parse::<VpcEndpointId>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_versions_that_aws_could_number_have_a_number() {
        let number = |text: &str| text.parse::<ModelVersion>().expect("well-formed").number();
        assert_eq!(number("1"), Some(1));
        assert_eq!(number("9999999999"), Some(9_999_999_999));
        assert_eq!(number("01"), None);
        assert_eq!(number("myModel"), None);
        assert!("latest".parse::<ModelVersion>().is_err());
    }

    #[test]
    fn an_error_names_the_text_and_what_it_should_be() {
        let error = "12".parse::<AccountId>().expect_err("two digits are too few");
        assert_eq!(error.to_string(), "`12` is not an account id (twelve digits)");
    }
}
