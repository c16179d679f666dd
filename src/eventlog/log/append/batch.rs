//! One batch of appends: one transaction, one round trip.
//!
//! A batch of nothing but events is one statement, which is a transaction by itself. With rows beside the log or read
//! models, all statements are sent before the first answer is read: the log's lock, the rows and read models of each
//! append, the events, commit. So a batch costs the network one round trip and the disk one flush, however many appends it
//! carries. Statements that may refuse an append come before the events: a refused batch leaves nothing of itself in the
//! log's table. A batch without any event adds nothing to the log and sends no notification.
//!
//! Every batch takes the log's lock first, so two of them never wait for each other's rows.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use super::columns::Columns;
use super::pipeline::{Pipeline, without_rows};
use super::request::Append;
use crate::eventlog::model::error::StoreError;
use crate::eventlog::model::event::EventView;
use crate::eventlog::model::projection::Projections;
use crate::eventlog::model::statement::Statement;
use crate::eventlog::model::term::Term;
use crate::postgres::refusal::{Meaning, Reach, meaning, reach};
use crate::postgres::{Pool, PooledSession, Prepared};

/// Takes the log's lock until the transaction ends, if the streams have the versions that are expected.
pub(super) const LOCK: &str = "select events_lock($1, $2, $3)";

/// Inserts the events after the last one of the log.
///
/// The log stays locked until commit. One notification per batch tells the other nodes its writer, the number of its
/// events, the last of them and the new end of the log.
const INSERT_EVENTS: &str = "\
with head as (
    select events_lock($12, $13, $14) as base
), added as (
    insert into events (position, stream, version, slice, event_id, type, schema, data, context, recorded_at)
    select head.base + batch.ordinal, batch.stream, batch.version, batch.slice, batch.event_id,
           batch.type, batch.schema, batch.data, batch.context, batch.recorded_at
    from head, unnest($2::text[], $3::bigint[], $4::smallint[], $5::uuid[], $6::text[], $7::smallint[],
                      $8::json[], $9::jsonb[], $10::timestamptz[])
         with ordinality as batch (stream, version, slice, event_id, type, schema, data, context, recorded_at, ordinal)
)
select base, pg_notify('keyfold:' || current_schema(), $11::text || ' ' || $1::bigint || ' ' || base + $1) from head";

/// Writes batches, and tries refused ones without committing them.
#[derive(Debug)]
pub(super) struct BatchWriter {
    /// Database sessions to write on, of which each batch borrows one.
    pub(super) pool: Pool,
    /// Read models that follow the events inline.
    pub(super) projections: Arc<Projections>,
    /// Identifies this node in notifications, so that its follower knows its own batches.
    pub(super) node: Uuid,
    /// Longest time a batch may take before its connection is given up and its outcome is unknown.
    pub(super) timeout: Duration,
    /// The term in which this node may append.
    pub(super) term: Term,
}

/// Failure of a batch, and the appends that it concerns.
#[derive(Debug)]
pub(super) struct BatchFailure {
    /// Error of the first statement that failed, or of the connection.
    pub(super) error: StoreError,
    /// Appends that the error concerns, which decides about the others.
    pub(super) blame: Blame,
}

/// Appends that the failure of a batch concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    /// The database is not there, or takes no writes, or its answer got lost: each append would fail.
    Everybody,
    /// Some append was refused; nothing was written, and the others may be fine.
    Somebody,
    /// The insert took too long; nothing was written, and a part of the batch may be quick.
    Slowness,
}

/// Purpose of a statement in a batch, which decides whom its failure concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StatementPurpose {
    /// The transaction, its lock and its events.
    Log,
    /// Rows that one append writes beside its events.
    Rows,
}

/// The statements that an append has beside its events.
pub(super) struct RowStatements<'a>(pub(super) Vec<(Prepared, Vec<&'a (dyn ToSql + Sync)>)>);

