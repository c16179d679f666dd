//! Errors of looking up, beginning and changing sessions.

use super::session_list::Rejection;
use crate::base::id::RandomnessUnavailable;
use crate::eventlog::{ExecuteError, StoreError};

/// A command on sessions was not carried out.
pub type SessionCommandError = ExecuteError<Rejection>;

/// Reasons for which there is no session.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SessionError {
    /// The session is unknown, has ended, or its time is over.
    #[error("the session has ended")]
    Ended,
    /// The database could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reasons for which a session was not started.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StartError {
    /// There is no randomness for its token.
    #[error(transparent)]
    Randomness(#[from] RandomnessUnavailable),
    /// The log did not take the event.
    #[error(transparent)]
    Command(#[from] SessionCommandError),
}
