//! Undo and redo. The events of a change are reversed one after the other, from the last to the first.
//!
//! Nothing is ever removed from the history: an undo is itself a change, and a redo is the undo of an undo.

use std::sync::Arc;

use super::command::{Refusal, Rejection, Stamp, UndoSource};
use super::plan::Plan;
use super::{State, TaskList};
use crate::eventlog::Consequence;
use crate::tasks::events::{EditKind, TaskEvent};

/// Decides the reversal of a change, if it is still the top of its stack.
pub(super) fn undo_or_redo(
    state: &State,
    source: &UndoSource,
    stamp: Stamp,
) -> Result<Consequence<TaskList>, Rejection> {
    let top = match source.deed {
        EditKind::Undo => state.undo,
        EditKind::Do | EditKind::Redo => state.redo,
    };
    let first = source.events.first().filter(|_| top == Some(source.span));
    let first = first.ok_or_else(|| Refusal::Overtaken.of(0))?;
    let mut plan = Plan::new(state, stamp, source.deed, first.step().below);
    let stored: Vec<_> = (source.span.0..).zip(source.events.iter()).collect();
    for (version, event) in stored.into_iter().rev() {
        plan.reverse(event, version);
    }
    Ok(plan.consequence())
}

impl Plan<'_> {
    /// Adds the reversal of an event that stands at `version`.
    fn reverse(&mut self, event: &TaskEvent, version: i64) {
        let task = self.state.tasks.get(event.task_id()).map(Arc::clone);
        match (event, task) {
            (TaskEvent::Changed(changed), Some(task)) => {
                self.make_so(&task, changed.before.clone());
            }
            (TaskEvent::Created(_) | TaskEvent::Restored(_), Some(task)) => self.delete(&task),
            (TaskEvent::Deleted(deleted), None) => {
                let (content, created_at) = (deleted.task.clone(), deleted.created_at);
                self.bring_back(deleted.task_id, content, created_at, version);
            }
            // Impossible while changes are reversed in the order of their stack.
            (TaskEvent::Changed(_) | TaskEvent::Created(_) | TaskEvent::Restored(_), None)
            | (TaskEvent::Deleted(_), Some(_)) => {}
        }
    }
}
