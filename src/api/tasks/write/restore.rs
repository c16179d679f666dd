//! `POST /api/{user_id}/tasks/{task_id}/restore`: brings a task back.

use std::collections::HashMap;

use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use super::restoration::{deleted, standing};
use crate::api::example;
use crate::api::tag::Tag;
use crate::api::tasks::bodies::task::TaskBody;
use crate::api::tasks::moments::travelled;
use crate::api::tasks::representations::as_task;
use crate::api::tasks::request::{NamedTask, OwnerRequest};
use crate::api::tasks::responses::Changed;
use crate::base::id::UserId;
use crate::eventlog::VersionInHistory;
use crate::http::request::hashed_body::HashedBody;
use crate::http::request::idempotency_key::MaybeIdempotencyKey;
use crate::http::request::if_match::IfMatch;
use crate::http::request::json::Json;
use crate::http::response::failure::Failure;
use crate::http::response::problem::Problem;
use crate::tasks::Tasks;
use crate::tasks::history::moment::Moment;
use crate::tasks::task_list::command::{Action, Command, Restore};
use crate::tasks::values::TaskId;

crate::statuses! {
    /// Statuses of the failures of `POST /api/{user_id}/tasks/{task_id}/restore`, without `500`.
    Statuses: 400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503;
}

/// Which version of a task to restore.
#[derive(Debug, Clone, Default, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(example, skip_serializing_if_is_none)]
struct RestoreRequest {
    /// The version of the list, from the task's history, in which it was what it should be again. When absent, a deleted
    /// task is brought back as it was, and one that is there stays as it is.
    #[serde(default)]
    version: Option<VersionInHistory>,
}

impl Example for RestoreRequest {
    fn example() -> Self {
        Self { version: Some(example::version(1).into()) }
    }
}

/// Endpoint of the operation `restoreTask`.
#[derive(Debug, Default)]
pub struct RestoreTask;

#[OpenApi(tag = "Tag::Tasks")]
impl RestoreTask {
    /// Restore a task
    ///
    /// Brings a deleted task back as it was, or makes a task what it was in an earlier version.
    #[oai(
        path = "/api/:user_id/tasks/:task_id/restore",
        method = "post",
        operation_id = "restoreTask"
    )]
    async fn restore(
        &self,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        request: OwnerRequest<'_>,
        /// Which task.
        task_id: NamedTask,
        /// Only if the task still has this entity tag. A deleted task has none.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        /// Send the request again with the same key within two days, and it is done once. Up to 10,000 keys a day.
        #[oai(name = "Idempotency-Key")]
        key: MaybeIdempotencyKey,
        body: HashedBody<Json<RestoreRequest>>,
    ) -> Result<Changed<TaskBody>, Failure<Statuses>> {
        let (id, owner) = (task_id.id()?, request.user_id());
        let HashedBody { body: Json(body), digest } = body;
        let restore = restoration(&request.state.tasks, owner, (id, body.version)).await?;
        let restore = Restore { expected: if_match.versions(), ..restore };
        let writing = request.writing(&key, digest);
        let command = Command::one(Action::Restore(Box::new(restore)), request.stamp());
        Ok(request.write(&writing, command, as_task(owner, id)).await?.into())
    }
}

/// The restoration of a task to what it was in a version, or at its deletion.
async fn restoration(
    tasks: &Tasks,
    owner: UserId,
    (id, version): (TaskId, Option<VersionInHistory>),
) -> Result<Restore, Problem> {
    let list = tasks.of(owner).await?;
    let is_there = list.state.tasks.get(id);
    let deletions = match is_there {
        Some(_) => HashMap::new(),
        None => tasks.deletions(owner, &[id]).await?,
    };
    let Some(version) = version else {
        let now = standing(id, is_there.map(|task| &**task)).or_else(|| deleted(id, &deletions));
        return now.ok_or_else(Problem::no_such_task);
    };
    let past = tasks.as_of(owner, Moment::Version(version)).await;
    let past = past.map_err(|error| travelled("version", error))?;
    let task = past.state.tasks.get(id).ok_or_else(Problem::no_such_task)?;
    let deleted = deletions.get(&id).map(|(version, _)| *version);
    let was = (task.content.clone(), task.created_at);
    Ok(Restore { rewinds: true, ..Restore::new(id, was, deleted) })
}
