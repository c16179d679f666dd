//! The attacks, a file for each kind of thing that they use up.

pub mod answers;
pub mod appends;
pub mod batches;
pub mod bodies;
pub mod database;
pub mod descriptors;
pub mod drips;
pub mod files;
pub mod folding;
mod frames;
pub mod http2;
pub mod keys;
mod requests;
pub mod sessions;
pub mod streams;
pub mod walks;
