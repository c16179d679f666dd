//! Tasks: one list per user, which only that user can see.
//!
//! Read in this order. The rules: [`values`] are what a [`task`] is made of and [`events`] what happens to it; [`task_list`]
//! decides, with [`ordered`] for its memory, which is `sorted`. What people see: [`listing`], which searches with [`search`], and [`pages`],
//! what it has encoded; and what only a log can give, [`history`], [`time_travel`] and [`feed`]. What people do: [`writing`]
//! carries out commands, once for every key ([`idempotency`]); [`portable`] takes lists in and out, and [`heavy`] lets few
//! do so at a time, as [`walks`] does for reading the past. [`api`] are the endpoints.
//!
//! There is no table of tasks: reads are served from the published state of the entity, and from the log ([`read_model`]).

pub mod events;
pub mod feed;
pub mod history;
pub mod idempotency;
pub mod limits;
pub mod listing;
pub mod read_model;
pub mod search;
mod skew;
pub mod task_list;
pub mod values;
pub mod writing;

#[cfg(test)]
pub(crate) mod testing;

use std::sync::Arc;
use std::time::Duration;

use self::feed::Places;
use self::history::time_travel::{Moment, Pasts, TravelError};
use self::history::walks::Walks;
use self::idempotency::IdempotencyKeys;
use self::limits::bulk::{Busy, Heavy};
use self::limits::turns::{Terms, Turn, Turns};
use self::listing::Query;
use self::task_list::TaskList;
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
const QUICK: usize = 256 * 1024;

/// The TaskActors: the generic entity hosting each user's [`TaskList`]. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tasks {
    entities: Entities<TaskList>,
    log: EventLog,
    pool: Pool,
    pasts: Pasts,
    idempotency_keys: IdempotencyKeys,
    walks: Walks,
    places: Places,
    heavy: Heavy,
    turns: Turns,
}

/// A page of tasks was not made.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The list could not be shown as it is or was.
    #[error(transparent)]
    Travel(#[from] TravelError),
    /// The page before is of another list than there is now.
    #[error("the cursor is of another history")]
    OtherCursor,
    /// Too much of the user's is being made already.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The page has no JSON form.
    #[error("a page of tasks has no JSON form: {0}")]
    Encoding(String),
}

impl From<ReadError> for PageError {
    fn from(error: ReadError) -> Self {
        Self::Travel(error.into())
    }
}

impl PageError {
    /// The error of a page that could not be encoded.
    pub(crate) fn of_encoding(error: impl std::fmt::Display) -> Self {
        Self::Encoding(error.to_string())
    }
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

    /// A user's list for a page of it, as the list is now or was.
    ///
    /// # Errors
    ///
    /// When the list was not yet, cannot be read, or is of another history than the cursor of the query.
    pub async fn list_of_page(
        &self,
        owner: UserId,
        query: &Query,
        as_of: Option<Moment>,
    ) -> Result<Arc<Published<TaskList>>, PageError> {
        let list = match as_of {
            None => self.of(owner).await.map_err(TravelError::from)?,
            // Boxed: a warm read shall not carry what only a look back needs.
            Some(moment) => Box::pin(self.as_of(owner, moment)).await?,
        };
        if self.fits(owner, list.state.version, query).await? {
            Ok(list)
        } else {
            Err(PageError::OtherCursor)
        }
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
