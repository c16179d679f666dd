//! Encoded pages of task lists: each is serialised once per version of its list.
//!
//! A page is known by whose it is, the version of the list and what was asked, so a page in here is never out of date: a
//! list that has changed has another version. How many bytes are kept is bounded; what is used least leaves first.

use std::sync::Arc;

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::bodies::TaskListBody;
use super::listing::{self, Query};
use super::task_list::TaskList;
use crate::eventlog::Published;
use crate::id::UserId;

/// Most bytes of pages that are kept.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// A page of usual size, from which the number of pages is estimated.
const USUAL_BYTES: usize = 4 * 1024;

/// What is counted for a page beside its bytes.
const OVERHEAD: u64 = 256;

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    owner: UserId,
    version: i64,
    query: Query,
}

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<Key, Bytes> for ByBytes {
    fn weight(&self, _: &Key, page: &Bytes) -> u64 {
        page.len() as u64 + OVERHEAD
    }
}

/// The pages this node has encoded. Cheap to clone.
#[derive(Clone)]
pub struct Pages(Arc<Cache<Key, Bytes, ByBytes>>);

impl Pages {
    /// No pages yet; memory is taken as they are asked for.
    pub fn new() -> Self {
        let usual = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX) / USUAL_BYTES;
        Self(Arc::new(Cache::with_weighter(usual, MAX_BYTES, ByBytes)))
    }

    /// The encoded page of a list.
    ///
    /// # Errors
    ///
    /// When the page has no JSON form, which is a mistake in the body's type.
    pub fn page(
        &self,
        owner: UserId,
        list: &Published<TaskList>,
        query: Query,
    ) -> serde_json::Result<Bytes> {
        let key = Key { owner, version: list.version, query };
        if let Some(page) = self.0.get(&key) {
            return Ok(page);
        }
        let page = listing::page(&list.state.tasks, &key.query);
        let page = Bytes::from(serde_json::to_vec(&TaskListBody::new(owner, &page))?);
        self.0.insert(key, page.clone());
        Ok(page)
    }
}

impl Default for Pages {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages").field("bytes", &self.0.weight()).finish()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::clock::Timestamp;
    use crate::eventlog::Decider;
    use crate::tasks::events::{TaskCreated, TaskEvent};
    use crate::tasks::values::{TaskId, Title};

    fn list(titles: &[&str]) -> Published<TaskList> {
        let mut list = Published::<TaskList>::default();
        for title in titles {
            list.version += 1;
            let created = TaskCreated {
                task_id: TaskId::from_uuid(Uuid::from_u128(u128::try_from(list.version).unwrap())),
                title: Title::parse(title).unwrap(),
                description: None,
                completed: false,
                created_at: Timestamp::from_unix_millis(0),
            };
            list.state = TaskList::evolve(list.state, &TaskEvent::Created(created));
        }
        list
    }

    fn owner(number: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn a_page_is_serialised_once_per_version() {
        let (pages, query) = (Pages::new(), Query::default());
        let first = pages.page(owner(1), &list(&["Milk"]), query.clone()).unwrap();
        let again = pages.page(owner(1), &list(&["Milk"]), query.clone()).unwrap();
        assert_eq!(first.as_ptr(), again.as_ptr());
        let later = pages.page(owner(1), &list(&["Milk", "Bread"]), query).unwrap();
        assert!(String::from_utf8_lossy(&later).contains("Bread"));
    }

    #[test]
    fn different_people_and_questions_have_different_pages() {
        let (pages, list) = (Pages::new(), list(&["Milk", "Bread"]));
        let page = |owner, query| pages.page(owner, &list, query).unwrap();
        let all = page(owner(1), Query::default());
        let one = page(owner(1), Query { limit: 1, ..Query::default() });
        let other = page(owner(2), Query::default());
        assert!(all != one && all != other && one != other);
    }
}
