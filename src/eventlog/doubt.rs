//! Doubt whether the log takes events: raised by a batch that the database refused, and laid by one that it took, or by a trial.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::StoreError;
use crate::telemetry::rate_limiter::RateLimiter;

/// Whether the database refused what was last written. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Doubt(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    is_raised: AtomicBool,
    /// Anybody may ask for a trial, and each leaves a dead row.
    trials: RateLimiter,
}

impl Default for Doubt {
    fn default() -> Self {
        let trials = RateLimiter::per_second(1);
        Self(Arc::new(Shared { is_raised: AtomicBool::new(false), trials }))
    }
}

impl Doubt {
    /// Whether it is not known that the log takes events.
    pub fn is_raised(&self) -> bool {
        self.0.is_raised.load(Ordering::Acquire)
    }

    /// Whether a trial may be made now: one a second.
    pub fn permits_trial(&self) -> bool {
        self.0.trials.permits()
    }

    /// The log has taken an event.
    pub fn lay(&self) {
        self.0.is_raised.store(false, Ordering::Release);
    }

    /// Takes note of what became of a batch. Who was refused for a conflict, or by a constraint, has met a log that works.
    pub(super) fn note(&self, failure: Option<&StoreError>) {
        match failure {
            None => self.lay(),
            Some(
                StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_) | StoreError::Refused(_),
            ) => self.0.is_raised.store(true, Ordering::Release),
            Some(
                StoreError::Conflict
                | StoreError::Constraint(_)
                | StoreError::Overloaded
                | StoreError::Undecodable { .. },
            ) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_batch_raises_doubt_and_the_next_that_is_written_lays_it() {
        let doubt = Doubt::default();
        assert!(!doubt.is_raised());
        for failure in
            [StoreError::Refused("no".to_owned()), StoreError::OutcomeUnknown("gone".to_owned())]
        {
            doubt.note(Some(&failure));
            doubt.note(Some(&StoreError::Conflict));
            assert!(doubt.is_raised(), "{failure}");
            doubt.note(None);
            assert!(!doubt.is_raised());
        }
        doubt.note(Some(&StoreError::Constraint("users_email_key".to_owned())));
        assert!(!doubt.is_raised());
    }
}
