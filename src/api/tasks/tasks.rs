//! The tasks themselves.

use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query as Parameter};

use super::answers::{Changed, Created, Deleted};
use super::bodies::{MoveRequest, Reading, TaskBody, TaskListBody, TaskPatch, TaskRequest, place};
use super::{CACHE_CONTROL, Sent, answer, as_task, default_limit, moment, not_made, parse, stamp};
use crate::api::state::State;
use crate::api::tag::Tag;
use crate::authn::caller::Owner;
use crate::http::request::hashed_body::{Digested, NO_BODY};
use crate::http::request::idempotency_key::MaybeIdempotencyKey;
use crate::http::request::if_match::IfMatch;
use crate::http::request::json::{Json, MergePatch};
use crate::http::response::conditional::Cached;
use crate::http::response::etag;
use crate::http::response::failure::Failure;
use crate::http::response::field_problem::Flaw;
use crate::http::response::problem::Problem;
use crate::tasks::history::moment::Moment;
use crate::tasks::idempotency::record::Answer;
use crate::tasks::listing::{Cursor, Filter, MAX_LIMIT, Order, Query, Sort};
use crate::tasks::task_list::command::{Action, Command, New, Wanted};
use crate::tasks::values::{Bound, Due, Priority, Tags, TaskId};
use crate::tasks::writing::Answering;

crate::statuses! {
    /// `GET /api/{user_id}/tasks`
    ListTasks: 400, 401, 403, 503;
    /// `POST /api/{user_id}/tasks`
    CreateTask: 400, 401, 403, 409, 413, 415, 422, 429, 503;
    /// `GET /api/{user_id}/tasks/{task_id}`
    GetTask: 400, 401, 403, 404, 503;
    /// `PUT` and `PATCH /api/{user_id}/tasks/{task_id}`, `POST /api/{user_id}/tasks/{task_id}/move`
    ChangeTask: 400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503;
    /// `DELETE /api/{user_id}/tasks/{task_id}`
    DeleteTask: 400, 401, 403, 404, 409, 412, 422, 429, 503;
}

/// The task endpoints.
#[derive(Debug, Default)]
pub struct TasksApi;

/// A page of the owner's list: what [`TasksApi::list`] answers, also for a request that did not pass the typed layer.
pub(crate) async fn page(
    owner: &Owner,
    request: &Request,
    query: Query,
    as_of: Option<Moment>,
) -> Result<Cached<TaskListBody>, Failure<ListTasks>> {
    let State { pages, tasks, .. } = State::of(request)?;
    let page = pages.read(tasks, owner.user_id, query, as_of).await;
    let (bytes, version) = page.map_err(|error| not_made("asOf", error))?;
    let tag = etag::of_version(version);
    Ok(Cached::answer(request, bytes, tag, CACHE_CONTROL.to_owned()))
}

#[OpenApi(tag = "Tag::Tasks")]
impl TasksApi {
    /// List tasks
    ///
    /// The user's tasks, filtered, searched and sorted, a page at a time; as they are, or as they were. The cursor stays right
    /// while tasks come, go and change: a task that nobody changes meanwhile is on exactly one page.
    #[oai(path = "/api/:user_id/tasks", method = "get", operation_id = "listTasks")]
    #[expect(clippy::too_many_arguments, reason = "one argument per parameter of the operation")]
    async fn list(
        &self,
        owner: Owner,
        request: &Request,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// Most tasks on the page.
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Parameter<u64>,
        /// `nextCursor` of the page before, for the same sort.
        cursor: Parameter<Option<String>>,
        /// Only tasks that are done, or only those that are not.
        completed: Parameter<Option<bool>>,
        /// Only tasks with this priority, or with one of these if it is said several times.
        #[oai(default, validator(max_items = 4))]
        priority: Parameter<Vec<Priority>>,
        /// Only tasks with this tag, or with all of these if it is said several times, whatever case and accents.
        #[oai(default, validator(max_items = 20))]
        tag: Parameter<Vec<String>>,
        /// Only tasks that are due on or after this date, or at or after this date and time with its offset (whose `+` is
        /// written `%2B`).
        #[oai(name = "dueFrom")]
        due_from: Parameter<Option<String>>,
        /// Only tasks that are due on or before this date, or at or before this date and time with its offset.
        #[oai(name = "dueUntil")]
        due_until: Parameter<Option<String>>,
        /// Only tasks with this text in title or description, whatever its case and accents; up to 200 characters.
        #[oai(validator(max_length = 200))]
        q: Parameter<Option<String>>,
        /// What to sort by.
        #[oai(default)]
        sort: Parameter<Sort>,
        /// Which way to sort. Tasks that are not due come last in either.
        #[oai(default)]
        order: Parameter<Order>,
        /// Show the list as it was: in a version, or at a date and time with its offset (RFC 3339).
        #[oai(name = "asOf")]
        as_of: Parameter<Option<String>>,
    ) -> Result<Cached<TaskListBody>, Failure<ListTasks>> {
        let filter = Filter {
            priorities: priority.0,
            due_from: bound("dueFrom", due_from.0.as_deref())?,
            due_until: bound("dueUntil", due_until.0.as_deref())?,
            ..Filter::default()
        };
        let query = Query {
            completed: completed.0,
            filter: filter.tagged(&tags(&tag.0)?).containing(q.0.as_deref()),
            after: cursor.0.map(|text| after(&text, sort.0)).transpose()?,
            sort: sort.0,
            order: order.0,
            limit: usize::try_from(limit.0).unwrap_or(MAX_LIMIT),
        };
        let as_of = as_of.0.map(|text| moment("asOf", &text)).transpose()?;
        page(&owner, request, query, as_of).await
    }

