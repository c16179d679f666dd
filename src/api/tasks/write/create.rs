//! `POST /api/{user_id}/tasks`: adds a task.

use poem_openapi::{ApiResponse, OpenApi};

use crate::api::tag::Tag;
use crate::api::tasks::bodies::task::TaskBody;
use crate::api::tasks::bodies::task_request::TaskRequest;
use crate::api::tasks::representations::{answer, missing};
use crate::api::tasks::request::OwnerRequest;
use crate::api::tasks::responses::encoded;
use crate::http::request::hashed_body::HashedBody;
use crate::http::request::idempotency_key::MaybeIdempotencyKey;
use crate::http::request::json::{Encoded, Json};
use crate::http::response::failure::Failure;
use crate::tasks::idempotency::record::CommandAnswer;
use crate::tasks::task_list::command::{Action, Command, New};
use crate::tasks::values::TaskId;
use crate::tasks::writing::Answering;

crate::statuses! {
    /// Statuses of the failures of `POST /api/{user_id}/tasks`, without `500`.
    Statuses: 400, 401, 403, 409, 413, 415, 422, 429, 503;
}

/// The task was added.
#[derive(Debug, ApiResponse)]
enum Created {
    /// The task was added.
    #[oai(status = 201)]
    Task(
        Encoded<TaskBody>,
        /// Path of the new task.
        #[oai(header = "Location")]
        String,
        /// Entity tag of the new task: send it back in `If-Match`.
        #[oai(header = "ETag")]
        String,
    ),
}

impl From<CommandAnswer> for Created {
    fn from(answer: CommandAnswer) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (location, etag) = (text(&answer.location), text(&answer.etag));
        Self::Task(encoded(answer), location, etag)
    }
}

/// Endpoint of the operation `createTask`.
#[derive(Debug, Default)]
pub struct CreateTask;

#[OpenApi(tag = "Tag::Tasks")]
impl CreateTask {
    /// Create a task
    ///
    /// Adds a task to the end of the list and of its manual order. `Location` is where it is found. A list of as many tasks as it
    /// may have refuses with `LIST_FULL`, and one of as many bytes, here and wherever it would grow, with `LIST_TOO_LARGE`.
    #[oai(path = "/api/:user_id/tasks", method = "post", operation_id = "createTask")]
    async fn create(
        &self,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        request: OwnerRequest<'_>,
        /// Send the request again with the same key within two days, and it is done once. Up to 10,000 keys a day.
        #[oai(name = "Idempotency-Key")]
        key: MaybeIdempotencyKey,
        body: HashedBody<Json<TaskRequest>>,
    ) -> Result<Created, Failure<Statuses>> {
        let HashedBody { body: Json(body), digest } = body;
        let (user_id, stamp) = (request.user_id(), request.stamp());
        let new = New { id: TaskId::at(stamp.at), draft: body.read()?, completed: body.completed };
        let writing = request.writing(&key, digest);
        let answering = Answering::made(move |done| {
            let id = done.created.first();
            let task = id.and_then(|id| done.list.state.tasks.get(*id));
            let task = task.ok_or_else(|| missing("a creation created nothing"))?;
            let location = format!("/api/{user_id}/tasks/{}", task.id);
            answer(task.version, Some(location), &TaskBody::new(user_id, task))
        });
        Ok(request
            .write(&writing, Command::one(Action::Create(new), stamp), answering)
            .await?
            .into())
    }
}
