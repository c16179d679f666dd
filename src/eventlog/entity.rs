//! The entity: the actor that hosts one decider's state and is the only writer of its stream on this node.
//!
//! It is woken when its seat's queue is not empty, takes everything that waits, decides the commands one after the
//! other, appends all their events at once, publishes the new state and only then answers. Commands for one entity
//! therefore commit in groups, like those of different entities do in the [`appender`](super::appender).
//!
//! # Design
//!
//! Its whole memory of the stream is one optional value, and the one rule is: *in doubt, forget*. First load, lost race
//! and a connection that died during commit are the same code path. A refused command is an answer, never a failure of
//! the actor; only a mistake in a decider can kill it, and the seat's queue survives that.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::JoinHandle;

use super::append::Append;
use super::decided::Decided;
use super::decider::Decider;
use super::error::{ExecuteError, ReadError, StoreError};
use super::measure;
use super::published::Published;
use super::seat::{Execute, Read, Request, Seat, Wake};
use super::snapshot::Taken;
use super::store::EventLog;
use crate::span_in;
use crate::telemetry::Carried;

/// How often a command is decided again after another writer was faster.
const ATTEMPTS: usize = 4;

/// The actor type of every entity.
#[derive(Debug)]
pub(super) struct Entity<D>(PhantomData<fn() -> D>);

impl<D> Entity<D> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

/// What an entity is given: its seat, the log, and how many events to let pass between snapshots.
pub(super) struct Hosting<D: Decider> {
    pub(super) seat: Arc<Seat<D>>,
    pub(super) log: EventLog,
    pub(super) snapshot_every: u64,
}

/// What an entity knows.
pub(super) struct Hosted<D: Decider> {
    hosting: Hosting<D>,
    known: Option<Arc<Published<D>>>,
    snapshot: Taken,
    /// A snapshot that is being taken.
    taking: Option<JoinHandle<Option<Taken>>>,
}

impl<D: Decider> Actor for Entity<D> {
    type Msg = Wake;
    type State = Hosted<D>;
    type Arguments = Hosting<D>;

    /// Does no I/O: somebody's long history never holds up the supervisor.
    async fn pre_start(
        &self,
        _myself: ActorRef<Wake>,
        hosting: Hosting<D>,
    ) -> Result<Hosted<D>, ActorProcessingErr> {
        Ok(Hosted { hosting, known: None, snapshot: Taken::default(), taking: None })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Wake>,
        _wake: Wake,
        hosted: &mut Hosted<D>,
    ) -> Result<(), ActorProcessingErr> {
        loop {
            let waiting = hosted.hosting.seat.take_waiting();
            if waiting.is_empty() {
                return Ok(());
            }
            measure::mailbox::<D>(waiting.len());
            // Boxed, so that an entity at rest does not hold the memory that one at work needs.
            Box::pin(hosted.serve(waiting)).await;
        }
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Wake>,
        hosted: &mut Hosted<D>,
    ) -> Result<(), ActorProcessingErr> {
        Box::pin(hosted.leave()).await;
        Ok(())
    }
}

impl<D: Decider> Hosted<D> {
    async fn serve(&mut self, waiting: VecDeque<Request<D>>) {
        let mut reads = Vec::new();
        let mut commands = Vec::new();
        for request in waiting {
            match request {
                Request::Read(read) => reads.push(read),
                Request::Execute(execute) => commands.push(*execute),
            }
        }
        self.answer(reads).await;
        if let Some(carried) = self.in_execution(&commands) {
            carried.scope(self.execute(commands)).await;
        }
        self.snapshot_if_due().await;
    }

    async fn answer(&mut self, reads: Vec<Read<D>>) {
        let Some(asked) = first_kept(reads.iter().map(|read| &read.carried)).cloned() else {
            return;
        };
        let known = asked.scope(self.known()).await;
        let known = known.map_err(|error| ReadError::Store(error.of_read()));
        for read in reads {
            let _ = read.reply.send(known.clone());
        }
    }

    /// Where commands are carried out: in the trace of the first of them that is kept, in a span that is linked to those of
    /// the others.
    fn in_execution(&self, commands: &[Execute<D>]) -> Option<Carried> {
        let span = |first: &Carried| {
            span_in!(
                &first.span,
                "entity.execute",
                stream.name = %self.hosting.seat.stream,
                category = D::CATEGORY,
                // Exported as a number only if it is signed.
                commands = i64::try_from(commands.len()).unwrap_or(i64::MAX),
            )
        };
        let asking = || commands.iter().map(|execute| &execute.carried);
        Carried::joined(asking(), span).or_else(|| asking().next().cloned())
    }

    /// The newest state this node has heard of.
    async fn known(&mut self) -> Result<Arc<Published<D>>, StoreError> {
        let seat = &self.hosting.seat;
        if let Some(known) = self.known.as_ref().filter(|known| known.version >= seat.required()) {
            return Ok(Arc::clone(known));
        }
        let hydrated = self.hosting.log.hydrate::<D>(&seat.stream).await.inspect_err(|error| {
            tracing::error!(stream.name = %seat.stream, %error, "an entity cannot be loaded");
        })?;
        self.snapshot = hydrated.snapshot;
        let hydrated = Arc::new(hydrated.published);
        seat.publish(Arc::clone(&hydrated));
        self.known = Some(Arc::clone(&hydrated));
        Ok(hydrated)
    }

