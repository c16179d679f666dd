//! `PUT /api/{user_id}/tasks/{task_id}`: replaces all fields that users set.

use poem_openapi::OpenApi;

use super::change::change;
use crate::api::tag::Tag;
use crate::api::tasks::bodies::task::TaskBody;
use crate::api::tasks::bodies::task_request::TaskRequest;
use crate::api::tasks::request::{NamedTask, OwnerRequest};
use crate::api::tasks::responses::Changed;
use crate::http::request::hashed_body::HashedBody;
use crate::http::request::idempotency_key::MaybeIdempotencyKey;
use crate::http::request::if_match::IfMatch;
use crate::http::request::json::Json;
use crate::http::response::failure::Failure;
use crate::tasks::task_list::command::TaskUpdate;

crate::statuses! {
    /// Statuses of the failures of `PUT /api/{user_id}/tasks/{task_id}`, without `500`.
    Statuses: 400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503;
}

/// Endpoint of the operation `replaceTask`.
#[derive(Debug, Default)]
pub struct ReplaceTask;

#[OpenApi(tag = "Tag::Tasks")]
impl ReplaceTask {
    /// Replace a task
    ///
    /// Sets everything that people say of a task: what is absent gets its default. Its place in the manual order stays.
    #[oai(path = "/api/:user_id/tasks/:task_id", method = "put", operation_id = "replaceTask")]
    async fn replace(
        &self,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        request: OwnerRequest<'_>,
        /// Which task.
        task_id: NamedTask,
        /// Only if the task still has this entity tag.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        /// Send the request again with the same key within two days, and it is done once. Up to 10,000 keys a day.
        #[oai(name = "Idempotency-Key")]
        key: MaybeIdempotencyKey,
        body: HashedBody<Json<TaskRequest>>,
    ) -> Result<Changed<TaskBody>, Failure<Statuses>> {
        let HashedBody { body: Json(body), digest } = body;
        let fields = body.read()?.fields();
        let wanted = TaskUpdate { fields, completed: Some(body.completed) };
        let writing = request.writing(&key, digest);
        Ok(change(&request, &writing, &task_id, wanted, &if_match).await?.into())
    }
}
