//! Checks that a recorded history is one that a correct cluster can have produced.
//!
//! Pure functions from the observations of the clients and the contents of the log to contradictions. A user's task list is
//! a single object that changes from version to version in log order, and every write has a unique value. Every response
//! therefore identifies the versions it can have come from, and real-time order decides if one of them is possible: a
//! complete check of linearizability, not a sample.
//!
//! The integration tests include these files too (`tests/it/benches/chaos_checker.rs`) and prove that every kind of
//! violation is found.

pub mod history;
pub mod sessions;
pub mod tasks;

use std::fmt;

use self::history::Span;

/// Kind of violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A change was acknowledged as done and is not in the log.
    LostWrite,
    /// A change was rejected and is in the log.
    RefusedButMade,
    /// A change requested once is in the log more than once.
    MadeTwice,
    /// A change was ordered before a state that was known when its request began.
    WriteOutOfOrder,
    /// A read returned a state older than a change that was acknowledged before the read began.
    StaleRead,
    /// A read returned a state older than one returned by a read that had finished before it began.
    NonMonotonicRead,
    /// A read returned a state that no version of the list ever had.
    UnexplainedRead,
    /// A credential was accepted by a request that began after the sign-out of its session was acknowledged.
    AcceptedAfterSignOut,
    /// A credential was accepted after it had been refused because its session had ended.
    AcceptedAfterRefusal,
    /// A credential was refused although no client had tried to end its session.
    LiveSessionRefused,
}

/// Contradiction between an observation and every possible history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Kind of the violation.
    pub kind: Kind,
    /// Interval of the operation that shows the violation.
    pub span: Span,
    /// Observed values, for the report.
    pub detail: String,
}

/// Result of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Number of comparisons made.
    pub checks: u64,
    /// Contradictions found.
    pub violations: Vec<Violation>,
}

impl Verdict {
    /// Adds the comparisons and violations of another check.
    pub fn merge(&mut self, other: Self) {
        self.checks += other.checks;
        self.violations.extend(other.violations);
    }

    fn check(&mut self, holds: bool, kind: Kind, span: Span, detail: impl FnOnce() -> String) {
        self.checks += 1;
        if !holds {
            self.violations.push(Violation { kind, span, detail: detail() });
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, span, detail } = self;
        write!(f, "{kind:?} ({:.3} s to {:.3} s): {detail}", span.begun.secs(), span.ended.secs())
    }
}
