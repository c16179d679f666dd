//! The kernel: an event log on PostgreSQL and the actors that keep entities on it. It knows no feature.
//!
//! Read in this order: [`decider`] (the rules' shape), [`event`], [`append`], [`appender`] (group commit), `lanes` (who goes
//! first), `batch` (one transaction), `trial` (who is to blame), [`acknowledged`], [`store`],
//! [`snapshot`], [`retention`], [`entity`], [`supervisor`], [`execution`], [`entities`] (the handle features use), [`watch`],
//! [`projection`], [`replay`], [`follower`] (other nodes), [`place`] (a node's place among them), [`status`].
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
//! * After a conflict an entity reads the events that it lacks; when the outcome of its append is unknown (a lost connection,
//!   a timeout) it forgets its state and hydrates again.
//! * Every queue of appends and commands is bounded; a full one refuses.
//! * A position is visible only when every position before it is: a trigger refuses anything else, whoever appends.
//! * What may refuse an append is asked before its events are inserted.
//! * What is appended in a term that is over is refused, whenever it arrives.
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
pub use self::log::reader::EventLog;
pub use self::model::append::{Append, Context, NewEvent};
pub use self::model::decider::{Consequence, Decider, Extent};
pub use self::model::error::{ExecuteError, ReadError, StoreError};
pub use self::model::event::{DecodeError, Event, EventKind, EventView, Heard, RecordedEvent};
pub use self::model::point::{Mark, Point, Within};
pub use self::model::projection::{Projection, Projections};
pub use self::model::published::{Outcome, Published};
pub use self::model::statement::{Jsonb, RawJson, Statement};
pub use self::model::stream::StreamName;
pub use self::resources::Resources;
