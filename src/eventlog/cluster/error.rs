//! Reasons for which a node cannot take or keep its place among the nodes.

use std::time::Duration;

use super::agreement;
use super::agreement::Disagreement;
use crate::eventlog::model::error::StoreError;
use crate::postgres::DatabaseError;

/// Failure of a node to take or keep its place.
#[derive(Debug, thiserror::Error)]
pub enum MembershipError {
    /// Another node holds the lock.
    #[error(
        "another Keyfold server already uses this database (schema {schema}): {holder}. Stop it first, or start every server \
         that shares the database with KEYFOLD_CLUSTER=true."
    )]
    Taken {
        /// Schema whose log both nodes want to write alone.
        schema: String,
        /// Process that holds it, with its address and the time since which it does.
        holder: String,
    },
    /// A node that lives has other settings.
    #[error("{}", agreement::told(.0))]
    Disagreement(Vec<Disagreement>),
    /// The database keeps its connection and says nothing.
    #[error("the database does not answer")]
    Silent,
    /// The database has lost events that it had.
    #[error(
        "the database has lost events that it had acknowledged, up to position {0}: a backup was restored, or another server \
         took over without them. The state in this server's memory is invalid; restart it."
    )]
    AnotherHistory(i64),
    /// The database could not be reached.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The log could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A statement failed, other than for a database that is away.
    #[error("the database refused to let the node follow the log: {0:#}")]
    Statement(#[from] tokio_postgres::Error),
}

/// The time that the database may take to answer a look at it.
pub(super) const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(3);
