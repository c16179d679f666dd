//! What happens to a user's tasks.
//!
//! Each event tells of one task, with what was before and after, so that it can be shown and taken back by itself. And it
//! names the event before it of the same task ([`TaskChanged::previous`] for instance; one that brings a task back, its
//! deletion) and the change beneath its own ([`Step::below`]): a task's history and what can be taken back are chains in
//! the log, which nobody keeps in memory.

use serde::{Deserialize, Serialize};

use super::task_list::task::{Content, Fields};
use super::values::TaskId;
use crate::base::clock::Timestamp;
use crate::eventlog::Mark;

/// What happened to a task list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskEvent {
    /// A task was added.
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

/// A task was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskCreated {
    /// The task.
    pub task_id: TaskId,
    /// What it is.
    pub task: Content,
    /// When it was added and changed elsewhere, if it was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
    /// The version of its deletion, if a deleted task with the same id was imported again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<i64>,
    /// When it happened.
    pub at: Timestamp,
    /// Tells it from what happens in its place where another history goes on.
    pub mark: Mark,
    /// What it is part of.
    #[serde(default, skip_serializing_if = "is_default")]
    pub step: Step,
}

/// The times of an imported task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Fields of a task changed. Only fields that really changed are present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskChanged {
    /// The task.
    pub task_id: TaskId,
    /// The fields as they were.
    pub before: Fields,
    /// The fields as they are now.
    pub after: Fields,
    /// The version of the task's event before this one.
    pub previous: i64,
    /// When it happened.
    pub at: Timestamp,
    /// Tells it from what happens in its place where another history goes on.
    pub mark: Mark,
    /// What it is part of.
    #[serde(default, skip_serializing_if = "is_default")]
    pub step: Step,
}

/// A task was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskDeleted {
    /// The task.
    pub task_id: TaskId,
    /// What it was.
    pub task: Content,
    /// When it had been added.
    pub created_at: Timestamp,
    /// The version of the task's event before this one.
    pub previous: i64,
    /// When it happened.
    pub at: Timestamp,
    /// Tells it from what happens in its place where another history goes on.
    pub mark: Mark,
    /// What it is part of.
    #[serde(default, skip_serializing_if = "is_default")]
    pub step: Step,
}

/// A deleted task was brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskRestored {
    /// The task.
    pub task_id: TaskId,
    /// What it is again.
    pub task: Content,
    /// When it had been added.
    pub created_at: Timestamp,
    /// The version of the deletion that is taken back. It is the last one, unless what came after it was taken back too.
    pub previous: i64,
    /// When it happened.
    pub at: Timestamp,
    /// Tells it from what happens in its place where another history goes on.
    pub mark: Mark,
    /// What it is part of.
    #[serde(default, skip_serializing_if = "is_default")]
    pub step: Step,
}

/// The events that one command caused: the first and the last version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span(pub i64, pub i64);

/// Whether something was done, taken back or done again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deed {
    /// It was done.
    #[default]
    Do,
    /// What was done was taken back.
    Undo,
    /// What was taken back was done again.
    Redo,
}

/// Whether a field need not be written.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The place of an event among the changes that can be taken back or done again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Whether it belongs to the same change as the event before it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub further: bool,
    /// Whether it was done, taken back or done again.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deed: Deed,
    /// The change that is next to be taken back once this one has been; for what was taken back itself, the change that
    /// is next to be done again once it has been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Span>,
    /// Of what was taken back, the change that is next to be taken back now; of what was done again, the one that is next
    /// to be done again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Span>,
}

impl TaskEvent {
    /// The task it tells of.
    pub fn task_id(&self) -> TaskId {
        match self {
            Self::Created(event) => event.task_id,
            Self::Changed(event) => event.task_id,
            Self::Deleted(event) => event.task_id,
            Self::Restored(event) => event.task_id,
        }
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Created(event) => event.at,
            Self::Changed(event) => event.at,
            Self::Deleted(event) => event.at,
            Self::Restored(event) => event.at,
        }
    }

    /// Tells it from what happens in its place where another history goes on.
    pub fn mark(&self) -> Mark {
        match self {
            Self::Created(event) => event.mark,
            Self::Changed(event) => event.mark,
            Self::Deleted(event) => event.mark,
            Self::Restored(event) => event.mark,
        }
    }

    /// About how many bytes it takes beside its own size.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Created(event) => event.task.bytes(),
            Self::Changed(event) => event.before.bytes() + event.after.bytes(),
            Self::Deleted(event) => event.task.bytes(),
            Self::Restored(event) => event.task.bytes(),
        }
    }

    /// Its place among the changes.
    pub fn step(&self) -> Step {
        match self {
            Self::Created(event) => event.step,
            Self::Changed(event) => event.step,
            Self::Deleted(event) => event.step,
            Self::Restored(event) => event.step,
        }
    }

    /// The version of the event before it of the same task; of one that brings a task back, of a deletion.
    pub fn previous(&self) -> Option<i64> {
        match self {
            Self::Created(event) => event.previous,
            Self::Changed(event) => Some(event.previous),
            Self::Deleted(event) => Some(event.previous),
            Self::Restored(event) => Some(event.previous),
        }
    }
}
