//! Entities: one actor per stream, its mailbox, and the state it publishes.

pub mod actor;
pub(super) mod decision;
pub(super) mod directory;
pub mod handle;
pub mod hydration;
pub(super) mod mailbox;
mod metrics;
pub(super) mod passivated;
pub mod request;
pub mod supervisor;
pub mod watch;
