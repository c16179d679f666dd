//! The seat of an entity: what outlives its actor and is shared with readers.
//!
//! A seat holds the published state, which readers take without sending a message, and the bounded queue of commands, which
//! survives the death of the actor that carries them out. Published state is served only if it is at least as new as the
//! newest version this node has heard of; when it is older, or there is none, whoever needs it reads what is missing from
//! the log, one at a time and beside the actor: reads never wait for a running append, and an entity that is only read has
//! no actor.
//!
//! | a seat | published | actor |
//! |---|---|---|
//! | is made | – | – |
//! | is admitted by the supervisor: now it may load | – | – |
//! | is read | yes | – |
//! | has a command | yes | one |
//! | is passivated | yes | leaves |
//! | is closed: the directory makes another | – | – |

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use ractor::{ActorId, ActorRef};
use tokio::sync::Semaphore;

use super::directory::shared::Shared;
use super::request::CommandRequest;
use crate::eventlog::log::snapshot::Taken;
use crate::eventlog::model::decider::Decider;
use crate::eventlog::model::published::Published;
use crate::eventlog::model::stream::StreamName;

/// Most commands, and most readers, that wait for one entity.
pub(super) const QUEUE: usize = 256;

/// Bytes of a seat and of its place in the directory, and those of an actor and its mailboxes.
const SEAT: usize = 512;
const ACTOR: usize = 8 * 1024;

/// Tells an entity that its queue is not empty.
#[derive(Debug)]
pub(super) struct Wake;

/// What outlives an entity's actor.
pub(super) struct Seat<D: Decider> {
    pub(super) stream: StreamName,
    shared: Arc<Shared>,
    published: ArcSwapOption<Published<D>>,
    required: AtomicI64,
    last_used: AtomicU64,
    /// Whose turn it is to load; nobody's until the seat is admitted.
    pub(super) loading: Semaphore,
    pub(super) readers: AtomicUsize,
    queue: Mutex<Queue<D>>,
}

struct Queue<D: Decider> {
    waiting: VecDeque<Box<CommandRequest<D>>>,
    actor: Option<ActorRef<Wake>>,
    awake: bool,
    /// Whether the last actor was told to leave and has not ended yet.
    leaving: bool,
    /// Whether the actor has taken nothing yet.
    fresh: bool,
    stage: Stage,
    /// How often the published state was forgotten: what was read from the log before that is not published.
    forgotten: u64,
    /// How much the published state, the seat and its actor weigh.
    weight: usize,
    /// The newest snapshots.
    snapshot: Taken,
}

/// How far a seat is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It waits to be admitted.
    New,
    /// Its entity may be in memory.
    Admitted,
    /// It was admitted, and waits to be so again.
    Expelled,
    /// It is in the directory no more.
    Closed,
}

/// Why a seat did not take a command.
pub(super) enum NotSeated<D: Decider> {
    /// Too many commands wait.
    Full,
    /// The seat left the directory; ask the directory again.
    Closed(Box<CommandRequest<D>>),
}

impl<D: Decider> Seat<D> {
    pub(super) fn new(stream: StreamName, shared: Arc<Shared>) -> Self {
        let queue = Queue {
            waiting: VecDeque::new(),
            actor: None,
            awake: false,
            leaving: false,
            fresh: false,
            stage: Stage::New,
            forgotten: 0,
            weight: 0,
            snapshot: Taken::default(),
        };
        Self {
            stream,
            shared,
            published: ArcSwapOption::empty(),
            required: AtomicI64::new(0),
            last_used: AtomicU64::new(0),
            loading: Semaphore::new(0),
            readers: AtomicUsize::new(0),
            queue: Mutex::new(queue),
        }
    }

    /// The published state, unless this node has heard of a newer version.
    pub(super) fn current(&self) -> Option<Arc<Published<D>>> {
        let published = self.published.load_full()?;
        (published.version >= self.required.load(Ordering::Acquire)).then_some(published)
    }

    /// The published state, however old. All of it is committed.
    pub(super) fn published(&self) -> Option<Arc<Published<D>>> {
        self.published.load_full()
    }

    /// Publishes what this node has committed, unless something newer is published already.
    pub(super) fn publish(&self, published: &Arc<Published<D>>) {
        self.put(&mut self.lock(), published);
        self.tell(published.version);
    }

    /// Publishes what was read from the log, unless the state was forgotten since: what was in doubt then may have been
    /// committed after it was read. Whether it was not.
    pub(super) fn publish_read(
        &self,
        published: &Arc<Published<D>>,
        snapshot: Option<Taken>,
        forgotten: u64,
    ) -> bool {
        let mut queue = self.lock();
        if queue.forgotten != forgotten {
            return false;
        }
        queue.snapshot = snapshot.unwrap_or(queue.snapshot);
        self.put(&mut queue, published);
        drop(queue);
        self.tell(published.version);
        true
    }

    fn put(&self, queue: &mut Queue<D>, published: &Arc<Published<D>>) {
        let is_newer = |present: &Arc<Published<D>>| present.version <= published.version;
        if self.published.load().as_ref().is_none_or(is_newer) {
            self.published.store(Some(Arc::clone(published)));
            self.weigh(queue);
        }
    }

    /// That a version is published. What is told of is what reading then finds.
    fn tell(&self, version: i64) {
        self.required.fetch_max(version, Ordering::AcqRel);
        self.shared.watches.tell(&self.stream, version);
    }

    fn weigh(&self, queue: &mut Queue<D>) {
        let state = self.published.load().as_ref().map_or(0, |known| D::weight(&known.state));
        let weight = state + SEAT + if queue.is_alone() { 0 } else { ACTOR };
        self.shared.change_weight(std::mem::replace(&mut queue.weight, weight), weight);
    }

