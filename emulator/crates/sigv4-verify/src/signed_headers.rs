//! The list of headers a signature covers.

use std::borrow::Cow;
use std::collections::HashSet;

/// `SignedHeaders`, in lower case, in the order of the client.
#[derive(Clone, Debug)]
pub(crate) struct SignedHeaders<'a> {
    line: Cow<'a, str>,
    order: Order,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    /// Strictly ascending, as every SDK lists them, so no name is there twice.
    Ascending,
    Other,
}

impl<'a> SignedHeaders<'a> {
    pub(crate) fn parse(line: Cow<'a, str>) -> Self {
        let line = if line.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(line.to_ascii_lowercase())
        } else {
            line
        };
        let order = if line.as_bytes().split(is_separator).is_sorted_by(|a, b| a < b) {
            Order::Ascending
        } else {
            Order::Other
        };
        Self { line, order }
    }

    /// The list as it is signed.
    pub(crate) fn as_str(&self) -> &str {
        &self.line
    }

    /// Each name once: a list that names one header many times must not make us write its value as many times.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let order = self.order;
        let mut seen = HashSet::new();
        self.line.split(';').filter(move |name| match order {
            Order::Ascending => true,
            Order::Other => seen.insert(*name),
        })
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.line
            .as_bytes()
            .split(is_separator)
            .any(|listed| listed.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Whether the host is signed. Rule 8 requires it: a signature is valid for one host only.
    pub(crate) fn cover_host(&self) -> bool {
        self.contains("host") || self.contains(AUTHORITY)
    }
}

fn is_separator(byte: &u8) -> bool {
    *byte == b';'
}

/// HTTP/2's name for the host, which AWS accepts instead of `host`.
pub(crate) const AUTHORITY: &str = ":authority";
