//! Whole lists as files: JSON and CSV, out and in again without loss.
//!
//! A file holds everything of each task, so that importing it into an empty list makes the same list, and importing it
//! again changes nothing. A task without an identifier is added; one with the identifier of a task of the list makes that
//! one like it; nothing is deleted.

mod csv;
mod task;
mod upload;

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream;
use poem::Request;
use poem::http::header;
use poem_openapi::types::Example;
use serde::{Deserialize, Serialize};

pub use self::task::PortableTask;
pub use self::upload::{ImportBody, TaskFileBody};
use super::bodies::Reading;
use crate::base::clock::Timestamp;
use crate::base::id::UserId;
use crate::capacity::budget::Lease;
use crate::eventlog::Published;
use crate::http::header_of;
use crate::http::request::accept;
use crate::http::request::bounded_vec::at_most;
use crate::http::request::json_decode;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;
use crate::tasks::Tasks;
use crate::tasks::task_list::TaskList;
use crate::tasks::task_list::command::MAX_TASKS;
use crate::tasks::task_list::command::{Action, Key, Put};
use crate::tasks::task_list::task::Task;
use crate::tasks::values::TaskId;

/// What a task holds beside its texts, about.
const OVERHEAD: usize = 400;
/// Tasks that are written at once.
const CHUNK: usize = 100;
/// Most things that are told to be wrong with a file.
const MAX_PROBLEMS: usize = 100;

/// What a file is written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, poem_openapi::Enum)]
#[oai(rename_all = "lowercase")]
pub enum Format {
    /// An object with the member `tasks`.
    #[default]
    Json,
    /// A table with a line of names (RFC 4180).
    Csv,
}

impl Format {
    /// The format that a request prefers.
    pub fn accepted_by(request: &Request) -> Self {
        let accepted = header_of(request, &header::ACCEPT).unwrap_or_default();
        let csv = accept::weight(accepted, &["text/csv", "text/*", "*/*"]);
        let json = accept::weight(accepted, &["application/json", "application/*", "*/*"]);
        if csv > json { Self::Csv } else { Self::Json }
    }

    /// The media type of a file.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
        }
    }

    /// The name under which a browser keeps a file.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Json => "tasks.json",
            Self::Csv => "tasks.csv",
        }
    }
}

/// A whole list.
#[derive(Debug, Clone, Default, Serialize, Deserialize, poem_openapi::Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "TaskFile", example)]
pub struct TaskFile {
    /// Up to 10,000 tasks.
    #[serde(deserialize_with = "at_most::<MAX_TASKS, _, _>")]
    pub tasks: Vec<PortableTask>,
}

/// Something of a file cannot be written, which is a mistake in its type.
#[derive(Debug, Clone, thiserror::Error)]
#[error("a task cannot be written to a file: {0}")]
pub struct WriteFileError(String);

/// How much a list holds, about.
pub fn weight(list: &Published<TaskList>) -> usize {
    let of_task = |task: &Arc<Task>| {
        let description = task.description.as_ref().map_or(0, |text| text.as_str().len());
        let tags: usize = task.tags.iter().map(str::len).sum();
        OVERHEAD + task.title.as_str().len() + description + tags
    };
    list.state.tasks.iter().map(of_task).sum()
}

/// The file of a list, piece by piece as it is asked for. What it holds is leased as long.
pub fn export(
    (list, kept): (Arc<Published<TaskList>>, Lease),
    format: Format,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    let held = Arc::new((list, kept));
    stream::unfold(Some(None), move |place: Option<Option<TaskId>>| {
        let held = Arc::clone(&held);
        async move {
            let after = place?;
            let piece = piece(&held.0, format, after).map_err(std::io::Error::other);
            match piece {
                Ok((bytes, next)) => Some((Ok(bytes), next.map(Some))),
                Err(error) => Some((Err(error), None)),
            }
        }
    })
}

/// The table of the tasks that the file of the documentation has.
pub fn example_table() -> String {
    let table = csv::write(TaskFile::example().tasks.into_iter(), true).unwrap_or_default();
    String::from_utf8(table).unwrap_or_default()
}

