//! Several changes at once, and what takes changes back.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;

use super::answers::Changed;
use super::bodies::{
    BatchBody, BatchCommand, BatchRequest, BatchResult, ChangeBody, Reading, RestoreRequest,
    TakenBackBody, TaskBody, expected,
};
use super::own_turn::OwnTurn;
use super::{Sent, answer, answered, as_task, parse, stamp, travelled};
use crate::api::state::State;
use crate::api::tag::Tag;
use crate::authn::caller::Owner;
use crate::base::id::UserId;
use crate::capacity::budget::Holder;
use crate::eventlog::Within;
use crate::http::request::hashed_body::{Digested, NO_BODY};
use crate::http::request::idempotency_key::MaybeIdempotencyKey;
use crate::http::request::if_match::IfMatch;
use crate::http::request::json::Json;
use crate::http::response::failure::Failure;
use crate::http::response::field_problem::Flaw;
use crate::http::response::problem::Problem;
use crate::tasks::Tasks;
use crate::tasks::events::{Deed, TaskDeleted};
use crate::tasks::history::entry::Entry;
use crate::tasks::history::moment::Moment;
use crate::tasks::idempotency::record::Answer;
use crate::tasks::task_list::command::{Action, Command, Expected, New, Restore};
use crate::tasks::task_list::ordered::OrderedTasks;
use crate::tasks::task_list::task::Task;
use crate::tasks::values::TaskId;
use crate::tasks::writing::Answering;

crate::statuses! {
    /// `POST /api/{user_id}/tasks/batch`
    Batch: 400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503;
    /// `POST /api/{user_id}/tasks/{task_id}/restore`
    RestoreTask: 400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503;
    /// `POST /api/{user_id}/tasks/undo` and `…/redo`
    TakeBack: 400, 401, 403, 409, 412, 422, 429, 503;
}

/// Largest body of a batch in bytes: 500 commands of usual length fit several times.
const MAX_BATCH_BODY: usize = 4 * 1024 * 1024;

/// Bytes of one result of a batch beside the texts of its task.
const BARE_RESULT: usize = 512;

/// The endpoints for several changes, and for taking changes back.
#[derive(Debug, Default)]
pub struct TaskChangesApi;

#[OpenApi(tag = "Tag::Tasks")]
impl TaskChangesApi {
    /// Several commands at once
    ///
    /// Carries out up to 500 commands in their order, all or none: the answer to a command that cannot be carried out names
    /// it, and nothing is changed. Together they are one change, which is taken back at once.
    #[oai(path = "/api/:user_id/tasks/batch", method = "post", operation_id = "batchTasks")]
    #[expect(clippy::too_many_arguments, reason = "one argument per parameter of the operation")]
    async fn batch(
        &self,
        owner: Owner,
        request: &Request,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// Only if the list still has this entity tag.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        /// Send the request again with the same key within two days, and it is done once. Up to 10,000 keys a day.
        #[oai(name = "Idempotency-Key")]
        key: MaybeIdempotencyKey,
        // Before the body: what waits or is refused here has not been taken in.
        OwnTurn(turn): OwnTurn,
        body: Digested<Json<BatchRequest, MAX_BATCH_BODY>>,
    ) -> Result<Changed<BatchBody>, Failure<Batch>> {
        let state = State::of(request)?;
        let Digested { body: Json(body), digest } = body;
        let stamp = stamp(state);
        let actions: Arc<[Action]> =
            actions(&state.tasks, owner.user_id, body.commands()?, stamp.at).await?.into();
        let list = state.tasks.of(owner.user_id).await?;
        let shown = shown_bytes(&list.state.tasks, &actions);
        let answering = as_batch(owner.user_id, Arc::clone(&actions), shown);
        let command = Command::Change { actions, expected: if_match.versions(), stamp };
        // Before anything is changed: afterwards there would have to be room.
        let room = state.server.budgets.answers.lease(Holder::User(owner.user_id), shown);
        let room = room.map_err(|_| Problem::overloaded())?;
        let sent = Sent::new(&owner, request, key, digest)?.in_turn(turn);
        Ok(Changed::kept(sent.write_all(command, answering, Some("commands")).await?, room))
    }

