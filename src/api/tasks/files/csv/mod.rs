//! CSV files (RFC 4180): written for any spreadsheet, read as any of them writes.

mod guard;
mod table;

use csv::{QuoteStyle, Terminator, WriterBuilder};

use self::guard::{guarded, unguarded};
use self::table::TableRow;
use super::portable_task::PortableTask;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;
use crate::tasks::task_list::command::MAX_TASKS;
use crate::tasks::values::{InvalidPriority, TAG_SEPARATOR};

/// Names of the columns.
const NAMES: [&str; 11] = [
    "id",
    "title",
    "description",
    "completed",
    "completedAt",
    "priority",
    "due",
    "tags",
    "position",
    "createdAt",
    "updatedAt",
];

/// Cells of a task's row.
fn cells(task: &PortableTask) -> [String; NAMES.len()] {
    let tags = task.tags.join(&TAG_SEPARATOR.to_string());
    let own = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        own(&task.id),
        guarded(&task.title),
        task.description.as_deref().map(guarded).unwrap_or_default(),
        task.completed.map(|completed| completed.to_string()).unwrap_or_default(),
        own(&task.completed_at),
        task.priority.as_str().to_owned(),
        own(&task.due),
        if tags.is_empty() { tags } else { guarded(&tags) },
        own(&task.position),
        own(&task.created_at),
        own(&task.updated_at),
    ]
}

/// Task of the `index`th row.
fn task(row: &TableRow<'_>, index: usize) -> Result<PortableTask, Problem> {
    let text = |name| row.text(name).map(unguarded);
    let value = |name| row.text(name).map(str::trim).filter(|text| !text.is_empty());
    let own = |name| value(name).map(str::to_owned);
    // Some words come from spreadsheets in capitals.
    let word = |name| value(name).map(str::to_ascii_lowercase);
    let wrong = |name: &str, message: String| {
        Problem::field(format!("tasks[{index}].{name}"), Flaw::Invalid, message)
    };
    let completed = word("completed").map(|word| word.parse()).transpose();
    let priority = word("priority").map(|word| word.parse()).transpose();
    let tags = text("tags").unwrap_or_default();
    let tags = tags.split(TAG_SEPARATOR).filter(|tag| !tag.is_empty()).map(str::to_owned);
    Ok(PortableTask {
        id: own("id"),
        title: text("title").unwrap_or_default(),
        description: text("description"),
        completed: completed.map_err(|_| wrong("completed", "must be true or false".to_owned()))?,
        completed_at: own("completedAt"),
        priority: priority
            .map_err(|error: InvalidPriority| wrong("priority", error.to_string()))?
            .unwrap_or_default(),
        due: own("due"),
        tags: tags.collect(),
        position: own("position"),
        created_at: own("createdAt"),
        updated_at: own("updatedAt"),
    })
}

/// Writes some rows of a table, the first of them with the names of the columns.
///
/// Every cell is in quotes, so that a spreadsheet with another separator does not split cells needlessly.
pub(super) fn write(
    tasks: impl Iterator<Item = PortableTask>,
    is_first: bool,
) -> Result<Vec<u8>, String> {
    let mut writer = WriterBuilder::new()
        .has_headers(false)
        .terminator(Terminator::CRLF)
        .quote_style(QuoteStyle::Always)
        .from_writer(Vec::new());
    if is_first {
        writer.write_record(NAMES).map_err(|error| error.to_string())?;
    }
    for task in tasks {
        writer.write_record(cells(&task)).map_err(|error| error.to_string())?;
    }
    writer.into_inner().map_err(|error| error.to_string())
}

/// Reads the tasks of a table; one more than the limit, if there are more.
pub(super) fn read(file: &[u8]) -> Result<Vec<PortableTask>, Problem> {
    table::rows(file, (&NAMES, "title"), MAX_TASKS + 1, |row, index| task(&row, index))
}

#[cfg(test)]
mod tests;