/// The next piece of a file, and the task that it ends with if more follow.
fn piece(
    list: &Published<TaskList>,
    format: Format,
    after: Option<TaskId>,
) -> Result<(Bytes, Option<TaskId>), WriteFileError> {
    let tasks = &list.state.tasks;
    let chunk: Vec<_> = match after {
        Some(id) => tasks.after(id).take(CHUNK).collect(),
        None => tasks.iter().take(CHUNK).collect(),
    };
    let end = chunk.last().map(|task| task.id);
    let next = end.filter(|end| tasks.after(*end).next().is_some());
    let portable = chunk.iter().map(|task| PortableTask::of(task));
    let (is_first, is_last) = (after.is_none(), next.is_none());
    let bytes = match format {
        Format::Json => json(portable, is_first, is_last)?,
        Format::Csv => csv::write(portable, is_first).map_err(WriteFileError)?,
    };
    Ok((bytes.into(), next))
}

/// A piece of a JSON file.
fn json(
    tasks: impl Iterator<Item = PortableTask>,
    is_first: bool,
    is_last: bool,
) -> Result<Vec<u8>, WriteFileError> {
    let mut bytes = Vec::new();
    if is_first {
        bytes.extend_from_slice(b"{\"tasks\":[");
    }
    for (index, task) in tasks.enumerate() {
        bytes.extend_from_slice(if is_first && index == 0 { b"\n" } else { b",\n" });
        serde_json::to_writer(&mut bytes, &task)
            .map_err(|error| WriteFileError(error.to_string()))?;
    }
    if is_last {
        bytes.extend_from_slice(b"\n]}\n");
    }
    Ok(bytes)
}

/// The tasks of a file, or everything that is wrong with them at once.
///
/// # Errors
///
/// What is wrong, by field.
pub fn read(file: Bytes, format: Format, now: Timestamp) -> Result<Vec<Put>, Problem> {
    let tasks = match format {
        Format::Json => json_decode::parse::<TaskFile>(&file)?.tasks,
        Format::Csv => csv::read(&file)?,
    };
    // From here on its bytes are of no use.
    drop(file);
    if tasks.len() > MAX_TASKS {
        let message = format!("must have at most {MAX_TASKS} tasks");
        return Err(Problem::field("tasks", Flaw::TooMany, message));
    }
    let (mut reading, mut ids) = (Reading::default(), HashSet::new());
    let mut puts = Vec::with_capacity(tasks.len());
    // Each task is gone when the change that it becomes is there.
    for (index, task) in tasks.into_iter().enumerate() {
        reading.at(format!("tasks[{index}]."));
        let Some(put) = task.put(now, &mut reading) else {
            if reading.count() >= MAX_PROBLEMS {
                break;
            }
            continue;
        };
        if let Key::Given(id) = put.id
            && !ids.insert(id)
        {
            reading.wrong("id", Flaw::Duplicate, "is the id of an earlier task of the file");
        }
        puts.push(put);
    }
    reading.finish(Some(puts))
}

impl Tasks {
    /// What makes a list like a file: tasks that were once deleted are known by their identifiers.
    ///
    /// # Errors
    ///
    /// When nobody can tell which those are.
    pub async fn import(
        &self,
        owner: UserId,
        puts: Vec<Put>,
    ) -> Result<Vec<Action>, crate::eventlog::ReadError> {
        let list = self.of(owner).await?;
        let is_gone = |put: &Put| match put.id {
            Key::Given(id) => list.state.tasks.get(id).is_none().then_some(id),
            Key::Fresh(_) => None,
        };
        let gone: Vec<TaskId> = puts.iter().filter_map(is_gone).collect();
        let deletions = self.deletions(owner, &gone).await?;
        let action = |put: Put| {
            let deleted = is_gone(&put).and_then(|id| deletions.get(&id));
            Action::Put(Box::new(Put { deleted: deleted.map(|(version, _)| *version), ..put }))
        };
        Ok(puts.into_iter().map(action).collect())
    }
}

#[cfg(test)]
mod tests;
