//! Projections: read models that follow the log inline.
//!
//! A projection turns an event into statements. They run in the transaction that appends the event, so a read model is
//! never behind the log; and because they depend on nothing but the event, [`rebuild`] can make every read model again
//! from the log alone.

use std::fmt;

use tokio_postgres::Transaction;

use super::error::StoreError;
use super::event::{DecodeError, EventView};
use super::statement::Statement;
use super::store;
use super::stream::StreamName;

/// Turns events into changes of read models.
pub trait Projection: Send + Sync + 'static {
    /// The tables it alone writes.
    fn tables(&self) -> &'static [&'static str];

    /// The statements an event causes; none for events it does not follow.
    ///
    /// # Errors
    ///
    /// When an event it follows cannot be read.
    fn project(&self, event: &EventView<'_>) -> Result<Vec<Statement>, DecodeError>;
}

/// Every projection of the program.
#[derive(Default)]
pub struct Projections(Vec<Box<dyn Projection>>);

impl Projections {
    /// The given projections, run in this order.
    pub fn new(projections: Vec<Box<dyn Projection>>) -> Self {
        Self(projections)
    }

    /// Every table that a projection writes.
    pub fn tables(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().flat_map(|projection| projection.tables().iter().copied())
    }

    pub(super) fn project(&self, event: &EventView<'_>) -> Result<Vec<Statement>, DecodeError> {
        let mut statements = Vec::new();
        for projection in &self.0 {
            statements.extend(projection.project(event)?);
        }
        Ok(statements)
    }
}

impl fmt::Debug for Projections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.tables()).finish()
    }
}

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
                    stream: StreamName::singleton(&event.stream),
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
