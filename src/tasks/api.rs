//! The task endpoints. Each begins with the [`Owner`]: nobody else gets past it.

use poem::Request;
use poem_openapi::param::Path;
use poem_openapi::param::Query as Parameter;
use poem_openapi::{ApiResponse, OpenApi};

use super::bodies::{TaskBody, TaskListBody, TaskPatch, TaskRequest, Wanted};
use super::events::{TaskCreated, TaskDeleted};
use super::listing::{DEFAULT_LIMIT, MAX_LIMIT, Query};
use super::task::Task;
use super::task_list::{Change, Command};
use super::values::TaskId;
use crate::http::State;
use crate::http::caller::{self, Owner};
use crate::http::failure::Failure;
use crate::http::field::Flaw;
use crate::http::json::{Encoded, Json};
use crate::http::problem::Problem;
use crate::http::tag::Tag;
use crate::id::UserId;

crate::statuses! {
    /// `GET /api/{user_id}/tasks`
    ListTasks: 400, 401, 403, 503;
    /// `POST /api/{user_id}/tasks`
    CreateTask: 400, 401, 403, 409, 413, 415, 503;
    /// `GET /api/{user_id}/tasks/{task_id}`
    GetTask: 400, 401, 403, 404, 503;
    /// `PUT` and `PATCH /api/{user_id}/tasks/{task_id}`
    ChangeTask: 400, 401, 403, 404, 413, 415, 503;
    /// `DELETE /api/{user_id}/tasks/{task_id}`
    DeleteTask: 400, 401, 403, 404, 503;
}

/// The task was added.
#[derive(Debug, ApiResponse)]
enum Created {
    /// The task was added.
    #[oai(status = 201)]
    Task(
        Json<TaskBody>,
        /// Path of the new task.
        #[oai(header = "Location")]
        String,
    ),
}

/// The task was deleted.
#[derive(Debug, ApiResponse)]
enum Deleted {
    /// The task was deleted.
    #[oai(status = 204)]
    Done,
}

/// The task endpoints.
#[derive(Debug)]
pub struct TasksApi;

#[OpenApi(tag = "Tag::Tasks")]
impl TasksApi {
    /// List tasks
    ///
    /// The user's tasks in order of creation, a page at a time. The cursor stays right while tasks come and go.
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
        /// `nextCursor` of the page before.
        cursor: Parameter<Option<String>>,
        /// Only tasks that are done, or only those that are not.
        completed: Parameter<Option<bool>>,
        /// Only tasks with this text in title or description, whatever its case; up to 200 characters.
        #[oai(validator(max_length = 200))]
        q: Parameter<Option<String>>,
    ) -> Result<Encoded<TaskListBody>, Failure<ListTasks>> {
        let cursor = cursor.0.map(|cursor| cursor.parse::<TaskId>()).transpose();
        let after = cursor.map_err(|_| {
            Problem::field("cursor", Flaw::Invalid, "must be the nextCursor of a page")
        })?;
        let limit = usize::try_from(limit.0).unwrap_or(MAX_LIMIT);
        let query = Query { completed: completed.0, text: None, after, limit };
        let query = query.containing(q.0.as_deref());
        let page = caller::state(request)?.tasks.page(owner.user_id, query).await;
        Ok(Encoded::new(page.map_err(Problem::from)?))
    }

    /// Create a task
    ///
    /// Adds a task to the end of the list. `Location` is where it is found.
    #[oai(path = "/api/:user_id/tasks", method = "post", operation_id = "createTask")]
    async fn create(
        &self,
        owner: Owner,
        request: &Request,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        body: Json<TaskRequest>,
    ) -> Result<Created, Failure<CreateTask>> {
        let state = caller::state(request)?;
        let (title, description) = body.0.values()?;
        let now = state.clock.now();
        let command = Command::Create(TaskCreated {
            task_id: TaskId::at(now),
            title,
            description,
            completed: body.0.completed,
            created_at: now,
        });
        let outcome = state
            .tasks
            .execute(owner.user_id, command, owner.context(request))
            .await
            .map_err(Problem::from)?;
        let task = super::created_task(&outcome)
            .ok_or_else(|| Problem::internal(&"a creation created nothing"))?;
        let location = format!("/api/{}/tasks/{}", owner.user_id, task.id);
        Ok(Created::Task(Json(TaskBody::new(owner.user_id, &task)), location))
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
    ) -> Result<Json<TaskBody>, Failure<GetTask>> {
        let task_id = parse(&task_id)?;
        Ok(Json(find(caller::state(request)?, owner.user_id, task_id).await?))
    }

    /// Replace a task
    ///
    /// Sets all fields of a task: those that are absent get their default.
    #[oai(path = "/api/:user_id/tasks/:task_id", method = "put", operation_id = "replaceTask")]
    async fn replace(
        &self,
        owner: Owner,
        request: &Request,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// Which task.
        task_id: Path<String>,
        body: Json<TaskRequest>,
    ) -> Result<Json<TaskBody>, Failure<ChangeTask>> {
        let (title, description) = body.0.values()?;
        let wanted = Wanted {
            title: Some(title),
            description: Some(description),
            completed: Some(body.0.completed),
        };
        Ok(Json(change(&owner, request, &task_id, wanted).await?))
    }

    /// Change a task
    ///
    /// Sets some fields of a task: those that are absent stay as they are.
    #[oai(path = "/api/:user_id/tasks/:task_id", method = "patch", operation_id = "changeTask")]
    async fn change(
        &self,
        owner: Owner,
        request: &Request,
        /// Whose tasks: the access token's user.
        #[oai(name = "user_id")]
        _user_id: Path<String>,
        /// Which task.
        task_id: Path<String>,
        body: Json<TaskPatch>,
    ) -> Result<Json<TaskBody>, Failure<ChangeTask>> {
        Ok(Json(change(&owner, request, &task_id, body.0.values()?).await?))
    }

    /// Delete a task
    ///
    /// Takes a task off the list. Its history stays in the event log.
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
    ) -> Result<Deleted, Failure<DeleteTask>> {
        let state = caller::state(request)?;
        let command = Command::Delete(TaskDeleted {
            task_id: parse(&task_id)?,
            deleted_at: state.clock.now(),
        });
        state
            .tasks
            .execute(owner.user_id, command, owner.context(request))
            .await
            .map_err(Problem::from)?;
        Ok(Deleted::Done)
    }
}

fn default_limit() -> u64 {
    DEFAULT_LIMIT as u64
}

/// Text that is no identifier names no task.
fn parse(task_id: &str) -> Result<TaskId, Problem> {
    task_id.parse().map_err(|_| Problem::no_such_task())
}

async fn find(state: &State, owner: UserId, task_id: TaskId) -> Result<TaskBody, Problem> {
    let published = state.tasks.of(owner).await?;
    let task: Option<&Task> = published.state.tasks.get(task_id).map(|task| &**task);
    task.map(|task| TaskBody::new(owner, task)).ok_or_else(Problem::no_such_task)
}

async fn change(
    owner: &Owner,
    request: &Request,
    task_id: &str,
    wanted: Wanted,
) -> Result<TaskBody, Problem> {
    let state = caller::state(request)?;
    let task_id = parse(task_id)?;
    let Wanted { title, description, completed } = wanted;
    let command =
        Command::Change(Change { task_id, title, description, completed, now: state.clock.now() });
    let outcome = state.tasks.execute(owner.user_id, command, owner.context(request)).await?;
    let task = outcome.published.state.tasks.get(task_id).ok_or_else(Problem::no_such_task)?;
    Ok(TaskBody::new(owner.user_id, task))
}
