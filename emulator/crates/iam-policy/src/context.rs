//! The request context: condition keys and the values they have in one request.
//!
//! Keys compare without regard to case, the tag key after the slash included (IAM User Guide, *Condition*
//! and *AWS global condition context keys*); values keep their case. A context is built for every request,
//! so it borrows what it can. A key is found by a hash of its folded name; policies compute the hashes of their
//! keys when they are loaded.

use std::borrow::Cow;
use std::fmt;

/// A condition key, compared without regard to case.
#[derive(Clone)]
pub(crate) struct ContextKey<'a> {
    name: Cow<'a, str>,
    hash: u64,
}

impl<'a> ContextKey<'a> {
    /// The key of this name.
    pub(crate) fn new(name: impl Into<Cow<'a, str>>) -> Self {
        let name = name.into();
        let hash = folded_hash(&name);
        Self { name, hash }
    }

    /// The name as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.name
    }
}

impl PartialEq for ContextKey<'_> {
    fn eq(&self, other: &Self) -> bool {
        // Most keys are written the same way in the policy and the request, so their bytes are equal.
        self.hash == other.hash && (self.name == other.name || eq_folded(&self.name, &other.name))
    }
}

impl Eq for ContextKey<'_> {}

impl fmt::Display for ContextKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for ContextKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Values<'a> {
    One([Cow<'a, str>; 1]),
    Many(Vec<Cow<'a, str>>),
}

impl<'a> Values<'a> {
    fn as_slice(&self) -> &[Cow<'a, str>] {
        match self {
            Self::One(one) => one,
            Self::Many(many) => many,
        }
    }
}

/// The condition keys of one request.
///
/// ```
/// use iam_policy::RequestContext;
///
/// let mut context = RequestContext::new();
/// context.insert("aws:SourceVpce", "vpce-1a2b3c4d");
/// context.insert_all("aws:TagKeys", ["team", "stage"]);
/// assert_eq!(context.values("AWS:sourcevpce"), ["vpce-1a2b3c4d"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestContext<'a> {
    /// The hashes of the keys, in a list of their own because every condition of every statement scans them.
    hashes: Vec<u64>,
    /// INVARIANT: as many entries as hashes, in the same order.
    entries: Vec<(ContextKey<'a>, Values<'a>)>,
}

impl<'a> RequestContext<'a> {
    /// A context without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// A context without keys that has room for `keys` of them.
    pub fn with_capacity(keys: usize) -> Self {
        Self {
            hashes: Vec::with_capacity(keys),
            entries: Vec::with_capacity(keys),
        }
    }

    /// Sets a key to one value, replacing the values it had.
    pub fn insert(&mut self, key: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        self.set(ContextKey::new(key), Values::One([value.into()]));
    }

    /// Sets a key to a list of values, replacing the values it had. A key with an empty list counts as absent
    /// (IAM User Guide, *Single-valued vs. multivalued context keys*).
    pub fn insert_all<V: Into<Cow<'a, str>>>(
        &mut self,
        key: impl Into<Cow<'a, str>>,
        values: impl IntoIterator<Item = V>,
    ) {
        self.set(
            ContextKey::new(key),
            Values::Many(values.into_iter().map(Into::into).collect()),
        );
    }

    /// Removes a key; returns whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        let Some(index) = self.position(&ContextKey::new(key)) else {
            return false;
        };
        self.hashes.remove(index);
        self.entries.remove(index);
        true
    }

    /// The values of a key; empty when it is absent.
    pub fn values(&self, key: &str) -> &[Cow<'a, str>] {
        self.values_of(&ContextKey::new(key))
    }

    /// The keys with their values, in the order they were set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Cow<'a, str>])> {
        self.entries
            .iter()
            .map(|(key, values)| (key.as_str(), values.as_slice()))
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "`position` answers with a place of `entries`"
    )]
    pub(crate) fn values_of(&self, key: &ContextKey<'_>) -> &[Cow<'a, str>] {
        match self.position(key) {
            Some(index) => self.entries[index].1.as_slice(),
            None => &[],
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "`hashes` and `entries` are of one length, and `from` is behind a place that was found"
    )]
    fn position(&self, key: &ContextKey<'_>) -> Option<usize> {
        let mut from = 0;
        // Two keys may share a hash; then the names tell them apart.
        while let Some(found) = self.hashes[from..].iter().position(|hash| *hash == key.hash) {
            let index = from + found;
            if self.entries[index].0 == *key {
                return Some(index);
            }
            from = index + 1;
        }
        None
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "`position` answers with a place of `entries`"
    )]
    fn set(&mut self, key: ContextKey<'a>, values: Values<'a>) {
        match self.position(&key) {
            Some(index) => self.entries[index].1 = values,
            None => {
                self.hashes.push(key.hash);
                self.entries.push((key, values));
            }
        }
    }
}

/// The multivalued global keys, for which a condition needs `ForAllValues` or `ForAnyValue`
/// (IAM User Guide, *AWS global condition context keys*).
pub(crate) const MULTIVALUED_GLOBAL_KEYS: [&str; 7] = [
    "aws:CalledVia",
    "aws:PrincipalOrgPaths",
    "aws:PrincipalServiceNamesList",
    "aws:ResourceOrgPaths",
    "aws:SourceOrgPaths",
    "aws:TagKeys",
    "aws:VpceOrgPaths",
];

/// Whether a key can have several values in one request.
pub(crate) fn is_multivalued(key: &str) -> bool {
    MULTIVALUED_GLOBAL_KEYS
        .iter()
        .any(|multivalued| eq_folded(multivalued, key))
}

/// Whether two texts are equal, ignoring case.
pub(crate) fn eq_folded(left: &str, right: &str) -> bool {
    if left.is_ascii() && right.is_ascii() {
        return left.eq_ignore_ascii_case(right);
    }
    folded(left).eq(folded(right))
}

/// Whether a text begins with `start`, ignoring case.
pub(crate) fn starts_with_folded(text: &str, start: &str) -> bool {
    let mut text = folded(text);
    folded(start).all(|character| text.next() == Some(character))
}

/// The characters of `text` in lower case.
pub(crate) fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

/// FNV-1a over the folded name: a few instructions per byte, and the names are short. A collision costs one
/// comparison of names and never gives a wrong answer.
fn folded_hash(name: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut eat = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    if name.is_ascii() {
        name.bytes().for_each(|byte| eat(byte.to_ascii_lowercase()));
    } else {
        let mut buffer = [0; 4];
        for character in folded(name) {
            character.encode_utf8(&mut buffer).bytes().for_each(&mut eat);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_whatever_their_case_the_tag_key_included() {
        let mut context = RequestContext::new();
        context.insert("aws:PrincipalTag/Größe", "M");
        assert_eq!(context.values("AWS:principaltag/GRÖSSE"), [] as [&str; 0]);
        assert_eq!(context.values("AWS:principaltag/GRÖßE"), ["M"]);
        // The Kelvin sign folds to the ASCII letter k: the hash must agree with the comparison.
        context.insert("aws:PrincipalTag/\u{212A}", "kelvin");
        assert_eq!(context.values("aws:principaltag/k"), ["kelvin"]);
    }

    #[test]
    fn setting_a_key_again_replaces_its_values() {
        let mut context = RequestContext::new();
        context.insert("aws:username", "alice");
        context.insert("aws:UserName", "bob");
        assert_eq!(context.iter().count(), 1);
        assert_eq!(context.values("aws:username"), ["bob"]);
        assert!(context.remove("AWS:USERNAME"));
        assert!(context.values("aws:username").is_empty());
    }
}
