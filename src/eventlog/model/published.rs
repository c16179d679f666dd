//! What an entity shows: its state at a version, and what a command came to.

use std::fmt;
use std::sync::Arc;

use crate::eventlog::model::decider::Decider;

/// The state of an entity at a version, as readers see it.
pub struct Published<D: Decider> {
    /// Length of the stream this state was folded from.
    pub version: i64,
    /// The state.
    pub state: D::State,
}

impl<D: Decider> Default for Published<D> {
    fn default() -> Self {
        Self { version: 0, state: D::State::default() }
    }
}

impl<D: Decider> Clone for Published<D> {
    fn clone(&self) -> Self {
        Self { version: self.version, state: self.state.clone() }
    }
}

impl<D: Decider> fmt::Debug for Published<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Published({} version {})", D::CATEGORY, self.version)
    }
}

/// What a command came to.
pub struct Outcome<D: Decider> {
    /// The state after it.
    pub published: Arc<Published<D>>,
    /// What happened; empty when nothing had to.
    pub events: Vec<D::Event>,
}

impl<D: Decider> fmt::Debug for Outcome<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("published", &self.published)
            .field("events", &self.events)
            .finish()
    }
}
