//! Indexes that are built while others go on writing the table, which may be large.
//!
//! A migration whose first line is [`MARK`] consists of nothing but `create index concurrently`. It runs outside a
//! transaction, so it may be cut short: then it leaves an index that is not valid, which the next attempt removes. What is
//! built already is not built again.

use tokio_postgres::Client;

/// The first line of a migration that builds indexes.
const MARK: &str = "-- concurrently";

/// How such a statement begins, before the name of the index.
const CREATE: &str = "create index concurrently ";

const STATE: &str = "\
select indisvalid from pg_index where indexrelid = to_regclass(format('%I.%I', current_schema(), $1::text))";

/// Whether a migration builds indexes and does nothing else.
pub(super) fn is_concurrent(sql: &str) -> bool {
    sql.lines().next() == Some(MARK)
}

/// Builds the indexes of a migration that are not there yet.
pub(super) async fn build(client: &Client, sql: &str) -> Result<(), BuildError> {
    // It waits for transactions that began before it, which holds up nobody.
    client.batch_execute("SET lock_timeout = 0").await?;
    let text: Vec<&str> = sql.lines().filter(|line| !line.starts_with("--")).collect();
    for statement in text.join("\n").split(';').map(str::trim).filter(|text| !text.is_empty()) {
        let rest = statement.strip_prefix(CREATE).ok_or(BuildError::Other)?;
        let (name, _) = rest.split_once(' ').ok_or(BuildError::Other)?;
        match client.query_opt(STATE, &[&name]).await?.map(|row| row.get(0)) {
            Some(true) => continue,
            Some(false) => {
                tracing::warn!(index = name, "an index that was not finished is built anew");
                client.batch_execute(&format!("DROP INDEX CONCURRENTLY {name}")).await?;
            }
            None => {}
        }
        client.batch_execute(statement).await?;
    }
    Ok(())
}

/// Why indexes were not built.
#[derive(Debug, thiserror::Error)]
pub(super) enum BuildError {
    /// The server refused, or is not there.
    #[error(transparent)]
    Database(#[from] tokio_postgres::Error),
    /// The migration does something else.
    #[error("it does more than to create indexes concurrently")]
    Other,
}
