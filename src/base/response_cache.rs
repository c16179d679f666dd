//! Response cache: an unchanged answer is serialised once.
//!
//! The key of an encoding contains everything it depends on, versions included, so no entry is ever stale. The size of the
//! cache is bounded in bytes; the least used entries are evicted first.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use bytes::Bytes;
use quick_cache::{DefaultHashBuilder, Weighter};
use serde::Serialize;

use super::weighted_cache;
use super::weighted_cache::{CacheSize, WeightedCache};

/// Bytes counted for an entry in addition to its encoding.
const OVERHEAD: u64 = 256;

/// Bytes of each part of the cache. Larger encodings are not kept, so this is several times the largest page.
const PART: usize = 8 * 1024 * 1024;

#[derive(Debug, Clone)]
struct ResponseWeight;

impl<K> Weighter<K, Bytes> for ResponseWeight {
    fn weight(&self, _: &K, encoding: &Bytes) -> u64 {
        encoding.len() as u64 + OVERHEAD
    }
}

/// Cache of encodings by a key `K`. Cheap to clone.
pub struct ResponseCache<K>(Arc<WeightedCache<K, Bytes, ResponseWeight, DefaultHashBuilder>>);

impl<K: Eq + Hash> ResponseCache<K> {
    /// Creates a cache of at most `bytes`; `usual` is the size of a typical encoding.
    pub fn new(bytes: usize, usual: usize) -> Self {
        let size = CacheSize { bytes, usual, part: PART };
        Self(Arc::new(weighted_cache::of(size, ResponseWeight, DefaultHashBuilder::default())))
    }

    /// Returns the encoding of `key`, if it is cached.
    pub fn get(&self, key: &K) -> Option<Bytes> {
        self.0.get(key)
    }

    /// Returns the encoding of `key`, made from the value of `make` if it is not cached.
    ///
    /// # Errors
    ///
    /// Fails if the value has no JSON form, which is a mistake in its type.
    pub fn get_or<T: Serialize>(
        &self,
        key: K,
        make: impl FnOnce(&K) -> T,
    ) -> serde_json::Result<Bytes> {
        if let Some(encoding) = self.0.get(&key) {
            return Ok(encoding);
        }
        let encoding = encode(&make(&key))?;
        self.0.insert(key, encoding.clone());
        Ok(encoding)
    }
}

/// Encodes a value as JSON, without spare capacity.
///
/// # Errors
///
/// Fails if the value has no JSON form.
pub fn encode(value: &impl Serialize) -> serde_json::Result<Bytes> {
    Ok(serde_json::to_vec(value)?.into_boxed_slice().into())
}

impl<K> Clone for ResponseCache<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> fmt::Debug for ResponseCache<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encodings")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_made_once() {
        let cache = ResponseCache::new(10_000, 100);
        let first = cache.get_or(7, |number| number * 2).unwrap();
        let again = cache.get_or(7, |number| number * 3).unwrap();
        assert_eq!((first.as_ref(), again.as_ptr()), (b"14".as_slice(), first.as_ptr()));
        assert_eq!(cache.get_or(8, |number| number * 2).unwrap(), "16");
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let cache = ResponseCache::new(10_000, 100);
        for number in 0..1_000 {
            cache.get_or(number, |_| "a".repeat(100)).unwrap();
        }
        assert!(cache.0.weight() <= 10_000);
    }
}