    /// Create a task
    ///
    /// Adds a task to the end of the list and of its manual order. `Location` is where it is found. A list of as many tasks as it
    /// may have refuses with `LIST_FULL`, and one of as many bytes, here and wherever it would grow, with `LIST_TOO_LARGE`.
    #[oai(path = "/api/:user_id/tasks", method = "post", operation_id = "createTask")]
    async fn create(
        &self,
        owner: Owner,
        request: &Request,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// Send the request again with the same key within two days, and it is done once. Up to 10,000 keys a day.
        #[oai(name = "Idempotency-Key")]
        key: MaybeIdempotencyKey,
        body: Digested<Json<TaskRequest>>,
    ) -> Result<Created, Failure<CreateTask>> {
        let state = State::of(request)?;
        let Digested { body: Json(body), digest } = body;
        let (user_id, stamp) = (owner.user_id, stamp(state));
        let new = New { id: TaskId::at(stamp.at), draft: body.read()?, completed: body.completed };
        let sent = Sent::new(&owner, request, key, digest)?;
        let answering = Answering::made(move |done| {
            let id = done.created.first();
            let task = id.and_then(|id| done.list.state.tasks.get(*id));
            let task = task.ok_or_else(|| super::missing("a creation created nothing"))?;
            let location = format!("/api/{user_id}/tasks/{}", task.id);
            answer(task.version, Some(location), &TaskBody::new(user_id, task))
        });
        Ok(sent.write(Command::one(Action::Create(new), stamp), answering).await?.into())
    }

    /// Get a task
    ///
    /// One task of the list.
    #[oai(path = "/api/:user_id/tasks/:task_id", method = "get", operation_id = "getTask")]
    async fn get(
        &self,
        owner: Owner,
        request: &Request,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// Which task.
        task_id: Path<String>,
    ) -> Result<Cached<TaskBody>, Failure<GetTask>> {
        let task_id = parse(&task_id)?;
        let list = State::of(request)?.tasks.of(owner.user_id).await?;
        let task = list.state.tasks.get(task_id).ok_or_else(Problem::no_such_task)?;
        let body = serde_json::to_vec(&TaskBody::new(owner.user_id, task));
        let body = body.map_err(|error| Problem::internal(&error))?.into();
        let tag = etag::of_version(task.version);
        Ok(Cached::answer(request, body, tag, CACHE_CONTROL.to_owned()))
    }

    /// Replace a task
    ///
    /// Sets everything that people say of a task: what is absent gets its default. Its place in the manual order stays.
    #[oai(path = "/api/:user_id/tasks/:task_id", method = "put", operation_id = "replaceTask")]
    #[expect(clippy::too_many_arguments, reason = "one argument per parameter of the operation")]
    async fn replace(
        &self,
        owner: Owner,
        request: &Request,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// Which task.
        task_id: Path<String>,
        /// Only if the task still has this entity tag.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        /// Send the request again with the same key within two days, and it is done once. Up to 10,000 keys a day.
        #[oai(name = "Idempotency-Key")]
        key: MaybeIdempotencyKey,
        body: Digested<Json<TaskRequest>>,
    ) -> Result<Changed<TaskBody>, Failure<ChangeTask>> {
        let Digested { body: Json(body), digest } = body;
        let fields = body.read()?.fields();
        let wanted = Wanted { fields, completed: Some(body.completed) };
        let sent = Sent::new(&owner, request, key, digest)?;
        Ok(change(sent, &task_id, wanted, &if_match).await?.into())
    }

