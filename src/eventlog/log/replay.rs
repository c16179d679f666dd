//! Replay: read models made again from the log, while servers run.
//!
//! They are built beside those in use (`shadow_table`), from the first event to the last, without holding anything up.
//! Events that are appended meanwhile are caught up with; once hardly any is left, the log is locked for the last few
//! events and the swap. A reader of the tables may keep that from happening for a while (a dump reads them as long as it
//! takes): the locks are then given back at once and tried again, so nothing ever waits longer than `LOCK_TIMEOUT` for
//! them.

use std::collections::HashMap;
use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Statement as Prepared};

use super::append::pipeline::Pipeline;
use super::shadow_table::Shadow;
use super::{reader, scan};
use crate::eventlog::model::error::StoreError;
use crate::eventlog::model::projection::Projections;
use crate::eventlog::model::statement::Statement;
use crate::eventlog::model::stream::StreamName;

/// Only one replay of a schema at a time.
const TURN: &str =
    "select pg_try_advisory_lock(hashtextextended('keyfold-replay:' || current_schema(), 0))";

const END_TURN: &str =
    "select pg_advisory_unlock(hashtextextended('keyfold-replay:' || current_schema(), 0))";

/// Events that are replayed in one transaction.
const PAGE: i64 = 1_000;

/// Number of events that may be left when the log is locked.
const FEW: i64 = 200;

/// Longest wait for the log and the tables, which is the longest time that others may have to wait.
const LOCK_TIMEOUT: &str = "set local lock_timeout = '400ms'";

/// Time that others get to work before the locks are tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Progress of a replay, as it is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayProgress {
    /// A page of events was replayed.
    Replayed {
        /// Position up to which they were replayed.
        position: i64,
        /// Position at which the log ended a moment ago.
        head: i64,
    },
    /// Everything is built; the tables in use are being read, and will be replaced as soon as they are not.
    Waiting,
}

/// Makes every read model again from the log, and returns how many events were replayed.
///
/// # Errors
///
/// If the database is unavailable, an event cannot be read, or another replay runs; the read models are then as they were.
pub async fn rebuild(
    client: &Client,
    projections: &Projections,
    tell: impl FnMut(ReplayProgress) + Send,
) -> Result<u64, StoreError> {
    if !client.query_one(TURN, &[]).await?.get::<_, bool>(0) {
        return Err(StoreError::Refused("another replay is under way".to_owned()));
    }
    client.batch_execute("set statement_timeout = 0; set lock_timeout = 0").await?;
    let shadow = Shadow::make(client, projections.tables()).await?;
    let mut replay =
        Replay { client, projections, shadow, prepared: HashMap::new(), position: 0, tell };
    let rebuilt = replay.run().await;
    if rebuilt.is_err() {
        // The transaction that failed, if there is one, and what was built.
        let _ = client.batch_execute("rollback").await;
        let _ = replay.shadow.remove(client).await;
    }
    let _ = client.query_one(END_TURN, &[]).await;
    rebuilt
}

/// A replay under way, which ends with the swap of the tables.
struct Replay<'a, T> {
    /// Session of the replay, which holds the advisory lock against another one.
    client: &'a Client,
    /// Projections whose tables are made again.
    projections: &'a Projections,
    /// Tables that are built, in a schema of their own.
    shadow: Shadow,
    /// Statements of the projections by their text, each prepared once.
    prepared: HashMap<&'static str, Prepared>,
    /// Position up to which everything was replayed, in transactions that are committed.
    position: i64,
    /// Receiver of the progress, called after each page.
    tell: T,
}

