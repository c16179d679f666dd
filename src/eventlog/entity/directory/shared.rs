//! State that the mailboxes of one kind of entity share.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use crate::eventlog::entity::watch::Watches;
use crate::eventlog::resources;
use crate::eventlog::resources::Weights;

/// Watches and weights of one kind of entity, shared by its mailboxes.
pub(crate) struct SharedWeights {
    /// Watches of streams of this kind, to which each newer version is announced.
    pub(crate) watches: Arc<Watches>,
    /// Weight of the states of all kinds, which has the limit.
    pub(super) weights: Arc<Weights>,
    /// Weight of the states of this kind in bytes, for its part in an eviction.
    pub(super) weight: AtomicUsize,
}

impl SharedWeights {
    /// Accounts for a state that weighed `before` bytes and weighs `after` now.
    pub(crate) fn change_weight(&self, before: usize, after: usize) {
        self.weights.change(before, after);
        resources::change(&self.weight, before, after);
    }
}
