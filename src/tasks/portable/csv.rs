//! CSV files (RFC 4180).
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, and somebody else may have written it.
//! Such a text is written behind an apostrophe, as is one that is empty, which would be taken for none. Reading takes it
//! away again, so that nothing is lost; a text that begins with an apostrophe and means it has one more.

use csv::{QuoteStyle, ReaderBuilder, Terminator, WriterBuilder};
use serde::{Deserialize, Serialize};

use super::PortableTask;
use crate::http::field::Flaw;
use crate::http::problem::Problem;
use crate::tasks::task_list::MAX_TASKS;
use crate::tasks::values::{Priority, TAG_SEPARATOR};

/// A task as a line of a table.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line {
    #[serde(default)]
    id: Option<String>,
    title: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    completed: Option<bool>,
    #[serde(default)]
    completed_at: Option<String>,
    #[serde(default)]
    priority: Option<Priority>,
    #[serde(default)]
    due: Option<String>,
    #[serde(default)]
    tags: Option<String>,
    #[serde(default)]
    position: Option<String>,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    updated_at: Option<String>,
}

impl From<PortableTask> for Line {
    fn from(task: PortableTask) -> Self {
        let tags = task.tags.join(&TAG_SEPARATOR.to_string());
        Self {
            id: task.id,
            title: guarded(task.title),
            description: task.description.map(guarded),
            completed: task.completed,
            completed_at: task.completed_at,
            priority: Some(task.priority),
            due: task.due,
            tags: (!tags.is_empty()).then(|| guarded(tags)),
            position: task.position,
            created_at: task.created_at,
            updated_at: task.updated_at,
        }
    }
}

impl From<Line> for PortableTask {
    fn from(line: Line) -> Self {
        let tags = line.tags.map(unguarded).unwrap_or_default();
        let tags =
            tags.split(TAG_SEPARATOR).filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
        Self {
            id: line.id,
            title: unguarded(line.title),
            description: line.description.map(unguarded),
            completed: line.completed,
            completed_at: line.completed_at,
            priority: line.priority.unwrap_or_default(),
            due: line.due,
            tags,
            position: line.position,
            created_at: line.created_at,
            updated_at: line.updated_at,
        }
    }
}

/// Whether a text could be taken for a formula or for nothing, behind however many apostrophes.
fn is_misread(text: &str) -> bool {
    let text = text.trim_start_matches('\'');
    text.is_empty() || text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

fn guarded(text: String) -> String {
    if is_misread(&text) { format!("'{text}") } else { text }
}

fn unguarded(text: String) -> String {
    match text.strip_prefix('\'') {
        Some(rest) if is_misread(rest) => rest.to_owned(),
        Some(_) | None => text,
    }
}

/// Some lines of a table, the first of them with the names above.
pub(super) fn write(
    tasks: impl Iterator<Item = PortableTask>,
    is_first: bool,
) -> Result<Vec<u8>, String> {
    let mut writer = WriterBuilder::new()
        .has_headers(false)
        .terminator(Terminator::CRLF)
        .quote_style(QuoteStyle::Necessary)
        .from_writer(Vec::new());
    if is_first {
        writer.write_record(NAMES).map_err(|error| error.to_string())?;
    }
    for task in tasks {
        writer.serialize(Line::from(task)).map_err(|error| error.to_string())?;
    }
    writer.into_inner().map_err(|error| error.to_string())
}

/// The names of the columns.
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

/// The tasks of a table.
pub(super) fn read(file: &[u8]) -> Result<Vec<PortableTask>, Problem> {
    let file = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(file);
    let mut reader = ReaderBuilder::new().from_reader(file);
    let names = reader.headers().map_err(|error| refused(&error, 0))?;
    let unknown = names.iter().find(|name| !NAMES.contains(name)).map(str::to_owned);
    if let Some(name) = unknown {
        let message = format!("is no column: there are {}", NAMES.join(", "));
        return Err(Problem::field(name, Flaw::Unknown, message));
    }
    if !names.iter().any(|name| name == "title") {
        return Err(Problem::field("title", Flaw::Missing, "is missing among the columns"));
    }
    let mut tasks = Vec::new();
    for line in reader.deserialize::<Line>().take(MAX_TASKS + 1) {
        let line = line.map_err(|error| refused(&error, tasks.len()))?;
        tasks.push(PortableTask::from(line));
    }
    Ok(tasks)
}

/// Why a table cannot be read, with the line that a person finds it on.
fn refused(error: &csv::Error, index: usize) -> Problem {
    let place = error.position().map_or(String::new(), |place| format!(" (line {})", place.line()));
    let whole = || format!("tasks[{index}]");
    let (field, flaw, message) = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => (whole(), Flaw::Invalid, "is not UTF-8".to_owned()),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            (whole(), Flaw::Invalid, format!("has {len} columns instead of {expected_len}"))
        }
        csv::ErrorKind::Deserialize { err, .. } => {
            let column = err.field().and_then(|index| usize::try_from(index).ok());
            let name = column.and_then(|index| NAMES.get(index)).copied();
            let field = name.map_or_else(whole, |name| format!("tasks[{index}].{name}"));
            (field, Flaw::Invalid, format!("cannot be read: {}", err.kind()))
        }
        csv::ErrorKind::Io(_) | csv::ErrorKind::Seek | csv::ErrorKind::Serialize(_) | _ => {
            (whole(), Flaw::Invalid, "cannot be read".to_owned())
        }
    };
    Problem::field(field, flaw, format!("{message}{place}"))
}
