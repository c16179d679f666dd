//! A persistent sorted sequence.
//!
//! A list is cloned for every change, while readers hold the old one. It is therefore kept in chunks behind `Arc`s: a clone
//! copies one pointer per chunk, and a change copies one chunk.

use std::sync::Arc;

/// Most items in a chunk: a change copies at most this many.
const CHUNK: usize = 64;

type Chunk<T> = Arc<Vec<T>>;

/// An item that is sorted by its key.
pub(super) trait SortKey: Clone {
    type Key: Ord;

    fn key(&self) -> &Self::Key;
}

/// Items in the order of their keys, none of which is there twice.
#[derive(Debug, Clone)]
pub(super) struct Sorted<T> {
    /// Chunks in order of their keys, none of them empty. Clones share them until they are changed.
    chunks: Vec<Chunk<T>>,
    /// Number of items in all chunks, kept so that it need not be counted.
    len: usize,
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<T: SortKey> Sorted<T> {
    /// Number of items in all chunks.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The item with this key, if there is one.
    pub(super) fn get(&self, key: &T::Key) -> Option<&T> {
        let chunk = self.chunks.get(self.chunk_of(key))?;
        chunk.binary_search_by(|item| item.key().cmp(key)).ok().and_then(|index| chunk.get(index))
    }

    /// All items in ascending order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// The items after a key in ascending order. There need not be an item with that key.
    pub(super) fn after<'a>(&'a self, key: &T::Key) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let at = self.chunk_of(key);
        let begin =
            self.chunks.get(at).map_or(0, |chunk| chunk.partition_point(|item| item.key() <= key));
        self.chunks.iter().skip(at).flat_map(|chunk| chunk.iter()).skip(begin)
    }

    /// The items before a key in descending order. There need not be an item with that key.
    pub(super) fn before<'a>(&'a self, key: &T::Key) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let at = self.chunk_of(key);
        let (earlier, rest) = self.chunks.split_at(at.min(self.chunks.len()));
        let own = rest.first().map_or(&[][..], |chunk| {
            chunk.get(..chunk.partition_point(|item| item.key() < key)).unwrap_or_default()
        });
        own.iter().rev().chain(earlier.iter().rev().flat_map(|chunk| chunk.iter().rev()))
    }

    /// Inserts an item, and returns the one with the same key that it replaces.
    pub(super) fn insert(&mut self, item: T) -> Option<T> {
        let at = self.chunk_of(item.key());
        let Some(chunk) = self.chunks.get_mut(at) else {
            self.chunks.push(Arc::new(vec![item]));
            self.len += 1;
            return None;
        };
        let items = Arc::make_mut(chunk);
        match items.binary_search_by(|present| present.key().cmp(item.key())) {
            Ok(index) => items.get_mut(index).map(|present| std::mem::replace(present, item)),
            Err(index) => {
                items.insert(index, item);
                self.len += 1;
                if items.len() > CHUNK {
                    let upper = items.split_off(split_at(index, items.len()));
                    self.chunks.insert(at + 1, Arc::new(upper));
                }
                None
            }
        }
    }

    /// Removes the item with this key and returns it.
    pub(super) fn remove(&mut self, key: &T::Key) -> Option<T> {
        let at = self.chunk_of(key);
        let chunk = self.chunks.get_mut(at)?;
        let index = chunk.binary_search_by(|item| item.key().cmp(key)).ok()?;
        let removed = Arc::make_mut(chunk).remove(index);
        self.len -= 1;
        if chunk.is_empty() {
            self.chunks.remove(at);
        }
        Some(removed)
    }

    /// Index of the chunk that holds a key, or would hold it.
    fn chunk_of(&self, key: &T::Key) -> usize {
        let begins_after = |chunk: &Chunk<T>| chunk.first().is_some_and(|first| first.key() > key);
        self.chunks.partition_point(|chunk| !begins_after(chunk)).saturating_sub(1)
    }
}

/// Index at which a full chunk is split. Appending leaves full chunks behind, inserting leaves two halves.
fn split_at(inserted: usize, len: usize) -> usize {
    if inserted + 1 == len { len - 1 } else { len / 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl SortKey for u32 {
        type Key = Self;

        fn key(&self) -> &Self {
            self
        }
    }

    fn sorted(items: impl IntoIterator<Item = u32>) -> Sorted<u32> {
        let mut sorted = Sorted::default();
        for item in items {
            sorted.insert(item);
        }
        sorted
    }

    #[test]
    fn items_are_in_order_whatever_order_they_came_in() {
        let sorted = sorted((0..1000).map(|number| number * 7919 % 1009));
        let mut numbers: Vec<_> = (0..1000).map(|number| number * 7919 % 1009).collect();
        numbers.sort_unstable();
        assert_eq!(sorted.iter().copied().collect::<Vec<_>>(), numbers);
        assert_eq!(sorted.len(), 1000);
        assert!(numbers.iter().all(|number| sorted.get(number) == Some(number)));
    }

    #[test]
    fn what_is_before_and_after_a_key_needs_no_item_with_that_key() {
        let sorted = sorted((0..400).filter(|number| number % 3 != 0));
        for key in 0..=400 {
            let after: Vec<_> = (key + 1..400).filter(|number| number % 3 != 0).collect();
            assert_eq!(sorted.after(&key).copied().collect::<Vec<_>>(), after, "{key}");
            let before: Vec<_> = (0..key).rev().filter(|number| number % 3 != 0).collect();
            assert_eq!(sorted.before(&key).copied().collect::<Vec<_>>(), before, "{key}");
        }
        assert_eq!(
            Sorted::<u32>::default().before(&7).chain(Sorted::default().after(&7)).count(),
            0
        );
    }

    #[test]
    fn a_clone_keeps_what_it_saw() {
        let before = sorted(0..130);
        let mut after = before.clone();
        assert!((0..130).step_by(2).all(|number| after.remove(&number) == Some(number)));
        assert_eq!(
            (after.insert(500), after.insert(500), after.remove(&0)),
            (None, Some(500), None)
        );
        assert_eq!(before.len(), 130);
        let left: Vec<_> = (1..130).step_by(2).chain([500]).collect();
        assert_eq!(after.iter().copied().collect::<Vec<_>>(), left);
    }
}
