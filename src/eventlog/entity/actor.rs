//! The entity: the actor that hosts one decider's state and is the only writer of its stream on this node.
//!
//! The actor is woken if its mailbox is not empty. It takes the waiting commands, decides them one after the other until
//! they form a group, appends all their events at once, publishes the new state and only then answers. Commands for one
//! entity therefore commit in groups, as those of different entities do in the
//! [`appender`](crate::eventlog::log::append::appender). A group is bounded, so that one entity takes no more than a part
//! of a batch from the others.
//!
//! # Design
//!
//! The only memory that the actor has of its stream is the state its mailbox publishes, and that is committed. After a
//! lost race it catches up with the log; if the outcome of an append is unknown, *it forgets* the state and loads it anew.
//! A refused command is an answer, never a failure of the actor; only a mistake in a decider can kill it, and the queue of
//! commands survives that.

use std::marker::PhantomData;
use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::JoinHandle;

use super::decision::{ATTEMPTS, Commands, Decision, answer_each};
use super::mailbox::{Mailbox, Wake};
use super::metrics;
use super::request::CommandRequest;
use crate::capacity::worker_pool::WorkError;
use crate::child_span;
use crate::eventlog::log::append::request::Append;
use crate::eventlog::log::reader::EventLog;
use crate::eventlog::log::snapshot::SnapshotInfo;
use crate::eventlog::model::decider::Decider;
use crate::eventlog::model::error::{ExecuteError, StoreError};
use crate::eventlog::model::published::Published;
use crate::telemetry::TraceContext;

/// The actor type of every entity.
#[derive(Debug)]
pub(super) struct Entity<D>(PhantomData<fn() -> D>);

impl<D> Entity<D> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

/// Arguments of an entity's actor.
pub(super) struct EntityArgs<D: Decider> {
    /// Mailbox that the actor serves, and that outlives it.
    pub(super) mailbox: Arc<Mailbox<D>>,
    /// Log to which the events are appended and in which snapshots are stored.
    pub(super) log: EventLog,
    /// Least number of events between two regular snapshots.
    pub(super) snapshot_every: u64,
}

/// State of an entity's actor, beside the entity's state, which the mailbox publishes.
pub(super) struct EntityState<D: Decider> {
    /// Arguments, kept for the life of the actor.
    args: EntityArgs<D>,
    /// Regular snapshot under way. There is at most one per entity, and the actor awaits it before it ends.
    snapshot_task: Option<JoinHandle<Option<SnapshotInfo>>>,
}

impl<D: Decider> Actor for Entity<D> {
    type Msg = Wake;
    type State = EntityState<D>;
    type Arguments = EntityArgs<D>;

    /// Does no I/O, so that a long history never holds up the supervisor.
    async fn pre_start(
        &self,
        _myself: ActorRef<Wake>,
        args: EntityArgs<D>,
    ) -> Result<EntityState<D>, ActorProcessingErr> {
        Ok(EntityState { args, snapshot_task: None })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Wake>,
        _wake: Wake,
        state: &mut EntityState<D>,
    ) -> Result<(), ActorProcessingErr> {
        loop {
            let waiting = state.args.mailbox.take_waiting();
            if waiting.is_empty() {
                return Ok(());
            }
            metrics::mailbox::<D>(waiting.len());
            // Boxed, so that an entity at rest does not hold the memory that one at work needs.
            Box::pin(state.serve(waiting.into())).await?;
        }
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Wake>,
        state: &mut EntityState<D>,
    ) -> Result<(), ActorProcessingErr> {
        Box::pin(state.leave()).await;
        Ok(())
    }
}

impl<D: Decider> EntityState<D> {
    async fn serve(&mut self, commands: Commands<D>) -> Result<(), WorkError> {
        if let Some(trace_context) = self.in_execution(&commands) {
            trace_context.scope(self.execute(commands)).await?;
        }
        self.snapshot_if_due().await;
        Ok(())
    }

    /// Trace context in which commands are executed: a span in the first of their traces that is kept, linked to those of
    /// the others.
    fn in_execution(&self, commands: &[Box<CommandRequest<D>>]) -> Option<TraceContext> {
        let span = |first: &TraceContext| {
            child_span!(
                &first.span,
                "entity.execute",
                stream.name = %self.args.mailbox.stream,
                category = D::CATEGORY,
                // Exported as a number only if it is signed.
                commands = i64::try_from(commands.len()).unwrap_or(i64::MAX),
            )
        };
        let asking = || commands.iter().map(|request| &request.trace_context);
        TraceContext::joined(asking(), span).or_else(|| asking().next().cloned())
    }

