//! Request for a new task, or with all fields of a replaced one.

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Deserialize;

use super::reading::{Reading, SentFields};
use crate::http::response::problem::Problem;
use crate::tasks::task_list::command::TaskDraft;
use crate::tasks::values::Priority;

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
    /// Draft of the task, as far as it can be read.
    pub(crate) fn draft(&self, reading: &mut Reading) -> Option<TaskDraft> {
        reading.draft(&SentFields {
            title: &self.title,
            description: self.description.as_deref(),
            priority: self.priority,
            due: self.due.as_deref(),
            tags: &self.tags,
        })
    }

    /// Draft of the task; fails with everything that is wrong with it at once.
    pub(crate) fn read(&self) -> Result<TaskDraft, Problem> {
        let mut reading = Reading::default();
        let draft = self.draft(&mut reading);
        reading.finish(draft)
    }
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