impl<T: FnMut(ReplayProgress) + Send> Replay<'_, T> {
    async fn run(&mut self) -> Result<u64, StoreError> {
        self.catch_up(0).await?;
        self.shadow.analyze(self.client).await?;
        loop {
            self.catch_up(FEW).await?;
            match self.take_over().await {
                Ok(true) => return Ok(self.position.unsigned_abs()),
                // Other writers appended too much meanwhile.
                Ok(false) => {}
                Err(error) if is_lock_timeout(&error) => {
                    (self.tell)(ReplayProgress::Waiting);
                    self.client.batch_execute("rollback").await?;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(Interrupted::Statement(error)) => return Err(error.into()),
                Err(Interrupted::Store(error)) => return Err(error),
            }
        }
    }

    /// Replays page by page until at most `left` events are left. Holds no lock.
    async fn catch_up(&mut self, left: i64) -> Result<(), StoreError> {
        loop {
            let head = reader::head(self.client).await?;
            if head - self.position <= left {
                return Ok(());
            }
            self.client.batch_execute("begin").await?;
            self.shadow.write_shadow(self.client).await?;
            self.replay_page().await?;
            self.client.batch_execute("commit").await?;
            (self.tell)(ReplayProgress::Replayed { position: self.position, head });
        }
    }

    /// Replays the last events and swaps the tables, with the log locked; `false` if there are too many events for that.
    async fn take_over(&mut self) -> Result<bool, Interrupted> {
        self.client.batch_execute("begin").await?;
        self.client.batch_execute(LOCK_TIMEOUT).await?;
        let head: i64 = self.client.query_one("select events_lock()", &[]).await?.get(0);
        if head - self.position > 2 * FEW {
            self.client.batch_execute("rollback").await?;
            return Ok(false);
        }
        let before = self.position;
        let swapped = self.swap(head).await;
        if swapped.is_err() {
            // The events replayed under the lock are rolled back.
            self.position = before;
        }
        swapped.map(|()| true)
    }

    async fn swap(&mut self, head: i64) -> Result<(), Interrupted> {
        self.shadow.write_shadow(self.client).await?;
        while self.position < head {
            self.replay_page().await?;
        }
        for statement in self.projections.beside() {
            self.client.execute(statement, &[]).await?;
        }
        self.shadow.swap(self.client).await?;
        Ok(self.client.batch_execute("commit").await?)
    }

    /// Replays the next events, in the transaction that has begun.
    async fn replay_page(&mut self) -> Result<(), StoreError> {
        let mut statements = Vec::new();
        let projections = self.projections;
        let last = scan::walk(self.client, (self.position, PAGE), None, |event| {
            let projected = projections.project(&event.view()).map_err(|source| {
                let (stream, version) = (StreamName::stored(event.stream), event.version);
                StoreError::Undecodable { stream, version, source }
            });
            statements.extend(projected?);
            Ok(())
        });
        let last = last.await?;
        self.send(&statements).await?;
        self.position = last.unwrap_or(self.position);
        Ok(())
    }

    /// Executes statements in their order, and waits for none before the next is sent.
    async fn send(&mut self, statements: &[Statement]) -> Result<(), StoreError> {
        for statement in statements {
            if !self.prepared.contains_key(statement.sql) {
                let prepared = self.client.prepare(statement.sql).await?;
                self.prepared.insert(statement.sql, prepared);
            }
        }
        let params: Vec<_> = statements.iter().map(Statement::borrowed_params).collect();
        let mut pipeline = Pipeline::default();
        for (statement, params) in statements.iter().zip(&params) {
            if let Some(prepared) = self.prepared.get(statement.sql) {
                pipeline.send(self.client.query(prepared, params)).await;
            }
        }
        for answer in pipeline.answers().await {
            answer?;
        }
        Ok(())
    }
}

/// Reasons for which the tables were not taken over.
enum Interrupted {
    Statement(tokio_postgres::Error),
    Store(StoreError),
}

impl From<tokio_postgres::Error> for Interrupted {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Statement(error)
    }
}

impl From<StoreError> for Interrupted {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn is_lock_timeout(error: &Interrupted) -> bool {
    matches!(error, Interrupted::Statement(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE))
}
