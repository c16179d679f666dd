//! The kernel: an event log on PostgreSQL and the actors that keep entities on it. It knows no feature.
//!
//! Read in this order: [`decider`] (the rules' shape), [`event`], [`append`], [`appender`] (group commit), [`store`],
//! [`snapshot`], [`entity`], [`supervisor`], [`execution`], [`entities`] (the handle features use), [`watch`],
//! [`projection`], [`replay`], [`follower`] (other nodes).
//!
//! # Laws of a decider, each held by tests of every decider
//!
//! 1. *Pure*: `decide` and `evolve` know no clock, randomness or I/O.
//! 2. *Total evolve*: no history can be refused.
//! 3. *Replay*: folding the stored events gives the state the entity held.
//! 4. *Idempotent where it can be*: a satisfied command yields no event, not an error.
//! 5. *Minimal state*: what no decision and no reader needs is not in the state.
//!
//! # Invariants
//!
//! * An entity answers only after its events, and what records the outcome, are committed.
//! * In doubt (conflict, lost connection, timeout) an entity forgets its state and hydrates again.
//! * Every queue is bounded; a full one refuses.

pub mod append;
pub mod appender;
mod batch;
mod decided;
pub mod decider;
mod directory;
pub mod doubt;
pub mod entities;
pub mod entity;
pub mod error;
pub mod event;
pub mod execution;
pub mod follower;
mod loading;
mod measure;
pub mod projection;
pub mod published;
pub mod replay;
pub mod resources;
mod seat;
pub mod snapshot;
pub mod statement;
pub mod store;
pub mod stream;
pub mod supervisor;
#[cfg(test)]
pub mod testing;
pub mod watch;

pub use append::{Append, Context, NewEvent};
pub use decider::{Consequence, Decider, Extent};
pub use entities::Entities;
pub use error::{ExecuteError, ReadError, StoreError};
pub use event::{DecodeError, Event, EventKind, EventView, RecordedEvent};
pub use execution::{Execution, Record};
pub use projection::{Projection, Projections};
pub use published::{Outcome, Published};
pub use resources::Resources;
pub use statement::{Jsonb, RawJson, Statement};
pub use store::EventLog;
pub use stream::StreamName;
pub use watch::Watch;
