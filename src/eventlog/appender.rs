//! The Appender: group commit for every entity of this node.
//!
//! What arrives while a batch commits forms the next batch. There is no timer: a lone append waits for nothing. The
//! queue is bounded and refuses when full. One bad append never fails its neighbours: when a batch is refused, its
//! appends are written again one by one, and only the bad ones get the error.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tracing::field::Empty;
use uuid::Uuid;

use super::append::{Append, Appended};
use super::batch::BatchWriter;
use super::doubt::Doubt;
use super::error::StoreError;
use super::measure;
use super::projection::Projections;
use crate::database::Pool;
use crate::telemetry::reason::Reason;
use crate::telemetry::{Carried, events};
use crate::{span_in, span_outliving};

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
    /// From the queue until it is committed.
    carried: Carried,
    queued: Instant,
}

impl Pending {
    fn new(append: Append, reply: oneshot::Sender<Result<Appended, StoreError>>) -> Self {
        let here = Carried::here();
        let span = span_in!(
            &here.span,
            "eventlog.append",
            stream.name = %append.stream,
            events = count(&append),
            otel.status_code = Empty,
        );
        Self { append, reply, carried: here.within(span), queued: Instant::now() }
    }

    fn answer(self, answer: Result<Appended, StoreError>) {
        measure::append(self.queued.elapsed(), &answer);
        if answer.is_err() {
            self.carried.span.record("otel.status_code", "ERROR");
        }
        // Its span ends before anybody goes on.
        drop(self.carried);
        let _ = self.reply.send(answer);
    }
}

/// A connected pair of an [`Appender`] and its [`Writer`]; `node` identifies this node in notifications.
pub fn channel(pool: Pool, projections: Arc<Projections>, node: Uuid) -> (Appender, Writer) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let batches = BatchWriter { pool, projections, node };
    measure::observe_queue(&sender);
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
        self.queue.try_send(Pending::new(append, reply)).map_err(|error| {
            if matches!(error, TrySendError::Full(_)) {
                events::refused(Reason::AppendQueue);
            }
            StoreError::Overloaded
        })?;
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
            let batch = in_batch(&pending);
            // Boxed: it is what the appender needs only while it writes.
            Box::pin(batch.scope(self.write(std::mem::take(&mut pending)))).await;
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
                    waiting.answer(Err(error.clone()));
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
            waiting.answer(answer);
        }
    }

    async fn write_batch(&self, appends: &[&Append]) -> Result<Option<i64>, StoreError> {
        let began = Instant::now();
        let written = self.batches.write(appends).await;
        measure::batch(began.elapsed(), appends, &written);
        if matches!(written, Err(StoreError::OutcomeUnknown(_))) {
            self.doubt.raise();
        }
        written
    }
}

/// Where a batch is written: in the trace of its first append that is kept, in a span that is linked to those of all of them,
/// and these to it. An event thereby finds its batch, and a batch its events.
fn in_batch(pending: &[Pending]) -> Carried {
    let asking = || pending.iter().map(|waiting| &waiting.carried);
    let span = |first: &Carried| {
        let events: i64 = pending.iter().map(|waiting| count(&waiting.append)).sum();
        // Exported as a number only if it is signed.
        let appends = i64::try_from(pending.len()).unwrap_or(i64::MAX);
        let batch = span_outliving!(&first.span, "eventlog.batch", appends, events);
        batch.follows_from(&first.span);
        batch
    };
    let Some(batch) = Carried::joined(asking(), span) else { return Carried::here() };
    for append in asking() {
        append.span.follows_from(&batch.span);
    }
    batch
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
        waiting.answer(Ok(answer));
    }
}

fn appended(append: &Append, base: Option<i64>) -> Appended {
    let position = base.filter(|_| !append.events.is_empty()).map(|base| base + 1);
    Appended { version: append.expected + count(append), position }
}

fn count(append: &Append) -> i64 {
    i64::try_from(append.events.len()).unwrap_or(i64::MAX)
}
