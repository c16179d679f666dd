//! Decides the actions of a command one after the other, each on the state that its predecessors leave.

use std::sync::Arc;

use super::command::MAX_TASKS;
use super::command::{
    Action, Expected, ImportedId, ImportedTask, New, Refusal, Rejection, Restore, Stamp, TaskUpdate,
};
use super::task::{Content, Fields, Task};
use super::{State, TaskList};
use crate::base::clock::Timestamp;
use crate::eventlog::Consequence;
use crate::tasks::events::{
    EditKind, Span, Step, TaskChanged, TaskCreated, TaskDeleted, TaskEvent, TaskRestored,
};
use crate::tasks::values::{Position, TaskId};

/// Decides all the actions of a command, or refuses the command.
pub(super) fn change(
    state: &State,
    actions: &[Action],
    stamp: Stamp,
) -> Result<Consequence<TaskList>, Rejection> {
    let mut plan = Plan::new(state, stamp, EditKind::Do, None);
    for (index, action) in actions.iter().enumerate() {
        plan.act(action).map_err(|refusal| refusal.of(index))?;
    }
    Ok(plan.consequence())
}

/// A decision in progress.
pub(super) struct Plan<'a> {
    /// The list before the command: versions are compared with it, since a client cannot expect the effects of earlier
    /// actions.
    before: &'a State,
    /// The list after the events so far.
    pub(super) state: State,
    /// Events decided so far.
    pub(super) events: Vec<TaskEvent>,
    /// Time and mark of all events of the decision. The time is never before the list's last change.
    stamp: Stamp,
    /// Kind of the change: done, undone or redone.
    deed: EditKind,
    /// New top of the stack that this change pops, for the [`Step`] of the first event.
    next: Option<Span>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(before: &'a State, stamp: Stamp, deed: EditKind, next: Option<Span>) -> Self {
        let at = before.at.map_or(stamp.at, |last| stamp.at.max(last));
        let stamp = Stamp { at, ..stamp };
        let (state, events) = (before.clone(), Vec::new());
        Self { before, state, events, stamp, deed, next }
    }

    /// The events and the state after them.
    pub(super) fn consequence(self) -> Consequence<TaskList> {
        (self.events, self.state)
    }

    fn act(&mut self, action: &Action) -> Result<(), Refusal> {
        match action {
            Action::Create(new) => self.create(new),
            Action::Change { id, wanted, expected } => self.change(*id, wanted, expected),
            Action::Delete { id, expected } => {
                let task = self.task(*id, expected)?;
                self.delete(&task);
                Ok(())
            }
            Action::Move { id, place, expected } => {
                let task = self.task(*id, expected)?;
                self.relocate(&task, *place)
            }
            Action::Restore(restore) => self.restore(restore),
            Action::Put(put) => self.put(put),
        }
    }

    /// The task, if it had an expected version before the command. Effects of the command's earlier actions are not
    /// compared: a client cannot expect them.
    fn task(&self, id: TaskId, expected: &Expected) -> Result<Arc<Task>, Refusal> {
        let task = self.state.tasks.get(id).ok_or(Refusal::NoSuchTask)?;
        let seen = self.before.tasks.get(id).unwrap_or(task);
        if expected.as_ref().is_none_or(|versions| versions.contains(&seen.version)) {
            Ok(Arc::clone(task))
        } else {
            Err(Refusal::TaskIsNewer(Arc::clone(seen)))
        }
    }

    fn create(&mut self, new: &New) -> Result<(), Refusal> {
        let task_id = self.raised(new.id);
        let position = self.end()?;
        let content = new.draft.clone().content(new.completed.then_some(self.stamp.at), position);
        self.add(TaskCreated {
            task_id,
            task: content,
            imported: None,
            previous: None,
            at: self.stamp.at,
            mark: self.stamp.mark,
            step: self.step(),
        });
        Ok(())
    }

    /// The id itself, or the successor of the largest id ever given out if that is greater.
    fn raised(&self, id: TaskId) -> TaskId {
        self.state.last_id.map_or(id, |last| id.max(successor(last)))
    }

    fn change(
        &mut self,
        id: TaskId,
        wanted: &TaskUpdate,
        expected: &Expected,
    ) -> Result<(), Refusal> {
        let task = self.task(id, expected)?;
        let completed_at = match wanted.completed {
            Some(completed) if completed != task.is_completed() => {
                Some(completed.then_some(self.stamp.at))
            }
            Some(_) | None => None,
        };
        self.make_so(&task, Fields { completed_at, ..wanted.fields.clone() });
        Ok(())
    }

    fn restore(&mut self, restore: &Restore) -> Result<(), Refusal> {
        if self.state.tasks.get(restore.id).is_some() {
            let task = self.task(restore.id, &restore.expected)?;
            if restore.rewinds {
                // The present position is kept: moving a task is not part of what is restored.
                let fields = Fields { position: None, ..Fields::all(restore.content.clone()) };
                self.make_so(&task, fields);
            }
            return Ok(());
        }
        if restore.expected.is_some() {
            return Err(Refusal::TaskIsGone);
        }
        let here = self.deletion(restore.id);
        let here = here.map(|(at, deleted)| (deleted.task.clone(), deleted.created_at, at));
        let earlier =
            || restore.deleted.map(|at| (restore.content.clone(), restore.created_at, at));
        let (content, created_at, previous) = here.or_else(earlier).ok_or(Refusal::Overtaken)?;
        self.require_room()?;
        let position = self.free(&content.position)?;
        self.bring_back(restore.id, Content { position, ..content }, created_at, previous);
        Ok(())
    }

    /// The deletion of a task by an earlier action of the same command, and its version.
    fn deletion(&self, id: TaskId) -> Option<(i64, &TaskDeleted)> {
        let versions = (0..).map(|back| self.state.version.number - back);
        versions.zip(self.events.iter().rev()).find_map(|(version, event)| match event {
            TaskEvent::Deleted(deleted) if deleted.task_id == id => Some((version, deleted)),
            TaskEvent::Created(_)
            | TaskEvent::Changed(_)
            | TaskEvent::Deleted(_)
            | TaskEvent::Restored(_) => None,
        })
    }

    fn put(&mut self, put: &ImportedTask) -> Result<(), Refusal> {
        let task_id = match put.id {
            ImportedId::Given(id) => id,
            ImportedId::Fresh(id) => self.raised(id),
        };
        let present = self.state.tasks.get(task_id).cloned();
        let own = present.as_ref().map(|task| task.position.clone());
        let given = put.position.clone().filter(|wanted| !self.is_taken(wanted, own.as_ref()));
        let position = match given.or(own) {
            Some(position) => position,
            None => self.end()?,
        };
        let content = put.draft.clone().content(put.completed_at, position);
        if let Some(task) = present {
            self.make_so(&task, Fields::all(content));
            return Ok(());
        }
        self.require_room()?;
        let (imported, previous) = (Some(put.times), put.deleted);
        let (Stamp { at, mark }, step) = (self.stamp, self.step());
        self.add(TaskCreated { task_id, task: content, imported, previous, at, mark, step });
        Ok(())
    }

    pub(super) fn require_room(&self) -> Result<(), Refusal> {
        if self.state.tasks.len() < MAX_TASKS { Ok(()) } else { Err(Refusal::ListFull) }
    }

    /// True if a task other than the one at `own` stands at the position.
    fn is_taken(&mut self, position: &Position, own: Option<&Position>) -> bool {
        own != Some(position) && self.state.tasks.places().contains(position)
    }

    fn add(&mut self, created: TaskCreated) {
        self.happen(TaskEvent::Created(created));
    }

    /// Changes those of the fields that differ from the task's.
    pub(super) fn make_so(&mut self, task: &Task, fields: Fields) {
        let after = fields.unlike(&task.content);
        if after.is_empty() {
            return;
        }
        let before = after.as_in(&task.content);
        let (Stamp { at, mark }, step) = (self.stamp, self.step());
        let (task_id, previous) = (task.id, task.version.number);
        self.happen(TaskEvent::Changed(TaskChanged {
            task_id,
            before,
            after,
            previous,
            at,
            mark,
            step,
        }));
    }

    /// Deletes a task as it is now.
    pub(super) fn delete(&mut self, task: &Task) {
        self.happen(TaskEvent::Deleted(TaskDeleted {
            task_id: task.id,
            task: task.content.clone(),
            created_at: task.created_at,
            previous: task.version.number,
            at: self.stamp.at,
            mark: self.stamp.mark,
            step: self.step(),
        }));
    }

    /// Brings a deleted task back, naming the version of its deletion.
    pub(super) fn bring_back(
        &mut self,
        task_id: TaskId,
        task: Content,
        created_at: Timestamp,
        previous: i64,
    ) {
        let (Stamp { at, mark }, step) = (self.stamp, self.step());
        let restored = TaskRestored { task_id, task, created_at, previous, at, mark, step };
        self.happen(TaskEvent::Restored(restored));
    }

    /// Stack entry of the next event: the first event of a change names the change beneath it.
    fn step(&self) -> Step {
        if !self.events.is_empty() {
            return Step { further: true, deed: self.deed, ..Step::default() };
        }
        let below = match self.deed {
            EditKind::Do | EditKind::Redo => self.state.undo,
            EditKind::Undo => self.state.redo,
        };
        Step { further: false, deed: self.deed, below, next: self.next }
    }

    fn happen(&mut self, event: TaskEvent) {
        self.state.apply(&event);
        self.events.push(event);
    }
}

/// The next larger id.
fn successor(id: TaskId) -> TaskId {
    TaskId::from_uuid(uuid::Uuid::from_u128(id.uuid().as_u128().saturating_add(1)))
}