    async fn execute(&mut self, commands: Vec<Execute<D>>) {
        for _ in 0..ATTEMPTS {
            let mut decided = match self.known().await {
                Ok(known) => Decided::of(&known, &commands, self.hosting.log.clock().now()).await,
                Err(error) => return answer_all(commands, &ExecuteError::Store(error.of_read())),
            };
            match self.commit(&mut decided).await {
                Ok(()) => return decided.answer(commands),
                Err(StoreError::Conflict) => {
                    measure::conflict::<D>();
                    self.forget();
                }
                Err(error) => {
                    self.forget();
                    return self.refused(commands, error).await;
                }
            }
        }
        answer_all(commands, &ExecuteError::Contended);
    }

    async fn commit(&mut self, decided: &mut Decided<D>) -> Result<(), StoreError> {
        if decided.events.is_empty() && decided.beside.is_empty() {
            return Ok(());
        }
        let append = Append {
            stream: self.hosting.seat.stream.clone(),
            expected: decided.expected,
            events: std::mem::take(&mut decided.events),
            beside: std::mem::take(&mut decided.beside),
        };
        self.hosting.log.append(append).await?;
        self.known = Some(Arc::clone(&decided.published));
        self.hosting.seat.publish(Arc::clone(&decided.published));
        Ok(())
    }

    /// The append was refused or its outcome is unknown. If it carried several commands, one of them may be to blame
    /// for a refusal: each is then tried alone.
    async fn refused(&mut self, commands: Vec<Execute<D>>, error: StoreError) {
        let one_may_be_to_blame =
            matches!(error, StoreError::Constraint(_) | StoreError::Refused(_));
        if commands.len() > 1 && one_may_be_to_blame {
            for command in commands {
                Box::pin(self.execute(vec![command])).await;
            }
        } else {
            // Whoever asked knows what it means that a constraint refused, and what to say of it.
            if !matches!(error, StoreError::Constraint(_)) {
                let stream = &self.hosting.seat.stream;
                tracing::warn!(stream.name = %stream, %error, "an append failed");
            }
            answer_all(commands, &ExecuteError::Store(error));
        }
    }

    fn forget(&mut self) {
        self.known = None;
        self.hosting.seat.forget();
    }

    /// Begins to take a regular snapshot if one is due, beside the commands that follow. One at a time on this node: when another
    /// entity's is being taken, the next batch asks again.
    async fn snapshot_if_due(&mut self) {
        if let Some(taking) = self.taking.take_if(|taking| taking.is_finished()) {
            self.taken(taking).await;
        }
        let Some(known) = &self.known else { return };
        let hosting = &self.hosting;
        if self.taking.is_some() || !self.snapshot.is_due(known.version, hosting.snapshot_every) {
            return;
        }
        let Some(turn) = hosting.log.snapshot_turn() else { return };
        let (log, stream, known) =
            (hosting.log.clone(), hosting.seat.stream.clone(), Arc::clone(known));
        let (before, every) = (self.snapshot, hosting.snapshot_every);
        let take = async move {
            let saved = log.save_snapshot(&stream, &known, before, every).await;
            drop(turn);
            saved
                .inspect_err(
                    |error| tracing::warn!(stream.name = %stream, %error, "no snapshot was taken"),
                )
                .ok()
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "one per node, bounded by its statement; an entity that ends in peace waits for it"
        )]
        let taking = tokio::spawn(take);
        self.taking = Some(taking);
    }

    /// Leaves a snapshot behind, so that the next actor reads no events.
    async fn leave(&mut self) {
        if let Some(taking) = self.taking.take() {
            self.taken(taking).await;
        }
        let Some(known) = &self.known else { return };
        if !self.snapshot.is_worth_leaving(known.version) {
            return;
        }
        let Hosting { seat, log, snapshot_every } = &self.hosting;
        let left = log.leave_snapshot(&seat.stream, known, self.snapshot, *snapshot_every).await;
        if let Err(error) = left {
            tracing::warn!(stream.name = %seat.stream, %error, "an entity left without a snapshot");
        }
    }

    async fn taken(&mut self, taking: JoinHandle<Option<Taken>>) {
        if let Ok(Some(taken)) = taking.await {
            self.snapshot = taken;
        }
    }
}

/// The first whose trace is kept, or else the first.
fn first_kept<'c>(mut carried: impl Iterator<Item = &'c Carried> + Clone) -> Option<&'c Carried> {
    carried.clone().find(|carried| carried.is_kept()).or_else(|| carried.next())
}

fn answer_all<D: Decider>(commands: Vec<Execute<D>>, error: &ExecuteError<D::Rejection>) {
    for execute in commands {
        let _ = execute.reply.send(Err(error.clone()));
    }
}
