//! `GET /api/{user_id}/tasks/{task_id}`: a task.

use poem_openapi::OpenApi;

use crate::api::tag::Tag;
use crate::api::tasks::bodies::task::TaskBody;
use crate::api::tasks::representations::CACHE_CONTROL;
use crate::api::tasks::request::{NamedTask, OwnerRequest};
use crate::http::response::conditional::ConditionalResponse;
use crate::http::response::etag;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;

crate::statuses! {
    /// Statuses of the failures of `GET /api/{user_id}/tasks/{task_id}`, without `500`.
    Statuses: 400, 401, 403, 404, 503;
}

/// Endpoint of the operation `getTask`.
#[derive(Debug, Default)]
pub struct GetTask;

#[OpenApi(tag = "Tag::Tasks")]
impl GetTask {
    /// Get a task
    ///
    /// One task of the list.
    #[oai(path = "/api/:user_id/tasks/:task_id", method = "get", operation_id = "getTask")]
    async fn get(
        &self,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        request: OwnerRequest<'_>,
        /// Which task.
        task_id: NamedTask,
    ) -> Result<ConditionalResponse<TaskBody>, Failure<Statuses>> {
        let (task_id, owner) = (task_id.id()?, request.user_id());
        let list = request.state.tasks.of(owner).await?;
        let task = list.state.tasks.get(task_id).ok_or_else(Problem::no_such_task)?;
        let body = serde_json::to_vec(&TaskBody::new(owner, task));
        let body = body.map_err(|error| Problem::internal(&error))?.into();
        let tag = etag::of_version(task.version);
        Ok(ConditionalResponse::answer(request.http, body, tag, CACHE_CONTROL.to_owned()))
    }
}
