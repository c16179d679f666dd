//! Replay: read models made again from the log.

use tokio_postgres::Transaction;

use super::error::StoreError;
use super::projection::Projections;
use super::statement::Statement;
use super::store;
use super::stream::StreamName;

/// Events read at once while rebuilding.
const PAGE: i64 = 5_000;

/// Empties every read model and makes it again from the log, in one transaction. Returns how many events were replayed.
///
/// Appends wait meanwhile (the log's head row is locked) and readers see the old rows until commit, so it is safe while
/// servers run.
///
/// # Errors
///
/// When the database is unavailable or an event cannot be read; the read models are then as they were.
pub async fn rebuild(
    client: &mut tokio_postgres::Client,
    projections: &Projections,
) -> Result<u64, StoreError> {
    let transaction = client.transaction().await?;
    transaction
        .batch_execute("set local statement_timeout = 0; select position from log_head for update")
        .await?;
    for table in projections.tables() {
        transaction.batch_execute(&format!("delete from {table}")).await?;
    }
    let mut position = 0;
    let mut replayed = 0;
    loop {
        let page = store::read_log(transaction.client(), position, PAGE, None).await?;
        let Some(last) = page.last() else { break };
        position = last.position;
        for event in &page {
            let view = event.view();
            let statements =
                projections.project(&view).map_err(|source| StoreError::Undecodable {
                    stream: StreamName::stored(&event.stream),
                    version: event.version,
                    source,
                })?;
            run(&transaction, &statements).await?;
            replayed += 1;
        }
    }
    transaction.commit().await?;
    Ok(replayed)
}

async fn run(transaction: &Transaction<'_>, statements: &[Statement]) -> Result<(), StoreError> {
    for statement in statements {
        transaction.execute(statement.sql, &statement.borrowed_params()).await?;
    }
    Ok(())
}
