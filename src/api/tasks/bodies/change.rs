//! Body of a change of a task.

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;

use super::task::TaskFields;
use crate::api::example;
use crate::base::clock::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::eventlog::Point;
use crate::http::response::schema::Nullable;
use crate::tasks::events::EditKind;
use crate::tasks::history::entry::{ChangeKind, Entry};
use crate::tasks::values::TaskId;

/// What happened to a task.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "TaskChange", rename_all = "camelCase", example, skip_serializing_if_is_none)]
pub struct ChangeBody {
    /// The version of the list since then.
    pub version: Point,
    /// The task.
    pub(crate) task_id: TaskId,
    /// What people know the task by, in the history of a whole list only: the title that the change tells of, or else the
    /// one that the task has now, or had when it was last deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    /// What happened.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    pub(crate) kind: ChangeKind,
    /// Whether it was done, taken back (undo) or done again (redo).
    pub(crate) deed: EditKind,
    /// When.
    pub(crate) at: Timestamp,
    /// Who did it.
    pub(crate) user_id: Nullable<UserId>,
    /// In which session.
    pub(crate) session_id: Nullable<SessionId>,
    /// From which address.
    pub(crate) client_address: Nullable<String>,
    /// The fields as they were: all of them if the task was deleted, those that changed if it changed, absent if it was not
    /// there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<TaskFields>,
    /// The fields as they are since then: all of them if the task was added or restored, those that changed if it changed,
    /// absent if it is not there any more. A change is a merge patch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<TaskFields>,
}

impl From<Entry> for ChangeBody {
    fn from(entry: Entry) -> Self {
        let Entry { version, task_id, title, kind, deed, at, by, before, after } = entry;
        Self {
            version,
            task_id,
            title: title.map(|title| title.as_str().to_owned()),
            kind,
            deed,
            at,
            user_id: Nullable(by.user_id),
            session_id: Nullable(by.session_id),
            client_address: Nullable(by.client_address),
            before: before.map(Into::into),
            after: after.map(Into::into),
        }
    }
}

impl Example for ChangeBody {
    fn example() -> Self {
        Self {
            version: example::version(2),
            task_id: example::id(3),
            title: None,
            kind: ChangeKind::Changed,
            deed: EditKind::Do,
            at: example::time(60),
            user_id: Nullable(Some(example::id(1))),
            session_id: Nullable(Some(example::id(2))),
            client_address: Nullable(Some("203.0.113.7".to_owned())),
            before: Some(TaskFields::completed(false)),
            after: Some(TaskFields::completed(true)),
        }
    }
}
