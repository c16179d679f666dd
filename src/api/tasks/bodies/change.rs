//! What happened to tasks, and what is different about them, as it is shown.

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;

use super::TaskFields;
use crate::api::example;
use crate::base::clock::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::eventlog::Point;
use crate::http::response::schema::Nullable;
use crate::tasks::events::Deed;
use crate::tasks::history::differences::Difference;
use crate::tasks::history::entry::{Entry, Kind, Told};
use crate::tasks::values::TaskId;

/// What happened to a task.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "TaskChange", rename_all = "camelCase", example, skip_serializing_if_is_none)]
pub struct ChangeBody {
    /// The version of the list since then.
    pub version: Point,
    /// The task.
    task_id: TaskId,
    /// What people know the task by, in the history of a whole list only: the title that the change tells of, or else the
    /// one that the task has now, or had when it was last deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// What happened.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    kind: Kind,
    /// Whether it was done, taken back (undo) or done again (redo).
    deed: Deed,
    /// When.
    at: Timestamp,
    /// Who did it.
    user_id: Nullable<UserId>,
    /// In which session.
    session_id: Nullable<SessionId>,
    /// From which address.
    client_address: Nullable<String>,
    /// The fields as they were: all of them if the task was deleted, those that changed if it changed, absent if it was not
    /// there.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<TaskFields>,
    /// The fields as they are since then: all of them if the task was added or restored, those that changed if it changed,
    /// absent if it is not there any more. A change is a merge patch.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<TaskFields>,
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

/// The history of a task or of a whole list, the last change first.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "TaskHistory", rename_all = "camelCase", example)]
pub struct HistoryBody {
    /// What happened, the last first.
    pub(crate) changes: Vec<ChangeBody>,
    /// Send it as `before` to get earlier changes; `null` if there are none.
    pub(crate) next_before: Nullable<Point>,
}

/// What was taken back, or done again.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "TakenBack", rename_all = "camelCase", example)]
pub(crate) struct TakenBackBody {
    /// The first 100 of the changes that this made.
    pub(crate) changes: Vec<ChangeBody>,
    /// How many there are.
    pub(crate) total: u64,
    /// Whether there is more to take back.
    pub(crate) can_undo: bool,
    /// Whether there is something to do again.
    pub(crate) can_redo: bool,
    /// The version of the list now.
    pub(crate) version: Point,
}

/// What is different about a task.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "TaskDifference", rename_all = "camelCase", skip_serializing_if_is_none)]
pub(crate) struct DifferenceBody {
    /// The task.
    task_id: TaskId,
    /// Its fields at the beginning: all of them if it is gone, those that are different if it is not, absent if it was not
    /// there.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<TaskFields>,
    /// Its fields at the end; absent if it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<TaskFields>,
}

impl HistoryBody {
    /// One of a whole list, for instance.
    pub fn example_of_list() -> Self {
        let title = Some("Buy milk".to_owned());
        let changes = vec![ChangeBody { title, ..ChangeBody::example() }];
        Self { changes, ..Self::example() }
    }
}

impl From<Told> for HistoryBody {
    fn from(told: Told) -> Self {
        let next = told.entries.last().filter(|_| told.more).map(|entry| entry.version);
        let changes = told.entries.into_iter().map(ChangeBody::from).collect();
        Self { changes, next_before: Nullable(next) }
    }
}

impl From<Difference> for DifferenceBody {
    fn from(difference: Difference) -> Self {
        let Difference { task_id, before, after } = difference;
        Self { task_id, before: before.map(Into::into), after: after.map(Into::into) }
    }
}

/// What is different between two versions of a list.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "TaskDifferences", rename_all = "camelCase", example)]
pub(crate) struct DifferencesBody {
    /// The version at the beginning.
    pub(crate) from: Point,
    /// The version at the end.
    pub(crate) to: Point,
    /// The differences in order of the tasks' creation.
    pub(crate) differences: Vec<DifferenceBody>,
    /// Send it as `cursor` to get the next page of the differences between these versions; `null` on the last one.
    pub(crate) next_cursor: Nullable<String>,
}

impl Example for ChangeBody {
    fn example() -> Self {
        Self {
            version: example::version(2),
            task_id: example::id(3),
            title: None,
            kind: Kind::Changed,
            deed: Deed::Do,
            at: example::time(60),
            user_id: Nullable(Some(example::id(1))),
            session_id: Nullable(Some(example::id(2))),
            client_address: Nullable(Some("203.0.113.7".to_owned())),
            before: Some(TaskFields::completed(false)),
            after: Some(TaskFields::completed(true)),
        }
    }
}

impl Example for HistoryBody {
    fn example() -> Self {
        Self {
            changes: vec![ChangeBody::example()],
            next_before: Nullable(Some(example::version(2))),
        }
    }
}

impl Example for TakenBackBody {
    fn example() -> Self {
        let change = ChangeBody::example();
        let (before, after) = (change.after, change.before);
        let undone = ChangeBody {
            version: example::version(3),
            deed: Deed::Undo,
            before,
            after,
            ..ChangeBody::example()
        };
        Self {
            changes: vec![undone],
            total: 1,
            can_undo: true,
            can_redo: true,
            version: example::version(3),
        }
    }
}

impl Example for DifferencesBody {
    fn example() -> Self {
        let ChangeBody { task_id, before, after, .. } = ChangeBody::example();
        let differences = vec![DifferenceBody { task_id, before, after }];
        Self {
            from: example::version(1),
            to: example::version(2),
            differences,
            next_cursor: Nullable(None),
        }
    }
}
