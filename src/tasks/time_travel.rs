//! A list as it was: at a version, or at a time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::{DefaultHashBuilder, Weighter};
use tokio::sync::Semaphore;

use super::Tasks;
use super::ordered::OrderedTasks;
use super::read_model;
use super::task::{Fields, Task};
use super::task_list::TaskList;
use super::values::TaskId;
use crate::clock::Timestamp;
use crate::eventlog::{Decider, Published, ReadError};
use crate::id::UserId;
use crate::telemetry::events;
use crate::telemetry::reason::Reason;
use crate::weighted_cache::{self, Size, WeightedCache};

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

/// Bytes of a usual list, and of its entry.
const USUAL: usize = 64 * 1024;
const ENTRY: u64 = 256;
/// Most lists of the past that are made at the same time, and how long to wait for a turn.
const MAX_AT_ONCE: usize = 2;
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<(UserId, i64), Past> for ByBytes {
    fn weight(&self, _: &(UserId, i64), past: &Past) -> u64 {
        TaskList::weight(&past.state) as u64 + ENTRY
    }
}

/// Lists as they were, by their version: none of them is ever out of date. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Pasts {
    known: Arc<WeightedCache<(UserId, i64), Past, ByBytes, DefaultHashBuilder>>,
    turns: Arc<Semaphore>,
}

impl Pasts {
    /// None yet, and room for so many bytes of them: whoever pages through a list of the past does not have it made for
    /// every page. There is one part, so that the largest list has room.
    pub(super) fn new(bytes: usize) -> Self {
        let size = Size { bytes, usual: USUAL, part: bytes };
        let known = Arc::new(weighted_cache::of(size, ByBytes, DefaultHashBuilder::default()));
        Self { known, turns: Arc::new(Semaphore::new(MAX_AT_ONCE)) }
    }

    /// A list that is known, or that `make` makes when it is its turn. Whoever asks for the same meanwhile waits for it.
    async fn get_or(
        &self,
        key: (UserId, i64),
        make: impl Future<Output = Result<Past, ReadError>>,
    ) -> Result<Past, ReadError> {
        let make = async {
            let turn = tokio::time::timeout(PATIENCE, self.turns.acquire()).await;
            let _turn = turn.map_err(|_| {
                events::refused(Reason::FileQueue);
                ReadError::Overloaded
            })?;
            make.await
        };
        self.known.get_or_insert_async(&key, make).await
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
            Moment::Version(version) => version.max(0),
            Moment::Time(at) if now.state.at.is_none_or(|last| last <= at) => now.version,
            Moment::Time(at) => {
                let _walk = self.walks.turn(owner).await?;
                read_model::version_at(&self.pool, &Self::stream(owner), at, now.version)
                    .await
                    .map_err(ReadError::from)?
            }
        };
        if version == now.version {
            return Ok(now);
        }
        let _walk = self.walks.turn(owner).await?;
        Ok(self.past(owner, version).await?)
    }

    /// A user's list as it was in a version, for who has the turn to walk.
    pub(super) async fn past(&self, owner: UserId, version: i64) -> Result<Past, ReadError> {
        let stream = Self::stream(owner);
        let make = async { Ok(Arc::new(self.log.hydrate_at(&stream, version).await?)) };
        self.pasts.get_or((owner, version), make).await
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
