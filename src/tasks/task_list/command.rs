//! What can be asked of a task list, and why it is refused.

use std::sync::Arc;

use super::task::{Content, Fields, Task};
use crate::base::clock::Timestamp;
use crate::eventlog::{Extent, Mark, Point};
use crate::tasks::events::{Deed, Imported, Span, TaskEvent};
use crate::tasks::values::{Description, Due, Position, Priority, Tags, TaskId, Title};

/// Most tasks in one list: everything that concerns a whole list is then one transaction that others hardly feel.
pub const MAX_TASKS: usize = 10_000;

/// The versions that something may have for a command to be carried out; any, if there are none.
pub type Expected = Option<Vec<Point>>;

/// When a command is given, and the mark of the events that it causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The time.
    pub at: Timestamp,
    /// The mark.
    pub mark: Mark,
}

/// What can be asked of a task list.
#[derive(Debug, Clone)]
pub enum Command {
    /// Carry out all the actions, one after the other, or none.
    Change {
        /// The actions.
        actions: Arc<[Action]>,
        /// The versions that the list may have.
        expected: Expected,
        /// When it is given.
        stamp: Stamp,
    },
    /// Take the last change back, or do what was taken back last again.
    TakeBack {
        /// What was found in the log.
        taking: Taking,
        /// The versions that the list may have.
        expected: Expected,
        /// When it is given.
        stamp: Stamp,
    },
}

impl Command {
    /// A single action.
    pub fn one(action: Action, stamp: Stamp) -> Self {
        Self::Change { actions: Arc::new([action]), expected: None, stamp }
    }

    /// About how large it is: each action and each event that is taken back may cause an event.
    pub(super) fn extent(&self) -> Extent {
        match self {
            Self::Change { actions, .. } => Extent {
                events: actions.len(),
                bytes: size_of_val(&**actions) + actions.iter().map(Action::bytes).sum::<usize>(),
            },
            Self::TakeBack { taking: Taking { events, .. }, .. } => Extent {
                events: events.len(),
                bytes: size_of_val(&**events) + events.iter().map(TaskEvent::bytes).sum::<usize>(),
            },
        }
    }
}

/// What is to be taken back, as the log has it.
#[derive(Debug, Clone)]
pub struct Taking {
    /// [`Deed::Undo`] to take back what was done, [`Deed::Redo`] to take back what was taken back.
    pub deed: Deed,
    /// Where the change stands in the log.
    pub span: Span,
    /// Its events.
    pub events: Arc<[TaskEvent]>,
}

/// What can be done to a task.
#[derive(Debug, Clone)]
pub enum Action {
    /// Add a task at the end of the manual order. Its id may be raised, so that ids grow in order of creation.
    Create(New),
    /// Change fields of a task.
    Change {
        /// The task.
        id: TaskId,
        /// What it should be.
        wanted: Wanted,
        /// The versions that it may have.
        expected: Expected,
    },
    /// Delete a task.
    Delete {
        /// The task.
        id: TaskId,
        /// The versions that it may have.
        expected: Expected,
    },
    /// Move a task in the manual order.
    Move {
        /// The task.
        id: TaskId,
        /// Where to.
        place: Place,
        /// The versions that it may have.
        expected: Expected,
    },
    /// Make a task what it was.
    Restore(Box<Restore>),
    /// Add a task that was exported, or make the one with its id like it.
    Put(Box<Put>),
}

impl Action {
    /// The task that it is about, if it has an identifier already.
    pub fn about(&self) -> Option<TaskId> {
        match self {
            Self::Create(_) | Self::Put(_) => None,
            Self::Change { id, .. } | Self::Delete { id, .. } | Self::Move { id, .. } => Some(*id),
            Self::Restore(restore) => Some(restore.id),
        }
    }

    /// About how many bytes it takes beside its own size.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Create(new) => new.draft.bytes(),
            Self::Change { wanted, .. } => wanted.fields.bytes(),
            Self::Delete { .. } | Self::Move { .. } => 0,
            Self::Restore(restore) => size_of::<Restore>() + restore.content.bytes(),
            Self::Put(put) => size_of::<Put>() + put.draft.bytes(),
        }
    }
}

/// A task to add.
#[derive(Debug, Clone)]
pub struct New {
    /// The least id it may get.
    pub id: TaskId,
    /// What it is.
    pub draft: Draft,
    /// Whether it is done.
    pub completed: bool,
}

