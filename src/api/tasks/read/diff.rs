//! `GET /api/{user_id}/tasks/diff`: the differences between two versions or times.

use std::sync::Arc;

use poem_openapi::param::Query as Parameter;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;

use super::page_limit::default_limit;
use crate::api::example;
use crate::api::tag::Tag;
use crate::api::tasks::bodies::change::ChangeBody;
use crate::api::tasks::bodies::task::TaskFields;
use crate::api::tasks::moments::{moment, not_made, travelled};
use crate::api::tasks::request::OwnerRequest;
use crate::eventlog::Point;
use crate::http::request::json::Json;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;
use crate::http::response::problem::field_problem::Flaw;
use crate::http::response::schema::Nullable;
use crate::tasks::history::differences::{Difference, DifferenceCursor, Differences};
use crate::tasks::history::moment::Moment;
use crate::tasks::values::TaskId;

crate::statuses! {
    /// Statuses of the failures of `GET /api/{user_id}/tasks/diff`, without `500`.
    Statuses: 400, 401, 403, 503;
}

/// What is different between two versions of a list.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "TaskDifferences", rename_all = "camelCase", example)]
struct DifferencesBody {
    /// The version at the beginning.
    from: Point,
    /// The version at the end.
    to: Point,
    /// The differences in order of the tasks' creation.
    differences: Vec<DifferenceBody>,
    /// Send it as `cursor` to get the next page of the differences between these versions; `null` on the last one.
    next_cursor: Nullable<String>,
}

/// What is different about a task.
#[derive(Debug, Clone, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename = "TaskDifference", rename_all = "camelCase", skip_serializing_if_is_none)]
struct DifferenceBody {
    /// The task.
    task_id: TaskId,
    /// Its fields at the beginning: all of them if it is gone, those that are different if it is not, absent if it was not
    /// there.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<TaskFields>,
    /// Its fields at the end; absent if it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<TaskFields>,
}

impl From<Difference> for DifferenceBody {
    fn from(difference: Difference) -> Self {
        let Difference { task_id, before, after } = difference;
        Self { task_id, before: before.map(Into::into), after: after.map(Into::into) }
    }
}

impl Example for DifferencesBody {
    fn example() -> Self {
        let ChangeBody { task_id, before, after, .. } = ChangeBody::example();
        let differences = vec![DifferenceBody { task_id, before, after }];
        Self {
            from: example::version(1),
            to: example::version(2),
            differences,
            next_cursor: Nullable(None),
        }
    }
}

/// Endpoint of the operation `diffTasks`.
#[derive(Debug, Default)]
pub struct DiffTasks;

#[OpenApi(tag = "Tag::Tasks")]
impl DiffTasks {
    /// What is different
    ///
    /// Which tasks were added, changed and deleted between two versions or times, in either direction.
    #[oai(path = "/api/:user_id/tasks/diff", method = "get", operation_id = "diffTasks")]
    async fn diff(
        &self,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        request: OwnerRequest<'_>,
        /// The beginning: a version of the list (0 is before the first task), or a date and time with its offset.
        from: Parameter<String>,
        /// The end; now, when absent.
        to: Parameter<Option<String>>,
        /// `nextCursor` of the page before.
        cursor: Parameter<Option<String>>,
        /// Most differences on the page. Long ones may be fewer: a page takes no more of them from 512 KiB on.
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Parameter<u64>,
    ) -> Result<Json<DifferencesBody>, Failure<Statuses>> {
        let (tasks, owner) = (&request.state.tasks, request.user_id());
        let mut from = ("from", moment("from", &from)?);
        let mut to = to.0.map(|text| Ok::<_, Problem>(("to", moment("to", &text)?))).transpose()?;
        let cursor =
            cursor.0.map(|text| text.parse::<DifferenceCursor>()).transpose().map_err(|_| {
                Problem::field("cursor", Flaw::Invalid, "must be the nextCursor of a page")
            })?;
        let limit = usize::try_from(limit.0).unwrap_or(usize::MAX);
        // The next page is of the same versions, whatever has changed since.
        if let Some(cursor) = &cursor {
            from = ("cursor", Moment::Version(cursor.from.into()));
            to = Some(("cursor", Moment::Version(cursor.to.into())));
        }
        let travel = async |(field, moment)| {
            let past = tasks.as_of(owner, moment).await;
            past.map_err(|error| travelled(field, error))
        };
        let from = travel(from).await?;
        let to = match to {
            Some(to) => travel(to).await?,
            None => tasks.of(owner).await?,
        };
        let between = (Arc::clone(&from), Arc::clone(&to));
        let after = cursor.map(|cursor| cursor.after);
        let found = tasks.differences(owner, between, after, limit).await;
        let Differences { found, more } = found.map_err(|error| not_made("from", error))?;
        let (from, to) = (from.state.version, to.state.version);
        let next = found.last().filter(|_| more);
        let next = next.map(|last| DifferenceCursor { from, to, after: last.task_id }.to_string());
        let differences = found.into_iter().map(Into::into).collect();
        Ok(Json(DifferencesBody { from, to, differences, next_cursor: Nullable(next) }))
    }
}
