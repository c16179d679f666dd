//! Commands of a task list, and the reasons for which they are refused.

use std::sync::Arc;

use super::task::{Content, Fields, Task};
use crate::base::clock::Timestamp;
use crate::eventlog::{Extent, Mark, Point};
use crate::tasks::events::{EditKind, Imported, Span, TaskEvent};
use crate::tasks::values::{Description, Due, Position, Priority, Tags, TaskId, Title};

/// Most tasks in one list. The bound keeps an operation on a whole list one transaction that other requests hardly feel.
pub const MAX_TASKS: usize = 10_000;

/// Versions that a list or task may have for a command to be carried out. If `None`, any version.
pub type Expected = Option<Vec<Point>>;

/// Time of a command, and the mark of the events that it causes. Both come with the command: the rules have no clock and no
/// randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Time of the command, from the injected clock of its node.
    pub at: Timestamp,
    /// Mark that each event of the command carries.
    pub mark: Mark,
}

/// Commands of a task list.
#[derive(Debug, Clone)]
pub enum Command {
    /// Carries out all the actions, one after the other, or none.
    Change {
        /// Actions in the order in which they are carried out.
        actions: Arc<[Action]>,
        /// Versions that the list may have.
        expected: Expected,
        /// Time of the command and mark of its events.
        stamp: Stamp,
    },
    /// Undoes the last change, or redoes the last undo.
    UndoOrRedo {
        /// The change to reverse, as it was found in the log.
        source: UndoSource,
        /// Versions that the list may have.
        expected: Expected,
        /// Time of the command and mark of its events.
        stamp: Stamp,
    },
}

impl Command {
    /// A command of a single action, whatever the version of the list.
    pub fn one(action: Action, stamp: Stamp) -> Self {
        Self::Change { actions: Arc::new([action]), expected: None, stamp }
    }

    /// Estimated size of the command's outcome: each action, and each event that is undone, may cause an event.
    pub(super) fn extent(&self) -> Extent {
        match self {
            Self::Change { actions, .. } => Extent {
                events: actions.len(),
                bytes: size_of_val(&**actions) + actions.iter().map(Action::bytes).sum::<usize>(),
            },
            Self::UndoOrRedo { source: UndoSource { events, .. }, .. } => Extent {
                events: events.len(),
                bytes: size_of_val(&**events) + events.iter().map(TaskEvent::bytes).sum::<usize>(),
            },
        }
    }
}

/// A change to undo or redo, as the log has it.
#[derive(Debug, Clone)]
pub struct UndoSource {
    /// [`EditKind::Undo`] to take back a change, [`EditKind::Redo`] to take back an undo.
    pub deed: EditKind,
    /// First and last version of the change. It must still be the top of its stack when the command is decided.
    pub span: Span,
    /// Events of the change, in their order.
    pub events: Arc<[TaskEvent]>,
}

/// Actions on a task.
#[derive(Debug, Clone)]
pub enum Action {
    /// Adds a task at the end of the manual order. Its id may be raised, so that ids grow in order of creation.
    Create(New),
    /// Changes fields of a task.
    Change {
        /// Id of the task to change.
        id: TaskId,
        /// Fields to set, and completion.
        wanted: TaskUpdate,
        /// Versions that the task may have.
        expected: Expected,
    },
    /// Deletes a task; it can be restored.
    Delete {
        /// Id of the task to delete.
        id: TaskId,
        /// Versions that the task may have.
        expected: Expected,
    },
    /// Moves a task in the manual order.
    Move {
        /// Id of the task to move.
        id: TaskId,
        /// Neighbour beside which the task will stand.
        place: Destination,
        /// Versions that the task may have.
        expected: Expected,
    },
    /// Gives a task an earlier content again, or brings it back if it is deleted.
    Restore(Box<Restore>),
    /// Adds an exported task, or makes the task with its id like it.
    Put(Box<ImportedTask>),
}

impl Action {
    /// Id of the task that the action names. `None` if the action may add a task.
    pub fn about(&self) -> Option<TaskId> {
        match self {
            Self::Create(_) | Self::Put(_) => None,
            Self::Change { id, .. } | Self::Delete { id, .. } | Self::Move { id, .. } => Some(*id),
            Self::Restore(restore) => Some(restore.id),
        }
    }

    /// Estimated bytes on the heap, beside the size of the action itself.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Create(new) => new.draft.bytes(),
            Self::Change { wanted, .. } => wanted.fields.bytes(),
            Self::Delete { .. } | Self::Move { .. } => 0,
            Self::Restore(restore) => size_of::<Restore>() + restore.content.bytes(),
            Self::Put(put) => size_of::<ImportedTask>() + put.draft.bytes(),
        }
    }
}

/// A task to add.
#[derive(Debug, Clone)]
pub struct New {
    /// Least id that the task may get.
    pub id: TaskId,
    /// Content as given by the user.
    pub draft: TaskDraft,
    /// True if the task is added as completed.
    pub completed: bool,
}

