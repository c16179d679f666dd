//! Errors between Keyfold and its database, in the kinds that callers distinguish.
//!
//! Every text is complete by itself (no `source` to follow) and shows the server's own message. The server's `DETAIL`
//! is left out on purpose: it quotes column values, such as the email of a duplicate account.

use std::error::Error;
use std::io;

use deadpool_postgres::{PoolError, TimeoutType};
use tokio_postgres::error::{DbError, SqlState};

use super::refusal::{Meaning, meaning};

/// Reasons for which the database did not execute a request.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No answer: unreachable, timed out, shutting down, or the pool is exhausted or closed.
    ///
    /// A statement that was under way may or may not have taken effect.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The server answered that it cannot for the moment; nothing of the statement took effect.
    #[error("the database refused for now: {message} (SQLSTATE {code})")]
    CannotNow {
        /// Server's primary message, without `DETAIL`.
        message: String,
        /// SQLSTATE of the error.
        code: String,
    },
    /// The server answered with an error; nothing of the statement took effect.
    #[error("the database refused: {} (SQLSTATE {})", .0.message(), .0.code().code())]
    Refused(Box<DbError>),
    /// The statement and the driver do not fit together, for instance a column read as another type.
    #[error("the database's answer cannot be used: {0}")]
    Unusable(String),
}

impl DatabaseError {
    /// The server's error, if it refused the statement.
    pub fn refusal(&self) -> Option<&DbError> {
        match self {
            Self::Refused(error) => Some(error),
            Self::Unavailable(_) | Self::CannotNow { .. } | Self::Unusable(_) => None,
        }
    }

    /// The SQLSTATE, if the server cannot execute the statement for the moment.
    pub fn cannot_now(&self) -> Option<&str> {
        match self {
            Self::CannotNow { code, .. } => Some(code),
            Self::Unavailable(_) | Self::Refused(_) | Self::Unusable(_) => None,
        }
    }

    /// Converts a server's error. Nothing of the statement took effect, unless the error means that the session is lost.
    pub fn of_server(error: &DbError) -> Self {
        match meaning(error) {
            Meaning::Lost => Self::Unavailable(said(error)),
            Meaning::CannotNow => Self::CannotNow {
                message: error.message().to_owned(),
                code: error.code().code().to_owned(),
            },
            Meaning::Mistake => Self::Refused(Box::new(error.clone())),
        }
    }

    /// Converts an error of opening a connection: all but the server's refusal count as [`Self::Unavailable`].
    pub(super) fn while_connecting(error: &tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(db) if !is_outage(db.code()) => Self::Refused(Box::new(db.clone())),
            Some(_) | None => Self::Unavailable(chain(error)),
        }
    }
}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(db) => Self::of_server(db),
            None if error.is_closed() || is_io(&error) => Self::Unavailable(chain(&error)),
            None => Self::Unusable(chain(&error)),
        }
    }
}

impl From<PoolError> for DatabaseError {
    fn from(error: PoolError) -> Self {
        let reason = match error {
            PoolError::Backend(error) => return Self::while_connecting(&error),
            PoolError::Timeout(TimeoutType::Wait) => "every pooled connection is in use",
            PoolError::Timeout(TimeoutType::Create) => "a new connection took too long to open",
            PoolError::Timeout(TimeoutType::Recycle) => "a pooled connection did not respond",
            PoolError::Closed => "the connection pool is closed",
            PoolError::NoRuntimeSpecified => "the connection pool has no runtime",
            PoolError::PostCreateHook(_) => "a new connection could not be prepared",
        };
        Self::Unavailable(reason.to_owned())
    }
}

/// Returns true if the server is shutting down, starting up or full, as opposed to refusing these credentials.
fn is_outage(code: &SqlState) -> bool {
    ["08", "53", "57", "58"].iter().any(|class| code.code().starts_with(class))
}

/// Severity and message of a server's error.
fn said(error: &DbError) -> String {
    format!("{}: {}", error.severity(), error.message())
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    error.source().is_some_and(<dyn Error>::is::<io::Error>)
}

/// The error and its causes in one line; of a server's error only severity and message.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut parts = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(db) = error.downcast_ref::<DbError>() {
            // The driver's own "db error" says nothing beside the server's message.
            parts.pop();
            parts.push(said(db));
            break;
        }
        parts.push(error.to_string());
        next = error.source();
    }
    parts.dedup();
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shutdowns_and_a_full_server_count_as_unavailable() {
        assert!(is_outage(&SqlState::ADMIN_SHUTDOWN));
        assert!(is_outage(&SqlState::TOO_MANY_CONNECTIONS));
        assert!(is_outage(&SqlState::CONNECTION_FAILURE));
        assert!(is_outage(&SqlState::DISK_FULL));
        assert!(!is_outage(&SqlState::INVALID_PASSWORD));
        assert!(!is_outage(&SqlState::INVALID_CATALOG_NAME));
    }

    #[test]
    fn a_waiting_caller_is_told_that_the_pool_is_exhausted() {
        let error = DatabaseError::from(PoolError::Timeout(TimeoutType::Wait));
        assert_eq!(
            error.to_string(),
            "the database is not available: every pooled connection is in use"
        );
    }

    #[test]
    fn an_error_is_told_with_its_causes_in_one_line() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] io::Error);
        assert_eq!(chain(&Outer(io::Error::other("inner"))), "outer: inner");
    }
}
