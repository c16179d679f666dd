//! Representations of tasks in responses.

use serde::Serialize;
use serde::ser::Error;

use super::bodies::task::TaskBody;
use crate::base::id::UserId;
use crate::eventlog::Point;
use crate::http::response::etag;
use crate::tasks::idempotency::record::CommandAnswer;
use crate::tasks::values::TaskId;
use crate::tasks::writing::Answering;

/// Responses with a user's tasks are not cached: a browser would still have them for its next user.
pub(super) const CACHE_CONTROL: &str = "no-store";

/// Answer with the state of a task after a command.
pub(super) fn as_task(owner: UserId, task_id: TaskId) -> Answering {
    Answering::made(move |done| {
        let task = done.list.state.tasks.get(task_id);
        let task = task.ok_or_else(|| missing("the task of a command is gone"))?;
        answer(task.version, None, &TaskBody::new(owner, task))
    })
}

/// Answer with the entity tag of a version.
pub(super) fn answer(
    version: Point,
    location: Option<String>,
    body: &impl Serialize,
) -> serde_json::Result<CommandAnswer> {
    let body = serde_json::value::to_raw_value(body)?;
    Ok(CommandAnswer { etag: Some(etag::of_version(version)), location, body })
}

/// Error of an outcome that its command cannot have.
pub(super) fn missing(what: &str) -> serde_json::Error {
    serde_json::Error::custom(what)
}
