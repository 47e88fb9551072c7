//! The `Credential` of a request: an access key id and the scope its signature is valid for.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr;

use crate::request_date::RequestDate;
use crate::shown::Shown;

/// The day, Region and service a signature is valid for. Prints as in a string to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialScope<'a> {
    date: Cow<'a, str>,
    region: Cow<'a, str>,
    service: Cow<'a, str>,
}

impl CredentialScope<'_> {
    /// The day, `YYYYMMDD`.
    #[must_use]
    pub fn date(&self) -> &str {
        &self.date
    }

    /// The Region, such as `us-east-1`.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The service, such as `lookoutvision`.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The same scope, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> CredentialScope<'static> {
        CredentialScope {
            date: Cow::Owned(self.date.into_owned()),
            region: Cow::Owned(self.region.into_owned()),
            service: Cow::Owned(self.service.into_owned()),
        }
    }
}

impl fmt::Display for CredentialScope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{TERMINATOR}", self.date, self.region, self.service)
    }
}

/// A `Credential` of five parts, whose scope is not checked yet.
pub(crate) struct UncheckedCredential<'a> {
    access_key_id: Cow<'a, str>,
    scope: CredentialScope<'a>,
    terminator: Cow<'a, str>,
}

impl<'a> UncheckedCredential<'a> {
    /// Splits `keyid/date/region/service/term`.
    pub(crate) fn parse(credential: &Cow<'a, str>) -> Option<Self> {
        let mut parts = match credential {
            Cow::Borrowed(text) => split_five(text)?.map(Cow::Borrowed),
            Cow::Owned(text) => split_five(text)?.map(|part| Cow::Owned(part.to_owned())),
        };
        let [access_key_id, date, region, service, terminator] = parts.each_mut().map(std::mem::take);
        Some(Self {
            access_key_id,
            scope: CredentialScope {
                date,
                region,
                service,
            },
            terminator,
        })
    }

    /// Returns the access key id and the scope, or everything that is wrong with the scope, in AWS's order.
    pub(crate) fn check(
        self,
        region: ExpectedRegion<'_>,
        service: &str,
        date: RequestDate,
    ) -> Result<(Cow<'a, str>, CredentialScope<'a>), Vec<ScopeFault>> {
        let mut faults = Vec::new();
        if !region.admits(&self.scope.region) {
            faults.push(ScopeFault::Region {
                found: self.scope.region.to_string(),
            });
        }
        if self.scope.service != service {
            faults.push(ScopeFault::Service {
                expected: service.to_owned(),
                found: self.scope.service.to_string(),
            });
        }
        if self.terminator != TERMINATOR {
            faults.push(ScopeFault::Terminator {
                found: self.terminator.into_owned(),
            });
        }
        if self.scope.date != date.day() {
            faults.push(ScopeFault::Date {
                found: self.scope.date.to_string(),
                expected: date,
            });
        }
        if faults.is_empty() {
            Ok((self.access_key_id, self.scope))
        } else {
            Err(faults)
        }
    }
}

/// One thing that is wrong with a credential scope. Prints as AWS's sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeFault {
    /// The Region is not the endpoint's, or not a Region at all.
    Region {
        /// The Region of the scope.
        found: String,
    },
    /// The service is another one.
    Service {
        /// The service of the endpoint.
        expected: String,
        /// The service of the scope.
        found: String,
    },
    /// The scope does not end in `aws4_request`.
    Terminator {
        /// What it ends in instead.
        found: String,
    },
    /// The day is not the day of the request's date.
    Date {
        /// The day of the scope.
        found: String,
        /// The request's date.
        expected: RequestDate,
    },
}

impl fmt::Display for ScopeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The space at the end of the first three sentences is AWS's own (cllunsford/aws-signing-proxy#25).
        match self {
            Self::Region { found } => {
                write!(
                    f,
                    "Credential should be scoped to a valid region, not '{}'. ",
                    Shown(found)
                )
            }
            Self::Service { expected, .. } => {
                write!(
                    f,
                    "Credential should be scoped to correct service: '{expected}'. "
                )
            }
            Self::Terminator { found } => {
                write!(
                    f,
                    "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{}'. ",
                    Shown(found)
                )
            }
            // tedder/requests-aws4auth#7.
            Self::Date { found, expected } => write!(
                f,
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                 '{}' != '{}', from '{expected}'.",
                Shown(found),
                expected.day()
            ),
        }
    }
}

/// Which Region a scope may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedRegion<'a> {
    /// Anything that looks like a Region: two letters, one or more lower-case words and a number of one or two
    /// digits, joined by hyphens, at most 32 bytes in all. For an endpoint that serves every Region and reads the
    /// Region of a request from its scope.
    Any,
    /// Only this Region.
    Exactly(&'a str),
}

impl ExpectedRegion<'_> {
    fn admits(self, region: &str) -> bool {
        match self {
            Self::Any => looks_like_a_region(region),
            Self::Exactly(expected) => region == expected,
        }
    }
}

/// `us-east-1`, `us-gov-west-1`, `ap-southeast-5`: two letters, lower-case words, then a number.
// Guess: the form stands in for the list of Regions, which grows every year. (`eusc-de-east-1` of the
// European Sovereign Cloud has another form and is not accepted.)
fn looks_like_a_region(region: &str) -> bool {
    let mut words = region.split('-');
    let (Some(first), Some(number)) = (words.next(), words.next_back()) else {
        return false;
    };
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    region.len() <= REGION_BYTES_MAX
        && first.len() == 2
        && is_word(first)
        && words.clone().next().is_some()
        && words.all(is_word)
        && matches!(number.len(), 1 | 2)
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn split_five(text: &str) -> Option<[&str; 5]> {
    let mut rest = text;
    let mut next = || {
        let slash = memchr(b'/', rest.as_bytes())?;
        let part = rest.get(..slash)?;
        rest = rest.get(slash + 1..)?;
        Some(part)
    };
    let [access_key_id, date, region, service] = [next()?, next()?, next()?, next()?];
    let is_last = next().is_none();
    is_last.then_some([access_key_id, date, region, service, rest])
}

pub(crate) const TERMINATOR: &str = "aws4_request";

/// Longer than any Region name that AWS uses.
const REGION_BYTES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_told_by_its_shape() {
        for region in [
            "us-east-1",
            "us-gov-west-1",
            "ap-southeast-5",
            "us-iso-east-1",
            "cn-north-1",
        ] {
            assert!(looks_like_a_region(region), "{region}");
        }
        for other in [
            "",
            "us",
            "us-east",
            "us-1",
            "usa-east-1",
            "us-4-1",
            "us--1",
            "us-aaaaaaaaaaaaaaaaaaaaaaaaaaaaa-1",
            "-east-1",
            "US-EAST-1",
            "us-east-",
            "us-east-123",
            "us-east-1a",
            "*",
        ] {
            assert!(!looks_like_a_region(other), "{other}");
        }
    }

    #[test]
    fn a_scope_prints_as_it_is_signed() {
        let credential = Cow::Borrowed("AKIDEXAMPLE/20261123/us-east-1/lookoutvision/aws4_request");
        let date = RequestDate::parse("20261123T033447Z").unwrap();
        let credential = UncheckedCredential::parse(&credential).unwrap();
        let (access_key_id, scope) = credential
            .check(ExpectedRegion::Any, "lookoutvision", date)
            .unwrap();
        assert_eq!(access_key_id, "AKIDEXAMPLE");
        assert_eq!(scope.to_string(), "20261123/us-east-1/lookoutvision/aws4_request");
    }
}
