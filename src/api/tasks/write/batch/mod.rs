//! `POST /api/{user_id}/tasks/batch`: several changes, all or none.

mod actions;
mod commands;
mod result;

use std::sync::Arc;

use poem_openapi::OpenApi;

use self::actions::actions;
use self::commands::BatchRequest;
use self::result::{BatchBody, as_batch, shown_bytes};
use crate::api::tag::Tag;
use crate::api::tasks::own_permit::OwnPermit;
use crate::api::tasks::request::OwnerRequest;
use crate::api::tasks::responses::Changed;
use crate::capacity::budget::Holder;
use crate::http::request::hashed_body::HashedBody;
use crate::http::request::idempotency_key::MaybeIdempotencyKey;
use crate::http::request::if_match::IfMatch;
use crate::http::request::json::Json;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;
use crate::tasks::task_list::command::{Action, Command};

crate::statuses! {
    /// Statuses of the failures of `POST /api/{user_id}/tasks/batch`, without `500`.
    Statuses: 400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503;
}

/// Largest body of a batch in bytes: 500 commands of usual length fit several times.
const MAX_BATCH_BODY: usize = 4 * 1024 * 1024;

/// Endpoint of the operation `batchTasks`.
#[derive(Debug, Default)]
pub struct BatchTasks;

#[OpenApi(tag = "Tag::Tasks")]
impl BatchTasks {
    /// Several commands at once
    ///
    /// Carries out up to 500 commands in their order, all or none: the answer to a command that cannot be carried out names
    /// it, and nothing is changed. Together they are one change, which is taken back at once.
    #[oai(path = "/api/:user_id/tasks/batch", method = "post", operation_id = "batchTasks")]
    async fn batch(
        &self,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        request: OwnerRequest<'_>,
        /// Only if the list still has this entity tag.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        /// Send the request again with the same key within two days, and it is done once. Up to 10,000 keys a day.
        #[oai(name = "Idempotency-Key")]
        key: MaybeIdempotencyKey,
        // Before the body, so that a request that waits or is refused here has received none of it.
        OwnPermit(permit): OwnPermit,
        body: HashedBody<Json<BatchRequest, MAX_BATCH_BODY>>,
    ) -> Result<Changed<BatchBody>, Failure<Statuses>> {
        let (state, owner) = (request.state, request.user_id());
        let HashedBody { body: Json(body), digest } = body;
        let stamp = request.stamp();
        let actions: Arc<[Action]> =
            actions(&state.tasks, owner, body.commands()?, stamp.at).await?.into();
        let list = state.tasks.of(owner).await?;
        let shown = shown_bytes(&list.state.tasks, &actions);
        let answering = as_batch(owner, Arc::clone(&actions), shown);
        let command = Command::Change { actions, expected: if_match.versions(), stamp };
        // Leased before anything is changed: afterwards there would have to be room.
        let room = state.server.budgets.answers.lease(Holder::User(owner), shown);
        let room = room.map_err(|_| Problem::overloaded())?;
        let writing = request.writing(&key, digest).holding(permit);
        let done = state.tasks.write(&writing, command, answering).await;
        Ok(Changed::kept(request.answered(done, Some("commands")).await?, room))
    }
}
