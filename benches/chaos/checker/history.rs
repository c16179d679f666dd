//! Records of the clients: time of each request, time of its response, and result.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use uuid::Uuid;

/// Time in the run: nanoseconds since its start, on a single clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

/// Interval from just before a request is sent to just after its response is read or its timeout passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Time just before sending.
    pub begun: Moment,
    /// Time just after the response or the timeout.
    pub ended: Moment,
}

/// Client's knowledge of a change it requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Acknowledged as done.
    Done,
    /// Rejected, or never sent.
    Failed,
    /// Undecidable for the client: no response, or a response that says so.
    Unknown,
}

/// Value of a task; every write has a value of its own.
pub type Value = u64;

/// One operation of a client on a task list: a write, a deletion or a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskOperation {
    /// Interval of the request.
    pub span: Span,
    /// Kind of operation, with its result.
    pub action: Action,
}

/// Operation on a task list, with its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Create or change of a task, with a unique value.
    Write(Value, Outcome),
    /// Deletion of a task.
    Delete(Uuid, Outcome),
    /// Read of the whole list.
    SawList(Digest),
    /// Read of one task: its value, or `None` if it did not exist.
    SawTask(Uuid, Option<Value>),
}

/// Change of a task list in the event log; a slice of these is in version order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logged {
    /// Create or change: the task has this value from here on.
    Wrote(Uuid, Value),
    /// Deletion of a task.
    Deleted(Uuid),
}

/// Fingerprint of a whole list, independent of the order of its tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Digest(u64);

/// One use of a session's credentials by a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionOperation {
    /// Number of the session; sessions are numbered as they begin.
    pub session: u32,
    /// Interval of the request.
    pub span: Span,
    /// Kind of use, with its result.
    pub act: SessionAct,
}

/// Use of a session's credentials, with its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionAct {
    /// A credential was accepted.
    Accepted,
    /// A credential was refused because its session has ended.
    Refused,
    /// Sign-out of the session.
    SignOut(Outcome),
}

impl Moment {
    /// Seconds since the start of the run.
    pub fn secs(self) -> f64 {
        std::time::Duration::from_nanos(self.0).as_secs_f64()
    }
}

impl Digest {
    /// Fingerprint of a list with these tasks.
    pub fn of(tasks: impl IntoIterator<Item = (Uuid, Value)>) -> Self {
        let mut digest = Self::default();
        for (task, value) in tasks {
            digest.toggle(task, value);
        }
        digest
    }

    /// Adds a task that is not in the list, or removes one that is: XOR of hashes, so both are one operation.
    pub(super) fn toggle(&mut self, task: Uuid, value: Value) {
        let mut hasher = DefaultHasher::new();
        (task, value).hash(&mut hasher);
        self.0 ^= hasher.finish();
    }
}
