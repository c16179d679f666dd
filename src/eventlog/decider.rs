//! The shape of an entity's rules.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::event::Event;

/// How one kind of entity turns commands into events. Pure: no clock, no randomness, no I/O.
///
/// Facts a decision needs (the time, a new identifier, a hash) are looked up first and put in the command.
pub trait Decider: Send + Sync + 'static {
    /// First part of every stream name (`tasks-<id>`). Never change it.
    const CATEGORY: &'static str;

    /// Number of the shape of [`Self::State`] in snapshots. Raise it whenever the shape changes: old snapshots are then
    /// ignored and the events are read.
    const SNAPSHOT_SCHEMA: i16;

    /// Whether the snapshots taken at regular distances stay for ever, so that a state of long ago is found as quickly as
    /// the newest one. They take about as much room as the events themselves.
    const KEEPS_HISTORY: bool = false;

    /// What can be asked of the entity.
    type Command: Clone + fmt::Debug + Send + Sync + 'static;
    /// What can happen to it.
    type Event: Event;
    /// What decisions and readers need to know. Cloned for every decision and shared with readers: large parts belong
    /// behind an `Arc`.
    type State: Default + Clone + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// Why a command is refused.
    type Rejection: std::error::Error + Clone + Send + Sync + 'static;

    /// The events that should happen, none if nothing changes, or why the command is refused.
    ///
    /// # Errors
    ///
    /// The rejection, when the rules refuse the command.
    fn decide(
        state: &Self::State,
        command: Self::Command,
    ) -> Result<Vec<Self::Event>, Self::Rejection>;

    /// The state after an event. Total: history cannot be refused.
    fn evolve(state: Self::State, event: &Self::Event) -> Self::State;
}
