//! Builds indexes concurrently: other sessions go on writing the table, which may be large.
//!
//! A migration whose first line is [`MARK`] consists of nothing but `create index concurrently`. It runs outside a
//! transaction, so an interruption leaves an index that is not valid; the next attempt drops that and builds it anew.
//! Indexes that are already valid are skipped.

use tokio_postgres::Client;

/// First line of a migration that builds indexes.
const MARK: &str = "-- concurrently";

/// Beginning of each statement in such a migration; the name of the index follows.
const CREATE: &str = "create index concurrently ";

const STATE: &str = "\
select indisvalid from pg_index where indexrelid = to_regclass(format('%I.%I', current_schema(), $1::text))";

/// Returns true if a migration builds indexes and does nothing else.
pub(super) fn is_concurrent(sql: &str) -> bool {
    sql.lines().next() == Some(MARK)
}

/// Builds the indexes of a migration that are missing or not valid.
pub(super) async fn build(client: &Client, sql: &str) -> Result<(), BuildError> {
    // It waits for older transactions, and no session waits behind it.
    client.batch_execute("SET lock_timeout = 0").await?;
    let text: Vec<&str> = sql.lines().filter(|line| !line.starts_with("--")).collect();
    for statement in text.join("\n").split(';').map(str::trim).filter(|text| !text.is_empty()) {
        let rest = statement.strip_prefix(CREATE).ok_or(BuildError::Other)?;
        let (name, _) = rest.split_once(' ').ok_or(BuildError::Other)?;
        match client.query_opt(STATE, &[&name]).await?.map(|row| row.get(0)) {
            Some(true) => continue,
            Some(false) => {
                tracing::warn!(index = name, "found an unfinished index; rebuilding it");
                client.batch_execute(&format!("DROP INDEX CONCURRENTLY {name}")).await?;
            }
            None => {}
        }
        client.batch_execute(statement).await?;
    }
    Ok(())
}

/// Reasons for which indexes were not built.
#[derive(Debug, thiserror::Error)]
pub(super) enum BuildError {
    /// The server refused a statement, or the connection was lost.
    #[error(transparent)]
    Database(#[from] tokio_postgres::Error),
    /// The migration contains another statement than `create index concurrently`.
    #[error("it has statements other than CREATE INDEX CONCURRENTLY")]
    Other,
}
