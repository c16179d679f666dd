//! What the mailboxes of one kind of entity share.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::eventlog::entity::watch::Watches;
use crate::eventlog::resources;
use crate::eventlog::resources::Weights;

/// What the seats of one kind of entity share.
pub(crate) struct Shared {
    pub(crate) watches: Arc<Watches>,
    /// How much the states of all kinds weigh.
    pub(super) weights: Arc<Weights>,
    /// How much those of this kind do.
    pub(super) weight: AtomicUsize,
}

impl Shared {
    /// A state that weighed `before` weighs `after` now.
    pub(crate) fn change_weight(&self, before: usize, after: usize) {
        self.weights.change(before, after);
        resources::change(&self.weight, before, after);
    }
}
