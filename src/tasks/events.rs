//! What happens to a user's tasks.

use serde::{Deserialize, Deserializer, Serialize};

use super::values::{Description, TaskId, Title};
use crate::clock::Timestamp;

/// What happened to a task list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskEvent {
    /// A task was added.
    Created(TaskCreated),
    /// Fields of a task changed.
    Changed(TaskChanged),
    /// A task was deleted.
    Deleted(TaskDeleted),
}

crate::event_kinds!(TaskEvent {
    "TaskCreated" @ 1 => Created,
    "TaskChanged" @ 1 => Changed,
    "TaskDeleted" @ 1 => Deleted,
});

/// A task was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskCreated {
    /// The task.
    pub task_id: TaskId,
    /// Its title.
    pub title: Title,
    /// Its description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// Whether it is done.
    pub completed: bool,
    /// When it was added.
    pub created_at: Timestamp,
}

/// Fields of a task changed. Only fields that really changed are present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskChanged {
    /// The task.
    pub task_id: TaskId,
    /// The new title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Title>,
    /// The new description; `null` when it was taken away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub description: Option<Option<Description>>,
    /// Whether it is done now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<bool>,
    /// When it changed.
    pub changed_at: Timestamp,
}

/// A task was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskDeleted {
    /// The task.
    pub task_id: TaskId,
    /// When.
    pub deleted_at: Timestamp,
}

/// Tells a field that is `null` from one that is absent: only an absent one is `None`.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
