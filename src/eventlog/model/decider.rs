//! The shape of an entity's rules.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::event::Event;

/// Rules by which one kind of entity turns commands into events. Pure: no clock, no randomness, no I/O.
///
/// Facts a decision needs (the time, a new identifier, a hash) are looked up first and put in the command.
pub trait Decider: Send + Sync + 'static {
    /// First part of every stream name (`tasks-<id>`). Never change it.
    const CATEGORY: &'static str;

    /// Number of the shape of [`Self::State`] in snapshots. Raise it whenever the shape changes: old snapshots are then
    /// ignored and the events are read.
    const SNAPSHOT_SCHEMA: i16;

    /// True if regular snapshots are kept, so that a state of long ago is found about as quickly as the newest one. They
    /// take about as much room as the events themselves.
    const KEEPS_HISTORY: bool = false;

    /// Commands that the entity decides.
    type Command: Clone + fmt::Debug + Send + Sync + 'static;
    /// Events that can happen to it.
    type Event: Event;
    /// State that decisions and readers need. Cloned for every decision and shared with readers: large parts belong behind
    /// an `Arc`.
    type State: Default + Clone + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// Reasons for which a command is refused.
    type Rejection: std::error::Error + Clone + Send + Sync + 'static;

    /// The events that should happen, none if nothing changes, or the reason for which the command is refused.
    ///
    /// # Errors
    ///
    /// The rejection, if the rules refuse the command.
    fn decide(
        state: &Self::State,
        command: Self::Command,
    ) -> Result<Vec<Self::Event>, Self::Rejection>;

    /// The state after an event. Total: history cannot be refused.
    fn evolve(state: Self::State, event: &Self::Event) -> Self::State;

    /// The events that should happen and the state after them. Overridden by a decider that has that state already once it
    /// has decided.
    ///
    /// # Errors
    ///
    /// The rejection, if the rules refuse the command.
    fn decide_and_evolve(
        state: &Self::State,
        command: Self::Command,
    ) -> Result<Consequence<Self>, Self::Rejection>
    where
        Self: Sized,
    {
        let events = Self::decide(state, command)?;
        let after = events.iter().fold(state.clone(), Self::evolve);
        Ok((events, after))
    }

    /// Approximate size of a command.
    fn extent(_command: &Self::Command) -> Extent {
        Extent { events: 1, bytes: size_of::<Self::Command>() }
    }

    /// Approximate bytes of a state. Asked for at every change, so it has to be known without walking through the state.
    fn weight(_state: &Self::State) -> usize {
        size_of::<Self::State>()
    }

    /// Rejection of a command after which the state would weigh more than a state may; `None` if it may weigh anything. A
    /// command that makes a state lighter is executed, however heavy the state is.
    fn too_heavy() -> Option<Self::Rejection> {
        None
    }
}

/// Consequence of a command: the events, and the state after them.
pub type Consequence<D> = (Vec<<D as Decider>::Event>, <D as Decider>::State);

/// Approximate size of a command, known before it is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Number of events that it may cause, by which a group of commands is bounded.
    pub events: usize,
    /// Bytes that it takes in memory.
    pub bytes: usize,
}
