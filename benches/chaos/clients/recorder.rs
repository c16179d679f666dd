//! Everything that clients record, on one clock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::checker::history::{
    Action, Moment, Outcome, SessionAct, SessionOperation, Span, TaskOperation, Value,
};

/// Histories of all users and sessions, as they grow.
#[derive(Debug)]
pub struct Recorder {
    began: Instant,
    values: AtomicU64,
    sessions: AtomicU32,
    tasks: Mutex<Vec<(usize, TaskOperation)>>,
    uses: Mutex<Vec<SessionOperation>>,
    tallies: Mutex<Vec<Tally>>,
}

/// That a request was made, and what its client knows of it.
#[derive(Debug, Clone, Copy)]
pub struct Tally {
    /// When.
    pub span: Span,
    /// What it came to.
    pub outcome: Outcome,
    /// Whether the answer was a refusal of the request itself (`4xx`).
    pub refused: bool,
    /// Whether the answer was one that no server should give, such as a 500.
    pub unexpected: bool,
}

impl Recorder {
    /// Begins.
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

    /// This moment.
    pub fn now(&self) -> Moment {
        Moment(u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// A value that nobody has written yet, greater than all before.
    pub fn next_value(&self) -> Value {
        self.values.fetch_add(1, Ordering::Relaxed)
    }

    /// The number of another session.
    pub fn next_session(&self) -> u32 {
        self.sessions.fetch_add(1, Ordering::Relaxed)
    }

    /// A user's list was changed or seen.
    pub fn task(&self, user: usize, span: Span, action: Action) {
        lock(&self.tasks).push((user, TaskOperation { span, action }));
    }

    /// A session's credential was used, or the session ended.
    pub fn session(&self, session: u32, span: Span, act: SessionAct) {
        lock(&self.uses).push(SessionOperation { session, span, act });
    }

    /// A request was made.
    pub fn tally(&self, tally: Tally) {
        lock(&self.tallies).push(tally);
    }

    /// What was done to a user's list and seen of it, so far.
    pub fn tasks_of(&self, user: usize) -> Vec<TaskOperation> {
        let tasks = lock(&self.tasks);
        tasks.iter().filter(|(of, _)| *of == user).map(|(_, operation)| *operation).collect()
    }

    /// What was done with sessions, so far.
    pub fn uses(&self) -> Vec<SessionOperation> {
        lock(&self.uses).clone()
    }

    /// Every request so far.
    pub fn tallies(&self) -> Vec<Tally> {
        lock(&self.tallies).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
