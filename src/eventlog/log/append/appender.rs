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

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tracing::field::Empty;
use uuid::Uuid;

use super::acknowledged::Acknowledged;
use super::batch::{BatchFailure, BatchWriter, Blame};
use super::lanes::{AppendSize, Lanes, Waiting};
use super::metrics;
use crate::capacity::budget::{Budget, Lease};
use crate::eventlog::model::append::{Append, Appended};
use crate::eventlog::model::error::StoreError;
use crate::eventlog::model::projection::Projections;
use crate::eventlog::model::stream::StreamName;
use crate::eventlog::model::term::Term;
use crate::eventlog::node_status::Writable;
use crate::postgres::Pool;
use crate::telemetry::reason::Reason;
use crate::telemetry::{Carried, audit_events};
use crate::{span_in, span_outliving};

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
    queue: mpsc::Sender<Pending>,
    /// Permits of the appends that may wait, one each, until a batch takes them.
    places: Arc<Semaphore>,
    /// Bytes of appends that wait or are written, so that a few large ones cannot fill the memory.
    budget: Budget,
}

/// Takes appends from the queue and writes them, batch by batch, until every [`Appender`] is gone.
#[derive(Debug)]
pub struct Writer {
    /// Appends that were not sorted into lanes yet.
    queue: mpsc::Receiver<Pending>,
    /// Appends that wait for a batch, short and long ones apart.
    lanes: Lanes<Pending>,
    /// Writes one batch, and tries a refused one.
    batches: BatchWriter,
    /// Acknowledged batches, which the follower skips.
    acknowledged: Acknowledged,
    /// Shared flag by which the outcome of each batch is reported.
    writable: Writable,
    /// Number of batches that still look at the versions of streams first, because of a recent conflict.
    wary: usize,
}

/// An append from the queue to its answer. Failures of its batch ([`Blame`]) change its standing:
///
/// | standing \ event | committed | `Somebody` | `Slowness` | `Everybody` |
/// |---|---|---|---|---|
/// | waiting: in a lane until a batch takes it | – | – | – | – |
/// | in a batch of several | written | on trial | by itself | refused or unknown |
/// | in a batch of one | written | blamed | blamed | refused or unknown |
/// | by itself, its batch taken apart | written | blamed | blamed; `MAX_SLOW`: rest refused | refused or unknown; rest refused |
///
/// | on trial: event | next standing |
/// |---|---|
/// | the trial refuses it | blamed |
/// | the trial takes it | in a batch with the others that it takes; by itself after the last of `TRIALS` |
/// | the trial itself fails | refused |
///
/// * Written: answered with version and position.
/// * Blamed: answered with its own error, such as a conflict; the others of its batch go on.
/// * Refused: answered with the failure of the database; nothing of it was written.
/// * Unknown: answered with [`StoreError::OutcomeUnknown`], because a commit may have lost its answer.
#[derive(Debug)]
struct Pending {
    /// Events and rows to be written.
    append: Append,
    /// Size of the append, measured once, which decides its lane.
    size: AppendSize,
    /// Sender of the answer to the entity.
    reply: oneshot::Sender<Result<Appended, StoreError>>,
    /// Trace context and span of the append, from the queue until it is committed.
    carried: Carried,
    /// Start of the measured duration of the append.
    queued: Instant,
    /// Permit of the queue, held until a batch takes the append.
    place: Option<OwnedSemaphorePermit>,
    /// Lease for the bytes of the append, held until it is answered.
    _bytes: Lease,
}

impl Pending {
    fn answer(self, answer: Result<Appended, StoreError>) {
        metrics::append(self.queued.elapsed(), &answer);
        if answer.is_err() {
            self.carried.span.record("otel.status_code", "ERROR");
        }
        // The span ends before the requester goes on.
        drop(self.carried);
        let _ = self.reply.send(answer);
    }
}

impl Waiting for Pending {
    fn stream(&self) -> &StreamName {
        &self.append.stream
    }

    fn size(&self) -> AppendSize {
        self.size
    }
}

