//! What clients record: when they asked, when they were answered, and what.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use uuid::Uuid;

/// A moment of the run: nanoseconds after it began, on one clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

/// From the moment before a request was sent to the moment after its answer was read, or given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Before it was sent.
    pub begun: Moment,
    /// After it was answered.
    pub ended: Moment,
}

/// What a client knows of a change it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Answered as done.
    Done,
    /// Answered as not done, or never sent.
    Failed,
    /// Nobody can tell: no answer, or one that says so.
    Unknown,
}

/// A value that is written once.
pub type Value = u64;

/// Something that a client did to a task list or saw of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskOperation {
    /// When.
    pub span: Span,
    /// What.
    pub action: Action,
}

/// What a client did to a task list or saw of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Created or changed a task, with a value of its own.
    Write(Value, Outcome),
    /// Deleted a task.
    Delete(Uuid, Outcome),
    /// Read the whole list.
    SawList(Digest),
    /// Read one task; it had this value, or was not there.
    SawTask(Uuid, Option<Value>),
}

/// What the log says happened to a task list, in the order of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logged {
    /// A task got a value, its first or another one.
    Wrote(Uuid, Value),
    /// A task was deleted.
    Deleted(Uuid),
}

/// A whole list in few bytes, whatever the order of its tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Digest(u64);

/// Something that a client did with the credentials of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionOperation {
    /// Whose: sessions are numbered as they begin.
    pub session: u32,
    /// When.
    pub span: Span,
    /// What.
    pub act: SessionAct,
}

/// What a client did with the credentials of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionAct {
    /// Used a credential, and it was accepted.
    Accepted,
    /// Used a credential, and was told that its session has ended.
    Refused,
    /// Signed out.
    SignOut(Outcome),
}

impl Moment {
    /// In seconds.
    pub fn secs(self) -> f64 {
        std::time::Duration::from_nanos(self.0).as_secs_f64()
    }
}

impl Digest {
    /// Of a list with these tasks.
    pub fn of(tasks: impl IntoIterator<Item = (Uuid, Value)>) -> Self {
        let mut digest = Self::default();
        for (task, value) in tasks {
            digest.toggle(task, value);
        }
        digest
    }

    /// Puts a task in that is not there, or takes one out that is.
    pub(super) fn toggle(&mut self, task: Uuid, value: Value) {
        let mut hasher = DefaultHasher::new();
        (task, value).hash(&mut hasher);
        self.0 ^= hasher.finish();
    }
}
