//! The kernel: the event log, its entities, and durability.
//!
//! * `durability`: restart and `kill -9` of the real binary
//! * `entities`: actors: panics, passivation, limits
//! * `event_log`: the log's contract
//! * `example`: the kernel by itself, as the example shows it

mod durability;
mod entities;
mod event_log;
mod example;
