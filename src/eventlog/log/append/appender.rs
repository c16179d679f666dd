//! The Appender: group commit for every entity of this node.
//!
//! Appends that arrive while a batch commits form the next batch (`lanes` says in which order). There is no timer: a lone
//! append waits for nothing. The queue is bounded in number and, by the budget of appends, in bytes; an append beyond that
//! is refused before it is held.
//!
//! One bad append never fails its neighbours, nor costs them more than a round trip: if a batch is refused, a `trial`
//! finds the appends to blame, and the rest is written as one batch. A batch whose events take too long is taken apart
//! before any append is answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc, oneshot};
use tracing::field::Empty;
use uuid::Uuid;

use super::acknowledged::Acknowledged;
use super::batch::{BatchFailure, BatchWriter, Blame};
use super::lanes::Lanes;
use super::metrics;
use super::request::{Append, Appended, Queued};
use crate::capacity::budget::Budget;
use crate::eventlog::model::error::StoreError;
use crate::eventlog::model::projection::Projections;
use crate::eventlog::model::term::Term;
use crate::eventlog::node_status::Writable;
use crate::postgres::Pool;
use crate::telemetry::reason::Reason;
use crate::telemetry::{TraceContext, audit_events};
use crate::{child_span, span_outliving};

/// Most appends that may wait for the running batch.
const QUEUE: usize = 4096;

/// Most trials of one batch before it is taken apart.
const TRIALS: usize = 3;

/// Number of appends that may take too long before the rest of their batch is given up: then it is the database that is
/// slow.
const MAX_SLOW: usize = 2;

/// Number of batches after a conflict for which the versions of streams are looked at first. That costs a sixth of a
/// batch, and without other writers there are no conflicts.
const WARY: usize = 1_000;

/// Longest time a batch may take before its connection is given up and its outcome is unknown: longer than the server lets
/// a statement run.
pub const BATCH_TIMEOUT: Duration = Duration::from_secs(15);

/// Parts from which an appender is made.
#[derive(Debug)]
pub struct Setup {
    /// Database sessions to write on, of which each batch borrows one.
    pub pool: Pool,
    /// Read models that follow the events inline.
    pub projections: Arc<Projections>,
    /// Identifies this node in notifications, so that its follower knows its own batches.
    pub node: Uuid,
    /// Bytes of appends that may wait or be written.
    pub budget: Budget,
    /// Longest time a batch may take: [`BATCH_TIMEOUT`], unless a test is in a hurry.
    pub timeout: Duration,
    /// The term in which this node may append; none for a command.
    pub term: Term,
    /// Shared flag by which the appender reports that changes are taken, or not.
    pub writable: Writable,
}

/// Sends appends to the running [`Writer`].
#[derive(Debug, Clone)]
pub struct Appender {
    /// Queue to the writer, with room for `QUEUE` appends.
    queue: mpsc::Sender<Append>,
    /// Permits of the appends that may wait, one each, until a batch takes them.
    permits: Arc<Semaphore>,
    /// Bytes of appends that wait or are written, so that a few large ones cannot fill the memory.
    budget: Budget,
}

/// Takes appends from the queue and writes them, batch by batch, until every [`Appender`] is gone.
#[derive(Debug)]
pub struct Writer {
    /// Appends that were not sorted into lanes yet.
    queue: mpsc::Receiver<Append>,
    /// Appends that wait for a batch, short and long ones apart.
    lanes: Lanes<Append>,
    /// Writes one batch, and tries a refused one.
    batches: BatchWriter,
    /// Acknowledged batches, which the follower skips.
    acknowledged: Acknowledged,
    /// Shared flag by which the outcome of each batch is reported.
    writable: Writable,
    /// Number of batches that still look at the versions of streams first, because of a recent conflict.
    wary: usize,
}

/// A connected pair of an [`Appender`] and its [`Writer`].
pub fn channel(setup: Setup) -> (Appender, Writer) {
    let Setup { pool, projections, node, budget, timeout, term, writable } = setup;
    let (sender, receiver) = mpsc::channel(QUEUE);
    let permits = Arc::new(Semaphore::new(QUEUE));
    metrics::observe_queue(&permits, QUEUE);
    let appender = Appender { queue: sender, permits, budget };
    let batches = BatchWriter { pool, projections, node, timeout, term };
    let (lanes, acknowledged) = (Lanes::default(), Acknowledged::default());
    (appender, Writer { queue: receiver, lanes, batches, acknowledged, writable, wary: 0 })
}

impl Appender {
    /// Appends, and returns when the events are committed.
    ///
    /// # Errors
    ///
    /// Nothing was written, unless the error is [`StoreError::OutcomeUnknown`].
    pub async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        let (reply, answer) = oneshot::channel();
        let append = self.queued(append, reply)?;
        // The permit guarantees room; the queue is closed once the writer has stopped.
        self.queue.try_send(append).map_err(|_| StoreError::Overloaded)?;
        answer
            .await
            .unwrap_or_else(|_| Err(StoreError::OutcomeUnknown("the appender stopped".to_owned())))
    }

    fn queued(
        &self,
        append: Append,
        reply: oneshot::Sender<Result<Appended, StoreError>>,
    ) -> Result<Append, StoreError> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_| {
            audit_events::refused(Reason::AppendQueue);
            StoreError::Overloaded
        })?;
        // An append larger than a share leases all of it: it can be written, and no other of its holder beside it.
        let size = append.size();
        let weight = size.weight().min(self.budget.share());
        let bytes = self.budget.lease(append.stream.holder(), weight);
        let bytes = bytes.map_err(|_exhausted| StoreError::Overloaded)?;
        let here = TraceContext::here();
        let span = child_span!(
            &here.span,
            "eventlog.append",
            stream.name = %append.stream,
            events = append.count(),
            otel.status_code = Empty,
        );
        let trace_context = here.within(span);
        let (since, permit) = (Instant::now(), Some(permit));
        let queued = Queued { size, reply, trace_context, since, permit, _bytes: bytes };
        Ok(Append { queued: Some(queued), ..append })
    }
}

