//! The Appender: group commit for every entity of this node.
//!
//! What arrives while a batch commits forms the next batch. There is no timer: a lone append waits for nothing. The
//! queue is bounded and refuses when full. One bad append never fails its neighbours: when a batch is refused, its
//! appends are written again one by one, and only the bad ones get the error.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tracing::Instrument;
use uuid::Uuid;

use super::append::{Append, Appended};
use super::batch::BatchWriter;
use super::doubt::Doubt;
use super::error::StoreError;
use super::projection::Projections;
use crate::database::Pool;

/// Most appends in one batch: beyond this the round trip no longer dominates.
const MAX_BATCH: usize = 512;

/// Most appends that may wait for the running batch.
const QUEUE: usize = 4096;

/// Sends appends to the running [`Writer`].
#[derive(Debug, Clone)]
pub struct Appender {
    queue: mpsc::Sender<Pending>,
}

/// Takes appends from the queue and writes them, batch by batch, until every [`Appender`] is gone.
#[derive(Debug)]
pub struct Writer {
    queue: mpsc::Receiver<Pending>,
    batches: BatchWriter,
    doubt: Doubt,
}

#[derive(Debug)]
struct Pending {
    append: Append,
    reply: oneshot::Sender<Result<Appended, StoreError>>,
    span: tracing::Span,
}

/// A connected pair of an [`Appender`] and its [`Writer`]; `node` identifies this node in notifications.
pub fn channel(pool: Pool, projections: Arc<Projections>, node: Uuid) -> (Appender, Writer) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let batches = BatchWriter { pool, projections, node };
    (Appender { queue: sender }, Writer { queue: receiver, batches, doubt: Doubt::new() })
}

impl Appender {
    /// Appends, and returns when the events are committed.
    ///
    /// # Errors
    ///
    /// Nothing was written, unless the error is [`StoreError::OutcomeUnknown`].
    pub async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        let (reply, answer) = oneshot::channel();
        let pending = Pending { append, reply, span: tracing::Span::current() };
        self.queue.try_send(pending).map_err(|_| StoreError::Overloaded)?;
        answer
            .await
            .unwrap_or_else(|_| Err(StoreError::OutcomeUnknown("the appender stopped".to_owned())))
    }
}

impl Writer {
    /// Whether batches of unknown outcome may still be committed, for the follower.
    pub fn doubt(&self) -> Doubt {
        self.doubt.clone()
    }

    /// Runs until every [`Appender`] is dropped and the queue is empty.
    pub async fn run(mut self) {
        let mut pending = Vec::with_capacity(MAX_BATCH);
        while self.queue.recv_many(&mut pending, MAX_BATCH).await > 0 {
            let span = tracing::debug_span!("eventlog.batch", appends = pending.len());
            for waiting in &pending {
                span.follows_from(&waiting.span);
            }
            self.write(std::mem::take(&mut pending)).instrument(span).await;
        }
    }

    async fn write(&self, pending: Vec<Pending>) {
        let appends: Vec<&Append> = pending.iter().map(|waiting| &waiting.append).collect();
        match self.write_batch(&appends).await {
            Ok(base) => answer_all(pending, base),
            Err(error) if pending.len() > 1 && concerns_one_append(&error) => {
                self.write_one_by_one(pending).await;
            }
            Err(error) => {
                for waiting in pending {
                    let _ = waiting.reply.send(Err(error.clone()));
                }
            }
        }
    }

    /// Gives up on the rest when the database is lost: they would wait for it one after the other.
    async fn write_one_by_one(&self, pending: Vec<Pending>) {
        let mut lost = None;
        for waiting in pending {
            let answer = match &lost {
                None => self
                    .write_batch(&[&waiting.append])
                    .await
                    .map(|base| appended(&waiting.append, base)),
                Some(error) => Err(StoreError::clone(error)),
            };
            if let Err(error) = &answer
                && lost.is_none()
                && !concerns_one_append(error)
            {
                lost = Some(error.clone().of_read());
            }
            let _ = waiting.reply.send(answer);
        }
    }

    async fn write_batch(&self, appends: &[&Append]) -> Result<Option<i64>, StoreError> {
        let written = self.batches.write(appends).await;
        if matches!(written, Err(StoreError::OutcomeUnknown(_))) {
            self.doubt.raise();
        }
        written
    }
}

/// Whether the rest of the batch may be innocent.
fn concerns_one_append(error: &StoreError) -> bool {
    match error {
        StoreError::Conflict
        | StoreError::Constraint(_)
        | StoreError::Refused(_)
        | StoreError::Undecodable { .. } => true,
        StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_) | StoreError::Overloaded => {
            false
        }
    }
}

fn answer_all(pending: Vec<Pending>, mut base: Option<i64>) {
    for waiting in pending {
        let answer = appended(&waiting.append, base);
        base = base.map(|base| base + count(&waiting.append));
        let _ = waiting.reply.send(Ok(answer));
    }
}

fn appended(append: &Append, base: Option<i64>) -> Appended {
    let position = base.filter(|_| !append.events.is_empty()).map(|base| base + 1);
    Appended { version: append.expected + count(append), position }
}

fn count(append: &Append) -> i64 {
    i64::try_from(append.events.len()).unwrap_or(i64::MAX)
}