    /// Restore a task
    ///
    /// Brings a deleted task back as it was, or makes a task what it was in an earlier version.
    #[oai(
        path = "/api/:user_id/tasks/:task_id/restore",
        method = "post",
        operation_id = "restoreTask"
    )]
    #[expect(clippy::too_many_arguments, reason = "one argument per parameter of the operation")]
    async fn restore(
        &self,
        owner: Owner,
        request: &Request,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// Which task.
        task_id: Path<String>,
        /// Only if the task still has this entity tag. A deleted task has none.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        /// Send the request again with the same key within two days, and it is done once. Up to 10,000 keys a day.
        #[oai(name = "Idempotency-Key")]
        key: MaybeIdempotencyKey,
        body: Digested<Json<RestoreRequest>>,
    ) -> Result<Changed<TaskBody>, Failure<RestoreTask>> {
        let (state, id) = (State::of(request)?, parse(&task_id)?);
        let Digested { body: Json(body), digest } = body;
        let restore = restoration(&state.tasks, owner.user_id, (id, body.version)).await?;
        let restore = Restore { expected: if_match.versions(), ..restore };
        let sent = Sent::new(&owner, request, key, digest)?;
        let command = Command::one(Action::Restore(Box::new(restore)), stamp(state));
        Ok(sent.write(command, as_task(owner.user_id, id)).await?.into())
    }

    /// Undo
    ///
    /// Takes back the last change that was not taken back yet, by its opposite: a batch or an import as a whole. Repeated, it
    /// walks back to the empty list. The history keeps both. Beside others who change the list all the time it is tried again for
    /// five seconds, and then refused with `CONTENDED`.
    #[oai(path = "/api/:user_id/tasks/undo", method = "post", operation_id = "undoTasks")]
    async fn undo(
        &self,
        owner: Owner,
        request: &Request,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// Only if the list still has this entity tag.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        /// Send the request again with the same key within two days, and it is done once. Up to 10,000 keys a day.
        #[oai(name = "Idempotency-Key")]
        key: MaybeIdempotencyKey,
    ) -> Result<Changed<TakenBackBody>, Failure<TakeBack>> {
        let state = State::of(request)?;
        let OwnTurn(turn) = OwnTurn::of(state, owner.user_id, &key).await?;
        let sent = Sent::new(&owner, request, key, NO_BODY)?.in_turn(turn);
        Ok(take_back(sent, Deed::Undo, if_match.versions()).await?.into())
    }

    /// Redo
    ///
    /// Does again what was taken back last. A new change leaves nothing to do again.
    #[oai(path = "/api/:user_id/tasks/redo", method = "post", operation_id = "redoTasks")]
    async fn redo(
        &self,
        owner: Owner,
        request: &Request,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// Only if the list still has this entity tag.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        /// Send the request again with the same key within two days, and it is done once. Up to 10,000 keys a day.
        #[oai(name = "Idempotency-Key")]
        key: MaybeIdempotencyKey,
    ) -> Result<Changed<TakenBackBody>, Failure<TakeBack>> {
        let state = State::of(request)?;
        let OwnTurn(turn) = OwnTurn::of(state, owner.user_id, &key).await?;
        let sent = Sent::new(&owner, request, key, NO_BODY)?.in_turn(turn);
        Ok(take_back(sent, Deed::Redo, if_match.versions()).await?.into())
    }
}

async fn take_back(sent: Sent<'_>, deed: Deed, expected: Expected) -> Result<Answer, Problem> {
    let (state, user_id) = (sent.state, sent.owner.user_id);
    let (writing, stamp) = (sent.writing(), stamp(state));
    let done = state.tasks.take_back(&writing, (deed, expected), stamp, as_taken_back()).await;
    answered(state, user_id, done, None).await
}

/// How what was taken back is answered.
fn as_taken_back() -> Answering {
    Answering::made(|done| {
        let list = &done.list;
        let count = i64::try_from(done.total).unwrap_or(i64::MAX);
        let told = (list.version - count + 1..).zip(&done.first);
        let entry =
            |(version, event)| ChangeBody::from(Entry::new(version, event, done.by.clone()));
        let body = TakenBackBody {
            changes: told.map(entry).collect(),
            total: done.total as u64,
            can_undo: list.state.undo.is_some(),
            can_redo: list.state.redo.is_some(),
            version: list.state.version,
        };
        answer(body.version, None, &body)
    })
}

/// How a batch is answered, with about so many bytes. A task is shown once, however many commands are about it.
fn as_batch(owner: UserId, actions: Arc<[Action]>, shown: usize) -> Answering {
    Answering::made_of(shown, move |done| {
        let (list, mut created) = (&done.list, done.created.iter());
        let id = |action| match action {
            &Action::Create(_) => created.next().copied(),
            &Action::Change { id, .. } | &Action::Delete { id, .. } | &Action::Move { id, .. } => {
                Some(id)
            }
            Action::Restore(restore) => Some(restore.id),
            Action::Put(_) => None,
        };
        let ids: Option<Vec<_>> = actions.iter().map(id).collect();
        let ids = ids.ok_or_else(|| super::missing("a batch lacks a result"))?;
        let mut shown = HashSet::new();
        let last_first = ids.into_iter().rev().map(|id| {
            let task = shown.insert(id).then(|| list.state.tasks.get(id)).flatten();
            BatchResult { id, task: task.map(|task| TaskBody::new(owner, task)) }
        });
        let mut results: Vec<_> = last_first.collect();
        results.reverse();
        let version = list.state.version;
        answer(version, None, &BatchBody { results, version })
    })
}

