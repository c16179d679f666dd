//! The seat of an entity: what outlives its actor and is shared with readers.
//!
//! A seat holds the published state, which readers take without sending a message, and the bounded queue of requests,
//! which survives the death of the actor that serves it. Published state is served only if it is at least as new as the
//! newest version this node has heard of.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use ractor::{ActorId, ActorRef};
use tokio::sync::oneshot;

use super::decider::Decider;
use super::error::{ExecuteError, ReadError};
use super::execution::Execution;
use super::published::{Outcome, Published};
use super::stream::StreamName;
use super::watch::Watches;
use crate::telemetry::Carried;

/// Most requests that wait for one entity.
pub(super) const QUEUE: usize = 256;

/// What an entity is asked to do.
pub(super) enum Request<D: Decider> {
    /// Say what the state is.
    Read(Read<D>),
    /// Carry out a command.
    Execute(Box<Execute<D>>),
}

/// Who wants to know the state.
pub(super) struct Read<D: Decider> {
    pub(super) carried: Carried,
    pub(super) reply: oneshot::Sender<Result<Arc<Published<D>>, ReadError>>,
}

/// A command and who waits for its outcome.
pub(super) struct Execute<D: Decider> {
    pub(super) execution: Execution<D>,
    pub(super) carried: Carried,
    pub(super) reply: oneshot::Sender<Result<Outcome<D>, ExecuteError<D::Rejection>>>,
}

/// Tells an entity that its queue is not empty.
#[derive(Debug)]
pub(super) struct Wake;

/// What outlives an entity's actor.
pub(super) struct Seat<D: Decider> {
    pub(super) stream: StreamName,
    watches: Arc<Watches>,
    published: ArcSwapOption<Published<D>>,
    required: AtomicI64,
    last_used: AtomicU64,
    queue: Mutex<Queue<D>>,
}

struct Queue<D: Decider> {
    waiting: VecDeque<Request<D>>,
    actor: Option<ActorRef<Wake>>,
    awake: bool,
    /// Whether the actor has taken nothing yet.
    fresh: bool,
    closed: bool,
}

/// Why a seat did not take a request.
pub(super) enum NotSeated<D: Decider> {
    /// Too many requests wait.
    Full,
    /// The seat left the directory; ask the directory again.
    Closed(Box<Request<D>>),
}

impl<D: Decider> Seat<D> {
    pub(super) fn new(stream: StreamName, watches: Arc<Watches>) -> Self {
        let waiting = VecDeque::new();
        let queue = Queue { waiting, actor: None, awake: false, fresh: false, closed: false };
        Self {
            stream,
            watches,
            published: ArcSwapOption::empty(),
            required: AtomicI64::new(0),
            last_used: AtomicU64::new(0),
            queue: Mutex::new(queue),
        }
    }

    /// The published state, unless this node has heard of a newer version.
    pub(super) fn current(&self) -> Option<Arc<Published<D>>> {
        let published = self.published.load_full()?;
        (published.version >= self.required.load(Ordering::Acquire)).then_some(published)
    }

    /// Publishes committed state.
    pub(super) fn publish(&self, published: Arc<Published<D>>) {
        let version = published.version;
        self.required.fetch_max(version, Ordering::AcqRel);
        self.published.store(Some(published));
        self.watches.tell(&self.stream, version);
    }

    /// Publishes nothing until the entity has hydrated again.
    pub(super) fn forget(&self) {
        self.published.store(None);
    }

    /// States older than `version` are stale from now on. Returns the least version that is not known to be stale.
    pub(super) fn require(&self, version: i64) -> i64 {
        let before = self.required.fetch_max(version, Ordering::AcqRel);
        if before < version {
            self.watches.tell(&self.stream, version);
        }
        version.max(before)
    }

    /// The least version that is not known to be stale.
    pub(super) fn required(&self) -> i64 {
        self.required.load(Ordering::Acquire)
    }

    pub(super) fn touch(&self, now: u64) {
        self.last_used.store(now, Ordering::Relaxed);
    }

    pub(super) fn last_used(&self) -> u64 {
        self.last_used.load(Ordering::Relaxed)
    }

    /// Queues a request and wakes the actor if it sleeps.
    pub(super) fn enqueue(&self, request: Request<D>) -> Result<(), NotSeated<D>> {
        let mut queue = self.lock();
        if queue.closed {
            return Err(NotSeated::Closed(Box::new(request)));
        }
        if queue.waiting.len() >= QUEUE {
            return Err(NotSeated::Full);
        }
        queue.waiting.push_back(request);
        queue.wake();
        Ok(())
    }

    /// Everything that waits. When nothing does, the actor may sleep: the next request wakes it. An actor that leaves
    /// gets nothing more, however busy its entity is; but what it was seated for it gets, or two entities with room for
    /// one of them could push each other out for ever.
    ///
    /// The queue goes with its memory, which a seat at rest does not need.
    pub(super) fn take_waiting(&self) -> VecDeque<Request<D>> {
        let mut queue = self.lock();
        let is_fresh = std::mem::take(&mut queue.fresh);
        if queue.actor.is_none() && !is_fresh {
            return VecDeque::new();
        }
        queue.awake = !queue.waiting.is_empty();
        std::mem::take(&mut queue.waiting)
    }

    /// Seats an actor and wakes it for what already waits.
    pub(super) fn occupy(&self, actor: ActorRef<Wake>) {
        let mut queue = self.lock();
        queue.actor = Some(actor);
        queue.awake = false;
        queue.fresh = true;
        if !queue.waiting.is_empty() {
            queue.wake();
        }
    }

    /// Lets the actor finish what it has in hand and stop; what waits and what comes later is for the next actor.
    /// Returns the actor that leaves.
    pub(super) fn passivate(&self) -> Option<ActorId> {
        let actor = self.lock().actor.take()?;
        // An actor that cannot be drained is ending already, and its supervisor hears of that too.
        actor.drain().is_ok().then(|| actor.get_id())
    }

    /// Closes the seat if nobody waits. Otherwise it needs another actor.
    pub(super) fn close_if_unused(&self) -> bool {
        let mut queue = self.lock();
        queue.actor = None;
        queue.awake = false;
        queue.closed = queue.waiting.is_empty();
        queue.closed
    }

    /// Refuses what waits and everything later.
    pub(super) fn close(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        queue.waiting.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Queue<D>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Decider> Queue<D> {
    fn wake(&mut self) {
        if self.awake {
            return;
        }
        if let Some(actor) = &self.actor {
            // When the actor is gone its supervisor seats another one, which finds the queue.
            self.awake = actor.cast(Wake).is_ok();
        }
    }
}

impl<D: Decider> fmt::Debug for Seat<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat")
            .field("stream", &self.stream)
            .field("required", &self.required)
            .finish_non_exhaustive()
    }
}
