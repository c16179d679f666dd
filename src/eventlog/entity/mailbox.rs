//! The mailbox of an entity ([`Mailbox`]), which outlives its actor and is shared with readers.
//!
//! A mailbox holds the published state, which readers take without sending a message, and the bounded queue of commands,
//! which survives the death of the actor that executes them. Published state is served only if it is at least as new as
//! the newest version this node has heard of. If it is older, or there is none, the request that needs it reads the
//! missing events from the log, one request at a time and beside the actor: reads never wait for a running append, and an
//! entity that is only read has no actor.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use ractor::{ActorId, ActorRef};
use tokio::sync::Semaphore;

use super::directory::shared::SharedWeights;
use super::request::CommandRequest;
use crate::eventlog::log::snapshot::SnapshotInfo;
use crate::eventlog::model::decider::Decider;
use crate::eventlog::model::published::Published;
use crate::eventlog::model::stream::StreamName;

/// Most commands, and most readers, that wait for one entity.
pub(super) const QUEUE: usize = 256;

/// Bytes of a mailbox and its place in the directory, and those of an actor and its message queues.
const MAILBOX: usize = 512;
const ACTOR: usize = 8 * 1024;

/// Message to an actor: its queue is not empty.
#[derive(Debug)]
pub(super) struct Wake;

/// Mailbox of an entity, with its stage and the actor it has:
///
/// | state \ event | command | `admit` | `attach` | `passivate` | `close_if_unused`, none waits | some wait |
/// |---|---|---|---|---|---|---|
/// | new | new | idle | – | – | – | – |
/// | idle: admitted, no actor | idle; supervisor told | – | active | – | closed | expelled |
/// | active: has an actor | active; actor woken | – | – | leaving | closed | expelled |
/// | leaving: actor told to end | leaving | – | – | leaving | closed | expelled |
/// | expelled: lost its place | expelled | idle | – | – | – | – |
/// | closed | refused | – | – | – | – | – |
///
/// The supervisor calls `close_if_unused` after the end or death of the actor, or to evict an idle entity. `close` leads
/// from every state to closed. A read waits for admission in state new, and loads in the others until the node stops.
pub(super) struct Mailbox<D: Decider> {
    /// Stream of the entity, which is its key in the directory.
    pub(super) stream: StreamName,
    /// Watches and weights of this kind, updated on publication.
    shared: Arc<SharedWeights>,
    /// Newest committed state that was loaded or written here; empty before that and after `forget`.
    published: ArcSwapOption<Published<D>>,
    /// Least version that is not known to be stale. An older state is not served.
    required: AtomicI64,
    /// Last use in milliseconds of the directory, for the idle timeout.
    last_used: AtomicU64,
    /// Turn to load the state, with one permit; none until the mailbox is admitted.
    pub(super) loading: Semaphore,
    /// Number of readers that wait for a load, at most `QUEUE`.
    pub(super) readers: AtomicUsize,
    /// Commands, actor and stage, which change together under one lock.
    queue: Mutex<CommandQueue<D>>,
}

/// Part of a mailbox that is behind its lock.
struct CommandQueue<D: Decider> {
    /// Commands to be executed, in their order.
    waiting: VecDeque<Box<CommandRequest<D>>>,
    /// Actor that takes the commands; none once it was told to leave.
    actor: Option<ActorRef<Wake>>,
    /// True from waking the actor until it finds nothing, so that it is woken once.
    awake: bool,
    /// True from telling the last actor to leave until it has ended.
    leaving: bool,
    /// True until the actor has taken its first commands, which it gets even if it was told to leave.
    fresh: bool,
    /// Admission of the entity to memory.
    stage: MailboxStage,
    /// Number of times the state was forgotten: one read from the log before that is not published.
    forgotten: u64,
    /// Bytes of the published state, the mailbox and its actor, as the shared weights have them.
    weight: usize,
    /// Newest snapshots of the stream, on which the next one depends.
    snapshot: SnapshotInfo,
}

/// Admission of an entity to memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MailboxStage {
    /// Not admitted yet: nothing may be loaded.
    New,
    /// The entity may be in memory.
    Admitted,
    /// Lost its place while commands waited, and waits to be admitted again.
    Expelled,
    /// Removed from the directory for good.
    Closed,
}

