//! Cache with a capacity in bytes; the least used entries are evicted first.

use std::hash::{BuildHasher, Hash};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

/// Cache whose values are weighed in bytes.
pub type WeightedCache<K, V, W, B> = Cache<K, V, W, B>;

/// Capacity of a cache and its parts, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct CacheSize {
    /// Capacity of the whole cache.
    pub bytes: usize,
    /// Size of a typical value, for the initial tables.
    pub usual: usize,
    /// Capacity of each part, which has a lock and a table of its own. Larger values are not kept; a small part does not
    /// block its readers for long while its table grows.
    pub part: usize,
}

/// Creates a cache of this size. Memory is allocated as values are inserted.
pub fn of<K, V, W, B>(size: CacheSize, weighter: W, hasher: B) -> WeightedCache<K, V, W, B>
where
    K: Eq + Hash,
    V: Clone,
    W: Weighter<K, V> + Clone,
    B: BuildHasher + Clone,
{
    let usual = size.bytes / size.usual.max(1);
    let options = OptionsBuilder::new()
        .weight_capacity(size.bytes as u64)
        .estimated_items_capacity(usual)
        .shards((size.bytes / size.part.max(1)).max(1))
        .build();
    let lifecycle = DefaultLifecycle::default();
    match options {
        Ok(options) => Cache::with_options(options, weighter, hasher, lifecycle),
        Err(_) => Cache::with(usual, size.bytes as u64, weighter, hasher, lifecycle),
    }
}
