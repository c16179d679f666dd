//! The handle by which a feature reaches its entities: read the published state, or execute a command.

use std::fmt;
use std::sync::Arc;

use ractor::{Actor, ActorCell, ActorRef};

use super::directory::Directory;
use super::mailbox::{EnqueueError, Mailbox};
use super::metrics;
use super::request::CommandRequest;
use super::supervisor::{Lifespan, Supervisor, SupervisorArgs, SupervisorMessage};
use super::watch::Watch;
use crate::capacity::budget::Holder;
use crate::eventlog::log::reader::EventLog;
use crate::eventlog::model::decider::Decider;
use crate::eventlog::model::error::{ExecuteError, ReadError};
use crate::eventlog::model::published::{Outcome, Published};
use crate::eventlog::model::stream;
use crate::eventlog::model::stream::StreamName;
use crate::telemetry::audit_events;
use crate::telemetry::reason::Reason;

/// Overhead in bytes of a command in flight, beside its content.
const COMMAND: usize = 1024;

/// The entities of one kind on this node. Cheap to clone.
pub struct Entities<D: Decider> {
    /// Mailboxes of this kind, which requests look up without a message to the supervisor.
    directory: Arc<Directory<D>>,
    /// Actor that admits entities, spawns their actors and passivates them.
    supervisor: ActorRef<SupervisorMessage<D>>,
    /// Log from which entities are loaded, and to which commands on passivated ones append.
    pub(super) log: EventLog,
}

impl<D: Decider> Clone for Entities<D> {
    fn clone(&self) -> Self {
        let Self { directory, supervisor, log } = self;
        Self { directory: Arc::clone(directory), supervisor: supervisor.clone(), log: log.clone() }
    }
}

impl<D: Decider> fmt::Debug for Entities<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entities")
            .field("category", &D::CATEGORY)
            .field("alive", &self.alive())
            .finish()
    }
}

impl<D: Decider> Entities<D> {
    /// Starts the supervisor of this kind under `parent`, which is told when it ends.
    ///
    /// # Errors
    ///
    /// If the parent is stopping.
    pub async fn start(
        log: EventLog,
        lifespan: Lifespan,
        parent: &ActorCell,
    ) -> Result<Self, ractor::SpawnErr> {
        let directory = Arc::new(Directory::new(Arc::clone(&log.resources().weights)));
        metrics::observe_entities(&directory);
        let supervision =
            SupervisorArgs { directory: Arc::clone(&directory), log: log.clone(), lifespan };
        let (supervisor, _ends_with_the_actor) =
            Actor::spawn_linked(None, Supervisor::<D>::new(), supervision, parent.clone()).await?;
        Ok(Self { directory, supervisor, log })
    }

    /// The current state of an entity: from memory if it is there, else from the log.
    ///
    /// # Errors
    ///
    /// If the log is unavailable or too many requests wait for the entity.
    pub async fn read(&self, stream: &StreamName) -> Result<Arc<Published<D>>, ReadError> {
        if let Some(mailbox) = self.directory.get(stream) {
            mailbox.touch(self.directory.now());
            if let Some(published) = mailbox.current() {
                return Ok(published);
            }
        }
        // Boxed, so that a warm read does not carry the memory that only a cold one needs.
        Box::pin(self.load(stream)).await
    }

    async fn load(&self, stream: &StreamName) -> Result<Arc<Published<D>>, ReadError> {
        let mailbox = self.mailbox(stream)?;
        let read = mailbox.read(&self.log).await;
        self.keep_within_weight();
        read
    }

    /// Executes a command and replies once its events are committed.
    ///
    /// # Errors
    ///
    /// The rejection, or the reason for which the log did not take the events or the rows beside them.
    /// [`StoreError::Constraint`] names the constraint that refused a row of this command; nothing of it was written then.
    ///
    /// [`StoreError::Constraint`]: crate::eventlog::model::error::StoreError::Constraint
    pub async fn execute(
        &self,
        stream: &StreamName,
        request: CommandRequest<D>,
    ) -> Result<Outcome<D>, ExecuteError<D::Rejection>> {
        let mut request = self.paid(request)?;
        let reply = request.awaited();
        self.enqueue(stream, Box::new(request))?;
        let reply = reply.await.unwrap_or(Err(ExecuteError::NoReply));
        self.keep_within_weight();
        if reply.is_err() {
            self.dismiss_blank(stream);
        }
        reply
    }

