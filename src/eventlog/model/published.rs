//! State that an entity publishes, and the outcome of its commands.

use std::fmt;
use std::sync::Arc;

use crate::eventlog::model::decider::Decider;

/// The state of an entity at a version, as readers see it.
pub struct Published<D: Decider> {
    /// Length of the stream this state was folded from.
    pub version: i64,
    /// State after the events up to that version.
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

/// Outcome of a command that was not refused.
pub struct Outcome<D: Decider> {
    /// State right after the command.
    pub published: Arc<Published<D>>,
    /// Events that happened; empty if none had to.
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
