//! Deciding the actions of a command one after the other, each on what its predecessors leave.

use std::sync::Arc;

use super::command::MAX_TASKS;
use super::command::{Action, Expected, Key, New, Put, Refusal, Rejection, Restore, Stamp, Wanted};
use super::task::{Content, Fields, Task};
use super::{State, TaskList};
use crate::base::clock::Timestamp;
use crate::eventlog::Consequence;
use crate::tasks::events::{
    Deed, Span, Step, TaskChanged, TaskCreated, TaskDeleted, TaskEvent, TaskRestored,
};
use crate::tasks::values::{Position, TaskId};

/// What follows from the actions, all or none.
pub(super) fn change(
    state: &State,
    actions: &[Action],
    stamp: Stamp,
) -> Result<Consequence<TaskList>, Rejection> {
    let mut plan = Plan::new(state, stamp, Deed::Do, None);
    for (index, action) in actions.iter().enumerate() {
        plan.act(action).map_err(|refusal| refusal.of(index))?;
    }
    Ok(plan.consequence())
}

/// A decision in the making.
pub(super) struct Plan<'a> {
    /// The list as it is.
    before: &'a State,
    /// The list as it will be.
    pub(super) state: State,
    /// What will happen.
    pub(super) events: Vec<TaskEvent>,
    /// When, and with which mark.
    stamp: Stamp,
    deed: Deed,
    next: Option<Span>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(before: &'a State, stamp: Stamp, deed: Deed, next: Option<Span>) -> Self {
        let at = before.at.map_or(stamp.at, |last| stamp.at.max(last));
        let stamp = Stamp { at, ..stamp };
        let (state, events) = (before.clone(), Vec::new());
        Self { before, state, events, stamp, deed, next }
    }

    /// What follows from the command.
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

    /// A task that had an expected version before the command: what its earlier actions did nobody could expect.
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

    /// The id, or the next larger one than all that were given out.
    fn raised(&self, id: TaskId) -> TaskId {
        self.state.last_id.map_or(id, |last| id.max(successor(last)))
    }

    fn change(&mut self, id: TaskId, wanted: &Wanted, expected: &Expected) -> Result<(), Refusal> {
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
                // Where it stands now is no part of what it was.
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

    fn put(&mut self, put: &Put) -> Result<(), Refusal> {
        let task_id = match put.id {
            Key::Given(id) => id,
            Key::Fresh(id) => self.raised(id),
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

    /// Whether another task than the one that stands at `own` stands there.
    fn is_taken(&mut self, position: &Position, own: Option<&Position>) -> bool {
        own != Some(position) && self.state.tasks.places().contains(position)
    }

    fn add(&mut self, created: TaskCreated) {
        self.happen(TaskEvent::Created(created));
    }

    /// Changes the fields of a task that are not so already.
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

    /// Deletes a task.
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

    /// Brings a deleted task back.
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

    /// What the next event is part of.
    fn step(&self) -> Step {
        if !self.events.is_empty() {
            return Step { further: true, deed: self.deed, ..Step::default() };
        }
        let below = match self.deed {
            Deed::Do | Deed::Redo => self.state.undo,
            Deed::Undo => self.state.redo,
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
