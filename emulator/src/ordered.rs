//! Maps and sets in order, filled member by member.
//!
//! `collect` puts the members into a vector and sorts that before it makes a map of them, with a merge sort and a
//! quicksort for each type of member and each call: some 4 KB of machine code every time, all of it for many members.
//! Ours are few, so they are inserted one after the other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// A map; of two members with one key the later counts
pub(crate) fn map_of<K: Ord, V>(members: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    map.extend(members);
    map
}

/// A set
pub(crate) fn set_of<T: Ord>(members: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    set.extend(members);
    set
}

/// A JSON object; of two members with one name the later counts
pub(crate) fn object_of(members: impl IntoIterator<Item = (String, Value)>) -> Map<String, Value> {
    let mut object = Map::new();
    object.extend(members);
    object
}