/// Reasons for which a mailbox did not take a command.
pub(super) enum EnqueueError<D: Decider> {
    /// Too many commands wait.
    Full,
    /// The mailbox left the directory, and the request needs another look-up.
    Closed(Box<CommandRequest<D>>),
}

impl<D: Decider> Mailbox<D> {
    pub(super) fn new(stream: StreamName, shared: Arc<SharedWeights>) -> Self {
        let queue = CommandQueue {
            waiting: VecDeque::new(),
            actor: None,
            awake: false,
            leaving: false,
            fresh: false,
            stage: MailboxStage::New,
            forgotten: 0,
            weight: 0,
            snapshot: SnapshotInfo::default(),
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

    /// The published state, unless this node knows of a newer version.
    pub(super) fn current(&self) -> Option<Arc<Published<D>>> {
        let published = self.published.load_full()?;
        (published.version >= self.required.load(Ordering::Acquire)).then_some(published)
    }

    /// The published state, however old. All of it is committed.
    pub(super) fn published(&self) -> Option<Arc<Published<D>>> {
        self.published.load_full()
    }

    /// Publishes a state that this node has committed, unless something newer is published already.
    pub(super) fn publish(&self, published: &Arc<Published<D>>) {
        self.put(&mut self.lock(), published);
        self.tell(published.version);
    }

    /// Publishes a state that was read from the log and returns true, unless the state was forgotten since: an append that
    /// was in doubt then may have been committed after the read.
    pub(super) fn publish_read(
        &self,
        published: &Arc<Published<D>>,
        snapshot: Option<SnapshotInfo>,
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

    fn put(&self, queue: &mut CommandQueue<D>, published: &Arc<Published<D>>) {
        let is_newer = |present: &Arc<Published<D>>| present.version <= published.version;
        if self.published.load().as_ref().is_none_or(is_newer) {
            self.published.store(Some(Arc::clone(published)));
            self.weigh(queue);
        }
    }

    /// Announces a version that is published. A read after the announcement finds it.
    fn tell(&self, version: i64) {
        self.required.fetch_max(version, Ordering::AcqRel);
        self.shared.watches.tell(&self.stream, version);
    }

    fn weigh(&self, queue: &mut CommandQueue<D>) {
        let state = self.published.load().as_ref().map_or(0, |known| D::weight(&known.state));
        let weight = state + MAILBOX + if queue.is_alone() { 0 } else { ACTOR };
        self.shared.change_weight(std::mem::replace(&mut queue.weight, weight), weight);
    }

    /// Number of times the published state was forgotten.
    pub(super) fn forgotten(&self) -> u64 {
        self.lock().forgotten
    }

    /// Forgets the published state: none is served until the log has been read again.
    pub(super) fn forget(&self) {
        let mut queue = self.lock();
        queue.forgotten += 1;
        self.published.store(None);
        self.weigh(&mut queue);
    }

    /// Marks states older than `version` as stale. Returns the least version that is not known to be stale.
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

    /// Returns true if no event of the entity is known.
    pub(super) fn is_blank(&self) -> bool {
        self.published.load().as_ref().is_none_or(|published| published.version == 0)
    }

    pub(super) fn snapshot(&self) -> SnapshotInfo {
        self.lock().snapshot
    }

    pub(super) fn set_snapshot(&self, taken: SnapshotInfo) {
        self.lock().snapshot = taken;
    }

    /// Queues a command and wakes the actor if it sleeps. Returns true if the supervisor must be told, as there is no
    /// actor.
    pub(super) fn enqueue(&self, request: Box<CommandRequest<D>>) -> Result<bool, EnqueueError<D>> {
        let mut queue = self.lock();
        if queue.stage == MailboxStage::Closed {
            return Err(EnqueueError::Closed(request));
        }
        if queue.waiting.len() >= QUEUE {
            return Err(EnqueueError::Full);
        }
        // The supervisor knows of those behind the first, and looks at every mailbox that an actor leaves.
        let is_first = queue.waiting.is_empty() && queue.is_alone();
        queue.waiting.push_back(request);
        queue.wake();
        Ok(is_first)
    }

    /// Takes everything that waits. If nothing does, the actor may sleep: the next command wakes it. An actor that leaves
    /// gets nothing more, however busy its entity is, except its first commands: otherwise two entities with room for one
    /// of them could evict each other for ever.
    ///
    /// The allocation of the queue goes with the commands: a mailbox at rest does not need it.
    pub(super) fn take_waiting(&self) -> VecDeque<Box<CommandRequest<D>>> {
        let mut queue = self.lock();
        let is_fresh = std::mem::take(&mut queue.fresh);
        if queue.actor.is_none() && !is_fresh {
            return VecDeque::new();
        }
        queue.awake = !queue.waiting.is_empty();
        std::mem::take(&mut queue.waiting)
    }

    /// Puts commands back that have to wait for the next turn, before those that came since.
    pub(super) fn put_back(
        &self,
        commands: impl DoubleEndedIterator<Item = Box<CommandRequest<D>>>,
    ) {
        let mut queue = self.lock();
        if queue.stage == MailboxStage::Closed {
            return;
        }
        commands.rev().for_each(|execute| queue.waiting.push_front(execute));
    }

    /// Admits the entity to memory: it may load from now on.
    pub(super) fn admit(&self) {
        let before = std::mem::replace(&mut self.lock().stage, MailboxStage::Admitted);
        if before == MailboxStage::New {
            self.loading.add_permits(1);
        }
    }

    pub(super) fn is_admitted(&self) -> bool {
        self.lock().stage == MailboxStage::Admitted
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().stage == MailboxStage::Closed
    }

    /// Returns true if commands wait and there is no actor to execute them.
    pub(super) fn wants_actor(&self) -> bool {
        let queue = self.lock();
        queue.is_alone() && queue.stage != MailboxStage::Closed && !queue.waiting.is_empty()
    }

    /// Returns true if there is an actor, even one that leaves.
    pub(super) fn has_actor(&self) -> bool {
        !self.lock().is_alone()
    }

    /// Attaches an actor and wakes it for commands that already wait.
    pub(super) fn attach(&self, actor: ActorRef<Wake>) {
        let mut queue = self.lock();
        queue.actor = Some(actor);
        queue.awake = false;
        queue.fresh = true;
        self.weigh(&mut queue);
        if !queue.waiting.is_empty() {
            queue.wake();
        }
    }

    /// Tells the actor to finish the commands in hand and stop; those that wait or come later are for the next actor.
    /// Returns the actor that leaves.
    pub(super) fn passivate(&self) -> Option<ActorId> {
        let mut queue = self.lock();
        let actor = queue.actor.take()?;
        queue.leaving = true;
        drop(queue);
        // An actor that cannot be drained is ending already, and its supervisor is notified of that too.
        actor.drain().is_ok().then(|| actor.get_id())
    }

    /// Closes a mailbox without an actor and returns true, if no command waits. Otherwise it has to be admitted again.
    pub(super) fn close_if_unused(&self) -> bool {
        let mut queue = self.lock();
        queue.actor = None;
        queue.leaving = false;
        queue.awake = false;
        let is_unused = queue.waiting.is_empty();
        queue.stage = if is_unused { MailboxStage::Closed } else { MailboxStage::Expelled };
        self.weigh(&mut queue);
        is_unused
    }

    /// Refuses the commands that wait and all later ones.
    pub(super) fn close(&self) {
        let mut queue = self.lock();
        queue.stage = MailboxStage::Closed;
        queue.waiting.clear();
        self.loading.close();
    }

    fn lock(&self) -> MutexGuard<'_, CommandQueue<D>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A dropped mailbox weighs nothing.
impl<D: Decider> Drop for Mailbox<D> {
    fn drop(&mut self) {
        let queue = self.queue.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.shared.change_weight(queue.weight, 0);
    }
}

impl<D: Decider> CommandQueue<D> {
    /// Returns true if there is no actor, not even one that leaves.
    fn is_alone(&self) -> bool {
        self.actor.is_none() && !self.leaving
    }

    fn wake(&mut self) {
        if self.awake {
            return;
        }
        if let Some(actor) = &self.actor {
            // If the actor is gone, its supervisor spawns another one, which finds the queue.
            self.awake = actor.cast(Wake).is_ok();
        }
    }
}

impl<D: Decider> fmt::Debug for Mailbox<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("stream", &self.stream)
            .field("required", &self.required)
            .finish_non_exhaustive()
    }
}
