//! What people send: a task, a patch of one, where it should stand, what it should be again.

use poem_openapi::Object;
use poem_openapi::types::{Example, MaybeUndefined};
use serde::Deserialize;

use super::{Reading, Said};
use crate::eventlog::Within;
use crate::http::response::field_problem::Flaw;
use crate::http::response::problem::Problem;
use crate::tasks::task_list::command::{Draft, Place, Wanted};
use crate::tasks::task_list::task::{Fields, present};
use crate::tasks::values::{Description, Due, Priority, Tags, TaskId, Title};

/// A new task, or all that people say of one to replace.
#[derive(Debug, Clone, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(example, skip_serializing_if_is_none)]
pub(crate) struct TaskRequest {
    /// 1 to 200 characters after trimming.
    #[oai(validator(min_length = 1, max_length = 200))]
    pub(crate) title: String,
    /// Up to 2,000 characters; none when absent or `null`.
    #[serde(default)]
    #[oai(validator(max_length = 2000))]
    pub(crate) description: Option<String>,
    /// Whether it is done; not, when absent.
    #[serde(default)]
    #[oai(default)]
    pub(crate) completed: bool,
    /// How urgent it is; `none`, when absent.
    #[serde(default)]
    #[oai(default)]
    pub(crate) priority: Priority,
    /// When it is due: a date (`2026-12-24`), or a date and time with its UTC offset (RFC 3339) and, if you like, the name
    /// of its time zone (RFC 9557: `2026-12-24T18:00:00+01:00[Europe/Prague]`); not, when absent or `null`.
    #[serde(default)]
    pub(crate) due: Option<String>,
    /// Up to 20 tags of 1 to 50 characters after trimming, without semicolons; one that is there twice, whatever its
    /// case, is kept once.
    #[serde(default)]
    #[oai(default, validator(max_items = 20))]
    pub(crate) tags: Vec<String>,
}

impl TaskRequest {
    /// What it says, as far as it can be read.
    pub(crate) fn draft(&self, reading: &mut Reading) -> Option<Draft> {
        reading.draft(&Said {
            title: &self.title,
            description: self.description.as_deref(),
            priority: self.priority,
            due: self.due.as_deref(),
            tags: &self.tags,
        })
    }

    /// What it says, or everything that is wrong with it at once.
    pub(crate) fn read(&self) -> Result<Draft, Problem> {
        let mut reading = Reading::default();
        let draft = self.draft(&mut reading);
        reading.finish(draft)
    }
}

/// Fields of a task to change (JSON Merge Patch, RFC 7396): absent ones stay as they are, `null` takes away.
#[derive(Debug, Clone, Default, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(example, skip_serializing_if_is_none)]
pub(crate) struct TaskPatch {
    /// The new title. Cannot be taken away.
    #[serde(default)]
    #[oai(validator(min_length = 1, max_length = 200))]
    pub(crate) title: MaybeUndefined<String>,
    /// The new description.
    #[serde(default)]
    #[oai(validator(max_length = 2000))]
    pub(crate) description: MaybeUndefined<String>,
    /// Whether it is done now; `null` means that it is not.
    #[serde(default)]
    pub(crate) completed: MaybeUndefined<bool>,
    /// How urgent it is now; `null` means `none`.
    #[serde(default)]
    pub(crate) priority: MaybeUndefined<Priority>,
    /// When it is due now: see a new task.
    #[serde(default)]
    pub(crate) due: MaybeUndefined<String>,
    /// All its tags from now on: see a new task.
    #[serde(default)]
    #[oai(validator(max_items = 20))]
    pub(crate) tags: MaybeUndefined<Vec<String>>,
}