    /// Change a task
    ///
    /// Sets some fields of a task (JSON Merge Patch, RFC 7396): those that are absent stay as they are, `null` takes away.
    #[oai(path = "/api/:user_id/tasks/:task_id", method = "patch", operation_id = "changeTask")]
    #[expect(clippy::too_many_arguments, reason = "one argument per parameter of the operation")]
    async fn change(
        &self,
        owner: Owner,
        request: &Request,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// Which task.
        task_id: Path<String>,
        /// Only if the task still has this entity tag.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        /// Send the request again with the same key within two days, and it is done once. Up to 10,000 keys a day.
        #[oai(name = "Idempotency-Key")]
        key: MaybeIdempotencyKey,
        body: Digested<MergePatch<TaskPatch>>,
    ) -> Result<Changed<TaskBody>, Failure<ChangeTask>> {
        let Digested { body: MergePatch(body), digest } = body;
        let sent = Sent::new(&owner, request, key, digest)?;
        Ok(change(sent, &task_id, body.read()?, &if_match).await?.into())
    }

    /// Move a task
    ///
    /// Puts a task right before or right after another one in the manual order, and leaves the others where they are.
    #[oai(path = "/api/:user_id/tasks/:task_id/move", method = "post", operation_id = "moveTask")]
    #[expect(clippy::too_many_arguments, reason = "one argument per parameter of the operation")]
    async fn relocate(
        &self,
        owner: Owner,
        request: &Request,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// Which task.
        task_id: Path<String>,
        /// Only if the task still has this entity tag.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        /// Send the request again with the same key within two days, and it is done once. Up to 10,000 keys a day.
        #[oai(name = "Idempotency-Key")]
        key: MaybeIdempotencyKey,
        body: Digested<Json<MoveRequest>>,
    ) -> Result<Changed<TaskBody>, Failure<ChangeTask>> {
        let Digested { body: Json(body), digest } = body;
        let (state, id) = (State::of(request)?, parse(&task_id)?);
        let mut reading = Reading::default();
        let place = place(body.before.as_deref(), body.after.as_deref(), &mut reading);
        let place = reading.finish(place)?;
        let action = Action::Move { id, place, expected: if_match.versions() };
        let sent = Sent::new(&owner, request, key, digest)?;
        let command = Command::one(action, stamp(state));
        Ok(sent.write(command, as_task(owner.user_id, id)).await?.into())
    }

    /// Delete a task
    ///
    /// Takes a task off the list. Its history stays, and it can be restored.
    #[oai(path = "/api/:user_id/tasks/:task_id", method = "delete", operation_id = "deleteTask")]
    async fn delete(
        &self,
        owner: Owner,
        request: &Request,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// Which task.
        task_id: Path<String>,
        /// Only if the task still has this entity tag.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        /// Send the request again with the same key within two days, and it is done once. Up to 10,000 keys a day.
        #[oai(name = "Idempotency-Key")]
        key: MaybeIdempotencyKey,
    ) -> Result<Deleted, Failure<DeleteTask>> {
        let state = State::of(request)?;
        let action = Action::Delete { id: parse(&task_id)?, expected: if_match.versions() };
        let sent = Sent::new(&owner, request, key, NO_BODY)?;
        let command = Command::one(action, stamp(state));
        Ok(sent.write(command, Answering::Done).await?.into())
    }
}

/// The place after which a page begins.
fn after(text: &str, sort: Sort) -> Result<Cursor, Problem> {
    let cursor = text.parse::<Cursor>().ok().filter(|cursor| cursor.place.fits(sort));
    cursor.ok_or_else(|| {
        Problem::field(
            "cursor",
            Flaw::Invalid,
            "must be the nextCursor of a page with the same sort",
        )
    })
}

/// The tags that are asked for.
fn tags(given: &[String]) -> Result<Tags, Problem> {
    let mut reading = Reading::default();
    let tags = reading.tags("tag", given);
    reading.finish(tags)
}

/// An end of a range of due dates.
fn bound(field: &str, text: Option<&str>) -> Result<Option<Bound>, Problem> {
    let due = text.map(str::parse::<Due>).transpose();
    let due = due.map_err(|error| Problem::field(field, Flaw::Invalid, error))?;
    Ok(due.map(|due| due.bound()))
}

async fn change(
    sent: Sent<'_>,
    task_id: &str,
    wanted: Wanted,
    if_match: &IfMatch,
) -> Result<Answer, Problem> {
    let (id, user_id) = (parse(task_id)?, sent.owner.user_id);
    let action = Action::Change { id, wanted, expected: if_match.versions() };
    let command = Command::one(action, stamp(sent.state));
    sent.write(command, as_task(user_id, id)).await
}
