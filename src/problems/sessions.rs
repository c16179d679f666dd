//! Problems of sessions: ended, not begun, or not found.

use super::eventlog::executed;
use crate::eventlog::ReadError;
use crate::http::response::problem::Problem;
use crate::http::response::problem::codes;
use crate::sessions::{SessionCommandError, SessionError, StartError};

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Ended => Self::invalid_token(codes::SESSION_ENDED, error),
            SessionError::Store(error) => ReadError::Store(error).into(),
        }
    }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Randomness(_) => Self::internal(&error),
            StartError::Command(error) => error.into(),
        }
    }
}

impl From<SessionCommandError> for Problem {
    fn from(error: SessionCommandError) -> Self {
        executed(error, |rejection| match rejection {})
    }
}

impl Problem {
    /// `404`: the user has no live session with this id.
    pub fn no_such_session() -> Self {
        Self::new(codes::SESSION_NOT_FOUND, "There is no such session")
    }
}
