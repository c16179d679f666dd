//! `GET /api/{user_id}/tasks/{task_id}/history`: the history of a task.

use poem_openapi::OpenApi;
use poem_openapi::param::Query as Parameter;

use super::history_page::{before, not_told};
use super::page_limit::default_limit;
use crate::api::tag::Tag;
use crate::api::tasks::bodies::history::HistoryBody;
use crate::api::tasks::request::{NamedTask, OwnerRequest};
use crate::http::request::json::Json;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;

crate::statuses! {
    /// Statuses of the failures of `GET /api/{user_id}/tasks/{task_id}/history`, without `500`.
    Statuses: 400, 401, 403, 404, 503;
}

/// Endpoint of the operation `getTaskHistory`.
#[derive(Debug, Default)]
pub struct GetTaskHistory;

#[OpenApi(tag = "Tag::Tasks")]
impl GetTaskHistory {
    /// History of a task
    ///
    /// What happened to a task, deleted or not: who changed what, when, from which session, with before and after; the last
    /// change first.
    #[oai(
        path = "/api/:user_id/tasks/:task_id/history",
        method = "get",
        operation_id = "getTaskHistory"
    )]
    async fn history(
        &self,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        request: OwnerRequest<'_>,
        /// Which task.
        task_id: NamedTask,
        /// Only what happened before this version: `nextBefore` of the page before.
        #[oai(name = "before")]
        last: Parameter<Option<String>>,
        /// Most changes on the page. Long ones may be fewer: a page takes no more of them from 512 KiB on.
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Parameter<u64>,
    ) -> Result<Json<HistoryBody>, Failure<Statuses>> {
        let (tasks, id) = (&request.state.tasks, task_id.id()?);
        let limit = usize::try_from(limit.0).unwrap_or(usize::MAX);
        let told = tasks.history(request.user_id(), id, before(last.as_deref())?, limit).await;
        let told = told.map_err(not_told)?.ok_or_else(Problem::no_such_task)?;
        Ok(Json(told.into()))
    }
}