/// The part of a task's content that users write themselves.
#[derive(Debug, Clone)]
pub struct TaskDraft {
    /// Title: the only field that every task has.
    pub title: Title,
    /// Description, if there is one.
    pub description: Option<Description>,
    /// Urgency; [`Priority::None`] if none was given.
    pub priority: Priority,
    /// Day or moment at which the task is due, if there is one.
    pub due: Option<Due>,
    /// Tags in the order given.
    pub tags: Tags,
}

impl TaskDraft {
    /// Completes the draft to a task's content, with the fields that follow from commands.
    pub(crate) fn content(self, completed_at: Option<Timestamp>, position: Position) -> Content {
        let Self { title, description, priority, due, tags } = self;
        Content { title, description, completed_at, priority, due, tags, position }
    }

    /// Estimated bytes on the heap, beside the size of the draft itself.
    fn bytes(&self) -> usize {
        let Self { title, description, due, tags, priority: _ } = self;
        let texts =
            title.as_str().len() + description.as_ref().map_or(0, |text| text.as_str().len());
        texts + due.as_ref().map_or(0, Due::bytes) + tags.bytes()
    }

    /// The fields to set on a task so that it is like this draft. Completion and position are left alone.
    pub fn fields(self) -> Fields {
        Fields {
            title: Some(self.title),
            description: Some(self.description),
            priority: Some(self.priority),
            due: Some(self.due),
            tags: Some(self.tags),
            completed_at: None,
            position: None,
        }
    }
}

/// Fields to set on a task.
#[derive(Debug, Clone, Default)]
pub struct TaskUpdate {
    /// Content fields. Time of completion and position are absent: they follow from commands.
    pub fields: Fields,
    /// Sets or clears completion; the time of it is the command's. If `None`, completion is left alone.
    pub completed: Option<bool>,
}

/// A place in the manual order, named by a neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// Directly before this task.
    Before(TaskId),
    /// Directly after this task.
    After(TaskId),
}

/// Earlier state of a task, to be restored.
#[derive(Debug, Clone)]
pub struct Restore {
    /// Id of the task, deleted or not.
    pub id: TaskId,
    /// Content that the task had.
    pub content: Content,
    /// Time of the task's creation, which a restored task keeps.
    pub created_at: Timestamp,
    /// Version of the task's last deletion in the log. `None` if it was never deleted.
    pub deleted: Option<i64>,
    /// If true, a task that is not deleted is set to `content` too; if false, it is left alone.
    pub rewinds: bool,
    /// Versions that the task may have. A deleted task has none, so any expectation refuses to bring it back.
    pub expected: Expected,
}

impl Restore {
    /// Restores a deleted task with its content and time of creation. A task that is not deleted is left alone.
    pub fn new(
        id: TaskId,
        (content, created_at): (Content, Timestamp),
        deleted: Option<i64>,
    ) -> Self {
        Self { id, content, created_at, deleted, rewinds: false, expected: None }
    }
}

/// A task from an export.
#[derive(Debug, Clone)]
pub struct ImportedTask {
    /// Id from the file, or the least id that the task may get.
    pub id: ImportedId,
    /// Content as given by the user.
    pub draft: TaskDraft,
    /// Time of completion; `None` for an open task.
    pub completed_at: Option<Timestamp>,
    /// Position in the manual order. The task goes to the end if there is none or if another task stands there.
    pub position: Option<Position>,
    /// Times of creation and of the last change, from the file.
    pub times: Imported,
    /// Version of the last deletion of a task with this id, if there was one.
    pub deleted: Option<i64>,
}

/// Id of an imported task.
#[derive(Debug, Clone, Copy)]
pub enum ImportedId {
    /// The file gives the id.
    Given(TaskId),
    /// The file gives none: the task gets a new id, not less than this one.
    Fresh(TaskId),
}

/// Refusal of one action of a command, and with it of the command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{refusal}")]
pub struct Rejection {
    /// Index of the refused action; 0 if the command is refused as a whole.
    pub action: usize,
    /// Reason for the refusal.
    pub refusal: Refusal,
}

/// Reasons for which a task list refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The list has no task with this id.
    #[error("there is no such task")]
    NoSuchTask,
    /// The list has no such neighbour to move the task beside.
    #[error("the neighbouring task does not exist")]
    NoSuchNeighbour(Destination),
    /// The list has [`MAX_TASKS`] tasks already.
    #[error("the list has {} tasks already", MAX_TASKS)]
    ListFull,
    /// The list would take more bytes than a list may.
    #[error("the list would exceed its maximum size")]
    ListTooLarge,
    /// The task no longer has an expected version.
    #[error("the task has changed")]
    TaskIsNewer(Arc<Task>),
    /// The task is deleted, so it has no expected version.
    #[error("the task has been deleted")]
    TaskIsGone,
    /// The list no longer has an expected version.
    #[error("the list has changed")]
    ListIsNewer,
    /// A lookup in the log is out of date: the change is no longer the top of its stack, or the task to be restored was
    /// deleted meanwhile.
    #[error("another change came first")]
    Overtaken,
}

impl Refusal {
    /// The rejection of a command because of this refusal of its `action`.
    pub(super) fn of(self, action: usize) -> Rejection {
        Rejection { action, refusal: self }
    }
}