    /// How often the published state was forgotten.
    pub(super) fn forgotten(&self) -> u64 {
        self.lock().forgotten
    }

    /// Publishes nothing until the log has been read again.
    pub(super) fn forget(&self) {
        let mut queue = self.lock();
        queue.forgotten += 1;
        self.published.store(None);
        self.weigh(&mut queue);
    }

    /// States older than `version` are stale from now on. Returns the least version that is not known to be stale.
    pub(super) fn require(&self, version: i64) -> i64 {
        let before = self.required.fetch_max(version, Ordering::AcqRel);
        if before < version {
            self.shared.watches.tell(&self.stream, version);
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

    /// Whether nothing is known to have happened to the entity.
    pub(super) fn is_blank(&self) -> bool {
        self.published.load().as_ref().is_none_or(|published| published.version == 0)
    }

    pub(super) fn snapshot(&self) -> Taken {
        self.lock().snapshot
    }

    pub(super) fn set_snapshot(&self, taken: Taken) {
        self.lock().snapshot = taken;
    }

    /// Queues a command and wakes the actor if it sleeps. Whether the supervisor must be told, because there is none.
    pub(super) fn enqueue(&self, request: Box<CommandRequest<D>>) -> Result<bool, NotSeated<D>> {
        let mut queue = self.lock();
        if queue.stage == Stage::Closed {
            return Err(NotSeated::Closed(request));
        }
        if queue.waiting.len() >= QUEUE {
            return Err(NotSeated::Full);
        }
        // Of those behind it the supervisor knows, and a seat that an actor leaves it looks at anyway.
        let is_first = queue.waiting.is_empty() && queue.is_alone();
        queue.waiting.push_back(request);
        queue.wake();
        Ok(is_first)
    }

    /// Everything that waits. When nothing does, the actor may sleep: the next command wakes it. An actor that leaves
    /// gets nothing more, however busy its entity is; but what it was seated for it gets, or two entities with room for
    /// one of them could push each other out for ever.
    ///
    /// The queue goes with its memory, which a seat at rest does not need.
    pub(super) fn take_waiting(&self) -> VecDeque<Box<CommandRequest<D>>> {
        let mut queue = self.lock();
        let is_fresh = std::mem::take(&mut queue.fresh);
        if queue.actor.is_none() && !is_fresh {
            return VecDeque::new();
        }
        queue.awake = !queue.waiting.is_empty();
        std::mem::take(&mut queue.waiting)
    }

    /// Puts commands back for which it was not the turn, before those that came since.
    pub(super) fn put_back(
        &self,
        commands: impl DoubleEndedIterator<Item = Box<CommandRequest<D>>>,
    ) {
        let mut queue = self.lock();
        if queue.stage == Stage::Closed {
            return;
        }
        commands.rev().for_each(|execute| queue.waiting.push_front(execute));
    }

    /// Lets the entity into memory: it may load from now on.
    pub(super) fn admit(&self) {
        let before = std::mem::replace(&mut self.lock().stage, Stage::Admitted);
        if before == Stage::New {
            self.loading.add_permits(1);
        }
    }

    pub(super) fn is_admitted(&self) -> bool {
        self.lock().stage == Stage::Admitted
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().stage == Stage::Closed
    }

    /// Whether commands wait and nobody is there to carry them out.
    pub(super) fn wants_actor(&self) -> bool {
        let queue = self.lock();
        queue.is_alone() && queue.stage != Stage::Closed && !queue.waiting.is_empty()
    }

    /// Whether there is an actor, if only one that leaves.
    pub(super) fn has_actor(&self) -> bool {
        !self.lock().is_alone()
    }

    /// Seats an actor and wakes it for what already waits.
    pub(super) fn occupy(&self, actor: ActorRef<Wake>) {
        let mut queue = self.lock();
        queue.actor = Some(actor);
        queue.awake = false;
        queue.fresh = true;
        self.weigh(&mut queue);
        if !queue.waiting.is_empty() {
            queue.wake();
        }
    }

    /// Lets the actor finish what it has in hand and stop; what waits and what comes later is for the next actor.
    /// Returns the actor that leaves.
    pub(super) fn passivate(&self) -> Option<ActorId> {
        let mut queue = self.lock();
        let actor = queue.actor.take()?;
        queue.leaving = true;
        drop(queue);
        // An actor that cannot be drained is ending already, and its supervisor hears of that too.
        actor.drain().is_ok().then(|| actor.get_id())
    }

    /// Closes a seat without an actor, if no command waits. Otherwise it has to be admitted again.
    pub(super) fn close_if_unused(&self) -> bool {
        let mut queue = self.lock();
        queue.actor = None;
        queue.leaving = false;
        queue.awake = false;
        let is_unused = queue.waiting.is_empty();
        queue.stage = if is_unused { Stage::Closed } else { Stage::Expelled };
        self.weigh(&mut queue);
        is_unused
    }

    /// Refuses what waits and everything later.
    pub(super) fn close(&self) {
        let mut queue = self.lock();
        queue.stage = Stage::Closed;
        queue.waiting.clear();
        self.loading.close();
    }

    fn lock(&self) -> MutexGuard<'_, Queue<D>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A seat that nobody has any more weighs nothing.
impl<D: Decider> Drop for Seat<D> {
    fn drop(&mut self) {
        let queue = self.queue.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.shared.change_weight(queue.weight, 0);
    }
}

impl<D: Decider> Queue<D> {
    /// Whether there is no actor, not even one that leaves.
    fn is_alone(&self) -> bool {
        self.actor.is_none() && !self.leaving
    }

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
