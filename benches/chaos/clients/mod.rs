//! Clients of a run: addresses, recorder and load.

pub mod load;
pub mod person;
mod random;
pub mod recorder;
pub mod world;
