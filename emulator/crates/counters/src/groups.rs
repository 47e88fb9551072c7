//! Counts by key, of a bounded number of keys.

use std::{
    hash::{BuildHasher, Hash},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use foldhash::quality::RandomState;

/// What a group is found by; the key itself is made only of the first of a group
pub trait Key: Hash {
    /// What is kept of it
    type Kept;

    /// Whether this is the key that was kept
    fn is(&self, kept: &Self::Kept) -> bool;

    /// What is to be kept
    fn keep(&self) -> Self::Kept;
}

impl Key for u16 {
    type Kept = Self;

    fn is(&self, kept: &Self) -> bool {
        self == kept
    }

    fn keep(&self) -> Self {
        *self
    }
}

impl Key for str {
    type Kept = Box<str>;

    fn is(&self, kept: &Box<str>) -> bool {
        *self == **kept
    }

    fn keep(&self) -> Box<str> {
        self.into()
    }
}

/// Counts by key, of at most so many keys; what has another key is counted together
///
/// A hash table with open addressing that only grows: a slot that was filled once stays as it is, so whoever counts only
/// reads it. At least half of the slots stay empty.
#[derive(Debug)]
pub struct Groups<K> {
    slots: Box<[OnceLock<Box<Group<K>>>]>,
    groups_max: usize,
    hashes: RandomState,
    /// How many groups there are; held while one is added
    known: Mutex<usize>,
    is_full: AtomicBool,
    rest: AtomicU64,
}

#[derive(Debug)]
struct Group<K> {
    key: K,
    hash: u64,
    count: AtomicU64,
}

impl<K> Groups<K> {
    /// Tells at most so many groups apart
    pub fn new(groups_max: usize) -> Self {
        let slots = groups_max.saturating_mul(2).max(1);
        Self {
            slots: (0..slots).map(|_| OnceLock::new()).collect(),
            groups_max,
            hashes: RandomState::default(),
            known: Mutex::new(0),
            is_full: AtomicBool::new(groups_max == 0),
            rest: AtomicU64::new(0),
        }
    }

    /// Counts one more of a key; whether it has a group of its own, and is not counted with the rest
    pub fn count<Q: Key<Kept = K> + ?Sized>(&self, key: &Q) -> bool {
        let hash = self.hashes.hash_one(key);
        let found = self.find(key, hash).or_else(|| self.add(key, hash));
        found
            .map_or(&self.rest, |group| &group.count)
            .fetch_add(1, Ordering::Relaxed);
        found.is_some()
    }

    /// Each key with its count, in no order
    pub fn iter(&self) -> impl Iterator<Item = (&K, u64)> {
        let groups = self.slots.iter().filter_map(OnceLock::get);
        groups.map(|group| (&group.key, group.count.load(Ordering::Relaxed)))
    }

    /// How many had a key that found no place
    pub fn rest(&self) -> u64 {
        self.rest.load(Ordering::Relaxed)
    }

    /// How many groups there are
    pub fn len(&self) -> usize {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing was told apart yet
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many groups there may be
    pub fn groups_max(&self) -> usize {
        self.groups_max
    }

    fn find<Q: Key<Kept = K> + ?Sized>(&self, key: &Q, hash: u64) -> Option<&Group<K>> {
        let mut groups = self.slots_of(hash).map_while(OnceLock::get);
        let found = groups.find(|group| group.hash == hash && key.is(&group.key));
        found.map(|group| &**group)
    }

    /// Makes a group of a key that has none; `None`: there is no place for it
    fn add<Q: Key<Kept = K> + ?Sized>(&self, key: &Q, hash: u64) -> Option<&Group<K>> {
        // So that nobody waits for the lock once there is no place any more.
        if self.is_full.load(Ordering::Relaxed) {
            return None;
        }
        // Whoever panicked has filled a slot or has not.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been first.
        if let Some(group) = self.find(key, hash) {
            return Some(group);
        }
        if *known >= self.groups_max {
            return None;
        }
        let group = Group {
            key: key.keep(),
            hash,
            count: AtomicU64::new(0),
        };
        let empty = self.slots_of(hash).find(|slot| slot.get().is_none())?;
        let group = empty.get_or_init(|| Box::new(group));
        *known += 1;
        self.is_full.store(*known >= self.groups_max, Ordering::Relaxed);
        Some(group)
    }

    /// Every slot, from the one that a hash leads to
    fn slots_of(&self, hash: u64) -> impl Iterator<Item = &OnceLock<Box<Group<K>>>> {
        let start = usize::try_from(hash % self.slots.len() as u64).unwrap_or(0);
        let (before, from) = self.slots.split_at(start);
        from.iter().chain(before)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn counts(groups: &Groups<u16>) -> HashMap<u16, u64> {
        groups.iter().map(|(key, count)| (*key, count)).collect()
    }

    #[test]
    fn keys_beyond_the_limit_are_counted_together() {
        let groups = Groups::new(2);
        let own_group = [1_u16, 2, 1, 3, 4, 2, 3].map(|key| groups.count(&key));
        assert_eq!(own_group, [true, true, true, false, false, true, false]);
        assert_eq!(counts(&groups), HashMap::from([(1, 2), (2, 2)]));
        assert_eq!((groups.len(), groups.rest()), (2, 3));
    }

    #[test]
    fn where_no_group_may_be_everything_is_counted_together() {
        let groups = Groups::new(0);
        groups.count("a");
        assert_eq!((groups.is_empty(), groups.rest()), (true, 1));
    }

    #[test]
    fn threads_that_begin_the_same_groups_at_once_lose_nothing() {
        let groups = Groups::new(64);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for turn in 0..1_000_u16 {
                        groups.count(&(turn % 100));
                    }
                });
            }
        });
        let counted: u64 = groups.iter().map(|(_, count)| count).sum();
        assert_eq!(counted + groups.rest(), 8_000);
        assert_eq!(groups.len(), 64);
        assert!(groups.iter().all(|(_, count)| count == 80), "{groups:?}");
    }

    proptest! {
        #[test]
        fn as_long_as_there_is_room_the_counts_are_those_of_a_map(keys in prop::collection::vec(0_u16..50, 0..400)) {
            let groups = Groups::new(50);
            let mut expected: HashMap<u16, u64> = HashMap::new();
            for key in &keys {
                groups.count(key);
                *expected.entry(*key).or_default() += 1;
            }
            prop_assert_eq!(counts(&groups), expected);
            prop_assert_eq!(groups.rest(), 0);
        }
    }
}
