//! The task lists of this node: the handle that the rest of the feature works on.

use std::sync::Arc;
use std::time::Duration;

use super::history::moment::Pasts;
use super::history::walks::Walks;
use super::idempotency::IdempotencyKeys;
use super::limits::bulk_limiter::{BulkLimiter, Busy};
use super::limits::followers::FollowerPermits;
use super::limits::user_permits::{UserLimits, UserPermit, UserPermits};
use super::task_list::TaskList;
use crate::base::id::UserId;
use crate::capacity::long_work::LongWork;
use crate::capacity::memory::MemoryPlan;
use crate::eventlog::cluster::follower::Observer;
use crate::eventlog::{
    Decider, Entities, EventLog, PassingEvent, Published, ReadError, StreamName,
};
use crate::postgres::Pool;
use crate::telemetry::reason::Reason;

/// Limits of a user's long work: many changes at once, their undo, a long page.
const LONG: UserLimits = UserLimits {
    at_once: 1,
    waiting: 16,
    patience: Duration::from_secs(5),
    refusal: Reason::FileQueue,
};

/// Most bytes that are decoded or encoded on the threads that answer requests. Larger work goes to the threads for long
/// work.
pub(super) const QUICK: usize = 256 * 1024;

/// The TaskActors: the generic entity that hosts each user's [`TaskList`]. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tasks {
    /// Actors of the lists in memory: commands go to them, and they publish the states that are read.
    pub(super) entities: Entities<TaskList>,
    /// Event log, for histories, earlier states and undo.
    pub(super) log: EventLog,
    /// Database sessions for queries that the log has no call for.
    pub(super) pool: Pool,
    /// Cache of earlier states of lists.
    pub(super) pasts: Pasts,
    /// Outcomes of requests that may be sent again.
    pub(super) idempotency_keys: IdempotencyKeys,
    /// Limits of reads from the log, which share the database sessions with all requests.
    pub(super) walks: Walks,
    /// Permits for open event streams.
    pub(super) places: FollowerPermits,
    /// Permits and memory for operations on whole lists.
    pub(super) bulk: BulkLimiter,
    /// Permits for each user's long work.
    pub(super) long_work_permits: UserPermits,
}

impl Tasks {
    /// The task lists that `entities` keeps, on their `log`.
    pub fn new(
        entities: Entities<TaskList>,
        (log, pool): (EventLog, Pool),
        idempotency_keys: IdempotencyKeys,
        (bulk, walks): (BulkLimiter, Walks),
        plan: &MemoryPlan,
    ) -> Self {
        Self {
            entities,
            log,
            pasts: Pasts::new(plan.pasts),
            idempotency_keys,
            walks,
            places: FollowerPermits::new(),
            bulk,
            long_work_permits: UserPermits::new(LONG),
            pool,
        }
    }

    /// A user's list as it is now.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub async fn of(&self, owner: UserId) -> Result<Arc<Published<TaskList>>, ReadError> {
        self.entities.read(&Self::stream(owner)).await
    }

    /// A user's permit for long work: many changes at once, or their undo.
    ///
    /// # Errors
    ///
    /// If too much of the user's work waits already, or the wait times out.
    pub async fn permit(&self, owner: UserId) -> Result<Arc<UserPermit>, Busy> {
        self.long_work_permits.of(owner).await.map(Arc::new)
    }

    /// Threads for work that takes more than a few milliseconds.
    pub fn long_work(&self) -> &LongWork {
        self.log.resources().long_work()
    }

    /// Outcomes of requests that may be sent again.
    pub fn idempotency_keys(&self) -> &IdempotencyKeys {
        &self.idempotency_keys
    }

    /// Permits and memory for operations on whole lists.
    pub fn bulk(&self) -> &BulkLimiter {
        &self.bulk
    }

    /// Stream of a user's task list.
    pub fn stream(owner: UserId) -> StreamName {
        StreamName::new(TaskList::CATEGORY, owner)
    }

    /// Records that another process has written a list's stream up to `version`, so that older states are not served.
    pub fn require(&self, stream: &StreamName, version: i64) {
        self.entities.require(stream, version);
    }

    /// Number of lists that have an actor on this node.
    pub fn alive(&self) -> usize {
        self.entities.alive()
    }

    /// Finishes the commands in all mailboxes, and stops the actors.
    pub async fn drain(&self) {
        self.entities.drain().await;
    }
}

/// Observes changes of lists by other processes.
impl Observer for Tasks {
    fn observe(&self, event: &PassingEvent<'_>) {
        self.entities.require(&StreamName::stored(event.stream), event.version);
    }
}
