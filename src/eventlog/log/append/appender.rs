//! The Appender: group commit for every entity of this node.
//!
//! What arrives while a batch commits forms the next batch (`lanes` says in which order). There is no
//! timer: a lone append waits for nothing. What waits is bounded in number and, by the budget of appends, in bytes; what is
//! beyond is refused before it is held.
//!
//! One bad append never fails its neighbours, nor costs them more than a round trip: when a batch is refused, a
//! `trial` finds the appends to blame, and the rest is written as one batch. A batch whose events take too
//! long is taken apart before anybody is answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tracing::field::Empty;
use uuid::Uuid;

use super::acknowledged::Acknowledged;
use super::batch::{BatchWriter, Blame, Failure};
use super::lanes::{Lanes, Size, Waiting};
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

/// How often the appends to blame are looked for in a batch before it is taken apart.
const TRIALS: usize = 3;

/// How many appends may take too long before the rest of their batch is given up: then it is the database that is slow.
const MAX_SLOW: usize = 2;

/// For how many batches after a conflict the versions of streams are looked at first. That costs a sixth of a batch, and
/// without other writers there are no conflicts.
const WARY: usize = 1_000;

/// Longest time a batch may take before its connection is given up and its outcome is unknown: longer than the server lets
/// a statement run.
pub const BATCH_TIMEOUT: Duration = Duration::from_secs(15);

/// What an appender is made of.
#[derive(Debug)]
pub struct Setup {
    /// Connections to write on.
    pub pool: Pool,
    /// Read models that follow the events inline.
    pub projections: Arc<Projections>,
    /// Identifies this node in notifications.
    pub node: Uuid,
    /// Bytes of appends that may wait or be written.
    pub budget: Budget,
    /// Longest time a batch may take: [`BATCH_TIMEOUT`], unless a test is in a hurry.
    pub timeout: Duration,
    /// The term in which this node may append; none for a command.
    pub term: Term,
    /// Where it says whether changes are taken.
    pub writable: Writable,
}

/// Sends appends to the running [`Writer`].
#[derive(Debug, Clone)]
pub struct Appender {
    queue: mpsc::Sender<Pending>,
    /// One for each append that may wait.
    places: Arc<Semaphore>,
    budget: Budget,
}

/// Takes appends from the queue and writes them, batch by batch, until every [`Appender`] is gone.
#[derive(Debug)]
pub struct Writer {
    queue: mpsc::Receiver<Pending>,
    lanes: Lanes<Pending>,
    batches: BatchWriter,
    acknowledged: Acknowledged,
    writable: Writable,
    /// Batches that are still to look first.
    wary: usize,
}

#[derive(Debug)]
struct Pending {
    append: Append,
    size: Size,
    reply: oneshot::Sender<Result<Appended, StoreError>>,
    /// From the queue until it is committed.
    carried: Carried,
    queued: Instant,
    /// While it waits for its batch.
    place: Option<OwnedSemaphorePermit>,
    /// Until it is answered.
    _bytes: Lease,
}

impl Pending {
    fn answer(self, answer: Result<Appended, StoreError>) {
        metrics::append(self.queued.elapsed(), &answer);
        if answer.is_err() {
            self.carried.span.record("otel.status_code", "ERROR");
        }
        // Its span ends before anybody goes on.
        drop(self.carried);
        let _ = self.reply.send(answer);
    }
}

impl Waiting for Pending {
    fn stream(&self) -> &StreamName {
        &self.append.stream
    }

    fn size(&self) -> Size {
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
        // One that is larger than a share has all of it: it can be written, and no other of its holder beside it.
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
        let (size, carried) = (Size::of(&append), here.within(span));
        let (queued, place) = (Instant::now(), Some(place));
        Ok(Pending { append, size, reply, carried, queued, place, _bytes: bytes })
    }
}

impl Writer {
    /// Which batches were acknowledged, for the follower.
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
            // Boxed: it is what the appender needs only while it writes.
            Box::pin(batch.scope(self.write(pending))).await;
        }
    }

    /// Takes everything that waits; `false` when nothing does and nothing will.
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
            let Failure { error, blame } = match self.write_batch(&pending).await {
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

    /// Writes each append by itself: one of them is too slow, or is refused for what no trial shows. Gives up on the rest when
    /// the database is lost: they would wait for it one after the other.
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
                Err(Failure { error, blame }) => {
                    slow += usize::from(blame == Blame::Slowness);
                    if blame == Blame::Everybody || slow >= MAX_SLOW {
                        lost = Some(error.clone().of_read());
                    }
                    waiting.answer(Err(error));
                }
            }
        }
    }

    async fn write_batch(&mut self, pending: &[Pending]) -> Result<Option<i64>, Failure> {
        let appends = appends_of(pending);
        let began = Instant::now();
        self.acknowledged.begin();
        let written = self.batches.write(&appends, self.wary > 0).await;
        let is_conflict = matches!(&written, Err(Failure { error: StoreError::Conflict, .. }));
        self.wary = if is_conflict { WARY } else { self.wary.saturating_sub(1) };
        let events: i64 = appends.iter().map(|append| count(append)).sum();
        let base = written.as_ref().ok().copied().flatten();
        self.acknowledged.end(base.map(|base| (base, base + events)));
        let failure = written.as_ref().err().map(|failure| &failure.error);
        match failure {
            None => self.writable.set(true),
            Some(error) if error.is_of_every_change() => self.writable.set(false),
            // That says nothing of others.
            Some(_) => {}
        }
        metrics::batch(began.elapsed(), &appends, failure);
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
