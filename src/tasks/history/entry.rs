//! Entries of a history: a change of a task, its author, and the fields before and after it.

use crate::base::clock::Timestamp;
use crate::eventlog::StreamName;
use crate::eventlog::{Context, Event, Point, RecordedEvent, StoreError};
use crate::tasks::events::{EditKind, TaskEvent};
use crate::tasks::task_list::task::{Content, Fields};
use crate::tasks::values::{TaskId, Title};

/// A change of a task, as a history shows it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Version of the list after the change.
    pub version: Point,
    /// Task that the change concerns.
    pub task_id: TaskId,
    /// Title of the task, in the history of a list. The history of one task has none.
    pub title: Option<Title>,
    /// Kind of the change, which its event decides.
    pub kind: ChangeKind,
    /// Deed of the change: done, undone or redone.
    pub deed: EditKind,
    /// Time of the change.
    pub at: Timestamp,
    /// Author of the change: user, session and origin.
    pub by: Context,
    /// Fields before the change; `None` if the task did not exist.
    pub before: Option<Fields>,
    /// Fields after the change; `None` if the task does not exist any more.
    pub after: Option<Fields>,
}

/// Kinds of changes of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// The task was added.
    Created,
    /// Some fields of the task changed.
    Changed,
    /// The task was deleted.
    Deleted,
    /// The task was brought back.
    Restored,
}

/// Restriction of a list's history to one kind of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryFilter {
    /// Deletions only: the tasks that can be restored.
    Deleted,
}

/// A page of a history, newest entry first.
#[derive(Debug)]
pub struct HistoryPage {
    /// Entries of the page, newest first.
    pub entries: Vec<Entry>,
    /// True if there are earlier entries.
    pub more: bool,
}

impl Entry {
    /// Entry for the event with this number in its list.
    pub fn new(number: i64, event: &TaskEvent, by: Context) -> Self {
        let whole = |content: &Content| Some(Fields::all(content.clone()));
        let (kind, before, after) = match event {
            TaskEvent::Created(created) => (ChangeKind::Created, None, whole(&created.task)),
            TaskEvent::Changed(changed) => {
                (ChangeKind::Changed, Some(changed.before.clone()), Some(changed.after.clone()))
            }
            TaskEvent::Deleted(deleted) => (ChangeKind::Deleted, whole(&deleted.task), None),
            TaskEvent::Restored(restored) => (ChangeKind::Restored, None, whole(&restored.task)),
        };
        let (task_id, deed, at) = (event.task_id(), event.step().deed, event.at());
        let version = Point::new(number, event.mark());
        Self { version, task_id, title: None, kind, deed, at, by, before, after }
    }

    /// Entry for a stored event.
    ///
    /// # Errors
    ///
    /// If the event cannot be read.
    pub fn of(recorded: &RecordedEvent) -> Result<Self, StoreError> {
        Ok(Self::new(recorded.version, &decoded(recorded)?, by(recorded)?))
    }

    /// Title in the entry itself: the one after the change or, for a deletion, before it. `None` if the title did not
    /// change.
    pub(super) fn own_title(&self) -> Option<&Title> {
        match self.kind {
            ChangeKind::Deleted => self.before.as_ref()?.title.as_ref(),
            ChangeKind::Created | ChangeKind::Changed | ChangeKind::Restored => {
                self.after.as_ref()?.title.as_ref()
            }
        }
    }
}

/// Decodes a stored event of a task list.
///
/// # Errors
///
/// If the event cannot be read.
pub fn decoded(recorded: &RecordedEvent) -> Result<TaskEvent, StoreError> {
    let RecordedEvent { name, schema, data, .. } = recorded;
    TaskEvent::decode(name, *schema, data.get()).map_err(|source| StoreError::Undecodable {
        stream: StreamName::stored(&recorded.stream),
        version: recorded.version,
        source,
    })
}

/// Author of a stored event.
///
/// # Errors
///
/// If its context cannot be read.
pub(crate) fn by(recorded: &RecordedEvent) -> Result<Context, StoreError> {
    serde_json::from_str(recorded.context.get())
        .map_err(|error| StoreError::Refused(error.to_string()))
}
