//! Patch of a task, as requests have it.

use poem_openapi::Object;
use poem_openapi::types::{Example, MaybeUndefined};
use serde::Deserialize;

use super::reading::Reading;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;
use crate::tasks::task_list::command::TaskUpdate;
use crate::tasks::task_list::task::Fields;
use crate::tasks::values::{Description, Due, Priority, Tags, Title};

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
    /// Fields that the patch sets, as far as they can be read.
    pub(crate) fn wanted(&self, reading: &mut Reading) -> Option<TaskUpdate> {
        if matches!(self.title, MaybeUndefined::Null) {
            reading.wrong("title", Flaw::Missing, "cannot be removed");
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
        // All fields are read before any error ends the reading, so that every error is reported.
        let (title, description, due, tags) = (title?, description?, due?, tags?);
        let priority = or_default(&self.priority);
        let fields = Fields { title, description, priority, due, tags, ..Fields::default() };
        Some(TaskUpdate { fields, completed: or_default(&self.completed) })
    }

    /// Fields that the patch sets; fails with everything that is wrong with it at once.
    pub(crate) fn read(&self) -> Result<TaskUpdate, Problem> {
        let mut reading = Reading::default();
        let wanted = self.wanted(&mut reading);
        reading.finish(wanted)
    }
}

/// Change of a field that `null` clears.
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

/// Change of a field that `null` resets to the value of a new task.
fn or_default<T: Copy + Default>(field: &MaybeUndefined<T>) -> Option<T> {
    match field {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(T::default()),
        MaybeUndefined::Value(value) => Some(*value),
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
