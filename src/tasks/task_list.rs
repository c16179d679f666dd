//! The rules of one user's task list.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::events::{TaskChanged, TaskCreated, TaskDeleted, TaskEvent};
use super::ordered::OrderedTasks;
use super::task::Task;
use super::values::{Description, TaskId, Title};
use crate::clock::Timestamp;
use crate::eventlog::Decider;

/// Most tasks in one list.
pub const MAX_TASKS: usize = 100_000;

/// What can be asked of a task list.
#[derive(Debug, Clone)]
pub enum Command {
    /// Add a task. Its id may be raised, so that ids grow in order of creation.
    Create(TaskCreated),
    /// Change fields of a task.
    Change(Change),
    /// Delete a task.
    Delete(TaskDeleted),
}

/// Which fields of a task to change, and to what.
#[derive(Debug, Clone)]
pub struct Change {
    /// The task.
    pub task_id: TaskId,
    /// The title it should have.
    pub title: Option<Title>,
    /// The description it should have, or none.
    pub description: Option<Option<Description>>,
    /// Whether it should be done.
    pub completed: Option<bool>,
    /// The time.
    pub now: Timestamp,
}

/// Why a task list refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such task in this list.
    #[error("there is no such task")]
    NoSuchTask,
    /// The list is full.
    #[error("the list has {MAX_TASKS} tasks already")]
    ListFull,
}

/// A task list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The tasks in order of creation.
    pub tasks: OrderedTasks,
    /// The largest id ever given out, deleted tasks included.
    last_id: Option<TaskId>,
}

/// The decider of a task list.
#[derive(Debug)]
pub enum TaskList {}

impl Decider for TaskList {
    const CATEGORY: &'static str = "tasks";
    const SNAPSHOT_SCHEMA: i16 = 1;
    const KEEPS_HISTORY: bool = true;

    type Command = Command;
    type Event = TaskEvent;
    type State = State;
    type Rejection = Rejection;

    fn decide(state: &State, command: Command) -> Result<Vec<TaskEvent>, Rejection> {
        match command {
            Command::Create(created) => create(state, created),
            Command::Change(change_) => change(state, change_),
            Command::Delete(deleted) => delete(state, deleted),
        }
    }

    fn evolve(mut state: State, event: &TaskEvent) -> State {
        match event {
            TaskEvent::Created(created) => state.add(created),
            TaskEvent::Changed(changed) => state.change(changed),
            TaskEvent::Deleted(deleted) => state.tasks.remove(deleted.task_id),
        }
        state
    }
}

fn create(state: &State, created: TaskCreated) -> Result<Vec<TaskEvent>, Rejection> {
    if state.tasks.len() >= MAX_TASKS {
        return Err(Rejection::ListFull);
    }
    let task_id =
        state.last_id.map_or(created.task_id, |last| created.task_id.max(successor(last)));
    Ok(vec![TaskEvent::Created(TaskCreated { task_id, ..created })])
}

/// The next larger id.
fn successor(id: TaskId) -> TaskId {
    TaskId::from_uuid(uuid::Uuid::from_u128(id.uuid().as_u128().saturating_add(1)))
}

fn change(state: &State, change: Change) -> Result<Vec<TaskEvent>, Rejection> {
    let task = state.tasks.get(change.task_id).ok_or(Rejection::NoSuchTask)?;
    let changed = TaskChanged {
        task_id: change.task_id,
        title: change.title.filter(|title| *title != task.title),
        description: change.description.filter(|description| *description != task.description),
        completed: change.completed.filter(|completed| *completed != task.completed),
        changed_at: change.now,
    };
    let nothing =
        changed.title.is_none() && changed.description.is_none() && changed.completed.is_none();
    Ok(if nothing { Vec::new() } else { vec![TaskEvent::Changed(changed)] })
}

fn delete(state: &State, deleted: TaskDeleted) -> Result<Vec<TaskEvent>, Rejection> {
    state.tasks.get(deleted.task_id).ok_or(Rejection::NoSuchTask)?;
    Ok(vec![TaskEvent::Deleted(deleted)])
}

impl State {
    fn add(&mut self, created: &TaskCreated) {
        self.last_id = self.last_id.max(Some(created.task_id));
        self.tasks.insert(Arc::new(Task {
            id: created.task_id,
            title: created.title.clone(),
            description: created.description.clone(),
            completed: created.completed,
            created_at: created.created_at,
            updated_at: created.created_at,
        }));
    }

    fn change(&mut self, changed: &TaskChanged) {
        let Some(task) = self.tasks.get(changed.task_id) else { return };
        let mut task = Task::clone(task);
        if let Some(title) = &changed.title {
            task.title = title.clone();
        }
        if let Some(description) = &changed.description {
            task.description.clone_from(description);
        }
        if let Some(completed) = changed.completed {
            task.completed = completed;
        }
        task.updated_at = changed.changed_at;
        self.tasks.insert(Arc::new(task));
    }
}

#[cfg(test)]
mod tests;
