//! `POST /api/{user_id}/tasks/import`: imports a file of tasks.

use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;

use crate::api::example;
use crate::api::tag::Tag;
use crate::api::tasks::files::decoding;
use crate::api::tasks::files::upload::TaskFileBody;
use crate::api::tasks::own_permit::require_unused;
use crate::api::tasks::representations::answer;
use crate::api::tasks::request::OwnerRequest;
use crate::api::tasks::responses::Changed;
use crate::base::id::UserId;
use crate::eventlog::{Point, ReadError};
use crate::http::request::hashed_body::digest_of;
use crate::http::request::idempotency_key::MaybeIdempotencyKey;
use crate::http::request::if_match::IfMatch;
use crate::http::request::intake::{Until, arrive};
use crate::http::response::failure::Failure;
use crate::tasks::Tasks;
use crate::tasks::task_list::command::{Action, Command, ImportedId, ImportedTask};
use crate::tasks::values::TaskId;
use crate::tasks::writing::{Answering, CommandOutcome};

crate::statuses! {
    /// Statuses of the failures of `POST /api/{user_id}/tasks/import`, without `500`.
    Statuses: 400, 401, 403, 409, 412, 413, 415, 422, 429, 503;
}

/// What an import came to.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(rename = "ImportResult", example)]
struct ImportBody {
    /// How many tasks were added.
    created: u64,
    /// How many were made like those of the file.
    changed: u64,
    /// How many were so already.
    unchanged: u64,
    /// The version of the list now.
    version: Point,
}

impl Example for ImportBody {
    fn example() -> Self {
        Self { created: 2, changed: 0, unchanged: 0, version: example::version(2) }
    }
}

/// Endpoint of the operation `importTasks`.
#[derive(Debug, Default)]
pub struct ImportTasks;

#[OpenApi(tag = "Tag::Tasks")]
impl ImportTasks {
    /// Import tasks
    ///
    /// Takes in up to 10,000 tasks as JSON or CSV, all or none: one with the identifier of a task of the list makes that
    /// one like it, every other is added. Nothing is deleted. Together they are one change, which is taken back at once.
    #[oai(path = "/api/:user_id/tasks/import", method = "post", operation_id = "importTasks")]
    async fn import(
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
        body: TaskFileBody,
    ) -> Result<Changed<ImportBody>, Failure<Statuses>> {
        let (state, owner) = (request.state, request.user_id());
        let TaskFileBody { format, body } = body;
        require_unused(state, owner, &key)?;
        let mut permit = state.tasks.bulk().permit(owner)?;
        let until = Until::of_file(&state.server.time_limits);
        let largest = state.tasks.bulk().largest_file();
        let bytes = arrive(body, largest, until, |bytes| permit.reserve(bytes)).await?;
        let stamp = request.stamp();
        // Each step is a detached task: its memory is returned when it is done, not when the client disconnects.
        let reading = async move {
            permit.acquire().await?;
            let read = move || {
                let digest = digest_of(&bytes);
                decoding::read(bytes, format, stamp.at).map(|puts| (puts, digest))
            };
            let read = permit.read(read).await??;
            Ok((permit, read))
        };
        let (permit, (puts, digest)) = state.detached.run(reading).await?;
        let count = puts.len();
        let actions = actions(&state.tasks, owner, puts).await?.into();
        let writing = request.writing(&key, digest);
        let answering = Answering::made(move |done| {
            answer(done.list.state.version, None, &imported(count, done))
        });
        let command = Command::Change { actions, expected: if_match.versions(), stamp };
        let tasks = state.tasks.clone();
        let work = async move {
            let done = tasks.write(&writing, command, answering).await;
            drop(permit);
            Ok(done)
        };
        let done = state.detached.run(work).await?;
        Ok(request.answered(done, Some("tasks")).await?.into())
    }
}

/// Changes that make a list like a file: tasks that were deleted earlier are found by their identifiers.
async fn actions(
    tasks: &Tasks,
    owner: UserId,
    puts: Vec<ImportedTask>,
) -> Result<Vec<Action>, ReadError> {
    let list = tasks.of(owner).await?;
    let is_gone = |put: &ImportedTask| match put.id {
        ImportedId::Given(id) => list.state.tasks.get(id).is_none().then_some(id),
        ImportedId::Fresh(_) => None,
    };
    let gone: Vec<TaskId> = puts.iter().filter_map(is_gone).collect();
    let deletions = tasks.deletions(owner, &gone).await?;
    let action = |put: ImportedTask| {
        let deleted = is_gone(&put).and_then(|id| deletions.get(&id));
        Action::Put(Box::new(ImportedTask { deleted: deleted.map(|(version, _)| *version), ..put }))
    };
    Ok(puts.into_iter().map(action).collect())
}

/// Result of an import of `count` tasks.
fn imported(count: usize, done: &CommandOutcome) -> ImportBody {
    let created = done.created.len();
    let changed = done.total - created;
    ImportBody {
        created: created as u64,
        changed: changed as u64,
        unchanged: count.saturating_sub(done.total) as u64,
        version: done.list.state.version,
    }
}
