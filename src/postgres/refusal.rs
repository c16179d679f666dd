//! Classifies PostgreSQL's errors: a mistake of the program, or a state of the database that may pass.
//!
//! A mistake fails however often it is repeated. Every other error is for the operator to mend, or passes by itself: the
//! client is asked to retry.

use tokio_postgres::error::{DbError, Severity, SqlState};

/// Meaning of a server's error for the caller of the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The statement is wrong, or its values are: nothing was done, and a retry changes nothing.
    Mistake,
    /// The database cannot, or may not, for the moment: nothing was done, and a retry may succeed.
    CannotNow,
    /// The session has ended: the statement under way may or may not have taken effect.
    Lost,
}

/// Scope of an error that means [`Meaning::CannotNow`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Only requests that touch the same rows, or that asked for too much at once; other requests may succeed.
    Some,
    /// Every change of the database.
    Changes,
}

/// Error classes that describe the database's state, whatever was asked (PostgreSQL, appendix A): connections, resources,
/// what a
/// program can take, prerequisites, operators, the system, its configuration, snapshots, foreign servers, broken data.
const STATES: [&str; 10] = ["08", "40", "53", "55", "57", "58", "72", "F0", "HV", "XX"];

/// Single codes of other classes that describe such a state.
///
/// * 25006, 25P02 to 25P04: a standby or a read-only database; a transaction that was aborted, or ended by a timeout.
/// * 26000: the session's prepared statements are gone; a pooler may have discarded them.
/// * 28000, 28P01, 3D000: the role may not sign in any more, or the database is gone.
/// * 42501: a right was taken away.
/// * 54000: the queue of notifications is full, or transaction numbers have run out. (54001 and its like are of statements
///   that are too long.)
/// * KF004: another server has taken over the log.
const STATE_CODES: [&str; 11] = [
    "25006", "25P02", "25P03", "25P04", "26000", "28000", "28P01", "3D000", "42501", "54000",
    "KF004",
];

/// Codes of such errors that concern only some requests: a lock wait or a statement that timed out, and a privilege that one
/// role lacks on one table.
const OF_SOME: [&str; 3] = ["57014", "55P03", "42501"];

/// Server routine that rejects a prepared statement whose result type changed in a migration; prepared anew, it works.
const PLAN_CHANGED: &str = "RevalidateCachedQuery";

/// Returns the meaning of a server's error.
pub fn meaning(error: &DbError) -> Meaning {
    if matches!(error.parsed_severity(), Some(Severity::Fatal | Severity::Panic)) {
        return Meaning::Lost;
    }
    let is_stale =
        *error.code() == SqlState::FEATURE_NOT_SUPPORTED && error.routine() == Some(PLAN_CHANGED);
    if is_stale { Meaning::CannotNow } else { of_code(error.code().code()) }
}

/// Meaning of a code in an error that does not end the session.
fn of_code(code: &str) -> Meaning {
    let is_state = STATES.contains(&class(code)) || STATE_CODES.contains(&code);
    if is_state { Meaning::CannotNow } else { Meaning::Mistake }
}

/// Scope of an error with this code, if it means [`Meaning::CannotNow`].
pub fn reach(code: &str) -> Reach {
    let is_of_some = OF_SOME.contains(&code) || matches!(class(code), "40" | "26" | "0A" | "KF");
    if is_of_some { Reach::Some } else { Reach::Changes }
}

fn class(code: &str) -> &str {
    code.get(..2).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_database_cannot_do_for_the_moment_is_no_mistake() {
        for code in [
            "08000", "08006", "25006", "25P02", "25P03", "25P04", "26000", "28000", "28P01",
            "3D000", "40001", "40003", "40P01", "42501", "53000", "53100", "53200", "53300",
            "53400", "54000", "55000", "55006", "55P02", "55P03", "57000", "57014", "57P01",
            "57P03", "57P05", "58000", "58030", "58P01", "72000", "F0000", "HV000", "XX000",
            "XX001", "XX002", "KF004",
        ] {
            assert_eq!(of_code(code), Meaning::CannotNow, "{code}");
        }
    }

    #[test]
    fn what_is_wrong_however_often_it_is_asked_is_a_mistake() {
        for code in [
            "0A000", "21000", "22001", "22003", "22012", "22P02", "23502", "23505", "25001",
            "25P01", "2D000", "34000", "42601", "42703", "42P01", "54001", "54011", "54023",
            "P0001", "KF001", "KF003", "", "5",
        ] {
            assert_eq!(of_code(code), Meaning::Mistake, "{code}");
        }
    }

    #[test]
    fn a_lock_that_somebody_has_says_nothing_of_other_changes() {
        for code in ["40001", "40P01", "42501", "55P03", "57014"] {
            assert_eq!(reach(code), Reach::Some, "{code}");
        }
        for code in ["25006", "53100", "54000", "58030"] {
            assert_eq!(reach(code), Reach::Changes, "{code}");
        }
    }
}
