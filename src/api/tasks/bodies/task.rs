//! Bodies of a task, and of some of its fields.

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;

use crate::api::example;
use crate::base::clock::Timestamp;
use crate::base::id::UserId;
use crate::eventlog::Point;
use crate::http::response::schema::Nullable;
use crate::tasks::task_list::task::{Fields, Task};
use crate::tasks::values::{Priority, TaskId};

/// A task.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "Task", rename_all = "camelCase", example)]
pub struct TaskBody {
    /// Its identifier.
    pub id: TaskId,
    /// Whose it is.
    pub user_id: UserId,
    /// Its title.
    pub title: String,
    /// Its description.
    pub description: Nullable<String>,
    /// Whether it is done.
    pub completed: bool,
    /// When it was done.
    pub completed_at: Nullable<Timestamp>,
    /// How urgent it is.
    pub priority: Priority,
    /// When it is due: a date, or a date and time with its zone.
    pub due: Nullable<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its place in the manual order: positions compare like text.
    pub position: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The version of the list in which it became what it is. In double quotes it is its entity tag.
    pub version: Point,
}

impl TaskBody {
    /// Body of a task in its owner's list.
    pub fn new(owner: UserId, task: &Task) -> Self {
        Self {
            id: task.id,
            user_id: owner,
            title: task.title.as_str().to_owned(),
            description: Nullable(task.description.as_ref().map(|text| text.as_str().to_owned())),
            completed: task.is_completed(),
            completed_at: Nullable(task.completed_at),
            priority: task.priority,
            due: Nullable(task.due.as_ref().map(|due| due.as_str().to_owned())),
            tags: task.tags.iter().map(str::to_owned).collect(),
            position: task.position.as_str().to_owned(),
            created_at: task.created_at,
            updated_at: task.updated_at,
            version: task.version,
        }
    }
}

/// Fields of a task. Only those that are meant are there.
#[derive(Debug, Clone, Default, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub(crate) struct TaskFields {
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// Its description.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Nullable<String>>,
    /// Whether it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<bool>,
    /// When it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<Nullable<Timestamp>>,
    /// How urgent it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<Priority>,
    /// When it is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<Nullable<String>>,
    /// Its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    /// Its place in the manual order.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<String>,
}

impl From<Fields> for TaskFields {
    fn from(fields: Fields) -> Self {
        let text = |text: &str| text.to_owned();
        Self {
            title: fields.title.map(|title| text(title.as_str())),
            description: fields
                .description
                .map(|description| Nullable(description.map(|some| text(some.as_str())))),
            completed: fields.completed_at.map(|at| at.is_some()),
            completed_at: fields.completed_at.map(Nullable),
            priority: fields.priority,
            due: fields.due.map(|due| Nullable(due.map(|due| text(due.as_str())))),
            tags: fields.tags.map(|tags| tags.iter().map(text).collect()),
            position: fields.position.map(|position| text(position.as_str())),
        }
    }
}

impl Example for TaskBody {
    fn example() -> Self {
        Self {
            id: example::id(3),
            user_id: example::id(1),
            title: "Buy milk".to_owned(),
            description: Nullable(Some("Two litres".to_owned())),
            completed: false,
            completed_at: Nullable(None),
            priority: Priority::High,
            due: Nullable(Some("2026-12-24".to_owned())),
            tags: vec!["home".to_owned(), "shop".to_owned()],
            position: "i0000000".to_owned(),
            created_at: example::time(0),
            updated_at: example::time(0),
            version: example::version(1),
        }
    }
}

impl TaskFields {
    /// Example of a field that changed.
    pub(super) fn completed(completed: bool) -> Self {
        let completed_at = Some(Nullable(completed.then(|| example::time(60))));
        Self { completed: Some(completed), completed_at, ..Self::default() }
    }
}
