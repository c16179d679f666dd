//! Body of a page of a task list.

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;

use super::task::TaskBody;
use crate::api::example;
use crate::base::id::UserId;
use crate::eventlog::Point;
use crate::http::response::schema::Nullable;
use crate::tasks::listing::{Counts, Cursor, Page};

/// A page of a task list.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "TaskList", rename_all = "camelCase", example)]
pub struct TaskListBody {
    /// The tasks in the order asked for.
    pub tasks: Vec<TaskBody>,
    /// Send it as `cursor` to get the next page; `null` on the last one.
    pub next_cursor: Nullable<String>,
    /// How many tasks match, on all pages together.
    pub total: u64,
    /// How many tasks match whether or not they are done, per state.
    pub counts: CountsBody,
    /// The version of the list. In double quotes it is its entity tag.
    pub version: Point,
}

/// How many tasks there are per state.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(rename = "TaskCounts")]
pub struct CountsBody {
    /// Those that are not done.
    pub open: u64,
    /// Those that are done.
    pub completed: u64,
}

impl TaskListBody {
    /// Body of a page of a list at `version`.
    pub fn new(owner: UserId, page: &Page<'_>, version: Point) -> Self {
        let Counts { open, completed } = page.counts;
        Self {
            tasks: page.tasks.iter().map(|task| TaskBody::new(owner, task)).collect(),
            next_cursor: Nullable(
                page.next.clone().map(|place| Cursor { version, place }.to_string()),
            ),
            total: page.total as u64,
            counts: CountsBody { open: open as u64, completed: completed as u64 },
            version,
        }
    }
}

impl Example for TaskListBody {
    fn example() -> Self {
        Self {
            tasks: vec![TaskBody::example()],
            next_cursor: Nullable(None),
            total: 1,
            counts: CountsBody { open: 1, completed: 0 },
            version: example::version(1),
        }
    }
}