impl BatchWriter {
    /// Writes the appends in one transaction and returns the position before the first event, if there is any. If
    /// `looks_first`, the versions of their streams are checked before anything is written, so that a conflict leaves
    /// nothing in the log's table.
    ///
    /// # Errors
    ///
    /// If one statement fails, none of the appends is written, except that the outcome may be unknown.
    pub(super) async fn write(
        &self,
        appends: &[Append],
        looks_first: bool,
    ) -> Result<Option<i64>, BatchFailure> {
        let client =
            self.pool.get().await.map_err(|error| BatchFailure::of_everybody(error.into()))?;
        let write = self.write_on(&client, appends, looks_first);
        let written = tokio::time::timeout(self.timeout, write).await;
        written.unwrap_or_else(|_| Err(BatchFailure::of_everybody(given_up(client))))
    }

    async fn write_on(
        &self,
        client: &PooledSession,
        appends: &[Append],
        looks_first: bool,
    ) -> Result<Option<i64>, BatchFailure> {
        let columns = Columns::of(appends, self.node, self.term.held());
        let projected = self.project(appends);
        let mut units = Vec::with_capacity(appends.len());
        for (append, projected) in appends.iter().zip(&projected) {
            units.push(
                RowStatements::prepared(client, append, projected)
                    .await
                    .map_err(BatchFailure::unsent)?,
            );
        }
        if units.iter().all(|unit| unit.0.is_empty()) {
            if columns.is_empty() {
                return Ok(None);
            }
            return write_events(client, &columns, looks_first).await;
        }
        write_all(client, &columns, &units).await
    }

    /// The changes of read models that each append causes.
    pub(super) fn project(&self, appends: &[Append]) -> Vec<Result<Vec<Statement>, StoreError>> {
        appends.iter().map(|append| self.project_one(append)).collect()
    }

    fn project_one(&self, append: &Append) -> Result<Vec<Statement>, StoreError> {
        let mut statements = Vec::new();
        for (version, event) in (append.expected + 1..).zip(&append.events) {
            let view: EventView<'_> = event.view(&append.stream);
            let projected = self.projections.project(&view).map_err(|source| {
                StoreError::Undecodable { stream: append.stream.clone(), version, source }
            })?;
            statements.extend(projected);
        }
        Ok(statements)
    }
}

impl<'a> RowStatements<'a> {
    /// Prepares the statements that an append has beside its events.
    pub(super) async fn prepared(
        client: &PooledSession,
        append: &'a Append,
        projected: &'a Result<Vec<Statement>, StoreError>,
    ) -> Result<Self, StoreError> {
        let projected = projected.as_ref().map_err(Clone::clone)?;
        let mut statements = Vec::with_capacity(append.also_write.len() + projected.len());
        for statement in append.also_write.iter().map(|statement| &**statement).chain(projected) {
            let prepared = prepared(client, statement.sql).await?;
            statements.push((prepared, statement.borrowed_params()));
        }
        Ok(Self(statements))
    }
}

/// Gives up a connection that took too long. Its transaction may still be running, so it must not serve another request.
pub(super) fn given_up(client: PooledSession) -> StoreError {
    client.give_up();
    StoreError::OutcomeUnknown("the database did not answer in time".to_owned())
}

/// Prepares a statement of a batch. Nothing was written yet, whatever happens.
async fn prepared(client: &PooledSession, sql: &'static str) -> Result<Prepared, StoreError> {
    client.prepare(sql).await.map_err(|error| StoreError::from(error).of_read())
}

/// Writes a batch that is one statement.
async fn write_events(
    client: &PooledSession,
    columns: &Columns<'_>,
    looks_first: bool,
) -> Result<Option<i64>, BatchFailure> {
    let insert = prepared(client, INSERT_EVENTS).await.map_err(BatchFailure::unsent)?;
    let answer = client.run(&insert, &columns.params(looks_first)).await;
    base_of(&answer.map_err(|error| BatchFailure::of(error, StatementPurpose::Log))?).map(Some)
}

