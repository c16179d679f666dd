//! Resources that the entities of a node share, whatever their kind: bytes for commands, bytes for states, and threads for
//! long work.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::capacity::budget;
use crate::capacity::budget::Budget;
use crate::capacity::long_work::LongWork;
use crate::capacity::memory::Budgets;

/// Resources that the entities of a node share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Resources {
    /// Bytes of commands that wait or are being decided.
    pub(crate) commands: Budget,
    /// Bytes of states in memory, and the limit beyond which entities have to leave.
    pub(crate) weights: Arc<Weights>,
    /// Largest weight of one state in bytes; a command that makes a heavier one is refused.
    pub(crate) largest_state: usize,
    /// True once it was logged that entities leave without a snapshot, until one is saved again.
    pub(crate) is_told_of_departures: Arc<AtomicBool>,
    /// Threads for work that would hold up the threads that answer requests.
    long_work: LongWork,
}

impl Resources {
    /// The resources that these budgets allow.
    ///
    /// # Errors
    ///
    /// If the operating system gives no thread.
    pub fn new(budgets: &Budgets) -> std::io::Result<Self> {
        let weights = Arc::new(Weights { limit: budgets.plan.entities, used: AtomicUsize::new(0) });
        budget::observe(&weights, "entities", [Weights::used, Weights::limit]);
        Ok(Self {
            commands: budgets.commands.clone(),
            weights,
            largest_state: budgets.plan.list,
            is_told_of_departures: Arc::default(),
            long_work: LongWork::start()?,
        })
    }

    /// Threads for work that takes more than a few milliseconds.
    pub fn long_work(&self) -> &LongWork {
        &self.long_work
    }
}

/// Weight of the states in memory, of all kinds together.
pub(crate) struct Weights {
    /// Bytes that the states may take, from the memory plan; beyond it entities are evicted.
    limit: usize,
    /// Bytes that the states take now, by their own account.
    used: AtomicUsize,
}

impl Weights {
    /// Returns true if the states weigh more than they may.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.used() > self.limit
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Accounts for a state that weighed `before` bytes and weighs `after` now.
    pub(crate) fn change(&self, before: usize, after: usize) {
        change(&self.used, before, after);
    }
}

impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Weights({} of {})", self.used(), self.limit)
    }
}

/// Replaces a summand of a sum.
pub(crate) fn change(sum: &AtomicUsize, before: usize, after: usize) {
    if after > before {
        sum.fetch_add(after - before, Ordering::Relaxed);
    } else {
        sum.fetch_sub(before - after, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::memory::MemoryPlan;

    fn resources() -> Resources {
        Resources::new(&Budgets::new(MemoryPlan::of(400_000_000, 40_000_000))).unwrap()
    }

    #[tokio::test]
    async fn long_work_waits_for_its_turn_and_is_never_refused() {
        let resources = resources();
        let jobs = (0..500).map(|number| resources.long_work().run(move || number));
        let done = futures_util::future::join_all(jobs).await;
        assert_eq!(done, (0..500).map(Ok).collect::<Vec<_>>());
    }

    #[test]
    fn states_weigh_together_what_each_of_them_weighs_now() {
        let weights = resources().weights;
        weights.change(0, weights.limit());
        assert!(!weights.is_exceeded());
        weights.change(10, 11);
        assert!(weights.is_exceeded());
        weights.change(weights.limit(), 0);
        assert_eq!((weights.used(), weights.is_exceeded()), (1, false));
    }
}
