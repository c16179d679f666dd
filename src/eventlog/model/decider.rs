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

    /// The events that should happen and the state after them. For a decider that has that state already once it has decided.
    ///
    /// # Errors
    ///
    /// The rejection, when the rules refuse the command.
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

    /// About how large a command is.
    fn extent(_command: &Self::Command) -> Extent {
        Extent { events: 1, bytes: size_of::<Self::Command>() }
    }

    /// About how many bytes a state takes. Asked for at every change, so it is known without walking through the state.
    fn weight(_state: &Self::State) -> usize {
        size_of::<Self::State>()
    }

    /// Why a command is refused after which the state would weigh more than a state may; `None` if it may weigh anything.
    /// Whatever makes a state lighter is carried out, however heavy it is.
    fn too_heavy() -> Option<Self::Rejection> {
        None
    }
}

/// What follows from a command: the events, and the state after them.
pub type Consequence<D> = (Vec<<D as Decider>::Event>, <D as Decider>::State);

/// About how large a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Events that it may cause.
    pub events: usize,
    /// Bytes that it takes in memory.
    pub bytes: usize,
}