/// Writes a batch that is a transaction. The versions of streams are checked before any row is written: a change by
/// another writer to the rows of a stream is a conflict, and no refusal.
async fn write_all(
    client: &PooledSession,
    columns: &Columns<'_>,
    units: &[RowStatements<'_>],
) -> Result<Option<i64>, BatchFailure> {
    let has_events = !columns.is_empty();
    let lock = prepared(client, LOCK).await.map_err(BatchFailure::unsent)?;
    let insert = prepared(client, INSERT_EVENTS).await.map_err(BatchFailure::unsent)?;
    let (asked, locked) = (columns.asked.params(), columns.params(false));

    let (mut pipeline, mut parts) = (Pipeline::default(), vec![StatementPurpose::Log]);
    let mut is_sent = pipeline.send(without_rows(client.begin())).await;
    if is_sent {
        parts.push(StatementPurpose::Log);
        is_sent = pipeline.send(client.run(&lock, &asked)).await;
    }
    for (statement, params) in units.iter().flat_map(|unit| &unit.0) {
        // After a statement that cannot be sent nothing more is, and above all no commit.
        if is_sent {
            parts.push(StatementPurpose::Rows);
            is_sent = pipeline.send(client.run(statement, params)).await;
        }
    }
    let place_of_insert = pipeline.len();
    if is_sent && has_events {
        parts.push(StatementPurpose::Log);
        is_sent = pipeline.send(client.run(&insert, &locked)).await;
    }
    if is_sent {
        parts.push(StatementPurpose::Log);
        is_sent = pipeline.send(without_rows(client.commit())).await;
    }

    let mut base = None;
    let mut failure = None;
    for (place, (answer, part)) in pipeline.answers().await.into_iter().zip(parts).enumerate() {
        match answer {
            Ok(rows) if has_events && place == place_of_insert => base = Some(base_of(&rows)?),
            // The first failure is the cause; those behind it only say that the transaction is aborted.
            Err(error) if failure.is_none() => failure = Some(BatchFailure::of(error, part)),
            Ok(_) | Err(_) => {}
        }
    }
    if !is_sent {
        // A commit would have ended the transaction, also one that failed.
        let _ = client.roll_back().await;
    }
    failure.map_or(Ok(base), Err)
}

/// The position before the first event of the batch.
fn base_of(rows: &[Row]) -> Result<i64, BatchFailure> {
    let base = rows.first().map(|row| row.get(0));
    base.ok_or_else(|| {
        let reason = "the insert returned no position".to_owned();
        BatchFailure::of_everybody(StoreError::OutcomeUnknown(reason))
    })
}

impl BatchFailure {
    fn of_everybody(error: StoreError) -> Self {
        Self { error, blame: Blame::Everybody }
    }

    /// A failure before anything was sent.
    fn unsent(error: StoreError) -> Self {
        let blame = match error {
            StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_) => Blame::Everybody,
            StoreError::Conflict
            | StoreError::Constraint(_)
            | StoreError::Refused(_)
            | StoreError::Overloaded
            | StoreError::Undecodable { .. } => Blame::Somebody,
        };
        Self { error, blame }
    }

    fn of(error: Error, part: StatementPurpose) -> Self {
        let blame = blame(&error, part);
        Self { error: error.into(), blame }
    }
}

/// SQLSTATE of the log's lock for an append in a term that is over.
const TAKEN_OVER: &str = "KF004";

/// Appends that the failure of a statement concerns.
fn blame(error: &Error, part: StatementPurpose) -> Blame {
    let Some(refusal) = error.as_db_error() else {
        let is_unsent = !matches!(StoreError::of_driver(error), StoreError::OutcomeUnknown(_));
        return if is_unsent { Blame::Somebody } else { Blame::Everybody };
    };
    match (refusal.code(), part) {
        (&SqlState::QUERY_CANCELED, StatementPurpose::Log) => Blame::Slowness,
        // Another session has the log, or it may not be written; for rows, only the appends that want those rows wait.
        (
            &SqlState::LOCK_NOT_AVAILABLE | &SqlState::INSUFFICIENT_PRIVILEGE,
            StatementPurpose::Log,
        ) => Blame::Everybody,
        // A server that takes no changes, is full, ends or is broken; or another one has taken over.
        (code, _) => match (meaning(refusal), reach(code.code())) {
            (Meaning::Lost, _) | (Meaning::CannotNow, Reach::Changes) => Blame::Everybody,
            (Meaning::CannotNow, Reach::Some) if code.code() == TAKEN_OVER => Blame::Everybody,
            (Meaning::CannotNow, Reach::Some) | (Meaning::Mistake, _) => Blame::Somebody,
        },
    }
}
