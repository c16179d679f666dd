//! A clock that was ahead: what it dated stays in the future, because time does not run backwards in a list.
//!
//! The list is right all the same, and only people can tell which clock is wrong; so they are told.

use std::time::Duration;

use crate::base::clock::Timestamp;
use crate::base::id::UserId;
use crate::base::rate_limiter::RateLimiter;

/// How far the clocks of nodes may be apart.
const TOLERANCE: Duration = Duration::from_mins(1);

static WARNINGS: RateLimiter = RateLimiter::once_a_minute();

/// Tells that a list was changed later than it is now.
pub(super) fn tell(owner: UserId, changed: Option<Timestamp>, now: Timestamp) {
    let Some(ahead) = changed.map(|changed| changed.since(now)).filter(|ahead| *ahead > TOLERANCE)
    else {
        return;
    };
    if WARNINGS.permits() {
        tracing::warn!(
            user.id = %owner,
            ahead = ?ahead,
            "a task list was changed later than it is now: a clock is wrong, or was"
        );
    }
}
