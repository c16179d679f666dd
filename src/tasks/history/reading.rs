//! Reads of histories: of a task, of a list, and of its deletions.

use std::collections::{BTreeSet, HashMap};

use super::entry::{Entry, HistoryFilter, HistoryPage, decoded};
use super::moment::TravelError;
use crate::base::id::UserId;
use crate::eventlog::{Published, ReadError, StoreError, StreamName, VersionInHistory};
use crate::tasks::events::{TaskDeleted, TaskEvent};
use crate::tasks::lists::{QUICK, Tasks};
use crate::tasks::read_model::{self, HistoryEvents, HistorySubject};
use crate::tasks::task_list::TaskList;
use crate::tasks::task_list::ordered::OrderedTasks;
use crate::tasks::values::TaskId;

/// Reasons for which a history cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The list has no such version to show the history before, or nothing happened to the task in that version.
    #[error("nothing happened in this version")]
    NoSuchVersion,
    /// The history could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<TravelError> for HistoryError {
    fn from(error: TravelError) -> Self {
        match error {
            TravelError::NoSuchVersion => Self::NoSuchVersion,
            TravelError::Read(error) => Self::Read(error),
        }
    }
}

impl From<StoreError> for HistoryError {
    fn from(error: StoreError) -> Self {
        Self::Read(error.into())
    }
}

impl Tasks {
    /// Up to `limit` entries of the history of a task, newest first, or as many as a page has bytes for. If `before` is
    /// given, only entries before that version of the task. `None` if there never was such a task.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or nothing happened to the task in that version.
    pub async fn history(
        &self,
        owner: UserId,
        task: TaskId,
        before: Option<VersionInHistory>,
        limit: usize,
    ) -> Result<Option<HistoryPage>, HistoryError> {
        let now = self.of(owner).await?;
        let before = self.before(owner, &now, before).await?;
        let _walk = self.walks.acquire(owner).await?;
        let last = if let Some(task) = now.state.tasks.get(task) {
            Some(task.version.number)
        } else {
            let deletions = self.last_deletions(owner, &[task]).await?;
            deletions.get(&task).map(|(version, _)| *version)
        };
        let Some(last) = last else { return Ok(None) };
        let stream = Self::stream(owner);
        if let Some(before) = before {
            self.check_version(&stream, task, before).await?;
        }
        let place = (HistorySubject::Task(last), before.unwrap_or(i64::MAX));
        let page = read_model::history(&self.pool, &stream, place, limit).await?;
        Ok(Some(self.told(page).await?))
    }

    /// Up to `limit` entries of the history of a whole list, deleted tasks included, newest first, or as many as a page has
    /// bytes for. If `before` is given, only entries before that version. Each entry has a title.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub async fn list_history(
        &self,
        owner: UserId,
        only: Option<HistoryFilter>,
        before: Option<VersionInHistory>,
        limit: usize,
    ) -> Result<HistoryPage, HistoryError> {
        let list = self.of(owner).await?;
        let before = self.before(owner, &list, before).await?;
        let _walk = self.walks.acquire(owner).await?;
        let stream = Self::stream(owner);
        // Events after this state of the list are left out, because it does not have their tasks.
        let end = before.unwrap_or(list.version + 1);
        let page =
            read_model::history(&self.pool, &stream, (HistorySubject::List(only), end), limit)
                .await?;
        let told = self.told(page).await?;
        Ok(self.titled(owner, &list.state.tasks, told).await?)
    }

    /// Number of the version before which a history is shown, if one is given.
    async fn before(
        &self,
        owner: UserId,
        now: &Published<TaskList>,
        before: Option<VersionInHistory>,
    ) -> Result<Option<i64>, HistoryError> {
        let Some(before) = before else { return Ok(None) };
        Ok(Some(self.number_of(owner, now, before).await?))
    }

    /// Entries for the events of a page.
    async fn told(&self, page: HistoryEvents) -> Result<HistoryPage, ReadError> {
        let HistoryEvents { events, bytes, more } = page;
        let read = move || events.iter().map(Entry::of).collect::<Result<Vec<_>, _>>();
        let entries = if bytes > QUICK {
            self.long_work()
                .run(read)
                .await
                .map_err(|error| StoreError::Refused(error.to_string()))?
        } else {
            read()
        };
        Ok(HistoryPage { entries: entries?, more })
    }

    /// Adds titles to entries: their own, else the present one of their task, else the one that it had when it was deleted.
    async fn titled(
        &self,
        owner: UserId,
        tasks: &OrderedTasks,
        mut told: HistoryPage,
    ) -> Result<HistoryPage, ReadError> {
        let mut gone = BTreeSet::new();
        for entry in &mut told.entries {
            let now = || tasks.get(entry.task_id).map(|task| &task.title);
            entry.title = entry.own_title().or_else(now).cloned();
            if entry.title.is_none() {
                gone.insert(entry.task_id);
            }
        }
        if gone.is_empty() {
            return Ok(told);
        }
        let (stream, gone) = (Self::stream(owner), gone.into_iter());
        let titles = read_model::last_titles(&self.pool, &stream, gone).await?;
        for entry in told.entries.iter_mut().filter(|entry| entry.title.is_none()) {
            entry.title = titles.get(&entry.task_id).cloned();
        }
        Ok(told)
    }

    /// Requires that something happened to the task in the version. From any other version its events could only be found by
    /// walking through its whole history.
    async fn check_version(
        &self,
        stream: &StreamName,
        task: TaskId,
        version: i64,
    ) -> Result<(), HistoryError> {
        let there = self.log.read_stream(stream, version - 1, 1).await?;
        let there = there.first().filter(|event| event.version == version);
        let there = there.map(decoded).transpose()?;
        let is_own = there.is_some_and(|event| event.task_id() == task);
        if is_own { Ok(()) } else { Err(HistoryError::NoSuchVersion) }
    }

    /// Last deletions of the given tasks, with their versions, without those that were never deleted.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub async fn deletions(
        &self,
        owner: UserId,
        tasks: &[TaskId],
    ) -> Result<HashMap<TaskId, (i64, TaskDeleted)>, ReadError> {
        if tasks.is_empty() {
            return Ok(HashMap::new());
        }
        let _walk = self.walks.acquire(owner).await?;
        self.last_deletions(owner, tasks).await
    }

    /// As [`Self::deletions`], for a caller that holds the permit to walk.
    async fn last_deletions(
        &self,
        owner: UserId,
        tasks: &[TaskId],
    ) -> Result<HashMap<TaskId, (i64, TaskDeleted)>, ReadError> {
        if tasks.is_empty() {
            return Ok(HashMap::new());
        }
        let stored = read_model::deletions(&self.pool, &Self::stream(owner), tasks).await?;
        let mut deletions = HashMap::with_capacity(stored.len());
        for recorded in &stored {
            if let TaskEvent::Deleted(deleted) = decoded(recorded)? {
                deletions.insert(deleted.task_id, (recorded.version, deleted));
            }
        }
        Ok(deletions)
    }
}