    /// Adds a lease for the bytes that a command takes until it is answered.
    pub(super) fn paid(&self, request: CommandRequest<D>) -> Result<CommandRequest<D>, Overloaded> {
        if request.is_paid_for {
            return Ok(request);
        }
        let budget = &self.log.resources().commands;
        let bytes = D::extent(&request.command).bytes.saturating_add(COMMAND);
        let holder = request.context.user_id.map_or(Holder::Node, Holder::User);
        // A command larger than a share leases all of it: it is executed alone, or it never would be.
        let lease = budget.lease(holder, bytes.min(budget.share()));
        Ok(request.paid_by(lease.map_err(|_exhausted| Overloaded)?))
    }

    /// Tells the supervisor to make room if the states in memory weigh too much.
    fn keep_within_weight(&self) {
        if self.directory.must_tell_of_excess() {
            // A supervisor that has ended has nothing in memory.
            let _ = self.supervisor.cast(SupervisorMessage::MakeRoom);
        }
    }

    /// Passivates an entity that has no event, after a command that failed.
    fn dismiss_blank(&self, stream: &StreamName) {
        if let Some(mailbox) = self.directory.get(stream).filter(|mailbox| mailbox.is_blank()) {
            let _ = self.supervisor.cast(SupervisorMessage::Blank(mailbox));
        }
    }

    /// Marks state older than `version` as stale, because another node has written `stream` up to there.
    pub fn require(&self, stream: &StreamName, version: i64) {
        if stream::category_of(stream.as_str()) == D::CATEGORY {
            self.directory.require(stream, version);
        }
    }

    /// Returns true if this node has the entity in memory.
    pub fn holds(&self, stream: &StreamName) -> bool {
        self.directory.get(stream).is_some()
    }

    /// Passivates an entity before its idle timeout, for one that was needed for a single command.
    pub fn release(&self, stream: &StreamName) {
        if let Some(mailbox) = self.directory.get(stream) {
            // A supervisor that is gone has passivated all of them.
            let _ = self.supervisor.cast(SupervisorMessage::Release(mailbox));
        }
    }

    /// Watches a stream for versions newer than one that was seen; reading then finds them. `None` if
    /// [`MAX_WATCHES`](super::watch::MAX_WATCHES) watch it already, or the node is stopping.
    pub fn watch(&self, stream: &StreamName) -> Option<Watch> {
        self.directory.watch(stream)
    }

    /// Number of entities of this kind in memory.
    pub fn alive(&self) -> usize {
        self.directory.alive()
    }

    /// Executes the commands that wait, then stops every entity and the supervisor.
    pub async fn drain(&self) {
        self.directory.close();
        self.supervisor.drain_children_and_wait(None).await;
        self.directory.mailboxes(|_| true).iter().for_each(|mailbox| mailbox.close());
        // Nothing waits any more; a supervisor that is gone already is as good.
        let _ = self.supervisor.stop_and_wait(None, None).await;
    }

    fn enqueue(
        &self,
        stream: &StreamName,
        request: Box<CommandRequest<D>>,
    ) -> Result<(), Overloaded> {
        let mut request = request;
        loop {
            let mailbox = self.mailbox(stream)?;
            match mailbox.enqueue(request) {
                Ok(false) => return Ok(()),
                Ok(true) => return self.tell_supervisor(&mailbox),
                Err(EnqueueError::Full) => {
                    audit_events::refused(Reason::EntityQueue);
                    return Err(Overloaded);
                }
                // The entity was passivated between the look-up and the command. Closing a mailbox and removing it from
                // the directory is one step of the supervisor, so that the next look-up finds another.
                Err(EnqueueError::Closed(returned)) => request = returned,
            }
        }
    }

    /// The mailbox of an entity. The supervisor is told to admit it if it was made just now.
    fn mailbox(&self, stream: &StreamName) -> Result<Arc<Mailbox<D>>, Overloaded> {
        if !self.directory.is_open() {
            return Err(Overloaded);
        }
        let (mailbox, created) = self.directory.get_or_create(stream);
        mailbox.touch(self.directory.now());
        if created {
            self.tell_supervisor(&mailbox)?;
        }
        Ok(mailbox)
    }

    fn tell_supervisor(&self, mailbox: &Arc<Mailbox<D>>) -> Result<(), Overloaded> {
        self.supervisor.cast(SupervisorMessage::Admit(Arc::clone(mailbox))).map_err(|_| {
            mailbox.close();
            self.directory.remove(&mailbox.stream);
            Overloaded
        })
    }
}

/// Refusal of a request: a queue or a budget is full, or the node is stopping.
pub(super) struct Overloaded;

impl From<Overloaded> for ReadError {
    fn from(_: Overloaded) -> Self {
        Self::Overloaded
    }
}

impl<R: std::error::Error> From<Overloaded> for ExecuteError<R> {
    fn from(_: Overloaded) -> Self {
        Self::Overloaded
    }
}
