//! Filters and pages of the Describe actions.
//!
//! A filter names an attribute and its accepted values; `*` stands for any characters and `?` for one (EC2 API
//! reference, *Filter*). Something passes if every filter accepts it, by one of the filter's values.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use client_text::Shown;
use iam_policy::matches_glob;

use super::error::Ec2Error;
use crate::services::query::parameters::Reader;

/// The filters of a Describe action
#[derive(Debug)]
pub(super) struct Filters(Vec<(String, Vec<String>)>);

/// The part of the list that is asked for
#[derive(Debug)]
pub(super) struct Page {
    first: usize,
    size: usize,
}

impl Filters {
    /// Reads the filters; in `known`, a name that ends in `*` covers every filter that begins like it, such as those on
    /// tags
    pub(super) fn read(reader: &mut Reader<'_>, known: &[&str]) -> Result<Self, Ec2Error> {
        let mut filters = Vec::new();
        for filter in reader.structures("Filter") {
            let name = reader.required(&format!("{filter}.Name"))?.to_owned();
            let values = reader.texts(&format!("{filter}.Value"));
            let is_known = known.iter().any(|known| {
                *known == name
                    || known
                        .strip_suffix('*')
                        .is_some_and(|prefix| name.starts_with(prefix))
            });
            if !is_known {
                // aws/aws-cli#4238 and many others quote EC2 so.
                return Err(Ec2Error::InvalidParameterValue(format!(
                    "The filter '{}' is invalid",
                    Shown(&name)
                )));
            }
            if values.is_empty() {
                return Err(Ec2Error::InvalidParameterValue(format!(
                    "The filter '{}' has no values",
                    Shown(&name)
                )));
            }
            filters.push((name, values.into_iter().map(str::to_owned).collect()));
        }
        Ok(Self(filters))
    }

    /// Whether something passes; `values_of` returns its values of an attribute
    pub(super) fn pass<V: IntoIterator<Item = String>>(&self, values_of: impl Fn(&str) -> V) -> bool {
        self.0.iter().all(|(name, patterns)| {
            let is_meant = |value: String| patterns.iter().any(|pattern| matches(pattern, &value));
            values_of(name).into_iter().any(is_meant)
        })
    }
}

impl Page {
    /// Reads `MaxResults` and `NextToken`
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Ec2Error> {
        // API model, `MaxResults` of DescribeVpcEndpoints: with more than 1000, 1000 are returned.
        let size = match reader.number("MaxResults")? {
            None => PAGE_SIZE_MAX,
            Some(0) => {
                return Err(Ec2Error::InvalidParameterValue(
                    "Value ( 0 ) for parameter maxResults is invalid. Expecting a value greater than 0."
                        .to_owned(),
                ));
            }
            Some(size) => (size as usize).min(PAGE_SIZE_MAX),
        };
        let first = match reader.text("NextToken") {
            None | Some("") => 0,
            Some(token) => from_token(token).ok_or(Ec2Error::InvalidPaginationToken)?,
        };
        Ok(Self { first, size })
    }

    /// The items of the page, and the token of the next page
    pub(super) fn of<T>(&self, items: Vec<T>) -> (Vec<T>, Option<String>) {
        let end = self.first.saturating_add(self.size);
        let next = (items.len() > end).then(|| to_token(end));
        let page = items.into_iter().skip(self.first).take(self.size).collect();
        (page, next)
    }
}

fn to_token(first: usize) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{TOKEN_PREFIX}{first}"))
}

fn from_token(token: &str) -> Option<usize> {
    let text = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
    let text = String::from_utf8(text).ok()?;
    text.strip_prefix(TOKEN_PREFIX)?.parse().ok()
}

// EC2 API reference, *Filter*: a backslash escapes the next character.
fn matches(pattern: &str, value: &str) -> bool {
    matches_glob(pattern, '\\', value)
}

const PAGE_SIZE_MAX: usize = 1000;
const TOKEN_PREFIX: &str = "first=";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_any_characters_and_for_one() {
        for (pattern, value, expected) in [
            ("vpce-*", "vpce-0a", true),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
            ("Abc", "abc", false),
        ] {
            assert_eq!(matches(pattern, value), expected, "{pattern} {value}");
        }
    }

    #[test]
    fn pages_follow_one_another_to_the_end() {
        let mut page = Page { first: 0, size: 2 };
        let mut seen = Vec::new();
        loop {
            let (items, next) = page.of(vec![1, 2, 3, 4, 5]);
            seen.extend(items);
            let Some(next) = next else { break };
            page.first = from_token(&next).expect("our own token");
        }
        assert_eq!(seen, [1, 2, 3, 4, 5]);
        assert_eq!(from_token("nonsense"), None);
    }
}
