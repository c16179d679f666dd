//! Import files: their tasks, or everything that is wrong with them.

use std::collections::HashSet;

use bytes::Bytes;

use super::csv;
use super::format::Format;
use super::task_file::TaskFile;
use crate::api::tasks::bodies::reading::Reading;
use crate::base::clock::Timestamp;
use crate::http::request::json_decode;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;
use crate::tasks::task_list::command::{ImportedId, ImportedTask, MAX_TASKS};

/// Most errors that are reported about a file.
const MAX_PROBLEMS: usize = 100;

/// Reads the tasks of a file, or everything that is wrong with them at once.
///
/// # Errors
///
/// Fails with the errors, by field.
pub fn read(file: Bytes, format: Format, now: Timestamp) -> Result<Vec<ImportedTask>, Problem> {
    let tasks = match format {
        Format::Json => json_decode::parse::<TaskFile>(&file)?.tasks,
        Format::Csv => csv::read(&file)?,
    };
    // The parsed tasks replace the file's bytes in memory.
    drop(file);
    if tasks.len() > MAX_TASKS {
        let message = format!("must have at most {MAX_TASKS} tasks");
        return Err(Problem::field("tasks", Flaw::TooMany, message));
    }
    let (mut reading, mut ids) = (Reading::default(), HashSet::new());
    let mut puts = Vec::with_capacity(tasks.len());
    // Each task is dropped as soon as its change is made.
    for (index, task) in tasks.into_iter().enumerate() {
        reading.at(format!("tasks[{index}]."));
        let Some(put) = task.put(now, &mut reading) else {
            if reading.count() >= MAX_PROBLEMS {
                break;
            }
            continue;
        };
        if let ImportedId::Given(id) = put.id
            && !ids.insert(id)
        {
            reading.wrong("id", Flaw::Duplicate, "is the id of an earlier task of the file");
        }
        puts.push(put);
    }
    reading.finish(Some(puts))
}
