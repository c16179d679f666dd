//! Warnings about a clock that was ahead: its dates stay in the future, because time never decreases in a list.
//!
//! The list is consistent all the same. Only an operator can tell which clock is wrong, hence the warning.

use std::time::Duration;

use crate::base::clock::Timestamp;
use crate::base::id::UserId;
use crate::base::rate_limiter::RateLimiter;

/// Largest difference between the clocks of nodes that needs no warning.
const TOLERANCE: Duration = Duration::from_mins(1);

/// Limits the warning, which one wrong clock would cause for every command.
static WARNINGS: RateLimiter = RateLimiter::once_a_minute();

/// Warns if a list's last change is later than the present time.
pub(super) fn tell(owner: UserId, changed: Option<Timestamp>, now: Timestamp) {
    let Some(ahead) = changed.map(|changed| changed.since(now)).filter(|ahead| *ahead > TOLERANCE)
    else {
        return;
    };
    if WARNINGS.permits() {
        tracing::warn!(
            user.id = %owner,
            ahead = ?ahead,
            "last change of a task list lies in the future: a node's clock is or was wrong"
        );
    }
}
