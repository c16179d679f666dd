//! Entries of a history: what happened to a task, by whom, what was before, and what after.

use crate::base::clock::Timestamp;
use crate::eventlog::StreamName;
use crate::eventlog::{Context, Event, Point, RecordedEvent, StoreError};
use crate::tasks::events::{Deed, TaskEvent};
use crate::tasks::task_list::task::{Content, Fields};
use crate::tasks::values::{TaskId, Title};

/// What happened to a task.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The version of the list since then.
    pub version: Point,
    /// The task.
    pub task_id: TaskId,
    /// What people know the task by, where it is told of among others.
    pub title: Option<Title>,
    /// What happened.
    pub kind: Kind,
    /// Whether it was done, taken back or done again.
    pub deed: Deed,
    /// When.
    pub at: Timestamp,
    /// Who did it, in which session, from where.
    pub by: Context,
    /// The fields as they were; none if the task was not there.
    pub before: Option<Fields>,
    /// The fields as they are since then; none if the task is not there any more.
    pub after: Option<Fields>,
}

/// What can happen to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It was added.
    Created,
    /// Some of its fields changed.
    Changed,
    /// It was deleted.
    Deleted,
    /// It was brought back.
    Restored,
}

/// What is told of a list, if not everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    /// Deletions.
    Deleted,
}

/// A page of a history, the last change first.
#[derive(Debug)]
pub struct Told {
    /// What happened.
    pub entries: Vec<Entry>,
    /// Whether something happened before that.
    pub more: bool,
}

impl Entry {
    /// What an event tells, the list's so many-th.
    pub fn new(number: i64, event: &TaskEvent, by: Context) -> Self {
        let whole = |content: &Content| Some(Fields::all(content.clone()));
        let (kind, before, after) = match event {
            TaskEvent::Created(created) => (Kind::Created, None, whole(&created.task)),
            TaskEvent::Changed(changed) => {
                (Kind::Changed, Some(changed.before.clone()), Some(changed.after.clone()))
            }
            TaskEvent::Deleted(deleted) => (Kind::Deleted, whole(&deleted.task), None),
            TaskEvent::Restored(restored) => (Kind::Restored, None, whole(&restored.task)),
        };
        let (task_id, deed, at) = (event.task_id(), event.step().deed, event.at());
        let version = Point::new(number, event.mark());
        Self { version, task_id, title: None, kind, deed, at, by, before, after }
    }

    /// What a stored event tells.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn of(recorded: &RecordedEvent) -> Result<Self, StoreError> {
        Ok(Self::new(recorded.version, &decoded(recorded)?, by(recorded)?))
    }

    /// The title that the change tells of: the task's since then or, of a deleted one, until then.
    pub(super) fn own_title(&self) -> Option<&Title> {
        match self.kind {
            Kind::Deleted => self.before.as_ref()?.title.as_ref(),
            Kind::Created | Kind::Changed | Kind::Restored => self.after.as_ref()?.title.as_ref(),
        }
    }
}

/// A stored event of a task list.
///
/// # Errors
///
/// When it cannot be read.
pub fn decoded(recorded: &RecordedEvent) -> Result<TaskEvent, StoreError> {
    let RecordedEvent { name, schema, data, .. } = recorded;
    TaskEvent::decode(name, *schema, data.get()).map_err(|source| StoreError::Undecodable {
        stream: StreamName::stored(&recorded.stream),
        version: recorded.version,
        source,
    })
}

/// Who caused a stored event.
///
/// # Errors
///
/// When it cannot be read.
pub(crate) fn by(recorded: &RecordedEvent) -> Result<Context, StoreError> {
    serde_json::from_str(recorded.context.get())
        .map_err(|error| StoreError::Refused(error.to_string()))
}
