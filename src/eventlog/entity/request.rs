//! The request of a command: the one envelope between a feature and its entity.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::capacity::budget::Lease;
use crate::eventlog::model::decider::Decider;
use crate::eventlog::model::error::ExecuteError;
use crate::eventlog::model::new_event::Context;
use crate::eventlog::model::published::Outcome;
use crate::eventlog::model::statement::Statement;
use crate::telemetry::TraceContext;

/// Reply to a command: its outcome, or the reason for which it was not executed.
pub(super) type Reply<D> = Result<Outcome<D>, ExecuteError<<D as Decider>::Rejection>>;

/// A command with everything that goes with it, from the feature that asks for it to the actor that answers it.
pub struct CommandRequest<D: Decider> {
    /// Command for the decider, which gets it with the state that its predecessors leave.
    pub(super) command: D::Command,
    /// User, session and origin of the request, which become part of the events.
    pub(super) context: Context,
    /// Rows for the transaction of the events. They are shared with the append, which may have to be made again.
    pub(super) also_write: Vec<Arc<Statement>>,
    /// Maker of a row that records the outcome, in the transaction of the events.
    pub(super) record: Option<Record<D>>,
    /// Permits and leases that are given back when the command is answered, even if its client stops waiting.
    pub(super) kept: Vec<Box<dyn Any + Send + Sync>>,
    /// True if `kept` has a lease for the bytes of the command, so that no other is taken.
    pub(super) is_paid_for: bool,
    /// The trace of the request, in which the entity carries the command out.
    pub(super) trace_context: TraceContext,
    /// Sender of the reply, set when the request enters a mailbox: before that no caller waits.
    reply: Option<oneshot::Sender<Reply<D>>>,
}

impl<D: Decider> CommandRequest<D> {
    /// A request to execute `command` on behalf of the user in `context`.
    pub fn new(command: D::Command, context: Context) -> Self {
        Self {
            command,
            context,
            also_write: Vec::new(),
            record: None,
            kept: Vec::new(),
            is_paid_for: false,
            trace_context: TraceContext::here(),
            reply: None,
        }
    }

    /// Writes rows in the transaction of the command's events; none if it has no events.
    #[must_use]
    pub fn also_write(mut self, statements: Vec<Statement>) -> Self {
        self.also_write.extend(statements.into_iter().map(Arc::new));
        self
    }

    /// Records the outcome in the transaction of the events.
    #[must_use]
    pub fn recorded(mut self, record: Record<D>) -> Self {
        self.record = Some(record);
        self
    }

    /// Adds a lease for the bytes of the command, so that none is taken from the budget of commands; it is given back when
    /// the command is answered.
    #[must_use]
    pub fn paid_by(mut self, lease: Lease) -> Self {
        self.is_paid_for = true;
        self.keeping(lease)
    }

    /// Holds a permit or a lease until the command is answered, even if its client stops waiting.
    #[must_use]
    pub fn keeping(mut self, kept: impl Send + Sync + 'static) -> Self {
        self.kept.push(Box::new(kept));
        self
    }

    /// Returns the receiver of the reply.
    pub(super) fn awaited(&mut self) -> oneshot::Receiver<Reply<D>> {
        let (reply, answer) = oneshot::channel();
        self.reply = Some(reply);
        answer
    }

    /// Sends the reply. The requester may have stopped waiting; a committed outcome stays committed.
    pub(super) fn answer(self, outcome: Reply<D>) {
        if let Some(reply) = self.reply {
            let _ = reply.send(outcome);
        }
    }
}

impl<D: Decider> fmt::Debug for CommandRequest<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandRequest").field("command", &self.command).finish_non_exhaustive()
    }
}

/// Makes a row out of exactly the outcome that a command is answered with.
///
/// The row is written in the transaction of the command's events, or in one of its own if there are none, so an outcome is
/// answered only if it is recorded. A refused command is not recorded. If the command has to be decided again, because
/// another writer was faster, its record is made again too.
pub struct Record<D: Decider>(Arc<Make<D>>);

type Make<D> = dyn Fn(&Outcome<D>) -> serde_json::Result<Statement> + Send + Sync;

impl<D: Decider> Record<D> {
    /// A record that `make` creates from the outcome. If the outcome has no JSON form, `make` fails and the command is not
    /// executed.
    pub fn new(
        make: impl Fn(&Outcome<D>) -> serde_json::Result<Statement> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(make))
    }

    pub(super) fn of(&self, outcome: &Outcome<D>) -> serde_json::Result<Statement> {
        (self.0)(outcome)
    }
}

impl<D: Decider> Clone for Record<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D: Decider> fmt::Debug for Record<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Record(..)")
    }
}
