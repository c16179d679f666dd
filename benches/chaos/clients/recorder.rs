//! Records of all clients, on a single clock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::checker::history::{
    Action, Moment, Outcome, SessionAct, SessionOperation, Span, TaskOperation, Value,
};

/// Histories of all users and sessions so far.
#[derive(Debug)]
pub struct Recorder {
    began: Instant,
    values: AtomicU64,
    sessions: AtomicU32,
    tasks: Mutex<Vec<(usize, TaskOperation)>>,
    uses: Mutex<Vec<SessionOperation>>,
    tallies: Mutex<Vec<Tally>>,
}

/// Summary of one request: interval and outcome.
#[derive(Debug, Clone, Copy)]
pub struct Tally {
    /// Interval of the request.
    pub span: Span,
    /// Outcome for the client.
    pub outcome: Outcome,
    /// True if the response rejected the request itself (`4xx`).
    pub refused: bool,
    /// True if the response is one that no server should give, such as a 500.
    pub unexpected: bool,
}

impl Recorder {
    /// An empty recorder whose clock starts now.
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            values: AtomicU64::new(1),
            sessions: AtomicU32::new(0),
            tasks: Mutex::default(),
            uses: Mutex::default(),
            tallies: Mutex::default(),
        }
    }

    /// Current time of the run.
    pub fn now(&self) -> Moment {
        Moment(u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// A new value, greater than all before.
    pub fn next_value(&self) -> Value {
        self.values.fetch_add(1, Ordering::Relaxed)
    }

    /// Number of a new session.
    pub fn next_session(&self) -> u32 {
        self.sessions.fetch_add(1, Ordering::Relaxed)
    }

    /// Records an operation on a user's list.
    pub fn task(&self, user: usize, span: Span, action: Action) {
        lock(&self.tasks).push((user, TaskOperation { span, action }));
    }

    /// Records a use of a session's credential, or its sign-out.
    pub fn session(&self, session: u32, span: Span, act: SessionAct) {
        lock(&self.uses).push(SessionOperation { session, span, act });
    }

    /// Records the summary of a request.
    pub fn tally(&self, tally: Tally) {
        lock(&self.tallies).push(tally);
    }

    /// Operations on a user's list so far.
    pub fn tasks_of(&self, user: usize) -> Vec<TaskOperation> {
        let tasks = lock(&self.tasks);
        tasks.iter().filter(|(of, _)| *of == user).map(|(_, operation)| *operation).collect()
    }

    /// Uses of all sessions so far.
    pub fn uses(&self) -> Vec<SessionOperation> {
        lock(&self.uses).clone()
    }

    /// Summaries of all requests so far.
    pub fn tallies(&self) -> Vec<Tally> {
        lock(&self.tallies).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
