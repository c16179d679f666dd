//! Events of a user's task list.
//!
//! Each event concerns one task and has its content before and after, so that it can be shown and undone by itself. It also
//! names the previous event of the same task ([`TaskChanged::previous`] for instance; an event that brings a task back names
//! its deletion) and the change beneath its own ([`Step::below`]). The history of a task and the undo stack are therefore
//! chains in the log, and take no memory.

use serde::{Deserialize, Serialize};

use super::task_list::task::{Content, Fields};
use super::values::TaskId;
use crate::base::clock::Timestamp;
use crate::eventlog::Mark;

/// An event of a task list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskEvent {
    /// A task was added, by hand or by an import.
    Created(TaskCreated),
    /// Fields of a task changed.
    Changed(TaskChanged),
    /// A task was deleted.
    Deleted(TaskDeleted),
    /// A deleted task was brought back.
    Restored(TaskRestored),
}

crate::event_kinds!(TaskEvent {
    "TaskCreated" @ 1 => Created,
    "TaskChanged" @ 1 => Changed,
    "TaskDeleted" @ 1 => Deleted,
    "TaskRestored" @ 1 => Restored,
});

/// A task was added, by hand or by an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskCreated {
    /// Task that was added.
    pub task_id: TaskId,
    /// Content of the new task.
    pub task: Content,
    /// Times of creation and of the last change elsewhere, if the task was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
    /// Version of the task's deletion, if a deleted task with this id was imported again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<i64>,
    /// Time of the command, or of the list's last change if that is later.
    pub at: Timestamp,
    /// Distinguishes the event from one with the same version in another history of the list.
    pub mark: Mark,
    /// Position of the event in the undo and redo stacks.
    #[serde(default, skip_serializing_if = "is_default")]
    pub step: Step,
}

/// Times of an imported task, from the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// Time at which it was added elsewhere.
    pub created_at: Timestamp,
    /// Time of its last change elsewhere.
    pub updated_at: Timestamp,
}

/// Fields of a task changed. Only fields that really changed are present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskChanged {
    /// Task whose fields changed.
    pub task_id: TaskId,
    /// Fields with their values before the change.
    pub before: Fields,
    /// Fields with their values after the change.
    pub after: Fields,
    /// Version of the task's previous event.
    pub previous: i64,
    /// Time of the command, or of the list's last change if that is later.
    pub at: Timestamp,
    /// Distinguishes the event from one with the same version in another history of the list.
    pub mark: Mark,
    /// Position of the event in the undo and redo stacks.
    #[serde(default, skip_serializing_if = "is_default")]
    pub step: Step,
}

/// A task was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskDeleted {
    /// Task that was deleted.
    pub task_id: TaskId,
    /// Content at the time of deletion.
    pub task: Content,
    /// Time of the task's creation, so that it can be brought back with it.
    pub created_at: Timestamp,
    /// Version of the task's previous event.
    pub previous: i64,
    /// Time of the command, or of the list's last change if that is later.
    pub at: Timestamp,
    /// Distinguishes the event from one with the same version in another history of the list.
    pub mark: Mark,
    /// Position of the event in the undo and redo stacks.
    #[serde(default, skip_serializing_if = "is_default")]
    pub step: Step,
}

/// A deleted task was brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskRestored {
    /// Task that was brought back.
    pub task_id: TaskId,
    /// Content from now on.
    pub task: Content,
    /// Time of the task's creation.
    pub created_at: Timestamp,
    /// Version of the deletion that is reversed. It is the last one, unless later events of the task were undone too.
    pub previous: i64,
    /// Time of the command, or of the list's last change if that is later.
    pub at: Timestamp,
    /// Distinguishes the event from one with the same version in another history of the list.
    pub mark: Mark,
    /// Position of the event in the undo and redo stacks.
    #[serde(default, skip_serializing_if = "is_default")]
    pub step: Step,
}

/// The events of one change: the first and the last version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span(pub i64, pub i64);

/// Kind of a change, as far as undo and redo are concerned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EditKind {
    /// An ordinary change, made by actions.
    #[default]
    Do,
    /// The reversal of an ordinary or a redone change.
    Undo,
    /// The reversal of an undo.
    Redo,
}

/// True for a value that need not be written.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Position of an event in the undo and redo stacks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// True if the event belongs to the same change as the event before it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub further: bool,
    /// Kind of the change.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deed: EditKind,
    /// Change beneath this one on its stack: the next to be undone once this one is undone; for an undo, the next to be
    /// redone once this one is redone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Span>,
    /// For an undo, the new top of the undo stack. For a redo, the new top of the redo stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Span>,
}

impl TaskEvent {
    /// Task that the event concerns.
    pub fn task_id(&self) -> TaskId {
        match self {
            Self::Created(event) => event.task_id,
            Self::Changed(event) => event.task_id,
            Self::Deleted(event) => event.task_id,
            Self::Restored(event) => event.task_id,
        }
    }

    /// Time of the event: that of its command, or of the list's last change if that is later.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Created(event) => event.at,
            Self::Changed(event) => event.at,
            Self::Deleted(event) => event.at,
            Self::Restored(event) => event.at,
        }
    }

    /// Mark that distinguishes the event from one with the same version in another history of the list.
    pub fn mark(&self) -> Mark {
        match self {
            Self::Created(event) => event.mark,
            Self::Changed(event) => event.mark,
            Self::Deleted(event) => event.mark,
            Self::Restored(event) => event.mark,
        }
    }

    /// Estimated bytes on the heap, beside the size of the event itself.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Created(event) => event.task.bytes(),
            Self::Changed(event) => event.before.bytes() + event.after.bytes(),
            Self::Deleted(event) => event.task.bytes(),
            Self::Restored(event) => event.task.bytes(),
        }
    }

    /// Position of the event in the undo and redo stacks.
    pub fn step(&self) -> Step {
        match self {
            Self::Created(event) => event.step,
            Self::Changed(event) => event.step,
            Self::Deleted(event) => event.step,
            Self::Restored(event) => event.step,
        }
    }

    /// Version of the task's previous event; for an event that brings a task back, of the deletion.
    pub fn previous(&self) -> Option<i64> {
        match self {
            Self::Created(event) => event.previous,
            Self::Changed(event) => Some(event.previous),
            Self::Deleted(event) => Some(event.previous),
            Self::Restored(event) => Some(event.previous),
        }
    }
}
