//! The kernel: an event log on PostgreSQL and the actors that keep entities on it. It knows no feature.
//!
//! Four rooms, in reading order:
//!
//! * [`model`]: the vocabulary of event sourcing. [`decider`](model::decider), [`event`](model::event),
//!   [`new_event`](model::new_event), [`projection`](model::projection). Pure.
//! * [`log`]: the log itself. [`append`](log::append) is group commit: lanes (the order of appends), batch (one
//!   transaction), trial (the search for the append to blame). [`reader`](log::reader), [`snapshot`](log::snapshot),
//!   [`replay`](log::replay), [`retention`](log::retention).
//! * [`entity`]: one actor per stream. Features use its [`handle`](entity::handle); a [`request`](entity::request) goes
//!   into a mailbox, the actor decides and appends, [`watch`](entity::watch) announces newer versions.
//! * [`cluster`]: the nodes that share a log. [`membership`](cluster::membership), [`follower`](cluster::follower).
//!
//! [`embedded`] starts all of it on one connection; `examples/counter.rs` shows how.
//!
//! # Laws of a decider, each held by tests of every decider
//!
//! 1. *Pure*: `decide` and `evolve` know no clock, randomness or I/O.
//! 2. *Total evolve*: no history can be refused.
//! 3. *Replay*: folding the stored events gives the state the entity held.
//! 4. *Idempotent where it can be*: a satisfied command yields no event, not an error.
//! 5. *Minimal state*: the state has nothing that no decision and no reader needs.
//!
//! # Invariants
//!
//! * An entity replies only after its events, and the record of the outcome, are committed.
//! * After a conflict an entity reads the events that it lacks; if the outcome of its append is unknown (a lost connection,
//!   a timeout) it forgets its state and hydrates again.
//! * Every queue of appends and commands is bounded; a full one refuses.
//! * A position is visible only when every position before it is: a trigger refuses anything else, of any writer.
//! * Everything that may refuse an append is checked before its events are inserted.
//! * An append of a term that is over is refused, whenever it arrives.
//! * The follower skips a batch only if the database has acknowledged it to this node.

pub mod cluster;
pub mod embedded;
pub mod entity;
pub mod log;
pub mod model;
pub mod node_status;
pub mod resources;

pub use self::entity::handle::Entities;
pub use self::entity::request::{CommandRequest, Record};
pub use self::entity::watch::Watch;
pub use self::log::append::request::Append;
pub use self::log::reader::EventLog;
pub use self::model::decider::{Consequence, Decider, Extent};
pub use self::model::error::{ExecuteError, ReadError, StoreError};
pub use self::model::event::{
    DecodeError, Event, EventKind, EventView, PassingEvent, RecordedEvent,
};
pub use self::model::new_event::{Context, NewEvent};
pub use self::model::point::{Mark, Point, VersionInHistory};
pub use self::model::projection::{Projection, Projections};
pub use self::model::published::{Outcome, Published};
pub use self::model::statement::{JsonColumn, Jsonb, Statement};
pub use self::model::stream::StreamName;
pub use self::resources::Resources;
