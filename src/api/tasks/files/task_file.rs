//! Body of a file: a whole list.

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::{Deserialize, Serialize};

use super::portable_task::PortableTask;
use crate::http::request::bounded_vec::at_most;
use crate::tasks::task_list::command::MAX_TASKS;
use crate::tasks::values::Priority;

/// A whole list.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "TaskFile", example)]
pub struct TaskFile {
    /// Up to 10,000 tasks.
    #[serde(deserialize_with = "at_most::<MAX_TASKS, _, _>")]
    pub tasks: Vec<PortableTask>,
}

impl Example for TaskFile {
    fn example() -> Self {
        let milk = PortableTask {
            id: Some("019aab76-5800-7000-8000-000000000003".to_owned()),
            title: "Buy milk".to_owned(),
            description: Some("Two litres".to_owned()),
            completed: Some(true),
            completed_at: Some("2025-11-22T12:01:00.000Z".to_owned()),
            priority: Priority::High,
            due: Some("2026-12-24".to_owned()),
            tags: vec!["home".to_owned()],
            position: Some("i0000000".to_owned()),
            created_at: Some("2025-11-22T12:00:00.000Z".to_owned()),
            updated_at: Some("2025-11-22T12:01:00.000Z".to_owned()),
        };
        let bread = PortableTask { title: "Bread".to_owned(), ..PortableTask::default() };
        Self { tasks: vec![milk, bread] }
    }
}
