//! The rules of one user's task list.
//!
//! [`command`] has the commands and the refusals, `plan` decides a command action by action, `placing` finds places in the
//! manual order, `undo` undoes and redoes. This file has the state of a list and the effect of an event on it.

pub mod command;
pub mod ordered;
mod placing;
mod plan;
pub(super) mod sorted;
pub mod task;
mod undo;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::command::{Action, Command, Expected, Refusal, Rejection, Stamp};
use self::ordered::OrderedTasks;
use self::task::Task;
use super::events::{EditKind, Span, TaskCreated, TaskEvent};
use super::values::{Position, TaskId};
use crate::base::clock::Timestamp;
use crate::eventlog::{Consequence, Decider, Extent, Point};

/// State of a task list, as it is published to readers and written to snapshots.
///
/// Of the undo stack and the redo stack it keeps the tops only. Each change names the one beneath it in the log
/// ([`Step::below`](super::events::Step::below)). An event moves the tops by its [`EditKind`], and by whether it is further,
/// that is, not the first event of its change:
///
/// | event | top of the undo stack | top of the redo stack |
/// |---|---|---|
/// | `Do` | this change | none |
/// | `Do`, further | this change, up to this event | none |
/// | `Undo` | the change beneath the undone one (`Step::next`) | this change |
/// | `Undo`, further | unchanged | this change, up to this event |
/// | `Redo` | this change | the undo beneath the redone one (`Step::next`) |
/// | `Redo`, further | this change, up to this event | unchanged |
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// All tasks, sorted by id, which is the order of creation.
    pub tasks: OrderedTasks,
    /// Number of events applied so far, and the mark of the last of them.
    pub version: Point,
    /// Time of the last change. It never decreases, even if the clocks of the nodes disagree.
    pub at: Option<Timestamp>,
    /// Top of the undo stack: the change that the next undo takes back.
    pub undo: Option<Span>,
    /// Top of the redo stack: the undo that the next redo takes back.
    pub redo: Option<Span>,
    /// Largest id ever given out, deleted tasks included. New ids are raised above it, so ids grow in order of creation.
    last_id: Option<TaskId>,
    /// Last position ever given out, deleted tasks included. New tasks go behind it.
    last_position: Option<Position>,
}

/// The decider of a task list.
///
/// A decision applies its events as it makes them, so the state after a command is not computed a second time from the
/// events.
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
        Self::decide_and_evolve(state, command).map(|(events, _)| events)
    }

    fn decide_and_evolve(state: &State, command: Command) -> Result<Consequence<Self>, Rejection> {
        match command {
            Command::Change { actions, expected, stamp } => {
                state.require(expected.as_deref())?;
                plan::change(state, &actions, stamp)
            }
            Command::UndoOrRedo { source, expected, stamp } => {
                state.require(expected.as_deref())?;
                undo::undo_or_redo(state, &source, stamp)
            }
        }
    }

    fn evolve(mut state: State, event: &TaskEvent) -> State {
        state.apply(event);
        state
    }

    fn extent(command: &Command) -> Extent {
        command.extent()
    }

    fn weight(state: &State) -> usize {
        size_of::<State>() + state.tasks.weight()
    }

    fn too_heavy() -> Option<Rejection> {
        Some(Refusal::ListTooLarge.of(0))
    }
}

impl State {
    fn require(&self, expected: Option<&[Point]>) -> Result<(), Rejection> {
        let is_expected = expected.is_none_or(|versions| versions.contains(&self.version));
        if is_expected { Ok(()) } else { Err(Refusal::ListIsNewer.of(0)) }
    }

    fn apply(&mut self, event: &TaskEvent) {
        self.version = Point::new(self.version.number + 1, event.mark());
        self.at = self.at.max(Some(event.at()));
        self.stack(event);
        match event {
            TaskEvent::Created(created) => self.add(created),
            TaskEvent::Changed(changed) => {
                if let Some(task) = self.tasks.get(changed.task_id) {
                    self.put(task.changed(&changed.after, changed.at, self.version));
                }
            }
            TaskEvent::Deleted(deleted) => self.tasks.remove(deleted.task_id),
            TaskEvent::Restored(restored) => {
                let times = (restored.created_at, restored.at);
                self.put(Task::new(restored.task_id, restored.task.clone(), times, self.version));
            }
        }
    }

    fn add(&mut self, created: &TaskCreated) {
        let times = created
            .imported
            .map_or((created.at, created.at), |times| (times.created_at, times.updated_at));
        self.put(Task::new(created.task_id, created.task.clone(), times, self.version));
    }

    fn put(&mut self, task: Task) {
        self.last_id = self.last_id.max(Some(task.id));
        if self.last_position.as_ref().is_none_or(|last| *last < task.position) {
            self.last_position = Some(task.position.clone());
        }
        self.tasks.insert(Arc::new(task));
    }

    /// Moves the tops of the undo stack and of the redo stack, as the table at [`State`] has it.
    fn stack(&mut self, event: &TaskEvent) {
        let (step, version) = (event.step(), self.version.number);
        let here = |top: Option<Span>| {
            let first = top.filter(|_| step.further).map_or(version, |Span(first, _)| first);
            Some(Span(first, version))
        };
        match (step.deed, step.further) {
            (EditKind::Do, _) => (self.undo, self.redo) = (here(self.undo), None),
            (EditKind::Undo, false) => (self.undo, self.redo) = (step.next, here(None)),
            (EditKind::Undo, true) => self.redo = here(self.redo),
            (EditKind::Redo, false) => (self.undo, self.redo) = (here(None), step.next),
            (EditKind::Redo, true) => self.undo = here(self.undo),
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
