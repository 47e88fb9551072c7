//! Counts by key, for a bounded number of keys.

use std::{
    hash::{BuildHasher, Hash},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use foldhash::quality::RandomState;

/// A borrowed key that finds a group; it is copied only when its group is added
pub trait Key: Hash {
    /// The owned form, kept with the group
    type Kept;

    /// Whether this is the kept key
    fn is(&self, kept: &Self::Kept) -> bool;

    /// Copies the key into its owned form
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

/// Counts by key, for a bounded number of keys; all further keys share one count
///
/// A hash table with open addressing that never removes a key: a filled slot does not change, so counting only reads
/// it. At least half of the slots stay empty.
#[derive(Debug)]
pub struct Groups<K> {
    slots: Box<[OnceLock<Box<Group<K>>>]>,
    groups_max: usize,
    hashes: RandomState,
    /// How many groups there are; locked while one is added
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
    /// Counts at most `groups_max` keys separately
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

    /// Adds one to the count of a key; returns whether the key has its own group and is not counted with the rest
    pub fn count<Q: Key<Kept = K> + ?Sized>(&self, key: &Q) -> bool {
        let hash = self.hashes.hash_one(key);
        let found = self.find(key, hash).or_else(|| self.add(key, hash));
        found
            .map_or(&self.rest, |group| &group.count)
            .fetch_add(1, Ordering::Relaxed);
        found.is_some()
    }

    /// Each key with its count, in no particular order
    pub fn iter(&self) -> impl Iterator<Item = (&K, u64)> {
        let groups = self.slots.iter().filter_map(OnceLock::get);
        groups.map(|group| (&group.key, group.count.load(Ordering::Relaxed)))
    }

    /// The count of all keys that have no group of their own
    pub fn rest(&self) -> u64 {
        self.rest.load(Ordering::Relaxed)
    }

    /// How many groups there are
    pub fn len(&self) -> usize {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is no group yet
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The most groups there can be
    pub fn groups_max(&self) -> usize {
        self.groups_max
    }

    fn find<Q: Key<Kept = K> + ?Sized>(&self, key: &Q, hash: u64) -> Option<&Group<K>> {
        let mut groups = self.slots_of(hash).map_while(OnceLock::get);
        let found = groups.find(|group| group.hash == hash && key.is(&group.key));
        found.map(|group| &**group)
    }

    /// Adds a group for a key that has none; `None` if there is no room
    fn add<Q: Key<Kept = K> + ?Sized>(&self, key: &Q, hash: u64) -> Option<&Group<K>> {
        // Once the table is full, nobody waits for the lock.
        if self.is_full.load(Ordering::Relaxed) {
            return None;
        }
        // A poisoned lock does no harm: a slot is filled whole or not at all.
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

    /// Every slot, in probing order from the one that a hash leads to
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