    /// Executes the first commands, up to a group; the others are put back for the next turn.
    async fn execute(&mut self, commands: Commands<D>) -> Result<(), WorkError> {
        let mut commands = commands;
        for _ in 0..ATTEMPTS {
            let EntityArgs { mailbox, log, .. } = &self.args;
            let known = match mailbox.newest(log).await {
                Ok(known) => known,
                Err(error) => {
                    answer_all(commands, &error.into());
                    return Ok(());
                }
            };
            let (decision, mut group) =
                Decision::of_group(&mailbox.stream, &known, commands, log).await?;
            mailbox.put_back(group.split_off(decision.count()).into_iter());
            commands = group;
            let Decision { append, published, outcomes, .. } = decision;
            let Err(error) = self.commit(append, &published).await else {
                answer_each(commands, outcomes);
                return Ok(());
            };
            if !matches!(error, StoreError::Conflict) {
                return self.refused(commands, error).await;
            }
            metrics::conflict::<D>();
            self.args.mailbox.require(known.version + 1);
        }
        answer_all(commands, &ExecuteError::Contended);
        Ok(())
    }

    /// Appends the events of a decision, and publishes the state after them.
    async fn commit(
        &self,
        append: Append,
        published: &Arc<Published<D>>,
    ) -> Result<(), StoreError> {
        if append.is_empty() {
            return Ok(());
        }
        self.args.log.append(append).await?;
        self.args.mailbox.publish(published);
        Ok(())
    }

    /// Handles an append that was refused or whose outcome is unknown. If it carried several commands, one of them may be
    /// to blame for a refusal: it is looked for by halves, and the others are committed together.
    async fn refused(
        &mut self,
        mut commands: Commands<D>,
        error: StoreError,
    ) -> Result<(), WorkError> {
        if matches!(error, StoreError::OutcomeUnknown(_)) {
            self.args.mailbox.forget();
        }
        if commands.len() > 1 && error.may_be_of_one_command() {
            let second_half = commands.split_off(commands.len() / 2);
            Box::pin(self.execute(commands)).await?;
            return Box::pin(self.execute(second_half)).await;
        }
        // A refusal by a constraint is not logged: the requester knows its meaning and what to answer.
        if !matches!(error, StoreError::Constraint(_)) {
            let stream = &self.args.mailbox.stream;
            tracing::warn!(stream.name = %stream, %error, "append failed");
        }
        answer_all(commands, &ExecuteError::Store(error));
        Ok(())
    }

    /// Starts a regular snapshot if one is due, concurrent with the commands that follow. One is taken at a time on this
    /// node: while another entity's is under way, the next batch of commands tries again.
    async fn snapshot_if_due(&mut self) {
        if let Some(finished) = self.snapshot_task.take_if(|task| task.is_finished()) {
            self.note_snapshot(finished).await;
        }
        let args = &self.args;
        let Some(known) = args.mailbox.published() else { return };
        let (before, every) = (args.mailbox.snapshot(), args.snapshot_every);
        if self.snapshot_task.is_some() || !before.is_due(known.version, every) {
            return;
        }
        let Some(permit) = args.log.snapshot_permit() else { return };
        let (log, stream) = (args.log.clone(), args.mailbox.stream.clone());
        let take = async move {
            let saved = log.save_snapshot(&stream, &known, before, every).await;
            drop(permit);
            saved
                .inspect_err(
                    |error| tracing::warn!(stream.name = %stream, %error, "failed to take a snapshot; retrying"),
                )
                .ok()
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "one per node, bounded by its statement; an entity that ends in peace waits for it"
        )]
        let task = tokio::spawn(take);
        self.snapshot_task = Some(task);
    }

    /// Stores a snapshot on passivation, if it is worth one, so that the next load reads no events.
    async fn leave(&mut self) {
        if let Some(running) = self.snapshot_task.take() {
            self.note_snapshot(running).await;
        }
        let EntityArgs { mailbox, log, snapshot_every } = &self.args;
        let (Some(known), before) = (mailbox.published(), mailbox.snapshot()) else { return };
        if !before.is_worth_leaving(known.version) {
            return;
        }
        log.leave_snapshot(&mailbox.stream, &known, before, *snapshot_every).await;
    }

    /// Waits for a snapshot and tells the mailbox of it.
    async fn note_snapshot(&mut self, task: JoinHandle<Option<SnapshotInfo>>) {
        if let Ok(Some(snapshot)) = task.await {
            self.args.mailbox.set_snapshot(snapshot);
        }
    }
}

fn answer_all<D: Decider>(commands: Commands<D>, error: &ExecuteError<D::Rejection>) {
    for request in commands {
        request.answer(Err(error.clone()));
    }
}
