//! Export files, written piece by piece.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, stream};
use poem_openapi::types::Example;

use super::csv;
use super::format::Format;
use super::portable_task::PortableTask;
use super::task_file::TaskFile;
use crate::capacity::budget::Lease;
use crate::eventlog::Published;
use crate::tasks::task_list::TaskList;
use crate::tasks::task_list::task::Task;
use crate::tasks::values::TaskId;

/// Approximate bytes of a task beside its texts.
const OVERHEAD: usize = 400;
/// Tasks written into one piece.
pub(super) const CHUNK: usize = 100;

/// Error of a file that cannot be written, which is a mistake in its type.
#[derive(Debug, Clone, thiserror::Error)]
#[error("a task cannot be written to a file: {0}")]
pub struct WriteFileError(String);

/// Approximate bytes of a list in memory.
pub fn weight(list: &Published<TaskList>) -> usize {
    let of_task = |task: &Arc<Task>| {
        let description = task.description.as_ref().map_or(0, |text| text.as_str().len());
        let tags: usize = task.tags.iter().map(str::len).sum();
        OVERHEAD + task.title.as_str().len() + description + tags
    };
    list.state.tasks.iter().map(of_task).sum()
}

/// Streams the file of a list, piece by piece on demand. The stream holds the list and the lease for its memory.
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

/// Table of the tasks in the documentation's example file.
pub fn example_table() -> String {
    let table = csv::write(TaskFile::example().tasks.into_iter(), true).unwrap_or_default();
    String::from_utf8(table).unwrap_or_default()
}

/// Next piece of a file, and its last task if more follow.
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

/// Piece of a JSON file, with the brackets that belong to it.
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