/// A connected pair of an [`Appender`] and its [`Writer`].
pub fn channel(setup: Setup) -> (Appender, Writer) {
    let Setup { pool, projections, node, budget, timeout, term, writable } = setup;
    let (sender, receiver) = mpsc::channel(QUEUE);
    let places = Arc::new(Semaphore::new(QUEUE));
    metrics::observe_queue(&places, QUEUE);
    let appender = Appender { queue: sender, places, budget };
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
        let pending = self.pending(append, reply)?;
        // There is a place for it; the queue is closed when the appender has stopped.
        self.queue.try_send(pending).map_err(|_| StoreError::Overloaded)?;
        answer
            .await
            .unwrap_or_else(|_| Err(StoreError::OutcomeUnknown("the appender stopped".to_owned())))
    }

    fn pending(
        &self,
        append: Append,
        reply: oneshot::Sender<Result<Appended, StoreError>>,
    ) -> Result<Pending, StoreError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            audit_events::refused(Reason::AppendQueue);
            StoreError::Overloaded
        })?;
        // An append larger than a share leases all of it: it can be written, and no other of its holder beside it.
        let weight = append.weight().min(self.budget.share());
        let bytes = self.budget.lease(append.stream.holder(), weight);
        let bytes = bytes.map_err(|_exhausted| StoreError::Overloaded)?;
        let here = Carried::here();
        let span = span_in!(
            &here.span,
            "eventlog.append",
            stream.name = %append.stream,
            events = count(&append),
            otel.status_code = Empty,
        );
        let (size, carried) = (AppendSize::of(&append), here.within(span));
        let (queued, place) = (Instant::now(), Some(place));
        Ok(Pending { append, size, reply, carried, queued, place, _bytes: bytes })
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
            let mut pending = self.lanes.batch();
            for waiting in &mut pending {
                waiting.place = None;
            }
            let batch = in_batch(&pending);
            // Boxed, so that an appender at rest does not hold the memory that one at work needs.
            Box::pin(batch.scope(self.write(pending))).await;
        }
    }

    /// Takes everything that waits; `false` if nothing does and nothing will.
    async fn receive(&mut self) -> bool {
        if self.lanes.is_empty() {
            let Some(first) = self.queue.recv().await else { return false };
            self.lanes.push(first);
        }
        while let Ok(waiting) = self.queue.try_recv() {
            self.lanes.push(waiting);
        }
        true
    }

    async fn write(&mut self, mut pending: Vec<Pending>) {
        for _ in 0..TRIALS {
            if pending.is_empty() {
                return;
            }
            let BatchFailure { error, blame } = match self.write_batch(&pending).await {
                Ok(base) => return answer_all(pending, base),
                Err(failure) => failure,
            };
            match blame {
                _ if pending.len() == 1 => return refuse_all(pending, &error),
                Blame::Everybody => return refuse_all(pending, &error),
                Blame::Somebody => pending = self.set_aside(pending).await,
                Blame::Slowness => break,
            }
        }
        self.take_apart(pending).await;
    }

    /// Answers the appends that would be refused, and returns the others.
    async fn set_aside(&mut self, pending: Vec<Pending>) -> Vec<Pending> {
        let refusals = match self.batches.trial(&appends_of(&pending)).await {
            Ok(refusals) => refusals,
            Err(error) => {
                refuse_all(pending, &error);
                return Vec::new();
            }
        };
        let mut others = Vec::with_capacity(pending.len());
        for (waiting, refusal) in pending.into_iter().zip(refusals) {
            match refusal {
                Some(error) => {
                    if matches!(error, StoreError::Conflict) {
                        self.wary = WARY;
                    }
                    waiting.answer(Err(error));
                }
                None => others.push(waiting),
            }
        }
        others
    }

    /// Writes each append by itself: one of them is too slow, or is refused for a reason that no trial shows. Gives up on
    /// the rest if the database is lost: they would wait for it one after the other.
    async fn take_apart(&mut self, pending: Vec<Pending>) {
        let mut lost = None;
        let mut slow = 0;
        for waiting in pending {
            if let Some(error) = &lost {
                waiting.answer(Err(StoreError::clone(error)));
                continue;
            }
            let alone = std::slice::from_ref(&waiting);
            match self.write_batch(alone).await {
                Ok(base) => {
                    let appended = appended(&waiting.append, base);
                    waiting.answer(Ok(appended));
                }
                Err(BatchFailure { error, blame }) => {
                    slow += usize::from(blame == Blame::Slowness);
                    if blame == Blame::Everybody || slow >= MAX_SLOW {
                        lost = Some(error.clone().of_read());
                    }
                    waiting.answer(Err(error));
                }
            }
        }
    }

    async fn write_batch(&mut self, pending: &[Pending]) -> Result<Option<i64>, BatchFailure> {
        let appends = appends_of(pending);
        let began = Instant::now();
        self.acknowledged.begin();
        let written = self.batches.write(&appends, self.wary > 0).await;
        let is_conflict = matches!(&written, Err(BatchFailure { error: StoreError::Conflict, .. }));
        self.wary = if is_conflict { WARY } else { self.wary.saturating_sub(1) };
        let events: i64 = appends.iter().map(|append| count(append)).sum();
        let base = written.as_ref().ok().copied().flatten();
        self.acknowledged.end(base.map(|base| (base, base + events)));
        let failure = written.as_ref().err().map(|failure| &failure.error);
        match failure {
            None => self.writable.set(true),
            Some(error) if error.is_of_every_change() => self.writable.set(false),
            // Other failures say nothing of other changes.
            Some(_) => {}
        }
        metrics::batch(began.elapsed(), &appends, failure);
        written
    }
}

/// Trace context in which a batch is written: a span in the first of its appends' traces that is kept, linked to the spans
/// of all of them, and these to it. An event thereby leads to its batch, and a batch to its events.
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

fn appends_of(pending: &[Pending]) -> Vec<&Append> {
    pending.iter().map(|waiting| &waiting.append).collect()
}

fn answer_all(pending: Vec<Pending>, mut base: Option<i64>) {
    for waiting in pending {
        let answer = appended(&waiting.append, base);
        base = base.map(|base| base + count(&waiting.append));
        waiting.answer(Ok(answer));
    }
}

fn refuse_all(pending: Vec<Pending>, error: &StoreError) {
    for waiting in pending {
        waiting.answer(Err(error.clone()));
    }
}

fn appended(append: &Append, base: Option<i64>) -> Appended {
    let position = base.filter(|_| !append.events.is_empty()).map(|base| base + 1);
    Appended { version: append.expected + count(append), position }
}

fn count(append: &Append) -> i64 {
    i64::try_from(append.events.len()).unwrap_or(i64::MAX)
}