impl Writer {
    /// The batches that were acknowledged, for the follower.
    pub fn acknowledged(&self) -> Acknowledged {
        self.acknowledged.clone()
    }

    /// Runs until every [`Appender`] is dropped and the queue is empty.
    pub async fn run(mut self) {
        while self.receive().await {
            let mut appends = self.lanes.batch();
            for queued in appends.iter_mut().filter_map(|append| append.queued.as_mut()) {
                queued.permit = None;
            }
            let batch = in_batch(&appends);
            // Boxed, so that an appender at rest does not hold the memory that one at work needs.
            Box::pin(batch.scope(self.write(appends))).await;
        }
    }

    /// Takes everything that waits; `false` if nothing does and nothing will.
    async fn receive(&mut self) -> bool {
        if self.lanes.is_empty() {
            let Some(first) = self.queue.recv().await else { return false };
            self.lanes.push(first);
        }
        while let Ok(next) = self.queue.try_recv() {
            self.lanes.push(next);
        }
        true
    }

    async fn write(&mut self, mut appends: Vec<Append>) {
        for _ in 0..TRIALS {
            if appends.is_empty() {
                return;
            }
            let BatchFailure { error, blame } = match self.write_batch(&appends).await {
                Ok(base) => return answer_all(appends, base),
                Err(failure) => failure,
            };
            match blame {
                _ if appends.len() == 1 => return refuse_all(appends, &error),
                Blame::Everybody => return refuse_all(appends, &error),
                Blame::Somebody => appends = self.set_aside(appends).await,
                Blame::Slowness => break,
            }
        }
        self.take_apart(appends).await;
    }

    /// Answers the appends that would be refused, and returns the others.
    async fn set_aside(&mut self, appends: Vec<Append>) -> Vec<Append> {
        let refusals = match self.batches.trial(&appends).await {
            Ok(refusals) => refusals,
            Err(error) => {
                refuse_all(appends, &error);
                return Vec::new();
            }
        };
        let mut others = Vec::with_capacity(appends.len());
        for (append, refusal) in appends.into_iter().zip(refusals) {
            match refusal {
                Some(error) => {
                    if matches!(error, StoreError::Conflict) {
                        self.wary = WARY;
                    }
                    append.answer(Err(error));
                }
                None => others.push(append),
            }
        }
        others
    }

    /// Writes each append by itself: one of them is too slow, or is refused for a reason that no trial shows. Gives up on
    /// the rest if the database is lost: they would wait for it one after the other.
    async fn take_apart(&mut self, appends: Vec<Append>) {
        let mut lost = None;
        let mut slow = 0;
        for append in appends {
            if let Some(error) = &lost {
                append.answer(Err(StoreError::clone(error)));
                continue;
            }
            let alone = std::slice::from_ref(&append);
            match self.write_batch(alone).await {
                Ok(base) => {
                    let appended = append.appended(base);
                    append.answer(Ok(appended));
                }
                Err(BatchFailure { error, blame }) => {
                    slow += usize::from(blame == Blame::Slowness);
                    if blame == Blame::Everybody || slow >= MAX_SLOW {
                        lost = Some(error.clone().of_read());
                    }
                    append.answer(Err(error));
                }
            }
        }
    }

    async fn write_batch(&mut self, appends: &[Append]) -> Result<Option<i64>, BatchFailure> {
        let began = Instant::now();
        self.acknowledged.begin();
        let written = self.batches.write(appends, self.wary > 0).await;
        let is_conflict = matches!(&written, Err(BatchFailure { error: StoreError::Conflict, .. }));
        self.wary = if is_conflict { WARY } else { self.wary.saturating_sub(1) };
        let events: i64 = appends.iter().map(Append::count).sum();
        let base = written.as_ref().ok().copied().flatten();
        self.acknowledged.end(base.map(|base| (base, base + events)));
        let failure = written.as_ref().err().map(|failure| &failure.error);
        match failure {
            None => self.writable.set(true),
            Some(error) if error.is_of_every_change() => self.writable.set(false),
            // Other failures say nothing of other changes.
            Some(_) => {}
        }
        metrics::batch(began.elapsed(), (appends.len(), events), failure);
        written
    }
}

/// Trace context in which a batch is written: a span in the first of its appends' traces that is kept, linked to the spans
/// of all of them, and these to it. An event thereby leads to its batch, and a batch to its events.
fn in_batch(appends: &[Append]) -> TraceContext {
    let asking = || appends.iter().filter_map(Append::trace_context);
    let span = |first: &TraceContext| {
        let events: i64 = appends.iter().map(Append::count).sum();
        // Exported as a number only if it is signed.
        let appends = i64::try_from(appends.len()).unwrap_or(i64::MAX);
        let batch = span_outliving!(&first.span, "eventlog.batch", appends, events);
        batch.follows_from(&first.span);
        batch
    };
    let Some(batch) = TraceContext::joined(asking(), span) else { return TraceContext::here() };
    for append in asking() {
        append.span.follows_from(&batch.span);
    }
    batch
}

fn answer_all(appends: Vec<Append>, mut base: Option<i64>) {
    for append in appends {
        let appended = append.appended(base);
        base = base.map(|base| base + append.count());
        append.answer(Ok(appended));
    }
}

fn refuse_all(appends: Vec<Append>, error: &StoreError) {
    for append in appends {
        append.answer(Err(error.clone()));
    }
}
