//! Concurrent map with little lock contention: many small maps, each behind its own lock.
//!
//! Every warm request looks up two or three of these, so they use a seeded hash that is quicker than the standard library's.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::{PoisonError, RwLock};

use foldhash::quality::RandomState;

type Map<K, V> = HashMap<K, V, RandomState>;
type Shard<K, V> = RwLock<Map<K, V>>;

/// Shards beside the first one; together their number is a power of two.
const MORE_SHARDS: usize = 63;

/// Concurrent map from `K` to cheaply cloned values.
#[derive(Debug)]
pub struct ShardedMap<K, V> {
    /// First shard, apart from the others so that there is always one to fall back on.
    first: Shard<K, V>,
    /// Other shards; a key's hash selects one of all.
    more: Vec<Shard<K, V>>,
    /// Seeded hash that selects the shard; the seed keeps clients from aiming at one lock.
    hasher: RandomState,
}

impl<K: Eq + Hash, V: Clone> ShardedMap<K, V> {
    /// Creates an empty map.
    pub fn new() -> Self {
        let more = (0..MORE_SHARDS).map(|_| RwLock::default()).collect();
        Self { first: RwLock::default(), more, hasher: RandomState::default() }
    }

    /// Returns a clone of the value of a key.
    pub fn get(&self, key: &K) -> Option<V> {
        self.shard(key).read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Changes the shard that holds `key`, under its exclusive lock.
    pub fn update<T>(&self, key: &K, change: impl FnOnce(&mut Map<K, V>) -> T) -> T {
        change(&mut self.shard(key).write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Removes the entries for which `keep` is false, one shard at a time.
    pub fn retain(&self, mut keep: impl FnMut(&K, &V) -> bool) {
        for shard in self.shards() {
            shard
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .retain(|key, value| keep(key, value));
        }
    }

    /// Returns every value; the shards are read one after another.
    pub fn values(&self) -> Vec<V> {
        self.values_where(|_| true)
    }

    /// Returns the values for which `are_meant` is true.
    pub fn values_where(&self, mut are_meant: impl FnMut(&V) -> bool) -> Vec<V> {
        let mut values = Vec::new();
        for shard in self.shards() {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            values.extend(shard.values().filter(|value| are_meant(value)).cloned());
        }
        values
    }

    fn shards(&self) -> impl Iterator<Item = &Shard<K, V>> {
        std::iter::once(&self.first).chain(&self.more)
    }

    fn shard(&self, key: &K) -> &Shard<K, V> {
        let count = self.more.len() as u64 + 1;
        let index = usize::try_from(self.hasher.hash_one(key) % count).unwrap_or_default();
        self.more.get(index).unwrap_or(&self.first)
    }
}

impl<K: Eq + Hash, V: Clone> Default for ShardedMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_found_until_it_is_dropped() {
        let map = ShardedMap::new();
        for number in 0..1000 {
            map.update(&number, |shard| shard.insert(number, number * 2));
        }
        assert!((0..1000).all(|number| map.get(&number) == Some(number * 2)));
        map.retain(|key, _| key % 2 == 0);
        assert_eq!(map.values().len(), 500);
        assert_eq!((map.get(&4), map.get(&5)), (Some(8), None));
    }
}
