//! `DELETE /api/{user_id}/tasks/{task_id}`: takes a task off the list.

use poem_openapi::{ApiResponse, OpenApi};

use crate::api::tag::Tag;
use crate::api::tasks::request::{NamedTask, OwnerRequest};
use crate::http::request::hashed_body::NO_BODY;
use crate::http::request::idempotency_key::MaybeIdempotencyKey;
use crate::http::request::if_match::IfMatch;
use crate::http::response::failure::Failure;
use crate::tasks::idempotency::record::CommandAnswer;
use crate::tasks::task_list::command::{Action, Command};
use crate::tasks::writing::Answering;

crate::statuses! {
    /// Statuses of the failures of `DELETE /api/{user_id}/tasks/{task_id}`, without `500`.
    Statuses: 400, 401, 403, 404, 409, 412, 422, 429, 503;
}

/// The task was deleted.
#[derive(Debug, ApiResponse)]
enum Deleted {
    /// The task was deleted.
    #[oai(status = 204)]
    Done,
}

impl From<CommandAnswer> for Deleted {
    fn from(_: CommandAnswer) -> Self {
        Self::Done
    }
}

/// Endpoint of the operation `deleteTask`.
#[derive(Debug, Default)]
pub struct DeleteTask;

#[OpenApi(tag = "Tag::Tasks")]
impl DeleteTask {
    /// Delete a task
    ///
    /// Takes a task off the list. Its history stays, and it can be restored.
    #[oai(path = "/api/:user_id/tasks/:task_id", method = "delete", operation_id = "deleteTask")]
    async fn delete(
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
    ) -> Result<Deleted, Failure<Statuses>> {
        let action = Action::Delete { id: task_id.id()?, expected: if_match.versions() };
        let writing = request.writing(&key, NO_BODY);
        let command = Command::one(action, request.stamp());
        Ok(request.write(&writing, command, Answering::Done).await?.into())
    }
}