/// About how many bytes the answer to a batch has: each task that it is about, as it is now or as it is made.
fn shown_bytes(tasks: &OrderedTasks, actions: &[Action]) -> usize {
    let mut shown = HashSet::new();
    let bytes = |action: &Action| {
        let task = action.about().filter(|id| shown.insert(*id)).and_then(|id| tasks.get(id));
        BARE_RESULT + action.bytes() + task.map_or(0, |task| task.content.bytes())
    };
    actions.iter().map(bytes).sum()
}

/// What the commands of a batch ask for, or everything that is wrong with them at once.
async fn actions(
    tasks: &Tasks,
    owner: UserId,
    commands: &[BatchCommand],
    now: crate::base::clock::Timestamp,
) -> Result<Vec<Action>, Problem> {
    let restored: Vec<TaskId> = commands.iter().filter_map(restored).collect();
    let deletions = tasks.deletions(owner, &restored).await?;
    let list = tasks.of(owner).await?;
    let mut reading = Reading::default();
    let mut actions = Vec::with_capacity(commands.len());
    for (index, command) in commands.iter().enumerate() {
        reading.at(format!("commands[{index}]."));
        let restore = |id| {
            let task = list.state.tasks.get(id);
            standing(id, task.map(|task| &**task)).or_else(|| deleted(id, &deletions))
        };
        actions.extend(action(command, now, restore, &mut reading));
    }
    reading.finish(Some(actions))
}

fn restored(command: &BatchCommand) -> Option<TaskId> {
    match command {
        BatchCommand::Restore(restore) => restore.id.parse().ok(),
        BatchCommand::Create(_)
        | BatchCommand::Change(_)
        | BatchCommand::Delete(_)
        | BatchCommand::Move(_) => None,
    }
}

/// What one command of a batch asks for, as far as it can be read.
fn action(
    command: &BatchCommand,
    now: crate::base::clock::Timestamp,
    restore: impl Fn(TaskId) -> Option<Restore>,
    reading: &mut Reading,
) -> Option<Action> {
    match command {
        BatchCommand::Create(create) => {
            reading.at(reading.path_of("task."));
            let draft = create.task.draft(reading)?;
            let completed = create.task.completed;
            Some(Action::Create(New { id: TaskId::at(now), draft, completed }))
        }
        BatchCommand::Change(change) => {
            let id = known(&change.id, reading)?;
            reading.at(reading.path_of("changes."));
            let wanted = change.changes.wanted(reading)?;
            Some(Action::Change { id, wanted, expected: expected(change.if_version) })
        }
        BatchCommand::Delete(delete) => {
            let id = known(&delete.id, reading)?;
            Some(Action::Delete { id, expected: expected(delete.if_version) })
        }
        BatchCommand::Move(relocation) => {
            let id = known(&relocation.id, reading)?;
            let place = relocation.place(reading)?;
            Some(Action::Move { id, place, expected: expected(relocation.if_version) })
        }
        BatchCommand::Restore(request) => {
            let id = known(&request.id, reading)?;
            let Some(restore) = restore(id) else {
                reading.wrong("id", Flaw::Unknown, "was never a task of this list");
                return None;
            };
            Some(Action::Restore(Box::new(restore)))
        }
    }
}

/// The identifier of a task.
fn known(id: &str, reading: &mut Reading) -> Option<TaskId> {
    let parsed = id.parse();
    parsed.map_err(|_| reading.wrong("id", Flaw::Unknown, "is not a task of this list")).ok()
}

/// What a task was in a version, or when it was deleted.
async fn restoration(
    tasks: &Tasks,
    owner: UserId,
    (id, version): (TaskId, Option<Within>),
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

/// A task that is there is brought back by leaving it alone.
fn standing(id: TaskId, task: Option<&Task>) -> Option<Restore> {
    task.map(|task| Restore::new(id, (task.content.clone(), task.created_at), None))
}

/// A deleted task is brought back as it was.
fn deleted(id: TaskId, deletions: &HashMap<TaskId, (i64, TaskDeleted)>) -> Option<Restore> {
    let (version, deleted) = deletions.get(&id)?;
    Some(Restore::new(id, (deleted.task.clone(), deleted.created_at), Some(*version)))
}
