//! `GET /api/{user_id}/tasks/history`: the history of the list.

use poem_openapi::OpenApi;
use poem_openapi::param::Query as Parameter;

use super::history_page::{before, not_told};
use super::page_limit::default_limit;
use crate::api::tag::Tag;
use crate::api::tasks::bodies::history::HistoryBody;
use crate::api::tasks::request::OwnerRequest;
use crate::http::request::json::Json;
use crate::http::response::failure::Failure;
use crate::tasks::history::entry::HistoryFilter;

crate::statuses! {
    /// Statuses of the failures of `GET /api/{user_id}/tasks/history`, without `500`.
    Statuses: 400, 401, 403, 503;
}

/// Endpoint of the operation `getTasksHistory`.
#[derive(Debug, Default)]
pub struct GetTasksHistory;

#[OpenApi(tag = "Tag::Tasks")]
impl GetTasksHistory {
    /// History of the list
    ///
    /// What happened to the whole list, to tasks that are deleted too, the last change first: as in the history of a task,
    /// and each change with a title.
    #[oai(path = "/api/:user_id/tasks/history", method = "get", operation_id = "getTasksHistory")]
    async fn list_history(
        &self,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        request: OwnerRequest<'_>,
        /// Only deletions. Other kinds of changes cannot be asked for by themselves.
        #[oai(name = "type")]
        only: Parameter<Option<HistoryFilter>>,
        /// Only what happened before this version: `nextBefore` of the page before.
        #[oai(name = "before")]
        last: Parameter<Option<String>>,
        /// Most changes on the page. Long ones may be fewer: a page takes no more of them from 512 KiB on.
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Parameter<u64>,
    ) -> Result<Json<HistoryBody>, Failure<Statuses>> {
        let (tasks, owner) = (&request.state.tasks, request.user_id());
        let limit = usize::try_from(limit.0).unwrap_or(usize::MAX);
        let told = tasks.list_history(owner, only.0, before(last.as_deref())?, limit).await;
        Ok(Json(told.map_err(not_told)?.into()))
    }
}
