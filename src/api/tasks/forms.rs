//! Changes that a form without scripts asks for.

use poem::Request;

use super::bodies::reading::{Reading, SentFields};
use super::request::{OwnerRequest, task_id};
use crate::api::state::State;
use crate::authn::caller::Owner;
use crate::http::request::hashed_body::NO_BODY;
use crate::http::request::idempotency_key::MaybeIdempotencyKey;
use crate::http::response::problem::Problem;
use crate::tasks::task_list::command::{Action, Command, Expected, New, TaskUpdate};
use crate::tasks::values::{Priority, TaskId};
use crate::tasks::writing::Answering;

/// Fields of a new task as they were typed; an empty one counts as absent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TypedTask<'a> {
    /// Required text of one line.
    pub(crate) title: &'a str,
    /// Name of a priority.
    pub(crate) priority: &'a str,
    /// Date, or date and time.
    pub(crate) due: &'a str,
}

/// Adds a task with the typed fields.
///
/// # Errors
///
/// Fails if a field is wrong, or the list refuses the task.
pub(crate) async fn add(
    owner: &Owner,
    request: &Request,
    TypedTask { title, priority, due }: TypedTask<'_>,
) -> Result<(), Problem> {
    let mut reading = Reading::default();
    let priority = match priority {
        "" => Some(Priority::None),
        name => reading.value("priority", name.parse()),
    };
    let due = Some(due).filter(|due| !due.is_empty());
    let said = SentFields {
        title,
        description: None,
        priority: priority.unwrap_or_default(),
        due,
        tags: &[],
    };
    let draft = reading.draft(&said);
    let draft = reading.finish(draft)?;
    let now = State::of(request)?.gate.clock.now();
    let new = New { id: TaskId::at(now), draft, completed: false };
    carry_out(owner, request, Action::Create(new)).await
}

/// Completes a task, or opens it again.
///
/// # Errors
///
/// Fails if there is no such task, or the list refuses the change.
pub(crate) async fn complete(
    owner: &Owner,
    request: &Request,
    id: &str,
    completed: bool,
) -> Result<(), Problem> {
    let wanted = TaskUpdate { completed: Some(completed), ..TaskUpdate::default() };
    let action = Action::Change { id: task_id(id)?, wanted, expected: Expected::default() };
    carry_out(owner, request, action).await
}

/// Deletes the task that a path names.
///
/// # Errors
///
/// Fails if there is no such task, or the list refuses the change.
pub(crate) async fn delete(owner: &Owner, request: &Request, id: &str) -> Result<(), Problem> {
    let action = Action::Delete { id: task_id(id)?, expected: Expected::default() };
    carry_out(owner, request, action).await
}

async fn carry_out(owner: &Owner, request: &Request, action: Action) -> Result<(), Problem> {
    let request = OwnerRequest::new(owner.clone(), request)?;
    let writing = request.writing(&MaybeIdempotencyKey(None), NO_BODY);
    let command = Command::one(action, request.stamp());
    request.write(&writing, command, Answering::Done).await.map(drop)
}
