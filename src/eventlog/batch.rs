//! One batch of appends: one transaction, one round trip.
//!
//! A batch of nothing but events is one statement, which is a transaction by itself. With rows beside the log or read
//! models, all statements are sent before the first answer is read: rows beside the log, events, read models, commit. So
//! a batch costs the network one round trip and the disk one flush, however many appends it carries. A batch without any event
//! leaves the log alone and tells nobody.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::append::Append;
use super::error::StoreError;
use super::event::EventView;
use super::projection::Projections;
use super::statement::{Jsonb, Statement};
use crate::clock::Timestamp;
use crate::database::{Lent, Pool};

/// Longest time a batch may take before its connection is given up and its outcome is unknown.
const BATCH_TIMEOUT: Duration = Duration::from_secs(15);

/// Takes the batch's positions from the log's head and inserts the events at them.
///
/// The head row stays locked until commit: positions are gapless and in commit order without any other coordination.
/// Tells the other nodes, once per batch, who wrote how many events and where the log ends now.
const INSERT_EVENTS: &str = "\
with head as (
    update log_head set position = position + $1::bigint returning position - $1::bigint as base
), added as (
    insert into events (position, stream, version, slice, event_id, command_id, type, schema, data, context, recorded_at)
    select head.base + batch.ordinal, batch.stream, batch.version, batch.slice, batch.event_id, batch.command_id,
           batch.type, batch.schema, batch.data, batch.context, batch.recorded_at
    from head, unnest($2::text[], $3::bigint[], $4::smallint[], $5::uuid[], $6::uuid[], $7::text[], $8::smallint[],
                      $9::json[], $10::jsonb[], $11::timestamptz[])
         with ordinality as batch (stream, version, slice, event_id, command_id, type, schema, data, context,
                                   recorded_at, ordinal)
)
select base, pg_notify('keyfold:' || current_schema(), $12 || ' ' || $1 || ' ' || base + $1) from head";

/// Writes batches.
#[derive(Debug)]
pub(super) struct BatchWriter {
    /// Connections to write on.
    pub(super) pool: Pool,
    /// Read models that follow the events inline.
    pub(super) projections: Arc<Projections>,
    /// Identifies this node in notifications.
    pub(super) node: Uuid,
}

type Reply<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, tokio_postgres::Error>> + Send + 'a>>;

impl BatchWriter {
    /// Writes the appends in one transaction and returns the position before the first event, if there is any.
    ///
    /// # Errors
    ///
    /// When one statement fails, none of the appends is written, except that the outcome may be unknown.
    pub(super) async fn write(&self, appends: &[&Append]) -> Result<Option<i64>, StoreError> {
        let client = self.pool.get().await?;
        let written = tokio::time::timeout(BATCH_TIMEOUT, self.write_on(&client, appends)).await;
        written.unwrap_or_else(|_| {
            // The transaction may still be running: its connection must not serve anybody else.
            client.give_up();
            Err(StoreError::OutcomeUnknown("the database did not answer in time".to_owned()))
        })
    }

    async fn write_on(
        &self,
        client: &Lent,
        appends: &[&Append],
    ) -> Result<Option<i64>, StoreError> {
        let node = self.node.to_string();
        let columns = Columns::of(appends, &node);
        let params = columns.params();
        let insert = match columns.count {
            0 => None,
            _ => Some(client.prepare(INSERT_EVENTS).await?),
        };
        let beside: Vec<&Statement> =
            appends.iter().flat_map(|append| append.beside.iter().map(|s| &**s)).collect();
        let projected = self.project(appends)?;
        if beside.is_empty() && projected.is_empty() {
            return match &insert {
                Some(insert) => base_of(&client.run(insert, &params).await?).map(Some),
                None => Ok(None),
            };
        }

        let mut prepared = Vec::with_capacity(beside.len() + projected.len());
        for statement in beside.iter().copied().chain(&projected) {
            prepared.push((client.prepare(statement.sql).await?, statement.borrowed_params()));
        }
        let (before, after) = prepared.split_at(beside.len());

        let mut replies: Vec<Reply<'_>> = vec![Box::pin(empty(client.begin()))];
        for (statement, params) in before {
            replies.push(Box::pin(client.run(statement, params)));
        }
        let inserted = insert.as_ref().map(|insert| {
            replies.push(Box::pin(client.run(insert, &params)));
            replies.len() - 1
        });
        for (statement, params) in after {
            replies.push(Box::pin(client.run(statement, params)));
        }
        replies.push(Box::pin(empty(client.commit())));

        match send_all(replies).await {
            Ok(answers) => inserted
                .map(|place| base_of(answers.get(place).map_or(&[], Vec::as_slice)))
                .transpose(),
            Err(error) => {
                // After a statement that could not even be sent, the commit was not sent either.
                let _ = client.roll_back().await;
                Err(error)
            }
        }
    }

