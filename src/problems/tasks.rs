//! Problems of task lists.

use std::time::Duration;

use super::eventlog::executed;
use crate::eventlog::ReadError;
use crate::http::response::problem::Problem;
use crate::http::response::problem::codes;
use crate::tasks::events::EditKind;
use crate::tasks::idempotency::IdempotencyError;
use crate::tasks::limits::bulk_limiter::Busy;
use crate::tasks::writing::WriteError;

impl From<Busy> for Problem {
    fn from(_: Busy) -> Self {
        Self::overloaded()
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Execute(error) => executed(error, |rejection| Self::internal(&rejection)),
            WriteError::Key(IdempotencyError::Reused) => Self::key_reused(),
            WriteError::Key(IdempotencyError::InUse) => Self::key_in_use(),
            WriteError::Key(IdempotencyError::TooMany { retry_after }) => {
                Self::too_many_keys(retry_after)
            }
            WriteError::Key(IdempotencyError::Store(error)) => ReadError::Store(error).into(),
            WriteError::Nothing(EditKind::Undo) => {
                Self::new(codes::NOTHING_TO_UNDO, "There is nothing to undo")
            }
            WriteError::Nothing(EditKind::Do | EditKind::Redo) => {
                Self::new(codes::NOTHING_TO_REDO, "There is nothing to redo")
            }
            WriteError::Busy(error) => error.into(),
            WriteError::Encoding(_) => Self::internal(&error),
        }
    }
}

impl Problem {
    /// `409`: the list has as many tasks as fit.
    pub fn list_full() -> Self {
        Self::new(codes::LIST_FULL, "The list cannot take any more tasks")
    }

    /// `409`: the list would take more bytes than a list may.
    pub fn list_too_large() -> Self {
        let message = "The list would exceed its maximum size; nothing was changed";
        Self::new(codes::LIST_TOO_LARGE, message)
    }

    /// `429`: the user has used as many keys as are kept for a day.
    fn too_many_keys(retry_after: Duration) -> Self {
        let seconds = u32::try_from(retry_after.as_secs()).unwrap_or(u32::MAX).max(1);
        Self::new(
            codes::TOO_MANY_IDEMPOTENCY_KEYS,
            "Too many requests were sent with an Idempotency-Key today; nothing was changed",
        )
        .retry_after(seconds)
    }

    /// `404`: the list has no task with this id.
    pub fn no_such_task() -> Self {
        Self::new(codes::TASK_NOT_FOUND, "There is no such task")
    }
}
