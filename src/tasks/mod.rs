//! Tasks: one list per user, which only that user can see.
//!
//! Read in this order. The rules: [`values`] are what a [`task`] is made of and [`events`] what happens to it; [`task_list`]
//! decides, with [`ordered`] for its memory. What people see: [`listing`], which searches with [`search`], and [`pages`],
//! what it has encoded; and what only a log can give, [`history`], [`time_travel`] and [`feed`]. What people do: [`writing`]
//! carries out commands, once for every key ([`idempotency`]); [`portable`] takes lists in and out, and [`heavy`] lets few
//! do so at a time. [`api`] are the endpoints.
//!
//! There is no table of tasks: reads are served from the published state of the entity, and from the log ([`read_model`]).

pub mod api;
pub mod bodies;
pub mod events;
pub mod feed;
pub mod heavy;
pub mod history;
pub mod idempotency;
pub mod listing;
pub mod ordered;
pub mod pages;
pub mod portable;
pub mod read_model;
pub mod search;
pub mod task;
pub mod task_list;
#[cfg(test)]
mod testing;
pub mod time_travel;
pub mod values;
pub mod writing;

use std::sync::Arc;

use bytes::Bytes;

use self::feed::Places;
use self::heavy::Heavy;
use self::idempotency::Answers;
use self::listing::Query;
use self::pages::Pages;
use self::task_list::TaskList;
use self::time_travel::{Moment, Pasts, TravelError};
use crate::database::Pool;
use crate::eventlog::follower::Observer;
use crate::eventlog::{Decider, Entities, EventLog, Heard, Published, ReadError, StreamName};
use crate::id::UserId;

/// The TaskActors: the generic entity hosting each user's [`TaskList`]. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tasks {
    entities: Entities<TaskList>,
    log: EventLog,
    pool: Pool,
    pages: Pages,
    pasts: Pasts,
    answers: Answers,
    places: Places,
    heavy: Heavy,
}

/// A page of tasks was not made.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The list could not be shown as it is or was.
    #[error(transparent)]
    Travel(#[from] TravelError),
    /// The page has no JSON form.
    #[error("a page of tasks has no JSON form: {0}")]
    Encoding(String),
}

/// An encoded page of a list.
#[derive(Debug, Clone)]
pub struct EncodedPage {
    /// The version of the list.
    pub version: i64,
    /// The page.
    pub bytes: Bytes,
}

impl Tasks {
    /// The task lists kept by `entities` on `log`.
    pub fn new(entities: Entities<TaskList>, log: EventLog, pool: Pool, heavy: Heavy) -> Self {
        Self {
            entities,
            log,
            pages: Pages::new(),
            pasts: Pasts::new(),
            answers: Answers::new(pool.clone()),
            places: Places::new(),
            heavy,
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

    /// An encoded page of a user's list as it is now, or as it was.
    ///
    /// # Errors
    ///
    /// When the list was not yet, or cannot be read.
    pub async fn page(
        &self,
        owner: UserId,
        query: Query,
        as_of: Option<Moment>,
    ) -> Result<EncodedPage, PageError> {
        let list = match as_of {
            None => self.of(owner).await.map_err(TravelError::from)?,
            // Boxed: a warm read shall not carry what only a look back needs.
            Some(moment) => Box::pin(self.as_of(owner, moment)).await?,
        };
        let page = self.pages.page(owner, &list, query);
        let bytes = page.map_err(|error| PageError::Encoding(error.to_string()))?;
        Ok(EncodedPage { version: list.version, bytes })
    }

    /// The answers to keys.
    pub fn answers(&self) -> &Answers {
        &self.answers
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
