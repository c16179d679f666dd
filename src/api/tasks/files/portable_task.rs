//! A task with all of its fields, as files have it.

use std::time::Duration;

use poem_openapi::Object;
use serde::{Deserialize, Serialize};

use crate::api::tasks::bodies::reading::{Reading, SentFields};
use crate::base::clock::Timestamp;
use crate::base::rfc3339::moment;
use crate::http::response::problem::field_problem::Flaw;
use crate::tasks::events::Imported;
use crate::tasks::task_list::command::{ImportedId, ImportedTask, TaskDraft};
use crate::tasks::task_list::task::Task;
use crate::tasks::values::{Position, Priority, TaskId};

/// Longest time by which an identifier may be dated ahead: clocks differ.
const LENIENCY: Duration = Duration::from_hours(24);

/// A task of a file. Only the title is required.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Object)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
pub struct PortableTask {
    /// Its identifier; a task without one is added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its title.
    pub title: String,
    /// Its description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it is done; follows from `completedAt` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<bool>,
    /// When it was done; now, when absent of a task that is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    /// How urgent it is.
    #[serde(default)]
    #[oai(default)]
    pub priority: Priority,
    /// When it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// Its tags.
    #[serde(default)]
    #[oai(default)]
    pub tags: Vec<String>,
    /// Its place in the manual order; the end, when absent or taken by another task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// When it was added; now, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// When it last changed; when it was added, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
}

impl PortableTask {
    /// Copies all fields of a task.
    pub(super) fn of(task: &Task) -> Self {
        Self {
            id: Some(task.id.to_string()),
            title: task.title.as_str().to_owned(),
            description: task.description.as_ref().map(|text| text.as_str().to_owned()),
            completed: Some(task.is_completed()),
            completed_at: task.completed_at.map(|at| at.to_string()),
            priority: task.priority,
            due: task.due.as_ref().map(|due| due.as_str().to_owned()),
            tags: task.tags.iter().map(str::to_owned).collect(),
            position: Some(task.position.as_str().to_owned()),
            created_at: Some(task.created_at.to_string()),
            updated_at: Some(task.updated_at.to_string()),
        }
    }

    /// Change that the task asks for, as far as it can be read.
    pub(super) fn put(&self, now: Timestamp, reading: &mut Reading) -> Option<ImportedTask> {
        let given = self.given_id(now, reading);
        let draft = self.draft(reading);
        let completed_at = self.done_at(now, reading);
        let created_at = time("createdAt", self.created_at.as_deref(), reading);
        let updated_at = time("updatedAt", self.updated_at.as_deref(), reading);
        let position = self.position.as_deref().map(Position::parse).transpose();
        let position =
            position.map_err(|error| reading.wrong("position", Flaw::Invalid, error)).ok();
        let created_at = created_at.ok()?;
        let id = given.ok()?.map_or_else(|| fresh_id(created_at, now), ImportedId::Given);
        let created_at = created_at.unwrap_or(now);
        let updated_at = updated_at.ok()?.unwrap_or(created_at);
        let times = Imported { created_at, updated_at };
        let (draft, completed_at, position) = (draft?, completed_at.ok()?, position?);
        Some(ImportedTask { id, draft, completed_at, position, times, deleted: None })
    }

    /// Identifier of the task, if given. One that no list generates, or dated far ahead, is refused: later ones need room
    /// after it.
    fn given_id(&self, now: Timestamp, reading: &mut Reading) -> Result<Option<TaskId>, Wrong> {
        let Some(text) = &self.id else { return Ok(None) };
        let id = text.parse::<TaskId>().ok().filter(|id| {
            let made_at = id.uuid().get_timestamp().map_or(u64::MAX, |at| at.to_unix().0);
            let latest = now.after(LENIENCY).unix_seconds();
            id.uuid().get_version_num() == 7 && i64::try_from(made_at).is_ok_and(|at| at <= latest)
        });
        if id.is_none() {
            reading.wrong("id", Flaw::Invalid, "must be the id of an exported task");
        }
        id.map(Some).ok_or(Wrong)
    }

    fn draft(&self, reading: &mut Reading) -> Option<TaskDraft> {
        reading.draft(&SentFields {
            title: &self.title,
            description: self.description.as_deref(),
            priority: self.priority,
            due: self.due.as_deref(),
            tags: &self.tags,
        })
    }

    /// Time of completion, if the task is done.
    fn done_at(&self, now: Timestamp, reading: &mut Reading) -> Result<Option<Timestamp>, Wrong> {
        let at = time("completedAt", self.completed_at.as_deref(), reading)?;
        match (self.completed, at) {
            (Some(false), Some(_)) => {
                let message = "must be absent of a task that is not completed";
                reading.wrong("completedAt", Flaw::Invalid, message);
                Err(Wrong)
            }
            (Some(true), None) => Ok(Some(now)),
            (_, at) => Ok(at),
        }
    }
}

/// Identifier for a task that has none: dated by its creation, so that the order of creation is kept.
fn fresh_id(created_at: Option<Timestamp>, now: Timestamp) -> ImportedId {
    let past = created_at.filter(|at| (0..now.unix_millis()).contains(&at.unix_millis()));
    past.map_or(ImportedId::Fresh(TaskId::at(now)), |at| ImportedId::Given(TaskId::at(at)))
}

/// Error of a field, which [`Reading`] has recorded.
struct Wrong;

/// Parses a date and time with its offset, if there is one.
fn time(name: &str, text: Option<&str>, reading: &mut Reading) -> Result<Option<Timestamp>, Wrong> {
    text.map(moment).transpose().map_err(|error| {
        reading.wrong(name, Flaw::Invalid, error);
        Wrong
    })
}
