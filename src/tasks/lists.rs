//! The task lists of this node: the handle that everything else of the feature works on.

use std::sync::Arc;
use std::time::Duration;

use super::history::moment::Pasts;
use super::history::walks::Walks;
use super::idempotency::IdempotencyKeys;
use super::limits::bulk::{Busy, Heavy};
use super::limits::followers::Places;
use super::limits::turns::{Terms, Turn, Turns};
use super::task_list::TaskList;
use crate::base::id::UserId;
use crate::capacity::long_work::LongWork;
use crate::capacity::memory::MemoryPlan;
use crate::eventlog::cluster::follower::Observer;
use crate::eventlog::{Decider, Entities, EventLog, Heard, Published, ReadError, StreamName};
use crate::postgres::Pool;
use crate::telemetry::reason::Reason;

/// Work of a user that may take long: many changes at once or their opposite, a long page.
const LONG: Terms =
    Terms { at_once: 1, waiting: 16, patience: Duration::from_secs(5), refusal: Reason::FileQueue };

/// Bytes that are decoded or encoded on the threads that answer requests; what is more goes to those for long work.
pub(super) const QUICK: usize = 256 * 1024;

/// The TaskActors: the generic entity hosting each user's [`TaskList`]. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tasks {
    pub(super) entities: Entities<TaskList>,
    pub(super) log: EventLog,
    pub(super) pool: Pool,
    pub(super) pasts: Pasts,
    pub(super) idempotency_keys: IdempotencyKeys,
    pub(super) walks: Walks,
    pub(super) places: Places,
    pub(super) heavy: Heavy,
    pub(super) turns: Turns,
}

impl Tasks {
    /// The task lists kept by `entities` on `log`.
    pub fn new(
        entities: Entities<TaskList>,
        (log, pool): (EventLog, Pool),
        idempotency_keys: IdempotencyKeys,
        (heavy, walks): (Heavy, Walks),
        plan: &MemoryPlan,
    ) -> Self {
        Self {
            entities,
            log,
            pasts: Pasts::new(plan.pasts),
            idempotency_keys,
            walks,
            places: Places::new(),
            heavy,
            turns: Turns::new(LONG),
            pool,
        }
    }

    /// A user's list as it is now.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn of(&self, owner: UserId) -> Result<Arc<Published<TaskList>>, ReadError> {
        self.entities.read(&Self::stream(owner)).await
    }

    /// A user's turn to ask for what takes long: many changes at once, or their opposite.
    ///
    /// # Errors
    ///
    /// When too much of theirs waits already, or the turn does not come in time.
    pub async fn turn(&self, owner: UserId) -> Result<Arc<Turn>, Busy> {
        self.turns.of(owner).await.map(Arc::new)
    }

    /// Threads for work that takes more than a few milliseconds.
    pub fn long_work(&self) -> &LongWork {
        self.log.resources().long_work()
    }

    /// The keys that requests had.
    pub fn idempotency_keys(&self) -> &IdempotencyKeys {
        &self.idempotency_keys
    }

    /// The turns of work on whole lists.
    pub fn heavy(&self) -> &Heavy {
        &self.heavy
    }

    /// The stream of a user's task list.
    pub fn stream(owner: UserId) -> StreamName {
        StreamName::new(TaskList::CATEGORY, owner)
    }

    /// Another process has written a task list's stream up to `version`.
    pub fn require(&self, stream: &StreamName, version: i64) {
        self.entities.require(stream, version);
    }

    /// How many lists have an actor on this node.
    pub fn alive(&self) -> usize {
        self.entities.alive()
    }

    /// Lets every list finish what it was told.
    pub async fn drain(&self) {
        self.entities.drain().await;
    }
}

/// Hears that another process changed a list.
impl Observer for Tasks {
    fn observe(&self, event: &Heard<'_>) {
        self.entities.require(&StreamName::stored(event.stream), event.version);
    }
}
