//! Problems of the event log and of its entities.

use crate::eventlog::{ExecuteError, ReadError, StoreError};
use crate::http::response::problem::Problem;
use crate::http::response::problem::codes;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(source) => {
                tracing::warn!(error = %source, "the database is unavailable");
                Self::unavailable()
            }
            StoreError::OutcomeUnknown(reason) => {
                tracing::warn!(%reason, "the outcome of a change is unknown");
                Self::outcome_unknown()
            }
            StoreError::Overloaded => Self::overloaded(),
            StoreError::Conflict
            | StoreError::Constraint(_)
            | StoreError::Refused(_)
            | StoreError::Undecodable { .. } => Self::internal(&error),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Store(error) => error.of_read().into(),
            ReadError::Overloaded => Self::overloaded(),
            ReadError::NoReply => Self::internal(&error),
        }
    }
}

/// Translates an [`ExecuteError`], except for its rejection, which the caller translates.
pub(super) fn executed<R: std::error::Error>(
    error: ExecuteError<R>,
    rejected: impl FnOnce(R) -> Problem,
) -> Problem {
    match error {
        ExecuteError::Rejected(rejection) => rejected(rejection),
        ExecuteError::Store(error) => error.into(),
        ExecuteError::Overloaded => Problem::overloaded(),
        ExecuteError::Contended => Problem::contended(),
        ExecuteError::NoReply => Problem::internal(&"an entity did not answer"),
    }
}

impl Problem {
    /// `503`: other writers changed the stream first, several times in a row.
    pub fn contended() -> Self {
        Self::retry_later(
            codes::CONTENDED,
            "Other requests changed the same data at the same time; nothing was changed, try again shortly",
        )
    }
}
