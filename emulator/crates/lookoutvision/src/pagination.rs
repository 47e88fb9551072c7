//! Pages of lists, and the tokens that lead from one to the next.
//!
//! Every list has an order, and every item has a key that sorts the same way. A token names the key of the last item
//! on its page, so it stays valid when items are added or removed and when the emulator is restarted. It also carries a
//! checksum of the request that it belongs to, so that it is refused for another list or another filter.

use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::error::ServiceError;

/// One page
#[derive(Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items on it
    pub items: Vec<T>,
    /// The token of the next page, if there is one
    pub next_token: Option<String>,
}

/// Takes a page from a list whose items are in the order of their keys
///
/// `scope` is everything that identifies the list: operation, account, Region, project, filters.
///
/// # Errors
/// When the token is not one of this list.
pub fn page<T>(
    scope: &str,
    next_token: Option<&str>,
    max_results: Option<i64>,
    items: impl Iterator<Item = (String, T)>,
) -> Result<Page<T>, ServiceError> {
    // Guess: an empty token, which the API model's pattern allows, means the first page; programs that loop send it.
    let next_token = next_token.filter(|token| !token.is_empty());
    let last = next_token.map(|token| key_of(token, scope)).transpose()?;
    let max_results = max_results
        .and_then(|max| usize::try_from(max).ok())
        .unwrap_or(RESULTS_MAX);
    let mut items = items
        .skip_while(|(key, _)| last.as_ref().is_some_and(|last| key <= last))
        .peekable();
    let mut page = Vec::new();
    let mut last_key = None;
    while page.len() < max_results {
        let Some((key, item)) = items.next() else { break };
        page.push(item);
        last_key = Some(key);
    }
    // The last page has no token.
    let next_token = last_key
        .filter(|_| items.peek().is_some())
        .map(|key| token_of(&key, scope));
    Ok(Page {
        items: page,
        next_token,
    })
}

fn token_of(key: &str, scope: &str) -> String {
    BASE64_STANDARD.encode(format!("{:08x}{key}", checksum(key, scope)))
}

// Guess: the service's text is not known.
fn key_of(token: &str, scope: &str) -> Result<String, ServiceError> {
    let decoded = BASE64_STANDARD.decode(token).ok();
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| {
        let (sum, key) = text.split_at_checked(8)?;
        let sum = u32::from_str_radix(sum, 16).ok()?;
        (sum == checksum(key, scope)).then(|| key.to_owned())
    })
    .ok_or_else(|| ServiceError::validation("The pagination token is not valid for this request."))
}

// The checksum prevents mistakes, not forgery: a forged token only shows a page of a list that its caller may see
// anyway.
fn checksum(key: &str, scope: &str) -> u32 {
    crc32fast::hash(format!("{scope}\n{key}").as_bytes())
}

/// A key that sorts by moment, then by name
pub fn key_by_time(moment: jiff::Timestamp, name: &str) -> String {
    let since_first = moment.as_nanosecond() - jiff::Timestamp::MIN.as_nanosecond();
    format!("{since_first:024}:{name}")
}

/// API reference: the default and the maximum of results on a page
const RESULTS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::constraints::StringShape;

    fn list(keys: &[u32]) -> impl Iterator<Item = (String, u32)> + Clone {
        keys.iter().map(|key| (format!("{key:04}"), *key))
    }

    #[test]
    fn a_list_comes_in_pages_and_the_last_has_no_token() {
        let keys: Vec<u32> = (0..5).collect();
        let mut token = None;
        let mut seen = Vec::new();
        for _ in 0..3 {
            let page = page("list", token.as_deref(), Some(2), list(&keys)).unwrap();
            seen.extend(page.items);
            token = page.next_token;
        }
        assert_eq!((seen, token), (keys, None));
        assert_eq!(
            page("list", None, Some(5), list(&[1, 2, 3, 4, 5]))
                .unwrap()
                .next_token,
            None
        );
    }

    #[test]
    fn without_a_number_a_page_has_a_hundred() {
        let keys: Vec<u32> = (0..101).collect();
        assert_eq!(page("list", None, None, list(&keys)).unwrap().items.len(), 100);
    }

    #[test]
    fn a_page_goes_on_behind_an_item_that_is_gone() {
        let first = page("list", None, Some(2), list(&[1, 2, 3, 4])).unwrap();
        let second = page("list", first.next_token.as_deref(), Some(2), list(&[1, 3, 4])).unwrap();
        assert_eq!(second.items, [3, 4]);
    }

    #[test]
    fn a_token_of_another_list_or_of_nobody_is_refused() {
        let token = page("list", None, Some(1), list(&[1, 2]))
            .unwrap()
            .next_token
            .unwrap();
        assert!((StringShape::PAGINATION_TOKEN.pattern.unwrap().matches)(&token));
        for (token, scope) in [(&*token, "another"), ("AAAA", "list"), ("=", "list")] {
            let error = page(scope, Some(token), None, list(&[1, 2])).unwrap_err();
            assert!(
                matches!(error, ServiceError::ValidationException { .. }),
                "{token}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_token_makes_it_panic(token in "[a-zA-Z0-9/+=]{0,40}", bytes in prop::collection::vec(any::<u8>(), 0..16)) {
            let _ = page("list", Some(&token), None, list(&[1]));
            let _ = page("list", Some(&BASE64_STANDARD.encode(bytes)), None, list(&[1]));
        }
    }
}
