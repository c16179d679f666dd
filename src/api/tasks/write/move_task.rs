//! `POST /api/{user_id}/tasks/{task_id}/move`: moves a task in the manual order.

use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use crate::api::example;
use crate::api::tag::Tag;
use crate::api::tasks::bodies::place::place;
use crate::api::tasks::bodies::reading::Reading;
use crate::api::tasks::bodies::task::TaskBody;
use crate::api::tasks::representations::as_task;
use crate::api::tasks::request::{NamedTask, OwnerRequest};
use crate::api::tasks::responses::Changed;
use crate::http::request::hashed_body::HashedBody;
use crate::http::request::idempotency_key::MaybeIdempotencyKey;
use crate::http::request::if_match::IfMatch;
use crate::http::request::json::Json;
use crate::http::response::failure::Failure;
use crate::tasks::task_list::command::{Action, Command};
use crate::tasks::task_list::task::present;

crate::statuses! {
    /// Statuses of the failures of `POST /api/{user_id}/tasks/{task_id}/move`, without `500`.
    Statuses: 400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503;
}

/// Where a task should stand: right before or right after another one.
#[derive(Debug, Clone, Default, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(example, skip_serializing_if_is_none)]
struct MoveRequest {
    /// The task that comes next.
    #[serde(default, deserialize_with = "present")]
    before: Option<String>,
    /// The task that comes first.
    #[serde(default, deserialize_with = "present")]
    after: Option<String>,
}

impl Example for MoveRequest {
    fn example() -> Self {
        Self { before: Some(example::id::<()>(4).to_string()), after: None }
    }
}

/// Endpoint of the operation `moveTask`.
#[derive(Debug, Default)]
pub struct MoveTask;

#[OpenApi(tag = "Tag::Tasks")]
impl MoveTask {
    /// Move a task
    ///
    /// Puts a task right before or right after another one in the manual order, and leaves the others where they are.
    #[oai(path = "/api/:user_id/tasks/:task_id/move", method = "post", operation_id = "moveTask")]
    async fn relocate(
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
        body: HashedBody<Json<MoveRequest>>,
    ) -> Result<Changed<TaskBody>, Failure<Statuses>> {
        let HashedBody { body: Json(body), digest } = body;
        let id = task_id.id()?;
        let mut reading = Reading::default();
        let place = place(body.before.as_deref(), body.after.as_deref(), &mut reading);
        let place = reading.finish(place)?;
        let action = Action::Move { id, place, expected: if_match.versions() };
        let writing = request.writing(&key, digest);
        let command = Command::one(action, request.stamp());
        Ok(request.write(&writing, command, as_task(request.user_id(), id)).await?.into())
    }
}
