//! Request and response bodies of the task endpoints.

use poem_openapi::Object;
use poem_openapi::types::{Example, MaybeUndefined};
use serde::{Deserialize, Serialize};

use super::listing::Page;
use super::task::Task;
use super::values::{Description, InvalidText, TaskId, Title};
use crate::clock::Timestamp;
use crate::http::field::{FieldProblem, Flaw};
use crate::http::problem::Problem;
use crate::http::schema::Nullable;
use crate::id::UserId;

/// A new task, or all fields of one to replace.
#[derive(Debug, Clone, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(example)]
pub(super) struct TaskRequest {
    /// 1 to 200 characters after trimming.
    #[oai(validator(min_length = 1, max_length = 200))]
    pub(super) title: String,
    /// Up to 2,000 characters; none when absent or `null`.
    #[serde(default)]
    #[oai(validator(max_length = 2000))]
    pub(super) description: Option<String>,
    /// Whether it is done; not, when absent.
    #[serde(default)]
    #[oai(default)]
    pub(super) completed: bool,
}

/// Fields of a task to change; absent ones stay as they are.
#[derive(Debug, Clone, Default, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(example, skip_serializing_if_is_none)]
pub(super) struct TaskPatch {
    /// The new title.
    #[serde(default, deserialize_with = "super::events::present")]
    #[oai(validator(min_length = 1, max_length = 200))]
    pub(super) title: Option<String>,
    /// The new description; `null` takes it away.
    #[serde(default)]
    #[oai(validator(max_length = 2000))]
    pub(super) description: MaybeUndefined<String>,
    /// Whether it is done now.
    #[serde(default, deserialize_with = "super::events::present")]
    pub(super) completed: Option<bool>,
}

/// What a task should be. A description may be left alone, taken away or set.
#[expect(clippy::option_option, reason = "absent, null and a value are three different wishes")]
pub(super) struct Wanted {
    pub(super) title: Option<Title>,
    pub(super) description: Option<Option<Description>>,
    pub(super) completed: Option<bool>,
}

impl TaskRequest {
    /// The values, or everything that is wrong with them at once.
    pub(super) fn values(&self) -> Result<(Title, Option<Description>), Problem> {
        let patch = TaskPatch {
            title: Some(self.title.clone()),
            description: MaybeUndefined::from_opt_undefined(self.description.clone()),
            completed: None,
        };
        let wanted = patch.values()?;
        let title =
            wanted.title.ok_or_else(|| Problem::field("title", Flaw::Missing, "is missing"))?;
        Ok((title, wanted.description.flatten()))
    }
}

impl TaskPatch {
    /// The values, or everything that is wrong with them at once.
    pub(super) fn values(&self) -> Result<Wanted, Problem> {
        let mut problems = Vec::new();
        let mut note = |field: &str, error: &InvalidText| {
            problems.push(FieldProblem::of(field, *error));
        };
        let title = self.title.as_deref().map(Title::parse).transpose();
        let title = title.inspect_err(|error| note("title", error)).unwrap_or_default();
        let description = match &self.description {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(text) => {
                Some(Description::parse(text).inspect_err(|error| note("description", error)).ok())
            }
        };
        if problems.is_empty() {
            Ok(Wanted { title, description, completed: self.completed })
        } else {
            Err(Problem::fields(problems))
        }
    }
}

/// A task.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "Task", rename_all = "camelCase", example)]
pub struct TaskBody {
    /// Its identifier.
    pub id: TaskId,
    /// Whose it is.
    pub user_id: UserId,
    /// Its title.
    pub title: String,
    /// Its description.
    pub description: Nullable<String>,
    /// Whether it is done.
    pub completed: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl TaskBody {
    /// What is shown of a task.
    pub fn new(owner: UserId, task: &Task) -> Self {
        Self {
            id: task.id,
            user_id: owner,
            title: task.title.as_str().to_owned(),
            description: Nullable(task.description.as_ref().map(|text| text.as_str().to_owned())),
            completed: task.completed,
            created_at: task.created_at,
            updated_at: task.updated_at,
        }
    }
}

/// A page of a task list.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "TaskList", rename_all = "camelCase", example)]
pub struct TaskListBody {
    /// The tasks in order of creation.
    pub tasks: Vec<TaskBody>,
    /// Send it as `cursor` to get the next page; `null` on the last one.
    pub next_cursor: Nullable<TaskId>,
    /// How many tasks match, on all pages together.
    pub total: u64,
}

impl TaskListBody {
    /// What is shown of a page.
    pub fn new(owner: UserId, page: &Page<'_>) -> Self {
        Self {
            tasks: page.tasks.iter().map(|task| TaskBody::new(owner, task)).collect(),
            next_cursor: Nullable(page.next),
            total: u64::try_from(page.total).unwrap_or(u64::MAX),
        }
    }
}

impl Example for TaskRequest {
    fn example() -> Self {
        Self {
            title: "Buy milk".to_owned(),
            description: Some("Two litres".to_owned()),
            completed: false,
        }
    }
}

impl Example for TaskPatch {
    fn example() -> Self {
        Self { completed: Some(true), ..Self::default() }
    }
}

impl Example for TaskBody {
    fn example() -> Self {
        let id =
            |last: u128| uuid::Uuid::from_u128(0x019a_ab76_5800_7000_8000_0000_0000_0000 + last);
        let created_at = Timestamp::from_unix_millis(1_763_812_800_000);
        Self {
            id: TaskId::from_uuid(id(3)),
            user_id: UserId::from_uuid(id(1)),
            title: "Buy milk".to_owned(),
            description: Nullable(Some("Two litres".to_owned())),
            completed: false,
            created_at,
            updated_at: created_at,
        }
    }
}

impl Example for TaskListBody {
    fn example() -> Self {
        Self { tasks: vec![TaskBody::example()], next_cursor: Nullable(None), total: 1 }
    }
}