/// What people say of a task.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Its title.
    pub title: Title,
    /// Its description.
    pub description: Option<Description>,
    /// How urgent it is.
    pub priority: Priority,
    /// When it is due.
    pub due: Option<Due>,
    /// Its tags.
    pub tags: Tags,
}

impl Draft {
    /// All of a task.
    pub(crate) fn content(self, completed_at: Option<Timestamp>, position: Position) -> Content {
        let Self { title, description, priority, due, tags } = self;
        Content { title, description, completed_at, priority, due, tags, position }
    }

    /// About how many bytes it takes beside its own size.
    fn bytes(&self) -> usize {
        let Self { title, description, due, tags, priority: _ } = self;
        let texts =
            title.as_str().len() + description.as_ref().map_or(0, |text| text.as_str().len());
        texts + due.as_ref().map_or(0, Due::bytes) + tags.bytes()
    }

    /// The fields of a task that should be like this.
    pub fn fields(self) -> Fields {
        Fields {
            title: Some(self.title),
            description: Some(self.description),
            priority: Some(self.priority),
            due: Some(self.due),
            tags: Some(self.tags),
            completed_at: None,
            position: None,
        }
    }
}

/// What a task should be.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Its fields, except for what follows from a command: when it was done, and where it stands.
    pub fields: Fields,
    /// Whether it should be done.
    pub completed: Option<bool>,
}

/// A place in the manual order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Right before another task.
    Before(TaskId),
    /// Right after another task.
    After(TaskId),
}

/// What a task was.
#[derive(Debug, Clone)]
pub struct Restore {
    /// The task.
    pub id: TaskId,
    /// What it was.
    pub content: Content,
    /// When it had been added.
    pub created_at: Timestamp,
    /// The version of its last deletion, if it was ever deleted.
    pub deleted: Option<i64>,
    /// Whether it should be what it was also if it is not deleted.
    pub rewinds: bool,
    /// The versions that it may have. A deleted task has none.
    pub expected: Expected,
}

impl Restore {
    /// A task as it was, with the time when it had been added. It is left alone if it is not deleted.
    pub fn new(
        id: TaskId,
        (content, created_at): (Content, Timestamp),
        deleted: Option<i64>,
    ) -> Self {
        Self { id, content, created_at, deleted, rewinds: false, expected: None }
    }
}

/// A task that was exported.
#[derive(Debug, Clone)]
pub struct Put {
    /// Its id, or the least that it may get.
    pub id: Key,
    /// What it is.
    pub draft: Draft,
    /// When it was done.
    pub completed_at: Option<Timestamp>,
    /// Where it stands in the manual order: at the end, if it is not said or if another task stands there.
    pub position: Option<Position>,
    /// When it was added and changed.
    pub times: Imported,
    /// The version of the deletion of a task with this id.
    pub deleted: Option<i64>,
}

/// The id of an imported task.
#[derive(Debug, Clone, Copy)]
pub enum Key {
    /// It has one.
    Given(TaskId),
    /// It gets one that is not less.
    Fresh(TaskId),
}

/// Why one action of a command, and with it the command, is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{refusal}")]
pub struct Rejection {
    /// Which action; the first one if the command is refused as a whole.
    pub action: usize,
    /// Why.
    pub refusal: Refusal,
}

/// Why a task list refuses to do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such task in this list.
    #[error("there is no such task")]
    NoSuchTask,
    /// There is no such task to stand beside.
    #[error("there is no such task to stand beside")]
    NoSuchNeighbour(Place),
    /// The list is full.
    #[error("the list has {} tasks already", MAX_TASKS)]
    ListFull,
    /// The list would take more bytes than a list may.
    #[error("the list would be larger than a list may be")]
    ListTooLarge,
    /// The task does not have an expected version any more.
    #[error("the task has changed")]
    TaskIsNewer(Arc<Task>),
    /// The task is not there any more, so it has no expected version.
    #[error("the task is gone")]
    TaskIsGone,
    /// The list does not have an expected version any more.
    #[error("the list has changed")]
    ListIsNewer,
    /// What was looked up for it is not so any more: the change is not the one that is next to be taken back or to be done
    /// again, or the task to be restored was deleted meanwhile.
    #[error("another change came first")]
    Overtaken,
}

impl Refusal {
    /// The rejection of a command whose `action` is refused.
    pub(super) fn of(self, action: usize) -> Rejection {
        Rejection { action, refusal: self }
    }
}
