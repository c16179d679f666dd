//! Response cache of pages of task lists: each is serialised once per version of its list.

use std::sync::Arc;

use bytes::Bytes;

use super::bodies::list::TaskListBody;
use crate::base::id::UserId;
use crate::base::response_cache;
use crate::base::response_cache::ResponseCache;
use crate::eventlog::{Point, Published};
use crate::tasks::PageError;
use crate::tasks::Tasks;
use crate::tasks::history::moment::Moment;
use crate::tasks::listing;
use crate::tasks::listing::Query;
use crate::tasks::task_list::TaskList;

/// Bytes of an average page.
const USUAL: usize = 4 * 1024;

/// Most bytes that are searched, encoded, and folded for the first search, on the threads that answer requests. Each takes
/// about a millisecond.
const WALK: usize = 4 * 1024 * 1024;
const ENCODING: usize = 1024 * 1024;
const FOLDING: usize = 64 * 1024;

/// Cache key: the list and the query of a page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct PageKey {
    /// User whose list it is.
    owner: UserId,
    /// Version of the list, so that a change makes its pages anew.
    version: Point,
    /// Filter, order and place of the page.
    query: Query,
}

/// Response cache of this node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PageCache(ResponseCache<PageKey>);

impl PageCache {
    /// An empty cache of at most `bytes` bytes.
    pub fn new(bytes: usize) -> Self {
        Self(ResponseCache::new(bytes, USUAL))
    }

    /// Returns a page of a user's list as it is now, or as it was, with the version of the list.
    ///
    /// # Errors
    ///
    /// Fails if the list did not exist at that time, or cannot be read.
    pub async fn read(
        &self,
        tasks: &Tasks,
        owner: UserId,
        query: Query,
        as_of: Option<Moment>,
    ) -> Result<(Bytes, Point), PageError> {
        let list = tasks.list_of_page(owner, &query, as_of).await?;
        let version = list.state.version;
        let bytes = if self.is_quick(owner, &list, &query) {
            self.page(owner, &list, query).map_err(PageError::of_encoding)?
        } else {
            Box::pin(self.long_page(tasks, owner, list, query)).await?
        };
        Ok((bytes, version))
    }

    /// Makes a page that takes long to find or to encode, on the threads for long work, one at a time for each user.
    async fn long_page(
        &self,
        tasks: &Tasks,
        owner: UserId,
        list: Arc<Published<TaskList>>,
        query: Query,
    ) -> Result<Bytes, PageError> {
        let permit = tasks.permit(owner).await?;
        let pages = self.clone();
        let page = move || {
            let page = pages.page(owner, &list, query);
            // The permit belongs to the work, even if its request is cancelled.
            drop(permit);
            page
        };
        let page = tasks.long_work().run(page).await.map_err(PageError::of_encoding)?;
        page.map_err(PageError::of_encoding)
    }

    /// Returns the encoded page of a list. A page filtered by free text is not cached, since there are as many as texts.
    ///
    /// # Errors
    ///
    /// Fails if the page has no JSON form, which is a mistake in the body's type.
    pub fn page(
        &self,
        owner: UserId,
        list: &Published<TaskList>,
        query: Query,
    ) -> serde_json::Result<Bytes> {
        let body = |query: &Query| {
            let page = listing::page(&list.state.tasks, query);
            TaskListBody::new(owner, &page, list.state.version)
        };
        if !query.filter.is_of_few() {
            return response_cache::encode(&body(&query));
        }
        let key = PageKey { owner, version: list.state.version, query };
        self.0.get_or(key, |key| body(&key.query))
    }

    /// True for a page that takes little time: it is cached, or little has to be searched and encoded for it.
    pub fn is_quick(&self, owner: UserId, list: &Published<TaskList>, query: &Query) -> bool {
        let tasks = &list.state.tasks;
        let on_page = tasks.weight() / tasks.len().max(1) * query.limit.min(tasks.len());
        let is_light = tasks.weight() <= WALK && on_page <= ENCODING;
        let is_searched = || !query.filter.searches() || tasks.bytes_to_fold() <= FOLDING;
        let key = || PageKey { owner, version: list.state.version, query: query.clone() };
        (is_light && is_searched()) || self.0.get(&key()).is_some()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::eventlog::Decider;
    use crate::tasks::listing::Filter;
    use crate::tasks::testing::creation;

    fn list(titles: &[&str]) -> Published<TaskList> {
        let mut list = Published::<TaskList>::default();
        for (number, title) in (1..).zip(titles) {
            for event in TaskList::decide(&list.state, creation(number, title)).unwrap() {
                list.state = TaskList::evolve(list.state, &event);
                list.version += 1;
            }
        }
        list
    }

    fn owner(number: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn a_page_is_serialised_once_per_version() {
        let (pages, query) = (PageCache::new(1 << 20), Query::default());
        let first = pages.page(owner(1), &list(&["Milk"]), query.clone()).unwrap();
        let again = pages.page(owner(1), &list(&["Milk"]), query.clone()).unwrap();
        assert_eq!(first.as_ptr(), again.as_ptr());
        let later = pages.page(owner(1), &list(&["Milk", "Bread"]), query).unwrap();
        assert!(String::from_utf8_lossy(&later).contains("Bread"));
    }

    #[test]
    fn what_was_searched_for_is_found_but_not_kept() {
        let (pages, list) = (PageCache::new(1 << 20), list(&["Milk", "Bread"]));
        let found = || {
            pages
                .page(
                    owner(1),
                    &list,
                    Query {
                        filter: Filter::default().containing(Some("milk")),
                        ..Query::default()
                    },
                )
                .unwrap()
        };
        let (first, again) = (found(), found());
        assert!(first == again && first.as_ptr() != again.as_ptr());
        assert!(String::from_utf8_lossy(&first).contains("\"total\":1"));
    }

    #[test]
    fn different_people_and_questions_have_different_pages() {
        let (pages, list) = (PageCache::new(1 << 20), list(&["Milk", "Bread"]));
        let page = |owner, query| pages.page(owner, &list, query).unwrap();
        let all = page(owner(1), Query::default());
        let one = page(owner(1), Query { limit: 1, ..Query::default() });
        let other = page(owner(2), Query::default());
        assert!(all != one && all != other && one != other);
    }
}
