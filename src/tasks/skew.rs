//! A clock that was ahead: what it dated stays in the future, because time does not run backwards in a list.
//!
//! The list is right all the same, and only people can tell which clock is wrong; so they are told.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::id::UserId;

/// How far the clocks of nodes may be apart.
const TOLERANCE: Duration = Duration::from_mins(1);

/// How often it is told.
const RARELY: Duration = Duration::from_mins(1);

/// Tells that a list was changed later than it is now.
pub(super) fn tell(owner: UserId, changed: Option<Timestamp>, now: Timestamp) {
    static TOLD: AtomicI64 = AtomicI64::new(i64::MIN);
    let Some(ahead) = changed.map(|changed| changed.since(now)).filter(|ahead| *ahead > TOLERANCE)
    else {
        return;
    };
    if is_due(&TOLD, now) {
        tracing::warn!(
            user.id = %owner,
            ahead = ?ahead,
            "a task list was changed later than it is now: a clock is wrong, or was"
        );
    }
}

/// Whether it was not told lately.
fn is_due(told: &AtomicI64, now: Timestamp) -> bool {
    let due = |last: i64| {
        let since = now.since(Timestamp::from_unix_millis(last));
        (since >= RARELY || last > now.unix_millis()).then(|| now.unix_millis())
    };
    told.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_once_a_minute_whatever_the_clock_does() {
        let told = AtomicI64::new(i64::MIN);
        let at = Timestamp::from_unix_millis;
        assert!(is_due(&told, at(0)));
        assert!(!is_due(&told, at(59_999)));
        assert!(is_due(&told, at(60_000)));
        assert!(is_due(&told, at(-5)), "the clock was set back");
    }
}
