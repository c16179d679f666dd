//! The handle by which a feature reaches its entities: read the published state, or execute a command.

use std::fmt;
use std::sync::Arc;

use ractor::{Actor, ActorCell, ActorRef};

use super::directory::Directory;
use super::mailbox::{NotSeated, Seat};
use super::metrics;
use super::request::CommandRequest;
use super::supervisor::{Lifespan, Supervise, Supervision, Supervisor};
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

/// Bytes of any command on its way, beside what it says.
const COMMAND: usize = 1024;

/// The entities of one kind on this node. Cheap to clone.
pub struct Entities<D: Decider> {
    directory: Arc<Directory<D>>,
    supervisor: ActorRef<Supervise<D>>,
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
    /// When the parent is stopping.
    pub async fn start(
        log: EventLog,
        lifespan: Lifespan,
        parent: &ActorCell,
    ) -> Result<Self, ractor::SpawnErr> {
        let directory = Arc::new(Directory::new(Arc::clone(&log.resources().weights)));
        metrics::observe_entities(&directory);
        let supervision =
            Supervision { directory: Arc::clone(&directory), log: log.clone(), lifespan };
        let (supervisor, _ends_with_the_actor) =
            Actor::spawn_linked(None, Supervisor::<D>::new(), supervision, parent.clone()).await?;
        Ok(Self { directory, supervisor, log })
    }

    /// The current state of an entity: from memory when it is there, else from the log.
    ///
    /// # Errors
    ///
    /// When the log is unavailable or too many requests wait for the entity.
    pub async fn read(&self, stream: &StreamName) -> Result<Arc<Published<D>>, ReadError> {
        if let Some(seat) = self.directory.get(stream) {
            seat.touch(self.directory.now());
            if let Some(published) = seat.current() {
                return Ok(published);
            }
        }
        // Boxed: a warm read shall not carry what only a cold one needs.
        Box::pin(self.load(stream)).await
    }

    async fn load(&self, stream: &StreamName) -> Result<Arc<Published<D>>, ReadError> {
        let seat = self.seat(stream)?;
        let read = seat.read(&self.log).await;
        self.keep_within_weight();
        read
    }

    /// Carries out a command and replies when its events are committed.
    ///
    /// # Errors
    ///
    /// The rejection, or why the log did not take the events or the rows beside them. [`StoreError::Constraint`] names the
    /// constraint that refused a row of this command; nothing of it was written then.
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

    /// A command with a lease of the bytes that it takes until it is answered.
    pub(super) fn paid(&self, request: CommandRequest<D>) -> Result<CommandRequest<D>, Overloaded> {
        if request.is_paid_for {
            return Ok(request);
        }
        let budget = &self.log.resources().commands;
        let bytes = D::extent(&request.command).bytes.saturating_add(COMMAND);
        let holder = request.context.user_id.map_or(Holder::Node, Holder::User);
        // One that is larger than a share by itself is carried out alone, or it never would be.
        let lease = budget.lease(holder, bytes.min(budget.share()));
        Ok(request.paid_by(lease.map_err(|_exhausted| Overloaded)?))
    }

    /// Has the supervisor make room if the states in memory weigh too much.
    fn keep_within_weight(&self) {
        if self.directory.must_tell_of_excess() {
            // A supervisor that has ended has nothing in memory.
            let _ = self.supervisor.cast(Supervise::MakeRoom);
        }
    }

    /// Lets an entity go to which nothing has happened, and nothing was to happen.
    fn dismiss_blank(&self, stream: &StreamName) {
        if let Some(seat) = self.directory.get(stream).filter(|seat| seat.is_blank()) {
            let _ = self.supervisor.cast(Supervise::Blank(seat));
        }
    }

    /// Another node has written `stream` up to `version`: what this node published before is stale.
    pub fn require(&self, stream: &StreamName, version: i64) {
        if stream::category_of(stream.as_str()) == D::CATEGORY {
            self.directory.require(stream, version);
        }
    }

    /// Whether this node has the entity in memory.
    pub fn holds(&self, stream: &StreamName) -> bool {
        self.directory.get(stream).is_some()
    }

    /// Lets an entity leave memory before it has been idle for long, as one that was needed for one command.
    pub fn release(&self, stream: &StreamName) {
        if let Some(seat) = self.directory.get(stream) {
            // A supervisor that is gone has let all of them leave.
            let _ = self.supervisor.cast(Supervise::Release(seat));
        }
    }

    /// Watches a stream for newer versions than one that was seen; reading then finds them. `None` when
    /// [`MAX_WATCHES`](super::watch::MAX_WATCHES) watch it already, or the node is stopping.
    pub fn watch(&self, stream: &StreamName) -> Option<Watch> {
        self.directory.watch(stream)
    }

    /// How many entities of this kind are in memory.
    pub fn alive(&self) -> usize {
        self.directory.alive()
    }

    /// Finishes what waits and stops every entity and their supervisor.
    pub async fn drain(&self) {
        self.directory.close();
        self.supervisor.drain_children_and_wait(None).await;
        self.directory.seats(|_| true).iter().for_each(|seat| seat.close());
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
            let seat = self.seat(stream)?;
            match seat.enqueue(request) {
                Ok(false) => return Ok(()),
                Ok(true) => return self.tell_supervisor(&seat),
                Err(NotSeated::Full) => {
                    audit_events::refused(Reason::EntityQueue);
                    return Err(Overloaded);
                }
                // The entity was passivated between the look-up and the command. Closing a seat and taking it out of the
                // directory is one step of the supervisor, so that the next look-up finds another.
                Err(NotSeated::Closed(returned)) => request = returned,
            }
        }
    }

    /// The seat of an entity, which is admitted if it was made just now.
    fn seat(&self, stream: &StreamName) -> Result<Arc<Seat<D>>, Overloaded> {
        if !self.directory.is_open() {
            return Err(Overloaded);
        }
        let (seat, created) = self.directory.get_or_create(stream);
        seat.touch(self.directory.now());
        if created {
            self.tell_supervisor(&seat)?;
        }
        Ok(seat)
    }

    fn tell_supervisor(&self, seat: &Arc<Seat<D>>) -> Result<(), Overloaded> {
        self.supervisor.cast(Supervise::Seat(Arc::clone(seat))).map_err(|_| {
            seat.close();
            self.directory.remove(&seat.stream);
            Overloaded
        })
    }
}

/// The request was not taken.
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
