//! Model of event sourcing: deciders, events, streams and projections.

pub mod decider;
pub mod error;
pub mod event;
pub mod new_event;
pub mod point;
pub mod projection;
pub mod published;
pub mod statement;
pub mod stream;
pub mod term;

#[cfg(test)]
pub mod testing;
