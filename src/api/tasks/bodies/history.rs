//! Body of a history, of a task or of a whole list.

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;

use super::change::ChangeBody;
use crate::api::example;
use crate::eventlog::Point;
use crate::http::response::schema::Nullable;
use crate::tasks::history::entry::HistoryPage;

/// The history of a task or of a whole list, the last change first.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "TaskHistory", rename_all = "camelCase", example)]
pub struct HistoryBody {
    /// What happened, the last first.
    pub(crate) changes: Vec<ChangeBody>,
    /// Send it as `before` to get earlier changes; `null` if there are none.
    pub(crate) next_before: Nullable<Point>,
}

impl HistoryBody {
    /// Example of a whole list's history.
    pub fn example_of_list() -> Self {
        let title = Some("Buy milk".to_owned());
        let changes = vec![ChangeBody { title, ..ChangeBody::example() }];
        Self { changes, ..Self::example() }
    }
}

impl From<HistoryPage> for HistoryBody {
    fn from(told: HistoryPage) -> Self {
        let next = told.entries.last().filter(|_| told.more).map(|entry| entry.version);
        let changes = told.entries.into_iter().map(ChangeBody::from).collect();
        Self { changes, next_before: Nullable(next) }
    }
}

impl Example for HistoryBody {
    fn example() -> Self {
        Self {
            changes: vec![ChangeBody::example()],
            next_before: Nullable(Some(example::version(2))),
        }
    }
}
