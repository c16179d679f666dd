//! Whether a recorded history is one that a correct cluster can have produced.
//!
//! Pure: it is given what clients saw and what the log says, and finds contradictions. A user's task list is one object
//! that changes from version to version in the order of the log, and every value is written once. So every answer names
//! the versions it can have come from, and the order of real time decides whether one of them is possible: this is a
//! whole check of linearizability, not a sample of it. The tests include it too (`tests/it/benches/chaos_checker.rs`)
//! and prove that it finds what it is there to find.

pub mod history;
pub mod sessions;
pub mod tasks;

use std::fmt;

use self::history::Span;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A change was answered as done and is not in the log.
    LostWrite,
    /// A change was answered as not done and is in the log.
    RefusedButMade,
    /// A change that was asked for once is in the log more often.
    MadeTwice,
    /// A change took its place before something that was known when it began.
    WriteOutOfOrder,
    /// A read showed a state from before a change that had been answered as done when it began.
    StaleRead,
    /// A read showed a state from before the state that a finished read had shown.
    NonMonotonicRead,
    /// A read showed what no version of the list ever was.
    UnexplainedRead,
    /// A credential was accepted by a request that began after its session's sign-out had been answered.
    AcceptedAfterSignOut,
    /// A credential was accepted after it had been refused because its session had ended.
    AcceptedAfterRefusal,
    /// A credential was refused although nobody had tried to end its session.
    LiveSessionRefused,
}

/// A contradiction between what was seen and what can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What went wrong.
    pub kind: Kind,
    /// When the operation that shows it began and ended.
    pub span: Span,
    /// What exactly was seen.
    pub detail: String,
}

/// What a check came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How many comparisons were made.
    pub checks: u64,
    /// What contradicts them.
    pub violations: Vec<Violation>,
}

impl Verdict {
    /// Both together.
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
