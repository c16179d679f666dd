//! Errors of the log and of entities, and their meaning for a command.

use std::sync::Arc;

use tokio_postgres::error::{DbError, SqlState};

use super::event::DecodeError;
use super::stream::StreamName;
use crate::postgres::DatabaseError;
use crate::postgres::refusal::{Meaning, Reach, meaning, reach};

/// The event log could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The stream does not have the expected version.
    #[error("the stream does not have the expected version")]
    Conflict,
    /// A read model's or a neighbouring table's constraint refused the write; the feature knows what it means.
    #[error("constraint {0} refused the write")]
    Constraint(String),
    /// The database could not be reached, or cannot for the moment; nothing was written.
    #[error("the database is unavailable")]
    Unavailable(#[source] Arc<DatabaseError>),
    /// The connection was lost while writing: the events may or may not be in the log.
    #[error("the outcome of the append is unknown: {0}")]
    OutcomeUnknown(String),
    /// The server refused a statement for a reason that is a mistake in this program.
    #[error("the database refused a statement: {0}")]
    Refused(String),
    /// Too many appends wait already; nothing was written.
    #[error("the appender's queue is full")]
    Overloaded,
    /// A stored event cannot be read.
    #[error("stream {stream} version {version}: {source}")]
    Undecodable {
        /// Stream in which the event stands, for the message.
        stream: StreamName,
        /// Version of the event in its stream.
        version: i64,
        /// Reason for which it cannot be read.
        source: DecodeError,
    },
}

impl From<DatabaseError> for StoreError {
    fn from(error: DatabaseError) -> Self {
        Self::Unavailable(Arc::new(error))
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(refusal) => classify(refusal),
            None => Self::of_driver(&error),
        }
    }
}

impl StoreError {
    /// Classifies a failure that is no answer of the server.
    pub(crate) fn of_driver(error: &tokio_postgres::Error) -> Self {
        if error.is_closed() || is_io(error) {
            Self::OutcomeUnknown(describe(error))
        } else {
            Self::Refused(describe(error))
        }
    }

    /// The server's code, if it said that it cannot for the moment.
    fn cannot_now(&self) -> Option<&str> {
        if let Self::Unavailable(error) = self { error.cannot_now() } else { None }
    }

    /// Returns true if the database has said that it takes no changes, whatever they say.
    pub(crate) fn is_of_every_change(&self) -> bool {
        self.cannot_now().is_some_and(|code| reach(code) == Reach::Changes)
    }

    /// Returns true if one command of a group may be to blame: a deadlock is one of rows that two groups want in different
    /// orders, and each command alone has none to wait for.
    pub(crate) fn may_be_of_one_command(&self) -> bool {
        let is_deadlock = self.cannot_now() == Some(SqlState::T_R_DEADLOCK_DETECTED.code());
        is_deadlock || matches!(self, Self::Constraint(_) | Self::Refused(_))
    }

    /// Meaning of the error if nothing was written: a lost connection left nothing in doubt.
    #[must_use]
    pub fn of_read(self) -> Self {
        match self {
            Self::OutcomeUnknown(reason) => unavailable(reason),
            Self::Conflict
            | Self::Constraint(_)
            | Self::Unavailable(_)
            | Self::Refused(_)
            | Self::Overloaded
            | Self::Undecodable { .. } => self,
        }
    }
}

fn unavailable(reason: String) -> StoreError {
    StoreError::Unavailable(Arc::new(DatabaseError::Unavailable(reason)))
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    use std::error::Error;
    error.source().is_some_and(<dyn Error>::is::<std::io::Error>)
}

/// SQLSTATE that the `events_gapless` trigger raises for an expected version ahead of its stream.
const GAP: &str = "KF002";

fn classify(refusal: &DbError) -> StoreError {
    match (refusal.code(), refusal.constraint()) {
        (code, _) if code.code() == GAP => StoreError::Conflict,
        (&SqlState::UNIQUE_VIOLATION, Some("events_stream_version_key")) => StoreError::Conflict,
        (code, Some(constraint)) if code.code().starts_with("23") => {
            StoreError::Constraint(constraint.to_owned())
        }
        (code, _) => match meaning(refusal) {
            Meaning::Lost => StoreError::OutcomeUnknown(refusal.message().to_owned()),
            Meaning::CannotNow => DatabaseError::of_server(refusal).into(),
            Meaning::Mistake => {
                StoreError::Refused(format!("{} ({})", refusal.message(), code.code()))
            }
        },
    }
}

fn describe(error: &tokio_postgres::Error) -> String {
    use std::error::Error;
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// An entity's state could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The log could not give the history.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too many requests wait for this entity.
    #[error("the entity's queue is full")]
    Overloaded,
    /// The entity died while it held the request.
    #[error("the entity did not answer")]
    NoReply,
}

/// A command was not executed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExecuteError<R: std::error::Error> {
    /// The rules refuse it.
    #[error(transparent)]
    Rejected(R),
    /// The log could not take its events.
    #[error(transparent)]
    Store(StoreError),
    /// Other writers were faster several times in a row; nothing was written.
    #[error("the stream was changed by other writers several times in a row")]
    Contended,
    /// Too many requests wait for this entity; nothing was written.
    #[error("the entity's queue is full")]
    Overloaded,
    /// The entity died while it held the command.
    #[error("the entity did not answer")]
    NoReply,
}

impl<R: std::error::Error> From<ReadError> for ExecuteError<R> {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Store(error) => Self::Store(error),
            ReadError::Overloaded => Self::Overloaded,
            ReadError::NoReply => Self::NoReply,
        }
    }
}
