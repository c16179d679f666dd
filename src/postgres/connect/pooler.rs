//! Whether what stands between Keyfold and PostgreSQL, if anything does, lends sessions for as long as a client is connected.
//!
//! A pooler that lends them per transaction keeps neither settings, nor the lock by which a node holds its place, nor
//! `LISTEN`. It is found by two clients at the same time: what one says to its session, the other one hears.

use tokio_postgres::{Client, SimpleQueryMessage};

use super::connection::Connection;
use crate::postgres::error::DatabaseError;

const SAY: &str = "select set_config('keyfold.said', 'here', false)";
const HEAR: &str = "select coalesce(current_setting('keyfold.said', true), '')";

/// Whether every client has a session of its own.
///
/// # Errors
///
/// When the database does not answer.
pub async fn lends_sessions(connection: &Connection) -> Result<bool, DatabaseError> {
    let (one, other) = (connection.connect().await?, connection.connect().await?);
    one.client.batch_execute(SAY).await?;
    // From here on the other one has a session that nobody else is lent.
    if let Err(error) = other.client.batch_execute("begin").await {
        // One that lends them per statement refuses transactions.
        return if error.as_db_error().is_some() { Ok(false) } else { Err(error.into()) };
    }
    let heard = [hears(&one.client).await?, hears(&other.client).await?];
    other.client.batch_execute("rollback").await?;
    Ok(heard == [true, false])
}

/// Asked without a prepared statement, which such a pooler may not know.
async fn hears(client: &Client) -> Result<bool, DatabaseError> {
    let answer = client.simple_query(HEAR).await?;
    let heard = |message: &SimpleQueryMessage| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("here"));
    Ok(answer.iter().any(heard))
}
