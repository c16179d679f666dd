//! A list as it was: at a version, or at a time.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::Tasks;
use super::ordered::OrderedTasks;
use super::read_model;
use super::task::{Fields, Task};
use super::task_list::TaskList;
use super::values::TaskId;
use crate::clock::Timestamp;
use crate::eventlog::{Published, ReadError};
use crate::id::UserId;

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// After so many events; 0 is before the first.
    Version(i64),
    /// After everything that had happened by then.
    Time(Timestamp),
}

/// Why a list cannot be shown as it was.
#[derive(Debug, thiserror::Error)]
pub enum TravelError {
    /// The list has no such version yet.
    #[error("the list has {0} versions")]
    NotYet(i64),
    /// The list could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A list as it was.
pub type Past = Arc<Published<TaskList>>;

/// Tasks in all lists of the past that are kept: whoever pages through one does not have it made for every page.
const MAX_TASKS_KEPT: u64 = 100_000;
const USUAL_TASKS: u64 = 100;

#[derive(Debug, Clone)]
struct ByTasks;

impl Weighter<(UserId, i64), Past> for ByTasks {
    fn weight(&self, _: &(UserId, i64), past: &Past) -> u64 {
        past.state.tasks.len() as u64 + 1
    }
}

/// Lists as they were, by their version: none of them is ever out of date. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Pasts(Arc<Cache<(UserId, i64), Past, ByTasks>>);

impl Pasts {
    pub(super) fn new() -> Self {
        let usual = usize::try_from(MAX_TASKS_KEPT / USUAL_TASKS).unwrap_or(usize::MAX);
        Self(Arc::new(Cache::with_weighter(usual, MAX_TASKS_KEPT, ByTasks)))
    }
}

impl Tasks {
    /// A user's list as it was.
    ///
    /// # Errors
    ///
    /// When it was not yet, or cannot be read.
    pub async fn as_of(&self, owner: UserId, moment: Moment) -> Result<Past, TravelError> {
        let now = self.of(owner).await?;
        let version = match moment {
            Moment::Version(version) if version > now.version => {
                return Err(TravelError::NotYet(now.version));
            }
            Moment::Version(version) => version,
            Moment::Time(at) if now.state.at.is_none_or(|last| last <= at) => now.version,
            Moment::Time(at) => {
                read_model::version_at(&self.pool, &Self::stream(owner), at, now.version)
                    .await
                    .map_err(ReadError::from)?
            }
        };
        if version == now.version { Ok(now) } else { Ok(self.past(owner, version).await?) }
    }

    async fn past(&self, owner: UserId, version: i64) -> Result<Past, ReadError> {
        let key = (owner, version);
        if let Some(past) = self.pasts.0.get(&key) {
            return Ok(past);
        }
        let past: Past = Arc::new(self.log.hydrate_at(&Self::stream(owner), version).await?);
        self.pasts.0.insert(key, Arc::clone(&past));
        Ok(past)
    }
}

/// What is different about one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The task.
    pub task_id: TaskId,
    /// Its fields as they were; none if it was not there.
    pub before: Option<Fields>,
    /// The fields as they are; none if it is not there any more.
    pub after: Option<Fields>,
}

/// Up to `limit` of the differences between two states of a list, by task from the one after `after` on; and whether there
/// are more.
pub fn differences(
    from: &OrderedTasks,
    to: &OrderedTasks,
    after: Option<TaskId>,
    limit: usize,
) -> (Vec<Difference>, bool) {
    let (mut from, mut to) = (later(from, after).peekable(), later(to, after).peekable());
    let mut found = Vec::new();
    loop {
        let id = match (from.peek(), to.peek()) {
            (Some(one), Some(other)) => one.id.min(other.id),
            (Some(only), None) | (None, Some(only)) => only.id,
            (None, None) => return (found, false),
        };
        let before = from.next_if(|task| task.id == id);
        let after = to.next_if(|task| task.id == id);
        if let Some(difference) = difference(id, before, after) {
            if found.len() == limit {
                return (found, true);
            }
            found.push(difference);
        }
    }
}

fn later(
    tasks: &OrderedTasks,
    after: Option<TaskId>,
) -> Box<dyn Iterator<Item = &Arc<Task>> + Send + '_> {
    match after {
        Some(id) => Box::new(tasks.after(id)),
        None => Box::new(tasks.iter()),
    }
}

fn difference(
    task_id: TaskId,
    before: Option<&Arc<Task>>,
    after: Option<&Arc<Task>>,
) -> Option<Difference> {
    let whole = |task: &Arc<Task>| Fields::all(task.content.clone());
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => {
            let changed = whole(after).unlike(&before.content);
            if changed.is_empty() {
                return None;
            }
            (Some(changed.as_in(&before.content)), Some(changed))
        }
        (before, after) => (before.map(whole), after.map(whole)),
    };
    Some(Difference { task_id, before, after })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::testing::{at, content, id, title};

    fn task(number: u128, text: &str) -> Arc<Task> {
        Arc::new(Task::new(id(number), content(text, 0), (at(0), at(0)), 1))
    }

    fn named(text: &str) -> Fields {
        Fields { title: Some(title(text)), ..Fields::default() }
    }

    fn whole(text: &str) -> Fields {
        Fields::all(content(text, 0))
    }

    #[test]
    fn what_was_added_changed_and_deleted_is_told_once_per_task() {
        let from = [task(1, "a"), task(2, "b"), task(3, "c")].into_iter().collect();
        let to = [task(1, "a"), task(3, "C"), task(4, "d")].into_iter().collect();
        let expected = [
            Difference { task_id: id(2), before: Some(whole("b")), after: None },
            Difference { task_id: id(3), before: Some(named("c")), after: Some(named("C")) },
            Difference { task_id: id(4), before: None, after: Some(whole("d")) },
        ];
        assert_eq!(differences(&from, &to, None, 10), (expected.to_vec(), false));
        assert_eq!(differences(&from, &to, None, 3), (expected.to_vec(), false));
        assert_eq!(differences(&from, &to, None, 2), (expected[..2].to_vec(), true));
        assert_eq!(differences(&from, &to, Some(id(3)), 2), (expected[2..].to_vec(), false));
        assert_eq!(differences(&to, &to, None, 10), (vec![], false));
    }
}
