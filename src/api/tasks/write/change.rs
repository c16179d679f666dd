//! `PATCH /api/{user_id}/tasks/{task_id}`: sets some fields of a task.

use poem_openapi::OpenApi;

use crate::api::tag::Tag;
use crate::api::tasks::bodies::task::TaskBody;
use crate::api::tasks::bodies::task_patch::TaskPatch;
use crate::api::tasks::representations::as_task;
use crate::api::tasks::request::{NamedTask, OwnerRequest};
use crate::api::tasks::responses::Changed;
use crate::http::request::hashed_body::HashedBody;
use crate::http::request::idempotency_key::MaybeIdempotencyKey;
use crate::http::request::if_match::IfMatch;
use crate::http::request::json::MergePatch;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;
use crate::tasks::idempotency::record::CommandAnswer;
use crate::tasks::task_list::command::{Action, Command, TaskUpdate};
use crate::tasks::writing::Writing;

crate::statuses! {
    /// Statuses of the failures of `PATCH /api/{user_id}/tasks/{task_id}`, without `500`.
    Statuses: 400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503;
}

/// Endpoint of the operation `changeTask`.
#[derive(Debug, Default)]
pub struct ChangeTask;

#[OpenApi(tag = "Tag::Tasks")]
impl ChangeTask {
    /// Change a task
    ///
    /// Sets some fields of a task (JSON Merge Patch, RFC 7396): those that are absent stay as they are, `null` takes away.
    #[oai(path = "/api/:user_id/tasks/:task_id", method = "patch", operation_id = "changeTask")]
    async fn change(
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
        body: HashedBody<MergePatch<TaskPatch>>,
    ) -> Result<Changed<TaskBody>, Failure<Statuses>> {
        let HashedBody { body: MergePatch(body), digest } = body;
        let writing = request.writing(&key, digest);
        Ok(change(&request, &writing, &task_id, body.read()?, &if_match).await?.into())
    }
}

/// Changes a task, if it has the version that the request expects.
pub(super) async fn change(
    request: &OwnerRequest<'_>,
    writing: &Writing,
    task_id: &NamedTask,
    wanted: TaskUpdate,
    if_match: &IfMatch,
) -> Result<CommandAnswer, Problem> {
    let (id, user_id) = (task_id.id()?, request.user_id());
    let action = Action::Change { id, wanted, expected: if_match.versions() };
    let command = Command::one(action, request.stamp());
    request.write(writing, command, as_task(user_id, id)).await
}
