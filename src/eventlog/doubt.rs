//! Doubt: whether a batch of this node, whose outcome nobody could tell, may still be committed.
//!
//! The follower skips this node's own batches, because their entities have published them. A batch that timed out or
//! lost its connection was published by nobody; should it be committed after all, its entities must hear of it like of
//! any other node's. So while there is doubt, the follower reads this node's batches too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a lost transaction can stay alive: longer than the server lets a statement run or a session idle in one.
const LIFETIME: Duration = Duration::from_mins(1);

/// Shared by the appender, which raises it, and the follower, which asks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Doubt {
    began: Instant,
    /// Milliseconds after `began` until which there is doubt.
    until: Arc<AtomicU64>,
}

impl Doubt {
    /// No doubt.
    pub fn new() -> Self {
        Self { began: Instant::now(), until: Arc::default() }
    }

    /// The outcome of a batch is unknown.
    pub(super) fn raise(&self) {
        self.until.fetch_max(self.millis(Instant::now() + LIFETIME), Ordering::AcqRel);
    }

    /// Whether a batch of unknown outcome may still be committed.
    pub(super) fn is_raised(&self) -> bool {
        self.millis(Instant::now()) < self.until.load(Ordering::Acquire)
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.began).as_millis()).unwrap_or(u64::MAX)
    }
}

impl Default for Doubt {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubt_is_shared_once_raised() {
        let doubt = Doubt::new();
        let shared = doubt.clone();
        assert!(!shared.is_raised());
        doubt.raise();
        assert!(shared.is_raised());
    }
}
