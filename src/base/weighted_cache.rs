//! A cache whose values are weighed: so many bytes are kept, and what is used least leaves first.

use std::hash::{BuildHasher, Hash};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

/// A cache of at most `bytes`.
pub type WeightedCache<K, V, W, B> = Cache<K, V, W, B>;

/// How large a cache and its parts are, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// All that is kept.
    pub bytes: usize,
    /// A usual value.
    pub usual: usize,
    /// Each part, which has a lock and a table of its own. Nothing larger is kept; a small one stops nobody for long when
    /// it grows.
    pub part: usize,
}

/// A cache of this size. Memory is taken as values come.
pub fn of<K, V, W, B>(size: Size, weighter: W, hasher: B) -> WeightedCache<K, V, W, B>
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