    fn project(&self, appends: &[&Append]) -> Result<Vec<Statement>, StoreError> {
        let mut statements = Vec::new();
        for append in appends {
            for (version, event) in (append.expected + 1..).zip(&append.events) {
                let view: EventView<'_> = event.view(&append.stream);
                let projected = self.projections.project(&view).map_err(|source| {
                    StoreError::Undecodable { stream: append.stream.clone(), version, source }
                })?;
                statements.extend(projected);
            }
        }
        Ok(statements)
    }
}

/// The position before the first event of the batch.
fn base_of(rows: &[Row]) -> Result<i64, StoreError> {
    let base = rows.first().map(|row| row.get(0));
    base.ok_or_else(|| StoreError::Refused("the insert returned no position".to_owned()))
}

/// The answer of a statement that returns no rows.
async fn empty(
    done: impl Future<Output = Result<(), tokio_postgres::Error>>,
) -> Result<Vec<Row>, tokio_postgres::Error> {
    done.await.map(|()| Vec::new())
}

/// Sends every statement in order before waiting for any answer, then collects the answers.
///
/// The first failure is the cause; those behind it only say that the transaction is aborted. All answers are read in
/// any case, so that the connection is clean for its next user. After a statement that cannot be sent, for instance
/// because a parameter has no encoding, nothing more is sent, and above all no commit.
async fn send_all(mut replies: Vec<Reply<'_>>) -> Result<Vec<Vec<Row>>, StoreError> {
    let mut answers: Vec<Option<Result<Vec<Row>, tokio_postgres::Error>>> =
        Vec::with_capacity(replies.len());
    std::future::poll_fn(|context| {
        for reply in &mut replies {
            let answer = match reply.as_mut().poll(context) {
                Poll::Ready(answer) => Some(answer),
                Poll::Pending => None,
            };
            let unsent = matches!(answer, Some(Err(_)));
            answers.push(answer);
            if unsent {
                break;
            }
        }
        Poll::Ready(())
    })
    .await;

    let mut rows = Vec::with_capacity(replies.len());
    let mut failure: Option<StoreError> = None;
    for (reply, early) in replies.into_iter().zip(answers) {
        let answer = match early {
            Some(answer) => answer,
            None => reply.await,
        };
        match answer {
            Ok(answer) => rows.push(answer),
            Err(error) if failure.is_none() => failure = Some(error.into()),
            Err(_) => {}
        }
    }
    failure.map_or(Ok(rows), Err)
}

/// The events of a batch, turned into one array per column.
struct Columns<'a> {
    node: &'a str,
    count: i64,
    streams: Vec<&'a str>,
    versions: Vec<i64>,
    slices: Vec<i16>,
    event_ids: Vec<Uuid>,
    command_ids: Vec<Option<Uuid>>,
    names: Vec<&'a str>,
    schemas: Vec<i16>,
    data: Vec<Jsonb<'a>>,
    contexts: Vec<Jsonb<'a>>,
    recorded_at: Vec<jiff::Timestamp>,
}

impl<'a> Columns<'a> {
    fn of(appends: &[&'a Append], node: &'a str) -> Self {
        let events: usize = appends.iter().map(|append| append.events.len()).sum();
        let mut columns = Self {
            node,
            count: i64::try_from(events).unwrap_or(i64::MAX),
            streams: Vec::with_capacity(events),
            versions: Vec::with_capacity(events),
            slices: Vec::with_capacity(events),
            event_ids: Vec::with_capacity(events),
            command_ids: Vec::with_capacity(events),
            names: Vec::with_capacity(events),
            schemas: Vec::with_capacity(events),
            data: Vec::with_capacity(events),
            contexts: Vec::with_capacity(events),
            recorded_at: Vec::with_capacity(events),
        };
        for append in appends {
            columns.push(append);
        }
        columns
    }

    fn push(&mut self, append: &'a Append) {
        let slice = append.stream.slice();
        for (version, event) in (append.expected + 1..).zip(&append.events) {
            self.streams.push(append.stream.as_str());
            self.versions.push(version);
            self.slices.push(slice);
            self.event_ids.push(event.event_id);
            self.command_ids.push(event.command_id);
            self.names.push(event.name);
            self.schemas.push(event.schema);
            self.data.push(Jsonb(event.data.as_bytes()));
            self.contexts.push(Jsonb(&event.context));
            self.recorded_at.push(Timestamp::to_jiff(event.recorded_at));
        }
    }

    fn params(&self) -> [&(dyn ToSql + Sync); 12] {
        [
            &self.count,
            &self.streams,
            &self.versions,
            &self.slices,
            &self.event_ids,
            &self.command_ids,
            &self.names,
            &self.schemas,
            &self.data,
            &self.contexts,
            &self.recorded_at,
            &self.node,
        ]
    }
}
