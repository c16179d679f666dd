//! Tasks: one list per user, which only that user can see.
//!
//! [`values`] are what a task is made of, [`task_list`] holds the rules, [`ordered`] its memory, [`listing`] the read
//! side, [`api`] the endpoints. There is no table of tasks: reads are served from the published state of the entity.

pub mod api;
pub mod bodies;
pub mod events;
pub mod listing;
pub mod ordered;
pub mod task;
pub mod task_list;
pub mod values;

use std::sync::Arc;

use self::events::TaskEvent;
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
}

impl Tasks {
    /// The task lists kept by `entities`.
    pub fn new(entities: Entities<TaskList>) -> Self {
        Self { entities }
    }

    /// A user's list as it is now.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn of(&self, owner: UserId) -> Result<Arc<Published<TaskList>>, ReadError> {
        self.entities.read(&Self::stream(owner)).await
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