impl TaskPatch {
    /// What it says, as far as it can be read.
    pub(crate) fn wanted(&self, reading: &mut Reading) -> Option<Wanted> {
        if matches!(self.title, MaybeUndefined::Null) {
            reading.wrong("title", Flaw::Missing, "cannot be taken away");
        }
        let title = self.title.value().map(|text| Title::parse(text)).transpose();
        let title = reading.value("title", title);
        let description = nullable(&self.description, |text| Description::parse(text));
        let description = reading.value("description", description);
        let due = reading.value("due", nullable(&self.due, |text| text.parse::<Due>()));
        let tags = match &self.tags {
            MaybeUndefined::Undefined => Some(None),
            MaybeUndefined::Null => Some(Some(Tags::default())),
            MaybeUndefined::Value(texts) => reading.tags("tags", texts).map(Some),
        };
        // Everything is read before anything is given up: what is wrong is told at once.
        let (title, description, due, tags) = (title?, description?, due?, tags?);
        let priority = or_default(&self.priority);
        let fields = Fields { title, description, priority, due, tags, ..Fields::default() };
        Some(Wanted { fields, completed: or_default(&self.completed) })
    }

    /// What it says, or everything that is wrong with it at once.
    pub(crate) fn read(&self) -> Result<Wanted, Problem> {
        let mut reading = Reading::default();
        let wanted = self.wanted(&mut reading);
        reading.finish(wanted)
    }
}

/// What a field should be, where `null` takes it away.
#[expect(clippy::option_option, reason = "absent, null and a value are three different wishes")]
fn nullable<S, T, E>(
    field: &MaybeUndefined<S>,
    parse: impl Fn(&S) -> Result<T, E>,
) -> Result<Option<Option<T>>, E> {
    match field {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Null => Ok(Some(None)),
        MaybeUndefined::Value(value) => parse(value).map(Some).map(Some),
    }
}

/// What a field should be, where `null` means what a new task has.
fn or_default<T: Copy + Default>(field: &MaybeUndefined<T>) -> Option<T> {
    match field {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(T::default()),
        MaybeUndefined::Value(value) => Some(*value),
    }
}

/// Where a task should stand: right before or right after another one.
#[derive(Debug, Clone, Default, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(example, skip_serializing_if_is_none)]
pub(crate) struct MoveRequest {
    /// The task that comes next.
    #[serde(default, deserialize_with = "present")]
    pub(crate) before: Option<String>,
    /// The task that comes first.
    #[serde(default, deserialize_with = "present")]
    pub(crate) after: Option<String>,
}

/// The place right before or right after a task, if one of them is named.
pub(crate) fn place(
    before: Option<&str>,
    after: Option<&str>,
    reading: &mut Reading,
) -> Option<Place> {
    let (name, text, place): (_, _, fn(TaskId) -> Place) = match (before, after) {
        (Some(before), None) => ("before", before, Place::Before),
        (None, Some(after)) => ("after", after, Place::After),
        (Some(_), Some(_)) => {
            reading.wrong("after", Flaw::Invalid, "cannot be said together with before");
            return None;
        }
        (None, None) => {
            reading.wrong("before", Flaw::Missing, "is missing, and so is after");
            return None;
        }
    };
    let id = text.parse().map(place);
    id.map_err(|_| reading.wrong(name, Flaw::Unknown, NO_NEIGHBOUR)).ok()
}

/// What is said of a task to stand beside that is not in the list.
pub(crate) const NO_NEIGHBOUR: &str = "must be a task of this list";

/// Which version of a task to restore.
#[derive(Debug, Clone, Default, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(example, skip_serializing_if_is_none)]
pub(crate) struct RestoreRequest {
    /// The version of the list, from the task's history, in which it was what it should be again. When absent, a deleted
    /// task is brought back as it was, and one that is there stays as it is.
    #[serde(default)]
    pub(crate) version: Option<Within>,
}

impl Example for TaskRequest {
    fn example() -> Self {
        Self {
            title: "Buy milk".to_owned(),
            description: Some("Two litres".to_owned()),
            completed: false,
            priority: Priority::High,
            due: Some("2026-12-24".to_owned()),
            tags: vec!["home".to_owned(), "shop".to_owned()],
        }
    }
}

impl Example for TaskPatch {
    fn example() -> Self {
        Self {
            completed: MaybeUndefined::Value(true),
            due: MaybeUndefined::Null,
            ..Self::default()
        }
    }
}

impl Example for MoveRequest {
    fn example() -> Self {
        Self { before: Some(crate::api::example::id::<()>(4).to_string()), after: None }
    }
}

impl Example for RestoreRequest {
    fn example() -> Self {
        Self { version: Some(crate::api::example::version(1).into()) }
    }
}
