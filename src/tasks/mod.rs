//! Tasks: one list per user, which only that user can see.
//!
//! [`values`] are what a task is made of, [`task_list`] holds the rules, [`ordered`] its memory, [`listing`] the read
//! side, [`pages`] what it has encoded, [`api`] the endpoints. There is no table of tasks: reads are served from the
//! published state of the entity.

pub mod api;
pub mod bodies;
pub mod events;
pub mod listing;
pub mod ordered;
pub mod pages;
pub mod task;
pub mod task_list;
pub mod values;

use std::sync::Arc;

use bytes::Bytes;

use self::events::TaskEvent;
use self::listing::Query;
use self::pages::Pages;
use self::task::Task;
use self::task_list::{Command, Rejection, TaskList};
use crate::eventlog::follower::Observer;
use crate::eventlog::{
    Context, Decider, Entities, ExecuteError, Outcome, Published, ReadError, RecordedEvent,
    StreamName,
};
use crate::id::UserId;

/// The TaskActors: the generic entity hosting each user's [`TaskList`]. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tasks {
    entities: Entities<TaskList>,
    pages: Pages,
}

/// A page of tasks was not made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PageError {
    /// The list could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The page has no JSON form.
    #[error("a page of tasks has no JSON form: {0}")]
    Encoding(String),
}

impl Tasks {
    /// The task lists kept by `entities`.
    pub fn new(entities: Entities<TaskList>) -> Self {
        Self { entities, pages: Pages::new() }
    }

    /// A user's list as it is now.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn of(&self, owner: UserId) -> Result<Arc<Published<TaskList>>, ReadError> {
        self.entities.read(&Self::stream(owner)).await
    }

    /// An encoded page of a user's list as it is now.
    ///
    /// # Errors
    ///
    /// When the list cannot be read.
    pub async fn page(&self, owner: UserId, query: Query) -> Result<Bytes, PageError> {
        let list = self.of(owner).await?;
        let page = self.pages.page(owner, &list, query);
        page.map_err(|error| PageError::Encoding(error.to_string()))
    }

    /// Carries out a command on a user's list and answers when it is committed.
    ///
    /// # Errors
    ///
    /// When the rules refuse it or the log does not take it.
    pub async fn execute(
        &self,
        owner: UserId,
        command: Command,
        context: Context,
    ) -> Result<Outcome<TaskList>, ExecuteError<Rejection>> {
        self.entities.execute(&Self::stream(owner), command, context, Vec::new()).await
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

/// The task that a creation added. Its id may have been raised, so the event is asked and not the command.
fn created_task(outcome: &Outcome<TaskList>) -> Option<Arc<Task>> {
    outcome.events.iter().find_map(|event| match event {
        TaskEvent::Created(created) => outcome.published.state.tasks.get(created.task_id).cloned(),
        TaskEvent::Changed(_) | TaskEvent::Deleted(_) => None,
    })
}

/// Hears that another process changed a list.
impl Observer for Tasks {
    fn observe(&self, event: &RecordedEvent) {
        self.entities.require(&StreamName::stored(&event.stream), event.version);
    }
}
