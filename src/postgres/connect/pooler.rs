//! Detection of poolers between Keyfold and PostgreSQL that do not lend a session for as long as a client is connected.
//!
//! A pooler that lends sessions per transaction keeps neither settings, nor the membership lock of a node, nor `LISTEN`. Two
//! clients at the same time detect it: one sets a value in its session, and the other must not see it.

use tokio_postgres::{Client, SimpleQueryMessage};

use super::connection::Connection;
use crate::postgres::error::DatabaseError;

const SAY: &str = "select set_config('keyfold.said', 'here', false)";
const HEAR: &str = "select coalesce(current_setting('keyfold.said', true), '')";

/// Returns true if every client has a session of its own.
///
/// # Errors
///
/// Fails if the database does not answer.
pub async fn lends_sessions(connection: &Connection) -> Result<bool, DatabaseError> {
    let (one, other) = (connection.connect().await?, connection.connect().await?);
    one.client.batch_execute(SAY).await?;
    // From here on the second client holds a session that no other client is lent.
    if let Err(error) = other.client.batch_execute("begin").await {
        // A pooler that lends sessions per statement refuses transactions.
        return if error.as_db_error().is_some() { Ok(false) } else { Err(error.into()) };
    }
    let heard = [hears(&one.client).await?, hears(&other.client).await?];
    other.client.batch_execute("rollback").await?;
    Ok(heard == [true, false])
}

/// Reads the value without a prepared statement, which such a pooler may not know.
async fn hears(client: &Client) -> Result<bool, DatabaseError> {
    let answer = client.simple_query(HEAR).await?;
    let heard = |message: &SimpleQueryMessage| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("here"));
    Ok(answer.iter().any(heard))
}
