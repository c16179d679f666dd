//! CSV files (RFC 4180).
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, and somebody else may have written it.
//! Such a text is written behind an apostrophe, as is one that is empty, which would be taken for none. Reading takes it
//! away again, so that nothing is lost; a text that begins with an apostrophe and means it has one more.

use csv::{QuoteStyle, ReaderBuilder, StringRecord, Terminator, WriterBuilder};
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
    completed: Option<String>,
    #[serde(default)]
    completed_at: Option<String>,
    #[serde(default)]
    priority: Option<String>,
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
            completed: task.completed.map(|completed| completed.to_string()),
            completed_at: task.completed_at,
            priority: Some(task.priority.as_str().to_owned()),
            due: task.due,
            tags: (!tags.is_empty()).then(|| guarded(tags)),
            position: task.position,
            created_at: task.created_at,
            updated_at: task.updated_at,
        }
    }
}

impl Line {
    /// The task, or which column cannot be read and why.
    fn task(self) -> Result<PortableTask, (&'static str, String)> {
        let line = self;
        let completed = line.completed.as_deref().map(truth).transpose();
        let priority = line.priority.as_deref().map(str::parse::<Priority>).transpose();
        let priority = priority.map_err(|error| ("priority", error.to_string()))?;
        let tags = line.tags.map(unguarded).unwrap_or_default();
        let tags =
            tags.split(TAG_SEPARATOR).filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
        Ok(PortableTask {
            id: line.id,
            title: unguarded(line.title),
            description: line.description.map(unguarded),
            completed: completed.map_err(|message| ("completed", message))?,
            completed_at: line.completed_at,
            priority: priority.unwrap_or_default(),
            due: line.due,
            tags,
            position: line.position,
            created_at: line.created_at,
            updated_at: line.updated_at,
        })
    }
}

/// Whether it is so. Spreadsheets write it in capitals.
fn truth(text: &str) -> Result<bool, String> {
    let text = text.to_ascii_lowercase();
    text.parse().map_err(|_| "must be true or false".to_owned())
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
    require_columns(reader.headers().map_err(|error| refused(&error, 0))?)?;
    let mut tasks = Vec::new();
    for line in reader.deserialize::<Line>().take(MAX_TASKS + 1) {
        let line = line.map_err(|error| refused(&error, tasks.len()))?;
        let task = line.task().map_err(|(name, message)| {
            Problem::field(format!("tasks[{}].{name}", tasks.len()), Flaw::Invalid, message)
        })?;
        tasks.push(task);
    }
    Ok(tasks)
}

/// The columns are known ones, each at most once, and titles are among them.
fn require_columns(names: &StringRecord) -> Result<(), Problem> {
    if let Some(name) = names.iter().find(|name| !NAMES.contains(name)) {
        let message = format!("is no column: there are {}", NAMES.join(", "));
        return Err(Problem::field(name, Flaw::UnknownColumn, message));
    }
    let times = |name: &str| names.iter().filter(|column| *column == name).count();
    if let Some(name) = NAMES.into_iter().find(|name| times(name) > 1) {
        return Err(Problem::field(name, Flaw::Duplicate, "is there more than once"));
    }
    if times("title") == 0 {
        return Err(Problem::field("title", Flaw::Missing, "is missing among the columns"));
    }
    Ok(())
}

/// Why a table cannot be read, with the line that a person finds it on.
fn refused(error: &csv::Error, index: usize) -> Problem {
    let place = error.position().map_or(String::new(), |place| format!(" (line {})", place.line()));
    let message = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "is not UTF-8".to_owned(),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("has {len} columns instead of {expected_len}")
        }
        csv::ErrorKind::Io(_)
        | csv::ErrorKind::Seek
        | csv::ErrorKind::Serialize(_)
        | csv::ErrorKind::Deserialize { .. }
        | _ => "cannot be read".to_owned(),
    };
    Problem::field(format!("tasks[{index}]"), Flaw::Invalid, format!("{message}{place}"))
}
