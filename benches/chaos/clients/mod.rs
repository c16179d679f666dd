//! The clients of a run: their world, their records, and the load that they make.

pub mod load;
pub mod person;
mod random;
pub mod recorder;
pub mod world;
